//! Between a browser's packets and those of its leg: payload types, and Opus to what the leg takes and back. Pure.

use super::negotiation::{Talk, Voice};
use crate::media::negotiation::static_type;
use crate::media::opus::conversion::{self as opus, AT_LEG, Events, Form, Head, OPUS_RATE, Spoken, Types};
use crate::media::receives::Receives;
use crate::media::words::Codec;

/// One leg's, for as long as it speaks the same codec.
pub struct Conversion {
    talk: Talk,
    opus: Option<Box<opus::Conversion>>,
}

impl Conversion {
    /// `codec`: what the leg speaks. Where another was `before`, Opus goes on as it was. `None`: it cannot be had.
    pub fn after(before: Option<Self>, talk: Talk, codec: Codec) -> Option<Self> {
        let opus = match (talk.voice, before.and_then(|before| before.opus)) {
            (Voice::G711(_), _) => None,
            (Voice::Opus, None) => Some(Box::new(opus::Conversion::new(spoken(&talk), codec)?)),
            (Voice::Opus, Some(mut opus)) => {
                opus.change(spoken(&talk), codec);
                Some(opus)
            }
        };
        Some(Self { talk, opus })
    }

    /// A packet of the browser's; `send` is given those of the leg, which takes Opus in that form.
    pub fn inward(&mut self, head: Head, payload: &[u8], form: Form, send: &mut dyn FnMut(Head, &[u8])) {
        if let Some(opus) = &mut self.opus {
            return opus.inward(head, payload, form, send);
        }
        let payload_type = match (self.talk.voice, self.talk.other) {
            _ if Some(head.payload_type) == self.talk.keys => AT_LEG.keys,
            (Voice::G711(codec), _) if head.payload_type == self.talk.payload_type => static_type(codec),
            (_, Some((other, codec))) if head.payload_type == other => static_type(codec),
            _ => return,
        };
        send(Head { payload_type, ..head }, payload)
    }

    /// A packet of the leg's; `send` is given those of the browser.
    pub fn outward(&mut self, head: Head, payload: &[u8], send: &mut dyn FnMut(Head, &[u8])) {
        if let Some(opus) = &mut self.opus {
            return opus.outward(head, payload, send);
        }
        let theirs = match head.payload_type {
            keys if keys == AT_LEG.keys => self.talk.keys,
            opus if opus == AT_LEG.opus => None,
            _ => Some(self.talk.payload_type),
        };
        if let Some(payload_type) = theirs {
            send(Head { payload_type, ..head }, payload);
        }
    }

    /// An RTCP packet of the leg's, rewritten for the browser's clock.
    pub fn control_outward(&self, packet: &mut [u8]) {
        if let Some(opus) = &self.opus {
            opus.control_outward(packet);
        }
    }
}

/// Browsers number what they send and what they take alike.
fn spoken(talk: &Talk) -> Spoken {
    let keys = talk.keys.map(|payload_type| Events { payload_type, rate: OPUS_RATE });
    let types = Types { opus: talk.payload_type, keys: [keys, None] };
    Spoken { sends: types, takes: types, most_bitrate: None, uses_fec: true }
}

/// What the leg may hear.
pub fn heard(talk: &Talk, codec: Codec) -> Receives {
    let keys = talk.keys.map(|_| AT_LEG.keys);
    match talk.voice {
        Voice::Opus => Receives::of_opus(&[], codec, keys.is_some()),
        Voice::G711(_) => Receives::new(&[Codec::Pcma, Codec::Pcmu].map(|codec| (static_type(codec), codec)), keys),
    }
}
