//! What the libraries say of a file, in people's words.

use config::ConfigError;

/// A syntax error: the library's message, and the line it is in.
pub fn syntax(message: &str, line: &str) -> String {
    let (what, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    let first = line.split('#').next().unwrap_or_default().trim();
    match what {
        "unclosed array table" => "a table's name is not closed: `]]` is meant, as in [[queue]]".into(),
        "unclosed table" => "a table's name is not closed: `]` is meant, as in [sip]".into(),
        "unclosed array" => "the list is not closed: a `]` is missing".into(),
        "unclosed inline table" => "the table is not closed: a `}` is missing".into(),
        "invalid basic string" | "invalid multi-line basic string" if !expected.contains("escape") => {
            if first.contains(['“', '”', '‘', '’', '＂']) {
                return "found curly quotes; straight ones are meant: \"…\"".into();
            }
            "the text is not closed: a `\"` is missing".into()
        }
        "invalid literal string" | "invalid multi-line literal string" => {
            "the text is not closed: a `'` is missing".into()
        }
        "string values must be quoted" | "invalid value" | "unexpected content" | "invalid unquoted key"
            if first.contains(['“', '”', '‘', '’', '＂']) =>
        {
            "found curly quotes; straight ones are meant: \"…\"".into()
        }
        "string values must be quoted" if first.ends_with('=') => "the value after `=` is missing".into(),
        "string values must be quoted" => "a text is written in quotes: \"…\"".into(),
        "duplicate key" => "is there twice; one of them is meant".into(),
        "key with no value" if !first.contains('=') => {
            if first.contains('＝') {
                return "found a wide `＝`; `=` is meant".into();
            }
            if let Some((key, value)) = first.split_once(':') {
                return format!("found a colon; `{} = {}` is meant", key.trim(), value.trim());
            }
            "the key has no value: `key = value` is meant".into()
        }
        "key with no value" | "missing value for key" | "missing value" => "the value after `=` is missing".into(),
        "missing assignment between key-value pairs" => "a `=` between the key and its value is missing".into(),
        "missing comma between array elements" | "missing comma between key-value pairs" => {
            "a comma is missing here".into()
        }
        "extra comma in array" | "extra comma in inline table" => "there is a comma too many".into(),
        "extra `=`" | "extra assignment between key-value pairs" | "unexpected `=` in array" => {
            "there is a `=` too many".into()
        }
        "unexpected key or value" => "here the line should end: one key to a line".into(),
        "unexpected leading zero" => "a number has no zeros before it; in quotes it is a text: \"…\"".into(),
        "invalid unquoted key" => "this is no key: letters, digits, - and _ are, and others in quotes: \"…\"".into(),
        "invalid comment character" => "there is a character in the comment that cannot be printed".into(),
        _ if expected.is_empty() => format!("cannot be understood: {what}"),
        _ => format!("cannot be understood: {what}; {expected} is meant"),
    }
}

/// Why a value is not what is meant.
pub fn told(error: &ConfigError) -> String {
    match error {
        ConfigError::Type { unexpected, expected, .. } => {
            format!("found {}; {} is meant", found(&unexpected.to_string()), meant(expected))
        }
        ConfigError::At { error, .. } => told(error),
        ConfigError::NotFound(key) => missing(key.rsplit([']', '.']).next().unwrap_or(key)),
        ConfigError::Message(text) if text.contains("did not match any variant") => {
            "found something else; `hotline config reference` tells the forms it can have".into()
        }
        ConfigError::Message(text) => message(text),
        other => other.to_string(),
    }
}

pub fn missing(key: &str) -> String {
    format!("`{key}` is missing")
}

fn message(text: &str) -> String {
    let wrong = text.strip_prefix("invalid type: ").or_else(|| text.strip_prefix("invalid value: "));
    match wrong.and_then(|rest| rest.split_once(", expected ")) {
        Some((unexpected, expected)) => format!("found {}; {} is meant", found(unexpected), meant(expected)),
        None => text.to_string(),
    }
}

fn found(unexpected: &str) -> String {
    match unexpected.split_once(' ') {
        Some(("string", text)) => format!("the text {text}"),
        Some(("integer" | "boolean" | "64-bit", text)) => text.trim_start_matches("integer ").replace('`', ""),
        Some(("floating", text)) => text.trim_start_matches("point ").replace('`', ""),
        _ => match unexpected {
            "map" => "a table".into(),
            "sequence" => "a list".into(),
            "unit value" => "nothing".into(),
            other => other.into(),
        },
    }
}

fn meant(expected: &str) -> String {
    let meant = match expected {
        "a sequence" => "a list, [\"…\", \"…\"],",
        "a boolean" => "true or false",
        "a string" => "a text in quotes",
        "a map" => "a table",
        "an integer" | "a floating point" => "a number",
        other if other.contains("unsigned 8 bit") => "a whole number from 0 to 255",
        other if other.contains("unsigned 16 bit") => "a whole number from 0 to 65535",
        other if other.contains("unsigned") => "a whole number from 0 on",
        other if other.contains("signed") || other.contains("integer") => "a whole number",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number from 0 on",
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        other if other.starts_with("struct ") => "a table",
        other => other,
    };
    meant.to_string()
}
