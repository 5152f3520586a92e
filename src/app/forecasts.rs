//! `hotline simulate`: one day, played with one or two configurations.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::checking;
use super::hours::{Change, Doors};
use super::say::{self, say};
use super::side_by_side::{self, Column, Played, Progress};
use crate::config::{self, House};
use crate::forecast::{Figures, Plan, Recorded, Staff, compare, curves, trial};
use crate::ids::{OperatorId, QueueId};
use crate::moment::Moment;
use crate::queue::Input;

/// More runs tell nothing more.
const MAX_SEEDS: u64 = 1000;

#[derive(clap::Args, Debug)]
pub struct SimulateArgs {
    /// A day to play, e.g. scripts/days/beijing.toml; without one a working day of a large city
    #[arg(long, value_name = "FILE", conflicts_with = "recorded")]
    day: Option<PathBuf>,
    /// Play a day from the records instead, e.g. 2026-11-24
    #[arg(long, value_name = "DATE")]
    recorded: Option<Date>,
    /// A second configuration, shown beside the first
    #[arg(long, value_name = "DIR")]
    against: Option<PathBuf>,
    /// How often the day is played, each time with other chances
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=MAX_SEEDS))]
    seeds: u64,
    /// For people, or one JSON object
    #[arg(long, value_enum, default_value = "text")]
    format: ForecastFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ForecastFormat {
    Text,
    Json,
}

/// Where the day comes from.
enum Source {
    Plan(Box<Plan>, String),
    Recorded(Recorded, Date),
}

impl Source {
    fn open(args: &SimulateArgs, data: &Path, zone: &TimeZone) -> Result<Source, Vec<String>> {
        if let Some(date) = args.recorded {
            let (from, until) = day_of(date, zone)?;
            let recorded = Recorded::read(data, from, until).map_err(|fault| told(&fault.to_string()))?;
            if recorded.calls() == 0 {
                return Err(told(&format!("no call joined a line on {date}")));
            }
            return Ok(Source::Recorded(recorded, date));
        }
        match &args.day {
            None => Ok(Source::Plan(Box::default(), "a working day of a large city".into())),
            Some(file) => match Plan::read(file) {
                Ok(plan) => Ok(Source::Plan(Box::new(plan), file.display().to_string())),
                Err(faults) => Err(faults.iter().map(ToString::to_string).collect()),
            },
        }
    }

    fn date(&self) -> Date {
        match self {
            Source::Plan(plan, _) => plan.date,
            Source::Recorded(_, date) => *date,
        }
    }

    fn name(&self) -> String {
        match self {
            Source::Plan(_, name) => name.clone(),
            Source::Recorded(recorded, date) => format!("{date} as recorded, {} calls in line", recorded.calls()),
        }
    }

    fn queues(&self) -> BTreeSet<&QueueId> {
        match self {
            Source::Plan(plan, _) => plan.queues.iter().map(|(queue, _)| queue).collect(),
            Source::Recorded(recorded, _) => recorded.queues(),
        }
    }

    fn needs(&self) -> (BTreeSet<OperatorId>, usize, usize) {
        match self {
            Source::Plan(plan, _) => {
                let (operators, seats) = plan.needs();
                (BTreeSet::new(), operators, seats)
            }
            Source::Recorded(recorded, _) => (recorded.operators(), 0, recorded.seats()),
        }
    }

    fn play(&self, midnight: Moment, staff: &Staff, seed: u64, told: impl FnMut(f64)) -> Figures {
        trial(
            staff,
            seed,
            |rng| match self {
                Source::Plan(plan, _) => plan.draw(midnight, staff, rng),
                Source::Recorded(recorded, _) => recorded.draw(staff, rng),
            },
            told,
        )
    }
}

pub fn simulate(config: &Path, data: &Path, args: &SimulateArgs) -> Result<ExitCode, Vec<String>> {
    let played = play(config, data, args)?;
    match args.format {
        ForecastFormat::Text => {
            say::as_it_is(side_by_side::text(&played, args.seeds, side_by_side::is_coloured()).trim_end());
        }
        ForecastFormat::Json => say!("{}", side_by_side::json(&played, args.seeds)),
    }
    match played.faults.is_empty() {
        true => Ok(ExitCode::SUCCESS),
        false => Err(played.faults.iter().map(|fault| prefixed(fault)).collect()),
    }
}

/// A day of the records, or a working day of a large city, played once with each of two configurations that are called
/// by these names: as `simulate --format json` tells it, and its text for people as `report`.
pub fn beside(
    config: (&Path, &str),
    against: (&Path, &str),
    data: &Path,
    recorded: Option<Date>,
) -> Result<serde_json::Value, Vec<String>> {
    let second = Some(against.0.to_path_buf());
    let args = SimulateArgs { day: None, recorded, against: second, seeds: 1, format: ForecastFormat::Json };
    let mut played = play(config.0, data, &args)?;
    for (column, name) in played.columns.iter_mut().zip([config.1, against.1]) {
        column.name = name.to_string();
    }
    let mut told = side_by_side::json(&played, args.seeds);
    let mut report = side_by_side::text(&played, args.seeds, false);
    report.extend(played.faults.iter().map(|fault| format!("{fault}\n")));
    told["report"] = report.into();
    Ok(told)
}

fn play(config: &Path, data: &Path, args: &SimulateArgs) -> Result<Played, Vec<String>> {
    let dirs: Vec<&Path> = std::iter::once(config).chain(args.against.as_deref()).collect();
    let mut houses = Vec::new();
    for dir in &dirs {
        let (house, _) = config::load(dir).map_err(|faults| checking::told(&faults))?;
        houses.push(house);
    }
    let zone = houses.first().map_or_else(TimeZone::system, |house| house.app.time_zone.clone());
    let source = Source::open(args, data, &zone)?;
    let (midnight, next) = day_of(source.date(), &zone)?;
    let mut staffs = Vec::new();
    for (house, dir) in houses.iter().zip(&dirs) {
        staffs.push(staffed(house, dir, &source, midnight, next)?);
    }
    let jobs: Vec<(usize, u64)> =
        (0..staffs.len()).flat_map(|which| (1..=args.seeds).map(move |seed| (which, seed))).collect();
    let progress = Progress::new("playing", jobs.len());
    let runs =
        side_by_side::run(&jobs, &progress, |(which, seed), told| source.play(midnight, &staffs[*which], *seed, told));
    progress.done();
    let mut faults = Vec::new();
    for ((which, seed), figures) in jobs.iter().zip(&runs) {
        let (dir, all) = (dirs[*which].display(), &figures.all);
        if !all.are_conserved() {
            faults.push(format!("{dir}, seed {seed}: calls were lost or counted twice: {all:?}"));
        }
        if figures.unexplained > 0 {
            faults.push(format!("{dir}, seed {seed}: {} overtakes without a reason", figures.unexplained));
        }
    }
    let (first, second) = runs.split_at(runs.len() / staffs.len().max(1));
    let (figures, quarters) = (compare(first, second), curves(first, second));
    let columns: Vec<Column> = dirs
        .iter()
        .zip(&staffs)
        .map(|(dir, staff)| Column {
            name: dir.display().to_string(),
            added_operators: staff.added_operators,
            added_seats: staff.added_seats,
            answer_within: staff.rules.queues.values().map(|queue| queue.answer_within).collect(),
        })
        .collect();
    Ok(Played { name: source.name(), columns, figures, quarters, faults })
}

/// Rules, people and opening hours for the day.
fn staffed(house: &House, dir: &Path, source: &Source, from: Moment, until: Moment) -> Result<Staff, Vec<String>> {
    let known = &house.queue.queues;
    let unknown: Vec<&str> =
        source.queues().into_iter().filter(|id| !known.contains_key(*id)).map(QueueId::as_str).collect();
    if !unknown.is_empty() {
        let known: Vec<&str> = known.keys().map(QueueId::as_str).collect();
        let (unknown, known) = (unknown.join(", "), known.join(", "));
        return Err(told(&format!("{}: the day calls {unknown}; there are {known}", dir.display())));
    }
    let (named, operators, seats) = source.needs();
    let mut staff = Staff::of(&house.queue, &named, operators, seats);
    let mut doors = Doors::new(house, BTreeMap::new());
    let mut at = from;
    while at < until {
        let opened = doors.handle_deadline(at).into_iter().filter_map(|change| match change {
            Change::Queue(Input::Open { queue, open }) => Some((at, queue, open)),
            _ => None,
        });
        staff.doors.extend(opened);
        match doors.next_deadline() {
            Some(next) if next > at => at = next,
            _ => break,
        }
    }
    Ok(staff)
}

/// From midnight to midnight.
fn day_of(date: Date, zone: &TimeZone) -> Result<(Moment, Moment), Vec<String>> {
    let midnight = |date: Date| {
        let at = jiff::civil::DateTime::from(date).to_zoned_datetime(zone.clone()).ok()?;
        u64::try_from(at.timestamp().as_microsecond()).ok().map(Moment::from_micros)
    };
    let next = date.tomorrow().ok().and_then(midnight);
    midnight(date).zip(next).ok_or_else(|| told(&format!("{date} is not a day that can be played")))
}

fn told(what: &str) -> Vec<String> {
    vec![prefixed(what)]
}

fn prefixed(what: &str) -> String {
    format!("hotline simulate: {what}")
}
