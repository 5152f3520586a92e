//! What must hold of sound whatever bytes come: for the fuzzer alone.

use super::browser;
use super::negotiation::{Local, Negotiation, Opus};
use super::{Codec, packet, rtcp, sdp};

pub(crate) fn descriptions() -> Vec<Vec<u8>> {
    let plain = "v=0\r\no=a 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n";
    let browser = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 8 0 110\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=candidate:1 1 udp 2113937151 192.0.2.7 50000 typ host\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\na=setup:actpass\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=ssrc:7 cname:x\r\n";
    let keys = "v=0\r\no=a 1 1 IN IP6 ::1\r\ns=-\r\nc=IN IP6 2001:db8::1/127\r\nt=0 0\r\nm=video 0 RTP/AVP 31\r\nm=audio 40000/2 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4\r\na=inactive\r\n";
    let opus = "v=0\r\no=a 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 40000 RTP/AVP 96 97 101\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 maxaveragebitrate=20000;stereo=1;useinbandfec=1\r\na=rtpmap:97 telephone-event/48000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:60\r\n";
    [plain, browser, keys, opus].map(|text| text.as_bytes().to_vec()).to_vec()
}

/// Reads a description; as an offer it is answered so that the answer can be read, or refused.
pub(crate) fn description(bytes: &[u8]) -> Result<(usize, Vec<String>, usize), String> {
    let local = Local { address: [192, 0, 2, 1].into(), rtp_port: 4000, session_id: 1 };
    let mut negotiation = Negotiation::new(local, &[Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus]);
    negotiation.may_speak_opus(Opus::Liked);
    let answered = negotiation.take_offer(bytes);
    if let Ok((answer, _)) = &answered {
        let read = sdp::read(answer).unwrap_or_else(|why| panic!("our own answer cannot be read: {why}"));
        let offered = sdp::read(bytes).map(|theirs| theirs.media.len()).unwrap_or(0);
        assert_eq!(read.media.len(), offered, "an answer has as many m= lines as its offer, RFC 3264 §6");
    }
    negotiation.make_offer(None);
    let _ = negotiation.take_answer(bytes);
    let read = sdp::read(bytes)?;
    let kinds = read.media.iter().map(|media| format!("{:?}", (&media.kind, media.flow, media.port == 0))).collect();
    Ok((usize::from(answered.is_ok()), kinds, read.media.iter().map(|media| media.maps.len()).sum()))
}

pub(crate) fn packets() -> Vec<Vec<u8>> {
    let plain = [&[0x80, 8, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4][..], &[0xd5; 160]].concat();
    let marked = vec![0x80, 0xe5, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4, 5, 0x0a, 0, 160];
    let extended = [
        &[0xb1, 0, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4, 9, 9, 9, 9, 0xbe, 0xde, 0, 1, 0x10, 1, 0, 0][..],
        &[1; 20],
        &[4, 4, 4, 4],
    ]
    .concat();
    vec![plain, marked, extended]
}

/// Reads a packet of sound: its payload lies within it.
pub(crate) fn packet(bytes: &[u8]) -> Option<(usize, u8, bool)> {
    let (header, payload) = packet::parse(bytes)?;
    assert!(payload.start <= payload.end && payload.end <= bytes.len(), "{payload:?} of {}", bytes.len());
    Some((payload.len().min(200), header.payload_type, header.marker))
}

pub(crate) fn controls() -> Vec<Vec<u8>> {
    let sender = [&[0x81, 200, 0, 12][..], &[7; 48]].concat();
    let source = [&[0x81, 202, 0, 3, 0, 0, 0, 1, 1, 4][..], b"name", &[0, 0]].concat();
    vec![
        [&sender[..], &source].concat(),
        [&[0x80, 201, 0, 1, 0, 0, 0, 1][..], &source].concat(),
        vec![0x81, 203, 0, 1, 0, 0, 0, 1],
    ]
}

/// Reads what is told of sound.
pub(crate) fn control(bytes: &[u8]) -> (bool, Option<bool>) {
    /// Of us, as the seeds say it.
    const SSRC: u32 = 0x0707_0707;
    (rtcp::is_rtcp(bytes), rtcp::read(bytes, SSRC).map(|told| told.sender.is_some() || told.about_us.is_some()))
}

pub(crate) fn bindings() -> Vec<Vec<u8>> {
    let head = [0, 1, 0, 20, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    let username = [&[0, 6, 0, 9][..], b"abcd:efgh", &[0, 0, 0]].concat();
    let nominates = vec![0, 0x25, 0, 0];
    vec![[&head[..], &username, &nominates].concat(), [&head[..], &nominates, &username].concat(), head.to_vec()]
}

/// Reads who asks over STUN whether we are there.
pub(crate) fn binding(bytes: &[u8]) -> Option<(usize, bool)> {
    browser::binding(bytes)
}
