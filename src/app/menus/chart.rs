//! The menus drawn: as a tree of text, as a picture of the same tree, and as a graph for graphviz.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::ChartFormat;
use crate::ids::MenuId;
use crate::ivr::menu::{Choice, Condition, Destination, Line, Node, Refuse, Saying, To};
use crate::ivr::{Entry, Settings};

/// One line of the tree.
struct Row {
    depth: usize,
    /// The last of its siblings.
    last: bool,
    label: String,
    text: String,
    is_node: bool,
}

pub fn draw(settings: &Settings, number: Option<&str>, format: ChartFormat) -> Result<String, String> {
    if let Some(number) = number
        && !settings.numbers.contains_key(number)
    {
        return Err(format!("there is no number {number:?} in menu.toml"));
    }
    let numbers = settings.numbers.iter().filter(|(of, _)| number.is_none_or(|number| number == *of));
    if format == ChartFormat::Dot {
        return Ok(dot(settings, numbers));
    }
    let mut rows = Vec::new();
    let mut drawn = BTreeSet::new();
    for (number, entry) in numbers {
        let row = |text: String| Row { depth: 0, last: true, label: number.clone(), text, is_node: true };
        match entry {
            Entry::Play(prompt) => rows.push(row(format!("plays {prompt}"))),
            Entry::Silence => rows.push(row("is silent".into())),
            Entry::To(destination) => {
                rows.push(row(String::new()));
                add(settings, 1, true, String::new(), destination, &mut drawn, &mut rows);
            }
        }
    }
    Ok(if format == ChartFormat::Svg { svg(&rows) } else { text(&rows) })
}

/// A destination and all that comes after it; a node that is drawn already is only named.
fn add(
    settings: &Settings,
    depth: usize,
    last: bool,
    label: String,
    to: &Destination,
    drawn: &mut BTreeSet<MenuId>,
    rows: &mut Vec<Row>,
) {
    let (mut text, mut ways) = (name(to), Vec::new());
    let mut is_node = false;
    if let To::Node(id) = &to.to {
        is_node = true;
        match settings.menus.nodes.get(id) {
            Some(node) if drawn.insert(id.clone()) => {
                let said: Vec<String> = node.says().into_iter().map(saying).collect();
                let said = if said.is_empty() { String::new() } else { format!(": {}", said.join(" ")) };
                text = format!("{}{said}", kind(node, id));
                ways = self::ways(node);
            }
            _ => text = format!("{text} (above)"),
        }
    } else if let Some(otherwise) = to.to.otherwise() {
        ways = vec![("nobody reached".into(), Way::To(otherwise))];
    }
    rows.push(Row { depth, last, label, text, is_node });
    let count = ways.len();
    for (index, (label, way)) in ways.into_iter().enumerate() {
        let last = index + 1 == count;
        match way {
            Way::To(to) => add(settings, depth + 1, last, label, to, drawn, rows),
            Way::Stays(text) => {
                rows.push(Row { depth: depth + 1, last, label, text: text.into(), is_node: false });
            }
        }
    }
}

enum Way<'a> {
    To(&'a Destination),
    Stays(&'static str),
}

/// Where a node leads, and by what.
fn ways(node: &Node) -> Vec<(String, Way<'_>)> {
    match node {
        Node::Menu(menu) => {
            let mut ways: Vec<_> = menu
                .choices
                .iter()
                .map(|(key, choice)| {
                    let way = match choice {
                        Choice::To(to) => Way::To(to),
                        Choice::Repeat => Way::Stays("again"),
                        Choice::Back => Way::Stays("back"),
                    };
                    (key.to_string(), way)
                })
                .collect();
            ways.push(("no key".into(), Way::To(&menu.default)));
            ways
        }
        Node::Digits(digits) => {
            let range = if digits.least == digits.most {
                format!("{} digits", digits.least)
            } else {
                format!("{} to {} digits", digits.least, digits.most)
            };
            vec![(range, Way::To(&digits.then)), ("otherwise".into(), Way::To(&digits.otherwise))]
        }
        Node::Branch(branch) => {
            let case = |when: &[Condition]| when.iter().map(condition).collect::<Vec<_>>().join(" and ");
            let mut ways: Vec<_> = branch.cases.iter().map(|one| (case(&one.when), Way::To(&one.then))).collect();
            ways.push(("otherwise".into(), Way::To(&branch.otherwise)));
            ways
        }
        Node::Say(say) => vec![("then".into(), Way::To(&say.then))],
        Node::Hook(hook) => {
            let mut ways: Vec<_> =
                hook.cases.iter().map(|(answer, to)| (format!("answers {answer}"), Way::To(to))).collect();
            ways.push(("otherwise".into(), Way::To(&hook.otherwise)));
            ways
        }
    }
}

fn condition(condition: &Condition) -> String {
    match condition {
        Condition::Caller(list) => format!("caller in {list}"),
        Condition::Dialled(numbers) => {
            format!("dialled {}", numbers.iter().map(String::as_str).collect::<Vec<_>>().join(" or "))
        }
        Condition::Language(language) => format!("language {}", language.code()),
        Condition::Digits { name, like } => {
            let like: Vec<String> =
                like.iter().map(|like| format!("{}{}", like.text, if like.and_more { "*" } else { "" })).collect();
            format!("{name} like {}", like.join(" or "))
        }
        Condition::Schedule { schedule, open } => format!("{schedule} {}", if *open { "open" } else { "closed" }),
        Condition::Queue { queue, is } => match is {
            Line::MoreThan(callers) => format!("{queue}: more than {callers} wait"),
            Line::LongerThan(time) => format!("{queue}: longer than {time:?}"),
            Line::Closed => format!("{queue} closed"),
            Line::Nobody => format!("{queue}: nobody"),
        },
    }
}

/// A destination in a few words.
pub fn name(to: &Destination) -> String {
    let text = match &to.to {
        To::Node(id) => id.to_string(),
        To::Queue(queue) => format!("queue {queue}"),
        To::Number { number, .. } => format!("number {number}"),
        To::Seat { seat, .. } => format!("seat {seat}"),
        To::Message => "message".into(),
        To::Callback(queue) => format!("callback of {queue}"),
        To::HangUp => "end".into(),
        To::Refuse(Refuse::Rules) => "refused".into(),
        To::Refuse(Refuse::Closed) => "refused: closed".into(),
        To::Refuse(Refuse::Busy) => "refused: busy".into(),
    };
    to.language.map_or(text.clone(), |language| format!("{text} ({})", language.code()))
}

fn kind(node: &Node, id: &MenuId) -> String {
    let kind = match node {
        Node::Menu(_) => "menu",
        Node::Digits(_) => "digits",
        Node::Branch(_) => "branch",
        Node::Say(_) => "say",
        Node::Hook(_) => "hook",
    };
    format!("{id} [{kind}]")
}

fn saying(saying: &Saying) -> String {
    match saying {
        Saying::Fixed(prompt) => prompt.to_string(),
        Saying::Own(name) => format!("*/{name}"),
    }
}

fn text(rows: &[Row]) -> String {
    let mut lines = Vec::new();
    // Whether the line of each level goes on below.
    let mut open: Vec<bool> = Vec::new();
    for row in rows {
        open.truncate(row.depth.saturating_sub(1));
        let before: String = open.iter().map(|open| if *open { "│  " } else { "   " }).collect();
        let corner = match (row.depth, row.last) {
            (0, _) => "",
            (_, true) => "└─ ",
            (_, false) => "├─ ",
        };
        let arrow = if row.label.is_empty() || row.text.is_empty() { "" } else { " → " };
        lines.push(format!("{before}{corner}{}{arrow}{}", row.label, row.text));
        if row.depth > 0 {
            open.push(!row.last);
        }
    }
    lines.join("\n")
}

/// The same tree: one row each, with lines from parents to children.
fn svg(rows: &[Row]) -> String {
    const ROW: usize = 30;
    const INDENT: usize = 34;
    const LETTER: usize = 8;
    let wide = |text: &str| text.chars().map(|c| if c.is_ascii() { LETTER } else { 2 * LETTER }).sum::<usize>();
    let shown = |row: &Row| match (row.label.is_empty(), row.text.is_empty()) {
        (false, false) => format!("{} → {}", row.label, row.text),
        (true, _) => row.text.clone(),
        (_, true) => row.label.clone(),
    };
    let width = rows.iter().map(|row| row.depth * INDENT + wide(&shown(row)) + 40).max().unwrap_or(100);
    let height = rows.len() * ROW + 10;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"13\">\n"
    );
    let mut parents: Vec<usize> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        parents.truncate(row.depth);
        let (x, y) = (10 + row.depth * INDENT, 5 + index * ROW);
        if let Some(parent) = parents.last() {
            let (from_x, from_y) = (10 + (row.depth - 1) * INDENT + 12, 5 + parent * ROW + ROW - 6);
            let middle = y + ROW / 2 - 3;
            let _ = writeln!(out, "<path d=\"M{from_x} {from_y}V{middle}H{x}\" fill=\"none\" stroke=\"#888\"/>");
        }
        let text = shown(row);
        let fill = if row.is_node { "#e8f0fe" } else { "#fff" };
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"4\" fill=\"{fill}\" stroke=\"#555\"/>\
             <text x=\"{}\" y=\"{}\">{}</text>",
            wide(&text) + 14,
            ROW - 6,
            x + 7,
            y + 16,
            escaped(&text)
        );
        parents.push(index);
    }
    out.push_str("</svg>");
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn dot<'a>(settings: &Settings, numbers: impl Iterator<Item = (&'a String, &'a Entry)>) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut out = String::from("digraph menus {\n  rankdir=LR;\n  node [shape=box];\n");
    let mut next: Vec<&MenuId> = Vec::new();
    for (number, entry) in numbers {
        let _ = writeln!(out, "  {} [shape=oval];", quoted(number));
        if let Entry::To(to) = entry {
            let _ = writeln!(out, "  {} -> {};", quoted(number), quoted(&name(&Destination::to(to.to.clone()))));
            next.extend(to.and_otherwise().into_iter().filter_map(node_of));
        }
    }
    let mut drawn = BTreeSet::new();
    while let Some(id) = next.pop() {
        let Some(node) = settings.menus.nodes.get(id) else { continue };
        if !drawn.insert(id) {
            continue;
        }
        let _ = writeln!(out, "  {} [label={}, style=rounded];", quoted(id.as_str()), quoted(&kind(node, id)));
        for (label, way) in ways(node) {
            if let Way::To(to) = way {
                let label = to.language.map_or(label.clone(), |language| format!("{label} ({})", language.code()));
                let mut from = id.to_string();
                for (step, way) in to.and_otherwise().into_iter().enumerate() {
                    let there = name(&Destination::to(way.to.clone()));
                    let label = if step == 0 { label.as_str() } else { "nobody reached" };
                    let _ = writeln!(out, "  {} -> {} [label={}];", quoted(&from), quoted(&there), quoted(label));
                    from = there;
                }
                next.extend(to.and_otherwise().into_iter().filter_map(node_of));
            }
        }
    }
    out.push('}');
    out
}

fn node_of(to: &Destination) -> Option<&MenuId> {
    match &to.to {
        To::Node(id) => Some(id),
        _ => None,
    }
}
