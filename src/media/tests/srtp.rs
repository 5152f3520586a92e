//! Sealed packets against known ones and against another implementation; keys that change; packets that come twice,
//! late, or from nobody.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rtc::crypto::default_provider;
use rtc::srtp::context::Context;
use rtc::srtp::protection_profile::ProtectionProfile;

use crate::media::srtp::Sealed;
use crate::media::srtp::sdes::{Key, Secrets, Suite};

fn hex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.replace(' ', "").as_bytes()).unwrap()
}

fn packet(sequence: u16, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    super::desk::packet(8, sequence, u32::from(sequence) * 160, ssrc, payload)
}

/// Two that speak with each other: what one seals the other opens.
fn pair(suite: Suite, seed: u64) -> (Sealed, Sealed, Secrets) {
    let mut rng = StdRng::seed_from_u64(seed);
    let keys = Secrets { ours: Key::random(suite, &mut rng), theirs: Key::random(suite, &mut rng) };
    (Sealed::new(keys).unwrap(), Sealed::new(turned(keys)).unwrap(), keys)
}

fn turned(keys: Secrets) -> Secrets {
    Secrets { ours: keys.theirs, theirs: keys.ours }
}

fn opened(by: &mut Sealed, sealed: &[u8]) -> Option<Vec<u8>> {
    let mut packet = sealed.to_vec();
    let length = by.open(&mut packet)?;
    packet.truncate(length);
    Some(packet)
}

/// The master keys of RFC 3711 §B.3 and RFC 6188 §7.3, and packets that other implementations are tried with too.
#[test]
fn packets_are_sealed_as_everybody_does() {
    let small = ("e1f97a0d3e018be0d64fa32c06de4139", "0ec675ad498afeebb6960b3aabe6");
    let large = ("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6", "3b04803de51ee7c96423ab5b78d2");
    let clear = "800f1234decafbadcafebabeabababababababababababababababab";
    let report = "81c8000bcafebabeabababababababababababababababab";
    let table = [
        (
            Suite::Aes128Tag80,
            small,
            "800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb",
            Some("81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798"),
        ),
        (
            Suite::Aes256Tag80,
            large,
            "800f1234decafbadcafebabe f1d9de17ff251ff1aa007774b0b4b40d a08d9d9a5b3a55d8873b",
            None,
        ),
    ];
    for (suite, (master, salt), sealed, control) in table {
        let key = Key::of(suite, &hex(&format!("{master}{salt}"))).unwrap();
        let mut both = Sealed::new(Secrets { ours: key, theirs: key }).unwrap();
        assert_eq!(both.seal(&hex(clear)), Some(&hex(sealed)[..]), "{suite:?}");
        assert_eq!(opened(&mut both, &hex(sealed)), Some(hex(clear)), "{suite:?}");
        if let Some(control) = control {
            assert_eq!(both.seal_control(&hex(report)), Some(&hex(control)[..]));
            let mut packet = hex(control);
            let length = both.open_control(&mut packet).unwrap();
            assert_eq!(packet[..length], hex(report)[..]);
        }
    }
}

#[test]
fn another_implementation_understands_us_and_we_it() {
    let provider = default_provider().unwrap();
    let profiles = [
        (Suite::Aes128Tag80, ProtectionProfile::Aes128CmHmacSha1_80),
        (Suite::Aes128Tag32, ProtectionProfile::Aes128CmHmacSha1_32),
        (Suite::Aes256Tag80, ProtectionProfile::Aes256CmHmacSha1_80),
        (Suite::Aes256Tag32, ProtectionProfile::Aes256CmHmacSha1_32),
    ];
    let mut rng = StdRng::seed_from_u64(3711);
    for (suite, profile) in profiles {
        let (mut ours, _, keys) = pair(suite, rng.random());
        let context =
            |key: &Key| Context::new(key.master(), &key.salt(), profile, None, None, provider.crypto()).unwrap();
        let (mut hears, mut says) = (context(&keys.ours), context(&keys.theirs));
        for n in 0..3000_u32 {
            // Over the end of the sequence numbers, with gaps.
            let sequence = 64_000_u16.wrapping_add(n as u16).wrapping_add((n / 7) as u16);
            let clear = packet(sequence, 9, &vec![n as u8; rng.random_range(1..1000)]);
            let sealed = ours.seal(&clear).unwrap();
            assert_eq!(hears.decrypt_rtp(sealed).unwrap()[..], clear[..], "{suite:?} {n}");
            let theirs = says.encrypt_rtp(&packet(sequence, 7, &[1; 160])).unwrap();
            assert_eq!(opened(&mut ours, &theirs), Some(packet(sequence, 7, &[1; 160])), "{suite:?} {n}");
        }
        let report = hex("81c8000bcafebabeabababababababababababababababab");
        for _ in 0..3 {
            assert_eq!(hears.decrypt_rtcp(ours.seal_control(&report).unwrap()).unwrap()[..], report[..]);
            let mut theirs = says.encrypt_rtcp(&report).unwrap().to_vec();
            let again = theirs.clone();
            let length = ours.open_control(&mut theirs).unwrap();
            assert_eq!(theirs[..length], report[..]);
            assert_eq!(ours.open_control(&mut again.clone()), None, "a report that came already");
        }
    }
}

#[test]
fn each_packet_is_opened_once_and_only_if_it_is_theirs() {
    let (mut ours, mut theirs, _) = pair(Suite::Aes128Tag32, 1);
    let sealed: Vec<Vec<u8>> = (0..200).map(|n| ours.seal(&packet(n, 9, &[n as u8; 160])).unwrap().to_vec()).collect();
    for n in [0, 2, 1, 50, 40] {
        assert!(opened(&mut theirs, &sealed[n]).is_some(), "{n}");
        assert!(opened(&mut theirs, &sealed[n]).is_none(), "{n} again");
    }
    for at in [0, 1, 3, 11, 12, 100, sealed[60].len() - 1] {
        let mut changed = sealed[60].clone();
        changed[at] ^= 1;
        assert!(opened(&mut theirs, &changed).is_none(), "byte {at} was changed");
    }
    assert!(opened(&mut theirs, &sealed[60]).is_some(), "it was not lost by those");
    assert!(opened(&mut theirs, &sealed[199]).is_some());
    assert!(opened(&mut theirs, &sealed[60 + 1]).is_none(), "much too late");
    // What is not encrypted is nothing here, whatever its length.
    for length in 0..60 {
        let _ = opened(&mut theirs, &vec![0x80; length]);
        let _ = theirs.open_control(&mut vec![0x80, 200, 0, 0, 0, 0, 0, 0, 0][..length.min(9)].to_vec());
        assert!(ours.seal(&vec![0x80; length]).is_none_or(|sealed| sealed.len() == length + 4));
    }
}

#[test]
fn nothing_is_sealed_twice_alike() {
    let (mut ours, ..) = pair(Suite::Aes128Tag80, 2);
    assert!(ours.seal(&packet(500, 9, &[1; 160])).is_some());
    assert!(ours.seal(&packet(500, 9, &[2; 160])).is_none());
    assert!(ours.seal(&packet(499, 9, &[2; 160])).is_some(), "one that was passed on out of order");
    assert!(ours.seal(&packet(501, 9, &[2; 160])).is_some());
    assert!(ours.seal(&packet(300, 9, &[2; 160])).is_none(), "too late to know");
}

#[test]
fn strangers_leave_nothing_behind() {
    let (mut ours, mut theirs, _) = pair(Suite::Aes128Tag80, 3);
    for ssrc in 0..1000 {
        assert!(opened(&mut theirs, &packet(1, ssrc, &[0; 170])).is_none());
    }
    for n in 0..20 {
        let sealed = ours.seal(&packet(n, 9, &[5; 160])).unwrap().to_vec();
        assert!(opened(&mut theirs, &sealed).is_some());
    }
}

#[test]
fn keys_change_within_a_call() {
    let (mut ours, mut theirs, keys) = pair(Suite::Aes128Tag80, 4);
    let mut rng = StdRng::seed_from_u64(5);
    let mut say = |from: &mut Sealed, to: &mut Sealed, sequence: u16| {
        let sealed = from.seal(&packet(sequence, 9, &[rng.random(); 160])).map(<[u8]>::to_vec);
        sealed.is_some_and(|sealed| opened(to, &sealed).is_some())
    };
    assert!([65_000, 65_535, 0, 1].into_iter().all(|sequence| say(&mut ours, &mut theirs, sequence)));
    // The same again: counted on.
    ours.change(keys).unwrap();
    theirs.change(turned(keys)).unwrap();
    assert!(!say(&mut ours, &mut theirs, 1), "it went already");
    assert!(say(&mut ours, &mut theirs, 2));
    // Our key alone: both begin anew.
    let mut fresh = StdRng::seed_from_u64(6);
    let other = Secrets { ours: Key::random(Suite::Aes256Tag80, &mut fresh), ..keys };
    ours.change(other).unwrap();
    assert!(!say(&mut ours, &mut theirs, 3), "the other side does not know it yet");
    theirs.change(turned(other)).unwrap();
    assert!(say(&mut ours, &mut theirs, 4));
    assert!(say(&mut theirs, &mut ours, 40_000));
}

/// RFC 3711 has the count go on when the key changes; many begin anew with it.
#[test]
fn who_counts_on_with_another_key_is_understood() {
    let provider = default_provider().unwrap();
    let (mut ours, _, keys) = pair(Suite::Aes128Tag80, 7);
    let profile = ProtectionProfile::Aes128CmHmacSha1_80;
    let mut says =
        Context::new(keys.theirs.master(), &keys.theirs.salt(), profile, None, None, provider.crypto()).unwrap();
    for sequence in [65_535, 0, 1] {
        assert!(opened(&mut ours, &says.encrypt_rtp(&packet(sequence, 7, &[1; 160])).unwrap()).is_some());
    }
    let theirs = Key::random(Suite::Aes128Tag80, &mut StdRng::seed_from_u64(8));
    let mut anew = Context::new(theirs.master(), &theirs.salt(), profile, None, None, provider.crypto()).unwrap();
    ours.change(Secrets { theirs, ..keys }).unwrap();
    anew.encrypt_rtp(&packet(65_535, 7, &[1; 160])).unwrap();
    let sealed = anew.encrypt_rtp(&packet(0, 7, &[1; 160])).unwrap();
    assert!(opened(&mut ours, &sealed).is_some(), "its count is one ahead of its number");
}
