//! What others wrote, where it is shown on a terminal or kept in lines: what would move the cursor, set its colours, end a
//! line, turn the order of letters round or not be seen at all is shown as a number. For whoever prints; knows no room.

use std::fmt::Write;

/// Control characters and what acts without being seen, as JSON writes them (`\u001b`): what is JSON already stays so, and
/// says the same. Tabs stay.
pub fn visible(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        match (c.is_control() && c != '\t') || is_unseen(c) {
            true => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| _ = write!(shown, "\\u{unit:04x}")),
            false => shown.push(c),
        }
        shown
    })
}

/// Marks of the direction of writing (Unicode TR9 and TR36), joiners and spaces without width, what some take for the end of
/// a line, the mark of byte order, and tags.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
        || matches!(c, '\u{feff}' | '\u{e0000}'..='\u{e007f}')
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
    fn what_turns_letters_round_or_is_not_seen_is_shown_as_a_number() {
        // The last of each range, and what is beside it and stays.
        for (hidden, shown) in [
            ("a\u{202e}fdp.exe", "a\\u202efdp.exe"),
            ("\u{200a}\u{200b}\u{200f}\u{2010}", "\u{200a}\\u200b\\u200f\u{2010}"),
            ("\u{2027}\u{202a}\u{202f}", "\u{2027}\\u202a\u{202f}"),
            ("\u{205f}\u{2060}\u{2066}\u{2069}\u{206a}", "\u{205f}\\u2060\\u2066\\u2069\u{206a}"),
            ("\u{feff}\u{61c}", "\\ufeff\\u061c"),
            ("\u{e0041}😀שלום", "\\udb40\\udc41😀שלום"),
        ] {
            assert_eq!(visible(hidden), shown);
        }
    }

    #[test]
    fn json_stays_what_it_was() {
        let hostile = "\"\\\x1b\u{9b}\u{85}\u{2028}\u{202e}\u{feff}\u{e0041}\n\t";
        let shown = visible(&serde_json::to_string(hostile).unwrap());
        assert!(!shown.contains(char::is_control), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), hostile);
    }
}
