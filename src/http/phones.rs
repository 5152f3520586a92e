//! `/sip`: the WebSocket of a page's phone (RFC 7118). Whose seat it is, the session's cookie says; what is spoken over
//! it is not looked at. Whoever is signed out, or sits elsewhere, loses the connection with the seat.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::guard;
use super::listening::Remote;
use super::problem::Problem;
use super::server::Web;
use super::signing::{self, Who};

/// Takes a phone in: its socket, where it is, whether it is encrypted, and what its session proved. `false`: there is no
/// room.
pub type Phones = Arc<dyn Fn(Socket, SocketAddr, bool, Option<Sits>) -> bool + Send + Sync>;

/// Who sits where.
pub struct Sits {
    pub operator: String,
    pub seat: String,
}

const SUBPROTOCOL: &str = "sip";
/// Bytes of a message: of SIP none is larger.
const LARGEST: usize = 64 * 1024;

/// So often it is looked whether a phone's operator sits at its seat still.
const LOOKED_AT: Duration = Duration::from_secs(1);
/// Of these looks one is also at the session itself.
const SESSION_EVERY: u32 = 15;

/// The WebSocket of a phone.
pub struct Socket {
    socket: WebSocket,
    /// Whose proof it stands on, and the seat; `None`: the phone proves itself.
    stands: Option<(Arc<Web>, Who, String)>,
    look: tokio::time::Interval,
    looks: u32,
}

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
    fn new(socket: WebSocket, stands: Option<(Arc<Web>, Who, String)>) -> Socket {
        Socket { socket, stands, look: tokio::time::interval(LOOKED_AT), looks: 0 }
    }

    /// `None`: it is closed, or its session has no right to the seat any more.
    pub async fn receive(&mut self) -> Option<Came> {
        let heard = loop {
            tokio::select! {
                heard = self.socket.recv() => break heard,
                _ = self.look.tick(), if self.stands.is_some() => if !self.has_its_seat() { return None },
            }
        };
        match heard?.ok()? {
            Message::Text(text) => Some(Came::Message(text.as_bytes().to_vec())),
            Message::Binary(bytes) => Some(Came::Message(bytes.to_vec())),
            Message::Close(_) => None,
            Message::Ping(_) | Message::Pong(_) => Some(Came::Life),
        }
    }

    fn has_its_seat(&mut self) -> bool {
        let Some((web, who, seat)) = &self.stands else { return true };
        self.looks = self.looks.wrapping_add(1);
        let has = signing::sits(web, &who.id, seat)
            && (!self.looks.is_multiple_of(SESSION_EVERY) || signing::is_still(web, who));
        if !has {
            tracing::info!(operator = who.id, seat, "a page's phone has lost its seat");
        }
        has
    }

    pub async fn send(&mut self, goes: Goes) -> bool {
        let message = match goes {
            Goes::Text(text) => Message::Text(text.into()),
            Goes::Binary(bytes) => Message::Binary(bytes.into()),
            Goes::Ping => Message::Ping(Vec::new().into()),
        };
        self.socket.send(message).await.is_ok()
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
    let listed = listed.is_some_and(|origin| settings.origins.iter().any(|known| known.eq_ignore_ascii_case(origin)));
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
    let stands = match signing::who(&web, &headers).await? {
        Some(who) => signing::seat(&web, &who).await?.map(|seat| (web.clone(), who, seat)),
        None => None,
    };
    let sits = stands.as_ref().map(|(_, who, seat)| Sits { operator: who.id.clone(), seat: seat.clone() });
    let remote = SocketAddr::new(guard::origin_address(&web, &headers, remote), remote.port());
    let secure = settings.is_secure();
    let upgrade = upgrade.protocols([SUBPROTOCOL]).max_message_size(LARGEST).max_frame_size(LARGEST);
    Ok(upgrade
        .on_upgrade(move |socket| async move {
            if !(web.phones)(Socket::new(socket, stands), remote, secure, sits) {
                tracing::warn!(%remote, "no room for another phone");
            }
        })
        .into_response())
}
