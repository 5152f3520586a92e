//! Secrets in descriptions: the lines `a=crypto`, RFC 4568. Pure.

use data_encoding::{BASE64, BASE64_NOPAD};
use rand::RngCore;

/// Bytes of every suite's salt, RFC 3711 §8.2.
pub const SALT: usize = 14;
/// The longest master key, and its salt.
const ROOM: usize = 32 + SALT;
/// RFC 4568 §9.1: a tag has up to nine digits.
const MAX_TAG: u32 = 999_999_999;
/// RFC 4568 §6.1: the longest name of a key that a packet may carry.
const MAX_MKI: usize = 128;

/// How packets are encrypted and signed. What is signed with 32 bits in RTP has 80 in RTCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    Aes128Tag80,
    Aes128Tag32,
    Aes256Tag80,
    Aes256Tag32,
}

impl Suite {
    /// In the order in which they are offered.
    pub const ALL: [Suite; 4] = [Suite::Aes128Tag80, Suite::Aes256Tag80, Suite::Aes128Tag32, Suite::Aes256Tag32];

    /// RFC 4568 §6.2, RFC 6188 §4.
    pub fn name(self) -> &'static str {
        match self {
            Suite::Aes128Tag80 => "AES_CM_128_HMAC_SHA1_80",
            Suite::Aes128Tag32 => "AES_CM_128_HMAC_SHA1_32",
            Suite::Aes256Tag80 => "AES_256_CM_HMAC_SHA1_80",
            Suite::Aes256Tag32 => "AES_256_CM_HMAC_SHA1_32",
        }
    }

    /// Bytes of the master key.
    pub fn key_length(self) -> usize {
        match self {
            Suite::Aes128Tag80 | Suite::Aes128Tag32 => 16,
            Suite::Aes256Tag80 | Suite::Aes256Tag32 => 32,
        }
    }

    /// Bytes of the signature behind each packet of RTP.
    pub fn tag_length(self) -> usize {
        match self {
            Suite::Aes128Tag80 | Suite::Aes256Tag80 => 10,
            Suite::Aes128Tag32 | Suite::Aes256Tag32 => 4,
        }
    }
}

/// A master key and its salt: what one side encrypts with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub suite: Suite,
    bytes: [u8; ROOM],
    /// Bytes by which packets name it; they are before the signature, and say nothing where there is one key.
    pub named_by: usize,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:?} …)", self.suite)
    }
}

impl Key {
    pub fn random(suite: Suite, rng: &mut impl RngCore) -> Key {
        let mut bytes = [0; ROOM];
        rng.fill_bytes(&mut bytes[..suite.key_length() + SALT]);
        Key { suite, bytes, named_by: 0 }
    }

    pub fn of(suite: Suite, written: &[u8]) -> Option<Key> {
        let length = suite.key_length() + SALT;
        let mut bytes = [0; ROOM];
        bytes.get_mut(..length)?.copy_from_slice(Some(written).filter(|written| written.len() == length)?);
        Some(Key { suite, bytes, named_by: 0 })
    }

    pub fn master(&self) -> &[u8] {
        &self.bytes[..self.suite.key_length()]
    }

    pub fn salt(&self) -> [u8; SALT] {
        let mut salt = [0; SALT];
        salt.copy_from_slice(&self.bytes[self.suite.key_length()..][..SALT]);
        salt
    }
}

/// What both sides encrypt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secrets {
    pub ours: Key,
    pub theirs: Key,
}

/// One `a=crypto` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crypto {
    pub tag: u32,
    pub key: Key,
}

impl Crypto {
    /// The value of the attribute, `1 AES_CM_128_HMAC_SHA1_80 inline:…`. `None`: it cannot be read, or asks for
    /// something that is not done here; RFC 4568 §6.3 has such a line passed over.
    pub fn read(value: &str) -> Option<Crypto> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next()?.parse().ok().filter(|tag| *tag <= MAX_TAG)?;
        let name = words.next()?;
        let suite = Suite::ALL.into_iter().find(|suite| suite.name().eq_ignore_ascii_case(name))?;
        let key = key(suite, words.next()?)?;
        // What begins with a minus may be passed over (§6.3.7); the size of a window is an advice (§6.3.6).
        words.all(|word| word.starts_with('-') || word.starts_with("WSH=")).then_some(Crypto { tag, key })
    }

    /// The whole line, without its end.
    pub fn write(&self) -> String {
        let Key { suite, bytes, .. } = &self.key;
        let key = BASE64.encode(&bytes[..suite.key_length() + SALT]);
        format!("a=crypto:{} {} inline:{key}", self.tag, suite.name())
    }
}

/// `inline:KEY|LIFETIME|MKI:LENGTH`. Several keys at once are for those who change them by name: not done here.
fn key(suite: Suite, word: &str) -> Option<Key> {
    let (method, value) = word.split_once(':')?;
    if !method.eq_ignore_ascii_case("inline") || value.contains(';') {
        return None;
    }
    let mut parts = value.split('|');
    let text = parts.next()?;
    let bytes = BASE64.decode(text.as_bytes()).or_else(|_| BASE64_NOPAD.decode(text.as_bytes())).ok()?;
    let mut key = Key::of(suite, &bytes)?;
    for part in parts {
        // A lifetime has no colon; it is longer than any call, or the other side's to keep.
        if let Some((_, length)) = part.split_once(':') {
            key.named_by = length.parse().ok().filter(|length| (1..=MAX_MKI).contains(length))?;
        }
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut rng = StdRng::seed_from_u64(4568);
        for suite in Suite::ALL {
            let crypto = Crypto { tag: 7, key: Key::random(suite, &mut rng) };
            let line = crypto.write();
            assert_eq!(Crypto::read(line.strip_prefix("a=crypto:").unwrap()), Some(crypto), "{line}");
            assert_eq!((crypto.key.master().len(), crypto.key.salt().len()), (suite.key_length(), SALT));
        }
    }

    #[test]
    fn lines_as_phones_write_them() {
        const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
        let table = [
            ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY", Some((1, 0))),
            ("2 aes_cm_128_hmac_sha1_32 INLINE:KEY|2^20", Some((2, 0))),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20|1:4", Some((1, 4))),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY|1:4 WSH=64 -FUTURE", Some((1, 4))),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY|1:0", None),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY|1:129", None),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY UNENCRYPTED_SRTP", None),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY UNENCRYPTED_SRTCP", None),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY UNAUTHENTICATED_SRTP", None),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY KDR=3", None),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:KEY|1:4;inline:KEY|2:4", None),
            ("1 AES_256_CM_HMAC_SHA1_80 inline:KEY", None),
            ("1 F8_128_HMAC_SHA1_80 inline:KEY", None),
            ("1 AES_CM_128_HMAC_SHA1_80 uri:KEY", None),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:KEYKEY", None),
            ("1 AES_CM_128_HMAC_SHA1_80 inline:", None),
            ("-1 AES_CM_128_HMAC_SHA1_80 inline:KEY", None),
            ("9999999999 AES_CM_128_HMAC_SHA1_80 inline:KEY", None),
            ("1 AES_CM_128_HMAC_SHA1_80", None),
            ("", None),
        ];
        for (line, expected) in table {
            let read = Crypto::read(&line.replace("KEY", KEY));
            assert_eq!(read.map(|crypto| (crypto.tag, crypto.key.named_by)), expected, "{line}");
        }
    }
}
