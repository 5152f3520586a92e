//! The signalling of a phone: an endpoint, its sockets and the clock.

use std::time::Duration;

use rand::rngs::StdRng;

use crate::app::clock::Clock;
use crate::moment::Moment;
use crate::sip::endpoint::Endpoint;
use crate::sip::transport::{Arrival, Doors, Sockets};
use crate::sip::{self, Listen, Settings};

/// What is still to be answered at the end is waited for so long.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

pub struct Line {
    pub clock: Clock,
    pub sip: Endpoint,
    sockets: Sockets,
}

impl Line {
    /// `settings` say where it listens; port 0 takes a free one.
    pub async fn open(clock: Clock, mut settings: Settings, rng: StdRng) -> Result<Line, String> {
        let sockets = Sockets::bind(&settings.listen, Doors::default()).await.map_err(|e| e.to_string())?;
        let bound = settings.listen.iter().zip(sockets.local_addrs());
        settings.listen = bound.map(|(listen, addr)| Listen { addr, ..*listen }).collect();
        Ok(Line { clock, sip: Endpoint::new(clock.now(), settings, rng), sockets })
    }

    pub fn command(&mut self, command: sip::Command) {
        self.sip.command(self.clock.now(), command);
    }

    /// What is there already; sends what wants to be sent.
    pub fn poll(&mut self) -> Option<sip::Event> {
        let event = self.sip.poll_event();
        while let Some(transmit) = self.sip.poll_transmit() {
            self.sockets.send(transmit);
        }
        event
    }

    /// Waits for the network, a timer of the endpoint, or `at`. Can be cancelled without loss.
    pub async fn wait(&mut self, at: Option<Moment>) {
        let timer = self.sip.next_deadline().into_iter().chain(at).min().map(|at| self.clock.instant(at));
        let sleep = async {
            match timer {
                Some(timer) => tokio::time::sleep_until(timer).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            arrival = self.sockets.next() => {
                let now = self.clock.now();
                match arrival {
                    Arrival::Bytes { flow, bytes } => self.sip.receive(now, flow, &bytes),
                    Arrival::Closed(connection) => self.sip.connection_closed(now, connection),
                    // Nobody hands anything in to a phone.
                    Arrival::Proven { .. } | Arrival::Certified { .. } | Arrival::Distrusted(..) => {}
                    Arrival::Unsent(flow) => self.sip.unsent(now, flow),
                }
            }
            () = sleep => {}
        }
        self.sip.handle_deadline(self.clock.now());
    }

    /// The next event, or `None` at `at`. Can be cancelled without loss.
    pub async fn next(&mut self, at: Option<Moment>) -> Option<sip::Event> {
        loop {
            if let Some(event) = self.poll() {
                return Some(event);
            }
            if at.is_some_and(|at| at <= self.clock.now()) {
                return None;
            }
            self.wait(at).await;
        }
    }

    /// Lets the last messages be answered: the answer to a BYE is no event, nor that to a REGISTER that says goodbye, so
    /// they are looked for.
    pub async fn close(&mut self) {
        let until = self.clock.now() + LAST_ANSWERS;
        while (self.sip.counts().legs > 0 || self.sip.is_taking_leave()) && self.clock.now() < until {
            let soon = self.clock.now() + Duration::from_millis(20);
            let _ = self.next(Some(soon)).await;
        }
        self.poll();
    }
}
