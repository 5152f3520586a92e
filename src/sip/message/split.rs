//! Cutting values apart where quotes and angle brackets allow it.

/// Parts between `separator` (ASCII) that is not inside quotes.
pub(super) fn outside_quotes(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    pieces(text, separator, false)
}

/// Items of a comma-separated list: commas in quotes or `<…>` do not count.
pub(super) fn list(text: &str) -> impl Iterator<Item = &str> {
    pieces(text, b',', true).map(str::trim).filter(|item| !item.is_empty())
}

fn pieces(text: &str, separator: u8, brackets: bool) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (mut quoted, mut escaped, mut inside) = (false, false, false);
        // What counts is ASCII: no byte of another character looks like it.
        for (at, byte) in text.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b'<' if brackets && !quoted => inside = true,
                b'>' if brackets && !quoted => inside = false,
                byte if byte == separator && !quoted && !inside => {
                    rest = Some(&text[at + 1..]);
                    return Some(&text[..at]);
                }
                _ => {}
            }
        }
        rest = None;
        Some(text)
    })
}

/// The content of a quoted string that fills `text`; `None` if it is not closed, or more follows.
pub(super) fn unquote(text: &str) -> Option<String> {
    let (content, rest) = quoted_prefix(text)?;
    rest.trim().is_empty().then_some(content)
}

/// A quoted string at the start of `text`, and what follows it.
pub(super) fn quoted_prefix(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut content = String::with_capacity(inner.len());
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        match c {
            c if escaped => {
                content.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return Some((content, &inner[at + 1..])),
            c => content.push(c),
        }
    }
    None
}

/// `"…"` with `"` and `\` escaped, and no line break.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
