mod ahead;
mod days;
mod theory;
