//! `hotline trunks`: how the trunks of the running hotline stand.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::control::{self, Reply, Request};
use super::orders::nobody;
use super::say::say;
use super::statistics::Format;
use super::versions;
use crate::sip::TrunkView;

#[derive(Args, Debug)]
pub struct TrunksArgs {
    /// For people, or one JSON object a trunk
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn trunks(data: &Path, args: &TrunksArgs) -> Result<ExitCode, Vec<String>> {
    let told = |what: String| vec![format!("hotline trunks: {what}")];
    match control::ask(data, &Request::Trunks).map_err(told)? {
        Some(Reply::Trunks { trunks }) => {
            for trunk in trunks {
                match args.format {
                    Format::Json => say!("{}", serde_json::to_string(&trunk).map_err(|error| told(error.to_string()))?),
                    Format::Text => say!("{}", line(&trunk)),
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        Some(reply) => versions::answer("trunks", reply, Format::Text),
        None => Err(told(nobody(data))),
    }
}

/// E.g. `carrier up registered 3/30 calls (2 refused), 10 a second 192.0.2.5:5060 up, 192.0.2.6:5060 down`.
fn line(trunk: &TrunkView) -> String {
    let state = |up: Option<bool>| match up {
        Some(true) => "up",
        Some(false) => "down",
        None => "unchecked",
    };
    let mut parts = vec![trunk.id.to_string(), state(trunk.is_up()).to_string()];
    match trunk.registered {
        Some(true) => parts.push("registered".into()),
        Some(false) => parts.push("not registered".into()),
        None => {}
    }
    parts.push(calls(trunk));
    let to: Vec<String> = trunk.to.iter().map(|(addr, up)| format!("{addr} {}", state(*up))).collect();
    match (&trunk.fault, to.is_empty()) {
        (None, true) => parts.push("in only".into()),
        (Some(fault), true) => parts.push(fault.clone()),
        (None, false) => parts.push(to.join(", ")),
        (Some(fault), false) => parts.extend([to.join(", "), fault.clone()]),
    }
    if let Some(realm) = &trunk.unanswered_realm {
        let which = match trunk.realm_is_set {
            true => "its key realm says which is",
            false => "the one that its registrar asks for is; a key realm says another",
        };
        parts.push(format!("asks for the realm \"{realm}\", which is not answered ({which})"));
    }
    parts.join("  ")
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
    use super::*;
    use crate::sip::NoRoom;

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
            to: vec![(addr("192.0.2.5:5060"), Some(true)), (addr("192.0.2.6:5060"), Some(false))],
            fault: None,
            unanswered_realm: None,
            realm_is_set: true,
        };
        let told = "carrier  up  registered  3/30 calls  192.0.2.5:5060 up, 192.0.2.6:5060 down";
        assert_eq!(line(&trunk), told);
        trunk.registered = Some(false);
        assert!(line(&trunk).starts_with("carrier  down  not registered"), "who does not know us takes no calls");
        trunk.no_room = NoRoom { channels: 2, calls_per_second: 7 };
        (trunk.calls_per_second, trunk.unanswered_realm) = (Some(10), Some("carrier.example".into()));
        let told = line(&trunk);
        assert!(told.contains("  3/30 calls (2 refused), 10 a second (7 refused)  "), "{told}");
        let asks = "  asks for the realm \"carrier.example\", which is not answered";
        assert!(told.ends_with(&format!("{asks} (its key realm says which is)")), "{told}");
        trunk.realm_is_set = false;
        let told = line(&trunk);
        assert!(told.ends_with(&format!("{asks} (the one that its registrar asks for is; a key realm says another)")));
        let mut inward = TrunkView {
            id: "in".into(),
            channels: None,
            calls: 0,
            registered: None,
            to: Vec::new(),
            calls_per_second: None,
            no_room: NoRoom::default(),
            unanswered_realm: None,
            ..trunk
        };
        assert_eq!(line(&inward), "in  unchecked  0 calls  in only");
        inward.fault = Some("carrier.example: there is no such name".into());
        assert_eq!(line(&inward), "in  down  0 calls  carrier.example: there is no such name");
    }
}
