//! The way in for WebSockets that somebody else accepted: the web server, which serves the pages and knows who has
//! signed in there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::connection::{Happened, Line};
use super::websocket::{self, Duplex};
use crate::ids::{OperatorId, SeatId};
use crate::sip::words::{ConnectionId, Flow, ListenerId, Transport};

/// Newcomers that wait to be taken in.
pub(super) const NEWCOMERS: usize = 256;

/// Where WebSockets are handed in; copies lead to the same house.
#[derive(Clone)]
pub struct Gate {
    pub(super) hand_over: mpsc::Sender<Newcomer>,
    pub(super) tell: mpsc::Sender<Happened>,
    pub(super) numbers: Numbers,
}

/// Who comes in by the gate.
#[derive(Clone, Debug)]
pub struct Visitor {
    pub remote: SocketAddr,
    /// The page was loaded over TLS.
    pub secure: bool,
    /// What the session proved. `None`: whoever it is proves himself by digest.
    pub proof: Option<Proof>,
}

/// Whose seat it is: requests over this connection are this seat's, and no other's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub seat: SeatId,
    /// Who sits there; handed on to whoever knows.
    pub by: OperatorId,
}

/// A connection that the gate has begun, until the sockets have taken it in.
pub struct Newcomer {
    pub id: ConnectionId,
    pub remote: SocketAddr,
    pub proof: Option<Proof>,
    pub line: Line,
    /// Told when it is in; dropped when there is no room.
    pub welcome: oneshot::Sender<()>,
}

/// Connections are numbered by whoever begins them.
#[derive(Clone, Default)]
pub(super) struct Numbers(Arc<AtomicU64>);

impl Numbers {
    pub fn next(&self) -> ConnectionId {
        ConnectionId(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

impl Gate {
    /// Hands a WebSocket in, whose subprotocol is `sip` and whose origin was checked (RFC 7118 §4 and RFC 6455
    /// §10.2), and whose messages are at most [`super::MAX_FRAME`] bytes. It is closed when the phone is gone, when
    /// it shows no sign of life, or when it has to go. `false`: there is no room for it. Wants a runtime of tokio.
    pub fn enter(&self, socket: impl Duplex, visitor: Visitor) -> bool {
        let Visitor { remote, secure, proof } = visitor;
        let id = self.numbers.next();
        let transport = if secure { Transport::Wss } else { Transport::Ws };
        let flow = Flow { listener: ListenerId::GATE, transport, remote, connection: Some(id) };
        let (welcome, welcomed) = oneshot::channel();
        let line = websocket::entered(id, flow, socket, welcomed, self.tell.clone());
        self.hand_over.try_send(Newcomer { id, remote, proof, line, welcome }).is_ok()
    }
}
