//! `hotline load`: many callers and phones of ours, and whether what they saw is what was written down.

use serde_json::Value;

use crate::house::{Files, House, hotline};

const SEATS: u32 = 6;

#[test]
fn callers_and_phones_that_misbehave_are_written_down_as_they_were() {
    let mut files = Files::new(None);
    files.operators = (1..=SEATS)
        .map(|n| {
            format!(
                "[[seat]]\nid = \"80{n:02}\"\nsecret = \"open-sesame-80{n:02}\"\n\
                 [[operator]]\nid = \"10{n:02}\"\nname = \"O{n}\"\nskills = {{ mandarin = 5, english = 5 }}\nseat = \"80{n:02}\"\n"
            )
        })
        .collect();
    let house = House::open(&files);
    let scenario = house.dir().join("load.toml");
    let text = format!(
        "number = \"12345\"\nlasts = \"10s\"\nrate = 2.0\npress_after = \"500ms\"\n\
         patience = {{ law = \"constant\", mean = \"30s\" }}\ntalk = {{ law = \"constant\", mean = \"2s\" }}\n\
         operator_ends = 0.5\n[callers]\ncancel = 0.1\nhang_up_at_once = 0.1\n[seats]\ncount = {SEATS}\n\
         secret = \"open-sesame-{{seat}}\"\nanswer = {{ law = \"constant\", mean = \"500ms\" }}\nbusy = 0.1\n"
    );
    std::fs::write(&scenario, text).unwrap();
    let output = hotline()
        .args(["--data".as_ref(), house.data().as_os_str()])
        .args(["load", "--server", &house.addr(), "--format", "json"])
        .arg(&scenario)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_str(&told).unwrap();
    let count = |key: &str| report[key].as_u64().unwrap();
    assert!(count("operator") >= 5 && count("left_early") >= 1, "{report:#}");
    assert_eq!(report["records"]["agreed"].as_u64(), Some(count("calls")), "{report:#}");
    assert_eq!(count("offers"), count("answered") + count("declined") + count("withdrawn"), "{report:#}");
    assert!(count("packets_due") > 100 * count("operator"), "both heard each other: {report:#}");
    assert!(count("packets_lost") * 50 < count("packets_due"), "{report:#}");
}

#[test]
fn a_scenario_with_faults_tells_all_of_them_with_their_lines() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = dir.path().join("load.toml");
    std::fs::write(&scenario, "rate = 0.0\npress = \"1x\"\n[seats]\nbusy = 1.5\nfixed = \"here\"\n").unwrap();
    let output = hotline().arg("load").arg(&scenario).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    for (line, words) in [(1, "from 0.001 to 1000"), (2, "'x' is no key"), (4, "from 0 to 1"), (5, "127.0.0.1:6000")] {
        let place = format!("load.toml:{line}:");
        assert!(told.lines().any(|told| told.contains(&place) && told.contains(words)), "{place} {words}\n{told}");
    }
}

#[test]
fn what_cannot_be_compared_in_the_end_is_told_before_the_callers_come() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = dir.path().join("load.toml");
    std::fs::write(&scenario, "lasts = \"3600s\"\n").unwrap();
    let output = hotline().arg("load").arg(&scenario).arg("--data").arg(dir.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("there are no records yet") && told.contains("--no-records"), "{told}");
}
