//! What panels worked out, kept while what it was made from is the same: a frame in which nothing was heard works
//! nothing out.

use firmware_schemas::fact::{AlertId, Severity};
use firmware_schemas::id::{DeviceId, VehicleId};
use firmware_schemas::quantity::Timestamp;

use super::bars::LegendRow;
use crate::chart::Chart;
use crate::scene::facts::{Facts, StockLine};
use crate::scene::inspect::Found;
use crate::scene::mark::ItemId;
use crate::scene::overlay::Heat;

/// A value and what it was made from.
#[derive(Debug)]
pub(super) struct Kept<K, V>(Option<(K, V)>);

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<K: PartialEq, V> Kept<K, V> {
    /// The value, made anew if `key` is another.
    pub(super) fn get(&mut self, key: K, make: impl FnOnce() -> V) -> &V {
        if self.0.as_ref().is_some_and(|(kept, _)| *kept != key) {
            self.0 = None;
        }
        let (_, value) = self.0.get_or_insert_with(|| (key, make()));
        value
    }

    /// The value as it is.
    pub(super) fn peek(&self) -> Option<&V> {
        self.0.as_ref().map(|(_, value)| value)
    }
}

/// What changes all the time is read again four times a second: people read no faster.
const SLOW_MILLIS: u128 = 250;

/// When something that changes all the time was made: which quarter of a second, and after which act of the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slow {
    tick: u128,
    acted: u64,
    generation: u64,
    snapshots: u64,
}

impl Slow {
    /// Now. A `phase` of its own spreads the work of several over the frames.
    pub(super) fn of(chart: &Chart, phase: u128) -> Self {
        Self {
            tick: (chart.elapsed.as_millis() + phase * 40) / SLOW_MILLIS,
            acted: chart.acted,
            generation: chart.generation,
            snapshots: chart.shown().epochs.snapshots,
        }
    }
}

/// What the title bar counts.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) texts: Vec<String>,
    pub(super) alerts: Vec<(Severity, usize)>,
}

/// What the legend was made from: epochs of snapshots, sites and lanes, and what is drawn.
pub(super) type LegendKey = ([u64; 4], Heat, Vec<firmware_schemas::view::Freshness>);

/// What the alerts of the time line were gathered from: epochs, the ends of the line and its width in pixels.
pub(super) type RaisedKey = ([u64; 3], Timestamp, Timestamp, u32);

/// Everything that is kept from frame to frame.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(super) counts: Kept<Slow, Counts>,
    pub(super) legend: Kept<LegendKey, Vec<LegendRow>>,
    pub(super) alerts: Kept<[u64; 3], Vec<AlertId>>,
    pub(super) found: Kept<(String, Slow), Vec<Found>>,
    pub(super) facts: Kept<(ItemId, Slow), Option<Facts>>,
    pub(super) tip: Kept<(ItemId, Slow), Option<String>>,
    pub(super) trackers: Kept<(VehicleId, Slow), Vec<DeviceId>>,
    pub(super) stock: Kept<(ItemId, Slow), Vec<(ItemId, StockLine)>>,
    pub(super) raised: Kept<RaisedKey, Vec<(f32, Severity)>>,
}
