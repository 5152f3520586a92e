//! Bytes that nobody would send, given to everything that reads bytes from outside: for a moment in every run of the
//! tests, for hours by `scripts/fuzz`. What breaks something is kept in `tests/fuzz/`, and tried first from then on.
//!
//! No instrumentation: what a target makes of its input is told as a number, and inputs that bring a new one are changed
//! further.

mod mutate;
mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

use targets::TARGETS;

/// Inputs that are kept to be changed further.
const MAX_POOL: usize = 4_000;
/// No input is longer: a datagram is not.
const LONGEST: usize = 65_535;

/// Something that reads bytes from outside.
struct Target {
    name: &'static str,
    /// Gives it the bytes; what it made of them as a number. Panics if something does not hold.
    run: fn(&[u8]) -> u64,
    seeds: fn() -> Vec<Vec<u8>>,
    /// Words of its language.
    words: &'static [&'static str],
    /// Inputs in a run of the tests: a second or two.
    brief: usize,
}

/// How long it is tried.
enum Until {
    Inputs(usize),
    Time(Duration),
}

fn folder(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(target.name)
}

/// The target's own seeds, and what broke something once.
fn seeds(target: &Target) -> Vec<Vec<u8>> {
    let kept = fs::read_dir(folder(target)).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = kept.map(|entry| entry.path()).collect();
    files.sort();
    (target.seeds)().into_iter().chain(files.iter().filter_map(|path| fs::read(path).ok())).collect()
}

/// Runs one input; what breaks something is written down.
fn run(target: &Target, bytes: &[u8]) -> u64 {
    catch_unwind(AssertUnwindSafe(|| (target.run)(bytes))).unwrap_or_else(|_| {
        let name: String = Sha256::digest(bytes)[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        let path = folder(target).join(name);
        let written = fs::create_dir_all(folder(target)).and_then(|()| fs::write(&path, bytes));
        panic!("{} breaks with {} ({written:?}):\n{}", target.name, path.display(), bytes.escape_ascii());
    })
}

/// How many inputs were tried, and how many are worth changing.
#[expect(clippy::disallowed_methods, reason = "it runs for hours of the clock")]
fn fuzz(target: &Target, until: &Until, seed: u64) -> (usize, usize) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut pool = seeds(target);
    let mut outcomes: BTreeSet<u64> = pool.iter().map(|bytes| run(target, bytes)).collect();
    let begun = Instant::now();
    let mut tried = pool.len();
    let is_over = |tried: usize| match until {
        Until::Inputs(inputs) => tried >= *inputs,
        Until::Time(time) => begun.elapsed() >= *time,
    };
    while !is_over(tried) {
        let bytes = mutate::change(&mut rng, &pool, target.words);
        tried += 1;
        if outcomes.insert(run(target, &bytes)) {
            match pool.len() {
                MAX_POOL.. => {
                    let at = rng.random_range(0..pool.len());
                    pool[at] = bytes;
                }
                _ => pool.push(bytes),
            }
        }
    }
    (tried, pool.len())
}

/// In the tests a moment; by `scripts/fuzz` one target, or all in turn, for as long as it says.
fn fuzz_for(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of that name");
    let of = |name: &str| std::env::var(name).ok();
    if of("HOTLINE_FUZZ").is_some_and(|only| only != "all" && only != name) {
        return;
    }
    let seconds = of("HOTLINE_FUZZ_SECONDS").and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    let seed = of("HOTLINE_FUZZ_SEED").and_then(|seed| seed.parse().ok()).unwrap_or(12_345);
    let until = seconds.map_or(Until::Inputs(target.brief), Until::Time);
    let (tried, kept) = fuzz(target, &until, seed);
    eprintln!("{name}: {tried} inputs, {kept} of them told apart, seed {seed}");
    assert!(kept >= (target.seeds)().len() && tried > kept, "{name} was hardly tried");
}

#[test]
fn sip() {
    fuzz_for("sip");
}

#[test]
fn sdp() {
    fuzz_for("sdp");
}

#[test]
fn rtp() {
    fuzz_for("rtp");
}

#[test]
fn rtcp() {
    fuzz_for("rtcp");
}

#[test]
fn stun() {
    fuzz_for("stun");
}

#[test]
fn digest() {
    fuzz_for("digest");
}

#[test]
fn config() {
    fuzz_for("config");
}

/// The fuzzer itself: what is broken on purpose is found.
#[test]
fn a_reader_that_breaks_is_found() {
    let broken = Target {
        name: "broken-on-purpose",
        run: |bytes| {
            let after = bytes.strip_prefix(b"GET ");
            assert!(after.is_none_or(|rest| rest.len() <= 20), "too long");
            bytes.len() as u64
        },
        seeds: || vec![b"GET /".to_vec()],
        words: &["GET "],
        brief: 0,
    };
    let found = catch_unwind(|| fuzz(&broken, &Until::Inputs(20_000), 1)).is_err();
    let kept = fs::read_dir(folder(&broken)).map(Iterator::count).unwrap_or(0);
    let _ = fs::remove_dir_all(folder(&broken));
    assert!(found && kept == 1, "{found}, {kept} kept");
}
