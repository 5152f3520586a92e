//! The reports of a leg, RFC 3550 §6: theirs that come, ours that go.

use std::io;
use std::net::SocketAddr;

use super::far::Block;
use super::leg::{Leg, send};
use super::rtcp::{self, LastReport};
use crate::moment::Moment;

impl Leg {
    /// One packet that may be RTCP.
    pub fn control(&mut self, now: Moment, from: SocketAddr, packet: &mut [u8]) {
        let named = self.agreement.is_some_and(|agreement| agreement.remote_rtcp == from);
        if !named && !self.source.is_some_and(|source| source.may_control(from)) {
            return;
        }
        let opened = self.sealed.as_mut().map_or(Some(packet.len()), |sealed| sealed.open_control(packet));
        let Some(packet) = opened.and_then(|length| packet.get(..length)) else { return };
        let Some(told) = rtcp::read(packet, self.outgoing.ssrc) else { return };
        self.silence.heard(now);
        if let Some(source) = &mut self.source {
            source.controlled(now, from, told.from, self.sealed.is_some());
        }
        if let Some(ntp) = told.sender {
            self.last_report = Some(LastReport { ssrc: told.from, ntp, at: now });
        }
        // Where they hear Opus, their clock is its clock.
        let ratio = if self.agreement.is_some_and(|agreement| agreement.heard.opus.is_some()) { 6 } else { 1 };
        let about_us = told.about_us.map(|block| Block { jitter: block.jitter / ratio, ..block });
        self.far.reported(now, about_us, self.outgoing.packets(), rtcp::middle(now));
    }

    pub(super) fn report(&mut self, now: Moment, bye: bool) {
        let Some(agreement) = self.agreement.filter(|agreement| !agreement.remote.ip().is_unspecified()) else {
            return;
        };
        let packets = self.outgoing.packets();
        // RFC 3550 §6.3.7: who never sent anything says no goodbye.
        if bye && packets == 0 && self.reported[0].is_none() {
            return;
        }
        let mut buffer = [0; rtcp::ROOM];
        let report = self.reception.report();
        // RFC 3550 §6.4: who has sent nothing since the report before the last is a receiver.
        let sent = self.outgoing.sent(now).filter(|_| self.reported[1] != Some(packets));
        self.reported = [Some(packets), self.reported[0]];
        let length = rtcp::write(&mut buffer, now, self.sender(), sent, report, self.last_report, bye);
        if let Some(interpreter) = &self.interpreter {
            interpreter.report(&mut buffer[..length]);
        }
        let report = match &mut self.sealed {
            Some(sealed) => sealed.seal_control(&buffer[..length]),
            None => Some(&buffer[..length]),
        };
        let (Some(report), Some(source)) = (report, &self.source) else { return };
        match self.ground.rtcp.as_ref().filter(|_| !agreement.rtcp_mux) {
            Some(rtcp) => {
                if let Some(to) = source.control_target(agreement.remote_rtcp) {
                    let _: io::Result<usize> = rtcp.send_to(report, to);
                }
            }
            None => send(&self.ground.rtp, source, report),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;
    use crate::ids::LegId;
    use crate::media::negotiation::{Agreement, Local, Negotiation};
    use crate::media::rtcp::Sender;
    use crate::media::socket::{Ground, Socket};
    use crate::media::words::Codec;

    const SENDER: u8 = 200;
    const RECEIVER: u8 = 201;

    #[test]
    fn who_was_told_of_as_the_sender_is_the_sender() {
        let ground = |sender| {
            let rtp = Socket::Udp(UdpSocket::bind("127.0.0.1:0").unwrap());
            Ground { rtp, rtcp: None, port: None, sender, opus: None }
        };
        let mut rng = StdRng::seed_from_u64(7022);
        let [first, other] = [(); 2].map(|()| Sender::random(&mut rng));
        let mut leg = Leg::new(LegId(1), ground(Some(first)), Moment::from_micros(1), &mut rng);
        assert_eq!(leg.sender(), first);
        leg.move_to(ground(Some(other)));
        assert_eq!(leg.sender(), other);
        leg.move_to(ground(None));
        assert_eq!(leg.sender(), other, "nobody else was told of");
    }

    fn agreement(port: u16) -> Agreement {
        let local = Local { address: [127, 0, 0, 1].into(), rtp_port: 9, session_id: 1 };
        let offer = format!("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio {port} RTP/AVP 8\r\na=rtcp-mux\r\n");
        Negotiation::new(local, &[Codec::Pcma]).take_offer(offer.as_bytes()).unwrap().1
    }

    #[test]
    fn who_sends_nothing_any_more_reports_as_a_receiver_and_who_never_did_says_no_goodbye() {
        let now = |seconds: u64| Moment::from_micros(1_000_000 * (1 + seconds));
        let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
        phone.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut rng = StdRng::seed_from_u64(3550);
        let mut leg = |id: u64| {
            let rtp = Socket::Udp(UdpSocket::bind("127.0.0.1:0").unwrap());
            let ground = Ground { rtp, rtcp: None, port: None, sender: None, opus: None };
            let mut leg = Leg::new(LegId(id), ground, now(0), &mut rng);
            leg.agree(now(0), agreement(phone.local_addr().unwrap().port()), None);
            leg
        };
        let heard = || {
            let mut packet = [0; 2048];
            let length = phone.recv(&mut packet).unwrap();
            packet[..length].to_vec()
        };
        let silent = leg(1);
        silent.close(now(1));
        let mut leg = leg(2);
        // Silence in the place of somebody who was not heard yet; then nothing.
        leg.join(now(1), 0);
        leg.tick(now(1));
        assert_eq!(heard()[1] & 0x7F, 8, "nothing came of the one that was silent");
        let name = leg.sender().cname.to_string();
        let kinds: Vec<u8> = [5, 10, 15, 20]
            .map(|seconds| {
                leg.report(now(seconds), false);
                let report = heard();
                assert!(report.windows(name.len()).any(|letters| letters == name.as_bytes()), "the same in all");
                report[1]
            })
            .to_vec();
        assert_eq!(kinds, [SENDER, SENDER, RECEIVER, RECEIVER]);
        leg.close(now(25));
        let goodbye = heard();
        assert_eq!((goodbye[1], goodbye[goodbye.len() - 7]), (RECEIVER, 203));
    }
}
