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
use super::seeing::{Sight, sight};
use super::server::Web;
use super::signing::{self, Who};
use super::stream::{Event, Gone, Offset};

/// So often a reader hears something at least: a page takes nine seconds of silence for a lost connection.
const ALIVE: Duration = Duration::from_secs(4);
/// So often it is looked whether they may read on.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events that are read from the ring at once.
const BATCH: usize = 256;
/// Lines on their way to one reader.
const UNDERWAY: usize = 64;
/// Whoever takes nothing for so long is cut off.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct After {
    /// Where to go on: the `offset` of the board, or of the last event. Without it: from now on.
    after: Option<String>,
}

/// What changes, as it changes
///
/// Server-sent events; as a WebSocket the same lines: `{"offset","at","type","data"}`. Each carries the whole new state
/// of its thing. Types: `queue`, `operator`, `call`, `call_over`, `callback`, `callback_over` (for supervisors and
/// admins), `figures`, `alarm`, `alarm_over`, `notice`, `notice_over`, `schedule`, `config`, and `reset`: read the board
/// again.
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
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(String::from);
    let field = if last.is_some() { "last-event-id" } else { "after" };
    let after = last.or(asked.after);
    if let Some(text) = after.as_deref().filter(|text| !web.board.stream.may_have_told(text)) {
        let what = format!("found {text:?}; the `offset` of the board or of an event is meant");
        return Problem::bad(field, what).into_response();
    }
    let Ok(place) = web.streams.clone().try_acquire_owned() else {
        return Problem::too_many("too many event streams are open", 5).into_response();
    };
    let reader = Reader::new(web, who, after.as_deref());
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
    Sse::new(Coming(coming)).keep_alive(KeepAlive::new().interval(ALIVE)).into_response()
}

/// Where one reader is, and what they may see.
struct Reader {
    web: Arc<Web>,
    who: Who,
    at: Result<Offset, Gone>,
    /// Calls that an operator was shown.
    shown: BTreeSet<Arc<str>>,
    /// Up to here they were told something before, or read it on the board: what they were shown then is not known.
    before: Offset,
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
        let (shown, before) = on_the_board(&web, &who);
        Reader { web, who, at, shown, before }
    }

    /// The next lines; `reset` first where their place is gone. `None`: nothing new.
    fn next(&mut self) -> Option<Vec<Line>> {
        let stream = &self.web.board.stream;
        let offset = match self.at {
            Ok(offset) => offset,
            Err(Gone) => {
                let now = self.web.board.offset();
                self.at = Ok(now);
                (self.shown, self.before) = on_the_board(&self.web, &self.who);
                let (offset, at) = (stream.text(now), self.web.time((self.web.now)()));
                return Some(vec![self.line(offset, &at, "reset", "{}")]);
            }
        };
        match stream.after(offset, BATCH) {
            Err(Gone) => {
                self.at = Err(Gone);
                self.next()
            }
            Ok(events) => {
                self.at = Ok(Offset(events.last()?.number));
                Some(events.into_iter().filter_map(|event| self.seen(event)).collect())
            }
        }
    }

    /// The event as this reader may see it.
    fn seen(&mut self, event: Event) -> Option<Line> {
        let offset = self.web.board.stream.text(Offset(event.number));
        let (kind, data) = match event.kind {
            "call" => match sight(&self.who, event.whose.iter().map(|whose| &**whose)) {
                Sight::Whole => {
                    if !self.who.sees_all() {
                        self.shown.insert(event.id.clone());
                    }
                    ("call", event.data.to_string())
                }
                Sight::Wall => ("call", event.wall?.to_string()),
                // Theirs no longer: they left it, or another was faster.
                Sight::Nothing if self.may_have_seen(&event) => ("call_over", format!("{{\"id\":\"{}\"}}", event.id)),
                Sight::Nothing => return None,
            },
            // Whoever sees their own calls alone hears of the end of those.
            "call_over" if sight(&self.who, std::iter::empty()) == Sight::Nothing => {
                self.may_have_seen(&event).then_some(("call_over", event.data.to_string()))?
            }
            "operator" if sight(&self.who, std::iter::empty()) == Sight::Wall => ("operator", event.wall?.to_string()),
            // Citizens' numbers.
            "callback" | "callback_over" if !self.who.sees_all() => return None,
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

    /// Whether an operator may hold this call for theirs; from now on they do not.
    fn may_have_seen(&mut self, event: &Event) -> bool {
        self.shown.remove(&event.id) || event.number <= self.before.0
    }
}

/// What the board shows is theirs to lose; and up to where it shows what was told.
fn on_the_board(web: &Web, who: &Who) -> (BTreeSet<Arc<str>>, Offset) {
    let shown = match who.sees_all() {
        true => BTreeSet::new(),
        false => web.board.calls().into_iter().map(|call| call.id.as_str().into()).collect(),
    };
    (shown, web.board.offset())
}

async fn over_sse(lines: mpsc::Sender<Result<sse::Event, Infallible>>, mut reader: Reader) {
    opened(1.0);
    let mut news = reader.web.board.stream.watch();
    let mut beat = tokio::time::interval(HEARTBEAT);
    'reading: loop {
        news.mark_unchanged();
        while let Some(next) = reader.next() {
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
            _ = beat.tick() => if !signing::is_still(&reader.web, &reader.who) { break },
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
        while let Some(next) = reader.next() {
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
                if !signing::is_still(&reader.web, &reader.who) || !matches!(heard, Ok(Ok(()))) {
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
    use crate::http::asks::Whom;
    use crate::http::roles::Roles;
    use crate::http::settings::Person;
    use crate::http::signing::Proof;
    use crate::http::tests::web;
    use crate::http::words::{CallNow, Consulting, Figures, OperatorNow};

    fn reader(roles: &[Role], id: &str, after: Option<&str>) -> Reader {
        reader_of(web(), roles, id, after)
    }

    fn reader_of(web: Arc<Web>, roles: &[Role], id: &str, after: Option<&str>) -> Reader {
        let roles: Roles = roles.iter().copied().collect();
        let person = Person { name: id.into(), roles, language: None };
        Reader::new(web, Who { id: id.into(), person, seat: None, proof: Proof::Password }, after)
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
        let whom = Whom::Number("138".into());
        let consults =
            Consulting { to: "138".into(), whom, operator: None, stage: "ringing".into(), caller_hears: false };
        board.put_operator("t", OperatorNow { id: "1001".into(), consults: Some(consults), ..OperatorNow::default() });
        board.put_figures("t", Figures { offered: 1, ..Figures::default() });
        board.end_call("t", "c1");
        let told = |line: Line| format!("{}{}", line.kind, if line.text.contains("138") { "+number" } else { "" });
        reader.next().unwrap_or_default().into_iter().map(told).collect()
    }

    #[test]
    fn everybody_sees_what_is_theirs() {
        let all = ["call+number", "call+number", "call+number", "operator+number", "figures", "call_over"];
        assert_eq!(shown(&[Role::Supervisor], "s"), all);
        assert_eq!(shown(&[Role::Admin], "a"), all);
        assert_eq!(shown(&[Role::Wall], "w"), ["call", "call", "call", "operator", "figures", "call_over"]);
        assert_eq!(
            shown(&[Role::Operator], "1001"),
            ["call+number", "call_over", "operator+number"],
            "theirs until it is another's"
        );
        assert_eq!(shown(&[Role::Operator], "1002"), ["call+number", "operator+number", "call_over"]);
        assert_eq!(shown(&[Role::Operator], "1003"), ["operator+number"], "whom colleagues consult is told to all");
    }

    #[test]
    fn a_reader_whose_place_is_gone_begins_anew() {
        let mut reader = reader(&[Role::Supervisor], "s", Some("other-7"));
        let kinds = |lines: Option<Vec<Line>>| lines.unwrap().iter().map(|line| line.kind).collect::<Vec<_>>();
        assert_eq!(kinds(reader.next()), ["reset"]);
        assert!(reader.next().is_none());
        reader.web.board.clone().put_call("t", call("menu", None));
        assert_eq!(kinds(reader.next()), ["call"]);
    }

    /// They read too slowly: a call of theirs began in what they missed.
    #[test]
    fn who_begins_anew_is_told_that_a_call_is_over_which_they_read_on_the_board() {
        let mut reader = reader(&[Role::Operator], "1001", None);
        let board = reader.web.board.clone();
        board.put_call("t", call("ringing", Some("1001")));
        reader.at = Err(Gone);
        let kinds = |lines: Option<Vec<Line>>| lines.unwrap().iter().map(|line| line.kind).collect::<Vec<_>>();
        assert_eq!(kinds(reader.next()), ["reset"]);
        board.end_call("t", "c1");
        assert_eq!(kinds(reader.next()), ["call_over"]);
    }

    /// Their page shows a call that rings; while they are away it goes to somebody else and ends.
    #[test]
    fn who_comes_back_is_told_that_a_call_is_over_which_ended_meanwhile() {
        let web = web();
        web.board.put_call("t", call("ringing", Some("1001")));
        let place = web.board.stream.text(web.board.offset());
        web.board.put_call("t", call("ringing", Some("1002")));
        web.board.end_call("t", "c1");
        let mut reader = reader_of(web, &[Role::Operator], "1001", Some(&place));
        let kinds: Vec<&str> = reader.next().unwrap().iter().map(|line| line.kind).collect();
        assert_eq!(kinds, ["call_over", "call_over"]);
        // What begins later and is not theirs they do not hear of.
        reader.web.board.clone().put_call("t", call("ringing", Some("1002")));
        assert!(reader.next().unwrap().is_empty());
    }

    fn consulted(caller_hears: bool) -> Option<Consulting> {
        let (to, whom) = ("operator 1002".to_string(), Whom::Operator("1002".into()));
        Some(Consulting { to, whom, operator: Some("1002".into()), stage: "talking".into(), caller_hears })
    }

    /// 1001 asks 1002, and talks on without them.
    #[test]
    fn whom_the_operator_consults_is_shown_the_call_until_they_leave_it_also_when_they_come_back() {
        let web = web();
        let mut readers: Vec<(&str, Reader)> = ["1001", "1002", "1003"]
            .map(|id| (id, reader_of(web.clone(), &[Role::Operator], id, None)))
            .into_iter()
            .collect();
        let talk = call("consulting", Some("1001"));
        web.board.put_call("t", call("talking", Some("1001")));
        web.board.put_call("t", CallNow { consulting: consulted(false), ..talk.clone() });
        let asked = web.board.stream.text(web.board.offset());
        web.board.put_call("t", CallNow { consulting: consulted(true), ..talk });
        web.board.put_call("t", call("talking", Some("1001")));
        web.board.put_call("t", call("holding", Some("1001")));
        let told = |reader: &mut Reader| -> Vec<&str> {
            reader
                .next()
                .unwrap()
                .iter()
                .map(|line| if line.text.contains("138") { "number" } else { line.kind })
                .collect()
        };
        for (id, reader) in &mut readers {
            let expected: &[&str] = match *id {
                "1001" => &["number"; 5],
                "1002" => &["number", "number", "call_over"],
                _ => &[],
            };
            assert_eq!(told(reader), expected, "{id}");
        }
        let mut back = reader_of(web.clone(), &[Role::Operator], "1002", Some(&asked));
        assert_eq!(
            told(&mut back)[..2],
            ["number", "call_over"],
            "theirs when they were cut off, and theirs no longer"
        );
        let now = web.board.stream.text(web.board.offset());
        let mut fresh = reader_of(web.clone(), &[Role::Operator], "1002", Some(&now));
        web.board.put_call("t", call("talking", Some("1003")));
        assert!(!fresh.next().unwrap().iter().any(|line| line.kind == "call"), "nothing of what is no longer theirs");
    }

    #[test]
    fn all_whose_phones_ring_are_shown_the_call() {
        for id in ["1001", "1002", "1003"] {
            let mut reader = reader(&[Role::Operator], id, None);
            let rung = vec!["1001".to_string(), "1002".to_string()];
            reader.web.board.clone().put_call("t", CallNow { rung, ..call("ringing", Some("1001")) });
            assert_eq!(reader.next().unwrap().len(), usize::from(id != "1003"), "{id}");
        }
    }
}
