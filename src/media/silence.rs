//! What a leg's silence means: that it is dead, or that sound goes one way only. Pure.

use std::time::Duration;

use super::far::Far;
use super::words::OneWay;
use crate::moment::Moment;

/// The other side speaks where something of it came within this.
const SPEAKS: Duration = Duration::from_secs(2);

/// How long a leg may be silent; zero: for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct Patience {
    /// One that should send.
    pub dead_after: Duration,
    /// One that is on hold.
    pub held_at_most: Duration,
    /// One in a talk whose other side is heard.
    pub one_way_after: Duration,
}

/// Whether the leg's silence means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watch {
    NotYet,
    Watched,
    /// It was told.
    Dead,
    /// It sends to another.
    Elsewhere,
}

#[derive(Clone, Copy, Debug)]
pub struct Silence {
    pub patience: Patience,
    watch: Watch,
    /// Anything.
    heard_at: Moment,
    /// Sound.
    sound_at: Moment,
    /// Its part in a talk, or what was agreed on, began.
    began: Moment,
    /// What was told, until it is otherwise.
    told: [bool; 2],
}

impl Silence {
    pub fn new(now: Moment) -> Self {
        let (patience, watch) = (Patience::default(), Watch::NotYet);
        Self { patience, watch, heard_at: now, sound_at: now, began: now, told: [false; 2] }
    }

    /// Something was agreed on, first or anew.
    pub fn agreed(&mut self, now: Moment) {
        (self.heard_at, self.began) = (now, now);
        if matches!(self.watch, Watch::Dead | Watch::Elsewhere) {
            self.watch = Watch::Watched;
        }
    }

    /// From now on it owes us sound.
    pub fn watch(&mut self, now: Moment) {
        (self.heard_at, self.began, self.watch) = (now, now, Watch::Watched);
    }

    /// Until something is agreed on anew, or it is watched again, nothing is to come.
    pub fn leave(&mut self) {
        self.watch = Watch::Elsewhere;
    }

    pub fn is_elsewhere(&self) -> bool {
        self.watch == Watch::Elsewhere
    }

    /// It owes nothing any more.
    pub fn unwatch(&mut self) {
        self.watch = Watch::NotYet;
    }

    /// It is joined with another.
    pub fn joined(&mut self, now: Moment) {
        self.began = now;
        self.told = [false; 2];
    }

    /// A packet of any kind.
    pub fn heard(&mut self, now: Moment) {
        self.heard_at = now;
    }

    /// Sound, or what stands for it.
    pub fn sound(&mut self, now: Moment) {
        (self.heard_at, self.sound_at) = (now, now);
        self.told[0] = false;
    }

    /// Whether it speaks.
    pub fn speaks(&self, now: Moment) -> bool {
        self.watch == Watch::Watched && now.since(self.sound_at) < SPEAKS
    }

    /// Once a second: whether it has just been found dead.
    pub fn dies(&mut self, now: Moment, expected: bool) -> bool {
        let limit = if expected { self.patience.dead_after } else { self.patience.held_at_most };
        let dies = self.watch == Watch::Watched && !limit.is_zero() && now.since(self.heard_at) >= limit;
        if dies {
            self.watch = Watch::Dead;
        }
        dies
    }

    /// Once a second, in a talk whose other side speaks: what has just been found to go one way only.
    pub fn one_way(&mut self, now: Moment, far: &Far) -> Option<OneWay> {
        let limit = self.patience.one_way_after;
        if limit.is_zero() || self.watch != Watch::Watched || now.since(self.began) < limit {
            return None;
        }
        let silent = now.since(self.sound_at) >= limit;
        let deaf = far.deaf_for(now).is_some_and(|since| since >= limit);
        for (told, (is_so, what)) in
            self.told.iter_mut().zip([(silent, OneWay::NothingComes), (deaf, OneWay::NothingArrives)])
        {
            if !std::mem::replace(told, is_so) && is_so {
                return Some(what);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::far::Block;

    fn at(seconds: u64) -> Moment {
        Moment::from_micros(1_000_000 * (seconds + 1))
    }

    fn watched() -> Silence {
        let mut silence = Silence::new(at(0));
        let of = Duration::from_secs;
        silence.patience = Patience { dead_after: of(30), held_at_most: of(60), one_way_after: of(10) };
        silence.watch(at(0));
        silence
    }

    #[test]
    fn a_leg_is_dead_once_and_only_if_it_owes_sound() {
        let mut silence = watched();
        assert!(!silence.dies(at(29), true) && silence.dies(at(30), true) && !silence.dies(at(31), true));
        silence.agreed(at(40));
        assert!(!silence.dies(at(99), false) && silence.dies(at(100), false));
        let mut unanswered = Silence { watch: Watch::NotYet, ..watched() };
        assert!(!unanswered.dies(at(1000), true));
    }

    #[test]
    fn nothing_is_expected_of_who_sends_to_another() {
        let far = Far::default();
        let back: [fn(&mut Silence); 2] = [|silence| silence.agreed(at(500)), |silence| silence.watch(at(500))];
        for comes_back in back {
            let mut silence = watched();
            silence.leave();
            silence.sound(at(1));
            assert!(silence.is_elsewhere() && !silence.speaks(at(2)), "what is on its way still");
            assert!(!silence.dies(at(500), true) && silence.one_way(at(500), &far).is_none());
            comes_back(&mut silence);
            assert!(!silence.is_elsewhere() && silence.one_way(at(509), &far).is_none());
            assert!(!silence.dies(at(529), true) && silence.dies(at(530), true));
        }
    }

    #[test]
    fn sound_that_goes_one_way_is_told_once_until_it_is_otherwise() {
        let (mut silence, far) = (watched(), Far::default());
        silence.joined(at(20));
        silence.heard(at(25));
        assert_eq!(silence.one_way(at(29), &far), None, "the talk has just begun");
        assert_eq!(silence.one_way(at(30), &far), Some(OneWay::NothingComes), "reports alone are no sound");
        assert_eq!(silence.one_way(at(40), &far), None);
        silence.sound(at(41));
        assert_eq!(silence.one_way(at(50), &far), None);
        assert_eq!(silence.one_way(at(51), &far), Some(OneWay::NothingComes));
        silence.patience.one_way_after = Duration::ZERO;
        silence.joined(at(60));
        assert_eq!(silence.one_way(at(100), &far), None, "nobody wants to know");
    }

    #[test]
    fn who_says_that_nothing_arrives_is_told_of() {
        let (mut silence, mut far) = (watched(), Far::default());
        let block = Block { cumulative_lost: 0, highest: 5, jitter: 0, last_report: 0, since: 0 };
        for seconds in (0..40).step_by(5) {
            silence.sound(at(seconds));
            far.reported(at(seconds), Some(block), 250 * seconds as u32, 0);
        }
        silence.sound(at(39));
        assert_eq!(silence.one_way(at(39), &far), Some(OneWay::NothingArrives));
        assert_eq!(silence.one_way(at(40), &far), None);
    }
}
