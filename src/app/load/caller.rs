//! One caller: dials, presses, waits for a voice, talks, and says what came of it.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::sound::{Heard, Voice};
use super::{Crowd, phone_settings};
use crate::app::softphone::Line;
use crate::ids::LegId;
use crate::media::Codec;
use crate::media::negotiation::{Local, Negotiation};
use crate::moment::Moment;
use crate::sip::{self, Body, Event, Invite, Party, Target};

const LEG: LegId = LegId(2);
/// Who is not answered within this gives up, as a network does.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// An operator who is to end the talk has so much longer than was meant.
const OPERATOR_MAY_TAKE: Duration = Duration::from_secs(60);
const AT_ONCE: Duration = Duration::from_secs(1);

/// What a caller met with.
#[derive(Clone, Debug, PartialEq)]
pub enum Met {
    /// Talked with an operator.
    Operator,
    /// Waited in vain, and hung up.
    GaveUp,
    /// The hotline ended it before an operator was there.
    SentAway,
    /// Hung up before the answer, or at once.
    LeftEarly,
    /// Gone without a word, as meant.
    Vanished,
    Refused(u16),
    /// What should not be.
    Failed(String),
}

/// One call as the caller saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub sip_call_id: String,
    pub met: Met,
    /// From the INVITE to its 200.
    pub set_up: Option<Duration>,
    /// From the 200 to the operator's voice.
    pub waited: Option<Duration>,
    /// From the first word to the end.
    pub talked: Option<Duration>,
    pub ended_by_caller: bool,
    pub heard: Heard,
}

/// What this caller is like.
struct Nature {
    patience: Duration,
    talk: Duration,
    operator_ends: bool,
    cancels: bool,
    hangs_up_at_once: bool,
    /// So long after the answer.
    vanishes: Option<Duration>,
}

impl Nature {
    fn draw(crowd: &Crowd, number: u32, rng: &mut StdRng) -> Nature {
        let (scenario, callers) = (&crowd.scenario, &crowd.scenario.callers);
        let (talk, operator_ends) = crowd.talk_of(number);
        Nature {
            patience: scenario.patience.draw(rng),
            talk,
            operator_ends,
            cancels: rng.random_bool(callers.cancel),
            hangs_up_at_once: rng.random_bool(callers.hang_up_at_once),
            vanishes: rng.random_bool(callers.vanish).then(|| talk.mul_f64(rng.random())),
        }
    }
}

/// Whether this caller vanishes as soon as they talk for a while: the phone of theirs is left alone then.
pub fn vanishes(crowd: &Crowd, number: u32) -> bool {
    Nature::draw(crowd, number, &mut crowd.chance(number)).vanishes.is_some()
}

pub async fn call(crowd: &Crowd, number: u32) -> Seen {
    let mut rng = crowd.chance(number);
    let nature = Nature::draw(crowd, number, &mut rng);
    let mut seen = Seen {
        sip_call_id: format!("load-{:x}-{number}", crowd.run),
        met: Met::Failed("never began".into()),
        set_up: None,
        waited: None,
        talked: None,
        ended_by_caller: false,
        heard: Heard::default(),
    };
    let line = Line::open(
        crowd.clock,
        phone_settings(crowd.server, crowd.sound.address.ip(), None),
        StdRng::from_rng(&mut rng),
    )
    .await;
    let mut line = match line {
        Ok(line) => line,
        Err(error) => {
            seen.met = Met::Failed(error);
            return seen;
        }
    };
    let voice = Voice(number * 2);
    seen.met = Visit { crowd, line: &mut line, voice, number, nature, seen: &mut seen }.run().await;
    seen.heard = crowd.sound.close(voice).await.unwrap_or_default();
    if seen.met != Met::Vanished {
        line.close().await;
    }
    seen
}

struct Visit<'a> {
    crowd: &'a Crowd,
    line: &'a mut Line,
    voice: Voice,
    number: u32,
    nature: Nature,
    seen: &'a mut Seen,
}

impl Visit<'_> {
    async fn run(mut self) -> Met {
        let began = self.crowd.clock.now();
        let mut negotiation = self.dial();
        let answered = match self.answered(began, &mut negotiation).await {
            Ok(answered) => answered,
            Err(met) => return met,
        };
        let (at, agreement) = answered;
        self.seen.set_up = Some(at.since(began));
        if self.nature.hangs_up_at_once {
            let _ = self.until(at + AT_ONCE).await;
            self.hang_up();
            return Met::LeftEarly;
        }
        let scenario = &self.crowd.scenario;
        let heard = self.crowd.sound.open(self.voice, agreement.remote, agreement.key_payload_type);
        let vanishes = self.nature.vanishes.map(|after| at + after);
        if !scenario.press.is_empty() {
            if let Some(met) = self.until(at + scenario.press_after).await {
                return met;
            }
            self.crowd.sound.press(self.voice, &scenario.press);
        }
        let give_up = at + scenario.press_after + self.nature.patience;
        let connected = match self.voice_of_operator(heard, vanishes.map_or(give_up, |v| v.min(give_up))).await {
            Ok(connected) => connected,
            Err(Some(met)) => return met,
            Err(None) if vanishes.is_some_and(|at| at < give_up) => return self.vanish(),
            Err(None) => {
                self.hang_up();
                return Met::GaveUp;
            }
        };
        self.seen.waited = Some(connected.since(at));
        let talk = match self.nature.operator_ends {
            true => self.nature.talk + OPERATOR_MAY_TAKE,
            false => self.nature.talk,
        };
        let ends = connected + talk;
        let ended = self.until(vanishes.map_or(ends, |at| at.max(connected).min(ends))).await;
        if ended.is_none() && vanishes.is_some_and(|at| at <= ends) {
            return self.vanish();
        }
        self.seen.talked = Some(self.crowd.clock.now().since(connected));
        match ended {
            Some(Met::SentAway) => Met::Operator,
            Some(met) => met,
            None => {
                self.hang_up();
                Met::Operator
            }
        }
    }

    fn dial(&mut self) -> Negotiation {
        let address = self.crowd.sound.address;
        let local = Local { address: address.ip(), rtp_port: address.port(), session_id: u64::from(self.number) + 1 };
        let mut negotiation = Negotiation::new(local, &[Codec::Pcma]);
        let offer = negotiation.make_offer(None);
        self.line.command(sip::Command::Invite(Invite {
            leg: LEG,
            to: Target::Uri(format!("sip:{}@{}", self.crowd.scenario.number, self.crowd.server)),
            caller: Party { number: self.crowd.number_of(self.number), display: None },
            on_behalf_of: None,
            sip_call_id: Some(self.seen.sip_call_id.clone()),
            hops: sip::HOPS,
            auto_answer: false,
            call: None,
            urgent: false,
            over: Default::default(),
            body: Some(Body::sdp(offer)),
        }));
        negotiation
    }

    /// The answer, or what came instead.
    async fn answered(
        &mut self,
        began: Moment,
        negotiation: &mut Negotiation,
    ) -> Result<(Moment, crate::media::negotiation::Agreement), Met> {
        if self.nature.cancels {
            self.line.command(sip::Command::Hangup { leg: LEG, reason: None });
            let _ = self.until(began + AT_ONCE).await;
            return Err(Met::LeftEarly);
        }
        loop {
            match self.line.next(Some(began + ANSWER_WITHIN)).await {
                Some(Event::Answered { body, .. }) => {
                    let at = self.crowd.clock.now();
                    let answer = body.map(|body| negotiation.take_answer(&body.bytes));
                    let Some(Ok(agreement)) = answer else {
                        self.hang_up();
                        return Err(Met::Failed(format!("the answer cannot be used: {answer:?}")));
                    };
                    return Ok((at, agreement));
                }
                Some(Event::Refused { status, .. }) => return Err(Met::Refused(status)),
                Some(Event::Ended { why, .. }) => return Err(Met::Failed(format!("ended before the answer: {why:?}"))),
                Some(_) => {}
                None => {
                    self.hang_up();
                    return Err(Met::Failed(format!("not answered within {ANSWER_WITHIN:?}")));
                }
            }
        }
    }

    /// When the other party was heard. `Err(None)`: not until then.
    async fn voice_of_operator(
        &mut self,
        mut heard: tokio::sync::oneshot::Receiver<()>,
        until: Moment,
    ) -> Result<Moment, Option<Met>> {
        loop {
            tokio::select! {
                voice = &mut heard => return match voice {
                    Ok(()) => Ok(self.crowd.clock.now()),
                    Err(_) => Err(Some(Met::Failed("the sound stopped".into()))),
                },
                event = self.line.next(Some(until)) => match event {
                    None => return Err(None),
                    Some(event) => if let Some(met) = self.take(event) { return Err(Some(met)) },
                },
            }
        }
    }

    /// Goes on until then; `Some` if it ended before.
    async fn until(&mut self, at: Moment) -> Option<Met> {
        loop {
            let event = self.line.next(Some(at)).await?;
            if let Some(met) = self.take(event) {
                return Some(met);
            }
        }
    }

    fn take(&mut self, event: Event) -> Option<Met> {
        match event {
            Event::Ended { why: sip::Ended::Bye | sip::Ended::Cancelled, .. } => Some(Met::SentAway),
            Event::Ended { why, .. } => Some(Met::Failed(format!("the call was lost: {why:?}"))),
            Event::Refused { status, .. } => Some(Met::Refused(status)),
            Event::Reoffer { leg, .. } => {
                self.line.command(sip::Command::RefuseReoffer { leg, status: 488 });
                None
            }
            _ => None,
        }
    }

    fn hang_up(&mut self) {
        self.seen.ended_by_caller = true;
        self.line.command(sip::Command::Hangup { leg: LEG, reason: None });
    }

    fn vanish(&mut self) -> Met {
        self.crowd.sound.mute(self.voice);
        Met::Vanished
    }
}
