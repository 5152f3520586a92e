//! ITU-T G.711: 8-bit A-law and µ-law, to and from 16-bit linear, and into each other.

use super::words::Codec;

/// Samples, and bytes, of 20 ms at 8 kHz.
pub const FRAME: usize = 160;

/// One byte of A-law, G.711 table 1a, as 16-bit linear.
const fn pcma_to_linear(byte: u8) -> i16 {
    let value = byte ^ 0x55;
    let (exponent, mantissa) = ((value >> 4) & 7, (value & 15) as i16);
    let magnitude = match exponent {
        0 => (mantissa << 4) + 8,
        e => ((mantissa << 4) + 0x108) << (e - 1),
    };
    if value & 0x80 != 0 { magnitude } else { -magnitude }
}

/// One byte of µ-law, G.711 table 2a, as 16-bit linear.
const fn pcmu_to_linear(byte: u8) -> i16 {
    let value = !byte;
    let magnitude = ((((value & 15) as i16) << 3) + 0x84) << ((value >> 4) & 7);
    if value & 0x80 != 0 { 0x84 - magnitude } else { magnitude - 0x84 }
}

pub const fn linear_to_pcma(sample: i16) -> u8 {
    let (sign, magnitude) = if sample >= 0 { (0xD5, sample) } else { (0x55, !sample) };
    let magnitude = magnitude >> 4;
    let byte = if magnitude < 16 {
        magnitude
    } else {
        let exponent = (15 - magnitude.leading_zeros() as i16) - 3;
        (exponent << 4) | ((magnitude >> (exponent - 1)) & 15)
    };
    byte as u8 ^ sign
}

pub const fn linear_to_pcmu(sample: i16) -> u8 {
    const CLIP: i32 = 32_635;
    let wide = sample as i32;
    let (sign, magnitude) = if wide >= 0 { (0x80, wide) } else { (0, -wide) };
    let magnitude = (if magnitude > CLIP { CLIP } else { magnitude }) + 0x84;
    let exponent = (31 - (magnitude as u32).leading_zeros()) as i32 - 7;
    let mantissa = (magnitude >> (exponent + 3)) & 15;
    !((((exponent << 4) | mantissa) as u8) | (0x80 ^ sign))
}

const fn table(convert_a: bool) -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = if convert_a {
            linear_to_pcmu(pcma_to_linear(byte as u8))
        } else {
            linear_to_pcma(pcmu_to_linear(byte as u8))
        };
        byte += 1;
    }
    table
}

static PCMA_TO_PCMU: [u8; 256] = table(true);
static PCMU_TO_PCMA: [u8; 256] = table(false);

/// Converts one law into the other in place; does nothing where both sides agree.
pub fn convert(payload: &mut [u8], from: Codec, to: Codec) {
    let table = match (from, to) {
        (Codec::Pcma, Codec::Pcmu) => &PCMA_TO_PCMU,
        (Codec::Pcmu, Codec::Pcma) => &PCMU_TO_PCMA,
        _ => return,
    };
    for byte in payload {
        *byte = table[usize::from(*byte)];
    }
}

/// One byte as 16-bit linear, by µ-law or else A-law: bytes of G.722 and Opus mean nothing alone.
pub fn to_linear(codec: Codec, byte: u8) -> i16 {
    match codec {
        Codec::Pcmu => pcmu_to_linear(byte),
        Codec::Pcma | Codec::G722 | Codec::Opus => pcma_to_linear(byte),
    }
}

/// One sample as µ-law, or else A-law.
pub fn of_linear(codec: Codec, sample: i16) -> u8 {
    match codec {
        Codec::Pcmu => linear_to_pcmu(sample),
        Codec::Pcma | Codec::G722 | Codec::Opus => linear_to_pcma(sample),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_being_decoded_and_encoded() {
        for byte in 0..=255_u8 {
            assert_eq!(linear_to_pcma(pcma_to_linear(byte)), byte, "A-law {byte:#x}");
            let back = linear_to_pcmu(pcmu_to_linear(byte));
            // µ-law has two zeros.
            assert!(back == byte || (byte == 0x7F && back == 0xFF), "µ-law {byte:#x} came back as {back:#x}");
        }
    }

    #[test]
    fn known_values_of_the_standard() {
        assert_eq!((linear_to_pcma(0), linear_to_pcmu(0)), (0xD5, 0xFF));
        assert_eq!((pcma_to_linear(0xAA), pcmu_to_linear(0x80)), (32_256, 32_124));
        assert_eq!((pcma_to_linear(0x2A), pcmu_to_linear(0x00)), (-32_256, -32_124));
        for sample in (i16::MIN..=i16::MAX).step_by(7) {
            let allowed = (i32::from(sample).abs() / 16).max(16) + 600 * i32::from(i32::from(sample).abs() > 32_000);
            for back in [pcma_to_linear(linear_to_pcma(sample)), pcmu_to_linear(linear_to_pcmu(sample))] {
                assert!((i32::from(back) - i32::from(sample)).abs() <= allowed, "{sample} became {back}");
            }
        }
    }

    #[test]
    fn conversion_goes_both_ways() {
        let mut payload: Vec<u8> = (0..=255).collect();
        convert(&mut payload, Codec::Pcma, Codec::Pcmu);
        for (byte, converted) in payload.iter().enumerate() {
            let (a, u) = (pcma_to_linear(byte as u8), pcmu_to_linear(*converted));
            assert!((i32::from(a) - i32::from(u)).abs() <= (i32::from(a).abs() / 16).max(16), "{a} became {u}");
        }
        let same = payload.clone();
        convert(&mut payload, Codec::Pcmu, Codec::Pcmu);
        assert_eq!(payload, same);
    }
}
