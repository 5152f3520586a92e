//! Digest authentication, RFC 7616 and RFC 8760: what is hashed, and our answers to challenges of others. Theirs to ours
//! are checked by the [`Verifier`].
//!
//! Does not know registrations or dialogs.

mod verifier;

use data_encoding::HEXLOWER;
use md5::Md5;
use sha2::{Digest, Sha256, Sha512_256};

use super::message::{Challenge, Credentials, Method};
use super::words::Secret;
pub use verifier::{Asker, Verdict, Verifier};

/// Qualities of protection: of the request line, and of the body with it.
const PLAIN: &str = "auth";
const WITH_BODY: &str = "auth-int";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Md5,
    Sha256,
    Sha512256,
}

/// RFC 7616 §3.4.2; in SIP RFC 8760 §2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Algorithm {
    hash: Hash,
    /// `-sess`: the secret is hashed once more, with nonce and cnonce.
    session: bool,
}

impl Algorithm {
    fn named(name: Option<&str>) -> Option<Algorithm> {
        let name = name.unwrap_or("MD5").to_ascii_uppercase();
        let (name, session) = name.strip_suffix("-SESS").map_or((name.as_str(), false), |name| (name, true));
        let hash = match name {
            "MD5" => Hash::Md5,
            "SHA-256" => Hash::Sha256,
            "SHA-512-256" => Hash::Sha512256,
            _ => return None,
        };
        Some(Algorithm { hash, session })
    }

    /// One of those in which secrets of seats are kept.
    fn of_seats(name: Option<&str>) -> Option<Algorithm> {
        Algorithm::named(name).filter(|algorithm| !algorithm.session && algorithm.hash != Hash::Sha512256)
    }
}

impl Hash {
    fn of(self, text: impl AsRef<[u8]>) -> String {
        match self {
            Hash::Md5 => HEXLOWER.encode(&Md5::digest(text)),
            Hash::Sha256 => HEXLOWER.encode(&Sha256::digest(text)),
            Hash::Sha512256 => HEXLOWER.encode(&Sha512_256::digest(text)),
        }
    }
}

/// What is proved: a request's method, URI and body.
#[derive(Clone, Copy, Debug)]
pub struct Proved<'a> {
    pub method: &'a Method,
    pub uri: &'a str,
    pub body: &'a [u8],
}

/// A seat's secret as it is kept: HA1 in both algorithms, RFC 7616 §3.4.2.
pub fn secret(seat: &str, realm: &str, password: &str) -> Secret {
    let a1 = format!("{seat}:{realm}:{password}");
    Secret { ha1_md5: Hash::Md5.of(&a1), ha1_sha256: Hash::Sha256.of(&a1) }
}

/// RFC 7616 §3.4.1 to §3.4.3; without `qop` the form of RFC 2069.
fn response(Algorithm { hash, session }: Algorithm, ha1: &str, proved: Proved<'_>, c: &Credentials) -> String {
    let Proved { method, uri, body } = proved;
    let ha1 = match (session, &c.cnonce) {
        (true, Some(cnonce)) => hash.of(format!("{ha1}:{}:{cnonce}", c.nonce)),
        _ => ha1.to_string(),
    };
    let ha2 = match c.qop.as_deref() {
        Some(WITH_BODY) => hash.of(format!("{method}:{uri}:{}", hash.of(body))),
        _ => hash.of(format!("{method}:{uri}")),
    };
    hash.of(match (&c.qop, &c.nc, &c.cnonce) {
        (Some(qop), Some(nc), Some(cnonce)) => format!("{ha1}:{}:{nc}:{cnonce}:{qop}:{ha2}", c.nonce),
        _ => format!("{ha1}:{}:{ha2}", c.nonce),
    })
}

/// Whether we know an algorithm of this name.
pub fn is_algorithm(name: &str) -> bool {
    Algorithm::named(Some(name)).is_some()
}

/// Whether we know what a challenge wants.
pub fn is_known(challenge: &Challenge) -> bool {
    Algorithm::named(challenge.algorithm.as_deref()).is_some() && (challenge.qop.is_empty() || qop(challenge).is_some())
}

/// Of what they offer the one that whoever changes the body on the way does not break.
fn qop(challenge: &Challenge) -> Option<&'static str> {
    let offers = |known: &&str| challenge.qop.iter().any(|qop| qop.eq_ignore_ascii_case(known));
    [PLAIN, WITH_BODY].into_iter().find(offers)
}

/// Our credentials for their challenge; `None` if it wants what we do not know.
pub fn answer(
    challenge: &Challenge,
    proved: Proved<'_>,
    username: &str,
    password: &str,
    nc: u32,
    cnonce: &str,
) -> Option<Credentials> {
    let algorithm = Algorithm::named(challenge.algorithm.as_deref()).filter(|_| is_known(challenge))?;
    let qop = qop(challenge).map(str::to_string);
    let mut credentials = Credentials {
        username: username.into(),
        realm: challenge.realm.clone(),
        nonce: challenge.nonce.clone(),
        uri: proved.uri.into(),
        response: String::new(),
        algorithm: challenge.algorithm.clone(),
        cnonce: (qop.is_some() || algorithm.session).then(|| cnonce.to_string()),
        nc: qop.is_some().then(|| format!("{nc:08x}")),
        qop,
        opaque: challenge.opaque.clone(),
    };
    let ha1 = algorithm.hash.of(format!("{username}:{}:{password}", challenge.realm));
    credentials.response = response(algorithm, &ha1, proved, &credentials);
    Some(credentials)
}

/// The same for a request without a body.
#[cfg(test)]
pub fn signed(
    challenge: &Challenge,
    method: &Method,
    uri: &str,
    (user, password): (&str, &str),
    nc: u32,
) -> Credentials {
    answer(challenge, Proved { method, uri, body: &[] }, user, password, nc, "cn").expect("what we know")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_7616_and_rfc_2617_come_out() {
        let challenge = |algorithm: &str, nonce: &str, realm: &str| Challenge {
            realm: realm.into(),
            nonce: nonce.into(),
            opaque: None,
            algorithm: Some(algorithm.into()),
            qop: vec!["auth".into(), "auth-int".into()],
            stale: false,
        };
        let get = Method::Other("GET".into());
        let asked = |uri| Proved { method: &get, uri, body: b"v=0\r\n" };
        let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let of = |algorithm, qop: &[&str]| {
            let qop = qop.iter().map(ToString::to_string).collect();
            let c = Challenge { qop, ..challenge(algorithm, nonce, "http-auth@example.org") };
            answer(&c, asked("/dir/index.html"), "Mufasa", "Circle of Life", 1, cnonce).expect("answers").response
        };
        assert_eq!(of("MD5", &["auth", "auth-int"]), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(
            of("SHA-256", &["auth-int", "auth"]),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
        let old = challenge("MD5", "dcd98b7102dd2f0e8b11d0f600bfb0c093", "testrealm@host.com");
        let c = answer(&old, asked("/dir/index.html"), "Mufasa", "Circle Of Life", 1, "0a4f113b").expect("answers");
        assert_eq!(c.response, "6629fae49393a05397450978507c4ef1");
        // RFC 7616 §3.9.2, as erratum 4897 has it.
        let doe = challenge("SHA-512-256", "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", "api@example.org");
        let cnonce = "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v";
        let c = answer(&doe, asked("/doe.json"), "Jäsøn Doe", "Secret, or not?", 1, cnonce).expect("answers");
        assert_eq!(c.response, "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5");
        // No RFC has an example of these: worked out apart, by RFC 7616 §3.4.2 and §3.4.3.
        for (algorithm, qop, expected) in [
            ("md5", "auth-int", "d1b8e2ac3f6782372de4bf3d8735b406"),
            ("MD5-sess", "auth", "e783283f46242139c486a698fec7211d"),
            ("MD5-sess", "AUTH-INT", "4321e8772738f242cc32334079264d8c"),
            ("SHA-256-SESS", "auth", "2fd51b3a77ad75bad6afad6003e818d767133c46d9e2749e7f5232ae1ea3efd7"),
            ("SHA-256", "auth-int", "385d2de062660ced11876f42d9497c69cacf5caaf3d951dd424aee9f7157d563"),
            ("SHA-512-256-sess", "auth-int", "1ba4333021256e8b4eebe5c8d20ba53b167f1dac1f6d8c916a08c17ef99eae9a"),
        ] {
            assert_eq!(of(algorithm, &[qop]), expected, "{algorithm} {qop}");
        }
        for (algorithm, qop) in [("SHA-1", "auth"), ("MD5-sess-sess", "auth"), ("MD5", "auth-conf")] {
            let c = Challenge { qop: vec![qop.into()], ..challenge(algorithm, nonce, "r") };
            assert!(!is_known(&c) && answer(&c, asked("/"), "u", "p", 1, cnonce).is_none(), "{algorithm} {qop}");
        }
    }
}
