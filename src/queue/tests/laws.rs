//! What must hold after every step, whatever happened.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{CallId, OfferId, OperatorId};
use crate::queue::*;

/// Watches the outputs from outside, as the rest of the house sees them.
#[derive(Default)]
pub(super) struct Laws {
    open_offers: BTreeMap<OfferId, (CallId, OperatorId)>,
    in_line: BTreeSet<CallId>,
    talking: BTreeMap<CallId, OperatorId>,
    states: BTreeMap<OperatorId, OperatorState>,
    callbacks: BTreeSet<CallId>,
    dialling: BTreeSet<CallId>,
    /// Several phones may ring for one contact.
    pub several: bool,
    pub joined: usize,
    pub connected: usize,
    pub left: usize,
    pub offers: usize,
}

impl Laws {
    pub fn saw(&mut self, output: &Output) {
        match output {
            Output::Joined { contact, .. } => {
                self.joined += 1;
                assert!(self.in_line.insert(*contact), "{contact} joined twice");
            }
            Output::Offer { offer, contact, operator, .. } => {
                self.offers += 1;
                let waits = self.in_line.contains(contact) || self.callbacks.contains(contact);
                assert!(waits, "{contact} is offered and in no line");
                let twice = self.open_offers.values().any(|(c, o)| o == operator || (!self.several && c == contact));
                assert!(!twice, "{contact} or {operator} is in two offers");
                self.open_offers.insert(*offer, (*contact, operator.clone()));
            }
            Output::Withdraw { offer, .. } => {
                assert!(self.open_offers.contains_key(offer), "{offer} withdrawn after its end")
            }
            Output::OfferEnded { offer, contact, operator, .. } => {
                let open = self.open_offers.remove(offer);
                assert_eq!(open, Some((*contact, operator.clone())), "{offer} ended twice or never began");
            }
            Output::Connected { contact, operator, .. } => {
                self.connected += 1;
                assert!(self.in_line.remove(contact), "{contact} connected from no line");
                assert!(!self.talking.values().any(|other| other == operator), "{operator} talks to two");
                self.talking.insert(*contact, operator.clone());
            }
            Output::HandedOver { contact, operator, .. } => {
                assert!(!self.in_line.contains(contact), "{contact} is handed over out of a line");
                assert!(!self.talking.values().any(|other| other == operator), "{operator} talks to two");
                assert_eq!(self.talking.insert(*contact, operator.clone()), None, "{contact} talks to two");
            }
            Output::Left { contact, .. } | Output::CallbackTaken { contact, .. } => {
                self.left += 1;
                assert!(self.in_line.remove(contact), "{contact} left no line");
                if let Output::CallbackTaken { .. } = output {
                    assert!(self.callbacks.insert(*contact), "{contact} is called back twice");
                }
            }
            Output::CallbackRenewed { contact, .. } => {
                assert!(self.callbacks.insert(*contact), "{contact} is called back twice");
            }
            Output::CallbackEnded { contact, .. } => {
                assert!(self.callbacks.remove(contact), "{contact} was not called back");
                self.dialling.remove(contact);
            }
            Output::Dial { contact, .. } => {
                assert!(self.callbacks.contains(contact), "{contact} is rung and no callback");
                self.dialling.insert(*contact);
            }
            Output::Ended { contact, operator, .. } => {
                assert_eq!(self.talking.remove(contact).as_ref(), Some(operator), "{contact} ended no talk");
            }
            Output::Decided(decision) => {
                let unexplained = decision.passed.is_some_and(|passed| passed.why == PassedBecause::Unexplained);
                assert!(!unexplained, "passed over without a reason: {decision:?}");
            }
            Output::Operator { operator, state, seat, .. } => {
                assert_eq!(
                    seat.is_none(),
                    *state == OperatorState::SignedOut,
                    "{operator} without a seat is signed out"
                );
                self.states.insert(operator.clone(), state.clone());
            }
            _ => {}
        }
    }

    /// The engine's own view agrees with what it told; O(everybody).
    pub fn check(&self, engine: &Engine) {
        let mut seats = BTreeSet::new();
        for view in engine.operators() {
            if let Some(seat) = view.seat {
                assert!(seats.insert(seat.clone()), "two operators at {seat}");
                assert_eq!(engine.operator_at(seat), Some(view.operator));
            }
            let told = self.states.get(view.operator).cloned().unwrap_or(OperatorState::SignedOut);
            assert_eq!(view.state, told, "{} is not what was told", view.operator);
            let offered =
                self.open_offers.iter().find(|(_, (_, operator))| operator == view.operator).map(|(offer, _)| *offer);
            let says = if let OperatorState::Offered { offer, .. } = view.state { Some(offer) } else { None };
            assert_eq!(offered, says, "{}'s offer", view.operator);
        }
        self.conserve(engine);
    }

    /// Nobody is lost: joined = connected + left + still waiting.
    pub fn conserve(&self, engine: &Engine) {
        assert_eq!(self.joined, self.connected + self.left + self.in_line.len());
        let waiting = engine.waiting_in_all();
        assert_eq!(waiting, self.in_line.len() + self.callbacks.len());
        if let Some((at, deadline)) = engine.next_deadline() {
            assert!(at.as_micros() > 0, "{deadline:?}");
        }
    }
}
