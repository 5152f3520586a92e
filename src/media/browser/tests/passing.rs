//! Two who both speak Opus, pages or a page and a phone, joined by the desk.

use std::time::Duration;

use super::calls::{CALL, House, PAGE, PAGE_HZ, PHONE, PHONE_HZ, house, phone, send};
use super::page::{News, Page, Speaks};
use crate::ids::LegId;
use crate::media::{Command, Event, LegKind};

/// What a page hears of the other in a second of both speaking: packets that came as they were sent, and others, but not
/// those before the first that came so: they were under way when something else was asked.
fn heard_by_another(house: &House, pages: &mut [Page; 2]) -> (usize, usize) {
    let (mut said, mut as_it_was, mut others) = (Vec::new(), 0, 0);
    house.runtime.block_on(async {
        for round in 0..75 {
            let [one, other] = &mut *pages;
            said.push(one.say(PAGE_HZ + round).await);
            other.say(PHONE_HZ).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            while let Ok(news) = other.news.try_recv() {
                let News::Heard(packet) = news else { continue };
                let same = said.iter().any(|said| said[..] == packet.payload[..]);
                if same && as_it_was == 0 {
                    others = 0;
                }
                if round > 25 {
                    (as_it_was, others) = (as_it_was + usize::from(same), others + usize::from(!same));
                }
            }
        }
    });
    (as_it_was, others)
}

#[test]
fn opus_goes_between_pages_as_it_is_and_is_decoded_while_they_are_mixed() {
    let mut house = house(43_220..=43_239, 10);
    let legs = [PAGE, LegId(3)];
    let mut pages = legs.map(|leg| {
        let mut page = house.runtime.block_on(Page::open(Speaks::Opus));
        house.desk.command(Command::Open { leg, call: CALL, second: leg != PAGE, kind: LegKind::Phone, srtp: None });
        let offer = house.runtime.block_on(page.offer(false));
        house.desk.command(Command::TakeOffer { leg, sdp: offer.into_bytes() });
        let answer = house.described(leg);
        house.runtime.block_on(page.accept(answer));
        house.runtime.block_on(page.connected());
        page
    });
    let [a, b] = legs;
    let join = Command::Join { a, b };
    let mix = Command::Mix { legs: legs.to_vec(), hears: vec![(a, b), (b, a)] };
    for (command, as_it_is) in [(join.clone(), true), (mix, false), (join, true)] {
        let name = format!("{command:?}");
        house.desk.command(command);
        assert!(house.desk.poll().is_none());
        let (as_it_was, others) = heard_by_another(&house, &mut pages);
        let (most, few) = if as_it_is { (as_it_was, others) } else { (others, as_it_was) };
        assert!(most > 20 && few < 5, "{name}: {as_it_was} as they were, {others} not");
    }
    house.runtime.block_on(pages[0].press(5));
    assert_eq!(house.key(), (PAGE, '5'));
    house.runtime.block_on(pages[1].until("a key", |news| match news {
        News::Heard(packet) => (packet.header.payload_type == 110 && packet.payload[0] == 5).then_some(()),
        _ => None,
    }));
    house.desk.stop();
}

#[test]
fn opus_goes_between_a_page_and_a_phone_as_it_is() {
    let mut house = house(32_180..=32_189, 10);
    let mut page = house.runtime.block_on(Page::open(Speaks::Opus));
    house.calls(&mut page);
    house.runtime.block_on(page.connected());
    let phone = phone();
    house.desk.command(Command::Open { leg: PHONE, call: CALL, second: true, kind: LegKind::Phone, srtp: None });
    house.desk.command(Command::MakeOffer { leg: PHONE, like: Some(PAGE) });
    let offer = house.described(PHONE);
    assert!(offer.contains("RTP/AVP 111 8 0 101 110\r\n"), "what the page speaks comes first: {offer}");
    let port = phone.local_addr().unwrap().port();
    let answer = format!("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio {port} RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n");
    house.desk.command(Command::TakeAnswer { leg: PHONE, sdp: answer.into_bytes() });
    house.await_event("agreement", |event| matches!(event, Event::Agreed { leg: PHONE, .. }).then_some(()));
    let port: u16 = offer.split("m=audio ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    house.join();
    phone.set_nonblocking(true).unwrap();
    let (mut said, mut at_page, mut at_phone) = (Vec::new(), 0, 0);
    for n in 0..500_u16 {
        // Nothing that could be decoded.
        let sound = vec![0xFF; 40 + usize::from(n)];
        send(&phone, ([127, 0, 0, 1], port).into(), 111, n, u32::from(n) * 960, &sound);
        house.runtime.block_on(async {
            said.push(page.say(PAGE_HZ).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
            while let Ok(news) = page.news.try_recv() {
                let News::Heard(packet) = news else { continue };
                at_page += usize::from(packet.header.payload_type == 111 && packet.payload.starts_with(&[0xFF; 40]));
            }
        });
        let mut packet = [0; 2048];
        while let Ok(length) = phone.recv(&mut packet) {
            at_phone += usize::from(packet[1] & 0x7F == 96 && said.iter().any(|said| said[..] == packet[12..length]));
        }
        if at_page > 20 && at_phone > 20 {
            return house.desk.stop();
        }
    }
    panic!("the page heard {at_page}, the phone {at_phone}");
}
