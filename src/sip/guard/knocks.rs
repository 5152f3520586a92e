//! What a household that is not heard may say all the same: as much as a phone there needs that starts anew, with another
//! port and another Call-ID, to register once more.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use crate::moment::Moment;

/// Ports of a household that are listened to beside each other, each with its address: in IPv6 a household has many, and
/// phones that all use 5060. Whoever proves himself makes room at once, so that an office registers, and whoever goes on
/// from one port leaves the others to those beside him.
const PORTS: usize = 8;
/// Messages that each of them may send: REGISTER, the same with credentials, and copies of both.
const MESSAGES: u8 = 6;
/// A port counts for so long, from its first message on. So a household says 48 things a minute, and makes eight guesses,
/// as a wrong one is a port's last; as much again over connections, from which whoever forges datagrams takes nothing.
const WINDOW: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Knocks {
    /// By when they began.
    ports: VecDeque<Knock>,
}

#[derive(Debug)]
struct Knock {
    remote: SocketAddr,
    since: Moment,
    left: u8,
}

impl Knocks {
    /// Whether another message from this port may be read.
    pub fn are_left(&mut self, now: Moment, remote: SocketAddr) -> bool {
        while self.ports.pop_front_if(|knock| now.since(knock.since) >= WINDOW).is_some() {}
        match self.ports.iter().find(|knock| knock.remote == remote) {
            Some(knock) => knock.left > 0,
            None => self.ports.len() < PORTS,
        }
    }

    /// Takes one, if there is one left.
    pub fn take(&mut self, now: Moment, remote: SocketAddr) -> bool {
        if !self.are_left(now, remote) {
            return false;
        }
        match self.ports.iter_mut().find(|knock| knock.remote == remote) {
            Some(knock) => knock.left -= 1,
            None => self.ports.push_back(Knock { remote, since: now, left: MESSAGES - 1 }),
        }
        true
    }

    /// Whoever is there proved himself.
    pub fn proven(&mut self, remote: SocketAddr) {
        self.ports.retain(|knock| knock.remote != remote);
    }

    /// Nothing more is heard from a port where somebody guessed wrongly.
    pub fn shut(&mut self, remote: SocketAddr) {
        self.ports.iter_mut().filter(|knock| knock.remote == remote).for_each(|knock| knock.left = 0);
    }

    pub fn say_something(&self, now: Moment) -> bool {
        self.ports.back().is_some_and(|knock| now.since(knock.since) < WINDOW)
    }
}
