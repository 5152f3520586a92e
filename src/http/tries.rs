//! Wrong passwords, counted for each household and for each name: so many a minute, then one must wait. A right one
//! costs nothing: an office has all its people behind one address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::passwords::token_hash;
use crate::moment::Moment;
use crate::peers::household;

/// Households and names that are remembered; beyond that those that tried longest ago are forgotten.
const REMEMBERED: usize = 20_000;
const MINUTE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    Household(IpAddr),
    /// Hashed: what strangers write is not kept.
    Name(String),
}

pub struct Tries {
    a_minute: u32,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    /// Until when all that was tried has been waited for.
    paid: BTreeMap<Of, Moment>,
    /// From where a name signed in last: whoever guesses elsewhere does not lock it out there.
    known: BTreeMap<String, (Moment, IpAddr)>,
    /// When it was written down last that a household was told to wait.
    waits: BTreeMap<IpAddr, Moment>,
}

impl Tries {
    pub fn new(a_minute: u32) -> Tries {
        Tries { a_minute: a_minute.max(1), table: Mutex::default() }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether another try may be made. `Err`: so many seconds must pass. A try counts as wrong until it is
    /// [`right`](Tries::right), so that many at once gain nothing.
    pub fn take(&self, now: Moment, from: IpAddr, name: &str) -> Result<(), u64> {
        let (household, name) = (household(from), token_hash(name));
        let mut table = self.table();
        let of = table.counted(household, &name);
        let one = MINUTE / self.a_minute;
        let waits = of.iter().filter_map(|of| {
            let paid = *table.paid.get(of)?;
            // All but one of a minute's tries may be owed.
            Some(paid.since(now).saturating_sub(MINUTE - one)).filter(|wait| !wait.is_zero())
        });
        if let Some(wait) = waits.max() {
            return Err(wait.as_secs() + 1);
        }
        for of in of {
            let paid = table.paid.entry(of).or_insert(now);
            *paid = (*paid).max(now) + one;
        }
        table.prune(now);
        Ok(())
    }

    /// Whether it is to be written down that somebody is told to wait: once a minute for each household, so that
    /// nobody fills a log with it.
    pub fn is_news(&self, now: Moment, from: IpAddr) -> bool {
        let mut table = self.table();
        let waits = &mut table.waits;
        waits.retain(|_, written| now < *written + MINUTE);
        let household = household(from);
        if waits.contains_key(&household) || waits.len() >= REMEMBERED {
            return false;
        }
        waits.insert(household, now);
        true
    }

    /// The password was right: the try is taken back.
    pub fn right(&self, now: Moment, from: IpAddr, name: &str) {
        let (household, name) = (household(from), token_hash(name));
        let mut table = self.table();
        for of in table.counted(household, &name) {
            if let Some(paid) = table.paid.get_mut(&of) {
                *paid = *paid - MINUTE / self.a_minute;
            }
        }
        table.known.insert(name, (now, household));
        if table.known.len() > REMEMBERED {
            let oldest = table.known.iter().min_by_key(|(_, (at, _))| *at).map(|(name, _)| name.clone());
            oldest.map(|oldest| table.known.remove(&oldest));
        }
    }
}

impl Table {
    /// What a try counts for.
    fn counted(&self, household: IpAddr, name: &str) -> Vec<Of> {
        let at_home = self.known.get(name).is_some_and(|(_, known)| *known == household);
        let name = (!at_home).then(|| Of::Name(name.to_string()));
        std::iter::once(Of::Household(household)).chain(name).collect()
    }

    fn prune(&mut self, now: Moment) {
        if self.paid.len() > REMEMBERED {
            self.paid.retain(|_, paid| *paid > now);
        }
        // So many within a minute: who owes least is forgotten first.
        while self.paid.len() > REMEMBERED {
            let least = self.paid.iter().min_by_key(|(_, paid)| **paid).map(|(of, _)| of.clone());
            least.map(|least| self.paid.remove(&least));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn at(second: u64) -> Moment {
        Moment::from_micros((1_000 + second) * 1_000_000)
    }

    #[test]
    fn wrong_passwords_are_counted_for_the_household_and_for_the_name() {
        let tries = Tries::new(3);
        for _ in 0..3 {
            assert_eq!(tries.take(at(0), address(1), "mei"), Ok(()));
        }
        assert_eq!(tries.take(at(0), address(1), "lin"), Err(21), "the household");
        assert!(tries.take(at(0), address(2), "mei").is_err(), "the name, from wherever");
        assert_eq!(tries.take(at(0), address(2), "lin"), Ok(()));
        assert_eq!(tries.take(at(20), address(1), "mei"), Ok(()), "a third of a minute later");
        assert!(tries.take(at(20), address(1), "mei").is_err());
        let neighbours = ["2001:db8::1", "2001:db8::ffff"].map(|text| text.parse::<IpAddr>().unwrap());
        for _ in 0..3 {
            assert_eq!(tries.take(at(0), neighbours[0], "wang"), Ok(()));
        }
        assert!(tries.take(at(0), neighbours[1], "zhao").is_err(), "a /64 is one household");
    }

    #[test]
    fn a_whole_office_signs_in_at_once_and_no_guesser_elsewhere_locks_anybody_out() {
        let tries = Tries::new(3);
        for number in 0..300 {
            let name = number.to_string();
            assert_eq!(tries.take(at(0), address(1), &name), Ok(()), "{name}");
            tries.right(at(0), address(1), &name);
        }
        for _ in 0..3 {
            assert_eq!(tries.take(at(1), address(9), "7"), Ok(()));
        }
        assert!(tries.take(at(1), address(9), "7").is_err());
        assert_eq!(tries.take(at(1), address(1), "7"), Ok(()), "where they signed in before");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let tries = Tries::new(1);
        for number in 0..REMEMBERED + 50 {
            let from = Ipv6Addr::from_bits((number as u128) << 64);
            assert_eq!(tries.take(at(0), from.into(), &number.to_string()), Ok(()));
            if number % 2 == 0 {
                tries.right(at(0), from.into(), &number.to_string());
            }
        }
        let table = tries.table();
        assert!(table.paid.len() <= REMEMBERED && table.known.len() <= REMEMBERED);
    }

    #[test]
    fn that_somebody_is_told_to_wait_is_news_once_a_minute() {
        let tries = Tries::new(10);
        let now = Moment::from_micros(1_000_000_000);
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let news = [(0, one), (1, one), (1, other), (59, one), (60, one)]
            .map(|(seconds, from)| tries.is_news(now + Duration::from_secs(seconds), from));
        assert_eq!(news, [true, false, true, false, true]);
    }
}
