//! Days from files: what the shipped one means, what is wrong in others, and a day played from end to end.

use std::path::PathBuf;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::forecast::{Fates, Figures, Plan, Staff, trial};
use crate::moment::Moment;
use crate::queue::{CallbackFirst, CallbackRules, Exit, Need, QueueRules, Rules, Step, parse_need};

const MIDNIGHT: Moment = Moment::from_micros(1_800_000_000_000_000);

fn shipped() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts/days/beijing.toml")
}

fn read(text: &str) -> Result<Plan, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("day.toml");
    std::fs::write(&path, text).unwrap();
    let dir = format!("{}/", dir.path().display());
    Plan::read(&path).map_err(|faults| faults.iter().map(|fault| format!("{fault}\n").replace(&dir, "")).collect())
}

#[test]
fn the_shipped_day_is_the_default_day() {
    let shipped = Plan::read(&shipped()).unwrap();
    assert_eq!(shipped.queues.len(), 2);
    assert_eq!(Plan { queues: Vec::new(), ..shipped.clone() }, Plan::default());
    assert_eq!(shipped.calls_by_hour.iter().sum::<f64>(), 70_000.0);
    assert!(shipped.calls_by_hour[..16].iter().sum::<f64>() > 50_000.0);
    assert_eq!(shipped.needs(), (1700, 750));
    assert_eq!(read("").unwrap(), Plan::default());
}

#[test]
fn faults_of_a_day_have_their_places() {
    let table = [
        ("calls = 3\n", "day.toml:1:1: fault: calls: unknown key"),
        ("calls_by_hour = [1, 2]\n", "day.toml:1:17: fault: calls_by_hour: found 2 numbers; one for each of the 24"),
        ("\npatience = { mean = \"180\" }\n", "day.toml:2:21: fault: patience.mean: found 180; a time needs a unit"),
        ("misses = 2.0\n", "day.toml:1:10: fault: misses: found 2; a share is from 0 to 1"),
        ("[[shift]]\noperators = 1\nfrom = \"25:00\"\nuntil = \"8:00\"\n", "day.toml:3:8: fault: shift.from: found"),
        ("[[shift]]\noperators = 1\nfrom = \"5:00\"\nuntil = \"8:00\"\nx = 1\n", "fault: shift"),
        ("talk = { mean = \"60s\", cv = 1.0 }\n", "day.toml:1:29: fault: talk.cv: only a lognormal time has one"),
        ("[queues]\na = 0\n", "fault: queues: nobody calls any queue"),
    ];
    for (text, expected) in table {
        let found = read(text).expect_err(text);
        assert!(found.contains(expected), "{text}\nfound {found}expected {expected}");
    }
}

/// Two queues, callbacks, a longest wait, and too few seats for the change of shifts.
fn small() -> (Plan, Rules) {
    let plan = read(
        "calls_by_hour = [0, 0, 0, 0, 0, 0, 0, 0, 90, 120, 120, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
         talk = { law = \"lognormal\", mean = \"240s\", cv = 0.8 }
         misses = 0.05
         seats = 9
         queues = { general = 3, english = 1 }
         [[shift]]
         operators = 7
         from = \"07:50\"
         until = \"10:00\"
         breaks = [{ after = \"30m\", spread = \"60m\", lasts = \"10m\", reason = \"break\" }]
         [[shift]]
         operators = 6
         from = \"09:50\"
         until = \"13:00\"",
    )
    .unwrap();
    let callback = CallbackRules {
        first: CallbackFirst::Customer,
        max_waiting: 100,
        ring: Duration::from_secs(30),
        first_after: Duration::ZERO,
        attempts: 2,
        retry: Duration::from_secs(120),
        expires: Duration::from_secs(3600),
    };
    let queue = |need: &str| QueueRules {
        max_wait: Some(Duration::from_secs(400)),
        if_too_long: Some(Exit::Number("110".into())),
        keys: [('3', Exit::Callback)].into(),
        callback: Some(callback.clone()),
        ..QueueRules::plain(parse_need(need).unwrap())
    };
    let mut rules = Rules {
        queues: [("general".into(), queue("zh")), ("english".into(), queue("en"))].into(),
        exclude_for: Duration::from_secs(30),
        redial_within: Duration::from_secs(60),
        ..Rules::default()
    };
    for (id, skills) in [("a", &["zh"][..]), ("b", &["zh"]), ("c", &["zh", "en"])] {
        let operator = rules.operators.entry(id.into()).or_default();
        operator.skills = skills.iter().map(|skill| ((*skill).into(), 5)).collect();
    }
    (plan, rules)
}

#[test]
fn a_day_with_everything_in_it_is_conserved_and_repeatable() {
    let (plan, rules) = small();
    let (operators, seats) = plan.needs();
    let staff = Staff::of(&rules, &Default::default(), operators, seats);
    assert_eq!((staff.added_operators, staff.added_seats), (10, 9));
    let run = |seed| trial(&staff, seed, |rng| plan.draw(MIDNIGHT, &staff, rng), |_| {});
    let mut sum = (0, 0, 0, 0, 0);
    for seed in 1..=3 {
        let figures = run(seed);
        println!("seed {seed}: {:?} rona {} seatless {}", figures.all, figures.rona, figures.seatless);
        assert!(figures.all.are_conserved(), "seed {seed}: {:?}", figures.all);
        assert!(figures.queues.values().all(|fates| fates.are_conserved()), "seed {seed}");
        assert_eq!(figures.queues.values().map(|fates| fates.offered).sum::<u64>(), figures.all.offered);
        let of_quarters =
            |of: fn(&Fates) -> u64| figures.quarters.values().map(|quarter| of(&quarter.fates)).sum::<u64>();
        assert_eq!(of_quarters(|fates| fates.offered), figures.all.offered);
        assert_eq!(of_quarters(|fates| fates.within), figures.all.within);
        assert!(figures.quarters.keys().all(|number| (8 * 4..13 * 4).contains(number)), "they call from eight on");
        let longest = figures.quarters.values().map(|quarter| quarter.longest).max();
        assert!(longest >= figures.waits.iter().max().copied(), "who gave up has waited too");
        assert_eq!(figures.unexplained, 0, "seed {seed}");
        assert_eq!(figures, run(seed), "seed {seed} twice");
        assert!(figures.time.busy > 0 && figures.time.busy <= figures.time.staffed);
        assert!(figures.skills["en"].staffed < figures.skills["zh"].staffed);
        let all = figures.all;
        sum.0 += all.callback;
        sum.1 += all.overflowed;
        sum.2 += figures.seatless;
        sum.3 += figures.rona;
        sum.4 += figures.called_back;
        assert!(all.answered > 200 && all.abandoned > 0, "seed {seed}: {all:?}");
    }
    assert!(sum.0 > 0 && sum.1 > 0 && sum.2 > 0 && sum.3 > 0 && sum.4 > 0, "not everything happened: {sum:?}");
}

#[test]
fn calls_come_at_the_rate_of_their_hour_and_shifts_go_over_midnight() {
    let plan = Plan::default();
    let staff = Staff::of(&small().1, &Default::default(), 0, 0);
    let day = plan.draw(MIDNIGHT, &staff, &mut StdRng::seed_from_u64(1));
    let mut by_hour = [0_u32; 24];
    for visit in &day.visits {
        by_hour[(visit.at.since(MIDNIGHT).as_secs() / 3600) as usize] += 1;
    }
    for (found, expected) in by_hour.iter().zip(plan.calls_by_hour) {
        // Five standard deviations.
        assert!((f64::from(*found) - expected).abs() < 5.0 * expected.sqrt(), "{found} of {expected}");
    }
    assert!(day.visits.is_sorted_by_key(|visit| visit.at));
    let at_work = |minutes: u64| {
        let at = MIDNIGHT + Duration::from_secs(minutes * 60);
        day.shifts.iter().filter(|shift| shift.from <= at && at < shift.until).count()
    };
    assert_eq!([60, 12 * 60, 23 * 60 + 30].map(at_work), [80, 720, 180]);
}

/// English callers wait for few; from twenty seconds foreseen on anybody will do.
#[test]
fn a_step_on_the_expected_wait_is_taken_when_the_run_ahead_says_so() {
    let (plan, rules) = small();
    let mut relaxed = rules.clone();
    relaxed.queues.get_mut("english").unwrap().steps = vec![Step {
        after: None,
        expected_wait: Some(Duration::from_secs(20)),
        nobody: false,
        need: Need::Anyone,
        prefer: None,
    }];
    let run = |rules: &Rules| {
        let (operators, seats) = plan.needs();
        let staff = Staff::of(rules, &Default::default(), operators, seats);
        trial(&staff, 7, |rng| plan.draw(MIDNIGHT, &staff, rng), |_| {})
    };
    let (before, after) = (run(&rules), run(&relaxed));
    let in_time = |figures: &Figures| figures.queues["english"].within;
    assert!(in_time(&after) > in_time(&before), "{} and {}", in_time(&after), in_time(&before));
    assert_eq!(after, run(&relaxed), "looking ahead is as repeatable as the rest");
}
