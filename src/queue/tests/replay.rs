//! The same inputs give the same outputs: replayed, from a checkpoint, and woken at other times.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::ids::{CallId, OfferId, OperatorId, SeatId};
use crate::moment::Moment;
use crate::queue::tests::laws::Laws;
use crate::queue::*;

/// Inputs without sense or order, from few names so that they meet.
fn nonsense(rng: &mut StdRng) -> Input {
    let operator = OperatorId::from(["anna", "boris", "chen", "nobody"][rng.random_range(0..4)]);
    let seat = SeatId::from(["1", "2", "3", "9"][rng.random_range(0..4)]);
    let contact = CallId(rng.random_range(1..12));
    let offer = OfferId(rng.random_range(1..60));
    match rng.random_range(0..24) {
        0..=4 => Input::Join {
            contact,
            queue: ["a", "b", "x"][rng.random_range(0..3)].into(),
            arrived_at: Moment::default(),
        },
        5 => Input::Leave { contact },
        6..=9 => Input::Accepted { offer },
        10..=11 => {
            use OfferFailure::{Busy, NoAnswer, Rejected, Unreachable};
            Input::Failed { offer, why: [NoAnswer, Rejected, Busy, Unreachable][rng.random_range(0..4)] }
        }
        12..=13 => Input::TalkEnded { contact },
        14 => Input::Held { contact, held: rng.random() },
        15..=16 => Input::SeatReachable { seat, reachable: rng.random_bool(0.8) },
        17 => Input::SignIn { operator, seat },
        18 => Input::SignOut { operator },
        19..=20 => Input::Ready { operator },
        21 => Input::NotReady { operator, reason: "meal".into() },
        22 => Input::EndWrapUp { operator },
        _ => match rng.random_range(0..20) {
            0 => Input::Restarted,
            1..=2 => Input::Rules { rules: rules(rng) },
            3..=6 => Input::Open { queue: "a".into(), open: rng.random_bool(0.7) },
            _ => Input::Outbound { operator, busy: rng.random() },
        },
    }
}

fn rules(rng: &mut StdRng) -> Rules {
    let queue = |need: &str, rng: &mut StdRng| QueueRules {
        need: parse_need(need).unwrap(),
        ring: Duration::from_secs(rng.random_range(1..20)),
        wrap_up: Duration::from_secs(rng.random_range(0..10)),
        max_waiting: 5,
        max_wait: rng.random_bool(0.5).then_some(Duration::from_secs(30)),
        answer_within: Duration::from_secs(15),
    };
    let operators = [("anna", "1", 5), ("boris", "2", 2), ("chen", "", 9)];
    let chosen: Vec<_> = operators.iter().filter(|_| rng.random_bool(0.8)).collect();
    Rules {
        queues: [("a".into(), queue("skill", rng)), ("b".into(), queue("skill >= 3", rng))].into(),
        operators: chosen
            .iter()
            .map(|(id, seat, level)| {
                let seat = (!seat.is_empty()).then(|| SeatId::from(*seat));
                (
                    OperatorId::from(*id),
                    OperatorRules { name: String::new(), skills: [("skill".into(), *level)].into(), seat },
                )
            })
            .collect(),
        seats: vec!["1".into(), "2".into(), "3".into()],
        exclude_for: Duration::from_secs(8),
        reasons: Vec::new(),
    }
}

fn outputs(engine: &mut Engine) -> Vec<Output> {
    std::iter::from_fn(|| engine.poll()).collect()
}

#[test]
fn nonsense_breaks_no_law_and_replays_alike() {
    for seed in 0..150 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut log = vec![(Moment::from_micros(1), Input::Rules { rules: rules(&mut rng) })];
        let mut at = Moment::from_micros(1);
        for _ in 0..600 {
            at = at + Duration::from_millis(rng.random_range(0..3000));
            log.push((at, nonsense(&mut rng)));
        }
        println!("seed {seed}");
        let mut engine = Engine::new();
        let mut laws = Laws::default();
        let mut said = Vec::new();
        let mut checkpoint = None;
        for (number, (at, input)) in log.iter().enumerate() {
            // The live house is woken by its timers, and at moments when nothing is due.
            if rng.random_bool(0.5) {
                while engine.next_deadline().is_some_and(|(due, _)| due <= *at) {
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
