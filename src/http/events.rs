//! The event stream to one reader: server-sent events, or a WebSocket with the same lines.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::IntoParams;

use super::metrics;
use super::problem::{Asking, Problem};
use super::roles::Role;
use super::server::Web;
use super::signing::{Proof, Who};
use super::stream::{Event, Gone, Offset};

/// So often a reader hears something, and it is looked whether they may read on.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events that are read from the ring at once.
const BATCH: usize = 256;
/// Lines on their way to one reader.
const UNDERWAY: usize = 256;
/// Whoever takes nothing for so long is cut off.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Deserialize, IntoParams)]
pub struct After {
    /// Where to go on: the `offset` of the board, or of the last event. Without it: from now on.
    after: Option<String>,
}

/// What changes, as it changes
///
/// Server-sent events; as a WebSocket the same lines: `{"offset","at","type","data"}`. Each carries the whole new state
/// of its thing. Types: `queue`, `operator`, `call`, `call_over`, `figures`, `alarm`, `alarm_over`, `notice`,
/// `notice_over`, `schedule`, `config`, and `reset`: read the board again.
#[utoipa::path(
    get, path = "/events", tag = "board", params(After),
    responses((status = 200, description = "text/event-stream"), (status = 101, description = "the same as a WebSocket"))
)]
pub async fn events(
    State(web): State<Arc<Web>>,
    Extension(who): Extension<Who>,
    Asking(asked): Asking<After>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(place) = web.streams.clone().try_acquire_owned() else {
        return Problem::too_many("too many event streams are open", 5).into_response();
    };
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(String::from);
    let reader = Reader::new(web, who, last.or(asked.after).as_deref());
    if let Ok(upgrade) = upgrade {
        return upgrade.on_upgrade(|socket| async move {
            over_websocket(socket, reader).await;
            drop(place);
        });
    }
    let (lines, coming) = mpsc::channel(UNDERWAY);
    tokio::spawn(async move {
        over_sse(lines, reader).await;
        drop(place);
    });
    Sse::new(Coming(coming)).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response()
}

/// Where one reader is, and what they may see.
struct Reader {
    web: Arc<Web>,
    who: Who,
    at: Result<Offset, Gone>,
    /// Calls that an operator was shown.
    shown: BTreeSet<Arc<str>>,
}

/// One line.
struct Line {
    offset: String,
    text: String,
    kind: &'static str,
}

impl Reader {
    fn new(web: Arc<Web>, who: Who, after: Option<&str>) -> Reader {
        let at = match after {
            Some(text) => web.board.stream.parse(text),
            None => Ok(web.board.offset()),
        };
        // What the board showed before is theirs to lose.
        let shown = match who.sees_all() {
            true => BTreeSet::new(),
            false => web.board.calls().into_iter().map(|call| call.id.as_str().into()).collect(),
        };
        Reader { web, who, at, shown }
    }

    /// The next lines; `reset` first where their place is gone. Empty: nothing new.
    fn next(&mut self) -> Vec<Line> {
        let stream = &self.web.board.stream;
        let offset = match self.at {
            Ok(offset) => offset,
            Err(Gone) => {
                let now = self.web.board.offset();
                self.at = Ok(now);
                let (offset, at) = (stream.text(now), self.web.time((self.web.now)()));
                return vec![self.line(offset, &at, "reset", "{}")];
            }
        };
        match stream.after(offset, BATCH) {
            Err(Gone) => {
                self.at = Err(Gone);
                self.next()
            }
            Ok(events) => {
                if let Some(last) = events.last() {
                    self.at = Ok(Offset(last.number));
                }
                events.into_iter().filter_map(|event| self.seen(event)).collect()
            }
        }
    }

    /// The event as this reader may see it.
    fn seen(&mut self, event: Event) -> Option<Line> {
        let offset = self.web.board.stream.text(Offset(event.number));
        let (kind, data) = match event.kind {
            "call" if self.who.sees_all() => ("call", event.data.to_string()),
            "call" if self.who.is(Role::Operator) => {
                if event.whose.as_deref() == Some(self.who.id.as_str()) {
                    self.shown.insert(event.id.clone());
                    ("call", event.data.to_string())
                } else if self.shown.remove(&event.id) {
                    ("call_over", format!("{{\"id\":\"{}\"}}", event.id))
                } else {
                    return None;
                }
            }
            "call" => ("call", event.wall?.to_string()),
            "call_over" if !self.who.sees_all() && self.who.is(Role::Operator) => {
                self.shown.take(&event.id)?;
                ("call_over", event.data.to_string())
            }
            // Operators have figures of their own.
            "figures" if !self.who.sees_all() && !self.who.is(Role::Wall) => return None,
            kind => (kind, event.data.to_string()),
        };
        Some(self.line(offset, &event.at, kind, &data))
    }

    fn line(&self, offset: String, at: &str, kind: &'static str, data: &str) -> Line {
        let text = format!(r#"{{"offset":"{offset}","at":"{at}","type":"{kind}","data":{data}}}"#);
        Line { offset, text, kind }
    }

    /// Whether they are signed in still; a page that is open keeps its session.
    fn may_go_on(&self) -> bool {
        let Proof::Session { hash, .. } = &self.who.proof else { return true };
        let now = (self.web.now)();
        let settings = self.web.settings();
        match self.web.access.session(hash) {
            Ok(Some(session)) if session.began_at + settings.session_longest > now => {
                let _ = self.web.access.touch_session(hash, now);
                settings.people.contains_key(&self.who.id)
            }
            Ok(_) => false,
            Err(_) => true,
        }
    }
}

async fn over_sse(lines: mpsc::Sender<Result<sse::Event, Infallible>>, mut reader: Reader) {
    opened(1.0);
    let mut news = reader.web.board.stream.watch();
    let mut beat = tokio::time::interval(HEARTBEAT);
    'reading: loop {
        news.mark_unchanged();
        loop {
            let next = reader.next();
            if next.is_empty() {
                break;
            }
            for line in next {
                let event = sse::Event::default().id(line.offset).event(line.kind).data(line.text);
                match lines.send_timeout(Ok(event), PATIENCE).await {
                    Ok(()) => {}
                    Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
                        metrics::counter("hotline_event_streams_cut_total", &[]);
                        break 'reading;
                    }
                    Err(mpsc::error::SendTimeoutError::Closed(_)) => break 'reading,
                }
            }
        }
        tokio::select! {
            changed = news.changed() => if changed.is_err() { break },
            () = lines.closed() => break,
            _ = beat.tick() => if !reader.may_go_on() { break },
        }
    }
    opened(-1.0);
}

async fn over_websocket(mut socket: WebSocket, mut reader: Reader) {
    opened(1.0);
    let mut news = reader.web.board.stream.watch();
    let mut beat = tokio::time::interval(HEARTBEAT);
    'reading: loop {
        news.mark_unchanged();
        loop {
            let next = reader.next();
            if next.is_empty() {
                break;
            }
            for line in next {
                let sent = tokio::time::timeout(PATIENCE, socket.send(Message::Text(line.text.into()))).await;
                match sent {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => break 'reading,
                    Err(_) => {
                        metrics::counter("hotline_event_streams_cut_total", &[]);
                        break 'reading;
                    }
                }
            }
        }
        tokio::select! {
            changed = news.changed() => if changed.is_err() { break },
            // What they send is of no interest, but that they are there.
            heard = socket.recv() => if !matches!(heard, Some(Ok(message)) if !matches!(message, Message::Close(_))) {
                break
            },
            _ = beat.tick() => {
                let heard = tokio::time::timeout(PATIENCE, socket.send(Message::Ping(Vec::new().into()))).await;
                if !reader.may_go_on() || !matches!(heard, Ok(Ok(()))) {
                    break;
                }
            }
        }
    }
    opened(-1.0);
}

fn opened(more: f64) {
    ::metrics::gauge!("hotline_event_streams").increment(more);
}

/// Lines as they come.
struct Coming(mpsc::Receiver<Result<sse::Event, Infallible>>);

impl futures_core::Stream for Coming {
    type Item = Result<sse::Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::roles::Roles;
    use crate::http::settings::Person;
    use crate::http::tests::web;
    use crate::http::words::{CallNow, Figures};

    fn reader(roles: &[Role], id: &str, after: Option<&str>) -> Reader {
        let roles: Roles = roles.iter().copied().collect();
        let person = Person { name: id.into(), roles, language: "zh".into() };
        Reader::new(web(), Who { id: id.into(), person, seat: None, proof: Proof::Token }, after)
    }

    fn call(stage: &str, operator: Option<&str>) -> CallNow {
        let (from, operator) = (Some("13800000000".into()), operator.map(String::from));
        CallNow { id: "c1".into(), stage: stage.into(), from, operator, ..CallNow::default() }
    }

    /// What a reader is shown of a call that rings at 1001, goes on to 1002, and ends.
    fn shown(roles: &[Role], id: &str) -> Vec<String> {
        let mut reader = reader(roles, id, None);
        let board = reader.web.board.clone();
        board.put_call("t", call("waiting", None));
        board.put_call("t", call("ringing", Some("1001")));
        board.put_call("t", call("ringing", Some("1002")));
        board.put_figures("t", Figures { offered: 1, ..Figures::default() });
        board.end_call("t", "c1");
        let told = |line: Line| format!("{}{}", line.kind, if line.text.contains("138") { "+number" } else { "" });
        reader.next().into_iter().map(told).collect()
    }

    #[test]
    fn everybody_sees_what_is_theirs() {
        let all = ["call+number", "call+number", "call+number", "figures", "call_over"];
        assert_eq!(shown(&[Role::Supervisor], "s"), all);
        assert_eq!(shown(&[Role::Admin], "a"), all);
        assert_eq!(shown(&[Role::Wall], "w"), ["call", "call", "call", "figures", "call_over"]);
        assert_eq!(shown(&[Role::Operator], "1001"), ["call+number", "call_over"], "theirs until it is another's");
        assert_eq!(shown(&[Role::Operator], "1002"), ["call+number", "call_over"]);
        assert_eq!(shown(&[Role::Operator], "1003"), Vec::<String>::new());
    }

    #[test]
    fn a_reader_whose_place_is_gone_begins_anew() {
        let mut reader = reader(&[Role::Supervisor], "s", Some("other-7"));
        let kinds = |lines: Vec<Line>| lines.iter().map(|line| line.kind).collect::<Vec<_>>();
        assert_eq!(kinds(reader.next()), ["reset"]);
        assert!(reader.next().is_empty());
        reader.web.board.clone().put_call("t", call("menu", None));
        assert_eq!(kinds(reader.next()), ["call"]);
    }
}
