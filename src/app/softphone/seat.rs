//! `hotline seat`: an operator without a phone. Registers, and answers every call.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::super::say::say;
use super::{Happening, Phone, clip};
use crate::ids::LegId;
use crate::media::prompts::Clip;
use crate::media::{self, Event as Heard};
use crate::moment::Moment;
use crate::sip::{self, Body, Transport};

/// The environment variable with a seat's secret.
const SECRET: &str = "HOTLINE_SEAT_SECRET";

#[derive(clap::Args, Debug)]
pub struct SeatArgs {
    /// The seat to register, e.g. `8001`
    pub seat: String,
    /// The hotline's address
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:5060")]
    pub server: SocketAddr,
    /// Use TCP
    #[arg(long)]
    pub tcp: bool,
    /// File with the seat's secret (first line); else $HOTLINE_SEAT_SECRET; else the shipped `hotline-<seat>`
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
    /// How long the phone rings before it is answered
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = super::super::cli::duration)]
    pub answer_after: Duration,
    /// Keys to press in each call, one after the other, e.g. the code of an emergency
    #[arg(long, value_name = "KEYS", default_value = "")]
    pub press: String,
    /// When to press the first key, counted from the answer
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = super::super::cli::duration)]
    pub press_after: Duration,
    /// Hang up after talking so long (else the caller hangs up)
    #[arg(long, value_name = "TIME", value_parser = super::super::cli::duration)]
    pub hang_up_after: Option<Duration>,
    /// Say this WAV file (8 or 16 kHz), again and again
    #[arg(long, value_name = "FILE")]
    pub say: Option<PathBuf>,
    /// Write what is heard in the last call to this WAV file
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Leave after so many calls (else on Ctrl-C)
    #[arg(long, value_name = "N")]
    pub calls: Option<usize>,
}

/// The seat's secret: a file, the environment, or what is shipped.
pub(super) fn secret(seat: &str, file: Option<&Path>) -> Result<String, String> {
    if let Some(path) = file {
        let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        return Ok(text.lines().next().unwrap_or_default().to_string());
    }
    Ok(std::env::var(SECRET).unwrap_or_else(|_| format!("hotline-{seat}")))
}

pub async fn seat(args: SeatArgs) -> Result<(), String> {
    let transport = if args.tcp { Transport::Tcp } else { Transport::Udp };
    super::check_keys(&args.press)?;
    let password = secret(&args.seat, args.secret_file.as_deref())?;
    let say = match &args.say {
        Some(path) => clip::load(path)?,
        None => Clip::silence(),
    };
    let mut phone = Phone::open(args.server, transport, true).await?;
    let now = phone.line.clock.now();
    phone.line.sip.register(now, super::call::account(&args.seat, args.server, transport, password));
    let mut term = signal(SignalKind::terminate()).map_err(|e| e.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| e.to_string())?;
    let mut desk = Operator { args: &args, say, talk: None, done: 0 };
    let result = loop {
        let wake = desk.talk.as_ref().and_then(|talk| talk.due.into_iter().chain(talk.press_at).min());
        let happening = tokio::select! {
            happening = phone.next(wake) => happening,
            _ = term.recv() => break Ok(()),
            _ = interrupt.recv() => break Ok(()),
        };
        match desk.handle(&mut phone, happening) {
            Ok(true) => {}
            Ok(false) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    let now = phone.line.clock.now();
    phone.line.sip.unregister(now);
    desk.end(&mut phone);
    phone.close().await;
    result
}

struct Operator<'a> {
    args: &'a SeatArgs,
    say: Arc<Clip>,
    talk: Option<Talk>,
    done: usize,
}

struct Talk {
    leg: LegId,
    answer: Option<Vec<u8>>,
    answered: bool,
    due: Option<Moment>,
    press_at: Option<Moment>,
}

impl Operator<'_> {
    /// `Ok(false)`: enough calls.
    fn handle(&mut self, phone: &mut Phone, happening: Happening) -> Result<bool, String> {
        match happening {
            Happening::Sip(sip::Event::AccountRegistered) => say!("seat {} is registered", self.args.seat),
            Happening::Sip(sip::Event::AccountRefused { status }) => {
                let hint = match status {
                    401 | 403 => "; the secret of the seat is meant: --secret-file, or $HOTLINE_SEAT_SECRET",
                    _ => "",
                };
                return Err(format!("registration refused: {status} {}{hint}", sip::message::reason_phrase(status)));
            }
            Happening::Sip(sip::Event::Incoming(incoming)) => self.ring(phone, incoming),
            Happening::Sip(sip::Event::Reoffer { leg, body }) => phone.desk.command(match body {
                Some(body) => media::Command::TakeOffer { leg, sdp: body.bytes },
                None => media::Command::MakeOffer { leg, like: None },
            }),
            Happening::Sip(sip::Event::Acked { leg, answer: Some(body) }) => {
                phone.desk.command(media::Command::TakeAnswer { leg, sdp: body.bytes });
            }
            Happening::Sip(sip::Event::Ended { leg, .. }) => return Ok(self.ended(phone, leg)),
            Happening::Media(Heard::Described { leg, sdp, .. }) => self.described(phone, leg, sdp),
            Happening::Media(Heard::Unacceptable { leg, .. } | Heard::Exhausted { leg }) => {
                phone.command(sip::Command::Refuse { leg, status: 488 });
                self.end(phone);
            }
            Happening::Media(Heard::Dead { leg }) => self.dead(phone, leg),
            Happening::Media(Heard::Key { key, .. }) => say!("heard key {key}"),
            Happening::Due => self.due(phone),
            _ => {}
        }
        Ok(self.args.calls.is_none_or(|calls| self.done < calls))
    }

    fn ring(&mut self, phone: &mut Phone, incoming: sip::Incoming) {
        let leg = incoming.leg;
        if self.talk.is_some() {
            return phone.command(sip::Command::Refuse { leg, status: 486 });
        }
        say!("ringing: {}", incoming.caller.number);
        phone.command(sip::Command::Ring { leg });
        phone.open_leg(leg);
        phone.desk.command(match incoming.offer {
            Some(offer) => media::Command::TakeOffer { leg, sdp: offer.bytes },
            None => media::Command::MakeOffer { leg, like: None },
        });
        let due = Some(phone.line.clock.now() + self.args.answer_after);
        self.talk = Some(Talk { leg, answer: None, answered: false, due, press_at: None });
    }

    fn described(&mut self, phone: &mut Phone, leg: LegId, sdp: Vec<u8>) {
        let Some(talk) = self.talk.as_mut().filter(|talk| talk.leg == leg) else { return };
        if talk.answered {
            phone.command(sip::Command::AcceptReoffer { leg, body: Body::sdp(sdp) });
        } else {
            talk.answer = Some(sdp);
        }
    }

    fn due(&mut self, phone: &mut Phone) {
        let now = phone.line.clock.now();
        let Some(talk) = self.talk.as_mut() else { return };
        if talk.press_at.take_if(|at| *at <= now).is_some() {
            say!("pressing {}", self.args.press);
            phone.desk.send_keys(talk.leg, &self.args.press);
        }
        if talk.due.take_if(|at| *at <= now).is_none() {
            return;
        }
        if talk.answered {
            say!("hanging up");
            let leg = talk.leg;
            phone.command(sip::Command::Hangup { leg, reason: None });
            self.end(phone);
            self.done += 1;
            return;
        }
        let Some(sdp) = talk.answer.take() else { return };
        talk.answered = true;
        let leg = talk.leg;
        talk.due = self.args.hang_up_after.map(|length| now + length);
        talk.press_at = (!self.args.press.is_empty()).then(|| now + self.args.press_after);
        say!("answered");
        phone.command(sip::Command::Accept { leg, body: Body::sdp(sdp) });
        phone.desk.command(media::Command::Watch { leg });
        if let Some(path) = &self.args.record
            && let Err(error) = phone.desk.record(leg, path)
        {
            eprintln!("nothing is recorded: {error}");
        }
        phone.desk.play_clip(leg, self.say.clone(), true);
    }

    fn ended(&mut self, phone: &mut Phone, leg: LegId) -> bool {
        if self.talk.as_ref().is_some_and(|talk| talk.leg == leg) {
            say!("the caller is gone");
            self.end(phone);
            self.done += 1;
        }
        self.args.calls.is_none_or(|calls| self.done < calls)
    }

    /// A house that crashed says no goodbye: whoever waited for one would be busy for every caller after it.
    fn dead(&mut self, phone: &mut Phone, leg: LegId) {
        if self.talk.as_ref().is_some_and(|talk| talk.leg == leg) {
            say!("nothing is heard any more: hanging up");
            self.end(phone);
            self.done += 1;
        }
    }

    fn end(&mut self, phone: &mut Phone) {
        if let Some(talk) = self.talk.take() {
            phone.command(sip::Command::Hangup { leg: talk.leg, reason: None });
            phone.desk.command(media::Command::Close { leg: talk.leg });
        }
    }
}
