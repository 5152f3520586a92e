//! The configuration's files as they lie in their folder, byte by byte: what is kept of a version.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Each file by its name within the folder, e.g. `queues.toml` or `queues.d/night.toml`.
pub type Texts = BTreeMap<String, Vec<u8>>;

const ENDINGS: [&str; 2] = ["toml", "csv"];
/// Files are typed by hand: more, or a larger one, are a mistake.
const MAX_FILES: usize = 1_000;
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// The files of a folder and of the folders in it. Secrets in files of their own are not among them.
pub fn texts(dir: &Path) -> io::Result<Texts> {
    let mut texts = Texts::new();
    gather(dir, "", &mut texts)?;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if let Some(name) = entry.file_name().to_str().filter(|name| !name.starts_with('.'))
            && entry.path().is_dir()
        {
            gather(&entry.path(), &format!("{name}/"), &mut texts)?;
        }
    }
    Ok(texts)
}

fn gather(dir: &Path, before: &str, texts: &mut Texts) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|name| !name.starts_with('.')) else {
            continue;
        };
        let fits = path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| ENDINGS.contains(&ending));
        if !fits || !path.is_file() {
            continue;
        }
        let told = |what: &str| Err(io::Error::other(format!("{}: {what}", path.display())));
        if path.metadata()?.len() > MAX_FILE {
            return told("is too large to be kept");
        }
        if texts.len() >= MAX_FILES {
            return told("there are too many files");
        }
        texts.insert(format!("{before}{name}"), std::fs::read(&path)?);
    }
    Ok(())
}
