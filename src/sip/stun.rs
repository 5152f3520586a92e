//! Signs of life by datagrams, RFC 5626 §4.4.2: a phone asks by STUN (RFC 8489) where it is seen, and finds out so that its
//! flow stands, or that a NAT has given it another port.

use std::net::{IpAddr, SocketAddr};

/// Type, length, cookie and transaction, RFC 8489 §5.
const HEADER: usize = 20;
const COOKIE: u32 = 0x2112_A442;
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;

/// The answer to a Binding request from there; `None`: it is none. A message of SIP begins with a letter.
pub(super) fn answer(bytes: &[u8], from: SocketAddr) -> Option<Vec<u8>> {
    let (header, attributes) = bytes.split_at_checked(HEADER)?;
    let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let is_request = word(0) == BINDING_REQUEST && usize::from(word(2)) == attributes.len();
    if !is_request || header[4..8] != COOKIE.to_be_bytes() {
        return None;
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
}
