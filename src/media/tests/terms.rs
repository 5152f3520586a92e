//! Encryption offered, answered, refused and changed.

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::media::Srtp;
use crate::media::browser::negotiation::is_for_browsers;
use crate::media::negotiation::{Local, Negotiation, Unacceptable};
use crate::media::srtp::sdes::{Secrets, Suite};
use crate::media::srtp::terms::Terms;

const A: &str = "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
const B: &str = "2 AES_CM_128_HMAC_SHA1_32 inline:XVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
const F8: &str = "1 F8_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

fn ours(srtp: Srtp, seed: u64) -> Negotiation {
    let local = Local { address: "10.0.0.1".parse().unwrap(), rtp_port: 20_000, session_id: 42 };
    let terms = Terms::new(srtp, StdRng::seed_from_u64(seed));
    Negotiation::new(local, &[crate::media::Codec::Pcma]).with_terms(terms)
}

fn offer(rest: &str) -> String {
    let rest = rest.replace("{A}", &format!("a=crypto:{A}")).replace("{B}", &format!("a=crypto:{B}"));
    format!(
        "v=0\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n{}\r\n",
        rest.replace("{F8}", &format!("a=crypto:{F8}")).replace('|', "\r\n")
    )
}

/// The `m=` and `a=crypto` lines of our answer, without keys, and what was agreed on.
fn check(srtp: Srtp, rest: &str) -> Result<(String, Option<Secrets>), Unacceptable> {
    let mut negotiation = ours(srtp, 1);
    let (answer, _) = negotiation.take_offer(offer(rest).as_bytes())?;
    Ok((told(&answer), negotiation.encryption()))
}

fn told(sdp: &[u8]) -> String {
    let text = String::from_utf8(sdp.to_vec()).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("m=") || line.starts_with("a=crypto"));
    lines.map(|line| line.split(" inline:").next().unwrap()).collect::<Vec<_>>().join("|")
}

#[test]
fn offers_are_answered_in_kind_or_not_at_all() {
    use Srtp::*;
    let sealed = "m=audio 20000 RTP/SAVP 8|a=crypto:1 AES_CM_128_HMAC_SHA1_80";
    let table = [
        (IfOffered, "m=audio 4000 RTP/SAVP 8|{A}|{B}", Ok(sealed)),
        (Required, "m=audio 4000 RTP/SAVP 8|{A}", Ok(sealed)),
        (
            IfOffered,
            "m=audio 4000 RTP/SAVP 8|{B}|{A}",
            Ok("m=audio 20000 RTP/SAVP 8|a=crypto:2 AES_CM_128_HMAC_SHA1_32"),
        ),
        (
            IfOffered,
            "m=audio 4000 RTP/SAVP 8|{F8}|{B}",
            Ok("m=audio 20000 RTP/SAVP 8|a=crypto:2 AES_CM_128_HMAC_SHA1_32"),
        ),
        (IfOffered, "m=audio 4000 RTP/SAVPF 8|{A}", Ok("m=audio 20000 RTP/SAVPF 8|a=crypto:1 AES_CM_128_HMAC_SHA1_80")),
        (IfOffered, "m=audio 4000 RTP/AVP 8|{A}", Ok("m=audio 20000 RTP/AVP 8|a=crypto:1 AES_CM_128_HMAC_SHA1_80")),
        (IfOffered, "m=audio 4000 RTP/AVP 8", Ok("m=audio 20000 RTP/AVP 8")),
        (Off, "m=audio 4000 RTP/AVP 8|{A}", Ok("m=audio 20000 RTP/AVP 8")),
        (Off, "m=audio 4000 RTP/SAVP 8|{A}|m=audio 4002 RTP/AVP 8", Ok("m=audio 0 RTP/SAVP 8|m=audio 20000 RTP/AVP 8")),
        (
            Required,
            "m=audio 4002 RTP/AVP 8|m=audio 4000 RTP/SAVP 8|{A}",
            Ok("m=audio 0 RTP/AVP 8|m=audio 20000 RTP/SAVP 8|a=crypto:1 AES_CM_128_HMAC_SHA1_80"),
        ),
        (Off, "m=audio 4000 RTP/SAVP 8|{A}", Err("only RTP/AVP")),
        (Required, "m=audio 4000 RTP/AVP 8", Err("only encrypted sound")),
        (Required, "m=audio 4000 RTP/AVP 8|{F8}", Err("only encrypted sound")),
        (IfOffered, "m=audio 4000 RTP/SAVP 8", Err("without an a=crypto")),
        (IfOffered, "m=audio 4000 RTP/SAVP 8|{F8}", Err("without an a=crypto")),
        (IfOffered, "m=audio 4000 UDP/TLS/RTP/SAVP 8|{A}", Err("UDP/TLS/RTP/SAVP")),
    ];
    for (srtp, rest, expected) in table {
        match (check(srtp, rest), expected) {
            (Ok((answer, secrets)), Ok(expected)) => {
                assert_eq!(answer, expected, "{srtp:?} {rest}");
                assert_eq!(secrets.is_some(), answer.contains("crypto"), "{srtp:?} {rest}");
                assert!(secrets.is_none_or(|secrets| secrets.ours != secrets.theirs));
            }
            (Err(fault), Err(why)) => {
                assert!(fault.why.contains(why) && !fault.malformed, "{srtp:?} {rest}: {fault:?}");
            }
            (found, _) => panic!("{srtp:?} {rest}: {found:?}"),
        }
    }
    assert!(!is_for_browsers(offer("m=audio 4000 RTP/SAVPF 8|{A}").as_bytes()), "a phone's keys are in the clear");
}

#[test]
fn two_of_ours_agree_whatever_the_suite() {
    let mut caller = ours(Srtp::Required, 1);
    let offered = caller.make_offer(None);
    let suites = Suite::ALL.map(Suite::name);
    assert!(suites.iter().all(|suite| told(&offered).contains(suite)), "{}", told(&offered));
    assert_eq!(caller.make_offer(None), offered, "an offer that did not change keeps its keys");
    // Whoever has only one suite answers with that.
    for suite in suites {
        let (mut caller, mut called) = (ours(Srtp::Required, 1), ours(Srtp::IfOffered, 2));
        let offered = caller.make_offer(None);
        let text = String::from_utf8(offered).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with("a=crypto") || line.contains(suite));
        let only = lines.collect::<Vec<_>>().join("\r\n");
        let (answer, _) = called.take_offer(only.as_bytes()).unwrap();
        caller.take_answer(&answer).unwrap();
        let (one, other) = (caller.encryption().unwrap(), called.encryption().unwrap());
        assert_eq!((one.ours, one.theirs), (other.theirs, other.ours), "{suite}");
        assert_eq!(one.ours.suite.name(), suite);
    }
}

#[test]
fn an_answer_must_fit_what_was_offered() {
    let table = [
        (Srtp::Required, "m=audio 4000 RTP/AVP 8", "only encrypted"),
        (Srtp::Required, "m=audio 4000 RTP/SAVP 8", "no a=crypto that was offered"),
        (Srtp::Required, "m=audio 4000 RTP/SAVP 8|{B}", "no a=crypto that was offered"),
        (Srtp::IfOffered, "m=audio 4000 RTP/SAVP 8|{A}", "was not offered"),
    ];
    for (srtp, answer, why) in table {
        let mut negotiation = ours(srtp, 3);
        negotiation.make_offer(None);
        let fault = negotiation.take_answer(offer(answer).as_bytes()).unwrap_err();
        assert!(fault.why.contains(why), "{answer}: {fault:?}");
        assert_eq!(negotiation.encryption(), None);
    }
    let mut plain = ours(Srtp::IfOffered, 3);
    plain.make_offer(None);
    plain.take_answer(offer("m=audio 4000 RTP/AVP 8|{A}").as_bytes()).unwrap();
    assert_eq!(plain.encryption(), None, "keys that nobody asked for");
}

#[test]
fn keys_stay_until_theirs_change() {
    let mut negotiation = ours(Srtp::IfOffered, 4);
    let first = offer("m=audio 4000 RTP/SAVP 8|{A}");
    negotiation.take_offer(first.as_bytes()).unwrap();
    let before = negotiation.encryption().unwrap();
    negotiation.take_offer(first.replace("4000", "4002").as_bytes()).unwrap();
    assert_eq!(negotiation.encryption(), Some(before), "a phone that moved");
    assert!(negotiation.take_offer(offer("m=audio 4000 RTP/SAVP 8").as_bytes()).is_err());
    assert_eq!(negotiation.encryption(), Some(before), "a refused offer changes nothing");
    // An offer of ours within the call keeps it encrypted, with our key first.
    let again = String::from_utf8(negotiation.make_offer(None)).unwrap();
    let mut line = again.lines().filter(|line| line.starts_with("a=crypto:1 "));
    assert!(line.next().unwrap().contains("AES_CM_128_HMAC_SHA1_80"), "{again}");
    assert!(negotiation.take_answer(offer("m=audio 4000 RTP/SAVP 8").as_bytes()).is_err());
    assert_eq!(negotiation.encryption(), Some(before), "nor does an answer that cannot be taken");
    negotiation.take_answer(first.as_bytes()).unwrap();
    assert_eq!(negotiation.encryption(), Some(before));
    let other = offer("m=audio 4000 RTP/SAVP 8|{A}").replace("inline:W", "inline:Z");
    negotiation.take_offer(other.as_bytes()).unwrap();
    let after = negotiation.encryption().unwrap();
    assert!(after.theirs != before.theirs && after.ours != before.ours);
    negotiation.take_offer(offer("m=audio 4000 RTP/AVP 8").as_bytes()).unwrap();
    assert_eq!(negotiation.encryption(), None);
}

#[test]
fn of_two_offers_under_different_rules_the_one_that_was_sent_is_answered() {
    let answer = |text: &str| offer(text);
    for required in [true, false] {
        let mut negotiation = ours(if required { Srtp::Required } else { Srtp::IfOffered }, 1);
        let first = negotiation.make_offer(None);
        negotiation.encrypt(if required { Srtp::IfOffered } else { Srtp::Required });
        let second = negotiation.make_offer(None);
        let (sealed, plain) = if required { (first, second) } else { (second, first) };
        assert!(told(&sealed).starts_with("m=audio 20000 RTP/SAVP 8 101|a=crypto:1 "), "{}", told(&sealed));
        assert_eq!(told(&plain), "m=audio 20000 RTP/AVP 8 101");
        // It went over the trunk that wants it in the clear.
        let mut in_the_clear = negotiation.clone();
        in_the_clear.encrypt(Srtp::IfOffered);
        assert!(in_the_clear.take_answer(answer("m=audio 4000 RTP/SAVP 8|{A}").as_bytes()).is_err(), "not offered");
        in_the_clear.take_answer(answer("m=audio 4000 RTP/AVP 8").as_bytes()).unwrap();
        assert_eq!(in_the_clear.encryption(), None);
        assert_eq!(told(&in_the_clear.make_offer(None)), "m=audio 20000 RTP/AVP 8 101", "and stays so");
        // It went over the other: our key is the one that the offer told.
        negotiation.encrypt(Srtp::Required);
        assert!(negotiation.take_answer(answer("m=audio 4000 RTP/AVP 8").as_bytes()).is_err(), "in the clear");
        negotiation.take_answer(answer("m=audio 4000 RTP/SAVP 8|{A}").as_bytes()).unwrap();
        let key = negotiation.encryption().unwrap().ours;
        let line = crate::media::srtp::sdes::Crypto { tag: 1, key }.write();
        assert!(String::from_utf8(sealed).unwrap().contains(&line));
    }
}
