//! `hotline trunks`: how the trunks of the running hotline stand.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::control::{self, Reply, Request};
use super::hours::timestamp;
use super::orders::nobody;
use super::say::say;
use super::statistics::Format;
use super::versions;
use crate::config::time_zone;
use crate::records::rfc3339;
use crate::sip::message::reason_phrase;
use crate::sip::{TrunkState, TrunkView};

#[derive(Args, Debug)]
pub struct TrunksArgs {
    /// For people, or one JSON object a trunk
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn trunks(config: &Path, data: &Path, args: &TrunksArgs) -> Result<ExitCode, Vec<String>> {
    let told = |what: String| vec![format!("hotline trunks: {what}")];
    match control::ask(data, &Request::Trunks).map_err(told)? {
        Some(Reply::Trunks { trunks }) => {
            let zone = time_zone(config);
            for trunk in trunks {
                match args.format {
                    Format::Json => say!("{}", json(&trunk, &zone).map_err(|error| told(error.to_string()))?),
                    Format::Text => say!("{}", line(&trunk, &zone)),
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        Some(reply) => versions::answer("trunks", reply, Format::Text),
        None => Err(told(nobody(data))),
    }
}

/// E.g. `carrier  up  registered  3/30 calls (2 refused), 10 a second  192.0.2.5:5060 up, 192.0.2.6:5060 down`.
fn line(trunk: &TrunkView, zone: &TimeZone) -> String {
    let mut parts = vec![trunk.id.to_string(), words(trunk.state(), zone)];
    match trunk.registered {
        Some(true) => parts.push("registered".into()),
        Some(false) => parts.push(format!("not registered{}", trunk.refused.map_or(String::new(), refused))),
        None => {}
    }
    parts.push(calls(trunk));
    let to: Vec<String> =
        trunk.states().into_iter().map(|(addr, state)| format!("{addr} {}", words(state, zone))).collect();
    match (&trunk.fault, to.is_empty()) {
        (None, true) => parts.push("in only".into()),
        (Some(fault), true) => parts.push(fault.clone()),
        (None, false) => parts.push(to.join(", ")),
        (Some(fault), false) => parts.extend([to.join(", "), fault.clone()]),
    }
    if trunk.distrusts {
        parts.push("refuses our password for calls (its username or its secret is wrong)".into());
    }
    if let Some(realm) = &trunk.unanswered_realm {
        let which = match trunk.realm_is_set {
            true => "its key realm says which is",
            false => "the one that its registrar asks for is; a key realm says another",
        };
        parts.push(format!("asks for the realm \"{realm}\", which is not answered ({which})"));
    }
    if let Some(way) = &trunk.unanswered_way {
        parts.push(format!("asks for our password in a way that is not known ({way})"));
    }
    parts.join("  ")
}

fn refused(status: u16) -> String {
    match status {
        401 | 407 => {
            format!(": {status} {} (its username, its secret or its realm may be wrong)", reason_phrase(status))
        }
        403 => format!(": {status} {} (its username or its secret may be wrong)", reason_phrase(status)),
        408 => ": no answer in time".into(),
        _ => format!(": {status} {}", reason_phrase(status)),
    }
}

fn word(state: TrunkState) -> &'static str {
    match state {
        TrunkState::Up => "up",
        TrunkState::Resting(_) => "resting",
        TrunkState::Down => "down",
        TrunkState::Unchecked => "unchecked",
    }
}

/// E.g. `down`, `resting until 14:03:20`: nobody rests for longer than an hour.
fn words(state: TrunkState, zone: &TimeZone) -> String {
    match state {
        TrunkState::Resting(until) => {
            let until = timestamp(until).to_zoned_datetime(zone.clone());
            format!("{} until {}", word(state), until.strftime("%H:%M:%S"))
        }
        _ => word(state).into(),
    }
}

/// As it is told, with its state in a word, and times that people can read.
fn json(trunk: &TrunkView, zone: &TimeZone) -> serde_json::Result<Value> {
    let mut value = serde_json::to_value(trunk)?;
    value["state"] = word(trunk.state()).into();
    value["rests"] = trunk.rests.iter().map(|until| until.map(|until| rfc3339(until, zone))).collect();
    Ok(value)
}

/// What it carries, its limits, and how many did not go over it for them.
fn calls(trunk: &TrunkView) -> String {
    let refused = |count: u64| if count > 0 { format!(" ({count} refused)") } else { String::new() };
    let mut told = match trunk.channels {
        Some(channels) => format!("{}/{channels} calls{}", trunk.calls, refused(trunk.no_room.channels)),
        None => format!("{} calls", trunk.calls),
    };
    if let Some(most) = trunk.calls_per_second {
        told.push_str(&format!(", {most} a second{}", refused(trunk.no_room.calls_per_second)));
    }
    told
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::moment::Moment;
    use crate::sip::NoRoom;

    fn zone() -> TimeZone {
        TimeZone::fixed(jiff::tz::offset(8))
    }

    #[test]
    fn a_trunk_is_a_line() {
        let addr = |text: &str| text.parse().unwrap();
        let mut trunk = TrunkView {
            id: "carrier".into(),
            calls: 3,
            channels: Some(30),
            calls_per_second: None,
            no_room: NoRoom::default(),
            registered: Some(true),
            refused: None,
            to: vec![(addr("192.0.2.5:5060"), Some(true)), (addr("192.0.2.6:5060"), Some(false))],
            rests: vec![None, None],
            fault: None,
            unanswered_realm: None,
            unanswered_way: None,
            realm_is_set: true,
            distrusts: false,
        };
        let told = "carrier  up  registered  3/30 calls  192.0.2.5:5060 up, 192.0.2.6:5060 down";
        assert_eq!(line(&trunk, &zone()), told);
        trunk.registered = Some(false);
        assert!(
            line(&trunk, &zone()).starts_with("carrier  down  not registered"),
            "who does not know us takes no calls"
        );
        for (status, why) in [
            (401, "401 Unauthorized (its username, its secret or its realm may be wrong)"),
            (403, "403 Forbidden (its username or its secret may be wrong)"),
            (503, "503 Service Unavailable"),
            (408, "no answer in time"),
        ] {
            trunk.refused = Some(status);
            let told = line(&trunk, &zone());
            assert!(told.contains(&format!("  not registered: {why}  3/30 calls")), "{told}");
        }
        trunk.no_room = NoRoom { channels: 2, calls_per_second: 7 };
        (trunk.calls_per_second, trunk.unanswered_realm) = (Some(10), Some("carrier.example".into()));
        let told = line(&trunk, &zone());
        assert!(told.contains("  3/30 calls (2 refused), 10 a second (7 refused)  "), "{told}");
        let asks = "  asks for the realm \"carrier.example\", which is not answered";
        assert!(told.ends_with(&format!("{asks} (its key realm says which is)")), "{told}");
        trunk.realm_is_set = false;
        let told = line(&trunk, &zone());
        assert!(told.ends_with(&format!("{asks} (the one that its registrar asks for is; a key realm says another)")));
        trunk.distrusts = true;
        assert!(
            line(&trunk, &zone())
                .contains("  refuses our password for calls (its username or its secret is wrong)  asks")
        );
        let mut inward = TrunkView {
            distrusts: false,
            id: "in".into(),
            channels: None,
            calls: 0,
            registered: None,
            refused: None,
            to: Vec::new(),
            rests: Vec::new(),
            calls_per_second: None,
            no_room: NoRoom::default(),
            unanswered_realm: None,
            unanswered_way: None,
            ..trunk
        };
        assert_eq!(line(&inward, &zone()), "in  unchecked  0 calls  in only");
        inward.fault = Some("carrier.example: there is no such name".into());
        assert_eq!(line(&inward, &zone()), "in  down  0 calls  carrier.example: there is no such name");
    }

    /// With two addresses: whether anybody is there, and until when each rests.
    fn carrier([one, two]: [(Option<bool>, Option<Moment>); 2]) -> TrunkView {
        let addr = |text: &str| text.parse().unwrap();
        TrunkView {
            id: "carrier".into(),
            calls: 0,
            channels: None,
            calls_per_second: None,
            no_room: NoRoom::default(),
            registered: None,
            refused: None,
            to: vec![(addr("192.0.2.5:5060"), one.0), (addr("192.0.2.6:5060"), two.0)],
            rests: vec![one.1, two.1],
            fault: None,
            unanswered_realm: None,
            unanswered_way: None,
            realm_is_set: false,
            distrusts: false,
        }
    }

    #[test]
    fn a_trunk_rests_where_each_of_its_addresses_that_is_there_does() {
        let first = Moment::from_micros(1_763_955_000_000_000);
        let later = first + Duration::from_secs(60);
        for (one, two, expected) in [
            ((Some(true), Some(later)), (Some(true), Some(first)), "resting until 11:30:00"),
            ((Some(true), Some(later)), (Some(false), None), "resting until 11:31:00"),
            ((Some(true), Some(later)), (Some(true), None), "up"),
            ((None, Some(later)), (Some(false), Some(first)), "resting until 11:31:00"),
            ((Some(false), Some(later)), (Some(false), None), "down"),
            ((None, None), (None, Some(first)), "unchecked"),
        ] {
            let trunk = carrier([one, two]);
            let of = format!("{one:?} {two:?}");
            assert!(line(&trunk, &zone()).starts_with(&format!("carrier  {expected}  0 calls  ")), "{of}");
            let told = json(&trunk, &zone()).unwrap();
            assert_eq!(told["state"], expected.split(' ').next().unwrap(), "{of}");
            assert_eq!((&told["to"][0][1], told["rests"][0].is_string()), (&one.0.into(), one.1.is_some()), "{of}");
            let unregistered = TrunkView { registered: Some(false), ..trunk };
            assert_eq!(word(unregistered.state()), "down", "who does not know us takes no calls: {of}");
        }
        let rests = TrunkView { registered: Some(true), ..carrier([(Some(true), Some(first)), (Some(false), None)]) };
        let told = "carrier  resting until 11:30:00  registered  0 calls  \
                    192.0.2.5:5060 resting until 11:30:00, 192.0.2.6:5060 down";
        assert_eq!(line(&rests, &zone()), told);
        assert_eq!(json(&rests, &zone()).unwrap()["rests"], serde_json::json!(["2025-11-24T11:30:00.000+08:00", null]));
    }
}
