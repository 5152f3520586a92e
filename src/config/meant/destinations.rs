//! Where callers are led, as it is written in whichever table of menu.toml.

use super::exits;
use super::menus::Known;
use super::unknown;
use crate::config::fault::Faults;
use crate::config::reader::Element;
use crate::config::written::Leads;
use crate::ids::SeatId;
use crate::ivr::menu::{Destination, Refuse, To};
use crate::queue::Exit;

const ONE_OF: &str = "exactly one of menu, queue, number, seat, message = true, callback, hang_up = true, refuse";

/// Reads the destination under `path`.
pub fn read<T>(
    element: &Element<'_, T>,
    path: &[&str],
    leads: &Leads<'_>,
    known: &mut Known<'_>,
    faults: &mut Faults,
) -> Option<Destination> {
    read_or(element, path, leads, known, faults, ONE_OF)
}

/// The same where the table could say something else instead: `allowed` is all that it could.
pub fn read_or<T>(
    element: &Element<'_, T>,
    path: &[&str],
    leads: &Leads<'_>,
    known: &mut Known<'_>,
    faults: &mut Faults,
    allowed: &str,
) -> Option<Destination> {
    let at = |key| [path, &[key]].concat();
    let language = known.language(element, &at("language"), leads.language, faults);
    let otherwise = leads.otherwise.map(|written| read(element, &at("otherwise"), &written.leads(), known, faults));
    let written = [
        leads.menu.is_some(),
        leads.queue.is_some(),
        leads.number.is_some(),
        leads.seat.is_some(),
        leads.message,
        leads.callback.is_some(),
        leads.hang_up,
        leads.refuse.is_some(),
    ];
    if written.iter().filter(|is| **is).count() != 1 {
        element.fault_at(faults, path, format!("{allowed} is meant"));
        return None;
    }
    if otherwise.is_some() && leads.number.is_none() && leads.seat.is_none() {
        element.fault_at(faults, &at("otherwise"), "goes with `number` or `seat`: there somebody may not be reached");
    }
    let otherwise = match otherwise {
        Some(None) => return None,
        Some(Some(otherwise)) => Some(Box::new(otherwise)),
        None => None,
    };
    let to = if let Some(menu) = leads.menu {
        To::Node(known.node(element, &at("menu"), menu, faults)?)
    } else if let Some(queue) = leads.queue {
        To::Queue(known.queue(element, &at("queue"), queue, faults)?)
    } else if let Some(number) = leads.number {
        known.sent_outside.push(element.place_of(&at("number")));
        exits::check_number(element, &at("number"), number, faults)?;
        To::Number { number: number.into(), otherwise }
    } else if let Some(name) = leads.seat {
        seat(element, &at("seat"), name, otherwise, known, faults)?
    } else if let Some(queue) = leads.callback {
        callback(element, &at("callback"), queue, known, faults)?
    } else if let Some(word) = leads.refuse {
        To::Refuse(refuse(element, &at("refuse"), word, faults)?)
    } else if leads.message {
        To::Message
    } else {
        To::HangUp
    };
    Some(Destination { to, language: language.ok()? })
}

pub fn seat<T>(
    element: &Element<'_, T>,
    path: &[&str],
    name: &str,
    otherwise: Option<Box<Destination>>,
    known: &Known<'_>,
    faults: &mut Faults,
) -> Option<To> {
    if let Some(seats) = &known.seats
        && !seats.contains(name)
    {
        element.fault_at(faults, path, unknown("seat", name, seats.iter().copied()));
        return None;
    }
    Some(To::Seat { seat: SeatId::from(name), otherwise })
}

/// The caller presses, as it were, the key for it as soon as they are in the line.
fn callback<T>(
    element: &Element<'_, T>,
    path: &[&str],
    queue: &str,
    known: &Known<'_>,
    faults: &mut Faults,
) -> Option<To> {
    let id = known.queue(element, path, queue, faults)?;
    if let Some(rules) = known.queues.rules.queues.get(&id)
        && !rules.keys.values().any(|exit| *exit == Exit::Callback)
    {
        let what = format!("the queue {queue:?} calls nobody back: it has no [[queue.key]] with `callback = true`");
        element.fault_at(faults, path, what);
        return None;
    }
    Some(To::Callback(id))
}

fn refuse<T>(element: &Element<'_, T>, path: &[&str], word: &str, faults: &mut Faults) -> Option<Refuse> {
    match word {
        "rules" => Some(Refuse::Rules),
        "closed" => Some(Refuse::Closed),
        "busy" => Some(Refuse::Busy),
        other => {
            element.fault_at(faults, path, format!("found {other:?}; \"rules\", \"closed\" and \"busy\" are allowed"));
            None
        }
    }
}
