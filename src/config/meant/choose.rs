//! Ways of choosing an operator, and what other exchanges call them.

use crate::config::reader;
use crate::queue::{Choose, MAX_RING_AT_ONCE};

const OURS: [(&str, Choose); 7] = [
    ("longest-idle", Choose::LongestIdle),
    ("least-occupied", Choose::LeastOccupied),
    ("most-skilled", Choose::MostSkilled),
    ("least-skilled", Choose::LeastSkilled),
    ("round-robin", Choose::RoundRobin),
    ("fewest-calls", Choose::FewestCalls),
    ("weighted", Choose::Weighted),
];

/// Strategies of Asterisk and FreeSWITCH, and which of ours does the same.
const PEERS: [(&str, Peer); 16] = [
    ("leastrecent", Peer::Is("longest-idle")),
    ("longest-idle-agent", Peer::Is("longest-idle")),
    ("fewestcalls", Peer::Is("fewest-calls")),
    ("agent-with-fewest-calls", Peer::Is("fewest-calls")),
    ("agent-with-least-talk-time", Peer::Is("least-occupied")),
    ("rrmemory", Peer::Is("round-robin")),
    ("rrordered", Peer::Is("round-robin")),
    ("roundrobin", Peer::Is("round-robin")),
    ("wrandom", Peer::Is("weighted")),
    ("random", Peer::Like("round-robin")),
    ("ringall", Peer::Several),
    ("ring-all", Peer::Several),
    ("ring-progressively", Peer::Several),
    ("linear", Peer::Fixed),
    ("top-down", Peer::Fixed),
    ("sequentially-by-agent-order", Peer::Fixed),
];

#[derive(Clone, Copy)]
enum Peer {
    Is(&'static str),
    /// Nothing is left to chance here; this spreads the calls as evenly.
    Like(&'static str),
    /// Several phones ring, whoever is chosen first.
    Several,
    /// A fixed order of operators.
    Fixed,
}

/// Reads a way of choosing, or says what is meant.
pub fn read(written: &str) -> Result<Choose, String> {
    if let Some((_, choose)) = OURS.iter().find(|(name, _)| *name == written) {
        return Ok(*choose);
    }
    let peer = PEERS.iter().find(|(name, _)| written.eq_ignore_ascii_case(name)).map(|(_, peer)| *peer);
    let meant = match peer {
        Some(Peer::Is(ours)) => format!("here it is called \"{ours}\""),
        Some(Peer::Like(ours)) => {
            format!("nothing is left to chance here; \"{ours}\" spreads the calls as evenly")
        }
        Some(Peer::Several) => {
            format!("`ring_at_once`, 1 to {MAX_RING_AT_ONCE}, says how many phones ring for one call")
        }
        Some(Peer::Fixed) => "a fixed order is written as [[queue.prefer]], with weights".into(),
        None => {
            let names = OURS.iter().map(|(name, _)| *name);
            let hint = reader::did_you_mean(written, names.clone());
            return Err(format!("found {written:?}{hint} (known: {})", names.collect::<Vec<_>>().join(", ")));
        }
    };
    Err(format!("found {written:?}; {meant}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_are_read_and_others_are_recognised() {
        for (name, choose) in OURS {
            assert_eq!(read(name), Ok(choose));
        }
        let table = [
            ("leastrecent", "here it is called \"longest-idle\""),
            ("rrmemory", "here it is called \"round-robin\""),
            ("longest-idle-agent", "here it is called \"longest-idle\""),
            ("fewestcalls", "here it is called \"fewest-calls\""),
            ("wrandom", "here it is called \"weighted\""),
            ("random", "\"round-robin\" spreads the calls"),
            ("ringall", "`ring_at_once`, 1 to 8"),
            ("top-down", "[[queue.prefer]]"),
            ("longest_idle", "did you mean `longest-idle`?"),
            ("astrology", "(known: longest-idle, least-occupied"),
        ];
        for (name, told) in table {
            let what = read(name).unwrap_err();
            assert!(what.contains(told), "{name}: {what}");
        }
        // A peer's word for which we have a word of our own leads to one that is read.
        for (name, peer) in PEERS {
            if let Peer::Is(ours) | Peer::Like(ours) = peer {
                assert!(read(ours).is_ok() && read(name).is_err(), "{name}");
            }
        }
    }
}
