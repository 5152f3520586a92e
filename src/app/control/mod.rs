//! The way in to a running hotline: a socket in the data folder, one line of JSON each way.

mod client;
mod socket;
mod words;

pub use client::ask;
pub use socket::{Asked, Control};
pub use words::{OpenCall, Reloaded, Reply, Request};
