//! The sound of everybody: one socket, one thread. Each leg sends a packet every 20 ms that says who sent it, which
//! of theirs it is and when; who receives it knows what was lost and how long the rest was under way.
//!
//! The hotline's sockets differ for each leg, so the address a packet comes from tells whose it is.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::delays::Delays;
use super::tone::{self, FRAME, TONE};
use crate::app::clock::Clock;
use crate::media::dtmf::event_code;
use crate::media::ports::widen;
use crate::moment::Moment;

const TICK: Duration = Duration::from_millis(20);
/// Legs are sent in so many groups, one after the other, so that no burst meets the hotline.
const GROUPS: usize = 20;
const HEADER: usize = 12;
const PCMA: u8 = 8;
const MAGIC: [u8; 8] = *b"HotLoad1";
/// Magic, who, which, when, and the sum of it all: what plays beside a voice changes some of it.
const MARK: usize = 8 + 4 + 4 + 8 + SUM;
const SUM: usize = 4;
/// So many packets with the tone in a row are somebody's voice beneath an announcement.
const IS_A_VOICE: u8 = 3;
/// As large as the system allows: a second of a thousand legs.
const BUFFER: usize = 16 * 1024 * 1024;
/// A key is pressed for five packets, its end is sent three times (RFC 4733 §2.5.1.4), and a pause follows.
const PRESS: u16 = 5;
const ENDS: u16 = 3;
const KEY_EVERY: u16 = 15;

/// One party's sound in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Voice(pub u32);

enum Order {
    Open {
        voice: Voice,
        remote: SocketAddr,
        keys: Option<u8>,
        heard: oneshot::Sender<()>,
    },
    Press {
        voice: Voice,
        keys: String,
    },
    /// Sends nothing more, as a phone whose cable was pulled.
    Mute {
        voice: Voice,
    },
    Close {
        voice: Voice,
        told: oneshot::Sender<Option<Heard>>,
    },
    Delays {
        told: oneshot::Sender<Delays>,
    },
}

/// What one leg heard.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Heard {
    /// Packets of another party that should have come, and that came, but those beside which something was played.
    pub due: u64,
    pub came: u64,
    /// Packets of music and announcements, alone or beside somebody.
    pub others: u64,
}

impl Heard {
    pub fn add(&mut self, other: Heard) {
        self.due += other.due;
        self.came += other.came;
        self.others += other.others;
    }
}

/// Speaks to the thread.
#[derive(Clone)]
pub struct Sound {
    orders: Sender<Order>,
    pub address: SocketAddr,
}

impl Sound {
    pub fn start(ip: IpAddr, clock: Clock) -> std::io::Result<(Sound, JoinHandle<()>)> {
        let socket = UdpSocket::bind((ip, 0))?;
        widen(&socket, BUFFER);
        let address = socket.local_addr()?;
        let (orders, received) = channel();
        let mixer = Booth {
            socket,
            orders: received,
            clock,
            voices: HashMap::new(),
            index: HashMap::new(),
            delays: Delays::default(),
        };
        let thread = std::thread::Builder::new().name("sound".into()).spawn(move || mixer.run())?;
        Ok((Sound { orders, address }, thread))
    }

    /// Begins to send; the other party's voice is told as soon as it is heard.
    pub fn open(&self, voice: Voice, remote: SocketAddr, keys: Option<u8>) -> oneshot::Receiver<()> {
        let (heard, hears) = oneshot::channel();
        let _ = self.orders.send(Order::Open { voice, remote, keys, heard });
        hears
    }

    pub fn press(&self, voice: Voice, keys: &str) {
        let _ = self.orders.send(Order::Press { voice, keys: keys.to_string() });
    }

    pub fn mute(&self, voice: Voice) {
        let _ = self.orders.send(Order::Mute { voice });
    }

    /// `None`: there was no such leg.
    pub async fn close(&self, voice: Voice) -> Option<Heard> {
        let (told, tells) = oneshot::channel();
        let _ = self.orders.send(Order::Close { voice, told });
        tells.await.ok().flatten()
    }

    pub async fn delays(&self) -> Delays {
        let (told, tells) = oneshot::channel();
        let _ = self.orders.send(Order::Delays { told });
        tells.await.unwrap_or_default()
    }
}

struct Booth {
    socket: UdpSocket,
    orders: Receiver<Order>,
    clock: Clock,
    voices: HashMap<Voice, Speaking>,
    index: HashMap<SocketAddr, Voice>,
    delays: Delays,
}

struct Speaking {
    remote: SocketAddr,
    sequence: u16,
    timestamp: u32,
    count: u32,
    muted: bool,
    key_type: Option<u8>,
    keys: Vec<u8>,
    pressing: u16,
    pressed_at: u32,
    tell: Option<oneshot::Sender<()>>,
    /// Packets in a row that had the tone, and no mark that could be read.
    beneath: u8,
    /// Whom it hears, and the number of their last packet that came.
    from: Option<(u32, u32)>,
    /// Packets since then that were not theirs alone.
    beside: u32,
    heard: Heard,
}

impl Booth {
    fn run(mut self) {
        let mut group = 0;
        let step = TICK / GROUPS as u32;
        let mut due = self.clock.now() + step;
        loop {
            if !self.take_orders() {
                return;
            }
            self.listen(due);
            let now = self.clock.now();
            // Whoever was held up goes on from here: a burst would only measure this machine.
            due = if now.since(due) > TICK { now + step } else { due + step };
            group = (group + 1) % GROUPS;
            for (voice, speaking) in &mut self.voices {
                if voice.0 as usize % GROUPS == group {
                    speaking.speak(&self.socket, *voice, self.clock.now());
                }
            }
        }
    }

    fn take_orders(&mut self) -> bool {
        loop {
            match self.orders.try_recv() {
                Ok(order) => self.obey(order),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Open { voice, remote, keys, heard } => {
                self.index.insert(remote, voice);
                self.voices.insert(voice, Speaking::new(remote, keys, heard));
            }
            Order::Press { voice, keys } => {
                if let Some(speaking) = self.voices.get_mut(&voice) {
                    speaking.keys.extend(keys.chars().rev().filter_map(event_code));
                }
            }
            Order::Mute { voice } => {
                if let Some(speaking) = self.voices.get_mut(&voice) {
                    speaking.muted = true;
                }
            }
            Order::Close { voice, told } => {
                let gone = self.voices.remove(&voice);
                if let Some(gone) = &gone
                    && self.index.get(&gone.remote) == Some(&voice)
                {
                    self.index.remove(&gone.remote);
                }
                let _ = told.send(gone.map(|gone| gone.heard));
            }
            Order::Delays { told } => {
                let _ = told.send(std::mem::take(&mut self.delays));
            }
        }
    }

    fn listen(&mut self, until: Moment) {
        let mut packet = [0; 2048];
        loop {
            let left = until.since(self.clock.now());
            if left.is_zero() {
                return;
            }
            // A timeout of zero would mean for ever.
            let _ = self.socket.set_read_timeout(Some(left.max(Duration::from_micros(100))));
            match self.socket.recv_from(&mut packet) {
                Ok((length, from)) => self.hear(from, &packet[..length]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return,
                Err(_) => {}
            }
        }
    }

    fn hear(&mut self, from: SocketAddr, packet: &[u8]) {
        let Some(speaking) = self.index.get(&from).and_then(|voice| self.voices.get_mut(voice)) else { return };
        let Some((who, which, at)) = packet.get(HEADER..).and_then(read_mark) else {
            return speaking.hears_others(packet.get(HEADER..).unwrap_or_default());
        };
        self.delays.add(self.clock.now().since(at));
        speaking.hears(who, which);
    }
}

fn mark(voice: Voice, count: u32, now: Moment) -> [u8; MARK] {
    let mut mark = [0; MARK];
    mark[..8].copy_from_slice(&MAGIC);
    mark[8..12].copy_from_slice(&voice.0.to_be_bytes());
    mark[12..16].copy_from_slice(&count.to_be_bytes());
    mark[16..24].copy_from_slice(&now.as_micros().to_be_bytes());
    let sum = sum(&mark[..24]);
    mark[24..].copy_from_slice(&sum);
    mark
}

fn sum(of: &[u8]) -> [u8; SUM] {
    let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(of));
    [a, b, c, d]
}

fn read_mark(payload: &[u8]) -> Option<(u32, u32, Moment)> {
    let (said, its_sum) = payload.get(..MARK)?.split_at(MARK - SUM);
    let rest = said.strip_prefix(&MAGIC).filter(|_| sum(said) == its_sum)?;
    let (who, rest) = rest.split_first_chunk()?;
    let (which, rest) = rest.split_first_chunk()?;
    let at = rest.first_chunk()?;
    Some((u32::from_be_bytes(*who), u32::from_be_bytes(*which), Moment::from_micros(u64::from_be_bytes(*at))))
}

impl Speaking {
    fn new(remote: SocketAddr, key_type: Option<u8>, tell: oneshot::Sender<()>) -> Self {
        Speaking {
            remote,
            sequence: 0,
            timestamp: 0,
            count: 0,
            muted: false,
            key_type,
            keys: Vec::new(),
            pressing: 0,
            pressed_at: 0,
            tell: Some(tell),
            beneath: 0,
            from: None,
            beside: 0,
            heard: Heard::default(),
        }
    }

    /// Music or an announcement, alone or with somebody beneath it.
    fn hears_others(&mut self, sound: &[u8]) {
        self.heard.others += 1;
        self.beside += 1;
        if self.tell.is_some() {
            self.beneath = if tone::is_in(sound) { self.beneath + 1 } else { 0 };
            if self.beneath == IS_A_VOICE {
                self.hears_a_voice();
            }
        }
    }

    fn hears_a_voice(&mut self) {
        if let Some(tell) = self.tell.take() {
            let _ = tell.send(());
        }
    }

    fn hears(&mut self, who: u32, which: u32) {
        self.hears_a_voice();
        let beside = std::mem::take(&mut self.beside);
        self.heard.due += u64::from(match &mut self.from {
            Some((from, last)) if *from == who => {
                let since = which.saturating_sub(*last);
                *last = (*last).max(which);
                since - beside.min(since.saturating_sub(1))
            }
            other => {
                *other = Some((who, which));
                1
            }
        });
        self.heard.came += 1;
    }

    /// The packet of this tick.
    fn speak(&mut self, socket: &UdpSocket, voice: Voice, now: Moment) {
        if self.muted {
            return;
        }
        let mut packet = [0; HEADER + FRAME];
        packet[HEADER..].copy_from_slice(TONE.as_slice());
        let (kind, timestamp, marker, length) = match self.key() {
            Some((kind, body, first)) => {
                packet[HEADER..HEADER + 4].copy_from_slice(&body);
                (kind, self.pressed_at, first, 4)
            }
            None => {
                packet[HEADER..HEADER + MARK].copy_from_slice(&mark(voice, self.count, now));
                self.count += 1;
                (PCMA, self.timestamp, self.sequence == 0, FRAME)
            }
        };
        packet[0] = 0x80;
        packet[1] = kind | u8::from(marker) << 7;
        packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
        packet[8..12].copy_from_slice(&voice.0.to_be_bytes());
        let _ = socket.send_to(&packet[..HEADER + length], self.remote);
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(FRAME as u32);
    }

    /// What a key that is being pressed sends now: payload type, event, and whether it is its first packet.
    fn key(&mut self) -> Option<(u8, [u8; 4], bool)> {
        let (kind, event) = (self.key_type?, *self.keys.last()?);
        let step = self.pressing;
        self.pressing += 1;
        if self.pressing == KEY_EVERY {
            self.pressing = 0;
            self.keys.pop();
        }
        if step == 0 {
            self.pressed_at = self.timestamp;
        }
        if step >= PRESS + ENDS {
            return None;
        }
        let ended = step >= PRESS;
        let [high, low] = ((step.min(PRESS - 1) + 1) * FRAME as u16).to_be_bytes();
        Some((kind, [event, u8::from(ended) << 7 | 10, high, low], step == 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written_and_nothing_else_is_one() {
        let now = Moment::from_micros(1_234_567);
        assert_eq!(read_mark(&mark(Voice(7), 9, now)), Some((7, 9, now)));
        assert_eq!(read_mark(TONE.as_slice()), None);
        assert_eq!(read_mark(&MAGIC), None);
        for changed in 0..MARK {
            let mut mark = mark(Voice(7), 9, now);
            mark[changed] ^= 1;
            assert_eq!(read_mark(&mark), None, "{changed}");
        }
    }

    #[test]
    fn what_is_missing_between_the_first_and_the_last_was_lost() {
        let (tell, mut told) = oneshot::channel();
        let mut speaking = Speaking::new("127.0.0.1:9".parse().unwrap(), None, tell);
        for (who, which) in [(1, 5), (1, 6), (1, 9), (1, 8), (2, 100), (2, 103)] {
            speaking.hears(who, which);
        }
        assert_eq!(told.try_recv(), Ok(()));
        assert_eq!(speaking.heard, Heard { due: 5 + 4, came: 6, others: 0 });
    }

    #[test]
    fn what_is_played_beside_a_voice_is_not_lost() {
        let (tell, _told) = oneshot::channel();
        let mut speaking = Speaking::new("127.0.0.1:9".parse().unwrap(), None, tell);
        (0..50).for_each(|_| speaking.hears_others(&[]));
        speaking.hears(1, 7);
        (0..3).for_each(|_| speaking.hears_others(&[]));
        // Of 8 to 12 three came beside something, and two did not come.
        speaking.hears(1, 13);
        assert_eq!(speaking.heard, Heard { due: 1 + 3, came: 2, others: 53 });
    }

    #[test]
    fn a_voice_beneath_an_announcement_is_heard_at_once_and_a_moment_of_the_tone_is_none() {
        let (tell, mut told) = oneshot::channel();
        let mut speaking = Speaking::new("127.0.0.1:9".parse().unwrap(), None, tell);
        for has_tone in [true, true, false, true, true] {
            speaking.hears_others(if has_tone { TONE.as_slice() } else { &[] });
        }
        assert!(told.try_recv().is_err());
        speaking.hears_others(TONE.as_slice());
        assert_eq!(told.try_recv(), Ok(()));
        assert_eq!(speaking.heard, Heard { due: 0, came: 0, others: 6 });
    }

    #[test]
    fn a_key_is_pressed_ended_three_times_and_followed_by_a_pause() {
        let (tell, _told) = oneshot::channel();
        let mut speaking = Speaking::new("127.0.0.1:9".parse().unwrap(), Some(101), tell);
        speaking.keys = vec![2, 1];
        let sent: Vec<_> = (0..2 * KEY_EVERY).map(|_| speaking.key()).collect();
        let events: Vec<u8> = sent.iter().flatten().map(|(_, body, _)| body[0]).collect();
        assert_eq!(events, [[1; 8], [2; 8]].concat());
        let ends = sent.iter().flatten().filter(|(_, body, _)| body[1] & 0x80 != 0).count();
        assert_eq!(ends, 6);
        assert_eq!(speaking.key(), None);
    }
}
