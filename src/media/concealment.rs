//! Sound in place of what was lost: the last of it goes on, its pitch repeated, and fades out. Pure.
//!
//! After ITU-T G.711 Appendix I, without its delay: voices go on as they were for some hundredths of a second, so that a
//! packet which is lost is hardly heard; what is lost for longer than [`FADE`] is silence.

use super::g711::FRAME;

/// Samples that are remembered, as all here at 8 kHz: two of the longest pitch.
const MEMORY: usize = 2 * LONGEST_PITCH + MATCH;
/// Pitches of voices, 66 to 200 Hz, as samples at 8 kHz.
const LONGEST_PITCH: usize = 120;
const SHORTEST_PITCH: usize = 40;
/// Samples that are compared.
const MATCH: usize = 120;
/// Samples until nothing is left: 60 ms.
pub const FADE: usize = 3 * FRAME;
/// Samples in which what comes again takes over: 4 ms.
const BLEND: usize = 32;

pub struct Concealment {
    /// Samples for one at 8 kHz.
    scale: usize,
    /// What was heard last, the newest at the end.
    memory: Box<[i16]>,
    /// Samples that were made up since.
    made_up: usize,
    pitch: usize,
}

impl Concealment {
    /// `scale`: samples for one at 8 kHz.
    pub fn new(scale: usize) -> Self {
        Self { scale, memory: vec![0; MEMORY * scale].into(), made_up: 0, pitch: SHORTEST_PITCH * scale }
    }

    /// This is heard; after what was made up it begins softly.
    pub fn heard(&mut self, samples: &mut [i16]) {
        if self.made_up > 0 {
            let blend = BLEND * self.scale;
            let length = blend.min(samples.len());
            for (n, sample) in samples[..length].iter_mut().enumerate() {
                let (theirs, ours) = (i32::from(*sample) * (n + 1) as i32, self.next() * (blend - n - 1) as i32);
                *sample = ((theirs + ours) / blend as i32) as i16;
            }
            self.made_up = 0;
        }
        let memory = self.memory.len();
        if samples.len() >= memory {
            self.memory.copy_from_slice(&samples[samples.len() - memory..]);
        } else {
            self.memory.copy_within(samples.len().., 0);
            self.memory[memory - samples.len()..].copy_from_slice(samples);
        }
    }

    /// Nothing came; `false`: there is nothing left to go on with, and this is silence.
    pub fn make_up(&mut self, samples: &mut [i16]) -> bool {
        if self.made_up == 0 {
            self.pitch = self.find_pitch();
        }
        let has = self.made_up < self.fade() && self.memory.iter().any(|sample| *sample != 0);
        samples.iter_mut().for_each(|sample| *sample = self.next() as i16);
        has
    }

    /// The next sample of what goes on.
    fn next(&mut self) -> i32 {
        let left = self.fade().saturating_sub(self.made_up) as i32;
        let sample = self.memory[self.memory.len() - self.pitch + self.made_up % self.pitch];
        self.made_up += 1;
        i32::from(sample) * left / self.fade() as i32
    }

    fn fade(&self) -> usize {
        FADE * self.scale
    }

    /// How far back the same is found once more.
    fn find_pitch(&self) -> usize {
        let end = self.memory.len();
        let begin = end - MATCH * self.scale;
        let now = &self.memory[begin..];
        let alike = |back: usize| {
            let then = &self.memory[begin - back..end - back];
            let product = |(a, b): (&i16, &i16)| f32::from(*a) * f32::from(*b);
            let energy: f32 = then.iter().map(|sample| f32::from(*sample).powi(2)).sum();
            now.iter().zip(then).map(product).sum::<f32>() / energy.max(1.0).sqrt()
        };
        let [shortest, longest] = [SHORTEST_PITCH, LONGEST_PITCH].map(|pitch| pitch * self.scale);
        (shortest..=longest).max_by(|a, b| alike(*a).total_cmp(&alike(*b))).unwrap_or(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(from: usize, length: usize) -> Vec<i16> {
        tone_at(1, from, length)
    }

    fn tone_at(scale: usize, from: usize, length: usize) -> Vec<i16> {
        let wave =
            |n: usize| ((n as f64 * 200.0 / (8_000.0 * scale as f64) * std::f64::consts::TAU).sin() * 8_000.0) as i16;
        (from..from + length).map(wave).collect()
    }

    #[test]
    fn a_voice_goes_on_and_fades() {
        for scale in [1, 2] {
            goes_on_and_fades(scale);
        }
    }

    fn goes_on_and_fades(scale: usize) {
        let frame = FRAME * scale;
        let mut concealment = Concealment::new(scale);
        for n in 0..5 {
            concealment.heard(&mut tone_at(scale, n * frame, frame));
        }
        let mut lost = vec![0; frame];
        assert!(concealment.make_up(&mut lost));
        let would_be = tone_at(scale, 5 * frame, frame);
        for (n, (made, wanted)) in lost.iter().zip(&would_be).enumerate() {
            let wanted = f64::from(*wanted) * (1.0 - n as f64 / (FADE * scale) as f64);
            assert!((f64::from(*made) - wanted).abs() < 600.0, "{made} at {n}, wanted {wanted}");
        }
        // What comes again joins without a jump.
        let mut next = tone_at(scale, 6 * frame, frame);
        concealment.heard(&mut next);
        let jump = lost
            .iter()
            .chain(&next)
            .collect::<Vec<_>>()
            .windows(2)
            .map(|p| (i32::from(*p[1]) - i32::from(*p[0])).abs())
            .max();
        assert!(jump < Some(2_000), "{jump:?}");
        assert_eq!(next[BLEND * scale..], tone_at(scale, 6 * frame, frame)[BLEND * scale..]);
    }

    #[test]
    fn after_a_while_it_is_silent_and_from_nothing_comes_nothing() {
        let mut concealment = Concealment::new(1);
        let mut frame = [7; FRAME];
        assert!(!concealment.make_up(&mut frame));
        assert_eq!(frame, [0; FRAME]);
        concealment.heard(&mut tone(0, 4 * FRAME));
        let made: Vec<bool> = (0..5).map(|_| concealment.make_up(&mut frame)).collect();
        assert_eq!(made, [true, true, true, false, false]);
        assert_eq!(frame, [0; FRAME]);
    }
}
