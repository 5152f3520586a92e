//! What always holds, whatever is asked and happens.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::world::{Leg, OPERATORS, QUEUES, World};
use crate::call::Stage;
use crate::call::caller::{Call, State};
use crate::ids::{CallId, OperatorId, QueueId};
use crate::moment::Moment;
use crate::queue::OperatorState;
use crate::queue::statistics::{Contacts, Of};
use crate::records::{LineOutcome, Record, TransferOutcome};
use crate::sip;

impl World {
    /// The engine and the calls mean the same talks, and the same operators in them; and whoever is rung, kept free or on
    /// a call of their own is so for a call that is there.
    pub fn agrees(&self) -> Result<(), TestCaseError> {
        let talks: BTreeSet<CallId> = self.house.engine.talks().map(|talk| talk.contact).collect();
        let mut known = BTreeSet::new();
        for id in self.house.calls.ids() {
            let view = self.house.calls.view(id).unwrap();
            use Stage as S;
            if matches!(view.stage, S::Talking | S::Holding | S::Consulting | S::Conference | S::Lost) {
                known.insert(id);
                let operator = view.record.operator.as_ref().unwrap();
                let state = self.house.state(operator.as_str());
                let theirs = matches!(&state, OperatorState::Talking { contact } | OperatorState::Holding { contact } if *contact == id);
                prop_assert!(theirs, "{id} is with {operator}, who is {state:?}");
            }
        }
        prop_assert_eq!(talks, known, "talks of the engine, and of the calls");
        for operator in OPERATORS {
            let state = self.house.state(operator);
            let mut calls = self.house.calls.all();
            let of_a_call = match &state {
                OperatorState::Offered { offer, .. } => {
                    calls.any(|call| call.seats.iter().any(|of| of.offer == *offer))
                }
                OperatorState::Outbound => calls.any(|call| keeps_busy(call, &operator.into())),
                _ => true,
            };
            prop_assert!(of_a_call, "{operator} is {state:?}, and no call knows of it");
        }
        Ok(())
    }

    /// Everybody goes home.
    pub fn ends(mut self) -> Result<(), TestCaseError> {
        self.house.slow_sound = false;
        self.house.slow_store = false;
        self.house.write_out();
        while self.house.sound_speaks() {}
        self.look();
        // Longer than a callback waits.
        for _ in 0..12 {
            for _ in 0..200 {
                let Some((leg, how)) = self.legs.iter().next().map(|(id, leg)| (*id, *leg)) else { break };
                match how {
                    Leg::Rings => {
                        self.legs.remove(&leg);
                        self.house.refuses(leg, 486);
                    }
                    _ => self.hangs_up(leg, sip::Ended::Bye),
                }
                self.look();
            }
            self.house.pass(Duration::from_secs(50));
            self.look();
        }
        prop_assert!(self.legs.is_empty(), "legs that stand or ring for nobody: {:?}", self.legs);
        let records = self.house.records();
        records.iter().try_for_each(is_whole)?;
        for (leg, asked) in &self.referred {
            let told = self.house.referred(*leg);
            prop_assert_eq!(
                told.iter().filter(|status| **status >= 200).count(),
                *asked,
                "{:?} was told {:?}",
                leg,
                told
            );
        }
        self.figures_are_those_of(&records)?;
        prop_assert_eq!(self.house.engine.talks().count() + self.house.engine.waiting_in_all(), 0);
        for operator in OPERATORS {
            let state = self.house.state(operator);
            let free = matches!(
                state,
                OperatorState::Ready
                    | OperatorState::NotReady { .. }
                    | OperatorState::Unreachable { .. }
                    | OperatorState::SignedOut
            );
            prop_assert!(free, "{operator} is {state:?} when everybody is gone");
        }
        Ok(())
    }

    /// Everybody who was offered to a queue was answered, gave up or was led elsewhere, and the records say the same.
    fn figures_are_those_of(&self, records: &[Record]) -> Result<(), TestCaseError> {
        for queue in QUEUES.map(QueueId::from) {
            let of = Of::Queue(queue.clone());
            let (from, until) = (Moment::default(), Moment::from_micros(u64::MAX));
            let all: Vec<&Contacts> = self.house.statistics.contacts(&of, from, until).map(|(_, of)| of).collect();
            let sum = |figure: fn(&Contacts) -> u64| all.iter().map(|of| figure(of)).sum();
            let (offered, answered, abandoned): (u64, u64, u64) =
                (sum(|of| of.offered), sum(|of| of.answered), sum(|of| of.abandoned));
            let (short, callbacks, by_key): (u64, u64, u64) =
                (sum(|of| of.short_abandoned), sum(|of| of.callbacks), sum(|of| of.left_by_key));
            let elsewhere: u64 = sum(|of| of.overflowed + of.moved);
            let waiting: u64 = sum(|of| of.waiting + of.restarted);
            prop_assert_eq!(offered, answered + abandoned + callbacks + by_key + elsewhere, "offered to {}", queue);
            prop_assert_eq!(waiting, 0, "waiting for {}", queue);
            let lines: Vec<LineOutcome> =
                records.iter().flat_map(|of| &of.lines).filter(|of| of.queue == queue).map(|of| of.outcome).collect();
            let count = |is: &[LineOutcome]| lines.iter().filter(|of| is.contains(of)).count() as u64;
            use LineOutcome as L;
            prop_assert_eq!(
                (answered, abandoned, short, callbacks, by_key, elsewhere),
                (
                    count(&[L::Answered]),
                    count(&[L::Abandoned]),
                    count(&[L::ShortAbandoned]),
                    count(&[L::Callback]),
                    count(&[L::LeftByKey]),
                    count(&[L::Moved, L::Overflowed])
                ),
                "{}: answered, abandoned, short, callbacks, by key, elsewhere; of the figures, and of the records",
                queue
            );
        }
        Ok(())
    }
}

/// Whether an operator is kept from being offered anything for this call.
fn keeps_busy(call: &Call, operator: &OperatorId) -> bool {
    let onward = match &call.state {
        State::Onward(onward) => onward.operator().is_some_and(|(of, _)| of == *operator),
        _ => false,
    };
    let beside = call.talk().is_some_and(|talk| talk.others.iter().any(|other| other.busy.as_ref() == Some(operator)));
    onward || beside || call.busy.as_ref() == Some(operator)
}

fn is_whole(record: &Record) -> Result<(), TestCaseError> {
    for transfer in &record.transfers {
        prop_assert!(transfer.outcome != TransferOutcome::GoesOn && transfer.ended_at.is_some(), "{transfer:?}");
    }
    prop_assert!(record.handoff.iter().all(|handoff| handoff.ended_at.is_some()), "{:?}", record.handoff);
    prop_assert!(record.supervised.iter().all(|one| one.ended_at.is_some()), "{:?}", record.supervised);
    prop_assert!(record.holds.iter().all(|hold| hold.ended_at.is_some()), "{:?}", record.holds);
    prop_assert!(record.lines.iter().all(|line| !line.waits()), "{:?}", record.lines);
    prop_assert!(record.outcome.is_some() && record.ended_by.is_some());
    Ok(())
}
