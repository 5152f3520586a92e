//! Wrong passwords, counted for each household and for each name: so many a minute, then one must wait. A right one
//! costs nothing: an office has all its people behind one address, and many of them may come at the same moment.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::passwords::token_hash;
use crate::moment::Moment;
use crate::peers::household;

/// Households and names that are remembered; beyond that those that tried longest ago are forgotten.
const REMEMBERED: usize = 20_000;
const MINUTE: Duration = Duration::from_secs(60);
/// So long one waits for others of the household whose passwords are being looked at, and so many of a household do.
const PATIENCE: Duration = Duration::from_secs(5);
const WAITING: u32 = 32;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    Household(IpAddr),
    /// Hashed: what strangers write is not kept.
    Name(String),
}

pub struct Tries {
    a_minute: u32,
    table: Mutex<Table>,
    /// A password was looked at.
    looked_at: Notify,
}

#[derive(Default)]
struct Table {
    /// Until when all that was tried has been waited for.
    paid: BTreeMap<Of, Moment>,
    /// From where a name signed in last: whoever guesses elsewhere does not lock it out there.
    known: BTreeMap<String, (Moment, IpAddr)>,
    /// When it was written down last that a household was told to wait.
    waits: BTreeMap<IpAddr, Moment>,
    /// Tries of each household that are being looked at, and those that wait for them.
    open: BTreeMap<IpAddr, u32>,
    waiting: BTreeMap<IpAddr, u32>,
}

/// Why no try may be made now.
#[derive(Debug, PartialEq, Eq)]
enum NotYet {
    /// As many of the household are being looked at as may be wrong: it may be in a moment.
    Busy,
    /// So many seconds must pass.
    Seconds(u64),
}

/// One that waits for others of its household.
struct Waits<'a> {
    tries: &'a Tries,
    household: IpAddr,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        less(&mut self.tries.table().waiting, self.household);
    }
}

fn less(of: &mut BTreeMap<IpAddr, u32>, household: IpAddr) {
    if let Some(count) = of.get_mut(&household) {
        *count -= 1;
        if *count == 0 {
            of.remove(&household);
        }
    }
}

/// One that is being made. It counts as wrong until it is [`right`](Try::right), so that many at once gain nothing.
pub struct Try<'a> {
    tries: &'a Tries,
    household: IpAddr,
    /// Hashed.
    name: String,
    of: Vec<Of>,
}

impl Try<'_> {
    /// The password was right: nothing of it counts.
    pub fn right(self, now: Moment) {
        self.tries.table().remember(now, &self.name, self.household);
        self.give_back();
    }

    /// It was not made.
    pub fn give_back(self) {
        let one = MINUTE / self.tries.a_minute;
        let mut table = self.tries.table();
        for of in &self.of {
            if let Some(paid) = table.paid.get_mut(of) {
                *paid = *paid - one;
            }
        }
    }
}

impl Drop for Try<'_> {
    fn drop(&mut self) {
        less(&mut self.tries.table().open, self.household);
        self.tries.looked_at.notify_waiters();
    }
}

impl Tries {
    pub fn new(a_minute: u32) -> Tries {
        Tries { a_minute: a_minute.max(1), table: Mutex::default(), looked_at: Notify::new() }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another try may be made, at once or when others of the household turn out to be right. `Err`: so many seconds must
    /// pass.
    pub async fn wait(&self, now: impl Fn() -> Moment, from: IpAddr, name: &str) -> Result<Try<'_>, u64> {
        const BUSY: u64 = 1;
        let mut waits = None;
        let turn = async {
            loop {
                let looked_at = self.looked_at.notified();
                match self.take(now(), from, name) {
                    Ok(taken) => return Ok(taken),
                    Err(NotYet::Seconds(seconds)) => return Err(seconds),
                    Err(NotYet::Busy) if waits.is_none() => waits = Some(self.wait_too(from).ok_or(BUSY)?),
                    Err(NotYet::Busy) => looked_at.await,
                }
            }
        };
        timeout(PATIENCE, turn).await.unwrap_or(Err(BUSY))
    }

    /// `None`: too many of the household wait already.
    fn wait_too(&self, from: IpAddr) -> Option<Waits<'_>> {
        let household = household(from);
        let mut table = self.table();
        let waiting = table.waiting.entry(household).or_default();
        (*waiting < WAITING).then(|| {
            *waiting += 1;
            Waits { tries: self, household }
        })
    }

    fn take(&self, now: Moment, from: IpAddr, name: &str) -> Result<Try<'_>, NotYet> {
        let (household, name) = (household(from), token_hash(name));
        let mut table = self.table();
        let of = table.counted(household, &name);
        let one = MINUTE / self.a_minute;
        let due = |of: &Of| {
            let paid = *table.paid.get(of)?;
            // All but one of a minute's tries may be owed.
            Some(paid.since(now).saturating_sub(MINUTE - one)).filter(|wait| !wait.is_zero())
        };
        if let Some(wait) = of.iter().filter_map(due).max() {
            let by_household = of.iter().all(|of| matches!(of, Of::Household(_)) || due(of).is_none());
            return Err(match by_household && table.open.contains_key(&household) {
                true => NotYet::Busy,
                false => NotYet::Seconds(wait.as_secs() + 1),
            });
        }
        for of in &of {
            let paid = table.paid.entry(of.clone()).or_insert(now);
            *paid = (*paid).max(now) + one;
        }
        table.prune(now);
        *table.open.entry(household).or_default() += 1;
        Ok(Try { tries: self, household, name, of })
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
}

impl Table {
    /// What a try counts for.
    fn counted(&self, household: IpAddr, name: &str) -> Vec<Of> {
        let at_home = self.known.get(name).is_some_and(|(_, known)| *known == household);
        let name = (!at_home).then(|| Of::Name(name.to_string()));
        std::iter::once(Of::Household(household)).chain(name).collect()
    }

    fn remember(&mut self, now: Moment, name: &str, household: IpAddr) {
        self.known.insert(name.to_string(), (now, household));
        if self.known.len() > REMEMBERED {
            let oldest = self.known.iter().min_by_key(|(_, (at, _))| *at).map(|(name, _)| name.clone());
            oldest.map(|oldest| self.known.remove(&oldest));
        }
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

    /// A try with a wrong password.
    fn guess(tries: &Tries, now: Moment, from: IpAddr, name: &str) -> Result<(), u64> {
        match tries.take(now, from, name) {
            Ok(_) => Ok(()),
            Err(NotYet::Seconds(seconds)) => Err(seconds),
            Err(NotYet::Busy) => panic!("nothing is open"),
        }
    }

    fn at(second: u64) -> Moment {
        Moment::from_micros((1_000 + second) * 1_000_000)
    }

    #[test]
    fn wrong_passwords_are_counted_for_the_household_and_for_the_name() {
        let tries = Tries::new(3);
        for _ in 0..3 {
            assert_eq!(guess(&tries, at(0), address(1), "mei"), Ok(()));
        }
        assert_eq!(guess(&tries, at(0), address(1), "lin"), Err(21), "the household");
        assert!(guess(&tries, at(0), address(2), "mei").is_err(), "the name, from wherever");
        assert_eq!(guess(&tries, at(0), address(2), "lin"), Ok(()));
        assert_eq!(guess(&tries, at(20), address(1), "mei"), Ok(()), "a third of a minute later");
        assert!(guess(&tries, at(20), address(1), "mei").is_err());
        let neighbours = ["2001:db8::1", "2001:db8::ffff"].map(|text| text.parse::<IpAddr>().unwrap());
        for _ in 0..3 {
            assert_eq!(guess(&tries, at(0), neighbours[0], "wang"), Ok(()));
        }
        assert!(guess(&tries, at(0), neighbours[1], "zhao").is_err(), "a /64 is one household");
    }

    #[test]
    fn a_whole_office_signs_in_at_once_and_no_guesser_elsewhere_locks_anybody_out() {
        let tries = Tries::new(3);
        for number in 0..300 {
            let name = number.to_string();
            let of_theirs = tries.take(at(0), address(1), &name);
            of_theirs.unwrap_or_else(|not_yet| panic!("{name}: {not_yet:?}")).right(at(0));
        }
        for _ in 0..3 {
            assert_eq!(guess(&tries, at(1), address(9), "7"), Ok(()));
        }
        assert!(guess(&tries, at(1), address(9), "7").is_err());
        assert_eq!(guess(&tries, at(1), address(1), "7"), Ok(()), "where they signed in before");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let tries = Tries::new(1);
        for number in 0..REMEMBERED + 50 {
            let from = Ipv6Addr::from_bits((number as u128) << 64);
            let Ok(taken) = tries.take(at(0), from.into(), &number.to_string()) else { panic!("the first of {from}") };
            if number % 2 == 0 {
                taken.right(at(0));
            }
        }
        let table = tries.table();
        assert!(table.paid.len() <= REMEMBERED && table.known.len() <= REMEMBERED);
        assert!(table.open.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn more_right_passwords_at_once_than_wrong_ones_in_a_minute_wait_for_each_other() {
        let tries = Tries::new(3);
        let now = || at(0);
        let sign_in = async |name: String, is_right: bool| {
            let taken = tries.wait(now, address(1), &name).await?;
            tokio::time::sleep(Duration::from_millis(50)).await;
            if is_right {
                taken.right(now());
            }
            Ok::<(), u64>(())
        };
        let all: Vec<String> = (0..30).map(|number| number.to_string()).collect();
        let signed_in = futures_util::future::join_all(all.iter().map(|name| sign_in(name.clone(), true))).await;
        assert!(signed_in.iter().all(Result::is_ok), "{signed_in:?}");
        // Of guesses no more are looked at than one by one.
        let guessed = futures_util::future::join_all(all.iter().map(|name| sign_in(name.clone(), false))).await;
        assert_eq!(guessed.iter().filter(|of| of.is_ok()).count(), 3, "{guessed:?}");
        // Neither other households are waited for, nor where it is the name that must wait.
        let _open = tries.take(at(0), address(2), "mei").unwrap();
        let at_once = async |from| timeout(Duration::from_millis(1), tries.wait(now, from, "mei")).await.unwrap().err();
        assert!(at_once(address(1)).await.is_some());
        (0..2).for_each(|_| drop(tries.take(at(0), address(3), "mei").unwrap()));
        assert!(at_once(address(2)).await > Some(1));
        // Of many only so many wait.
        let tries = Tries::new(3);
        let _open: Vec<Try> = (0..3).map(|name| tries.take(at(0), address(1), &name.to_string()).unwrap()).collect();
        let all = (0..WAITING + 5).map(async |name| tries.wait(now, address(1), &format!("w{name}")).await.err());
        let refused = futures_util::future::join_all(all).await;
        assert!(refused.iter().all(|seconds| *seconds == Some(1)), "{refused:?}");
        assert!(tries.table().waiting.is_empty());
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
