//! One source's packets counted through, RFC 3711 §3.3.1: sequence numbers run over, the count does not; and which of
//! the last came already, §3.3.2. Pure.

/// Packets that may come late. RFC 3711 §3.3.2 wants 64 at least.
const WINDOW: u64 = 128;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    pub ssrc: u32,
    highest: u64,
    /// Bit n: the packet n before the highest came.
    came: u128,
}

impl Count {
    /// With its first packet, which came.
    pub fn begin(ssrc: u32, index: u64) -> Self {
        Self { ssrc, highest: index, came: 1 }
    }

    /// How often the sequence numbers ran over.
    pub fn rollovers(&self) -> u32 {
        (self.highest >> 16) as u32
    }

    /// The index of a packet with this number, RFC 3711 appendix A. `None`: it is from before the first.
    pub fn index(&self, sequence: u16) -> Option<u64> {
        let (rollovers, last) = (self.highest >> 16, self.highest as u16);
        let rollovers = if last < 0x8000 {
            rollovers.checked_sub(u64::from(sequence.saturating_sub(last) > 0x8000))?
        } else {
            rollovers + u64::from(last - 0x8000 > sequence)
        };
        Some(rollovers << 16 | u64::from(sequence))
    }

    /// Whether it has not come yet, as far as that is known: what is too old to know counts as come.
    pub fn is_new(&self, index: u64) -> bool {
        match self.highest.checked_sub(index) {
            None => true,
            Some(behind) => behind < WINDOW && self.came >> behind & 1 == 0,
        }
    }

    pub fn came(&mut self, index: u64) {
        if index > self.highest {
            let ahead = index - self.highest;
            self.came = if ahead < WINDOW { self.came << ahead } else { 0 };
            self.highest = index;
        }
        if let Some(behind) = self.highest.checked_sub(index).filter(|behind| *behind < WINDOW) {
            self.came |= 1 << behind;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_run_over_and_the_count_does_not() {
        let table = [
            ("the next", 5, 6, Some(6)),
            ("a late one", 500, 400, Some(400)),
            ("over the end", 0xFFFF, 0, Some(0x1_0000)),
            ("late, from before the end", 0x1_0003, 0xFFFE, Some(0xFFFE)),
            ("from before the first", 3, 0xFFFE, None),
            ("half way on", 0x7FFF, 0xFFFF, Some(0xFFFF)),
            ("twice over", 0x2_FFF0, 7, Some(0x3_0007)),
        ];
        for (name, highest, sequence, index) in table {
            assert_eq!(Count::begin(1, highest).index(sequence), index, "{name}");
        }
    }

    #[test]
    fn each_packet_comes_once() {
        let mut count = Count::begin(1, 1000);
        assert!(!count.is_new(1000));
        for index in [1001, 1005, 1003, 1130] {
            assert!(count.is_new(index), "{index}");
            count.came(index);
            assert!(!count.is_new(index), "{index} again");
        }
        assert!(count.is_new(1004) && count.is_new(1129));
        assert!(!count.is_new(1002), "too old to know");
        count.came(5000);
        assert!(!count.is_new(1130) && count.is_new(4999) && !count.is_new(4000));
        assert_eq!(Count::begin(1, 0x3_0001).rollovers(), 3);
    }
}
