//! What one leg's descriptions say of encryption: whose stream is taken, with which keys, RFC 4568 §5 and §7.

use rand::rngs::StdRng;

use super::sdes::{Crypto, Key, Secrets, Suite};
use crate::media::sdp::Media;
use crate::media::words::Srtp;

/// What our offers name: RTP/SAVP with keys, or RTP/AVP.
const ENCRYPTED: &str = "RTP/SAVP";
const PLAIN: &str = "RTP/AVP";

#[derive(Clone, Debug, Default)]
pub struct Terms {
    wanted: Srtp,
    rng: Option<Box<StdRng>>,
    /// The lines of our last offer.
    offered: Vec<Crypto>,
    agreed: Option<Secrets>,
}

impl Terms {
    /// `rng` makes our keys.
    pub fn new(wanted: Srtp, rng: StdRng) -> Self {
        Self { wanted, rng: Some(Box::new(rng)), ..Self::default() }
    }

    /// Another rule; the keys that were offered under the former stay, for who answers that offer.
    pub fn want(&mut self, wanted: Srtp) {
        self.wanted = wanted;
    }

    /// What was agreed on last. `None`: sound in the clear.
    pub fn secrets(&self) -> Option<Secrets> {
        self.agreed
    }

    /// How our offer names the stream, and its lines: none where it is in the clear. What is spoken already stays,
    /// with the same key; else there is a key for each suite.
    pub fn offer(&mut self) -> (&'static str, &[Crypto]) {
        let ours = self.agreed.map(|secrets| secrets.ours);
        if !self.offers_keys() {
            return (PLAIN, &[]);
        }
        let holds = |ours: Key| self.offered.iter().any(|line| line.key == ours);
        if self.offered.is_empty() || !ours.is_none_or(holds) {
            let mut suites = Suite::ALL;
            suites.sort_by_key(|suite| Some(*suite) != ours.map(|key| key.suite));
            let key = |suite| ours.filter(|key| key.suite == suite).or_else(|| self.fresh(suite));
            let keys: Vec<Key> = suites.into_iter().filter_map(key).collect();
            self.offered = (1..).zip(keys).map(|(tag, key)| Crypto { tag, key }).collect();
        }
        (ENCRYPTED, &self.offered)
    }

    /// The line that is taken of a stream they offer; `Ok(None)`: it is spoken in the clear. `Err`: it is not spoken.
    pub fn choose(&self, media: &Media) -> Result<Option<Crypto>, String> {
        let encrypted = self.is_encrypted(media)?;
        let line = media.crypto.first().copied().filter(|_| self.wanted != Srtp::Off);
        match (line, encrypted) {
            (None, true) => Err(format!("{} without an a=crypto that is known here", media.proto)),
            (None, false) if self.wanted == Srtp::Required => Err(in_the_clear(media)),
            (line, _) => Ok(line),
        }
    }

    /// The same of the stream that answers our offer: one of the lines that it had, RFC 4568 §5.1.3.
    pub fn choose_answered(&self, media: &Media) -> Result<Option<Crypto>, String> {
        let encrypted = self.is_encrypted(media)?;
        let ours =
            |line: &&Crypto| self.offered.iter().any(|ours| (ours.tag, ours.key.suite) == (line.tag, line.key.suite));
        match (media.crypto.iter().find(ours), !self.offers_keys()) {
            (_, true) if encrypted => Err(format!("{} was not offered", media.proto)),
            (_, true) => Ok(None),
            (Some(line), false) => Ok(Some(*line)),
            (None, false) if encrypted => Err("no a=crypto that was offered".into()),
            (None, false) => Err(in_the_clear(media)),
        }
    }

    /// Their offer was taken with this line; returns ours that answers it. Our key changes with theirs: whoever has
    /// another may be somebody else, who cannot know how far we have counted.
    pub fn take_offer(&mut self, line: Option<Crypto>) -> Option<Crypto> {
        let before = self.agreed.take();
        let Crypto { tag, key: theirs } = line?;
        let same = before.filter(|before| before.theirs == theirs).map(|before| before.ours);
        let ours = same.or_else(|| self.fresh(theirs.suite))?;
        self.agreed = Some(Secrets { ours, theirs });
        Some(Crypto { tag, key: ours })
    }

    /// Their answer to our offer was taken with this line.
    pub fn take_answer(&mut self, line: Option<Crypto>) {
        let before = self.agreed.take();
        let Some(Crypto { tag, key: theirs }) = line else { return };
        let Some(ours) = self.offered.iter().find(|line| line.tag == tag).map(|line| line.key) else { return };
        if before.is_some_and(|before| before.ours != ours) {
            // Secrets of the lines that were not taken are not offered again.
            self.offered.clear();
        }
        self.agreed = Some(Secrets { ours, theirs });
    }

    /// What is spoken already stays as it is.
    fn offers_keys(&self) -> bool {
        self.agreed.is_some() || self.wanted.is_encrypted()
    }

    fn is_encrypted(&self, media: &Media) -> Result<bool, String> {
        match media.proto.as_str() {
            "RTP/AVP" | "RTP/AVPF" => Ok(false),
            "RTP/SAVP" | "RTP/SAVPF" if self.wanted != Srtp::Off => Ok(true),
            other => Err(format!("{other} is not spoken here, only RTP/AVP")),
        }
    }

    fn fresh(&mut self, suite: Suite) -> Option<Key> {
        self.rng.as_deref_mut().map(|rng| Key::random(suite, rng))
    }
}

fn in_the_clear(media: &Media) -> String {
    format!("{} without a=crypto: only encrypted sound is spoken here", media.proto)
}
