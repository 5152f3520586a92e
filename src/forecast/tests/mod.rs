mod ahead;
mod theory;
