//! From whom sound is taken: the address that was named, or one that proves itself once. Pure.
//!
//! The first valid packet from the named address locks the source to it. A phone behind a NAT names an
//! address it does not send from: another address locks after a probation of several packets in sequence
//! (RFC 3550 §A.1), as long as the named one was silent: a former call's sender may be one, too, so the named
//! address takes the lock back whenever it speaks. A new description that names another address takes it away: packets
//! of the old stream are still on their way then, so the old address is not taken again, and any other but the named
//! one has to wait.
//!
//! A phone whose address changes in a talk, because its NAT forgot it or it is in another network now, is followed. While
//! the locked address speaks nobody takes its place. Once it was silent for [`QUIET`], another address, of the same host
//! or not, takes it by going on with the same stream: with its SSRC, from its sequence number on, through the same
//! probation. Who cannot listen does not know these (RFC 7362 §5); who can is kept out by SRTP alone, where one packet
//! that is signed is enough.
//!
//! Where reports have a port of their own (no RFC 5761), the one that was named is as much out of date as that of the
//! sound: from then on they go to where reports of the same stream, or signed ones, come from on the same host, and
//! nowhere before there are any.

use std::net::SocketAddr;
use std::time::Duration;

use crate::moment::Moment;

/// Packets in sequence that an unnamed address has to send.
const PROBATION: u8 = 5;
/// After a move the named address alone is listened to for so long: a round trip to anywhere, and to spare.
const NAMED_ALONE: Duration = Duration::from_secs(1);
/// The locked address was silent for so long: its stream may go on from elsewhere.
const QUIET: Duration = Duration::from_secs(2);
/// Nothing was reported from where reports go for so long: RFC 3550 §6.3.5, five intervals.
const UNREPORTED: Duration = Duration::from_secs(25);
/// Numbers that its stream may be further by then, RFC 3550 §A.1: a minute.
const MAX_DROPOUT: u16 = 3000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    named: SocketAddr,
    locked: Option<SocketAddr>,
    /// Nobody but the locked address is let in by the kernel.
    exclusive: bool,
    /// What came last from the locked address.
    last: Option<Last>,
    /// Its stream came to the locked address from another: what is named is out of date.
    followed: bool,
    candidate: Option<Candidate>,
    moved: Option<Moved>,
    /// Where reports came from beside sound that is not where it was named, and when the last did.
    control: Option<(SocketAddr, Moment)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Last {
    at: Moment,
    ssrc: u32,
    /// The highest.
    sequence: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moved {
    from: SocketAddr,
    at: Moment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candidate {
    from: SocketAddr,
    ssrc: u32,
    next: u16,
    seen: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// To be played on.
    Accepted,
    /// The same, and the source is locked from now on, or heard again.
    Locked,
    Stranger,
}

impl Source {
    pub fn new(named: SocketAddr) -> Self {
        Self {
            named,
            locked: None,
            exclusive: false,
            last: None,
            followed: false,
            candidate: None,
            moved: None,
            control: None,
        }
    }

    /// A new description; `true` if the lock was lost by it.
    pub fn rename(&mut self, now: Moment, named: SocketAddr) -> bool {
        // Hold by an unspecified address names nobody: whoever was locked comes back.
        if self.named == named || named.ip().is_unspecified() {
            return false;
        }
        self.named = named;
        if self.locked == Some(named) {
            self.followed = false;
            return false;
        }
        let locked = self.locked.take();
        self.control = None;
        (self.candidate, self.last, self.exclusive, self.followed) = (None, None, false, false);
        if let Some(from) = locked {
            self.moved = Some(Moved { from, at: now });
        }
        locked.is_some()
    }

    /// Where to send.
    pub fn target(&self) -> SocketAddr {
        self.locked.unwrap_or(self.named)
    }

    /// Locked to the named address, and while it speaks no other takes the lock from it: strangers need not be let in.
    pub fn is_certain(&self) -> bool {
        self.exclusive
    }

    /// Once a second: whether it is certain no longer, because it is silent.
    pub fn falls_silent(&mut self, now: Moment) -> bool {
        self.is_quiet(now) && std::mem::take(&mut self.exclusive)
    }

    fn is_quiet(&self, now: Moment) -> bool {
        self.last.is_some_and(|last| now.since(last.at) >= QUIET)
    }

    /// Whether a control packet may come from there.
    pub fn may_control(&self, from: SocketAddr) -> bool {
        self.locked.map_or(from.ip() == self.named.ip(), |locked| from.ip() == locked.ip())
    }

    /// Reports of a source came from there, where they may; `signed` by the keys that were agreed on.
    pub fn controlled(&mut self, now: Moment, from: SocketAddr, ssrc: u32, signed: bool) {
        let is_its_own = signed || self.last.is_some_and(|last| last.ssrc == ssrc);
        let is_beside = self.locked.is_some_and(|locked| locked.ip() == from.ip());
        let is_free = self.control.is_none_or(|(place, at)| place == from || now.since(at) >= UNREPORTED);
        if is_its_own && is_beside && is_free {
            self.control = Some((from, now));
        }
    }

    /// Where reports go that have a port of their own; `named`: where they were told to. `None`: it is not known.
    pub fn control_target(&self, named: SocketAddr) -> Option<SocketAddr> {
        match self.locked {
            Some(locked) if locked != self.named => self.control.map(|(place, _)| place),
            _ => Some(named),
        }
    }

    /// One packet with a valid header and an agreed payload type; `signed`: by the keys that were agreed on.
    pub fn judge(&mut self, now: Moment, from: SocketAddr, ssrc: u32, sequence: u16, signed: bool) -> Verdict {
        match self.locked {
            Some(locked) if locked == from => return self.accept(now, from, ssrc, sequence),
            _ if from == self.named && !self.followed => return self.accept(now, from, ssrc, sequence),
            Some(_) if !self.is_quiet(now) => return Verdict::Stranger,
            Some(_) if signed => {
                self.followed = true;
                return self.accept(now, from, ssrc, sequence);
            }
            Some(_) if !self.goes_on(ssrc, sequence) => return Verdict::Stranger,
            Some(_) => {}
            None if self.moved.is_some_and(|moved| moved.from == from || now < moved.at + NAMED_ALONE) => {
                return Verdict::Stranger;
            }
            None => {}
        }
        let next = sequence.wrapping_add(1);
        match &mut self.candidate {
            Some(candidate) if candidate.from == from && candidate.ssrc == ssrc && candidate.next == sequence => {
                candidate.seen += 1;
                candidate.next = next;
                if candidate.seen >= PROBATION {
                    self.followed = self.locked.is_some();
                    return self.accept(now, from, ssrc, sequence);
                }
            }
            // Another sender, or a gap: the count begins again, unless somebody else is further.
            Some(candidate) if candidate.from != from && candidate.seen > 1 => candidate.seen -= 1,
            _ => self.candidate = Some(Candidate { from, ssrc, next, seen: 1 }),
        }
        Verdict::Stranger
    }

    fn accept(&mut self, now: Moment, from: SocketAddr, ssrc: u32, sequence: u16) -> Verdict {
        let (is_locked, was_exclusive) = (self.locked.replace(from) == Some(from), self.exclusive);
        if !is_locked {
            self.control = None;
        }
        self.exclusive = from == self.named;
        let highest = |last: &Last| is_locked && last.ssrc == ssrc && sequence.wrapping_sub(last.sequence) >= 0x8000;
        let sequence = self.last.filter(highest).map_or(sequence, |last| last.sequence);
        self.last = Some(Last { at: now, ssrc, sequence });
        if is_locked && was_exclusive == self.exclusive {
            return Verdict::Accepted;
        }
        self.candidate = None;
        Verdict::Locked
    }

    /// Whether it is what follows in the stream of the locked address.
    fn goes_on(&self, ssrc: u32, sequence: u16) -> bool {
        let follows =
            |last: Last| last.ssrc == ssrc && (1..=MAX_DROPOUT).contains(&sequence.wrapping_sub(last.sequence));
        self.last.is_some_and(follows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_micros(1_000_000);

    fn addr(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn the_named_address_locks_at_once_and_for_good() {
        let mut source = Source::new(addr(1));
        assert_eq!(source.judge(NOW, addr(2), 5, 1, false), Verdict::Stranger);
        assert_eq!(source.judge(NOW, addr(1), 7, 9, false), Verdict::Locked);
        for sequence in 2..50 {
            assert_eq!(source.judge(NOW, addr(2), 5, sequence, false), Verdict::Stranger);
        }
        assert_eq!(source.judge(NOW, addr(1), 8, 1, false), Verdict::Accepted);
        assert_eq!(source.target(), addr(1));
    }

    #[test]
    fn another_address_has_to_prove_itself() {
        let mut source = Source::new(addr(1));
        let verdicts: Vec<Verdict> = (10..15).map(|sequence| source.judge(NOW, addr(2), 5, sequence, false)).collect();
        assert_eq!(verdicts[4], Verdict::Locked);
        assert!(verdicts[..4].iter().all(|verdict| *verdict == Verdict::Stranger));
        assert_eq!((source.target(), source.is_certain()), (addr(2), false));
        assert_eq!(source.judge(NOW, addr(3), 7, 9, false), Verdict::Stranger);
        assert_eq!(source.judge(NOW, addr(1), 7, 9, false), Verdict::Locked, "it was somebody else's");
        assert_eq!(source.judge(NOW, addr(2), 5, 15, false), Verdict::Stranger);
        assert_eq!((source.target(), source.is_certain()), (addr(1), true));
    }

    #[test]
    fn packets_at_random_lock_nothing() {
        let mut source = Source::new(addr(1));
        for i in 0..1000_u16 {
            assert_eq!(source.judge(NOW, addr(2 + i % 3), 5, i.wrapping_mul(977), false), Verdict::Stranger);
        }
        assert_eq!(source.judge(NOW, addr(1), 7, 9, false), Verdict::Locked);
    }

    #[test]
    fn a_new_description_moves_the_source() {
        let mut source = Source::new(addr(1));
        source.judge(NOW, addr(1), 7, 9, false);
        assert!(!source.rename(NOW, addr(1)));
        assert!(!source.rename(NOW, "0.0.0.0:1".parse().unwrap()));
        assert!(source.is_certain());
        assert!(source.rename(NOW, addr(3)));
        assert_eq!(source.judge(NOW, addr(1), 7, 10, false), Verdict::Stranger);
        assert_eq!(source.judge(NOW, addr(3), 7, 10, false), Verdict::Locked);
    }

    #[test]
    fn packets_of_the_old_stream_do_not_take_the_source_back() {
        let mut source = Source::new(addr(1));
        source.judge(NOW, addr(1), 7, 9, false);
        source.rename(NOW, addr(3));
        let later = NOW + Duration::from_secs(60);
        for sequence in 10..40 {
            assert_eq!(source.judge(NOW, addr(1), 7, sequence, false), Verdict::Stranger);
            assert_eq!(source.judge(NOW, addr(2), 7, sequence, false), Verdict::Stranger, "too soon");
            assert_eq!(source.judge(later, addr(1), 7, sequence, false), Verdict::Stranger);
        }
        assert_eq!(source.target(), addr(3));
        // A phone behind a NAT that moved proves itself at its new address.
        let mut behind_nat = source;
        let locked = (0..5).map(|sequence| behind_nat.judge(later, addr(4), 8, sequence, false)).last();
        assert_eq!(locked, Some(Verdict::Locked));
        assert_eq!(source.judge(NOW, addr(3), 8, 1, false), Verdict::Locked);
        // It may be named again.
        assert!(source.rename(NOW, addr(1)));
        assert_eq!(source.judge(NOW, addr(1), 7, 41, false), Verdict::Locked);
    }

    /// What a source makes of a story: `2:7/100@3` is that from the address 2 packets of the stream 7 come from number 100
    /// on, 20 ms apart, from the third second on, until the next begins; with `!` they are signed. After each: who is sent to.
    fn check(story: &str) -> String {
        let mut source = Source::new(addr(1));
        let steps: Vec<&str> = story.split_whitespace().collect();
        let at = |step: &str| step.split_once('@').unwrap().1.trim_end_matches('!').parse::<u64>().unwrap();
        let mut told = Vec::new();
        for (n, step) in steps.iter().enumerate() {
            let (from, rest) = step.split_once(':').unwrap();
            let (ssrc, rest) = rest.split_once('/').unwrap();
            let first: u16 = rest.split_once('@').unwrap().0.parse().unwrap();
            let (begins, ends) = (at(step), steps.get(n + 1).map_or(at(step) + 1, |next| at(next)));
            // None comes in the last second before the next begins where that is later.
            for k in 0..(ends.min(begins + 1) - begins) * 50 {
                let now = NOW + Duration::from_secs(begins) + Duration::from_millis(20 * k);
                let from = addr(from.parse().unwrap());
                source.judge(now, from, ssrc.parse().unwrap(), first.wrapping_add(k as u16), step.ends_with('!'));
            }
            source.falls_silent(NOW + Duration::from_secs(ends));
            told.push(source.target().port().to_string());
        }
        told.join(" ")
    }

    #[test]
    fn a_stream_that_goes_on_from_elsewhere_is_followed_once_its_address_is_silent() {
        let table = [
            ("its NAT forgot it", "1:7/100@0 2:7/250@3", "1 2"),
            ("numbers run over", "1:7/65500@0 2:7/100@3", "1 2"),
            ("and once more, and back to what was named", "1:7/100@0 2:7/250@3 3:7/400@6 1:7/550@9", "1 2 3 1"),
            ("too soon", "1:7/100@0 2:7/150@1 1:7/200@2", "1 1 1"),
            ("of another stream", "1:7/100@0 2:8/250@3", "1 1"),
            ("numbers that were said already", "1:7/100@0 2:7/100@3", "1 1"),
            ("numbers far ahead", "1:7/100@0 2:7/9000@3", "1 1"),
            ("signed, one is enough", "1:7/100@0! 2:8/9000@3!", "1 2"),
            ("signed, while the other speaks", "1:7/100@0! 2:7/150@1!", "1 1"),
            ("who was named and is no more speaks late", "1:7/100@0 2:7/250@3 1:7/150@4 2:7/350@5", "1 2 2 2"),
            ("who was not named", "2:7/100@0 3:7/250@3", "2 3"),
        ];
        for (name, story, told) in table {
            assert_eq!(check(story), told, "{name}: {story}");
        }
    }

    #[test]
    fn reports_go_where_those_of_the_same_stream_come_from_once_its_sound_is_elsewhere() {
        let (named, other, host) = (addr(11), addr(22), "127.0.0.2:22".parse().unwrap());
        let mut source = Source::new(addr(1));
        let mut sequence = 0;
        let mut speak = |source: &mut Source, now: Moment, port: u16| {
            for _ in 0..PROBATION {
                sequence += 1;
                source.judge(now, addr(port), 7, sequence, false);
            }
        };
        assert_eq!(source.control_target(named), Some(named), "nobody was heard yet");
        speak(&mut source, NOW, 1);
        source.controlled(NOW, other, 7, false);
        assert_eq!(source.control_target(named), Some(named), "it is where it was named");
        let later = NOW + QUIET;
        speak(&mut source, later, 2);
        assert_eq!(source.control_target(named), None, "what was named may be somebody else's by now");
        source.controlled(later, other, 8, false);
        source.controlled(later, host, 7, false);
        assert_eq!(source.control_target(named), None, "of another stream, and of another host");
        source.controlled(later, other, 7, false);
        source.controlled(later, addr(33), 7, false);
        assert_eq!(source.control_target(named), Some(other), "while it reports nobody takes its place");
        source.controlled(later + UNREPORTED, addr(33), 8, true);
        assert_eq!(source.control_target(named), Some(addr(33)), "silent for long, and signed");
        speak(&mut source, later + QUIET, 1);
        assert_eq!(source.control_target(named), Some(named), "its sound is where it was named again");
        assert!(source.rename(later, addr(4)));
        assert_eq!(source.control_target(addr(44)), Some(addr(44)));
    }

    #[test]
    fn who_forges_packets_changes_nothing_while_the_genuine_source_speaks() {
        let mut source = Source::new(addr(1));
        for n in 0..1_000_u16 {
            let now = NOW + Duration::from_millis(20) * u32::from(n);
            assert_ne!(source.judge(now, addr(1), 7, n, false), Verdict::Stranger);
            for ahead in 0..3 {
                assert_eq!(source.judge(now, addr(2), 7, n + ahead, ahead == 0), Verdict::Stranger);
            }
            assert!(!source.falls_silent(now) && source.is_certain());
        }
        // Silent for a while, it is no longer alone; it is again once it speaks.
        let later = NOW + Duration::from_secs(60);
        assert!(source.falls_silent(later) && !source.falls_silent(later) && !source.is_certain());
        assert_eq!((source.judge(later, addr(1), 7, 1_000, false), source.is_certain()), (Verdict::Locked, true));
    }
}
