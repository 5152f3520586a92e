//! Who is at the other end of a connection: who cannot be told from whom, and whether anybody is there at all. For `sip`
//! and `http`; does not know what is spoken.

use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use ipnet::IpNet;
use rustix::net::sockopt;
use tokio::net::TcpStream;

/// Whoever was silent for so long is asked whether he is there.
const ASK_AFTER: Duration = Duration::from_secs(20);
/// And asked again.
const ASK_AGAIN: Duration = Duration::from_secs(10);
const ASK_TIMES: u32 = 3;
/// What was sent and is not acknowledged, or not taken, for so long was sent to nobody: less than a switch takes to
/// start, so that an office whose power was cut finds its places free.
const GONE_AFTER_MS: u32 = 45_000;

/// Of an IPv6 address, those that its household shares.
const HOUSEHOLD_BITS: u8 = 64;

/// What to do where nobody can listen, after the fault itself. `key`: where the address is written.
pub fn hint(error: &io::Error, key: &str) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("; another program listens there: stop it, or choose another port in {key}")
        }
        io::ErrorKind::AddrNotAvailable => "; this machine does not have that address".into(),
        io::ErrorKind::PermissionDenied => "; ports below 1024 need a permission of their own".into(),
        _ => String::new(),
    }
}

/// Who cannot be told apart by address: an IPv4 address, or the /64 that everybody with IPv6 has to himself.
pub fn household(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !0 << (128 - HOUSEHOLD_BITS)).into(),
        ip => ip,
    }
}

/// One as it is written: `192.0.2.66`, `2001:db8::/64`.
pub fn household_text(household: IpAddr) -> String {
    match household {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("{ip}/{HOUSEHOLD_BITS}"),
    }
}

/// The household that is meant by how it is written, or by an address in it.
pub fn read_household(text: &str) -> Option<IpAddr> {
    let whole = |net: IpNet| match net {
        IpNet::V4(net) => net.prefix_len() == 32,
        IpNet::V6(net) => net.prefix_len() == HOUSEHOLD_BITS,
    };
    let of_address = text.parse::<IpAddr>().ok();
    of_address.or_else(|| text.parse().ok().filter(|net| whole(*net)).map(|net: IpNet| net.addr())).map(household)
}

/// What was sent and not taken is held up to so many bytes; then whoever sends waits.
pub fn hold_at_most(stream: &TcpStream, bytes: usize) -> io::Result<()> {
    Ok(sockopt::set_socket_send_buffer_size(stream, bytes)?)
}

/// A power cut, a router that forgot its table: nobody says goodbye. From here on the connection ends by
/// itself within a minute when nobody is there any more.
pub fn watch(stream: &TcpStream) -> io::Result<()> {
    sockopt::set_tcp_keepidle(stream, ASK_AFTER)?;
    sockopt::set_tcp_keepintvl(stream, ASK_AGAIN)?;
    sockopt::set_tcp_keepcnt(stream, ASK_TIMES)?;
    sockopt::set_tcp_user_timeout(stream, GONE_AFTER_MS)?;
    sockopt::set_socket_keepalive(stream, true)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_household_is_written_as_it_is_read_and_any_address_of_it_means_it() {
        for (text, written) in [
            ("192.0.2.66", "192.0.2.66"),
            ("192.0.2.66/32", "192.0.2.66"),
            ("::ffff:192.0.2.66", "192.0.2.66"),
            ("2001:db8:0:1:2::3", "2001:db8:0:1::/64"),
            ("2001:db8:0:1::/64", "2001:db8:0:1::/64"),
            ("2001:db8:0:1::7/64", "2001:db8:0:1::/64"),
        ] {
            assert_eq!(read_household(text).map(household_text).as_deref(), Some(written), "{text}");
        }
        for text in
            ["", "192.0.2", "192.0.2.0/24", "2001:db8::/32", "2001:db8::/65", "carrier.example", "192.0.2.66:5060"]
        {
            assert_eq!(read_household(text), None, "{text}");
        }
    }
}
