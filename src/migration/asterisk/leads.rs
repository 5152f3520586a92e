//! Where callers are led in the dialplan: the words between its steps and our tables.

use std::fmt;

use crate::migration::Place;

/// Where a caller is led.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lead {
    /// To a menu, a fork, an announcement or digits of this id.
    Node(String),
    Queue {
        queue: String,
        language: Option<String>,
    },
    Seat(String),
    Number(String),
    Message,
    HangUp,
    Busy,
}

#[derive(Clone, Debug)]
pub enum Node {
    Say { prompts: Vec<String>, then: Lead },
    Menu { prompts: Vec<String>, timeout_s: u64, retries: u8, choices: Vec<(char, Lead, Place)>, default: Lead },
    Fork { schedule: String, open: Lead, closed: Lead },
    Digits { then: Lead },
}

impl fmt::Display for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lead::Node(id) => write!(f, "a menu of its own ({id})"),
            Lead::Queue { queue, .. } => write!(f, "the queue {queue}"),
            Lead::Seat(seat) => write!(f, "the phone {seat}"),
            Lead::Number(number) => write!(f, "the number {number}"),
            Lead::Message => f.write_str("a mailbox"),
            Lead::HangUp => f.write_str("the end of the call"),
            Lead::Busy => f.write_str("the busy tone"),
        }
    }
}

impl Node {
    pub fn leads(&mut self) -> Vec<&mut Lead> {
        match self {
            Node::Say { then, .. } | Node::Digits { then, .. } => vec![then],
            Node::Fork { open, closed, .. } => vec![open, closed],
            Node::Menu { choices, default, .. } => {
                choices.iter_mut().map(|(_, lead, _)| lead).chain([default]).collect()
            }
        }
    }
}

/// What the dialplan says of a queue.
#[derive(Clone, Debug, Default)]
pub struct Use {
    pub timeout_s: Option<(u64, Place)>,
    pub max_penalty: Option<(u32, Place)>,
    pub rule: Option<(String, Place)>,
    /// What comes after Queue().
    pub after: Option<(Lead, Place)>,
    pub announce: Option<(String, Place)>,
    /// Keys that lead out of the line.
    pub keys: Vec<(char, Lead, Place)>,
}

/// A step, and the language spoken there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    pub context: String,
    pub extension: String,
    pub index: usize,
    pub language: Option<String>,
}

/// A name as ours may be.
pub fn plain_name(name: &str) -> String {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
    name.chars().map(|c| if allowed(c) { c } else { '-' }).take(64).collect()
}
