//! Numbers as carriers write them, turned into the form that the house or another carrier wants.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::sip::words::is_dialable;

/// How a number is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// As it came.
    #[default]
    AsWritten,
    /// `+861012345678`.
    Plus,
    /// `861012345678`.
    Country,
    /// `00861012345678`.
    International,
    /// `01012345678`, `13800138000`, `4001234567`; numbers of other countries as in [`Form::International`].
    National,
}

impl Form {
    pub const NAMED: [(&'static str, Form); 5] = [
        ("as-written", Form::AsWritten),
        ("plus", Form::Plus),
        ("country", Form::Country),
        ("international", Form::International),
        ("national", Form::National),
    ];

    pub fn name(self) -> &'static str {
        Form::NAMED.iter().find(|(_, form)| *form == self).map_or("as-written", |(name, _)| name)
    }
}

/// The country whose numbers these are, and how they are written where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbering {
    /// E.g. `86`.
    pub country: String,
    /// What stands before a number within the country, e.g. `0`; may be empty.
    pub prefix: String,
    /// The area in which the house is, without the prefix, e.g. `10`. `None`: any area before a number of ours counts,
    /// where areas are known.
    pub area: Option<String>,
    /// What the carrier is told: whom we dial, and who calls.
    pub dials: Form,
    /// What the house is told of who calls in.
    pub callers: Form,
}

/// What is dialled before the number of another country, ITU-T E.164 and E.123.
const ABROAD: &str = "00";
/// A bare number that begins with the country's code has it only if it is as long as this.
const WITH_COUNTRY: usize = 11;
/// In China mobile numbers have eleven digits and no prefix.
const CHINA: &str = "86";
/// Countries in which no area begins like their code: a number that does and is long enough has it.
const NO_AREA: [&str; 2] = [CHINA, "1"];
/// Digits of a telephone's number elsewhere, without the prefix; service numbers have fewer.
const SUBSCRIBERS: std::ops::RangeInclusive<usize> = 6..=13;
/// The same where nothing stands before it that would tell it from a service number.
const BARE: std::ops::RangeInclusive<usize> = 7..=12;

enum Number<'a> {
    /// Of the country, without code and prefix.
    Home(&'a str),
    /// Of another, with its code.
    Abroad(&'a str),
    /// A short code, a service number, a name.
    Other,
}

/// Without what is only there for the eye, RFC 3966 §5.1.1. What is no number then stays as it is.
pub(in crate::sip) fn plain(text: &str) -> String {
    let bare = text.replace(['-', '.', '(', ')'], "");
    if is_telephone(&bare) { bare } else { text.to_string() }
}

/// Digits, perhaps with a `+` before them.
pub(super) fn is_telephone(number: &str) -> bool {
    let digits = number.strip_prefix('+').unwrap_or(number);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

impl Numbering {
    /// Where nothing else is said, as in lists of numbers.
    pub fn of_china() -> Self {
        Self { country: CHINA.into(), prefix: "0".into(), area: None, dials: Form::AsWritten, callers: Form::AsWritten }
    }

    /// Whether it is the number of a telephone in this country: no other country's, and no short code or service number
    /// as far as its form tells.
    pub fn is_subscriber(&self, number: &str) -> bool {
        let in_china = self.country == CHINA;
        match self.read(number) {
            Number::Home(rest) if in_china => self.is_mobile(rest) || is_chinese(rest),
            Number::Home(rest) => SUBSCRIBERS.contains(&rest.len()),
            Number::Abroad(_) => false,
            Number::Other if !number.bytes().all(|byte| byte.is_ascii_digit()) => false,
            Number::Other if in_china => is_local(number),
            Number::Other => self.prefix.is_empty() && BARE.contains(&number.len()),
        }
    }

    /// A number where whoever is in a context (`+86`, `+8610`) needs no more, RFC 3966 §5.1.5, as it is written
    /// everywhere. Of other countries it is taken that 0 stands before it only there, as mostly it does.
    pub fn out_of(&self, context: &str, number: &str) -> String {
        let code = context.strip_prefix('+').unwrap_or(context);
        let has_code = |country: &&str| code.starts_with(*country) && number.starts_with(*country);
        if number.len() >= WITH_COUNTRY && NO_AREA.iter().any(has_code) {
            return format!("+{number}");
        }
        let is_home = code.starts_with(&self.country);
        match self.read(number) {
            _ if number.starts_with(ABROAD) => return self.write(number, Form::Plus),
            Number::Home(rest) if is_home && !number.starts_with(&self.country) => {
                return format!("+{}{rest}", self.country);
            }
            _ => {}
        }
        let prefix = if is_home { self.prefix.as_str() } else { "0" };
        let bare = number.strip_prefix(prefix).filter(|bare| !bare.is_empty()).unwrap_or(number);
        format!("{context}{bare}")
    }

    /// Who calls, as the carrier is told.
    pub fn shown(&self, number: &str) -> String {
        self.write(number, self.dials)
    }

    /// Whom we call, as the carrier is told: also the area, where a number of the same area is dialled without.
    pub fn dialled(&self, number: &str) -> String {
        match self.dials {
            Form::AsWritten => number.to_string(),
            form => self.write(&self.whole(number), form),
        }
    }

    /// With the area, which is left out where a number of the same area is dialled.
    fn whole<'a>(&self, number: &'a str) -> Cow<'a, str> {
        let is_nearby = self.country == CHINA && is_telephone(number) && is_local(number);
        match self.area.as_ref().filter(|_| is_nearby) {
            Some(area) => format!("+{CHINA}{area}{number}").into(),
            None => number.into(),
        }
    }

    pub fn caller(&self, number: &str) -> String {
        self.write(number, self.callers)
    }

    /// Whether two of them are one number, however each is written.
    pub fn is_same(&self, one: &str, other: &str) -> bool {
        self.write(&self.whole(one), Form::Plus) == self.write(&self.whole(other), Form::Plus)
    }

    /// Whether this number of ours was dialled: however both are written, with country and area before it where ours has
    /// none, or without the area where ours has it.
    pub fn means(&self, dialled: &str, own: &str) -> bool {
        if self.is_same(dialled, own) {
            return true;
        }
        let with_area = |rest: &str| {
            let area = rest.strip_suffix(own).filter(|_| is_dialable(own));
            area.is_some_and(|area| self.is_ours(area))
        };
        match (self.read(dialled), self.read(own)) {
            (Number::Home(rest), Number::Other) => with_area(rest),
            // Within the area.
            (Number::Other, Number::Home(own)) => {
                self.area.as_ref().is_some_and(|area| own.strip_prefix(area) == Some(dialled))
            }
            // Too short to tell the country's code from an area by itself; what is left of it tells.
            (Number::Other, Number::Other) => {
                dialled.strip_prefix(&self.country).is_some_and(|rest| with_area(self.without_prefix(rest)))
            }
            _ => false,
        }
    }

    /// The same where somebody of the area dials: what is as long as a number there is that number, and does not begin
    /// with the country's code.
    pub fn means_nearby(&self, dialled: &str, own: &str) -> bool {
        let is_local = self.country == CHINA && is_local(dialled);
        match self.read(own) {
            Number::Other if is_local => dialled == own,
            _ => self.means(dialled, own),
        }
    }

    /// Whether what stands before a number of ours is our area, or nothing.
    fn is_ours(&self, area: &str) -> bool {
        let known = || self.country == CHINA && is_area(area);
        area.is_empty() || self.area.as_ref().map_or_else(known, |own| own == area)
    }

    fn write(&self, number: &str, form: Form) -> String {
        let country = &self.country;
        match (self.read(number), form) {
            (Number::Other, _) | (_, Form::AsWritten) => number.to_string(),
            (Number::Home(rest), Form::National) if self.is_mobile(rest) || self.is_service(number, rest) => {
                rest.to_string()
            }
            (Number::Home(rest), Form::National) => format!("{}{rest}", self.prefix),
            (Number::Home(rest), Form::Plus) => format!("+{country}{rest}"),
            (Number::Home(rest), Form::Country) => format!("{country}{rest}"),
            (Number::Home(rest), Form::International) => format!("{ABROAD}{country}{rest}"),
            (Number::Abroad(digits), Form::Plus) => format!("+{digits}"),
            (Number::Abroad(digits), Form::Country) => digits.to_string(),
            (Number::Abroad(digits), Form::International | Form::National) => format!("{ABROAD}{digits}"),
        }
    }

    fn read<'a>(&self, number: &'a str) -> Number<'a> {
        let digits = number.strip_prefix('+').unwrap_or(number);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Number::Other;
        }
        let with_code = |digits: &'a str| match digits.strip_prefix(self.country.as_str()) {
            // Some write the prefix after the code all the same.
            Some(rest) => Number::Home(self.without_prefix(rest)),
            None => Number::Abroad(digits),
        };
        if number.starts_with('+') {
            return with_code(digits);
        }
        if let Some(rest) = digits.strip_prefix(ABROAD).filter(|rest| !rest.is_empty()) {
            return with_code(rest);
        }
        if self.is_mobile(digits) {
            return Number::Home(digits);
        }
        if digits.len() >= WITH_COUNTRY && digits.starts_with(self.country.as_str()) {
            return with_code(digits);
        }
        match digits.strip_prefix(self.prefix.as_str()) {
            // Twice it begins the number of another country, which is not there.
            Some(rest) if !self.prefix.is_empty() && !rest.is_empty() && !rest.starts_with(&self.prefix) => {
                Number::Home(rest)
            }
            _ => Number::Other,
        }
    }

    fn without_prefix<'a>(&self, rest: &'a str) -> &'a str {
        rest.strip_prefix(self.prefix.as_str()).unwrap_or(rest)
    }

    /// A service of the whole country that has its code before it. With the prefix there it would be in some area, as a
    /// service has none.
    fn is_service(&self, number: &str, rest: &str) -> bool {
        let is_coded = || number.strip_suffix(rest).is_some_and(|before| before.ends_with(&self.country));
        let has_no_area = rest.starts_with("400") || rest.starts_with("800");
        self.country == CHINA && (is_coded() || has_no_area) && is_chinese_service(rest)
    }

    fn is_mobile(&self, digits: &str) -> bool {
        let second = digits.as_bytes().get(1);
        self.country == CHINA && digits.len() == 11 && digits.starts_with('1') && second.is_some_and(|d| *d >= b'3')
    }
}

/// Area code and number within it.
fn is_chinese(rest: &str) -> bool {
    let digits = if rest.starts_with("10") || rest.starts_with('2') { 2 } else { 3 };
    rest.split_at_checked(digits).is_some_and(|(area, number)| is_area(area) && is_local(number))
}

fn is_chinese_service(rest: &str) -> bool {
    match rest.as_bytes() {
        [b'4' | b'8', b'0', b'0', ..] => rest.len() == 10,
        // In 951 to 955 there are short codes, as 0951 12345.
        [b'9', b'5', b'1'..=b'5', b'1', _, _, ..] => false,
        [b'9', b'5' | b'6', ..] => (5..=8).contains(&rest.len()),
        // So there are in Beijing, which is 10; but 100xx and 1010xxxx are the country's.
        [b'1', b'0', b'1', b'0', ..] => rest.len() == 8,
        [b'1', b'0', ..] => rest.len() == 5 && rest.starts_with("100"),
        [b'1', ..] => (3..=6).contains(&rest.len()),
        _ => false,
    }
}

/// 10, 2x, or three digits.
fn is_area(digits: &str) -> bool {
    matches!(digits.as_bytes(), [b'1', b'0'] | [b'2', _] | [b'3'..=b'9', _, _])
}

/// A number within its area: what begins with 1 or 9 is a service, some of them at a charge (16…, 96…).
fn is_local(number: &str) -> bool {
    (7..=8).contains(&number.len()) && number.starts_with(|first: char| ('2'..='8').contains(&first))
}
