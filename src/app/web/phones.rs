//! The phones of the pages: a WebSocket that the web server accepted goes to signalling, with the seat that the
//! page's session proved.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::http::{Came, Goes, Phones, Sits, Socket};
use crate::sip::transport::{Duplex, Frame, Gate, Heard, Proof, Visitor};

/// Where the web server hands them in.
pub fn entrance(gate: Gate) -> Phones {
    Arc::new(move |socket: Socket, remote: SocketAddr, secure: bool, sits: Option<Sits>| {
        let proof = sits.map(|Sits { operator, seat }| Proof { seat: seat.into(), by: operator.into() });
        gate.enter(Line(socket), Visitor { remote, secure, proof })
    })
}

struct Line(Socket);

impl Duplex for Line {
    async fn receive(&mut self) -> Option<Heard> {
        Some(match self.0.receive().await? {
            Came::Message(bytes) => Heard::Message(bytes),
            Came::Life => Heard::Life,
        })
    }

    async fn send(&mut self, frame: Frame) -> bool {
        let goes = match frame {
            Frame::Text(text) => Goes::Text(text),
            Frame::Binary(bytes) => Goes::Binary(bytes),
            Frame::Ping => Goes::Ping,
        };
        self.0.send(goes).await
    }
}
