//! The listeners of the pages: who is at the other end, how many may be there at once, and how long each may take.
//! Hands are shaken beside each other, so that nobody who is slow holds up the next.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, getrlimit};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::metrics;
use super::settings::Settings;
use crate::peers::{self, household};
use crate::tls::Acceptor;

/// Connections at once, of all listeners; and from one household: an office has all its pages behind one address, and a
/// browser opens up to six connections.
const CONNECTIONS: usize = 8_000;
const PER_HOUSEHOLD: usize = CONNECTIONS / 2;
/// They may take one in so many of the files that the process may have open: calls need theirs.
const SHARE_OF_FILES: u64 = 4;
/// Whoever takes longer to shake hands is gone.
const SHAKING: Duration = Duration::from_secs(10);
/// The head of a request is whole within this; a connection on which nothing is asked for so long is closed, too.
const HEAD: Duration = Duration::from_secs(30);
/// Bytes of that head.
const HEAD_BYTES: usize = 32 * 1024;
/// What the system keeps of an answer that nobody takes: unbounded, it would be megabytes for each connection.
const UNTAKEN_BYTES: usize = 128 * 1024;
/// Between two tries to accept, where files have run out.
const PAUSE: Duration = Duration::from_millis(200);

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Remote(pub SocketAddr);

/// Takes connections for as long as the process runs.
pub async fn serve(listener: TcpListener, tls: Option<Acceptor>, app: Router, places: Arc<Places>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES);
    let http = Arc::new(http);
    loop {
        let (stream, remote) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                debug!(%error, "the pages' listener");
                sleep(PAUSE).await;
                continue;
            }
        };
        let Some(place) = places.take(remote.ip()) else {
            metrics::counter("hotline_connections_refused_total", &[]);
            continue;
        };
        tokio::spawn(enter(http.clone(), stream, remote, place, tls.clone(), app.clone()));
    }
}

async fn enter(
    http: Arc<http1::Builder>,
    stream: TcpStream,
    remote: SocketAddr,
    place: Place,
    tls: Option<Acceptor>,
    app: Router,
) {
    let _ = stream.set_nodelay(true);
    if let Err(error) = peers::hold_at_most(&stream, UNTAKEN_BYTES).and_then(|()| peers::watch(&stream)) {
        debug!(%remote, %error, "not watched");
    }
    let Some(tls) = tls else { return carry(&http, Held { stream, _place: place }, remote, app).await };
    match timeout(SHAKING, tls.accept(stream)).await {
        Ok(Ok(stream)) => carry(&http, Held { stream, _place: place }, remote, app).await,
        Ok(Err(error)) => debug!(%remote, %error, "no hands were shaken"),
        Err(_) => debug!(%remote, "hands were shaken too slowly"),
    }
}

async fn carry<S>(http: &http1::Builder, stream: Held<S>, remote: SocketAddr, app: Router)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let app = TowerToHyperService::new(app);
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(Remote(remote)));
        app.call(request)
    });
    if let Err(error) = http.serve_connection(TokioIo::new(stream), answer).with_upgrades().await {
        debug!(%remote, %error, "a connection of the pages");
    }
}

/// Room for connections.
pub struct Places {
    all: usize,
    each: usize,
    settings: Arc<ArcSwap<Settings>>,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    of: BTreeMap<IpAddr, usize>,
}

impl Places {
    pub fn new(settings: Arc<ArcSwap<Settings>>) -> Arc<Places> {
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let all = CONNECTIONS.min(usize::try_from(files / SHARE_OF_FILES).unwrap_or(CONNECTIONS));
        Places::of(all, PER_HOUSEHOLD.min(all / 2), settings)
    }

    fn of(all: usize, each: usize, settings: Arc<ArcSwap<Settings>>) -> Arc<Places> {
        Arc::new(Places { all, each, settings, taken: Mutex::default() })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(self: &Arc<Places>, from: IpAddr) -> Option<Place> {
        let household = household(from);
        // A proxy in front of us brings everybody.
        let each = if self.settings.load().proxy { self.all } else { self.each };
        let mut taken = self.taken();
        let from_there = taken.of.get(&household).copied().unwrap_or(0);
        if taken.all >= self.all || from_there >= each {
            warn!(%from, connections = taken.all, from_there, "too many connections to the pages; this one is closed");
            return None;
        }
        taken.all += 1;
        taken.of.insert(household, from_there + 1);
        Some(Place { places: self.clone(), household })
    }
}

/// One connection's; free again when it is dropped.
struct Place {
    places: Arc<Places>,
    household: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all -= 1;
        if let Some(count) = taken.of.get_mut(&self.household) {
            *count -= 1;
            if *count == 0 {
                taken.of.remove(&self.household);
            }
        }
    }
}

/// A connection with its place: whoever holds it on, as a WebSocket, holds the place.
struct Held<S> {
    stream: S,
    _place: Place,
}

impl<S: AsyncRead + Unpin> AsyncRead for Held<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Held<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "the runtime's clock is a pretended one here")]

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::tls;

    /// Time passes by itself when nothing else is to do.
    fn run<T>(test: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(test)
    }

    async fn open(all: usize, each: usize, tls: Option<Acceptor>) -> (SocketAddr, Arc<Places>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let places = Places::of(all, each, Arc::default());
        let app = Router::new()
            .route("/", get(|ConnectInfo(Remote(remote)): ConnectInfo<Remote>| async move { remote.to_string() }));
        tokio::spawn(serve(listener, tls, app, places.clone()));
        (addr, places)
    }

    /// What is answered until the house closes.
    async fn hear(stream: &mut TcpStream) -> String {
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard).await;
        String::from_utf8(heard).unwrap()
    }

    #[test]
    fn who_says_nothing_or_half_of_it_is_closed() {
        for says in ["", "GET / HT", "GET / HTTP/1.1\r\nHost: x\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"] {
            run(async {
                let (addr, places) = open(4, 4, None).await;
                let mut stream = TcpStream::connect(addr).await.unwrap();
                stream.write_all(says.as_bytes()).await.unwrap();
                let began = tokio::time::Instant::now();
                let heard = hear(&mut stream).await;
                let took = began.elapsed();
                assert!(took >= HEAD && took < HEAD + Duration::from_secs(2), "{took:?} after {says:?}");
                let whole = says.ends_with("\r\n\r\n");
                let remote = stream.local_addr().unwrap().to_string();
                assert_eq!(heard.starts_with("HTTP/1.1 200 OK") && heard.ends_with(&remote), whole, "{heard}");
                assert_eq!(places.taken().all, 0);
            });
        }
    }

    #[test]
    fn a_household_has_so_many_places_and_all_have_so_many() {
        run(async {
            let (addr, places) = open(5, 3, None).await;
            let connect = async |from: &str| {
                let socket = tokio::net::TcpSocket::new_v4().unwrap();
                socket.bind(SocketAddr::new(from.parse().unwrap(), 0)).unwrap();
                let mut stream = socket.connect(addr).await.unwrap();
                let asked = stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
                let mut first = [0; 8];
                let served = asked.is_ok() && stream.read_exact(&mut first).await.is_ok();
                (served, stream)
            };
            let mut held = Vec::new();
            for (from, served) in [
                ("127.0.0.1", true),
                ("127.0.0.1", true),
                ("127.0.0.1", true),
                ("127.0.0.1", false),
                ("127.0.0.2", true),
                ("127.0.0.2", true),
                ("127.0.0.3", false),
            ] {
                let (found, stream) = connect(from).await;
                assert_eq!(found, served, "{from}, beside {}", held.len());
                held.extend(found.then_some(stream));
            }
            held.remove(0);
            while places.taken().all == 5 {
                tokio::task::yield_now().await;
            }
            assert!(connect("127.0.0.1").await.0);
        });
    }

    #[test]
    fn who_shakes_no_hands_holds_up_nobody() {
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let made = rcgen::generate_simple_self_signed(["localhost".to_string()]).unwrap();
            let own = tls::Files { certificate: dir.path().join("cert.pem"), key: dir.path().join("key.pem") };
            let files = tls::Shown { own, clients: None };
            std::fs::write(&files.own.certificate, made.cert.pem()).unwrap();
            std::fs::write(&files.own.key, made.signing_key.serialize_pem()).unwrap();
            let (addr, places) = open(400, 400, Some(Acceptor::open(files).unwrap())).await;
            let mut silent = Vec::new();
            for _ in 0..300 {
                silent.push(TcpStream::connect(addr).await.unwrap());
            }
            let began = tokio::time::Instant::now();
            while places.taken().all < 300 {
                tokio::task::yield_now().await;
            }
            assert!(began.elapsed() < SHAKING, "all were let in beside each other");
            for stream in &mut silent {
                hear(stream).await;
            }
            assert!(began.elapsed() < SHAKING + Duration::from_secs(1));
            assert_eq!(places.taken().all, 0);
        });
    }
}
