//! The only room that knows the others: the switchboard loop, the clock, the tasks, the commands.

mod checking;
pub mod cli;
pub mod clock;
mod explain;
mod files;
mod forecasts;
mod hooks;
mod hours;
mod importing;
mod logging;
mod menus;
mod outlook;
mod recovery;
mod replaying;
mod reports;
mod say;
mod schedules;
mod serve;
mod side_by_side;
mod softphone;
mod staffing;
mod statistics;
mod surveys;
mod switchboard;
mod switches;
