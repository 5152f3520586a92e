//! Why a leg ends, RFC 3326: what they say of it, and what they are told. Carriers are told in the words of ISDN, too,
//! for what is behind them.

use std::fmt;

use crate::ids::LegId;
use crate::sip::endpoint::Endpoint;
use crate::sip::message::Headers;
use crate::sip::words::Event;

/// Causes of ITU-T Q.850 §2.2.7.
const MOST: u8 = 127;
const NORMAL: (u8, &str) = (16, "Normal call clearing");
const UNSPECIFIED: (u8, &str) = (31, "Normal, unspecified");

/// Why a leg ended, in the words of whoever ended it, RFC 3326.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A status of SIP.
    Sip(u16),
    /// A cause of ISDN, ITU-T Q.850.
    Q850(u8),
}

impl Reason {
    /// Why we end a leg for a status of SIP: in the words of ISDN where they say more.
    pub fn of_status(status: u16) -> Reason {
        match isdn(Reason::Sip(status)) {
            UNSPECIFIED => Reason::Sip(status),
            (cause, _) => Reason::Q850(cause),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Sip(cause) => write!(f, "SIP;cause={cause}"),
            Reason::Q850(cause) => write!(f, "Q.850;cause={cause}"),
        }
    }
}

impl Endpoint {
    /// What a message that ends a leg says of it; told before its end.
    pub(super) fn tell_why(&mut self, leg: LegId, headers: &Headers) {
        if let Some(reason) = read(headers) {
            self.tell(Event::Because { leg, reason });
        }
    }
}

/// Of several the one that says most: what ISDN said stands for what a gateway made of it.
pub(in crate::sip) fn read(headers: &Headers) -> Option<Reason> {
    let all: Vec<Reason> = headers.tokens("Reason").iter().filter_map(|value| parse(value)).collect();
    let isdn = all.iter().find(|reason| matches!(reason, Reason::Q850(_)));
    isdn.or(all.first()).copied()
}

/// Text of theirs goes nowhere: protocol and cause are all that is read.
fn parse(value: &str) -> Option<Reason> {
    let (protocol, params) = value.split_once(';')?;
    let cause = params.split(';').find_map(|param| {
        let (name, cause) = param.split_once('=')?;
        name.trim().eq_ignore_ascii_case("cause").then(|| cause.trim().parse::<u16>().ok())?
    })?;
    match protocol.trim() {
        name if name.eq_ignore_ascii_case("Q.850") => {
            u8::try_from(cause).ok().filter(|cause| *cause <= MOST).map(Reason::Q850)
        }
        name if name.eq_ignore_ascii_case("SIP") => (100..700).contains(&cause).then_some(Reason::Sip(cause)),
        _ => None,
    }
}

/// What a BYE or CANCEL of ours says. A carrier is always told a cause of ISDN.
pub(super) fn write(headers: &mut Headers, reason: Option<String>, to_carrier: bool) {
    let known = reason.as_deref().and_then(parse);
    if let Some(reason) = reason {
        headers.push("Reason", reason);
    }
    if to_carrier && !matches!(known, Some(Reason::Q850(_))) {
        let (cause, text) = known.map_or(NORMAL, isdn);
        headers.push("Reason", format!("Q.850;cause={cause};text=\"{text}\""));
    }
}

/// What a cause of SIP of ours is in ISDN.
fn isdn(reason: Reason) -> (u8, &'static str) {
    match reason {
        Reason::Sip(200) => (26, "Non-selected user clearing"),
        Reason::Sip(408) => (102, "Recovery on timer expiry"),
        Reason::Sip(488) => (88, "Incompatible destination"),
        Reason::Sip(503) => (41, "Temporary failure"),
        _ => UNSPECIFIED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_they_say_protocol_and_number_are_read() {
        let of = |lines: &[&str]| {
            let mut headers = Headers::default();
            lines.iter().for_each(|line| headers.push("Reason", *line));
            read(&headers).map(|reason| reason.to_string())
        };
        for (lines, expected) in [
            (&["Q.850;cause=16;text=\"Normal call clearing\""][..], Some("Q.850;cause=16")),
            (&["q.850 ; text=\"a;cause=1, b\" ; Cause = 17"], Some("Q.850;cause=17")),
            (&["SIP;cause=487;text=\"ORIGINATOR_CANCEL\""], Some("SIP;cause=487")),
            (&["SIP ;cause=200 ;text=\"Call completed elsewhere\", Q.850;cause=26"], Some("Q.850;cause=26")),
            (&["SIP;cause=600", "Q.850;cause=21"], Some("Q.850;cause=21")),
            (&["preemption;cause=1;text=\"UA Preemption\""], None),
            (&["Q.850;cause=999"], None),
            (&["SIP;cause=7"], None),
            (&["Q.850"], None),
            (&["=HYPERLINK(1);cause=16"], None),
            (&[], None),
        ] {
            assert_eq!(of(lines).as_deref(), expected, "{lines:?}");
        }
    }
}
