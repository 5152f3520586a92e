//! A file that grows: whole up to what was written last, whenever the process ends.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::keys::Keys;
use super::place::Format;
use super::reading::Reader;
use super::sealed::{self, Seal};
use super::wav;

/// A file that is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Of the file as it lies there, lower-case hex.
    pub sha256: String,
    pub length: Duration,
    /// Of the file as it lies there.
    pub bytes: u64,
    pub encrypted: bool,
}

pub struct Tape {
    path: PathBuf,
    file: File,
    format: Format,
    channels: u8,
    /// Bytes of sound so far.
    data: u64,
    sealing: Option<Sealing>,
}

struct Sealing {
    seal: Seal,
    /// The number of the next piece.
    number: u32,
    /// Its beginning.
    open: Vec<u8>,
}

impl Tape {
    /// Makes folder and file; nobody but the house's user and group may read them. Sealed if there is a key.
    pub fn create(path: &Path, channels: u8, keys: &Keys) -> io::Result<Tape> {
        Self::of(path, Format::Wav, channels, keys)
    }

    /// The same for another format, whose bytes are appended as they are.
    pub(super) fn of(path: &Path, format: Format, channels: u8, keys: &Keys) -> io::Result<Tape> {
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o750).create(folder)?;
        }
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(path)?;
        let sealing = match keys.first() {
            None => None,
            Some(key) => {
                let seal = Seal::new(key, channels, format).map_err(|_| broken())?;
                Some(Sealing { seal, number: 0, open: Vec::with_capacity(sealed::SEALED) })
            }
        };
        match &sealing {
            None if format == Format::Wav => file.write_all(&wav::head(channels, 0))?,
            None => {}
            Some(Sealing { seal, .. }) => file.write_all(&seal.head)?,
        }
        Ok(Tape { path: path.to_path_buf(), file, format, channels, data: 0, sealing })
    }

    /// Bytes of A-law, the channels one after the other in turn.
    pub fn append(&mut self, sound: &[u8]) -> io::Result<()> {
        if self.data + sound.len() as u64 > wav::MOST_DATA {
            return Err(io::Error::new(ErrorKind::FileTooLarge, "a recording has at most 4 GiB"));
        }
        match &mut self.sealing {
            None => {
                self.file.write_all(sound)?;
                self.data += sound.len() as u64;
                match self.format {
                    Format::Wav => self.file.write_all_at(&wav::head(self.channels, self.data), 0),
                    Format::Opus => Ok(()),
                }
            }
            Some(sealing) => {
                sealing.open.extend_from_slice(sound);
                self.data += sound.len() as u64;
                while sealing.open.len() >= sealed::PIECE {
                    let rest = sealing.open.split_off(sealed::PIECE);
                    let piece = std::mem::replace(&mut sealing.open, rest);
                    sealing.write(&mut self.file, piece, false)?;
                }
                Ok(())
            }
        }
    }

    /// Completes it. What a full disk has no room for is left out of a WAV.
    pub fn finish(self) -> io::Result<Written> {
        let Tape { path, mut file, format, channels, data, sealing } = self;
        let (mut length, encrypted) = (data, sealing.is_some());
        match sealing {
            None if format == Format::Opus => {}
            None => {
                // A write that broke off left half of something.
                file.set_len(wav::HEAD as u64 + data)?;
                file.write_all_at(&wav::head(channels, data), 0)?;
            }
            Some(mut sealing) => {
                let whole = sealed::HEAD as u64 + u64::from(sealing.number) * sealed::SEALED as u64;
                file.set_len(whole)?;
                let piece = std::mem::take(&mut sealing.open);
                let left = piece.len();
                if let Err(error) = sealing.write_at(&file, whole, piece) {
                    if format == Format::Opus {
                        return Err(error);
                    }
                    file.set_len(whole)?;
                    length = data - left as u64;
                    tracing::warn!(path = %path.display(), %error, "the last second of a recording found no room");
                }
            }
        }
        file.flush()?;
        let (sha256, bytes) = hash(&path)?;
        Ok(Written { sha256, length: lasts(length, channels), bytes, encrypted })
    }
}

impl Sealing {
    fn write(&mut self, file: &mut File, piece: Vec<u8>, last: bool) -> io::Result<()> {
        let piece = self.seal.close(self.number, last, piece).map_err(|_| broken())?;
        file.write_all(&piece)?;
        self.number += 1;
        Ok(())
    }

    fn write_at(&mut self, file: &File, at: u64, piece: Vec<u8>) -> io::Result<()> {
        let piece = self.seal.close(self.number, true, piece).map_err(|_| broken())?;
        file.write_all_at(&piece, at)
    }
}

/// Completes a file that a process left which was killed.
pub fn repair(path: &Path, keys: &Keys) -> io::Result<Written> {
    let reader = Reader::open(path, keys).map_err(|why| io::Error::other(why.to_string()))?;
    let lasts = reader.lasts().map_err(|why| io::Error::other(why.to_string()))?;
    let (length, encrypted) = (lasts, reader.is_sealed());
    let file = OpenOptions::new().write(true).open(path)?;
    reader.complete(&file).map_err(|why| io::Error::other(why.to_string()))?;
    let (sha256, bytes) = hash(path)?;
    Ok(Written { sha256, length, bytes, encrypted })
}

pub(super) fn lasts(data: u64, channels: u8) -> Duration {
    samples_last(data / u64::from(channels.max(1)))
}

/// So many of each channel.
pub(super) fn samples_last(samples: u64) -> Duration {
    Duration::from_millis(samples * 1000 / u64::from(wav::SAMPLE_RATE))
}

fn broken() -> io::Error {
    io::Error::other("the cipher does not work")
}

fn hash(path: &Path) -> io::Result<(String, u64)> {
    let (mut file, mut sha256, mut bytes) = (File::open(path)?, Sha256::new(), 0);
    let mut piece = vec![0; 65_536];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok((HEXLOWER.encode(&sha256.finalize()), bytes)),
            length => {
                bytes += length as u64;
                sha256.update(&piece[..length]);
            }
        }
    }
}
