//! The keys with which recordings are sealed: a file with one on each line, as 64 hexadecimal digits. The first seals,
//! all of them open, so that a key can be changed while what it sealed before is kept.

use std::fmt;
use std::io;
use std::path::Path;

use data_encoding::HEXLOWER_PERMISSIVE;
use ring::digest;

/// Keys of one file: nobody changes them more often than once a month for some years.
const MOST: usize = 100;
pub(super) const KEY: usize = 32;
pub(super) const ID: usize = 8;

#[derive(Debug, thiserror::Error)]
pub enum KeyFault {
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("has no key: a line with 64 hexadecimal digits is meant, as `openssl rand -hex 32` prints it")]
    Empty,
    #[error("line {0} is no key: 64 hexadecimal digits are meant, as `openssl rand -hex 32` prints them")]
    Broken(usize),
    #[error("has more than {MOST} keys")]
    TooMany,
}

/// The first is the one that seals.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Keys(Vec<Key>);

#[derive(Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub id: [u8; ID],
    pub secret: [u8; KEY],
}

impl Keys {
    /// Lines that are empty or begin with `#` are passed over.
    pub fn read(path: &Path) -> Result<Keys, KeyFault> {
        Self::parse(&std::fs::read_to_string(path)?)
    }

    fn parse(text: &str) -> Result<Keys, KeyFault> {
        let mut keys = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bytes = HEXLOWER_PERMISSIVE.decode(line.as_bytes()).ok();
            let secret = bytes.and_then(|bytes| <[u8; KEY]>::try_from(bytes).ok());
            keys.push(Key::new(secret.ok_or(KeyFault::Broken(number + 1))?));
        }
        match keys.len() {
            0 => Err(KeyFault::Empty),
            many if many > MOST => Err(KeyFault::TooMany),
            _ => Ok(Keys(keys)),
        }
    }

    pub(super) fn first(&self) -> Option<&Key> {
        self.0.first()
    }

    pub(super) fn named(&self, id: [u8; ID]) -> Option<&Key> {
        self.0.iter().find(|key| key.id == id)
    }

    /// What tells these keys from others, and tells nobody the keys.
    pub fn fingerprint(&self) -> String {
        let ids: Vec<String> = self.0.iter().map(|key| HEXLOWER_PERMISSIVE.encode(&key.id)).collect();
        ids.join(" ")
    }
}

impl Key {
    fn new(secret: [u8; KEY]) -> Key {
        let hash = digest::digest(&digest::SHA256, &secret);
        let mut id = [0; ID];
        id.copy_from_slice(&hash.as_ref()[..ID]);
        Key { id, secret }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_keys_is_read_or_told_what_is_wrong_with_it() {
        let one = "0f".repeat(32);
        let other = "F0".repeat(32);
        let keys = Keys::parse(&format!("# ours\n{one}\n\n  {other}  \n")).unwrap();
        assert_eq!(keys.first().unwrap().secret, [0x0f; KEY]);
        let id = keys.0[1].id;
        assert_eq!(keys.named(id).unwrap().secret, [0xf0; KEY]);
        assert!(!format!("{keys:?}").contains("0f0f0f0f"), "a key is shown to nobody");
        let cases = [
            ("", "has no key"),
            ("# nothing\n", "has no key"),
            ("0f0f", "line 1 is no key"),
            (&*format!("{one}\n{one}0"), "line 2 is no key"),
            (&*"zz".repeat(32), "line 1 is no key"),
            (&*format!("{one}\n").repeat(MOST + 1), "more than"),
        ];
        for (text, told) in cases {
            let fault = Keys::parse(text).unwrap_err().to_string();
            assert!(fault.contains(told), "{fault}");
        }
    }
}
