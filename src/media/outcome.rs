//! What comes of a leg's packets and ticks, for its worker.

use std::ops::Range;

use rtp::header::Header;

use super::player::Player;
use super::receives::Receives;
use super::words::{Codec, Event, OneWay};
use crate::ids::LegId;

/// What came to its end in a tick.
#[derive(Default)]
pub struct Played {
    /// The token of prompts.
    pub token: Option<u64>,
    /// The notice that the call is recorded.
    pub noticed: bool,
}

impl Played {
    pub fn tell(self, leg: LegId, events: &mut Vec<Event>) {
        events.extend(self.noticed.then_some(Event::Noticed { leg }));
        events.extend(self.token.map(|token| Event::Played { leg, token }));
    }

    pub fn of(player: &mut Player) -> Played {
        Played { noticed: player.noticed(), token: player.finished() }
    }
}

/// What was found when a leg was looked after.
#[derive(Default)]
pub struct Found {
    pub dead: bool,
    pub one_way: Option<OneWay>,
}

/// What a packet was.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    Nothing,
    Key(char),
    /// As a key, and its packets cannot pass: it is pressed on everybody who hears the leg.
    Pressed(char),
    /// Sound or a key to be passed on: the packet is rewritten where it lies.
    Pass {
        header: Header,
        payload: Range<usize>,
        what: What,
        key: Option<char>,
    },
}

/// What is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Sound(Codec),
    /// As it came, to a leg that takes it so.
    Opus,
    Key,
    /// What stands for silence, RFC 3389: it says that somebody is there, and is passed on to whoever takes it.
    Noise,
}

impl What {
    /// The codec of the sound as it was sent: what is heard of Opus is G.711 or G.722, or passes.
    pub fn spoken(self, heard: &Receives) -> Option<Codec> {
        match self {
            What::Sound(_) | What::Opus if heard.opus.is_some() => Some(Codec::Opus),
            What::Sound(codec) => Some(codec),
            _ => None,
        }
    }
}
