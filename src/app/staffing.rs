//! `hotline staff`: how many operators a load takes, by formula and by playing it.

use std::process::ExitCode;
use std::time::Duration;

use super::cli::duration;
use super::forecasts::ForecastFormat;
use super::say::say;
use super::side_by_side::{self, Progress, number};
use crate::erlang::{Load, Prospect};
use crate::forecast::{Estimate, Staffing, Unit, service_level, smallest};

const POOLS: [u32; 3] = [5, 10, 20];
/// Calls an hour: more is a mistake.
const MOST_CALLS: f64 = 100_000.0;
/// A search halves what is left: more steps than this it never takes.
const STEPS: usize = 24;

#[derive(clap::Args, Debug)]
pub struct StaffArgs {
    /// Calls in an hour
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    calls_per_hour: f64,
    /// How long one call keeps an operator busy: talk and wrap-up
    #[arg(long, value_name = "TIME", value_parser = duration)]
    handle_time: Duration,
    /// Share of calls to be answered in time
    #[arg(long, value_name = "SHARE", default_value = "95%", value_parser = share)]
    target: f64,
    /// What in time means
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = duration)]
    within: Duration,
    /// How long callers wait on average before they give up; without it they wait for ever
    #[arg(long, value_name = "TIME", value_parser = duration)]
    patience: Option<Duration>,
    /// Show what exclusive pools would need; several: 5,10,20
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=1000))]
    pools: Vec<u32>,
    /// How often each number is played
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    /// For people, or one JSON object
    #[arg(long, value_enum, default_value = "text")]
    format: ForecastFormat,
}

/// `95%`, `95 %` or `0.95`.
fn share(text: &str) -> Result<f64, String> {
    let wrong = || format!("found {text:?}; a share looks like 95% or 0.95");
    let found = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map_err(|_| wrong())? / 100.0,
        None => text.parse().map_err(|_| wrong())?,
    };
    if found > 0.0 && found < 1.0 { Ok(found) } else { Err(wrong()) }
}

/// One way of finding the number.
struct Way {
    key: &'static str,
    name: String,
    operators: Option<u32>,
    in_time: Option<Estimate>,
    prospect: Option<Prospect>,
}

pub fn staff(args: &StaffArgs) -> Result<ExitCode, String> {
    if !(args.calls_per_hour > 0.0 && args.calls_per_hour <= MOST_CALLS) {
        return Err(format!("--calls-per-hour is more than 0 and at most {MOST_CALLS}"));
    }
    if !(Duration::from_secs(1)..=Duration::from_secs(4 * 3600)).contains(&args.handle_time) {
        return Err("--handle-time is from 1s to 4h".into());
    }
    let load = Load { calls_per_hour: args.calls_per_hour, handle_time: args.handle_time };
    let (target, within, patience) = (args.target, args.within, args.patience);
    let asked = Staffing { load, target, within, patience };
    let mut ways =
        vec![by_formula("erlang_c", "Erlang C: nobody gives up".into(), Staffing { patience: None, ..asked })];
    if let Some(patience) = args.patience {
        let name = format!("Erlang A: patience {} s", number(patience.as_secs_f64(), 0));
        ways.push(by_formula("erlang_a", name, asked));
    }
    let seeds: Vec<u64> = (1..=args.seeds).collect();
    let played =
        [("played", "played: answered at once", false), ("played_people", "played: phones ring about 3 s", true)];
    let progress = Progress::new("playing", played.len() * STEPS / 2);
    for (key, name, as_people) in played {
        ways.push(by_playing(key, name, asked, as_people, &seeds, &progress));
    }
    progress.done();
    let operators = if patience.is_some() { asked.by_erlang_a() } else { asked.by_erlang_c() };
    let cliff = operators.map(|operators| (operators, asked.with(operators), asked.longer().with(operators)));
    let pools = if args.pools.is_empty() { POOLS.to_vec() } else { args.pools.clone() };
    let pools: Vec<(u32, Option<u32>)> = pools.into_iter().map(|pools| (pools, asked.in_pools(pools))).collect();
    match args.format {
        ForecastFormat::Text => print(asked, &ways, cliff, &pools),
        ForecastFormat::Json => print_json(asked, &ways, cliff, &pools),
    }
    Ok(ExitCode::SUCCESS)
}

fn by_formula(key: &'static str, name: String, asked: Staffing) -> Way {
    let operators = if asked.patience.is_some() { asked.by_erlang_a() } else { asked.by_erlang_c() };
    let prospect = operators.map(|operators| asked.with(operators));
    let in_time = prospect.map(|prospect| Estimate { mean: prospect.service_level, half_width: None });
    Way { key, name, operators, in_time, prospect }
}

fn by_playing(
    key: &'static str,
    name: &str,
    asked: Staffing,
    as_people: bool,
    seeds: &[u64],
    progress: &Progress,
) -> Way {
    let level = |operators: u32| {
        let steady = asked.steady(operators, as_people);
        let levels = side_by_side::run(seeds, progress, |seed, told| {
            let level = service_level(&steady, *seed);
            told(1.0 / seeds.len() as f64);
            level
        });
        Estimate::of(&levels.into_iter().flatten().collect::<Vec<_>>())
    };
    let operators = asked.bounds().and_then(|(low, high)| {
        smallest(low, high, |operators| level(operators).is_some_and(|level| level.mean >= asked.target))
    });
    Way { key, name: name.to_string(), operators, in_time: operators.and_then(level), prospect: None }
}

type Cliff = Option<(u32, Prospect, Prospect)>;

fn print(asked: Staffing, ways: &[Way], cliff: Cliff, pools: &[(u32, Option<u32>)]) {
    let Staffing { load, target, within, .. } = asked;
    let (handle, within) = (load.handle_time.as_secs_f64(), within.as_secs_f64());
    say!(
        "{} calls an hour of {} s: {} operators would be busy if nobody ever waited",
        number(load.calls_per_hour, 0),
        number(handle, 0),
        number(load.erlangs(), 1),
    );
    say!("wanted: {} % answered within {} s, of all offered (A_T/O)\n", number(target * 100.0, 1), number(within, 0));
    let mut table = vec![["", "operators", "in time", "ASA", "busy", "give up"].map(String::from).to_vec()];
    for way in ways {
        let count = way.operators.map_or("–".into(), |operators| number(f64::from(operators), 0));
        let mut row = vec![way.name.clone(), count, side_by_side::estimate(way.in_time, Unit::Share, false)];
        row.extend(way.prospect.iter().flat_map(|prospect| rest(*prospect)));
        table.push(row);
    }
    side_by_side::print_table(&table, &[anstyle::Style::new().bold()]);
    if let Some((operators, now, then)) = cliff {
        say!("\nthe cliff: the same {operators} operators with handle times 10 % longer");
        let mut table = vec![["", "in time", "ASA", "busy", "give up"].map(String::from).to_vec()];
        for (seconds, prospect) in [(handle, now), (asked.longer().load.handle_time.as_secs_f64(), then)] {
            let mut row = vec![format!("  {} s", number(seconds, 0)), percent(prospect.service_level)];
            row.extend(rest(prospect));
            table.push(row);
        }
        side_by_side::print_table(&table, &[]);
    }
    say!("\nexclusive pools of equal size, by Erlang C");
    let count = |operators: Option<u32>| operators.map_or("–".into(), |operators| number(f64::from(operators), 0));
    let table: Vec<Vec<String>> = std::iter::once((1, asked.by_erlang_c()))
        .chain(pools.iter().copied())
        .map(|(pools, operators)| {
            let noun = if pools == 1 { "pool" } else { "pools" };
            vec![format!("  {pools} {noun}"), format!("{} operators", count(operators))]
        })
        .collect();
    side_by_side::print_table(&table, &[]);
}

fn rest(prospect: Prospect) -> Vec<String> {
    let asa = prospect.asa.map_or("without end".into(), |asa| format!("{} s", number(asa.as_secs_f64(), 1)));
    vec![asa, percent(prospect.occupancy), percent(prospect.abandonment)]
}

fn percent(share: f64) -> String {
    format!("{} %", number(share * 100.0, 1))
}

fn print_json(asked: Staffing, ways: &[Way], cliff: Cliff, pools: &[(u32, Option<u32>)]) {
    let prospect = |prospect: Prospect| {
        serde_json::json!({
            "service_level": prospect.service_level,
            "waiting": prospect.waiting,
            "asa_ms": prospect.asa.map(|asa| u64::try_from(asa.as_millis()).unwrap_or(u64::MAX)),
            "occupancy": prospect.occupancy,
            "abandonment": prospect.abandonment,
        })
    };
    let ways: serde_json::Map<String, serde_json::Value> = ways
        .iter()
        .map(|way| {
            let of = serde_json::json!({
                "operators": way.operators,
                "service_level": way.in_time,
                "prospect": way.prospect.map(prospect),
            });
            (way.key.to_string(), of)
        })
        .collect();
    let pools: Vec<serde_json::Value> =
        pools.iter().map(|(pools, operators)| serde_json::json!({ "pools": pools, "operators": operators })).collect();
    let cliff = cliff.map(|(operators, now, then)| {
        serde_json::json!({
            "operators": operators,
            "now": prospect(now),
            "handle_time_10_percent_longer": prospect(then),
        })
    });
    say!(
        "{}",
        serde_json::json!({
            "calls_per_hour": asked.load.calls_per_hour,
            "handle_time_ms": u64::try_from(asked.load.handle_time.as_millis()).unwrap_or(u64::MAX),
            "erlangs": asked.load.erlangs(),
            "target": asked.target,
            "within_ms": u64::try_from(asked.within.as_millis()).unwrap_or(u64::MAX),
            "patience_ms": asked.patience.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            "service_level_formula": "A_T/O",
            "ways": ways,
            "cliff": cliff,
            "exclusive_pools": pools,
        })
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_as_people_write_them() {
        for (text, expected) in
            [("95%", Some(0.95)), ("80 %", Some(0.8)), ("0.5", Some(0.5)), ("95", None), ("x%", None), ("0", None)]
        {
            assert_eq!(share(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn playing_finds_about_the_number_of_the_formula() {
        let load = Load { calls_per_hour: 300.0, handle_time: Duration::from_secs(60) };
        let asked = Staffing { load, target: 0.8, within: Duration::from_secs(15), patience: None };
        let formula = asked.by_erlang_c().unwrap();
        let progress = Progress::new("playing", STEPS);
        let seeds: Vec<u64> = (1..=2).collect();
        let played = by_playing("played", "played", asked, false, &seeds, &progress).operators.unwrap();
        assert!(played.abs_diff(formula) <= 1, "played {played}, formula {formula}");
        let people = by_playing("played", "played", asked, true, &seeds, &progress).operators.unwrap();
        assert!(people >= played, "{people} with phones that ring, {played} without");
    }
}
