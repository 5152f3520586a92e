//! Numbers as carriers write them, turned into the form that the house or another carrier wants.

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
        let is_whole = match self.read(number) {
            Number::Home(_) => number.starts_with(ABROAD) || code.starts_with(&self.country),
            Number::Abroad(_) => true,
            Number::Other => false,
        };
        if is_whole {
            return self.write(number, Form::Plus);
        }
        if number.len() >= WITH_COUNTRY && number.starts_with(code) {
            return format!("+{number}");
        }
        let bare = number.strip_prefix('0').filter(|bare| !bare.is_empty()).unwrap_or(number);
        format!("{context}{bare}")
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_every_form_and_find_back() {
        let of = |country: &str, callers: Form| Numbering { country: country.into(), callers, ..Numbering::of_china() };
        let forms = [Form::Plus, Form::Country, Form::International, Form::National];
        let china = [
            ["+861012345678", "861012345678", "00861012345678", "01012345678"],
            ["+8613800138000", "8613800138000", "008613800138000", "13800138000"],
            ["+8675512345678", "8675512345678", "008675512345678", "075512345678"],
        ];
        for row in china {
            for written in row {
                for (form, expected) in forms.into_iter().zip(row) {
                    assert_eq!(of("86", form).caller(written), expected, "{written} as {form:?}");
                }
            }
        }
        for (written, form, expected) in [
            ("+85221234567", Form::National, "0085221234567"),
            ("0085221234567", Form::Plus, "+85221234567"),
            ("013800138000", Form::National, "13800138000"),
            ("+8601012345678", Form::National, "01012345678"),
            ("12345", Form::Plus, "12345"),
            ("110", Form::International, "110"),
            ("95588", Form::Plus, "95588"),
            ("4008123123", Form::Plus, "4008123123"),
            ("+864008123123", Form::National, "4008123123"),
            ("+86110", Form::National, "110"),
            ("+8612345", Form::National, "12345"),
            ("008695588", Form::National, "95588"),
            ("+8610086", Form::National, "10086"),
            ("+8610106666", Form::National, "10106666"),
            ("+86116114", Form::National, "116114"),
            ("+8610110", Form::National, "010110"),
            ("+8695112345", Form::National, "095112345"),
            ("095112345", Form::National, "095112345"),
            ("0951110", Form::National, "0951110"),
            ("0110", Form::National, "0110"),
            ("04008123123", Form::National, "4008123123"),
            ("+861012345", Form::National, "01012345"),
            ("+8695351234567", Form::National, "095351234567"),
            ("anonymous", Form::Plus, "anonymous"),
            ("", Form::Plus, ""),
            ("+", Form::National, "+"),
            ("00", Form::Plus, "00"),
            ("861012345678", Form::AsWritten, "861012345678"),
        ] {
            assert_eq!(of("86", form).caller(written), expected, "{written} as {form:?}");
        }
        let beijing = |dials| Numbering { area: Some("10".into()), dials, ..Numbering::of_china() };
        for (dialled, form, expected) in [
            ("62345678", Form::Plus, "+861062345678"),
            ("62345678", Form::National, "01062345678"),
            ("62345678", Form::AsWritten, "62345678"),
            ("+862162345678", Form::Plus, "+862162345678"),
            ("12345", Form::Plus, "12345"),
            ("95588123", Form::Plus, "95588123"),
            ("6234567a", Form::Plus, "6234567a"),
        ] {
            assert_eq!(beijing(form).dialled(dialled), expected, "{dialled} from Beijing as {form:?}");
        }
        let anywhere = Numbering { dials: Form::Plus, ..Numbering::of_china() };
        assert_eq!(anywhere.dialled("62345678"), "62345678", "in which area it is of cannot be told");
        for (context, number, expected) in [
            ("+86", "01065139999", "+861065139999"),
            ("+86", "13800138000", "+8613800138000"),
            ("+86", "8613800138000", "+8613800138000"),
            ("+86", "008613800138000", "+8613800138000"),
            ("+86", "0014155551234", "+14155551234"),
            ("+86", "12345", "+8612345"),
            ("+86", "1065139999", "+861065139999"),
            ("+86", "0", "+860"),
            ("+8610", "65139999", "+861065139999"),
            ("+8610", "86139999", "+861086139999"),
            ("+8610", "02112345", "+862112345"),
            ("+8610", "13800138000", "+8613800138000"),
            ("+8610", "861065139999", "+861065139999"),
            ("+1", "14155551234", "+14155551234"),
            ("+1", "4155551234", "+14155551234"),
            ("+44", "02079460018", "+442079460018"),
            ("+44", "008613800138000", "+8613800138000"),
        ] {
            assert_eq!(of("86", Form::AsWritten).out_of(context, number), expected, "{number} out of {context}");
        }
        let german = of("49", Form::National);
        assert_eq!(german.caller("+493012345678"), "03012345678");
        assert_eq!(german.caller("13800138000"), "13800138000", "eleven digits are no mobile number there");
        let american = Numbering { prefix: String::new(), ..of("1", Form::Plus) };
        assert_eq!(american.caller("12125550100"), "+12125550100");
        assert_eq!(american.caller("2125550100"), "2125550100", "which country it is of cannot be told");
    }

    #[test]
    fn a_number_of_ours_is_known_in_every_form_and_with_its_area() {
        let china = Numbering::of_china();
        for (dialled, own, is_meant) in [
            ("12345", "12345", true),
            ("+861012345", "12345", true),
            ("00861012345", "12345", true),
            ("01012345", "12345", true),
            ("+8601012345", "12345", true),
            ("+8675512345", "12345", true),
            ("+86101012345", "12345", false),
            ("+8612345", "12345", true),
            ("+4912345", "12345", false),
            ("13800012345", "12345", false),
            ("+861065139999", "65139999", true),
            ("+861065139999", "01065139999", true),
            ("01065139999", "+861065139999", true),
            ("65139999", "01065139999", false),
            ("+861065139999", "", false),
            ("hotline", "hotline", true),
            ("861012345", "12345", true),
            ("86-10-12345", "12345", false),
            ("8601012345", "12345", true),
            ("8612345", "12345", true),
            ("86112345", "12345", false),
            ("861065139999", "65139999", true),
            ("86hotline", "hotline", false),
            ("86", "", false),
        ] {
            assert_eq!(china.means(dialled, own), is_meant, "{dialled} for {own}");
        }
        let german = Numbering { country: "49".into(), ..Numbering::of_china() };
        assert!(german.means("+4930115", "030115") && !german.means("+4930115", "115"), "areas are not known there");
        let berlin = Numbering { area: Some("30".into()), ..german };
        assert!(berlin.means("+4930115", "115") && berlin.means("4930115", "115") && !berlin.means("+4940115", "115"));
        let beijing = Numbering { area: Some("10".into()), ..china };
        for (dialled, own, is_meant) in [
            ("+861012345", "12345", true),
            ("01012345", "12345", true),
            ("861012345", "12345", true),
            ("12345", "12345", true),
            ("02112345", "12345", false),
            ("+862112345", "12345", false),
            ("862112345", "12345", false),
            ("65139999", "01065139999", true),
            ("65139999", "+862165139999", false),
            // 86 is not always the country.
            ("86139999", "01086139999", true),
            ("86139999", "02186139999", false),
            ("8686139999", "86139999", true),
        ] {
            assert_eq!(beijing.means(dialled, own), is_meant, "{dialled} for {own} in Beijing");
        }
        let lanzhou = Numbering { area: Some("931".into()), ..Numbering::of_china() };
        for (dialled, own, by_carrier, at_seat) in [
            ("8612345", "12345", true, false),
            ("8612345", "8612345", true, true),
            ("8612345", "09318612345", true, true),
            ("8693112345", "12345", true, true),
            ("093112345", "12345", true, true),
        ] {
            assert_eq!(lanzhou.means(dialled, own), by_carrier, "{dialled} for {own} by a carrier");
            assert_eq!(lanzhou.means_nearby(dialled, own), at_seat, "{dialled} for {own} at a seat in Lanzhou");
        }
        for (written, bare) in [("+86-10-1234.5", "+861012345"), ("(010)12345", "01012345"), ("j.doe-2", "j.doe-2")] {
            assert_eq!(plain(written), bare);
        }
    }

    #[test]
    fn telephones_of_the_country_are_told_from_services_and_from_abroad() {
        let china = Numbering::of_china();
        for telephone in [
            "13800138000",
            "+8613800138000",
            "013800138000",
            "01065139999",
            "+862161234567",
            "075526123456",
            "65139999",
        ] {
            assert!(china.is_subscriber(telephone), "{telephone}");
        }
        for other in [
            "110",
            "12345",
            "95588",
            "10086",
            "4008123123",
            "01016812345",
            "16812345",
            "96012345",
            "+85221234567",
            "0085221234567",
            "008613800138000000",
            "anonymous",
            "+",
            "",
            "0",
            "00",
        ] {
            assert!(!china.is_subscriber(other), "{other}");
        }
        let german = Numbering { country: "49".into(), ..Numbering::of_china() };
        assert!(german.is_subscriber("+493012345678") && german.is_subscriber("03012345678"));
        assert!(!german.is_subscriber("110") && !german.is_subscriber("+8613800138000"));
        let american = Numbering { country: "1".into(), prefix: String::new(), ..Numbering::of_china() };
        assert!(american.is_subscriber("+12125550100") && american.is_subscriber("2125550100"));
        assert!(!american.is_subscriber("911") && !american.is_subscriber("+442071234567"));
    }
}
