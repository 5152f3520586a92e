//! Calls to outside by trunks of which some want their sound encrypted and others do not.

use super::desk;
use super::house::*;
use crate::call::Event;
use crate::ids::LegId;
use crate::media::{self, Srtp};
use crate::queue::Exit;
use crate::sip;

const OUTSIDE: &str = "01065139999";

/// Trunk `carrier` is the first; the rules of both.
fn house(carrier: Srtp, other: Srtp) -> House {
    let mut settings = desk::settings();
    settings.srtp_of_ways = [("carrier".into(), carrier), ("other".into(), other)].into();
    House::with(settings, rules(|citizen| citizen.keys = [('0', Exit::Number(OUTSIDE.into()))].into()), &[])
}

/// Trunks that are sent another description than the first.
fn over(house: &House) -> Vec<String> {
    let last = house.sip.iter().rev().find_map(|command| match command {
        sip::Command::Invite(invite) => Some(invite.over.keys().map(ToString::to_string).collect()),
        _ => None,
    });
    last.expect("an INVITE")
}

/// How the leg is encrypted, as said one after the other; how often it was described.
fn rules_of(house: &House, leg: LegId) -> (Vec<Srtp>, usize) {
    let rules = house.media.iter().filter_map(|command| match command {
        media::Command::Encrypt { leg: of, srtp } if *of == leg => Some(*srtp),
        _ => None,
    });
    let offers = |command: &&media::Command| matches!(command, media::Command::MakeOffer { leg: of, .. } if *of == leg);
    (rules.collect(), house.media.iter().filter(offers).count())
}

#[test]
fn where_all_trunks_want_the_same_a_leg_is_described_once() {
    for (carrier, other) in [(Srtp::IfOffered, Srtp::Off), (Srtp::Required, Srtp::Required)] {
        let mut house = house(carrier, other);
        let caller = house.call(1, CITIZEN);
        house.key(caller, '0');
        let outside = house.rung(OUTSIDE);
        assert_eq!((over(&house), rules_of(&house, outside)), (vec![], (vec![], 1)));
    }
}

#[test]
fn the_description_is_that_of_the_trunk_it_goes_over_in_the_end() {
    use Srtp::{IfOffered, Required};
    for (carrier, other) in [(IfOffered, Required), (Required, IfOffered)] {
        let mut house = house(carrier, other);
        let caller = house.call(1, CITIZEN);
        house.key(caller, '0');
        let outside = house.rung(OUTSIDE);
        assert_eq!((over(&house), rules_of(&house, outside)), (vec!["other".into()], (vec![other, carrier], 2)));
        for trunk in ["carrier", "other"] {
            house.tell(Event::Sip(sip::Event::GoesOver { leg: outside, trunk: trunk.into() }));
        }
        assert_eq!(rules_of(&house, outside).0, [other, carrier, carrier, other], "it failed over");
        house.answers(outside);
        assert!(house.are_joined(caller, outside));
        let before = rules_of(&house, outside);
        house.tell(Event::Sip(sip::Event::GoesOver { leg: outside, trunk: "carrier".into() }));
        assert_eq!(rules_of(&house, outside), before, "what is answered stays");
        house.hangs_up(outside);
        house.records();
    }
}
