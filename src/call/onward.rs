//! A caller whom a rule sends on to a number outside: a leg over the trunk, early media or ringing tone until it is
//! answered, then both are joined.

use std::time::Duration;

use tracing::info;

use super::caller::{Call, State};
use super::calls::House;
use crate::ids::{LegId, Prompt};
use crate::ivr::RINGBACK;
use crate::media;
use crate::moment::Moment;
use crate::records::{self, EndedBy, Outcome};
use crate::sip::{self, Body, Target, is_dialable};

/// Nobody outside is rung for longer: proxies give up after three minutes (RFC 3261 §16.6, timer C).
const RINGS_AT_MOST: Duration = Duration::from_secs(120);

pub(super) struct Onward {
    pub leg: LegId,
    number: String,
    progress: Progress,
    /// A re-INVITE of theirs waits for our description.
    pub reoffered: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Rings {
        until: Moment,
    },
    /// Announcements and tones of theirs are on their way to the caller.
    Early {
        until: Moment,
    },
    /// 200 came; its answer is being applied.
    Answered,
    Joined,
}

impl Onward {
    pub fn next_deadline(&self) -> Option<Moment> {
        match self.progress {
            Progress::Rings { until } | Progress::Early { until } => Some(until),
            Progress::Answered | Progress::Joined => None,
        }
    }
}

impl Call {
    pub fn send_on(&mut self, house: &mut House, number: String) {
        self.left_at = Some(house.now);
        // Rules are checked when they are read; what is dialled is checked where it is dialled.
        if house.settings.way_out.is_none() || !is_dialable(&number) {
            info!(number, "cannot be sent on: no trunk goes out, or it is no number");
            return self.sent_on_in_vain(house);
        }
        info!(number, "sent on");
        let leg = house.legs.make(self.id);
        let progress = Progress::Rings { until: house.now + RINGS_AT_MOST };
        self.state = State::Onward(Onward { leg, number, progress, reoffered: false });
        self.play(house, 0, Vec::new(), Some(Prompt::plain(RINGBACK)));
        house.media(media::Command::Open { leg, call: self.id, second: true });
        house.media(media::Command::MakeOffer { leg, like: Some(self.caller) });
    }

    pub fn is_onward(&self, leg: LegId) -> bool {
        matches!(&self.state, State::Onward(onward) if onward.leg == leg)
    }

    pub fn onward_described(&mut self, house: &mut House, sdp: Vec<u8>) {
        let State::Onward(onward) = &mut self.state else { return };
        let leg = onward.leg;
        if std::mem::take(&mut onward.reoffered) {
            return house.sip(sip::Command::AcceptReoffer { leg, body: Body::sdp(sdp) });
        }
        let Some(trunk) = house.settings.way_out.clone() else { return };
        let to = Target::Trunk { trunk, number: onward.number.clone() };
        let caller = self.shown.clone();
        // RFC 7332 §4: a call that comes round to us again and again comes to an end.
        let hops = self.hops.saturating_sub(1);
        let invite = sip::Invite { leg, to, caller, hops, sip_call_id: None, body: Some(Body::sdp(sdp)) };
        house.sip(sip::Command::Invite(invite));
    }

    /// 183 with a description: the caller hears what they say instead of our tone.
    pub fn onward_progresses(&mut self, house: &mut House, body: Body) {
        let State::Onward(onward) = &mut self.state else { return };
        if let Progress::Rings { until } = onward.progress {
            onward.progress = Progress::Early { until };
            house.media(media::Command::TakeAnswer { leg: onward.leg, sdp: body.bytes });
        }
    }

    pub fn onward_answered(&mut self, house: &mut House, body: Option<Body>) {
        let State::Onward(onward) = &mut self.state else { return };
        let early = matches!(onward.progress, Progress::Early { .. });
        onward.progress = Progress::Answered;
        match body {
            Some(body) => house.media(media::Command::TakeAnswer { leg: onward.leg, sdp: body.bytes }),
            // Their 183 answered our offer already.
            None if early => self.onward_agreed(house),
            None => self.onward_unacceptable(house),
        }
    }

    pub fn onward_agreed(&mut self, house: &mut House) {
        let State::Onward(onward) = &mut self.state else { return };
        let leg = onward.leg;
        let answered = onward.progress == Progress::Answered;
        if answered {
            info!(number = %onward.number, "answered outside");
            onward.progress = Progress::Joined;
            self.accept(house);
            house.media(media::Command::Watch { leg });
            house.write(records::Entry::Changed(Box::new(self.record.clone())));
        }
        house.media(media::Command::Join { a: self.caller, b: leg });
    }

    /// Nothing in common, or no answer in their 200. A re-INVITE of theirs is refused, and all is as it was.
    pub fn onward_unacceptable(&mut self, house: &mut House) {
        let State::Onward(onward) = &mut self.state else { return };
        let leg = onward.leg;
        if std::mem::take(&mut onward.reoffered) {
            return house.sip(sip::Command::RefuseReoffer { leg, status: 488 });
        }
        self.onward_failed(house, 488);
    }

    /// Refused, not answered, or not to be reached.
    pub fn onward_failed(&mut self, house: &mut House, status: u16) {
        let State::Onward(onward) = &self.state else { return };
        info!(number = %onward.number, status, "sent on in vain");
        let leg = onward.leg;
        self.drop_onward(house, leg);
        self.sent_on_in_vain(house);
    }

    fn sent_on_in_vain(&mut self, house: &mut House) {
        let busy = house.settings.ivr.announcements.busy.clone();
        self.last_words(house, busy, Outcome::Overflowed);
    }

    /// They hung up, or were lost.
    pub fn onward_ended(&mut self, house: &mut House) {
        let State::Onward(onward) = &self.state else { return };
        if onward.progress != Progress::Joined {
            return self.onward_failed(house, 487);
        }
        self.finish(house, Outcome::Overflowed, EndedBy::Operator);
        house.sip(sip::Command::Hangup { leg: self.caller, reason: None });
        self.enter_ended(house);
    }

    pub fn drop_onward(&self, house: &mut House, leg: LegId) {
        house.sip(sip::Command::Hangup { leg, reason: None });
        house.media(media::Command::Close { leg });
        house.legs.remove(leg);
    }
}
