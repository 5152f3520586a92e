//! One input made of others: bytes changed, left out, said twice, words of the language put in, numbers at their ends.

use rand::Rng;
use rand::rngs::StdRng;

use super::LONGEST;

const BYTES: &[u8] = b"\0\t\n\r \"%()*+,-./0:;<=>?@[\\]{}~\x7f\x80\xff";
const NUMBERS: [&str; 10] =
    ["0", "-1", "+1", "255", "256", "65535", "65536", "2147483648", "4294967296", "99999999999999999999999"];
/// Changes to one input.
const CHANGES: usize = 6;

pub(super) fn change(rng: &mut StdRng, pool: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
    let mut bytes = pool[rng.random_range(0..pool.len())].clone();
    for _ in 0..rng.random_range(1..=CHANGES) {
        let at = rng.random_range(0..=bytes.len());
        let end = rng.random_range(at..=bytes.len().min(at + 40));
        match rng.random_range(0..11) {
            0 => bytes.get_mut(at).into_iter().for_each(|byte| *byte = rng.random()),
            1 => bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << rng.random_range(0..8)),
            2 => drop(bytes.drain(at..end)),
            3 => bytes.insert(at, BYTES[rng.random_range(0..BYTES.len())]),
            4 => {
                let piece = bytes[at..end].to_vec();
                let times = [1, 1, 2, 50, 1000][rng.random_range(0..5)];
                drop(bytes.splice(at..at, piece.repeat(times)));
            }
            5 if !words.is_empty() => {
                let word = words[rng.random_range(0..words.len())];
                drop(bytes.splice(at..end.min(at + rng.random_range(0..=word.len())), word.bytes()));
            }
            6 => drop(bytes.splice(at..end, NUMBERS[rng.random_range(0..NUMBERS.len())].bytes())),
            7 => bytes.truncate(at),
            8 => {
                let other = &pool[rng.random_range(0..pool.len())];
                let from = rng.random_range(0..=other.len());
                drop(bytes.splice(at.., other[from..].iter().copied()));
            }
            9 => number(rng, &mut bytes, at),
            _ => line(rng, &mut bytes, at),
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

/// A number of one, two or four bytes at its ends.
fn number(rng: &mut StdRng, bytes: &mut [u8], at: usize) {
    let width = [1, 2, 4][rng.random_range(0..3)];
    let value: u32 = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, u32::MAX][rng.random_range(0..8)];
    if let Some(place) = bytes.get_mut(at..at + width) {
        place.copy_from_slice(&value.to_be_bytes()[4 - width..]);
    }
}

/// A line is said once more, elsewhere.
fn line(rng: &mut StdRng, bytes: &mut Vec<u8>, at: usize) {
    let start = bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |found| found + 1);
    let end = bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |found| at + found + 1);
    let text = bytes[start..end].to_vec();
    let ends: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == b'\n').collect();
    let to = if ends.is_empty() { start } else { ends[rng.random_range(0..ends.len())] + 1 };
    drop(bytes.splice(to..to, text));
}
