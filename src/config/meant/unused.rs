//! What is written and never used: each kind has its function here, and one line in [`tell`].

use std::collections::BTreeSet;

use super::people::People;
use super::queues::Queues;
use super::signalling::Signalling;
use crate::config::Emergency;
use crate::config::fault::Faults;

/// Warns of everything that nothing leads to.
pub fn tell(
    queues: &Queues<'_>,
    people: &People<'_>,
    sip: &Signalling,
    emergencies: &[Emergency],
    faults: &mut Faults,
) {
    seats(queues, people, faults);
    trunks_out(sip, emergencies, faults);
}

/// Seats at which nobody is signed in, where no operator is without a seat of their own who could sit there.
fn seats(queues: &Queues<'_>, people: &People<'_>, faults: &mut Faults) {
    let operators = &queues.rules.operators;
    if !people.sound || operators.is_empty() || operators.values().any(|operator| operator.seat.is_none()) {
        return;
    }
    let taken: BTreeSet<_> = operators.values().filter_map(|operator| operator.seat.as_ref()).collect();
    for (seat, place) in people.desks.iter().filter(|(seat, _)| !taken.contains(seat)) {
        let what = format!("seat {seat} is nobody's, and every operator has another");
        faults.warning(place, "seat", what);
    }
}

/// Trunks that could go out and never do, as an earlier one is taken.
fn trunks_out(sip: &Signalling, emergencies: &[Emergency], faults: &mut Faults) {
    let named: BTreeSet<&str> =
        emergencies.iter().flat_map(|target| &target.ways).map(|(trunk, _)| trunk.as_str()).collect();
    let mut first = None;
    for (id, place) in &sip.ways_out {
        match first {
            None => first = Some(id),
            Some(_) if named.contains(id.as_str()) => {}
            Some(first) => {
                faults.warning(place, "trunk.to", format!("is never dialled: calls go out over the trunk {first}"));
            }
        }
    }
}
