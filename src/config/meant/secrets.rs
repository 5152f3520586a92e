//! Secrets of seats and trunks: as hashes, in plain text, from a file or from the environment. Never from the command line, which
//! everybody on the machine can read.

use std::path::Path;

use crate::config::Surroundings;
use crate::config::fault::Faults;
use crate::config::reader::Element;
use crate::config::written::{self, Hashes};
use crate::sip::{Secret, digest};

type Seat<'a> = Element<'a, written::Seat>;

/// What is shown instead of a secret begins so, and is none itself.
pub const MASK: &str = "****************";
/// Said of one.
pub const IS_A_MASK: &str = "this is a mask, as the pages show it in the place of a secret; the secret itself is meant";

/// A fault was told.
pub struct Told;

/// The key under which the secret is.
pub fn key(seat: &written::Seat) -> &'static str {
    match (&seat.secret, &seat.secret_file) {
        (Some(_), _) => "secret",
        (None, Some(_)) => "secret_file",
        (None, None) => "secret_env",
    }
}

/// `None`: the seat has none.
pub fn read(
    dir: &Path,
    surroundings: &Surroundings,
    seat: &Seat<'_>,
    realm: &str,
    faults: &mut Faults,
) -> Result<Option<Secret>, Told> {
    let written = &seat.written;
    let plain = match &written.secret {
        Some(written::Secret::Plain(password)) => Some(password.as_str()),
        Some(written::Secret::Hashed(_)) => Some(""),
        None => None,
    };
    let given = Given { secret: plain, file: written.secret_file.as_deref(), variable: written.secret_env.as_deref() };
    if let (Some(written::Secret::Hashed(hashes)), true) = (&written.secret, given.is_one(seat, faults)) {
        return hashed(seat, hashes, faults).map(Some).ok_or(Told);
    }
    let password = password(dir, surroundings, seat, given, faults)?;
    Ok(password.map(|password| digest::secret(&written.id, realm, &password)))
}

/// Where a password is written: one of them at most.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    pub secret: Option<&'a str>,
    pub file: Option<&'a str>,
    pub variable: Option<&'a str>,
}

impl Given<'_> {
    /// A second one is a fault.
    fn is_one<T>(self, element: &Element<'_, T>, faults: &mut Faults) -> bool {
        let given = [
            ("secret", self.secret.is_some()),
            ("secret_file", self.file.is_some()),
            ("secret_env", self.variable.is_some()),
        ];
        let given: Vec<&str> = given.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect();
        if let [first, second, ..] = given[..] {
            element.fault(faults, second, format!("there is a `{first}` too; one of them is meant"));
            return false;
        }
        true
    }
}

/// The password in the clear. `None`: none is written.
pub fn password<T>(
    dir: &Path,
    surroundings: &Surroundings,
    element: &Element<'_, T>,
    given: Given<'_>,
    faults: &mut Faults,
) -> Result<Option<String>, Told> {
    if !given.is_one(element, faults) {
        return Err(Told);
    }
    let (key, password) = match given {
        Given { secret: Some(password), .. } => ("secret", Ok(password.to_string())),
        Given { file: Some(file), .. } => ("secret_file", from_file(dir, element, file, faults)),
        Given { variable: Some(name), .. } => {
            let found = surroundings.variables.get(name).cloned();
            ("secret_env", found.ok_or_else(|| format!("the environment has no variable {name}")))
        }
        Given { .. } => return Ok(None),
    };
    let password = password.and_then(|password| match password.as_str() {
        "" => Err("is empty".into()),
        text if text.starts_with(MASK) => Err(IS_A_MASK.into()),
        _ => Ok(password),
    });
    password.map(Some).map_err(|what| {
        element.fault(faults, key, what);
        Told
    })
}

/// The first line of a file, seen from the file in which it is named.
fn from_file<T>(dir: &Path, element: &Element<'_, T>, file: &str, faults: &mut Faults) -> Result<String, String> {
    let place = element.place("secret_file");
    let beside = Path::new(&*place.file).parent().filter(|_| place.line > 0).unwrap_or(dir);
    let path = beside.join(file);
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    if is_open(&path) {
        let what = format!("{} can be read by everybody on this machine: chmod o= {0}", path.display());
        faults.warning(&place, element.key("secret_file"), what);
    }
    Ok(text.lines().next().unwrap_or_default().trim_end().to_string())
}

/// Whether everybody on the machine can read it.
pub fn is_open(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

fn hashed(seat: &Element<'_, written::Seat>, hashes: &Hashes, faults: &mut Faults) -> Option<Secret> {
    let mut good = true;
    for (name, text, length) in [("md5", &hashes.md5, 32), ("sha256", &hashes.sha256, 64)] {
        if text.len() != length || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            let place = seat.place_of(&["secret", name]);
            faults.fault(
                &place,
                format!("seat.secret.{name}"),
                format!("{length} hexadecimal digits are meant, as `hotline secret {}` prints them", seat.written.id),
            );
            good = false;
        }
    }
    good.then(|| Secret { ha1_md5: hashes.md5.to_ascii_lowercase(), ha1_sha256: hashes.sha256.to_ascii_lowercase() })
}
