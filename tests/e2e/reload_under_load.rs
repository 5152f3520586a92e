//! Two hundred live calls while the files change ten times: none is dropped, nobody is signed out, the log replays.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::house::{Files, House, hotline, write_files};
use crate::peers::Sipp;
use crate::ports::free_port;

const CALLS: usize = 200;
const OPERATORS: usize = 60;
/// How long each caller stays; all changes happen while all are there.
const STAY_MS: &str = "45000";

fn operator(number: usize, port: u16, skills: &str) -> String {
    let seat = 8100 + number;
    format!(
        "[[seat]]\nid = \"{seat}\"\ncontact = \"sip:{seat}@127.0.0.1:{port}\"\n\
         [[operator]]\nid = \"{}\"\nskills = {{ {skills} }}\nseat = \"{seat}\"\n",
        2000 + number
    )
}

fn files(port: u16) -> Files {
    let mut files = Files::new(None);
    let ports = files.hotline.split('"').find(|text| text.starts_with('2') && text.contains('-')).map(String::from);
    // Callers of sipp send no sound; each call has two pairs of ports.
    files.hotline = files
        .hotline
        .replace(&ports.expect("a range"), "30000-30999")
        .replace("workers = 1\n", "workers = 1\ndead_after = \"0s\"\n");
    let prompts = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts");
    files.hotline = files.hotline.replace(&prompts.display().to_string(), "../prompts");
    files.operators = (0..OPERATORS).map(|number| operator(number, port, "mandarin = 5")).collect();
    files.operators += &operator(OPERATORS, port, "english = 5");
    files
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("the prompts are there").flatten() {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).expect("copies");
        }
    }
}

/// `hotline reload`: its exit status, and all that it said.
fn reload(house: &House, note: &str) -> (Option<i32>, String) {
    let out = hotline().args(["reload", "--note", note, "--data"]).arg(house.data()).output().expect("runs");
    let text = [out.stdout, out.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (out.status.code(), text)
}

#[test]
fn two_hundred_calls_go_on_while_the_files_change_ten_times() {
    let port = free_port();
    let mut files = files(port);
    let dir = tempfile::tempdir().expect("a temporary folder");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts"), &dir.path().join("prompts"));
    let house = House::open_in(dir, &files);
    let _phones = Sipp::start("phone_answers", &["-p", &port.to_string(), "-m", "100000", "-timeout", "300"]);
    let many = CALLS.to_string();
    let args = ["-m", &many, "-r", "50", "-l", &many, "-d", STAY_MS, "-timeout", "300"];
    let callers = Sipp::callers(&house, "caller_stays", "12346", &args);
    house.wait_log_lines(OPERATORS, "connected operator=");
    house.wait_log_lines(CALLS, "joins queue=");

    type Edit = Box<dyn Fn(&mut Files, &Path)>;
    type Change = (&'static str, Edit, &'static str);
    let edit = |what: fn(&mut Files)| -> Edit { Box::new(move |files, _| what(files)) };
    let added = move |files: &mut Files, _: &Path| {
        files.operators += &operator(70, port, "mandarin = 5");
        files.operators += &operator(71, port, "english = 9");
    };
    let removed = move |files: &mut Files, _: &Path| {
        files.operators = files.operators.replace(&operator(71, port, "english = 9"), "");
    };
    let prompt = |_: &mut Files, dir: &Path| {
        fs::copy(dir.join("prompts/en/greeting.wav"), dir.join("prompts/zh/greeting.wav")).expect("copies");
    };
    let changes: [Change; 10] = [
        (
            "ring",
            edit(|f| f.queues = f.queues.replace("ring = \"4s\"", "ring = \"6s\"")),
            "queue citizen: ring 4s → 6s",
        ),
        ("added", Box::new(added), "operator 2070 added"),
        (
            "need",
            edit(|f| f.queues = f.queues.replace("mandarin >= 1", "mandarin >= 2")),
            "need mandarin >= 1 → mandarin >= 2",
        ),
        ("a fault", edit(|f| f.queues = f.queues.replace("wrap_up =", "warp_up =")), "unknown key"),
        (
            "renamed",
            edit(|f| {
                f.queues = f
                    .queues
                    .replace("warp_up =", "wrap_up =")
                    .replace("id = \"citizen\"", "id = \"general\"\nformerly = \"citizen\"");
            }),
            "queue citizen renamed: it is queue general now",
        ),
        (
            "moved",
            edit(|f| {
                f.operators = f.operators.replacen(
                    "id = \"2060\"\nskills = { english = 5 }",
                    "id = \"2060\"\nskills = { english = 5, law = 2 }",
                    1,
                )
            }),
            "operator 2060: law 2 added",
        ),
        ("prompt", Box::new(prompt), "prompt zh/greeting replaced"),
        ("removed", Box::new(removed), "operator 2071 removed"),
        (
            "limits",
            edit(|f| f.hotline = f.hotline.replace("[sip]\n", "[sip]\nmax_calls = 900\n")),
            "sip.max_calls 4000 → 900",
        ),
        (
            "renamed again",
            edit(|f| {
                f.queues = f.queues.replace(
                    "id = \"general\"\nformerly = \"citizen\"",
                    "id = \"public\"\nformerly = [\"general\", \"citizen\"]",
                );
            }),
            "queue general renamed: it is queue public now",
        ),
    ];
    for (note, change, expected) in &changes {
        change(&mut files, house.dir());
        write_files(house.dir(), &files);
        let (code, said) = reload(&house, note);
        assert_eq!(code, Some(i32::from(*note == "a fault")), "{note}: {said}");
        assert!(said.contains(expected), "{note}: {said}");
        std::thread::sleep(Duration::from_millis(300));
    }
    // Whoever was dropped would have been told by a BYE, which fails the scenario.
    callers.succeed();
    let records = house.wait_records(CALLS);
    let count = |what: &dyn Fn(&serde_json::Value) -> bool| records.iter().filter(|record| what(record)).count();
    assert_eq!(count(&|record| record["ended_by"] == "caller"), CALLS, "nobody's call was ended by the house");
    let answered = count(&|record| record["outcome"] == "answered");
    assert_eq!(count(&|record| record["outcome"] == "abandoned_in_queue") + answered, CALLS);
    assert!((OPERATORS..CALLS).contains(&answered), "{answered} were answered");
    let waited_in: std::collections::BTreeSet<String> =
        records.iter().map(|record| record["queue"].to_string()).collect();
    assert_eq!(waited_in, ["\"public\"".to_string()].into(), "all waited in the queue under its last name");
    let log = house.records_as("queue-log");
    let signed_out: Vec<&str> = log.lines().filter(|line| line.contains("AGENTLOGOFF")).collect();
    assert!(signed_out.iter().all(|line| line.contains("|2071|")), "{signed_out:#?}");
    let run = |args: &[&str]| {
        let out = hotline().args(args).arg("--data").arg(house.data()).output().expect("runs");
        (out.status.success(), String::from_utf8_lossy(&out.stdout).into_owned())
    };
    let (alike, told) = run(&["replay"]);
    assert!(alike, "{told}");
    assert_eq!(run(&["versions"]).1.lines().count(), changes.len(), "nine changes took effect after the first");
    let (_, statistics) = run(&["statistics", "--by", "queue", "--since", "1h"]);
    assert!(statistics.contains("public") && !statistics.contains("citizen"), "{statistics}");
}
