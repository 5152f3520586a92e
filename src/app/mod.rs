//! The only room that knows the others: the switchboard loop, the clock, the tasks, the commands.

pub mod cli;
pub mod clock;
mod forecasts;
mod hours;
mod logging;
mod recovery;
mod reports;
mod serve;
mod side_by_side;
mod softphone;
mod staffing;
mod switchboard;
