//! The telephone exchange of a citizen hotline. `src/ARCHITECTURE.md` is the map.

#![forbid(unsafe_code)]

pub mod app;
pub mod call;
pub mod config;
pub mod erlang;
pub mod forecast;
#[cfg(test)]
mod fuzz;
pub mod http;
pub mod ids;
pub mod ivr;
pub mod media;
pub mod migration;
pub mod moment;
pub mod peers;
pub mod queue;
pub mod records;
pub mod sip;
pub mod tape;
pub mod tls;
pub mod visible;
