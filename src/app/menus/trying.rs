//! A walk through the menus on the terminal. The machine is the one that serves callers; what it hears of time, lines
//! and hooks is played.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::time::Duration;

use super::TryArgs;
use super::chart;
use crate::app::hours::timestamp;
use crate::app::say::say;
use crate::config::{House, parse_time};
use crate::ids::{Prompt, QueueId};
use crate::ivr::menu::{Answer, Destination, LineState, Question, Reply, To, Visitor};
use crate::ivr::{Action, Entry, Walker};
use crate::moment::Moment;

/// Nobody walks further for a try.
const MAX_TURNS: usize = 2_000;

struct Try<'a> {
    house: &'a House,
    args: &'a TryArgs,
    lines: BTreeMap<QueueId, LineState>,
    answers: BTreeMap<String, String>,
    walker: Walker,
    now: Moment,
    /// What plays.
    token: u64,
    /// Where the walk ended.
    ended: Option<To>,
}

pub fn walk(house: &House, args: &TryArgs) -> Result<(), String> {
    let number = match &args.number {
        Some(number) => number.clone(),
        None => house.ivr.numbers.keys().next().cloned().unwrap_or_default(),
    };
    let entry = house.ivr.numbers.get(&number).ok_or_else(|| format!("there is no number {number:?} in menu.toml"))?;
    let visitor = Visitor { from: args.from.clone(), to: number.clone() };
    say!("{} calls {number}", args.from);
    let Entry::To(first) = entry else {
        say!("  a number for tests of the sound: no menu");
        return Ok(());
    };
    if house.ivr.menus.refuse_unanswered(entry, &visitor) {
        say!("  → refused, not answered");
        return Ok(());
    }
    let now = match &args.at {
        Some(at) => at.in_zone(&house.app.time_zone)?,
        None => Moment::from_micros(u64::try_from(jiff::Timestamp::now().as_microsecond()).unwrap_or(0)),
    };
    let mut walk = Try {
        house,
        args,
        lines: args.line.iter().map(|line| line_state(house, line)).collect::<Result<_, _>>()?,
        answers: args.answer.iter().map(|answer| pair(answer)).collect::<Result<_, _>>()?,
        walker: Walker::new(&house.ivr, visitor, house.ivr.languages.own),
        now,
        token: 0,
        ended: None,
    };
    walk.walker.start(now, first);
    walk.go()
}

impl Try<'_> {
    fn go(&mut self) -> Result<(), String> {
        let mut script = self.args.press.as_ref().map(|keys| keys.split(','));
        for _ in 0..MAX_TURNS {
            self.drain();
            if let Some(to) = self.ended.take() {
                say!("  → {}", chart::name(&Destination::to(to.clone())));
                if self.args.nobody && self.walker.not_reached(self.now) {
                    say!("  nobody is reached");
                    continue;
                }
                self.sum_up();
                return Ok(());
            }
            if !self.walker.listens() {
                // An announcement is heard to its end.
                self.walker.played(self.now, self.token);
                continue;
            }
            let keys = match &mut script {
                Some(script) => script.next().unwrap_or_default().trim().to_string(),
                None => match typed()? {
                    Some(keys) => keys,
                    None => return Ok(()),
                },
            };
            if let Some(wrong) = keys.chars().find(|key| !key.is_ascii_digit() && !matches!(key, '*' | '#')) {
                say!("  {wrong:?} is no key: 0 to 9, * and #");
                if script.is_some() {
                    return Err(format!("{wrong:?} is no key"));
                }
                continue;
            }
            if keys.is_empty() {
                say!("  (no key)");
                self.wait();
            } else {
                say!("  presses {keys}");
                keys.chars().for_each(|key| self.walker.key(self.now, key));
            }
            // Digits that nothing ends count when time is up.
            self.drain();
            if self.ended.is_none() && self.walker.is_typing() {
                self.wait();
            }
        }
        Err("the walk does not end".into())
    }

    /// What plays is heard out, and time goes by until something happens.
    fn wait(&mut self) {
        self.walker.played(self.now, self.token);
        if let Some(at) = self.walker.next_deadline() {
            self.now = self.now.max(at);
            self.walker.handle_deadline(self.now);
        }
    }

    fn drain(&mut self) {
        while let Some(action) = self.walker.poll() {
            match action {
                Action::Play { token, prompts, .. } => {
                    self.token = token;
                    prompts.iter().for_each(|prompt| self.hears(prompt));
                }
                Action::Lead { to, .. } => self.ended = Some(to),
                Action::Ask(question) => {
                    let answer = self.answer(question);
                    self.walker.answered(self.now, answer);
                }
                Action::CallOut(request) => {
                    let case = self.answers.get(request.hook.as_str()).cloned();
                    say!("  asks {} ({})", request.url, case.as_deref().unwrap_or("no answer"));
                    let reply = case.map(|case| Reply { say: Vec::new(), case: Some(case) });
                    self.walker.replied(self.now, request.number, reply);
                }
                // Words of the other machines.
                _ => {}
            }
        }
    }

    fn hears(&self, prompt: &Prompt) {
        match self.house.texts.get(prompt) {
            Some(text) => say!("  “{}”  ({prompt})", text.text),
            None => say!("  [{prompt}]"),
        }
    }

    fn answer(&self, question: Question) -> Answer {
        match question {
            Question::Schedule(schedule) => {
                let open = self.house.schedules.get(&schedule).is_none_or(|meant| meant.is_open(timestamp(self.now)));
                say!("  (schedule {schedule} is {})", if open { "open" } else { "closed" });
                Answer::Schedule { schedule, open }
            }
            Question::Queue(queue) => {
                let line = self.lines.get(&queue).copied().unwrap_or(EMPTY);
                Answer::Queue { queue, line }
            }
        }
    }

    fn sum_up(&self) {
        say!("language {}, choices {:?}", self.walker.language().code(), self.walker.keys());
        for (name, typed) in self.walker.typed() {
            say!("{name} = {}", typed.told());
        }
    }
}

const EMPTY: LineState = LineState { waiting: 0, expected_wait: Some(Duration::ZERO), open: true, staffed: true };

/// `None`: the input has ended.
fn typed() -> Result<Option<String>, String> {
    let _ = write!(std::io::stdout(), "key? ").and_then(|()| std::io::stdout().flush());
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line).map_err(|error| error.to_string())?;
    Ok((read > 0).then(|| line.trim().to_string()))
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("found {text:?}; NAME=VALUE is meant"))?;
    Ok((name.into(), value.into()))
}

/// `citizen=20,5m`, `citizen=closed`.
fn line_state(house: &House, text: &str) -> Result<(QueueId, LineState), String> {
    let (queue, state) = pair(text)?;
    if !house.queue.queues.contains_key(queue.as_str()) {
        return Err(format!("there is no queue {queue:?}"));
    }
    let mut line = EMPTY;
    for part in state.split(',') {
        match part.trim() {
            "closed" => line.open = false,
            "nobody" => line.staffed = false,
            part => match part.parse() {
                Ok(waiting) => line.waiting = waiting,
                Err(_) => line.expected_wait = Some(parse_time(part)?),
            },
        }
    }
    Ok((queue.into(), line))
}
