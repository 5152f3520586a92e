//! The pages, the API, the event stream and the metrics: a window on a board that `app` writes.
//!
//! Knows ids, records and words of its own; what people ask for is handed to `app`. Does not know: SIP, sound, queues,
//! the engine, calls, config files.

mod asks;
mod board;
mod bodies;
mod events;
mod facts;
mod guard;
mod idempotency;
mod listening;
mod metrics;
mod openapi;
mod pages;
mod passwords;
mod phones;
mod problem;
mod roles;
mod routes;
mod seeing;
mod server;
mod settings;
mod signing;
mod stream;
#[cfg(test)]
mod tests;
mod tries;
mod waiting;
mod words;

pub use asks::{Answer, Ask, Asked, Mode, NotDone, Obey, OperatorAct, Order, Whom};
pub use board::Board;
pub use facts::*;
pub use metrics::{Meter, counter, gauge, seconds, total};
pub use passwords::{hash, new_token, token_hash};
pub use phones::{Came, Goes, Phones, Sits, Socket};
pub use roles::{Role, Roles};
pub use routes::notices::show_kept as show_kept_notices;
pub use seeing::whose;
pub use server::{Parts, bind, start};
pub use settings::{Person, Settings};
pub use words::*;
