//! What a contact requires, as text: `mandarin >= 3 and (housing >= 5 or not market)`.
//!
//! `skill` alone means `skill >= 1`; `anyone` is everybody; `not` binds tighter than `and`, `and` tighter
//! than `or`. Levels are 1–10.

use std::collections::BTreeMap;
use std::fmt;

use super::settings::{Level, Need};
use crate::ids::Skill;

/// The highest level of a skill.
pub const MAX_LEVEL: Level = 10;
/// Parentheses and `not`s within each other: deeper is nobody's intention.
const MAX_DEPTH: usize = 32;

/// Why a need cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeedFault {
    /// Byte offset into the text.
    pub at: usize,
    pub found: String,
    pub allowed: String,
}

impl Need {
    /// Whether somebody with these skills will do.
    pub fn is_met_by(&self, skills: &BTreeMap<Skill, Level>) -> bool {
        match self {
            Need::Anyone => true,
            Need::AtLeast(skill, level) => skills.get(skill).is_some_and(|has| has >= level),
            Need::All(needs) => needs.iter().all(|need| need.is_met_by(skills)),
            Need::Any(needs) => needs.iter().any(|need| need.is_met_by(skills)),
            Need::Not(need) => !need.is_met_by(skills),
        }
    }

    /// Every skill that is named.
    pub fn skills(&self) -> Vec<&Skill> {
        match self {
            Need::Anyone => Vec::new(),
            Need::AtLeast(skill, _) => vec![skill],
            Need::All(needs) | Need::Any(needs) => needs.iter().flat_map(Need::skills).collect(),
            Need::Not(need) => need.skills(),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |needs: &[Need], word: &str| {
            let part = |need: &Need| match need {
                Need::All(_) | Need::Any(_) => format!("({need})"),
                _ => need.to_string(),
            };
            needs.iter().map(part).collect::<Vec<_>>().join(word)
        };
        match self {
            Need::Anyone => f.write_str("anyone"),
            Need::AtLeast(skill, level) => write!(f, "{skill} >= {level}"),
            Need::All(needs) => f.write_str(&joined(needs, " and ")),
            Need::Any(needs) => f.write_str(&joined(needs, " or ")),
            Need::Not(need) if matches!(**need, Need::All(_) | Need::Any(_)) => write!(f, "not ({need})"),
            Need::Not(need) => write!(f, "not {need}"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Number(&'a str),
    AtLeast,
    Open,
    Close,
    End,
    Other(&'a str),
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Word(text) | Token::Number(text) | Token::Other(text) => write!(f, "`{text}`"),
            Token::AtLeast => f.write_str("`>=`"),
            Token::Open => f.write_str("`(`"),
            Token::Close => f.write_str("`)`"),
            Token::End => f.write_str("the end"),
        }
    }
}

/// Reads a need.
pub fn parse_need(text: &str) -> Result<Need, NeedFault> {
    let mut reader = Reader { tokens: tokens(text), next: 0 };
    let need = reader.any(0)?;
    match reader.peek() {
        (_, Token::End) => Ok(need),
        _ => Err(reader.fault("`and`, `or` or the end")),
    }
}

fn tokens(text: &str) -> Vec<(usize, Token<'_>)> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        let run = text[at..].find(|c| !is_word(c)).unwrap_or(text.len() - at);
        let (token, length) = match first {
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '≥' => (Token::AtLeast, first.len_utf8()),
            '>' if text[at..].starts_with(">=") => (Token::AtLeast, 2),
            c if is_word(c) && text[at..at + run].bytes().all(|b| b.is_ascii_digit()) => {
                (Token::Number(&text[at..at + run]), run)
            }
            c if is_word(c) => (Token::Word(&text[at..at + run]), run),
            c => (Token::Other(&text[at..at + c.len_utf8()]), c.len_utf8()),
        };
        tokens.push((at, token));
        at += length;
    }
    tokens.push((text.len(), Token::End));
    tokens
}

struct Reader<'a> {
    tokens: Vec<(usize, Token<'a>)>,
    next: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> (usize, Token<'a>) {
        self.tokens.get(self.next).cloned().unwrap_or((0, Token::End))
    }

    fn take(&mut self) -> Token<'a> {
        let (_, token) = self.peek();
        self.next += 1;
        token
    }

    fn fault(&self, allowed: &str) -> NeedFault {
        let (at, token) = self.peek();
        NeedFault { at, found: token.to_string(), allowed: allowed.to_string() }
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let found = self.peek().1 == Token::Word(word);
        self.next += usize::from(found);
        found
    }

    fn any(&mut self, depth: usize) -> Result<Need, NeedFault> {
        let mut needs = vec![self.all(depth)?];
        while self.takes_word("or") {
            needs.push(self.all(depth)?);
        }
        Ok(if needs.len() == 1 { needs.remove(0) } else { Need::Any(needs) })
    }

    fn all(&mut self, depth: usize) -> Result<Need, NeedFault> {
        let mut needs = vec![self.one(depth)?];
        while self.takes_word("and") {
            needs.push(self.one(depth)?);
        }
        Ok(if needs.len() == 1 { needs.remove(0) } else { Need::All(needs) })
    }

    fn one(&mut self, depth: usize) -> Result<Need, NeedFault> {
        if depth > MAX_DEPTH {
            return Err(self.fault(&format!("at most {MAX_DEPTH} levels of parentheses")));
        }
        match self.peek().1 {
            Token::Open => {
                self.take();
                let need = self.any(depth + 1)?;
                if self.peek().1 != Token::Close {
                    return Err(self.fault("`and`, `or` or `)`"));
                }
                self.take();
                Ok(need)
            }
            Token::Word("not") => {
                self.take();
                Ok(Need::Not(Box::new(self.one(depth + 1)?)))
            }
            Token::Word("anyone") => {
                self.take();
                Ok(Need::Anyone)
            }
            Token::Word(word) if !matches!(word, "and" | "or") => {
                self.take();
                if self.peek().1 != Token::AtLeast {
                    return Ok(Need::AtLeast(word.into(), 1));
                }
                self.take();
                self.level().map(|level| Need::AtLeast(word.into(), level))
            }
            _ => Err(self.fault("a skill, e.g. `mandarin >= 1`, `not`, `anyone` or `(`")),
        }
    }

    fn level(&mut self) -> Result<Level, NeedFault> {
        if let (_, Token::Number(text)) = self.peek()
            && let Some(level) = text.parse().ok().filter(|level| (1..=MAX_LEVEL).contains(level))
        {
            self.take();
            return Ok(level);
        }
        Err(self.fault(&format!("a level from 1 to {MAX_LEVEL}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skills(text: &str) -> BTreeMap<Skill, Level> {
        text.split_whitespace().filter_map(|s| s.split_once('=')).map(|(s, l)| (s.into(), l.parse().unwrap())).collect()
    }

    #[test]
    fn needs_are_read_written_and_met() {
        let table = [
            ("mandarin >= 1", "mandarin=1", true),
            ("mandarin", "mandarin=1", true),
            ("mandarin >= 3", "mandarin=2", false),
            ("mandarin and housing >= 5", "mandarin=1 housing=5", true),
            ("mandarin and housing >= 5", "mandarin=9", false),
            ("mandarin >= 3 and (housing >= 5 or market >= 5)", "mandarin=3 market=7", true),
            ("a or b and c", "a=1", true),
            ("(a or b) and c", "a=1", false),
            ("not trainee", "", true),
            ("not (a and b)", "a=1 b=1", false),
            ("anyone", "", true),
            ("普通话 ≥ 2", "普通话=2", true),
        ];
        for (text, has, met) in table {
            let need = parse_need(text).unwrap();
            assert_eq!(need.is_met_by(&skills(has)), met, "{text} by {has:?}");
            assert_eq!(parse_need(&need.to_string()), Ok(need), "{text} written and read again");
        }
    }

    #[test]
    fn a_fault_says_where_and_what() {
        let table = [
            ("", 0, "the end"),
            ("mandarin >= ", 12, "the end"),
            ("mandarin >= 11", 12, "`11`"),
            ("mandarin >= 0", 12, "`0`"),
            ("mandarin > 3", 9, "`>`"),
            ("mandarin and", 12, "the end"),
            ("(mandarin", 9, "the end"),
            ("mandarin housing", 9, "`housing`"),
            ("a or or b", 5, "`or`"),
            ("a )", 2, "`)`"),
            ("a >= b", 5, "`b`"),
        ];
        for (text, at, found) in table {
            let fault = parse_need(text).unwrap_err();
            assert_eq!((fault.at, fault.found.as_str()), (at, found), "{text}");
        }
        assert!(parse_need(&"(".repeat(10_000)).is_err());
        assert!(parse_need(&"not ".repeat(10_000)).is_err());
    }
}
