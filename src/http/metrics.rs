//! The metrics, for Prometheus: named `hotline_…`, counters end in `_total`, times are in seconds.

use axum::http::{Method, StatusCode};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Of waits and talks, up to an hour.
const LONG: [f64; 12] = [1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0];
const SHORT: [f64; 10] = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// What is counted by how long it took.
const TIMES: [&str; 3] = ["hotline_wait_seconds", "hotline_talk_seconds", "hotline_http_request_seconds"];

/// Where the metrics of the process are counted.
#[derive(Clone)]
pub struct Meter(PrometheusHandle);

impl Meter {
    /// The first in the process is the one that counts.
    pub fn install() -> Result<Meter, String> {
        let buckets = |builder: PrometheusBuilder| {
            builder
                .set_buckets_for_metric(Matcher::Full("hotline_wait_seconds".into()), &LONG)?
                .set_buckets_for_metric(Matcher::Full("hotline_talk_seconds".into()), &LONG)?
                .set_buckets_for_metric(Matcher::Full("hotline_http_request_seconds".into()), &SHORT)
        };
        let builder = buckets(PrometheusBuilder::new()).map_err(|error| error.to_string())?;
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|error| error.to_string())?;
        for (name, what) in DESCRIBED {
            if name.ends_with("_total") {
                metrics::describe_counter!(*name, *what);
            } else if TIMES.contains(name) {
                metrics::describe_histogram!(*name, metrics::Unit::Seconds, *what);
            } else {
                metrics::describe_gauge!(*name, *what);
            }
        }
        Ok(Meter(handle))
    }

    pub fn text(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }
}

/// Every metric, and what it says.
pub const DESCRIBED: &[(&str, &str)] = &[
    ("hotline_calls_total", "Calls that are over, by outcome and queue"),
    ("hotline_calls_open", "Calls that are open, by stage"),
    ("hotline_queue_waiting", "Callers in the line of a queue"),
    ("hotline_queue_longest_wait_seconds", "Since how many seconds the one waits who has waited longest, by queue"),
    ("hotline_queue_ready", "Operators who are ready and can serve a queue"),
    ("hotline_queue_open", "1 where a queue is open"),
    ("hotline_service_level", "Answered in time of all who joined a line today, 0 to 1, by queue"),
    ("hotline_operators", "Operators by state"),
    ("hotline_offers_total", "Offers that ended, by outcome"),
    ("hotline_late_total", "Calls that were not answered in time, by cause"),
    ("hotline_wait_seconds", "Waits in the line until an operator answered"),
    ("hotline_talk_seconds", "Talks"),
    ("hotline_one_way_total", "Talks in which sound went one way only, by side and what is missing"),
    ("hotline_alarms", "Alarms that are open"),
    ("hotline_connections_refused_total", "Connections to the pages that found no place"),
    ("hotline_http_requests_total", "Requests to the API, by method, path and status"),
    ("hotline_http_request_seconds", "How long requests took"),
    ("hotline_event_streams", "Event streams that are open"),
    ("hotline_event_streams_cut_total", "Event streams that were cut off because they read too slowly"),
    ("hotline_sign_ins_total", "Tries to sign in, by result"),
    ("hotline_webhooks_total", "Messages to webhooks, by result"),
    ("hotline_webhooks_waiting", "Messages to webhooks that wait"),
    ("hotline_guard_total", "What strangers did, and messages of theirs that were not taken, by event"),
    ("hotline_store_backlog", "Entries that are not on the disk yet"),
    ("hotline_store_healthy", "1 where the last write to the disk worked"),
    (
        "hotline_trunk_up",
        "0 where nobody is there at any address of a trunk, or its carrier refuses to register us; 1 also where nothing is known",
    ),
    (
        "hotline_trunk_resting",
        "1 while a trunk's carrier asked for a rest (503 with Retry-After) and nobody else is there: calls go by others first",
    ),
    (
        "hotline_trunk_registered",
        "1 where a trunk's carrier knows where we are, and somebody is there; of trunks that register",
    ),
    ("hotline_trunk_calls", "Calls that a trunk carries"),
    ("hotline_trunk_refused_total", "Calls for which a trunk had no room, in and out together, by limit"),
    ("hotline_build_info", "1, with the version"),
];

/// Counts one up.
pub fn counter(name: &'static str, labels: &[(&'static str, &str)]) {
    let labels: Vec<metrics::Label> =
        labels.iter().map(|(key, value)| (*key, (*value).to_string())).map(label).collect();
    metrics::counter!(name, labels).increment(1);
}

pub fn gauge(name: &'static str, labels: &[(&'static str, &str)], value: f64) {
    let labels: Vec<metrics::Label> =
        labels.iter().map(|(key, value)| (*key, (*value).to_string())).map(label).collect();
    metrics::gauge!(name, labels).set(value);
}

/// A counter that somebody else keeps.
pub fn total(name: &'static str, labels: &[(&'static str, &str)], count: u64) {
    let labels: Vec<metrics::Label> =
        labels.iter().map(|(key, value)| (*key, (*value).to_string())).map(label).collect();
    metrics::counter!(name, labels).absolute(count);
}

/// Something that took so long.
pub fn seconds(name: &'static str, labels: &[(&'static str, &str)], value: f64) {
    let labels: Vec<metrics::Label> =
        labels.iter().map(|(key, value)| (*key, (*value).to_string())).map(label).collect();
    metrics::histogram!(name, labels).record(value);
}

fn label((key, value): (&'static str, String)) -> metrics::Label {
    metrics::Label::new(key, value)
}

/// A request was answered. The path is that of the route: what strangers write does not become a label.
pub fn requested(method: &Method, path: &str, status: StatusCode, took: f64) {
    let method = match *method {
        Method::GET | Method::HEAD => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    };
    counter("hotline_http_requests_total", &[("method", method), ("path", path), ("status", status.as_str())]);
    seconds("hotline_http_request_seconds", &[("path", path)], took);
}
