//! `hotline bans`: the households that the running hotline does not hear, and how one is heard again.

use std::net::IpAddr;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::control::{self, Reply, Request};
use super::orders::nobody;
use super::say::say;
use super::statistics::Format;
use super::versions::{self, date};
use crate::config::time_zone;
use crate::peers::{household_text, read_household};
use crate::records::rfc3339;
use crate::sip::guard::Ban;

const EXAMPLES: &str = "\
A household is an IPv4 address, or the /64 that everybody with IPv6 has to himself. The reason is that of the security \
log: wrong-secret, refused and unproven are points that came to `guard.ban_after` (hotline.toml), scanner is at once. A \
ban ends by itself, or when hotline is started anew; whoever is lifted starts without any points.

Examples:
  hotline bans                         who is not heard, until when, and why?
  hotline bans --lift 192.0.2.66       hear that address again
  hotline bans --lift 2001:db8::/64    the same as any address in it
  hotline bans --format json           one JSON object a household";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct BansArgs {
    /// Hear this household again: its address, or one in it; the security log and the audit log have it
    #[arg(long, value_name = "ADDRESS", value_parser = household)]
    lift: Option<IpAddr>,
    /// For people, or one JSON object a household
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

fn household(text: &str) -> Result<IpAddr, String> {
    read_household(text).ok_or_else(|| {
        "that is no address; 192.0.2.66 is one, and 2001:db8::1 or 2001:db8::/64, as `hotline bans` prints them".into()
    })
}

pub fn bans(config: &Path, data: &Path, args: &BansArgs) -> Result<ExitCode, Vec<String>> {
    let told = |what: String| vec![format!("hotline bans: {what}")];
    match control::ask(data, &Request::Bans { lift: args.lift }).map_err(told)? {
        Some(Reply::Bans { bans }) => {
            let zone = time_zone(config);
            match (args.format, args.lift) {
                (Format::Json, _) => bans.iter().for_each(|ban| say!("{}", json(ban, &zone))),
                (Format::Text, None) => table(&bans, &zone).iter().for_each(|line| say!("{line}")),
                (Format::Text, Some(_)) => bans.iter().for_each(|ban| say!("{}", lifted(ban, &zone))),
            }
            Ok(ExitCode::SUCCESS)
        }
        Some(reply) => versions::answer("bans", reply, args.format),
        None => Err(told(nobody(data))),
    }
}

fn table(bans: &[Ban], zone: &TimeZone) -> Vec<String> {
    if bans.is_empty() {
        return vec!["no household is banned".into()];
    }
    let row = |ban: &Ban| {
        let (since, until) = (date(ban.since, zone), date(ban.until, zone));
        [household_text(ban.household), since, until, ban.reason.to_string()]
    };
    let rows: Vec<[String; 4]> = std::iter::once(["household", "since", "until", "reason"].map(String::from))
        .chain(bans.iter().map(row))
        .collect();
    let width = rows.iter().map(|row| row[0].len()).max().unwrap_or_default();
    rows.iter().map(|[who, since, until, why]| format!("{who:<width$}  {since:<19}  {until:<19}  {why}")).collect()
}

/// What would have been.
fn lifted(ban: &Ban, zone: &TimeZone) -> String {
    let (household, until) = (household_text(ban.household), date(ban.until, zone));
    format!("{household} is heard again; it was banned until {until} ({})", ban.reason)
}

fn json(ban: &Ban, zone: &TimeZone) -> Value {
    json!({
        "household": household_text(ban.household),
        "address": ban.address,
        "since": rfc3339(ban.since, zone),
        "until": rfc3339(ban.until, zone),
        "reason": ban.reason,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::moment::Moment;
    use crate::sip::guard::Reason;

    fn ban(household: &str, address: &str, reason: Reason) -> Ban {
        let [household, address] = [household, address].map(|text| text.parse().expect("an address"));
        let since = Moment::from_micros(1_763_955_000_000_000);
        Ban { household, address, since, until: since + Duration::from_secs(600), reason }
    }

    #[test]
    fn bans_are_a_table_in_the_zone_of_the_house() {
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        let bans = [
            ban("192.0.2.66", "192.0.2.66", Reason::WrongSecret),
            ban("2001:db8:0:1::", "2001:db8:0:1::7", Reason::Scanner),
        ];
        let expected = "\
household          since                until                reason
192.0.2.66         2025-11-24 11:30:00  2025-11-24 11:40:00  wrong-secret
2001:db8:0:1::/64  2025-11-24 11:30:00  2025-11-24 11:40:00  scanner";
        assert_eq!(table(&bans, &zone).join("\n"), expected);
        assert_eq!(table(&[], &zone), ["no household is banned"]);
        let told = "2001:db8:0:1::/64 is heard again; it was banned until 2025-11-24 11:40:00 (scanner)";
        assert_eq!(lifted(&bans[1], &zone), told);
        let expected = json!({
            "household": "2001:db8:0:1::/64",
            "address": "2001:db8:0:1::7",
            "since": "2025-11-24T11:30:00.000+08:00",
            "until": "2025-11-24T11:40:00.000+08:00",
            "reason": "scanner",
        });
        assert_eq!(json(&bans[1], &zone), expected);
    }

    #[test]
    fn the_reasons_are_those_of_the_security_log_in_either_format() {
        for reason in [Reason::Scanner, Reason::WrongSecret, Reason::Refused, Reason::Unproven] {
            assert_eq!(json!(reason), json!(reason.to_string()));
        }
    }
}
