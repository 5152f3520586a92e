//! What would happen: days played against the very engine that serves live calls.
//!
//! Runs `queue` in virtual time through its words alone. Does no IO of its own, reads no clock; chance comes from
//! generators with a seed.

mod ahead;
mod curves;
mod day;
pub mod draws;
mod figures;
mod people;
mod recorded;
mod staffing;
mod steady;
#[cfg(test)]
mod tests;
mod trials;
mod working;
mod world;

pub use ahead::{LOOK_EVERY, Phones, RUNS, look_ahead};
pub use curves::{Curve, curves};
pub use day::{Plan, ShiftPlan};
pub use figures::{Fates, Figures, QUARTER, Quarter, Row, Time, Unit};
pub use people::{Break, Day, Habits, Shift, Staff, Visit};
pub use recorded::Recorded;
pub use staffing::{LONGER, Staffing, service_level, smallest};
pub use steady::Steady;
pub use trials::{Compared, Estimate, compare, trial};
pub use world::World;
