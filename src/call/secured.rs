//! Trunks whose sound is encrypted, beside others whose is not: a leg to outside is described both ways before it is known
//! over which trunk it goes, and what the trunk wants that it went over in the end is what counts.

use std::collections::BTreeMap;

use tracing::{info, warn};

use super::caller::{Call, State};
use super::calls::House;
use super::onward::Whom;
use super::words::Settings;
use crate::ids::{LegId, SeatId, TrunkId};
use crate::media::{self, Srtp};
use crate::sip::{self, Body};

/// A leg to outside that nobody has answered yet.
pub(super) struct Twofold {
    like: Option<LegId>,
    /// What the trunks want by which it may go.
    ways: BTreeMap<TrunkId, Srtp>,
    /// What it was opened with, and what others want.
    rules: (Srtp, Srtp),
    described: Described,
}

enum Described {
    Nothing,
    Once(Vec<u8>),
    /// The description for those who want what it was not opened with.
    Otherwise(Vec<u8>),
}

impl Settings {
    /// What the trunks want by which a call may go: this one, or all that go out.
    fn ways(&self, trunk: Option<&TrunkId>) -> BTreeMap<TrunkId, Srtp> {
        let fits = |(id, _): &(&TrunkId, &Srtp)| trunk.is_none_or(|trunk| trunk == *id);
        self.srtp_of_ways.iter().filter(fits).map(|(id, srtp)| (id.clone(), *srtp)).collect()
    }
}

impl Call {
    /// Asks for the description of a leg that goes over this trunk, or over whichever is best.
    pub fn offer_outside(&mut self, house: &mut House, leg: LegId, trunk: Option<&TrunkId>, like: Option<LegId>) {
        let ways = house.settings.ways(trunk);
        let first = trunk.or(house.settings.way_out.as_ref()).and_then(|trunk| ways.get(trunk)).copied();
        self.twofold.retain(|leg, _| house.legs.call_of(*leg) == Some(self.id));
        if let Some(first) = first
            && let Some(other) = ways.values().copied().find(|rule| rule.is_encrypted() != first.is_encrypted())
        {
            let described = Described::Nothing;
            self.twofold.insert(leg, Twofold { like, ways, rules: (first, other), described });
        }
        house.media(media::Command::MakeOffer { leg, like });
    }

    /// Takes the first of two descriptions, and gives it back with the second.
    pub fn twofold_media(&mut self, house: &mut House, event: media::Event) -> Option<media::Event> {
        let media::Event::Described { leg, sdp, direction } = event else { return Some(event) };
        let Some(twofold) = self.twofold.get_mut(&leg) else {
            return Some(media::Event::Described { leg, sdp, direction });
        };
        let (first, other) = twofold.rules;
        match std::mem::replace(&mut twofold.described, Described::Nothing) {
            Described::Nothing => {
                twofold.described = Described::Once(sdp);
                house.media(media::Command::Encrypt { leg, srtp: other });
                house.media(media::Command::MakeOffer { leg, like: twofold.like });
                None
            }
            Described::Once(before) => {
                twofold.described = Described::Otherwise(sdp);
                house.media(media::Command::Encrypt { leg, srtp: first });
                Some(media::Event::Described { leg, sdp: before, direction })
            }
            kept => {
                twofold.described = kept;
                Some(media::Event::Described { leg, sdp, direction })
            }
        }
    }

    /// The descriptions of those trunks that want another than the first.
    pub fn over(&self, leg: LegId) -> BTreeMap<TrunkId, Body> {
        let Some(Twofold { ways, rules: (first, _), described: Described::Otherwise(sdp), .. }) =
            self.twofold.get(&leg)
        else {
            return BTreeMap::new();
        };
        let others = ways.iter().filter(|(_, rule)| rule.is_encrypted() != first.is_encrypted());
        others.map(|(trunk, _)| (trunk.clone(), Body::sdp(sdp.clone()))).collect()
    }

    /// Over which trunk it goes, and that it is answered or refused.
    pub fn twofold_sip(&mut self, house: &mut House, event: &sip::Event) {
        if let sip::Event::Refused { leg, status } = event
            && refuses_description(*status)
        {
            self.tell_refused_description(house, *leg);
        }
        match event {
            sip::Event::GoesOver { leg, trunk } => {
                if let Some(srtp) = self.twofold.get(leg).and_then(|twofold| twofold.ways.get(trunk)).copied() {
                    house.media(media::Command::Encrypt { leg: *leg, srtp });
                }
            }
            sip::Event::Answered { leg, .. } | sip::Event::Refused { leg, .. } => drop(self.twofold.remove(leg)),
            _ => {}
        }
    }

    /// They take no description as ours is: mostly for its encryption. A queue passes over that seat until somebody sees to
    /// it.
    fn tell_refused_description(&self, house: &House, leg: LegId) {
        let Some(trunk) = house.legs.trunk_of(leg) else {
            let hint = "is its sound to be encrypted, or in the clear? srtp of the [[seat]], or else of [media], says what it is offered";
            if let Some(seat) = self.seat_rung(leg) {
                warn!(%seat, hint, "the phone cannot take our description");
            }
            return;
        };
        let hint = match house.settings.srtp_of_ways.get(trunk).is_some_and(|srtp| srtp.is_encrypted()) {
            true => "it was offered encrypted sound alone: does it know that? (srtp of the trunk)",
            false => "it was offered sound in the clear: does it want it encrypted? (srtp = \"required\" of the trunk)",
        };
        info!(%leg, %trunk, hint, "the carrier cannot take our description");
    }

    /// The seat whose phone is at the other end of a leg of ours.
    fn seat_rung(&self, leg: LegId) -> Option<&SeatId> {
        if let Some(offered) = self.seats.iter().find(|seat| seat.leg == leg) {
            return Some(&offered.seat);
        }
        let whom = match &self.state {
            State::Onward(onward) if onward.leg == leg => &onward.whom,
            _ => &self.other(leg)?.at,
        };
        if let Whom::Seat(seat) = whom { Some(seat) } else { None }
    }
}

/// What we describe is not acceptable there, RFC 3261 §21.4.26 and §21.6.4.
fn refuses_description(status: u16) -> bool {
    matches!(status, 488 | 606)
}
