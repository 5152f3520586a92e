//! Faults for people: each with the line it is in and what is meant underlined, faults before warnings, counted.

use std::fmt::Write;
use std::ops::Range;

use unicode_width::UnicodeWidthChar;

use super::fault::{Fault, Severity};

const RED: &str = "\u{1b}[1;31m";
const YELLOW: &str = "\u{1b}[1;33m";
const BLUE: &str = "\u{1b}[34m";
const BOLD: &str = "\u{1b}[1m";
const PLAIN: &str = "\u{1b}[0m";
const TAB: usize = 4;
/// Of longer lines a part is shown, with what is meant in it.
const WIDEST: usize = 120;
/// Characters before what is meant, in such a part.
const BEFORE: usize = 40;

/// The whole report, without the count. Colours are for terminals.
pub fn report(faults: &[Fault], colours: bool) -> String {
    let mut report = String::new();
    for severity in [Severity::Fault, Severity::Warning] {
        for fault in faults.iter().filter(|fault| fault.severity == severity) {
            one(&mut report, fault, colours);
        }
    }
    report
}

/// `2 faults, 1 warning`, `no faults`.
pub fn count(faults: &[Fault]) -> String {
    let of = |severity| faults.iter().filter(|fault| fault.severity == severity).count();
    let told = |number, word: &str| match number {
        0 => format!("no {word}s"),
        1 => format!("1 {word}"),
        _ => format!("{number} {word}s"),
    };
    match (of(Severity::Fault), of(Severity::Warning)) {
        (faults, 0) => told(faults, "fault"),
        (faults, warnings) => format!("{}, {}", told(faults, "fault"), told(warnings, "warning")),
    }
}

fn one(report: &mut String, fault: &Fault, colours: bool) {
    let paint = |code: &'static str| if colours { code } else { "" };
    let tone = paint(if fault.severity == Severity::Fault { RED } else { YELLOW });
    let (bold, blue, plain) = (paint(BOLD), paint(BLUE), paint(PLAIN));
    let place = if fault.line > 0 { format!(":{}:{}", fault.line, fault.column) } else { String::new() };
    let key = if fault.key.is_empty() { String::new() } else { format!("{}: ", fault.key) };
    // Writing to a text cannot fail.
    let _ = writeln!(
        report,
        "{bold}{}{place}{plain}: {tone}{}{plain}: {bold}{key}{plain}{}",
        fault.file,
        fault.severity.word(),
        fault.what
    );
    let Some(quote) = &fault.quote else { return };
    let (line, before, marked) = shown(quote, &fault.key, fault.column, fault.end_column);
    let number = if fault.line > 0 { fault.line.to_string() } else { String::new() };
    let _ = writeln!(report, "{blue}{number:>5} |{plain} {line}");
    if fault.column > 0 {
        let _ = writeln!(report, "{blue}      |{plain} {}{tone}{}{plain}", " ".repeat(before), "^".repeat(marked));
    }
}

/// The line as it is shown, how many cells stand before what is meant, and how many it takes.
fn shown(quote: &str, key: &str, column: usize, end: usize) -> (String, usize, usize) {
    let first = column.max(1) - 1;
    let last = end.max(column + 1) - 1;
    let letters: Vec<char> = masked(quote.trim_end(), key, first..last);
    let long = letters.len() > WIDEST;
    let from = if long { first.saturating_sub(BEFORE) } else { 0 };
    let to = if long { (from + WIDEST).min(letters.len()) } else { letters.len() };
    let (mut line, mut before, mut marked) = (String::new(), 0, 0);
    if from > 0 {
        line.push('…');
        before += 1;
    }
    for (index, letter) in letters.iter().enumerate().take(to).skip(from) {
        let width = match letter {
            '\t' => {
                line.push_str(&" ".repeat(TAB));
                TAB
            }
            // What would move the cursor is shown as what it is not.
            letter if letter.is_control() => {
                line.push('\u{fffd}');
                1
            }
            letter => {
                line.push(*letter);
                letter.width().unwrap_or(0)
            }
        };
        if index < first {
            before += width;
        } else if index < last {
            marked += width;
        }
    }
    if to < letters.len() {
        line.push('…');
    }
    (line, before, marked.max(1))
}

/// A report is read over shoulders and kept in logs: passwords are not shown in it.
fn masked(quote: &str, key: &str, meant: Range<usize>) -> Vec<char> {
    let mut letters: Vec<char> = quote.chars().collect();
    if key != "seat.secret" {
        return letters;
    }
    let text: String = letters.iter().collect::<String>().to_ascii_lowercase();
    let at = text.find("secret").map_or(0, |at| text[..at].chars().count());
    let value = letters[at..].iter().position(|c| *c == '=').map(|after| at + after + 1);
    // In a table the cell is what is meant.
    let range = value.map_or(meant, |value| value..letters.len());
    let value = &mut letters[range.start.min(text.chars().count())..];
    if value.contains(&'{') {
        return letters;
    }
    let range = ..range.len().min(value.len());
    for letter in value[range].iter_mut().filter(|c| !matches!(c, '"' | '\'') && !c.is_whitespace()) {
        *letter = '*';
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(quote: &str, column: usize, end_column: usize) -> Fault {
        Fault {
            line: 3,
            column,
            end_column,
            key: "queue.need".into(),
            quote: Some(quote.into()),
            ..Fault::of_file(std::path::Path::new("queues.toml"), "is wrong")
        }
    }

    #[test]
    fn what_is_meant_is_underlined_in_wide_letters_and_after_tabs() {
        let told = report(&[fault("\tname = \"王芳\" # 班长", 9, 13)], false);
        assert_eq!(
            told,
            "queues.toml:3:9: fault: queue.need: is wrong\n    \
             3 |     name = \"王芳\" # 班长\n      \
             |            ^^^^^^\n"
        );
        let wide = report(&[fault("住房 >= 5", 1, 3), fault("need = \"a", 20, 20)], false);
        assert!(wide.contains("| ^^^^\n") && wide.ends_with("^\n"), "{wide}");
    }

    #[test]
    fn of_a_long_line_the_part_is_shown() {
        let line = format!("{}WRONG{}", "a".repeat(200), "b".repeat(200));
        let told = report(&[fault(&line, 201, 206)], false);
        let lines: Vec<&str> = told.lines().collect();
        let at = lines[1].find("WRONG").map(|at| lines[1][..at].chars().count());
        assert_eq!(at, lines[2].find("^^^^^").map(|at| lines[2][..at].chars().count()));
        assert!(lines[1].chars().count() < 140 && lines[1].ends_with('…'), "{told}");
    }

    #[test]
    fn passwords_and_control_characters_are_not_shown() {
        let mut secret = fault("secret = \"hunter 2\"", 10, 20);
        secret.key = "seat.secret".into();
        let told = report(&[secret, fault("a\u{1b}[31mb", 1, 2)], false);
        assert!(told.contains("secret = \"****** *\"") && !told.contains('\u{1b}'), "{told}");
    }

    #[test]
    fn counted_in_grammar() {
        let warning = Fault { severity: Severity::Warning, ..fault("", 1, 1) };
        let table = [
            (vec![], "no faults"),
            (vec![warning.clone()], "no faults, 1 warning"),
            (vec![fault("", 1, 1), warning.clone(), warning], "1 fault, 2 warnings"),
            (vec![fault("", 1, 1), fault("", 1, 1)], "2 faults"),
        ];
        for (faults, told) in table {
            assert_eq!(count(&faults), told);
        }
    }

    #[test]
    fn colours_only_where_they_are_wanted() {
        assert!(report(&[fault("a", 1, 2)], true).contains(RED));
        assert!(!report(&[fault("a", 1, 2)], false).contains('\u{1b}'));
    }
}
