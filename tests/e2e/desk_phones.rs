//! The keys of desk phones: what operators without a page send their callers on with, over real sockets.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use hotline::sip::message::{Message, Request, Response, read};
use serde_json::Value;

use crate::house::{DESK_PHONE, Files, House, PATIENCE};
use crate::peers::{Baresip, Sipp, Softphone};
use crate::ports::free_port;
use crate::sound::{Heard, write_tone};

/// A desk phone by hand, at the address that the files name.
struct Desk {
    socket: UdpSocket,
    house: SocketAddr,
    seat: &'static str,
    sent: u32,
}

impl Desk {
    fn new(port: u16, house: &House, seat: &'static str) -> Desk {
        let socket = UdpSocket::bind(("127.0.0.1", port)).expect("a free port");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        Desk { socket, house: house.addr().parse().expect("an address"), seat, sent: 0 }
    }

    fn own(&self) -> SocketAddr {
        self.socket.local_addr().expect("bound")
    }

    fn sdp(&self, direction: &str) -> String {
        self.sdp_of(direction, free_port())
    }

    fn sdp_of(&self, direction: &str, port: u16) -> String {
        format!(
            "v=0\r\no=desk 1 {} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {} RTP/AVP 8\r\na={direction}\r\n",
            self.sent + 1,
            port
        )
    }

    fn hear(&self) -> Message {
        let mut buffer = [0; 65_535];
        let (length, _) = self.socket.recv_from(&mut buffer).unwrap_or_else(|error| panic!("{}: {error}", self.seat));
        read(&buffer[..length]).expect("SIP")
    }

    /// The next request of this kind; what else comes meanwhile was answered before.
    fn request(&self, method: &str) -> Request {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Message::Request(request) = self.hear()
                && request.method.to_string() == method
            {
                return request;
            }
        }
        panic!("{}: no {method}", self.seat)
    }

    fn final_answer(&self, method: &str) -> Response {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Message::Response(response) = self.hear()
                && response.status >= 200
                && response.headers.cseq().expect("a CSeq").method.to_string() == method
            {
                return response;
            }
        }
        panic!("{}: no answer to {method}", self.seat)
    }

    fn send(&self, text: &str) {
        self.socket.send_to(text.as_bytes(), self.house).expect("sent");
    }

    fn answer(&self, request: &Request, status: u16, sdp: Option<String>) {
        let mut response = request.respond(status, Some(self.seat));
        response.headers.push("Contact", format!("<sip:{}@{}>", self.seat, self.own()));
        if let Some(sdp) = sdp {
            response.headers.push("Content-Type", "application/sdp");
            response.body = sdp.into_bytes();
        }
        self.socket.send_to(&response.to_bytes(), self.house).expect("sent");
    }

    fn pick_up(&self) -> Request {
        self.pick_up_with(&self.sdp("sendrecv"))
    }

    fn pick_up_with(&self, sdp: &str) -> Request {
        let invite = self.request("INVITE");
        self.answer(&invite, 180, None);
        self.answer(&invite, 200, Some(sdp.into()));
        self.request("ACK");
        invite
    }

    /// A request with these From, To and Call-ID; an ACK has the number of the request before it.
    fn ask(&mut self, method: &str, uri: &str, (from, to, call_id): (&str, &str, &str), lines: &str, body: &str) {
        self.sent += u32::from(method != "ACK");
        let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        self.send(&format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{method}{n}{call_id}\r\nMax-Forwards: 70\r\n\
             From: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\nCSeq: {n} {method}\r\nContact: <sip:{seat}@{own}>\r\n\
             {lines}{content}Content-Length: {length}\r\n\r\n{body}",
            own = self.own(),
            n = self.sent,
            seat = self.seat,
            length = body.len()
        ));
    }
}

/// The sound of one line of a desk phone.
struct Sound {
    socket: UdpSocket,
}

impl Sound {
    const FRAME: Duration = Duration::from_millis(20);

    fn new() -> Sound {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a free port");
        socket.set_read_timeout(Some(Sound::FRAME / 8)).expect("a time limit");
        Sound { socket }
    }

    fn port(&self) -> u16 {
        self.socket.local_addr().expect("bound").port()
    }

    /// Says 1000 Hz (a square wave in A-law) to whom a description names, and tells what was heard meanwhile.
    fn speak(&self, sdp: &[u8], seconds: u16) -> Heard {
        let sdp = String::from_utf8_lossy(sdp);
        let port = sdp.split("m=audio ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a port");
        let to: SocketAddr = format!("127.0.0.1:{port}").parse().expect("an address");
        let tone: Vec<u8> = (0..160).map(|n| if n % 8 < 4 { 0xb5 } else { 0x35 }).collect();
        // As the head of a recording of one channel.
        let mut heard = vec![0; 58];
        heard[22] = 1;
        let began = Instant::now();
        for n in 0..seconds * 50 {
            let until = began + Sound::FRAME * u32::from(n + 1);
            let stamp = u32::from(n) * 160;
            let packet = [&[0x80, 8][..], &n.to_be_bytes(), &stamp.to_be_bytes(), &[7; 4], &tone].concat();
            self.socket.send_to(&packet, to).expect("sent");
            let mut buffer = [0; 2048];
            while Instant::now() < until {
                if let Ok((length, _)) = self.socket.recv_from(&mut buffer)
                    && buffer[1] & 0x7f == 8
                {
                    heard.extend_from_slice(&buffer[12..length]);
                }
            }
        }
        Heard::of_a_law(&heard, 0)
    }
}

fn text<'a>(record: &'a Value, key: &str) -> &'a str {
    record[key].as_str().unwrap_or_default()
}

#[test]
fn the_transfer_key_of_a_phone_sends_the_caller_to_a_colleague() {
    let port = free_port();
    let house = House::open(&Files::new(Some(port)));
    let phone = Baresip::register(&house, "8001", "open-sesame", 700);
    let colleague = Sipp::phone("phone_answers", port);
    let mut caller = Softphone::call(&house, "12347", &["--for", "12s"]);
    caller.wait("answered");
    house.wait_log(&["connected", "1001"]);
    phone.command_with("transfer", &format!("sip:{DESK_PHONE}@{}", house.addr()));
    house.wait_log(&["taken up", "1002"]);
    assert!(caller.end());
    colleague.succeed();
    let record = house.wait_records(1).remove(0);
    assert_eq!((text(&record, "outcome"), text(&record, "operator")), ("answered", "1002"), "{record:#}");
    let sent_on = &record["transfers"][0];
    assert_eq!(
        (text(sent_on, "kind"), text(sent_on, "by"), text(sent_on, "outcome")),
        ("blind", "1001", "transferred")
    );
}

/// Boris at 8002, whom citizens are offered to, and Chen at 8003.
fn two_desks() -> (House, Desk, Desk) {
    desks("english", |_| {})
}

/// Both may serve citizens; Boris is asked first, and rings until somebody is quicker.
fn two_desks_for_citizens() -> (House, Desk, Desk) {
    desks("mandarin", |files| {
        files.queues = files.queues.replace(
            "id = \"citizen\"\nneed = \"mandarin >= 1\"\nring = \"4s\"",
            "id = \"citizen\"\nneed = \"mandarin >= 1\"\nchoose = \"most-skilled\"\nring = \"20s\"",
        );
    })
}

fn desks(skill: &str, change: impl FnOnce(&mut Files)) -> (House, Desk, Desk) {
    let (first, second) = (free_port(), free_port());
    let mut files = Files::new(Some(first));
    files.operators += &format!(
        "[[seat]]\nid = \"8003\"\ncontact = \"sip:8003@127.0.0.1:{second}\"\n\
         [[operator]]\nid = \"1003\"\nname = \"Chen\"\nskills = {{ {skill} = 1 }}\nseat = \"8003\"\n"
    );
    change(&mut files);
    let house = House::open(&files);
    let (boris, chen) = (Desk::new(first, &house, DESK_PHONE), Desk::new(second, &house, "8003"));
    (house, boris, chen)
}

#[test]
fn who_was_asked_on_a_second_line_of_the_phone_gets_the_caller() {
    let (house, mut boris, chen) = two_desks();
    let caller = Softphone::call(&house, "12346", &["--for", "12s"]);
    let talk = boris.pick_up();
    let header = |name: &str| talk.headers.get(name).expect("there").to_string();
    let (own, theirs, id) = (format!("{};tag={DESK_PHONE}", header("To")), header("From"), header("Call-ID"));
    let contact = talk.headers.contacts().expect("a contact")[0].uri.to_string();
    let sdp = boris.sdp("sendonly");
    boris.ask("INVITE", &contact, (&own, &theirs, &id), "", &sdp);
    assert_eq!(boris.final_answer("INVITE").status, 200);
    boris.ask("ACK", &contact, (&own, &theirs, &id), "", "");
    house.wait_log(&["hold", "holds=true"]);
    // The second line.
    let (from, to) = (format!("<sip:{DESK_PHONE}@hotline>;tag=second"), "<sip:8003@hotline>");
    let uri = format!("sip:8003@{}", house.addr());
    let sdp = boris.sdp("sendrecv");
    boris.ask("INVITE", &uri, (&from, to, "second-line"), "", &sdp);
    chen.pick_up();
    let answer = boris.final_answer("INVITE");
    assert_eq!(answer.status, 200, "{answer:?}");
    let to = answer.headers.get("To").expect("there").to_string();
    boris.ask("ACK", &contact, (&from, &to, "second-line"), "", "");
    let tag = answer.headers.to().expect("a To").tag().expect("a tag").to_string();
    let refer = format!("Refer-To: <{uri}?Replaces=second-line%3Bto-tag%3D{tag}%3Bfrom-tag%3Dsecond>\r\n");
    boris.ask("REFER", &contact, (&own, &theirs, &id), &refer, "");
    let (mut byes, mut told) = (0, Vec::new());
    while byes < 2 || told.last().is_none_or(|last: &String| !last.contains("200")) {
        match boris.hear() {
            Message::Request(request) => {
                boris.answer(&request, 200, None);
                match request.method.to_string().as_str() {
                    "BYE" => byes += 1,
                    "NOTIFY" => told.push(String::from_utf8(request.body).expect("text").trim().to_string()),
                    other => panic!("{other}"),
                }
            }
            Message::Response(response) => assert_eq!(response.status, 202, "{response:?}"),
        }
    }
    assert_eq!(told, ["SIP/2.0 100 Trying", "SIP/2.0 200 OK"]);
    assert!(caller.end());
    let bye = chen.request("BYE");
    chen.answer(&bye, 200, None);
    let records = house.wait_records(2);
    let record = records.iter().find(|record| text(record, "from") != DESK_PHONE).expect("the citizen's");
    assert_eq!((text(record, "outcome"), text(record, "operator")), ("answered", "1003"), "{record:#}");
    let sent_on = &record["transfers"][0];
    assert_eq!(
        (text(sent_on, "kind"), text(sent_on, "by"), text(sent_on, "outcome")),
        ("attended", "1002", "transferred")
    );
}

/// By the house's own Contact, as phones do it, and by the seat's own number.
#[test]
fn another_phone_of_a_seat_takes_over_its_talk() {
    for by_contact in [true, false] {
        let (house, mut boris, _) = two_desks();
        let dir = tempfile::tempdir().expect("a folder");
        let (tone, heard) = (dir.path().join("tone.wav"), dir.path().join("heard.wav"));
        write_tone(&tone, 440, 60);
        let path = |path: &Path| path.to_str().expect("text").to_string();
        let caller = Softphone::call(&house, "12346", &["--say", &path(&tone), "--record", &path(&heard)]);
        let (former, new) = (Sound::new(), Sound::new());
        let talk = boris.pick_up_with(&boris.sdp_of("sendrecv", former.port()));
        house.wait_log(&["connected", "1002"]);
        // RFC 3891 §3: to-tag and from-tag as the house has them.
        let header = |name: &str| talk.headers.get(name).expect("there").to_string();
        let ours = header("From").split_once(";tag=").expect("a tag").1.to_string();
        let replaces = format!("Replaces: {};to-tag={ours};from-tag={DESK_PHONE}\r\n", header("Call-ID"));
        let contact = talk.headers.contacts().expect("a contact")[0].uri.to_string();
        let uri = if by_contact { contact.clone() } else { format!("sip:{DESK_PHONE}@{}", house.addr()) };
        let (from, to) = (format!("<sip:{DESK_PHONE}@hotline>;tag=other"), format!("<{uri}>"));
        let sdp = boris.sdp_of("sendrecv", new.port());
        boris.ask("INVITE", &uri, (&from, &to, "other-phone"), &replaces, &sdp);
        let answer = boris.final_answer("INVITE");
        assert_eq!(answer.status, 200, "{answer:?}");
        let to = answer.headers.get("To").expect("there").to_string();
        boris.ask("ACK", &contact, (&from, &to, "other-phone"), "", "");
        let bye = boris.request("BYE");
        assert_eq!(bye.headers.get("Call-ID"), talk.headers.get("Call-ID"), "the former phone");
        boris.answer(&bye, 200, None);
        let of_caller = new.speak(&answer.body, 4).seconds_of(440);
        assert!(of_caller > 3.0, "the new phone hears the caller for {of_caller} s");
        boris.ask("BYE", &contact, (&from, &to, "other-phone"), "", "");
        assert_eq!(boris.final_answer("BYE").status, 200);
        assert!(caller.end());
        let of_phone = Heard::read(&heard).seconds_of(1000);
        assert!(of_phone > 3.0, "the caller hears the new phone for {of_phone} s");
        let records = house.wait_records(2);
        let record = records.iter().find(|record| text(record, "from") != DESK_PHONE).expect("the citizen's");
        assert_eq!((text(record, "outcome"), text(record, "operator")), ("answered", "1002"), "{record:#}");
        assert_eq!(text(record, "ended_by"), "operator", "{record:#}");
        let none = |key: &str| record[key].as_array().is_none_or(|entries| entries.is_empty());
        assert!(none("lost") && none("transfers") && none("holds"), "{record:#}");
    }
}

#[test]
fn a_lamp_shows_when_a_colleague_is_rung_and_talks() {
    let (house, boris, mut chen) = two_desks();
    let uri = format!("sip:{DESK_PHONE}@{}", house.addr());
    let (from, to) = ("<sip:8003@hotline>;tag=lamp", format!("<sip:{DESK_PHONE}@hotline>"));
    chen.ask("SUBSCRIBE", &uri, (from, &to, "of-the-lamp"), "Event: dialog\r\nExpires: 600\r\n", "");
    assert_eq!(chen.final_answer("SUBSCRIBE").status, 200);
    let shown = || {
        let notify = chen.request("NOTIFY");
        chen.answer(&notify, 200, None);
        let told = String::from_utf8(notify.body).expect("text");
        told.split("<state>").nth(1).and_then(|rest| rest.split('<').next()).unwrap_or("dark").to_string()
    };
    assert_eq!(shown(), "dark");
    let caller = Softphone::call(&house, "12346", &["--for", "4s"]);
    boris.pick_up();
    assert_eq!(shown(), "early");
    // How it is taken is news of its own, where it comes before the answer.
    assert!(["early", "confirmed"].contains(&shown().as_str()));
    assert!(caller.end());
    let bye = boris.request("BYE");
    boris.answer(&bye, 200, None);
    while shown() != "dark" {}
    house.wait_records(1);
}

#[test]
fn the_key_of_a_lamp_takes_what_rings_at_a_colleague() {
    let (house, boris, mut chen) = two_desks_for_citizens();
    let uri = format!("sip:{DESK_PHONE}@{}", house.addr());
    let (from, to) = ("<sip:8003@hotline>;tag=lamp", format!("<sip:{DESK_PHONE}@hotline>"));
    chen.ask("SUBSCRIBE", &uri, (from, &to, "of-the-lamp"), "Event: dialog\r\nExpires: 600\r\n", "");
    assert_eq!(chen.final_answer("SUBSCRIBE").status, 200);
    let caller = Softphone::call(&house, "12346", &["--for", "6s"]);
    let rings = boris.request("INVITE");
    boris.answer(&rings, 180, None);
    let until = Instant::now() + PATIENCE;
    let told = loop {
        assert!(Instant::now() < until, "the lamp does not tell how the call is taken");
        let notify = chen.request("NOTIFY");
        chen.answer(&notify, 200, None);
        let told = String::from_utf8(notify.body).expect("text");
        if told.contains(" local-tag=") {
            break told;
        }
    };
    let attribute = |name: &str| {
        let rest = told.split(&format!(" {name}=\"")).nth(1).unwrap_or_else(|| panic!("no {name} in {told}"));
        rest.split('"').next().expect("its end").to_string()
    };
    assert_eq!(attribute("direction"), "recipient");
    // RFC 3891 §3: as whoever is asked has them; what is the remote end's to the phone that rings is the house's own.
    let replaces = format!(
        "Replaces: {};to-tag={};from-tag={};early-only\r\nRequire: replaces\r\n",
        attribute("call-id"),
        attribute("remote-tag"),
        attribute("local-tag")
    );
    let (from, to, target) = ("<sip:8003@hotline>;tag=picks", "<sip:hotline@hotline>", attribute("uri"));
    let sdp = chen.sdp("sendrecv");
    chen.ask("INVITE", &target, (from, to, "by-the-key"), &replaces, &sdp);
    let answer = chen.final_answer("INVITE");
    assert_eq!(answer.status, 200, "{answer:?}");
    let to = answer.headers.get("To").expect("there").to_string();
    chen.ask("ACK", &target, (from, &to, "by-the-key"), "", "");
    let cancel = boris.request("CANCEL");
    assert!(cancel.headers.get("Reason").is_some_and(|why| why.contains("cause=200")), "{cancel:?}");
    boris.answer(&cancel, 200, None);
    boris.answer(&rings, 487, None);
    house.wait_log(&["connected", "1003"]);
    // Somebody who comes later, with the same tags.
    chen.ask("INVITE", &target, ("<sip:8003@hotline>;tag=again", "<sip:hotline@hotline>", "too-late"), &replaces, "");
    assert_eq!(chen.final_answer("INVITE").status, 481);
    assert!(caller.end());
    let bye = chen.request("BYE");
    chen.answer(&bye, 200, None);
    let records = house.wait_records(2);
    let record = records.iter().find(|record| text(record, "from") != "8003").expect("the citizen's");
    assert_eq!((text(record, "outcome"), text(record, "operator")), ("answered", "1003"), "{record:#}");
}
