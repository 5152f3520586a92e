//! Lists of callers' numbers, whichever way the same number is written.

use std::collections::BTreeSet;

use serde::Serialize;

/// Whole numbers, and beginnings of numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Numbers {
    whole: BTreeSet<String>,
    beginnings: BTreeSet<String>,
}

impl Numbers {
    /// Adds `13800000000`, `+86 138 0000 0000`, `010*`, or `anonymous`; `false`: that is no number.
    pub fn add(&mut self, written: &str) -> bool {
        let (text, and_more) = match written.trim().strip_suffix('*') {
            Some(text) => (text, true),
            None => (written.trim(), false),
        };
        if text == ANONYMOUS && !and_more {
            self.whole.insert(text.into());
            return true;
        }
        let digits = text.strip_prefix('+').unwrap_or(text);
        let is_number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '(')
            && digits.chars().all(|c| c.is_ascii_digit() || is_filler(c));
        if !is_number {
            return false;
        }
        let number = normal(text);
        if and_more {
            self.beginnings.insert(number)
        } else {
            self.whole.insert(number)
        };
        true
    }

    pub fn contains(&self, number: &str) -> bool {
        let number = normal(number);
        self.whole.contains(&number) || self.beginnings.iter().any(|beginning| number.starts_with(beginning))
    }

    /// As they are written, in order.
    pub fn written(&self) -> impl Iterator<Item = String> + '_ {
        let beginnings = self.beginnings.iter().map(|beginning| format!("{beginning}*"));
        self.whole.iter().cloned().chain(beginnings)
    }

    pub fn len(&self) -> usize {
        self.whole.len() + self.beginnings.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Callers who hide their number have this for one (RFC 3323).
const ANONYMOUS: &str = "anonymous";

fn is_filler(c: char) -> bool {
    matches!(c, ' ' | '-' | '.' | '(' | ')')
}

/// As it is dialled within China: `+86 138 0000 0000`, `0086…` and `0138…` are 13800000000, `+86 10 6513 9999` is
/// 01065139999; other countries begin with 00.
pub fn normal(number: &str) -> String {
    let plain: String = number.chars().filter(|c| !is_filler(*c)).collect();
    let international = plain.strip_prefix('+').or_else(|| plain.strip_prefix("00"));
    match international {
        Some(rest) => match rest.strip_prefix("86") {
            Some(national) if is_mobile(national) => national.into(),
            Some(national) => format!("0{national}"),
            None => format!("00{rest}"),
        },
        None => match plain.strip_prefix('0') {
            Some(rest) if is_mobile(rest) => rest.into(),
            _ => plain,
        },
    }
}

/// 13… to 19…; no area code begins so.
fn is_mobile(national: &str) -> bool {
    let mut digits = national.bytes();
    digits.next() == Some(b'1') && digits.next().is_some_and(|second| (b'3'..=b'9').contains(&second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        let same = [
            ("13800000000", "+8613800000000"),
            ("13800000000", "008613800000000"),
            ("13800000000", "013800000000"),
            ("+86 138 0000 0000", "13800000000"),
            ("01065139999", "+861065139999"),
            ("(010) 6513-9999", "01065139999"),
            ("+442071234567", "00442071234567"),
            ("138*", "+8613812345678"),
            ("+86138*", "13812345678"),
            ("010*", "+861065139999"),
            ("+86 10*", "01012345678"),
            ("anonymous", "anonymous"),
            ("2101", "2101"),
        ];
        for (written, caller) in same {
            let mut list = Numbers::default();
            assert!(list.add(written), "{written}");
            assert!(list.contains(caller), "{written} does not have {caller}");
        }
        for (written, caller) in [("13800000000", "13800000001"), ("021*", "2101"), ("010*", "13810101010")] {
            let mut list = Numbers::default();
            assert!(list.add(written), "{written}");
            assert!(!list.contains(caller), "{written} has {caller}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for wrong in ["", "*", "+", "+*", "abc", "138x", "138*1", "sip:138@example.com", "anonymous*"] {
            assert!(!Numbers::default().add(wrong), "{wrong}");
        }
    }
}
