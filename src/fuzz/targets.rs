//! What reads bytes from outside, and what must hold whatever they are.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use super::Target;
use crate::config;
use crate::media::fuzzing;
use crate::sip::fuzzing as signalling;

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "sip",
        run: |bytes| hash(signalling::message(bytes)),
        seeds: signalling::messages,
        words: &[
            "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n",
            "Content-Length: ",
            "\r\n ",
            "\r\n\r\n",
            ";tag=",
            "<sip:",
            "sips:",
            "tel:",
            "Route: <sip:h;lr>\r\n",
            "Contact: *\r\n",
            "Require: ",
            "Replaces: a;to-tag=b;from-tag=c\r\n",
            "RAck: 1 1 INVITE\r\n",
            "Session-Expires: ",
            "Reason: Q.850;cause=16;text=\"x\"\r\n",
            "Content-Type: multipart/mixed;boundary=b\r\n",
            "--b\r\n",
            "--b--\r\n",
            "Authorization: Digest ",
            "%00",
            "INVITE",
            "REGISTER",
            "SUBSCRIBE",
            "PRACK",
            "REFER",
            "NOTIFY",
            "Event: refer;id=1\r\n",
            "Content-Type: message/sipfrag\r\n",
            "SIP/2.0 200 OK\r\n",
            "UPDATE",
            "[::1]",
        ],
        brief: 2_000,
    },
    Target {
        name: "digest",
        run: |bytes| hash(signalling::credentials(bytes)),
        seeds: || {
            [
                "Digest username=\"8001\", realm=\"r\", nonce=\"0123456789abcdef0123456789abcdef0123456789abcdef01234567\", uri=\"sip:r\", response=\"00\", qop=auth, nc=00000001, cnonce=\"c\", algorithm=MD5",
                "Digest realm=\"r\", nonce=\"n\", qop=\"auth,auth-int\", stale=true, algorithm=SHA-256, opaque=\"o\\\"\"",
                "Basic dTpw",
            ]
            .map(|text| text.as_bytes().to_vec())
            .to_vec()
        },
        words: &[
            "Digest ",
            "username=",
            "realm=\"r\"",
            "nonce=\"",
            "response=",
            "qop=auth",
            "nc=ffffffff",
            "\\\"",
            "é",
            ", ",
        ],
        brief: 4_000,
    },
    Target {
        name: "sdp",
        run: |bytes| hash(fuzzing::description(bytes)),
        seeds: fuzzing::descriptions,
        words: &[
            "m=audio 4000 RTP/AVP 8 0 101\r\n",
            "c=IN IP4 0.0.0.0\r\n",
            "c=IN IP6 ::1\r\n",
            "a=rtpmap:101 telephone-event/8000\r\n",
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:",
            "a=fingerprint:sha-256 ",
            "a=setup:actpass\r\n",
            "a=ice-ufrag:abcd\r\n",
            "a=rtcp:",
            "a=ssrc:1 cname:x\r\n",
            "UDP/TLS/RTP/SAVPF",
            "a=inactive\r\n",
        ],
        brief: 4_000,
    },
    Target {
        name: "rtp",
        run: |bytes| hash(fuzzing::packet(bytes)),
        seeds: fuzzing::packets,
        words: &[],
        brief: 10_000,
    },
    Target {
        name: "rtcp",
        run: |bytes| hash(fuzzing::control(bytes)),
        seeds: fuzzing::controls,
        words: &[],
        brief: 10_000,
    },
    Target {
        name: "stun",
        run: |bytes| hash(fuzzing::binding(bytes)),
        seeds: fuzzing::bindings,
        words: &[],
        brief: 10_000,
    },
    Target {
        name: "config",
        run: |bytes| hash(files(bytes)),
        seeds: || (0..FILES.len()).map(|n| [&[n as u8][..], shipped(FILES[n]).as_bytes()].concat()).collect(),
        words: &[
            "[[queue]]\n",
            "[sip]\n",
            "[[menu]]\n",
            "id = ",
            "\"\"",
            "= [",
            "]\n",
            "{ ",
            " }",
            "'''",
            "\"1h\"",
            "true",
            "[guard]\n",
        ],
        brief: 60,
    },
];

const FILES: [&str; 5] = ["hotline.toml", "menu.toml", "queues.toml", "operators.toml", "schedules.toml"];

fn shipped(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sip-config").join(file);
    fs::read_to_string(path).unwrap_or_default()
}

/// The first byte says which of the shipped files the rest stands for.
fn files(bytes: &[u8]) -> Vec<String> {
    let (which, text) = bytes.split_first().map_or((0, &[][..]), |(first, rest)| (usize::from(*first), rest));
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (n, file) in FILES.iter().enumerate() {
        let path = folder.path().join(file);
        let written = if n == which % FILES.len() { fs::write(path, text) } else { fs::write(path, shipped(file)) };
        written.expect("it can be written");
    }
    let checked = config::check(folder.path());
    let faults = checked.faults.iter().map(|fault| fault.to_string().split(": ").skip(1).take(2).collect());
    assert!(checked.house.is_some() || !checked.faults.is_empty(), "no house, and nothing is said why");
    faults.collect()
}

fn hash(outcome: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    outcome.hash(&mut hasher);
    hasher.finish()
}
