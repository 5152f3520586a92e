//! What a restart would find of a talk that is cut off: whatever has begun, also where nothing else has happened since.

use super::house::*;
use super::orders::SECOND;
use super::recording::talk;
use crate::call::{Event, Order, Whom};
use crate::media::{self, Direction};
use crate::records::{Entry, Record};

fn on_the_disk(house: &House) -> Record {
    let last = house.entries.iter().rev().find_map(|entry| match entry {
        Entry::Changed(record) => Some((**record).clone()),
        _ => None,
    });
    last.expect("something was written")
}

#[test]
fn holds_consultations_and_what_is_heard_from_then_on_are_written_as_they_begin() {
    let (mut house, call, caller, _) = talk();
    let mut stages = vec!["talking".to_string()];
    let indexed = |record: &Record| -> Vec<String> {
        record.recording.iter().flat_map(|of| of.index.iter().map(|entry| entry.stage.clone())).collect()
    };
    assert_eq!(indexed(&on_the_disk(&house)), stages);
    for (order, stage) in [
        (Order::Hold, "holding"),
        (Order::Resume, "talking"),
        (Order::Consult { to: Whom::Operator("1002".into()) }, "consulting"),
    ] {
        house.pass(5 * SECOND);
        house.order(call, "1001", order).unwrap();
        stages.push(stage.into());
        assert_eq!(indexed(&on_the_disk(&house)), stages);
    }
    let record = on_the_disk(&house);
    let hold = &record.holds[0];
    assert_eq!(hold.ended_at, Some(hold.at + 5 * SECOND));
    assert_eq!((record.transfers.len(), record.transfers[0].at), (1, house.now));
    house.order(call, "1001", Order::Return).unwrap();
    house.pass(SECOND);
    house.tell(Event::Media(media::Event::Agreed { leg: caller, direction: Direction::TheyHold }));
    let record = on_the_disk(&house);
    assert_eq!((record.holds[1].at, record.holds[1].ended_at), (house.now, None));
    assert_eq!(indexed(&record).last().map(String::as_str), Some("caller_holds"));
}
