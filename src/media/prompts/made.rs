//! Prompts that a machine spoke: brought into form, written as WAV, and marked, so that they are known again and
//! nothing that a person recorded is ever taken for one.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::loudness;
use super::wav::{self, PromptFault, RATE};

/// How loud they are written, whatever the house plays them at: the same text gives the same bytes.
const LEVEL: f64 = -20.0;
/// Rates a speaking machine writes.
const RATES: [u32; 6] = [8_000, 11_025, 16_000, 22_050, 24_000, 44_100];
/// Below -48 dB of its peak the ends are silence.
const EDGE: f32 = 0.004;
/// Silence before and after, so that numbers join to sentences: 20 ms and 60 ms.
const BEFORE: usize = 160;
const AFTER: usize = 480;

const SOFTWARE: &str = "hotline prompts make";

/// What was spoken, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spoken<'a> {
    pub voice: &'a str,
    /// Words a minute.
    pub speed: u16,
    pub text: &'a str,
}

/// Whose recording a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    /// A person's, or another program's: it is not ours to overwrite.
    Person,
    /// Ours, and it says what it is to say.
    Machine,
    /// Ours, of another text or voice.
    MachineOtherwise,
}

/// What the speaking machine wrote, as a prompt: trimmed, at 8 kHz, as loud as all, with its mark.
pub fn in_form(raw: &Path, spoken: Spoken<'_>) -> Result<Vec<u8>, PromptFault> {
    let mut samples = without_rumble(&wav::read_at(raw, &RATES)?.samples);
    let edge = loudness::peak(&samples) * EDGE;
    let last = samples.iter().rposition(|sample| sample.abs() > edge).map_or(0, |last| last + 1);
    samples.truncate(last);
    let first = samples.iter().position(|sample| sample.abs() > edge).unwrap_or(0);
    samples.drain(..first);
    let gain = loudness::gain(loudness::active_level(&samples), LEVEL);
    loudness::apply(&mut samples, gain);
    let silence = std::iter::repeat(0.0);
    let padded = silence.clone().take(BEFORE).chain(samples).chain(silence.take(AFTER));
    let sound: Vec<u8> = padded.flat_map(|sample| wav::narrow(sample).to_le_bytes()).collect();
    Ok(file(&sound, spoken))
}

/// Looks at the mark of a file. `spoken`: what it is to say.
pub fn maker(path: &Path, spoken: Option<Spoken<'_>>) -> Maker {
    let Ok(bytes) = std::fs::read(path) else { return Maker::Person };
    let (Some(sound), Some(comment)) = (chunk(&bytes, b"data"), comment(&bytes)) else { return Maker::Person };
    match spoken {
        Some(spoken) if comment == mark(sound, spoken) => Maker::Machine,
        // Whoever changed the sound since made it theirs.
        _ if comment.starts_with(&digest(sound)) => Maker::MachineOtherwise,
        _ => Maker::Person,
    }
}

/// A high-pass at 120 Hz, of second order (Butterworth): what is below is no speech.
fn without_rumble(samples: &[f32]) -> Vec<f32> {
    let omega = (std::f64::consts::PI * 120.0 / f64::from(RATE)).tan();
    let scale = 1.0 / (1.0 + std::f64::consts::SQRT_2 * omega + omega * omega);
    let (back1, back2) =
        (2.0 * (omega * omega - 1.0) * scale, (1.0 - std::f64::consts::SQRT_2 * omega + omega * omega) * scale);
    let (mut in1, mut in2, mut out1, mut out2) = (0.0, 0.0, 0.0, 0.0);
    let pass = |sample: &f32| {
        let now = f64::from(*sample);
        let out = scale * (now - 2.0 * in1 + in2) - back1 * out1 - back2 * out2;
        (in2, in1, out2, out1) = (in1, now, out1, out);
        out as f32
    };
    samples.iter().map(pass).collect()
}

fn digest(sound: &[u8]) -> String {
    Sha256::digest(sound).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The digest of the sound first: who edits a recording may keep its comment.
fn mark(sound: &[u8], spoken: Spoken<'_>) -> String {
    let Spoken { voice, speed, text } = spoken;
    format!("{} {voice} {speed}: {text}", digest(sound))
}

/// Mono, 16 bit: format, sound, and what people see of it in other programs.
fn file(sound: &[u8], spoken: Spoken<'_>) -> Vec<u8> {
    let format: Vec<u8> = [
        &1_u16.to_le_bytes()[..],
        &1_u16.to_le_bytes(),
        &RATE.to_le_bytes(),
        &(RATE * 2).to_le_bytes(),
        &2_u16.to_le_bytes(),
        &16_u16.to_le_bytes(),
    ]
    .concat();
    let info =
        [&b"INFO"[..], &framed(b"ISFT", &terminated(SOFTWARE)), &framed(b"ICMT", &terminated(&mark(sound, spoken)))]
            .concat();
    let body = [&b"WAVE"[..], &framed(b"fmt ", &format), &framed(b"data", sound), &framed(b"LIST", &info)].concat();
    framed(b"RIFF", &body)
}

fn terminated(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

/// A chunk: its name, its length, its content, and one byte more if that makes it even.
fn framed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    let pad = &[0][..content.len() % 2];
    [&name[..], &length.to_le_bytes(), content, pad].concat()
}

/// The content of a chunk of the file.
fn chunk<'a>(file: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    find(file.get(12..)?, name)
}

fn comment(file: &[u8]) -> Option<&str> {
    let info = chunk(file, b"LIST")?.strip_prefix(b"INFO")?;
    let software = find(info, b"ISFT")?;
    let comment = find(info, b"ICMT")?;
    let text = |bytes| std::str::from_utf8(bytes).ok().map(|text: &str| text.trim_end_matches('\0'));
    text(comment).filter(|_| text(software) == Some(SOFTWARE))
}

fn find<'a>(mut chunks: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    loop {
        let length = u32::from_le_bytes(chunks.get(4..8)?.try_into().ok()?) as usize;
        let content = chunks.get(8..8_usize.checked_add(length)?)?;
        if chunks.get(..4)? == name {
            return Some(content);
        }
        chunks = chunks.get(8 + length + length % 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

    const SAYS: Spoken<'_> = Spoken { voice: "cmn", speed: 170, text: "您好，这里是热线。" };

    /// Half a second of silence, a second of a tone at this deflection over a hum of 25 Hz, and silence again.
    fn raw(path: &Path, deflection: f64) {
        let spec = WavSpec { channels: 1, sample_rate: 22_050, bits_per_sample: 16, sample_format: SampleFormat::Int };
        let mut file = WavWriter::create(path, spec).unwrap();
        for n in 0..2 * spec.sample_rate {
            let turn = std::f64::consts::TAU * f64::from(n) / f64::from(spec.sample_rate);
            let spoken = (spec.sample_rate / 2..3 * spec.sample_rate / 2).contains(&n);
            let value = if spoken { (300.0 * turn).sin() + 0.5 * (25.0 * turn).sin() } else { 0.0 };
            file.write_sample((deflection * value * 20_000.0) as i16).unwrap();
        }
        file.finalize().unwrap();
    }

    fn samples(bytes: &[u8]) -> Vec<f32> {
        let mut reader = WavReader::new(bytes).unwrap();
        assert_eq!((reader.spec().sample_rate, reader.spec().channels), (8_000, 1));
        reader.samples::<i16>().map(|sample| f32::from(sample.unwrap()) / 32_768.0).collect()
    }

    #[test]
    fn what_was_spoken_is_trimmed_and_as_loud_as_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("raw.wav");
        for deflection in [0.02, 0.3, 1.0] {
            raw(&path, deflection);
            let made = in_form(&path, SAYS).unwrap();
            assert_eq!(made, in_form(&path, SAYS).unwrap(), "the same text gives the same bytes");
            let samples = samples(&made);
            let seconds = samples.len() as f64 / 8_000.0;
            assert!((seconds - 1.08).abs() < 0.03, "{seconds} s");
            assert!(samples[..BEFORE].iter().all(|sample| *sample == 0.0));
            let level = loudness::active_level(&samples).unwrap();
            assert!((level - LEVEL).abs() < 0.8, "{deflection}: {level} dB");
            // Without the hum there is the tone alone: its peak is 3 dB above its level.
            let peak = loudness::decibels(f64::from(loudness::peak(&samples[2_000..6_000])));
            assert!((peak - level - 3.0).abs() < 0.8, "peak {peak} dB, level {level} dB");
        }
    }

    #[test]
    fn what_we_made_is_known_and_what_people_made_is_not_ours() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("greeting.wav");
        raw(&path, 0.5);
        let (theirs, made) = (std::fs::read(&path).unwrap(), in_form(&path, SAYS).unwrap());
        let check = |bytes: &[u8], says| {
            std::fs::write(&path, bytes).unwrap();
            maker(&path, says)
        };
        assert_eq!(check(&theirs, Some(SAYS)), Maker::Person);
        assert_eq!(check(&made, Some(SAYS)), Maker::Machine);
        for other in [
            Some(Spoken { text: "您好。", ..SAYS }),
            Some(Spoken { speed: 171, ..SAYS }),
            Some(Spoken { voice: "yue", ..SAYS }),
            None,
        ] {
            assert_eq!(check(&made, other), Maker::MachineOtherwise, "{other:?}");
        }
        // Edited, the comment kept.
        let mut edited = made.clone();
        edited[1_000] ^= 1;
        assert_eq!(check(&edited, Some(SAYS)), Maker::Person);
        // Whatever is cut off or broken is somebody's, and nothing panics.
        for end in 0..200 {
            assert_eq!(check(&made[..end], Some(SAYS)), Maker::Person);
            assert_eq!(check(&made[..made.len() - 1 - end.min(20)], Some(SAYS)), Maker::Person, "{end}");
        }
        assert_eq!(maker(&dir.path().join("nowhere.wav"), Some(SAYS)), Maker::Person);
    }
}
