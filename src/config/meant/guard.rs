//! hotline.toml: `[guard]`.

use std::time::Duration;

use super::{number_within, time_within};
use crate::config::fault::Faults;
use crate::config::reader;
use crate::config::source::Files;
use crate::config::written;
use crate::sip::guard::Limits;

const RATES: (u32, u32) = (10, 1_000_000);
const CHALLENGES: (u32, u32) = (1, 100_000);
const CHALLENGES_RATE: (u32, u32) = (1, 10_000);
const POINTS: (u32, u32) = (10, 1_000_000);
const FORGET: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(24 * 3600));
const BAN: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(7 * 24 * 3600));
const BEHIND: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(10));

pub fn read(files: &Files, faults: &mut Faults) -> Option<Limits> {
    let guard = reader::table::<written::Guard>(&files.hotline, "guard", faults)?;
    let (written, default) = (&guard.written, Limits::default());
    let mut number = |key: &str, written: Option<u32>, default, limits| {
        number_within(&guard, &[key], written.unwrap_or(default), limits, faults)
    };
    let household_rate = number("messages_per_second", written.messages_per_second, default.household_rate, RATES);
    let strangers_rate = number("strangers_per_second", written.strangers_per_second, default.strangers_rate, RATES);
    let unproven = number("challenges", written.challenges, default.unproven, CHALLENGES);
    let unproven_rate =
        number("challenges_per_second", written.challenges_per_second, default.unproven_rate, CHALLENGES_RATE);
    let ban_after = number("ban_after", written.ban_after, default.ban_after, POINTS);
    let forget = time_within(&guard, "forget", &written.forget, default.forget, FORGET, faults);
    let ban = time_within(&guard, "ban", &written.ban, default.ban, BAN, faults);
    let ban_longest = time_within(&guard, "ban_longest", &written.ban_longest, default.ban_longest, BAN, faults);
    let behind_after = time_within(&guard, "behind_after", &written.behind_after, default.behind_after, BEHIND, faults);
    if written.scanners.iter().flatten().any(|scanner| scanner.trim().is_empty()) {
        guard.fault(faults, "scanners", "an empty text is in every name: nobody would be let in");
    }
    let scanners =
        written.scanners.as_ref().map(|all| all.iter().map(|scanner| scanner.to_ascii_lowercase()).collect());
    Some(Limits {
        household_rate,
        strangers_rate,
        unproven,
        unproven_rate,
        ban_after,
        forget,
        ban,
        ban_longest,
        behind_after,
        scanners: scanners.unwrap_or(default.scanners),
    })
}
