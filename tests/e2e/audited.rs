//! The audit log: who took records along, who was refused, and what was done on the machine itself.

use std::process::Stdio;

use serde_json::json;

use crate::house::hotline;
use crate::ports::free_port;
use crate::web::{Browser, open};

#[test]
fn exports_refusals_and_commands_of_the_machine_are_in_the_audit_log() {
    let house = open(free_port());
    let mei = Browser::signed_in(&house, "mei");
    for path in ["/records.csv?to=12347", "/records.jsonl?text=12345"] {
        assert_eq!(mei.get(&format!("/api/v1{path}")).0, 200, "{path}");
    }
    let refused = mei.post("/config/reload", &json!({ "dry_run": true }), &[("X-CSRF-Token", &mei.csrf)]);
    assert_eq!(refused.0, 403);
    // By which names others sign in operators are not told.
    let people = |who: &Browser| who.get("/api/v1/directory").1["people"].clone();
    assert!(people(&mei)["lin"].is_string() && people(&mei)["1002"].is_null(), "{}", people(&mei));
    assert_eq!(people(&Browser::signed_in(&house, "1002")), json!({}));
    let command = |args: &[&str]| {
        let mut command = hotline();
        command.args(args).arg("--config").arg(house.dir().join("config")).arg("--data").arg(house.data());
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("the command runs").success()
    };
    assert!(command(&["reload", "--note", "by hand"]));
    assert!(command(&["token", "create", "--name", "crm", "--role", "wall"]));
    assert!(!command(&["token", "revoke", "erp"]), "there is none");
    assert!(command(&["password", "1002", "--remove"]));
    let (_, audit) = Browser::signed_in(&house, "lin").get("/api/v1/audit");
    let entries = audit.as_array().expect("entries");
    let of = |what: &str| entries.iter().find(|entry| entry["what"].as_str().is_some_and(|is| is.starts_with(what)));
    for (what, who, result) in [
        ("GET /records.csv?to=12347", "mei", "200"),
        ("GET /records.jsonl?text=12345", "mei", "200"),
        ("POST /config/reload", "mei", "403"),
    ] {
        let entry = of(what).unwrap_or_else(|| panic!("{what} is not in {audit:#}"));
        assert_eq!((entry["who"].as_str(), entry["result"].as_str()), (Some(who), Some(result)), "{entry}");
    }
    for (what, result) in [
        ("hotline token create --name crm --role wall", "200"),
        ("hotline token revoke erp", "404"),
        ("hotline password 1002 --remove", "200"),
    ] {
        let entry = of(what).unwrap_or_else(|| panic!("{what} is not in {audit:#}"));
        assert_eq!((entry["from"].as_str(), entry["result"].as_str()), (Some("this machine"), Some(result)), "{entry}");
    }
    let by_hand = of("hotline reload").unwrap_or_else(|| panic!("no reload in {audit:#}"));
    assert_eq!((by_hand["from"].as_str(), by_hand["result"].as_str()), (Some("this machine"), Some("200")));
    assert!(by_hand["what"].as_str().is_some_and(|what| what.contains("by hand")), "{by_hand}");
}
