//! A message as text for people who look over its shoulder: secrets masked.

use super::split;

/// Parameters of an Authorization header that prove nothing. Every other is masked, however it is spelled.
const HARMLESS: [&str; 8] = ["username", "realm", "nonce", "uri", "algorithm", "qop", "nc", "opaque"];
const MASK: &str = "***";

/// The message as text: what proves a secret is masked, control characters are escaped. A header that holds
/// a secret and is folded (RFC 3261 §7.3.1) is shown on one line.
pub fn masked(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let shown = match credentials(line) {
            Some((name, value)) => {
                let mut value = value.to_string();
                while let Some(more) = lines.next_if(|line| line.starts_with([' ', '\t'])) {
                    value.push(' ');
                    value.push_str(more.trim_start());
                }
                format!("{name}: {}", mask_credentials(value.trim()))
            }
            None => mask_key(line),
        };
        for c in shown.chars() {
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

/// Name and value of a header that proves who somebody is.
fn credentials(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let name = name.trim();
    let is = |known| name.eq_ignore_ascii_case(known);
    (is("Authorization") || is("Proxy-Authorization")).then_some((name, value))
}

/// `Digest` with its harmless parameters; of any other scheme the name alone.
fn mask_credentials(value: &str) -> String {
    let (scheme, rest) = value.split_once(char::is_whitespace).unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("Digest") {
        let is_name = !rest.is_empty() && is_token(scheme);
        return if is_name { format!("{scheme} {MASK}") } else { MASK.into() };
    }
    let parameters: Vec<String> = split::list(rest).map(mask_parameter).collect();
    format!("{scheme} {}", parameters.join(", "))
}

fn mask_parameter(parameter: &str) -> String {
    let Some((name, value)) = parameter.split_once('=') else { return MASK.into() };
    let (name, value) = (name.trim(), value.trim());
    let is_harmless = HARMLESS.iter().any(|known| name.eq_ignore_ascii_case(known));
    // A value that is no whole token or quoted string may hide another parameter.
    if is_harmless && (is_token(value) || split::unquote(value).is_some()) {
        return format!("{name}={value}");
    }
    if is_token(name) { format!("{name}={MASK}") } else { MASK.into() }
}

/// RFC 3261 §25.1.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c))
}

/// Keys of encrypted sound, RFC 4568 and RFC 4566 §5.12.
fn mask_key(line: &str) -> String {
    const INLINE: &str = "inline:";
    let lower = line.trim_start().to_ascii_lowercase();
    if lower.starts_with("k=") {
        return format!("k={MASK}");
    }
    if lower.starts_with("a=crypto:")
        && let Some(at) = line.to_ascii_lowercase().find(INLINE)
    {
        return format!("{}{MASK}", &line[..at + INLINE.len()]);
    }
    line.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_in_every_spelling() {
        let hidden = [
            "Authorization: Digest username=\"8001\", response=\"s3cret\", cnonce=\"s3cret\"",
            "Authorization: Digest username=\"8001\", response = \"s3cret\"",
            "Authorization: Digest username=\"8001\",response=s3cret,nc=1",
            "AUTHORIZATION : dIgEsT RESPONSE=\"s3cret\", username=\"8001\"",
            "Authorization: Digest username=\"8001\",\r\n response=\"s3cret\"",
            "Authorization:\r\n\tDigest username=\"8001\", response=\r\n\t\"s3cret\"",
            "Proxy-Authorization: Digest username=\"8001\", rspauth=\"s3cret\"",
            "Authorization: Digest username=\"8001\", response=\"x\", response=\"s3cret\"",
            "Authorization: Digest username=\"8001\", realm=\"a\" response=\"s3cret\"",
            "Authorization: Digest username=\"8001\", realm=\"never closed, response=s3cret",
            "Authorization: Digest username=\"8001\", response=\"a\\\"s3cret\"",
            "Authorization: Digest username=\"8001\", s3cret",
            "Authorization: Basic s3cret\r\nX: 8001",
            "Authorization: s3cret\r\nX: 8001",
            "X: 8001\r\n\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:s3cret;inline:s3cret",
            "X: 8001\r\n\r\nA=Crypto:1 AES_CM_128_HMAC_SHA1_80 INLINE:s3cret",
            "X: 8001\r\n\r\nk=clear:s3cret",
        ];
        for message in hidden {
            let shown = masked(format!("REGISTER sip:h SIP/2.0\r\n{message}\r\nTo: <sip:b@h>\r\n\r\n").as_bytes());
            assert!(!shown.contains("s3cret"), "{message}\nis shown as\n{shown}");
            assert!(shown.contains("8001") && shown.contains("\nTo: <sip:b@h>\n"), "{shown}");
        }
    }

    #[test]
    fn what_is_no_secret_is_shown() {
        let shown = masked(
            b"A: 1\r\n folded\r\nAuthorization: Digest username=\"a,b\", uri=\"sip:h\", nc=00000001, response=\"x\"\r\n\r\n",
        );
        assert_eq!(
            shown,
            "A: 1\n folded\nAuthorization: Digest username=\"a,b\", uri=\"sip:h\", nc=00000001, response=***\n\n"
        );
    }
}
