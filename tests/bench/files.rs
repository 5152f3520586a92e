//! How long the files of a large house take to be read and checked: `scripts/bench files`.

// A benchmark measures real time.
#![allow(clippy::disallowed_methods)]

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Instant;

use hotline::config;

const OPERATORS: usize = 1700;
const SEATS: usize = 750;
const TIMES: usize = 20;

fn main() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("sip-config");
    println!("{OPERATORS} operators, {SEATS} seats, {TIMES} times: milliseconds, the middle and the longest");
    for (name, tables) in [("as a table (CSV)", true), ("as TOML", false)] {
        let dir = tempfile::tempdir().expect("a folder");
        for file in ["hotline.toml", "menu.toml", "queues.toml", "schedules.toml"] {
            fs::copy(shipped.join(file), dir.path().join(file)).expect("a shipped file");
        }
        std::os::unix::fs::symlink(shipped.join("../prompts"), dir.path().join("prompts")).expect("a link");
        let hotline = fs::read_to_string(dir.path().join("hotline.toml")).expect("a file");
        fs::write(dir.path().join("hotline.toml"), hotline.replace("../prompts", "prompts")).expect("a file");
        write_people(dir.path(), tables);
        let mut times: Vec<f64> = (0..TIMES)
            .map(|_| {
                let begun = Instant::now();
                let (house, _) = config::load(dir.path()).expect("files without faults");
                assert_eq!(house.queue.operators.len(), OPERATORS);
                begun.elapsed().as_secs_f64() * 1000.0
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!("{name:<20} {:>6.1} {:>6.1}", times[TIMES / 2], times[TIMES - 1]);
    }
}

/// Everybody has a language and one skill in four.
fn write_people(dir: &Path, tables: bool) {
    let seat = |n: usize| if n < SEATS { (8000 + n).to_string() } else { String::new() };
    let mut text = String::new();
    if tables {
        let mut seats = String::from("id,contact\n");
        for n in 0..SEATS {
            let _ = writeln!(seats, "{},sip:{}@127.0.0.1:6000", 8000 + n, 8000 + n);
        }
        fs::write(dir.join("seats.csv"), seats).expect("a file");
        text.push_str("id,name,seat,mandarin,english,housing,market,water,power\n");
        for n in 0..OPERATORS {
            let level = |skill: usize| if (n + skill).is_multiple_of(4) { "5" } else { "" };
            let [a, b, c, d] = [0, 1, 2, 3].map(level);
            let _ = writeln!(text, "{},王芳,{},9,4,{a},{b},{c},{d}", 10_000 + n, seat(n));
        }
        return fs::write(dir.join("operators.csv"), text).expect("a file");
    }
    for n in 0..SEATS {
        let _ = writeln!(text, "[[seat]]\nid = \"{}\"\ncontact = \"sip:{}@127.0.0.1:6000\"", 8000 + n, 8000 + n);
    }
    for n in 0..OPERATORS {
        let _ = write!(text, "[[operator]]\nid = \"{}\"\nname = \"王芳\"\n", 10_000 + n);
        if n < SEATS {
            let _ = writeln!(text, "seat = \"{}\"", seat(n));
        }
        let skill = ["housing", "market", "water", "power"][n % 4];
        let _ = writeln!(text, "skills = {{ mandarin = 9, english = 4, {skill} = 5 }}");
    }
    fs::write(dir.join("operators.toml"), text).expect("a file");
}
