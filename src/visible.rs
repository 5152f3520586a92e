//! What others wrote, where it is shown on a terminal or kept in lines: what would move the cursor, set its colours or end a
//! line is shown as a number. For whoever prints; knows no room.

use std::fmt::Write;

/// Control characters, and those that some take for the end of a line, as JSON writes them (`\u001b`): what is JSON
/// already stays so, and says the same. Tabs stay.
pub fn visible(text: &str) -> String {
    let acts = |c: char| c.is_control() && c != '\t' || matches!(c, '\u{2028}' | '\u{2029}');
    text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        match acts(c) {
            true => _ = write!(shown, "\\u{:04x}", u32::from(c)),
            false => shown.push(c),
        }
        shown
    })
}

/// The same of a text of several lines, which stay apart.
pub fn visible_lines(text: &str) -> String {
    text.split('\n').map(visible).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_shown_as_a_number() {
        let hostile = "a\x1b[2J\r\n\u{9b}31m\u{85}\x07\u{2028}\tb 你好";
        assert_eq!(visible(hostile), "a\\u001b[2J\\u000d\\u000a\\u009b31m\\u0085\\u0007\\u2028\tb 你好");
        assert_eq!(visible_lines("a\x1b\nb\r\n"), "a\\u001b\nb\\u000d\n");
    }

    #[test]
    fn json_stays_what_it_was() {
        let hostile = "\"\\\x1b\u{9b}\u{85}\u{2028}\n\t";
        let shown = visible(&serde_json::to_string(hostile).unwrap());
        assert!(!shown.contains(char::is_control), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), hostile);
    }
}
