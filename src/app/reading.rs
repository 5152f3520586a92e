//! Reads and checks everything that an admin can change while the house is open. Takes its time: never called where
//! calls are handled.

use std::collections::BTreeMap;
use std::path::Path;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::config::{self, Fault, House, Meaning, Texts};
use crate::media;
use crate::media::prompts::{PromptBank, PromptFault};

/// Files that are being written while they are read are read again, so often.
const TRIES: usize = 5;

/// A configuration without faults.
pub struct Read {
    pub house: House,
    pub warnings: Vec<Fault>,
    pub meaning: Meaning,
    pub files: Texts,
    pub prompts: Prompts,
}

/// The recordings as they lie there: the SHA-256 of each by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompts {
    pub of: media::Prompts,
    pub sha256: BTreeMap<String, String>,
}

/// All faults at once.
pub fn read(dir: &Path) -> Result<Read, Vec<Fault>> {
    // Faults of a folder that is not there are told by those who look for the files in it.
    let mut before = config::texts(dir).unwrap_or_default();
    for _ in 0..TRIES {
        let read = config::load(dir);
        let files = config::texts(dir).map_err(|error| vec![Fault::of_file(dir, error.to_string())]);
        match (read, files) {
            (read, Ok(files)) if files != before => {
                drop(read);
                before = files;
            }
            (Err(faults), _) | (_, Err(faults)) => return Err(faults),
            (Ok((house, warnings)), Ok(files)) => {
                let prompts = Prompts::of(&house.media.prompts);
                let meaning = Meaning::of(&house, &prompts.sha256);
                return Ok(Read { house, warnings, meaning, files, prompts });
            }
        }
    }
    Err(vec![Fault::of_file(dir, "the files change while they are read; try again when they are written")])
}

impl Prompts {
    /// What cannot be read here is told when the sound itself is read.
    fn of(of: &media::Prompts) -> Prompts {
        let (folder, mut sha256) = (&of.folder, BTreeMap::new());
        digest_folder(folder, "", &mut sha256);
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if let Some(name) = entry.file_name().to_str()
                && entry.path().is_dir()
            {
                digest_folder(&entry.path(), &format!("{name}/"), &mut sha256);
            }
        }
        Prompts { of: of.clone(), sha256 }
    }

    /// The sound itself.
    pub fn load(&self) -> Result<PromptBank, Vec<Fault>> {
        let fault = |fault: &PromptFault| Fault::of_file(&fault.path, &fault.what);
        PromptBank::load(&self.of).map_err(|faults| faults.iter().map(fault).collect())
    }
}

fn digest_folder(folder: &Path, before: &str, sha256: &mut BTreeMap<String, String>) {
    for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.extension().is_some_and(|ending| ending == "wav")
            && let Some(name) = path.file_stem().and_then(|name| name.to_str())
            && let Ok(bytes) = std::fs::read(&path)
        {
            sha256.insert(format!("{before}{name}"), HEXLOWER.encode(&Sha256::digest(&bytes)));
        }
    }
}
