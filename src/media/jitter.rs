//! What one leg says, put into the order of its RTP clock, for a listener who takes 20 ms at a time. Pure; nothing
//! is allocated but the buffer itself.

use super::g711::{self, FRAME};
use super::words::Codec;

/// How long sound waits before it is taken, so that packets which come a little late or out of order find their place.
const DEPTH: u32 = 2 * FRAME as u32;
/// More than this is delay that nobody needs: a burst, or a clock that runs faster than ours. It is cut to `DEPTH`.
const MOST: u32 = 6 * FRAME as u32;
/// Samples there is room for, 256 ms. A power of two: places do not jump where RTP timestamps run over.
const ROOM: usize = 2048;

pub struct Jitter {
    samples: Box<[i16; ROOM]>,
    window: Option<Window>,
}

/// What of the source's time is held, as RTP timestamps.
#[derive(Clone, Copy)]
struct Window {
    ssrc: u32,
    /// The next sample that is taken.
    next: u32,
    /// Behind the last sample that has come.
    end: u32,
}

impl Window {
    fn held(&self) -> u32 {
        self.end.wrapping_sub(self.next)
    }
}

impl Jitter {
    pub fn new() -> Self {
        Self { samples: Box::new([0; ROOM]), window: None }
    }

    /// One packet of sound.
    pub fn put(&mut self, ssrc: u32, timestamp: u32, codec: Codec, payload: &[u8]) {
        let length = payload.len().min(ROOM / 2) as u32;
        let end = timestamp.wrapping_add(length);
        // Before what was taken already, or further ahead than anybody's packets: the source began anew.
        let near = |window: &Window| {
            let ahead = end.wrapping_sub(window.next) as i32;
            window.ssrc == ssrc && ahead > -(ROOM as i32) && ahead <= ROOM as i32
        };
        let mut window = self.window.filter(near).unwrap_or_else(|| {
            self.samples.fill(0);
            let next = timestamp.wrapping_sub(DEPTH);
            Window { ssrc, next, end: next }
        });
        for (sample, byte) in (0..length).zip(payload) {
            let at = timestamp.wrapping_add(sample);
            if at.wrapping_sub(window.next) < ROOM as u32 {
                self.samples[at as usize % ROOM] = g711::to_linear(codec, *byte);
            }
        }
        if (end.wrapping_sub(window.end) as i32) > 0 {
            window.end = end;
        }
        if window.held() > MOST {
            let keep = window.end.wrapping_sub(DEPTH);
            while window.next != keep {
                self.samples[window.next as usize % ROOM] = 0;
                window.next = window.next.wrapping_add(1);
            }
        }
        self.window = Some(window);
    }

    /// The next 20 ms; `false`, and silence, where nothing has come yet: it is waited for.
    pub fn take(&mut self, frame: &mut [i16; FRAME]) -> bool {
        let Some(window) = self.window.as_mut().filter(|window| window.held() >= FRAME as u32) else {
            frame.fill(0);
            return false;
        };
        for sample in frame {
            *sample = std::mem::take(&mut self.samples[window.next as usize % ROOM]);
            window.next = window.next.wrapping_add(1);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets of 20 ms with the given numbers, each full of its number; `t` takes 20 ms. What was taken, where 0 is
    /// silence and `-` is that nothing had come.
    fn check(story: &str) -> String {
        let mut jitter = Jitter::new();
        let mut told = Vec::new();
        for step in story.split_whitespace() {
            match step.strip_prefix('t') {
                Some(_) => {
                    let mut frame = [0; FRAME];
                    let there = jitter.take(&mut frame);
                    let byte = g711::linear_to_pcma(frame[80]);
                    let number = if frame[80] == 0 { 0 } else { i32::from(byte) - 0x80 };
                    told.push(if there { number.to_string() } else { "-".into() });
                }
                None => {
                    let (number, ssrc) = step.split_once('/').unwrap_or((step, "1"));
                    let number: u8 = number.parse().unwrap();
                    // Timestamps run over after the third packet.
                    let timestamp = (u32::from(number) * FRAME as u32).wrapping_sub(4 * FRAME as u32);
                    jitter.put(ssrc.parse().unwrap(), timestamp, Codec::Pcma, &[0x80 + number; FRAME]);
                }
            }
        }
        told.join(" ")
    }

    #[test]
    fn sound_comes_in_the_order_of_its_clock_after_a_short_delay() {
        let table = [
            ("nothing has come", "t t", "- -"),
            ("a delay of two frames", "1 t 2 t 3 t 4 t 5 t", "0 0 1 2 3"),
            ("out of order, over the end of the clock", "1 t 3 t 2 t 5 t 4 t t", "0 0 1 2 3 4"),
            ("one is lost", "1 t 2 t 4 t 5 t t t", "0 0 1 2 0 4"),
            ("one comes twice", "1 1 t 2 2 t 3 t 2 t", "0 0 1 2"),
            ("too late is no use, and does no harm", "1 t 3 t 4 t 5 t 2 6 t", "0 0 1 0 3"),
            ("a pause is waited out", "1 t t t t t 2 t 3 t", "0 0 1 - - 2 3"),
            ("a pause of silence suppression", "1 t t t t 60 t t t", "0 0 1 - 0 0 60"),
            ("a burst is cut", "1 2 3 4 5 6 7 8 9 t t t", "4 5 6"),
            ("a new source begins at once", "1 t 2 t 40/2 t t t", "0 0 0 0 40"),
        ];
        for (name, story, told) in table {
            assert_eq!(check(story), told, "{name}: {story}");
        }
    }

    #[test]
    fn packets_of_any_length_are_taken() {
        for length in [80, 160, 240, 480] {
            let mut jitter = Jitter::new();
            let mut frame = [0; FRAME];
            let (mut taken, mut timestamp, mut silent) = (0, 1_000_u32, 0);
            for step in 0..400_u32 {
                while timestamp.wrapping_sub(1_000) <= step * FRAME as u32 {
                    jitter.put(7, timestamp, Codec::Pcmu, &vec![0x90; length]);
                    timestamp = timestamp.wrapping_add(length as u32);
                }
                taken += usize::from(jitter.take(&mut frame));
                silent += frame.iter().filter(|sample| **sample == 0).count();
            }
            assert!(taken >= 395, "{taken} of {length}");
            // The delay at the beginning, and what the longest packets cost until there is enough of it.
            assert!(silent <= 6 * FRAME, "{silent} of {length}");
        }
    }

    #[test]
    fn whatever_comes_nothing_breaks() {
        use rand::{Rng, SeedableRng};
        let mut rng = rand::rngs::StdRng::seed_from_u64(20);
        let mut jitter = Jitter::new();
        for _ in 0..20_000 {
            let length = rng.random_range(0..2000);
            jitter.put(rng.random_range(0..3), rng.random(), Codec::Pcma, &vec![rng.random(); length]);
            jitter.take(&mut [0; FRAME]);
        }
    }
}
