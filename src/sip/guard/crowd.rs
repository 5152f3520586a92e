//! Households beside each other, and what holds for all of them together.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::bucket::Bucket;
use super::source::{Rates, Source};
use crate::moment::Moment;
use crate::peers::household;

/// Households that are told apart; all others count as one together. A line of the table is forgotten as soon as it says
/// nothing, so that a flood with forged senders does not fill it for long.
pub(super) const MAX_SOURCES: usize = 20_000;
/// So often the table is looked through for lines that say nothing, if it is full.
const SWEEP: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Crowd {
    pub sources: BTreeMap<IpAddr, Source>,
    /// All that find no line in the table.
    others: Source,
    /// What comes from all of them.
    pub all: Bucket,
    /// What is said of all of them.
    pub lines: Bucket,
    swept: Moment,
}

impl Crowd {
    /// What is known of a household, if anything is.
    pub fn known(&mut self, ip: IpAddr) -> Option<&mut Source> {
        let is_full = self.sources.len() >= MAX_SOURCES;
        self.sources.get_mut(&household(ip)).or(is_full.then_some(&mut self.others))
    }

    /// Whether a household has a line of its own, or can have one.
    pub fn has_room(&mut self, now: Moment, ip: IpAddr, limits: &Rates) -> bool {
        if self.sources.len() >= MAX_SOURCES && !self.sources.contains_key(&household(ip)) {
            if now.since(self.swept) >= SWEEP {
                self.swept = now;
                self.sources.retain(|_, source| source.says_something(now, limits));
            }
            return self.sources.len() < MAX_SOURCES;
        }
        true
    }

    pub fn source(&mut self, now: Moment, ip: IpAddr, limits: &Rates) -> &mut Source {
        match self.has_room(now, ip, limits) {
            true => self.sources.entry(household(ip)).or_default(),
            false => &mut self.others,
        }
    }
}
