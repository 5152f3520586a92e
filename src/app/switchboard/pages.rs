//! The phones of pages that are inside. A seat is proved by whoever sits there: when it goes to somebody else, the
//! connections of the former go with it, before anything more is heard over them.

use std::collections::BTreeMap;

use crate::ids::{OperatorId, SeatId};
use crate::sip::ConnectionId;

/// Connections at once that prove one seat: some windows of one operator, and some that are dead and not yet known to
/// be.
const PER_SEAT: usize = 4;

#[derive(Default)]
pub(super) struct Pages {
    inside: BTreeMap<SeatId, BTreeMap<ConnectionId, OperatorId>>,
    seats: BTreeMap<ConnectionId, SeatId>,
}

impl Pages {
    /// Somebody came in → who has to go for it.
    pub fn enter(&mut self, connection: ConnectionId, seat: SeatId, by: OperatorId) -> Option<ConnectionId> {
        let inside = self.inside.entry(seat.clone()).or_default();
        inside.insert(connection, by);
        self.seats.insert(connection, seat);
        // Numbers grow: the first is the oldest.
        inside.keys().next().copied().filter(|_| inside.len() > PER_SEAT)
    }

    pub fn closed(&mut self, connection: ConnectionId) {
        let Some(seat) = self.seats.remove(&connection) else { return };
        if let Some(inside) = self.inside.get_mut(&seat) {
            inside.remove(&connection);
            if inside.is_empty() {
                self.inside.remove(&seat);
            }
        }
    }

    /// Those that prove a seat for others than who sits there.
    pub fn of_others(&self, operator: &OperatorId, seat: &SeatId) -> Vec<ConnectionId> {
        let inside = self.inside.get(seat).into_iter().flatten();
        inside.filter(|(_, by)| *by != operator).map(|(connection, _)| *connection).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_that_goes_to_somebody_else_takes_the_phones_of_the_former_along() {
        let mut pages = Pages::default();
        let (anna, boris) = (OperatorId::from("1001"), OperatorId::from("1002"));
        for (number, seat) in [(1, "8001"), (2, "8001"), (3, "8002")] {
            assert_eq!(pages.enter(ConnectionId(number), seat.into(), anna.clone()), None);
        }
        pages.enter(ConnectionId(4), "8001".into(), boris.clone());
        assert_eq!(pages.of_others(&anna, &"8001".into()), [ConnectionId(4)]);
        assert_eq!(pages.of_others(&boris, &"8001".into()), [ConnectionId(1), ConnectionId(2)]);
        pages.closed(ConnectionId(1));
        pages.closed(ConnectionId(1));
        assert_eq!(pages.of_others(&boris, &"8001".into()), [ConnectionId(2)]);
        (2..5).for_each(|number| pages.closed(ConnectionId(number)));
        assert!(pages.inside.is_empty() && pages.seats.is_empty());
    }

    #[test]
    fn a_seat_has_so_many_connections_and_the_oldest_goes() {
        let mut pages = Pages::default();
        let gone: Vec<_> = (1..=6)
            .filter_map(|number| {
                let gone = pages.enter(ConnectionId(number), "8001".into(), "1001".into());
                gone.inspect(|gone| pages.closed(*gone))
            })
            .collect();
        assert_eq!(gone, [ConnectionId(1), ConnectionId(2)]);
    }
}
