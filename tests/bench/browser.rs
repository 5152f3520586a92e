//! What a browser's leg costs: fifty headless browsers at once, each in a call with a phone or with another of them.
//!
//! The desk with its workers is a process of its own, whose CPU time and memory are counted; browsers and phones are
//! this one. Signalling is left out. `scripts/bench browser`, or `cargo bench --bench browser -- LEGS`.

// It measures real time.
#![allow(clippy::disallowed_methods)]

#[path = "../../src/media/browser/tests/page.rs"]
#[allow(dead_code)]
mod page;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hotline::ids::{CallId, LegId};
use hotline::media::desk::Desk;
use hotline::media::ports::raise_file_limit;
use hotline::media::prompts::PromptBank;
use hotline::media::{self, Browser, Codec, LegKind};
use hotline::moment::Moment;
use page::{News, Page, Speaks, to_law};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::net::UdpSocket;

const LEGS: usize = 50;
const WARM: Duration = Duration::from_secs(2);
const FOR: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(20);
/// Ticks of CPU time in a second, as the kernel tells them.
const USER_HZ: f64 = 100.0;
/// What parts the lines of a description on a line of the pipe.
const BREAK: &str = "\u{1}";

fn main() {
    if std::env::args().any(|arg| arg == "--desk") {
        return desk();
    }
    let legs = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(LEGS);
    let _ = raise_file_limit();
    println!("{legs} browser legs at once; the server's CPU (user and system) and memory for each of them:");
    for (name, speaks, with_phones) in [
        ("Opus with phones", Speaks::Opus, true),
        ("G.711 with phones", Speaks::G711, true),
        ("Opus with each other", Speaks::Opus, false),
        ("G.711 with each other", Speaks::G711, false),
    ] {
        measure(name, speaks, with_phones, legs);
    }
}

/// Answers every offer on a line, and joins each second leg with the one before.
fn desk() {
    let settings = media::Settings {
        bind: [127, 0, 0, 1].into(),
        advertise: None,
        ports: 43_300..=43_999,
        reserve: 0,
        urgent: 0,
        codecs: vec![Codec::Pcma, Codec::Pcmu],
        dead_after: Duration::ZERO,
        held_at_most: Duration::ZERO,
        workers: 0,
        prompts: Default::default(),
        recordings: Default::default(),
        srtp: Default::default(),
        one_way_after: Duration::ZERO,
        dscp: 46,
        browser: Browser { opus_at_once: 10_000, ..Browser::on([127, 0, 0, 1].into()) },
    };
    let began = Instant::now();
    let clock = Arc::new(move || Moment::from_micros(1 + began.elapsed().as_micros() as u64));
    let (tell, told) = channel();
    let tell = Box::new(move |events| tell.send(events).map_err(|back| back.0));
    let bank = Arc::new(PromptBank::default());
    let mut desk = Desk::start(settings, bank, clock, StdRng::seed_from_u64(1), tell).expect("a desk");
    for (n, line) in (0_u64..).zip(std::io::stdin().lines()) {
        let sdp = line.expect("an offer").replace(BREAK, "\r\n").into_bytes();
        let (leg, call) = (LegId(n), CallId(n / 2));
        desk.command(media::Command::Open { leg, call, second: false, kind: LegKind::Phone, srtp: None });
        desk.command(media::Command::TakeOffer { leg, sdp });
        let mut answer = None;
        while answer.is_none() {
            let mut events: Vec<_> = std::iter::from_fn(|| desk.poll()).collect();
            if events.is_empty() {
                events = told.recv().expect("the desk tells");
            }
            answer = events.into_iter().find_map(|event| match event {
                media::Event::Described { sdp, .. } => Some(String::from_utf8_lossy(&sdp).replace("\r\n", BREAK)),
                media::Event::Unacceptable { why, .. } => panic!("{why}"),
                _ => None,
            });
        }
        println!("{}", answer.unwrap_or_default());
        if n % 2 == 1 {
            desk.command(media::Command::Join { a: LegId(n - 1), b: leg });
        }
        while desk.poll().is_some() {}
    }
    desk.stop();
}

struct Server {
    child: Child,
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
}

impl Server {
    fn start() -> Server {
        let own = std::env::current_exe().expect("this program");
        let mut child = Command::new(own)
            .arg("--desk")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the desk starts");
        let (to, from) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        Server { child, to, from: BufReader::new(from).lines() }
    }

    fn answer(&mut self, offer: &str) -> String {
        writeln!(self.to, "{}", offer.replace("\r\n", BREAK)).expect("it listens");
        self.from.next().expect("an answer").expect("an answer").replace(BREAK, "\r\n")
    }

    /// CPU time, user and system.
    fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("its figures");
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().filter_map(|field| field.parse::<u64>().ok()).sum();
        Duration::from_secs_f64(ticks as f64 / USER_HZ)
    }

    /// KiB of memory.
    fn memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("its figures");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

enum End {
    Page(Box<Page>),
    Phone(UdpSocket),
}

/// Numbers of packets, and when.
type Log = Vec<(u16, Instant)>;

fn measure(name: &str, speaks: Speaks, with_phones: bool, legs: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let mut server = Server::start();
    let mut ends = Vec::new();
    let mut before = None;
    for _ in 0..legs {
        ends.push(End::Page(Box::new(runtime.block_on(open_page(&mut server, speaks)))));
        if with_phones {
            ends.push(End::Phone(runtime.block_on(open_phone(&mut server))));
        }
        // Threads and port are there with the first.
        before.get_or_insert_with(|| server.memory());
    }
    let frames = Arc::new(frames(speaks));
    let talking: Vec<_> = ends
        .into_iter()
        .map(|end| match end {
            End::Page(page) => runtime.spawn(talk_page(*page, frames.clone())),
            End::Phone(phone) => runtime.spawn(talk_phone(phone)),
        })
        .collect();
    std::thread::sleep(WARM);
    let (cpu, began) = (server.cpu(), Instant::now());
    std::thread::sleep(FOR);
    let (cpu, took) = (server.cpu() - cpu, began.elapsed());
    let memory = (server.memory().saturating_sub(before.unwrap_or(0))) / (legs - 1).max(1);
    let logs: Vec<(Log, Log)> = talking.into_iter().map(|end| runtime.block_on(end).expect("it spoke")).collect();
    let (mut sent, mut delays) = (0, Vec::new());
    for pair in logs.chunks_exact(2) {
        for (mouth, ear) in [(0, 1), (1, 0)] {
            let (count, heard) = matched(&pair[mouth].0, &pair[ear].1);
            sent += count;
            delays.extend(heard);
        }
    }
    delays.sort();
    let at =
        |share: f64| delays.get((delays.len() as f64 * share) as usize).map_or(f64::NAN, |d| d.as_secs_f64() * 1e3);
    println!(
        "  {name:<22} {:6.2} ms of CPU a second, {memory} KiB; {} of {sent} packets lost; one way {:.2} ms, of a hundred 99 within {:.2} ms",
        cpu.as_secs_f64() * 1e3 / took.as_secs_f64() / legs as f64,
        sent - delays.len(),
        at(0.5),
        at(0.99),
    );
    drop(server.to);
    let _ = server.child.wait();
}

async fn open_page(server: &mut Server, speaks: Speaks) -> Page {
    let mut page = Page::open(speaks).await;
    let offer = page.offer(false).await;
    page.accept(server.answer(&offer)).await;
    page.connected().await;
    page
}

async fn open_phone(server: &mut Server) -> UdpSocket {
    let phone = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let port = phone.local_addr().expect("its port").port();
    let answer = server.answer(&format!("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio {port} RTP/AVP 8\r\n"));
    let port = answer.split("m=audio ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a port");
    phone.connect(format!("127.0.0.1:{port}")).await.expect("its address");
    phone
}

/// A second of a tone, of which every frame begins as the one before did.
fn frames(speaks: Speaks) -> Vec<Vec<u8>> {
    let sample = |n: u32, rate: u32| (f64::from(n) * 700.0 * std::f64::consts::TAU / f64::from(rate)).sin() * 8_192.0;
    if speaks != Speaks::Opus {
        return vec![(0..160).map(|n| to_law(8, sample(n, 8_000) as i16)).collect()];
    }
    let mut encoder = opus_pure::OpusEncoder::new(48_000, 1, opus_pure::Application::Voip).expect("opus");
    let samples: Vec<i16> = (0..960).map(|n| sample(n, 48_000) as i16).collect();
    let frame = |_| {
        let mut packet = [0; 1_000];
        let length = encoder.encode_s16(&samples, 960, &mut packet).expect("opus");
        packet[..length].to_vec()
    };
    (0..50).map(frame).collect()
}

fn ticks() -> impl Iterator<Item = usize> {
    0..((WARM + FOR + Duration::from_secs(1)).as_millis() / TICK.as_millis()) as usize
}

async fn talk_page(mut page: Page, frames: Arc<Vec<Vec<u8>>>) -> (Log, Log) {
    let (_, none) = tokio::sync::mpsc::unbounded_channel();
    let mut news = std::mem::replace(&mut page.news, none);
    let heard = Arc::new(Mutex::new(Log::new()));
    let log = heard.clone();
    let ear = tokio::spawn(async move {
        while let Some(news) = news.recv().await {
            if let News::Heard(packet) = news {
                log.lock().expect("the log").push((packet.header.sequence_number, Instant::now()));
            }
        }
    });
    let mut tick = tokio::time::interval(TICK);
    let mut sent = Log::new();
    for n in ticks() {
        tick.tick().await;
        sent.push((page.say_frame(&frames[n % frames.len()]).await, Instant::now()));
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    ear.abort();
    page.close().await;
    let heard = std::mem::take(&mut *heard.lock().expect("the log"));
    (sent, heard)
}

async fn talk_phone(phone: UdpSocket) -> (Log, Log) {
    let mut packet = vec![0x80, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
    packet.extend(&frames(Speaks::G711)[0]);
    let phone = Arc::new(phone);
    let listens = phone.clone();
    let ear = async move {
        let (mut heard, mut room) = (Log::new(), [0; 2_048]);
        let until = tokio::time::Instant::now() + WARM + FOR + Duration::from_millis(1_200);
        while let Ok(Ok(length)) = tokio::time::timeout_at(until, listens.recv(&mut room)).await {
            if length > 12 {
                heard.push((u16::from_be_bytes([room[2], room[3]]), Instant::now()));
            }
        }
        heard
    };
    let ear = tokio::spawn(ear);
    let mut tick = tokio::time::interval(TICK);
    let mut sent = Log::new();
    for n in ticks() {
        tick.tick().await;
        packet[2..4].copy_from_slice(&(n as u16).to_be_bytes());
        packet[4..8].copy_from_slice(&(n as u32 * 160).to_be_bytes());
        let _ = phone.send(&packet).await;
        sent.push((n as u16, Instant::now()));
    }
    (sent, ear.await.unwrap_or_default())
}

/// How many were sent from the first on that was heard, and how long those that were heard took. The numbers of a
/// stream run on by others: of the possible shifts the right one is what most packets agree on, for each is on its way
/// for less than the 20 ms to the next.
fn matched(sent: &Log, heard: &Log) -> (usize, Vec<Duration>) {
    let Some((first, _)) = heard.first() else { return (sent.len(), Vec::new()) };
    let number = |sequence: u16| i64::from(sequence.wrapping_sub(*first) as i16);
    let mut shifts: HashMap<i64, usize> = HashMap::new();
    for (sequence, at) in heard {
        let latest = sent.partition_point(|(_, sent)| sent <= at) as i64 - 1;
        *shifts.entry(latest - number(*sequence)).or_default() += 1;
    }
    let shift = shifts.into_iter().max_by_key(|(_, count)| *count).map_or(0, |(shift, _)| shift);
    let took = |(sequence, at): &(u16, Instant)| {
        let index = usize::try_from(number(*sequence) + shift).ok()?;
        Some((index, at.saturating_duration_since(sent.get(index)?.1)))
    };
    let took: Vec<(usize, Duration)> = heard.iter().filter_map(took).collect();
    let from = took.iter().map(|(index, _)| *index).min().unwrap_or(0);
    (sent.len() - from, took.into_iter().map(|(_, took)| took).collect())
}
