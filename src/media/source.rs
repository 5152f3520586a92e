//! From whom sound is taken: the address that was named, or one that proves itself once. Pure.
//!
//! The first valid packet from the named address locks the source to it. A phone behind a NAT names an
//! address it does not send from: another address locks after a probation of several packets in sequence
//! (RFC 3550 §A.1), as long as the named one was silent: a former call's sender may be one, too, so the named
//! address takes the lock back whenever it speaks. Otherwise nothing changes it but a new description that names
//! another address: packets of the old stream are still on their way then, so the old address is not taken
//! again, and any other but the named one has to wait.

use std::net::SocketAddr;
use std::time::Duration;

use crate::moment::Moment;

/// Packets in sequence that an unnamed address has to send.
const PROBATION: u8 = 5;
/// After a move the named address alone is listened to for so long: a round trip to anywhere, and to spare.
const NAMED_ALONE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    named: SocketAddr,
    locked: Option<SocketAddr>,
    candidate: Option<Candidate>,
    moved: Option<Moved>,
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
    /// The same, and the source is locked from now on.
    Locked,
    Stranger,
}

impl Source {
    pub fn new(named: SocketAddr) -> Self {
        Self { named, locked: None, candidate: None, moved: None }
    }

    /// A new description; `true` if the lock was lost by it.
    pub fn rename(&mut self, now: Moment, named: SocketAddr) -> bool {
        // Hold by an unspecified address names nobody: whoever was locked comes back.
        if self.named == named || named.ip().is_unspecified() {
            return false;
        }
        self.named = named;
        if self.locked == Some(named) {
            return false;
        }
        let locked = self.locked.take();
        self.candidate = None;
        if let Some(from) = locked {
            self.moved = Some(Moved { from, at: now });
        }
        locked.is_some()
    }

    /// Where to send.
    pub fn target(&self) -> SocketAddr {
        self.locked.unwrap_or(self.named)
    }

    /// Locked to the named address, which no other takes the lock from.
    pub fn is_certain(&self) -> bool {
        self.locked == Some(self.named)
    }

    /// Whether a control packet may come from there.
    pub fn may_control(&self, from: SocketAddr) -> bool {
        self.locked.map_or(from.ip() == self.named.ip(), |locked| from.ip() == locked.ip())
    }

    /// One packet with a valid header and an agreed payload type.
    pub fn judge(&mut self, now: Moment, from: SocketAddr, ssrc: u32, sequence: u16) -> Verdict {
        if self.locked == Some(from) {
            return Verdict::Accepted;
        }
        if from == self.named {
            self.locked = Some(from);
            return Verdict::Locked;
        }
        if self.locked.is_some() {
            return Verdict::Stranger;
        }
        if self.moved.is_some_and(|moved| moved.from == from || now < moved.at + NAMED_ALONE) {
            return Verdict::Stranger;
        }
        let next = sequence.wrapping_add(1);
        match &mut self.candidate {
            Some(candidate) if candidate.from == from && candidate.ssrc == ssrc && candidate.next == sequence => {
                candidate.seen += 1;
                candidate.next = next;
                if candidate.seen >= PROBATION {
                    self.locked = Some(from);
                    return Verdict::Locked;
                }
            }
            // Another sender, or a gap: the count begins again, unless somebody else is further.
            Some(candidate) if candidate.from != from && candidate.seen > 1 => candidate.seen -= 1,
            _ => self.candidate = Some(Candidate { from, ssrc, next, seen: 1 }),
        }
        Verdict::Stranger
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
        assert_eq!(source.judge(NOW, addr(2), 5, 1), Verdict::Stranger);
        assert_eq!(source.judge(NOW, addr(1), 7, 9), Verdict::Locked);
        for sequence in 2..50 {
            assert_eq!(source.judge(NOW, addr(2), 5, sequence), Verdict::Stranger);
        }
        assert_eq!(source.judge(NOW, addr(1), 8, 1), Verdict::Accepted);
        assert_eq!(source.target(), addr(1));
    }

    #[test]
    fn another_address_has_to_prove_itself() {
        let mut source = Source::new(addr(1));
        let verdicts: Vec<Verdict> = (10..15).map(|sequence| source.judge(NOW, addr(2), 5, sequence)).collect();
        assert_eq!(verdicts[4], Verdict::Locked);
        assert!(verdicts[..4].iter().all(|verdict| *verdict == Verdict::Stranger));
        assert_eq!((source.target(), source.is_certain()), (addr(2), false));
        assert_eq!(source.judge(NOW, addr(3), 7, 9), Verdict::Stranger);
        assert_eq!(source.judge(NOW, addr(1), 7, 9), Verdict::Locked, "it was somebody else's");
        assert_eq!(source.judge(NOW, addr(2), 5, 15), Verdict::Stranger);
        assert_eq!((source.target(), source.is_certain()), (addr(1), true));
    }

    #[test]
    fn packets_at_random_lock_nothing() {
        let mut source = Source::new(addr(1));
        for i in 0..1000_u16 {
            assert_eq!(source.judge(NOW, addr(2 + i % 3), 5, i.wrapping_mul(977)), Verdict::Stranger);
        }
        assert_eq!(source.judge(NOW, addr(1), 7, 9), Verdict::Locked);
    }

    #[test]
    fn a_new_description_moves_the_source() {
        let mut source = Source::new(addr(1));
        source.judge(NOW, addr(1), 7, 9);
        assert!(!source.rename(NOW, addr(1)));
        assert!(!source.rename(NOW, "0.0.0.0:1".parse().unwrap()));
        assert!(source.is_certain());
        assert!(source.rename(NOW, addr(3)));
        assert_eq!(source.judge(NOW, addr(1), 7, 10), Verdict::Stranger);
        assert_eq!(source.judge(NOW, addr(3), 7, 10), Verdict::Locked);
    }

    #[test]
    fn packets_of_the_old_stream_do_not_take_the_source_back() {
        let mut source = Source::new(addr(1));
        source.judge(NOW, addr(1), 7, 9);
        source.rename(NOW, addr(3));
        let later = NOW + Duration::from_secs(60);
        for sequence in 10..40 {
            assert_eq!(source.judge(NOW, addr(1), 7, sequence), Verdict::Stranger);
            assert_eq!(source.judge(NOW, addr(2), 7, sequence), Verdict::Stranger, "too soon");
            assert_eq!(source.judge(later, addr(1), 7, sequence), Verdict::Stranger);
        }
        assert_eq!(source.target(), addr(3));
        // A phone behind a NAT that moved proves itself at its new address.
        let mut behind_nat = source;
        let locked = (0..5).map(|sequence| behind_nat.judge(later, addr(4), 8, sequence)).last();
        assert_eq!(locked, Some(Verdict::Locked));
        assert_eq!(source.judge(NOW, addr(3), 8, 1), Verdict::Locked);
        // It may be named again.
        assert!(source.rename(NOW, addr(1)));
        assert_eq!(source.judge(NOW, addr(1), 7, 41), Verdict::Locked);
    }
}
