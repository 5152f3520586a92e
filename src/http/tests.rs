//! The web server by itself: a house that obeys, a clock that stands, a data folder that is gone with the test.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::tz::TimeZone;

use super::roles::{DOORS, Role};
use super::server::{self, Parts, Web};
use super::settings::{Person, Settings};
use super::{Board, Obey};
use crate::moment::Moment;
use crate::records::Access;

fn parts() -> Parts {
    let dir = tempfile::tempdir().unwrap().keep();
    let people = [("1001", Role::Operator), ("s", Role::Supervisor), ("a", Role::Admin), ("w", Role::Wall)];
    let person =
        |(id, role): (&str, Role)| (id.to_string(), Person { name: id.into(), roles: [role].into(), language: None });
    let settings = Settings {
        people: people.into_iter().map(person).collect(),
        proxy: false,
        tls: false,
        session_idle: Duration::from_secs(1800),
        session_longest: Duration::from_secs(43_200),
        origins: Vec::new(),
        recordings: Default::default(),
    };
    let obey: Obey = Arc::new(|_| Box::pin(async { Ok(serde_json::json!({})) }));
    Parts {
        board: Arc::new(Board::new("e".into())),
        settings: Arc::new(ArcSwap::from_pointee(settings)),
        access: Access::open(&dir).unwrap(),
        obey,
        now: Arc::new(|| Moment::from_micros(1_800_000_000_000_000)),
        zone: TimeZone::UTC,
        data: dir,
        meter: None,
        sign_in_tries: 10,
        health: Arc::new(|| Ok(())),
        phones: Arc::new(|_, _, _, _| false),
        tls: None,
    }
}

pub fn web() -> Arc<Web> {
    server::web(parts(), String::new(), Default::default())
}

/// Every route has a door, every door a route: what the document describes is what is guarded.
#[test]
fn every_route_has_a_door() {
    let (_, document, _) = super::openapi::api();
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, told) in methods.as_object().unwrap() {
            routes.push((method.to_uppercase(), path.clone()));
            for parameter in told["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap();
                assert_eq!(parameter["in"] == "path", path.contains(&format!("{{{name}}}")), "{method} {path}: {name}");
            }
        }
    }
    for (method, path) in &routes {
        assert!(DOORS.iter().any(|(of, at, _)| of == method && at == path), "{method} {path} has no door");
    }
    for (method, path, _) in DOORS {
        assert!(routes.contains(&(method.to_string(), path.to_string())), "the door {method} {path} leads nowhere");
    }
}

/// The dashboard of `scripts/grafana/` asks for nothing that is not counted.
#[test]
fn every_metric_of_the_dashboard_is_there() {
    let dashboard = include_str!("../../scripts/grafana/hotline.json");
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut named = 0;
    for name in dashboard.split(|c| !word(c)).filter(|name| name.starts_with("hotline_")) {
        let counted = name.trim_end_matches("_bucket");
        let there = super::metrics::DESCRIBED.iter().any(|(known, _)| *known == counted);
        assert!(there, "{name} is not counted");
        named += 1;
    }
    assert!(named >= 15, "{named} are named");
}
