//! Feature codes: what an operator without a browser dials.
//!
//! | code | means |
//! |---|---|
//! | `*11` or `*11<operator>` | sign in at this seat: its own operator, or the one named |
//! | `*12` | sign out |
//! | `*13` | ready |
//! | `*14` or `*14<n>` | not ready: the first reason, or the n-th |
//! | `*15` | end wrap-up |
//! | `*16` | half a minute more of wrap-up |
//! | `*17` | the recording of their talk pauses |
//! | `*18` | it goes on |
//! | `*8<seat>` | take the call that rings there: `picking` |
//!
//! Supervisors set the state of others, from the phone they are signed in at:
//!
//! | code | means |
//! |---|---|
//! | `*22<operator>` | sign them out |
//! | `*23<operator>` | ready |
//! | `*24<n><operator>` | not ready for the n-th reason |
//!
//! They take part in the talk of an operator; the leg that dials is the one brought in:
//!
//! | code | means |
//! |---|---|
//! | `*33<operator>` | listen: hear both, heard by nobody |
//! | `*34<operator>` | whisper: heard by the operator only |
//! | `*35<operator>` | barge: heard by both |
//! | `*36<operator>` | take over: be the operator |
//!
//! They also flip schedules, each by the digit that is its `switch`:
//!
//! | code | means |
//! |---|---|
//! | `*30<n>` | by its hours again |
//! | `*31<n>`, `*31<n><hhmm>` | open, until then if a time is dialled |
//! | `*32<n>`, `*32<n><hhmm>` | closed |

use std::time::Duration;

use super::order::{Order, Supervision};
use super::seating::{Seating, can_call_out};
use super::supervising::Dialled;
use super::words::{Action, Settings, SwitchTo};
use crate::ids::{CallId, OperatorId, Reason, SeatId};
use crate::queue::{By, Input, OperatorState};

pub(super) const PREFIX: char = '*';
/// What `*16` adds each time; the queue's `wrap_up_max` is the limit.
const MORE_WRAP_UP: Duration = Duration::from_secs(30);

/// What a code asks for; `None` if it is unknown, or makes no sense for who sits there.
pub(super) fn action(code: &str, seat: &SeatId, settings: &Settings, seating: &Seating) -> Option<Action> {
    switch(code, seat, settings, seating).or_else(|| input(code, seat, settings, seating).map(Action::Queue))
}

/// An operator wants something of their own talk: which call it is.
pub(super) fn of_own_talk(code: &str, seat: &SeatId, seating: &Seating) -> Option<(CallId, OperatorId, Order)> {
    let order = match code.strip_prefix(PREFIX)? {
        "17" => Order::PauseRecording,
        "18" => Order::ResumeRecording,
        _ => return None,
    };
    match seating.at(seat)? {
        (operator, OperatorState::Talking { contact } | OperatorState::Holding { contact }) => {
            Some((*contact, operator.clone(), order))
        }
        _ => None,
    }
}

/// A supervisor wants into the talk of an operator: which call it is, and how.
pub(super) fn supervision(
    code: &str,
    seat: &SeatId,
    settings: &Settings,
    seating: &Seating,
) -> Option<(CallId, Dialled)> {
    let (verb, of) = code.strip_prefix(PREFIX)?.split_at_checked(2)?;
    let mode = match verb {
        "33" => Some(Supervision::Listen),
        "34" => Some(Supervision::Whisper),
        "35" => Some(Supervision::Barge),
        "36" => None,
        _ => return None,
    };
    let (by, state) = seating.at(seat).filter(|(operator, _)| settings.supervisors.contains(*operator))?;
    let (_, OperatorState::Talking { contact } | OperatorState::Holding { contact }) =
        seating.of(settings.operators.get(of)?)?
    else {
        return None;
    };
    can_call_out(state).then(|| (*contact, Dialled { operator: by.clone(), seat: seat.clone(), mode }))
}

/// A supervisor flips a schedule.
fn switch(code: &str, seat: &SeatId, settings: &Settings, seating: &Seating) -> Option<Action> {
    let rest = code.strip_prefix(PREFIX)?;
    let (verb, argument) = rest.split_at_checked(2)?;
    let to = match verb {
        "30" => SwitchTo::Auto,
        "31" => SwitchTo::Open,
        "32" => SwitchTo::Closed,
        _ => return None,
    };
    let mut argument = argument.chars();
    let schedule = settings.switches.get(&argument.next()?)?.clone();
    let until = match argument.as_str() {
        "" => None,
        time if to != SwitchTo::Auto => Some(minute_of_day(time)?),
        _ => return None,
    };
    let (by, _) = seating.at(seat).filter(|(operator, _)| settings.supervisors.contains(*operator))?;
    Some(Action::Switch { schedule, to, until, by: by.clone() })
}

/// `1830`: half past six in the evening.
fn minute_of_day(digits: &str) -> Option<u16> {
    if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (hour, minute): (u16, u16) = (digits[..2].parse().ok()?, digits[2..].parse().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// What a code asks of the engine.
fn input(code: &str, seat: &SeatId, settings: &Settings, seating: &Seating) -> Option<Input> {
    let rest = code.strip_prefix(PREFIX)?;
    let (verb, argument) = rest.split_at_checked(2)?;
    let here = seating.at(seat);
    match (verb, argument) {
        ("11", "") => settings.seat_operators.get(seat).map(|operator| sign_in(operator.clone(), seat)),
        ("11", operator) => settings.operators.get(operator).map(|operator| sign_in(operator.clone(), seat)),
        ("12", "") => here.map(|(operator, _)| Input::SignOut { operator: operator.clone(), by: By::Themselves }),
        ("13", "") => here.map(|(operator, _)| Input::Ready { operator: operator.clone(), by: By::Themselves }),
        ("14", nth) => {
            let reason = reason(if nth.is_empty() { "1" } else { nth }, settings)?;
            here.map(|(operator, _)| Input::NotReady { operator: operator.clone(), reason, by: By::Themselves })
        }
        ("15", "") => match here {
            Some((operator, OperatorState::WrapUp { .. })) => Some(Input::EndWrapUp { operator: operator.clone() }),
            _ => None,
        },
        ("16", "") => match here {
            Some((operator, OperatorState::WrapUp { .. })) => {
                Some(Input::ExtendWrapUp { operator: operator.clone(), more: MORE_WRAP_UP })
            }
            _ => None,
        },
        ("22" | "23" | "24", argument) => {
            let (supervisor, _) = here.filter(|(operator, _)| settings.supervisors.contains(*operator))?;
            of_another(verb, argument, By::Supervisor(supervisor.clone()), settings, seating)
        }
        _ => None,
    }
}

/// A supervisor's code. Whoever is signed out has no state that could be set.
fn of_another(verb: &str, argument: &str, by: By, settings: &Settings, seating: &Seating) -> Option<Input> {
    let (nth, operator) = if verb == "24" { argument.split_at_checked(1)? } else { ("", argument) };
    let operator = settings.operators.get(operator).filter(|operator| seating.is_signed_in(operator))?.clone();
    match verb {
        "22" => Some(Input::SignOut { operator, by }),
        "23" => Some(Input::Ready { operator, by }),
        "24" => Some(Input::NotReady { operator, reason: reason(nth, settings)?, by }),
        _ => None,
    }
}

/// The n-th reason, from 1.
fn reason(nth: &str, settings: &Settings) -> Option<Reason> {
    settings.reasons.get(nth.parse::<usize>().ok()?.checked_sub(1)?).cloned()
}

fn sign_in(operator: OperatorId, seat: &SeatId) -> Input {
    Input::SignIn { operator, seat: seat.clone() }
}
