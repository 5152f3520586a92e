//! What is written and never used: each kind has its function here, and one line in [`tell`].

use std::collections::BTreeSet;

use super::people::People;
use super::queues::Queues;
use crate::config::fault::Faults;

/// Warns of everything that nothing leads to.
pub fn tell(queues: &Queues<'_>, people: &People<'_>, faults: &mut Faults) {
    seats(queues, people, faults);
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
