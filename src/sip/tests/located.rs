//! Carriers that are found by name, that are known by their certificates, and that we leave.

use std::time::Duration;

use super::phone::*;
use crate::ids::LegId;
use crate::sip::*;

const SECOND: Duration = Duration::from_secs(1);

fn by_name() -> NextHop {
    NextHop { host: Host::Name("carrier.example".into()), port: None, transport: None, secure: false }
}

fn named() -> Trunk {
    Trunk {
        to: vec![by_name()],
        from_to: true,
        domain: Some("carrier.example".into()),
        ..Trunk::new("named", Vec::new(), None)
    }
}

fn house(trunks: Vec<Trunk>) -> Phone {
    let mut settings = settings(false);
    settings.listen.push(Listen { transport: Transport::Tls, addr: "10.0.0.1:5061".parse().unwrap() });
    settings.trunks = trunks;
    Phone::of(settings)
}

fn place(addr: &str, transport: Transport, rank: u32, weight: u16) -> Place {
    Place { hop: Hop { addr: addr.parse().unwrap(), transport }, rank, weight }
}

fn locate(phone: &mut Phone, places: &[Place], fault: Option<&str>, is_certain: bool) {
    let located = Located {
        trunk: "named".into(),
        to: vec![by_name()],
        places: places.to_vec(),
        fault: fault.map(Into::into),
        is_certain,
    };
    phone.house.located(phone.now, located);
}

fn dial(phone: &mut Phone, leg: u64) -> Vec<Transmit> {
    let to = Target::Trunk { trunk: None, number: "110".into() };
    let (caller, body) = (caller(), Some(Body::sdp(b"v=0".to_vec())));
    let (sip_call_id, auto_answer, call, urgent) = (None, false, None, false);
    let invite = Invite { leg: LegId(leg), caller, sip_call_id, auto_answer, call, urgent, body, ..invitation(to) };
    phone.house.command(phone.now, Command::Invite(invite));
    std::iter::from_fn(|| phone.house.poll_transmit()).collect()
}

fn text(transmit: &Transmit) -> String {
    String::from_utf8(transmit.bytes.clone()).unwrap()
}

#[test]
fn a_trunk_is_down_until_its_name_leads_somewhere_and_the_next_is_taken() {
    let spare = Trunk { priority: 2, ..Trunk::new("spare", Vec::new(), Some(hop("10.0.0.8:5060"))) };
    let mut phone = house(vec![named(), spare]);
    let stands = |phone: &Phone| {
        let view = phone.house.trunks(phone.now).remove(0);
        (view.is_up(), view.fault)
    };
    assert_eq!(stands(&phone), (Some(false), Some("carrier.example is being looked up".into())));
    assert_eq!(dial(&mut phone, 2)[0].flow.remote.to_string(), "10.0.0.8:5060");
    locate(&mut phone, &[], Some("there is no such name"), true);
    assert_eq!(stands(&phone), (Some(false), Some("there is no such name".into())));
    assert_eq!(dial(&mut phone, 4)[0].flow.remote.to_string(), "10.0.0.8:5060");
    locate(&mut phone, &[place("10.0.0.9:5070", Transport::Udp, 1, 0)], None, true);
    assert_eq!(stands(&phone), (None, None));
    let sent = dial(&mut phone, 6);
    assert_eq!(sent[0].flow.remote.to_string(), "10.0.0.9:5070");
    assert!(text(&sent[0]).starts_with("INVITE sip:110@carrier.example SIP/2.0\r\n"), "{}", text(&sent[0]));
    // Another trunk of that name by now is not told what was found for the one before.
    let mut located = settings(false);
    located.trunks = vec![Trunk { to: vec![hop("10.0.0.7:5060").into()], ..named() }];
    phone.house.set_settings(phone.now, located);
    locate(&mut phone, &[place("10.0.0.9:5070", Transport::Udp, 1, 0)], None, true);
    assert_eq!(dial(&mut phone, 8)[0].flow.remote.to_string(), "10.0.0.7:5060");
}

#[test]
fn where_no_name_server_answers_what_was_found_is_used_for_an_hour() {
    let mut phone = house(vec![named()]);
    let found = [place("10.0.0.9:5070", Transport::Udp, 1, 0)];
    locate(&mut phone, &found, None, true);
    phone.wait(3599 * SECOND);
    locate(&mut phone, &[], Some("no name server answers"), false);
    assert_eq!(dial(&mut phone, 2).len(), 1);
    assert_eq!(
        phone.house.trunks(phone.now)[0].fault.as_deref(),
        Some("no name server answers; what was found last is used")
    );
    phone.wait(2 * SECOND);
    locate(&mut phone, &[], Some("no name server answers"), false);
    assert_eq!(dial(&mut phone, 4).len(), 0);
    assert_eq!(phone.house.trunks(phone.now)[0].fault.as_deref(), Some("no name server answers"));
    // Who says for certain that there is none is believed at once.
    locate(&mut phone, &found, None, true);
    locate(&mut phone, &[], Some("there is no such name"), true);
    assert_eq!(dial(&mut phone, 6).len(), 0);
}

#[test]
fn servers_take_calls_by_their_priority_and_weight() {
    let mut phone = house(vec![named()]);
    let places = [
        place("10.0.0.5:5060", Transport::Udp, 20, 0),
        place("10.0.0.6:5060", Transport::Udp, 10, 1),
        place("10.0.0.7:5060", Transport::Udp, 10, 3),
        place("10.0.0.8:5060", Transport::Udp, 10, 0),
    ];
    locate(&mut phone, &places, None, true);
    let mut counts = [0; 4];
    for leg in 1..=400 {
        let remote = dial(&mut phone, leg * 2)[0].flow.remote;
        counts[places.iter().position(|place| place.hop.addr == remote).unwrap()] += 1;
    }
    assert_eq!((counts[0], counts[3]), (0, 0), "{counts:?}");
    assert!((70..=130).contains(&counts[1]), "{counts:?}");
}

#[test]
fn a_carrier_calls_from_where_its_name_leads() {
    let mut phone = house(vec![named()]);
    let call = |phone: &mut Phone, branch: &str| {
        let text = request("INVITE", "sip:1@10.0.0.1", branch, 1, "");
        let sent = phone.send(&described(&text.replace("Call-ID: c1", &format!("Call-ID: {branch}"))));
        starts(&sent)[0].to_string()
    };
    assert_ne!(call(&mut phone, "a"), "SIP/2.0 100 Trying");
    locate(&mut phone, &[place("10.0.0.9:5060", Transport::Udp, 1, 0)], None, true);
    assert_eq!(call(&mut phone, "b"), "SIP/2.0 100 Trying");
}

#[test]
fn who_has_shown_the_certificate_of_a_carrier_is_that_carrier_wherever_it_is() {
    let certified = Trunk { certified: vec!["carrier.example".into()], ..Trunk::new("certified", Vec::new(), None) };
    let by_address = Trunk::new("by-address", vec!["10.0.0.9/32".parse().unwrap()], None);
    let mut phone = house(vec![by_address, certified]);
    let mut from = |connection: u64, domains: &[&str]| {
        phone.over_tcp(connection);
        let shown = domains.iter().map(ToString::to_string).collect();
        phone.house.connection_certified(ConnectionId(connection), shown);
        let text = request("INVITE", "sip:1@10.0.0.1", &format!("c{connection}"), 1, "");
        phone.send(&described(&text.replace("Call-ID: c1", &format!("Call-ID: c{connection}"))));
        match phone.events().first() {
            Some(Event::Incoming(Incoming { source: Source::Trunk(trunk), .. })) => Some(trunk.to_string()),
            _ => None,
        }
    };
    assert_eq!(from(1, &["other.example", "carrier.example"]).as_deref(), Some("certified"));
    assert_eq!(from(2, &["other.example"]).as_deref(), Some("by-address"), "one that is for nobody we know");
    phone.flow.remote = "10.0.0.66:5060".parse().unwrap();
    phone.house.connection_closed(phone.now, ConnectionId(1));
    let text = request("INVITE", "sip:1@10.0.0.1", "z", 1, "").replace("Call-ID: c1", "Call-ID: z");
    phone.flow.connection = Some(ConnectionId(1));
    assert_eq!(starts(&phone.send(&described(&text))), ["SIP/2.0 403 Forbidden"], "what was shown goes with it");
}

#[test]
fn a_talk_over_tls_goes_on_over_another_connection_to_whom_the_carrier_is() {
    let mut phone = house(vec![named()]);
    locate(&mut phone, &[place("10.0.0.9:5061", Transport::Tls, 1, 0)], None, true);
    let invite = dial(&mut phone, 2).remove(0);
    assert_eq!((invite.flow.transport, invite.flow.connection), (Transport::Tls, None));
    let asked = text(&invite);
    assert!(asked.contains("\r\nVia: SIP/2.0/TLS 10.0.0.1:5061;"), "{asked}");
    assert_eq!(header(&asked, "Contact"), "<sip:hotline@10.0.0.1:5061;transport=tls>");
    // Its port is not the one that it is reached at.
    let answer = answered_with(&asked, "200 OK", "Contact: <sip:x@10.0.0.9:40000;transport=tls>\n");
    phone.flow = Flow { connection: Some(ConnectionId(7)), ..invite.flow };
    assert!(phone.send(&described(&answer))[0].starts_with("ACK "));
    phone.house.connection_closed(phone.now, ConnectionId(7));
    phone.house.command(phone.now, Command::Hangup { leg: LegId(2), reason: None });
    let bye = std::iter::from_fn(|| phone.house.poll_transmit()).last().unwrap();
    assert!(text(&bye).starts_with("BYE "));
    assert_eq!((bye.flow.remote.to_string(), bye.flow.connection), ("10.0.0.9:5061".into(), None));
}

#[test]
fn what_goes_to_a_carrier_goes_over_the_connection_that_it_opened_if_it_is_whom_we_mean() {
    let peer = crate::tls::Peer { names: vec!["carrier.example".into()], authorities: None, own: None };
    for (shown, alias, expected) in [
        ("carrier.example", ";alias", Some(ConnectionId(7))),
        ("carrier.example", "", None),
        ("other.example", ";alias", None),
    ] {
        let mut phone = house(vec![Trunk { peer: Some(peer.clone()), ..named() }]);
        locate(&mut phone, &[place("10.0.0.9:5061", Transport::Tls, 1, 0)], None, true);
        phone.house.connection_certified(ConnectionId(7), vec![shown.into()]);
        let (remote, connection) = ("10.0.0.9:40000".parse().unwrap(), Some(ConnectionId(7)));
        phone.flow = Flow { listener: ListenerId(2), transport: Transport::Tls, remote, connection };
        let options = request("OPTIONS", "sip:10.0.0.1", "a", 1, "");
        phone.send(
            &options.replace("UDP 10.0.0.9:5070", "TLS 10.0.0.9:5061").replace(";branch", &format!("{alias};branch")),
        );
        let sent = dial(&mut phone, 2).remove(0);
        assert_eq!(sent.flow.connection, expected, "{shown} {alias}");
        assert!(!text(&sent).contains(";alias"), "it is shown no certificate of ours");
        phone.house.connection_closed(phone.now, ConnectionId(7));
        assert_eq!(dial(&mut phone, 4)[0].flow.connection, None);
    }
    let own = crate::tls::Files { certificate: "ours.pem".into(), key: "ours.key".into() };
    let mut phone = house(vec![Trunk { peer: Some(crate::tls::Peer { own: Some(own), ..peer }), ..named() }]);
    locate(&mut phone, &[place("10.0.0.9:5061", Transport::Tls, 1, 0)], None, true);
    assert!(text(&dial(&mut phone, 2)[0]).contains(";rport;alias\r\n"), "RFC 5923 §5");
}

/// A carrier that we are registered at, over a connection of that number.
fn registered(connection: u64) -> (Phone, Settings) {
    let account = TrunkAccount {
        username: "house".into(),
        password: Password("pw".into()),
        realm: None,
        register: Some(Duration::from_secs(600)),
    };
    let to = Hop { transport: Transport::Tcp, ..hop("10.0.0.9:5070") };
    let trunk = Trunk { account: Some(account), ..Trunk::new("carrier", vec![], Some(to)) };
    let mut settings = settings(false);
    settings.trunks = vec![trunk];
    let mut phone = Phone::of(settings.clone());
    let asked = phone.wait(Duration::ZERO).remove(0);
    let (transport, connection) = (Transport::Tcp, Some(ConnectionId(connection)));
    phone.flow = Flow { listener: ListenerId(1), transport, remote: to.addr, connection };
    phone.send(&answered_with(&asked, "200 OK", &format!("Contact: {};expires=600\n", header(&asked, "Contact"))));
    (phone, settings)
}

#[test]
fn a_carrier_is_told_again_where_we_are_when_its_connection_is_lost() {
    let (mut phone, _) = registered(7);
    phone.house.connection_closed(phone.now, ConnectionId(8));
    assert!(phone.wait(10 * SECOND).is_empty(), "another one");
    phone.house.connection_closed(phone.now, ConnectionId(7));
    let again = phone.wait(2 * SECOND);
    assert_eq!(again.len(), 1, "{again:?}");
    assert!(again[0].starts_with("REGISTER ") && header(&again[0], "Expires") == "600", "{again:?}");
}

#[test]
fn a_carrier_whose_trunk_is_gone_is_told_and_its_calls_go_on() {
    let (mut phone, settings) = registered(7);
    assert_eq!(dial(&mut phone, 2).len(), 1);
    let without = Settings { trunks: Vec::new(), ..settings.clone() };
    phone.house.set_settings(phone.now, without.clone());
    let goodbye = phone.sent();
    assert_eq!((starts(&goodbye).len(), header(&goodbye[0], "Expires")), (1, "0"), "{goodbye:?}");
    // One that asks for the password once more is told, and no more than once.
    let challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\n";
    let proved = phone.send(&answered_with(&goodbye[0], "401 Unauthorized", challenge));
    assert_eq!((header(&proved[0], "Expires"), header(&proved[0], "CSeq")), ("0", "3 REGISTER"));
    assert!(header(&proved[0], "Authorization").contains("username=\"house\""));
    assert!(phone.send(&answered(&proved[0], "503 Service Unavailable")).is_empty());
    phone.events();
    phone.command(Command::Hangup { leg: LegId(2), reason: None });
    assert!(phone.house.counts().legs > 0, "it was not cut off");

    let (mut phone, settings) = registered(7);
    let change = |change: fn(&mut TrunkAccount)| {
        let mut changed = settings.clone();
        changed.trunks[0].account.iter_mut().for_each(change);
        changed
    };
    // Another password for the same is registered anew in its place: a goodbye might arrive after it.
    phone.house.set_settings(phone.now, change(|account| account.password = Password("other".into())));
    let anew = phone.wait(Duration::ZERO);
    assert_eq!((anew.len(), header(&anew[0], "Expires")), (1, "600"), "{anew:?}");
    phone.send(&answered(&anew[0], "200 OK"));
    phone.house.set_settings(phone.now, change(|account| account.register = None));
    let goodbye = phone.sent();
    assert_eq!((goodbye.len(), header(&goodbye[0], "Expires")), (1, "0"), "{goodbye:?}");
    assert!(phone.wait(3600 * SECOND).iter().all(|sent| header(sent, "Expires") == "0"));
}
