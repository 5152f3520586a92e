//! Runs played on all cores, with their progress, and how their figures are printed.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::say;
use crate::forecast::{Compared, Curve, Estimate, Unit};
use crate::visible::visible;

/// Work that is done sooner shows no progress.
const SILENT_FOR: Duration = Duration::from_secs(1);
/// Parts of a run that the bar knows.
const PARTS: f64 = 100.0;

/// A bar on the terminal, for work that takes longer than a second.
pub struct Progress {
    bar: ProgressBar,
    name: &'static str,
}

impl Progress {
    pub fn new(name: &'static str, runs: usize) -> Progress {
        let bar = ProgressBar::with_draw_target(Some(runs as u64 * PARTS as u64), ProgressDrawTarget::hidden());
        Progress { bar, name }
    }

    fn show_if_slow(&self) {
        if self.bar.is_hidden() && self.bar.elapsed() > SILENT_FOR && std::io::stderr().is_terminal() {
            if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:30}] {percent} %, {eta} left") {
                self.bar.set_style(style.progress_chars("=> "));
            }
            self.bar.set_message(self.name);
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }

    /// How much of the whole is done, 0 to 1.
    pub fn is_at(&self, done: f64) {
        let length = self.bar.length().unwrap_or(0) as f64;
        self.bar.set_position((done * length) as u64);
        self.show_if_slow();
    }

    pub fn done(&self) {
        self.bar.finish_and_clear();
    }
}

/// Does every job, on all cores; the results are in the order of the jobs. A job tells how much of it is done,
/// 0 to 1.
pub fn run<J: Sync, R: Send>(
    jobs: &[J],
    progress: &Progress,
    work: impl Fn(&J, &mut dyn FnMut(f64)) -> R + Sync,
) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(jobs.len()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(index) else { return };
                    let mut before = 0;
                    let result = work(job, &mut |done| {
                        let parts = (done * PARTS) as u64;
                        progress.bar.inc(parts.saturating_sub(before));
                        before = parts.max(before);
                        progress.show_if_slow();
                    });
                    results.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// What came of a day that was played.
pub struct Played {
    /// Which day it was.
    pub name: String,
    pub columns: Vec<Column>,
    pub figures: Vec<Compared>,
    pub quarters: Vec<Curve>,
    /// What must never happen, and did.
    pub faults: Vec<String>,
}

/// One configuration.
pub struct Column {
    pub name: String,
    pub added_operators: usize,
    pub added_seats: usize,
    /// Of its queues.
    pub answer_within: BTreeSet<Duration>,
}

impl Column {
    /// Whom it lacked.
    fn lacks(&self) -> Option<String> {
        let of = |count: usize, what: &str| (count > 0).then(|| format!("{count} {what}"));
        let parts: Vec<String> =
            [of(self.added_operators, "operators"), of(self.added_seats, "seats")].into_iter().flatten().collect();
        let made_up = "made up with the skills of those that are there";
        (!parts.is_empty()).then(|| format!("{}: {} more than it has, {made_up}", self.name, parts.join(" and ")))
    }
}

/// The figures as a table; coloured for a terminal.
pub fn text(played: &Played, seeds: u64, coloured: bool) -> String {
    let Played { name, columns, figures, .. } = played;
    let mut text = match seeds {
        1 => format!("{name}; played once\n"),
        _ => format!("{name}; played {seeds} times, mean ± 95 % confidence\n"),
    };
    for lacks in columns.iter().filter_map(Column::lacks) {
        text += &format!("{lacks}\n");
    }
    let within: BTreeSet<Duration> = columns.iter().flat_map(|column| column.answer_within.iter().copied()).collect();
    let within: Vec<String> = within.iter().map(|time| format!("{} s", time.as_secs_f64())).collect();
    text += &format!("service level: A_T/O, answered within T ({}) of all offered\n\n", within.join(", "));
    let both = columns.len() > 1;
    let mut table = vec![vec![String::new()]];
    table[0].extend(columns.iter().map(|column| column.name.clone()));
    if both {
        table[0].extend(["difference".into(), String::new()]);
    }
    let mut styles = vec![Style::new().bold()];
    for line in figures.iter().filter(|line| is_worth_a_line(line)) {
        let mut row = vec![label(line), estimate(line.first, line.unit, false)];
        if both {
            row.push(estimate(line.second, line.unit, false));
            row.push(estimate(line.difference, line.unit, true));
            row.push(if line.significant == Some(true) { "significant".into() } else { String::new() });
        }
        let is_wrong = line.name == "unexplained_overtakes"
            && [line.first, line.second].into_iter().flatten().any(|estimate| estimate.mean > 0.0);
        styles.push(match (is_wrong, line.significant) {
            (true, _) => AnsiColor::Red.on_default(),
            (false, Some(true)) => AnsiColor::Cyan.on_default(),
            _ => Style::new(),
        });
        table.push(row);
    }
    text + &laid_out(&table, if coloured { &styles } else { &[] })
}

/// Whether colours are seen.
pub fn is_coloured() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
}

/// Columns side by side, the first to the left, the others to the right. Colours only on a terminal.
pub fn print_table(table: &[Vec<String>], styles: &[Style]) {
    say::as_it_is(laid_out(table, if is_coloured() { styles } else { &[] }).trim_end_matches('\n'));
}

fn laid_out(table: &[Vec<String>], styles: &[Style]) -> String {
    let table: Vec<Vec<String>> = table.iter().map(|row| row.iter().map(|cell| visible(cell)).collect()).collect();
    let columns = table.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| table.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut lines = String::new();
    for (row, style) in table.iter().zip(styles.iter().copied().map(Some).chain(std::iter::repeat(None))) {
        let mut text = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            match column {
                0 => text += &format!("{cell:<width$}"),
                _ => text += &format!("  {cell:>width$}"),
            }
        }
        let text = text.trim_end();
        lines += &match style {
            Some(style) => format!("{style}{text}{style:#}\n"),
            None => format!("{text}\n"),
        };
    }
    lines
}

pub fn json(played: &Played, seeds: u64) -> serde_json::Value {
    let columns: Vec<serde_json::Value> = played
        .columns
        .iter()
        .map(|column| {
            let within: Vec<u128> = column.answer_within.iter().map(Duration::as_millis).collect();
            serde_json::json!({
                "config": column.name,
                "added_operators": column.added_operators,
                "added_seats": column.added_seats,
                "answer_within_ms": within,
            })
        })
        .collect();
    serde_json::json!({
        "day": played.name,
        "seeds": (1..=seeds).collect::<Vec<u64>>(),
        "configurations": columns,
        "service_level_formula": "A_T/O",
        "figures": played.figures,
        "quarters": played.quarters,
    })
}

/// What never happened is left out, but for what must never happen.
fn is_worth_a_line(line: &Compared) -> bool {
    let is_always_shown = matches!(line.name, "offered" | "answered" | "unexplained_overtakes");
    let happened = [line.first, line.second].into_iter().flatten().any(|estimate| estimate.mean != 0.0);
    is_always_shown || line.unit != Unit::Count || happened
}

fn label(line: &Compared) -> String {
    let name = match line.name {
        "offered" => "calls offered",
        "service_level" => "service level",
        "wait_p50" => "wait, half at most",
        "wait_p80" => "wait, 80 % at most",
        "wait_p95" => "wait, 95 % at most",
        "asa" => "wait of the answered, mean (ASA)",
        "overflowed" => "sent elsewhere (overflow)",
        "callbacks" => "asked to be called back",
        "callbacks_reached" => "called back",
        "exits" => "left by key or rule",
        "refused" => "could not join",
        "still_waiting" => "still waiting at the end",
        "rona" => "offers not answered (RONA)",
        "unexplained_overtakes" => "overtakes without a reason",
        "without_a_seat" => "operators who found no seat",
        other => other,
    };
    match &line.of {
        Some(of) => format!("  {name}, {of}"),
        None => name.to_string(),
    }
}

/// `95.2 % ± 0.4`; a difference has its sign.
pub fn estimate(of: Option<Estimate>, unit: Unit, is_difference: bool) -> String {
    let Some(Estimate { mean, half_width }) = of else { return "–".into() };
    let (factor, digits, mark) = match unit {
        Unit::Count => (1.0, usize::from(mean.abs() < 100.0 && mean.fract() != 0.0), ""),
        Unit::Share => (100.0, 1, " %"),
        Unit::Seconds => (1.0, 1, " s"),
    };
    let sign = if is_difference && mean > 0.0 { "+" } else { "" };
    let half = half_width.map(|half| format!(" ± {}", number(half * factor, digits))).unwrap_or_default();
    format!("{sign}{}{mark}{half}", number(mean * factor, digits))
}

/// `70,012.5`.
pub fn number(value: f64, digits: usize) -> String {
    let text = format!("{:.digits$}", value.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let is_zero = text.chars().all(|c| matches!(c, '0' | '.'));
    format!("{}{grouped}{rest}", if value < 0.0 && !is_zero { "-" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        let table =
            [(0.0, 1, "0.0"), (999.0, 0, "999"), (70_012.4, 0, "70,012"), (-1234.56, 1, "-1,234.6"), (-0.01, 1, "0.0")];
        for (value, digits, expected) in table {
            assert_eq!(number(value, digits), expected);
        }
        let of = |mean, half_width| Some(Estimate { mean, half_width });
        assert_eq!(estimate(of(0.952, Some(0.004)), Unit::Share, false), "95.2 % ± 0.4");
        assert_eq!(estimate(of(0.012, None), Unit::Share, true), "+1.2 %");
        assert_eq!(estimate(of(-3.0, Some(1.0)), Unit::Seconds, true), "-3.0 s ± 1.0");
        assert_eq!(estimate(None, Unit::Seconds, true), "–");
    }

    #[test]
    fn results_are_in_the_order_of_the_jobs() {
        let jobs: Vec<u64> = (0..100).collect();
        let doubled = run(&jobs, &Progress::new("doubling", jobs.len()), |job, told| {
            told(1.0);
            job * 2
        });
        assert_eq!(doubled, jobs.iter().map(|job| job * 2).collect::<Vec<_>>());
    }
}
