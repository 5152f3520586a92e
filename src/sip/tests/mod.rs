//! Endpoints in virtual time: on a pretend cable, and against requests by hand.

mod browsers;
mod cable;
mod connections;
mod exchange;
mod phone;
mod seats;
mod strangers;
