//! Queues that open and close by a schedule, and the supervisor's switch.

use std::process::Output;

use crate::house::{Files, House};
use crate::operators::dial;
use crate::peers::Softphone;

/// The office is closed by its hours; seat 8001 is a supervisor's.
fn files() -> Files {
    let mut files = Files::new(None);
    files.queues = files.queues.replace("id = \"citizen\"", "id = \"citizen\"\nschedule = \"office\"");
    files.operators = files.operators.replace("seat = \"8001\"", "seat = \"8001\"\nsupervisor = true");
    files.schedules = "[[schedule]]\nid = \"office\"\nhours = \"closed\"\nswitch = 1\n".into();
    files
}

fn run(house: &House, args: &[&str]) -> Output {
    let mut command = crate::house::hotline();
    command.args(args).arg("--config").arg(house.dir().join("config")).arg("--data").arg(house.data());
    command.output().expect("runs")
}

fn said(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// How many calls ended how.
fn outcomes(house: &House, count: usize) -> Vec<String> {
    let records = house.wait_records(count);
    records.iter().map(|record| record["outcome"].as_str().unwrap_or_default().to_string()).collect()
}

#[test]
fn a_supervisor_opens_a_closed_queue_and_a_crash_does_not_close_it() {
    let mut house = House::open(&files());
    let seat = Softphone::seat(&house, "8001", "open-sesame", &["--answer-after", "200ms"]);
    let call = |house: &House| Softphone::call(house, "12346", &["--for", "3s"]).end();
    call(&house);
    assert_eq!(outcomes(&house, 1), ["refused_closed"]);
    dial(&house, "*311");
    house.wait_log(&["switched", "office", "1001"]);
    assert!(call(&house));
    assert_eq!(outcomes(&house, 2)[1], "answered");
    let listed = said(run(&house, &["switch"]));
    assert!(listed.starts_with("office (*311): switched at "), "{listed}");
    assert!(listed.contains("to open until somebody flips it back, by 1001"), "{listed}");
    drop(seat);
    house.crash_and_restart();
    let _seat = Softphone::seat(&house, "8001", "open-sesame", &["--answer-after", "200ms"]);
    assert!(call(&house));
    assert_eq!(outcomes(&house, 3)[2], "answered");
    // Whoever talks when it closes talks on.
    let mut talking = Softphone::call(&house, "12346", &["--for", "8s"]);
    talking.wait("answered");
    house.wait_log(&["connected"]);
    dial(&house, "*301");
    call(&house);
    assert!(talking.end());
    let mut ended = outcomes(&house, 5).split_off(3);
    ended.sort();
    assert_eq!(ended, ["answered", "refused_closed"]);
    assert!(said(run(&house, &["switch"])).starts_with("office (*311): auto, closed for good"));
    let log = said(run(&house, &["switch", "--history"]));
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(run(&house, &["replay"]).status.success());
}

#[test]
fn a_queue_without_a_schedule_is_closed_by_command_and_stays_so_over_a_crash_and_a_reload() {
    let mut house = House::open(&Files::new(None));
    let call = |house: &House| Softphone::call(house, "12346", &["--for", "3s"]).end();
    let flip = ["switch", "queue:citizen", "closed", "--note", "flood", "--author", "wang"];
    assert_eq!(said(run(&house, &flip)), "queue:citizen is closed now\n");
    house.crash_and_restart();
    assert!(run(&house, &["reload"]).status.success());
    let listed = said(run(&house, &["switch"]));
    assert!(listed.starts_with("queue:citizen: switched at "), "{listed}");
    assert!(listed.ends_with("to closed until somebody flips it back, by wang: flood\n"), "{listed}");
    call(&house);
    assert_eq!(outcomes(&house, 1), ["refused_closed"]);
    assert_eq!(said(run(&house, &["switch", "queue:citizen", "auto"])), "queue:citizen is open now\n");
    let _seat = Softphone::seat(&house, "8001", "open-sesame", &["--answer-after", "200ms"]);
    assert!(call(&house));
    assert_eq!(outcomes(&house, 2)[1], "answered");
    let out = run(&house, &["switch", "queue:citizens", "open"]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("there is no queue \"citizens\""), "{out:?}");
    assert!(run(&house, &["replay"]).status.success());
}

#[test]
fn a_command_switches_a_schedule_of_the_running_hotline_until_a_time() {
    let mut house = House::open(&files());
    let _seat = Softphone::seat(&house, "8001", "open-sesame", &["--answer-after", "200ms"]);
    let call = |house: &House| Softphone::call(house, "12346", &["--for", "3s"]).end();
    let flip = ["switch", "office", "open", "--until", "2099-01-01T08:00", "--note", "flood", "--author", "wang"];
    assert_eq!(said(run(&house, &flip)), "office is open now until Thu 2099-01-01 08:00\n");
    house.crash_and_restart();
    let _seat = Softphone::seat(&house, "8001", "open-sesame", &["--answer-after", "200ms"]);
    assert!(call(&house));
    let listed = said(run(&house, &["switch"]));
    assert!(listed.contains("2099-01-01 08:00, by wang: flood"), "{listed}");
    assert_eq!(said(run(&house, &["switch", "office", "auto"])), "office is closed now\n");
    call(&house);
    assert_eq!(outcomes(&house, 2), ["answered", "refused_closed"]);
    for (wrong, why) in [
        (&["switch", "offce", "open"][..], "there is no schedule \"offce\""),
        (&["switch", "office", "open", "--until", "2020-01-01"], "has passed"),
        (&["switch", "office", "auto", "--until", "18:00"], "has no end"),
    ] {
        let out = run(&house, wrong);
        assert_eq!(out.status.code(), Some(1), "{wrong:?}");
        assert!(String::from_utf8_lossy(&out.stderr).contains(why), "{out:?}");
    }
    house.signal("TERM");
    assert!(house.wait_end().success());
    let out = run(&house, &["switch", "office", "open"]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("no hotline runs on"), "{out:?}");
}
