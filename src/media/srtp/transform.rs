//! Packets sealed and opened: AES in counter mode and HMAC-SHA1, RFC 3711 §4. Everything is done where the packet lies,
//! or in room that is there already: nothing is allocated for a packet.

use rtc::crypto::{
    CryptoError, HmacAlgorithm, Mac, RTCCrypto, StreamCipher, StreamCipherAlgorithm, constant_time_eq, default_provider,
};

use super::count::Count;
use super::sdes::{Key, SALT, Secrets, Suite};
use crate::media::outgoing::HEADER;
use crate::media::packet::payload_start;
use crate::media::rtcp;

/// The largest packet that is sealed, and what is added to it.
const LARGEST: usize = 2048;
/// Sources of one side that are told apart; one more, and the oldest is forgotten.
const SOURCES: usize = 8;
/// RTCP is signed with 80 bits by every suite, RFC 3711 §5.2.
const CONTROL_TAG: usize = 10;
/// What is not encrypted of RTCP: its first header, RFC 3711 §3.4.
const CONTROL_HEADER: usize = 8;
/// The index of RTCP, and the bit that says it is encrypted.
const INDEX: usize = 4;
const ENCRYPTED: u32 = 1 << 31;
/// RFC 3711 §4.3.2: labels of encryption, signature and salt; of RTCP they are three more.
const CONTROL_LABELS: u8 = 3;

/// One leg's encryption, both ways.
pub struct Sealed {
    secrets: Secrets,
    out: Way,
    /// Of our one source.
    sent: Option<Count>,
    reports_sent: u32,
    room: Box<[u8; LARGEST]>,
    heard: Way,
    sources: Vec<Count>,
    reporters: Vec<Count>,
    /// How often the numbers of the source ran over that was heard with the key before this one: some go on with it,
    /// some begin anew.
    before: u32,
}

/// What one side's key makes.
struct Way {
    suite: Suite,
    named_by: usize,
    sound: Session,
    control: Session,
}

struct Session {
    cipher: Box<dyn StreamCipher>,
    mac: Box<dyn Mac>,
    salt: [u8; SALT],
}

impl Sealed {
    pub fn new(secrets: Secrets) -> Result<Sealed, CryptoError> {
        let provider = default_provider()?;
        let crypto = provider.crypto();
        Ok(Sealed {
            secrets,
            out: Way::new(crypto, &secrets.ours)?,
            sent: None,
            reports_sent: 0,
            room: Box::new([0; LARGEST]),
            heard: Way::new(crypto, &secrets.theirs)?,
            sources: Vec::new(),
            reporters: Vec::new(),
            before: 0,
        })
    }

    /// Other keys were agreed on; whichever stays the same is counted on with, as its packets must never have the same
    /// count twice.
    pub fn change(&mut self, secrets: Secrets) -> Result<(), CryptoError> {
        let provider = default_provider()?;
        let crypto = provider.crypto();
        if secrets.ours != self.secrets.ours {
            self.out = Way::new(crypto, &secrets.ours)?;
            (self.sent, self.reports_sent) = (None, 0);
        }
        if secrets.theirs != self.secrets.theirs {
            self.heard = Way::new(crypto, &secrets.theirs)?;
            self.before = self.sources.iter().map(Count::rollovers).max().unwrap_or(0);
            (self.sources, self.reporters) = (Vec::new(), Vec::new());
        }
        self.secrets = secrets;
        Ok(())
    }

    /// A packet of ours, with a header of twelve bytes, as it is sent. `None`: it is none, or one with its count went
    /// already, and two must not be sealed alike.
    pub fn seal(&mut self, packet: &[u8]) -> Option<&[u8]> {
        let (sequence, ssrc) = numbers(packet)?;
        let mut count = self.sent.filter(|count| count.ssrc == ssrc);
        let index = match &count {
            Some(count) => count.index(sequence).filter(|index| count.is_new(*index))?,
            None => u64::from(sequence),
        };
        let length = packet.len();
        let tag = self.out.suite.tag_length();
        let room = self.room.get_mut(..length + tag)?;
        room[..length].copy_from_slice(packet);
        let session = &mut self.out.sound;
        session.encrypt(ssrc, index, &mut room[HEADER..length])?;
        let signature = session.sign(&[&room[..length], &((index >> 16) as u32).to_be_bytes()])?;
        room[length..].copy_from_slice(&signature[..tag]);
        count.get_or_insert(Count::begin(ssrc, index)).came(index);
        self.sent = count;
        Some(room)
    }

    /// Opens a packet of theirs where it lies; returns how long it is without what was added. `None`: it is not
    /// theirs, or it came already.
    pub fn open(&mut self, packet: &mut [u8]) -> Option<usize> {
        let (sequence, ssrc) = numbers(packet)?;
        let signed = packet.len().checked_sub(self.heard.suite.tag_length())?;
        let end = signed.checked_sub(self.heard.named_by)?;
        let start = payload_start(packet).filter(|start| *start <= end)?;
        let known = self.sources.iter_mut().find(|count| count.ssrc == ssrc);
        let guesses = match &known {
            Some(count) => [count.index(sequence).filter(|index| count.is_new(*index)), None],
            None => {
                let before = Some(self.before).filter(|before| *before > 0);
                [Some(u64::from(sequence)), before.map(|before| u64::from(before) << 16 | u64::from(sequence))]
            }
        };
        let session = &mut self.heard.sound;
        let index = guesses.into_iter().flatten().find(|index| {
            let signature = session.sign(&[&packet[..end], &((index >> 16) as u32).to_be_bytes()]);
            signature.is_some_and(|signature| constant_time_eq(&signature[..packet.len() - signed], &packet[signed..]))
        })?;
        session.encrypt(ssrc, index, &mut packet[start..end])?;
        match known {
            Some(count) => count.came(index),
            None => remember(&mut self.sources, Count::begin(ssrc, index)),
        }
        Some(end)
    }

    /// The same for RTCP of ours.
    pub fn seal_control(&mut self, packet: &[u8]) -> Option<&[u8]> {
        let ssrc = reporter(packet)?;
        let length = packet.len();
        let room = self.room.get_mut(..length + INDEX + CONTROL_TAG)?;
        room[..length].copy_from_slice(packet);
        self.reports_sent = (self.reports_sent + 1) & !ENCRYPTED;
        let session = &mut self.out.control;
        session.encrypt(ssrc, u64::from(self.reports_sent), &mut room[CONTROL_HEADER..length])?;
        room[length..length + INDEX].copy_from_slice(&(self.reports_sent | ENCRYPTED).to_be_bytes());
        let signature = session.sign(&[&room[..length + INDEX]])?;
        room[length + INDEX..].copy_from_slice(&signature[..CONTROL_TAG]);
        Some(room)
    }

    /// The same for RTCP of theirs.
    pub fn open_control(&mut self, packet: &mut [u8]) -> Option<usize> {
        let ssrc = reporter(packet)?;
        let tag = packet.len().checked_sub(CONTROL_TAG)?;
        let signed = tag.checked_sub(self.heard.named_by)?;
        let end = signed.checked_sub(INDEX).filter(|end| *end >= CONTROL_HEADER)?;
        let word = u32::from_be_bytes(*packet[end..signed].first_chunk()?);
        let index = u64::from(word & !ENCRYPTED);
        let known = self.reporters.iter_mut().find(|count| count.ssrc == ssrc);
        if known.as_ref().is_some_and(|count| !count.is_new(index)) {
            return None;
        }
        let session = &mut self.heard.control;
        let signature = session.sign(&[&packet[..signed]])?;
        if !constant_time_eq(&signature[..CONTROL_TAG], &packet[tag..]) {
            return None;
        }
        if word & ENCRYPTED != 0 {
            session.encrypt(ssrc, index, &mut packet[CONTROL_HEADER..end])?;
        }
        match known {
            Some(count) => count.came(index),
            None => remember(&mut self.reporters, Count::begin(ssrc, index)),
        }
        Some(end)
    }
}

fn remember(counts: &mut Vec<Count>, count: Count) {
    if counts.len() == SOURCES {
        counts.remove(0);
    }
    counts.push(count);
}

/// Sequence number and source.
fn numbers(packet: &[u8]) -> Option<(u16, u32)> {
    let [_, _, high, low, _, _, _, _, ssrc @ ..]: [u8; HEADER] = *packet.first_chunk()?;
    Some((u16::from_be_bytes([high, low]), u32::from_be_bytes(ssrc)))
}

/// The source of a compound.
fn reporter(packet: &[u8]) -> Option<u32> {
    rtcp::is_rtcp(packet).then_some(())?;
    Some(u32::from_be_bytes(*packet.get(4..)?.first_chunk()?))
}

impl Way {
    fn new(crypto: &dyn RTCCrypto, key: &Key) -> Result<Way, CryptoError> {
        let session = |label| Session::new(crypto, key, label);
        Ok(Way { suite: key.suite, named_by: key.named_by, sound: session(0)?, control: session(CONTROL_LABELS)? })
    }
}

impl Session {
    /// Secrets are derived once, RFC 3711 §4.3.1; `label`: of the first.
    fn new(crypto: &dyn RTCCrypto, key: &Key, label: u8) -> Result<Session, CryptoError> {
        let cipher = match key.suite {
            Suite::Aes128Tag80 | Suite::Aes128Tag32 => StreamCipherAlgorithm::Aes128Ctr,
            Suite::Aes256Tag80 | Suite::Aes256Tag32 => StreamCipherAlgorithm::Aes256Ctr,
        };
        let mut derives = crypto.new_stream_cipher(cipher, key.master())?;
        let mut derive = |label: u8, made: &mut [u8]| {
            let mut start = [0; 16];
            start[..SALT].copy_from_slice(&key.salt());
            start[7] ^= label;
            derives.apply_keystream(&start, made)
        };
        let (mut encryption, mut signature, mut salt) = ([0; 32], [0; 20], [0; SALT]);
        let encryption = &mut encryption[..key.suite.key_length()];
        derive(label, encryption)?;
        derive(label + 1, &mut signature)?;
        derive(label + 2, &mut salt)?;
        Ok(Session {
            cipher: crypto.new_stream_cipher(cipher, encryption)?,
            mac: crypto.new_hmac(HmacAlgorithm::Sha1, &signature)?,
            salt,
        })
    }

    /// And the way back, which is the same, RFC 3711 §4.1.1.
    fn encrypt(&mut self, ssrc: u32, index: u64, bytes: &mut [u8]) -> Option<()> {
        let mut start = [0; 16];
        start[..SALT].copy_from_slice(&self.salt);
        for (byte, of_ssrc) in start[4..8].iter_mut().zip(ssrc.to_be_bytes()) {
            *byte ^= of_ssrc;
        }
        for (byte, of_index) in start[8..14].iter_mut().zip(&index.to_be_bytes()[2..]) {
            *byte ^= of_index;
        }
        self.cipher.apply_keystream(&start, bytes).ok()
    }

    fn sign(&mut self, parts: &[&[u8]]) -> Option<[u8; 20]> {
        let mut signature = [0; 20];
        self.mac.sign(parts, &mut signature).ok()?;
        Some(signature)
    }
}
