//! Files beside files, variables of the environment, and operators from tables: what is read when all is well.

use std::fmt::Write;
use std::fs;

use super::*;
use crate::ids::Reason;

/// A copy of the shipped files that a test may change.
fn shipped() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy(&root().join("sip-config"), dir.path());
    dir
}

fn prompts() -> String {
    root().join("prompts").display().to_string()
}

fn house(dir: &Path, variables: &[(&str, &str)]) -> House {
    let prompts = prompts();
    let variables: Vec<(&str, &str)> =
        variables.iter().copied().chain([("HOTLINE__MEDIA__PROMPTS", prompts.as_str())]).collect();
    good(dir, &variables).0
}

#[test]
fn files_in_folders_beside_are_added_in_the_order_of_their_names() {
    let dir = shipped();
    fs::create_dir(dir.path().join("queues.d")).unwrap();
    fs::create_dir(dir.path().join("hotline.d")).unwrap();
    fs::write(dir.path().join("queues.d/b.toml"), "phone_grace = \"90s\"\n").unwrap();
    fs::write(dir.path().join("queues.d/a.toml"), "[[queue]]\nid = \"night\"\nneed = \"anyone\"\n").unwrap();
    fs::write(dir.path().join("queues.d/a.toml~"), "what an editor leaves behind").unwrap();
    // A table that is there already is gone on with.
    fs::write(dir.path().join("hotline.d/net.toml"), "[sip]\nadvertise = \"192.0.2.1\"\n").unwrap();
    let house = house(dir.path(), &[]);
    assert_eq!(house.queue.queues.len(), 3);
    assert_eq!(house.queue.phone_grace, Duration::from_secs(90));
    assert_eq!(house.sip.advertise.len(), 1);
}

#[test]
fn any_key_of_any_file_comes_from_the_environment() {
    let dir = shipped();
    let house = house(
        dir.path(),
        &[
            ("HOTLINE__QUEUE__CITIZEN__RING", "25s"),
            ("HOTLINE__QUEUE__CITIZEN__EMERGENCY", "true"),
            ("HOTLINE__QUEUE__CITIZEN__CALLBACK__ATTEMPTS", "5"),
            ("HOTLINE__OPERATOR__1004__SKILLS__ENGLISH", "8"),
            ("HOTLINE__SEAT__8001__SECRET", "of the environment"),
            ("HOTLINE__REASONS", "tea, meal"),
            ("HOTLINE__MENU__WELCOME__TIMEOUT", "7s"),
            ("HOTLINE__MENU__WELCOME__CHOICE__2__QUEUE", "citizen"),
            ("HOTLINE__TRUNK__LOCAL__FROM", "127.0.0.1"),
            ("HOTLINE__WAITING__ANNOUNCE_WAIT", "false"),
        ],
    );
    let citizen = &house.queue.queues["citizen"];
    assert!(citizen.ring == Duration::from_secs(25) && citizen.emergency);
    assert_eq!(citizen.callback.as_ref().unwrap().attempts, 5);
    assert_eq!(house.queue.operators["1004"].skills["english"], 8);
    assert_eq!(house.queue.reasons, ["tea", "meal"].map(Reason::from));
    assert!(!house.ivr.waiting.announce_wait);
    assert_eq!(house.sip.trunks[0].from.len(), 1);
}

#[test]
fn exported_operators_are_the_same_when_they_are_read_again() {
    let dir = shipped();
    let before = house(dir.path(), &[("HOTLINE__OPERATOR__1002__SUPERVISOR", "true")]);
    let table = operators_csv(&before);
    assert!(table.starts_with("\u{feff}id,name,seat,weight,supervisor,english,mandarin\r\n1001,王芳,8001,1,,5,9\r\n"));
    let path = dir.path().join("operators.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..text.find("[[operator]]").unwrap()]).unwrap();
    fs::write(dir.path().join("operators.csv"), table).unwrap();
    assert_eq!(house(dir.path(), &[]).queue.operators, before.queue.operators);
}

#[test]
fn seventeen_hundred_operators_and_their_seats_come_from_tables() {
    let dir = shipped();
    fs::remove_file(dir.path().join("operators.toml")).unwrap();
    let skills: Vec<String> = (1..=20).map(|n| format!("技能{n}")).collect();
    let mut table = format!("工号;姓名;席位;mandarin;english;{}\r\n", skills.join(";"));
    for n in 0..1700 {
        let seat = if n < 750 { (8000 + n).to_string() } else { String::new() };
        let levels: Vec<String> =
            (0..20).map(|s| if (n + s) % 7 == 0 { "5.0".into() } else { String::new() }).collect();
        let _ = write!(table, "{};\"王;芳\";{seat};９;3;{}\r\n", 10_000 + n, levels.join(";"));
    }
    fs::create_dir(dir.path().join("operators.d")).unwrap();
    fs::write(dir.path().join("operators.d/all.csv"), table).unwrap();
    let mut seats = String::from("席位,地址\n");
    (0..750).for_each(|n| writeln!(seats, "{},sip:{}@127.0.0.1:6000", 8000 + n, 8000 + n).unwrap());
    fs::write(dir.path().join("seats.csv"), seats).unwrap();
    let house = house(dir.path(), &[]);
    assert_eq!((house.sip.seats.len(), house.queue.operators.len()), (750, 1700));
    let operator = &house.queue.operators["10007"];
    assert_eq!((operator.name.as_str(), operator.skills["mandarin"], operator.skills["技能1"]), ("王;芳", 9, 5));
    assert_eq!(operator.seat, Some(SeatId::from("8007")));
}
