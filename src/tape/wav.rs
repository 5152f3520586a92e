//! The head of a WAV file with A-law in it (format 6): half the size of linear sound, lossless where phones speak
//! A-law, and played by every player and browser.

/// Of each channel, in a second; a sample is a byte.
pub const SAMPLE_RATE: u32 = 8000;
/// The byte of silence.
pub const SILENCE: u8 = 0xD5;
/// RIFF, fmt with its extension, fact, and the head of data.
pub(super) const HEAD: usize = 58;
/// What the lengths in the head have room for.
pub(super) const MOST_DATA: u64 = u32::MAX as u64 - HEAD as u64;

const A_LAW: u16 = 6;

/// The head before so many bytes of sound.
pub(super) fn head(channels: u8, data: u64) -> [u8; HEAD] {
    let data = u32::try_from(data.min(MOST_DATA)).unwrap_or(u32::MAX);
    let channels = u16::from(channels.max(1));
    let mut head = [0; HEAD];
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        head[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    put(b"RIFF");
    // Chunks have an even length; a byte that fills up is counted here alone.
    put(&(HEAD as u32 - 8 + data + data % 2).to_le_bytes());
    put(b"WAVEfmt ");
    put(&18_u32.to_le_bytes());
    put(&A_LAW.to_le_bytes());
    put(&channels.to_le_bytes());
    put(&SAMPLE_RATE.to_le_bytes());
    put(&(SAMPLE_RATE * u32::from(channels)).to_le_bytes());
    put(&channels.to_le_bytes());
    put(&8_u16.to_le_bytes());
    put(&0_u16.to_le_bytes());
    put(b"fact");
    put(&4_u32.to_le_bytes());
    put(&(data / u32::from(channels)).to_le_bytes());
    put(b"data");
    put(&data.to_le_bytes());
    head
}

/// The channels of a file of ours; `None`: it is another kind.
pub(super) fn channels(head: &[u8]) -> Option<u8> {
    let ours = head.len() >= HEAD && head.starts_with(b"RIFF") && &head[8..16] == b"WAVEfmt ";
    let word = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
    let ours = ours && word(20) == A_LAW && &head[50..54] == b"data";
    ours.then(|| u8::try_from(word(22)).ok()).flatten().filter(|channels| (1..=2).contains(channels))
}

/// A byte of A-law as 16 bits (G.711).
pub(super) fn linear(byte: u8) -> i16 {
    let code = byte ^ 0x55;
    let (exponent, mantissa) = ((code >> 4) & 7, i16::from(code & 15));
    let magnitude = match exponent {
        0 => (mantissa << 4) + 8,
        exponent => ((mantissa << 4) + 0x108) << (exponent - 1),
    };
    if code & 0x80 == 0 { -magnitude } else { magnitude }
}

/// How loud a sample is, from 0 to 1.
pub(super) fn loudness(sample: i16) -> f32 {
    f32::from(sample.unsigned_abs()) / 32_768.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_says_what_is_in_the_file() {
        let head = head(2, 32_000);
        let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap());
        assert_eq!((word(4), word(24), word(28), word(46), word(54)), (32_050, 8000, 16_000, 16_000, 32_000));
        assert_eq!((channels(&head), channels(&head[..57])), (Some(2), None));
        assert_eq!(channels(&super::head(1, 7)), Some(1));
    }

    #[test]
    fn silence_is_silent_and_the_loudest_is_nearly_one() {
        assert_eq!((linear(SILENCE), linear(SILENCE ^ 0x80)), (8, -8));
        assert_eq!((linear(0xAA), linear(0x2A)), (32_256, -32_256));
        assert!(loudness(8) < 0.001 && loudness(32_256) > 0.98 && loudness(i16::MIN) <= 1.0);
    }
}
