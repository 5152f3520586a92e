//! Seats that register: digest, sound both ways measured in the audio, lost phones.

use std::time::Duration;

use crate::house::{Files, House};
use crate::peers::{Baresip, Softphone};
use crate::sound::{Heard, write_tone};

#[test]
fn baresip_registers_answers_and_both_hear_each_other() {
    let house = House::open(&Files::new(None));
    let phone = Baresip::register(&house, "8001", "open-sesame", 700);
    let dir = tempfile::tempdir().unwrap();
    let (say, heard) = (dir.path().join("say.wav"), dir.path().join("heard.wav"));
    write_tone(&say, 440, 5);
    let args = ["--press", "1", "--for", "10s", "--say", say.to_str().unwrap(), "--record", heard.to_str().unwrap()];
    assert!(Softphone::call(&house, "12345", &args).end());
    let record = house.wait_records(1).remove(0);
    assert_eq!(
        (record["outcome"].as_str(), record["operator"].as_str()),
        (Some("answered"), Some("1001")),
        "{record:#}\n{}",
        phone.log()
    );
    assert_eq!(record["choices"], "1");
    let caller = Heard::read(&heard);
    assert!(
        caller.seconds_of(700) > 4.0,
        "the caller heard the operator for {} s of {}",
        caller.seconds_of(700),
        caller.seconds()
    );
    assert!(caller.seconds_of_sound() > caller.seconds_of(700) + 0.5, "the caller heard no greeting");
    std::thread::sleep(Duration::from_millis(500));
    let operator = Heard::read(&phone.heard().expect("baresip writes what it hears"));
    assert!(
        operator.seconds_of(440) > 4.0,
        "the operator heard the caller for {} s of {}",
        operator.seconds_of(440),
        operator.seconds()
    );
    assert!(record["quality"]["mos"].as_f64().unwrap() > 4.0, "{record:#}");
    assert_eq!(record["quality"]["scale"], "narrowband", "{record:#}");
}

#[test]
fn baresip_holds_with_music_and_comes_back() {
    let house = House::open(&Files::new(None));
    let phone = Baresip::register(&house, "8001", "open-sesame", 700);
    let dir = tempfile::tempdir().unwrap();
    let heard = dir.path().join("heard.wav");
    let mut caller = Softphone::call(&house, "12346", &["--for", "14s", "--record", heard.to_str().unwrap()]);
    caller.wait("answered");
    house.wait_log(&["connected"]);
    std::thread::sleep(Duration::from_secs(3));
    phone.command("hold");
    house.wait_log(&["hold", "holds=true"]);
    std::thread::sleep(Duration::from_secs(3));
    phone.command("resume");
    house.wait_log(&["hold", "holds=false"]);
    assert!(caller.end());
    let record = house.wait_records(1).remove(0);
    assert!(record["hold_ms"].as_i64().unwrap() > 2000, "{record:#}");
    let heard = Heard::read(&heard);
    let (tone, sound) = (heard.seconds_of(700), heard.seconds_of_sound());
    assert!(tone > 3.0, "the operator was heard for {tone} s");
    assert!(sound > tone + 1.5, "while held there was no music: {sound} s of sound, {tone} s of tone");
}

#[test]
fn a_wrong_secret_and_an_unknown_seat_are_refused_alike() {
    let house = House::open(&Files::new(None));
    for (seat, secret) in [("8001", "wrong"), ("8099", "open-sesame")] {
        let mut command = crate::house::hotline();
        command
            .args(["seat", seat, "--server", &house.addr()])
            .env("HOTLINE_SEAT_SECRET", secret)
            .stderr(std::process::Stdio::piped());
        let out = command.output().unwrap();
        let told = String::from_utf8_lossy(&out.stderr).to_string();
        assert!(!out.status.success() && told.contains("registration refused: 40"), "{seat}: {told}");
        assert!(told.contains("--secret-file"), "{told}");
    }
    assert!(!house.log().contains("seat reachable"));
}

#[test]
fn a_seat_over_tcp_that_vanishes_is_offered_nothing() {
    let house = House::open(&Files::new(None));
    let server = format!("127.0.0.1:{}", house.tcp);
    let mut command = crate::house::hotline();
    command.args(["seat", "8001", "--tcp", "--server", &server]).env("HOTLINE_SEAT_SECRET", "open-sesame");
    let mut seat = Softphone::start(command);
    seat.wait("is registered");
    assert!(Softphone::call(&house, "12346", &["--for", "4s"]).end());
    seat.wait("the caller is gone");
    drop(seat);
    house.wait_log(&["seat unreachable"]);
    assert!(Softphone::call(&house, "12346", &["--for", "2s"]).end());
    let records = house.wait_records(2);
    assert_eq!(records[0]["outcome"], "answered");
    assert_eq!((&records[1]["outcome"], &records[1]["offers"]), (&"abandoned_in_queue".into(), &serde_json::json!([])));
}

#[test]
fn what_our_caller_says_and_records_goes_on_from_early_media_into_the_talk() {
    let mut files = Files::new(None);
    files.hotline = files.hotline.replace("[sip]\n", "[sip]\nanswer = \"on-connect\"\n");
    let house = House::open(&files);
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let (low, high, caller, operator) = (path("440.wav"), path("700.wav"), path("caller.wav"), path("operator.wav"));
    write_tone(low.as_ref(), 440, 5);
    write_tone(high.as_ref(), 700, 5);
    let args = ["--answer-after", "3s", "--say", &high, "--record", &operator, "--calls", "1"];
    let seat = Softphone::seat(&house, "8001", "open-sesame", &args);
    assert!(Softphone::call(&house, "12346", &["--for", "4s", "--say", &low, "--record", &caller]).end());
    assert!(seat.end());
    let (caller, operator) = (Heard::read(caller.as_ref()), Heard::read(operator.as_ref()));
    assert!(operator.seconds_of(440) > 2.0, "the operator heard silence");
    assert!(caller.seconds_of(700) > 2.0, "{} s", caller.seconds_of(700));
    assert!(caller.seconds() > caller.seconds_of(700) + 1.5, "the early part is missing: {} s", caller.seconds());
}
