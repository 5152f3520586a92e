mod desk;
mod scenarios;
