//! From whom sound is taken: the address that was named, or one that proves itself once. Pure.
//!
//! The first valid packet from the named address locks the source to it. A phone behind a NAT names an
//! address it does not send from: another address locks after a probation of several packets in sequence
//! (RFC 3550 §A.1), as long as the named one was silent. Once locked, nothing changes it but a new
//! description that names another address.

use std::net::SocketAddr;

/// Packets in sequence that an unnamed address has to send.
const PROBATION: u8 = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    named: SocketAddr,
    locked: Option<SocketAddr>,
    candidate: Option<Candidate>,
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
        Self { named, locked: None, candidate: None }
    }

    /// A new description; `true` if the lock was lost by it.
    pub fn rename(&mut self, named: SocketAddr) -> bool {
        // Hold by an unspecified address names nobody: whoever was locked comes back.
        if self.named == named || named.ip().is_unspecified() {
            return false;
        }
        let was_locked = self.locked.is_some();
        let same = self.locked == Some(named);
        self.named = named;
        if same {
            return false;
        }
        *self = Self::new(named);
        was_locked
    }

    /// Where to send.
    pub fn target(&self) -> SocketAddr {
        self.locked.unwrap_or(self.named)
    }

    pub fn is_locked(&self) -> bool {
        self.locked.is_some()
    }

    /// Whether a control packet may come from there.
    pub fn may_control(&self, from: SocketAddr) -> bool {
        self.locked.map_or(from.ip() == self.named.ip(), |locked| from.ip() == locked.ip())
    }

    /// One packet with a valid header and an agreed payload type.
    pub fn judge(&mut self, from: SocketAddr, ssrc: u32, sequence: u16) -> Verdict {
        if let Some(locked) = self.locked {
            return if from == locked { Verdict::Accepted } else { Verdict::Stranger };
        }
        if from == self.named {
            self.locked = Some(from);
            return Verdict::Locked;
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

    fn addr(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn the_named_address_locks_at_once_and_for_good() {
        let mut source = Source::new(addr(1));
        assert_eq!(source.judge(addr(2), 5, 1), Verdict::Stranger);
        assert_eq!(source.judge(addr(1), 7, 9), Verdict::Locked);
        for sequence in 2..50 {
            assert_eq!(source.judge(addr(2), 5, sequence), Verdict::Stranger);
        }
        assert_eq!(source.judge(addr(1), 8, 1), Verdict::Accepted);
        assert_eq!(source.target(), addr(1));
    }

    #[test]
    fn another_address_has_to_prove_itself() {
        let mut source = Source::new(addr(1));
        let verdicts: Vec<Verdict> = (10..15).map(|sequence| source.judge(addr(2), 5, sequence)).collect();
        assert_eq!(verdicts[4], Verdict::Locked);
        assert!(verdicts[..4].iter().all(|verdict| *verdict == Verdict::Stranger));
        assert_eq!(source.judge(addr(1), 7, 9), Verdict::Stranger, "the named address came too late");
        assert_eq!(source.target(), addr(2));
    }

    #[test]
    fn packets_at_random_lock_nothing() {
        let mut source = Source::new(addr(1));
        for i in 0..1000_u16 {
            assert_eq!(source.judge(addr(2 + i % 3), 5, i.wrapping_mul(977)), Verdict::Stranger);
        }
        assert_eq!(source.judge(addr(1), 7, 9), Verdict::Locked);
    }

    #[test]
    fn a_new_description_moves_the_source() {
        let mut source = Source::new(addr(1));
        source.judge(addr(1), 7, 9);
        assert!(!source.rename(addr(1)));
        assert!(!source.rename("0.0.0.0:1".parse().unwrap()));
        assert!(source.is_locked());
        assert!(source.rename(addr(3)));
        assert_eq!(source.judge(addr(1), 7, 10), Verdict::Stranger);
        assert_eq!(source.judge(addr(3), 7, 10), Verdict::Locked);
    }
}
