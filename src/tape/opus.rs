//! Recordings as Ogg/Opus (RFC 7845, RFC 6716): a complete WAV file becomes one, and it is read back as samples. It
//! lasts exactly as long as the WAV did, with the same sides.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use opus_pure::{
    Application, MAX_PACKET_BYTES, OggOpusReader, OggOpusWriter, OggPacket, OpusEncoder, OpusHead, RateControl, Signal,
    Trim,
};

use super::keys::Keys;
use super::place::Format;
use super::reading::{Reader, Unreadable};
use super::sealed::PIECE;
use super::wav::{self, SAMPLE_RATE, SILENCE};
use super::writing::{Tape, Written, samples_last};

/// Bits a second of each channel: more than speech of a telephone's band needs, so that both sides stay apart and
/// whole when two speak at once.
const BITRATE: i32 = 24_000;
/// What more of it costs is not heard in a telephone's band.
const COMPLEXITY: i32 = 2;
/// Samples of a packet: 20 ms.
const FRAME: usize = SAMPLE_RATE as usize / 50;
/// The longest packet: 120 ms.
const LONGEST: usize = SAMPLE_RATE as usize * 12 / 100;
/// Positions are counted at 48 kHz (RFC 7845 §4).
const TICKS: u64 = 48_000 / SAMPLE_RATE as u64;
/// The head of a page with one packet in it, and that packet as far as its channels and the samples to be skipped.
pub(super) const HEAD: usize = PAGE_HEAD + 1 + 12;
/// The head of a page without its table of segments (RFC 3533 §6).
const PAGE_HEAD: usize = 27;
/// A page has at most 255 segments of 255 bytes.
const LONGEST_PAGE: u64 = PAGE_HEAD as u64 + 255 + 255 * 255;
const LAST_PAGE: u8 = 4;

/// Makes a complete recording small: `to` is there only once it is whole and on the disk, sealed with the first key.
/// `from` stays as it is.
pub fn to_opus(from: &Path, to: &Path, keys: &Keys) -> Result<Written, String> {
    let reader = Reader::open(from, keys).map_err(|why| why.to_string())?;
    if reader.format() != Some(Format::Wav) {
        return Err("it is not a WAV file of ours".into());
    }
    let part = to.with_extension("part");
    let made = encode(&reader, &part, keys).and_then(|written| {
        File::open(&part)?.sync_all()?;
        fs::rename(&part, to)?;
        if let Some(folder) = to.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(written)
    });
    made.map_err(|error| {
        let _ = fs::remove_file(&part);
        error.to_string()
    })
}

fn encode(reader: &Reader, to: &Path, keys: &Keys) -> io::Result<Written> {
    let channels = usize::from(reader.channels());
    let mut encoder = OpusEncoder::new(SAMPLE_RATE as i32, channels, Application::Audio).map_err(codec)?;
    encoder.bitrate_bps = BITRATE * channels as i32;
    encoder.complexity = COMPLEXITY;
    encoder.rate_control = RateControl::Vbr;
    encoder.signal_type = Some(Signal::Voice);
    let head = OpusHead::for_encoder(&encoder, SAMPLE_RATE);
    let samples = reader.data() / channels as u64;
    // What the encoder holds back is driven out by silence after the end; the last page says where the end was.
    let held = u64::from(head.pre_skip).div_ceil(TICKS);
    let ends = u64::from(head.pre_skip) + samples * TICKS;
    let frames = (samples + held).div_ceil(FRAME as u64);
    let sink = Sink(Tape::of(to, Format::Opus, reader.channels(), keys)?);
    let mut ogg = OggOpusWriter::new(sink, head).map_err(codec)?;
    let mut source = BufReader::with_capacity(PIECE, Content { reader, at: reader.length() - reader.data() });
    let (mut bytes, mut packet) = (vec![0; FRAME * channels], vec![0; MAX_PACKET_BYTES]);
    for _ in 0..frames {
        fill(&mut source, &mut bytes)?;
        let frame: Vec<i16> = bytes.iter().map(|byte| wav::linear(*byte)).collect();
        let length = encoder.encode_s16(&frame, FRAME, &mut packet).map_err(codec)?;
        let at = u64::try_from(ogg.granule()).unwrap_or_default();
        let duration = (ends - at.min(ends)).min(FRAME as u64 * TICKS);
        ogg.write_packet_with_duration(&packet[..length], duration as u32).map_err(codec)?;
    }
    let Sink(tape) = ogg.finish().map_err(codec)?;
    Ok(Written { length: samples_last(samples), ..tape.finish()? })
}

/// A frame of sound; after the end, silence.
fn fill(source: &mut impl Read, frame: &mut [u8]) -> io::Result<()> {
    frame.fill(SILENCE);
    let mut filled = 0;
    while filled < frame.len() {
        match source.read(&mut frame[filled..])? {
            0 => break,
            more => filled += more,
        }
    }
    Ok(())
}

struct Sink(Tape);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The channels of a file of ours; `None`: it is another kind.
pub(super) fn channels(head: &[u8]) -> Option<u8> {
    let ours = head.starts_with(b"OggS") && head.get(PAGE_HEAD + 1..)?.starts_with(b"OpusHead");
    ours.then(|| head.get(PAGE_HEAD + 10).copied()).flatten().filter(|channels| (1..=2).contains(channels))
}

/// Of each channel, at 8 kHz: where its last page says that it ends (RFC 7845 §4), less what is to be skipped.
pub(super) fn samples(reader: &Reader) -> Result<u64, Unreadable> {
    let cut = Unreadable::Damaged("its last page");
    let tail = LONGEST_PAGE.min(reader.data());
    let head = reader.read(0, HEAD)?;
    let tail = reader.read(reader.data() - tail, tail as usize)?;
    let ends = |at: &usize| {
        let page = &tail[*at..];
        let is_last = page.starts_with(b"OggS") && page.get(5).is_some_and(|kind| kind & LAST_PAGE != 0);
        let segments = usize::from(*page.get(PAGE_HEAD - 1)?);
        let table = page.get(PAGE_HEAD..PAGE_HEAD + segments)?;
        let length = PAGE_HEAD + segments + table.iter().map(|length| usize::from(*length)).sum::<usize>();
        let position = page.get(6..14)?.try_into().ok().map(u64::from_le_bytes);
        position.filter(|_| is_last && length == page.len())
    };
    let ends = (0..tail.len()).rev().find_map(|at| ends(&at)).ok_or(cut)?;
    let skip = head.get(HEAD - 2..).and_then(|bytes| bytes.try_into().ok()).map_or(0, u16::from_le_bytes);
    Ok(ends.saturating_sub(u64::from(skip)) / TICKS)
}

/// The samples at 8 kHz, the channels in turn.
pub(super) fn decode(reader: &Reader, each: &mut dyn FnMut(i16)) -> Result<(), Unreadable> {
    let broken = |error: opus_pure::Error| {
        tracing::warn!(%error, "a recording cannot be decoded");
        Unreadable::Damaged("its sound")
    };
    let content = BufReader::with_capacity(PIECE, Content { reader, at: 0 });
    let mut ogg = OggOpusReader::new(content).map_err(broken)?;
    let channels = usize::from(ogg.head().channel_count);
    let mut decoder = ogg.head().decoder(SAMPLE_RATE as i32).map_err(broken)?;
    let mut trim = Trim::new(ogg.head(), SAMPLE_RATE as i32, channels).map_err(broken)?;
    let (mut packet, mut sound) = (OggPacket::default(), vec![0_i16; LONGEST * channels]);
    while ogg.read_packet_into(&mut packet).map_err(broken)? {
        let length = decoder.decode_s16(&packet.data, LONGEST, &mut sound).map_err(broken)?;
        trim.keep(&packet, &sound[..length * channels]).iter().for_each(|sample| each(*sample));
    }
    Ok(())
}

/// What is in a file, from its beginning on.
struct Content<'a> {
    reader: &'a Reader,
    at: u64,
}

impl Read for Content<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.reader.read(self.at, into.len()).map_err(|why| io::Error::other(why.to_string()))?;
        into[..bytes.len()].copy_from_slice(&bytes);
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }
}

fn codec(error: opus_pure::Error) -> io::Error {
    io::Error::other(error.to_string())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::OnceLock;

    use super::*;

    /// For each eighth sample of 16 bits the byte of A-law that is next to it.
    fn a_law() -> &'static [u8] {
        static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
        let away = |byte: u8, sample: i32| i32::from(wav::linear(byte)).abs_diff(sample);
        let of = |eighth: i32| (0..=255).min_by_key(|byte| away(*byte, eighth * 8)).unwrap();
        BYTES.get_or_init(|| (-4096..4096).map(of).collect())
    }

    /// Somebody who speaks, at 8 kHz.
    fn speech(prompt: &str, samples: usize) -> Vec<i16> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts").join(prompt);
        let mut wav = hound::WavReader::open(path).unwrap();
        let step = wav.spec().sample_rate as usize / SAMPLE_RATE as usize;
        let said: Vec<i16> = wav.samples::<i16>().step_by(step).map(Result::unwrap).collect();
        said.iter().copied().cycle().take(samples).collect()
    }

    fn record(path: &Path, sides: &[Vec<i16>], keys: &Keys) -> Written {
        let mut tape = Tape::create(path, sides.len() as u8, keys).unwrap();
        let a_law = a_law();
        let byte = |sample: i16| a_law[(i32::from(sample) / 8 + 4096) as usize];
        let mut sound = Vec::new();
        for place in 0..sides[0].len() {
            sound.extend(sides.iter().map(|side| byte(side[place])));
        }
        tape.append(&sound).unwrap();
        tape.finish().unwrap()
    }

    fn sides(path: &Path, keys: &Keys) -> Result<Vec<Vec<i16>>, Unreadable> {
        let reader = Reader::open(path, keys)?;
        let channels = usize::from(reader.channels());
        let mut samples = Vec::new();
        reader.each_sample(&mut |sample| samples.push(sample))?;
        Ok((0..channels).map(|of| samples.iter().copied().skip(of).step_by(channels).collect()).collect())
    }

    /// How alike two are, from -1 to 1.
    fn correlation(one: &[i16], other: &[i16]) -> f64 {
        let sum =
            |of: &[i16], with: &[i16]| -> f64 { of.iter().zip(with).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum() };
        sum(one, other) / (sum(one, one) * sum(other, other)).sqrt().max(1.0)
    }

    fn house(folder: &Path) -> (PathBuf, PathBuf, Keys) {
        let key = folder.join("key");
        fs::write(&key, "a5".repeat(32)).unwrap();
        (folder.join("1.wav"), folder.join("1.opus"), Keys::read(&key).unwrap())
    }

    /// A page: its kind, position and packets, if its checksum is right (RFC 3533 §6).
    fn pages(mut bytes: &[u8]) -> Vec<(u8, u64, Vec<Vec<u8>>)> {
        let mut pages = Vec::new();
        while !bytes.is_empty() {
            assert_eq!((&bytes[..4], bytes[4]), (&b"OggS"[..], 0));
            let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
            assert_eq!(word(18) as usize, pages.len(), "pages are numbered");
            let table = &bytes[27..27 + usize::from(bytes[26])];
            let length = 27 + table.len() + table.iter().map(|length| usize::from(*length)).sum::<usize>();
            let mut page = bytes[..length].to_vec();
            page[22..26].fill(0);
            let checksum = page.iter().fold(0_u32, |crc, byte| {
                (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
                    (crc << 1) ^ if crc >> 31 == 1 { 0x04C1_1DB7 } else { 0 }
                })
            });
            assert_eq!(checksum, word(22));
            let (mut packets, mut at) = (vec![Vec::new()], 27 + table.len());
            for length in table {
                packets.last_mut().unwrap().extend_from_slice(&bytes[at..at + usize::from(*length)]);
                at += usize::from(*length);
                if *length < 255 {
                    packets.push(Vec::new());
                }
            }
            assert_eq!(packets.pop(), Some(Vec::new()), "no packet goes on in the next page");
            pages.push((bytes[5], u64::from_le_bytes(bytes[6..14].try_into().unwrap()), packets));
            bytes = &bytes[length..];
        }
        pages
    }

    #[test]
    fn both_sides_are_heard_as_they_were_and_where_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let (wav, small, keys) = house(folder.path());
        let said = [speech("zh/greeting.wav", 48_003), speech("en/greeting.wav", 48_003)];
        for keys in [Keys::default(), keys] {
            let before = record(&wav, &said, &keys);
            let was = sides(&wav, &keys).unwrap();
            let written = to_opus(&wav, &small, &keys).unwrap();
            let bytes = fs::read(&small).unwrap();
            let hash = data_encoding::HEXLOWER.encode(&<sha2::Sha256 as sha2::Digest>::digest(&bytes));
            assert_eq!((written.sha256, written.bytes), (hash, bytes.len() as u64));
            assert_eq!((written.length, written.encrypted), (before.length, before.encrypted));
            assert!(written.bytes * 2 < before.bytes, "{} of {} bytes", written.bytes, before.bytes);
            let is = sides(&small, &keys).unwrap();
            assert_eq!(Reader::open(&small, &keys).unwrap().lasts().unwrap(), before.length);
            for (side, other) in [(0, 1), (1, 0)] {
                assert_eq!(is[side].len(), was[side].len());
                let (same, crossed) = (correlation(&is[side], &was[side]), correlation(&is[side], &was[other]));
                assert!(same > 0.9 && crossed.abs() < 0.1, "{side}: {same}, and the other side {crossed}");
            }
        }
        let sealed = fs::read(&small).unwrap();
        assert!(!sealed.windows(4).any(|four| four == b"OggS" || four == b"Opus"));
        assert!(matches!(Reader::open(&small, &Keys::default()), Err(Unreadable::NoKeyFile)));
    }

    #[test]
    fn while_one_speaks_the_other_side_is_silent() {
        let folder = tempfile::tempdir().unwrap();
        let (wav, small, _) = house(folder.path());
        let mut said = [speech("zh/greeting.wav", 64_000), speech("en/greeting.wav", 64_000)];
        said[0][32_000..].fill(0);
        said[1][..32_000].fill(0);
        record(&wav, &said, &Keys::default());
        to_opus(&wav, &small, &Keys::default()).unwrap();
        let heard = sides(&small, &Keys::default()).unwrap();
        let loud = |of: &[i16]| (of.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / of.len() as f64).sqrt();
        for (speaks, silent) in [(&heard[0][..32_000], &heard[1][..32_000]), (&heard[1][32_200..], &heard[0][32_200..])]
        {
            assert!(loud(silent) * 30.0 < loud(speaks), "{} beside {}", loud(silent), loud(speaks));
        }
        let peaks = Reader::open(&small, &Keys::default()).unwrap().peaks(2).unwrap();
        assert!(peaks[0][0] > 0.1 && peaks[1][1] > 0.1 && peaks[0][1] < 0.05 && peaks[1][0] < 0.05, "{peaks:?}");
    }

    #[test]
    fn the_container_is_as_it_is_written_down_and_says_to_the_sample_where_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let (wav, small, _) = house(folder.path());
        let voice = speech("zh/greeting.wav", 30_000);
        // Nothing, less than the encoder holds back, around whole frames, several pages.
        for (samples, channels) in [(0, 2), (1, 1), (107, 2), (108, 2), (109, 1), (160, 2), (30_000, 2)] {
            record(&wav, &vec![voice[..samples].to_vec(); channels], &Keys::default());
            to_opus(&wav, &small, &Keys::default()).unwrap();
            let pages = pages(&fs::read(&small).unwrap());
            let [(2, 0, head), (0, 0, tags), rest @ ..] = &pages[..] else { panic!("two headers first: {pages:?}") };
            let [head] = &head[..] else { panic!("alone on its page") };
            let skip = u16::from_le_bytes([head[10], head[11]]);
            assert_eq!(&head[..10], [&b"OpusHead\x01"[..], &[channels as u8]].concat());
            assert_eq!((skip, &head[12..]), (312, &[0x40, 0x1F, 0, 0, 0, 0, 0][..]), "8 kHz, no gain, family 0");
            assert!(tags.len() == 1 && tags[0].starts_with(b"OpusTags"));
            let mut position = 0;
            for (number, (kind, granule, packets)) in rest.iter().enumerate() {
                let is_last = number + 1 == rest.len();
                position += packets.len() as u64 * 960;
                assert_eq!(*kind, if is_last { LAST_PAGE } else { 0 });
                let ends = u64::from(skip) + samples as u64 * 6;
                assert_eq!(*granule, if is_last { ends } else { position });
                assert!(!is_last || (position >= ends && position - ends < 960), "no frame more than is needed");
            }
            assert!(rest.len() > 1 || samples < 30_000);
            let lengths: Vec<usize> = sides(&small, &Keys::default()).unwrap().iter().map(Vec::len).collect();
            assert_eq!(lengths, vec![samples; channels]);
        }
    }

    #[test]
    fn where_there_is_no_room_the_wav_stays_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (wav, small, keys) = house(folder.path());
        for keys in [Keys::default(), keys] {
            record(&wav, &[speech("zh/greeting.wav", 16_000)], &keys);
            let before = fs::read(&wav).unwrap();
            std::os::unix::fs::symlink("/dev/full", folder.path().join("1.part")).unwrap();
            let why = to_opus(&wav, &small, &keys).unwrap_err();
            assert!(why.contains("space"), "{why}");
            assert!(!small.exists() && !folder.path().join("1.part").is_symlink());
            assert_eq!(fs::read(&wav).unwrap(), before);
        }
    }

    #[test]
    fn what_is_cut_or_changed_is_told_and_breaks_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (wav, small, _) = house(folder.path());
        record(&wav, &[speech("zh/greeting.wav", 16_000)], &Keys::default());
        to_opus(&wav, &small, &Keys::default()).unwrap();
        let whole = fs::read(&small).unwrap();
        for cut in (0..whole.len()).step_by(97) {
            fs::write(&small, &whole[..cut]).unwrap();
            let reader = Reader::open(&small, &Keys::default()).unwrap();
            assert!(reader.peaks(10).is_err(), "{cut}");
            assert_eq!(reader.read(0, usize::MAX).unwrap(), whole[..cut]);
        }
        for at in (60..whole.len()).step_by(89) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            fs::write(&small, bytes).unwrap();
            assert!(Reader::open(&small, &Keys::default()).unwrap().peaks(10).is_err(), "{at}");
        }
    }
}
