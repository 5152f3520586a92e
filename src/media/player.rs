//! What we play on one leg: prompts in turn, then something over and over. Pure.

use std::collections::VecDeque;
use std::sync::Arc;

use super::prompts::Clip;
use super::words::Codec;

#[derive(Clone, Debug, Default)]
pub struct Player {
    clips: VecDeque<Arc<Clip>>,
    looped: Option<Arc<Clip>>,
    frame: usize,
    token: Option<u64>,
    /// Nothing was sent since it began.
    fresh: bool,
    /// How many clips are left when the notice has been heard; then that is told.
    notice: Option<usize>,
}

/// One tick's worth.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub payload: &'a [u8],
    pub fresh: bool,
}

impl Player {
    pub fn new(token: u64, clips: VecDeque<Arc<Clip>>, looped: Option<Arc<Clip>>) -> Self {
        Self { clips, looped, frame: 0, token: Some(token), fresh: true, notice: None }
    }

    /// The place of the clip that says that the call is recorded.
    pub fn with_notice(self, place: Option<usize>) -> Self {
        let left = place.map(|place| self.clips.len().saturating_sub(place + 1));
        Self { notice: left, ..self }
    }

    /// Once, when the last frame of the notice has been heard.
    pub fn noticed(&mut self) -> bool {
        self.notice.take_if(|left| self.clips.len() <= *left).is_some()
    }

    /// The next frame; `None` when there is nothing to play.
    pub fn next(&mut self, codec: Codec) -> Option<Frame<'_>> {
        while self.clips.front().is_some_and(|clip| clip.frame(codec, self.frame).is_none()) {
            self.clips.pop_front();
            self.frame = 0;
        }
        let clip = self.clips.front().or(self.looped.as_ref())?;
        if clip.frame(codec, self.frame).is_none() {
            self.frame = 0;
        }
        let payload = clip.frame(codec, self.frame)?;
        self.frame += 1;
        Some(Frame { payload, fresh: std::mem::take(&mut self.fresh) })
    }

    /// The token, once, when the last frame of the prompts has been heard.
    pub fn finished(&mut self) -> Option<u64> {
        if self.clips.is_empty() { self.token.take() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::g711::{FRAME, linear_to_pcma};

    fn clip(frames: usize, sample: i16) -> Arc<Clip> {
        Arc::new(Clip::of_samples(&vec![sample; frames * FRAME]))
    }

    #[test]
    fn prompts_play_in_turn_and_music_goes_on() {
        let mut player = Player::new(7, [clip(2, 100), clip(1, 5000)].into(), Some(clip(2, -9000)));
        let mut heard = Vec::new();
        let mut told = Vec::new();
        for tick in 0..8 {
            let frame = player.next(Codec::Pcma).unwrap();
            assert_eq!(frame.fresh, tick == 0);
            heard.push(frame.payload[0]);
            told.extend(player.finished().map(|token| (tick, token)));
        }
        let [a, b, music] = [100, 5000, -9000].map(linear_to_pcma);
        assert_eq!(heard, [a, a, b, music, music, music, music, music]);
        assert_eq!(told, [(3, 7)], "told when the last frame has been heard, once");
    }

    #[test]
    fn the_end_of_the_notice_is_told_once() {
        let mut player = Player::new(7, [clip(1, 1), clip(2, 2), clip(1, 3)].into(), None).with_notice(Some(1));
        let mut noticed = Vec::new();
        for tick in 0..6 {
            player.next(Codec::Pcma);
            noticed.extend(player.noticed().then_some(tick));
        }
        assert_eq!(noticed, [3], "in the tick after its last frame");
        assert!(!Player::new(7, [clip(1, 1)].into(), None).with_notice(None).noticed());
    }

    #[test]
    fn without_music_there_is_silence_after_the_prompts() {
        let mut player = Player::new(1, [clip(1, 1)].into(), None);
        assert!(player.next(Codec::Pcmu).is_some() && player.finished().is_none());
        assert!(player.next(Codec::Pcmu).is_none());
        assert_eq!(player.finished(), Some(1));
        assert!(player.next(Codec::Pcmu).is_none() && player.finished().is_none());
        let mut nothing = Player::new(2, VecDeque::new(), None);
        assert!(nothing.next(Codec::Pcmu).is_none());
        assert_eq!(nothing.finished(), Some(2));
    }
}
