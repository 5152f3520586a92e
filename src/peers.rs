//! Who is at the other end of a connection: who cannot be told from whom, and whether anybody is there at all. For `sip`
//! and `http`; does not know what is spoken.

use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

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
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !0 << 64).into(),
        ip => ip,
    }
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
