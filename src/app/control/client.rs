//! The commands' end of the socket.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::socket::SOCKET;
use super::words::{Reply, Request};

/// A reload reads all files and all sound, one after another that was asked for before.
const PATIENCE: Duration = Duration::from_secs(120);

/// Asks the hotline that runs on this data folder. `Ok(None)`: none runs there.
pub fn ask(data: &Path, request: &Request) -> Result<Option<Reply>, String> {
    let path = data.join(SOCKET);
    let told = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut stream = match UnixStream::connect(&path) {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => return Ok(None),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let who = "only the user that the hotline runs as may ask it";
            return Err(format!("{}: {error}; {who}", path.display()));
        }
        Err(error) => return Err(told(error)),
    };
    stream.set_read_timeout(Some(PATIENCE)).map_err(told)?;
    let mut line = serde_json::to_string(request).map_err(|error| error.to_string())?;
    line.push('\n');
    stream.write_all(line.as_bytes()).map_err(told)?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).map_err(told)?;
    if answer.is_empty() {
        return Err(format!("{}: the hotline gave no answer; too much is asked of it at once", path.display()));
    }
    serde_json::from_str(&answer).map(Some).map_err(|error| format!("{}: {error}", path.display()))
}
