//! One connection with a browser: the `webrtc` crate's, with nothing in it that a call does not need.
//!
//! It is told of the browser in descriptions of ours, one stream with what was agreed on: what browsers write, and
//! what changes when a call is held, never gets here.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rtc::ice::mdns::MulticastDnsMode;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::transport::RTCDtlsRole;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use tokio::sync::mpsc;
use webrtc::error::{Error, Result};
use webrtc::media_stream::MediaStreamTrack;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCPeerConnectionState, Registry, SettingEngine, SettingEngineBuilder,
};

use super::line::Line;
use super::negotiation::{Setup, Talk, Theirs, Voice};
use super::port::Inbox;
use super::room::Shared;
use crate::media::sdp;
use crate::media::words::Codec;

/// Packets that may come in any order, RFC 3711 §3.3.2.
const REPLAY_WINDOW: usize = 128;
/// What a connection says of itself and was not read yet.
const NEWS: usize = 16;

pub enum News {
    /// The browser's sound.
    Track(Arc<dyn TrackRemote>),
    State(RTCPeerConnectionState),
}

pub struct Connection {
    pub inbox: Arc<Inbox>,
    pub local: Arc<TrackLocalStaticRTP>,
    pub ufrag: String,
    pub password: String,
    peer: Arc<dyn PeerConnection>,
    mid: String,
    /// What it was told of the browser last; nothing while an offer of ours is out.
    told: Option<(Theirs, Vec<Talk>)>,
}

/// A connection, and what it will say of itself.
pub type Fresh = (Connection, mpsc::Receiver<News>);

impl Connection {
    /// A connection that makes the offer.
    pub async fn offering(shared: &Shared, number: u64, ssrc: u32, talks: &[Talk]) -> Result<Fresh> {
        let (mut connection, news) = Self::open(shared, number, ssrc, talks, RTCDtlsRole::Server).await?;
        let offered = connection.offer(shared).await;
        connection.or_closed(shared, offered).await.map(|connection| (connection, news))
    }

    /// A connection that answers.
    pub async fn answering(shared: &Shared, number: u64, ssrc: u32, theirs: &Theirs, talk: Talk) -> Result<Fresh> {
        let role = if theirs.setup == Setup::Passive { RTCDtlsRole::Client } else { RTCDtlsRole::Server };
        let (mut connection, news) = Self::open(shared, number, ssrc, &[talk], role).await?;
        let answered = connection.answer(shared, theirs, &[talk]).await;
        connection.or_closed(shared, answered).await.map(|connection| (connection, news))
    }

    async fn or_closed(self, shared: &Shared, outcome: Result<()>) -> Result<Self> {
        match outcome {
            Ok(()) => Ok(self),
            Err(error) => {
                self.close(shared).await;
                Err(error)
            }
        }
    }

    async fn offer(&mut self, shared: &Shared) -> Result<()> {
        let offer = self.peer.create_offer(None).await?;
        self.peer.set_local_description(offer.clone()).await?;
        self.read(shared, &offer.sdp)
    }

    async fn open(shared: &Shared, number: u64, ssrc: u32, talks: &[Talk], role: RTCDtlsRole) -> Result<Fresh> {
        let inbox = shared.port.inbox(number);
        let line = Line { port: shared.port.clone(), inbox: inbox.clone() };
        let (tell, news) = mpsc::channel(NEWS);
        let configuration = RTCConfigurationBuilder::new().with_certificates(vec![shared.certificate.clone()]).build();
        // For its address alone: see `Line`.
        let named = match shared.address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        };
        let peer = PeerConnectionBuilder::new()
            .with_configuration(configuration)
            .with_media_engine(codecs(talks)?)
            .with_setting_engine(settings(role))
            .with_interceptor_registry(Registry::new())
            .with_runtime(Arc::new(line))
            .with_handler(Arc::new(Handler { tell }))
            .with_udp_addrs(vec![SocketAddr::new(named, 0)])
            .build()
            .await?;
        let peer: Arc<dyn PeerConnection> = Arc::new(peer);
        let coding = RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() };
        let encoding = RTCRtpEncodingParameters { rtp_coding_parameters: coding, active: true, ..Default::default() };
        let name = || "sound".to_string();
        let track = MediaStreamTrack::new("hotline".into(), name(), name(), RtpCodecKind::Audio, vec![encoding]);
        let local = Arc::new(TrackLocalStaticRTP::new(track));
        peer.add_track(local.clone()).await?;
        let (ufrag, password, mid) = (String::new(), String::new(), String::new());
        Ok((Self { inbox, local, ufrag, password, peer, mid, told: None }, news))
    }

    /// Whether the browser at the other end is the one that was told of: another certificate is another browser.
    pub fn knows(&self, theirs: &Theirs) -> bool {
        self.told.as_ref().is_none_or(|(told, _)| told.fingerprint == theirs.fingerprint)
    }

    pub fn is_offering(&self) -> bool {
        self.told.is_none()
    }

    /// Takes their description, and is what they hear of from now on. A new user fragment restarts ICE.
    pub async fn answer(&mut self, shared: &Shared, theirs: &Theirs, talks: &[Talk]) -> Result<()> {
        if self.told.as_ref().is_some_and(|(told, known)| told == theirs && known == talks) {
            return Ok(());
        }
        let mid = if self.mid.is_empty() { "0" } else { &self.mid };
        let offer = RTCSessionDescription::offer(described(theirs, talks, mid))?;
        self.peer.set_remote_description(offer).await?;
        let answer = self.peer.create_answer(None).await?;
        self.peer.set_local_description(answer.clone()).await?;
        self.read(shared, &answer.sdp)?;
        self.told = Some((theirs.clone(), talks.to_vec()));
        Ok(())
    }

    /// Takes their answer to the offer.
    pub async fn answered(&mut self, theirs: &Theirs, talks: &[Talk]) -> Result<()> {
        let answer = RTCSessionDescription::answer(described(theirs, talks, &self.mid))?;
        self.peer.set_remote_description(answer).await?;
        self.told = Some((theirs.clone(), talks.to_vec()));
        Ok(())
    }

    /// Our half of ICE, as the crate made it up.
    fn read(&mut self, shared: &Shared, sdp: &str) -> Result<()> {
        let ours = sdp::read(sdp.as_bytes()).map_err(Error::Other)?;
        let Some(media) = ours.media.into_iter().next() else { return Err(Error::Other("no m= line".into())) };
        let secure = media.secure;
        let (Some(ufrag), Some(password), Some(mid)) =
            (secure.ufrag.or(ours.secure.ufrag), secure.password.or(ours.secure.password), media.mid)
        else {
            return Err(Error::Other("no ICE credentials".into()));
        };
        shared.port.name(&self.inbox, &ufrag);
        (self.ufrag, self.password, self.mid) = (ufrag, password, mid);
        Ok(())
    }

    /// Nothing of it is left afterwards. A connection that is only dropped leaves its tasks behind.
    pub async fn close(self, shared: &Shared) {
        if let Err(error) = self.peer.close().await {
            tracing::debug!(%error, "a browser's connection did not close");
        }
        shared.port.forget(&self.inbox);
    }
}

fn codec(talk: &Talk) -> RTCRtpCodecParameters {
    let (mime_type, clock_rate, channels) = match talk.voice {
        Voice::G711(Codec::Pcmu) => ("audio/PCMU", 8_000, 1),
        Voice::G711(_) => ("audio/PCMA", 8_000, 1),
        Voice::Opus => ("audio/opus", 48_000, 2),
    };
    let rtp_codec = RTCRtpCodec { mime_type: mime_type.into(), clock_rate, channels, ..Default::default() };
    RTCRtpCodecParameters { rtp_codec, payload_type: talk.payload_type }
}

fn keys(talk: &Talk) -> Option<RTCRtpCodecParameters> {
    let clock_rate = codec(talk).rtp_codec.clock_rate;
    let mime_type = "audio/telephone-event".to_string();
    let rtp_codec = RTCRtpCodec { mime_type, clock_rate, channels: 1, ..Default::default() };
    Some(RTCRtpCodecParameters { rtp_codec, payload_type: talk.keys? })
}

fn other(talk: &Talk) -> Option<RTCRtpCodecParameters> {
    talk.other.map(|(payload_type, law)| codec(&Talk { voice: Voice::G711(law), payload_type, ..*talk }))
}

/// Every number once.
fn numbers(talks: &[Talk]) -> Vec<RTCRtpCodecParameters> {
    let mut all: Vec<RTCRtpCodecParameters> = Vec::new();
    for codec in talks.iter().map(codec).chain(talks.iter().filter_map(other)).chain(talks.iter().filter_map(keys)) {
        if all.iter().all(|known| known.payload_type != codec.payload_type) {
            all.push(codec);
        }
    }
    all
}

fn codecs(talks: &[Talk]) -> Result<MediaEngine> {
    let mut engine = MediaEngine::default();
    for codec in numbers(talks) {
        engine.register_codec(codec, RtpCodecKind::Audio)?;
    }
    Ok(engine)
}

/// ICE-lite, without timeouts of its own: whether the browser still wants to hear us is watched by the session.
fn settings(role: RTCDtlsRole) -> SettingEngine {
    const NEVER: Option<Duration> = Some(Duration::ZERO);
    SettingEngineBuilder::new()
        .with_lite(true)
        .with_ice_timeouts(NEVER, NEVER, NEVER)
        .with_answering_dtls_role(role)
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        .with_include_loopback_candidate(true)
        .with_srtp_replay_protection_window(REPLAY_WINDOW)
        .with_srtcp_replay_protection_window(REPLAY_WINDOW)
        .build()
}

/// The browser in our words. No candidates: it finds us, and its address is learnt then.
fn described(theirs: &Theirs, talks: &[Talk], mid: &str) -> String {
    let numbers = numbers(talks);
    let list: Vec<String> = numbers.iter().map(|codec| codec.payload_type.to_string()).collect();
    let maps: String = numbers
        .iter()
        .map(|codec| {
            let RTCRtpCodec { mime_type, clock_rate, channels, .. } = &codec.rtp_codec;
            let name = mime_type.trim_start_matches("audio/");
            let channels = if *channels == 2 { "/2" } else { "" };
            format!("a=rtpmap:{} {name}/{clock_rate}{channels}\r\n", codec.payload_type)
        })
        .collect();
    let setup = match theirs.setup {
        Setup::Active => "active",
        Setup::Passive => "passive",
        Setup::Either => "actpass",
    };
    let source = theirs.ssrc.map_or(String::new(), |ssrc| format!("a=ssrc:{ssrc} cname:browser\r\n"));
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {mid}\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF {}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\n\
         a=fingerprint:{}\r\na=setup:{setup}\r\na=rtcp-mux\r\n{maps}a=sendrecv\r\na=msid:browser sound\r\n{source}",
        list.join(" "),
        theirs.ufrag,
        theirs.password,
        theirs.fingerprint
    )
}

struct Handler {
    tell: mpsc::Sender<News>,
}

impl Handler {
    /// Waits where the session is busy: a track that was never told of would not be heard.
    fn tell<'a>(&'a self, news: News) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async move {
            let _ = self.tell.send(news).await;
        })
    }
}

impl PeerConnectionEventHandler for Handler {
    fn on_track<'a, 'b>(&'a self, track: Arc<dyn TrackRemote>) -> Pin<Box<dyn Future<Output = ()> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        self.tell(News::Track(track))
    }

    fn on_connection_state_change<'a, 'b>(
        &'a self,
        state: RTCPeerConnectionState,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        self.tell(News::State(state))
    }
}
