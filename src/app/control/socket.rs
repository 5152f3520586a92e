//! The server's end. Whoever may write to the socket may change the house: its mode lets in only the user that the
//! hotline runs as.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tracing::{debug, warn};

use super::words::{Reply, Request};
use crate::app::versions::user;

/// In the data folder.
pub(super) const SOCKET: &str = "hotline.sock";
/// Bytes of a request: a note is a sentence, not a book.
const MAX_REQUEST: u64 = 16 * 1024;
/// Open at once; requests are done one after the other anyway.
const CONNECTIONS: usize = 8;
/// Who asks if the system does not say it.
const UNKNOWN: &str = "a user of this machine";
/// Whoever connects says what they want within this, and takes the answer within this.
const PATIENCE: Duration = Duration::from_secs(5);

/// One request on its way to whoever does it.
pub struct Asked {
    pub request: Request,
    /// Who asked at the socket, for the audit log; `None`: it is written down where it was asked.
    pub by: Option<String>,
    /// `None`: the answer goes to the log.
    pub answer: Option<oneshot::Sender<Reply>>,
}

/// The open socket; it is gone when this is dropped.
pub struct Control {
    path: PathBuf,
}

impl Control {
    /// Opens the socket in a data folder that is ours alone: one that is there already is left from a process that
    /// was killed.
    pub fn open(data: &Path, asked: mpsc::Sender<Asked>) -> io::Result<Control> {
        let path = data.join(SOCKET);
        let coming = data.join(format!(".{SOCKET}"));
        let _ = std::fs::remove_file(&coming);
        // Seen under its name only when its mode is right.
        let listener = UnixListener::bind(&coming)?;
        std::fs::set_permissions(&coming, std::fs::Permissions::from_mode(0o600))?;
        std::fs::rename(&coming, &path)?;
        tokio::spawn(accept(listener, asked));
        Ok(Control { path })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn accept(listener: UnixListener, asked: mpsc::Sender<Asked>) {
    let seats = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "the control socket");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let Ok(seat) = seats.clone().try_acquire_owned() else {
            debug!("too many at the control socket");
            continue;
        };
        let asked = asked.clone();
        tokio::spawn(async move {
            serve(stream, asked).await;
            drop(seat);
        });
    }
}

async fn serve(mut stream: UnixStream, asked: mpsc::Sender<Asked>) {
    let reply = match tokio::time::timeout(PATIENCE, read(&mut stream)).await {
        Err(_) => return,
        Ok(Err(why)) => Reply::Refused { why },
        Ok(Ok(request)) => {
            let (answer, answered) = oneshot::channel();
            let by = stream.peer_cred().map_or_else(|_| UNKNOWN.into(), |peer| user(peer.uid()));
            let sent = asked.send(Asked { request, by: Some(by), answer: Some(answer) }).await;
            let closing = || Reply::Refused { why: "the hotline is closing".into() };
            if sent.is_err() { closing() } else { answered.await.unwrap_or_else(|_| closing()) }
        }
    };
    // Calls go on on this thread, and an answer may be long.
    let written = tokio::task::spawn_blocking(move || serde_json::to_string(&reply)).await;
    let Ok(Ok(mut text)) = written else { return };
    text.push('\n');
    let write = async {
        stream.write_all(text.as_bytes()).await?;
        stream.shutdown().await
    };
    if !matches!(tokio::time::timeout(PATIENCE, write).await, Ok(Ok(()))) {
        debug!("nobody took the answer at the control socket");
    }
}

async fn read(stream: &mut UnixStream) -> Result<Request, String> {
    let mut line = Vec::new();
    let mut reader = BufReader::new(stream.take(MAX_REQUEST));
    reader.read_until(b'\n', &mut line).await.map_err(|error| error.to_string())?;
    if !line.ends_with(b"\n") {
        return Err(format!("a request is one line of JSON, at most {MAX_REQUEST} bytes"));
    }
    serde_json::from_slice(&line).map_err(|error| format!("the request cannot be read: {error}"))
}
