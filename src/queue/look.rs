//! What those who look ahead need to see of the engine: who talks, who rings, who waits in which order, and how
//! long talks took. Nothing here changes anything.

use super::decision::Tally;
use super::engine::Engine;
use super::line::ContactState;
use super::words::Expected;
use crate::ids::{CallId, OfferId, OperatorId, QueueId};
use crate::moment::Moment;

/// A contact that is being talked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Talk<'a> {
    pub contact: CallId,
    pub queue: &'a QueueId,
    pub since: Moment,
}

/// A phone that rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ringing {
    pub offer: OfferId,
    pub contact: CallId,
    /// Since when.
    pub at: Moment,
    pub until: Moment,
}

/// How a line is for who would join it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineNow {
    pub waiting: usize,
    pub expected: Option<Expected>,
    pub open: bool,
    /// Somebody is signed in who could serve it.
    pub served: bool,
    /// Operators who are ready and could.
    pub ready: u32,
}

/// How those stand who could be asked for a contact, while nobody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unasked {
    pub tally: Tally,
    /// Of the ready, so many failed it before and are left out.
    pub excluded: usize,
}

/// A customer who is to be called back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackNow<'a> {
    /// The visit in which they asked for it.
    pub contact: CallId,
    pub number: &'a str,
    /// Since when its place counts.
    pub since: Moment,
    pub stage: CallbackStage,
    /// The present try included.
    pub tries: u8,
    pub most_tries: u8,
    /// Who is rung for it, or kept free.
    pub operator: Option<&'a OperatorId>,
    pub expires_at: Moment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbackStage {
    /// For its turn in the line.
    Waiting,
    /// For the next try.
    Later(Moment),
    Dialling,
}

impl Engine {
    /// Those of a line who are to be called back, in order of their numbers.
    pub fn callbacks(&self, queue: &QueueId) -> impl Iterator<Item = CallbackNow<'_>> {
        let line = self.line_names.get(queue).map(|line| &self.lines[*line]);
        line.into_iter().flat_map(|line| &line.callbacks).filter_map(|(number, contact)| {
            let of = self.contacts.get(contact)?;
            let callback = of.callback.as_ref()?;
            let (stage, operator) = match &of.state {
                ContactState::Parked { until } => (CallbackStage::Later(*until), None),
                ContactState::Dialling { operator, .. } => (CallbackStage::Dialling, Some(*operator)),
                _ => (CallbackStage::Waiting, None),
            };
            let rules = self.lines[of.line].rules.callback.as_ref();
            Some(CallbackNow {
                contact: *contact,
                number,
                since: of.since,
                stage,
                tries: callback.attempts,
                most_tries: rules.map_or(callback.attempts, |rules| rules.attempts),
                operator: operator.map(|operator| &self.operator(operator).id),
                expires_at: callback.expires_at,
            })
        })
    }

    /// `None`: there is no such queue.
    pub fn line_now(&self, now: Moment, queue: &QueueId) -> Option<LineNow> {
        let line = &self.lines[*self.line_names.get(queue)?];
        let waiting = line.order.len();
        let tally = line.classes.first().map(|class| self.classes[*class].tally());
        let class = line.classes.first().map(|class| &self.classes[*class]);
        let at_once = class.is_some_and(|class| class.waiting.len() < class.ready.len());
        let foreseen = || line.pace.foreseen(now, waiting + 1);
        let expected = tally.and_then(|tally| line.pace.wait(now, waiting + 1, at_once, &tally)).or_else(foreseen);
        let served = line.classes.iter().any(|class| self.classes[*class].is_served());
        let ready = tally.map_or(0, |tally| tally.ready);
        Some(LineNow { waiting, expected, open: line.open && !line.retired, served, ready })
    }

    /// Whether somebody waits to be called back.
    pub fn has_callbacks(&self) -> bool {
        self.lines.iter().any(|line| !line.callbacks.is_empty())
    }

    /// Every talk, in order of its contact's arrival.
    pub fn talks(&self) -> impl Iterator<Item = Talk<'_>> {
        self.contacts.iter().filter_map(|(id, contact)| match contact.state {
            ContactState::Talking { since, .. } => {
                Some(Talk { contact: *id, queue: &self.lines[contact.line].id, since })
            }
            _ => None,
        })
    }

    /// Every open offer, in order.
    pub fn ringing(&self) -> impl Iterator<Item = Ringing> {
        self.offers.iter().map(|(id, offer)| Ringing {
            offer: id,
            contact: offer.contact,
            at: offer.at,
            until: offer.until,
        })
    }

    /// Callbacks whose customers are being rung, and until when.
    pub fn dialling(&self) -> impl Iterator<Item = (CallId, Moment)> {
        self.contacts.iter().filter_map(|(id, contact)| match contact.state {
            ContactState::Dialling { until, .. } => Some((*id, until)),
            _ => None,
        })
    }

    /// Everybody in a queue's line in order of place, callbacks and those for whom a phone rings included.
    pub fn in_line(&self, queue: &QueueId) -> impl Iterator<Item = CallId> {
        let line = self.line_names.get(queue).map(|line| &self.lines[*line]);
        line.into_iter().flat_map(|line| line.order.from(0)).map(|rank| rank.2)
    }

    /// The last times for which a contact of this queue kept an operator busy, talk and wrap-up (ms), oldest first;
    /// an assumed one if none is known. Empty if there is no such queue.
    pub fn handle_times(&self, queue: &QueueId) -> Vec<u32> {
        self.line_names.get(queue).map(|line| self.lines[*line].pace.handled()).unwrap_or_default()
    }

    /// How those now stand whose skills will do for a contact that waits while nobody is asked for it. `None`: somebody
    /// is, or it waits nowhere.
    pub fn unasked(&self, contact: CallId) -> Option<Unasked> {
        let contact = self.contacts.get(&contact).filter(|contact| contact.state == ContactState::Waiting)?;
        let tally = self.classes.get(contact.class)?.tally();
        Some(Unasked { tally, excluded: self.ready_and_excluded(contact) })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::queue::{Input, Need, OperatorRules, Output, QueueRules, Rules};

    #[test]
    fn why_nobody_is_asked_follows_the_operators_though_nothing_is_decided() {
        let mut engine = Engine::new();
        let mut now = Moment::from_micros(1_763_955_000_000_000);
        let mut tell = |engine: &mut Engine, input: Input| -> Vec<Output> {
            now = now + Duration::from_secs(1);
            engine.handle(now, input);
            std::iter::from_fn(|| engine.poll()).collect()
        };
        let operator = OperatorRules { seat: Some("8001".into()), ..OperatorRules::default() };
        let rules = Rules {
            queues: [("a".into(), QueueRules::plain(Need::Anyone))].into(),
            operators: [("1001".into(), operator)].into(),
            seats: ["8001".into()].into(),
            exclude_for: Duration::from_secs(60),
            ..Rules::default()
        };
        tell(&mut engine, Input::Rules { rules: Arc::new(rules) });
        tell(&mut engine, Input::Open { queue: "a".into(), open: true });
        tell(&mut engine, Input::SeatReachable { seat: "8001".into(), reachable: true });
        let join = |contact: u64| Input::Join {
            contact: CallId(contact),
            queue: "a".into(),
            caller: None,
            arrived_at: Moment::from_micros(1_763_955_000_000_000),
        };
        let said = tell(&mut engine, join(1));
        let offer = said.iter().find_map(|output| match output {
            Output::Offer { offer, .. } => Some(*offer),
            _ => None,
        });
        assert_eq!(engine.unasked(CallId(1)), None, "a phone rings for it");
        tell(&mut engine, Input::Accepted { offer: offer.expect("an offer") });
        assert_eq!(engine.unasked(CallId(1)), None, "it is talked to");
        tell(&mut engine, join(2));
        let told = |engine: &Engine| engine.unasked(CallId(2)).map(|unasked| unasked.tally.to_string());
        assert_eq!(told(&engine).as_deref(), Some("1 busy"));
        let decides = |said: &[Output]| said.iter().any(|output| matches!(output, Output::Decided(_)));
        let said = tell(&mut engine, Input::TalkEnded { contact: CallId(1) });
        assert_eq!((told(&engine).as_deref(), decides(&said)), (Some("1 in wrap-up"), false));
        let away = Input::NotReady { operator: "1001".into(), reason: "meal".into(), by: crate::queue::By::Themselves };
        tell(&mut engine, away);
        let said = tell(&mut engine, Input::EndWrapUp { operator: "1001".into() });
        assert_eq!((told(&engine).as_deref(), decides(&said)), (Some("1 not ready"), false));
        assert_eq!(engine.unasked(CallId(3)), None);
        let back = Input::Ready { operator: "1001".into(), by: crate::queue::By::Themselves };
        let said = tell(&mut engine, back.clone());
        let offer = said.iter().find_map(|output| match output {
            Output::Offer { offer, .. } => Some(*offer),
            _ => None,
        });
        let why = crate::queue::OfferFailure::Rejected;
        tell(&mut engine, Input::Failed { offer: offer.expect("an offer"), why });
        tell(&mut engine, back);
        let unasked = engine.unasked(CallId(2)).map(|unasked| (unasked.tally.to_string(), unasked.excluded));
        assert_eq!(unasked, Some(("1 ready".into(), 1)), "who refused it is not asked for it at once again");
    }
}
