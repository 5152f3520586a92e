//! Sound that does not pass us: each of two legs is offered what the other described in our place, RFC 3725, as long as
//! nothing of it is needed here. What we described ourselves is taken up again with the next offer of either side.

use std::net::SocketAddr;

use super::desk::{Desk, DeskLeg, Side};
use super::leg::Leg;
use super::negotiation::{Agreement, Unacceptable, unacceptable};
use super::orders::Order;
use super::words::{Codec, Direction, Event};
use crate::ids::LegId;

/// Where a leg sends, and what another was told of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Direct {
    pub way: Way,
    named: Option<Named>,
}

/// Where a leg sends, by our last description.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    #[default]
    Here,
    /// An offer that names another waits for its answer.
    Offered,
    /// It was taken.
    There,
}

/// What others are told of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    remote: SocketAddr,
    remote_rtcp: SocketAddr,
    codec: Codec,
    payload_type: u8,
    keys: Option<u8>,
}

impl Agreement {
    /// `None`: it is nothing that another could send to as it is.
    fn named(&self) -> Option<Named> {
        let Agreement { remote, remote_rtcp, codec, payload_type, key_payload_type: keys, .. } = *self;
        let is_open = self.direction == Direction::Both && !remote.ip().is_unspecified() && remote.port() != 0;
        (is_open && self.opus.is_none()).then_some(Named { remote, remote_rtcp, codec, payload_type, keys })
    }
}

impl Named {
    /// Both take the same, so that nothing need be converted.
    fn goes_with(&self, other: &Named) -> bool {
        let family = |named: &Named| named.remote.is_ipv4();
        (self.codec, self.keys.is_some(), family(self)) == (other.codec, other.keys.is_some(), family(other))
    }

    /// Who answers an offer has its own numbers for what it takes, RFC 3264 §6.1; nothing else may be new.
    fn is_still(&self, before: &Named) -> bool {
        self.goes_with(before) && (self.remote, self.remote_rtcp) == (before.remote, before.remote_rtcp)
    }
}

impl Desk {
    /// Offers to a leg what `to` described.
    pub(super) fn offer_direct(&mut self, leg: LegId, to: LegId) {
        match self.describe_direct(leg, to) {
            Ok(sdp) => {
                self.order(leg, Order::Leave { leg });
                self.events.push_back(Event::Described { leg, sdp, direction: Direction::Both });
            }
            Err(fault) => self.unacceptable(leg, fault),
        }
    }

    fn describe_direct(&mut self, leg: LegId, to: LegId) -> Result<Vec<u8>, Unacceptable> {
        let (own, _) = self.plain(leg)?;
        let (other, agreement) = self.plain(to)?;
        if !own.goes_with(&other) {
            return Err(unacceptable("they do not speak the same"));
        }
        if let Some(state) = self.legs.get_mut(&to) {
            state.direct.named = Some(other);
        }
        let Some(state) = self.legs.get_mut(&leg) else { return Err(unacceptable("it is gone")) };
        let Side::Phone(phone) = &mut state.side else { return Err(unacceptable("a browser")) };
        state.direct.way = Way::Offered;
        Ok(phone.negotiation.offer_another(&agreement))
    }

    /// A phone whose sound is in the clear, and as it is sent.
    fn plain(&self, leg: LegId) -> Result<(Named, Agreement), Unacceptable> {
        let state = self.legs.get(&leg).ok_or_else(|| unacceptable("it is gone"))?;
        let is_plain = matches!(state.side, Side::Phone(_)) && !state.encrypted;
        let agreement = state.agreement.filter(|_| is_plain);
        let named = agreement.and_then(|agreement| Some((agreement.named()?, agreement)));
        named.ok_or_else(|| unacceptable("its sound cannot be had by another as it is"))
    }

    /// Their answer to such an offer: whatever it says, they send there. `false`: it answers another.
    pub(super) fn take_direct_answer(&mut self, leg: LegId, sdp: &[u8]) -> bool {
        let Some(state) = self.legs.get_mut(&leg).filter(|state| state.direct.way == Way::Offered) else {
            return false;
        };
        state.direct.way = Way::There;
        let told = state.direct.named;
        match state.look_at(sdp) {
            // What the other was told holds to the number.
            Ok((agreement, named)) if told.is_none_or(|told| told == named) => {
                state.agreement = Some(agreement);
                self.events.push_back(Event::Agreed { leg, direction: Direction::Both });
            }
            Ok(_) => self.unacceptable(leg, unacceptable("the other was told other numbers")),
            Err(fault) => self.unacceptable(leg, fault),
        }
        true
    }

    /// An offer of a leg that sends to another: one that says nothing new, as refreshes do (RFC 4028 §7.4), is answered
    /// as before. `false`: it is to be taken by us.
    pub(super) fn take_direct_offer(&mut self, leg: LegId, sdp: &[u8]) -> bool {
        let Some(state) = self.legs.get(&leg).filter(|state| state.direct.way == Way::There) else { return false };
        let before = state.agreement.and_then(|agreement| agreement.named());
        let Side::Phone(phone) = &state.side else { return false };
        if !state.look_at(sdp).is_ok_and(|(_, named)| Some(named) == before) {
            return false;
        }
        let sdp = phone.negotiation.again();
        self.events.push_back(Event::Described { leg, sdp, direction: Direction::Both });
        true
    }

    /// From now on it owes us sound, also where an offer that named another was refused.
    pub(super) fn watch(&mut self, leg: LegId) {
        if let Some(state) = self.legs.get_mut(&leg) {
            state.direct.way = Way::Here;
        }
        self.order(leg, Order::Watch { leg });
    }
}

impl DeskLeg {
    /// What they say now, if nothing that counts is otherwise than before.
    fn look_at(&self, sdp: &[u8]) -> Result<(Agreement, Named), Unacceptable> {
        let before = self.agreement.and_then(|agreement| agreement.named());
        let (Some(before), Side::Phone(phone)) = (before, &self.side) else { return Err(unacceptable("a browser")) };
        let agreement = phone.negotiation.look_at(sdp, before.codec)?;
        let named = agreement.named().filter(|named| named.is_still(&before));
        named.map(|named| (agreement, named)).ok_or_else(|| unacceptable("it has another address, or is held"))
    }
}

impl Leg {
    /// Once after it was asked: whether its sound comes from where it says that it receives.
    pub fn is_located(&mut self) -> bool {
        self.source.is_some_and(|source| source.is_certain()) && std::mem::take(&mut self.locate)
    }

    /// It sends to another from now on: nothing is expected, reported or filled in here.
    pub fn leave(&mut self) {
        self.silence.leave();
        self.filling = None;
    }
}
