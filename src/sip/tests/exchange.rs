//! One endpoint and a phone by hand: what is sent, and what must come back, in virtual time.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::ids::{LegId, SeatId};
use crate::moment::Moment;
use crate::sip::endpoint::Endpoint;
use crate::sip::message::{Message, Response, read};
use crate::sip::*;

struct Phone {
    now: Moment,
    house: Endpoint,
    flow: Flow,
}

fn seats() -> BTreeMap<SeatId, SeatAccount> {
    let registers = SeatAccount { secret: Some(digest::secret("8001", "r", "pass")), contact: None };
    let fixed = SeatAccount { secret: None, contact: Some("sip:8002@10.0.0.9:5070".into()) };
    BTreeMap::from([("8001".into(), registers), ("8002".into(), fixed)])
}

impl Phone {
    /// A phone at 10.0.0.9, which is no trunk unless said.
    fn new(trunk: bool) -> Phone {
        let now = Moment::from_micros(1_000_000);
        let net = if trunk { "10.0.0.9/32" } else { "10.9.9.9/32" };
        let settings = Settings {
            listen: vec![Listen { transport: Transport::Udp, addr: "10.0.0.1:5060".parse().unwrap() }],
            advertise: None,
            realm: "r".into(),
            trunks: vec![
                Trunk { id: "t".into(), from: vec![net.parse().unwrap()], to: None },
                Trunk {
                    id: "out".into(),
                    from: Vec::new(),
                    to: Some(Hop { addr: "10.0.0.9:5070".parse().unwrap(), transport: Transport::Udp }),
                },
            ],
            seats: seats(),
            register_min: Duration::from_secs(60),
            register_max: Duration::from_secs(600),
            nonce_lifetime: Duration::from_secs(30),
            max_calls: 3,
            timers: Timers::default(),
        };
        let house = Endpoint::new(now, settings, StdRng::seed_from_u64(1));
        let flow = Flow {
            listener: ListenerId(0),
            transport: Transport::Udp,
            remote: "10.0.0.9:5070".parse().unwrap(),
            connection: None,
        };
        let mut phone = Phone { now, house, flow };
        phone.events();
        phone
    }

    fn send(&mut self, text: &str) -> Vec<String> {
        let bytes = text.replace("\r\n", "\n").replace('\n', "\r\n");
        self.house.receive(self.now, self.flow, bytes.as_bytes());
        self.sent()
    }

    /// Start lines, or whole messages, that left since the last look.
    fn sent(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.house.poll_transmit())
            .map(|transmit| String::from_utf8(transmit.bytes).unwrap())
            .collect()
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.house.poll_event()).collect()
    }

    fn wait(&mut self, time: Duration) -> Vec<String> {
        let until = self.now + time;
        let mut all = Vec::new();
        while let Some(due) = self.house.next_deadline().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.house.handle_deadline(self.now);
            all.extend(self.sent());
        }
        self.now = until;
        all
    }

    fn command(&mut self, command: Command) -> Vec<String> {
        self.house.command(self.now, command);
        self.sent()
    }
}

fn starts(messages: &[String]) -> Vec<&str> {
    messages.iter().map(|message| message.lines().next().unwrap_or_default()).collect()
}

fn request(method: &str, uri: &str, branch: &str, cseq: u32, lines: &str) -> String {
    let to = if lines.contains("To: ") { String::new() } else { format!("To: <{uri}>\n") };
    let from = if lines.contains("From: ") { "" } else { "From: <sip:100@10.0.0.9>;tag=f\n" };
    format!(
        "{method} {uri} SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bK{branch}\n{from}{to}Call-ID: c1\nCSeq: {cseq} {method}\nContact: <sip:100@10.0.0.9:5070>\nMax-Forwards: 70\n{lines}Content-Length: 0\n\n"
    )
}

fn response(text: &str) -> Response {
    match read(text.as_bytes()) {
        Ok(Message::Response(response)) => response,
        other => panic!("{other:?}"),
    }
}

fn leg(events: &[Event]) -> LegId {
    events
        .iter()
        .find_map(|event| if let Event::Incoming(incoming) = event { Some(incoming.leg) } else { None })
        .expect("an incoming call")
}

#[test]
fn strangers_get_no_leg_and_copies_get_the_same_answer() {
    let mut phone = Phone::new(false);
    let invite = request("INVITE", "sip:1@10.0.0.1", "a", 1, "");
    let first = phone.send(&invite);
    assert_eq!(starts(&first), ["SIP/2.0 403 Forbidden"]);
    assert_eq!(phone.send(&invite), first, "RFC 3261 §17.2.1: a copy gets the same answer");
    assert!(phone.events().is_empty());
    // Timer G: repeated until the ACK, then silence.
    assert_eq!(starts(&phone.wait(Duration::from_millis(1600))), ["SIP/2.0 403 Forbidden"; 2]);
    let to = response(&first[0]).headers.get("To").unwrap().to_string();
    assert!(phone.send(&request("ACK", "sip:1@10.0.0.1", "a", 1, &format!("To: {to}\n"))).is_empty());
    assert!(phone.wait(Duration::from_secs(100)).is_empty());
    assert_eq!(phone.house.counts().transactions, 0);
}

#[test]
fn a_cancel_at_every_moment() {
    for ring in [false, true] {
        let mut phone = Phone::new(true);
        assert_eq!(starts(&phone.send(&request("INVITE", "sip:1@10.0.0.1", "a", 1, ""))), ["SIP/2.0 100 Trying"]);
        let leg = leg(&phone.events());
        if ring {
            assert_eq!(starts(&phone.command(Command::Ring { leg })), ["SIP/2.0 180 Ringing"]);
        }
        let answers = phone.send(&request("CANCEL", "sip:1@10.0.0.1", "a", 1, ""));
        assert_eq!(starts(&answers), ["SIP/2.0 200 OK", "SIP/2.0 487 Request Terminated"]);
        assert!(matches!(phone.events()[..], [Event::Ended { why: Ended::Cancelled, .. }]));
        // The call's own words come too late, and change nothing.
        assert!(phone.command(Command::Accept { leg, body: Body::sdp(Vec::new()) }).is_empty());
        assert!(phone.command(Command::Hangup { leg, reason: None }).is_empty());
    }
    let mut phone = Phone::new(true);
    assert_eq!(
        starts(&phone.send(&request("CANCEL", "sip:1@10.0.0.1", "a", 1, ""))),
        ["SIP/2.0 481 Call/Transaction Does Not Exist"]
    );
}

#[test]
fn an_accepted_call_is_repeated_acknowledged_and_ended() {
    let mut phone = Phone::new(true);
    phone.send(&request("INVITE", "sip:1@10.0.0.1", "a", 1, "Record-Route: <sip:p;lr>\n"));
    let leg = leg(&phone.events());
    let answer = phone.command(Command::Accept { leg, body: Body::sdp(b"v=0".to_vec()) });
    assert!(
        answer[0].contains("Record-Route: <sip:p;lr>\r\n")
            && answer[0].contains("Contact: <sip:hotline@10.0.0.1:5060>")
    );
    assert_eq!(starts(&phone.wait(Duration::from_millis(3600))), ["SIP/2.0 200 OK"; 3], "at 0.5, 1.5 and 3.5 s");
    let to = response(&answer[0]).headers.get("To").unwrap().to_string();
    let within = |method: &str, branch: &str, cseq: u32| {
        request(method, "sip:hotline@10.0.0.1", branch, cseq, &format!("To: {to}\n"))
    };
    assert!(phone.send(&within("ACK", "b", 1)).is_empty());
    assert!(matches!(phone.events()[..], [Event::Acked { .. }]));
    assert!(phone.wait(Duration::from_secs(20)).is_empty());
    assert!(phone.send(&within("ACK", "c", 1)).is_empty(), "a stray ACK is never answered");
    // RFC 3261 §12.2.2: a lower CSeq is out of order.
    assert_eq!(starts(&phone.send(&within("INFO", "d", 5))), ["SIP/2.0 200 OK"]);
    assert_eq!(starts(&phone.send(&within("INFO", "e", 4))), ["SIP/2.0 500 Server Internal Error"]);
    let bye = phone.command(Command::Hangup { leg, reason: Some("SIP;cause=200".into()) });
    assert!(
        bye[0].starts_with("BYE sip:100@10.0.0.9:5070 SIP/2.0")
            && bye[0].contains("Route: <sip:p;lr>")
            && bye[0].contains("Reason: SIP;cause=200")
    );
    // BYE crosses BYE: theirs is answered too.
    let theirs = starts(&phone.send(&within("BYE", "f", 6))).join(" ");
    assert!(theirs.starts_with("SIP/2.0 200") || theirs.starts_with("SIP/2.0 481"), "{theirs}");
}

#[test]
fn the_house_is_full_or_drains() {
    let mut phone = Phone::new(true);
    for n in 0..3 {
        let text = request("INVITE", "sip:1@10.0.0.1", &format!("n{n}"), 1, "")
            .replace("Call-ID: c1", &format!("Call-ID: c{n}"));
        assert_eq!(starts(&phone.send(&text)), ["SIP/2.0 100 Trying"]);
    }
    let full = phone.send(&request("INVITE", "sip:1@10.0.0.1", "x", 1, "").replace("Call-ID: c1", "Call-ID: c9"));
    assert!(full[0].starts_with("SIP/2.0 503") && full[0].contains("Retry-After: "), "{full:?}");
    let legs: Vec<LegId> =
        phone.events().iter().filter_map(|e| if let Event::Incoming(i) = e { Some(i.leg) } else { None }).collect();
    phone.command(Command::Refuse { leg: legs[0], refusal: Refusal::new(486) });
    let text = request("INVITE", "sip:1@10.0.0.1", "y", 1, "").replace("Call-ID: c1", "Call-ID: c8");
    assert_eq!(starts(&phone.send(&text)), ["SIP/2.0 100 Trying"], "a place became free");
    phone.house.drain();
    let text = request("OPTIONS", "sip:1@10.0.0.1", "z", 1, "");
    assert!(phone.send(&text)[0].starts_with("SIP/2.0 503"));
}

/// REGISTER with the credentials that the last challenge asks for.
fn register(phone: &mut Phone, algorithm: &str, password: &str, cseq: u32, lines: &str) -> Vec<String> {
    let own = format!("From: <sip:8001@r>;tag=f\nTo: <sip:8001@r>\n{lines}");
    let contact = |text: String| {
        if lines.contains("Contact: ") { text.replacen("Contact: <sip:100@10.0.0.9:5070>\n", "", 1) } else { text }
    };
    let challenge = phone.send(&contact(request("REGISTER", "sip:r", &format!("r{cseq}"), cseq, &own)));
    let refused = response(&challenge[0]);
    assert_eq!(refused.status, 401, "{challenge:?}");
    let challenges = refused.headers.challenges("WWW-Authenticate");
    let chosen =
        challenges.iter().find(|c| c.algorithm.as_deref() == Some(algorithm)).expect("the algorithm is offered");
    let uri = "sip:r";
    let credentials =
        digest::answer(chosen, &message::Method::REGISTER, uri, "8001", password, 1, "cn").expect("an answer");
    let own = format!("{own}Authorization: {credentials}\n");
    phone.send(&contact(request("REGISTER", uri, &format!("s{cseq}"), cseq + 1, &own)))
}

#[test]
fn seats_register_with_both_digests_and_are_reachable_until_they_expire() {
    for algorithm in ["MD5", "SHA-256"] {
        let mut phone = Phone::new(false);
        let ok = register(&mut phone, algorithm, "pass", 1, "Expires: 120\n");
        assert!(ok[0].starts_with("SIP/2.0 200 OK") && ok[0].contains("expires=120"), "{ok:?}");
        let events = phone.events();
        assert!(
            events.iter().any(|event| matches!(event, Event::SeatReachable { seat } if seat.as_str() == "8001")),
            "{events:?}"
        );
        phone.wait(Duration::from_secs(121));
        assert!(phone.events().iter().any(|event| matches!(event, Event::SeatUnreachable { .. })));
        let wrong = register(&mut phone, algorithm, "guess", 9, "");
        assert!(wrong[0].starts_with("SIP/2.0 40"), "{wrong:?}");
        assert!(phone.events().is_empty());
    }
}

#[test]
fn registrations_have_limits_and_end_when_asked() {
    let mut phone = Phone::new(false);
    let brief = register(&mut phone, "MD5", "pass", 1, "Expires: 5\n");
    assert!(brief[0].starts_with("SIP/2.0 423") && brief[0].contains("Min-Expires: 60"), "{brief:?}");
    let long = register(&mut phone, "MD5", "pass", 11, "Expires: 99999\n");
    assert!(long[0].contains("expires=600"), "{long:?}");
    phone.events();
    let gone = register(&mut phone, "MD5", "pass", 21, "Contact: *\nExpires: 0\n");
    assert!(gone[0].starts_with("SIP/2.0 200"), "{gone:?}");
    assert!(phone.events().iter().any(|event| matches!(event, Event::SeatUnreachable { .. })));
    assert_eq!(phone.house.counts().bindings, 0);
}

#[test]
fn a_fixed_contact_is_reachable_from_the_start_and_rung_there() {
    let mut phone = Phone::new(false);
    let invite = Invite {
        leg: LegId(2),
        to: Target::Seat("8002".into()),
        caller: Party { number: "138".into(), display: None },
        sip_call_id: None,
        body: None,
    };
    let sent = phone.command(Command::Invite(invite));
    assert!(
        sent[0].starts_with("INVITE sip:8002@10.0.0.9:5070 SIP/2.0") && sent[0].contains("From: <sip:138@"),
        "{sent:?}"
    );
    // Timer A doubles: 0.5, 1.5, 3.5 s.
    assert_eq!(phone.wait(Duration::from_secs(4)).len(), 3);
    assert!(
        phone.command(Command::Hangup { leg: LegId(2), reason: None }).is_empty(),
        "no CANCEL before a provisional answer, §9.1"
    );
    let via = sent[0].lines().find(|line| line.starts_with("Via: ")).unwrap();
    let header = |name: &str| sent[0].lines().find(|line| line.starts_with(name)).unwrap().to_string();
    let ringing = format!(
        "SIP/2.0 180 Ringing\n{via}\n{}\n{};tag=t\n{}\n{}\nContent-Length: 0\n\n",
        header("From"),
        header("To"),
        header("Call-ID"),
        header("CSeq")
    );
    let cancel = phone.send(&ringing);
    assert!(cancel[0].starts_with("CANCEL sip:8002@10.0.0.9:5070"), "{cancel:?}");
    let unknown = Invite {
        leg: LegId(4),
        to: Target::Seat("8001".into()),
        caller: Party::default(),
        sip_call_id: None,
        body: None,
    };
    phone.command(Command::Invite(unknown));
    assert!(
        phone.events().iter().any(|event| matches!(event, Event::Refused { leg: LegId(4), .. })),
        "a seat that is nowhere"
    );
}

#[test]
fn only_numbers_are_dialled_over_a_trunk_and_only_one_that_goes_out() {
    let mut phone = Phone::new(true);
    let mut dial = |trunk: &str, number: &str| {
        let to = Target::Trunk { trunk: trunk.into(), number: number.into() };
        let caller = Party { number: "12345".into(), display: None };
        let sent = phone.command(Command::Invite(Invite {
            leg: LegId(2),
            to,
            caller,
            sip_call_id: Some("of-our-record".into()),
            body: None,
        }));
        (sent, phone.events())
    };
    let refusals = [
        ("out", "", 403),
        ("out", "+", 403),
        ("out", "8001;x=y", 403),
        ("out", "1@10.9.9.9", 403),
        ("out", "*11", 403),
        ("out", "900123456789012345678", 403),
        ("t", "110", 480),
        ("nowhere", "110", 480),
    ];
    for (trunk, number, expected) in refusals {
        let (sent, events) = dial(trunk, number);
        assert!(sent.is_empty(), "{number} was dialled: {sent:?}");
        assert!(
            matches!(events[..], [Event::Refused { leg: LegId(2), status }] if status == expected),
            "{trunk} {number}: {events:?}"
        );
    }
    for number in ["110", "+8613800001111", "90012345678901234567"] {
        let (sent, events) = dial("out", number);
        assert!(sent[0].starts_with(&format!("INVITE sip:{number}@10.0.0.9:5070 SIP/2.0")), "{sent:?}");
        assert!(sent[0].contains("Call-ID: of-our-record") && sent[0].contains("From: <sip:12345@"), "{sent:?}");
        assert!(events.is_empty(), "{events:?}");
    }
}
