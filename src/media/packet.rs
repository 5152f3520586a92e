//! RTP packets: where header and payload lie, and headers of ours. RFC 3550 §5.1. Pure.

use rtp::header::Header;
use webrtc_util::marshal::{Marshal, Unmarshal};

use super::outgoing::{HEADER, Numbers};

const EXTENSION: u8 = 0x10;
const SOURCES: u8 = 0x0F;

/// A valid header, and where the payload lies, padding left out. RFC 3550 §5.1, §A.1.
///
/// Only the twelve fixed bytes go to the crate's reader, with contributing sources and extension struck out:
/// nothing in them is used, and it panics on an extension (RFC 8285) whose elements are longer than itself.
pub fn parse(packet: &[u8]) -> Option<(Header, std::ops::Range<usize>)> {
    const PADDING: u8 = 0x20;
    let mut fixed: [u8; HEADER] = *packet.first_chunk()?;
    let flags = fixed[0];
    let start = payload_start(packet)?;
    let padding = if flags & PADDING != 0 { usize::from(*packet.last()?) } else { 0 };
    if flags & PADDING != 0 && padding == 0 {
        return None;
    }
    let end = packet.len().checked_sub(padding)?;
    fixed[0] &= !(EXTENSION | SOURCES);
    let header = Header::unmarshal(&mut &fixed[..]).ok()?;
    (start < end).then_some((header, start..end))
}

/// Where the payload begins. `None`: it is no RTP.
pub fn payload_start(packet: &[u8]) -> Option<usize> {
    let flags = *packet.first()?;
    if flags >> 6 != 2 {
        return None;
    }
    let mut start = HEADER + 4 * usize::from(flags & SOURCES);
    if flags & EXTENSION != 0 {
        let [_, _, high, low] = *packet.get(start..)?.first_chunk()?;
        start += 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
    }
    Some(start)
}

pub fn write_header(room: &mut [u8], payload_type: u8, numbers: Numbers, ssrc: u32) {
    let Numbers { sequence, timestamp, marker } = numbers;
    let header =
        Header { version: 2, marker, payload_type, sequence_number: sequence, timestamp, ssrc, ..Header::default() };
    // Twelve bytes into room for twelve.
    let _ = header.marshal_to(room);
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    fn packet(flags: u8, rest: &[u8]) -> Vec<u8> {
        let mut packet = vec![flags, 8, 0, 7, 0, 0, 0, 160, 0, 0, 0, 9];
        packet.extend(rest);
        packet
    }

    #[test]
    fn the_payload_is_found_behind_sources_and_extensions() {
        let table = [
            ("plain", packet(0x80, b"sound"), Some(12..17)),
            ("a source", packet(0x81, b"srcesound"), Some(16..21)),
            ("an extension", packet(0x90, b"\xBE\xDE\0\x01\x10\xAA\0\0sound"), Some(20..25)),
            ("both", packet(0x91, b"srce\0\x01\0\x01abcdsound"), Some(24..29)),
            ("padding", packet(0xA0, b"sound\0\0\x03"), Some(12..17)),
            ("an element longer than the packet", packet(0x90, b"\xBE\xDE\0\x01\0\0\0\x1Fs"), Some(20..21)),
            ("nothing behind the extension", packet(0x90, b"\xBE\xDE\0\x01\0\0\0\x1F"), None),
            ("an extension longer than the packet", packet(0x90, b"\x10\0\xFF\xFFsound"), None),
            ("half an extension", packet(0x90, b"\xBE\xDE\0"), None),
            ("fifteen sources, none there", packet(0x8F, b"sound"), None),
            ("all padding", packet(0xA0, &[5; 5]), None),
            ("padding of nothing", packet(0xA0, &[0; 5]), None),
            ("another version", packet(0x40, b"sound"), None),
        ];
        for (name, packet, payload) in table {
            let found = parse(&packet);
            assert_eq!(found.as_ref().map(|(_, payload)| payload.clone()), payload, "{name}");
            if let Some((header, _)) = found {
                assert_eq!((header.sequence_number, header.timestamp, header.ssrc), (7, 160, 9), "{name}");
            }
        }
    }

    #[test]
    fn whatever_is_changed_in_a_packet_nothing_breaks() {
        let whole = packet(0xB1, b"srce\xBE\xDE\0\x02\x12abc\x20d\0\0soundsoundsound\x01");
        let mut rng = StdRng::seed_from_u64(8285);
        for _ in 0..100_000 {
            let mut bytes = whole.clone();
            for _ in 0..rng.random_range(1..6) {
                let at = rng.random_range(0..bytes.len());
                match rng.random_range(0..3) {
                    0 => bytes[at] = rng.random(),
                    1 => bytes[at] ^= 1 << rng.random_range(0..8),
                    _ => bytes.truncate(at.max(1)),
                }
            }
            if let Some((_, payload)) = parse(&bytes) {
                assert!(payload.start >= HEADER && payload.start < payload.end && payload.end <= bytes.len());
            }
        }
    }
}
