//! `hotline prompts`: a folder in which everything is wrong, and one in which something is missing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::house::{Files, hotline, write_files};

/// A house whose prompts are a copy of the shipped ones.
struct Folder {
    dir: tempfile::TempDir,
}

impl Folder {
    fn new() -> Folder {
        let dir = tempfile::tempdir().unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts");
        for folder in ["", "zh", "en"] {
            let to = dir.path().join("prompts").join(folder);
            fs::create_dir_all(&to).unwrap();
            for file in fs::read_dir(shipped.join(folder)).unwrap().map(|entry| entry.unwrap().path()) {
                if file.is_file() {
                    fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
                }
            }
        }
        let mut files = Files::new(None);
        let own = dir.path().join("prompts").display().to_string();
        files.hotline = files.hotline.replace(&shipped.display().to_string(), &own);
        write_files(dir.path(), &files);
        Folder { dir }
    }

    fn prompt(&self, name: &str) -> PathBuf {
        self.dir.path().join("prompts").join(format!("{name}.wav"))
    }

    fn run(&self, args: &[&str], path: Option<&str>) -> (Option<i32>, String) {
        let mut command = hotline();
        command.arg("--config").arg(self.dir.path().join("config")).arg("prompts").args(args);
        if let Some(path) = path {
            command.env("PATH", path);
        }
        let output = command.output().unwrap();
        let said = [&output.stdout[..], &output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).to_string())
    }

    /// What is said of each prompt about which there is something to say.
    fn remarks(&self) -> (Option<i32>, BTreeMap<String, Vec<String>>) {
        let (code, said) = self.run(&["check", "--format", "json"], None);
        let remarks = said.lines().map(|line| {
            let row: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{said}"));
            let kinds = row["remarks"].as_array().unwrap().iter().map(|remark| {
                assert!(remark["what"].as_str().unwrap().len() > 10);
                format!("{} {}", remark["severity"].as_str().unwrap(), remark["kind"].as_str().unwrap())
            });
            (row["prompt"].as_str().unwrap().to_string(), kinds.collect())
        });
        (code, remarks.collect())
    }
}

/// A sine with this deflection, cut at full scale.
fn tone(path: &Path, rate: u32, seconds: u32, deflection: f64) {
    let spec =
        hound::WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut wav = hound::WavWriter::create(path, spec).unwrap();
    for n in 0..rate * seconds {
        let phase = f64::from(n) * 440.0 * std::f64::consts::TAU / f64::from(rate);
        wav.write_sample((phase.sin() * deflection * 32_768.0).clamp(-32_768.0, 32_767.0) as i16).unwrap();
    }
    wav.finalize().unwrap();
}

#[test]
fn the_shipped_prompts_have_no_fault_and_are_all_listed() {
    let root = env!("CARGO_MANIFEST_DIR");
    let output = hotline().args(["--config", &format!("{root}/sip-config"), "prompts"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).to_string();
    assert!(output.status.success() && said.contains("0 faults, 0 warnings"), "{said}");
    let greeting = said.lines().find(|line| line.starts_with("zh/greeting ")).unwrap();
    assert!(greeting.contains(" s ") && greeting.contains(" dB") && greeting.contains("您好"), "{greeting}");
    for (name, part) in [
        ("zh/greeting ", "menu"),
        ("zh/2 ", "counting"),
        ("en/sorry ", "line"),
        ("music ", "line"),
        ("en/busy ", "announcement"),
        ("zh/message_leave ", "message"),
        ("en/denied ", "codes"),
    ] {
        let line = said.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(line.split("ok").nth(1).is_some_and(|rest| rest.trim().starts_with(part)), "{line}");
    }
}

#[test]
fn every_kind_of_bad_prompt_is_told() {
    let folder = Folder::new();
    fs::remove_file(folder.prompt("zh/sorry")).unwrap();
    tone(&folder.prompt("zh/busy"), 8_000, 1, 0.0);
    tone(&folder.prompt("zh/closed"), 8_000, 1, 3.0);
    tone(&folder.prompt("zh/failure"), 44_100, 1, 0.2);
    tone(&folder.prompt("zh/greeting"), 8_000, 70, 0.2);
    tone(&folder.prompt("zh/next"), 8_000, 1, 0.004);
    tone(&folder.prompt("en/position"), 8_000, 0, 0.2);
    tone(&folder.prompt("zh/jingle"), 8_000, 1, 0.2);
    fs::write(folder.prompt("en/busy"), "no sound").unwrap();
    fs::write(folder.dir.path().join("prompts/zh/new.mp3"), "sound").unwrap();
    fs::write(folder.dir.path().join("config/prompts.toml"), "denied.zh = \"不行。\"\nparking.zh = \"停车\"\n")
        .unwrap();
    let (code, remarks) = folder.remarks();
    let expected = [
        ("en/busy", &["fault unreadable"][..]),
        ("en/position", &["fault empty"]),
        ("new.mp3", &["warning wrong_format"]),
        ("zh/busy", &["fault silent"]),
        ("zh/closed", &["warning too_loud", "warning clipped"]),
        ("zh/denied", &["warning outdated"]),
        ("zh/failure", &["fault wrong_rate"]),
        ("zh/greeting", &["warning too_long"]),
        ("zh/jingle", &["warning unused"]),
        ("zh/next", &["warning too_quiet"]),
        ("zh/parking", &["warning missing"]),
        ("zh/sorry", &["fault missing"]),
    ];
    let expected = expected.map(|(name, kinds)| (name.to_string(), kinds.iter().map(ToString::to_string).collect()));
    assert_eq!((code, remarks), (Some(1), BTreeMap::from(expected)));
    let (code, said) = folder.run(&["check"], None);
    assert!(code == Some(1) && said.contains("zh/sorry.wav: fault: is missing, and callers"), "{said}");
}

#[test]
fn what_is_missing_is_spoken_and_what_people_recorded_stays() {
    let folder = Folder::new();
    let (sorry, star, busy) = (folder.prompt("zh/sorry"), folder.prompt("zh/star"), folder.prompt("zh/busy"));
    let shipped = fs::read(&star).unwrap();
    fs::remove_file(&sorry).unwrap();
    fs::remove_file(&star).unwrap();
    tone(&busy, 8_000, 1, 0.2);
    let recorded = fs::read(&busy).unwrap();
    let own = folder.dir.path().join("config/prompts.toml");
    fs::write(&own, "greeting.zh = \"您好，这里是朝阳区热线。\"\nbusy.zh = \"忙\"\n").unwrap();

    let (code, said) = folder.run(&["make"], None);
    assert!(code == Some(0), "espeak-ng is installed: scripts/setup test\n{said}");
    assert!(said.contains("3 prompts made, 1 left"), "{said}");
    assert!(said.contains("您好，这里是朝阳区热线。"), "{said}");
    assert_eq!(folder.remarks(), (Some(0), BTreeMap::new()));
    assert_eq!(fs::read(&busy).unwrap(), recorded);
    let left: Vec<_> =
        fs::read_dir(folder.dir.path().join("prompts/zh")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name.to_string_lossy().ends_with(".wav")), "{left:?}");

    // The same text gives the same bytes; nothing is spoken twice without being asked for.
    let made = fs::read(&star).unwrap();
    assert!(folder.run(&["make"], None).1.contains("0 prompts made"));
    let (code, said) = folder.run(&["make", "--all"], None);
    assert!(code == Some(0) && said.contains(" 1 left"), "{said}");
    assert_eq!((fs::read(&star).unwrap(), fs::read(&busy).unwrap()), (made.clone(), recorded.clone()));
    let (code, said) = folder.run(&["make", "zh/star", "busy"], None);
    assert!(code == Some(0) && said.contains("zh/busy.wav: somebody recorded it"), "{said}");
    assert_eq!(fs::read(&busy).unwrap(), recorded);
    assert!(made.len() > 4_000 && made.len().abs_diff(shipped.len()) < 8_000, "{} bytes", made.len());

    let (code, said) = folder.run(&["make", "zh/sory"], None);
    assert!(code == Some(1) && said.contains("no prompts.toml has a text for \"zh/sory\""), "{said}");
}

#[test]
fn without_espeak_nothing_is_made_and_what_to_install_is_told() {
    let folder = Folder::new();
    fs::remove_file(folder.prompt("zh/sorry")).unwrap();
    let (code, said) = folder.run(&["make"], Some("/nonexistent"));
    assert!(code == Some(1) && said.contains("espeak-ng is missing") && said.contains("apt-get install"), "{said}");
    assert!(!folder.prompt("zh/sorry").exists());
}
