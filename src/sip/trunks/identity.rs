//! Who calls, as a carrier asserts it: P-Asserted-Identity (RFC 3325), Privacy (RFC 3323), Diversion (RFC 5806) and
//! History-Info (RFC 7044). Whoever is not trusted could write anything there: of others nothing of it is read, and
//! nothing of it is ever passed on.

use super::numbers::{Numbering, is_telephone, plain};
use crate::sip::message::{Headers, NameAddr, SipUri, Uri};
use crate::sip::words::{Diverted, Party};

/// Who does not want to be known.
pub(in crate::sip) const ANONYMOUS: &str = "anonymous";

/// What stands in From then, RFC 3323 §4.1.1.3: an address that is nobody's, ours neither.
pub(in crate::sip) fn nobody() -> NameAddr {
    let uri = SipUri::new(Some(ANONYMOUS), "anonymous.invalid", None);
    NameAddr { display: Some("Anonymous".into()), ..NameAddr::sip(uri) }
}

/// What is asserted of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::sip) struct Asserted {
    /// Whose call it is, also where that is not to be shown: for carriers that are trusted as well.
    pub identity: Option<String>,
    /// `None`: nothing is, and From has to do.
    pub caller: Option<Party>,
    /// If the call was sent on to us.
    pub diverted: Option<Diverted>,
}

/// `numbering`: of the country where that is said.
pub(in crate::sip) fn asserted(headers: &Headers, numbering: &Numbering) -> Asserted {
    let parties = headers.tokens("P-Asserted-Identity");
    let named = parties.iter().filter_map(|value| NameAddr::parse(value)).filter_map(|party| {
        let number = number(&party.uri, numbering)?;
        Some(Party { number, display: party.display })
    });
    let named: Vec<Party> = named.collect();
    // RFC 3325 §9.1: one caller's name and telephone number, in any order; the number can be called back.
    let telephone = named.iter().find(|party| is_telephone(&party.number)).or(named.first());
    let display = named.iter().find_map(|party| party.display.clone());
    let caller = telephone.map(|party| Party { display: party.display.clone().or(display), ..party.clone() });
    let identity = caller.as_ref().map(|caller| caller.number.clone());
    let withheld = is_private(headers).then(|| Party { number: ANONYMOUS.into(), display: None });
    Asserted { identity, caller: withheld.or(caller), diverted: diverted(headers, numbering) }
}

/// Who calls, for a carrier that is trusted with it, RFC 3325 §5 and §7: also where whom it calls is not to know it.
pub(in crate::sip) fn assert(headers: &mut Headers, identity: Option<SipUri>, is_withheld: bool) {
    if let Some(identity) = identity {
        headers.push("P-Asserted-Identity", NameAddr::sip(identity).to_string());
    }
    if is_withheld {
        headers.push("Privacy", "id");
    }
}

/// RFC 3323 §4.2, RFC 3325 §9.3: the caller does not want to be shown.
fn is_private(headers: &Headers) -> bool {
    let mut words = headers.all("Privacy").flat_map(|value| value.split([';', ',']));
    words.any(|word| ["id", "user", "header"].iter().any(|hides| word.trim().eq_ignore_ascii_case(hides)))
}

/// Of several the first that was dialled: Diversion has it last, History-Info first.
fn diverted(headers: &Headers, numbering: &Numbering) -> Option<Diverted> {
    let read = |name| headers.tokens(name).iter().filter_map(|value| NameAddr::parse(value)).collect::<Vec<_>>();
    let diversion = read("Diversion").into_iter().rev().find_map(|from| {
        let reason = from.params.get("reason").and_then(of_diversion);
        Some(Diverted { number: number(&from.uri, numbering)?, reason })
    });
    diversion.or_else(|| {
        let history = read("History-Info");
        // The last of them is where the call is by now.
        let (first, rest) = history.split_first().filter(|(_, rest)| !rest.is_empty())?;
        // Why it left: as the first says (RFC 7044 §5.1), or as the target of the next does (RFC 4458 §2.2).
        let caused = |uri: &SipUri| uri.params.get("cause").and_then(of_cause);
        let reason = first.uri.sip().and_then(left_because).or_else(|| rest[0].uri.sip().and_then(caused));
        Some(Diverted { number: number(&first.uri, numbering)?, reason })
    })
}

/// RFC 5806 §3; what is none of them is not passed on.
fn of_diversion(reason: &str) -> Option<&'static str> {
    const WORDS: [&str; 11] = [
        "unknown",
        "user-busy",
        "no-answer",
        "unavailable",
        "unconditional",
        "time-of-day",
        "do-not-disturb",
        "deflection",
        "follow-me",
        "out-of-service",
        "away",
    ];
    WORDS.into_iter().find(|word| word.eq_ignore_ascii_case(reason))
}

/// RFC 4458 §2.2 in the same words.
fn of_cause(cause: &str) -> Option<&'static str> {
    Some(match cause {
        "302" => "unconditional",
        "408" => "no-answer",
        "480" | "487" => "deflection",
        "486" | "600" => "user-busy",
        "404" | "503" => "unavailable",
        _ => return None,
    })
}

/// `?Reason=SIP%3Bcause%3D486` of a SIP URI.
fn left_because(uri: &SipUri) -> Option<&'static str> {
    let headers = uri.headers.as_deref()?.to_ascii_lowercase().replace("%3b", ";").replace("%3d", "=");
    let reason = headers.split('&').find_map(|header| header.trim_start_matches('?').strip_prefix("reason="))?;
    let cause = reason.split(';').find_map(|part| part.trim().strip_prefix("cause="))?;
    of_cause(cause.trim_end_matches(|c: char| !c.is_ascii_digit()))
}

/// As it is written everywhere, where the country or area is said in which it is one.
pub(super) fn number(uri: &Uri, numbering: &Numbering) -> Option<String> {
    let number = plain(&uri.number()?);
    Some(match area(uri).filter(|_| is_telephone(&number)) {
        Some(area) => numbering.out_of(&area, &number),
        None => number,
    })
}

/// RFC 3966 §5.1.5: `+86`, `+8610`; no domain.
pub(super) fn area(uri: &Uri) -> Option<String> {
    let context = uri.context().map(|context| plain(&context));
    context.filter(|context| context.starts_with('+') && is_telephone(context))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_calls_and_who_was_called_first_is_read_in_every_spelling() {
        let of = |lines: &[(&'static str, &str)]| {
            let mut headers = Headers::default();
            lines.iter().for_each(|(name, value)| headers.push(*name, *value));
            asserted(&headers, &Numbering::of_china())
        };
        let named = |number: &str, display: Option<&str>| {
            Some(Party { number: number.into(), display: display.map(Into::into) })
        };
        let pai = "P-Asserted-Identity";
        for (value, expected) in [
            ("\"Li, Lei\" <sip:+8613800138000@carrier.example;user=phone>", named("+8613800138000", Some("Li, Lei"))),
            ("<tel:+86-10-1234.5678;ext=1>", named("+861012345678", None)),
            ("<sip:138@h>, <tel:+86139>", named("138", None)),
            ("<sip:h>, <tel:+86139>", named("+86139", None)),
            ("\"Li\" <sip:li.lei@h>, <tel:+86139>", named("+86139", Some("Li"))),
            ("<tel:01065139999;phone-context=+86>", named("+861065139999", None)),
            ("<tel:02079460018;phone-context=+44>", named("+442079460018", None)),
            ("<tel:13800138000;phone-context=+86>", named("+8613800138000", None)),
            ("<tel:0014155551234;phone-context=+86>", named("+14155551234", None)),
            ("<sip:%2B8613800138000;phone-context=+1@h>", named("+8613800138000", None)),
            ("<sip:li.lei@h>, <sip:wang@h>", named("li.lei", None)),
            ("<tel:6513-9999;phone-context=+86-10>", named("+861065139999", None)),
            ("<sip:65139999;phone-context=+8610@h;user=phone>", named("+861065139999", None)),
            ("<tel:8003;phone-context=pbx.example>", named("8003", None)),
            ("<tel:*31#;phone-context=+86>", named("*31#", None)),
            ("sip:138@h", named("138", None)),
            ("nonsense", None),
        ] {
            assert_eq!(of(&[(pai, value)]).caller, expected, "{value}");
            assert_eq!(of(&[("p-asserted-IDENTITY", value)]).caller, expected, "{value}");
        }
        for private in ["id", "ID", "user;critical", "header; id", "none;id"] {
            let told = of(&[(pai, "<sip:138@h>"), ("Privacy", private)]);
            assert_eq!((told.caller, told.identity.as_deref()), (named(ANONYMOUS, None), Some("138")), "{private}");
        }
        assert_eq!(of(&[(pai, "<sip:138@h>"), ("Privacy", "none")]).caller, named("138", None));
        let first = |lines: &[(&'static str, &str)]| of(lines).diverted.map(|from| (from.number, from.reason));
        let diversion = "<sip:22@h>;reason=no-answer, <sip:11@h>;reason=Unconditional";
        assert_eq!(first(&[("Diversion", diversion)]), Some(("11".into(), Some("unconditional"))));
        let made_up = "<tel:+86-11>;reason=\"=HYPERLINK()\"";
        assert_eq!(first(&[("Diversion", made_up)]), Some(("+8611".into(), None)), "its words go nowhere");
        for (history, reason) in [
            ("<sip:11@h>;index=1, <sip:22@h?Reason=SIP>;index=1.1, <sip:12345@h>;index=1.1.1", None),
            ("<sip:11@h?Reason=SIP%3Bcause%3D408>;index=1, <sip:12345@h>;index=1.1", Some("no-answer")),
            ("<sip:11@h?Privacy=none&Reason=SIP%3bcause%3d486%3btext%3dx>, <sip:12345@h>", Some("user-busy")),
            ("<sip:11@h>;index=1, <sip:12345@h;cause=302>;index=1.1;mp=1", Some("unconditional")),
        ] {
            assert_eq!(first(&[("History-Info", history)]), Some(("11".into(), reason)), "{history}");
        }
        assert_eq!(first(&[("History-Info", "<sip:12345@h>;index=1")]), None, "nobody was called before");
        assert_eq!(of(&[]), Asserted::default());
    }
}
