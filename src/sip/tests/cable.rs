//! Two endpoints on a pretend cable that loses, delays, doubles and reorders. Whatever the cable does, both
//! sides agree on what became of each call, and nothing is left when it is over.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::ids::LegId;
use crate::moment::Moment;
use crate::sip::endpoint::Endpoint;
use crate::sip::*;

/// What the cable does to each datagram.
#[derive(Clone, Copy)]
struct Weather {
    loss: f64,
    double: f64,
    delay: Duration,
}

type Flying = (Moment, u64, usize, Vec<u8>);

struct Cable {
    now: Moment,
    rng: StdRng,
    weather: Weather,
    ends: [Endpoint; 2],
    /// When, in order of sending, to which end, what.
    flying: BinaryHeap<Reverse<Flying>>,
    sent: u64,
    /// What each end was told of each leg.
    told: [BTreeMap<LegId, Vec<String>>; 2],
    reliable: bool,
}

const A: usize = 0;
const B: usize = 1;

fn addr(end: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1 + end as u8], 5060))
}

fn settings(end: usize, reliable: bool) -> Settings {
    let transport = if reliable { Transport::Tcp } else { Transport::Udp };
    Settings {
        listen: vec![Listen { transport, addr: addr(end) }],
        advertise: Vec::new(),
        realm: "cable".into(),
        trunks: vec![Trunk::new("other", vec![addr(1 - end).ip().into()], None)],
        seats: BTreeMap::new(),
        numbers: Default::default(),
        name_servers: Vec::new(),
        register_min: Duration::from_secs(60),
        register_max: Duration::from_secs(3600),
        nonce_lifetime: Duration::from_secs(300),
        flow_grace: Duration::from_secs(15),
        session_expires: Duration::from_secs(1800),
        min_se: Duration::from_secs(90),
        redirects: vec!["10.7.0.0/16".parse().unwrap()],
        max_calls: 1000,
        guard: Some(guard::Limits::default()),
        dscp: 24,
        timers: Timers::default(),
    }
}

impl Cable {
    fn new(seed: u64, weather: Weather, reliable: bool) -> Cable {
        let now = Moment::from_micros(1_000_000);
        let mut rng = StdRng::seed_from_u64(seed);
        let ends = [A, B].map(|end| Endpoint::new(now, settings(end, reliable), StdRng::from_rng(&mut rng)));
        Cable { now, rng, weather, ends, flying: BinaryHeap::new(), sent: 0, told: Default::default(), reliable }
    }

    /// Everything that wants to leave leaves.
    fn settle(&mut self) {
        loop {
            let mut quiet = true;
            for end in [A, B] {
                while let Some(event) = self.ends[end].poll_event() {
                    quiet = false;
                    self.react(end, event);
                }
                while let Some(transmit) = self.ends[end].poll_transmit() {
                    self.carry(end, transmit);
                }
            }
            if quiet {
                break;
            }
        }
    }

    fn carry(&mut self, from: usize, transmit: Transmit) {
        assert_eq!(transmit.flow.remote.ip(), addr(1 - from).ip(), "sent to a stranger");
        let copies = if self.reliable {
            1
        } else {
            usize::from(!self.rng.random_bool(self.weather.loss))
                + usize::from(self.rng.random_bool(self.weather.double))
        };
        for _ in 0..copies {
            self.sent += 1;
            let jitter = if self.reliable { 0.5 } else { self.rng.random_range(0.0..1.0) };
            let at = self.now + self.weather.delay.mul_f64(jitter);
            self.flying.push(Reverse((at, self.sent, 1 - from, transmit.bytes.clone())));
        }
    }

    /// A simple user at each end: B answers what comes, both take re-INVITEs.
    fn react(&mut self, end: usize, event: Event) {
        let (leg, what) = match event {
            Event::Incoming(incoming) => {
                let leg = incoming.leg;
                match incoming.number.as_str() {
                    "busy" => self.command(end, Command::Refuse { leg, status: 486 }),
                    "ring" => self.command(end, Command::Ring { leg }),
                    "early" => {
                        // Heard before it is answered: reliably, as the other end understands that.
                        self.command(end, Command::Progress { leg, body: Body::sdp(b"answer".to_vec()) });
                        self.command(end, Command::Accept { leg, body: Body::sdp(b"answer".to_vec()) });
                    }
                    _ => {
                        self.command(end, Command::Ring { leg });
                        self.command(end, Command::Accept { leg, body: Body::sdp(b"answer".to_vec()) });
                    }
                }
                (leg, "incoming".to_string())
            }
            Event::Acked { leg, .. } => (leg, "acked".into()),
            Event::Answered { leg, .. } => (leg, "answered".into()),
            Event::Refused { leg, status } => (leg, format!("refused {status}")),
            Event::Ended { leg, why } => (leg, format!("ended {why:?}")),
            Event::Reoffer { leg, .. } => {
                self.command(end, Command::AcceptReoffer { leg, body: Body::sdp(b"re-answer".to_vec()) });
                (leg, "reoffer".into())
            }
            Event::ReofferAnswered { leg, result } => {
                (leg, format!("reoffer {}", if result.is_ok() { "taken" } else { "refused" }))
            }
            Event::Ringing { .. } | Event::Progress { .. } | Event::Because { .. } => return,
            // Who hung up on their own answer knows.
            Event::NotAccepted { .. } => return,
            other => panic!("{other:?}"),
        };
        self.told[end].entry(leg).or_default().push(what);
    }

    fn command(&mut self, end: usize, command: Command) {
        self.ends[end].command(self.now, command);
    }

    fn invite(&mut self, leg: u64, number: &str) {
        let to = Target::Uri(format!("sip:{number}@{}{}", addr(B), if self.reliable { ";transport=tcp" } else { "" }));
        let caller = Party { number: "100".into(), display: Some("Ann \"A\"".into()) };
        self.command(
            A,
            Command::Invite(Invite {
                leg: LegId(leg),
                caller,
                body: Some(Body::sdp(b"offer".to_vec())),
                ..super::phone::invitation(to)
            }),
        );
        self.settle();
    }

    /// Runs until nothing flies and nothing is awaited, or `until` at the latest.
    fn run(&mut self, until: Moment) {
        self.settle();
        loop {
            let arrival = self.flying.peek().map(|Reverse((at, ..))| *at);
            let due = [A, B].iter().filter_map(|end| self.ends[*end].next_deadline()).min();
            let Some(next) = arrival.into_iter().chain(due).min().filter(|next| *next <= until) else { break };
            self.now = self.now.max(next);
            if arrival.is_some_and(|at| at <= self.now) {
                let Some(Reverse((_, _, to, bytes))) = self.flying.pop() else { break };
                let connection = self.reliable.then_some(ConnectionId(1));
                let transport = if self.reliable { Transport::Tcp } else { Transport::Udp };
                let flow = Flow { listener: ListenerId(0), transport, remote: addr(1 - to), connection };
                self.ends[to].receive(self.now, flow, &bytes);
            } else {
                for end in [A, B] {
                    self.ends[end].handle_deadline(self.now);
                }
            }
            self.settle();
        }
        self.now = self.now.max(until);
    }

    fn after(&mut self, time: Duration) {
        self.run(self.now + time);
    }

    fn count(&self, end: usize, what: &str) -> usize {
        self.told[end].values().flatten().filter(|told| told.as_str() == what).count()
    }

    fn assert_nothing_is_left(&mut self, seed: u64) {
        self.after(Duration::from_secs(200));
        for end in [A, B] {
            let counts = self.ends[end].counts();
            assert_eq!((counts.legs, counts.transactions), (0, 0), "seed {seed}, end {end}: {:#?}", self.told[end]);
            assert_eq!(self.ends[end].next_deadline(), None, "seed {seed}, end {end}");
        }
        assert!(self.flying.is_empty());
    }
}

const FINE: Weather = Weather { loss: 0.0, double: 0.0, delay: Duration::from_millis(20) };
const BAD: Weather = Weather { loss: 0.15, double: 0.1, delay: Duration::from_millis(400) };

#[test]
fn a_call_on_a_good_cable() {
    for reliable in [false, true] {
        let mut cable = Cable::new(1, FINE, reliable);
        cable.invite(2, "1");
        cable.after(Duration::from_secs(1));
        assert_eq!((cable.count(A, "answered"), cable.count(B, "acked")), (1, 1));
        let sent = cable.sent;
        cable.after(Duration::from_secs(40));
        assert_eq!(cable.sent, sent, "something is repeated during a quiet call");
        cable.command(A, Command::Reoffer { leg: LegId(2), body: Body::sdp(b"hold".to_vec()) });
        cable.after(Duration::from_secs(1));
        assert_eq!((cable.count(B, "reoffer"), cable.count(A, "reoffer taken")), (1, 1));
        cable.command(B, Command::Hangup { leg: LegId(1), reason: None });
        cable.after(Duration::from_secs(1));
        assert_eq!(cable.count(A, "ended Bye"), 1);
        cable.assert_nothing_is_left(1);
    }
}

#[test]
fn a_call_goes_on_as_long_as_it_is_refreshed() {
    for reliable in [false, true] {
        let mut cable = Cable::new(1, FINE, reliable);
        cable.invite(2, "early");
        cable.after(Duration::from_secs(4 * 3600));
        // The answer, and what was described before it.
        assert_eq!((cable.count(A, "answered"), cable.count(B, "acked")), (1, 2), "{:?}", cable.told);
        assert_eq!(cable.count(A, "ended Lost") + cable.count(B, "ended Lost"), 0, "{:?}", cable.told);
        // Neither end can say goodbye: RFC 4028 §10.
        cable.weather = Weather { loss: 1.0, ..FINE };
        if !reliable {
            cable.after(Duration::from_secs(1800));
            assert_eq!((cable.count(A, "ended Lost"), cable.count(B, "ended Lost")), (1, 1), "{:?}", cable.told);
        }
    }
}

#[test]
fn both_sides_offer_anew_at_once() {
    for seed in 0..30 {
        let mut cable = Cable::new(seed, FINE, false);
        cable.invite(2, "1");
        cable.after(Duration::from_secs(1));
        cable.command(A, Command::Reoffer { leg: LegId(2), body: Body::sdp(b"a".to_vec()) });
        cable.command(B, Command::Reoffer { leg: LegId(1), body: Body::sdp(b"b".to_vec()) });
        cable.after(Duration::from_secs(20));
        // RFC 3261 §14.1: both get 491 and try again after different times.
        assert_eq!((cable.count(A, "reoffer taken"), cable.count(B, "reoffer taken")), (1, 1), "seed {seed}");
        cable.command(A, Command::Hangup { leg: LegId(2), reason: None });
        cable.assert_nothing_is_left(seed);
    }
}

#[test]
fn many_calls_on_a_bad_cable_end_as_both_sides_say() {
    let seeds = std::env::var("SEED").map_or(0..60, |seed| seed.parse().map_or(0..60, |seed: u64| seed..seed + 1));
    let (mut answered, mut cancelled) = (0, 0);
    for seed in seeds {
        let reliable = seed % 5 == 4;
        let mut cable = Cable::new(seed, BAD, reliable);
        for n in 1..=20_u64 {
            let number = ["1", "busy", "ring", "early"][cable.rng.random_range(0..4)];
            cable.invite(n * 2, number);
            let pause = Duration::from_millis(cable.rng.random_range(0..2500));
            cable.after(pause);
            match cable.rng.random_range(0..4) {
                0 => cable.command(A, Command::Hangup { leg: LegId(n * 2), reason: Some("SIP;cause=200".into()) }),
                1 => cable.command(B, Command::Hangup { leg: LegId(n * 2 - 1), reason: None }),
                2 => cable.command(A, Command::Reoffer { leg: LegId(n * 2), body: Body::sdp(b"hold".to_vec()) }),
                _ => {}
            }
            let pause = Duration::from_millis(cable.rng.random_range(0..1500));
            cable.after(pause);
        }
        cable.after(Duration::from_secs(100));
        for n in 1..=20_u64 {
            cable.command(A, Command::Hangup { leg: LegId(n * 2), reason: None });
            cable.command(B, Command::Hangup { leg: LegId(n * 2 - 1), reason: None });
        }
        cable.assert_nothing_is_left(seed);
        for told in cable.told.iter().flat_map(BTreeMap::values) {
            let ends = told.iter().filter(|what| what.starts_with("ended") || what.starts_with("refused")).count();
            assert!(ends <= 1, "seed {seed}: a leg ended twice: {told:?}");
            let last = told.iter().position(|what| what.starts_with("ended") || what.starts_with("refused"));
            assert!(
                last.is_none_or(|last| last + 1 == told.len()),
                "seed {seed}: something was told of a leg that is gone: {told:?}"
            );
            assert!(told.iter().filter(|what| what.as_str() == "answered").count() <= 1, "seed {seed}: {told:?}");
        }
        answered += cable.count(A, "answered");
        cancelled += cable.count(B, "ended Cancelled");
    }
    println!("answered {answered}, cancelled {cancelled}");
    assert!(answered > 100 || std::env::var_os("SEED").is_some(), "only {answered} calls were answered");
}

#[test]
fn a_cut_cable_ends_the_call_on_both_sides() {
    let mut cable = Cable::new(5, FINE, false);
    cable.invite(2, "1");
    cable.after(Duration::from_secs(1));
    cable.weather = Weather { loss: 1.0, ..FINE };
    cable.command(A, Command::Reoffer { leg: LegId(2), body: Body::sdp(b"hold".to_vec()) });
    cable.after(Duration::from_secs(40));
    assert_eq!(cable.count(A, "ended Lost"), 1, "{:?}", cable.told);
    cable.command(B, Command::Hangup { leg: LegId(1), reason: None });
    cable.assert_nothing_is_left(5);
}

#[test]
fn nobody_answers_at_the_other_end() {
    let mut cable = Cable::new(6, Weather { loss: 1.0, ..FINE }, false);
    cable.invite(2, "1");
    // Timer B, RFC 3261 §17.1.1.2: 64 × T1.
    cable.after(Duration::from_millis(31_900));
    assert_eq!(cable.told[A].len(), 0);
    cable.after(Duration::from_millis(200));
    assert_eq!(cable.count(A, "refused 408"), 1);
    cable.assert_nothing_is_left(6);
}
