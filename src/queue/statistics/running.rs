//! What a board asks for many times a second: the figures of the day so far, and those of the last minutes. Counted
//! beside the intervals, by the same rules, so that nobody adds up a day to know how it stands.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Contacts, Of, ServiceLevel, Statistics};
use crate::ids::QueueId;
use crate::moment::Moment;

/// What is recent is counted in steps so short, and begins and ends with one.
const STEP: Duration = Duration::from_secs(10);
/// So many steps are recent: 15 minutes, and the step that runs. Nobody is left out too early; the last 15 minutes are
/// at most ten seconds longer.
const RECENT: u32 = 15 * 6 + 1;

#[derive(Clone, Debug, Default)]
pub(super) struct Running {
    begins: Moment,
    day: BTreeMap<Of, Contacts>,
    /// Of those who joined in a step: of the house (`None`), and of each queue.
    steps: BTreeMap<(Moment, Option<QueueId>), Contacts>,
    latest: Moment,
}

fn step(at: Moment) -> Moment {
    let length = STEP.as_micros() as u64;
    Moment::from_micros(at.as_micros() / length * length)
}

/// The first step that is recent at a moment.
fn oldest(at: Moment) -> Moment {
    let length = STEP.as_micros() as u64 * u64::from(RECENT - 1);
    Moment::from_micros(step(at).as_micros().saturating_sub(length))
}

impl Running {
    pub fn count(&mut self, of: &Of, at: Moment, count: &impl Fn(&mut Contacts)) {
        if at >= self.begins {
            // Names are cloned once a day.
            match self.day.get_mut(of) {
                Some(figures) => count(figures),
                None => count(self.day.entry(of.clone()).or_default()),
            }
        }
        let queue = match of {
            Of::House => None,
            Of::Queue(queue) => Some(queue.clone()),
            Of::Skill(_) | Of::Operator(_) => return,
        };
        let step = step(at);
        if step > self.latest {
            self.latest = step;
            self.steps = self.steps.split_off(&(oldest(step), None));
        }
        if step >= oldest(self.latest) {
            count(self.steps.entry((step, queue)).or_default());
        }
    }

    pub fn take_new_name(&mut self, former: &QueueId, now: &QueueId) {
        if let Some(figures) = self.day.remove(&Of::Queue(former.clone())) {
            *self.day.entry(Of::Queue(now.clone())).or_default() += &figures;
        }
        let moved = self.steps.extract_if(.., |(_, queue), _| queue.as_ref() == Some(former));
        let moved: Vec<(Moment, Contacts)> = moved.map(|((at, _), figures)| (at, figures)).collect();
        for (at, figures) in moved {
            *self.steps.entry((at, Some(now.clone()))).or_default() += &figures;
        }
    }
}

impl Statistics {
    /// For a board: of the house, its queues and its operators; the day begins at `begins`.
    pub fn running(begins: Moment) -> Statistics {
        Statistics { running: Some(Running { begins, ..Running::default() }), ..Statistics::default() }
    }

    /// Another day begins; what is older than `kept` is forgotten.
    pub fn begin_day(&mut self, begins: Moment, kept: Moment) {
        self.contacts.retain(|(_, at), _| *at >= kept);
        let Some(running) = &mut self.running else { return };
        (running.begins, running.day) = (begins, BTreeMap::new());
        for ((of, _), figures) in self.contacts.iter().filter(|((_, at), _)| *at >= begins) {
            *running.day.entry(of.clone()).or_default() += figures;
        }
    }

    /// Of the day so far; nothing unless it is for a board.
    pub fn today(&self, of: &Of) -> Option<&Contacts> {
        self.running.as_ref()?.day.get(of)
    }

    /// Of how many who joined in the last 15 minutes (to ten seconds) it is decided, and the share that was answered in time; of one
    /// queue, or of the house.
    pub fn recent(&self, now: Moment, queue: Option<&QueueId>) -> (u64, Option<f64>) {
        let mut all = Contacts::default();
        let Some(running) = &self.running else { return (0, None) };
        let mut at = oldest(now);
        while at <= now {
            if let Some(figures) = running.steps.get(&(at, queue.cloned())) {
                all += figures;
            }
            at = at + STEP;
        }
        (all.decided(), all.service_level(ServiceLevel::Strict))
    }
}
