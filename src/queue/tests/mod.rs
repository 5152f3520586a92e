//! Stories as text, a day of 750 operators, and what must hold after every step.

mod day;
mod laws;
mod reference;
mod replay;
mod scenario;
mod statistics;
