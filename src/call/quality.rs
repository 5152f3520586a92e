//! What is told of the sound of a call's legs.

use tracing::warn;

use super::caller::{Call, Sound};
use super::calls::House;
use crate::ids::LegId;
use crate::media::{self, OneWay};
use crate::records::{FarEnd, Missing, OneWayRecord, Quality, Scale, Side};

/// Entries in a record; later ones are not told.
const MOST_ENTRIES: usize = 16;

impl Call {
    /// The caller's leg is closed.
    pub fn figures(&mut self, quality: Option<media::Quality>) {
        self.sound = Sound::None;
        // Of sound that went another way nothing is known.
        self.record.quality = quality.filter(|_| self.record.direct.is_empty()).map(recorded);
    }

    /// The same of an operator's leg; one that never sent anything, as its phone only rang, has none.
    pub fn seat_figures(&mut self, quality: Option<media::Quality>) {
        self.record.operator_quality = quality.map(recorded).or(self.record.operator_quality);
    }

    pub fn one_way(&mut self, house: &House, leg: LegId, what: OneWay) {
        let is_seat = self.seats.iter().any(|seat| seat.leg == leg);
        let side = if leg == self.caller {
            Side::Caller
        } else if is_seat {
            Side::Operator
        } else {
            Side::Other
        };
        let what = match what {
            OneWay::NothingComes => Missing::NothingComes,
            OneWay::NothingArrives => Missing::NothingArrives,
        };
        let seat = self.record.seat.as_ref().map(|seat| seat.as_str());
        warn!(%side, %what, seat, "sound goes one way only");
        if self.record.one_way.len() < MOST_ENTRIES {
            self.record.one_way.push(OneWayRecord { side, what, at: house.now });
        }
    }
}

fn recorded(quality: media::Quality) -> Quality {
    let media::Quality { mos, scale, loss, jitter_ms, far } = quality;
    let scale = match scale {
        media::Scale::Narrowband => Scale::Narrowband,
        media::Scale::Wideband => Scale::Wideband,
    };
    let far = far.map(|media::FarEnd { loss, jitter_ms, round_trip_ms }| FarEnd { loss, jitter_ms, round_trip_ms });
    Quality { mos, scale, loss, jitter_ms, far }
}
