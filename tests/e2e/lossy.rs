//! A network that loses packets, between the house and those who call it: what is said again gets through.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::house::{Files, House};
use crate::peers::Sipp;
use crate::ports::free_port;

/// A relay that loses its share of what goes through it, in either direction.
struct Lossy {
    at: SocketAddr,
    lost: Arc<AtomicUsize>,
}

impl Lossy {
    /// Passes on what comes to it to `target`, and the answers back to whom they are for.
    fn before(target: SocketAddr, loss: f64) -> Lossy {
        let front = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let (at, lost) = (front.local_addr().expect("bound"), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&lost);
        std::thread::spawn(move || {
            let mut ways: HashMap<SocketAddr, UdpSocket> = HashMap::new();
            let back = front.try_clone().expect("a handle");
            pass_on(&front, loss, 1, &count, |bytes, from| {
                let way = ways.entry(from).or_insert_with(|| {
                    let way = UdpSocket::bind("127.0.0.1:0").expect("a free port");
                    let (answers, back) = (way.try_clone().expect("a handle"), back.try_clone().expect("a handle"));
                    let count = Arc::clone(&count);
                    std::thread::spawn(move || {
                        pass_on(&answers, loss, 2, &count, |bytes, _| drop(back.send_to(bytes, from)));
                    });
                    way
                });
                let _ = way.send_to(bytes, target);
            });
        });
        Lossy { at, lost }
    }

    fn lost(&self) -> usize {
        self.lost.load(Ordering::Relaxed)
    }
}

/// Until the test is over.
fn pass_on(socket: &UdpSocket, loss: f64, seed: u64, lost: &AtomicUsize, mut send: impl FnMut(&[u8], SocketAddr)) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut buffer = [0; 65_535];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        match rng.random_bool(loss) {
            true => _ = lost.fetch_add(1, Ordering::Relaxed),
            false => send(&buffer[..length], from),
        }
    }
}

#[test]
fn calls_are_set_up_held_and_ended_though_packets_are_lost() {
    let mut files = Files::new(None);
    files.menu += "[[number]]\nnumber = \"100\"\nsilence = true\n";
    let house = House::open(&files);
    let network = Lossy::before(house.addr().parse().expect("an address"), 0.04);
    let (at, port) = (network.at.to_string(), free_port().to_string());
    const CALLS: usize = 30;
    let args = [at.as_str(), "-s", "100", "-p", &port, "-m", &CALLS.to_string(), "-r", "10"];
    Sipp::start("caller_patient", &args).succeed();
    let records = house.wait_records(CALLS);
    for record in &records {
        assert!(!record["answered_at"].is_null() && record["ended_by"] == "caller", "{record:#}");
    }
    assert_eq!(records.len(), CALLS);
    assert!(network.lost() > 0, "nothing was lost");
}

#[test]
fn early_media_and_phones_get_through_a_network_that_loses_packets() {
    let phone_at = free_port();
    let to_phone = Lossy::before(SocketAddr::from(([127, 0, 0, 1], phone_at)), 0.03);
    let mut files = Files::new(Some(to_phone.at.port()));
    files.hotline = files.hotline.replace("[sip]\n", "[sip]\nanswer = \"on-connect\"\n");
    files.queues = files.queues.replace("ring = \"4s\"", "ring = \"10s\"");
    const CALLS: usize = 5;
    let phone = Sipp::start("phone_answers", &["-p", &phone_at.to_string(), "-m", &CALLS.to_string()]);
    let house = House::open(&files);
    let network = Lossy::before(house.addr().parse().expect("an address"), 0.05);
    let (at, port) = (network.at.to_string(), free_port().to_string());
    let args = [at.as_str(), "-s", "12346", "-p", &port, "-m", &CALLS.to_string(), "-l", "1"];
    Sipp::start("caller_pracks", &args).succeed();
    phone.succeed();
    let records = house.wait_records(CALLS);
    for record in &records {
        assert_eq!((&record["outcome"], &record["operator"]), (&"answered".into(), &"1002".into()), "{record:#}");
    }
}
