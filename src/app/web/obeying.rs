//! Does what people ask for over the API: hands it to the switchboard, to the keeper of the files, or to a thread that
//! has time.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use super::admin;
use crate::app::control::{self, Reply, Request};
use crate::app::explain;
use crate::app::switchboard::Order;
use crate::call::{self, SwitchTo};
use crate::http::{self, Answer, Ask, Asked, Board, NotDone, OperatorAct};
use crate::ids::{CallId, Door, OperatorId};
use crate::queue::{By, Input};
use crate::records::{Written, read_call};

/// A switchboard that answers later than this has other things to do.
const PATIENCE: Duration = Duration::from_secs(5);
/// An answer waits no longer than this for what it tells of to be on the disk.
const DISK_PATIENCE: Duration = Duration::from_secs(2);
/// Days are played one after the other: each takes all cores.
const SIMULATIONS: usize = 1;
/// Seconds after which another day may be asked for.
const A_DAY_TAKES: u64 = 10;
/// Stories that are told at once.
const STORIES: usize = 2;
/// The same of files and versions.
const LOOKS: usize = 2;

/// Whom it turns to.
pub struct Office {
    pub board: Arc<Board>,
    orders: mpsc::Sender<Order>,
    asked: mpsc::Sender<control::Asked>,
    written: watch::Receiver<Written>,
    pub config_dir: PathBuf,
    pub data: PathBuf,
    pub zone: TimeZone,
    simulations: Arc<Semaphore>,
    stories: Arc<Semaphore>,
    looks: Arc<Semaphore>,
}

impl Office {
    pub fn new(
        board: Arc<Board>,
        orders: mpsc::Sender<Order>,
        asked: mpsc::Sender<control::Asked>,
        written: watch::Receiver<Written>,
        config_dir: PathBuf,
        data: PathBuf,
        zone: TimeZone,
    ) -> Office {
        let [simulations, stories, looks] =
            [SIMULATIONS, STORIES, LOOKS].map(|places| Arc::new(Semaphore::new(places)));
        Office { board, orders, asked, written, config_dir, data, zone, simulations, stories, looks }
    }

    /// Asks the switchboard, and waits for its answer.
    async fn order<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Result<T, NotDone> {
        let (tell, told) = oneshot::channel();
        let asked = async {
            self.orders.send(order(tell)).await.map_err(|_| closing())?;
            told.await.map_err(|_| closing())
        };
        let late = |_| NotDone::Unavailable("the switchboard is busy; try again".into());
        tokio::time::timeout(PATIENCE, asked).await.map_err(late)?
    }

    /// What somebody asked for and was done survives a crash when they are told so, unless the disk is slow or the house
    /// closes. It is done, whatever comes of this.
    async fn written(&self) {
        let waits = async {
            let Ok(ticket) = self.order(|tell| Order::Written { tell }).await else { return };
            let _ = self.written.clone().wait_for(|written| written.all >= ticket).await;
        };
        let _slow = tokio::time::timeout(DISK_PATIENCE, waits).await;
    }

    /// Reads files and what is kept of them.
    async fn look(&self, work: impl FnOnce() -> Answer + Send + 'static) -> Answer {
        let place = self.looks.clone().acquire_owned().await.map_err(|_| closing())?;
        on_a_thread(place, work).await
    }

    /// Tells the engine. What made no sense to it does not fit the present state.
    async fn tell(&self, input: Input) -> Answer {
        self.order(|tell| Order::Tell { input, tell }).await?.map_err(NotDone::Now)?;
        self.written().await;
        Ok(json!({}))
    }

    /// Why something cannot be done with what is not on the board: of one that nobody wrote nothing is known.
    fn unless_unread(&self, why: NotDone) -> NotDone {
        match self.board.is_ready() {
            true => why,
            false => NotDone::Unavailable("the board could not be read; the log says why".into()),
        }
    }

    /// Asks the keeper of the files.
    async fn keeper(&self, request: Request) -> Result<Reply, NotDone> {
        let (answer, answered) = oneshot::channel();
        let busy = |_| NotDone::Unavailable("too much is asked of the files at once; try again".into());
        self.asked.try_send(control::Asked { request, by: None, answer: Some(answer) }).map_err(busy)?;
        answered.await.map_err(|_| closing())
    }
}

fn closing() -> NotDone {
    NotDone::Unavailable("the hotline is closing".into())
}

pub async fn obey(office: Arc<Office>, Asked { by, ask }: Asked) -> Answer {
    match ask {
        Ask::Operator { operator, act } => operate(&office, &by, operator, act).await,
        Ask::Order { call, by, order } => {
            let by = OperatorId::from(by.as_str());
            let order = meant(order);
            let text = if let call::Order::Note { text } = &order { Some(text.clone()) } else { None };
            let asker = by.clone();
            match (office.order(|tell| Order::Call { call, by: asker, order, tell }).await?, text) {
                // The operator has hung up, and writes in wrap-up.
                (Err(call::NotDone::NoSuchCall), Some(text)) => done(note(&office, call, by, text).await?),
                (Ok(()), _) => {
                    office.written().await;
                    done(Ok(()))
                }
                (refused, _) => done(refused),
            }
        }
        Ask::Move { call, queue } => {
            if !office.board.facts().queues.iter().any(|known| known.id == queue) {
                return Err(office.unless_unread(NotDone::Nonsense(format!("there is no queue {queue}"))));
            }
            let (queue, by) = (queue.as_str().into(), By::Supervisor(by.as_str().into()));
            let input = Input::Move { contact: call, queue, by };
            office.tell(input).await
        }
        Ask::Switch { door, to, until, note } => {
            let to = match to.as_str() {
                "open" => SwitchTo::Open,
                "closed" => SwitchTo::Closed,
                _ => SwitchTo::Auto,
            };
            let board = &office.board;
            let known = match &door {
                Door::Schedule(id) => board.schedules().iter().any(|known| known.id == id.as_str()),
                Door::Queue(id) => board.facts().queues.iter().any(|known| known.id == id.as_str()),
            };
            if !known {
                return Err(office.unless_unread(NotDone::Unknown(format!("there is no {door}"))));
            }
            told(office.keeper(Request::Switch { door, to, until, author: by, note }).await?)
        }
        Ask::Reload { note, dry_run } => {
            told(office.keeper(Request::Reload { author: by, note, dry_run, folder: None }).await?)
        }
        Ask::Rollback { to, note } => told(office.keeper(Request::Rollback { to, author: by, note }).await?),
        Ask::Explain { call } => {
            let place = office.stories.clone().acquire_owned().await.map_err(|_| closing())?;
            let (data, zone) = (office.data.clone(), office.zone.clone());
            let id = call.to_string();
            on_a_thread(place, move || {
                let missing = NotDone::Unknown;
                let text = explain::explain(&data, &id, &zone, false).map_err(missing)?;
                let story = explain::explain(&data, &id, &zone, true).map_err(missing)?;
                let lines: Vec<&str> = text.lines().collect();
                let story: Value = serde_json::from_str(&story).unwrap_or_default();
                Ok(json!({ "lines": lines, "story": story }))
            })
            .await
        }
        Ask::Simulate { files, recorded } => {
            let busy =
                |_| NotDone::Busy("a day is being played already; try again when it is over".into(), A_DAY_TAKES);
            let place = office.simulations.clone().try_acquire_owned().map_err(busy)?;
            on_a_thread(place, move || admin::simulate(&office, files, recorded)).await
        }
        Ask::Config => office.clone().look(move || admin::in_force(&office)).await,
        Ask::Versions => office.clone().look(move || admin::versions(&office)).await,
        Ask::Diff { from, to } => office.clone().look(move || admin::diff(&office, from, to)).await,
        Ask::Check { files } => office.clone().look(move || admin::check(&office, files)).await,
    }
}

/// On a call that is over; whoever reads its record after the answer finds the note, unless the disk is slow.
async fn note(
    office: &Office,
    call: CallId,
    by: OperatorId,
    text: String,
) -> Result<Result<(), call::NotDone>, NotDone> {
    let data = office.data.clone();
    let broke = |_| NotDone::Unavailable("it broke off; the log says why".into());
    let record = tokio::task::spawn_blocking(move || read_call(&data, call)).await.map_err(broke)?;
    let record = record.map_err(|fault| NotDone::Unavailable(fault.to_string()))?;
    let Some(record) = record.map(Box::new) else { return Ok(Err(call::NotDone::NoSuchCall)) };
    if let Err(why) = office.order(|tell| Order::Note { record, by, text, tell }).await? {
        return Ok(Err(why));
    }
    office.written().await;
    Ok(Ok(()))
}

/// The place is taken until the work is done, also if nobody waits for it any more.
async fn on_a_thread(place: OwnedSemaphorePermit, work: impl FnOnce() -> Answer + Send + 'static) -> Answer {
    let broke = |_| NotDone::Unavailable("it broke off; the log says why".into());
    let work = move || {
        let answer = work();
        drop(place);
        answer
    };
    tokio::task::spawn_blocking(work).await.map_err(broke)?
}

async fn operate(office: &Office, by: &str, operator: String, act: OperatorAct) -> Answer {
    let Some(now) = office.board.operator(&operator) else {
        return Err(office.unless_unread(NotDone::Unknown(format!("there is no operator {operator}"))));
    };
    let themselves = by == operator;
    let by = if themselves { By::Themselves } else { By::Supervisor(by.into()) };
    let id = OperatorId::from(operator.as_str());
    let input = match act {
        // Whoever comes back to where they sit goes on there.
        OperatorAct::SignIn { seat } if now.seat.as_deref() == Some(seat.as_str()) => return Ok(json!({})),
        OperatorAct::SignIn { seat } => {
            if !office.board.facts().seats.contains(&seat) {
                return Err(NotDone::Nonsense(format!("there is no seat {seat}")));
            }
            Input::SignIn { operator: id, seat: seat.as_str().into() }
        }
        OperatorAct::SignOut => Input::SignOut { operator: id, by },
        OperatorAct::Ready => Input::Ready { operator: id, by },
        OperatorAct::NotReady { reason } => Input::NotReady { operator: id, reason: reason.as_str().into(), by },
        OperatorAct::ExtendWrapUp { ms } => Input::ExtendWrapUp { operator: id, more: Duration::from_millis(ms) },
        OperatorAct::EndWrapUp => Input::EndWrapUp { operator: id },
    };
    office.tell(input).await
}

fn done(result: Result<(), call::NotDone>) -> Answer {
    use call::NotDone as N;
    result.map(|()| json!({})).map_err(|why| match why {
        N::NoSuchCall => NotDone::Unknown(why.to_string()),
        N::NotYours | N::NotSupervisor | N::NotAllowed => NotDone::NotAllowed(why.to_string()),
        N::NoSuchOperator | N::NoSuchSeat | N::NoSuchQueue | N::NoSuchTarget | N::NoNumber | N::TooLong => {
            NotDone::Nonsense(why.to_string())
        }
        why => NotDone::Now(why.to_string()),
    })
}

fn told(reply: Reply) -> Answer {
    match reply {
        Reply::Refused { why } => Err(NotDone::Now(why)),
        reply => serde_json::to_value(reply).map_err(|error| NotDone::Unavailable(error.to_string())),
    }
}

fn meant(order: http::Order) -> call::Order {
    use http::Order as O;
    let whom = |to: http::Whom| match to {
        http::Whom::Operator(id) => call::Whom::Operator(id.into()),
        http::Whom::Seat(id) => call::Whom::Seat(id.into()),
        http::Whom::Queue(id) => call::Whom::Queue(id.into()),
        http::Whom::Number(number) => call::Whom::Number(number),
    };
    match order {
        O::Hold {} => call::Order::Hold,
        O::Resume {} => call::Order::Resume,
        O::Consult { to } => call::Order::Consult { to: whom(to) },
        O::Return {} => call::Order::Return,
        O::Complete {} => call::Order::Complete,
        O::Conference {} => call::Order::Conference,
        O::Transfer { to } => call::Order::Transfer { to: whom(to) },
        O::HandOff { target } => call::Order::HandOff { target },
        O::Note { text } => call::Order::Note { text },
        O::HangUp {} => call::Order::HangUp,
        O::PauseRecording {} => call::Order::PauseRecording,
        O::ResumeRecording {} => call::Order::ResumeRecording,
        O::Reclaim {} => call::Order::Reclaim,
        O::Supervise { mode } => call::Order::Supervise {
            mode: match mode {
                http::Mode::Listen => call::Supervision::Listen,
                http::Mode::Whisper => call::Supervision::Whisper,
                http::Mode::Barge => call::Supervision::Barge,
            },
        },
        O::LeaveSupervision {} => call::Order::LeaveSupervision,
        O::TakeOver {} => call::Order::TakeOver,
    }
}
