//! The worker's end of a recording: what is heard goes into a ring that never grows. If it is full, because the disk
//! stalls, what finds no room is counted, and is silence in the file.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use crate::media::g711::FRAME;
use crate::media::words::{Codec, Sides};
use crate::moment::Moment;

/// Pieces that may wait: five seconds of two who speak.
pub(super) const WAITING: usize = 512;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// The caller.
    Left,
    /// Whoever speaks to the caller.
    Right,
}

/// At most 20 ms of sound.
pub struct Piece {
    pub at: Moment,
    pub channel: Channel,
    /// Whose clock the timestamp is of.
    pub source: u64,
    pub timestamp: u32,
    pub codec: Codec,
    pub length: usize,
    pub sound: [u8; FRAME],
}

impl Piece {
    pub fn sound(&self) -> &[u8] {
        &self.sound[..self.length.min(FRAME)]
    }
}

pub struct Tap {
    pieces: Option<SyncSender<Piece>>,
    sides: Sides,
    /// Nothing is handed on.
    pub paused: bool,
    /// Samples that found no room.
    pub lost: Arc<AtomicU64>,
}

impl Tap {
    pub fn new(sides: Sides, waiting: usize) -> (Tap, Receiver<Piece>) {
        let (pieces, received) = sync_channel(waiting);
        (Tap { pieces: Some(pieces), sides, paused: false, lost: Arc::default() }, received)
    }

    /// Of a talk only what the other side hears is recorded.
    pub fn hears_all(&self) -> bool {
        self.sides == Sides::CallerAlone
    }

    /// A packet of somebody's.
    pub fn hear(&mut self, channel: Channel, at: Moment, ssrc: u32, timestamp: u32, codec: Codec, payload: &[u8]) {
        self.put(channel, at, u64::from(ssrc), timestamp, codec, payload);
    }

    /// 20 ms of several who hear each other.
    pub fn hear_mixed(&mut self, channel: Channel, at: Moment, payload: &[u8]) {
        /// No packet has this source.
        const MIX: u64 = 1 << 32;
        const MICROS_A_SAMPLE: u64 = 125;
        self.put(channel, at, MIX, (at.as_micros() / MICROS_A_SAMPLE) as u32, Codec::Pcma, payload);
    }

    fn put(&mut self, channel: Channel, at: Moment, source: u64, timestamp: u32, codec: Codec, payload: &[u8]) {
        let Some(pieces) = self.pieces.as_ref().filter(|_| !self.paused) else { return };
        let mut timestamp = timestamp;
        for part in payload.chunks(FRAME) {
            let mut sound = [0; FRAME];
            sound[..part.len()].copy_from_slice(part);
            let piece = Piece { at, channel, source, timestamp, codec, length: part.len(), sound };
            match pieces.try_send(piece) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => drop(self.lost.fetch_add(part.len() as u64, Ordering::Relaxed)),
                // The file failed, which was told.
                Err(TrySendError::Disconnected(_)) => return self.pieces = None,
            }
            timestamp = timestamp.wrapping_add(part.len() as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_ring_is_counted_and_never_waited_for() {
        let (mut tap, pieces) = Tap::new(Sides::Both, 2);
        let now = Moment::from_micros(1);
        tap.hear(Channel::Left, now, 7, 100, Codec::Pcma, &[1; 400]);
        assert_eq!(tap.lost.load(Ordering::Relaxed), 80);
        let lengths: Vec<(u32, usize)> = pieces.try_iter().map(|piece| (piece.timestamp, piece.length)).collect();
        assert_eq!(lengths, [(100, 160), (260, 160)]);
        tap.paused = true;
        tap.hear(Channel::Left, now, 7, 500, Codec::Pcma, &[1; 160]);
        assert!(pieces.try_recv().is_err());
        tap.paused = false;
        drop(pieces);
        tap.hear(Channel::Left, now, 7, 660, Codec::Pcma, &[1; 160]);
        assert_eq!(tap.lost.load(Ordering::Relaxed), 80, "nobody waits for it any more");
    }
}
