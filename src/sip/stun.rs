//! Signs of life by datagrams, RFC 5626 §4.4.2: a phone asks by STUN (RFC 8489) where it is seen, and finds out so that its
//! flow stands, or that a NAT has given it another port.

use std::net::{IpAddr, SocketAddr};

/// Type, length, cookie and transaction, RFC 8489 §5.
const HEADER: usize = 20;
const COOKIE: u32 = 0x2112_A442;
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
/// No request is longer where nobody knows what the way takes, §6.1.
const LONGEST: usize = 548;
/// Attributes from here on need not be understood, §14.
const OPTIONAL: u16 = 0x8000;
/// So many that are not known are named to whoever asks.
const NAMED: usize = 16;
/// Those of RFC 8489 that have to be, §18.3. None of them says anything to us.
const UNDERSTOOD: [u16; 11] =
    [0x0001, 0x0006, 0x0008, 0x0009, 0x000A, 0x0014, 0x0015, 0x001C, 0x001D, 0x001E, XOR_MAPPED_ADDRESS];

/// The answer to a Binding request from there; `None`: it is none. A message of SIP begins with a letter.
pub(super) fn answer(bytes: &[u8], from: SocketAddr) -> Option<Vec<u8>> {
    let (header, attributes) = bytes.split_at_checked(HEADER)?;
    let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let is_request = word(0) == BINDING_REQUEST && usize::from(word(2)) == attributes.len();
    if !is_request || bytes.len() > LONGEST || header[4..8] != COOKIE.to_be_bytes() {
        return None;
    }
    let unknown = not_understood(attributes)?;
    if !unknown.is_empty() {
        return Some(refusal(&header[4..], &unknown));
    }
    // §14.2: masked with the cookie, and with the transaction where it is longer.
    let mask = &header[4..HEADER];
    let ip = match from.ip().to_canonical() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let family: u16 = if ip.len() == 4 { 1 } else { 2 };
    let port = from.port() ^ u16::from_be_bytes([mask[0], mask[1]]);
    let masked: Vec<u8> = ip.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect();
    let length = 4 + masked.len() as u16;
    let mut answer = Vec::with_capacity(HEADER + 8 + masked.len());
    answer.extend(BINDING_SUCCESS.to_be_bytes());
    answer.extend((4 + length).to_be_bytes());
    answer.extend(&header[4..]);
    for word in [XOR_MAPPED_ADDRESS, length, family, port] {
        answer.extend(word.to_be_bytes());
    }
    answer.extend(masked);
    Some(answer)
}

/// What asks for something that is not known here, §6.3.1. `None`: they are cut.
fn not_understood(mut attributes: &[u8]) -> Option<Vec<u16>> {
    let mut unknown = Vec::new();
    while let Some((head, rest)) = attributes.split_first_chunk::<4>() {
        let (kind, length) = (u16::from_be_bytes([head[0], head[1]]), u16::from_be_bytes([head[2], head[3]]));
        let is_unknown = kind < OPTIONAL && !UNDERSTOOD.contains(&kind);
        if is_unknown && unknown.len() < NAMED && !unknown.contains(&kind) {
            unknown.push(kind);
        }
        attributes = rest.get(usize::from(length).next_multiple_of(4)..)?;
    }
    attributes.is_empty().then_some(unknown)
}

/// 420, and what was not understood, §14.8 and §14.13: never more bytes than twice those that asked.
fn refusal(transaction: &[u8], unknown: &[u16]) -> Vec<u8> {
    let named = 2 * unknown.len() as u16;
    let length = 8 + 4 + named.next_multiple_of(4);
    let words = [BINDING_ERROR, length];
    let mut answer: Vec<u8> =
        words.iter().flat_map(|word| word.to_be_bytes()).chain(transaction.iter().copied()).collect();
    let error = [ERROR_CODE, 4, 0, (4 << 8) + 20, UNKNOWN_ATTRIBUTES, named];
    answer.extend(error.iter().chain(unknown).flat_map(|word| word.to_be_bytes()));
    answer.resize(HEADER + usize::from(length), 0);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5769 §2.2 and §2.3: the same transaction, seen from these places.
    #[test]
    fn whoever_asks_is_told_where_it_is_seen() {
        let transaction = "b7e7a701bc34d686fa87dfae";
        let bytes = |hex: &str| data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
        let request = bytes(&format!("000100002112a442{transaction}"));
        for (from, attribute) in [
            ("192.0.2.1:32853", "002000080001a147e112a643"),
            ("[2001:db8:1234:5678:11:2233:4455:6677]:32853", "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"),
        ] {
            let length = attribute.len() / 2;
            let expected = bytes(&format!("0101{length:04x}2112a442{transaction}{attribute}"));
            assert_eq!(answer(&request, from.parse().unwrap()), Some(expected));
        }
        for wrong in
            ["", "00010000", "010100002112a442b7e7a701bc34d686fa87dfae", "000100042112a442b7e7a701bc34d686fa87dfae"]
        {
            assert_eq!(answer(&bytes(wrong), "192.0.2.1:1".parse().unwrap()), None, "{wrong}");
        }
    }

    #[test]
    fn what_has_to_be_understood_and_is_not_is_named() {
        let transaction = "b7e7a701bc34d686fa87dfae";
        let asked = |attributes: &str| {
            let hex = format!("0001{:04x}2112a442{transaction}{attributes}", attributes.len() / 2);
            let request = data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
            let answer = answer(&request, "192.0.2.1:32853".parse().unwrap())?;
            assert!(answer.len() <= 2 * request.len());
            Some(data_encoding::HEXLOWER.encode(&answer))
        };
        let refused = |named: &str, padding: &str| {
            let length = 12 + (named.len() + padding.len()) / 2;
            let count = named.len() / 2;
            Some(format!("0111{length:04x}2112a442{transaction}0009000400000414000a{count:04x}{named}{padding}"))
        };
        // CHANGE-REQUEST of RFC 5780; SOFTWARE, which is optional, with its padding; USERNAME, which is known.
        assert_eq!(asked("0003000400000006"), refused("0003", "0000"));
        assert_eq!(asked("802200036162630000030004000000060040000000030000"), refused("00030040", ""));
        let served = Some(format!("0101000c2112a442{transaction}002000080001a147e112a643"));
        assert_eq!(asked("80220003616263000006000161000000"), served);
        let longest = "80220000".repeat(132);
        assert!(asked(&longest).is_some());
        for no_request in ["0003", "000300040000", "80220003616263", &(longest.clone() + "80220000")] {
            assert_eq!(asked(no_request), None, "{no_request}");
        }
    }
}
