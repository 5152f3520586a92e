//! Carriers: one that asks for a password, and one at which nobody is.

use std::time::Instant;

use serde_json::Value;

use crate::house::{Files, House, PATIENCE, free_port, hotline};
use crate::peers::Sipp;

/// `hotline trunks`, a value for each.
fn trunks(house: &House) -> Vec<Value> {
    let said = hotline().args(["trunks", "--format", "json", "--data"]).arg(house.data()).output().expect("it runs");
    let text = String::from_utf8(said.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_call_goes_over_the_carrier_that_is_there_and_is_proved_to_it() {
    let (dead, port) = (free_port(), free_port());
    let mut files = Files::new(None);
    let test = "[[trunk]]\nid = \"test\"\n";
    let carriers = format!(
        "[[trunk]]\nid = \"dead\"\nto = \"sip:127.0.0.2:{dead}\"\npatience = \"1s\"\ncheck = \"0s\"\n\
         [[trunk]]\nid = \"carrier\"\npriority = 2\nto = \"sip:127.0.0.1:{port}\"\ncheck = \"0s\"\n\
         domain = \"carrier.example\"\nusername = \"house\"\nsecret = \"of the carrier\"\nregister = true\n"
    );
    files.hotline = files.hotline.replacen("[media]", &format!("{carriers}[media]"), 1);
    assert!(files.hotline.contains(test), "its calls come in by another");
    files.menu += "[[menu.choice]]\nkey = \"5\"\nnumber = \"01065139999\"\n";
    let carrier = Sipp::start("carrier", &["-p", &port.to_string(), "-m", "2"]);
    let house = House::open(&files);
    let until = Instant::now() + PATIENCE;
    while trunks(&house)[2]["registered"] != true {
        assert!(Instant::now() < until, "not registered: {:#?}", trunks(&house));
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    Sipp::callers(&house, "caller_presses_info", "12345", &["-key", "key", "5", "-d", "6000"]).succeed();
    let record = house.wait_records(1).pop().expect("a record");
    assert_eq!((&record["outcome"], &record["choices"]), (&"transferred_out".into(), &"5".into()), "{record:#}");
    carrier.succeed();
    let stand: Vec<Value> = trunks(&house).iter().map(|trunk| trunk["calls"].clone()).collect();
    assert_eq!(stand, [0, 0, 0], "no call is left");
}
