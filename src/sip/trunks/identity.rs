//! Who calls, as a carrier asserts it: P-Asserted-Identity (RFC 3325), Privacy (RFC 3323), Diversion (RFC 5806) and
//! History-Info (RFC 7044). Whoever is not trusted could write anything there: of others nothing of it is read, and
//! nothing of it is ever passed on.

use crate::sip::message::{Headers, NameAddr, Uri};
use crate::sip::words::Party;

/// Who does not want to be known.
pub(in crate::sip) const ANONYMOUS: &str = "anonymous";

/// What is asserted of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::sip) struct Asserted {
    /// `None`: nothing is, and From has to do.
    pub caller: Option<Party>,
    /// The number that was dialled first, if the call was sent on to us.
    pub diverted: Option<String>,
}

pub(in crate::sip) fn asserted(headers: &Headers) -> Asserted {
    Asserted { caller: caller(headers), diverted: diverted(headers) }
}

fn caller(headers: &Headers) -> Option<Party> {
    if is_private(headers) {
        return Some(Party { number: ANONYMOUS.into(), display: None });
    }
    let parties = headers.tokens("P-Asserted-Identity");
    parties.iter().filter_map(|value| NameAddr::parse(value)).find_map(|party| {
        let number = number(&party.uri)?;
        Some(Party { number, display: party.display })
    })
}

/// RFC 3323 §4.2, RFC 3325 §9.3: the caller does not want to be shown.
fn is_private(headers: &Headers) -> bool {
    let mut words = headers.all("Privacy").flat_map(|value| value.split([';', ',']));
    words.any(|word| ["id", "user", "header"].iter().any(|hides| word.trim().eq_ignore_ascii_case(hides)))
}

/// Of several the first that was dialled: Diversion has it last, History-Info first.
fn diverted(headers: &Headers) -> Option<String> {
    let read = |values: Vec<String>| -> Vec<String> {
        values.iter().filter_map(|value| number(&NameAddr::parse(value)?.uri)).collect()
    };
    let history = read(headers.tokens("History-Info"));
    // The last of them is where the call is by now.
    let first = history.split_last().and_then(|(_, before)| before.first().cloned());
    read(headers.tokens("Diversion")).pop().or(first)
}

/// The number of a SIP or `tel:` URI, without what is only there for the eye (RFC 3966 §5.1.1).
fn number(uri: &Uri) -> Option<String> {
    let number = match uri {
        Uri::Sip(uri) => uri.number(),
        Uri::Other(text) => {
            let (scheme, rest) = text.split_once(':')?;
            let digits = rest.split(';').next().filter(|_| scheme.eq_ignore_ascii_case("tel"))?;
            digits.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')')).collect()
        }
    };
    Some(number).filter(|number| !number.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_calls_and_who_was_called_first_is_read_in_every_spelling() {
        let of = |lines: &[(&'static str, &str)]| {
            let mut headers = Headers::default();
            lines.iter().for_each(|(name, value)| headers.push(*name, *value));
            asserted(&headers)
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
            ("sip:138@h", named("138", None)),
            ("nonsense", None),
        ] {
            assert_eq!(of(&[(pai, value)]).caller, expected, "{value}");
            assert_eq!(of(&[("p-asserted-IDENTITY", value)]).caller, expected, "{value}");
        }
        for private in ["id", "ID", "user;critical", "header; id", "none;id"] {
            let told = of(&[(pai, "<sip:138@h>"), ("Privacy", private)]);
            assert_eq!(told.caller, named(ANONYMOUS, None), "{private}");
        }
        assert_eq!(of(&[(pai, "<sip:138@h>"), ("Privacy", "none")]).caller, named("138", None));
        let diversion = "<sip:22@h>;reason=no-answer, <sip:11@h>;reason=unconditional";
        assert_eq!(of(&[("Diversion", diversion)]).diverted.as_deref(), Some("11"));
        let history = "<sip:11@h>;index=1, <sip:22@h?Reason=SIP>;index=1.1, <sip:12345@h>;index=1.1.1";
        assert_eq!(of(&[("History-Info", history)]).diverted.as_deref(), Some("11"));
        assert_eq!(of(&[("History-Info", "<sip:12345@h>;index=1")]).diverted, None, "nobody was called before");
        assert_eq!(of(&[]), Asserted::default());
    }
}
