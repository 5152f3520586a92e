//! What is counted for the metrics of what the house does.

use std::time::Duration;

use super::keeper::Keeper;
use crate::http::{self, QueueNow};
use crate::ids::QueueId;
use crate::queue::{LateCause, LeftLine, Output, Said};
use crate::sip::{TrunkState, TrunkView, guard};

impl Keeper {
    /// What is counted for good, of each visit to a line.
    pub(super) fn measure(&mut self, said: &Said) {
        let count_late = |cause: LateCause| {
            let cause = serde_json::to_value(cause).unwrap_or_default();
            http::counter("hotline_late_total", &[("cause", cause.as_str().unwrap_or("none"))]);
        };
        match &said.output {
            Output::OfferEnded { outcome, .. } => {
                let outcome = serde_json::to_value(outcome).unwrap_or_default();
                http::counter("hotline_offers_total", &[("outcome", outcome.as_str().unwrap_or("none"))]);
            }
            Output::Connected { queue, waited_ms, .. } => {
                http::seconds("hotline_wait_seconds", &[("queue", queue.as_str())], *waited_ms as f64 / 1000.0);
            }
            Output::Ended { queue, talk_ms, .. } => {
                http::seconds("hotline_talk_seconds", &[("queue", queue.as_str())], *talk_ms as f64 / 1000.0);
            }
            // Who gives up at once was never offered: whether that is so is told next.
            Output::Late { contact, cause: LateCause::GaveUp, .. } => self.gave_up = Some(*contact),
            Output::Late { cause, .. } => count_late(*cause),
            Output::Left { contact, queue, why, waited_ms, .. } if self.gave_up.take() == Some(*contact) => {
                let waited = Duration::from_millis(*waited_ms);
                let short = self.house.queue.queues.get(queue).is_some_and(|rules| rules.promise().is_short(waited));
                if !(short && *why == LeftLine::CallerGone) {
                    count_late(LateCause::GaveUp);
                }
            }
            _ => {}
        }
    }
}

pub(super) fn measure_queue(queue: &QueueNow, longest: f64) {
    let of = [("queue", queue.id.as_str())];
    http::gauge("hotline_queue_waiting", &of, queue.waiting as f64);
    http::gauge("hotline_queue_longest_wait_seconds", &of, longest);
    http::gauge("hotline_queue_ready", &of, f64::from(queue.ready));
    http::gauge("hotline_queue_open", &of, if queue.open { 1.0 } else { 0.0 });
    // Of a day on which nobody called yet there is none: yesterday's is not today's.
    http::gauge("hotline_service_level", &of, queue.service_level.unwrap_or(f64::NAN));
}

/// It is in the files no more: nobody waits in it.
pub(super) fn forget_queue(queue: &QueueId) {
    measure_queue(&QueueNow { id: queue.to_string(), ..QueueNow::default() }, 0.0);
}

pub(super) fn measure_trunks(trunks: &[TrunkView]) {
    for trunk in trunks {
        let of: &[(&'static str, &str)] = &[("trunk", trunk.id.as_str())];
        http::gauge("hotline_trunk_calls", of, trunk.calls as f64);
        // One that is not asked for is as good as there.
        http::gauge("hotline_trunk_up", of, if trunk.is_up() == Some(false) { 0.0 } else { 1.0 });
        let rests = matches!(trunk.state(), TrunkState::Resting(_));
        http::gauge("hotline_trunk_resting", of, if rests { 1.0 } else { 0.0 });
        for (limit, count) in
            [("channels", trunk.no_room.channels), ("calls_per_second", trunk.no_room.calls_per_second)]
        {
            let of: &[(&'static str, &str)] = &[("trunk", trunk.id.as_str()), ("limit", limit)];
            http::total("hotline_trunk_refused_total", of, count);
        }
        if let Some(registered) = trunk.registered {
            http::gauge("hotline_trunk_registered", of, if registered { 1.0 } else { 0.0 });
        }
    }
}

pub(super) fn measure_store(backlog: usize, healthy: bool) {
    http::gauge("hotline_store_backlog", &[], backlog as f64);
    http::gauge("hotline_store_healthy", &[], if healthy { 1.0 } else { 0.0 });
}

/// What the guard did, by what it was.
pub(super) fn count_strangers(counts: guard::Counts) {
    let guard::Counts { limited, unheard, unchallenged, guessed, scanned, distrusted, bans, lifted, shed } = counts;
    for (event, count) in [
        ("limited", limited),
        ("unheard", unheard),
        ("unchallenged", unchallenged),
        ("wrong-secret", guessed),
        ("scanner", scanned),
        ("certificate-refused", distrusted),
        ("ban", bans),
        ("lifted", lifted),
        ("shed", shed),
    ] {
        http::total("hotline_guard_total", &[("event", event)], count);
    }
}
