//! What may arrive on a leg, by our numbers.

use super::opus::conversion::{AT_LEG, AtLeg};
use super::stream::static_type;
use super::words::Codec;

/// Of a leg that speaks Opus: what it becomes, in two forms and made up, and another law.
const MOST_CODECS: usize = 5;

/// What may arrive: every codec we described, in any packet, RFC 3264 §7.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receives {
    codecs: [Option<(u8, Codec)>; MOST_CODECS],
    pub keys: Option<u8>,
    /// Opus as it was sent, between legs that both take it; it is neither decoded nor encoded.
    pub opus: Option<u8>,
}

impl Receives {
    pub(super) fn new(types: &[(u8, Codec)], keys: Option<u8>) -> Self {
        let mut types = types.iter().copied();
        Self { codecs: std::array::from_fn(|_| types.next()), keys, opus: None }
    }

    /// What Opus becomes: `law` or G.722, what is made up in them under numbers of its own, and Opus as it is; beside the
    /// `types` of other codecs.
    pub(super) fn of_opus(types: &[(u8, Codec)], law: Codec, keys: bool) -> Self {
        let AtLeg { keys: keys_type, concealed, concealed_wide, opus, wide } = AT_LEG;
        let becomes = [(concealed, law), (concealed_wide, Codec::G722), (static_type(law), law), (wide, Codec::G722)];
        let others = types.iter().copied().filter(|other| !becomes.contains(other));
        let all: Vec<(u8, Codec)> = becomes.into_iter().chain(others).collect();
        Self { opus: Some(opus), ..Self::new(&all, keys.then_some(keys_type)) }
    }

    /// Sound that was made up in place of what was lost: it is heard, and counts as lost.
    pub fn is_made_up(&self, payload_type: u8) -> bool {
        self.opus.is_some() && [AT_LEG.concealed, AT_LEG.concealed_wide].contains(&payload_type)
    }

    pub(super) fn with_keys(self, keys: Option<u8>) -> Self {
        Self { keys, ..self }
    }

    pub(super) fn types(&self) -> impl Iterator<Item = (u8, Codec)> {
        self.codecs.iter().flatten().copied()
    }

    pub fn has(&self, codec: Codec) -> bool {
        self.codecs.iter().flatten().any(|(_, heard)| *heard == codec)
    }

    pub fn codec(&self, payload_type: u8) -> Option<Codec> {
        self.codecs.iter().flatten().find(|(number, _)| *number == payload_type).map(|(_, codec)| *codec)
    }
}
