//! One worker by itself, whose clock stands still: conversion, stalls, orders, and what a fault costs.

use std::sync::atomic::Ordering;

use rand::SeedableRng;

use super::*;
use crate::media::g711::FRAME;
use crate::media::negotiation::{Local, Negotiation, Opus};
use crate::media::player::Player;
use crate::media::prompts::Clip;
use crate::media::socket::Socket;

pub const NOW: Moment = Moment::from_micros(1_000_000);

/// One whose clock stands still, with so many legs.
pub fn worker(legs: u64) -> Worker {
    let (_, received) = sync_channel(1);
    let (freed, _) = std::sync::mpsc::channel();
    let start = Start { number: 0, clock: Arc::new(|| NOW), tell: Arc::new(Err), freed, rng: StdRng::seed_from_u64(1) };
    let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC).unwrap());
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    let mut worker = Worker::new(start, received, poll, wake, Arc::default());
    for id in 1..=legs {
        let socket = || Socket::Udp(std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
        let ground = Ground { rtp: socket(), rtcp: Some(socket()), port: None, sender: None, opus: None };
        worker.open(NOW, LegId(id), ground);
    }
    worker
}

/// One speaks Opus, and the other A-law.
fn agreed(worker: &mut Worker) -> [std::net::UdpSocket; 2] {
    let local = Local { address: [127, 0, 0, 1].into(), rtp_port: 9, session_id: 1 };
    let formats = ["96\r\na=rtpmap:96 opus/48000/2", "8"];
    [1, 2].map(|id| {
        let phone = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        phone.set_nonblocking(true).unwrap();
        let mut negotiation = Negotiation::new(local, &[Codec::Pcma, Codec::Opus]);
        negotiation.may_speak_opus(Opus::AsListed);
        let (port, format) = (phone.local_addr().unwrap().port(), formats[id - 1]);
        let offer = format!("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio {port} RTP/AVP {format}\r\n");
        let (_, agreement) = negotiation.take_offer(offer.as_bytes()).unwrap();
        worker.obey(NOW, Order::Agree { leg: LegId(id as u64), agreement, secrets: None });
        phone
    })
}

#[test]
fn opus_is_converted_packet_by_packet_behind_all_that_passes_and_not_when_it_is_late() {
    let mut worker = worker(2);
    let [one, other] = agreed(&mut worker);
    worker.join(NOW, LegId(1), LegId(2));
    let from = one.local_addr().unwrap();
    let say = |worker: &mut Worker, number: u8| {
        // 20 ms of silence.
        let mut packet = [0x80, 96, 0, number, 0, 0, 3 * number, 0, 0, 0, 0, 5, 0xF8, 0xFF, 0xFE];
        worker.heard(NOW, 0, from, &mut packet);
    };
    let arrived = || std::iter::from_fn(|| other.recv(&mut [0; 2048]).ok()).count();
    (1..=3).for_each(|number| say(&mut worker, number));
    assert_eq!((arrived(), worker.timeout()), (0, Some(Timespec::default())), "it waits, and the worker does not");
    for _ in 0..3 {
        worker.convert(NOW);
        assert_eq!(arrived(), 1);
    }
    say(&mut worker, 4);
    worker.convert(NOW + Duration::from_secs(1));
    assert_eq!(arrived(), 0, "worth nothing any more");
    assert_ne!(worker.timeout(), Some(Timespec::default()));
}

#[test]
fn after_a_stall_the_newest_ticks_are_made_up_for_in_their_places_and_the_gap_is_told() {
    let mut worker = worker(2);
    let [_, phone] = agreed(&mut worker);
    let music = Arc::new(Clip::of_samples(&[100; FRAME]));
    worker.obey(NOW, Order::Play { leg: LegId(2), player: Player::new(1, VecDeque::new(), Some(music)) });
    let heard = || {
        let mut packet = [0; 2048];
        let timestamps = std::iter::from_fn(|| {
            phone.recv(&mut packet).ok()?;
            Some(u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]))
        });
        timestamps.collect::<Vec<_>>()
    };
    let mut frames = Vec::new();
    for (ticked_ms, gap_ms) in [(20, 0), (120, 0), (390, 160), (400, 160)] {
        worker.tick(NOW + Duration::from_millis(ticked_ms));
        frames.extend(heard());
        assert_eq!(worker.gap, Duration::from_millis(gap_ms), "at {ticked_ms} ms");
    }
    let places: Vec<u32> = frames.iter().map(|at| at.wrapping_sub(frames[0]) / FRAME as u32).collect();
    assert_eq!(places, [0, 1, 2, 3, 4, 5, 14, 15, 16, 17, 18, 19]);
    worker.close(NOW, LegId(1));
    worker.close(NOW, LegId(2));
    assert_eq!(worker.gap, Duration::ZERO, "told");
}

#[test]
fn what_waits_in_a_mix_is_heard_when_its_two_are_joined() {
    let mut worker = worker(2);
    let [one, other] = agreed(&mut worker);
    let (a, b) = (LegId(1), LegId(2));
    worker.obey(NOW, Order::Mix { legs: vec![a, b], hears: vec![(a, b), (b, a)] });
    for number in 0..2 {
        let mut packet = [0x55; 12 + FRAME];
        packet[..12].copy_from_slice(&[0x80, 8, 0, number, 0, 0, 0, 160 * number, 0, 0, 0, 7]);
        worker.heard(NOW, 1, other.local_addr().unwrap(), &mut packet);
    }
    worker.obey(NOW, Order::Join { a, b });
    (0..8).for_each(|_| worker.convert(NOW));
    // Two frames, behind those of silence with which the mix began to wait.
    assert_eq!(std::iter::from_fn(|| one.recv(&mut [0; 2048]).ok()).count(), 4);
}

#[test]
fn orders_that_were_looked_at_are_not_counted_any_more() {
    let mut worker = worker(1);
    let waiting = worker.waiting.clone();
    waiting.store(7, Ordering::Relaxed);
    worker.take_orders(NOW);
    assert_eq!(waiting.load(Ordering::Relaxed), 0);
}

#[test]
fn a_fault_in_one_leg_ends_that_leg_alone() {
    let mut worker = worker(2);
    worker.join(NOW, LegId(1), LegId(2));
    worker.guarded(0, |_| panic!("a packet that nobody thought of"));
    assert!(matches!(worker.events[..], [Event::Dead { leg: LegId(1) }]), "{:?}", worker.events);
    assert_eq!(worker.slots[1].as_ref().unwrap().joined, None);
    worker.close(NOW, LegId(1));
    worker.close(NOW, LegId(2));
    let closed = |event: &&Event| matches!(event, Event::Closed { .. });
    assert_eq!(worker.events.iter().filter(closed).count(), 2);
}
