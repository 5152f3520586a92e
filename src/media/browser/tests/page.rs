//! A browser without a screen: the `webrtc` crate as it comes, with sockets of its own and full ICE. It says a tone and
//! presses keys, and hears what it is sent. Knows nothing of the house, so that the bench can have it too.

use std::f64::consts::TAU;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rtc::ice::mdns::MulticastDnsMode;
use rtc::peer_connection::configuration::RTCOfferOptions;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use tokio::sync::mpsc;
use webrtc::media_stream::MediaStreamTrack;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCIceGatheringState, RTCPeerConnectionState, Registry, SettingEngineBuilder,
};

const WAIT: Duration = Duration::from_secs(20);
pub const SSRC: u32 = 0x0B40_53E4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    G711,
    Opus,
    /// As browsers offer them: Opus first.
    Both,
}

pub enum News {
    Heard(rtp::Packet),
    State(RTCPeerConnectionState),
    Gathered,
}

pub struct Page {
    /// How it numbers G.711 that it sends: 8 A-law, 0 µ-law.
    pub law: u8,
    peer: Arc<dyn PeerConnection>,
    local: Arc<TrackLocalStaticRTP>,
    pub news: mpsc::UnboundedReceiver<News>,
    sequence: u16,
    timestamp: u32,
    encoder: Option<opus_pure::OpusEncoder>,
    decoder: opus_pure::OpusDecoder,
}

impl Page {
    pub async fn open(speaks: Speaks) -> Page {
        let mut engine = MediaEngine::default();
        let plain =
            [(8, "audio/PCMA", 8_000, 1), (0, "audio/PCMU", 8_000, 1), (126, "audio/telephone-event", 8_000, 1)];
        let opus = [(111, "audio/opus", 48_000, 2), (110, "audio/telephone-event", 48_000, 1)];
        let (first, second) = match speaks {
            Speaks::G711 => (&plain[..], &[][..]),
            Speaks::Opus => (&opus[..], &[][..]),
            Speaks::Both => (&opus[..], &plain[..]),
        };
        for (payload_type, mime_type, clock_rate, channels) in first.iter().chain(second) {
            let (clock_rate, channels) = (*clock_rate, *channels);
            let rtp_codec = RTCRtpCodec { mime_type: (*mime_type).into(), clock_rate, channels, ..Default::default() };
            let codec = RTCRtpCodecParameters { rtp_codec, payload_type: *payload_type };
            engine.register_codec(codec, RtpCodecKind::Audio).expect("a codec");
        }
        let settings = SettingEngineBuilder::new()
            .with_multicast_dns_mode(MulticastDnsMode::Disabled)
            .with_include_loopback_candidate(true)
            .build();
        let (tell, news) = mpsc::unbounded_channel();
        let peer = PeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().build())
            .with_media_engine(engine)
            .with_setting_engine(settings)
            .with_interceptor_registry(Registry::new())
            .with_handler(Arc::new(Handler(tell)))
            .with_udp_addrs(vec!["127.0.0.1:0"])
            .build()
            .await
            .expect("a connection");
        let coding = RTCRtpCodingParameters { ssrc: Some(SSRC), ..Default::default() };
        let encoding = RTCRtpEncodingParameters { rtp_coding_parameters: coding, active: true, ..Default::default() };
        let track =
            MediaStreamTrack::new("page".into(), "mike".into(), "mike".into(), RtpCodecKind::Audio, vec![encoding]);
        let local = Arc::new(TrackLocalStaticRTP::new(track));
        peer.add_track(local.clone()).await.expect("a track");
        let encoder = || opus_pure::OpusEncoder::new(48_000, 1, opus_pure::Application::Voip).expect("opus");
        let encoder = (speaks == Speaks::Opus).then(encoder);
        let decoder = opus_pure::OpusDecoder::new(8_000, 1).expect("opus");
        Page { law: 8, peer: Arc::new(peer), local, news, sequence: 1, timestamp: 1, encoder, decoder }
    }

    /// An offer with all candidates; `restart`: of ICE.
    pub async fn offer(&mut self, restart: bool) -> String {
        let options = restart.then_some(RTCOfferOptions { ice_restart: true });
        let offer = self.peer.create_offer(options).await.expect("an offer");
        self.describe(offer).await
    }

    pub async fn answer(&mut self, offer: String) -> String {
        self.peer.set_remote_description(RTCSessionDescription::offer(offer).expect("an offer")).await.expect("taken");
        let answer = self.peer.create_answer(None).await.expect("an answer");
        self.describe(answer).await
    }

    pub async fn accept(&self, answer: String) {
        let answer = RTCSessionDescription::answer(answer).expect("an answer");
        self.peer.set_remote_description(answer).await.expect("taken");
    }

    async fn describe(&mut self, description: RTCSessionDescription) -> String {
        self.peer.set_local_description(description).await.expect("ours");
        self.until("candidates", |news| matches!(news, News::Gathered).then_some(())).await;
        self.peer.local_description().await.expect("ours").sdp
    }

    pub async fn until<T>(&mut self, what: &str, pick: impl Fn(News) -> Option<T>) -> T {
        let found = async {
            loop {
                if let Some(found) = pick(self.news.recv().await.expect("news")) {
                    return found;
                }
            }
        };
        tokio::time::timeout(WAIT, found).await.unwrap_or_else(|_| panic!("{what} did not come"))
    }

    pub async fn connected(&mut self) {
        let is = |news| matches!(news, News::State(RTCPeerConnectionState::Connected)).then_some(());
        self.until("the connection", is).await;
    }

    /// 20 ms of a tone, at once.
    pub async fn say(&mut self, hz: u32) {
        let (payload_type, rate) = if self.encoder.is_some() { (111, 48_000) } else { (self.law, 8_000) };
        let length = rate / 50;
        let sample = |n: u32| (f64::from(self.timestamp.wrapping_add(n)) * f64::from(hz) * TAU / f64::from(rate)).sin();
        let samples: Vec<i16> = (0..length).map(|n| (sample(n) * 8192.0) as i16).collect();
        let payload = match &mut self.encoder {
            Some(encoder) => {
                let mut packet = [0; 1000];
                let length = encoder.encode_s16(&samples, samples.len(), &mut packet).expect("opus");
                packet[..length].to_vec()
            }
            None => samples.iter().map(|sample| to_law(self.law, *sample)).collect(),
        };
        self.send(payload_type, self.timestamp, payload).await;
        self.timestamp += length;
    }

    /// A key, as browsers send them: three packets while it is pressed, three at its end.
    pub async fn press(&mut self, key: u8) {
        let (payload_type, step) = if self.encoder.is_some() { (110, 960) } else { (126, 160) };
        for n in 1..=6_u16 {
            let ends = n >= 4;
            let duration = (step * n.min(4)).to_be_bytes();
            let payload = vec![key, if ends { 0x8A } else { 0x0A }, duration[0], duration[1]];
            self.send(payload_type, self.timestamp, payload).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.timestamp += 4 * u32::from(step);
    }

    async fn send(&mut self, payload_type: u8, timestamp: u32, payload: Vec<u8>) {
        let sequence_number = self.sequence;
        self.sequence = self.sequence.wrapping_add(1);
        let header =
            rtp::Header { version: 2, payload_type, sequence_number, timestamp, ssrc: SSRC, ..Default::default() };
        let _ = self.local.write_rtp(rtp::Packet { header, payload: Bytes::from(payload) }).await;
    }

    /// A packet of sound as samples at 8 kHz.
    pub fn decode(&mut self, packet: &rtp::Packet) -> Vec<i16> {
        match packet.header.payload_type {
            law @ (0 | 8) => packet.payload.iter().map(|byte| from_law(law, *byte)).collect(),
            111 => {
                let mut samples = [0; 960];
                let length = self.decoder.decode_s16(&packet.payload, 960, &mut samples);
                samples[..length.expect("opus")].to_vec()
            }
            _ => Vec::new(),
        }
    }

    pub async fn close(self) {
        self.peer.close().await.expect("closed");
    }
}

struct Handler(mpsc::UnboundedSender<News>);

type Later<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

impl PeerConnectionEventHandler for Handler {
    fn on_ice_gathering_state_change<'a, 'b>(&'a self, state: RTCIceGatheringState) -> Later<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        if state == RTCIceGatheringState::Complete {
            let _ = self.0.send(News::Gathered);
        }
        Box::pin(std::future::ready(()))
    }

    fn on_connection_state_change<'a, 'b>(&'a self, state: RTCPeerConnectionState) -> Later<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        let _ = self.0.send(News::State(state));
        Box::pin(std::future::ready(()))
    }

    fn on_track<'a, 'b>(&'a self, track: Arc<dyn TrackRemote>) -> Later<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        let tell = self.0.clone();
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event
                    && tell.send(News::Heard(packet)).is_err()
                {
                    break;
                }
            }
        });
        Box::pin(std::future::ready(()))
    }
}

/// ITU-T G.711 by its definition; `law`: its static number.
pub fn to_law(law: u8, sample: i16) -> u8 {
    (0..=255_u8).min_by_key(|byte| (i32::from(from_law(law, *byte)) - i32::from(sample)).abs()).unwrap_or(0xD5)
}

pub fn from_law(law: u8, byte: u8) -> i16 {
    let value = if law == 0 { !byte } else { byte ^ 0x55 };
    let (exponent, mantissa) = (i32::from(value >> 4 & 7), i32::from(value & 15));
    let magnitude = match (law, exponent) {
        (0, _) => ((mantissa * 8 + 132) << exponent) - 132,
        (_, 0) => mantissa * 16 + 8,
        _ => (mantissa * 16 + 264) << (exponent - 1),
    };
    // The sign of µ-law is turned over with all its bits.
    (if (value & 0x80 != 0) == (law == 0) { -magnitude } else { magnitude }) as i16
}

/// The share of the energy that is at `hz` (Goertzel); 0 for silence.
pub fn share(samples: &[i16], hz: u32) -> f64 {
    let energy: f64 = samples.iter().map(|x| f64::from(*x).powi(2)).sum();
    if energy < 200.0 * 200.0 * samples.len() as f64 {
        return 0.0;
    }
    let step = TAU * f64::from(hz) / 8_000.0;
    let (mut re, mut im) = (0.0, 0.0);
    for (n, x) in samples.iter().enumerate() {
        re += f64::from(*x) * (step * n as f64).cos();
        im += f64::from(*x) * (step * n as f64).sin();
    }
    2.0 * (re * re + im * im) / (samples.len() as f64 * energy)
}
