//! One browser's leg: a task that carries sound between the browser's connection and the leg of the worker.
//!
//! The worker sees a leg like any other, whose packets come from the other end of a pair of sockets. Does not know what
//! the leg is for.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rtc::{rtcp, rtp};
use tokio::net::UnixDatagram;
use tokio::sync::mpsc;
use webrtc::media_stream::track_local::{TrackLocal, TrackLocalEvent};
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::RTCPeerConnectionState;

use super::connection::{Connection, News};
use super::conversion::Conversion;
use super::negotiation::{Draft, Found, Ours, Talk};
use super::room::Shared;
use crate::ids::LegId;
use crate::media::negotiation::MISCELLANEOUS;
use crate::media::opus::conversion::{Head, Wish};
use crate::media::outgoing::HEADER;
use crate::media::packet::parse;
use crate::media::rtcp::Sender;
use crate::media::words::{Codec, Direction, Event};
use crate::moment::Moment;

/// From where the worker's leg sees its packets come: nobody else can send there.
pub const AT_ROOM: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9);
/// RFC 7675 §5.1: a browser that has not said for so long that it wants to hear us hears nothing more.
const CONSENT: Duration = Duration::from_secs(30);
/// Whoever reached us and has no keys yet after so long never will: its certificate is not the one it named.
const HANDSHAKE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_secs(1);
/// Packets of the leg taken before others get their turn.
const BURST: usize = 16;
/// The largest packet: 120 ms of G.711, and to spare.
const LARGEST: usize = 2048;
/// While the switchboard does not take events, one is offered again after this, and so often.
const AGAIN: Duration = Duration::from_millis(10);
const TRIES: usize = 500;

/// What is asked of a session.
pub enum Ask {
    /// Our offer → [`Event::Described`].
    Offer { draft: Draft, direction: Direction },
    /// Their offer was read → [`Event::Described`] with our answer. `codec`: what the leg speaks.
    Answer { draft: Draft, found: Box<Found>, codec: Codec },
    /// Their answer was read → [`Event::Agreed`].
    Agree { found: Box<Found>, codec: Codec },
}

pub struct Session {
    pub leg: LegId,
    pub number: u64,
    pub sender: Sender,
    pub shared: Arc<Shared>,
    /// The other end is the worker's.
    pub pair: UnixDatagram,
    pub asks: mpsc::Receiver<Ask>,
    /// In what form the leg takes Opus.
    pub opus: Arc<Wish>,
}

/// What there is of the browser.
#[derive(Default)]
struct Browser {
    connection: Option<Connection>,
    news: Option<mpsc::Receiver<News>>,
    track: Option<Arc<dyn TrackRemote>>,
    conversion: Option<Conversion>,
    /// Since when it can be reached, while there are no keys.
    reached: Option<Moment>,
    has_keys: bool,
    /// A fault of ours has ended its sound.
    faulty: bool,
    /// It was told.
    dead: bool,
}

impl Session {
    /// Until nobody asks any more.
    pub async fn run(mut self) {
        let mut browser = Browser::default();
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                ask = self.asks.recv() => match ask {
                    Some(ask) => self.asked(&mut browser, ask).await,
                    None => break,
                },
                _ = self.pair.readable() => self.outward(&mut browser).await,
                event = heard(browser.track.as_ref()) => self.inward(&mut browser, event),
                packets = reported(browser.connection.as_ref()) => self.report_inward(&packets),
                news = told(browser.news.as_mut()) => match news {
                    News::Track(track) => browser.track = Some(track),
                    News::State(RTCPeerConnectionState::Connected) => browser.has_keys = true,
                    News::State(_) => {}
                },
                _ = look.tick() => self.look_after(&mut browser).await,
            }
        }
        self.part(&mut browser).await;
    }

    async fn asked(&mut self, browser: &mut Browser, ask: Ask) {
        let event = match ask {
            Ask::Offer { draft, direction } => self.offer(browser, draft, direction).await,
            Ask::Answer { draft, found, codec } => self.answer(browser, draft, &found, codec).await,
            Ask::Agree { found, codec } => self.agree(browser, &found, codec).await,
        };
        let leg = self.leg;
        self.tell(event.unwrap_or_else(|error| {
            tracing::warn!(%leg, %error, "no connection with this browser");
            let why = "the browser's description cannot be used".into();
            Event::Unacceptable { leg, why, code: MISCELLANEOUS, malformed: false }
        }))
        .await;
    }

    async fn offer(
        &mut self,
        browser: &mut Browser,
        draft: Draft,
        direction: Direction,
    ) -> webrtc::error::Result<Event> {
        // An offer within a call keeps the connection.
        if browser.connection.is_none() {
            let offering = Connection::offering(&self.shared, self.number, self.sender.ssrc, draft.types()).await?;
            browser.connected(offering);
        }
        Ok(self.described(browser, &draft, direction))
    }

    async fn answer(
        &mut self,
        browser: &mut Browser,
        draft: Draft,
        found: &Found,
        codec: Codec,
    ) -> webrtc::error::Result<Event> {
        let Found { theirs, talk, direction } = found;
        let usable = |connection: &Connection| connection.knows(theirs) && !connection.is_offering();
        if browser.connection.as_ref().is_some_and(|connection| !usable(connection)) {
            self.part(browser).await;
        }
        match &mut browser.connection {
            Some(connection) => connection.answer(&self.shared, theirs, &[*talk]).await?,
            None => {
                let answering =
                    Connection::answering(&self.shared, self.number, self.sender.ssrc, theirs, *talk).await?;
                browser.connected(answering);
            }
        }
        browser.converts(*talk, codec)?;
        Ok(self.described(browser, &draft, *direction))
    }

    async fn agree(&mut self, browser: &mut Browser, found: &Found, codec: Codec) -> webrtc::error::Result<Event> {
        let Found { theirs, talk, direction } = found;
        let Some(connection) = &mut browser.connection else { return Err(nothing("nothing was offered")) };
        if connection.is_offering() {
            connection.answered(theirs, &[*talk]).await?;
        } else if !connection.knows(theirs) {
            return Err(nothing("another browser answers than the one that was spoken with"));
        }
        browser.converts(*talk, codec)?;
        Ok(Event::Agreed { leg: self.leg, direction: *direction })
    }

    fn described(&self, browser: &Browser, draft: &Draft, direction: Direction) -> Event {
        let (ufrag, password) = match &browser.connection {
            Some(connection) => (connection.ufrag.clone(), connection.password.clone()),
            None => Default::default(),
        };
        let Shared { fingerprint, address, .. } = &*self.shared;
        let ours = Ours { ufrag, password, fingerprint: fingerprint.clone(), address: *address, sender: self.sender };
        Event::Described { leg: self.leg, sdp: draft.write(&ours), direction }
    }

    /// The connection is given up.
    async fn part(&self, browser: &mut Browser) {
        let connection = std::mem::take(browser).connection;
        if let Some(connection) = connection {
            connection.close(&self.shared).await;
        }
    }

    /// Packets of the leg's.
    async fn outward(&mut self, browser: &mut Browser) {
        let mut packet = [0; LARGEST];
        let mut ready = Vec::new();
        for _ in 0..BURST {
            let Ok(length) = self.pair.try_recv(&mut packet) else { break };
            let packet = &mut packet[..length];
            if !browser.has_keys || browser.dead {
                continue;
            }
            let is_report = crate::media::rtcp::is_rtcp(packet);
            browser.guarded(self.leg, |conversion| {
                if is_report {
                    return conversion.control_outward(packet);
                }
                let Some((header, payload)) = parse(packet) else { return };
                let send = &mut |head, payload: &[u8]| ready.push(packet_of(head, payload));
                conversion.outward(Head::of(&header), &packet[payload], send);
            });
            let Some(connection) = &browser.connection else { continue };
            if is_report && let Ok(packets) = rtcp::packet::unmarshal(&mut &packet[..]) {
                let _ = connection.local.write_rtcp(packets).await;
            }
            for packet in ready.drain(..) {
                let _ = connection.local.write_rtp(packet).await;
            }
        }
    }

    /// Sound of the browser's.
    fn inward(&self, browser: &mut Browser, event: Option<TrackRemoteEvent>) {
        match event {
            Some(TrackRemoteEvent::OnRtpPacket(packet)) => {
                let rtp::Header { payload_type, marker, sequence_number, timestamp, ssrc, .. } = packet.header;
                let head = Head { payload_type, marker, sequence: sequence_number, timestamp, ssrc };
                let form = self.opus.form();
                browser.guarded(self.leg, |conversion| {
                    conversion.inward(head, &packet.payload, form, &mut |head, payload| self.to_leg(head, payload));
                });
            }
            Some(TrackRemoteEvent::OnRtcpPacket(packets)) => self.report_inward(&packets),
            Some(_) => {}
            None => browser.track = None,
        }
    }

    /// A leg that does not take its packets loses them, as networks do.
    fn to_leg(&self, head: Head, payload: &[u8]) {
        let mut packet = [0; LARGEST];
        let Some(room) = packet.get_mut(HEADER..HEADER + payload.len()) else { return };
        room.copy_from_slice(payload);
        head.write(&mut packet);
        let _ = self.pair.try_send(&packet[..HEADER + payload.len()]);
    }

    fn report_inward(&self, packets: &[Box<dyn rtcp::Packet>]) {
        if let Ok(packet) = rtcp::packet::marshal(packets) {
            let _ = self.pair.try_send(&packet);
        }
    }

    /// Once a second: whether the browser is still there.
    async fn look_after(&self, browser: &mut Browser) {
        let Some(connection) = &browser.connection else { return };
        let Some(without) = self.shared.port.without_consent(&connection.inbox) else { return };
        let now = (self.shared.clock)();
        let reached = *browser.reached.get_or_insert(now);
        let why = if browser.faulty {
            "its sound was given up"
        } else if without >= CONSENT {
            "the browser does not say any more that it wants to hear us"
        } else if !browser.has_keys && now.since(reached) >= HANDSHAKE {
            "no keys could be agreed on with the browser"
        } else {
            browser.dead = false;
            return;
        };
        if !std::mem::replace(&mut browser.dead, true) {
            tracing::info!(leg = %self.leg, "{why}");
            self.tell(Event::Dead { leg: self.leg }).await;
        }
    }

    async fn tell(&self, event: Event) {
        let mut events = vec![event];
        for _ in 0..TRIES {
            match (self.shared.tell)(events) {
                Ok(()) => return,
                Err(back) => events = back,
            }
            tokio::time::sleep(AGAIN).await;
        }
        tracing::error!(leg = %self.leg, "the switchboard does not take what a browser's leg tells; it is lost");
    }
}

impl Browser {
    fn connected(&mut self, (connection, news): (Connection, mpsc::Receiver<News>)) {
        (self.connection, self.news) = (Some(connection), Some(news));
    }

    fn converts(&mut self, talk: Talk, codec: Codec) -> webrtc::error::Result<()> {
        let before = self.conversion.take();
        let conversion = Conversion::after(before, talk, codec).ok_or_else(|| nothing("Opus cannot be had"))?;
        self.conversion = Some(conversion);
        Ok(())
    }

    /// A fault of ours in one packet ends this leg's sound, and with it the leg, not what is left of the house.
    fn guarded(&mut self, leg: LegId, act: impl FnOnce(&mut Conversion)) {
        let Some(conversion) = &mut self.conversion else { return };
        if catch_unwind(AssertUnwindSafe(|| act(conversion))).is_err() {
            tracing::error!(%leg, "a fault in the sound of this browser; it is given up");
            (self.conversion, self.faulty) = (None, true);
        }
    }
}

fn nothing(why: &str) -> webrtc::error::Error {
    webrtc::error::Error::Other(why.into())
}

fn packet_of(head: Head, payload: &[u8]) -> rtp::Packet {
    let Head { payload_type, marker, sequence, timestamp, ssrc } = head;
    let header = rtp::Header {
        version: 2,
        marker,
        payload_type,
        sequence_number: sequence,
        timestamp,
        ssrc,
        ..Default::default()
    };
    rtp::Packet { header, payload: Bytes::copy_from_slice(payload) }
}

async fn heard(track: Option<&Arc<dyn TrackRemote>>) -> Option<TrackRemoteEvent> {
    match track {
        Some(track) => track.poll().await,
        None => std::future::pending().await,
    }
}

/// What the browser reports of our sound.
async fn reported(connection: Option<&Connection>) -> Vec<Box<dyn rtcp::Packet>> {
    match connection {
        Some(connection) => match connection.local.poll().await {
            Some(TrackLocalEvent::OnRtcpPacket(packets)) => packets,
            _ => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

async fn told(news: Option<&mut mpsc::Receiver<News>>) -> News {
    let news = match news {
        Some(news) => news.recv().await,
        None => None,
    };
    match news {
        Some(news) => news,
        None => std::future::pending().await,
    }
}
