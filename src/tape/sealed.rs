//! A sealed file: a head in the clear, then pieces of the same size, each with a tag of its own (AES-256-GCM in the
//! STREAM construction). Each file has a key of its own, derived from the house's by a salt, so that numbers of
//! pieces never meet twice under one key. A cut file opens up to its last whole piece; one from which pieces were
//! taken away at the end can be told from one that is whole.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, MAX_TAG_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::{SecureRandom, SystemRandom};

use super::keys::{ID, Key};
use super::place::Format;

const MAGIC: &[u8; 8] = b"HOTLINE1";
const SALT: usize = 32;
/// Magic, key, salt, what is in it.
pub(super) const HEAD: usize = 8 + ID + SALT + 1;
/// Bytes of sound in a piece: about a second of two channels.
pub(super) const PIECE: usize = 16_384;
/// Beside the channels: what is in it is a file of Ogg/Opus, and not A-law.
const OPUS: u8 = 0x80;
const TAG: usize = MAX_TAG_LEN;
/// The same as it lies in the file.
pub(super) const SEALED: usize = PIECE + TAG;

/// The cipher could not be used: never for what is asked of it here.
#[derive(Debug)]
pub(super) struct Broken;

pub(super) struct Seal {
    key: LessSafeKey,
    pub head: [u8; HEAD],
}

impl Seal {
    /// For a new file.
    pub fn new(key: &Key, channels: u8, format: Format) -> Result<Seal, Broken> {
        let mut head = [0; HEAD];
        head[..8].copy_from_slice(MAGIC);
        head[8..8 + ID].copy_from_slice(&key.id);
        SystemRandom::new().fill(&mut head[8 + ID..HEAD - 1]).map_err(|_| Broken)?;
        head[HEAD - 1] = if format == Format::Opus { channels | OPUS } else { channels };
        Self::of(key, head)
    }

    pub fn of(key: &Key, head: [u8; HEAD]) -> Result<Seal, Broken> {
        let salt = Salt::new(HKDF_SHA256, &head[8 + ID..HEAD - 1]);
        let info: [&[u8]; 1] = [b"a recording"];
        let of_file = salt.extract(&key.secret);
        let of_file = of_file.expand(&info, &AES_256_GCM).map_err(|_| Broken)?;
        Ok(Seal { key: LessSafeKey::new(UnboundKey::from(of_file)), head })
    }

    pub fn channels(&self) -> u8 {
        (self.head[HEAD - 1] & !OPUS).clamp(1, 2)
    }

    pub fn format(&self) -> Format {
        if self.head[HEAD - 1] & OPUS == 0 { Format::Wav } else { Format::Opus }
    }

    pub fn close(&self, number: u32, last: bool, mut piece: Vec<u8>) -> Result<Vec<u8>, Broken> {
        let nonce = nonce(number, last);
        self.key.seal_in_place_append_tag(nonce, Aad::from(&self.head), &mut piece).map_err(|_| Broken)?;
        Ok(piece)
    }

    /// `None`: it is not as it was written, or not the piece that is meant.
    pub fn open(&self, number: u32, last: bool, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
        let length = self.key.open_in_place(nonce(number, last), Aad::from(&self.head), &mut sealed).ok()?.len();
        sealed.truncate(length);
        Some(sealed)
    }
}

/// The key that a file was sealed with; `None`: it is not sealed.
pub(super) fn key_of(head: &[u8]) -> Option<[u8; ID]> {
    let id = head.get(8..8 + ID)?;
    if head.starts_with(MAGIC) { id.try_into().ok() } else { None }
}

fn nonce(number: u32, last: bool) -> Nonce {
    let mut bytes = [0; 12];
    bytes[7..11].copy_from_slice(&number.to_be_bytes());
    bytes[11] = u8::from(last);
    Nonce::assume_unique_for_key(bytes)
}
