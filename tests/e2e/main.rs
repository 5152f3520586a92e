//! End to end: the real program, real sockets, real sound, and peers that we did not write.
//!
//! Needs sipp, baresip, Kamailio, espeak-ng and opusdec (`scripts/setup test`). Each test has its own house: own files, data and
//! free ports, all gone when it ends.

// Whole programs run in real time.
#![allow(clippy::disallowed_methods)]

mod api;
mod audited;
mod browser;
mod browsers;
mod calls;
mod carriers;
mod client;
mod crash;
mod desk_phones;
mod encrypted;
mod exchanges;
mod explaining;
mod figures;
mod guarding;
mod house;
mod https;
mod kamailio;
mod keys;
mod lines;
mod load;
mod lossy;
mod menus;
mod notices;
mod one_way;
mod operators;
mod orders;
mod page_phones;
mod peers;
mod ports;
mod program;
mod prompts;
mod races;
mod recordings;
mod reload_under_load;
mod reloading;
mod schedules;
mod seats;
mod seen;
mod small_recordings;
mod sound;
mod strangers;
mod streams;
mod talks;
mod tls;
mod walkthrough;
mod web;
mod webhooks;
mod wideband;
