//! What of a call is recorded: what caller and house say to each other, from the first talk to the last, in one file,
//! and an index of what is heard when. Nothing is recorded before the caller has heard that it is.

use tracing::info;

use super::caller::{Call, State};
use super::calls::House;
use super::order::NotDone;
use super::view::{Recorded, Stage};
use crate::ids::{CallId, LegId, Prompt};
use crate::media::{self, Sides};
use crate::moment::Moment;
use crate::records::{self, IndexEntry, Recording, RecordingChange};

/// The notice on the operator's leg, and on the caller's in a talk.
const NOTICE: u64 = u64::MAX - 2;
/// Entries of an index; what changes more often is not told any more.
const MOST_ENTRIES: usize = 500;

/// How far the recording of a call has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tape {
    /// Nobody talked yet, or it is not to be.
    #[default]
    None,
    /// As before, and the operator asked for silence: it begins with that.
    Silent,
    Runs {
        began: Moment,
        /// The operator asked for silence.
        paused: bool,
        /// Somebody outside is rung and may be heard already, whom nobody told of it, or the caller talks in a line
        /// that is not recorded.
        left_out: bool,
    },
    /// Why before the call was, where that is told.
    Over { why: Option<&'static str> },
}

impl Call {
    /// After each event.
    pub fn see_to_recording(&mut self, house: &mut House) {
        let waits = matches!(self.stage(), Stage::Waiting | Stage::Ringing) || self.rings_for_operator();
        self.to_be_recorded = (waits || self.talk().is_some()) && self.is_to_be_recorded(house);
        match self.tape {
            Tape::None | Tape::Silent => self.begin_recording(house),
            Tape::Runs { began, paused, .. } => match (self.stage(), &self.state) {
                (Stage::Over, _) => self.tape = Tape::Over { why: None },
                // Nobody speaks with the caller any more.
                (Stage::Survey | Stage::Announcement | Stage::Message, _) => self.stop_recording(house, None),
                // Whom they speak with was not told.
                (_, State::Onward(onward)) if onward.is_left_outside(house) => {
                    self.stop_recording(house, Some(records::LEFT_OUTSIDE));
                }
                (stage, state) => {
                    let outside = matches!(state, State::Onward(onward) if onward.is_outside(house));
                    let left_out = outside || self.is_in_unrecorded_talk();
                    self.set_silence(house, paused, left_out);
                    if self.index(house, began, stage, paused || left_out) {
                        house.write(records::Entry::Changed(Box::new(self.record.clone())));
                    }
                }
            },
            Tape::Over { .. } => {}
        }
    }

    /// An operator is rung who will talk with the caller without having been offered them out of a line.
    fn rings_for_operator(&self) -> bool {
        let rings = matches!(&self.state, State::Onward(onward) if !onward.is_joined() && onward.operator().is_some());
        // Whom somebody asks beside a talk speaks with the caller in that talk.
        rings && self.beside.is_none()
    }

    fn is_to_be_recorded(&self, house: &House) -> bool {
        let queue = self.record.queue.as_ref().and_then(|queue| house.settings.queues.get(queue));
        house.settings.ivr.notice.is_some() && queue.map_or(house.settings.records_others, |facts| facts.recorded)
    }

    fn begin_recording(&mut self, house: &mut House) {
        let Some(talk) = self.talk().filter(|talk| !talk.caller_gone) else { return };
        let (notice_plays, stage) = (talk.notice_plays, talk.stage());
        if !self.is_to_be_recorded(house) {
            return;
        }
        let together = matches!(stage, Stage::Talking | Stage::Conference);
        match (self.noticed, together) {
            (false, true) if !notice_plays => self.tell_beside(house),
            // They speak later, or it goes on.
            (false, _) => {}
            (true, _) => {
                let file = file_name(house.now, &self.id.to_string());
                info!(file, "recorded from here on");
                let silent = self.tape == Tape::Silent;
                self.tape = Tape::Runs { began: house.now, paused: false, left_out: false };
                self.recordings += 1;
                let recording =
                    Recording { file: Some(file.clone()), began_at: Some(house.now), ..Recording::default() };
                self.record.recording = Some(recording);
                let (leg, call, sides, began) = (self.caller, self.id, Sides::Both, house.now);
                house.media(media::Command::Record { leg, call, file, sides, began });
                self.set_silence(house, silent, false);
                self.index(house, house.now, stage, silent);
                house.write(records::Entry::Changed(Box::new(self.record.clone())));
            }
        }
    }

    /// Whoever pressed a key before the notice was over hears it beside the operator, who hears it too. The caller
    /// hears it to its end, once: on hold, and while an emergency rings, too.
    fn tell_beside(&mut self, house: &mut House) {
        let Some(notice) = house.settings.ivr.notice.clone() else { return };
        self.set_notice_plays(true);
        self.hear_each_other(house);
        let seat = self.seats.first().map(|seat| seat.leg);
        for leg in std::iter::once(self.caller).chain(seat) {
            let prompts = vec![Prompt::spoken(self.language, notice.clone())];
            house.media(media::Command::Play { leg, token: NOTICE, prompts, looped: None });
        }
    }

    fn set_notice_plays(&mut self, plays: bool) {
        if let State::Talking(talk) = &mut self.state {
            talk.notice_plays = plays;
        }
    }

    pub fn noticed(&mut self, house: &mut House, leg: LegId) {
        if leg != self.caller || std::mem::replace(&mut self.noticed, true) {
            return;
        }
        if self.talk().is_some_and(|talk| talk.notice_plays) {
            self.set_notice_plays(false);
            self.hear_each_other(house);
        }
    }

    /// What is to be said in the line before the place, because a key cut it short in the menu.
    pub fn notice_due(&self, house: &House) -> Option<crate::ids::PromptName> {
        let due = !self.noticed && self.is_to_be_recorded(house);
        house.settings.ivr.notice.clone().filter(|_| due)
    }

    /// There is nothing more to record in this call.
    fn stop_recording(&mut self, house: &mut House, why: Option<&'static str>) {
        self.tape = Tape::Over { why };
        house.media(media::Command::StopRecording { leg: self.caller });
    }

    fn set_silence(&mut self, house: &mut House, paused: bool, left_out: bool) {
        let Tape::Runs { began, paused: before, left_out: was_left_out } = self.tape else { return };
        self.tape = Tape::Runs { began, paused, left_out };
        let silent = paused || left_out;
        if silent != (before || was_left_out) {
            house.media(media::Command::PauseRecording { leg: self.caller, paused: silent });
        }
    }

    pub fn pause_recording(&mut self, house: &mut House, pause: bool) -> Result<(), NotDone> {
        let is_soon = self.to_be_recorded && self.talk().is_some();
        let paused = match self.tape {
            Tape::Runs { .. } if self.is_in_unrecorded_talk() => return Err(NotDone::NotRecorded),
            Tape::Runs { paused, .. } => paused,
            Tape::None if is_soon => false,
            Tape::Silent if is_soon => true,
            Tape::None | Tape::Silent | Tape::Over { .. } => return Err(NotDone::NotRecorded),
        };
        match (paused, pause) {
            (true, true) => return Err(NotDone::AlreadyPaused),
            (false, false) => return Err(NotDone::NotPaused),
            _ => {}
        }
        info!(pause, "the recording pauses, or goes on");
        let Tape::Runs { began, left_out, .. } = self.tape else {
            self.tape = if pause { Tape::Silent } else { Tape::None };
            return Ok(());
        };
        self.set_silence(house, pause, left_out);
        self.index(house, began, self.stage(), pause || left_out);
        house.write(records::Entry::Changed(Box::new(self.record.clone())));
        Ok(())
    }

    /// As those who look on are told. What is to be recorded is not yet, while caller and operator do not talk or the
    /// caller did not hear of it.
    pub fn recorded_now(&self) -> Option<Recorded> {
        match self.tape {
            Tape::Runs { .. } if self.is_in_unrecorded_talk() => None,
            Tape::Runs { paused: false, left_out: false, .. } => Some(Recorded::On),
            Tape::Runs { .. } => Some(Recorded::Paused),
            Tape::None if self.to_be_recorded => Some(Recorded::Soon),
            Tape::Silent if self.to_be_recorded => Some(Recorded::Paused),
            Tape::None | Tape::Silent | Tape::Over { .. } => None,
        }
    }

    pub fn is_being_recorded(&self) -> bool {
        matches!(self.tape, Tape::Runs { .. })
    }

    /// What was recorded before goes on with the next line that is.
    fn is_in_unrecorded_talk(&self) -> bool {
        self.talk().is_some() && !self.to_be_recorded
    }

    /// Returned is whether something else is heard from now on.
    fn index(&mut self, house: &House, began: Moment, stage: Stage, paused: bool) -> bool {
        // By the caller's own phone: for operator and house the talk goes on.
        let held = self.talk().is_some_and(|talk| talk.caller_holds);
        let Some(recording) = &mut self.record.recording else { return false };
        let talks = matches!(self.state, State::Talking(_));
        let operator = self.record.operator.clone().filter(|_| talks);
        let stage = match stage {
            Stage::Talking | Stage::Conference if held => records::CALLER_HOLDS,
            stage => stage.recorded(),
        };
        let same = |last: &IndexEntry| last.stage == stage && last.operator == operator && last.paused == paused;
        if recording.index.last().is_some_and(same) || recording.index.len() >= MOST_ENTRIES {
            return false;
        }
        let at_ms = house.now.since(began).as_millis() as u64;
        // What lasted for no time was not heard.
        recording.index.pop_if(|last| last.at_ms == at_ms);
        recording.index.push(IndexEntry { at_ms, stage: stage.into(), operator, paused });
        true
    }

    /// A file is complete, or there is none.
    pub fn recorded(&mut self, house: &mut House, recorded: Result<media::Recording, String>) {
        self.recordings = self.recordings.saturating_sub(1);
        if matches!(self.tape, Tape::Runs { .. }) {
            self.tape = Tape::Over { why: None };
        }
        match recorded {
            Ok(media::Recording { file, written, lost, fault }) => {
                let known = self.record.recording.as_ref().and_then(|recording| recording.file.as_ref());
                if known.is_some_and(|known| *known != file) {
                    // What was said in a talk before is the call's recording.
                    return info!(file, "a message beside the recording");
                }
                let of = self.record.recording.get_or_insert_default();
                (of.file, of.sha256) = (Some(file), Some(written.sha256));
                (of.length_ms, of.bytes) = (Some(written.length.as_millis() as u64), Some(written.bytes));
                (of.encrypted, of.lost_ms) = (written.encrypted, lost.as_millis() as u64);
                let why = if let Tape::Over { why } = self.tape { why } else { None };
                of.why = fault.or(why.map(Into::into));
                if !self.is_ended() {
                    // A restart has nothing to complete.
                    house.write(records::Entry::Changed(Box::new(self.record.clone())));
                }
            }
            Err(why) => {
                // A caller is not left talking to nobody.
                if matches!(self.state, State::Message(_)) {
                    self.fail(house);
                }
                let of = self.record.recording.get_or_insert_default();
                if of.sha256.is_none() {
                    (of.file, of.why) = (None, Some(why));
                    of.index.clear();
                }
            }
        }
    }

    /// A talk of which nothing is recorded though it should have been.
    pub fn tell_why_not_recorded(&mut self, house: &House) {
        let talked = self.record.connected_at.is_some() && self.record.operator.is_some();
        let begun = !matches!(self.tape, Tape::None | Tape::Silent);
        if !begun && talked && self.record.recording.is_none() && self.is_to_be_recorded(house) {
            self.record.recording = Some(Recording { why: Some(records::NOT_NOTICED.into()), ..Recording::default() });
        }
    }
}

/// The file was complete only when the call was over.
pub(super) fn completed_late(call: CallId, recorded: Result<media::Recording, String>) -> records::Entry {
    let (of, change) = match recorded {
        Ok(media::Recording { file, written, lost, fault }) => {
            let change = RecordingChange {
                sha256: Some(written.sha256),
                length_ms: Some(written.length.as_millis() as u64),
                bytes: Some(written.bytes),
                encrypted: Some(written.encrypted),
                lost_ms: Some(lost.as_millis() as u64),
                why: fault,
                ..RecordingChange::default()
            };
            // A message beside the recording is not what the record tells of.
            (Some(file), change)
        }
        Err(why) => (None, RecordingChange { why: Some(why), ..RecordingChange::default() }),
    };
    records::Entry::Recording { call, of, change }
}

/// A folder for each day (UTC): no folder has more files than a day has calls.
fn file_name(now: Moment, call: &str) -> String {
    let time = records::rfc3339(now, &jiff::tz::TimeZone::UTC);
    let day = time.split('T').next().unwrap_or_default();
    format!("{}{day}/{call}.wav", crate::tape::RECORDINGS)
}
