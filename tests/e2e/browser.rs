//! The pages in a real browser: the tests in `tests/browser/` and `web/test/`, each file as one test here, so that one
//! run and one count tell all. `scripts/test-pages` runs them alone.

use std::path::Path;
use std::process::Command;

use crate::house::hotline;
use crate::ports::{free_ports, of_sound};

/// Ports for the houses of a file, as many as `tests/browser/ports.ts` gives out.
const HOUSES: u16 = 96;

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
        .env("PORTS", free_ports(HOUSES).to_string())
        .env("SOUND", of_sound().start().to_string())
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
fn the_operators_page_tells_what_happens_to_it_in_words() {
    in_a_browser("noticed");
}

#[test]
fn the_operators_page_is_back_after_whatever_was_away() {
    in_a_browser("resumed");
}

#[test]
fn the_supervisors_page_shows_and_does_what_it_says() {
    in_a_browser("supervising");
}

#[test]
fn the_wall_shows_what_is_and_does_not_grow() {
    in_a_browser("wall");
}

#[test]
fn the_admins_page_shows_and_does_what_it_says() {
    in_a_browser("admin");
}

#[test]
fn all_pages_together_are_light_and_right_in_any_house_and_language() {
    in_a_browser("pages");
}

#[test]
fn a_supervisor_at_work_with_the_program_sees_and_does_what_the_page_says() {
    in_a_browser("supervisor");
}

#[test]
fn a_recording_that_was_made_small_is_drawn_and_played_in_a_browser() {
    in_a_browser("recordings");
}

#[test]
fn citizens_and_operators_in_browsers_hear_each_other() {
    in_a_browser("calls");
}

#[test]
fn colleagues_and_supervisors_in_browsers_share_a_call() {
    in_a_browser("together");
}
