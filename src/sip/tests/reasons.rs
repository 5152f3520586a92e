//! Why a leg ends, RFC 3326: as carriers say it, and as they are told.

use super::phone::*;
use crate::ids::LegId;
use crate::sip::*;

/// What is told of the end of a leg.
fn told(phone: &mut Phone) -> Vec<String> {
    let text = |event| match event {
        Event::Because { reason, .. } => Some(reason.to_string()),
        Event::Ended { why, .. } => Some(format!("{why:?}")),
        Event::Refused { status, .. } => Some(status.to_string()),
        _ => None,
    };
    phone.events().into_iter().filter_map(text).collect()
}

/// Reason headers of what was sent.
fn reasons(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("Reason: ")).collect()
}

/// A carrier's call that was answered: its leg, and a request of its within the dialog.
fn talk(phone: &mut Phone) -> (LegId, impl Fn(&str, u32, &str) -> String + use<>) {
    phone.send(&described(&request("INVITE", "sip:1@10.0.0.1", "i", 1, "")));
    let leg = leg(&phone.events());
    let answer = phone.command(Command::Accept { leg, body: Body::sdp(b"ours".to_vec()) }).remove(0);
    let to = header(&answer, "To").to_string();
    let within = move |method: &str, cseq: u32, lines: &str| {
        request(method, "sip:hotline@10.0.0.1", &format!("{method}{cseq}"), cseq, &format!("To: {to}\n{lines}"))
    };
    phone.send(&within("ACK", 1, ""));
    phone.events();
    (leg, within)
}

fn dial(phone: &mut Phone) -> String {
    let invite = invitation(Target::Trunk { trunk: None, number: "110".into() });
    phone.command(Command::Invite(invite)).remove(0)
}

#[test]
fn what_a_bye_a_cancel_and_a_refusal_say_is_told_before_the_end() {
    let mut phone = Phone::new(true);
    let (_, within) = talk(&mut phone);
    phone.send(&within("BYE", 2, "Reason: Q.850;cause=16;text=\"Normal call clearing\"\n"));
    assert_eq!(told(&mut phone), ["Q.850;cause=16", "Bye"]);

    let mut phone = Phone::new(true);
    phone.send(&described(&request("INVITE", "sip:1@10.0.0.1", "i", 1, "")));
    phone.events();
    phone.send(&request(
        "CANCEL",
        "sip:1@10.0.0.1",
        "i",
        1,
        "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\n",
    ));
    assert_eq!(told(&mut phone), ["SIP;cause=200", "Cancelled"]);

    let mut phone = Phone::new(true);
    let ours = dial(&mut phone);
    phone.events();
    phone.send(&answered_with(&ours, "486 Busy Here", "Reason: Q.850;cause=17;text=\"User busy\"\n"));
    assert_eq!(told(&mut phone), ["Q.850;cause=17", "486"]);

    let mut phone = Phone::new(true);
    let (_, within) = talk(&mut phone);
    phone.send(&within("BYE", 2, ""));
    assert_eq!(told(&mut phone), ["Bye"], "nobody says why");
}

#[test]
fn a_carrier_is_told_a_cause_of_isdn_and_a_phone_what_the_house_says() {
    const NORMAL: &str = "Q.850;cause=16;text=\"Normal call clearing\"";
    const CLOSING: &str = "SIP;cause=503;text=\"Service shutting down\"";
    const SILENT: &str = "Q.850;cause=19;text=\"No answer from the user\"";
    for (reason, expected) in [
        (None, &[NORMAL][..]),
        (Some(CLOSING), &[CLOSING, "Q.850;cause=41;text=\"Temporary failure\""]),
        (Some(SILENT), &[SILENT]),
    ] {
        let reason = reason.map(str::to_string);
        let mut phone = Phone::new(true);
        let (leg, _) = talk(&mut phone);
        let bye = phone.command(Command::Hangup { leg, reason: reason.clone() }).remove(0);
        assert_eq!((bye.split(' ').next(), reasons(&bye)), (Some("BYE"), expected.to_vec()));

        let mut phone = Phone::new(true);
        let ours = dial(&mut phone);
        phone.send(&answered(&ours, "180 Ringing"));
        let cancel = phone.command(Command::Hangup { leg: LegId(2), reason: reason.clone() }).remove(0);
        assert_eq!((cancel.split(' ').next(), reasons(&cancel)), (Some("CANCEL"), expected.to_vec()));

        let mut phone = Phone::new(false);
        let ours = ring_desk(&mut phone);
        phone.send(&answered(&ours, "180 Ringing"));
        let cancel = phone.command(Command::Hangup { leg: LegId(2), reason: reason.clone() }).remove(0);
        assert_eq!(reasons(&cancel), reason.as_deref().into_iter().collect::<Vec<_>>());
    }
    // A fork that answers when another has the call.
    let mut phone = Phone::new(true);
    let ours = dial(&mut phone);
    let answer = described(&answered_with(&ours, "200 OK", "Contact: <sip:110@10.0.0.5:5060>\n"));
    phone.send(&answer);
    let sent = phone.send(&answer.replace(";tag=t\n", ";tag=u\n"));
    assert_eq!((starts(&sent)[1].split(' ').next(), reasons(&sent[1])), (Some("BYE"), vec![NORMAL]));
}
