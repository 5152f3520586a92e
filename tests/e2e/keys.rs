//! Keys: by RFC 4733 from our own softphone and from baresip's stack, by INFO from sipp; each exactly once.

use crate::house::{Files, House};
use crate::peers::{Sipp, Softphone};

fn choice(house: &House) -> (String, String) {
    let record = house.wait_records(1).remove(0);
    let text = |key: &str| record[key].as_str().unwrap_or_default().to_string();
    (text("choices"), text("queue"))
}

#[test]
fn a_key_by_info_counts_once() {
    let house = House::open(&Files::new(None));
    Sipp::callers(&house, "caller_presses_info", "12345", &["-key", "key", "2", "-d", "4000"]).succeed();
    assert_eq!(choice(&house), ("2".into(), "english".into()));
}

#[test]
fn a_key_by_rtp_events_of_another_maker() {
    let house = House::open(&Files::new(None));
    Sipp::caller(&house, "caller_presses_rtp", "12345").succeed();
    assert_eq!(choice(&house), ("2".into(), "english".into()));
}

#[test]
fn a_key_in_the_sound_counts_where_the_trunk_says_so() {
    let mut files = Files::new(None);
    files.hotline = files.hotline.replace("from = [\"127.0.0.1\"]\n", "from = [\"127.0.0.1\"]\ndtmf = \"inband\"\n");
    let house = House::open(&files);
    Sipp::caller(&house, "caller_presses_tone", "12345").succeed();
    assert_eq!(choice(&house), ("2".into(), "english".into()));
    let house = House::open(&Files::new(None));
    Sipp::caller(&house, "caller_presses_tone", "12345").succeed();
    assert_eq!(choice(&house).0, "", "nobody listens for it");
}

#[test]
fn a_key_of_our_softphone_over_tcp() {
    let house = House::open(&Files::new(None));
    let number = format!("sip:12345@127.0.0.1:{};transport=tcp", house.tcp);
    let mut command = crate::house::hotline();
    command.args(["call", &number, "--press", "2", "--for", "3s"]);
    assert!(Softphone::start(command).end());
    assert_eq!(choice(&house), ("2".into(), "english".into()));
}

#[test]
fn a_wrong_key_repeats_the_menu_and_no_key_is_the_default() {
    let house = House::open(&Files::new(None));
    assert!(Softphone::call(&house, "12345", &["--press", "92", "--for", "4s"]).end());
    assert_eq!(choice(&house), ("2".into(), "english".into()));
    let house = House::open(&Files::new(None));
    assert!(Softphone::call(&house, "12345", &["--for", "14s"]).end());
    assert_eq!(choice(&house), (String::new(), "citizen".into()));
}
