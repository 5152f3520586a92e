//! `hotline call`: a caller without a phone.

use std::path::PathBuf;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::super::say::say;
use super::{Happening, Phone, clip};
use crate::ids::LegId;
use crate::media::{self, Event as Heard};
use crate::moment::Moment;
use crate::sip::account::{Account, Holder};
use crate::sip::message::Uri;
use crate::sip::{self, Body, Invite, Party, Target, Transport};
use crate::visible::visible;

#[derive(clap::Args, Debug)]
pub struct CallArgs {
    /// Whom to call, e.g. `sip:12345@127.0.0.1:5060` (add `;transport=tcp` for TCP)
    pub uri: String,
    /// Keys to press, one after the other
    #[arg(long, value_name = "KEYS", default_value = "")]
    pub press: String,
    /// When to press the first key, counted from the answer
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = super::super::cli::duration)]
    pub press_after: Duration,
    /// Say this WAV file (8 or 16 kHz), again and again
    #[arg(long, value_name = "FILE")]
    pub say: Option<PathBuf>,
    /// Write what is heard to this WAV file
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Hang up after this time, counted from the answer
    #[arg(long = "for", value_name = "TIME", default_value = "20s", value_parser = super::super::cli::duration)]
    pub length: Duration,
    /// The number shown to the hotline
    #[arg(long, value_name = "NUMBER", default_value = "13800000000")]
    pub from: String,
    /// Call as this seat, with its secret (see `hotline seat --help`), e.g. for feature codes
    #[arg(long, value_name = "SEAT")]
    pub as_seat: Option<String>,
    /// File with the seat's secret (first line)
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
}

/// What goes wrong is told; an answered call that ends is a success.
pub async fn call(args: CallArgs) -> Result<(), String> {
    let (server, transport, dialled) = destination(&args.uri)?;
    super::check_keys(&args.press)?;
    let say = args.say.as_deref().map(clip::load).transpose()?;
    let mut phone = Phone::open(server, transport, false).await?;
    let from = args.as_seat.clone().unwrap_or_else(|| args.from.clone());
    if let Some(seat) = &args.as_seat {
        let password = super::seat::secret(seat, args.secret_file.as_deref())?;
        phone.line.sip.know(phone.line.clock.now(), account(seat, server, transport, password));
    }
    let leg = LegId(2);
    let mut term = signal(SignalKind::terminate()).map_err(|e| e.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| e.to_string())?;
    let started = phone.line.clock.now();
    say!("calling {}", args.uri);
    phone.open_leg(leg);
    phone.desk.command(media::Command::MakeOffer { leg, like: None });
    let mut talk =
        Talk { leg, args: &args, say, started, hang_up_at: None, press_at: None, from, dialled, sounds: false };
    let result = loop {
        let wake = talk.hang_up_at.into_iter().chain(talk.press_at).min();
        let happening = tokio::select! {
            happening = phone.next(wake) => happening,
            _ = interrupt.recv() => {
                talk.hang_up(&mut phone);
                break Ok(());
            }
            _ = term.recv() => {
                talk.hang_up(&mut phone);
                break Ok(());
            }
        };
        match talk.handle(&mut phone, happening) {
            Ok(true) => {}
            Ok(false) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    phone.close().await;
    result
}

struct Talk<'a> {
    leg: LegId,
    args: &'a CallArgs,
    say: Option<std::sync::Arc<media::prompts::Clip>>,
    started: Moment,
    hang_up_at: Option<Moment>,
    press_at: Option<Moment>,
    from: String,
    dialled: String,
    /// Saying and recording have begun.
    sounds: bool,
}

impl Talk<'_> {
    /// `Ok(false)`: the call is over.
    fn handle(&mut self, phone: &mut Phone, happening: Happening) -> Result<bool, String> {
        let leg = self.leg;
        let now = phone.line.clock.now();
        let after = || format!("{:.1} s", now.since(self.started).as_secs_f64());
        match happening {
            Happening::Media(Heard::Described { sdp, .. }) => phone.command(sip::Command::Invite(Invite {
                leg,
                to: Target::Uri(self.dialled.clone()),
                caller: Party { number: self.from.clone(), display: None },
                on_behalf_of: None,
                sip_call_id: None,
                hops: sip::HOPS,
                auto_answer: false,
                call: None,
                urgent: false,
                over: Default::default(),
                body: Some(Body::sdp(sdp)),
            })),
            Happening::Media(Heard::Exhausted { .. }) => return Err("no free ports for sound".into()),
            Happening::Media(Heard::Unacceptable { why, .. }) => {
                phone.command(sip::Command::Hangup { leg, reason: None });
                return Err(format!("the answer cannot be used: {}", visible(&why)));
            }
            Happening::Media(Heard::Key { key, .. }) => say!("heard key {key}"),
            Happening::Sip(sip::Event::Ringing { .. }) => say!("ringing after {}", after()),
            Happening::Sip(sip::Event::Progress { body, .. }) => {
                say!("early media after {}", after());
                phone.desk.command(media::Command::TakeAnswer { leg, sdp: body.bytes });
                self.make_sound(phone);
            }
            Happening::Sip(sip::Event::Answered { body, .. }) => {
                say!("answered after {}", after());
                if let Some(body) = body {
                    phone.desk.command(media::Command::TakeAnswer { leg, sdp: body.bytes });
                }
                self.make_sound(phone);
                self.hang_up_at = Some(now + self.args.length);
                self.press_at = (!self.args.press.is_empty()).then(|| now + self.args.press_after);
            }
            Happening::Sip(sip::Event::Refused { status, .. }) => {
                return Err(format!("refused: {status} {}", sip::message::reason_phrase(status)));
            }
            Happening::Sip(sip::Event::Ended { .. }) => {
                say!("the other side hung up after {}", after());
                self.close_sound(phone);
                return Ok(false);
            }
            Happening::Due => return Ok(self.due(phone, now)),
            _ => {}
        }
        Ok(true)
    }

    fn due(&mut self, phone: &mut Phone, now: Moment) -> bool {
        if self.press_at.take_if(|at| *at <= now).is_some() {
            say!("pressing {}", self.args.press);
            phone.desk.send_keys(self.leg, &self.args.press);
        }
        if self.hang_up_at.is_some_and(|at| at <= now) {
            self.hang_up(phone);
            return false;
        }
        true
    }

    fn hang_up(&self, phone: &mut Phone) {
        say!("hanging up");
        phone.command(sip::Command::Hangup { leg: self.leg, reason: None });
        self.close_sound(phone);
    }

    /// Once: early media goes on after the answer.
    fn make_sound(&mut self, phone: &mut Phone) {
        if std::mem::replace(&mut self.sounds, true) {
            return;
        }
        if let Some(path) = &self.args.record
            && let Err(error) = phone.desk.record(self.leg, path)
        {
            eprintln!("nothing is recorded: {error}");
        }
        match self.say.take() {
            Some(clip) => phone.desk.play_clip(self.leg, clip, true),
            None => phone.desk.play_clip(self.leg, media::prompts::Clip::silence(), true),
        }
    }

    fn close_sound(&self, phone: &mut Phone) {
        phone.desk.command(media::Command::Close { leg: self.leg });
    }
}

/// Where the call goes, and the address to dial with the name resolved.
fn destination(text: &str) -> Result<(std::net::SocketAddr, Transport, String), String> {
    let wrong = || format!("{text:?} is no address to call; write e.g. sip:12345@127.0.0.1:5060");
    let uri = Uri::parse(text).ok_or_else(wrong)?;
    let uri = uri.sip().ok_or_else(wrong)?;
    let ip = match uri.host.as_str() {
        "localhost" => std::net::Ipv4Addr::LOCALHOST.into(),
        host => host.parse().map_err(|_| format!("{host:?} is not an IP address (or localhost)"))?,
    };
    let transport = match uri.params.get("transport").unwrap_or("udp").to_ascii_lowercase().as_str() {
        "udp" => Transport::Udp,
        "tcp" => Transport::Tcp,
        other => return Err(format!("transport={other}: this phone speaks udp and tcp")),
    };
    let server = std::net::SocketAddr::new(ip, uri.port.unwrap_or(5060));
    let mut dialled = uri.clone();
    (dialled.host, dialled.port) = (ip.to_string(), Some(server.port()));
    Ok((server, transport, Uri::Sip(dialled).to_string()))
}

pub(super) fn account(seat: &str, server: std::net::SocketAddr, transport: Transport, password: String) -> Account {
    Account {
        aor: sip::message::uri::SipUri::new(Some(seat), &server.ip().to_string(), Some(server.port())),
        registrar: server,
        transport,
        username: seat.into(),
        password,
        expires: Duration::from_secs(300),
        holder: Holder::Softphone,
    }
}
