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
            self.last_report = Some(LastReport { ntp, at: now });
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
        let mut buffer = [0; rtcp::ROOM];
        let report = self.reception.report();
        let sent = self.outgoing.sent(now);
        let length = rtcp::write(&mut buffer, now, self.outgoing.ssrc, sent, report, self.last_report, bye);
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
