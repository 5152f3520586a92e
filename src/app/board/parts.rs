//! What operators do in the calls of others, and how it ended.

use super::Seen;
use super::calls::{consulting, reached};
use super::keeper::Keeper;
use crate::call::{Reached, Stage, Supervision};
use crate::http::{self, Act, Consulting, Part, PartEnd, PartOver};
use crate::ids::OperatorId;
use crate::queue::OperatorState;
use crate::records::{EndedBy, TransferKind, TransferOutcome};

impl Keeper {
    /// What an operator who is busy beside the queues does in whose call. `None`: nothing that the house knows of.
    pub(super) fn part(&self, operator: &OperatorId) -> Option<Part> {
        let person = self.operators.get(operator)?;
        if !matches!(person.state, OperatorState::Outbound) {
            return None;
        }
        self.calls.values().find_map(|seen| part(seen, operator))
    }

    /// Whom the call's operator consulted until now: how they came to be consulted no longer. `now`: the call as it is
    /// told; as it was told before it is kept still.
    pub(super) fn saw_parts(&mut self, now: &Seen) {
        let consulted = |seen: &Seen| seen.consulting.as_ref().and_then(|one| one.operator.clone());
        let (before, still) = (self.calls.get(&now.id).and_then(consulted), consulted(now));
        if let Some(operator) = &still {
            self.parts_over.remove(operator);
        }
        let Some(operator) = before.filter(|before| still.as_ref() != Some(before)) else { return };
        if let Some((how, by)) = part_end(now, &operator) {
            let over =
                PartOver { call: now.id.to_string(), how, operator: by.to_string(), at: self.time(self.clock.now()) };
            self.parts_over.insert(operator, over);
        }
    }
}

/// Whom the operator who has a call consults in it.
pub(super) fn consults(seen: &Seen, operator: &OperatorId) -> Option<Consulting> {
    let theirs = seen.operator.as_ref().is_some_and(|(of, _)| of == operator);
    seen.consulting.as_ref().filter(|_| theirs).map(consulting)
}

fn part(seen: &Seen, operator: &OperatorId) -> Option<Part> {
    let (act, stage) = act(seen, operator)?;
    let of = seen.operator.as_ref().map(|(of, _)| of).or(seen.record.operator.as_ref());
    Some(Part { call: seen.id.to_string(), act, stage: reached(stage).into(), operator: of.map(ToString::to_string) })
}

/// What they do in it, and whether they do it already or their phone still rings for it.
fn act(seen: &Seen, operator: &OperatorId) -> Option<(Act, Reached)> {
    if let Some(consulted) = seen.consulting.as_ref().filter(|one| one.operator.as_ref() == Some(operator)) {
        let act = if consulted.caller_hears { Act::Conference } else { Act::Consulted };
        return Some((act, consulted.stage));
    }
    if let Some(supervisor) = seen.supervisors.iter().find(|one| one.operator == *operator) {
        let mode = match supervisor.mode {
            Supervision::Listen => http::Mode::Listen,
            Supervision::Whisper => http::Mode::Whisper,
            Supervision::Barge => http::Mode::Barge,
        };
        return Some((Act::from(mode), supervisor.stage));
    }
    let is_rung = seen.stage == Stage::Onward && seen.rings.iter().any(|(rung, _)| rung == operator);
    is_rung.then_some((Act::Rung, Reached::Ringing))
}

/// How the consultation of an operator ended, and who had consulted them. `None`: it goes on otherwise, or they ended it
/// themselves.
fn part_end<'a>(seen: &'a Seen, operator: &OperatorId) -> Option<(PartEnd, &'a OperatorId)> {
    let record = &seen.record;
    let turned = record.transfers.iter().rfind(|of| of.operator.as_ref() == Some(operator))?;
    let taken_over = || record.transfers.last().is_some_and(|last| last.kind == TransferKind::TakenOver);
    let how = match turned.outcome {
        TransferOutcome::Returned => PartEnd::Returned,
        TransferOutcome::Transferred => PartEnd::Theirs,
        TransferOutcome::GoesOn => return None,
        _ if record.ended_at.is_some() && record.ended_by == Some(EndedBy::Caller) => PartEnd::CallerGone,
        _ if record.ended_at.is_some() => PartEnd::Cut,
        TransferOutcome::Ended if taken_over() => PartEnd::TakenOver,
        _ => return None,
    };
    Some((how, turned.from.as_ref().unwrap_or(&turned.by)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::board::tests::seen;
    use crate::call::{Consulted, Supervisor, Whom};
    use crate::moment::Moment;
    use crate::records::TransferRecord;

    fn told(seen: &Seen, operator: &str) -> Option<(Act, String, Option<String>)> {
        part(seen, &operator.into()).map(|part| (part.act, part.stage, part.operator))
    }

    #[test]
    fn what_an_operator_is_still_rung_for_they_do_not_do_yet() {
        let anna = Some("1001".to_string());
        for (stage, word) in [(Reached::Ringing, "ringing"), (Reached::Talking, "talking")] {
            let mut call = seen(Stage::Consulting);
            call.operator = Some(("1001".into(), "8001".into()));
            call.supervisors.push(Supervisor { operator: "1003".into(), mode: Supervision::Listen, stage });
            call.consulting = Some(Consulted {
                to: Whom::Seat("8002".into()),
                operator: Some("1002".into()),
                stage,
                caller_hears: false,
            });
            assert_eq!(told(&call, "1003"), Some((Act::Listen, word.into(), anna.clone())));
            assert_eq!(told(&call, "1002"), Some((Act::Consulted, word.into(), anna.clone())));
            assert_eq!(told(&call, "1001"), None);
        }
    }

    #[test]
    fn whom_somebody_consults_is_told_of_who_has_the_caller_alone() {
        let mut call = seen(Stage::Consulting);
        call.operator = Some(("1001".into(), "8001".into()));
        assert_eq!(consults(&call, &"1001".into()), None);
        let to = Whom::Number("01065128888".into());
        call.consulting = Some(Consulted { to, operator: None, stage: Reached::Ringing, caller_hears: false });
        let told = consults(&call, &"1001".into()).unwrap();
        assert_eq!((told.to.as_str(), told.operator, told.stage.as_str()), ("01065128888", None, "ringing"));
        assert_eq!(consults(&call, &"1002".into()), None);
    }

    #[test]
    fn whom_nobody_sends_a_caller_to_is_told_of_no_sender() {
        let mut call = seen(Stage::Onward);
        call.rings.push(("1002".into(), "8002".into()));
        assert_eq!(told(&call, "1002"), Some((Act::Rung, "ringing".into(), None)));
        call.record.operator = Some("1001".into());
        assert_eq!(told(&call, "1002"), Some((Act::Rung, "ringing".into(), Some("1001".into()))));
        call.stage = Stage::Ringing;
        assert_eq!(told(&call, "1002"), None, "out of a line they are offered it");
    }

    #[test]
    fn how_a_consultation_ended_is_told_unless_they_ended_it_themselves() {
        let check = |outcome: TransferOutcome, ended_by: Option<EndedBy>, expected: Option<PartEnd>| {
            let mut call = seen(Stage::Talking);
            call.record.transfers.push(asked(outcome));
            (call.record.ended_at, call.record.ended_by) = (ended_by.map(|_| Moment::default()), ended_by);
            let told = part_end(&call, &"1002".into());
            let by = expected.is_some().then_some("1001");
            assert_eq!(told.map(|(how, _)| how), expected, "{outcome} {ended_by:?}");
            assert_eq!(told.map(|(_, by)| by.as_str()), by);
            assert_eq!(part_end(&call, &"1003".into()), None, "they were not asked");
        };
        check(TransferOutcome::Returned, None, Some(PartEnd::Returned));
        check(TransferOutcome::Transferred, None, Some(PartEnd::Theirs));
        check(TransferOutcome::Ended, Some(EndedBy::Caller), Some(PartEnd::CallerGone));
        check(TransferOutcome::NoAnswer, Some(EndedBy::Caller), Some(PartEnd::CallerGone));
        check(TransferOutcome::Ended, Some(EndedBy::System), Some(PartEnd::Cut));
        // They hung up, or did not answer; their phone rings on for the caller.
        check(TransferOutcome::Ended, None, None);
        check(TransferOutcome::Busy, None, None);
        check(TransferOutcome::GoesOn, None, None);
    }

    #[test]
    fn who_was_consulted_when_a_supervisor_took_over_is_told_so() {
        let mut call = seen(Stage::Talking);
        call.record.transfers.push(asked(TransferOutcome::Ended));
        let supervisor = TransferRecord {
            kind: TransferKind::TakenOver,
            by: "1010".into(),
            from: Some("1001".into()),
            operator: Some("1010".into()),
            ..asked(TransferOutcome::Transferred)
        };
        call.record.transfers.push(supervisor);
        assert_eq!(part_end(&call, &"1002".into()).map(|(how, _)| how), Some(PartEnd::TakenOver));
    }

    fn asked(outcome: TransferOutcome) -> TransferRecord {
        TransferRecord {
            kind: TransferKind::Consult,
            by: "1001".into(),
            from: None,
            to: "operator 1002".into(),
            operator: Some("1002".into()),
            at: Moment::default(),
            answered_at: None,
            conference_at: None,
            ended_at: None,
            outcome,
        }
    }
}
