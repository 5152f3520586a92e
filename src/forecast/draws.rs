//! How long things take: laws of chance, drawn from a generator that is passed in.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::Time;

/// Nobody talks, waits or stays away longer.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A law by which a length of time is drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Law {
    Constant(Duration),
    Exponential(Duration),
    /// `cv`: standard deviation in parts of the mean.
    LogNormal {
        mean: Duration,
        cv: f64,
    },
    /// One of these, each as likely as the others (ms). An empty list is zero.
    Seen(Arc<[u32]>),
}

impl Law {
    pub fn draw(&self, rng: &mut StdRng) -> Duration {
        let drawn = match self {
            Law::Constant(time) => *time,
            Law::Exponential(mean) => exponential(*mean, rng),
            Law::LogNormal { mean, cv } => {
                let spread = (1.0 + cv * cv).ln();
                let log = spread.sqrt() * normal(rng) - spread / 2.0;
                seconds(mean.as_secs_f64() * log.exp())
            }
            Law::Seen(times) if times.is_empty() => Duration::ZERO,
            Law::Seen(times) => Duration::from_millis(u64::from(times[rng.random_range(0..times.len())])),
        };
        drawn.min(LONGEST)
    }
}

/// A length of time by chance, as written in a file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct WrittenTime {
    /// `exponential` (if not written), `lognormal` or `constant`.
    law: Option<WrittenLaw>,
    mean: Time,
    /// Standard deviation in parts of the mean, for `lognormal`; 1 if not written.
    cv: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum WrittenLaw {
    Exponential,
    Lognormal,
    Constant,
}

impl WrittenTime {
    pub fn law(&self) -> Law {
        match self.law.unwrap_or(WrittenLaw::Exponential) {
            WrittenLaw::Exponential => Law::Exponential(self.mean.0),
            WrittenLaw::Lognormal => Law::LogNormal { mean: self.mean.0, cv: self.cv.unwrap_or(1.0) },
            WrittenLaw::Constant => Law::Constant(self.mean.0),
        }
    }

    /// What is wrong with `cv`.
    pub fn faults(&self) -> impl Iterator<Item = &'static str> {
        let wide = self.cv.is_some_and(|cv| !(0.0..=10.0).contains(&cv));
        let idle = self.cv.is_some() && self.law != Some(WrittenLaw::Lognormal);
        let wide = wide.then_some("a coefficient of variation is from 0 to 10");
        wide.into_iter().chain(idle.then_some("only a lognormal time has one"))
    }
}

/// A time without memory.
pub fn exponential(mean: Duration, rng: &mut StdRng) -> Duration {
    seconds(-mean.as_secs_f64() * (1.0 - rng.random::<f64>()).ln())
}

/// A standard normal number (Box and Muller).
fn normal(rng: &mut StdRng) -> f64 {
    let (radius, angle) = (1.0 - rng.random::<f64>(), rng.random::<f64>());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

fn seconds(time: f64) -> Duration {
    Duration::try_from_secs_f64(time).unwrap_or(LONGEST)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn laws_have_the_mean_and_spread_they_say() {
        let mean = Duration::from_secs(300);
        let seen: Arc<[u32]> = [100_000, 300_000, 500_000].into();
        let laws = [
            (Law::Constant(mean), 0.0),
            (Law::Exponential(mean), 1.0),
            (Law::LogNormal { mean, cv: 0.6 }, 0.6),
            (Law::Seen(seen), (2.0_f64 / 3.0).sqrt() * 200.0 / 300.0),
        ];
        let mut rng = StdRng::seed_from_u64(1);
        for (law, cv) in laws {
            let drawn: Vec<f64> = (0..100_000).map(|_| law.draw(&mut rng).as_secs_f64()).collect();
            let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
            let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / drawn.len() as f64;
            assert!((mean - 300.0).abs() < 3.0, "{law:?}: mean {mean}");
            assert!((variance.sqrt() / 300.0 - cv).abs() < 0.02, "{law:?}: cv {}", variance.sqrt() / 300.0);
        }
        assert_eq!(Law::Seen([].into()).draw(&mut rng), Duration::ZERO);
    }
}
