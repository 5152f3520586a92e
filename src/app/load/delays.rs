//! How long things took: counted in buckets, so that a million fit.

use std::time::Duration;

/// Buckets for each factor of e: a value is known to two percent.
const FINENESS: f64 = 50.0;
/// Two and a half hours, in microseconds.
const LONGEST: f64 = 9e9;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delays {
    buckets: Vec<u64>,
    count: u64,
    longest: Duration,
}

impl Delays {
    pub fn add(&mut self, delay: Duration) {
        let micros = (delay.as_micros() as f64).clamp(1.0, LONGEST);
        let bucket = (micros.ln() * FINENESS) as usize;
        if bucket >= self.buckets.len() {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
        self.count += 1;
        self.longest = self.longest.max(delay);
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// So long, or less, for this share of all (0 to 1); zero if there are none.
    pub fn within(&self, share: f64) -> Duration {
        let wanted = (share * self.count as f64).ceil() as u64;
        let mut seen = 0;
        let bucket = self.buckets.iter().position(|count| {
            seen += count;
            seen >= wanted.max(1)
        });
        bucket.map_or(Duration::ZERO, |bucket| {
            Duration::from_micros(((bucket as f64 + 1.0) / FINENESS).exp() as u64).min(self.longest)
        })
    }

    /// The share of all that took no longer than this.
    pub fn share_within(&self, limit: Duration) -> Option<f64> {
        let last = ((limit.as_micros() as f64).max(1.0).ln() * FINENESS) as usize;
        let within: u64 = self.buckets.iter().take(last + 1).sum();
        (self.count > 0).then(|| within as f64 / self.count as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_found_to_two_percent() {
        let mut delays = Delays::default();
        assert_eq!((delays.within(0.5), delays.share_within(Duration::from_secs(1))), (Duration::ZERO, None));
        (1..=1000).for_each(|ms| delays.add(Duration::from_millis(ms)));
        for (share, ms) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0), (0.001, 1.0)] {
            let found = delays.within(share).as_secs_f64() * 1000.0;
            assert!((found / ms - 1.0).abs() < 0.03, "{share}: {found}");
        }
        assert_eq!(delays.longest(), Duration::from_secs(1));
        let share = delays.share_within(Duration::from_millis(250)).unwrap();
        assert!((share - 0.25).abs() < 0.02, "{share}");
    }
}
