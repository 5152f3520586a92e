//! Where theory applies, the simulator agrees with it; the same seed gives the same day.

use std::time::Duration;

use crate::erlang::{Load, Prospect, with_abandonment, without_abandonment};
use crate::forecast::{Estimate, Figures, Steady, trial};

const T: Duration = Duration::from_secs(15);
/// Two families of runs, each with an interval of its own.
const SEEDS: [std::ops::Range<u64>; 2] = [100..108, 200..208];

fn steady(load: Load, patience: Option<Duration>, operators: u32, within: Duration) -> Steady {
    Steady { lasts: Duration::from_secs(2 * 3600), ..Steady::of(load, patience, operators, within) }
}

fn run(steady: &Steady, seed: u64) -> Figures {
    let figures = trial(&steady.staff(), seed, |rng| steady.draw(rng), |_| {});
    assert!(figures.all.are_conserved(), "seed {seed}: {:?}", figures.all);
    assert_eq!(figures.unexplained, 0, "seed {seed}");
    figures
}

fn agrees(steady: &Steady, theory: Prospect) {
    for seeds in SEEDS {
        println!("seeds {seeds:?}");
        let runs: Vec<Figures> = seeds.map(|seed| run(steady, seed)).collect();
        let check = |what: &str, found: &dyn Fn(&Figures) -> Option<f64>, expected: f64| {
            let values: Vec<f64> = runs.iter().filter_map(found).collect();
            let estimate = Estimate::of(&values).unwrap();
            let half = estimate.half_width.unwrap();
            println!("{what}: {:.4} ± {half:.4}, theory {expected:.4}", estimate.mean);
            assert!((estimate.mean - expected).abs() <= half, "{what}: {values:?}, theory {expected}");
            assert!(half < 0.2 * expected.max(0.05), "{what}: {half} is too wide an interval to prove anything");
        };
        check("service level", &|f| f.all.service_level(), theory.service_level);
        check("occupancy", &|f| f.time.occupancy(), theory.occupancy);
        if theory.abandonment > 0.0 {
            check("abandonment", &|f| f.all.abandonment(), theory.abandonment);
        }
    }
}

fn load() -> Load {
    Load { calls_per_hour: 900.0, handle_time: Duration::from_secs(60) }
}

#[test]
fn one_pool_of_endless_patience_is_erlang_c() {
    agrees(&steady(load(), None, 18, T), without_abandonment(18, load(), T));
}

#[test]
fn one_pool_of_impatient_callers_is_erlang_a() {
    let patience = Duration::from_secs(60);
    agrees(&steady(load(), Some(patience), 15, T), with_abandonment(15, load(), patience, T));
}

#[test]
fn the_same_seed_gives_the_same_figures_and_another_gives_others() {
    let played = steady(load(), Some(Duration::from_secs(60)), 15, T);
    assert_eq!(run(&played, 7), run(&played, 7));
    assert_ne!(run(&played, 7), run(&played, 8));
}

#[test]
fn pools_that_share_nothing_serve_worse() {
    let pooled = steady(load(), None, 20, T);
    let apart = Steady { pools: 5, operators: 4, ..pooled.clone() };
    let level = |steady: &Steady| run(steady, 1).all.service_level().unwrap();
    let (pooled, apart) = (level(&pooled), level(&apart));
    assert!(pooled > apart + 0.1, "{pooled} pooled, {apart} apart");
}
