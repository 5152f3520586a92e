//! What an event is about: which leg, or which contact of the engine's; and whose legs are.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{CallId, LegId, TrunkId};
use crate::queue::Output;
use crate::{media, sip};

/// Which call a leg belongs to; gives out the numbers of our own legs.
#[derive(Default)]
pub(super) struct Legs {
    pub calls: BTreeMap<LegId, CallId>,
    /// Those whose last figures are awaited.
    pub closing: BTreeMap<LegId, CallId>,
    /// Which trunk a leg goes over, and those whose sound is encrypted, in whatever call they are.
    trunks: BTreeMap<LegId, TrunkId>,
    encrypted: BTreeSet<LegId>,
    /// Calls whose legs may come to be another's, with the call whose sound is where theirs is.
    together: BTreeMap<CallId, CallId>,
    made: u64,
}

impl Legs {
    /// A leg of ours: even numbers, beginning with 2.
    pub fn make(&mut self, call: CallId) -> LegId {
        self.made += 2;
        let leg = LegId(self.made);
        self.calls.insert(leg, call);
        leg
    }

    pub fn remove(&mut self, leg: LegId) {
        self.calls.remove(&leg);
        self.trunks.remove(&leg);
        self.encrypted.remove(&leg);
    }

    /// Nothing but its last figures comes from it any more.
    pub fn close(&mut self, leg: LegId) {
        if let Some(call) = self.calls.get(&leg).copied() {
            self.remove(leg);
            self.closing.insert(leg, call);
        }
    }

    /// The sound of this call is where that of the other is: their legs may meet.
    pub fn keep_together(&mut self, call: CallId, other: CallId) {
        let at = self.sound_of(other);
        self.together.insert(call, at);
    }

    /// The call by which sound finds where the legs of this one are.
    pub fn sound_of(&self, call: CallId) -> CallId {
        self.together.get(&call).copied().unwrap_or(call)
    }

    pub fn call_over(&mut self, call: CallId) {
        self.together.remove(&call);
    }

    /// It is another call's from now on.
    pub fn give(&mut self, leg: LegId, call: CallId) {
        self.calls.insert(leg, call);
    }

    pub fn goes_over(&mut self, leg: LegId, trunk: TrunkId) {
        if self.calls.contains_key(&leg) {
            self.trunks.insert(leg, trunk);
        }
    }

    /// `None`: a seat's.
    pub fn trunk_of(&self, leg: LegId) -> Option<&TrunkId> {
        self.trunks.get(&leg)
    }

    pub fn set_encrypted(&mut self, leg: LegId, encrypted: bool) {
        match encrypted && self.calls.contains_key(&leg) {
            true => _ = self.encrypted.insert(leg),
            false => _ = self.encrypted.remove(&leg),
        }
    }

    pub fn is_encrypted(&self, leg: LegId) -> bool {
        self.encrypted.contains(&leg)
    }

    pub fn call_of(&self, leg: LegId) -> Option<CallId> {
        self.calls.get(&leg).copied()
    }
}

pub(super) fn leg_of_sip(event: &sip::Event) -> Option<LegId> {
    use sip::Event as E;
    match event {
        E::Incoming(incoming) => Some(incoming.leg),
        E::Acked { leg, .. }
        | E::Ringing { leg }
        | E::GoesOver { leg, .. }
        | E::Progress { leg, .. }
        | E::Answered { leg, .. }
        | E::Refused { leg, .. }
        | E::Reoffer { leg, .. }
        | E::ReofferAnswered { leg, .. }
        | E::Info { leg, .. }
        | E::Refer { leg, .. }
        | E::Release { leg, .. }
        | E::FlowLost { leg }
        | E::FlowFound { leg }
        | E::Because { leg, .. }
        | E::NotAccepted { leg, .. }
        | E::Ended { leg, .. } => Some(*leg),
        _ => None,
    }
}

pub(super) fn leg_of_media(event: &media::Event) -> LegId {
    use media::Event as E;
    match event {
        E::Described { leg, .. }
        | E::Agreed { leg, .. }
        | E::Unacceptable { leg, .. }
        | E::Exhausted { leg }
        | E::Played { leg, .. }
        | E::Key { leg, .. }
        | E::CameHome { leg }
        | E::Located { leg }
        | E::Noticed { leg }
        | E::Recorded { leg, .. }
        | E::Dead { leg }
        | E::OneWay { leg, .. }
        | E::Encrypted { leg, .. }
        | E::Closed { leg, .. } => *leg,
    }
}

pub(super) fn contact_of(output: &Output) -> Option<CallId> {
    match output {
        Output::Joined { contact, .. }
        | Output::Refused { contact, .. }
        | Output::Offer { contact, .. }
        | Output::Withdraw { contact, .. }
        | Output::OfferEnded { contact, .. }
        | Output::Connected { contact, .. }
        | Output::Left { contact, .. }
        | Output::Moved { contact, .. }
        | Output::CallbackTaken { contact, .. }
        | Output::CallbackRenewed { contact, .. }
        | Output::CallbackRefused { contact, .. }
        | Output::Dial { contact, .. }
        | Output::StopDialling { contact }
        | Output::PickUpRefused { contact, .. }
        | Output::CallbackEnded { contact, .. } => Some(*contact),
        _ => None,
    }
}
