//! Lamps: what seats subscribe to, RFC 6665, RFC 4235, RFC 3856 and RFC 3842.

use std::time::Duration;

use super::phone::*;
use crate::ids::LegId;
use crate::sip::*;

/// Seat 8003 asks to be told of another; the answers.
fn subscribes(phone: &mut Phone, seat: &str, call_id: &str, lines: &str) -> Vec<String> {
    subscribes_as(phone, "8003", seat, call_id, lines)
}

fn subscribes_as(phone: &mut Phone, watcher: &str, seat: &str, call_id: &str, lines: &str) -> Vec<String> {
    let lines = format!("From: <sip:{watcher}@10.0.0.9>;tag=w\n{lines}");
    let text = request("SUBSCRIBE", &format!("sip:{seat}@10.0.0.1"), call_id, 1, &lines);
    phone.send(&text.replace("Call-ID: c1", &format!("Call-ID: {call_id}")))
}

fn ok(phone: &mut Phone, notify: &str) -> Vec<String> {
    phone.send(&answered(notify, "200 OK"))
}

fn states(notify: &str) -> Vec<&str> {
    notify.split("<state>").skip(1).filter_map(|rest| rest.split('<').next()).collect()
}

#[test]
fn whoever_subscribes_is_told_at_once_how_things_stand() {
    let mut phone = Phone::new(false);
    let sent = subscribes(&mut phone, "8002", "l1", "Event: dialog\nExpires: 600\n");
    assert_eq!((starts(&sent)[0], header(&sent[0], "Expires")), ("SIP/2.0 200 OK", "600"));
    assert_eq!(header(&sent[1], "Subscription-State"), "active;expires=600");
    assert_eq!(header(&sent[1], "Content-Type"), "application/dialog-info+xml");
    assert!(states(&sent[1]).is_empty() && sent[1].contains("version=\"0\" state=\"full\""), "{}", sent[1]);
    assert!(sent[1].contains(" entity=\"sip:8002@10.0.0.1\">"), "as they asked for it: {}", sent[1]);
    ok(&mut phone, &sent[1]);
    ring_desk(&mut phone);
    assert_eq!(phone.house.counts().watches, 1);
}

#[test]
fn whoever_does_not_take_what_is_told_of_it_is_not_told_of_it() {
    for (event, accept, status) in [
        ("dialog", "application/dialog-info+xml", "200"),
        ("dialog", "text/plain, application/*;q=0.1", "200"),
        ("presence", "application/xpidf+xml, Application/PIDF+XML", "200"),
        ("message-summary", "application/simple-message-summary", "200"),
        ("message-summary", "*/*", "200"),
        ("dialog", "application/pidf+xml", "406"),
        ("presence", "text/html", "406"),
        ("dialog", "", "406"),
    ] {
        let mut phone = Phone::new(false);
        let lines = format!("Event: {event}\nAccept: {accept}\n");
        let sent = subscribes(&mut phone, "8003", "l1", &lines);
        assert!(sent[0].starts_with(&format!("SIP/2.0 {status} ")), "{event} {accept}: {sent:?}");
        if status == "406" {
            assert!(header(&sent[0], "Accept").starts_with("application/"));
            assert_eq!(phone.house.counts().watches, 0);
        }
    }
}

#[test]
fn every_change_is_told_one_message_at_a_time() {
    let mut phone = Phone::new(false);
    let sent = subscribes(&mut phone, "8002", "l1", "Event: dialog;id=3\n");
    assert_eq!(header(&sent[1], "Event"), "dialog;id=3");
    let invite = Invite { body: None, ..invitation(Target::Seat("8002".into())) };
    let rung = phone.command(Command::Invite(invite));
    assert_eq!(rung.len(), 1, "the first is not answered yet: {rung:?}");
    let early = ok(&mut phone, &sent[1]);
    assert_eq!(states(&early[0]), ["early"]);
    assert!(early[0].contains("direction=\"recipient\"") && !early[0].contains("138"), "{}", early[0]);
    assert!(ok(&mut phone, &early[0]).is_empty());
    let lines = "Contact: <sip:8002@10.0.0.9:5070>\n";
    let talks = phone.send(&described(&answered_with(&rung[0], "200 OK", lines)));
    assert_eq!((starts(&talks)[0].split(' ').next(), states(&talks[1])), (Some("ACK"), vec!["confirmed"]));
    ok(&mut phone, &talks[1]);
    let over = phone.command(Command::Hangup { leg: LegId(2), reason: None });
    assert!(over[0].starts_with("BYE ") && states(&over[1]).is_empty(), "{over:?}");
    assert!(over[1].contains("version=\"3\""));
}

#[test]
fn the_lamp_for_messages_is_lit_while_somebody_waits_to_be_called_back() {
    let mut phone = Phone::new(false);
    let sent = subscribes(&mut phone, "8003", "m1", "Event: message-summary\nExpires: 600\n");
    assert_eq!(header(&sent[1], "Content-Type"), "application/simple-message-summary");
    assert!(sent[1].contains("\r\n\r\nMessages-Waiting: no\r\n"), "{}", sent[1]);
    ok(&mut phone, &sent[1]);
    let mut tells = |is_awaited| {
        phone.house.set_waiting(phone.now, is_awaited);
        let sent = phone.sent();
        sent.iter().for_each(|notify| assert!(ok(&mut phone, notify).is_empty()));
        sent.iter().map(|notify| header(notify, "Messages-Waiting").to_string()).collect::<Vec<_>>()
    };
    assert_eq!(tells(false), [""; 0]);
    assert_eq!(tells(true), ["yes"]);
    assert_eq!(tells(true), [""; 0], "more of them are no news");
    assert_eq!(tells(false), ["no"]);
}

#[test]
fn subscriptions_end_by_themselves_when_asked_and_when_nobody_listens() {
    let mut phone = Phone::new(false);
    let sent = subscribes(&mut phone, "8002", "l1", "Event: presence\nExpires: 120\n");
    assert!(sent[1].contains("<basic>open</basic>"), "{}", sent[1]);
    ok(&mut phone, &sent[1]);
    let last = phone.wait(Duration::from_secs(121));
    assert_eq!(header(&last[0], "Subscription-State"), "terminated;reason=timeout");
    assert_eq!(phone.house.counts().watches, 0);
    let sent = subscribes(&mut phone, "8002", "l2", "Event: dialog\n");
    ok(&mut phone, &sent[1]);
    let to = response(&sent[0]).headers.get("To").unwrap().to_string();
    let again = |cseq: u32, expires: u32| {
        let lines = format!("From: <sip:8003@10.0.0.9>;tag=w\nTo: {to}\nEvent: dialog\nExpires: {expires}\n");
        request("SUBSCRIBE", "sip:hotline@10.0.0.1", &format!("g{cseq}"), cseq, &lines)
            .replace("Call-ID: c1", "Call-ID: l2")
    };
    let longer = phone.send(&again(2, 900));
    assert_eq!(header(&longer[1], "Subscription-State"), "active;expires=900", "each is followed by a NOTIFY");
    ok(&mut phone, &longer[1]);
    let other = phone.send(&again(3, 120).replace("Event: dialog\n", "Event: dialog\nAccept: application/pidf+xml\n"));
    assert_eq!(
        (starts(&other), header(&other[0], "Accept")),
        (vec!["SIP/2.0 406 Not Acceptable"], "application/dialog-info+xml")
    );
    phone.wait(Duration::from_secs(130));
    assert_eq!(phone.house.counts().watches, 1, "it goes on as it was");
    let over = phone.send(&again(4, 0));
    assert_eq!(
        (starts(&over)[0], header(&over[1], "Subscription-State")),
        ("SIP/2.0 200 OK", "terminated;reason=timeout")
    );
    assert!(phone.send(&again(5, 900))[0].starts_with("SIP/2.0 481"));
    let sent = subscribes(&mut phone, "8002", "l3", "Event: dialog\n");
    phone.send(&answered(&sent[1], "481 Call/Transaction Does Not Exist"));
    assert_eq!(phone.house.counts().watches, 0);
    let sent = subscribes(&mut phone, "8002", "l4", "Event: dialog\n");
    assert_eq!(sent.len(), 2);
    phone.wait(Duration::from_secs(40));
    assert_eq!(phone.house.counts().watches, 0, "nobody answered");
}

#[test]
fn only_seats_watch_seats_and_only_so_many() {
    let mut phone = Phone::new(true);
    let lines = "From: <sip:citizen@10.0.0.9>;tag=w\nEvent: dialog\n";
    let refused = phone.send(&request("SUBSCRIBE", "sip:8002@10.0.0.1", "a", 1, lines));
    assert!(["SIP/2.0 401 Unauthorized", "SIP/2.0 403 Forbidden"].contains(&starts(&refused)[0]), "{refused:?}");
    let mut phone = Phone::new(false);
    for (seat, lines, status) in [
        ("8002", "Event: weather\n", 489),
        ("8002", "", 489),
        ("8099", "Event: dialog\n", 404),
        ("8002", "Event: message-summary\n", 403),
        ("8003", "Event: message-summary\n", 200),
        ("8002", "Event: dialog\nExpires: 5\n", 423),
    ] {
        let sent = subscribes(&mut phone, seat, &format!("n{status}{}", lines.len()), lines);
        assert_eq!(response(&sent[0]).status, status, "{seat} {lines}");
    }
    let mut last = 200;
    for n in 0..250 {
        last = response(&subscribes(&mut phone, "8002", &format!("m{n}"), "Event: dialog\n")[0]).status;
    }
    assert_eq!((last, phone.house.counts().watches), (503, 200));
}

/// Seat 8003 watches 8002, which is rung: our INVITE, and the first lamp of it.
fn watches_a_ring(phone: &mut Phone) -> (String, String) {
    let sent = subscribes(phone, "8002", "l1", "Event: dialog\nExpires: 600\n");
    ok(phone, &sent[1]);
    let mut rung = phone.command(Command::Invite(invitation(Target::Seat("8002".into()))));
    (rung.remove(0), rung.remove(0))
}

fn may_pick_up(phone: &mut Phone, seat: &str, may: bool) -> Vec<String> {
    phone.command(Command::MayPickUp { seat: seat.into(), may })
}

#[test]
fn only_whoever_may_pick_up_is_told_how_the_call_is_asked_for() {
    let mut phone = Phone::new(false);
    let (invite, first) = watches_a_ring(&mut phone);
    let is_told = |notify: &str| {
        assert!(!notify.contains("138"), "who calls is not told: {notify}");
        notify.contains("call-id=") || notify.contains("-tag=") || notify.contains("<remote>")
    };
    assert!(!is_told(&first));
    assert!(ok(&mut phone, &first).is_empty());
    // It rings: there is a dialog, but nothing new for this lamp.
    assert!(phone.send(&answered(&invite, "180 Ringing")).is_empty());
    let told = may_pick_up(&mut phone, "8003", true).remove(0);
    assert_eq!(states(&told), ["early"]);
    let ours = header(&invite, "From").split(";tag=").nth(1).expect("our tag");
    let dialog = format!(
        "<dialog id=\"2\" call-id=\"{}\" local-tag=\"t\" remote-tag=\"{ours}\" direction=\"recipient\">",
        header(&invite, "Call-ID")
    );
    assert!(told.contains(&dialog), "RFC 4235 §4.1.2: {told}");
    assert!(told.contains("<remote><target uri=\"sip:hotline@10.0.0.1:5060\"/></remote>"), "{told}");
    assert!(ok(&mut phone, &told).is_empty());
    assert!(may_pick_up(&mut phone, "8001", true).is_empty(), "another's");
    let told = may_pick_up(&mut phone, "8003", false).remove(0);
    assert!(!is_told(&told));
    ok(&mut phone, &told);
    // A talk is nobody else's.
    may_pick_up(&mut phone, "8003", true).iter().for_each(|notify| _ = ok(&mut phone, notify));
    let talks = phone.send(&described(&answered_with(&invite, "200 OK", "Contact: <sip:8002@10.0.0.9:5070>\n")));
    assert!(states(&talks[1]) == ["confirmed"] && !is_told(&talks[1]), "{talks:?}");
}

#[test]
fn who_may_pick_up_already_is_told_as_soon_as_it_rings() {
    let mut phone = Phone::new(false);
    assert!(may_pick_up(&mut phone, "8003", true).is_empty());
    let (invite, first) = watches_a_ring(&mut phone);
    assert!(!first.contains("call-id="), "there is no dialog yet, RFC 3261 §12.1");
    assert!(phone.send(&answered(&invite, "180 Ringing")).is_empty(), "one message at a time");
    let told = ok(&mut phone, &first).remove(0);
    assert!(told.contains(" local-tag=\"t\" "), "{told}");
    ok(&mut phone, &told);
    assert!(phone.send(&answered(&invite, "180 Ringing")).is_empty(), "no news");
}

/// A room of phones, each with a lamp for every other.
#[test]
fn a_change_costs_as_much_as_there_are_lamps_of_that_seat() {
    const ROOM: usize = 25;
    let mut settings = settings(false);
    let names: Vec<String> = (0..ROOM).map(|n| format!("9{n:03}")).collect();
    for name in &names {
        let contact = Some(format!("sip:{name}@10.0.0.9:5070"));
        settings.seats.insert(name.as_str().into(), SeatAccount { contact, ..SeatAccount::default() });
    }
    let mut phone = Phone::of(settings);
    for (watcher, seat) in names.iter().flat_map(|watcher| names.iter().map(move |seat| (watcher, seat))) {
        let sent = subscribes_as(&mut phone, watcher, seat, &format!("l{watcher}{seat}"), "Event: dialog\n");
        ok(&mut phone, &sent[1]);
    }
    assert_eq!(phone.house.counts().watches, ROOM * ROOM);
    // How many lamps were looked at, and how many were told; each answers.
    let looks_at = |phone: &mut Phone, sent: Vec<String>| {
        let told: Vec<&String> = sent.iter().filter(|text| text.starts_with("NOTIFY ")).collect();
        let looked = std::mem::take(&mut phone.house.looked);
        told.iter().for_each(|notify| assert!(ok(phone, notify).is_empty()));
        phone.house.looked = 0;
        (looked, told.len())
    };
    phone.house.looked = 0;
    let rung = phone.command(Command::Invite(invitation(Target::Seat("9007".into()))));
    let invite = rung[0].clone();
    assert_eq!(looks_at(&mut phone, rung), (ROOM, ROOM));
    // Who may pick up is not told of those where nothing rings, nor of what rings and has no tag yet.
    let sent = may_pick_up(&mut phone, "9001", true);
    assert_eq!(looks_at(&mut phone, sent), (0, 0));
    let sent = phone.send(&answered(&invite, "180 Ringing"));
    assert_eq!(looks_at(&mut phone, sent), (ROOM, 1));
    let sent = phone.send(&answered(&invite, "180 Ringing"));
    assert_eq!(looks_at(&mut phone, sent), (0, 0), "no news");
    for (may, told) in [(true, 1), (true, 0), (false, 1)] {
        let sent = may_pick_up(&mut phone, "9002", may);
        assert_eq!(looks_at(&mut phone, sent), (1, told), "of its lamps one rings");
    }
    let lines = "Contact: <sip:9007@10.0.0.9:5070>\nSession-Expires: 600;refresher=uac\n";
    let sent = phone.send(&described(&answered_with(&invite, "200 OK", lines)));
    assert_eq!(looks_at(&mut phone, sent), (ROOM, ROOM));
    let sent = phone.wait(Duration::from_secs(301));
    assert!(sent.iter().any(|text| text.starts_with("INVITE ") || text.starts_with("UPDATE ")), "{sent:?}");
    assert_eq!(looks_at(&mut phone, sent), (0, 0), "a refresh is no news");
    phone.house.set_waiting(phone.now, true);
    let sent = phone.sent();
    assert_eq!(looks_at(&mut phone, sent), (0, 0), "nobody has a lamp for messages");
}
