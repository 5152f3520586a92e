//! Over what SIP is spoken, where it is listened on, and where it goes.

use std::net::SocketAddr;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
    /// WebSocket, RFC 7118.
    Ws,
    /// WebSocket over TLS.
    Wss,
}

impl Transport {
    /// RFC 3261 §17: over a reliable transport nothing is retransmitted by the transaction.
    pub fn is_reliable(self) -> bool {
        self != Transport::Udp
    }

    /// As written in a Via, RFC 3261 §20.42.
    pub fn via_name(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
            Transport::Ws => "WS",
            Transport::Wss => "WSS",
        }
    }

    /// As written before an address that is listened on: `udp`, `tcp`, `tls`, `ws`, `wss`.
    pub fn of_name(name: &str) -> Option<Transport> {
        let all = [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];
        all.into_iter().find(|transport| transport.via_name().eq_ignore_ascii_case(name))
    }

    /// As written in a URI; `None` for UDP, which is what is meant without it. RFC 7118 §5.2 knows no `wss`.
    pub fn uri_name(self) -> Option<&'static str> {
        match self {
            Transport::Udp => None,
            Transport::Tcp => Some("tcp"),
            Transport::Tls => Some("tls"),
            Transport::Ws | Transport::Wss => Some("ws"),
        }
    }

    /// Where it is spoken if nothing else is said, RFC 3261 §19.1.2.
    pub fn port(self) -> u16 {
        match self {
            Transport::Udp | Transport::Tcp => 5060,
            Transport::Tls => 5061,
            Transport::Ws => 80,
            Transport::Wss => 443,
        }
    }

    /// Spoken by browsers: nobody can be reached that way but over the connection that they opened.
    pub fn is_web(self) -> bool {
        matches!(self, Transport::Ws | Transport::Wss)
    }

    /// Over TLS.
    pub fn is_secure(self) -> bool {
        matches!(self, Transport::Tls | Transport::Wss)
    }
}

/// One address that is listened on, e.g. `udp:127.0.0.1:5060`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    pub transport: Transport,
    pub addr: SocketAddr,
}

/// Where a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hop {
    pub addr: SocketAddr,
    pub transport: Transport,
}
