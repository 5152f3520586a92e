//! The tone in everybody's voice, by which it is heard beneath an announcement: that changes the mark of a packet, and
//! leaves the tone.

use std::f32::consts::TAU;
use std::sync::LazyLock;

use crate::media::{Codec, g711};

/// Samples of a packet.
pub const FRAME: usize = 160;
const RATE: f32 = 8_000.0;
/// Announcements have little there. Whole waves fit into a packet, so that it goes on from one to the next.
const HERTZ: f32 = 3_000.0;
/// Where speech has about as much as at the tone's place.
const BESIDE: [f32; 2] = [2_650.0, 3_350.0];
const AMPLITUDE: f32 = 8_000.0;
/// No announcement is so loud in so narrow a band.
const LEAST: f32 = AMPLITUDE / 2.0;
/// How much stronger it is than what is beside it, in power.
const STANDS_OUT: f32 = 10.0;

/// A packet of it, in A-law.
pub static TONE: LazyLock<[u8; FRAME]> = LazyLock::new(|| {
    std::array::from_fn(|n| g711::of_linear(Codec::Pcma, (AMPLITUDE * (TAU * HERTZ * n as f32 / RATE).sin()) as i16))
});

/// Whether it is in this sound, in A-law.
pub fn is_in(sound: &[u8]) -> bool {
    let samples: Vec<f32> = sound.iter().map(|byte| f32::from(g711::to_linear(Codec::Pcma, *byte))).collect();
    let tone = power_at(&samples, HERTZ);
    tone >= LEAST * LEAST / 2.0 && BESIDE.iter().all(|beside| power_at(&samples, *beside) * STANDS_OUT < tone)
}

/// The power of a tone, as the mean square it adds (Goertzel).
fn power_at(samples: &[f32], hertz: f32) -> f32 {
    let twice = 2.0 * (TAU * hertz / RATE).cos();
    let (mut last, mut before) = (0.0_f32, 0.0_f32);
    for sample in samples {
        (last, before) = (sample + twice * last - before, last);
    }
    let square = last * last + before * before - twice * last * before;
    square * 2.0 / (samples.len().max(1) as f32).powi(2)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::media::prompts::load_clip;

    /// What the shipped announcements say, in packets of A-law as they are played.
    fn announcements() -> Vec<[u8; FRAME]> {
        let mut packets = Vec::new();
        for language in ["zh", "en"] {
            for entry in
                std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts").join(language)).unwrap()
            {
                let clip = load_clip(&entry.unwrap().path()).unwrap();
                let frame = |index| <[u8; FRAME]>::try_from(clip.frame(Codec::Pcma, index)?).ok();
                packets.extend((0..).map_while(frame));
            }
        }
        packets
    }

    fn together(a: &[u8; FRAME], b: &[u8; FRAME]) -> [u8; FRAME] {
        let linear = |byte: u8| i32::from(g711::to_linear(Codec::Pcma, byte));
        let sum = |n: usize| (linear(a[n]) + linear(b[n])).clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
        std::array::from_fn(|n| g711::of_linear(Codec::Pcma, sum(n)))
    }

    #[test]
    fn it_is_heard_beneath_whatever_is_said_and_nothing_that_is_said_is_it() {
        let said = announcements();
        assert!(said.len() > 1_000, "{}", said.len());
        assert_eq!(said.iter().filter(|packet| is_in(*packet)).count(), 0);
        let beneath = said.iter().filter(|packet| is_in(&together(packet, &TONE))).count();
        assert!(beneath * 100 > said.len() * 99, "{beneath} of {}", said.len());
        assert!(!is_in(&[0xD5; FRAME]) && !is_in(&[]));
    }
}
