//! `/sip`: the WebSocket of a page's phone (RFC 7118). Whose seat it is, the session's cookie says; what is spoken over
//! it is not looked at.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::guard;
use super::listening::Remote;
use super::problem::Problem;
use super::server::Web;
use super::signing;

/// Takes a phone in: its socket, where it is, whether it is encrypted, and its seat. `false`: there is no room.
pub type Phones = Arc<dyn Fn(Socket, SocketAddr, bool, Option<String>) -> bool + Send + Sync>;

const SUBPROTOCOL: &str = "sip";
/// Bytes of a message: of SIP none is larger.
const LARGEST: usize = 64 * 1024;

/// The WebSocket of a phone.
pub struct Socket(WebSocket);

/// What came over it.
pub enum Came {
    Message(Vec<u8>),
    /// Anything else: somebody is there.
    Life,
}

pub enum Goes {
    Text(String),
    Binary(Vec<u8>),
    Ping,
}

impl Socket {
    /// `None`: it is closed.
    pub async fn receive(&mut self) -> Option<Came> {
        match self.0.recv().await?.ok()? {
            Message::Text(text) => Some(Came::Message(text.as_bytes().to_vec())),
            Message::Binary(bytes) => Some(Came::Message(bytes.to_vec())),
            Message::Close(_) => None,
            Message::Ping(_) | Message::Pong(_) => Some(Came::Life),
        }
    }

    pub async fn send(&mut self, goes: Goes) -> bool {
        let message = match goes {
            Goes::Text(text) => Message::Text(text.into()),
            Goes::Binary(bytes) => Message::Binary(bytes.into()),
            Goes::Ping => Message::Ping(Vec::new().into()),
        };
        self.0.send(message).await.is_ok()
    }
}

pub async fn enter(
    State(web): State<Arc<Web>>,
    ConnectInfo(Remote(remote)): ConnectInfo<Remote>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let settings = web.settings();
    let listed = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let listed = listed.is_some_and(|origin| settings.origins.iter().any(|known| known == origin));
    if !listed {
        guard::check_origin(&headers, true)?;
    }
    let upgrade = upgrade
        .map_err(|_| Problem::new(StatusCode::UPGRADE_REQUIRED, "SIP is spoken here over a WebSocket (RFC 7118)"))?;
    let offers = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    if !offers.flat_map(|list| list.split(',')).any(|one| one.trim().eq_ignore_ascii_case(SUBPROTOCOL)) {
        return Err(Problem::new(StatusCode::BAD_REQUEST, "the subprotocol `sip` is spoken here"));
    }
    // Without a session, or without a seat, the phone proves itself as any other does.
    let seat = signing::who(&web, &headers)?.and_then(|who| who.seat);
    let secure = settings.is_secure();
    let upgrade = upgrade.protocols([SUBPROTOCOL]).max_message_size(LARGEST).max_frame_size(LARGEST);
    Ok(upgrade
        .on_upgrade(move |socket| async move {
            if !(web.phones)(Socket(socket), remote, secure, seat) {
                tracing::warn!(%remote, "no room for another phone");
            }
        })
        .into_response())
}
