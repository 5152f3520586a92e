//! A page behind a NAT that gives it another address in the middle of a call, of which it knows nothing.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::calls::{CALL, PAGE, house, phone, speak};
use super::page::{Page, Speaks};
use crate::media::{Command, LegKind};

struct Nat {
    /// Where the page sends.
    within: SocketAddr,
    outside: Arc<Mutex<UdpSocket>>,
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    socket
}

impl Nat {
    fn open(house: SocketAddr) -> Nat {
        let within = socket();
        let address = within.local_addr().unwrap();
        let (outside, page) = (Arc::new(Mutex::new(socket())), Arc::new(Mutex::new(None)));
        let (inner, out, of) = (within.try_clone().unwrap(), outside.clone(), page.clone());
        std::thread::spawn(move || {
            let mut datagram = [0; 2048];
            loop {
                if let Ok((length, from)) = inner.recv_from(&mut datagram) {
                    *of.lock().unwrap() = Some(from);
                    let _ = out.lock().unwrap().send_to(&datagram[..length], house);
                }
            }
        });
        let out = outside.clone();
        std::thread::spawn(move || {
            let mut datagram = [0; 2048];
            loop {
                let now = out.lock().unwrap().try_clone().unwrap();
                if let Ok((length, _)) = now.recv_from(&mut datagram)
                    && let Some(page) = *page.lock().unwrap()
                {
                    let _ = within.send_to(&datagram[..length], page);
                }
            }
        });
        Nat { within: address, outside }
    }

    fn gives_another_address(&self) {
        *self.outside.lock().unwrap() = socket();
    }
}

#[test]
fn a_page_whose_address_changes_is_heard_on_without_an_ice_restart() {
    let mut house = house(43_240..=43_259, 10);
    let phone = phone();
    let to = house.phone(&phone);
    let mut page = house.runtime.block_on(Page::open(Speaks::G711));
    house.desk.command(Command::Open { leg: PAGE, call: CALL, second: true, kind: LegKind::Phone, srtp: None });
    let offer = house.runtime.block_on(page.offer(false));
    house.desk.command(Command::TakeOffer { leg: PAGE, sdp: offer.into_bytes() });
    let answer = house.described(PAGE);
    let port = answer.split(" typ host").next().and_then(|before| before.rsplit(' ').next()).unwrap().to_string();
    let nat = Nat::open(SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap())));
    let behind = answer.replace(&format!(" {port} typ host"), &format!(" {} typ host", nat.within.port()));
    house.runtime.block_on(page.accept(behind));
    house.join();
    let mut n = 0;
    speak(&mut house, &mut page, &phone, to, &mut n);
    for _ in 0..2 {
        nat.gives_another_address();
        speak(&mut house, &mut page, &phone, to, &mut n);
    }
    house.runtime.block_on(page.close());
    house.desk.stop();
}
