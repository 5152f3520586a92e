//! The phones of the pages: a WebSocket that the web server accepted goes to signalling, with the seat that the
//! page's session proved.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::http::{Came, Goes, Phones, Socket};
use crate::ids::SeatId;
use crate::sip::transport::{Duplex, Frame, Gate, Heard, Visitor};

/// Where the web server hands them in.
pub fn entrance(gate: Gate) -> Phones {
    Arc::new(move |socket: Socket, remote: SocketAddr, secure: bool, seat: Option<String>| {
        let seat = seat.map(|seat| SeatId::from(seat.as_str()));
        gate.enter(Line(socket), Visitor { remote, secure, seat })
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
