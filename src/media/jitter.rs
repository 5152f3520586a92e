//! What one leg says, put into the order of its RTP clock, for a listener who takes 20 ms at a time. Pure; nothing
//! is allocated but the buffer itself.
//!
//! How long sound waits is as the network is: at first [`BEGIN`], longer by what came too late, never longer than
//! [`MOST`] or the longest packets need; and shorter again, down to [`LEAST`], where for [`CALM`] nothing came as late as it could have. What is
//! missing is made up for.

use super::concealment::Concealment;
use super::g711::{self, FRAME};
use super::words::Codec;

/// How long sound waits before it is taken, so that packets which come a little late or out of order find their place.
const BEGIN: u32 = 2 * FRAME as u32;
/// Packets come within less than 20 ms of their time on any network.
const LEAST: u32 = FRAME as u32;
/// More than this is delay that nobody needs: a burst, or a clock that runs faster than ours. It is cut to [`BEGIN`].
const MOST: u32 = 6 * FRAME as u32;
/// Frames that are taken in ten seconds.
const CALM: u32 = 500;
/// Samples there is room for, 256 ms. A power of two: places do not jump where RTP timestamps run over.
const ROOM: usize = 2048;
/// Frames that are remembered so that what comes too late is not taken for what comes twice.
const LACKED: usize = 8;
/// In a place where nothing came: no sample is this.
const NOTHING: i16 = i16::MIN;

pub struct Jitter {
    samples: Box<[i16; ROOM]>,
    window: Option<Window>,
    /// Frames to wait, because something came too late.
    wait: u32,
    /// Frames that were taken and lacked something, by the times of their first samples.
    lacked: [Option<u32>; LACKED],
    /// How long before it was needed each packet came, at least, while so many frames were taken.
    spare: u32,
    calm: u32,
    concealment: Concealment,
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

/// What 20 ms are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    Sound,
    /// Some of it was made up for.
    MadeUp,
    /// Nothing has come for long.
    Silence,
}

impl Window {
    fn held(&self) -> u32 {
        self.end.wrapping_sub(self.next)
    }
}

impl Jitter {
    pub fn new() -> Self {
        Self {
            samples: Box::new([NOTHING; ROOM]),
            window: None,
            wait: 0,
            lacked: [None; LACKED],
            spare: u32::MAX,
            calm: 0,
            concealment: Concealment::new(1),
        }
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
            self.samples.fill(NOTHING);
            let next = timestamp.wrapping_sub(BEGIN);
            // The delay is silence, which nobody missed.
            (0..BEGIN).for_each(|sample| self.samples[next.wrapping_add(sample) as usize % ROOM] = 0);
            Window { ssrc, next, end: next }
        });
        let late = window.next.wrapping_sub(timestamp);
        let lacked = |from: &Option<u32>| {
            from.is_some_and(|from| {
                (end.wrapping_sub(from) as i32) > 0 && (timestamp.wrapping_sub(from) as i32) < FRAME as i32
            })
        };
        if let Some(place) = self.lacked.iter().position(lacked)
            && late <= MOST
        {
            // What comes as late as this from now on is in time.
            self.lacked[place] = None;
            let most = MOST.saturating_sub(window.held()) / FRAME as u32;
            self.wait = self.wait.max(late.div_ceil(FRAME as u32).min(most));
        }
        let ahead = timestamp.wrapping_sub(window.next);
        if (ahead as i32) >= 0 {
            self.spare = self.spare.min(ahead);
        }
        for (sample, byte) in (0..length).zip(payload) {
            let at = timestamp.wrapping_add(sample);
            if at.wrapping_sub(window.next) < ROOM as u32 {
                self.samples[at as usize % ROOM] = g711::to_linear(codec, *byte);
            }
        }
        if (end.wrapping_sub(window.end) as i32) > 0 {
            window.end = end;
        }
        // The longest packets of Opus are as long as that alone.
        if window.held() > MOST.max(length + BEGIN) {
            self.skip(&mut window, BEGIN);
        }
        self.window = Some(window);
    }

    /// 20 ms that need not wait any more; `false`: not so much is left.
    pub fn take_rest(&mut self, frame: &mut [i16; FRAME]) -> bool {
        self.wait = 0;
        let is_left = self.window.is_some_and(|window| window.held() >= FRAME as u32);
        is_left && self.take(frame) != Taken::Silence
    }

    /// The next 20 ms. Where nothing has come yet it is waited for.
    pub fn take(&mut self, frame: &mut [i16; FRAME]) -> Taken {
        let waits = self.wait > 0;
        let Some(mut window) = self.window.filter(|window| !waits && window.held() >= FRAME as u32) else {
            self.wait = self.wait.saturating_sub(1);
            (self.spare, self.calm) = (u32::MAX, 0);
            return if self.concealment.make_up(frame) { Taken::MadeUp } else { Taken::Silence };
        };
        self.shorten(&mut window);
        for sample in frame.iter_mut() {
            *sample = std::mem::replace(&mut self.samples[window.next as usize % ROOM], NOTHING);
            window.next = window.next.wrapping_add(1);
        }
        self.window = Some(window);
        if frame.contains(&NOTHING) {
            self.lacked.rotate_right(1);
            self.lacked[0] = Some(window.next.wrapping_sub(FRAME as u32));
        }
        let mut taken = Taken::Sound;
        for part in frame.chunk_by_mut(|a, b| (*a == NOTHING) == (*b == NOTHING)) {
            if part[0] == NOTHING {
                taken = Taken::MadeUp;
                self.concealment.make_up(part);
            } else {
                self.concealment.heard(part);
            }
        }
        taken
    }

    /// Once in a calm time: a frame that was to spare all along is left out.
    fn shorten(&mut self, window: &mut Window) {
        self.calm += 1;
        if self.calm < CALM {
            return;
        }
        let held = window.held();
        if self.spare > LEAST && held > FRAME as u32 {
            self.skip(window, held - FRAME as u32);
        }
        (self.spare, self.calm) = (u32::MAX, 0);
    }

    /// Only so much is kept.
    fn skip(&mut self, window: &mut Window, keep: u32) {
        let keep = window.end.wrapping_sub(keep);
        while window.next != keep {
            self.samples[window.next as usize % ROOM] = NOTHING;
            window.next = window.next.wrapping_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets of 20 ms with the given numbers, each full of its number; `t` takes 20 ms. What was taken, where 0 is
    /// silence, `~` was made up, and `-` is that nothing had come.
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
                    told.push(match there {
                        Taken::Sound => number.to_string(),
                        Taken::MadeUp => "~".into(),
                        Taken::Silence => "-".into(),
                    });
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
            ("one is lost", "1 t 2 t 4 t 5 t t t", "0 0 1 2 ~ 4"),
            ("one comes twice", "1 1 t 2 2 t 3 t 2 t", "0 0 1 2"),
            ("too late: from then on more is waited", "1 t 3 t 4 t 5 t 2 6 t 7 t 9 t 10 t 8 t", "0 0 1 ~ ~ 3 4 5 6"),
            ("what comes twice late is not waited for", "1 t 2 t 3 t 4 t 1 5 t 6 t", "0 0 1 2 3 4"),
            ("a pause is waited out", "1 t t t t t t t 2 t 3 t", "0 0 1 ~ ~ ~ - 2 3"),
            ("a pause of silence suppression", "1 t t t t 60 t t t", "0 0 1 ~ 0 0 60"),
            ("a burst is cut", "1 2 3 4 5 6 7 8 9 t t t", "4 5 6"),
            ("a new source begins at once", "1 t 2 t 40/2 t t t", "0 0 0 0 40"),
        ];
        for (name, story, told) in table {
            assert_eq!(check(story), told, "{name}: {story}");
        }
    }

    /// On a network that delays each packet by what `delay` says, in milliseconds: frames of which something was made up,
    /// and how many milliseconds the last packets waited.
    fn over(packets: u32, delay: impl Fn(u32) -> Option<u32>) -> (usize, u32) {
        let mut arriving: Vec<(u32, u32)> = (0..packets).filter_map(|n| Some((n * 20 + 3 + delay(n)?, n))).collect();
        arriving.sort();
        let mut arriving = arriving.into_iter().peekable();
        let (mut jitter, mut frame, mut made_up) = (Jitter::new(), [0; FRAME], 0);
        for tick in 1..=packets {
            while let Some((_, n)) = arriving.next_if(|(at, _)| *at <= tick * 20) {
                jitter.put(1, n * FRAME as u32, Codec::Pcma, &[0x90; FRAME]);
            }
            made_up += usize::from(jitter.take(&mut frame) != Taken::Sound);
            assert!(jitter.window.is_none_or(|window| window.held() <= MOST));
        }
        let waits = jitter.window.map_or(0, |window| (packets * FRAME as u32).wrapping_sub(window.next));
        (made_up, waits / 8)
    }

    type Delay<'a> = &'a dyn Fn(u32) -> Option<u32>;

    #[test]
    fn the_delay_is_as_long_as_the_network_needs_and_no_longer() {
        let table: [(&str, Delay<'_>, usize, std::ops::RangeInclusive<u32>); 6] = [
            ("nothing is late", &|_| Some(0), 0, 20..=40),
            ("each up to 30 ms late", &|n| Some(n * 7 % 31), 3, 20..=60),
            ("one in ten 70 ms late", &|n| Some(if n % 10 == 7 { 70 } else { 0 }), 5, 60..=80),
            ("late at first, and then calm", &|n| Some(if n < 200 && n % 10 == 7 { 70 } else { 0 }), 5, 20..=60),
            ("one in twenty is lost", &|n| (n % 20 != 3).then_some(0), 150, 20..=40),
            ("worse than can be waited for", &|n| Some(n * 77 % 500), 100, 0..=620),
        ];
        for (name, delay, most, waits) in table {
            let (made_up, waited) = over(3_000, delay);
            assert!(made_up <= most && waits.contains(&waited), "{name}: {made_up} made up, {waited} ms");
        }
    }

    #[test]
    fn packets_of_any_length_are_taken() {
        for length in [80, 160, 240, 480, 960] {
            let mut jitter = Jitter::new();
            let mut frame = [0; FRAME];
            let (mut taken, mut timestamp, mut silent) = (0, 1_000_u32, 0);
            for step in 0..400_u32 {
                while timestamp.wrapping_sub(1_000) <= step * FRAME as u32 {
                    jitter.put(7, timestamp, Codec::Pcmu, &vec![0x90; length]);
                    timestamp = timestamp.wrapping_add(length as u32);
                }
                taken += usize::from(jitter.take(&mut frame) != Taken::Silence);
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
