//! Passwords and tokens: argon2id, and opaque random texts of which only a SHA-256 is kept.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use rand::TryRngCore;
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};

/// What OWASP asks for at least: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// 256 bits.
const TOKEN_BYTES: usize = 32;
/// Nobody types a longer one, and hashing it costs.
pub const LONGEST: usize = 256;
/// Shorter ones are tried out too easily.
pub const SHORTEST: usize = 8;

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// A PHC string. Takes tens of milliseconds.
pub fn hash(password: &str) -> Result<String, String> {
    if password.chars().count() < SHORTEST {
        return Err(format!("a password has at least {SHORTEST} letters"));
    }
    if password.len() > LONGEST {
        return Err(format!("a password has at most {LONGEST} bytes"));
    }
    let hashed = argon2().hash_password(password.as_bytes());
    hashed.map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

/// Whether it is the password. Without a hash it takes as long, and it is not.
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    let parsed = hash.and_then(|hash| PasswordHash::new(hash).ok());
    match parsed {
        Some(parsed) => argon2().verify_password(password.as_bytes(), &parsed).is_ok(),
        None => {
            let _ = argon2().hash_password(password.as_bytes());
            false
        }
    }
}

/// An opaque random text, 43 letters. Programs take what begins with `-` for an option: none does.
pub fn new_token() -> Result<String, String> {
    loop {
        let mut bytes = [0; TOKEN_BYTES];
        OsRng.try_fill_bytes(&mut bytes).map_err(|error| error.to_string())?;
        let token = BASE64URL_NOPAD.encode(&bytes);
        if !token.starts_with('-') {
            return Ok(token);
        }
    }
}

/// What is kept of a token.
pub fn token_hash(token: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(token.as_bytes()))
}

/// What a page shows with each command: follows from the session's token, which scripts cannot read.
pub fn csrf(token: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(format!("csrf {token}").as_bytes()))
}

/// Compares without telling by the time how much is right.
pub fn same(one: &str, other: &str) -> bool {
    let different = one.bytes().zip(other.bytes()).fold(0, |all, (one, other)| all | (one ^ other));
    one.len() == other.len() && different == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_token_looks_like_an_option() {
        assert!((0..2_000).all(|_| new_token().is_ok_and(|token| token.len() == 43 && !token.starts_with('-'))));
    }

    #[test]
    fn a_password_is_kept_as_argon2id_and_only_itself_opens() {
        let kept = hash("correct horse").unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(verify("correct horse", Some(&kept)));
        assert!(!verify("correct hors", Some(&kept)));
        assert!(!verify("correct horse", None));
        assert!(!verify("correct horse", Some("nonsense")));
        assert_ne!(kept, hash("correct horse").unwrap(), "each has a salt of its own");
        assert!(hash("short").is_err() && hash(&"x".repeat(300)).is_err());
    }

    #[test]
    fn tokens_differ_and_their_csrf_follows_from_them() {
        let (one, other) = (new_token().unwrap(), new_token().unwrap());
        assert!(one.len() == 43 && one != other);
        assert_ne!(token_hash(&one), token_hash(&other));
        assert_eq!(csrf(&one), csrf(&one));
        assert!(same("abc", "abc") && !same("abc", "abd") && !same("abc", "ab"));
    }
}
