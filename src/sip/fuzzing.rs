//! What must hold of signalling whatever bytes come: for the fuzzer alone.

use super::digest::{self, Verdict, Verifier};
use super::message::framing::{Frame, Framer};
use super::message::parts::description;
use super::message::read::MAX_MESSAGE;
use super::message::{
    Challenge, Credentials, Headers, Malformed, Message, Method, NameAddr, Request, Response, Uri, Via, masked, read,
};
use super::session::reason;
use super::session::releasing::status_line;
use super::tests::phone::{Phone, seats};
use super::tests::torture_cases::all;
use crate::moment::Moment;

/// The torture of the RFCs.
pub(crate) fn messages() -> Vec<Vec<u8>> {
    let bytes = |text: &str| {
        let text = text.replace('\n', "\r\n");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        [head.replace("{length}", &body.len().to_string()).as_str(), body].join("\r\n\r\n").into_bytes()
    };
    all().iter().map(|case| bytes(&case.text)).collect()
}

/// Reads a message, writes it and reads it again; gives it to a house as a trunk and as a stranger, as a datagram and in a
/// stream.
pub(crate) fn message(bytes: &[u8]) -> Vec<String> {
    let mut told = Vec::new();
    match read(bytes) {
        Ok(message) => {
            let written = message.to_bytes();
            let shape = |message: &Message| match message {
                Message::Request(request) => (request.method.to_string(), request.body.len()),
                Message::Response(response) => (response.status.to_string(), response.body.len()),
            };
            // What is as long as anything may be, and did not say how long its body is, is longer when it does.
            if written.len() <= MAX_MESSAGE {
                let again = read(&written).unwrap_or_else(|fault| panic!("cannot read what was written: {fault}"));
                assert_eq!(shape(&again), shape(&message), "written as something else");
            }
            let (Message::Request(Request { headers, body, .. }) | Message::Response(Response { headers, body, .. })) =
                &message;
            told.push(format!("{:?}", description(headers, body).map(|found| found.is_some())));
            look(headers);
            if let Message::Request(request) = &message {
                told.push(format!("{:?}", status_line(request).map(|(status, _)| status)));
            }
        }
        Err(Malformed { why, .. }) => told.push(why),
    }
    let _ = masked(bytes);
    let mut framer = Framer::default();
    'stream: for piece in bytes.chunks(7) {
        framer.push(piece);
        loop {
            match framer.next_frame() {
                Ok(Some(frame)) => told.push(if frame == Frame::Ping { "ping".into() } else { "message".into() }),
                Ok(None) => break,
                Err(_) => break 'stream,
            }
        }
    }
    for trunk in [true, false] {
        let mut phone = Phone::new(trunk);
        phone.house.receive(phone.now, phone.flow, bytes);
        let out: Vec<Vec<u8>> = std::iter::from_fn(|| phone.house.poll_transmit()).map(|sent| sent.bytes).collect();
        if !trunk {
            let length: usize = out.iter().map(Vec::len).sum();
            assert!(length <= 2 * bytes.len(), "{length} bytes to a stranger for {}", bytes.len());
        }
        told.extend(out.iter().map(|bytes| String::from_utf8_lossy(&bytes[..bytes.len().min(11)]).into_owned()));
    }
    told.truncate(12);
    told
}

fn look(headers: &Headers) {
    let _ =
        (headers.contacts(), headers.routes(), headers.record_routes(), headers.expires(), headers.contact_is_star());
    // What is read of a reason is never a text of theirs.
    let told = reason::read(headers).map(|reason| reason.to_string());
    assert!(told.is_none_or(|told| told.len() <= "Q.850;cause=127".len()), "{headers:?}");
    let _ = (headers.credentials("Authorization"), headers.challenges("WWW-Authenticate"));
    // What is checked without being read can be read, and nothing else.
    for (_, value) in headers.iter() {
        let read = NameAddr::parse(value);
        assert_eq!(NameAddr::is_readable(value), read.is_some(), "{value}");
        assert_eq!(Via::is_readable(value), Via::parse(value).is_some(), "{value}");
        let tag = read.as_ref().and_then(NameAddr::tag);
        assert!(tag.is_none() || NameAddr::tag_in(value).as_deref() == tag, "{value}");
    }
}

/// Reads credentials and challenges, answers the ones, verifies the others: without the secret nobody gets in.
pub(crate) fn credentials(bytes: &[u8]) -> (usize, usize, bool) {
    use rand::SeedableRng;
    let mut headers = Headers::default();
    let text = String::from_utf8_lossy(bytes).replace(char::is_control, " ");
    headers.push("Authorization", text.clone());
    headers.push("WWW-Authenticate", text);
    let credentials = headers.credentials("Authorization");
    let challenges: Vec<Challenge> = headers.challenges("WWW-Authenticate");
    let proved = digest::Proved { method: &Method::REGISTER, uri: "sip:r", body: bytes };
    for challenge in &challenges {
        let Some(answer) = digest::answer(challenge, proved, "8001", "x", 1, "c") else { continue };
        let mut written = Headers::default();
        written.push("Authorization", answer.to_string());
        let again: Vec<Credentials> = written.credentials("Authorization");
        let read = again.first().map(|c| (&c.username, &c.realm, &c.nonce));
        assert_eq!(read, Some((&answer.username, &answer.realm, &answer.nonce)), "written as something else");
    }
    let mut verifier =
        Verifier::new("r", std::time::Duration::from_secs(60), &mut rand::rngs::StdRng::seed_from_u64(1));
    let uri = Uri::parse("sip:r").expect("a URI");
    let now = Moment::from_micros(1_700_000_000_000_000);
    let from = std::net::IpAddr::from([192, 0, 2, 1]);
    let verdict = verifier.verify(now, &Method::REGISTER, &credentials, &uri, &seats(), from);
    let Verdict::Challenge { stale } = verdict else { panic!("somebody got in without the secret") };
    (credentials.len(), challenges.len(), stale)
}
