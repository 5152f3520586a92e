//! menu.toml: `[survey]`, and which queues' callers are asked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::menus::Known;
use super::queues::Queues;
use super::{number_within, time_within};
use crate::config::fault::Faults;
use crate::config::reader::{self, Element};
use crate::config::source::Files;
use crate::config::written;
use crate::ids::PromptName;
use crate::ivr::{Answer, Survey};

const TIMEOUT: Duration = Duration::from_secs(8);
const TIMEOUT_LIMITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
const RETRIES: u8 = 1;
const MOST_RETRIES: u8 = 5;
const SCORES: (u8, u8) = (1, 5);
/// Very satisfied, satisfied, fair, not satisfied.
const USUAL: [(char, u8, &str); 4] =
    [('1', 4, "very satisfied"), ('2', 3, "satisfied"), ('3', 2, "fair"), ('4', 1, "not satisfied")];

/// `None`: there is no `[survey]`, or something is wrong with it. Without queues: they are read elsewhere.
pub(super) fn read(files: &Files, known: &mut Known<'_>, faults: &mut Faults) -> Option<Survey> {
    let survey = reader::table_if_there::<written::Survey>(&files.menu, "survey", faults)?;
    let written = &survey.written;
    let retries = written.retries.unwrap_or(RETRIES);
    let mut prompt = |key: &str, written: &Option<String>, usual: &str| -> PromptName {
        let name = written.as_deref().unwrap_or(usual);
        let mut is_name = true;
        for language in known.languages.settings.spoken.keys() {
            is_name &= known.prompt(&survey, &[key], &format!("{language}/{name}"), faults).is_some();
        }
        if is_name { name.into() } else { usual.into() }
    };
    let (question, thanks) =
        (prompt("question", &written.question, "survey"), prompt("thanks", &written.thanks, "survey_thanks"));
    Some(Survey {
        question,
        thanks,
        answers: answers(&survey, faults),
        timeout: time_within(&survey, "timeout", &written.timeout, TIMEOUT, TIMEOUT_LIMITS, faults),
        retries: number_within(&survey, &["retries"], retries, (0, MOST_RETRIES), faults),
        queues: BTreeSet::new(),
    })
}

fn answers(survey: &Element<'_, written::Survey>, faults: &mut Faults) -> BTreeMap<char, Answer> {
    if survey.written.answer.is_empty() {
        return USUAL.map(|(key, score, label)| (key, Answer { score, label: label.into() })).into();
    }
    let mut answers = BTreeMap::new();
    for (index, written) in survey.written.answer.iter().enumerate() {
        let index = index.to_string();
        let score = number_within(survey, &["answer", &index, "score"], written.score, SCORES, faults);
        let label = written.label.clone().unwrap_or_else(|| score.to_string());
        let at = ["answer", &index, "key"];
        match reader::one_key(&written.key) {
            None => survey.fault_at(
                faults,
                &at,
                format!("found {:?}; one key is meant, \"0\" to \"9\", \"*\" or \"#\"", written.key),
            ),
            Some(key) => {
                if answers.insert(key, Answer { score, label }).is_some() {
                    survey.fault_at(faults, &at, format!("key {key:?} is there twice"));
                }
            }
        }
    }
    answers
}

/// Callers of every queue are asked that does not say otherwise.
pub(super) fn queues(survey: &mut Option<Survey>, queues: &Queues<'_>, faults: &mut Faults) {
    for (id, queue) in &queues.elements {
        match (&mut *survey, queue.written.survey) {
            (Some(survey), None | Some(true)) => drop(survey.queues.insert(id.clone())),
            (None, Some(true)) => {
                let what = format!("callers of {id} cannot be asked: menu.toml has no [survey]");
                faults.fault(&queue.place("survey"), "queue.survey", what);
            }
            (_, Some(false)) | (None, None) => {}
        }
    }
}
