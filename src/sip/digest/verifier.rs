//! Challenges of ours, and whether what comes back proves whose it is.
//!
//! Nonces prove themselves (time, chance, to whom they were given, and a keyed hash), so a challenge costs no memory.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use data_encoding::HEXLOWER;
use rand::Rng;
use rand::rngs::StdRng;
use sha2::{Digest, Sha256};

use super::{Algorithm, Hash, PLAIN, Proved, response};
use crate::ids::SeatId;
use crate::moment::Moment;
use crate::peers::household;
use crate::sip::guesses::Guesses;
use crate::sip::message::{Challenge, Credentials, Method, Uri};
use crate::sip::words::{SeatAccount, Secret};

/// Nonces that were used and whose count is remembered; beyond it the oldest are forgotten, and count as
/// stale from then on.
const MAX_USED: usize = 50_000;
/// A nonce used without `qop` (RFC 2069) has no count: it is good once.
const USED_UP: u32 = u32::MAX;
/// A nonce in characters: when it was made (16), chance (8), to which household it was given, mixed with both (8), and the
/// proof of all that.
const MADE: usize = 16;
const CHANCE: usize = 24;
const HEAD: usize = 32;

/// Phones that give up at an algorithm they do not know, where RFC 8760 §2.4 wants it passed over: they are
/// asked for MD5 alone, which they would choose anyway.
const MD5_ONLY: [&str; 3] = ["baresip v0.", "baresip v1.", "baresip v2."];

/// Makes challenges and checks what comes back.
pub struct Verifier {
    realm: String,
    lifetime: Duration,
    key: [u8; 32],
    rng: StdRng,
    /// Nonce → the highest count seen. Nonces begin with their time, so the first is the oldest.
    used: BTreeMap<String, u32>,
    forgotten_before: Moment,
    guesses: Guesses,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Seat(SeatId),
    /// Wrong, unknown, missing or too old: all look the same, but for `stale`.
    Challenge {
        stale: bool,
    },
}

/// Who shows credentials: guesses are counted where he is.
#[derive(Clone, Debug)]
pub struct Asker {
    pub ip: IpAddr,
    /// Whose phone it is, as far as a registration tells: his own secret is looked at however many guesses come from
    /// beside him.
    pub seat: Option<SeatId>,
}

impl From<IpAddr> for Asker {
    fn from(ip: IpAddr) -> Self {
        Self { ip, seat: None }
    }
}

impl Verifier {
    pub fn new(realm: &str, lifetime: Duration, rng: &mut StdRng) -> Self {
        use rand::SeedableRng;
        let mut rng = StdRng::from_rng(rng);
        let key = rng.random();
        let forgotten_before = Moment::default();
        Self {
            realm: realm.into(),
            lifetime,
            key,
            rng,
            used: BTreeMap::new(),
            forgotten_before,
            guesses: Guesses::default(),
        }
    }

    /// SHA-256 first, then MD5 for older phones (RFC 8760 §2.4). Both carry the same nonce, which is good where it is sent
    /// `to` and nowhere else.
    pub fn challenges(&mut self, now: Moment, to: IpAddr, stale: bool, user_agent: Option<&str>) -> Vec<Challenge> {
        let nonce = self.nonce(now, to);
        let md5_only = user_agent.is_some_and(|name| MD5_ONLY.iter().any(|known| name.starts_with(known)));
        let make = |algorithm: &str| Challenge {
            realm: self.realm.clone(),
            nonce: nonce.clone(),
            opaque: None,
            algorithm: Some(algorithm.into()),
            qop: vec![PLAIN.into()],
            stale,
        };
        if md5_only { vec![make("MD5")] } else { vec![make("SHA-256"), make("MD5")] }
    }

    /// Challenges from here on name this realm; nonces that are out are good for so long.
    pub fn set(&mut self, realm: &str, lifetime: Duration) {
        (self.realm, self.lifetime) = (realm.into(), lifetime);
    }

    /// Nothing that came from there before counts any more.
    pub fn forget_guesses(&mut self, from: IpAddr) {
        self.guesses.forget(from);
    }

    /// Whether these credentials answer a challenge that was given there and is good still. Whoever has read it is there,
    /// which a datagram by itself does not tell.
    pub fn was_read(&self, now: Moment, credentials: &[Credentials], there: IpAddr) -> bool {
        self.ours(credentials).is_some_and(|(c, _)| self.is_good(now, &c.nonce, there))
    }

    /// Whose credentials these are. Unknown seats cost the same work as known ones. From where too many were
    /// wrong, no more are looked at for a while: the answer is the same. Those for another's nonce are not looked at
    /// either, and no guess: nobody can guess in somebody else's name.
    pub fn verify(
        &mut self,
        now: Moment,
        method: &Method,
        credentials: &[Credentials],
        request_uri: &Uri,
        seats: &BTreeMap<SeatId, SeatAccount>,
        asker: impl Into<Asker>,
    ) -> Verdict {
        let Asker { ip: from, seat: own } = asker.into();
        let Some((c, algorithm)) = self.ours(credentials) else { return Verdict::Challenge { stale: false } };
        if !self.is_good(now, &c.nonce, from) {
            return Verdict::Challenge { stale: true };
        }
        let is_own = own.is_some_and(|seat| seat.as_str() == c.username);
        if !is_own && self.guesses.are_too_many(now, from) {
            return Verdict::Challenge { stale: false };
        }
        let nobody = Secret { ha1_md5: "0".repeat(32), ha1_sha256: "0".repeat(64) };
        let known = seats.get(c.username.as_str()).and_then(|seat| seat.secret.as_ref());
        let kept = known.unwrap_or(&nobody);
        let ha1 = if algorithm.hash == Hash::Md5 { &kept.ha1_md5 } else { &kept.ha1_sha256 };
        let expected = response(algorithm, ha1, Proved { method, uri: &c.uri, body: &[] }, c);
        let right =
            same(&expected, &c.response.to_ascii_lowercase()) & known.is_some() & same_target(&c.uri, request_uri);
        if !right {
            self.guesses.count(now, from);
            return Verdict::Challenge { stale: false };
        }
        let count = match (c.qop.as_deref(), c.nc.as_deref()) {
            (Some(PLAIN), Some(nc)) => u32::from_str_radix(nc, 16).ok().filter(|nc| *nc < USED_UP),
            (None, _) => Some(USED_UP),
            _ => None,
        };
        match count {
            Some(count) if self.spend(now, &c.nonce, count) => Verdict::Seat(SeatId::from(c.username.as_str())),
            _ => Verdict::Challenge { stale: true },
        }
    }

    fn ours<'a>(&self, credentials: &'a [Credentials]) -> Option<(&'a Credentials, Algorithm)> {
        let algorithm = |c: &Credentials| Algorithm::of_seats(c.algorithm.as_deref()).filter(|_| c.realm == self.realm);
        credentials.iter().find_map(|c| Some((c, algorithm(c)?)))
    }

    fn nonce(&mut self, now: Moment, to: IpAddr) -> String {
        let chance: u32 = self.rng.random();
        let made = format!("{:016x}{chance:08x}", now.as_micros());
        let head = format!("{made}{}", self.place(&made, to));
        let proof = self.proof(&head);
        format!("{head}{proof}")
    }

    /// Which household a nonce is for.
    fn place(&self, made: &str, ip: IpAddr) -> String {
        let mut place = self.proof(&format!("{made}{}", household(ip)));
        place.truncate(HEAD - CHANCE);
        place
    }

    fn proof(&self, head: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(self.key);
        hash.update(head.as_bytes());
        hash.update(self.key);
        HEXLOWER.encode(&hash.finalize()[..12])
    }

    /// Whether the nonce is ours, was given there, and is young enough.
    fn is_good(&self, now: Moment, nonce: &str, there: IpAddr) -> bool {
        let Some((head, proof)) = nonce.split_at_checked(HEAD) else { return false };
        // Anybody may write anything here: nothing is cut out before the proof holds.
        if !same(&self.proof(head), proof) {
            return false;
        }
        let Some((made, place)) = head.split_at_checked(CHANCE) else { return false };
        let at = made.get(..MADE).and_then(|time| u64::from_str_radix(time, 16).ok()).map(Moment::from_micros);
        let is_young = |at| now.since(at) <= self.lifetime && at >= self.forgotten_before;
        at.is_some_and(is_young) && same(&self.place(made, there), place)
    }

    /// Whether this count of a good nonce was not used before (RFC 7616 §5.12).
    fn spend(&mut self, now: Moment, nonce: &str, count: u32) -> bool {
        match self.used.get_mut(nonce) {
            Some(seen) if *seen >= count => return false,
            Some(seen) => *seen = count,
            None => _ = self.used.insert(nonce.to_string(), count),
        }
        let oldest = format!("{:016x}", (now - self.lifetime).as_micros());
        while let Some((first, _)) = self.used.first_key_value() {
            let full = self.used.len() > MAX_USED;
            if !full && first.as_str() >= oldest.as_str() {
                break;
            }
            if let Some((first, _)) = self.used.pop_first()
                && full
            {
                let made = first.get(..MADE).and_then(|t| u64::from_str_radix(t, 16).ok()).unwrap_or(0);
                self.forgotten_before = Moment::from_micros(made + 1);
            }
        }
        true
    }
}

/// Compares without telling by the time it takes where the difference is.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |diff, (x, y)| diff | (x ^ y)) == 0
}

/// The digest's `uri` must name what is asked for; ports and parameters are written differently by many.
fn same_target(digest_uri: &str, request_uri: &Uri) -> bool {
    match (Uri::parse(digest_uri), request_uri) {
        (Some(Uri::Sip(a)), Uri::Sip(b)) => {
            a.host.eq_ignore_ascii_case(&b.host) && (a.user.is_none() || a.user == b.user)
        }
        (Some(Uri::Other(a)), Uri::Other(b)) => a == *b,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{secret, signed};
    use super::*;
    use rand::SeedableRng;

    const T0: Moment = Moment::from_micros(1_700_000_000_000_000);

    fn verifier() -> Verifier {
        Verifier::new("hotline", Duration::from_secs(60), &mut StdRng::seed_from_u64(7))
    }

    fn seats() -> BTreeMap<SeatId, SeatAccount> {
        let account = SeatAccount { secret: Some(secret("8001", "hotline", "pw")), ..SeatAccount::default() };
        BTreeMap::from([("8001".into(), account)])
    }

    const FROM: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn uri() -> Uri {
        Uri::parse("sip:127.0.0.1:5060").expect("a URI")
    }

    fn credentials(challenge: &Challenge, user: &str, password: &str, nc: u32) -> Credentials {
        signed(challenge, &Method::REGISTER, "sip:127.0.0.1:5060", (user, password), nc)
    }

    #[test]
    fn the_right_secret_in_either_algorithm_is_the_seat() {
        let mut verifier = verifier();
        for challenge in verifier.challenges(T0, FROM, false, None) {
            let c = credentials(&challenge, "8001", "pw", 1);
            let verdict = verifier.verify(T0, &Method::REGISTER, &[c], &uri(), &seats(), FROM);
            // Both challenges share a nonce, so its second use needs a higher count.
            if challenge.algorithm.as_deref() == Some("SHA-256") {
                assert_eq!(verdict, Verdict::Seat("8001".into()));
            } else {
                assert_eq!(verdict, Verdict::Challenge { stale: true });
                let c = credentials(&challenge, "8001", "pw", 2);
                let verdict = verifier.verify(T0, &Method::REGISTER, &[c], &uri(), &seats(), FROM);
                assert_eq!(verdict, Verdict::Seat("8001".into()));
            }
        }
    }

    #[test]
    fn what_is_wrong_is_challenged_again_and_only_age_and_replay_are_called_stale() {
        let mut verifier = verifier();
        let challenge = verifier.challenges(T0, FROM, false, None).remove(0);
        let good = credentials(&challenge, "8001", "pw", 1);
        let late = T0 + Duration::from_secs(61);
        let forged = Credentials { nonce: challenge.nonce.replace('1', "2"), ..good.clone() };
        let cases = [
            (T0, vec![], false),
            (T0, vec![credentials(&challenge, "8001", "wrong", 1)], false),
            (T0, vec![credentials(&challenge, "8999", "pw", 1)], false),
            (T0, vec![Credentials { realm: "else".into(), ..good.clone() }], false),
            (T0, vec![Credentials { algorithm: Some("MD5-sess".into()), ..good.clone() }], false),
            (T0, vec![Credentials { algorithm: Some("SHA-512-256".into()), ..good.clone() }], false),
            (T0, vec![forged], true),
            (late, vec![good.clone()], true),
        ];
        for (n, (now, credentials, stale)) in cases.into_iter().enumerate() {
            let verdict = verifier.verify(now, &Method::REGISTER, &credentials, &uri(), &seats(), FROM);
            assert_eq!(verdict, Verdict::Challenge { stale }, "case {n}");
        }
        assert_eq!(
            verifier.verify(T0, &Method::REGISTER, std::slice::from_ref(&good), &uri(), &seats(), FROM),
            Verdict::Seat("8001".into())
        );
        let replayed = verifier.verify(T0, &Method::REGISTER, std::slice::from_ref(&good), &uri(), &seats(), FROM);
        assert_eq!(replayed, Verdict::Challenge { stale: true });
        let other_method = verifier.verify(T0, &Method::INVITE, &[good], &uri(), &seats(), FROM);
        assert_eq!(other_method, Verdict::Challenge { stale: false });
    }

    #[test]
    fn a_nonce_that_is_not_ours_is_stale_whatever_it_is_made_of() {
        let mut verifier = verifier();
        let ours = verifier.challenges(T0, FROM, false, None).remove(0);
        let (head, proof) = ours.nonce.split_at(32);
        let hostile = [
            // A character of two bytes lies across byte 16, and across byte 32.
            format!("{}é{}x", "a".repeat(15), "a".repeat(15)),
            format!("{}é{}", "a".repeat(31), "a".repeat(30)),
            format!("{}é{}{proof}", "a".repeat(15), "a".repeat(15)),
            "é".repeat(28),
            String::new(),
            head.to_string(),
            format!("{head}{}", "0".repeat(24)),
            format!("{}{proof}", head.to_uppercase().replace('0', "+")),
        ];
        for nonce in hostile {
            let challenge = Challenge { nonce: nonce.clone(), ..ours.clone() };
            let signed = credentials(&challenge, "8001", "pw", 1);
            let verdict = verifier.verify(T0, &Method::REGISTER, &[signed], &uri(), &seats(), FROM);
            assert_eq!(verdict, Verdict::Challenge { stale: true }, "{nonce:?}");
        }
    }

    #[test]
    fn guessing_ends_in_challenges_and_does_not_lock_the_seat() {
        let mut verifier = verifier();
        let elsewhere = "192.0.2.1".parse().expect("an address");
        let mut nc = 0;
        let mut ask = |verifier: &mut Verifier, password: &str, from| {
            nc += 1;
            let challenge = verifier.challenges(T0, from, false, None).remove(0);
            let c = credentials(&challenge, "8001", password, nc);
            verifier.verify(T0, &Method::REGISTER, &[c], &uri(), &seats(), from)
        };
        for n in 0..200 {
            assert_eq!(ask(&mut verifier, &format!("guess{n}"), elsewhere), Verdict::Challenge { stale: false });
        }
        assert_eq!(ask(&mut verifier, "pw", elsewhere), Verdict::Challenge { stale: false }, "not looked at");
        assert_eq!(ask(&mut verifier, "pw", FROM), Verdict::Seat("8001".into()));
    }

    #[test]
    fn nobody_guesses_in_the_name_of_another_household() {
        let mut verifier = verifier();
        let forger = "192.0.2.1".parse().expect("an address");
        for n in 0..1000 {
            let challenge = verifier.challenges(T0, forger, false, None).remove(0);
            let guess = credentials(&challenge, "8001", if n == 500 { "pw" } else { "guess" }, 1);
            assert!(verifier.was_read(T0, std::slice::from_ref(&guess), forger));
            assert!(!verifier.was_read(T0, std::slice::from_ref(&guess), FROM), "{n}");
            let verdict = verifier.verify(T0, &Method::REGISTER, &[guess], &uri(), &seats(), FROM);
            assert_eq!(verdict, Verdict::Challenge { stale: true }, "right or wrong, it is not told");
        }
        let challenge = verifier.challenges(T0, FROM, false, None).remove(0);
        let own = [credentials(&challenge, "8001", "pw", 1)];
        assert!(!verifier.was_read(T0 + Duration::from_secs(61), &own, FROM), "it is too old");
        assert_eq!(
            verifier.verify(T0, &Method::REGISTER, &own, &uri(), &seats(), FROM),
            Verdict::Seat("8001".into()),
            "no guess was counted there"
        );
    }

    #[test]
    fn used_nonces_are_forgotten_when_they_are_too_old() {
        let mut verifier = verifier();
        for second in 0..300 {
            let now = T0 + Duration::from_secs(second);
            let challenge = verifier.challenges(now, FROM, false, None).remove(0);
            let c = credentials(&challenge, "8001", "pw", 1);
            assert_eq!(
                verifier.verify(now, &Method::REGISTER, &[c], &uri(), &seats(), FROM),
                Verdict::Seat("8001".into())
            );
        }
        assert!(verifier.used.len() <= 62, "{}", verifier.used.len());
    }
}
