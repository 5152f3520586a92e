//! After the talk: the operator is free, and the caller is asked how it was.

use tracing::info;

use super::caller::{Call, State};
use super::calls::House;
use crate::ivr::{Survey, SurveyMachine};
use crate::records::EndedBy;
use crate::sip;

impl Call {
    /// The operator hung up: asks the caller, if callers of this queue are asked and this one can hear it.
    pub fn ask_how_it_was(&mut self, house: &mut House) -> bool {
        let asked = |survey: &&Survey| self.record.queue.as_ref().is_some_and(|queue| survey.queues.contains(queue));
        let Some(survey) = house.settings.ivr.survey.as_ref().filter(asked) else { return false };
        if self.direction.is_hold() {
            return false;
        }
        let mut machine = SurveyMachine::new(survey, self.language);
        self.end_talk(house, EndedBy::Operator);
        machine.start(house.now);
        self.record.survey_at = Some(house.now);
        self.state = State::Survey(machine);
        true
    }

    pub fn scored(&mut self, house: &House, score: u8) {
        let mut answers = house.settings.ivr.survey.iter().flat_map(|survey| survey.answers.values());
        let label = answers.find(|answer| answer.score == score).map_or("", |answer| answer.label.as_str());
        info!(score, label, "survey answered");
        self.record.survey = Some(score);
    }

    pub fn survey_over(&mut self, house: &mut House) {
        let outcome = self.abandoned();
        self.finish(house, outcome, EndedBy::Operator);
        house.sip(sip::Command::Hangup { leg: self.caller, reason: None });
        self.enter_ended(house);
    }
}
