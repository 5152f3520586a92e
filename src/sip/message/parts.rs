//! Bodies of several parts, RFC 2046 §5.1 and RFC 5621: the description of the sound is found among what carriers send
//! along with it. Does not know what a description says.

use super::headers::Headers;
use super::read::{content_length, head_end, read_headers};
use super::split;
use super::uri::Params;

/// Parts of one body; carriers send two or three.
const MAX_PARTS: usize = 16;
/// Parts within parts.
const MAX_DEPTH: usize = 4;

/// A body holds something that has to be understood and is not: 415, RFC 5621 §3.
#[derive(Debug, PartialEq, Eq)]
pub struct NotUnderstood;

/// The description in a body, as bytes. `None`: there is none, and nothing else that has to be understood.
pub fn description(headers: &Headers, body: &[u8]) -> Result<Option<Vec<u8>>, NotUnderstood> {
    if body.is_empty() {
        return Ok(None);
    }
    find(headers, body, MAX_DEPTH)
}

fn find(headers: &Headers, body: &[u8], depth: usize) -> Result<Option<Vec<u8>>, NotUnderstood> {
    let content_type = headers.get("Content-Type").unwrap_or_default();
    let (kind, params) = kind_and_params(content_type).ok_or(NotUnderstood)?;
    let encoded = |e: &str| !e.trim().eq_ignore_ascii_case("identity");
    let transfer = headers.get("Content-Transfer-Encoding").unwrap_or("binary").trim();
    // RFC 3261 §27.5 and RFC 5621 §3.2: SIP carries eight bits, nothing is packed for its way.
    let is_packed = headers.all("Content-Encoding").any(encoded)
        || !["7bit", "8bit", "binary"].iter().any(|plain| transfer.eq_ignore_ascii_case(plain));
    let understood = match kind.as_str() {
        _ if is_packed => Err(NotUnderstood),
        "application/sdp" => Ok(Some(body.to_vec())),
        "multipart/mixed" | "multipart/alternative" | "multipart/related" => {
            among(&kind, &params, body, depth.checked_sub(1).ok_or(NotUnderstood)?)
        }
        _ => Err(NotUnderstood),
    };
    if understood.is_err() && is_optional(headers) { Ok(None) } else { understood }
}

fn among(kind: &str, params: &Params, body: &[u8], depth: usize) -> Result<Option<Vec<u8>>, NotUnderstood> {
    let boundary = params.get("boundary").filter(|boundary| !boundary.is_empty()).ok_or(NotUnderstood)?;
    let parts = cut(body, boundary).ok_or(NotUnderstood)?;
    let mut all = parts.iter().map(|part| {
        let (headers, body) = part_of(part);
        find(&headers, body, depth)
    });
    match kind {
        // RFC 2046 §5.1.4: the last that is understood is the best.
        "multipart/alternative" => all.filter_map(Result::ok).flatten().last().map(Some).ok_or(NotUnderstood),
        // RFC 2387: the root is what is meant, the others belong to it.
        "multipart/related" => all.next().unwrap_or(Err(NotUnderstood)),
        _ => {
            let mut found = None;
            for part in all {
                // A second description would leave open which is meant: the first is, RFC 5621 §3.2.
                found = found.or(part?);
            }
            Ok(found)
        }
    }
}

/// What stands between the boundaries; `None` if nothing does, or too much.
fn cut<'a>(body: &'a [u8], boundary: &str) -> Option<Vec<&'a [u8]>> {
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let (mut begun, mut at) = (None, 0);
    while at <= body.len() {
        let end = body[at..].iter().position(|b| *b == b'\n').map_or(body.len(), |found| at + found);
        let line = body[at..end].strip_suffix(b"\r").unwrap_or(&body[at..end]);
        if let Some(rest) = line.strip_prefix(delimiter.as_bytes()) {
            let rest = rest.trim_ascii();
            if rest.is_empty() || rest == b"--" {
                if let Some(start) = begun {
                    // The line break before a boundary belongs to the boundary.
                    let part: &[u8] = body.get(start..at).unwrap_or_default();
                    let part = part.strip_suffix(b"\n").unwrap_or(part);
                    parts.push(part.strip_suffix(b"\r").unwrap_or(part));
                }
                if parts.len() > MAX_PARTS {
                    return None;
                }
                if rest == b"--" {
                    return (!parts.is_empty()).then_some(parts);
                }
                begun = Some((end + 1).min(body.len()));
            }
        }
        at = end + 1;
    }
    // The last boundary is missing: what was meant to be there cannot be told.
    None
}

/// Headers and body of a part; a part without headers begins with an empty line.
fn part_of(part: &[u8]) -> (Headers, &[u8]) {
    let none = part.strip_prefix(b"\r\n").or_else(|| part.strip_prefix(b"\n"));
    if let Some(body) = none {
        return (Headers::default(), body);
    }
    let head = head_end(part, 0).unwrap_or(part.len());
    let text = String::from_utf8_lossy(&part[..head]);
    let (headers, _) = read_headers(text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)));
    let body = &part[head..];
    let length = headers.get("Content-Length").and_then(content_length);
    (headers, length.and_then(|length| body.get(..length)).unwrap_or(body))
}

/// RFC 3261 §20.11: what says nothing has to be understood.
fn is_optional(headers: &Headers) -> bool {
    let Some(disposition) = headers.get("Content-Disposition") else { return false };
    let handling = disposition.split_once(';').and_then(|(_, params)| Params::parse(params));
    handling.is_some_and(|params| params.get("handling").is_some_and(|h| h.eq_ignore_ascii_case("optional")))
}

/// `multipart/mixed;boundary="x"`, the kind in small letters.
fn kind_and_params(content_type: &str) -> Option<(String, Params)> {
    let kind = split::outside_quotes(content_type, b';').next()?;
    let params = Params::parse(content_type.get(kind.len()..)?)?;
    let kind: String = kind.chars().filter(|c| !c.is_whitespace()).collect();
    Some((kind.to_ascii_lowercase(), params))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&'static str, &str)], body: &str) -> Result<Option<String>, NotUnderstood> {
        let mut all = Headers::default();
        for (name, value) in headers {
            all.push(*name, *value);
        }
        let text = body.replace('\n', "\r\n");
        description(&all, text.as_bytes()).map(|found| found.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    const MIXED: (&str, &str) = ("Content-Type", "multipart/mixed; boundary=\"a b\"");
    const SDP: &str = "--a b\nContent-Type: application/sdp\n\nv=0\n";

    #[test]
    fn the_description_is_found_among_what_comes_with_it() {
        let isup = |disposition: &str| {
            format!(
                "for old readers\n--a b\nContent-Type: application/isup;version=itu-t92+\n{disposition}\n\x01\x02\n{SDP}--a b--\nlater"
            )
        };
        let found = Ok(Some("v=0".to_string()));
        let optional = "Content-Disposition: signal;handling=optional\n";
        assert_eq!(of(&[MIXED], &isup(optional)), found);
        assert_eq!(of(&[MIXED], &isup("Content-Disposition : signal ; HANDLING = Optional\n")), found);
        assert_eq!(of(&[MIXED], &isup("")), Err(NotUnderstood), "RFC 5621: required unless it says otherwise");
        assert_eq!(of(&[MIXED], &isup("Content-Disposition: signal;handling=required\n")), Err(NotUnderstood));
        let folded = "--a b\nC:\n\tapplication/SDP;charset=utf-8\nl: 3\n\nv=0 and more\n--a b--";
        assert_eq!(of(&[MIXED], folded), found);
        let within = format!("--o\nContent-Type: multipart/mixed;boundary=\"a b\"\n\n{SDP}--a b--\n--o--\n");
        assert_eq!(of(&[("Content-Type", "Multipart/Mixed;Boundary=o")], &within), found);
        let alternative = "--x\nContent-Type: text/plain\n\nv\n--x\nContent-Type: application/sdp\n\nv=0\n--x--";
        assert_eq!(of(&[("Content-Type", "multipart/alternative;boundary=x")], alternative), found);
    }

    #[test]
    fn a_body_alone_is_the_description_or_may_be_passed_over_or_neither() {
        assert_eq!(of(&[("Content-Type", "application/sdp")], "v=0"), Ok(Some("v=0".into())));
        assert_eq!(of(&[("Content-Type", "application/sdp ; x=\"y;z\"")], "v=0"), Ok(Some("v=0".into())));
        assert_eq!(of(&[("Content-Type", "text/plain")], "v=0"), Err(NotUnderstood));
        assert_eq!(of(&[], "v=0"), Err(NotUnderstood));
        assert_eq!(of(&[], ""), Ok(None));
        let optional = ("Content-Disposition", "render;handling=optional");
        assert_eq!(of(&[("Content-Type", "text/plain"), optional], "hi"), Ok(None));
        let packed = ("Content-Transfer-Encoding", "base64");
        assert_eq!(of(&[("Content-Type", "application/sdp"), packed], "dj0w"), Err(NotUnderstood));
    }

    #[test]
    fn what_is_cut_wrongly_is_not_understood() {
        for body in ["", "v=0", "--a b--", "--a b", SDP, "--a bc\nContent-Type: application/sdp\n\nv=0\n--a bc--"] {
            let expected = if body.is_empty() { Ok(None) } else { Err(NotUnderstood) };
            assert_eq!(of(&[MIXED], body), expected, "{body:?}");
        }
        assert_eq!(of(&[("Content-Type", "multipart/mixed")], SDP), Err(NotUnderstood), "no boundary");
        let many = format!("{}--a b--", SDP.repeat(MAX_PARTS + 1));
        assert_eq!(of(&[MIXED], &many), Err(NotUnderstood));
        let mut deep = format!("{SDP}--a b--");
        for _ in 0..MAX_DEPTH {
            deep = format!("--a b\nContent-Type: multipart/mixed;boundary=\"a b\"\n\n{deep}\n--a b--");
        }
        assert_eq!(of(&[MIXED], &deep), Err(NotUnderstood));
    }
}
