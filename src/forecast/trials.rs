//! The same day several times over, with one or two configurations: means, 95 % confidence intervals, differences.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;

use super::figures::{Figures, Row, Unit};
use super::people::{Day, Staff};
use super::world::World;

/// Plays one day. Who calls, with how much patience and for how long, depends on the seed alone: two
/// configurations with the same seed meet the same callers.
pub fn trial(staff: &Staff, seed: u64, draw: impl FnOnce(&mut StdRng) -> Day, told: impl FnMut(f64)) -> Figures {
    let mut rng = StdRng::seed_from_u64(seed);
    let day = draw(&mut rng);
    World::new(staff, &day, StdRng::seed_from_u64(rng.random())).run(told)
}

/// A mean over seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    pub mean: f64,
    /// Half the width of its 95 % confidence interval (Student's t); `None`: one seed tells nothing of that.
    pub half_width: Option<f64>,
}

impl Estimate {
    /// `None` if there is nothing to estimate from.
    pub fn of(values: &[f64]) -> Option<Estimate> {
        let n = values.len() as f64;
        if values.is_empty() {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n;
        let half_width = (values.len() > 1).then(|| {
            let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
            t95(values.len() - 1) * (variance / n).sqrt()
        });
        Some(Estimate { mean, half_width })
    }

    /// Zero is outside its interval.
    pub fn is_significant(&self) -> bool {
        self.half_width.is_some_and(|half| self.mean.abs() > half)
    }
}

/// The 97.5 % point of Student's t.
pub fn t95(freedom: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
        2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
    ];
    let z: f64 = 1.959_964;
    match freedom {
        0 => f64::INFINITY,
        n if n <= TABLE.len() => TABLE[n - 1],
        n => {
            let n = n as f64;
            let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * n * n);
            z + (z.powi(3) + z) / (4.0 * n) + second
        }
    }
}

/// One figure, side by side.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    pub name: &'static str,
    /// A queue or a skill; `None`: the house.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    pub unit: Unit,
    pub first: Option<Estimate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second: Option<Estimate>,
    /// Second less first, seed by seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Estimate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub significant: Option<bool>,
}

/// Sets runs side by side; those of the same place in both lists had the same seed.
pub fn compare(first: &[Figures], second: &[Figures]) -> Vec<Compared> {
    let (first, second) = (rows(first), rows(second));
    let mut names: Vec<&Row> = Vec::new();
    for row in first.iter().chain(&second).flatten() {
        if !names.iter().any(|known| is_same(known, row)) {
            names.push(row);
        }
    }
    let compared = names.into_iter().map(|row| {
        let values = |runs: &[Vec<Row>]| -> Vec<Option<f64>> {
            runs.iter().map(|rows| rows.iter().find(|other| is_same(row, other)).and_then(|row| row.value)).collect()
        };
        let (one, two) = (values(&first), values(&second));
        let pairs: Vec<f64> = one.iter().zip(&two).filter_map(|(one, two)| Some((*two)? - (*one)?)).collect();
        let estimate = |values: &[Option<f64>]| Estimate::of(&values.iter().flatten().copied().collect::<Vec<_>>());
        let difference = Estimate::of(&pairs);
        Compared {
            name: row.name,
            of: row.of.clone(),
            unit: row.unit,
            first: estimate(&one),
            second: estimate(&two),
            difference,
            significant: difference.map(|difference| difference.is_significant()),
        }
    });
    compared.collect()
}

fn rows(runs: &[Figures]) -> Vec<Vec<Row>> {
    runs.iter().map(Figures::rows).collect()
}

fn is_same(one: &Row, other: &Row) -> bool {
    one.name == other.name && one.of == other.of
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_student() {
        let estimate = Estimate::of(&[9.0, 10.0, 11.0, 12.0, 8.0]).unwrap();
        assert_eq!(estimate.mean, 10.0);
        let half = 2.776 * (2.5_f64 / 5.0).sqrt();
        assert!((estimate.half_width.unwrap() - half).abs() < 1e-9);
        assert!(estimate.is_significant());
        assert!(!Estimate::of(&[-1.0, 1.5]).unwrap().is_significant());
        assert_eq!(Estimate::of(&[3.0]), Some(Estimate { mean: 3.0, half_width: None }));
        assert_eq!(Estimate::of(&[]), None);
        assert!((t95(31) - 2.040).abs() < 0.001 && (t95(1_000_000) - 1.96).abs() < 0.001);
    }

    #[test]
    fn pairs_show_what_means_hide() {
        let day = |offered, asa_ms| Figures {
            all: super::super::Fates { offered, ..Default::default() },
            waits: vec![asa_ms],
            ..Figures::default()
        };
        // Days differ much, configurations little, and always in the same direction.
        let (first, second) = ([day(1, 1000), day(1, 9000)], [day(1, 1500), day(1, 9510)]);
        let lines = compare(&first, &second);
        let asa = lines.iter().find(|line| line.name == "asa").unwrap();
        assert!(asa.first.unwrap().half_width.unwrap() > 10.0);
        assert_eq!(asa.significant, Some(true));
        let offered = lines.iter().find(|line| line.name == "offered").unwrap();
        assert_eq!(offered.significant, Some(false));
        assert_eq!(compare(&first, &[]).iter().find(|line| line.name == "asa").unwrap().second, None);
    }
}
