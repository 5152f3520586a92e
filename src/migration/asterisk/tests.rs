//! Whole folders, and what is made of them. `UPDATE=1` writes the expectations anew, to be read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::import;
use crate::migration::Import;

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/asterisk")
}

fn texts(dir: &Path, within: &Path, found: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(within).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.strip_prefix(dir).unwrap().display().to_string();
        if entry.is_dir() && name != "expected" {
            texts(dir, &entry, found);
        } else if entry.is_file() {
            found.insert(name, std::fs::read_to_string(&entry).unwrap());
        }
    }
}

/// Secrets are told from each other, and what they are made of is not in the files.
fn imported(case: &str) -> Import {
    let dir = cases().join(case);
    let mut all = BTreeMap::new();
    texts(&dir, &dir, &mut all);
    let mut hash = |seat: &str, password: Option<&str>| {
        let told = crate::sip::digest::secret(seat, "hotline", password.unwrap_or("unknown"));
        format!("{{ md5 = \"{}\", sha256 = \"{}\" }}", told.ha1_md5, told.ha1_sha256)
    };
    import(&all, &mut hash).unwrap()
}

#[test]
fn each_folder_becomes_what_is_expected() {
    for case in ["broken", "callcenter", "small"] {
        let import = imported(case);
        let expected = cases().join(case).join("expected");
        for (name, text) in &import.files {
            assert!(!text.contains("secret\"") && !text.contains("-secret"), "a password in {name}");
            let path = expected.join(name);
            if std::env::var_os("UPDATE").is_some() {
                std::fs::create_dir_all(&expected).unwrap();
                std::fs::write(&path, text).unwrap();
            }
            assert_eq!(*text, std::fs::read_to_string(&path).unwrap_or_default(), "{case}/{name}");
        }
        assert_eq!(
            std::fs::read_dir(&expected).unwrap().count(),
            import.files.len(),
            "{case}: files that are not written"
        );
    }
}

/// With a recording of everything that is listed, the files are sound.
#[test]
fn what_is_made_of_it_is_sound() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for case in ["broken", "callcenter", "small"] {
        let import = imported(case);
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("config");
        std::fs::create_dir_all(&config).unwrap();
        for (name, text) in &import.files {
            std::fs::write(config.join(name), text).unwrap();
        }
        let prompts = dir.path().join("prompts");
        for folder in ["", "zh", "en"] {
            std::fs::create_dir_all(prompts.join(folder)).unwrap();
            for entry in std::fs::read_dir(root.join("prompts").join(folder)).unwrap().map(|entry| entry.unwrap()) {
                if entry.path().is_file() {
                    std::fs::copy(entry.path(), prompts.join(folder).join(entry.file_name())).unwrap();
                }
            }
        }
        for wanted in &import.prompts {
            let to = prompts.join(&wanted.language).join(format!("{}.wav", wanted.name));
            std::fs::copy(root.join("prompts/zh/greeting.wav"), to).unwrap();
        }
        if let Err(faults) = crate::config::load(&config) {
            let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
            panic!("{case}: {}", told.join("\n"));
        }
    }
}

#[test]
fn nothing_to_import_is_said() {
    let texts = BTreeMap::from([("readme.txt".to_string(), String::new())]);
    let told = import(&texts, &mut |_, _| String::new()).unwrap_err();
    assert!(told.contains("neither queues.conf nor extensions.conf"), "{told}");
}
