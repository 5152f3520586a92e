//! Ports for what a test starts. Each test is a process: it has a stretch of them to itself, below those that the system
//! gives out, so that between looking and using nobody else takes them.

use std::fs::File;
use std::net::{TcpListener, UdpSocket};
use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, OnceLock};

const STRETCHES: u16 = 60;
/// Of a stretch, from here: for peers, and for the sound of houses.
const PEERS: (u16, u16) = (10_000, 160);
const SOUND: (u16, u16) = (20_000, 160);

/// A port that is free, for datagrams and connections, and the three after it.
pub fn free_port() -> u16 {
    free_ports(4)
}

/// The first of so many ports in a row that are free; it is even.
pub fn free_ports(count: u16) -> u16 {
    static NEXT: Mutex<u16> = Mutex::new(0);
    let (first, all) = (PEERS.0 + stretch() * PEERS.1, PEERS.1);
    let mut next = NEXT.lock().expect("no test failed here");
    for _ in 0..all {
        let (offset, port) = (*next, first + *next);
        let are_free = offset + count <= all && (port..port + count).all(is_free);
        *next = (offset + if are_free { count.next_multiple_of(4) } else { 4 }) % all;
        if are_free {
            return port;
        }
    }
    panic!("{count} ports in a row are not free from {first} to {}", first + all)
}

fn is_free(port: u16) -> bool {
    UdpSocket::bind(("127.0.0.1", port)).is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok()
}

/// Where the houses of this test have their sound.
pub fn of_sound() -> RangeInclusive<u16> {
    let first = SOUND.0 + stretch() * SOUND.1;
    first..=first + SOUND.1 - 1
}

/// The number of the stretch of this process, which is its own until it ends.
fn stretch() -> u16 {
    static OWN: OnceLock<(u16, File)> = OnceLock::new();
    let (number, _) = OWN.get_or_init(|| {
        // Each user has files of their own, as nobody may lock those of others.
        let user = std::fs::metadata("/proc/self").expect("a process").uid();
        let folder = std::env::temp_dir().join(format!("hotline-test-ports-{user}"));
        std::fs::create_dir_all(&folder).expect("a folder for temporary files");
        let from = (std::process::id() % u32::from(STRETCHES)) as u16;
        let mut all = (0..STRETCHES).map(|number| (from + number) % STRETCHES);
        let own = all.find_map(|number| {
            let path = folder.join(number.to_string());
            let file = File::options().create(true).truncate(false).write(true).open(path).expect("a file for a lock");
            file.try_lock().is_ok().then_some((number, file))
        });
        own.expect("fewer tests at once than there are stretches of ports")
    });
    *number
}
