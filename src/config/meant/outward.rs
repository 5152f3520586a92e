//! hotline.toml: `[outward]`: which numbers people may dial.

use crate::config::fault::Faults;
use crate::config::reader;
use crate::config::source::Files;
use crate::config::{Emergency, Outward, written};
use crate::ivr::menu::{Numbers, To};
use crate::ivr::{Entry, Settings};
use crate::queue::{Exit, Rules};

/// Without what others name.
pub fn read(files: &Files, faults: &mut Faults) -> Option<Outward> {
    let table = reader::table::<written::Outward>(&files.hotline, "outward", faults)?;
    let [allow, deny] = [("allow", &table.written.allow), ("deny", &table.written.deny)].map(|(key, written)| {
        let mut numbers = Numbers::default();
        for (index, number) in written.iter().flatten().enumerate() {
            if number == "anonymous" || !numbers.add(number) {
                let what = format!(
                    "found {number:?}; a number is meant, e.g. \"01065139999\", or how numbers begin, e.g. \"010*\""
                );
                table.fault_at(faults, &[key, &index.to_string()], what);
            }
        }
        numbers
    });
    Some(Outward { allow, deny, named: Numbers::default() })
}

/// The numbers that emergencies, rules and menus lead to.
pub fn named(emergencies: &[Emergency], rules: &Rules, ivr: &Settings) -> Numbers {
    let mut named = Numbers::default();
    let mut add = |number: &str| _ = named.add(number);
    emergencies.iter().flat_map(|target| &target.ways).for_each(|(_, number)| add(number));
    for queue in rules.queues.values() {
        let exits = [&queue.if_too_long, &queue.if_full, &queue.if_closed, &queue.if_nobody];
        for exit in exits.into_iter().flatten().chain(queue.keys.values()) {
            if let Exit::Number(number) = exit {
                add(number);
            }
        }
    }
    let of_numbers = ivr.numbers.values().filter_map(|entry| if let Entry::To(to) = entry { Some(to) } else { None });
    let of_nodes = ivr.menus.nodes.values().flat_map(|node| node.leads());
    for way in of_numbers.chain(of_nodes).flat_map(|to| to.and_otherwise()) {
        if let To::Number { number, .. } = &way.to {
            add(number);
        }
    }
    named
}
