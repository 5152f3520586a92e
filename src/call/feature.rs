//! Feature codes: what an operator without a browser dials.
//!
//! | code | means |
//! |---|---|
//! | `*11` or `*11<operator>` | sign in at this seat: its own operator, or the one named |
//! | `*12` | sign out |
//! | `*13` | ready |
//! | `*14` or `*14<n>` | not ready: the first reason, or the n-th |
//! | `*15` | end wrap-up |

use super::seating::Seating;
use super::words::Settings;
use crate::ids::{OperatorId, SeatId};
use crate::queue::{By, Input, OperatorState};

pub(super) const PREFIX: char = '*';

/// What a code asks of the engine; `None` if it is unknown, or makes no sense for who sits there.
pub(super) fn input(code: &str, seat: &SeatId, settings: &Settings, seating: &Seating) -> Option<Input> {
    let rest = code.strip_prefix(PREFIX)?;
    let (verb, argument) = rest.split_at_checked(2)?;
    let here = seating.at(seat);
    match (verb, argument) {
        ("11", "") => settings.seat_operators.get(seat).map(|operator| sign_in(operator.clone(), seat)),
        ("11", operator) => settings.operators.get(operator).map(|operator| sign_in(operator.clone(), seat)),
        ("12", "") => here.map(|(operator, _)| Input::SignOut { operator: operator.clone(), by: By::Themselves }),
        ("13", "") => here.map(|(operator, _)| Input::Ready { operator: operator.clone(), by: By::Themselves }),
        ("14", nth) => {
            let nth: usize = if nth.is_empty() { 1 } else { nth.parse().ok()? };
            let reason = settings.reasons.get(nth.checked_sub(1)?)?.clone();
            here.map(|(operator, _)| Input::NotReady { operator: operator.clone(), reason, by: By::Themselves })
        }
        ("15", "") => match here {
            Some((operator, OperatorState::WrapUp { .. })) => Some(Input::EndWrapUp { operator: operator.clone() }),
            _ => None,
        },
        _ => None,
    }
}

fn sign_in(operator: OperatorId, seat: &SeatId) -> Input {
    Input::SignIn { operator, seat: seat.clone() }
}
