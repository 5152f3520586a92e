//! Endpoints in virtual time: on a pretend cable, and against requests by hand.

mod again;
mod browsers;
mod cable;
mod carriers;
mod connections;
mod dialled;
mod exchange;
mod failover;
mod guarding;
mod identity;
mod large;
mod located;
mod outbound;
mod overlaps;
pub(super) mod phone;
mod reasons;
mod referring;
mod releasing;
mod reliable;
mod seats;
mod secure;
mod silence;
mod strangers;
mod timers;
mod torture;
pub(super) mod torture_cases;
mod watching;
