//! The desk's end of a phone's leg: its descriptions, and its leave to speak Opus.

use super::negotiation::{Agreement, Negotiation, Opus, Unacceptable};
use super::opus::limit::{Limit, Ticket};
use super::words::Codec;

pub struct PhoneLeg {
    pub negotiation: Negotiation,
    /// While it speaks Opus.
    opus: Option<Ticket>,
}

/// How the leg is spoken with that another is to be joined with, and in what it is with the worker.
#[derive(Clone, Copy, Debug, Default)]
pub struct Like {
    pub spoken: Option<Codec>,
    pub inside: Option<Codec>,
}

impl PhoneLeg {
    pub fn new(negotiation: Negotiation) -> Self {
        Self { negotiation, opus: None }
    }

    pub fn make_offer(&mut self, limit: &Limit, like: Like) -> Vec<u8> {
        let may = self.opus.is_some() || limit.is_free();
        self.may_speak_opus(may, like);
        let can = |codec: &Codec| self.negotiation.knows(*codec) && (may || *codec != Codec::Opus);
        let as_wide = like.spoken.filter(|codec| codec.is_wide()).map(|_| Codec::G722);
        let first = [like.spoken, as_wide, like.inside].into_iter().flatten().find(can);
        self.negotiation.make_offer(first)
    }

    pub fn take_offer(&mut self, limit: &Limit, sdp: &[u8], like: Like) -> Result<(Vec<u8>, Agreement), Unacceptable> {
        // It is kept where they are refused: what was spoken before goes on.
        let wanted = self.opus.is_none() && self.negotiation.knows(Codec::Opus);
        let fresh = if wanted { limit.ticket() } else { None };
        self.may_speak_opus(self.opus.is_some() || fresh.is_some(), like);
        let (answer, agreement) = self.negotiation.take_offer(sdp)?;
        self.opus = self.opus.take().or(fresh).filter(|_| agreement.opus.is_some());
        Ok((answer, agreement))
    }

    pub fn take_answer(&mut self, limit: &Limit, sdp: &[u8]) -> Result<Agreement, Unacceptable> {
        let agreement = self.negotiation.take_answer(sdp)?;
        let held = self.opus.take();
        self.opus = agreement.opus.map(|_| held.unwrap_or_else(|| limit.promised()));
        Ok(agreement)
    }

    pub fn speaks_opus(&self) -> bool {
        self.opus.is_some()
    }

    fn may_speak_opus(&mut self, may: bool, like: Like) {
        self.negotiation.may_speak_opus(match like.spoken {
            _ if !may => Opus::Never,
            Some(Codec::Opus) => Opus::Liked,
            _ => Opus::AsListed,
        });
    }
}
