//! What the twin knows, in persistent columns: a clone shares everything and costs nothing, a write
//! copies only the small block that it touches.
//!
//! Everything that grows with the stream has a bound, stated at its field.

use crate::demand_book::DemandBooks;
use crate::expected::Learnt;
use crate::order::Orders;
use crate::replan::{ClosedLane, ReplanRecord};
use crate::route::RouteState;
use crate::structure::Structure;
use crate::supply::Supply;
use compact_str::CompactString;
use firmware_schemas::command::CommandFrame;
use firmware_schemas::fact::{AlertId, AlertSubject, QuarantineId, RefusedBy, SeriesId, Severity};
use firmware_schemas::gs1::{Gln, Gtin};
use firmware_schemas::id::{CommandId, DeviceId, LaneId, MetricName, OrderId, ShipmentId, SiteId, SkuId, VehicleId};
use firmware_schemas::network::{
    DeviceKind, LaneSpec, MetricKind, NetworkSpec, SitePlanSpec, SiteSpec, SkuSpec, VehicleSpec,
};
use firmware_schemas::quantity::{Pieces, Position, Seconds, Timestamp};
use firmware_schemas::route::ReplanCause;
use firmware_schemas::telemetry::{AckFrame, BirthFrame, GoodsLine, Quality, StatusFrame, Value};
use imbl::{OrdMap, OrdSet, Vector};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// As an index into its column.
            pub fn at(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index! {
    /// A site's place in [`Twin::sites`].
    SiteIdx
}
index! {
    /// A lane's place in [`Twin::lanes`].
    LaneIdx
}
index! {
    /// A SKU's place in [`Twin::skus`].
    SkuIdx
}
index! {
    /// A stock position's place in [`Twin::stock`].
    StockIdx
}
index! {
    /// A vehicle's place in [`Twin::vehicles`].
    VehicleIdx
}

/// Arrived shipments that are kept; the oldest arrival is forgotten first.
pub const ARRIVED_SHIPMENTS_MAX: usize = 10_000;
/// Cleared alerts that are kept; the oldest is forgotten first.
pub const CLEARED_ALERTS_MAX: usize = 10_000;
/// Payloads in quarantine that are listed; the oldest is forgotten first (the journal still has it).
pub const QUARANTINE_MAX: usize = 100_000;
/// Commands that are kept; the oldest answered one is forgotten first.
pub const COMMANDS_MAX: usize = 10_000;

/// A site with the running sums of its stock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SiteState {
    /// What the network says.
    pub spec: SiteSpec,
    /// How many SKUs it keeps.
    pub positions: u32,
    /// Pieces on hand.
    pub on_hand: Pieces,
    /// Pieces on their way here.
    pub in_transit: Pieces,
    /// SKUs at or under their reorder point.
    pub below_reorder_point: u32,
    /// SKUs with nothing on hand.
    pub out_of_stock: u32,
    /// Open alerts at this site.
    pub open_alerts: u32,
}

/// The length of the window that the rate of issue is measured over.
pub const ISSUE_WINDOW_DAYS: i64 = 28;

/// How much went out lately: this window and the one before, whole windows since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Issued {
    /// Day of the first issue ever, since the epoch; meaningless while nothing was issued.
    first_day: i32,
    window: i32,
    in_window: i64,
    in_window_before: i64,
}

pub(crate) const SECS_PER_DAY: i64 = 86_400;

impl Issued {
    /// Counts `pieces` issued at `at`. What is older than the window before is not counted.
    pub fn count(&mut self, pieces: i64, at: Timestamp) {
        let day = at.as_secs().div_euclid(SECS_PER_DAY);
        let window = i32::try_from(day.div_euclid(ISSUE_WINDOW_DAYS)).unwrap_or(i32::MAX);
        if *self == Self::default() {
            self.first_day = i32::try_from(day).unwrap_or(i32::MAX);
            self.window = window;
        }
        self.first_day = self.first_day.min(i32::try_from(day).unwrap_or(i32::MAX));
        match window - self.window {
            0 => self.in_window = self.in_window.saturating_add(pieces),
            -1 => self.in_window_before = self.in_window_before.saturating_add(pieces),
            1 => {
                self.in_window_before = self.in_window;
                self.in_window = pieces;
                self.window = window;
            }
            ahead if ahead > 1 => {
                self.in_window_before = 0;
                self.in_window = pieces;
                self.window = window;
            }
            _ => {}
        }
    }

    /// Pieces a day, as a sliding window of [`ISSUE_WINDOW_DAYS`] ending at `now` sees them (the window
    /// before counts by the share that still overlaps), over no more days than since the first issue.
    pub fn per_day(&self, now: Timestamp) -> f64 {
        let days = now.as_secs() as f64 / SECS_PER_DAY as f64;
        let into_window = days - f64::from(self.window) * ISSUE_WINDOW_DAYS as f64;
        let window_days = ISSUE_WINDOW_DAYS as f64;
        let (this, before) = match into_window {
            x if x < window_days => (self.in_window, self.in_window_before as f64 * (1.0 - x.max(0.0) / window_days)),
            x if x < 2.0 * window_days => (0, self.in_window as f64 * (2.0 - x / window_days)),
            _ => return 0.0,
        };
        let observed_days = (days - f64::from(self.first_day)).clamp(1.0, window_days);
        ((this as f64 + before) / observed_days).max(0.0)
    }
}

/// The stock of one SKU at one site. Only `Twin::change_stock` writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockState {
    /// Where.
    pub site: SiteIdx,
    /// What.
    pub sku: SkuIdx,
    /// On the shelf; negative where the books say that more went out than was there.
    pub on_hand: i64,
    /// Promised, of what is on hand.
    pub reserved: i64,
    /// On its way here.
    pub in_transit: i64,
    /// Ordered, and not yet on its way.
    pub on_order: i64,
    /// Order when the position falls to this.
    pub reorder_point: Option<i64>,
    /// Order up to this.
    pub order_up_to: Option<i64>,
    /// The site that replenishes it.
    pub source: Option<SiteIdx>,
    /// What went out lately.
    pub issued: Issued,
    /// Event time of the last change.
    pub changed_at: Option<Timestamp>,
}

impl StockState {
    /// A position with nothing in it.
    pub fn empty(site: SiteIdx, sku: SkuIdx) -> Self {
        Self {
            site,
            sku,
            on_hand: 0,
            reserved: 0,
            in_transit: 0,
            on_order: 0,
            reorder_point: None,
            order_up_to: None,
            source: None,
            issued: Issued::default(),
            changed_at: None,
        }
    }

    /// The inventory position: what is on hand and coming, less what is promised.
    pub fn position(&self) -> i64 {
        self.on_hand.saturating_sub(self.reserved).saturating_add(self.in_transit).saturating_add(self.on_order)
    }

    /// True when the position is at or under the reorder point.
    pub fn is_below_reorder_point(&self) -> bool {
        self.reorder_point.is_some_and(|point| self.position() <= point)
    }
}

/// Which frames of a device were seen, so that the same again is known.
///
/// All up to `contiguous` were seen, except that at or under `floor` we cannot tell (frames were missing
/// when the window moved on); above it, `ahead` has a bit for each of the next 256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenFrames {
    /// Which start of the device.
    pub boot: u64,
    floor: Option<u64>,
    contiguous: Option<u64>,
    ahead: [u64; 4],
}

/// Whether a frame was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// No.
    New,
    /// Yes: it is a duplicate.
    Already,
    /// It is older than what we can remember.
    CannotTell,
}

impl SeenFrames {
    const WINDOW: u64 = 256;

    /// Nothing seen of this boot.
    pub fn new(boot: u64) -> Self {
        Self { boot, floor: None, contiguous: None, ahead: [0; 4] }
    }

    /// Whether frame `seq` was seen.
    pub fn check(&self, seq: u64) -> Seen {
        let next = self.contiguous.map_or(0, |last| last + 1);
        if seq < next {
            return if self.floor.is_some_and(|floor| seq <= floor) { Seen::CannotTell } else { Seen::Already };
        }
        let ahead = seq - next;
        let marked = ahead < Self::WINDOW && self.ahead[(ahead / 64) as usize] >> (ahead % 64) & 1 == 1;
        if marked { Seen::Already } else { Seen::New }
    }

    /// Remembers frame `seq`. The window moves on when `seq` is beyond it; frames that fall out of it can no
    /// longer be told from duplicates.
    pub fn mark(&mut self, seq: u64) {
        let mut next = self.contiguous.map_or(0, |last| last + 1);
        if seq < next || seq == u64::MAX {
            return;
        }
        if seq - next >= Self::WINDOW {
            // The window moves so far that `seq` is its last; what falls out can no longer be told.
            let by = seq - next - (Self::WINDOW - 1);
            self.move_on(by);
            next += by;
            self.floor = self.contiguous;
        }
        let ahead = seq - next;
        self.ahead[(ahead / 64) as usize] |= 1 << (ahead % 64);
        while self.ahead[0] & 1 == 1 {
            self.move_on(1);
        }
    }

    /// Moves the window by so many frames, at least one.
    fn move_on(&mut self, by: u64) {
        self.contiguous = Some(self.contiguous.map_or(by - 1, |last| last + by));
        let (words, bits) = (usize::try_from(by / 64).unwrap_or(usize::MAX), by % 64);
        for word in 0..4_usize {
            let at = |place: Option<usize>| place.and_then(|place| self.ahead.get(place)).copied().unwrap_or(0);
            let (low, high) =
                (at(word.checked_add(words)), at(word.checked_add(words).and_then(|at| at.checked_add(1))));
            self.ahead[word] = if bits == 0 { low } else { low >> bits | high << (64 - bits) };
        }
    }
}

/// A device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviceState {
    /// Its id.
    pub device: DeviceId,
    /// The site that it reports under.
    pub site: SiteIdx,
    /// What kind.
    pub kind: DeviceKind,
    /// The vehicle that it is on.
    pub vehicle: Option<VehicleIdx>,
    /// How often it means to report.
    pub interval_secs: Seconds,
    /// Online by its own word.
    pub online: Option<bool>,
    /// When it was last heard, by our clock.
    pub heard_at: Option<Timestamp>,
    /// The newest boot that we heard of, and the newest but one.
    pub seen: [Option<SeenFrames>; 2],
    /// Its metrics, in the order in which they were introduced; at most `METRICS_MAX`.
    pub series: Arc<Vec<SeriesId>>,
    /// How it last described itself.
    pub birth: Option<Arc<BirthFrame>>,
    /// What it, or its last will, last said of being online.
    pub status: Option<Arc<StatusFrame>>,
    /// The settings in force that it reported.
    pub settings: Arc<Vec<(MetricName, Value)>>,
}

impl DeviceState {
    /// True when this birth is of an earlier start than the one that we know: it comes late, and is over.
    pub fn has_newer_birth(&self, birth: &BirthFrame) -> bool {
        let newest = self.birth.as_ref().and_then(|birth| birth.boot);
        birth.boot.zip(newest).is_some_and(|(said, newest)| said < newest)
    }

    /// Whether this frame was seen before.
    pub fn check_seen(&self, boot: u64, seq: u64) -> Seen {
        let [newest, older] = &self.seen;
        match (newest, older) {
            (Some(frames), _) if frames.boot == boot => frames.check(seq),
            (_, Some(frames)) if frames.boot == boot => frames.check(seq),
            // A boot between the two was never entered, so none of its frames was seen.
            (_, Some(frames)) if boot < frames.boot => Seen::CannotTell,
            _ => Seen::New,
        }
    }

    /// Remembers this frame.
    pub fn mark_seen(&mut self, boot: u64, seq: u64) {
        if let Some(frames) = self.seen.iter_mut().flatten().find(|frames| frames.boot == boot) {
            frames.mark(seq);
            return;
        }
        // A boot is entered once, so none of its frames was seen: those below `seq` may still come, since
        // networks reorder. Where they are more than the window holds, `mark` knows that it cannot tell.
        let mut frames = SeenFrames::new(boot);
        frames.mark(seq);
        let [newest, older] = self.seen;
        if newest.is_none_or(|newest| newest.boot < boot) {
            self.seen = [Some(frames), newest];
        } else if older.is_none_or(|older| older.boot < boot) {
            self.seen = [newest, Some(frames)]; // held up longer than the device took to start again
        }
    }
}

/// The newest reading of a series by event time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastReading {
    /// When, by the device's clock.
    pub at: Timestamp,
    /// What.
    pub value: Value,
    /// How far it can be trusted.
    pub quality: Quality,
    /// When we heard it.
    pub received_at: Timestamp,
}

/// One metric of one device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeriesState {
    /// Whose: its place in [`Twin::devices`].
    pub device: u32,
    /// Which metric.
    pub metric: MetricName,
    /// Its kind of values.
    pub kind: MetricKind,
    /// UCUM code; empty when unknown.
    pub unit: CompactString,
    /// A value below is out of range.
    pub min: Option<f64>,
    /// A value above is out of range.
    pub max: Option<f64>,
    /// The newest reading.
    pub last: Option<LastReading>,
    /// Event time of the first of the newest unbroken run of readings out of range.
    pub out_since: Option<Timestamp>,
    /// True while an alert about it is open.
    pub alerting: bool,
}

impl SeriesState {
    /// True for a number outside the limits.
    pub fn is_out_of_range(&self, value: &Value) -> bool {
        value.as_f64().is_some_and(|x| self.min.is_some_and(|min| x < min) || self.max.is_some_and(|max| x > max))
    }
}

/// A vehicle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VehicleState {
    /// What the network says.
    pub spec: VehicleSpec,
    /// The newest fix by event time.
    pub fix: Option<VehicleFix>,
    /// The shipments on board.
    pub shipments: Arc<Vec<ShipmentId>>,
}

/// Where a vehicle was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VehicleFix {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub position: Position,
    /// Speed over ground, in millimetres per second.
    pub speed_mm_per_s: Option<u32>,
    /// Direction of travel, in hundredths of a degree clockwise from north.
    pub heading_cdeg: Option<u16>,
    /// The lane that it follows.
    pub lane: Option<LaneId>,
    /// The site where it stands.
    pub site: Option<SiteId>,
    /// When we heard it.
    pub received_at: Timestamp,
    /// The device that said so.
    pub device: u32,
}

/// Goods on their way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShipmentState {
    /// Where it left.
    pub from: SiteIdx,
    /// Where it goes.
    pub to: SiteIdx,
    /// Along which lane.
    pub lane: Option<LaneId>,
    /// In which vehicle.
    pub vehicle: Option<VehicleId>,
    /// The order that it fills.
    pub order: Option<OrderId>,
    /// When it left.
    pub dispatched_at: Timestamp,
    /// When it should arrive.
    pub due_at: Option<Timestamp>,
    /// When it arrived.
    pub arrived_at: Option<Timestamp>,
    /// What is in it.
    pub lines: Arc<Vec<GoodsLine>>,
}

/// An alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertRecord {
    /// About what.
    pub subject: AlertSubject,
    /// How urgent.
    pub severity: Severity,
    /// A sentence for people.
    pub message: Arc<str>,
    /// When it was raised.
    pub raised_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Who acknowledged it, and what they said.
    pub acknowledged: Option<(Arc<str>, Option<Arc<str>>)>,
    /// When it was over.
    pub cleared_at: Option<Timestamp>,
}

/// A payload in quarantine; its bytes are in the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuarantineRecord {
    /// When it was heard.
    pub received_at: Timestamp,
    /// Its topic.
    pub topic: Arc<str>,
    /// Its length in bytes.
    pub payload_len: u64,
    /// By what it was refused.
    pub refused_by: RefusedBy,
    /// Why.
    pub reason: Arc<str>,
}

/// A command and how far it got.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommandRecord {
    /// To which device, by its place in [`Twin::devices`].
    pub device: u32,
    /// The command.
    pub frame: CommandFrame,
    /// When the broker had it.
    pub delivered_at: Option<Timestamp>,
    /// What the device answered last.
    pub answer: Option<AckFrame>,
}

/// All of it. Cloning is O(1).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Twin {
    /// The journal's number of the last fact applied.
    pub revision: u64,
    /// The head of the network.
    pub head: Option<Arc<NetworkSpec>>,
    /// Sites, in the order in which they were defined.
    pub sites: Vector<SiteState>,
    /// Site by id.
    pub site_by_id: OrdMap<SiteId, SiteIdx>,
    /// Lanes, in the order in which they were defined.
    pub lanes: Vector<LaneSpec>,
    /// Lane by id.
    pub lane_by_id: OrdMap<LaneId, LaneIdx>,
    /// SKUs, in the order in which they were defined.
    pub skus: Vector<SkuSpec>,
    /// SKU by id.
    pub sku_by_id: OrdMap<SkuId, SkuIdx>,
    /// Stock positions, in the order in which they came to be.
    pub stock: Vector<StockState>,
    /// Stock position by site and SKU.
    pub stock_by_key: OrdMap<(SiteIdx, SkuIdx), StockIdx>,
    /// What is reserved for which order.
    pub reservations: OrdMap<(OrderId, StockIdx), i64>,
    /// Vehicles, in the order in which they were defined.
    pub vehicles: Vector<VehicleState>,
    /// Vehicle by id.
    pub vehicle_by_id: OrdMap<VehicleId, VehicleIdx>,
    /// Devices, in the order in which they were introduced.
    pub devices: Vector<DeviceState>,
    /// Device by id.
    pub device_by_id: OrdMap<DeviceId, u32>,
    /// Series, in the order in which they were introduced.
    pub series: Vector<SeriesState>,
    /// Shipments; those that arrived at most [`ARRIVED_SHIPMENTS_MAX`].
    pub shipments: OrdMap<ShipmentId, ShipmentState>,
    /// Arrived shipments in the order of their arrival in the journal.
    pub arrived: OrdMap<u64, ShipmentId>,
    /// Alerts; those that are cleared at most [`CLEARED_ALERTS_MAX`].
    pub alerts: OrdMap<AlertId, AlertRecord>,
    /// The alert that is not cleared, by what it is about.
    pub open_alerts: OrdMap<AlertSubject, AlertId>,
    /// Cleared alerts, in the order in which they were cleared.
    pub cleared_alerts: OrdMap<u64, AlertId>,
    /// The id of the next alert.
    pub next_alert: u64,
    /// Payloads in quarantine, at most [`QUARANTINE_MAX`].
    pub quarantine: OrdMap<QuarantineId, QuarantineRecord>,
    /// All payloads that were ever put in quarantine.
    pub quarantined_total: u64,
    /// Readings applied, duplicates not counted.
    pub readings_total: u64,
    /// Commands, at most [`COMMANDS_MAX`].
    pub commands: OrdMap<CommandId, CommandRecord>,
    /// Commands in the order in which they were issued.
    pub command_order: OrdMap<u64, CommandId>,
    /// Customers' orders, and what is promised.
    pub orders: Orders,
    /// GTIN by SKU.
    pub gtin_by_sku: OrdMap<SkuIdx, Gtin>,
    /// SKU by GTIN.
    pub sku_by_gtin: OrdMap<Gtin, SkuIdx>,
    /// GLN by site.
    pub gln_by_site: OrdMap<SiteIdx, Gln>,
    /// Site by GLN.
    pub site_by_gln: OrdMap<Gln, SiteIdx>,
    /// Sites from above.
    pub plan_by_site: OrdMap<SiteIdx, Arc<SitePlanSpec>>,
    /// What was asked for, by position and week.
    pub demand: DemandBooks,
    /// The policy of replenishment, proposals, and orders to suppliers and other sites.
    pub supply: Supply,
    /// What vehicles were told to do, and how far they are.
    pub routes: OrdMap<VehicleId, RouteState>,
    /// Which vehicle is to bring a shipment.
    pub routed: OrdMap<ShipmentId, VehicleId>,
    /// How long ways take, and how wrong forecasts were, from routes that were driven.
    pub learnt: Arc<Learnt>,
    /// Lanes that cannot be used.
    pub closed_lanes: OrdMap<LaneId, ClosedLane>,
    /// Routes that the plane looked for by itself, by the record that says so; at most [`crate::replan::REPLANS_MAX`].
    pub replans: OrdMap<u64, ReplanRecord>,
    /// Causes that were looked into, as long as they last.
    pub looked_into: OrdSet<ReplanCause>,
    /// The graph and what is computed from it; not state, so not kept.
    #[serde(skip)]
    pub structure: Arc<Structure>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_frame_is_new_once() {
        let mut seen = SeenFrames::new(1);
        for seq in [0, 1, 3, 2, 7] {
            assert_eq!(seen.check(seq), Seen::New, "{seq}");
            seen.mark(seq);
            assert_eq!(seen.check(seq), Seen::Already, "{seq}");
        }
        assert_eq!(seen.check(5), Seen::New);
        seen.mark(10_000);
        assert_eq!(seen.check(10_000), Seen::Already);
        assert_eq!(seen.check(10_001), Seen::New);
        assert_eq!(seen.check(5), Seen::CannotTell);
    }

    #[test]
    fn a_frame_that_never_comes_does_not_blind_the_window() {
        let mut seen = SeenFrames::new(1);
        // Frame 0 is lost; then every even frame comes before the odd one below it.
        for pair in 1..1_000 {
            for seq in [2 * pair, 2 * pair - 1] {
                assert_eq!(seen.check(seq), Seen::New, "{seq}");
                seen.mark(seq);
                assert_eq!(seen.check(seq), Seen::Already, "{seq}");
            }
        }
    }

    #[test]
    fn the_first_frame_to_come_need_not_be_the_first() {
        let mut device = DeviceState {
            device: DeviceId::new("d").unwrap(),
            site: SiteIdx(0),
            kind: DeviceKind::Other,
            vehicle: None,
            interval_secs: Seconds(60),
            online: None,
            heard_at: None,
            seen: [None, None],
            series: Arc::default(),
            birth: None,
            status: None,
            settings: Arc::default(),
        };
        device.mark_seen(7, 3);
        for seq in [0, 2, 1] {
            assert_eq!(device.check_seen(7, seq), Seen::New, "{seq}");
            device.mark_seen(7, seq);
            assert_eq!(device.check_seen(7, seq), Seen::Already, "{seq}");
        }
        assert_eq!(device.check_seen(7, 3), Seen::Already);
        // A frame of an earlier start was held up in quarantine: it is new, once.
        assert_eq!(device.check_seen(6, 0), Seen::New);
        device.mark_seen(6, 0);
        assert_eq!(device.check_seen(6, 0), Seen::Already);
        assert_eq!(device.check_seen(5, 0), Seen::CannotTell);
    }

    proptest! {
        #[test]
        fn what_was_seen_is_never_new_and_what_was_not_is_never_already(
            seqs in proptest::collection::vec(0..700_u64, 1..200)
        ) {
            let (mut seen, mut model) = (SeenFrames::new(1), BTreeSet::new());
            for seq in seqs {
                match seen.check(seq) {
                    Seen::New => prop_assert!(!model.contains(&seq)),
                    Seen::Already => prop_assert!(model.contains(&seq)),
                    Seen::CannotTell => {}
                }
                seen.mark(seq);
                model.insert(seq);
                prop_assert_ne!(seen.check(seq), Seen::New);
            }
        }

        #[test]
        fn the_rate_of_issue_is_what_went_out_over_the_window(per_day in 1..1_000_i64, days in 60..200_i64) {
            let mut issued = Issued::default();
            for day in 0..days {
                issued.count(per_day, Timestamp::from_secs((20_000 + day) * SECS_PER_DAY).unwrap());
            }
            let rate = issued.per_day(Timestamp::from_secs((20_000 + days) * SECS_PER_DAY - 1).unwrap());
            prop_assert!((rate / per_day as f64 - 1.0).abs() < 0.05, "{rate} of {per_day}");
        }
    }
}
