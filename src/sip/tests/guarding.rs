//! Strangers at the door: what they are told, and what they cannot do to those who are known.

use std::time::Duration;

use super::phone::*;
use crate::sip::*;

/// Another program behind the same address.
fn beside(flow: Flow) -> Flow {
    Flow { remote: std::net::SocketAddr::new(flow.remote.ip(), 6666), ..flow }
}

fn guess(phone: &mut Phone, n: u32, user: &str, lines: &str) -> Vec<String> {
    let own = format!("From: <sip:{user}@r>;tag=f\nTo: <sip:{user}@r>\n{lines}");
    let text = request("REGISTER", "sip:r", &format!("g{n}"), 1, &own);
    phone.send(&text.replace("Call-ID: c1", &format!("Call-ID: guess{n}")))
}

/// Credentials of a seat that are wrong.
fn wrong(nonce: &str) -> String {
    format!("Authorization: Digest username=\"8001\", realm=\"r\", nonce=\"{nonce}\", uri=\"sip:r\", response=\"0\"\n")
}

/// Wrong until the household is not heard any more.
fn guess_until_shut(phone: &mut Phone) {
    let home = phone.flow;
    phone.flow = beside(home);
    let challenged = response(&guess(phone, 999, "8001", "")[0]);
    let nonce = &challenged.headers.challenges("WWW-Authenticate")[0].nonce;
    let answered = (0..150).filter(|n| !guess(phone, *n, "8001", &wrong(nonce)).is_empty()).count();
    assert_eq!(answered, 100, "after so many guesses none is answered");
    phone.flow = home;
}

#[test]
fn who_guesses_beside_a_registered_phone_does_not_disturb_it() {
    let mut phone = Phone::new(false);
    let registered = register(&mut phone, "MD5", "pass", 1, "");
    assert_eq!(starts(&registered), ["SIP/2.0 200 OK"]);
    guess_until_shut(&mut phone);
    assert!(guess(&mut phone, 900, "8001", "").len() == 1, "its own way is open");
    let home = phone.flow;
    // Its router gave it another port.
    phone.flow = Flow { remote: "10.0.0.9:7777".parse().unwrap(), ..home };
    assert_eq!(starts(&register(&mut phone, "MD5", "pass", 3, "")), ["SIP/2.0 200 OK"]);
    phone.flow = beside(home);
    for method in ["OPTIONS", "INVITE", "SUBSCRIBE", "BYE", "DANCE"] {
        assert!(phone.send(&request(method, "sip:1@10.0.0.1", method, 1, "")).is_empty(), "{method}");
    }
    assert!(phone.send("garbage").is_empty());
    phone.now = phone.now + Duration::from_secs(601);
    assert_eq!(starts(&phone.send(&request("OPTIONS", "sip:10.0.0.1", "later", 1, ""))), ["SIP/2.0 200 OK"]);
    let counts = phone.house.counts().guard;
    assert_eq!((counts.bans, counts.guessed), (1, 100));
    assert!(counts.unheard > 50, "{counts:?}");
}

#[test]
fn a_phone_that_starts_anew_registers_while_its_household_is_not_heard() {
    for (registered, over_tcp) in [(true, false), (false, false), (true, true)] {
        let mut phone = Phone::new(false);
        if registered {
            register(&mut phone, "MD5", "pass", 1, "");
        }
        let home = phone.flow;
        guess_until_shut(&mut phone);
        // Another port and another Call-ID.
        phone.flow = Flow { remote: "10.0.0.9:7777".parse().unwrap(), ..home };
        if over_tcp {
            phone.over_tcp(1);
        }
        assert!(phone.send(&request("OPTIONS", "sip:10.0.0.1", "o", 1, "")).is_empty());
        let anew = register_as(&mut phone, "SHA-256", "pass", 5, "", "anew");
        assert_eq!(starts(&anew), ["SIP/2.0 200 OK"], "{registered} {over_tcp}");
        assert_eq!(options(&mut phone, 1, "it is known").len(), 1, "{registered} {over_tcp}");
        phone.flow = Flow { remote: "10.0.0.9:7778".parse().unwrap(), ..home };
        assert!(options(&mut phone, 2, "and nobody else").is_empty());
    }
}

#[test]
fn a_household_whose_ban_is_lifted_is_heard_at_once() {
    let mut phone = Phone::new(false);
    assert_eq!(phone.house.bans(phone.now), []);
    guess_until_shut(&mut phone);
    phone.flow = beside(phone.flow);
    let home = phone.flow.remote.ip();
    let bans: Vec<_> = phone.house.bans(phone.now).iter().map(|ban| (ban.household, ban.reason)).collect();
    assert_eq!(bans, [(home, guard::Reason::WrongSecret)]);
    let options = |phone: &mut Phone, n| phone.send(&request("OPTIONS", "sip:10.0.0.1", &format!("o{n}"), 1, "")).len();
    assert_eq!((options(&mut phone, 1), phone.house.lift_ban(phone.now, "10.0.0.77".parse().unwrap())), (0, None));
    let lifted = phone.house.lift_ban(phone.now, home).expect("it was banned");
    assert_eq!((lifted.household, phone.house.lift_ban(phone.now, home)), (home, None));
    assert_eq!((options(&mut phone, 2), phone.house.bans(phone.now).len()), (1, 0));
    // A secret is looked at again, also from the port of whoever guessed.
    assert_eq!(starts(&register(&mut phone, "MD5", "pass", 1, "")), ["SIP/2.0 200 OK"]);
}

#[test]
fn who_is_not_heard_learns_nothing_of_seats_and_has_one_guess_from_a_port() {
    let mut phone = Phone::new(false);
    let home = phone.flow;
    guess_until_shut(&mut phone);
    let shapes = [(7001, "8001"), (7002, "8999"), (7003, "root")].map(|(port, user)| {
        phone.flow.remote.set_port(port);
        let asked = guess(&mut phone, 1, user, "").remove(0);
        let nonce = response(&asked).headers.challenges("WWW-Authenticate")[0].nonce.clone();
        let refused = guess(&mut phone, 2, user, &wrong(&nonce).replace("8001", user)).remove(0);
        assert!(guess(&mut phone, 3, user, "").is_empty() && guess(&mut phone, 4, user, &wrong(&nonce)).is_empty());
        let again = response(&refused).headers.challenges("WWW-Authenticate")[0].nonce.clone();
        [(asked, nonce), (refused, again)].map(|(answer, nonce)| {
            answer.replace(user, "user").replace(&nonce, "nonce").replace(&port.to_string(), "port")
        })
    });
    assert!(shapes.iter().all(|shape| shape[0].starts_with("SIP/2.0 401") && *shape == shapes[0]), "{shapes:#?}");
    // Whoever has as many ports as he likes has eight guesses a minute.
    phone.now = phone.now + Duration::from_secs(61);
    let nonce = {
        phone.flow.remote.set_port(9000);
        response(&guess(&mut phone, 1, "8001", "")[0]).headers.challenges("WWW-Authenticate")[0].nonce.clone()
    };
    let answered = (10_000..11_000).filter(|port| {
        phone.flow = Flow { remote: std::net::SocketAddr::new(home.remote.ip(), *port), ..home };
        !guess(&mut phone, u32::from(*port), "8001", &wrong(&nonce)).is_empty()
    });
    assert_eq!(answered.count(), 7);
}

#[test]
fn a_call_goes_on_while_its_household_is_not_heard() {
    let mut phone = Phone::new(false);
    register(&mut phone, "MD5", "pass", 1, "");
    phone.events();
    let invite = Invite {
        caller: Party { number: "100".into(), display: None },
        sip_call_id: Some("talk".into()),
        ..invitation(Target::Seat("8001".into()))
    };
    let sent = phone.command(Command::Invite(invite)).remove(0);
    guess_until_shut(&mut phone);
    // Everything of the phone comes from another port from here on.
    phone.flow = beside(phone.flow);
    let line = |name: &str| sent.lines().find(|line| line.starts_with(name)).expect("it is there").to_string();
    let answer = format!(
        "SIP/2.0 200 OK\n{}\n{}\n{};tag=seat\n{}\n{}\nContact: <sip:8001@10.0.0.9:5070>\nContent-Type: application/sdp\nContent-Length: 3\n\nv=0",
        line("Via: "),
        line("From: "),
        line("To: "),
        line("Call-ID: "),
        line("CSeq: ")
    );
    phone.send(&answer);
    let events = phone.events();
    assert!(events.iter().any(|event| matches!(event, Event::Answered { .. })), "its answer is heard: {events:?}");
    let ours = line("From: ").replacen("From: ", "", 1);
    let bye = request("BYE", "sip:hotline@10.0.0.1", "bye", 2, &format!("From: <sip:8001@r>;tag=seat\nTo: {ours}\n"));
    let bye = bye.replace("Call-ID: c1", "Call-ID: talk");
    assert_eq!(starts(&phone.send(&bye)), ["SIP/2.0 200 OK"]);
    assert!(phone.events().iter().any(|event| matches!(event, Event::Ended { why: Ended::Bye, .. })));
}

#[test]
fn a_call_by_datagram_may_be_anybodys_unless_its_nonce_was_sent_there() {
    let forgeable = |phone: &mut Phone| {
        let told = phone.events().into_iter().find_map(|event| match event {
            Event::Incoming(incoming) => Some(incoming.forgeable),
            _ => None,
        });
        told.expect("a call")
    };
    let mut phone = Phone::new(true);
    phone.send(&request("INVITE", "sip:1@10.0.0.1", "u", 1, ""));
    assert!(forgeable(&mut phone), "a trunk's over UDP");
    phone.over_tcp(1);
    phone.send(&request("INVITE", "sip:1@10.0.0.1", "t", 1, "").replace("Call-ID: c1", "Call-ID: c2"));
    assert!(!forgeable(&mut phone));
    // A phone that has to prove itself.
    let mut phone = Phone::new(false);
    register(&mut phone, "MD5", "pass", 1, "");
    phone.flow = beside(phone.flow);
    let invite = |lines: &str, n: u32| {
        let own = format!("From: <sip:8001@r>;tag=f\nTo: <sip:1@r>\n{lines}");
        request("INVITE", "sip:1@10.0.0.1", &format!("i{n}"), n, &own).replace("Call-ID: c1", "Call-ID: c3")
    };
    let challenged = response(&phone.send(&invite("", 1))[0]);
    let challenge = challenged.headers.challenges("WWW-Authenticate").remove(0);
    let method = message::Method::INVITE;
    let proved = digest::Proved { method: &method, uri: "sip:1@10.0.0.1", body: &[] };
    let signed = digest::answer(&challenge, proved, "8001", "pass", 1, "cn").expect("an answer");
    phone.events();
    phone.send(&invite(&format!("Authorization: {signed}\n"), 2));
    assert!(!forgeable(&mut phone));
}

#[test]
fn trunks_are_no_strangers() {
    let mut phone = Phone::of(Settings { max_calls: 10_000, ..settings(true) });
    for n in 0..3000 {
        let answers =
            phone.send(&request("DANCE", "sip:1@10.0.0.1", &format!("d{n}"), 1, "User-Agent: friendly-scanner\n"));
        assert_eq!(starts(&answers), ["SIP/2.0 501 Not Implemented"], "{n}");
    }
}

fn options(phone: &mut Phone, n: u32, name: &str) -> Vec<String> {
    phone.send(&request("OPTIONS", "sip:100@10.0.0.1", &format!("s{n}"), 1, &format!("User-Agent: {name}\n")))
}

#[test]
fn a_scanner_is_not_even_told_that_there_is_a_telephone() {
    let mut phone = Phone::new(false);
    phone.flow = beside(phone.flow);
    assert_eq!(options(&mut phone, 1, "a proper phone").len(), 1);
    assert!(options(&mut phone, 2, "friendly-scanner").is_empty());
    assert_eq!(options(&mut phone, 3, "a proper phone").len(), 1, "anybody may have sent that datagram");
    let home = phone.flow;
    phone.over_tcp(1);
    assert!(options(&mut phone, 4, "friendly-scanner").is_empty());
    assert!(options(&mut phone, 5, "a proper phone").is_empty(), "who came over a connection is there");
    phone.flow = home;
    assert!(options(&mut phone, 6, "a proper phone").is_empty());
    assert_eq!((phone.house.counts().guard.scanned, phone.house.counts().guard.bans), (2, 1));
}

#[test]
fn whoever_asks_for_what_is_not_to_be_had_again_and_again_is_heard_no_longer() {
    for (method, version, shut) in [
        ("DANCE", "SIP/2.0", true),
        ("OPTIONS", "SIP/9.0", true),
        ("BYE", "SIP/2.0", true),
        ("OPTIONS", "SIP/2.0", false),
    ] {
        let mut phone = Phone::new(false);
        phone.over_tcp(1);
        let asks = |n: u32| {
            let text = request(method, "sip:1@10.0.0.1", &format!("a{n}"), 1, "");
            text.replacen("SIP/2.0", version, 1)
        };
        let answered = (0..500).filter(|n| !phone.send(&asks(*n)).is_empty()).count();
        assert_eq!(answered < 500, shut, "{method} {version}: {answered}");
        assert_eq!(phone.house.counts().guard.bans, u64::from(shut), "{method} {version}");
    }
}

#[test]
fn a_scanner_who_shows_a_nonce_of_his_own_is_there_by_datagram_too() {
    let mut phone = Phone::new(false);
    phone.flow = beside(phone.flow);
    let challenged = response(&guess(&mut phone, 1, "8001", "")[0]);
    let nonce = challenged.headers.challenges("WWW-Authenticate")[0].nonce.clone();
    let scanner = format!("User-Agent: sipvicious\n{}", wrong(&nonce));
    let home = phone.flow;
    phone.flow.remote = "10.0.0.8:5070".parse().unwrap();
    assert!(guess(&mut phone, 2, "8001", &scanner).is_empty());
    assert_eq!(options(&mut phone, 3, "a proper phone").len(), 1, "the nonce was another household's");
    phone.flow = home;
    assert!(guess(&mut phone, 4, "8001", &scanner).is_empty());
    assert!(options(&mut phone, 5, "a proper phone").is_empty());
}

#[test]
fn nothing_that_is_sent_in_the_name_of_a_household_shuts_it_out() {
    let mut phone = Phone::new(false);
    let home = phone.flow;
    // Whoever forges has a nonce of his own.
    phone.flow.remote = "10.0.0.8:5070".parse().unwrap();
    let challenged = response(&guess(&mut phone, 1, "8001", "")[0]);
    let nonce = challenged.headers.challenges("WWW-Authenticate")[0].nonce.clone();
    phone.flow = beside(home);
    let mut answered = 0;
    for n in 0..400 {
        for lines in [wrong("n"), wrong(&nonce), "User-Agent: sipvicious\n".into(), String::new()] {
            answered += guess(&mut phone, n, "8001", &lines).len();
        }
        answered += phone.send(&request("INVITE", "sip:1@10.0.0.1", &format!("i{n}"), 1, "")).len();
        answered += phone.send("garbage").len();
        phone.now = phone.now + Duration::from_millis(20);
    }
    assert!((200..=250).contains(&answered), "{answered} answers went to whoever did not ask: 200, and five a second");
    phone.wait(Duration::from_secs(70));
    phone.flow = home;
    assert_eq!(starts(&register(&mut phone, "MD5", "pass", 1, "")), ["SIP/2.0 200 OK"], "the phone that is there");
    phone.over_tcp(1);
    assert_eq!(starts(&register(&mut phone, "MD5", "pass", 3, "")), ["SIP/2.0 200 OK"], "or over a connection");
    let counts = phone.house.counts().guard;
    assert_eq!((counts.bans, counts.guessed, counts.scanned), (0, 0, 400));
}

#[test]
fn seats_that_exist_and_seats_that_do_not_look_the_same() {
    let mut phone = Phone::new(false);
    let challenge = response(&guess(&mut phone, 1, "8001", "")[0]).headers.challenges("WWW-Authenticate").remove(1);
    let mut shapes = std::collections::BTreeSet::new();
    for (n, user) in [(2, "8001"), (3, "8002"), (4, "8999"), (5, "root")] {
        let mut shape = Vec::new();
        for (m, wrong) in ["", "wrong", "pass2"].into_iter().enumerate() {
            let method = message::Method::REGISTER;
            let signed = digest::signed(&challenge, &method, "sip:r", (user, wrong), n);
            let lines = if wrong.is_empty() { String::new() } else { format!("Authorization: {signed}\n") };
            let answer = guess(&mut phone, n * 10 + m as u32, user, &lines).remove(0);
            // What is told of everybody's own: their name, their numbers, what is new each time.
            let nonce = response(&answer).headers.challenges("WWW-Authenticate")[0].nonce.clone();
            let plain = answer.replace(user, "user").replace(&nonce, "nonce");
            let plain = plain
                .replace(&format!("g{}", n * 10 + m as u32), "g")
                .replace(&format!("guess{}", n * 10 + m as u32), "c");
            shape.push(plain);
        }
        shapes.insert(shape);
    }
    assert_eq!(shapes.len(), 1, "{shapes:#?}");
}

#[test]
fn no_refusal_over_udp_is_more_than_twice_as_long_as_what_it_refuses() {
    let head = |method: &str, uri: &str, version: &str, cseq: &str, more: &str| {
        format!(
            "{method} {uri} {version}\nv:SIP/2.0/UDP h;branch=z9hG4bK1\nf:<sip:8001@b>;tag=1\nt:<sip:8001@b>\ni:1\nCSeq:1 {cseq}\n{more}\n"
        )
    };
    let usual = |method: &str, more: &str| head(method, "sip:1@h", "SIP/2.0", method, more);
    let wrong = "Authorization:Digest username=\"8001\",realm=\"r\",nonce=\"n\",uri=\"sip:r\",response=\"0\"\n";
    // Whether a phone that can prove itself is at that address, and what is asked.
    let table = [
        (200, usual("OPTIONS", "")),
        (400, head("INVITE", "sip:1@h", "SIP/2.0", "BYE", "")),
        (400, usual("OPTIONS", "x\n")),
        (400, usual("OPTIONS", "l:9\n")),
        (401, usual("REGISTER", "")),
        (401, usual("REGISTER", "Contact:<sip:8001@10.0.0.9:5070;transport=udp>\nUser-Agent:a phone\n")),
        (401, usual("REGISTER", wrong)),
        (403, usual("INVITE", "")),
        (403, usual("REFER", "")),
        (405, usual("MESSAGE", "")),
        (406, usual("INVITE", "Accept:a/b\n")),
        (415, usual("OPTIONS", "e:gzip\nl:1\n") + "x"),
        (416, head("OPTIONS", "tel:1", "SIP/2.0", "OPTIONS", "")),
        (420, usual("OPTIONS", "Require:a,b,c,d,e,f,g,h\n")),
        (481, usual("BYE", "")),
        (481, usual("CANCEL", "")),
        (483, usual("INVITE", "Max-Forwards:0\n")),
        (501, usual("DANCE", "")),
        (505, head("OPTIONS", "sip:1@h", "SIP/9.0", "OPTIONS", "")),
    ];
    let mut seen = std::collections::BTreeSet::new();
    for (status, text) in table {
        let mut phone = Phone::new(false);
        let size = text.replace('\n', "\r\n").len();
        // Longer by so much it is answered for certain: with what it is to be.
        for padding in [0, 20, 60, 150, 400] {
            let (line, rest) = text.split_once("i:1\n").expect("a Call-ID");
            let padded = format!("{line}i:1{}\n{rest}", "x".repeat(padding));
            let answers = phone.send(&padded);
            let out: usize = answers.iter().map(String::len).sum();
            assert!(out <= 2 * (size + padding), "{out} bytes for {}:\n{padded}\n{answers:?}", size + padding);
            if let [answer] = &answers[..] {
                assert!(answer.starts_with(&format!("SIP/2.0 {status} ")), "{answer}\nfor\n{padded}");
                seen.insert(status);
            }
        }
        assert!(seen.contains(&status), "{status} is told to whoever asks at length");
        assert!(phone.wait(Duration::from_secs(60)).is_empty(), "and not again by itself");
    }
}

#[test]
fn a_house_that_is_behind_refuses_new_calls_and_nothing_else() {
    let mut phone = Phone::new(true);
    phone.send(&request("INVITE", "sip:1@10.0.0.1", "a", 1, ""));
    let leg = leg(&phone.events());
    let accepted = phone.command(Command::Accept { leg, body: Body::sdp(b"v=0".to_vec()) });
    let to = response(&accepted[0]).headers.get("To").expect("To").to_string();
    let within =
        |method: &str, cseq| request(method, "sip:hotline@10.0.0.1", &format!("w{cseq}"), cseq, &format!("To: {to}\n"));
    let answer = "Content-Type: application/sdp\nContent-Length: 3\n\nv=0";
    phone.send(&within("ACK", 1).replace("Content-Length: 0\n\n", answer));
    let held = phone.house.counts().transactions;
    for _ in 0..10 {
        phone.house.saw_backlog(phone.now, true);
        phone.now = phone.now + Duration::from_millis(100);
    }
    let mut after = std::collections::BTreeSet::new();
    for n in 0..40 {
        let invite = request("INVITE", "sip:1@10.0.0.1", &format!("n{n}"), 1, "")
            .replace("Call-ID: c1", &format!("Call-ID: n{n}"));
        let answers = phone.send(&invite);
        assert_eq!(starts(&answers), ["SIP/2.0 503 Service Unavailable"]);
        after.insert(response(&answers[0]).headers.get("Retry-After").map(str::to_string).expect("when to come again"));
    }
    assert!(after.len() > 4, "not all come back at once: {after:?}");
    assert_eq!(phone.house.counts().transactions, held, "nothing is kept of them");
    assert_eq!(phone.house.counts().guard.shed, 40);
    assert_eq!(
        starts(&phone.send(&request("OPTIONS", "sip:10.0.0.1", "o", 1, "Call-ID: o\n").replacen(
            "Call-ID: c1\n",
            "",
            1
        ))),
        ["SIP/2.0 200 OK"]
    );
    assert_eq!(starts(&phone.send(&within("INFO", 2))), ["SIP/2.0 200 OK"]);
    assert_eq!(starts(&phone.send(&within("INVITE", 3))), ["SIP/2.0 100 Trying"]);
    assert!(starts(&phone.send(&within("BYE", 4))).contains(&"SIP/2.0 200 OK"));
    phone.events();
    phone.house.saw_backlog(phone.now, false);
    let answers = phone.send(&request("INVITE", "sip:1@10.0.0.1", "b", 1, "").replace("Call-ID: c1", "Call-ID: b"));
    assert_eq!(starts(&answers), ["SIP/2.0 100 Trying"], "it has caught up");
}
