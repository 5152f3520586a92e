//! A message as text for people who look over its shoulder: secrets masked.

/// The message as text: what proves a secret is masked, control characters are escaped.
pub fn masked(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        for c in mask(line).chars() {
            match c {
                '\t' => out.push(c),
                c if c.is_control() => out.extend(c.escape_default()),
                c => out.push(c),
            }
        }
        out.push('\n');
    }
    out
}

fn mask(line: &str) -> String {
    let name = line.split(':').next().unwrap_or_default().trim();
    if name.eq_ignore_ascii_case("Authorization") || name.eq_ignore_ascii_case("Proxy-Authorization") {
        return ["response=\"", "cnonce=\""].iter().fold(line.to_string(), |line, key| mask_quoted(&line, key));
    }
    if line.starts_with("a=crypto:")
        && let Some((before, _)) = line.split_once("inline:")
    {
        return format!("{before}inline:***");
    }
    line.to_string()
}

fn mask_quoted(line: &str, key: &str) -> String {
    let Some(at) = line.to_ascii_lowercase().find(key) else { return line.to_string() };
    let (before, rest) = line.split_at(at + key.len());
    let after = rest.find('"').map_or("", |end| &rest[end..]);
    format!("{before}***{after}")
}
