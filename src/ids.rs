//! Names as types: a seat is not an operator, a call is not a leg. Knows nothing.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A name that an admin wrote in a file; cheap to clone, ordered as text.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.into())
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self(name.into())
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A person who answers calls, e.g. `1001`.
    OperatorId
);
name!(
    /// A phone at a desk: a SIP account, e.g. `8001`.
    SeatId
);
name!(
    /// A queue's rules and the contacts that wait in it, e.g. `citizen`.
    QueueId
);
name!(
    /// What an operator can do, e.g. `mandarin`.
    Skill
);
name!(
    /// Where calls come from or go to, e.g. `carrier`.
    TrunkId
);
name!(
    /// Why an operator is not ready, e.g. `meal`; `rona` is given by the house.
    Reason
);
name!(
    /// A prompt's name without language and ending, e.g. `greeting`.
    PromptName
);
name!(
    /// A node of the menus in `menu.toml`, e.g. `welcome`.
    MenuId
);
name!(
    /// A list of callers' numbers in `menu.toml`, e.g. `vip`.
    ListId
);

name!(
    /// When something is open, e.g. `office`.
    ScheduleId
);

/// What is opened and closed by hand: a schedule with all queues that go by it, or one queue. Written `office`,
/// `queue:citizen`: no name has a colon.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Door {
    Schedule(ScheduleId),
    Queue(QueueId),
}

impl From<String> for Door {
    fn from(text: String) -> Self {
        match text.strip_prefix("queue:") {
            Some(queue) => Door::Queue(queue.into()),
            None => Door::Schedule(text.into()),
        }
    }
}

impl From<Door> for String {
    fn from(door: Door) -> Self {
        door.to_string()
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Door::Schedule(schedule) => write!(f, "{schedule}"),
            Door::Queue(queue) => write!(f, "queue:{queue}"),
        }
    }
}

/// A language that prompts are spoken in, by a code of 2 to 8 small letters, e.g. `zh`, `yue`, `ug`: the folder of
/// its prompts, and its name in files and records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Language([u8; Language::LONGEST]);

impl Language {
    const SHORTEST: usize = 2;
    const LONGEST: usize = 8;

    pub const ZH: Language = Language::of(*b"zh");
    pub const EN: Language = Language::of(*b"en");

    const fn of(code: [u8; 2]) -> Self {
        Self([code[0], code[1], 0, 0, 0, 0, 0, 0])
    }

    /// `None` if that is no code.
    pub fn parse(code: &str) -> Option<Self> {
        let is_code = (Self::SHORTEST..=Self::LONGEST).contains(&code.len());
        if !is_code || !code.bytes().all(|letter| letter.is_ascii_lowercase()) {
            return None;
        }
        let mut letters = [0; Self::LONGEST];
        letters[..code.len()].copy_from_slice(code.as_bytes());
        Some(Self(letters))
    }

    pub fn code(&self) -> &str {
        let end = self.0.iter().position(|letter| *letter == 0).unwrap_or(Self::LONGEST);
        std::str::from_utf8(&self.0[..end]).unwrap_or_default()
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Language {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Language {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Language::parse(&code).ok_or_else(|| serde::de::Error::custom("a language is a code of 2 to 8 small letters"))
    }
}

/// One recording: `prompts/<language>/<name>.wav`, or `prompts/<name>.wav` where no language matters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prompt {
    pub language: Option<Language>,
    pub name: PromptName,
}

impl Prompt {
    pub fn spoken(language: Language, name: impl Into<PromptName>) -> Self {
        Self { language: Some(language), name: name.into() }
    }

    pub fn plain(name: impl Into<PromptName>) -> Self {
        Self { language: None, name: name.into() }
    }
}

impl Serialize for Prompt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.language {
            Some(language) => write!(f, "{language}/{}", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}

/// A number that the house counts up.
macro_rules! counted {
    ($(#[$doc:meta])* $name:ident, $letter:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($letter, "{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

counted!(
    /// One party's SIP dialog and sound. Legs that arrive have odd numbers (signalling counts them),
    /// legs of ours even ones (the call counts them).
    LegId, "leg"
);
counted!(
    /// One operator being rung for one contact.
    OfferId, "offer"
);

/// One caller's visit, from the first INVITE to the last BYE. It is also the contact that waits in a line.
///
/// The number holds the time of arrival (milliseconds since 1970, shifted left by 20 bits) and a
/// counter, so calls sort by arrival and stay unique over restarts. Written as 13 letters of
/// Crockford's base 32.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl CallId {
    /// The id of a call that arrived `millis` after 1970, later than every id up to `last`.
    pub fn next(last: CallId, millis: u64) -> CallId {
        CallId((millis << 20).max(last.0 + 1))
    }

    /// When it arrived: milliseconds after 1970.
    pub fn arrived_millis(self) -> u64 {
        self.0 >> 20
    }

    /// Reads the 13 letters; `None` if they are not an id.
    pub fn parse(text: &str) -> Option<CallId> {
        if text.len() != 13 {
            return None;
        }
        let mut number: u64 = 0;
        for letter in text.bytes() {
            let digit = CROCKFORD.iter().position(|c| *c == letter.to_ascii_lowercase())?;
            number = number.checked_mul(32)?.checked_add(digit as u64)?;
        }
        Some(CallId(number))
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut letters = [0u8; 13];
        let mut rest = self.0;
        for letter in letters.iter_mut().rev() {
            *letter = CROCKFORD[(rest % 32) as usize];
            rest /= 32;
        }
        f.write_str(std::str::from_utf8(&letters).unwrap_or_default())
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for CallId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CallId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        CallId::parse(&text).ok_or_else(|| serde::de::Error::custom("a call id has 13 letters"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_ids_sort_by_arrival_and_survive_writing() {
        let first = CallId::next(CallId(0), 1_763_955_000_000);
        let second = CallId::next(first, 1_763_955_000_000);
        let third = CallId::next(second, 1_763_955_000_001);
        assert!(first < second && second < third);
        assert_eq!((first.arrived_millis(), third.arrived_millis()), (1_763_955_000_000, 1_763_955_000_001));
        for id in [first, second, third, CallId(u64::MAX)] {
            assert_eq!(CallId::parse(&id.to_string()), Some(id));
        }
        assert!(first.to_string() < second.to_string());
        assert_eq!(CallId::parse("zzzzzzzzzzzzz"), None);
    }

    #[test]
    fn a_language_is_the_code_that_is_written() {
        for code in ["zh", "en", "yue", "mandarin"] {
            let language = Language::parse(code).unwrap();
            assert_eq!((language.code(), language.to_string().as_str()), (code, code));
            let written = serde_json::to_string(&language).unwrap();
            assert_eq!(written, format!("{code:?}"));
            assert_eq!(serde_json::from_str::<Language>(&written).unwrap(), language);
        }
        assert_eq!((Language::parse("zh"), Language::parse("en")), (Some(Language::ZH), Some(Language::EN)));
        for wrong in ["", "z", "ZH", "zh-hk", "中文", "mandarins", "../etc"] {
            assert_eq!(Language::parse(wrong), None, "{wrong}");
        }
        assert!(serde_json::from_str::<Language>("\"ZH\"").is_err());
    }
}
