//! What an event is about: which leg, or which contact of the engine's.

use crate::ids::{CallId, LegId};
use crate::queue::Output;
use crate::{media, sip};

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
        | E::FlowLost { leg }
        | E::FlowFound { leg }
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
        | E::Noticed { leg }
        | E::Recorded { leg, .. }
        | E::Dead { leg }
        | E::OneWay { leg, .. }
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
        | Output::CallbackRefused { contact, .. }
        | Output::Dial { contact, .. }
        | Output::StopDialling { contact }
        | Output::CallbackEnded { contact, .. } => Some(*contact),
        _ => None,
    }
}
