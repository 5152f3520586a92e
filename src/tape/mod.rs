//! Files of recorded sound: written bit by bit so that they play when they are cut, made small when they are complete,
//! sealed with a key where one is set, and read from anywhere. Does not know: calls, legs, packets, records, who may
//! listen.

mod keys;
mod opus;
mod place;
mod reading;
mod sealed;
mod wav;
mod writing;

pub use keys::{KeyFault, Keys};
pub use opus::to_opus;
pub use place::{Format, Place, RECORDINGS};
pub use reading::{Reader, Unreadable};
pub use wav::{SAMPLE_RATE, SILENCE};
pub use writing::{Tape, Written, repair};
