//! Needs, preferences and the steps by which a need relaxes; and whether each of them can ever matter.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{check_time, number_within, unknown};
use crate::config::fault::{Faults, Place};
use crate::config::reader::Element;
use crate::config::scalars::time_text;
use crate::config::written;
use crate::ids::Skill;
use crate::queue::{Level, Need, Preference, Step, parse_need};

/// A step within the first second could as well be the need itself.
const STEP_LIMITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(24 * 3600));
/// As the engine sums them; more would not say more.
const WEIGHT_LIMITS: (i64, i64) = (-1000, 1000);
/// Combinations of levels that are tried to see whether a need can be met at all; longer needs are believed.
const MAX_TRIED: usize = 20_000;

/// A need as it is written, to be compared with what operators can do.
pub struct WrittenNeed {
    key: String,
    place: Place,
    text: String,
    need: Need,
}

impl WrittenNeed {
    /// Skills that nobody knows are typing mistakes.
    pub fn check_skills<'a>(&self, known: impl Iterator<Item = &'a str> + Clone, faults: &mut Faults) {
        let mut named = self.need.skills();
        named.sort_unstable();
        named.dedup();
        for skill in named.into_iter().map(Skill::as_str).filter(|skill| !known.clone().any(|known| known == *skill)) {
            let at = word(&self.text, skill);
            let place = within(&self.place, &self.text, at, skill.chars().count());
            faults.fault(&place, self.key.clone(), unknown("skill", skill, known.clone()));
        }
    }
}

type Queue<'a> = Element<'a, written::Queue>;

/// Reads the text at `path`.
pub fn read(
    queue: &Queue<'_>,
    path: &[&str],
    text: &str,
    needs: &mut Vec<WrittenNeed>,
    faults: &mut Faults,
) -> Option<Need> {
    let (place, key) = (queue.place_of(path), queue.key_of(path));
    match parse_need(text) {
        Ok(need) => {
            if !is_possible(&need) {
                faults.fault(&place, key, format!("found {text:?}; nobody could ever meet it, whatever their levels"));
                return None;
            }
            needs.push(WrittenNeed { key, place, text: text.to_string(), need: need.clone() });
            Some(need)
        }
        Err(fault) => {
            let what = format!("found {}; {} is meant", fault.found, fault.allowed);
            let length = fault.found.trim_matches('`').chars().count();
            faults.fault(&within(&place, text, fault.at, length), key, what);
            None
        }
    }
}

/// Reads a list of preferences; `None` if one of them is wrong.
pub fn preferences(
    queue: &Queue<'_>,
    path: &[&str],
    written: &[written::Prefer],
    needs: &mut Vec<WrittenNeed>,
    faults: &mut Faults,
) -> Option<Vec<Preference>> {
    let mut all = Some(Vec::new());
    for (index, prefer) in written.iter().enumerate() {
        let index = index.to_string();
        let at = |key| [path, &[&index, key]].concat();
        let weight = number_within(queue, &at("weight"), prefer.weight, WEIGHT_LIMITS, faults);
        if weight == 0 {
            queue.fault_at(faults, &at("weight"), "found 0; a weight of 0 prefers nobody");
        }
        let need = read(queue, &at("need"), &prefer.need, needs, faults);
        let preference = need.zip(i32::try_from(weight).ok()).map(|(need, weight)| Preference { need, weight });
        all = all.zip(preference).map(|(mut all, preference)| {
            all.push(preference);
            all
        });
    }
    all
}

/// Reads the steps; `None` if one of them is wrong.
pub fn steps(
    queue: &Queue<'_>,
    max_wait: Option<Duration>,
    needs: &mut Vec<WrittenNeed>,
    faults: &mut Faults,
) -> Option<Vec<Step>> {
    let mut all = Some(Vec::new());
    let mut latest: Option<Duration> = None;
    for (index, step) in queue.written.step.iter().enumerate() {
        let index = index.to_string();
        let path = ["step", index.as_str()];
        let at = |key| [&path[..], &[key]].concat();
        let (after, expected_wait) = (step.after.as_ref().map(|t| t.0), step.expected_wait.as_ref().map(|t| t.0));
        let nobody = step.nobody.unwrap_or(false);
        for (key, time) in [("after", after), ("expected_wait", expected_wait)] {
            if let Some(time) = time {
                check_time(queue, &at(key), time, STEP_LIMITS, faults);
            }
        }
        if after.is_none() && expected_wait.is_none() && !nobody {
            let what = "can never be reached: it needs a condition, `after`, `expected_wait` or `nobody = true`";
            queue.fault_at(faults, &path, what);
        }
        if let Some(after) = after {
            if let Some(before) = latest.filter(|before| after <= *before) {
                let what = format!(
                    "found {}; a step before begins after {}: steps go upwards",
                    time_text(after),
                    time_text(before)
                );
                queue.fault_at(faults, &at("after"), what);
            }
            if let Some(max) = max_wait.filter(|max| after >= *max) {
                let what = format!(
                    "can never be reached: found {}, and nobody waits longer than max_wait, {}",
                    time_text(after),
                    time_text(max)
                );
                queue.fault_at(faults, &at("after"), what);
            }
            latest = latest.max(Some(after));
        }
        let need = read(queue, &at("need"), &step.need, needs, faults);
        let prefer = match &step.prefer {
            Some(prefer) => preferences(queue, &at("prefer"), prefer, needs, faults).map(Some),
            None => Some(None),
        };
        let step = need.zip(prefer).map(|(need, prefer)| Step { after, expected_wait, nobody, need, prefer });
        all = all.zip(step).map(|(mut all, step)| {
            all.push(step);
            all
        });
    }
    all
}

/// A step with the need and the preferences of the one before changes nothing.
pub fn check_changes(queue: &Queue<'_>, rules: &crate::queue::QueueRules, faults: &mut Faults) {
    for step in (1..=rules.steps.len()).filter(|step| rules.at_step(*step) == rules.at_step(step - 1)) {
        let before = if step == 1 { "the need itself".into() } else { format!("step {}", step - 1) };
        let what = format!(
            "found {:?}, which is what {before} says: the step changes nothing",
            rules.at_step(step).0.to_string()
        );
        queue.fault_at(faults, &["step", &(step - 1).to_string(), "need"], what);
    }
}

/// Where so many characters of a quoted text are, from the `at`-th byte on.
fn within(place: &Place, text: &str, at: usize, length: usize) -> Place {
    // In the environment and in tables a text stands without quotes.
    let quote = usize::from(place.line > 0 && place.cell.is_none());
    let column = place.column + quote + text.get(..at).map_or(0, |before| before.chars().count());
    Place { column, end: column + length.max(1), ..place.clone() }
}

/// Where a skill is named in the text of a need.
fn word(text: &str, word: &str) -> usize {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let alone = |at: &usize| !text[..*at].ends_with(is_word) && !text[at + word.len()..].starts_with(is_word);
    text.match_indices(word).map(|(at, _)| at).find(alone).unwrap_or(0)
}

/// Whether some set of skills meets the need. Each skill is left out, and tried at each level that the need names:
/// other levels make no difference.
fn is_possible(need: &Need) -> bool {
    let mut levels: BTreeMap<Skill, Vec<Level>> = BTreeMap::new();
    thresholds(need, &mut levels);
    let levels: Vec<(Skill, Vec<Level>)> = levels.into_iter().collect();
    let all = levels.iter().try_fold(1_usize, |all, (_, levels)| all.checked_mul(levels.len() + 1));
    let Some(all) = all.filter(|all| *all <= MAX_TRIED) else { return true };
    (0..all).any(|mut number| {
        let mut skills = BTreeMap::new();
        for (skill, levels) in &levels {
            let choice = number % (levels.len() + 1);
            number /= levels.len() + 1;
            if let Some(level) = choice.checked_sub(1).and_then(|choice| levels.get(choice)) {
                skills.insert(skill.clone(), *level);
            }
        }
        need.is_met_by(&skills)
    })
}

fn thresholds(need: &Need, levels: &mut BTreeMap<Skill, Vec<Level>>) {
    match need {
        Need::Anyone => {}
        Need::AtLeast(skill, level) => {
            let of = levels.entry(skill.clone()).or_default();
            if !of.contains(level) {
                of.push(*level);
            }
        }
        Need::All(needs) | Need::Any(needs) => needs.iter().for_each(|need| thresholds(need, levels)),
        Need::Not(need) => thresholds(need, levels),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_need_that_nobody_could_meet_is_seen() {
        let table = [
            ("mandarin >= 5 and not mandarin >= 3", false),
            ("mandarin >= 3 and not mandarin >= 5", true),
            ("mandarin and not mandarin", false),
            ("not anyone", false),
            ("(a or b) and not a and not b", false),
            ("(a or b) and not a", true),
            ("not a", true),
        ];
        for (text, possible) in table {
            assert_eq!(is_possible(&parse_need(text).unwrap()), possible, "{text}");
        }
        // Too many combinations to try: believed.
        let long: Vec<String> = (0..40).map(|n| format!("s{n}")).collect();
        assert!(is_possible(&parse_need(&format!("{} and not s0", long.join(" and "))).unwrap()));
    }

    #[test]
    fn a_skill_is_found_as_a_word() {
        assert_eq!(word("housing-law or housing >= 3", "housing"), 15);
        assert_eq!(word("住房 or 住", "住"), 10);
    }
}
