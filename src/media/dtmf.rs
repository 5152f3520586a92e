//! Key presses: RFC 4733 events, INFO bodies and tones that were heard, each press exactly once.

use std::collections::VecDeque;
use std::time::Duration;

use crate::moment::Moment;

const SYMBOLS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];
/// A press told both ways (RTP and INFO) within this is one press: an INFO that was lost comes again after 0.5,
/// 1.5 and 3.5 s (RFC 3261 §17.1.2.2).
const SAME_PRESS: Duration = Duration::from_secs(4);
/// Presses that may wait for their other telling; nobody presses faster.
const UNMATCHED: usize = 32;
/// Presses whose late packets are still known.
const REMEMBERED: usize = 8;
/// The largest duration an event packet can carry; longer presses go on in a new segment, RFC 4733 §2.5.1.3.
const SEGMENT: u16 = 0xFFFF;

/// Hears the presses of one leg.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// RTP timestamps of presses that were told: one press has one timestamp; whether its packets may be passed on.
    told: VecDeque<(u32, bool)>,
    last: Option<Segment>,
    /// Presses that were told one way and not yet the other, oldest first.
    unmatched: VecDeque<(Way, char, Moment)>,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    timestamp: u32,
    event: u8,
    duration: u16,
    ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Rtp,
    Info,
    Tone,
}

impl Keys {
    pub fn new() -> Self {
        Self::default()
    }

    /// One event packet. The press is told at its first packet that arrives, whichever that is.
    pub fn rtp_event(&mut self, now: Moment, timestamp: u32, payload: &[u8]) -> Option<char> {
        let [event, flags, high, low, ..] = *payload else { return None };
        let key = symbol_of(event)?;
        let segment = Segment { timestamp, event, duration: u16::from_be_bytes([high, low]), ended: flags & 0x80 != 0 };
        if self.told.iter().any(|(told, _)| *told == timestamp) {
            if let Some(last) = self.last.as_mut().filter(|last| last.timestamp == timestamp) {
                last.duration = last.duration.max(segment.duration);
                last.ended |= segment.ended;
            }
            return None;
        }
        let continues = self.last.is_some_and(|last| {
            last.event == event
                && !last.ended
                && last.duration == SEGMENT
                && timestamp == last.timestamp.wrapping_add(u32::from(SEGMENT))
        });
        if self.told.len() == REMEMBERED {
            self.told.pop_front();
        }
        let passes =
            if continues { self.told.back().is_some_and(|(_, passes)| *passes) } else { !self.came_by_info(now, key) };
        self.told.push_back((timestamp, passes));
        self.last = Some(segment);
        if continues { None } else { self.once(now, Way::Rtp, key) }
    }

    /// Whether packets of this press may be passed on as they are: who hears the leg has it in no other way.
    pub fn passes(&self, timestamp: u32) -> bool {
        self.told.iter().any(|(told, passes)| *told == timestamp && *passes)
    }

    /// None of this press's packets is passed on.
    pub fn keep(&mut self, timestamp: u32) {
        self.told.iter_mut().filter(|(told, _)| *told == timestamp).for_each(|(_, passes)| *passes = false);
    }

    fn came_by_info(&self, now: Moment, key: char) -> bool {
        self.unmatched
            .iter()
            .any(|(way, pressed, at)| *way == Way::Info && *pressed == key && now.since(*at) <= SAME_PRESS)
    }

    /// A press told by INFO.
    pub fn info(&mut self, now: Moment, key: char) -> Option<char> {
        SYMBOLS.contains(&key).then(|| self.once(now, Way::Info, key)).flatten()
    }

    /// A press heard in the sound.
    pub fn tone(&mut self, now: Moment, key: char) -> Option<char> {
        self.once(now, Way::Tone, key)
    }

    fn once(&mut self, now: Moment, way: Way, key: char) -> Option<char> {
        while self.unmatched.pop_front_if(|(_, _, at)| now.since(*at) > SAME_PRESS).is_some() {}
        let twin = self.unmatched.iter().position(|(other, pressed, _)| *other != way && *pressed == key);
        if let Some(twin) = twin {
            self.unmatched.remove(twin);
            return None;
        }
        if self.unmatched.len() == UNMATCHED {
            self.unmatched.pop_front();
        }
        self.unmatched.push_back((way, key, now));
        Some(key)
    }
}

/// The event code of a key, for sending.
pub fn event_code(key: char) -> Option<u8> {
    SYMBOLS.iter().position(|symbol| *symbol == key.to_ascii_uppercase()).and_then(|code| u8::try_from(code).ok())
}

/// The key of an event code.
pub fn symbol_of(code: u8) -> Option<char> {
    SYMBOLS.get(usize::from(code)).copied()
}

/// A key in an INFO body: `application/dtmf-relay` (`Signal=5`, `Duration=160`) or `application/dtmf` (`5`).
/// With its duration in milliseconds.
pub fn info_key(content_type: &str, body: &[u8]) -> Option<(char, u32)> {
    const USUAL_MS: u32 = 160;
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let text = std::str::from_utf8(body.get(..body.len().min(256))?).ok()?;
    match kind.as_str() {
        "application/dtmf" => symbol(text.trim()).map(|key| (key, USUAL_MS)),
        "application/dtmf-relay" => {
            let value = |name: &str| {
                text.lines().find_map(|line| {
                    let (key, value) = line.split_once('=')?;
                    key.trim().eq_ignore_ascii_case(name).then_some(value.trim())
                })
            };
            let duration = value("duration").and_then(|ms| ms.parse().ok()).unwrap_or(USUAL_MS);
            value("signal").and_then(symbol).map(|key| (key, duration))
        }
        _ => None,
    }
}

/// `5`, `*`, `#`, `A`; some phones write the event codes 10 and 11 for `*` and `#`.
fn symbol(text: &str) -> Option<char> {
    match text {
        "10" => Some('*'),
        "11" => Some('#'),
        _ => {
            let mut letters = text.chars();
            let key = letters.next()?.to_ascii_uppercase();
            (letters.next().is_none() && SYMBOLS.contains(&key)).then_some(key)
        }
    }
}
