//! The formulas of Erlang: B (no line), C (a line, endless patience), A (a line, patience that ends).
//!
//! Poisson arrivals, exponential handle times, one pool that serves in order. Probabilities are 0 to 1. Nothing
//! here is raised to the power of the number of servers, so thousands of them overflow nothing.

use std::iter::Sum;
use std::time::Duration;

/// More operators than any house has: whoever needs more has written a wrong number.
pub const MAX_SERVERS: u32 = 100_000;
/// Intervals of the integrals of Erlang A; the error is then far below a millionth.
const INTERVALS: u32 = 8000;
/// What is smaller than the greatest part by e to this power does not count.
const NEGLIGIBLE: f64 = 40.0;

/// What comes in: calls in an hour, and how long each keeps an operator busy (talk and wrap-up).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    pub calls_per_hour: f64,
    pub handle_time: Duration,
}

impl Load {
    /// Operators who would be busy if nobody ever waited.
    pub fn erlangs(self) -> f64 {
        self.arrivals() * self.handle_time.as_secs_f64()
    }

    /// Calls in a second.
    fn arrivals(self) -> f64 {
        self.calls_per_hour / 3600.0
    }

    /// One of `pools` equal parts.
    pub fn part(self, pools: u32) -> Load {
        Load { calls_per_hour: self.calls_per_hour / f64::from(pools.max(1)), ..self }
    }
}

/// Loads that come to one pool: handle times count by how often they occur.
impl Sum for Load {
    fn sum<I: Iterator<Item = Load>>(loads: I) -> Load {
        let (mut calls_per_hour, mut busy) = (0.0, 0.0);
        for load in loads {
            calls_per_hour += load.calls_per_hour;
            busy += load.calls_per_hour * load.handle_time.as_secs_f64();
        }
        let handle_time =
            if calls_per_hour > 0.0 { Duration::from_secs_f64(busy / calls_per_hour) } else { Duration::ZERO };
        Load { calls_per_hour, handle_time }
    }
}

/// Erlang B: the share of calls that find all servers busy, when nobody can wait.
pub fn blocking(servers: u32, erlangs: f64) -> f64 {
    let mut blocked = 1.0;
    for n in 1..=servers {
        blocked = erlangs * blocked / (f64::from(n) + erlangs * blocked);
    }
    blocked
}

/// What a pool of operators makes of a load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prospect {
    /// Share of calls that wait at all.
    pub waiting: f64,
    /// Share of all calls that is answered within the time asked for.
    pub service_level: f64,
    /// Mean wait of the answered; `None` if the line grows without end.
    pub asa: Option<Duration>,
    /// Busy share of the operators' time.
    pub occupancy: f64,
    /// Share of calls that give up.
    pub abandonment: f64,
}

/// Erlang C: everybody waits until they are served.
pub fn without_abandonment(servers: u32, load: Load, within: Duration) -> Prospect {
    prospect_from(blocking(servers, load.erlangs()), servers, load, within)
}

/// The same where Erlang B is known already.
fn prospect_from(blocked: f64, servers: u32, load: Load, within: Duration) -> Prospect {
    let (n, a, handle) = (f64::from(servers), load.erlangs(), load.handle_time.as_secs_f64());
    if n <= a || handle <= 0.0 {
        let idle = a <= 0.0;
        let (waiting, service_level) = if idle { (0.0, 1.0) } else { (1.0, 0.0) };
        let asa = idle.then_some(Duration::ZERO);
        return Prospect { waiting, service_level, asa, occupancy: f64::from(u8::from(!idle)), abandonment: 0.0 };
    }
    let waiting = n * blocked / (n - a * (1.0 - blocked));
    let service_level = 1.0 - waiting * (-(n - a) * within.as_secs_f64() / handle).exp();
    let asa = Some(Duration::from_secs_f64(waiting * handle / (n - a)));
    Prospect { waiting, service_level, asa, occupancy: a / n, abandonment: 0.0 }
}

/// Erlang A: whoever waits longer than their patience (exponential with this mean) gives up.
pub fn with_abandonment(servers: u32, load: Load, patience: Duration, within: Duration) -> Prospect {
    let handle = load.handle_time.as_secs_f64();
    let (arrivals, a) = (load.arrivals(), load.erlangs());
    if a <= 0.0 {
        return without_abandonment(servers, load, within);
    }
    if servers == 0 || patience.is_zero() {
        let lost = if servers == 0 { 1.0 } else { blocking(servers, a) };
        let asa = (servers > 0).then_some(Duration::ZERO);
        let occupancy = if servers == 0 { 0.0 } else { a * (1.0 - lost) / f64::from(servers) };
        return Prospect { waiting: lost, service_level: 1.0 - lost, asa, occupancy, abandonment: lost };
    }
    let (leaving, serving) = (1.0 / patience.as_secs_f64(), f64::from(servers) / handle);
    // The logarithm of the density of the wait offered, but for a factor; it rises to `top` and falls for ever.
    let log = |x: f64| arrivals * -(-leaving * x).exp_m1() / leaving - serving * x;
    let peak = ((arrivals / serving).ln() / leaving).max(0.0);
    let top = log(peak);
    let mut reach = 1.0 / serving;
    while log(peak + reach) > top - NEGLIGIBLE {
        reach *= 2.0;
    }
    let end = peak + reach;
    let density = |x: f64| arrivals * (log(x) - top).exp();
    let stays = |x: f64| (-leaving * x).exp();
    let late = integral(0.0, end, density);
    // The states in which somebody is free, by the same factor.
    let early = (-top).exp() / blocking(servers - 1, a);
    let all = early + late;
    let waiting = late / all;
    let abandonment = (((-top).exp() + (1.0 - serving / arrivals) * late) / all).clamp(0.0, 1.0);
    let soon = integral(0.0, within.as_secs_f64().min(end), |x| density(x) * stays(x)) / all;
    let answered = 1.0 - abandonment;
    let waits = integral(0.0, end, |x| x * density(x) * stays(x)) / all;
    Prospect {
        waiting,
        service_level: (1.0 - waiting + soon).clamp(0.0, 1.0),
        asa: (answered > 0.0).then(|| Duration::from_secs_f64((waits / answered).max(0.0))),
        occupancy: (a * answered / f64::from(servers)).min(1.0),
        abandonment,
    }
}

/// Simpson's rule.
fn integral(from: f64, to: f64, of: impl Fn(f64) -> f64) -> f64 {
    if to <= from {
        return 0.0;
    }
    let width = (to - from) / f64::from(INTERVALS);
    let inner = (1..INTERVALS).map(|i| f64::from(2 + 2 * (i % 2)) * of(from + f64::from(i) * width));
    (of(from) + of(to) + inner.sum::<f64>()) * width / 3.0
}

/// The fewest operators with whom this share of calls is answered within this time, by Erlang C. `None`: not even
/// [`MAX_SERVERS`] would do.
pub fn servers_for(load: Load, target: f64, within: Duration) -> Option<u32> {
    let a = load.erlangs();
    let mut blocked = 1.0;
    for n in 0..=MAX_SERVERS {
        if n > 0 {
            blocked = a * blocked / (f64::from(n) + a * blocked);
        }
        if prospect_from(blocked, n, load, within).service_level >= target {
            return Some(n);
        }
    }
    None
}

/// The same by Erlang A.
pub fn servers_for_impatient(load: Load, patience: Duration, target: f64, within: Duration) -> Option<u32> {
    let suffices = |n| with_abandonment(n, load, patience, within).service_level >= target;
    // Whoever gives up makes room: Erlang C never asks for fewer.
    let most = servers_for(load, target, within)?;
    let (mut low, mut high) = (0, most);
    while low < high {
        let middle = low + (high - low) / 2;
        if suffices(middle) { high = middle } else { low = middle + 1 }
    }
    suffices(high).then_some(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Duration = Duration::from_secs(15);

    fn load(calls_per_hour: f64, handle: u64) -> Load {
        Load { calls_per_hour, handle_time: Duration::from_secs(handle) }
    }

    fn near(found: f64, expected: f64, tolerance: f64, what: &str) {
        assert!((found - expected).abs() <= tolerance, "{what}: found {found}, expected {expected}");
    }

    #[test]
    fn tables_of_erlang_b_and_c() {
        for (servers, erlangs, blocked) in [(1, 1.0, 0.5), (5, 3.0, 0.110_05), (10, 5.0, 0.018_385), (100, 84.06, 0.01)]
        {
            near(blocking(servers, erlangs), blocked, 5e-5, &format!("B({servers}, {erlangs})"));
        }
        for (servers, erlangs, waiting) in [(1, 0.6, 0.6), (2, 1.0, 0.3333), (10, 8.0, 0.409_18), (50, 48.0, 0.694_46)]
        {
            let found = without_abandonment(servers, load(erlangs * 3600.0, 1), T).waiting;
            near(found, waiting, 5e-5, &format!("C({servers}, {erlangs})"));
        }
    }

    #[test]
    fn the_load_of_the_hotline_is_a_cliff() {
        let target = 0.95;
        assert_eq!(servers_for(load(7000.0, 300), target, T), Some(611));
        assert!(without_abandonment(610, load(7000.0, 300), T).service_level < target);
        near(without_abandonment(650, load(7000.0, 330), T).service_level, 0.56, 0.01, "330 s, 650 operators");
        for (pools, seats) in [(5, 665), (10, 710), (20, 780)] {
            assert_eq!(servers_for(load(7000.0, 300).part(pools), target, T).map(|n| n * pools), Some(seats));
        }
    }

    #[test]
    fn more_servers_than_a_house_has_overflow_nothing() {
        let c = without_abandonment(1700, load(7000.0, 300), T);
        let a = with_abandonment(1700, load(7000.0, 300), Duration::from_secs(120), T);
        for prospect in [c, a] {
            near(prospect.service_level, 1.0, 1e-9, "service level");
            near(prospect.occupancy, 583.33 / 1700.0, 1e-5, "occupancy");
            assert!(prospect.waiting < 1e-100 && prospect.asa.is_some());
        }
        let crushed = with_abandonment(1700, load(70_000.0, 300), Duration::from_secs(120), T);
        near(crushed.occupancy, 1.0, 1e-6, "occupancy when crushed");
        near(crushed.abandonment, 1.0 - 1700.0 / 5833.33, 1e-4, "only what is too much gives up");
    }

    /// Garnett, Mandelbaum, Reiman, "Designing a call center with impatient customers", table 1: 48 calls a
    /// minute, one minute each, patience two minutes, 50 agents.
    #[test]
    fn patience_that_ends_makes_a_table_of_its_own() {
        let two = Duration::from_secs(120);
        let crowd = load(48.0 * 60.0, 60);
        let endless = without_abandonment(50, crowd, T);
        near(endless.asa.unwrap().as_secs_f64(), 20.8, 0.05, "ASA without abandonment");
        near(endless.occupancy, 0.96, 0.001, "occupancy without abandonment");
        let ends = with_abandonment(50, crowd, two, T);
        near(ends.abandonment, 0.031, 0.0005, "abandonment");
        near(ends.occupancy, 0.93, 0.001, "occupancy");
        // Everybody's mean wait is the abandonment times the patience.
        near(ends.abandonment * 120.0, 3.7, 0.05, "mean wait");
    }

    /// The chain of births and deaths, state by state.
    #[test]
    fn the_integrals_agree_with_the_chain() {
        for (servers, calls, handle, patience) in [(10, 100.0, 300, 60), (30, 400.0, 300, 120), (3, 60.0, 200, 600)] {
            let (load, patience) = (load(calls, handle), Duration::from_secs(patience));
            let found = with_abandonment(servers, load, patience, Duration::from_secs(20));
            let (mut weight, mut sum, mut waiting, mut queue) = (1.0, 1.0, 0.0, 0.0);
            for state in 1..4000_u32 {
                let over = f64::from(state.saturating_sub(servers));
                let deaths = f64::from(state.min(servers)) / handle as f64 + over / patience.as_secs_f64();
                weight *= load.arrivals() / deaths;
                sum += weight;
                queue += over * weight;
                waiting += if state >= servers { weight } else { 0.0 };
            }
            let abandoned = queue / sum / patience.as_secs_f64() / load.arrivals();
            near(found.waiting, waiting / sum, 1e-6, "waiting");
            near(found.abandonment, abandoned, 1e-6, "abandonment");
            let at_once = with_abandonment(servers, load, patience, Duration::ZERO).service_level;
            near(at_once, 1.0 - waiting / sum, 1e-6, "answered at once");
            let at_last = with_abandonment(servers, load, patience, Duration::from_secs(100_000)).service_level;
            near(at_last, 1.0 - abandoned, 1e-6, "answered at last");
        }
    }

    #[test]
    fn endless_patience_is_erlang_c_and_impatience_needs_fewer() {
        let endless = Duration::from_secs(100_000_000);
        let (c, a) =
            (without_abandonment(611, load(7000.0, 300), T), with_abandonment(611, load(7000.0, 300), endless, T));
        near(a.service_level, c.service_level, 1e-4, "service level");
        near(a.waiting, c.waiting, 1e-4, "waiting");
        let impatient = servers_for_impatient(load(7000.0, 300), Duration::from_secs(120), 0.95, T).unwrap();
        assert!((570..611).contains(&impatient), "{impatient}");
        assert_eq!(servers_for(load(0.0, 300), 0.95, T), Some(0));
    }
}
