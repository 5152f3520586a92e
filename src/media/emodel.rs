//! What people make of sound: the E-model with its default values but for codec, loss and delay. ITU-T G.107 (2015) for
//! the telephone's band, G.107.1 (2019) for the wider one. Pure.
//!
//! Each has a scale of its own: what is best is 4.41 on the one and 4.5 on the other, where G.711 would be no more than
//! 3.7. A figure says nothing without its scale.

use super::words::{Codec, Scale};

/// How a codec takes away from what is best.
struct Impairment {
    /// Ie: without loss.
    ie: f64,
    /// Bpl: how well it bears loss of single packets.
    bpl: f64,
}

/// G.113 appendix I: Ie, and Bpl with the loss concealment of G.711 appendix I, which phones have, and so do our mixes and
/// what is encoded here (without any it is 4.3).
const G711: Impairment = Impairment { ie: 0.0, bpl: 25.1 };
/// G.113 appendix IV: Ie,wb at 64 kbit/s. It has no Bpl,wb of G.722; this is that of G.722.2 at 12.65 kbit/s, which has
/// the same Ie,wb.
const G722: Impairment = Impairment { ie: 13.0, bpl: 4.3 };
/// G.113 has no Opus. It is taken for G.722, which is less than it is: of a wider band at the bit rates of browsers, and
/// with redundancy against loss.
const OPUS: Impairment = G722;

/// R at its best: G.107 §7.7, and G.107.1 §7.7.
const BEST: f64 = 93.2;
const BEST_WIDE: f64 = 129.0;

impl Codec {
    /// By which its sound is judged.
    pub fn scale(self) -> Scale {
        if self.is_wide() { Scale::Wideband } else { Scale::Narrowband }
    }

    fn impairment(self) -> Impairment {
        match self {
            Codec::Pcma | Codec::Pcmu => G711,
            Codec::G722 => G722,
            Codec::Opus => OPUS,
        }
    }
}

/// The mean opinion score on the codec's scale. `loss`: a share of packets, 0.0–1.0, taken for one of single packets;
/// `delay_ms`: one way, and of it Idd alone, as phones cancel echoes.
pub fn mos(codec: Codec, loss: f64, delay_ms: f64) -> f64 {
    let Impairment { ie, bpl } = codec.impairment();
    let percent = loss * 100.0;
    let impaired = too_late(delay_ms) + ie + (95.0 - ie) * percent / (percent + bpl);
    match codec.scale() {
        Scale::Narrowband => opinion(BEST - impaired),
        // G.107.1 annex A.
        Scale::Wideband => opinion((BEST_WIDE - impaired) / 1.29),
    }
}

/// Idd of a delay one way, G.107 §7.4 and G.107.1 §7.4: nothing up to 100 ms.
fn too_late(delay_ms: f64) -> f64 {
    if delay_ms <= 100.0 {
        return 0.0;
    }
    let x = (delay_ms / 100.0).log2();
    let part = |x: f64| (1.0 + x.powi(6)).powf(1.0 / 6.0);
    25.0 * (part(x) - 3.0 * part(x / 3.0) + 2.0)
}

/// G.107 annex B.
fn opinion(r: f64) -> f64 {
    if r <= 0.0 { 1.0 } else { (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).max(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_codec_is_judged_by_its_own_figures() {
        use Codec::{G722, Opus, Pcma, Pcmu};
        let table = [
            // Ie,eff of 1, 5 and 20 % is 3.6, 15.8 and 42.1; Idd of 520 ms is 31.7.
            (Pcma, 0.0, 0.0, 4.41),
            (Pcmu, 0.0, 0.0, 4.41),
            (Pcma, 0.01, 0.0, 4.33),
            (Pcma, 0.05, 0.0, 3.92),
            (Pcma, 0.20, 0.0, 2.63),
            (Pcma, 0.0, 70.0, 4.41),
            (Pcma, 0.0, 520.0, 3.18),
            // Ie,eff is 13, and 28.5 and 57.1 at 1 and 5 %: R is 116, 100.5 and 71.9, with Idd 84.3.
            (G722, 0.0, 0.0, 4.34),
            (G722, 0.01, 0.0, 3.94),
            (G722, 0.05, 0.0, 2.88),
            (G722, 0.0, 520.0, 3.37),
            (Opus, 0.0, 0.0, 4.34),
            (Opus, 0.20, 0.0, 1.95),
        ];
        for (codec, loss, delay_ms, expected) in table {
            let found = mos(codec, loss, delay_ms);
            assert!((found - expected).abs() < 0.006, "{codec:?} {loss} {delay_ms}: {found}");
        }
    }
}
