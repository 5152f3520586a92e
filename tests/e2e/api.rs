//! The document of the API against the running server: schemathesis makes up requests, sensible and nonsensical ones,
//! and compares every answer with what is described. A fixed seed, a bounded number of requests, a house of the test's
//! own in which no call is open and no trunk leads anywhere.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::house::House;
use crate::ports::free_port;
use crate::web::{Browser, open, token};

/// As `scripts/setup test` installs it, beside what is built.
fn schemathesis() -> PathBuf {
    let built = Path::new(env!("CARGO_BIN_EXE_hotline")).parent().and_then(Path::parent).expect("target/debug/hotline");
    let found = built.join("schemathesis/bin/schemathesis");
    assert!(found.exists(), "{} is not there; scripts/setup test installs it", found.display());
    found
}

/// Checks that say something about an API of state. Not among them: that sensible data is always taken (a reason, a seat
/// or a queue must be one of the house's), and that a wrong cookie spoils a right token.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,negative_data_rejection,\
                      missing_required_header,unsupported_method,allow_header_conformance,use_after_free";

/// Left out: a stream without an end; a day that takes all cores to play; and what ends the session that asks.
const LEFT_OUT: &str = "^/events$|^/config/simulate$|^/session$";

fn compare(house: &House, browser: &Browser, examples: u32, headers: &[String]) {
    let mut command = Command::new(schemathesis());
    command
        .current_dir(house.dir())
        .args(["run", &format!("{}/api/v1/openapi.json", browser.base)])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", &examples.to_string()])
        .args(["--seed", "20261126", "--workers", "1", "--generation-database", "none", "--no-color"])
        .args(["--request-timeout", "30", "--checks", CHECKS, "--exclude-path-regex", LEFT_OUT]);
    for header in headers {
        command.args(["-H", header]);
    }
    let out = command.output().expect("schemathesis runs");
    let told = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{told}\n{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn every_answer_is_as_the_document_says() {
    let house = open(free_port());
    let all = token(&house, "all", &["supervisor", "admin", "wall"]);
    let browser = Browser::new(&house);
    compare(&house, &browser, 10, &[format!("Authorization: Bearer {all}")]);
}

#[test]
fn every_role_gets_answers_as_the_document_says() {
    let house = open(free_port());
    let browser = Browser::signed_in(&house, "1002");
    let operator = [format!("Cookie: {}", browser.cookie), format!("X-CSRF-Token: {}", browser.csrf)];
    compare(&house, &browser, 4, &operator);
    for role in ["supervisor", "admin", "wall"] {
        let token = token(&house, role, &[role]);
        compare(&house, &browser, 1, &[format!("Authorization: Bearer {token}")]);
    }
}
