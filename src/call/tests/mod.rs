mod callbacks;
mod codes;
mod desk;
mod exits;
mod house;
mod scenarios;
mod several;
mod survey;
