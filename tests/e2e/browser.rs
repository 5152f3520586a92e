//! The pages in a real browser: the tests in `tests/browser/` and `web/test/`, each file as one test here, so that one
//! run and one count tell all. `scripts/test-pages` runs them alone.

use std::path::Path;
use std::process::Command;

use crate::house::hotline;

/// Runs a script of `package.json` below `folder`, or shows what it said.
fn npm(folder: &str, args: &[&str]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let tools = folder.join("node_modules");
    assert!(tools.is_dir(), "{} is missing: `scripts/test` brings it", tools.display());
    let output = Command::new("npm")
        .args(["--silent", "run"])
        .args(args)
        .current_dir(&folder)
        .env("HOTLINE", hotline().get_program())
        .env("NO_COLOR", "1")
        .output()
        .expect("npm, which comes with Node");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}: npm run {args:?}\n{}", folder.display(), String::from_utf8_lossy(&said));
}

/// One file of `tests/browser/`.
fn in_a_browser(file: &str) {
    npm("tests/browser", &["test", "--", &format!("{file}.test.ts")]);
}

#[test]
fn the_source_of_the_pages_has_no_fault_of_type_or_style() {
    npm("web", &["check"]);
    npm("tests/browser", &["check"]);
}

#[test]
fn what_the_pages_decide_by_themselves_is_right() {
    npm("web", &["test"]);
}

#[test]
fn every_page_is_accessible_in_both_languages_light_and_dark() {
    in_a_browser("screenshots");
}

#[test]
fn the_operators_page_does_all_it_says_by_the_keyboard() {
    in_a_browser("operator");
}

#[test]
fn the_other_pages_show_and_do_what_they_say() {
    in_a_browser("pages");
}

#[test]
fn a_recording_that_was_made_small_is_drawn_and_played_in_a_browser() {
    in_a_browser("recordings");
}

#[test]
fn citizens_and_operators_in_browsers_hear_each_other() {
    in_a_browser("calls");
}
