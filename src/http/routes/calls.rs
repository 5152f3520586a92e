//! Calls: what is known of them, and what is asked of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::board::calls_for;
use super::{Accepted, accepted};
use crate::http::asks::{Ask, NotDone, Order, Ordered};
use crate::http::problem::{Body, Problem};
use crate::http::roles::Role;
use crate::http::seeing::{Sight, seen, sees_record, sight, whose};
use crate::http::server::Web;
use crate::http::settings::Settings;
use crate::http::signing::{Proof, Who};
use crate::http::words::CallNow;
use crate::ids::CallId;
use crate::records::{self, Record, printed, read_call};

/// Contacts of a caller that are shown.
const CONTACTS: usize = 3;
/// Letters of a note.
const LONGEST_NOTE: usize = 4_000;

/// The id of a request's path.
pub fn call_id(text: &str) -> Result<CallId, Problem> {
    CallId::parse(text).ok_or_else(|| Problem::not_found(format!("there is no call {text}")))
}

/// A call's record, open or closed, if it may be seen.
async fn record(web: &Web, who: &Who, id: &str) -> Result<Record, Problem> {
    let call = call_id(id)?;
    let data = web.data.clone();
    let missing = Problem::not_found(format!("there is no call {id}"));
    let record = web.read(move || Ok(read_call(&data, call)?)).await?.ok_or(missing)?;
    if !sees_record(who, web.board.call(id).as_ref(), &record) {
        return Err(Problem::forbidden("operators see their own calls alone"));
    }
    Ok(record)
}

/// The open calls: operators see theirs
#[utoipa::path(get, path = "/calls", tag = "calls", responses((status = 200, body = Vec<CallNow>)))]
pub async fn list(State(web): State<Arc<Web>>, Extension(who): Extension<Who>) -> Json<Vec<CallNow>> {
    Json(calls_for(&web, &who))
}

#[derive(Debug, Serialize, ToSchema)]
pub struct OneCall {
    /// While it is open, and theirs.
    now: Option<CallNow>,
    /// Somebody has the caller, or they wait or ring for somebody: also where it is theirs no longer.
    goes_on: bool,
    /// As `hotline records` prints it; each note has the `name` of an author who is no operator.
    #[schema(value_type = Object)]
    record: Value,
}

/// Tells how the authors of a record's notes are called who are no operators.
fn with_names(settings: &Settings, mut record: Value) -> Value {
    let name = |by: &str| settings.people.get(by).filter(|person| !person.roles.contains(&Role::Operator));
    for note in record.get_mut("notes").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(person) = note["by"].as_str().and_then(name) {
            note["name"] = person.name.clone().into();
        }
    }
    record
}

/// One call, open or closed: those who take part see it, and its record those who took part
#[utoipa::path(
    get, path = "/calls/{id}", tag = "calls", params(("id" = String, Path)),
    responses((status = 200, body = OneCall), (status = 404, body = Problem))
)]
pub async fn one(
    State(web): State<Arc<Web>>,
    Extension(who): Extension<Who>,
    Path(id): Path<String>,
) -> Result<Json<OneCall>, Problem> {
    let record = record(&web, &who, &id).await?;
    let record = printed(&record, &web.zone).map_err(|error| Problem::unavailable(error.to_string()))?;
    let record = with_names(&web.settings(), record);
    let open = web.board.call(&id);
    let goes_on = open.as_ref().is_some_and(CallNow::goes_on);
    let now = open.and_then(|call| seen(&who, call));
    Ok(Json(OneCall { now, goes_on, record }))
}

/// The last three contacts of a call's caller: their records, with the names of the notes' authors as in `/calls/{id}`
#[utoipa::path(
    get, path = "/calls/{id}/caller", tag = "calls", params(("id" = String, Path)),
    responses((status = 200, body = Vec<Object>), (status = 404, body = Problem))
)]
pub async fn caller(
    State(web): State<Arc<Web>>,
    Extension(who): Extension<Who>,
    Path(id): Path<String>,
) -> Result<Json<Vec<Value>>, Problem> {
    let call = call_id(&id)?;
    let number = match record(&web, &who, &id).await {
        Ok(record) if record.callback_of.is_some() => record.to,
        Ok(record) => record.from,
        // Operators are rung for a callback before there is a record of it.
        Err(missing) => {
            let is_theirs = |open: &CallNow| sight(&who, whose(open).into_iter()) == Sight::Whole;
            let open = web.board.call(&id).filter(is_theirs).ok_or(missing)?;
            if open.callback_of.is_some() { open.to } else { open.from.unwrap_or_default() }
        }
    };
    let (data, zone) = (web.data.clone(), web.zone.clone());
    let find = move || Ok(records::caller(&data, &number, call, CONTACTS)?);
    let found = web.read(find).await?;
    let told = found.iter().filter_map(|record| printed(record, &zone).ok());
    Ok(Json(told.map(|record| with_names(&web.settings(), record)).collect()))
}

/// Why a caller waited: every decision, in words and in figures
#[utoipa::path(
    get, path = "/calls/{id}/explain", tag = "calls", params(("id" = String, Path)),
    responses((status = 200, body = Object), (status = 404, body = Problem))
)]
pub async fn explain(
    State(web): State<Arc<Web>>,
    Extension(who): Extension<Who>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let call = call_id(&id)?;
    Ok(Json(web.ask(&who, Ask::Explain { call }).await?))
}

/// Ask something of a call
///
/// The call's operator holds, consults, transfers and hangs up; whom they consult hangs up. Whoever has the caller or had
/// them notes something, each in an entry of their own. Supervisors listen, whisper, barge in, take over, and note.
///
/// A program whose token has the role `supervisor` says `by` for whom it acts: an operator or supervisor of the house, who
/// may do what they could do themselves. Their phone is the one that is rung. 422: `by` is missing, or nobody has that id;
/// 403: the token has not the role, or they may not do it; 409: they are signed in at no seat, the call is in no such
/// state, or the queue to which the caller is to go lets nobody in.
#[utoipa::path(
    post, path = "/calls/{id}/orders", tag = "calls", request_body = Order, params(("id" = String, Path)),
    responses((status = 202, body = Accepted), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub async fn order(
    State(web): State<Arc<Web>>,
    Extension(who): Extension<Who>,
    Path(id): Path<String>,
    Body(Ordered { by, order }): Body<Ordered>,
) -> Result<Response, Problem> {
    if let Order::Note { text } = &order {
        Problem::unless_short("text", text, LONGEST_NOTE)?;
    }
    let by = acts_for(&web.settings(), &who, by, &order)?;
    let call = call_id(&id)?;
    let told = |why: NotDone| match by == who.id {
        true => Problem::from(why),
        false => {
            let problem = Problem::from(why);
            Problem { detail: format!("{by}: {}", problem.detail), ..problem }
        }
    };
    web.ask(&who, Ask::Order { call, by: by.clone(), order }).await.map_err(told)?;
    Ok(accepted())
}

/// Who it is that acts: people for themselves, a program for the person whom it names. What belongs to a call's operator
/// alone is refused where it is done.
fn acts_for(settings: &Settings, who: &Who, by: Option<String>, order: &Order) -> Result<String, Problem> {
    let (by, person) = match (&who.proof, by) {
        (Proof::Token { .. }, _) if !who.is(Role::Supervisor) => {
            return Err(Problem::forbidden("a program needs a token with the role supervisor to act for somebody"));
        }
        (Proof::Token { .. }, None) => {
            return Err(Problem::bad("by", "a program says for whom it acts: the call's operator, or a supervisor"));
        }
        (Proof::Token { .. }, Some(by)) => {
            let unknown = || Problem::bad("by", format!("there is no operator or supervisor {by:?}"));
            let person = settings.people.get(&by).ok_or_else(unknown)?;
            (by, person)
        }
        (Proof::Session { .. } | Proof::Password, Some(by)) if by != who.id => {
            return Err(Problem::forbidden("people act for themselves; only programs act for others"));
        }
        (Proof::Session { .. } | Proof::Password, _) => (who.id.clone(), &who.person),
    };
    let leads = matches!(order, Order::Supervise { .. } | Order::TakeOver {} | Order::LeaveSupervision {});
    if leads && !person.roles.contains(&Role::Supervisor) {
        return Err(Problem::forbidden(format!("that is for supervisors, and {by} is none")));
    }
    Ok(by)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveTo {
    #[schema(max_length = 64)]
    queue: String,
}

/// A caller who waits goes to another queue, their place kept
#[utoipa::path(
    post, path = "/calls/{id}/move", tag = "calls", request_body = MoveTo, params(("id" = String, Path)),
    responses((status = 202, body = Accepted), (status = 404, body = Problem), (status = 409, body = Problem))
)]
pub async fn move_to(
    State(web): State<Arc<Web>>,
    Extension(who): Extension<Who>,
    Path(id): Path<String>,
    Body(MoveTo { queue }): Body<MoveTo>,
) -> Result<Response, Problem> {
    let call = call_id(&id)?;
    web.ask(&who, Ask::Move { call, queue }).await?;
    Ok(accepted())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::asks::Mode;
    use crate::http::settings::Person;
    use crate::http::tests::web;

    #[test]
    fn authors_of_notes_who_are_no_operators_are_told_by_name() {
        let note = |by: &str| json!({ "by": by, "text": "a lamp" });
        let record = json!({ "call_id": "1", "notes": [note("1001"), note("s"), note("gone")] });
        let told = with_names(&web().settings(), record);
        let names: Vec<Option<&str>> = (0..3).map(|index| told["notes"][index]["name"].as_str()).collect();
        assert_eq!(names, [None, Some("s"), None]);
        assert_eq!(with_names(&web().settings(), json!({ "call_id": "1" })), json!({ "call_id": "1" }));
    }

    #[test]
    fn a_program_acts_for_whom_it_names_if_its_role_allows_it_and_people_for_themselves() {
        let settings = web().settings();
        let who = |id: &str, role: Role, proof: Proof| {
            let person = Person { name: id.into(), roles: [role].into(), language: None };
            Who { id: id.into(), person, seat: None, proof }
        };
        let program = |role| who("token crm", role, Proof::Token { hash: String::new() });
        let person = |id, role| who(id, role, Proof::Session { token: String::new(), hash: String::new() });
        let listen = Order::Supervise { mode: Mode::Listen };
        let (pause, leave) = (Order::PauseRecording {}, Order::LeaveSupervision {});
        for (who, by, order, expected) in [
            (program(Role::Supervisor), Some("s"), &listen, Ok("s")),
            (program(Role::Supervisor), Some("s"), &Order::TakeOver {}, Ok("s")),
            (program(Role::Supervisor), Some("1001"), &pause, Ok("1001")),
            (program(Role::Supervisor), Some("1001"), &listen, Err((403, false))),
            (program(Role::Supervisor), Some("a"), &leave, Err((403, false))),
            (program(Role::Supervisor), Some("1099"), &pause, Err((422, true))),
            (program(Role::Supervisor), Some("token crm"), &pause, Err((422, true))),
            (program(Role::Supervisor), None, &pause, Err((422, true))),
            (program(Role::Operator), Some("1001"), &pause, Err((403, false))),
            (program(Role::Admin), Some("s"), &listen, Err((403, false))),
            (person("1001", Role::Operator), None, &pause, Ok("1001")),
            (person("1001", Role::Operator), Some("1001"), &pause, Ok("1001")),
            (person("1001", Role::Operator), Some("s"), &listen, Err((403, false))),
            (person("s", Role::Supervisor), Some("1001"), &pause, Err((403, false))),
            (person("1001", Role::Operator), None, &listen, Err((403, false))),
        ] {
            let told = acts_for(&settings, &who, by.map(String::from), order);
            let told = told.as_deref().map_err(|problem| (problem.status, problem.fields.contains_key("by")));
            assert_eq!(told, expected, "{} by {by:?}: {order:?}", who.id);
        }
    }
}
