//! The commands that look at open calls and ask something of them, as an operator's or a supervisor's page does.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::control::{self, Reply, Request};
use super::say::say;
use super::statistics::Format;
use super::versions;
use crate::call::{Order, Supervision, Whom};
use crate::ids::CallId;
use crate::visible::visible;

#[derive(Args, Debug)]
pub struct OrderArgs {
    /// The call, as `hotline calls` prints it
    call: String,
    /// hold, resume, consult, return, complete, conference, transfer, hand-off, note, hang-up, pause-recording,
    /// resume-recording, reclaim, listen, whisper, barge, leave or take-over
    what: String,
    /// To whom (`operator:1002`, `seat:8003`, `queue:english`, a number), which emergency target, or the note's text
    argument: Option<String>,
    /// Who asks: the call's operator, or a supervisor
    #[arg(long, value_name = "OPERATOR")]
    by: String,
}

pub fn calls(data: &Path) -> Result<ExitCode, Vec<String>> {
    let told = |what: String| vec![format!("hotline calls: {what}")];
    match control::ask(data, &Request::Calls).map_err(told)? {
        Some(Reply::Calls { calls }) => {
            for call in calls {
                let of = |name: Option<String>| name.unwrap_or_else(|| "-".into());
                let from = visible(&call.from);
                say!("{} {} {from} {} {}", call.id, call.stage, of(call.queue), of(call.operator));
            }
            Ok(ExitCode::SUCCESS)
        }
        Some(reply) => versions::answer("calls", reply, Format::Text),
        None => Err(told(nobody(data))),
    }
}

pub fn order(data: &Path, args: OrderArgs) -> Result<ExitCode, Vec<String>> {
    let told = |what: String| vec![format!("hotline order: {what}")];
    let asked = args.argument.as_ref().map_or(args.what.clone(), |argument| format!("{} {argument}", args.what));
    let order = read(&args.what, args.argument).map_err(told)?;
    let call = CallId::parse(&args.call)
        .ok_or_else(|| told(format!("{} is no call id; `hotline calls` lists them", args.call)))?;
    let request = Request::Order { call, by: args.by.into(), order };
    match control::ask(data, &request).map_err(told)? {
        Some(Reply::Done) => {
            say!("{call}: {}: taken", visible(&asked));
            Ok(ExitCode::SUCCESS)
        }
        Some(reply) => versions::answer("order", reply, Format::Text),
        None => Err(told(nobody(data))),
    }
}

pub(super) fn nobody(data: &Path) -> String {
    format!("no hotline runs on {}: --data says which is meant", data.display())
}

fn read(what: &str, argument: Option<String>) -> Result<Order, String> {
    let whom = |argument: Option<String>| {
        let to = argument.ok_or("to whom? operator:1002, seat:8003, queue:english or a number")?;
        Ok::<Whom, String>(match to.split_once(':') {
            Some(("operator", id)) => Whom::Operator(id.into()),
            Some(("seat", id)) => Whom::Seat(id.into()),
            Some(("queue", id)) => Whom::Queue(id.into()),
            _ => Whom::Number(to),
        })
    };
    Ok(match what {
        "hold" => Order::Hold,
        "resume" => Order::Resume,
        "consult" => Order::Consult { to: whom(argument)? },
        "return" => Order::Return,
        "complete" => Order::Complete,
        "conference" => Order::Conference,
        "transfer" => Order::Transfer { to: whom(argument)? },
        "hand-off" => Order::HandOff { target: argument },
        "note" => Order::Note { text: argument.unwrap_or_default() },
        "hang-up" => Order::HangUp,
        "pause-recording" => Order::PauseRecording,
        "resume-recording" => Order::ResumeRecording,
        "reclaim" => Order::Reclaim,
        "listen" => Order::Supervise { mode: Supervision::Listen },
        "whisper" => Order::Supervise { mode: Supervision::Whisper },
        "barge" => Order::Supervise { mode: Supervision::Barge },
        "leave" => Order::LeaveSupervision,
        "take-over" => Order::TakeOver,
        other => return Err(format!("{other}: no such order; --help lists them")),
    })
}
