//! A seat's secret: as hashes, in plain text, from a file or from the environment. Never from the command line, which
//! everybody on the machine can read.

use std::path::Path;

use crate::config::Surroundings;
use crate::config::fault::Faults;
use crate::config::reader::Element;
use crate::config::written::{self, Hashes};
use crate::sip::{Secret, digest};

type Seat<'a> = Element<'a, written::Seat>;

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
    let given = [
        ("secret", written.secret.is_some()),
        ("secret_file", written.secret_file.is_some()),
        ("secret_env", written.secret_env.is_some()),
    ];
    let given: Vec<&str> = given.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect();
    if let [first, second, ..] = given[..] {
        seat.fault(faults, second, format!("there is a `{first}` too; one of them is meant"));
        return Err(Told);
    }
    let (key, password) = match (&written.secret, &written.secret_file, &written.secret_env) {
        (Some(written::Secret::Hashed(hashes)), ..) => return hashed(seat, hashes, faults).map(Some).ok_or(Told),
        (Some(written::Secret::Plain(password)), ..) => ("secret", Ok(password.clone())),
        (None, Some(file), _) => ("secret_file", from_file(dir, seat, file, faults)),
        (None, None, Some(name)) => {
            let found = surroundings.variables.get(name).cloned();
            ("secret_env", found.ok_or_else(|| format!("the environment has no variable {name}")))
        }
        (None, None, None) => return Ok(None),
    };
    let password =
        password.and_then(|password| if password.is_empty() { Err("is empty".into()) } else { Ok(password) });
    match password {
        Ok(password) => Ok(Some(digest::secret(&written.id, realm, &password))),
        Err(what) => {
            seat.fault(faults, key, what);
            Err(Told)
        }
    }
}

/// The first line of a file, seen from the file in which it is named.
fn from_file(dir: &Path, seat: &Seat<'_>, file: &str, faults: &mut Faults) -> Result<String, String> {
    let place = seat.place("secret_file");
    let beside = Path::new(&*place.file).parent().filter(|_| place.line > 0).unwrap_or(dir);
    let path = beside.join(file);
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    if is_open(&path) {
        let what = format!("{} can be read by everybody on this machine: chmod o= {0}", path.display());
        faults.warning(&place, seat.key("secret_file"), what);
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
