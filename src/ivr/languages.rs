//! The languages of a house: which is spoken where nothing else is said, whose recordings stand in for missing ones,
//! and how each says numbers.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::ids::Language;

/// How a number is put together from small prompts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grammar {
    /// As in Chinese: 一百零三. Who waits hears how many are ahead.
    Zh,
    /// As in English: one hundred and three. Who waits hears their number.
    En,
    /// Digit by digit: one zero three. For every language that has recordings of its ten digits.
    Digits,
}

/// How numbers are said: by which grammar, and with the recordings of which language. Both belong together: who has
/// no number prompts of their own takes another language's sentences as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Counting {
    pub language: Language,
    pub grammar: Grammar,
}

impl Counting {
    pub const ZH: Counting = Counting { language: Language::ZH, grammar: Grammar::Zh };
    pub const EN: Counting = Counting { language: Language::EN, grammar: Grammar::En };
}

/// One language of the house.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Spoken {
    /// Languages whose recordings are played where this one has none, the nearest first.
    pub fallbacks: Vec<Language>,
    /// How it says numbers where it has all recordings for that.
    pub grammar: Grammar,
    /// How numbers are said in it: its own way, or wholly that of a fallback.
    pub counting: Counting,
}

/// All that are spoken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Languages {
    /// The house's own: spoken until a caller chose, and where the files name none.
    pub own: Language,
    pub spoken: BTreeMap<Language, Spoken>,
}

impl Languages {
    /// The languages whose recordings stand in for those of this one, the nearest first.
    pub fn fallbacks(&self, language: Language) -> &[Language] {
        self.spoken.get(&language).map_or(&[], |spoken| &spoken.fallbacks)
    }

    /// How numbers are said in a language; one that is spoken no more counts as the house does.
    pub fn counting(&self, language: Language) -> Counting {
        let of = |language| self.spoken.get(&language).map(|spoken| spoken.counting);
        of(language).or_else(|| of(self.own)).unwrap_or(Counting::ZH)
    }
}

/// Chinese, and English.
impl Default for Languages {
    fn default() -> Self {
        let alone = |counting: Counting| Spoken { fallbacks: Vec::new(), grammar: counting.grammar, counting };
        Self {
            own: Language::ZH,
            spoken: [(Language::ZH, alone(Counting::ZH)), (Language::EN, alone(Counting::EN))].into(),
        }
    }
}
