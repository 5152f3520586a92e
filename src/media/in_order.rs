//! Packets in the order they were sent, for whoever decodes them. Pure; nothing is allocated but the room at the
//! beginning.
//!
//! What comes in order is handed on at once: whoever hears it in the end has a buffer of his own, and delay is added only
//! where one is missing. Then the following wait for it, as many as late ones have lately needed: [`LEAST`] where nothing
//! was late, up to [`MOST`], and one less after each [`CALM`] packets.

/// Packets that wait for one that is missing: neighbours that changed places find their order.
pub const LEAST: u16 = 1;
/// A tenth of a second of the usual packets: what is later than that is no use in a talk.
pub const MOST: u16 = 5;
/// Packets after which less is waited: ten seconds.
const CALM: u16 = 500;
/// Room for packets; more than ever wait.
const ROOM: u16 = 8;
/// The longest packet that waits: 120 ms of G.722, and more than Opus ever has.
pub const LONGEST: usize = 1_280;
/// What comes so much too late began anew.
const LATE: u16 = 200;
/// Of how many packets it is remembered that they were given up.
const REMEMBERED: u32 = u64::BITS;

pub struct InOrder<H> {
    /// The source, and what comes next of it.
    next: Option<(u32, u16)>,
    places: Box<[Option<Packet<H>>; ROOM as usize]>,
    waiting: u16,
    patience: u16,
    /// Packets since one was late.
    calm: u16,
    /// Which of those before `next` were given up, the last lowest.
    given_up: u64,
}

struct Packet<H> {
    head: H,
    length: usize,
    bytes: [u8; LONGEST],
}

impl<H: Copy> InOrder<H> {
    pub fn new() -> Self {
        let places = Box::new(std::array::from_fn(|_| None));
        Self { next: None, places, waiting: 0, patience: LEAST, calm: 0, given_up: 0 }
    }

    /// One packet has come; `out` is given those whose turn it is, with the number that each was sent with. What is
    /// double, or too late, is not among them.
    pub fn put(&mut self, source: u32, sequence: u16, head: H, bytes: &[u8], out: &mut dyn FnMut(u16, H, &[u8])) {
        let next = match self.next {
            Some((same, next)) if same == source => next,
            _ => self.begin(source, sequence),
        };
        let behind = next.wrapping_sub(sequence);
        if (1..LATE).contains(&behind) {
            return self.late(u32::from(behind) - 1, next, sequence);
        }
        let mut ahead = sequence.wrapping_sub(next);
        if ahead >= 0x8000 {
            self.begin(source, sequence);
            ahead = 0;
        }
        self.calm += 1;
        if self.calm >= CALM {
            (self.calm, self.patience) = (0, (self.patience - 1).max(LEAST));
        }
        // Nothing waits, and it is the next: it need not be copied.
        if ahead == 0 && self.waiting == 0 {
            self.step(true);
            return out(sequence, head, bytes);
        }
        while ahead >= ROOM {
            if self.waiting == 0 {
                self.skip_to(sequence);
                break;
            }
            self.give(out);
            ahead = self.next.map_or(0, |(_, next)| sequence.wrapping_sub(next));
        }
        let place = &mut self.places[usize::from(sequence % ROOM)];
        if place.is_none() {
            let length = bytes.len().min(LONGEST);
            let mut packet = Packet { head, length, bytes: [0; LONGEST] };
            packet.bytes[..length].copy_from_slice(&bytes[..length]);
            *place = Some(packet);
            self.waiting += 1;
        }
        while self.waiting > 0 && (self.is_there() || self.waiting > self.patience) {
            self.give(out);
        }
    }

    /// How many packets wait for a missing one at most, as of now.
    #[cfg(test)]
    pub fn patience(&self) -> u16 {
        self.patience
    }

    fn begin(&mut self, source: u32, sequence: u16) -> u16 {
        self.places.fill_with(|| None);
        (self.next, self.waiting, self.given_up) = (Some((source, sequence)), 0, 0);
        sequence
    }

    /// One that was waited for too short a time: the next such is waited for longer.
    fn late(&mut self, back: u32, next: u16, sequence: u16) {
        if back >= REMEMBERED || self.given_up >> back & 1 == 0 {
            return;
        }
        self.given_up &= !(1 << back);
        let newest = (0..ROOM).rev().find(|ahead| self.places[usize::from(next.wrapping_add(*ahead) % ROOM)].is_some());
        let newest = next.wrapping_add(newest.map_or(0, |ahead| ahead + 1));
        let needed = newest.wrapping_sub(sequence).saturating_sub(1);
        (self.calm, self.patience) = (0, self.patience.max(needed.min(MOST)));
    }

    fn is_there(&self) -> bool {
        self.next.is_some_and(|(_, next)| self.places[usize::from(next % ROOM)].is_some())
    }

    /// The next that is there; those before it are given up.
    fn give(&mut self, out: &mut dyn FnMut(u16, H, &[u8])) {
        while let Some((_, next)) = self.next {
            let packet = self.places[usize::from(next % ROOM)].take();
            self.step(packet.is_some());
            if let Some(packet) = packet {
                self.waiting -= 1;
                return out(next, packet.head, &packet.bytes[..packet.length]);
            }
        }
    }

    fn step(&mut self, there: bool) {
        if let Some((_, next)) = &mut self.next {
            *next = next.wrapping_add(1);
        }
        self.given_up = self.given_up << 1 | u64::from(!there);
    }

    fn skip_to(&mut self, sequence: u16) {
        if let Some((_, next)) = &mut self.next {
            *next = sequence;
        }
        self.given_up = u64::MAX;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets by their numbers, counted from just before numbers run over; `7/2` is of another source.
    fn check(story: &str) -> (String, u16) {
        let mut order = InOrder::new();
        let mut told = Vec::new();
        for step in story.split_whitespace() {
            let (number, source) = step.split_once('/').unwrap_or((step, "1"));
            let number: u16 = number.parse().unwrap();
            let sequence = number.wrapping_sub(4);
            order.put(source.parse().unwrap(), sequence, number, &[number as u8], &mut |at, number, bytes| {
                assert_eq!((at, bytes), (number.wrapping_sub(4), &[number as u8][..]));
                told.push(number.to_string());
            });
        }
        (told.join(" "), order.patience())
    }

    #[test]
    fn packets_come_out_in_the_order_they_were_sent() {
        let table = [
            ("in order, at once", "1 2 3 4 5 6", "1 2 3 4 5 6", 1),
            ("neighbours change places", "1 3 2 4 6 5 7", "1 2 3 4 5 6 7", 1),
            ("one is lost", "1 2 4 5 6", "1 2 4 5 6", 1),
            ("the one after it waits for one more", "1 2 4", "1 2", 1),
            ("one comes twice", "1 1 2 2 4 4 3 3 5", "1 2 3 4 5", 1),
            ("one is too late: from then on more is waited", "1 3 4 5 2 6 8 9 10 7 11", "1 3 4 5 6 7 8 9 10 11", 3),
            ("much too late is not waited for", "1 3 4 5 6 7 8 9 10 11 2 12", "1 3 4 5 6 7 8 9 10 11 12", 5),
            ("a long gap", "1 2 60 61 62", "1 2 60 61 62", 1),
            ("a long gap while one waits", "1 2 4 60 61", "1 2 4 60 61", 1),
            ("another source", "1 2 4 90/2 91/2", "1 2 90 91", 1),
            ("a source that begins anew", "1000 1001 3 4 5", "1000 1001 3 4 5", 1),
        ];
        for (name, story, told, patience) in table {
            assert_eq!(check(story), (told.to_string(), patience), "{name}: {story}");
        }
    }

    #[test]
    fn after_a_calm_time_less_is_waited_for() {
        let mut order = InOrder::new();
        let put = |order: &mut InOrder<()>, numbers: &mut dyn Iterator<Item = u16>| {
            numbers.for_each(|number| order.put(1, number, (), &[1], &mut |_, (), _| {}));
        };
        put(&mut order, &mut [1, 3, 4, 5, 6, 2].into_iter());
        assert_eq!(order.patience(), 4);
        put(&mut order, &mut (7..7 + 2 * CALM));
        assert_eq!(order.patience(), 2);
        put(&mut order, &mut (7 + 2 * CALM..7 + 9 * CALM));
        assert_eq!(order.patience(), LEAST);
    }

    #[test]
    fn on_a_bad_network_order_holds_and_little_is_lost() {
        use rand::{Rng, SeedableRng};
        for seed in 0..20 {
            let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
            // One in fifty is lost, one in fifty doubled, one in ten up to 60 ms late.
            let mut sent: Vec<(u64, u16)> = Vec::new();
            let mut lost = 0;
            for number in 0..5_000_u16 {
                if rng.random_ratio(1, 50) {
                    lost += 1;
                    continue;
                }
                let delay = if rng.random_ratio(1, 10) { rng.random_range(0..60) } else { 0 };
                sent.push((u64::from(number) * 20 + delay, number.wrapping_add(63_000)));
                if rng.random_ratio(1, 50) {
                    sent.push((u64::from(number) * 20 + 15, number.wrapping_add(63_000)));
                }
            }
            sent.sort();
            let (mut order, mut told) = (InOrder::new(), Vec::new());
            for (_, sequence) in sent {
                order.put(7, sequence, (), &[0; 160], &mut |at, (), _| told.push(at.wrapping_sub(63_000)));
            }
            assert!(told.windows(2).all(|pair| pair[0] < pair[1]), "seed {seed}");
            assert!(told.len() + lost + 25 >= 5_000, "seed {seed}: {} came, {lost} were lost", told.len());
        }
    }

    #[test]
    fn whatever_comes_nothing_breaks() {
        use rand::{Rng, SeedableRng};
        let mut rng = rand::rngs::StdRng::seed_from_u64(77);
        let mut order = InOrder::new();
        for _ in 0..50_000 {
            let sequence = if rng.random_ratio(1, 3) { rng.random() } else { rng.random_range(0..40) };
            let length = rng.random_range(0..2 * LONGEST);
            order.put(rng.random_range(0..2), sequence, (), &vec![1; length], &mut |_, (), bytes| {
                assert!(bytes.len() <= 2 * LONGEST);
            });
        }
    }
}
