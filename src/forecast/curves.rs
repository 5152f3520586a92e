//! A day by the quarter of an hour: means over runs, of one configuration or of two.

use std::collections::BTreeSet;

use serde::Serialize;

use super::figures::{Figures, QUARTER, Quarter, share};

/// One quarter with each configuration.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    /// Minutes after midnight at which it begins.
    pub minute: u32,
    pub before: Point,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Point>,
}

/// What came of the calls that arrived in it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// A mean over the runs, as the longest wait is.
    pub offered: f64,
    /// A_T/O over all runs, 0 to 1; `None`: nobody called.
    pub service_level: Option<f64>,
    /// `None`: nobody called.
    pub longest_wait_ms: Option<f64>,
}

/// Those quarters in which anybody called. `after` is empty where there is one configuration.
pub fn curves(before: &[Figures], after: &[Figures]) -> Vec<Curve> {
    let numbers: BTreeSet<u32> =
        before.iter().chain(after).flat_map(|figures| figures.quarters.keys().copied()).collect();
    let quarter_minutes = u32::try_from(QUARTER.as_secs() / 60).unwrap_or(1);
    let curve = |number: u32| Curve {
        minute: number * quarter_minutes,
        before: point(before, number),
        after: (!after.is_empty()).then(|| point(after, number)),
    };
    numbers.into_iter().map(curve).collect()
}

fn point(runs: &[Figures], number: u32) -> Point {
    let quarters: Vec<Quarter> =
        runs.iter().map(|figures| figures.quarters.get(&number).copied().unwrap_or_default()).collect();
    let sum = |of: fn(&Quarter) -> u64| quarters.iter().map(of).sum::<u64>();
    let mean = |sum: u64| sum as f64 / runs.len().max(1) as f64;
    let offered = sum(|quarter| quarter.fates.offered);
    let short = sum(|quarter| quarter.fates.short);
    Point {
        offered: mean(offered),
        service_level: share(sum(|quarter| quarter.fates.within), offered - short),
        longest_wait_ms: (offered > 0).then(|| mean(sum(|quarter| u64::from(quarter.longest)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::Fates;

    fn run(quarters: &[(u32, u64, u64, u32)]) -> Figures {
        let quarter = |&(number, offered, within, longest): &(u32, u64, u64, u32)| {
            (number, Quarter { fates: Fates { offered, within, ..Fates::default() }, longest })
        };
        Figures { quarters: quarters.iter().map(quarter).collect(), ..Figures::default() }
    }

    #[test]
    fn quarters_are_means_over_the_runs_and_say_nothing_where_nobody_called() {
        let before = [run(&[(32, 10, 9, 8_000)]), run(&[(32, 30, 21, 20_000), (33, 1, 0, 500)])];
        let after = [run(&[(32, 20, 20, 1_000)]), run(&[(32, 20, 20, 3_000)])];
        let found = curves(&before, &after);
        let point = |offered, service_level, longest_wait_ms| Point { offered, service_level, longest_wait_ms };
        let eight = (point(20.0, Some(0.75), Some(14_000.0)), point(20.0, Some(1.0), Some(2_000.0)));
        let quarter_past = (point(0.5, Some(0.0), Some(250.0)), point(0.0, None, None));
        let expected = [(480, eight), (495, quarter_past)];
        let expected = expected.map(|(minute, (before, after))| Curve { minute, before, after: Some(after) });
        assert_eq!(found, expected);
        assert_eq!(curves(&before, &[])[0].after, None);
    }
}
