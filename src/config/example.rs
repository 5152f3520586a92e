//! Examples that rules carry: each is run by the engine itself, in virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use crate::ids::{CallId, OperatorId, QueueId, SeatId, Skill};
use crate::moment::Moment;
use crate::queue::{Engine, Exit, Input, JoinRefusal, LeftLine, Level, OperatorRules, Output, QueueRules, Rules};

/// When the caller of an example comes; others may have come up to a day before.
const COMES_AT: Moment = Moment::from_micros(7 * 24 * 3600 * 1_000_000);
const NOBODY: &str = "nobody is signed in who could ever serve them";

/// A caller has waited `after` when these operators become free, all at once. What happens?
#[derive(Clone, Debug)]
pub struct Example {
    pub queue: QueueId,
    /// The longest idle first. Until then they are signed in and not ready.
    pub operators: Vec<(String, BTreeMap<Skill, Level>)>,
    /// Others, and how much earlier they came.
    pub waiting: Vec<(QueueId, Duration)>,
    pub after: Duration,
    pub expected: Expected,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// These phones ring, whichever first; none: the caller waits on, in this queue.
    Asks(BTreeSet<String>),
    GoesTo(Exit),
}

/// Runs an example. `Err` says what was expected and what the engine did.
pub fn run(rules: &Rules, example: &Example) -> Result<(), String> {
    let stage = Stage::play(rules, example);
    let (asked, told) = (stage.asked(), &stage.told);
    let waits_in = |queue: &QueueId| told.left.is_none() && told.queue.as_ref() == Some(queue);
    let as_expected = match &example.expected {
        Expected::Asks(names) if names.is_empty() => asked.is_empty() && waits_in(&example.queue),
        Expected::Asks(names) => asked == *names,
        Expected::GoesTo(Exit::Queue(queue)) => waits_in(queue),
        Expected::GoesTo(exit) => matches!(&told.left, Some((_, Some(to))) if to == exit),
    };
    if as_expected {
        return Ok(());
    }
    let expected = match &example.expected {
        Expected::Asks(names) => format!("{} to be asked", people(names)),
        Expected::GoesTo(exit) => format!("the caller {}", goes("to go to", "to leave", exit)),
    };
    Err(format!("expected {expected}; {}", stage.story(&asked)))
}

/// The engine with everything an example needs, and what it said.
struct Stage<'a> {
    example: &'a Example,
    rules: Rules,
    engine: Engine,
    /// The caller it is about: the last to come.
    caller: CallId,
    told: Told,
}

/// What the engine said of the caller, and whom it asked for whom.
#[derive(Default)]
struct Told {
    /// Where the caller waits, and the step in force.
    queue: Option<QueueId>,
    step: usize,
    /// Why the caller waits no longer, and where they are sent.
    left: Option<(&'static str, Option<Exit>)>,
    offers: Vec<(CallId, OperatorId)>,
}

impl<'a> Stage<'a> {
    /// Operators become free together by new rules. Until then others with the same skills hold their places, so
    /// that the caller is not taken for one whom nobody can serve.
    fn play(rules: &Rules, example: &'a Example) -> Self {
        let count = example.operators.len();
        let mut stage = Stage {
            example,
            rules: Rules {
                version: rules.version,
                queues: queues_within_reach(rules, example),
                seats: (0..count).flat_map(|index| [seat(index), spare_seat(index)]).collect(),
                exclude_for: rules.exclude_for,
                phone_grace: rules.phone_grace,
                redial_within: rules.redial_within,
                ..Rules::default()
            },
            engine: Engine::new(),
            caller: CallId(example.waiting.len() as u64 + 1),
            told: Told::default(),
        };
        let early = Moment::default();
        stage.staff(early, |index| (stand_in(index), None));
        for index in 0..count {
            for seat in [seat(index), spare_seat(index)] {
                stage.input(early, Input::SeatReachable { seat, reachable: true });
            }
            stage.input(early, Input::SignIn { operator: stand_in(index), seat: spare_seat(index) });
        }
        let mut comers: Vec<(Moment, &QueueId)> =
            example.waiting.iter().map(|(queue, longer)| (COMES_AT - *longer, queue)).collect();
        comers.sort_by_key(|(at, _)| *at);
        comers.push((COMES_AT, &example.queue));
        for (number, (at, queue)) in (1..).zip(comers) {
            let (contact, queue) = (CallId(number), queue.clone());
            stage.input(at, Input::Join { contact, queue, caller: None, arrived_at: at });
        }
        stage.staff(COMES_AT + example.after, |index| (operator(index), Some(seat(index))));
        stage
    }

    /// New rules, with these operators and no others.
    fn staff(&mut self, at: Moment, named: impl Fn(usize) -> (OperatorId, Option<SeatId>)) {
        let of = |(index, (_, skills)): (usize, &(String, BTreeMap<Skill, Level>))| {
            let (id, seat) = named(index);
            (id, OperatorRules { skills: skills.clone(), seat, weight: 1, ..OperatorRules::default() })
        };
        self.rules.operators = self.example.operators.iter().enumerate().map(of).collect();
        self.input(at, Input::Rules { rules: Arc::new(self.rules.clone()) });
    }

    fn input(&mut self, at: Moment, input: Input) {
        self.engine.handle(at, input);
        while let Some(output) = self.engine.poll() {
            self.told.hear(self.caller, output);
        }
    }

    fn asked(&self) -> BTreeSet<String> {
        let operators = self.example.operators.iter().enumerate();
        operators
            .filter(|(index, _)| self.told.asked_for(*index) == Some(self.caller))
            .map(|(_, (name, _))| name.clone())
            .collect()
    }

    /// What the engine did, and how everybody stood.
    fn story(&self, asked: &BTreeSet<String>) -> String {
        if let Some((why, exit)) = &self.told.left {
            let to = match exit {
                Some(exit) => goes("goes to", "leaves", exit),
                None => "hears that it is not possible".into(),
            };
            return format!("the caller {to}, because {why}");
        }
        let mut story = match &self.told.queue {
            Some(queue) if *queue != self.example.queue => {
                format!("the caller goes to the queue {queue}, and {} is asked there", people(asked))
            }
            _ => format!("the engine asks {}", people(asked)),
        };
        let Some(queue) = self.told.queue.as_ref().and_then(|queue| self.rules.queues.get(queue)) else { return story };
        let (need, prefer) = queue.at_step(self.told.step);
        let stand = |(index, (name, skills)): (usize, &(String, BTreeMap<Skill, Level>))| {
            let weight: i32 = prefer.iter().filter(|p| p.need.is_met_by(skills)).map(|p| p.weight).sum();
            let stands = match self.told.asked_for(index) {
                Some(contact) if contact != self.caller => "is asked for somebody who came earlier".into(),
                _ if !need.is_met_by(skills) => "will not do".into(),
                _ if prefer.is_empty() => "will do".into(),
                _ => format!("will do, preferred with {weight}"),
            };
            format!("{name} {stands}")
        };
        let stands: Vec<String> = self.example.operators.iter().enumerate().map(stand).collect();
        let in_force = match self.told.step {
            0 => format!("the need is {need}"),
            step => format!("step {step} is in force: {need}"),
        };
        let _ = write!(story, " ({})", [vec![in_force], stands].concat().join("; "));
        story
    }
}

impl Told {
    /// For whom the phone of an operator rings.
    fn asked_for(&self, index: usize) -> Option<CallId> {
        self.offers.iter().find(|(_, asked)| *asked == operator(index)).map(|(contact, _)| *contact)
    }

    fn hear(&mut self, caller: CallId, output: Output) {
        match output {
            Output::Offer { contact, operator, .. } => self.offers.push((contact, operator)),
            Output::Joined { contact, queue, .. } if contact == caller => self.queue = Some(queue),
            Output::Moved { contact, to, .. } if contact == caller => (self.queue, self.step) = (Some(to), 0),
            Output::Relaxed { contact, step, .. } if contact == caller => self.step = step,
            Output::Refused { contact, why, exit, .. } if contact == caller => {
                let why = match why {
                    JoinRefusal::Full => "the line is full",
                    JoinRefusal::Nobody => NOBODY,
                    JoinRefusal::Closed => "the line is closed",
                    JoinRefusal::UnknownQueue | JoinRefusal::Twice => "there is no such line",
                };
                self.left = Some((why, exit));
            }
            Output::Left { contact, why, exit, .. } if contact == caller => {
                let why = match why {
                    LeftLine::TooLong => "the longest wait is over",
                    LeftLine::Nobody => NOBODY,
                    LeftLine::CallerGone
                    | LeftLine::Key(_)
                    | LeftLine::Supervisor
                    | LeftLine::Withdrawn
                    | LeftLine::Restarted => "they left",
                };
                self.left = Some((why, exit));
            }
            _ => {}
        }
    }
}

/// The queues that the callers of an example can come into.
fn queues_within_reach(rules: &Rules, example: &Example) -> BTreeMap<QueueId, QueueRules> {
    let mut reached = BTreeMap::new();
    let mut open: Vec<&QueueId> = example.waiting.iter().map(|(queue, _)| queue).chain([&example.queue]).collect();
    while let Some(queue) = open.pop() {
        if let Some(of) = rules.queues.get(queue)
            && reached.insert(queue.clone(), of.clone()).is_none()
        {
            open.extend(of.sends_to());
        }
    }
    reached
}

/// Names by which ties are broken as the example has it: the first is the longest idle.
fn operator(index: usize) -> OperatorId {
    format!("{index:06}").into()
}

fn stand_in(index: usize) -> OperatorId {
    format!("{index:06} away").into()
}

fn seat(index: usize) -> SeatId {
    format!("{index:06}").into()
}

fn spare_seat(index: usize) -> SeatId {
    format!("{index:06} spare").into()
}

fn people(names: &BTreeSet<String>) -> String {
    if names.is_empty() { "nobody".into() } else { names.iter().cloned().collect::<Vec<_>>().join(" and ") }
}

fn goes(goes: &str, leaves: &str, exit: &Exit) -> String {
    match exit {
        Exit::Queue(queue) => format!("{goes} the queue {queue}"),
        Exit::Number(number) => format!("{goes} the number {number}"),
        Exit::Message => format!("{leaves} a message"),
        Exit::Callback => format!("{leaves} for a callback"),
    }
}
