//! One endpoint, and a phone by hand.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::ids::{LegId, SeatId};
use crate::moment::Moment;
use crate::sip::endpoint::Endpoint;
use crate::sip::message::{Message, Response, read};
use crate::sip::*;

pub struct Phone {
    pub now: Moment,
    pub house: Endpoint,
    pub flow: Flow,
}

pub fn seats() -> BTreeMap<SeatId, SeatAccount> {
    let registers = SeatAccount { secret: Some(digest::secret("8001", "r", "pass")), ..SeatAccount::default() };
    let fixed = |contact: &str| SeatAccount { contact: Some(contact.into()), ..SeatAccount::default() };
    BTreeMap::from([
        ("8001".into(), registers),
        ("8002".into(), fixed("sip:8002@10.0.0.9:5070")),
        ("8003".into(), fixed("sip:8003@10.0.0.9:5070")),
        ("8004".into(), fixed("sip:8004@10.0.0.9:5060;transport=tcp")),
        ("8005".into(), fixed("sip:8005@phone.lan")),
    ])
}

pub fn hop(addr: &str) -> Hop {
    Hop { addr: addr.parse().unwrap(), transport: Transport::Udp }
}

pub fn settings(trunk: bool) -> Settings {
    let net = if trunk { "10.0.0.9/32" } else { "10.9.9.9/32" };
    Settings {
        listen: [Transport::Udp, Transport::Tcp]
            .map(|transport| Listen { transport, addr: "10.0.0.1:5060".parse().unwrap() })
            .to_vec(),
        advertise: Vec::new(),
        realm: "r".into(),
        trunks: vec![
            Trunk::new("t", vec![net.parse().unwrap()], None),
            Trunk::new("out", Vec::new(), Some(hop("10.0.0.9:5070"))),
        ],
        seats: seats(),
        numbers: Default::default(),
        name_servers: Vec::new(),
        register_min: Duration::from_secs(60),
        register_max: Duration::from_secs(600),
        nonce_lifetime: Duration::from_secs(30),
        flow_grace: Duration::from_secs(15),
        session_expires: Duration::from_secs(1800),
        min_se: Duration::from_secs(90),
        redirects: vec!["10.7.0.0/16".parse().unwrap()],
        max_calls: 3,
        guard: Some(guard::Limits::default()),
        dscp: 24,
        // What is heard of an INVITE is heard at once.
        timers: Timers { trying: Duration::ZERO, ..Timers::default() },
    }
}

impl Phone {
    /// A phone at 10.0.0.9, which is no trunk unless said.
    pub fn new(trunk: bool) -> Phone {
        Phone::of(settings(trunk))
    }

    pub fn of(settings: Settings) -> Phone {
        let now = Moment::from_micros(1_000_000);
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

    /// The same over a connection of that number, from a port of its own.
    pub fn over_tcp(&mut self, connection: u64) {
        let remote = std::net::SocketAddr::new(self.flow.remote.ip(), 40_000 + connection as u16);
        let connection = Some(ConnectionId(connection));
        self.flow = Flow { listener: ListenerId(1), transport: Transport::Tcp, remote, connection };
    }

    pub fn send(&mut self, text: &str) -> Vec<String> {
        let bytes = text.replace("\r\n", "\n").replace('\n', "\r\n");
        self.house.receive(self.now, self.flow, bytes.as_bytes());
        self.sent()
    }

    /// Start lines, or whole messages, that left since the last look.
    pub fn sent(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.house.poll_transmit())
            .map(|transmit| String::from_utf8(transmit.bytes).unwrap())
            .collect()
    }

    /// Over which trunk a call goes is for those who ask.
    pub fn events(&mut self) -> Vec<Event> {
        let all = std::iter::from_fn(|| self.house.poll_event());
        all.filter(|event| !matches!(event, Event::GoesOver { .. })).collect()
    }

    pub fn wait(&mut self, time: Duration) -> Vec<String> {
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

    pub fn command(&mut self, command: Command) -> Vec<String> {
        self.house.command(self.now, command);
        self.sent()
    }
}

pub fn starts(messages: &[String]) -> Vec<&str> {
    messages.iter().map(|message| message.lines().next().unwrap_or_default()).collect()
}

pub fn request(method: &str, uri: &str, branch: &str, cseq: u32, lines: &str) -> String {
    let has_to = lines.starts_with("To: ") || lines.contains("\nTo: ");
    let to = if has_to { String::new() } else { format!("To: <{uri}>\n") };
    let from = if lines.contains("From: ") { "" } else { "From: <sip:100@10.0.0.9>;tag=f\n" };
    format!(
        "{method} {uri} SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bK{branch}\n{from}{to}Call-ID: c1\nCSeq: {cseq} {method}\nContact: <sip:100@10.0.0.9:5070>\nMax-Forwards: 70\n{lines}Content-Length: 0\n\n"
    )
}

pub fn response(text: &str) -> Response {
    match read(text.as_bytes()) {
        Ok(Message::Response(response)) => response,
        other => panic!("{other:?}"),
    }
}

pub fn leg(events: &[Event]) -> LegId {
    events
        .iter()
        .find_map(|event| if let Event::Incoming(incoming) = event { Some(incoming.leg) } else { None })
        .expect("an incoming call")
}

/// REGISTER with the credentials that the last challenge asks for.
pub fn register(phone: &mut Phone, algorithm: &str, password: &str, cseq: u32, lines: &str) -> Vec<String> {
    register_as(phone, algorithm, password, cseq, lines, "c1")
}

/// The same of a phone that gives its REGISTERs this Call-ID.
pub fn register_as(
    phone: &mut Phone,
    algorithm: &str,
    password: &str,
    cseq: u32,
    lines: &str,
    call_id: &str,
) -> Vec<String> {
    let own = format!("From: <sip:8001@r>;tag=f\nTo: <sip:8001@r>\n{lines}");
    let contact = |text: String| {
        let text = text.replace("Call-ID: c1", &format!("Call-ID: {call_id}"));
        if lines.contains("Contact: ") { text.replacen("Contact: <sip:100@10.0.0.9:5070>\n", "", 1) } else { text }
    };
    let challenge = phone.send(&contact(request("REGISTER", "sip:r", &format!("r{cseq}"), cseq, &own)));
    let refused = response(&challenge[0]);
    assert_eq!(refused.status, 401, "{challenge:?}");
    let challenges = refused.headers.challenges("WWW-Authenticate");
    let chosen =
        challenges.iter().find(|c| c.algorithm.as_deref() == Some(algorithm)).expect("the algorithm is offered");
    let uri = "sip:r";
    let credentials = digest::signed(chosen, &message::Method::REGISTER, uri, ("8001", password), 1);
    let own = format!("{own}Authorization: {credentials}\n");
    phone.send(&contact(request("REGISTER", uri, &format!("s{cseq}"), cseq + 1, &own)))
}

/// A request with a description as its body.
pub fn described(text: &str) -> String {
    text.replace("Content-Length: 0\n\n", "Content-Type: application/sdp\nContent-Length: 5\n\nv=0\n")
}

/// An answer to a request of the house, with a To-tag.
pub fn answered(request: &str, status: &str) -> String {
    let copied = request
        .lines()
        .filter(|line| ["Via", "From", "Call-ID", "CSeq"].iter().any(|name| line.starts_with(&format!("{name}: "))));
    let to = request.lines().find(|line| line.starts_with("To: ")).unwrap_or_default();
    let tag = if to.contains(";tag=") { "" } else { ";tag=t" };
    format!("SIP/2.0 {status}\n{}\n{to}{tag}\nContent-Length: 0\n\n", copied.collect::<Vec<_>>().join("\n"))
}

/// An INVITE of ours on leg 2, of somebody outside.
pub fn invitation(to: Target) -> Invite {
    Invite {
        leg: LegId(2),
        to,
        caller: caller(),
        on_behalf_of: None,
        sip_call_id: None,
        hops: HOPS,
        auto_answer: false,
        call: None,
        urgent: false,
        over: Default::default(),
        body: Some(Body::sdp(b"v=0".to_vec())),
    }
}

pub fn caller() -> Party {
    Party { number: "138".into(), display: None }
}

/// The value of the first header of that name.
pub fn header<'a>(text: &'a str, name: &str) -> &'a str {
    let of = |line: &'a str| line.trim_end().strip_prefix(name)?.strip_prefix(": ");
    text.lines().find_map(of).unwrap_or_else(|| panic!("no {name} in {text}"))
}

/// An answer to a request of the house with these lines more.
pub fn answered_with(request: &str, status: &str, lines: &str) -> String {
    answered(request, status).replace("Content-Length", &format!("{lines}Content-Length"))
}

/// Rings seat 8002, whose phone is where this one is: our INVITE.
pub fn ring_desk(phone: &mut Phone) -> String {
    let invite = Invite { body: Some(Body::sdp(b"v=0 ours".to_vec())), ..invitation(Target::Seat("8002".into())) };
    phone.command(Command::Invite(invite)).remove(0)
}

/// The same phone has answered, saying these lines: our INVITE.
pub fn desk_talks(phone: &mut Phone, lines: &str) -> String {
    let invite = ring_desk(phone);
    let lines = format!("Contact: <sip:8002@10.0.0.9:5070>\n{lines}");
    assert!(phone.send(&described(&answered_with(&invite, "200 OK", &lines)))[0].starts_with("ACK "));
    assert!(matches!(phone.events()[..], [Event::Answered { leg: LegId(2), .. }]));
    invite
}

/// A request of the phone's within the dialog of that INVITE of ours.
pub fn of_desk(invite: &str, method: &str, cseq: u32, lines: &str) -> String {
    let own = format!("From: {};tag=t\nTo: {}\n{lines}", header(invite, "To"), header(invite, "From"));
    request(method, "sip:hotline@10.0.0.1", &format!("d{cseq}"), cseq, &own)
        .replace("Call-ID: c1", &format!("Call-ID: {}", header(invite, "Call-ID")))
}
