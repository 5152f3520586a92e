//! What waits to be sent to programs is kept in the data folder, by a thread of its own: nobody who tells something
//! waits for the disk. What a former process could not send is handed to whoever sends it now. Does not know how that is
//! done.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use tracing::warn;

use crate::http;
use crate::records::{Access, KEPT_MESSAGES, StoreFault};

/// A message on its way to a program.
pub struct Message {
    /// In the data folder. `None`: the disk did not take it.
    pub number: Option<i64>,
    pub text: String,
    /// Tries that were made.
    pub tries: u32,
}

enum Work {
    /// It is kept for this program, then handed on.
    Keep { program: String, text: String, to: SyncSender<Message> },
    /// All that is kept for this program is handed on.
    Open { program: String, to: SyncSender<Message> },
    /// What is kept for others is forgotten.
    Only { programs: Vec<String> },
}

/// Ends with what it was told before on the disk.
pub struct Outbox {
    access: Arc<Access>,
    work: Option<SyncSender<Work>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.work = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Outbox {
    pub fn start(access: Access) -> std::io::Result<Outbox> {
        let access = Arc::new(access);
        let (work, coming) = sync_channel(KEPT_MESSAGES);
        let of = access.clone();
        let thread = std::thread::Builder::new().name("outbox".into()).spawn(move || run(&of, &coming))?;
        Ok(Outbox { access, work: Some(work), thread: Some(thread) })
    }

    /// Where those who send say what became of a message.
    pub fn access(&self) -> Arc<Access> {
        self.access.clone()
    }

    pub fn keep(&self, program: &str, text: &str, to: &SyncSender<Message>) {
        let keep = Work::Keep { program: program.into(), text: text.into(), to: to.clone() };
        match self.work.as_ref().map(|work| work.try_send(keep)) {
            Some(Ok(())) => ::metrics::gauge!("hotline_webhooks_waiting").increment(1.0),
            Some(Err(_)) | None => http::counter("hotline_webhooks_total", &[("result", "lost")]),
        }
    }

    /// The programs that there are, and those of them that are new. Waits where much is to be kept before.
    pub fn serve(&self, programs: Vec<String>, new: Vec<(String, SyncSender<Message>)>) {
        let Some(outbox) = &self.work else { return };
        let open = new.into_iter().map(|(program, to)| Work::Open { program, to });
        for work in std::iter::once(Work::Only { programs }).chain(open) {
            if outbox.send(work).is_err() {
                warn!("what waits for webhooks is kept no more");
            }
        }
    }
}

fn run(access: &Access, coming: &Receiver<Work>) {
    let mut works = true;
    for work in coming {
        let done = match work {
            Work::Keep { program, text, to } => keep(access, &program, text, &to),
            Work::Open { program, to } => open(access, &program, &to),
            Work::Only { programs } => access.forget_messages_but_for(&programs).map(given_up),
        };
        // Once for all that fail one after the other.
        if let Some(fault) = done.as_ref().err().filter(|_| works) {
            warn!(%fault, "what waits for webhooks cannot be kept; a restart loses it");
        }
        works = done.is_ok();
    }
}

fn keep(access: &Access, program: &str, text: String, to: &SyncSender<Message>) -> Result<(), StoreFault> {
    let (number, done) = match access.keep_message(program, &text) {
        Ok(Some(number)) => (Some(number), Ok(())),
        Ok(None) => {
            over("lost");
            return Ok(());
        }
        Err(fault) => (None, Err(fault)),
    };
    hand_on(access, Message { number, text, tries: 0 }, to);
    done
}

fn open(access: &Access, program: &str, to: &SyncSender<Message>) -> Result<(), StoreFault> {
    for kept in access.messages(program)? {
        ::metrics::gauge!("hotline_webhooks_waiting").increment(1.0);
        hand_on(access, Message { number: Some(kept.number), text: kept.text, tries: kept.tries }, to);
    }
    Ok(())
}

fn hand_on(access: &Access, message: Message, to: &SyncSender<Message>) {
    match to.try_send(message) {
        Ok(()) => {}
        Err(TrySendError::Full(message)) => finish(access, &message, "lost"),
        Err(TrySendError::Disconnected(message)) => set_aside([message]),
    }
}

/// A message waits no more, here or in the data folder.
pub fn finish(access: &Access, message: &Message, result: &str) {
    if let Some(Err(fault)) = message.number.map(|number| access.forget_message(number)) {
        warn!(%fault, "a message to a webhook stays in the data folder; it may be sent twice");
    }
    over(result);
}

/// Whoever sends ends: what is kept is for the next one, or is forgotten with the program.
pub fn set_aside(messages: impl IntoIterator<Item = Message>) {
    for message in messages {
        match message.number {
            Some(_) => ::metrics::gauge!("hotline_webhooks_waiting").decrement(1.0),
            None => over("lost"),
        }
    }
}

/// They waited for programs that are in the files no more.
fn given_up(many: usize) {
    (0..many).for_each(|_| http::counter("hotline_webhooks_total", &[("result", "given_up")]));
}

fn over(result: &str) {
    ::metrics::gauge!("hotline_webhooks_waiting").decrement(1.0);
    http::counter("hotline_webhooks_total", &[("result", result)]);
}
