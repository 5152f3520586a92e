//! RTCP, RFC 3550 §6: reports with SDES, BYE; theirs are checked (§A.2) and read.

use std::fmt;

use rand::Rng;

use super::far::Block;
use super::quality::Report;
use crate::moment::Moment;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SDES: u8 = 202;
const BYE: u8 = 203;
/// An item of SDES.
const CNAME: u8 = 1;
/// Seconds from 1900 to 1970.
const NTP_EPOCH: u64 = 2_208_988_800;
/// Room for the largest compound written here.
pub const ROOM: usize = 128;

/// Who sends, as it is told with what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    pub ssrc: u32,
    pub cname: Cname,
}

/// RFC 7022 §4.2: for one session, 96 random bits in Base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cname([u8; 16]);

impl Sender {
    pub fn random(rng: &mut impl Rng) -> Self {
        Self { ssrc: rng.random(), cname: Cname::random(rng) }
    }
}

impl Cname {
    pub fn random(rng: &mut impl Rng) -> Self {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        Self(std::array::from_fn(|_| LETTERS[rng.random_range(0..LETTERS.len())]))
    }
}

impl fmt::Display for Cname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

/// What was sent so far; with none of it a receiver report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    pub timestamp: u32,
    pub packets: u32,
    pub octets: u32,
}

/// The last sender report of theirs: whose, middle bits of its NTP time, and when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastReport {
    pub ssrc: u32,
    pub ntp: u32,
    pub at: Moment,
}

/// What a compound of theirs says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The source that says it.
    pub from: u32,
    /// Of a sender report: the middle bits of its NTP time.
    pub sender: Option<u32>,
    pub about_us: Option<Block>,
}

struct Writer<'a> {
    buffer: &'a mut [u8; ROOM],
    length: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) {
        if let Some(room) = self.buffer.get_mut(self.length..self.length + bytes.len()) {
            room.copy_from_slice(bytes);
            self.length += bytes.len();
        }
    }

    /// Header of a packet of `words` 32-bit words after it.
    fn header(&mut self, count: u8, kind: u8, words: u16) {
        self.put(&[0x80 | count, kind]);
        self.put(&words.to_be_bytes());
    }
}

/// Seconds since 1900 in 32.32 fixed point.
fn ntp(at: Moment) -> u64 {
    let micros = at.as_micros();
    ((micros / 1_000_000 + NTP_EPOCH) << 32) | (((micros % 1_000_000) << 32) / 1_000_000)
}

/// The middle bits of the NTP time, by which reports are told apart.
pub fn middle(at: Moment) -> u32 {
    (ntp(at) >> 16) as u32
}

/// A compound of a report, SDES CNAME and perhaps BYE; returns its length.
pub fn write(
    buffer: &mut [u8; ROOM],
    now: Moment,
    sender: Sender,
    sent: Option<Sent>,
    report: Option<Report>,
    last: Option<LastReport>,
    bye: bool,
) -> usize {
    let Sender { ssrc, cname: Cname(cname) } = sender;
    let mut out = Writer { buffer, length: 0 };
    let blocks = u8::from(report.is_some());
    match sent {
        Some(sent) => {
            out.header(blocks, SENDER_REPORT, 6 + 6 * u16::from(blocks));
            out.put(&ssrc.to_be_bytes());
            out.put(&ntp(now).to_be_bytes());
            out.put(&sent.timestamp.to_be_bytes());
            out.put(&sent.packets.to_be_bytes());
            out.put(&sent.octets.to_be_bytes());
        }
        None => {
            out.header(blocks, RECEIVER_REPORT, 1 + 6 * u16::from(blocks));
            out.put(&ssrc.to_be_bytes());
        }
    }
    if let Some(report) = report {
        out.put(&report.ssrc.to_be_bytes());
        out.put(&((u32::from(report.fraction_lost) << 24) | report.cumulative_lost).to_be_bytes());
        out.put(&report.highest.to_be_bytes());
        out.put(&report.jitter.to_be_bytes());
        let last = last.filter(|last| last.ssrc == report.ssrc);
        let delay = last.map_or(0, |last| (now.since(last.at).as_micros() * 65_536 / 1_000_000) as u32);
        out.put(&last.map_or(0, |last| last.ntp).to_be_bytes());
        out.put(&delay.to_be_bytes());
    }
    // One chunk: SSRC, an item of 18 bytes, two bytes of end and padding.
    out.header(1, SDES, 6);
    out.put(&ssrc.to_be_bytes());
    out.put(&[CNAME, cname.len() as u8]);
    out.put(&cname);
    out.put(&[0, 0]);
    if bye {
        out.header(1, BYE, 1);
        out.put(&ssrc.to_be_bytes());
    }
    out.length
}

/// Whether a packet on the RTP port is RTCP, RFC 5761 §4.
pub fn is_rtcp(packet: &[u8]) -> bool {
    packet.len() >= 8 && packet[0] >> 6 == 2 && (192..=223).contains(&packet[1])
}

/// Checks a compound; `Some` if it is one. `ssrc`: ours.
pub fn read(mut packet: &[u8], ssrc: u32) -> Option<Told> {
    let first = packet.get(1)?;
    if !matches!(*first, SENDER_REPORT | RECEIVER_REPORT) {
        return None;
    }
    let mut told = Told { from: word(packet, 4)?, ..Told::default() };
    while !packet.is_empty() {
        let [flags, kind, high, low, ..] = *packet else { return None };
        let length = (usize::from(u16::from_be_bytes([high, low])) + 1) * 4;
        if flags >> 6 != 2 || packet.len() < length {
            return None;
        }
        let report = &packet[..length];
        if kind == SENDER_REPORT && length >= 28 {
            told.sender = word(report, 10);
        }
        let blocks = match kind {
            SENDER_REPORT => report.get(28..),
            RECEIVER_REPORT => report.get(8..),
            _ => None,
        };
        let blocks = blocks.unwrap_or_default().chunks_exact(24).take(usize::from(flags & 0x1F));
        told.about_us = told.about_us.or(blocks.filter(|block| word(block, 0) == Some(ssrc)).find_map(block));
        packet = &packet[length..];
    }
    Some(told)
}

fn word(packet: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*packet.get(at..)?.first_chunk()?))
}

fn block(block: &[u8]) -> Option<Block> {
    Some(Block {
        // 24 bits with a sign.
        cumulative_lost: (word(block, 4)? << 8) as i32 >> 8,
        highest: word(block, 8)?,
        jitter: word(block, 12)?,
        last_report: word(block, 16)?,
        since: word(block, 20)?,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    /// RFC 7022 §4.2: of 16 letters, each any of the 64; nothing of it tells the source.
    #[test]
    fn a_name_is_made_up_for_a_session_and_told_in_each_report() {
        let mut rng = StdRng::seed_from_u64(7022);
        let (mut names, mut letters) = (BTreeSet::new(), BTreeSet::new());
        for ssrc in [7; 200] {
            let cname = Cname::random(&mut rng);
            let name = cname.to_string();
            assert_eq!(name.len(), 16, "{name}");
            letters.extend(name.bytes());
            let (sender, mut buffer) = (Sender { ssrc, cname }, [0; ROOM]);
            let length = write(&mut buffer, Moment::from_micros(1), sender, None, None, None, true);
            let chunk = [&[0x81, SDES, 0, 6, 0, 0, 0, 7, CNAME, 16], name.as_bytes(), &[0, 0]].concat();
            assert_eq!(buffer[8..length - 8], chunk);
            assert!(names.insert(name));
        }
        assert_eq!(letters.len(), 64);
    }

    #[test]
    fn what_is_written_is_read() {
        let sender = Sender { ssrc: 0xDEAD_BEEF, cname: Cname([b'x'; 16]) };
        let mut buffer = [0; ROOM];
        let now = Moment::from_micros(1_500_000);
        let report = Report { ssrc: 9, fraction_lost: 25, cumulative_lost: 3, highest: 70_000, jitter: 12 };
        let sent = Sent { timestamp: 160, packets: 50, octets: 8000 };
        for (sent, report, bye) in [
            (Some(sent), Some(report), true),
            (Some(sent), None, false),
            (None, Some(report), true),
            (None, None, false),
        ] {
            let length = write(&mut buffer, now, sender, sent, report, None, bye);
            assert_eq!(length % 4, 0);
            let about_us =
                report.map(|_| Block { cumulative_lost: 3, highest: 70_000, jitter: 12, last_report: 0, since: 0 });
            let told = Told { from: 0xDEAD_BEEF, sender: sent.map(|_| middle(now)), about_us };
            assert_eq!(read(&buffer[..length], 9), Some(told));
            assert_eq!(read(&buffer[..length], 8), Some(Told { about_us: None, ..told }), "about somebody else");
            for cut in 1..length {
                let _ = read(&buffer[..cut], 9);
            }
            assert!(is_rtcp(&buffer[..length]));
        }
        // When theirs came is said of that source alone.
        for (ssrc, last_report, since) in [(9, 77, 1 << 15), (8, 0, 0)] {
            let last = LastReport { ssrc, ntp: 77, at: Moment::from_micros(1_000_000) };
            let length = write(&mut buffer, now, sender, None, Some(report), Some(last), false);
            let block = read(&buffer[..length], 9).unwrap().about_us.unwrap();
            assert_eq!((block.last_report, block.since), (last_report, since), "{ssrc}");
        }
        assert_eq!(ntp(now), (2_208_988_801 << 32) | (1 << 31));
        assert_eq!(read(&[0x80, 204, 0, 0], 9), None);
        assert_eq!(read(&[0x40, 200, 0, 0], 9), None);
    }
}
