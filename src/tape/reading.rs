//! Reading a recording as WAV or Ogg/Opus, from anywhere in it, whether it is sealed, still being written, or cut.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use super::keys::Keys;
use super::opus;
use super::place::Format;
use super::sealed::{self, Seal};
use super::wav;
use super::writing::{lasts, samples_last};

#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("it is not there")]
    Missing,
    #[error("it is sealed, and no key_file is set in [recording]")]
    NoKeyFile,
    #[error("it is sealed, and the key file does not have its key")]
    NoKey,
    #[error("it is not as it was written: {0}")]
    Damaged(&'static str),
    #[error("{0}")]
    Io(io::Error),
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::NotFound { Unreadable::Missing } else { Unreadable::Io(error) }
    }
}

pub struct Reader {
    file: File,
    kind: Kind,
    /// `None`: another form than ours, handed out as it is.
    format: Option<Format>,
    channels: u8,
    /// Bytes of sound: of our WAV what follows its head, of all others the whole.
    data: u64,
}

enum Kind {
    /// In the clear, from there on in the file.
    Plain { from: u64 },
    Sealed {
        seal: Box<Seal>,
        /// Pieces that open, the last one included.
        pieces: u32,
        /// Its end was written.
        whole: bool,
    },
}

impl Reader {
    pub fn open(path: &Path, keys: &Keys) -> Result<Reader, Unreadable> {
        let mut file = File::open(path)?;
        let mut head = Vec::new();
        (&mut file).take(wav::HEAD.max(sealed::HEAD).max(opus::HEAD) as u64).read_to_end(&mut head)?;
        let length = file.metadata()?.len();
        if let Some(id) = sealed::key_of(&head) {
            let missing = || if keys.first().is_none() { Unreadable::NoKeyFile } else { Unreadable::NoKey };
            let key = keys.named(id).ok_or_else(missing)?;
            let head = head.first_chunk().ok_or(Unreadable::Damaged("its head is cut"))?;
            let seal = Seal::of(key, *head).map_err(|_| Unreadable::Damaged("its head"))?;
            return Self::sealed(file, seal, length);
        }
        let (format, channels, from) = match (wav::channels(&head), opus::channels(&head)) {
            (Some(channels), _) => (Some(Format::Wav), channels, wav::HEAD as u64),
            (_, Some(channels)) => (Some(Format::Opus), channels, 0),
            (None, None) => (None, 1, 0),
        };
        let data = length.saturating_sub(from);
        let data = if format == Some(Format::Wav) { data - data % u64::from(channels) } else { data };
        Ok(Reader { file, kind: Kind::Plain { from }, format, channels, data })
    }

    fn sealed(file: File, seal: Seal, length: u64) -> Result<Reader, Unreadable> {
        let sound = length.saturating_sub(sealed::HEAD as u64);
        let full = u32::try_from(sound / sealed::SEALED as u64).map_err(|_| Unreadable::Damaged("its length"))?;
        let rest = sound % sealed::SEALED as u64;
        let piece = |number: u32, length: u64| -> io::Result<Vec<u8>> {
            let mut piece = vec![0; length as usize];
            file.read_exact_at(&mut piece, sealed::HEAD as u64 + u64::from(number) * sealed::SEALED as u64)?;
            Ok(piece)
        };
        // The end is a piece that says so, most often a short one.
        let end = if rest > 0 { seal.open(full, true, piece(full, rest)?).map(|end| (full, end)) } else { None };
        let end = match (end, full) {
            (None, 1..) => {
                let last = full - 1;
                seal.open(last, true, piece(last, sealed::SEALED as u64)?).map(|end| (last, end))
            }
            (end, _) => end,
        };
        let (data, pieces, whole) = match end {
            Some((number, end)) => (u64::from(number) * sealed::PIECE as u64 + end.len() as u64, number + 1, true),
            None => (u64::from(full) * sealed::PIECE as u64, full, false),
        };
        let (channels, format) = (seal.channels(), Some(seal.format()));
        Ok(Reader { file, kind: Kind::Sealed { seal: Box::new(seal), pieces, whole }, format, channels, data })
    }

    /// Bytes as they are handed out.
    pub fn length(&self) -> u64 {
        match self.format {
            Some(Format::Wav) => wav::HEAD as u64 + self.data,
            _ => self.data,
        }
    }

    /// Nothing for what has no form of ours.
    pub fn lasts(&self) -> Result<Duration, Unreadable> {
        Ok(match self.format {
            None => Duration::ZERO,
            Some(Format::Wav) => lasts(self.data, self.channels),
            Some(Format::Opus) => samples_last(opus::samples(self)?),
        })
    }

    /// `None`: another form than ours.
    pub fn format(&self) -> Option<Format> {
        self.format
    }

    pub fn channels(&self) -> u8 {
        self.channels
    }

    /// Bytes of sound: of our WAV what follows its head, of all others the whole.
    pub(super) fn data(&self) -> u64 {
        self.data
    }

    pub fn is_sealed(&self) -> bool {
        matches!(self.kind, Kind::Sealed { .. })
    }

    /// Up to so many bytes of the file from there on; fewer at its end.
    pub fn read(&self, from: u64, many: usize) -> Result<Vec<u8>, Unreadable> {
        let left = usize::try_from(self.length().saturating_sub(from)).unwrap_or(usize::MAX);
        let many = many.min(left);
        let head = wav::head(self.channels, self.data);
        let head = if self.format == Some(Format::Wav) { &head[..] } else { &[] };
        let of_head = head.get(usize::try_from(from).unwrap_or(usize::MAX)..).unwrap_or_default();
        let mut bytes = of_head[..of_head.len().min(many)].to_vec();
        let mut at = (from + bytes.len() as u64).saturating_sub(head.len() as u64);
        while bytes.len() < many {
            let sound = self.sound(at, many - bytes.len())?;
            at += sound.len() as u64;
            bytes.extend_from_slice(&sound);
        }
        Ok(bytes)
    }

    /// Some of the sound from there on: at least a byte, as long as there is one.
    pub(super) fn sound(&self, at: u64, many: usize) -> Result<Vec<u8>, Unreadable> {
        let (seal, pieces, whole) = match &self.kind {
            Kind::Sealed { seal, pieces, whole } => (seal, pieces, whole),
            Kind::Plain { from } => {
                let mut bytes = vec![0; many];
                self.file.read_exact_at(&mut bytes, from + at)?;
                return Ok(bytes);
            }
        };
        let damaged = Unreadable::Damaged("a piece of it does not open");
        let number = u32::try_from(at / sealed::PIECE as u64).map_err(|_| Unreadable::Damaged("its length"))?;
        let last = *whole && number + 1 == *pieces;
        let begins = u64::from(number) * sealed::PIECE as u64;
        let length = (self.data - begins).min(sealed::PIECE as u64) as usize + (sealed::SEALED - sealed::PIECE);
        let mut piece = vec![0; length];
        self.file.read_exact_at(&mut piece, sealed::HEAD as u64 + u64::from(number) * sealed::SEALED as u64)?;
        let piece = seal.open(number, last, piece).ok_or(damaged)?;
        let within = (at - begins) as usize;
        Ok(piece.get(within..(within + many).min(piece.len())).unwrap_or_default().to_vec())
    }

    /// The loudest sample, from 0 to 1, of so many equal stretches of each channel.
    pub fn peaks(&self, points: usize) -> Result<Vec<Vec<f32>>, Unreadable> {
        let channels = usize::from(self.channels);
        let samples = match self.format {
            Some(Format::Opus) => opus::samples(self)?,
            _ => self.data / channels as u64,
        };
        let mut peaks = vec![vec![0.0_f32; points]; channels];
        let mut at = 0;
        self.each_sample(&mut |sample| {
            let (channel, place) = (at as usize % channels, at / channels as u64);
            let point = (place * points as u64 / samples.max(1)) as usize;
            if let Some(peak) = peaks[channel].get_mut(point) {
                *peak = peak.max(wav::loudness(sample));
            }
            at += 1;
        })?;
        Ok(peaks)
    }

    /// The samples at 8 kHz, the channels in turn.
    pub fn each_sample(&self, each: &mut dyn FnMut(i16)) -> Result<(), Unreadable> {
        const STEP: u64 = 65_536;
        match self.format {
            None => return Err(Unreadable::Damaged("its form is not known")),
            Some(Format::Opus) => return opus::decode(self, each),
            Some(Format::Wav) => {}
        }
        let mut at = 0;
        while at < self.data {
            let sound = self.sound(at, STEP.min(self.data - at) as usize)?;
            at += sound.len() as u64;
            sound.into_iter().map(wav::linear).for_each(&mut *each);
        }
        Ok(())
    }

    /// Writes what is missing at the end of a file that was cut.
    pub(super) fn complete(&self, file: &File) -> Result<(), Unreadable> {
        match &self.kind {
            // What is not WAV was complete before it had its name.
            _ if self.format != Some(Format::Wav) => {}
            Kind::Plain { .. } => {
                file.set_len(wav::HEAD as u64 + self.data)?;
                file.write_all_at(&wav::head(self.channels, self.data), 0)?;
            }
            Kind::Sealed { whole: true, .. } => {}
            Kind::Sealed { seal, pieces, .. } => {
                let end = sealed::HEAD as u64 + u64::from(*pieces) * sealed::SEALED as u64;
                file.set_len(end)?;
                let piece = seal.close(*pieces, true, Vec::new()).map_err(|_| Unreadable::Damaged("its key"))?;
                file.write_all_at(&piece, end)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::tape::{Tape, repair};

    fn keys(folder: &Path, digits: &str) -> Keys {
        let path = folder.join("key");
        std::fs::write(&path, digits.repeat(64)).unwrap();
        Keys::read(&path).unwrap()
    }

    /// Two channels: a rising one, and its opposite.
    fn sound(many: usize) -> Vec<u8> {
        (0..many).flat_map(|sample| [(sample % 251) as u8, 255 - (sample % 251) as u8]).collect()
    }

    /// Writes so many samples in steps of an odd size; `finish`: or leaves the file as a killed process would.
    fn write(path: &Path, keys: &Keys, samples: usize, finish: bool) -> Vec<u8> {
        let sound = sound(samples);
        let mut tape = Tape::create(path, 2, keys).unwrap();
        sound.chunks(3_334).for_each(|step| tape.append(step).unwrap());
        if finish {
            let written = tape.finish().unwrap();
            assert_eq!(written.length.as_millis(), samples as u128 / 8);
            assert_eq!(written.bytes, std::fs::metadata(path).unwrap().len());
            let hash = <sha2::Sha256 as sha2::Digest>::digest(std::fs::read(path).unwrap());
            assert_eq!(written.sha256, data_encoding::HEXLOWER.encode(&hash));
        } else {
            drop(tape);
        }
        sound
    }

    fn played(path: &Path, keys: &Keys) -> Vec<u8> {
        let reader = Reader::open(path, keys).unwrap();
        reader.read(0, usize::MAX).unwrap()
    }

    #[test]
    fn what_was_written_is_read_from_anywhere_sealed_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/1.wav");
        for keys in [Keys::default(), keys(folder.path(), "a")] {
            // Less than a piece, exactly two, and more than that.
            for samples in [0, 100, 16_384, 20_000] {
                let sound = write(&path, &keys, samples, true);
                let whole = played(&path, &keys);
                assert_eq!(whole.len(), 58 + sound.len());
                assert_eq!((&whole[..4], &whole[58..]), (&b"RIFF"[..], &sound[..]), "{samples}");
                let reader = Reader::open(&path, &keys).unwrap();
                for (from, many) in
                    [(0, 10), (50, 20), (58, 1), (16_400, 100), (16_430, 40_000), (40_000, 9), (1 << 40, 5)]
                {
                    let part = reader.read(from, many).unwrap();
                    let expected = whole.iter().skip(from as usize).take(many).copied().collect::<Vec<u8>>();
                    assert_eq!(part, expected, "{many} from {from} of {samples}");
                }
            }
        }
    }

    #[test]
    fn a_sealed_file_tells_nothing_without_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.wav");
        let ours = keys(folder.path(), "a");
        let sound = write(&path, &ours, 20_000, true);
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(4).any(|four| four == b"RIFF"));
        assert!(!bytes.windows(16).any(|some| some == &sound[1000..1016]));
        assert!(matches!(Reader::open(&path, &Keys::default()), Err(Unreadable::NoKeyFile)));
        assert!(matches!(Reader::open(&path, &keys(folder.path(), "b")), Err(Unreadable::NoKey)));
        // Another key in front: what the former one sealed still opens.
        std::fs::write(folder.path().join("key"), format!("{}\n{}\n", "b".repeat(64), "a".repeat(64))).unwrap();
        let both = Keys::read(&folder.path().join("key")).unwrap();
        assert_eq!(played(&path, &both)[58..], sound);
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.wav");
        let keys = keys(folder.path(), "a");
        write(&path, &keys, 20_000, true);
        let whole = std::fs::read(&path).unwrap();
        for at in [20, 5_000, 17_000] {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            let read =
                Reader::open(&path, &keys).and_then(|reader| reader.read(0, usize::MAX).map(|_| reader.length()));
            // A changed salt opens nothing, not even the end: it is as if nothing had been written.
            assert!(read.as_ref().is_err(), "{at}: {read:?}");
        }
        // Pieces that change places.
        let (one, two) = (sealed::HEAD, sealed::HEAD + sealed::SEALED);
        let mut bytes = whole.clone();
        bytes[one..two].copy_from_slice(&whole[two..two + sealed::SEALED]);
        std::fs::write(&path, bytes).unwrap();
        assert!(Reader::open(&path, &keys).unwrap().read(0, usize::MAX).is_err());
    }

    #[test]
    fn a_file_that_is_cut_anywhere_plays_up_to_there_and_is_completed() {
        let folder = tempfile::tempdir().unwrap();
        let path: PathBuf = folder.path().join("1.wav");
        for (keys, lost) in [(Keys::default(), 1), (keys(folder.path(), "a"), sealed::PIECE)] {
            let sound = write(&path, &keys, 20_000, false);
            let whole = std::fs::read(&path).unwrap();
            for cut in [whole.len(), whole.len() - 1, 30_001, 16_500, 100] {
                std::fs::write(&path, &whole[..cut]).unwrap();
                let heard = played(&path, &keys)[58..].to_vec();
                assert!(sound.starts_with(&heard), "{cut}");
                assert!(heard.len() + lost + 58 + 64 > cut, "{} bytes of {cut}", heard.len());
                let written = repair(&path, &keys).unwrap();
                assert_eq!(written.length.as_millis() as usize, heard.len() / 16);
                assert_eq!(played(&path, &keys)[58..], heard);
                assert_eq!(repair(&path, &keys).unwrap(), written, "there is nothing more to do");
            }
        }
    }

    #[test]
    fn peaks_show_where_somebody_speaks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.wav");
        let mut tape = Tape::create(&path, 2, &Keys::default()).unwrap();
        // The left is loud in the second quarter, the right in the last.
        for quarter in 0..4 {
            let (left, right) =
                (if quarter == 1 { 0xAA } else { wav::SILENCE }, if quarter == 3 { 0x2A } else { wav::SILENCE });
            tape.append(&[left, right].repeat(1000)).unwrap();
        }
        tape.finish().unwrap();
        let peaks = Reader::open(&path, &Keys::default()).unwrap().peaks(8).unwrap();
        let loud = |channel: usize| peaks[channel].iter().map(|peak| u8::from(*peak > 0.5)).collect::<Vec<u8>>();
        assert_eq!((loud(0), loud(1)), (vec![0, 0, 1, 1, 0, 0, 0, 0], vec![0, 0, 0, 0, 0, 0, 1, 1]));
    }
}
