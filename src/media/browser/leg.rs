//! The desk's end of a browser's leg: what is read and written at once, and what the session is asked.

use tokio::sync::mpsc;

use super::conversion;
use super::negotiation::{Found, Negotiation, Voice};
use super::room::Begun;
use super::session::{AT_ROOM, Ask};
use crate::media::negotiation::{Agreement, Unacceptable, static_type, unacceptable};
use crate::media::opus::limit::{Limit, Ticket};
use crate::media::words::{Codec, Direction};

pub struct BrowserLeg {
    negotiation: Negotiation,
    asks: mpsc::Sender<Ask>,
    /// While it speaks Opus.
    opus: Option<Ticket>,
}

impl BrowserLeg {
    pub fn new(session_id: u64, codecs: &[Codec], begun: &Begun) -> Self {
        Self { negotiation: Negotiation::new(session_id, codecs), asks: begun.asks.clone(), opus: None }
    }

    /// The session tells it when it is made.
    pub fn make_offer(
        &mut self,
        limit: &Limit,
        first: Option<Voice>,
        direction: Direction,
    ) -> Result<(), Unacceptable> {
        let opus = self.opus.is_some() || limit.is_free();
        let draft = self.negotiation.make_offer(first, opus);
        self.ask(Ask::Offer { draft, direction })
    }

    /// What the leg agrees on with the session, which tells our answer when it is made.
    pub fn take_offer(&mut self, limit: &Limit, sdp: &[u8], first: Option<Voice>) -> Result<Agreement, Unacceptable> {
        // It is kept where they are refused: what was spoken before goes on.
        let fresh = if self.opus.is_none() { limit.ticket() } else { None };
        let may = self.opus.is_some() || fresh.is_some();
        let (draft, found) = self.negotiation.take_offer(sdp, first, may)?;
        self.opus = self.opus.take().or(fresh).filter(|_| found.talk.voice == Voice::Opus);
        let agreement = self.agreement(&found, first);
        self.ask(Ask::Answer { draft, found: Box::new(found), codec: agreement.codec })?;
        Ok(agreement)
    }

    /// The same for their answer to our offer.
    pub fn take_answer(&mut self, limit: &Limit, sdp: &[u8], first: Option<Voice>) -> Result<Agreement, Unacceptable> {
        let found = self.negotiation.take_answer(sdp)?;
        self.opus = match found.talk.voice {
            Voice::Opus => self.opus.take().or_else(|| Some(limit.promised())),
            Voice::G711(_) => None,
        };
        let agreement = self.agreement(&found, first);
        self.ask(Ask::Agree { found: Box::new(found), codec: agreement.codec })?;
        Ok(agreement)
    }

    pub fn speaks_opus(&self) -> bool {
        self.opus.is_some()
    }

    /// The worker's leg speaks G.711 with the session, whatever the browser speaks.
    fn agreement(&self, found: &Found, first: Option<Voice>) -> Agreement {
        let codec = match (found.talk.voice, first) {
            (Voice::G711(codec), _) | (Voice::Opus, Some(Voice::G711(codec))) => codec,
            (Voice::Opus, _) => self.negotiation.preferred(),
        };
        let heard = conversion::heard(&found.talk, codec);
        Agreement {
            heard,
            codec,
            payload_type: static_type(codec),
            key_payload_type: heard.keys,
            noise: None,
            remote: AT_ROOM,
            remote_rtcp: AT_ROOM,
            rtcp_mux: true,
            direction: found.direction,
            opus: None,
        }
    }

    fn ask(&self, ask: Ask) -> Result<(), Unacceptable> {
        self.asks.try_send(ask).map_err(|_| unacceptable("too much is asked of this browser at once"))
    }
}
