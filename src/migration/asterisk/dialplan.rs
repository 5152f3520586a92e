//! extensions.conf: contexts, extensions, steps.

use std::collections::BTreeMap;

use super::conf::{Conf, Entry};
use crate::migration::{Place, Report};

#[derive(Clone, Debug, Default)]
pub struct Dialplan {
    /// In the order of the file.
    pub order: Vec<String>,
    pub contexts: BTreeMap<String, Context>,
}

#[derive(Clone, Debug, Default)]
pub struct Context {
    /// In the order of the file.
    pub order: Vec<String>,
    pub extensions: BTreeMap<String, Vec<Step>>,
    pub includes: Vec<String>,
}

/// One line of an extension.
#[derive(Clone, Debug)]
pub struct Step {
    pub priority: u32,
    pub label: Option<String>,
    pub application: String,
    pub arguments: Vec<String>,
    pub at: Place,
}

impl Step {
    /// An argument, if there is anything in it.
    pub fn argument(&self, index: usize) -> Option<&str> {
        self.arguments.get(index).map(String::as_str).filter(|argument| !argument.is_empty())
    }

    pub fn is(&self, application: &str) -> bool {
        self.application.eq_ignore_ascii_case(application)
    }
}

impl Dialplan {
    /// The steps of an extension in a context or one that it includes, with the context that has them.
    pub fn find(&self, context: &str, extension: &str) -> Option<(&str, &[Step])> {
        self.with_includes(context).into_iter().find_map(|context| {
            let steps = self.contexts.get(context)?.extensions.get(extension)?;
            Some((context, steps.as_slice()))
        })
    }

    /// The context and all that it includes, each once; none if there is no such context.
    pub fn with_includes(&self, context: &str) -> Vec<&str> {
        let known = |name: &str| self.contexts.get_key_value(name);
        let mut all: Vec<&str> = known(context).into_iter().map(|(name, _)| name.as_str()).collect();
        let mut next = 0;
        while let Some((_, context)) = all.get(next).and_then(|name| known(name)) {
            for (name, _) in context.includes.iter().filter_map(|include| known(include)) {
                if !all.contains(&name.as_str()) {
                    all.push(name);
                }
            }
            next += 1;
        }
        all
    }
}

pub fn read(conf: &Conf, report: &mut Report) -> Dialplan {
    let mut plan = Dialplan::default();
    let globals: BTreeMap<String, String> = conf
        .section("globals")
        .map(|section| section.entries.iter().map(|entry| (entry.key.clone(), entry.value.clone())).collect())
        .unwrap_or_default();
    for section in conf.named().filter(|section| section.name != "globals") {
        if !plan.order.contains(&section.name) {
            plan.order.push(section.name.clone());
        }
        let context = plan.contexts.entry(section.name.clone()).or_default();
        let mut last: Option<(String, u32)> = None;
        for entry in &section.entries {
            let entry = Entry { value: filled_in(&entry.value, &globals), ..entry.clone() };
            match entry.key.as_str() {
                "exten" => {
                    let Some((extension, rest)) = entry.value.split_once(',') else {
                        report
                            .broken(&entry.at, format!("found {:?}; exten => name,priority,application", entry.value));
                        continue;
                    };
                    let extension = extension.trim().replace('-', "");
                    if extension.contains('/') {
                        report.missing(
                            &entry.at,
                            format!("{extension}: an extension that depends on the caller's number"),
                        );
                        continue;
                    }
                    step(context, extension, rest, &mut last, &entry.at, report);
                }
                "same" => match last.clone() {
                    Some((extension, _)) => step(context, extension, &entry.value, &mut last, &entry.at, report),
                    None => report.broken(&entry.at, "`same` without an extension above"),
                },
                "include" => match entry.value.split_once(',') {
                    None => context.includes.push(entry.value.clone()),
                    Some((name, times)) => {
                        report.missing(
                            &entry.at,
                            format!("{name} is included at certain times ({times}): write a [[branch]] on a schedule"),
                        );
                    }
                },
                "ignorepat" => {}
                "switch" | "lswitch" | "eswitch" => {
                    report
                        .missing(&entry.at, format!("{} => {}: extensions that are elsewhere", entry.key, entry.value));
                }
                _ => {}
            }
        }
    }
    plan
}

/// `n(label),Queue(support,t)` after the extension's name.
fn step(
    context: &mut Context,
    extension: String,
    text: &str,
    last: &mut Option<(String, u32)>,
    at: &Place,
    report: &mut Report,
) {
    let (priority, application) = text.split_once(',').unwrap_or((text, ""));
    let (priority, label) = match priority.trim().split_once('(') {
        Some((priority, label)) => (priority.trim(), Some(label.trim_end_matches(')').to_string())),
        None => (priority.trim(), None),
    };
    if priority == "hint" {
        return;
    }
    let before = last.as_ref().filter(|(of, _)| *of == extension).map_or(0, |(_, priority)| *priority);
    let number = match priority {
        "n" | "next" => before + 1,
        "s" | "same" => before,
        digits => match digits.parse() {
            Ok(number) => number,
            Err(_) => return report.broken(at, format!("the priority {digits:?} is neither a number nor n")),
        },
    };
    *last = Some((extension.clone(), number));
    let (application, arguments) = call(application.trim());
    if !context.order.contains(&extension) {
        context.order.push(extension.clone());
    }
    let steps = context.extensions.entry(extension).or_default();
    steps.push(Step { priority: number, label, application, arguments, at: at.clone() });
    steps.sort_by_key(|step| step.priority);
}

/// `Queue(support,t)`.
fn call(text: &str) -> (String, Vec<String>) {
    match text.split_once('(') {
        None => (text.to_string(), Vec::new()),
        Some((name, rest)) => {
            let inside = rest.trim_end().strip_suffix(')').unwrap_or(rest);
            // Before version 1.6 a bar stood between arguments.
            let separator = if inside.contains('|') && !inside.contains(',') { '|' } else { ',' };
            (name.trim().to_string(), split(inside, separator))
        }
    }
}

/// Parts at a separator that is not within parentheses, braces or quotes.
pub fn split(text: &str, at: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut depth, mut quoted) = (0_i32, false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            '(' | '{' | '[' if !quoted => depth += 1,
            ')' | '}' | ']' if !quoted => depth -= 1,
            _ => {}
        }
        match parts.last_mut() {
            Some(part) if c != at || quoted || depth > 0 => part.push(c),
            _ => parts.push(String::new()),
        }
    }
    parts.iter().map(|part| part.trim().trim_matches('"').to_string()).collect()
}

/// `${NAME}` of `[globals]`.
fn filled_in(text: &str, globals: &BTreeMap<String, String>) -> String {
    let mut text = text.to_string();
    for (name, value) in globals {
        text = text.replace(&format!("${{{name}}}"), value);
    }
    text
}
