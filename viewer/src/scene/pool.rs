//! Symbols as records of 64 bytes, which the graphics card moves by itself: only what changed is sent to it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use firmware_schemas::quantity::Timestamp;

use super::mark::{Fill, Shape};
use super::motion::Leg;
use crate::palette::Rgba;

/// Bytes of one record.
pub const RECORD_BYTES: usize = 64;

/// One symbol with its way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Symbol {
    /// Where it is, and when.
    pub leg: Leg,
    /// From there, in pixels, `y` up.
    pub offset_px: [f64; 2],
    /// Its outline.
    pub shape: Shape,
    /// Its size up close.
    pub radius_px: f64,
    /// Its size on the whole map, as a percentage of that: at most 127.
    pub world_percent: u8,
    /// Clockwise from north, in radians.
    pub turn_rad: f64,
    /// Its filling.
    pub fill: Fill,
    /// Its colour.
    pub colour: Rgba,
}

/// Records, the free ones among them, and those that changed.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    bytes: Vec<u8>,
    free: BinaryHeap<Reverse<u32>>,
    changed: Vec<u32>,
    /// Times are told from here, in milliseconds that wrap after 49 days.
    base: i64,
}

impl Pool {
    /// Without records; times are told from `base`.
    pub fn new(base: Timestamp) -> Self {
        Self { base: base.as_millis(), ..Self::default() }
    }

    /// A record of one's own, empty at first.
    pub fn claim(&mut self) -> u32 {
        if let Some(Reverse(slot)) = self.free.pop() {
            return slot;
        }
        let slot = self.len() as u32; // 2³² records are 256 GiB
        self.bytes.resize(self.bytes.len() + RECORD_BYTES, 0);
        self.changed.push(slot);
        slot
    }

    /// Gives a record back: it is not drawn any more.
    pub fn release(&mut self, slot: u32) {
        self.blank(slot);
        self.free.push(Reverse(slot));
    }

    /// Empties a record, which stays claimed.
    pub fn blank(&mut self, slot: u32) {
        let start = slot as usize * RECORD_BYTES;
        self.bytes[start..start + RECORD_BYTES].fill(0);
        self.changed.push(slot);
    }

    /// Writes a record.
    pub fn put(&mut self, slot: u32, symbol: &Symbol) {
        let start = slot as usize * RECORD_BYTES;
        let record = record(symbol, self.base);
        for (at, word) in record.into_iter().enumerate() {
            self.bytes[start + 4 * at..start + 4 * at + 4].copy_from_slice(&word.to_le_bytes());
        }
        self.changed.push(slot);
    }

    /// How many records there are, free ones included.
    pub fn len(&self) -> usize {
        self.bytes.len() / RECORD_BYTES
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// All records.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// `now` as the records tell time.
    pub fn time(&self, now: Timestamp) -> u32 {
        wrapped(now.as_millis() - self.base)
    }

    /// Spans of records that changed since the last call, few rather than tight.
    pub fn take_changed(&mut self) -> Vec<Range<usize>> {
        /// So many records are sent again rather than beginning another span.
        const GAP: usize = 8;
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable();
        let mut spans: Vec<Range<usize>> = Vec::new();
        for slot in changed {
            let slot = slot as usize;
            match spans.last_mut() {
                Some(span) if slot <= span.end + GAP => span.end = span.end.max(slot + 1),
                _ => spans.push(slot..slot + 1),
            }
        }
        spans
    }
}

/// Milliseconds as the card counts them.
fn wrapped(millis: i64) -> u32 {
    millis as u32 // wraps on purpose
}

/// What fills so many bits of the style word.
fn style(symbol: &Symbol) -> u32 {
    let shape = symbol.shape as u32;
    let fill = symbol.fill as u32;
    shape | fill << 4 | u32::from(symbol.world_percent.min(127)) << 8 | 1 << 15
}

fn record(symbol: &Symbol, base: i64) -> [u32; RECORD_BYTES / 4] {
    let leg = &symbol.leg;
    let from = super::ChartPoint { x: leg.from.lon(), y: leg.from.y };
    let halves = |number: f64| {
        let high = number as f32;
        (high.to_bits(), ((number - f64::from(high)) as f32).to_bits())
    };
    let ((x, x_low), (y, y_low)) = (halves(from.x), halves(from.y));
    let to_f32 = |number: f64| (number as f32).to_bits();
    // A leg longer than 24 days would wrap; such a one stands still within a pixel.
    let span_millis = (leg.end.as_millis() - leg.start.as_millis()).clamp(0, i64::from(i32::MAX));
    let rate = if span_millis > 0 { 1.0 / span_millis as f64 } else { 0.0 };
    [
        x,
        y,
        x_low,
        y_low,
        to_f32(leg.to.x - leg.from.x),
        to_f32(leg.to.y - leg.from.y),
        wrapped(leg.start.as_millis() - base),
        to_f32(rate),
        u32::from_le_bytes(symbol.colour.0),
        style(symbol),
        to_f32(symbol.radius_px),
        to_f32(symbol.turn_rad),
        to_f32(symbol.offset_px[0]),
        to_f32(symbol.offset_px[1]),
        0,
        0,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::palette::OK;
    use crate::scene::ChartPoint;
    use proptest::prelude::*;

    fn symbol() -> Symbol {
        Symbol {
            leg: Leg::standing(ChartPoint { x: 200.0, y: 50.0 }, Timestamp::EPOCH),
            offset_px: [0.0, 0.0],
            shape: Shape::Hull,
            radius_px: 8.0,
            world_percent: 85,
            turn_rad: 0.5,
            fill: Fill::Solid,
            colour: OK,
        }
    }

    #[test]
    fn a_record_that_was_given_back_is_used_again() {
        let mut pool = Pool::new(Timestamp::EPOCH);
        let slots = [pool.claim(), pool.claim(), pool.claim()];
        pool.put(slots[1], &symbol());
        pool.release(slots[1]);
        assert!(pool.bytes()[RECORD_BYTES..2 * RECORD_BYTES].iter().all(|byte| *byte == 0));
        assert_eq!(pool.claim(), slots[1]);
        assert_eq!(pool.len(), 3);
    }

    #[test]
    fn a_place_beyond_the_antimeridian_is_written_within_the_world() {
        let mut pool = Pool::new(Timestamp::EPOCH);
        let slot = pool.claim();
        pool.put(slot, &symbol());
        let x = f32::from_le_bytes([pool.bytes()[0], pool.bytes()[1], pool.bytes()[2], pool.bytes()[3]]);
        assert_eq!(x, -160.0);
    }

    proptest! {
        #[test]
        fn every_change_is_told_once(slots in prop::collection::vec(0u32..500, 0..200)) {
            let mut pool = Pool::new(Timestamp::EPOCH);
            for _ in 0..500 {
                pool.claim();
            }
            pool.take_changed();
            for slot in &slots {
                pool.put(*slot, &symbol());
            }
            let spans = pool.take_changed();
            prop_assert!(slots.iter().all(|slot| spans.iter().any(|span| span.contains(&(*slot as usize)))));
            prop_assert!(spans.windows(2).all(|pair| pair[0].end < pair[1].start));
            prop_assert!(pool.take_changed().is_empty());
        }
    }
}
