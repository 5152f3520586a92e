//! Households that are not heard, for those who look on, and how one is heard again before its time.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use tracing::warn;

use super::Guard;
use crate::moment::Moment;
use crate::peers::household;

/// Why a household is not heard, in the words of the security log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    Scanner,
    WrongSecret,
    Refused,
    Unproven,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Scanner => "scanner",
            Reason::WrongSecret => "wrong-secret",
            Reason::Refused => "refused",
            Reason::Unproven => "unproven",
        })
    }
}

/// That a household is not heard for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    pub household: IpAddr,
    /// Who of it was the last straw, as the security log has it.
    pub address: IpAddr,
    pub since: Moment,
    pub until: Moment,
    pub reason: Reason,
}

impl Guard {
    /// Those that hold, by household. No more than there are lines in the table of households
    /// ([`MAX_SOURCES`](super::crowd::MAX_SOURCES)).
    pub fn bans(&self, now: Moment) -> Vec<Ban> {
        self.there.sources.values().filter_map(|source| source.ban(now)).collect()
    }

    /// Somebody of the house says that a household is to be heard: nothing of before is held against it, and the next
    /// ban is as short as a first one. What was lifted; `None`: it is heard.
    pub fn lift(&mut self, now: Moment, ip: IpAddr) -> Option<Ban> {
        let ban = self.there.sources.get(&household(ip))?.ban(now)?;
        self.there.sources.remove(&household(ip));
        self.counts.lifted += 1;
        // Whatever strangers make the log say: this a person did.
        warn!("security lifted address={}", ban.address);
        Some(ban)
    }
}
