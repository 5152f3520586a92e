//! SIP over WebSocket, RFC 7118: one message a frame, text or binary.
//!
//! The handshake of listeners of our own is here; who comes by the gate has it behind him.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};
use tracing::debug;

use super::connection::{FIRST, Happened, Line, STRANGER_IDLE, STRANGER_STAYS, Shared, WRITE};
use crate::sip::message::read::MAX_MESSAGE;
use crate::sip::words::{ConnectionId, Flow};

/// The longest frame, and the longest message: one is the other.
pub const MAX_FRAME: usize = MAX_MESSAGE;
/// So often a browser is asked whether it is still there, RFC 6455 §5.5.2.
pub const PING_EVERY: Duration = Duration::from_secs(10);
/// A browser that was silent for so long is gone: it answers pings whatever its page does.
pub const SILENT: Duration = Duration::from_secs(25);
/// RFC 7118 §4.1.
const SUBPROTOCOL: &str = "sip";

/// A WebSocket, whoever holds it. Pings of theirs are answered by whoever does.
pub trait Duplex: Send + 'static {
    /// The next thing that came; `None` when the other side closed, broke the rules, or has to go. Can be cancelled
    /// without loss.
    fn receive(&mut self) -> impl Future<Output = Option<Heard>> + Send;
    /// Sends a frame; `false` if it could not.
    fn send(&mut self, frame: Frame) -> impl Future<Output = bool> + Send;
}

/// What came over a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A text or binary message.
    Message(Vec<u8>),
    /// Anything else, e.g. a pong: somebody is there.
    Life,
}

/// What is sent over a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Most messages are text, and better understood as such.
    Text(String),
    Binary(Vec<u8>),
    /// With an empty body.
    Ping,
}

impl Frame {
    fn of(bytes: Vec<u8>) -> Frame {
        match String::from_utf8(bytes) {
            Ok(text) => Frame::Text(text),
            Err(error) => Frame::Binary(error.into_bytes()),
        }
    }
}

/// A connection that came by the gate, and waits there until it is taken in.
pub(super) fn entered(
    id: ConnectionId,
    flow: Flow,
    socket: impl Duplex,
    welcomed: oneshot::Receiver<()>,
    tell: mpsc::Sender<Happened>,
) -> Line {
    let (queue, queued) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared::default());
    let of_task = shared.clone();
    let task = tokio::spawn(async move {
        if welcomed.await.is_ok() {
            carry(flow, socket, queued, &tell, &of_task).await;
            let _ = tell.send(Happened::Closed(id)).await;
        }
    });
    Line::new(flow.remote, queue, shared, task.abort_handle())
}

/// Carries messages until either side closes.
pub(super) async fn carry(
    flow: Flow,
    mut socket: impl Duplex,
    mut queued: mpsc::UnboundedReceiver<Vec<u8>>,
    tell: &mpsc::Sender<Happened>,
    shared: &Shared,
) {
    let is_known = || shared.is_known();
    let mut ping = pin!(sleep(PING_EVERY));
    let mut silence = pin!(sleep(SILENT));
    // Whoever connects has something to say, and a stranger goes on saying it.
    let mut nothing = pin!(sleep(FIRST));
    let mut stranger = pin!(sleep(STRANGER_STAYS));
    let why = loop {
        let frame = tokio::select! {
            heard = socket.receive() => {
                let Some(heard) = heard else { break "closed" };
                silence.set(sleep(SILENT));
                match heard {
                    Heard::Life => continue,
                    // RFC 5626 §3.5.1, which some phones speak over WebSocket too; and its answer.
                    Heard::Message(bytes) if bytes == b"\r\n\r\n" => Frame::Text("\r\n".into()),
                    Heard::Message(bytes) if bytes.iter().all(|byte| b"\r\n\0".contains(byte)) => continue,
                    Heard::Message(bytes) => {
                        nothing.set(sleep(STRANGER_IDLE));
                        if tell.send(Happened::Message(flow, bytes)).await.is_err() {
                            break "the house is gone";
                        }
                        continue;
                    }
                }
            },
            bytes = queued.recv() => match bytes {
                Some(bytes) => {
                    shared.is_written(bytes.len());
                    Frame::of(bytes)
                }
                None => break "let go",
            },
            () = &mut ping => {
                ping.set(sleep(PING_EVERY));
                Frame::Ping
            }
            () = &mut silence => break "no sign of life",
            () = &mut nothing, if !is_known() => break "a stranger who says nothing",
            () = &mut stranger, if !is_known() => break "a stranger who stays",
        };
        match timeout(WRITE, socket.send(frame)).await {
            Ok(true) => {}
            Ok(false) => break "unsent",
            Err(_) => break "does not read",
        }
    };
    debug!(remote = %flow.remote, why, "closed");
}

// ---------------------------------------------------------------------------------------------
// Listeners of our own

/// Who may open a WebSocket from a page; copies are the same list.
#[derive(Clone, Debug, Default)]
pub struct Origins(Arc<ArcSwap<Vec<String>>>);

impl Origins {
    /// Beside pages of the same host and port, those of these, e.g. `https://desk.example`.
    pub fn new(others: &[String]) -> Origins {
        let origins = Origins::default();
        origins.set(others);
        origins
    }

    /// Others, from here on.
    pub fn set(&self, others: &[String]) {
        self.0.store(Arc::new(others.iter().map(|origin| origin.to_ascii_lowercase()).collect()));
    }

    /// RFC 6455 §10.2: a browser tells the origin of its page, and cannot be made to lie. Whoever tells none is no
    /// browser. `host`: the Host of the request.
    pub fn admit(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        let Some(origin) = origin else { return true };
        let origin = origin.to_ascii_lowercase();
        let of_page = origin.parse::<Uri>().ok().and_then(|uri| Some(uri.authority()?.as_str().to_string()));
        let same = |host: &str| of_page.as_deref().is_some_and(|page| page.eq_ignore_ascii_case(host));
        host.is_some_and(same) || self.0.load().contains(&origin)
    }
}

/// RFC 6455 §4.2, RFC 7118 §4.
pub(super) async fn shake_hands<S>(stream: S, origins: &Origins) -> Option<WebSocketStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME))
        .read_buffer_size(16 * 1024)
        .write_buffer_size(0);
    let origins = origins.clone();
    // The size of the refusal is tungstenite's.
    #[allow(clippy::result_large_err)]
    let check = move |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        let header = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        if !origins.admit(header(header::ORIGIN), header(header::HOST)) {
            return Err(refusal(
                StatusCode::FORBIDDEN,
                "pages of this host may not; web.origins in hotline.toml says which may",
            ));
        }
        if !speaks_sip(request.headers()) {
            return Err(refusal(StatusCode::BAD_REQUEST, "the subprotocol sip is spoken here"));
        }
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        Ok(response)
    };
    accept_hdr_async_with_config(stream, check, Some(config))
        .await
        .inspect_err(|error| debug!(%error, "handshake"))
        .ok()
}

fn speaks_sip(headers: &HeaderMap) -> bool {
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    offered.flat_map(|list| list.split(',')).any(|name| name.trim().eq_ignore_ascii_case(SUBPROTOCOL))
}

fn refusal(status: StatusCode, why: &str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(why.to_string()));
    *response.status_mut() = status;
    response
}

impl<S> Duplex for WebSocketStream<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    async fn receive(&mut self) -> Option<Heard> {
        match self.next().await?.ok()? {
            Message::Text(text) => Some(Heard::Message(text.as_bytes().to_vec())),
            Message::Binary(bytes) => Some(Heard::Message(bytes.to_vec())),
            Message::Close(_) => None,
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Some(Heard::Life),
        }
    }

    async fn send(&mut self, frame: Frame) -> bool {
        let message = match frame {
            Frame::Text(text) => Message::Text(Utf8Bytes::from(text)),
            Frame::Binary(bytes) => Message::Binary(Bytes::from(bytes)),
            Frame::Ping => Message::Ping(Bytes::new()),
        };
        SinkExt::send(self, message).await.is_ok()
    }
}
