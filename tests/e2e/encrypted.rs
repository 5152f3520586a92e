//! Phones whose sound is encrypted (SRTP) speak with those whose is not; tones are found again at both ends.

use std::time::Duration;

use crate::house::{Files, House};
use crate::peers::{Baresip, Softphone};
use crate::sound::{Heard, write_tone};

/// Seconds of a tone in all that a phone heard.
fn heard_by(phone: &Baresip, hz: u32) -> f64 {
    std::thread::sleep(Duration::from_millis(500));
    phone.all_heard().iter().map(|path| Heard::read(path).seconds_of(hz)).sum()
}

#[test]
fn a_caller_whose_sound_is_encrypted_speaks_with_a_phone_whose_is_not() {
    for how in ["srtp-mand", "srtp-mandf", "srtp"] {
        let house = House::open(&Files::new(None));
        let dir = tempfile::tempdir().unwrap();
        let (say, operator) = (dir.path().join("say.wav"), dir.path().join("operator.wav"));
        write_tone(&say, 700, 20);
        let args = ["--say", say.to_str().unwrap(), "--record", operator.to_str().unwrap(), "--calls", "1"];
        let seat = Softphone::seat(&house, "8001", "open-sesame", &args);
        let caller = Baresip::caller(&house, 440, &format!("mediaenc={how};audio_codecs=pcma/8000/1"));
        caller.command_with("dial", &format!("sip:12346@{}", house.addr()));
        house.wait_log(&["connected"]);
        std::thread::sleep(Duration::from_secs(5));
        caller.command("hold");
        house.wait_log(&["hold", "holds=true"]);
        caller.command("resume");
        house.wait_log(&["hold", "holds=false"]);
        std::thread::sleep(Duration::from_secs(4));
        caller.command("hangup");
        assert!(seat.end());
        let record = house.wait_records(1).remove(0);
        assert_eq!(record["outcome"], "answered", "{how}: {record:#}\n{}", caller.log());
        assert!(record["quality"]["loss"].as_f64().unwrap() < 0.05, "{how}: {record:#}");
        let (heard, operator) = (heard_by(&caller, 700), Heard::read(&operator).seconds_of(440));
        // Baresip writes down what it hears until it holds; what it cannot decrypt it tells of at any time.
        assert!(heard > 4.0 && operator > 6.0, "{how}: the caller heard {heard} s, the operator {operator} s");
        assert!(!caller.log().contains("decrypt"), "{how}: {}", caller.log());
    }
}

#[test]
fn a_seat_that_requires_encryption_is_offered_nothing_else() {
    let mut files = Files::new(None);
    files.operators =
        files.operators.replace("secret = \"open-sesame\"\n", "secret = \"open-sesame\"\nsrtp = \"required\"\n");
    let house = House::open(&files);
    let phone =
        Baresip::register_with(&house, "8001", "open-sesame", 700, "mediaenc=srtp-mand;audio_codecs=pcmu/8000/1");
    let dir = tempfile::tempdir().unwrap();
    let (say, heard) = (dir.path().join("say.wav"), dir.path().join("heard.wav"));
    write_tone(&say, 440, 20);
    let args = ["--for", "9s", "--say", say.to_str().unwrap(), "--record", heard.to_str().unwrap()];
    assert!(Softphone::call(&house, "12346", &args).end());
    let record = house.wait_records(1).remove(0);
    assert_eq!(record["outcome"], "answered", "{record:#}\n{}", phone.log());
    let (caller, operator) = (Heard::read(&heard).seconds_of(700), heard_by(&phone, 440));
    assert!(caller > 4.0 && operator > 4.0, "the caller heard {caller} s, the operator {operator} s");
}

#[test]
fn a_house_that_requires_encryption_refuses_sound_in_the_clear() {
    let mut files = Files::new(None);
    files.hotline = files.hotline.replace("[media]\n", "[media]\nsrtp = \"required\"\n");
    let house = House::open(&files);
    let caller = Softphone::call(&house, "12346", &["--for", "2s"]);
    assert!(!caller.end(), "it was answered");
    let record = house.wait_records(1).remove(0);
    assert_eq!((&record["outcome"], &record["sip_status"]), (&"failed".into(), &488.into()), "{record:#}");
}
