mod callbacks;
mod desk;
mod exits;
mod house;
mod scenarios;
mod several;
