//! Phones that speak G.722 or Opus alone, with each other and with those who do not; tones are found again at both ends.

use std::time::Duration;

use crate::house::{Files, House};
use crate::peers::{Baresip, Softphone};
use crate::sound::{Heard, write_tone};

const ALONE: &str = "audio_codecs=g722/16000/1";
/// As browsers speak it, and with libopus: Opus goes over DTLS-SRTP and ICE alone.
const OPUS_ALONE: &str = "audio_codecs=opus/48000/2;medianat=ice;mediaenc=dtls_srtp";

const OPUS: &str = "audio_codecs=opus/48000/2";
/// In Hz: higher than a telephone carries it.
const HIGH: [u32; 2] = [6_000, 5_000];

/// Seconds of a tone in all that a phone heard.
fn heard_by(phone: &Baresip, hz: u32) -> f64 {
    std::thread::sleep(Duration::from_millis(500));
    phone.all_heard().iter().map(|path| Heard::read(path).seconds_of(hz)).sum()
}

#[test]
fn callers_with_g722_or_opus_alone_speak_with_a_seat_that_has_neither() {
    std::thread::scope(|both| {
        both.spawn(|| speaks_with_a_seat_in_g711(ALONE));
        both.spawn(|| speaks_with_a_seat_in_g711(OPUS_ALONE));
    });
}

fn speaks_with_a_seat_in_g711(how: &str) {
    let house = House::open(&Files::new(None));
    let dir = tempfile::tempdir().unwrap();
    let (say, operator) = (dir.path().join("say.wav"), dir.path().join("operator.wav"));
    write_tone(&say, 700, 20);
    let args = ["--say", say.to_str().unwrap(), "--record", operator.to_str().unwrap(), "--calls", "1"];
    let seat = Softphone::seat(&house, "8001", "open-sesame", &args);
    let caller = Baresip::caller(&house, 440, how);
    caller.command_with("dial", &format!("sip:12346@{}", house.addr()));
    house.wait_log(&["connected"]);
    std::thread::sleep(Duration::from_secs(6));
    caller.command("hangup");
    assert!(seat.end());
    let record = house.wait_records(1).remove(0);
    assert_eq!(record["outcome"], "answered", "{how}: {record:#}\n{}", caller.log());
    let (heard, operator) = (heard_by(&caller, 700), Heard::read(&operator).seconds_of(440));
    assert!(
        heard > 4.0 && operator > 4.0,
        "{how}: the caller heard {heard} s, the operator {operator} s\n{}",
        caller.log()
    );
}

#[test]
fn two_phones_with_g722_alone_hear_each_other_and_a_seat_with_opus_alone_hears_a_caller_in_g711() {
    std::thread::scope(|both| {
        both.spawn(|| hear_each_other(&Files::new(None), (ALONE, HIGH[0]), (ALONE, HIGH[1])));
        both.spawn(|| hear_each_other(&with_opus(), (OPUS, 700), ("audio_codecs=pcma/8000/1", 440)));
    });
}

#[test]
fn a_seat_with_opus_alone_hears_what_a_telephone_does_not_carry_of_g722_and_of_opus_that_is_recorded() {
    hear_each_other(&with_opus(), (OPUS, HIGH[0]), (ALONE, HIGH[1]));
    let mut recorded = with_opus();
    recorded.hotline += "[recording]\ncalls = true\n";
    hear_each_other(&recorded, (OPUS, HIGH[1]), (OPUS, HIGH[0]));
}

fn with_opus() -> Files {
    let mut files = Files::new(None);
    files.hotline =
        files.hotline.replacen("[media]\n", "[media]\ncodecs = [\"pcma\", \"pcmu\", \"g722\", \"opus\"]\n", 1);
    files
}

/// Each is a codec, and a tone.
fn hear_each_other(files: &Files, (seat, seat_hz): (&str, u32), (caller, caller_hz): (&str, u32)) {
    let house = House::open(files);
    let seat = Baresip::register_with(&house, "8001", "open-sesame", seat_hz, seat);
    let caller_speaks = caller;
    let caller = Baresip::caller(&house, caller_hz, caller_speaks);
    caller.command_with("dial", &format!("sip:12346@{}", house.addr()));
    let recorded = files.hotline.contains("[recording]");
    house.wait_log(&[if recorded { "recorded from here on" } else { "connected" }]);
    std::thread::sleep(Duration::from_secs(6));
    caller.command("hangup");
    let record = house.wait_records(1).remove(0);
    assert_eq!(record["outcome"], "answered", "{record:#}\n{}\n{}", caller.log(), seat.log());
    assert_eq!(record["recording"]["file"].is_string(), recorded, "{record:#}");
    let (heard, operator) = (heard_by(&caller, seat_hz), heard_by(&seat, caller_hz));
    assert!(heard > 4.0 && operator > 4.0, "the caller heard {heard} s, the operator {operator} s\n{}", caller.log());
    assert_eq!(
        record["quality"]["scale"],
        if [ALONE, OPUS].contains(&caller_speaks) { "wideband" } else { "narrowband" },
        "{record:#}"
    );
}
