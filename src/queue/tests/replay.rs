//! The same inputs give the same outputs: replayed, from a checkpoint, and woken at other times.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::ids::{CallId, OfferId, OperatorId, QueueId, SeatId};
use crate::moment::Moment;
use crate::queue::tests::laws::Laws;
use crate::queue::*;

/// Inputs without sense or order, from few names so that they meet.
pub(super) fn nonsense(rng: &mut StdRng) -> Input {
    let operator = OperatorId::from(["anna", "boris", "chen", "nobody"][rng.random_range(0..4)]);
    let seat = SeatId::from(["1", "2", "3", "9"][rng.random_range(0..4)]);
    let contact = CallId(rng.random_range(1..12));
    let offer = OfferId(rng.random_range(1..60));
    let by = if rng.random_bool(0.2) { By::Supervisor("lead".into()) } else { By::Themselves };
    match rng.random_range(0..30) {
        4 => {
            let queue = ["a", "b", "x"][rng.random_range(0..3)].into();
            Input::Return { contact, queue, caller: None, failed_by: rng.random_bool(0.5).then_some(operator) }
        }
        0..=3 => Input::Join {
            contact,
            queue: ["a", "b", "x"][rng.random_range(0..3)].into(),
            caller: rng.random_bool(0.7).then(|| ["138", "139", "137"][rng.random_range(0..3)].into()),
            arrived_at: Moment::default(),
        },
        5 if rng.random_bool(0.1) => Input::Cut { contact },
        5 => Input::Leave { contact },
        6..=9 => Input::Accepted { offer },
        10..=11 => {
            use OfferFailure::{Busy, NoAnswer, Rejected, Unreachable};
            Input::Failed { offer, why: [NoAnswer, Rejected, Busy, Unreachable][rng.random_range(0..4)] }
        }
        12 => Input::TalkEnded { contact },
        13 => {
            let queue: QueueId = ["a", "b", "x"][rng.random_range(0..3)].into();
            match rng.random_range(0..6) {
                0 => Input::OperatorLost { contact },
                1 => Input::PassedOn { contact, queue, caller: None, since: Moment::default() },
                2 => Input::Move { contact, queue, by },
                _ => Input::HandedOver { contact, queue, to: operator, caller: None, instead_of: None },
            }
        }
        14 => Input::Held { contact, held: rng.random() },
        15..=16 => Input::SeatReachable { seat, reachable: rng.random_bool(0.8) },
        17 => Input::SignIn { operator, seat },
        18 => Input::SignOut { operator, by },
        19..=20 => Input::Ready { operator, by },
        21 => Input::NotReady { operator, reason: "meal".into(), by },
        22 => Input::EndWrapUp { operator },
        23..=25 => Input::Key { contact, key: ['1', '2', '3', '4', '9'][rng.random_range(0..5)] },
        26 => Input::Reached { contact, call: CallId(rng.random_range(100..100_000)) },
        27 => Input::NotReached { contact, why: NotReached::Busy },
        28 => match rng.random_range(0..3) {
            0 => Input::ExtendWrapUp { operator, more: Duration::from_secs(rng.random_range(0..20)) },
            _ => {
                let wait = |ms: u64| Expected { median_ms: ms, p80_ms: ms * 2 };
                let waits = ExpectedWaits(vec![(1, wait(rng.random_range(0..9000))), (5, wait(20_000))]);
                Input::Expected { lines: [("a".into(), waits)].into() }
            }
        },
        _ => match rng.random_range(0..20) {
            0 if rng.random() => Input::RestartedAfter { alive_at: Moment::default() },
            0 => Input::Restarted,
            1..=2 => Input::Rules { rules: Arc::new(rules(rng)) },
            3..=6 => Input::Open { queue: "a".into(), open: rng.random_bool(0.7) },
            _ => Input::Outbound { operator, busy: rng.random() },
        },
    }
}

pub(super) fn rules(rng: &mut StdRng) -> Rules {
    let seconds = |rng: &mut StdRng, most: u64| Duration::from_secs(rng.random_range(0..most));
    let queue = |need: &str, other: &str, rng: &mut StdRng| {
        let step = |need: &str, rng: &mut StdRng| Step {
            after: rng.random_bool(0.5).then(|| Duration::from_secs(rng.random_range(1..20))),
            expected_wait: rng.random_bool(0.5).then(|| Duration::from_secs(rng.random_range(1..20))),
            nobody: rng.random_bool(0.5),
            need: parse_need(need).unwrap(),
            prefer: None,
        };
        let exit = |rng: &mut StdRng| match rng.random_range(0..5) {
            0 => Some(Exit::Queue(other.into())),
            1 => Some(Exit::Number("110".into())),
            2 => Some(Exit::Message),
            _ => None,
        };
        use Choose::*;
        let choices = [LongestIdle, LeastOccupied, MostSkilled, LeastSkilled, RoundRobin, FewestCalls, Weighted];
        QueueRules {
            prefer: vec![Preference { need: parse_need("skill >= 8").unwrap(), weight: rng.random_range(-5..5) }],
            steps: if rng.random() { vec![step("skill >= 2", rng), step("anyone", rng)] } else { Vec::new() },
            choose: choices[rng.random_range(0..choices.len())],
            ring_at_once: rng.random_range(1..4),
            ring: Duration::from_secs(rng.random_range(1..20)),
            wrap_up: seconds(rng, 10),
            wrap_up_max: seconds(rng, 30),
            priority: seconds(rng, 40),
            emergency: rng.random_bool(0.1),
            ageing: rng.random_bool(0.3).then(|| Ageing { every: Duration::from_secs(5), boost: seconds(rng, 9) }),
            put_back_boost: seconds(rng, 20),
            preferred_for: if rng.random() { seconds(rng, 20) } else { Duration::ZERO },
            max_waiting: 5,
            max_wait: rng.random_bool(0.5).then_some(Duration::from_secs(30)),
            if_too_long: exit(rng),
            if_full: exit(rng),
            if_closed: exit(rng),
            if_nobody: exit(rng),
            keys: [
                ('1', Exit::Callback),
                ('2', Exit::Queue(other.into())),
                ('3', Exit::Message),
                ('4', Exit::Number("120".into())),
            ]
            .into(),
            callback: rng.random_bool(0.8).then(|| CallbackRules {
                first: if rng.random() { CallbackFirst::Customer } else { CallbackFirst::Operator },
                max_waiting: 3,
                ring: Duration::from_secs(rng.random_range(1..20)),
                first_after: Duration::from_secs(3),
                attempts: rng.random_range(1..4),
                retry: seconds(rng, 20),
                expires: Duration::from_secs(rng.random_range(20..200)),
            }),
            ..QueueRules::plain(parse_need(need).unwrap())
        }
    };
    let operators = [("anna", "1", 5), ("boris", "2", 2), ("chen", "", 9)];
    let chosen: Vec<_> = operators.iter().filter(|_| rng.random_bool(0.8)).collect();
    Rules {
        version: rng.random(),
        formerly: Default::default(),
        queues: [("a".into(), queue("skill", "b", rng)), ("b".into(), queue("skill >= 3", "a", rng))].into(),
        operators: chosen
            .iter()
            .map(|(id, seat, level)| {
                let seat = (!seat.is_empty()).then(|| SeatId::from(*seat));
                (
                    OperatorId::from(*id),
                    OperatorRules { skills: [("skill".into(), *level)].into(), seat, ..OperatorRules::default() },
                )
            })
            .collect(),
        seats: ["1".into(), "2".into(), "3".into()].into(),
        exclude_for: Duration::from_secs(8),
        phone_grace: Duration::from_secs(6),
        most_busy: 0,
        redial_within: Duration::from_secs(20),
        reasons: Vec::new(),
    }
}

fn outputs(engine: &mut Engine) -> Vec<Output> {
    std::iter::from_fn(|| engine.poll()).collect()
}

#[test]
fn nonsense_breaks_no_law_and_replays_alike() {
    for seed in 0..200 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut log = vec![(Moment::from_micros(1), Input::Rules { rules: Arc::new(rules(&mut rng)) })];
        let mut at = Moment::from_micros(1);
        for _ in 0..600 {
            at = at + Duration::from_millis(rng.random_range(0..3000));
            log.push((at, nonsense(&mut rng)));
        }
        println!("seed {seed}");
        let mut engine = Engine::new();
        let mut laws = Laws::default();
        laws.several = true;
        let mut said = Vec::new();
        let mut checkpoint = None;
        for (number, (at, input)) in log.iter().enumerate() {
            // The live house is woken by its timers, and at moments when nothing is due.
            if rng.random_bool(0.5) {
                let by = input.due_by(*at);
                while engine.next_deadline().is_some_and(|(due, _)| due <= by) {
                    engine.handle_deadline(engine.next_deadline().unwrap().0);
                }
            }
            assert_eq!(engine.handle(*at, input.clone()), number as u64 + 1);
            for output in outputs(&mut engine) {
                laws.saw(&output);
                said.push(output);
            }
            laws.check(&engine);
            if number == 300 {
                checkpoint = Some((serde_json::to_string(&engine).unwrap(), said.len()));
            }
        }
        let mut replayed = Engine::new();
        let again: Vec<Output> = log
            .iter()
            .flat_map(|(at, input)| {
                replayed.handle(*at, input.clone());
                outputs(&mut replayed)
            })
            .collect();
        assert_eq!(again, said);
        assert_eq!(replayed, engine);
        let (state, from) = checkpoint.unwrap();
        let mut resumed: Engine = serde_json::from_str(&state).unwrap();
        let rest: Vec<Output> = log[301..]
            .iter()
            .flat_map(|(at, input)| {
                resumed.handle(*at, input.clone());
                outputs(&mut resumed)
            })
            .collect();
        assert_eq!(rest, said[from..]);
        assert_eq!(resumed, engine);
    }
}

#[test]
fn an_input_survives_being_written() {
    let mut rng = StdRng::seed_from_u64(7);
    for _ in 0..500 {
        let input = nonsense(&mut rng);
        let text = serde_json::to_string(&input).unwrap();
        assert_eq!(serde_json::from_str::<Input>(&text).unwrap(), input);
    }
}
