//! Rules over the twin. A rule judges one subject; what it says is reconciled with the alert that is open
//! for that subject, if one is, into facts: raised, updated, cleared.

use crate::apply::Touched;
use crate::state::{SeriesState, ShipmentState, StockState, Twin};
use firmware_schemas::fact::{AlertId, AlertSubject, Fact, Severity};
use firmware_schemas::id::{ShipmentId, VehicleId};
use firmware_schemas::network::Mode;
use firmware_schemas::quantity::{Metres, Seconds, Timestamp};
use std::collections::BTreeSet;
use std::time::Duration;

/// When the rules speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRules {
    /// How long a metric may be outside its limits.
    pub out_of_range_after: Duration,
    /// How many intervals a device may be silent.
    pub silent_after_intervals: u32,
    /// After how many intervals of silence it counts as lost.
    pub lost_after_intervals: u32,
    /// How far off its lane a ship may be.
    pub off_lane_sea: Metres,
    /// How far off its lane any other vehicle may be; roads are not great circles.
    pub off_lane_land: Metres,
    /// How late a shipment may be before it counts.
    pub late_after: Duration,
    /// How late a shipment may be before it is critical.
    pub late_critical_after: Duration,
    /// How likely, in per cent, a shipment on a route must be that late to count before it is.
    pub late_risk_percent: u32,
    /// How long a vehicle may stand between two stops of its route.
    pub standing_after: Duration,
}

impl Default for AlertRules {
    fn default() -> Self {
        Self {
            out_of_range_after: Duration::from_secs(600),
            silent_after_intervals: 3,
            lost_after_intervals: 20,
            off_lane_sea: Metres(80_000),
            off_lane_land: Metres(30_000),
            late_after: Duration::from_secs(1_800),
            late_critical_after: Duration::from_secs(24 * 3_600),
            late_risk_percent: 50,
            standing_after: Duration::from_secs(1_200),
        }
    }
}

/// What a rule says of its subject while something is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    severity: Severity,
    message: String,
}

fn finding(severity: Severity, message: String) -> Option<Finding> {
    Some(Finding { severity, message })
}

/// What the subjects of facts make worth judging.
pub fn subjects_of(state: &Twin, touched: &[Touched], subjects: &mut BTreeSet<AlertSubject>) {
    for touched in touched {
        match touched {
            Touched::Series(series) => {
                let series = &state.series[series.0 as usize];
                if series.out_since.is_some() || series.alerting {
                    let device = state.devices[series.device as usize].device.clone();
                    subjects.insert(AlertSubject::OutOfRange { device, metric: series.metric.clone() });
                }
            }
            Touched::Stock(at) => {
                let stock = &state.stock[at.at()];
                let site = state.sites[stock.site.at()].spec.site.clone();
                let sku = state.skus[stock.sku.at()].sku.clone();
                subjects.insert(AlertSubject::BelowReorderPoint { site: site.clone(), sku: sku.clone() });
                subjects.insert(AlertSubject::RunsOut { site: site.clone(), sku: sku.clone() });
                subjects.insert(AlertSubject::NegativeStock { site, sku });
            }
            Touched::Device(device) => {
                let device = state.devices[device.0 as usize].device.clone();
                subjects.insert(AlertSubject::DeviceSilent { device });
            }
            Touched::Vehicle(at) => {
                let vehicle = &state.vehicles[at.at()];
                subjects.insert(AlertSubject::OffLane { vehicle: vehicle.spec.vehicle.clone() });
                subjects.insert(AlertSubject::Stranded { vehicle: vehicle.spec.vehicle.clone() });
                for shipment in vehicle.shipments.iter() {
                    subjects.insert(AlertSubject::Late { shipment: shipment.clone() });
                }
            }
            Touched::Shipment(shipment) => {
                subjects.insert(AlertSubject::Late { shipment: shipment.clone() });
            }
            Touched::Head
            | Touched::Site(_)
            | Touched::Lane(_)
            | Touched::Sku(_)
            | Touched::Alert(_)
            | Touched::Quarantine(_) => {}
        }
    }
}

/// What the passing of time alone makes worth judging: what is open, out of range, silent or under way.
pub fn subjects_due(state: &Twin, subjects: &mut BTreeSet<AlertSubject>) {
    subjects.extend(state.open_alerts.keys().cloned());
    for series in state.series.iter().filter(|series| series.out_since.is_some()) {
        let device = state.devices[series.device as usize].device.clone();
        subjects.insert(AlertSubject::OutOfRange { device, metric: series.metric.clone() });
    }
    for device in &state.devices {
        subjects.insert(AlertSubject::DeviceSilent { device: device.device.clone() });
    }
    for (vehicle, route) in &state.routes {
        if !route.is_over() {
            subjects.insert(AlertSubject::Stranded { vehicle: vehicle.clone() });
        }
    }
    for (id, shipment) in &state.shipments {
        if shipment.arrived_at.is_none() {
            subjects.insert(AlertSubject::Late { shipment: id.clone() });
        }
    }
}

/// The fact that brings the alert for `subject` in line with what its rule says now, if one is needed.
///
/// `listening_since` is when we began to listen: silence before that was ours.
pub fn reconcile(
    state: &Twin,
    rules: &AlertRules,
    subject: &AlertSubject,
    now: Timestamp,
    listening_since: Timestamp,
) -> Option<Fact> {
    /// A message that only counts on is brought up to date no more often than this.
    const UPDATE_EVERY: Duration = Duration::from_secs(60);
    let open = state.open_alerts.get(subject).and_then(|id| state.alerts.get(id).map(|alert| (*id, alert)));
    match (judge(state, rules, subject, now, listening_since), open) {
        (None, None) => None,
        (None, Some((id, _))) => Some(Fact::AlertCleared { id, at: now }),
        (Some(Finding { severity, message }), None) => {
            let (id, subject) = (AlertId(state.next_alert), subject.clone());
            Some(Fact::AlertRaised { id, at: now, subject, severity, message })
        }
        (Some(Finding { severity, message }), Some((id, alert))) => {
            let counts_on = *alert.message != *message && now.since(alert.updated_at) >= UPDATE_EVERY;
            (alert.severity != severity || counts_on).then_some(Fact::AlertUpdated { id, at: now, severity, message })
        }
    }
}

fn judge(
    state: &Twin,
    rules: &AlertRules,
    subject: &AlertSubject,
    now: Timestamp,
    listening_since: Timestamp,
) -> Option<Finding> {
    match subject {
        AlertSubject::OutOfRange { device, metric } => {
            let device = *state.device_by_id.get(device)?;
            let series = state.series_of(firmware_schemas::fact::DeviceIdx(device), metric)?;
            out_of_range(rules, &state.series[series.0 as usize], now)
        }
        AlertSubject::BelowReorderPoint { site, sku } => {
            below_reorder_point(&state.stock[state.stock_of(site, sku)?.at()])
        }
        AlertSubject::RunsOut { site, sku } => runs_out(state, &state.stock[state.stock_of(site, sku)?.at()], now),
        AlertSubject::NegativeStock { site, sku } => {
            let on_hand = state.stock[state.stock_of(site, sku)?.at()].on_hand;
            let message = || format!("the books say {on_hand} pieces on hand: a count is due");
            if on_hand < 0 { finding(Severity::Watch, message()) } else { None }
        }
        AlertSubject::DeviceSilent { device } => {
            let device = &state.devices[*state.device_by_id.get(device)? as usize];
            silent(rules, device.heard_at, device.interval_secs, device.online, now, listening_since)
        }
        AlertSubject::OffLane { vehicle } => {
            let vehicle = &state.vehicles[state.vehicle_by_id.get(vehicle)?.at()];
            let fix = vehicle.fix.as_ref()?;
            let lane = state.lane(fix.lane.as_ref()?)?;
            let off = state.place_on_lane(fix.position, lane)?.off;
            let allowed = if lane.mode == Mode::Sea { rules.off_lane_sea } else { rules.off_lane_land };
            let message = || format!("{} km off lane {}", off.0 / 1_000, lane.lane);
            if off > allowed { finding(Severity::Watch, message()) } else { None }
        }
        AlertSubject::Late { shipment } => late(state, rules, shipment, state.shipments.get(shipment)?, now),
        AlertSubject::Stranded { vehicle } => stranded(state, rules, vehicle, now),
    }
}

fn out_of_range(rules: &AlertRules, series: &SeriesState, now: Timestamp) -> Option<Finding> {
    let (since, last) = (series.out_since?, series.last.as_ref()?);
    let lasted = last.at.max(now).since(since);
    if lasted < rules.out_of_range_after {
        return None;
    }
    let limits = match (series.min, series.max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => return None,
    };
    let unit = if series.unit.as_str() == "Cel" { "°C" } else { &series.unit };
    let message = format!("{} {unit} for {}, allowed {limits} {unit}", last.value, spelled(lasted));
    finding(Severity::Critical, message)
}

fn below_reorder_point(stock: &StockState) -> Option<Finding> {
    let point = stock.reorder_point.filter(|_| stock.is_below_reorder_point())?;
    let StockState { on_hand, reserved, in_transit, on_order, .. } = stock;
    let position = stock.position();
    let message = format!(
        "position {position} at or under reorder point {point} \
         ({on_hand} on hand, {reserved} reserved, {in_transit} in transit, {on_order} on order)"
    );
    finding(Severity::Watch, message)
}

/// Nothing left before a replenishment ordered now could be here, counting what is on its way already.
fn runs_out(state: &Twin, stock: &StockState, now: Timestamp) -> Option<Finding> {
    let source = stock.source?;
    let per_day = stock.issued.per_day(now);
    if per_day <= 0.0 || stock.in_transit > 0 {
        return None;
    }
    let lead_time_days = state.lead_time(source, stock.site)?.0 as f64 / 86_400.0;
    let available = stock.on_hand.saturating_sub(stock.reserved).max(0) as f64;
    let cover_days = available / per_day;
    if cover_days >= lead_time_days {
        return None;
    }
    let from = &state.sites[source.at()].spec.site;
    let issued = format!("{per_day:.1} a day are issued, and from {from} it takes {lead_time_days:.1} days");
    let message = if available <= 0.0 {
        format!("none available; {issued}")
    } else {
        format!("{available} available last {cover_days:.1} days: {issued}")
    };
    finding(if available <= 0.0 { Severity::Critical } else { Severity::Watch }, message)
}

fn silent(
    rules: &AlertRules,
    heard_at: Option<Timestamp>,
    interval: Seconds,
    online: Option<bool>,
    now: Timestamp,
    listening_since: Timestamp,
) -> Option<Finding> {
    let silent = now.since(heard_at.unwrap_or(listening_since).max(listening_since));
    let interval = interval.to_duration().max(Duration::from_secs(1));
    let limit = interval.saturating_mul(rules.silent_after_intervals);
    if silent <= limit {
        return None;
    }
    let every = spelled(interval);
    if heard_at.is_none() {
        return finding(Severity::Info, format!("never heard, expected every {every}"));
    }
    let lost = silent > interval.saturating_mul(rules.lost_after_intervals);
    let farewell = if online == Some(false) { "; it said that it is offline" } else { "" };
    let severity = if lost { Severity::Critical } else { Severity::Watch };
    finding(severity, format!("silent for {}, expected every {every}{farewell}", spelled(silent)))
}

fn late(
    state: &Twin,
    rules: &AlertRules,
    id: &ShipmentId,
    shipment: &ShipmentState,
    now: Timestamp,
) -> Option<Finding> {
    if shipment.arrived_at.is_some() {
        return None;
    }
    let due_at = shipment.due_at?;
    let overdue = now.since(due_at);
    if overdue > rules.late_after {
        let severity = if overdue > rules.late_critical_after { Severity::Critical } else { Severity::Watch };
        return finding(severity, format!("due {}, now {} late", to_the_second(due_at), spelled(overdue)));
    }
    if let Some(expected) = state.expected_by_route(id, now) {
        let risk = 100.0 * state.later_than(expected, due_at.saturating_add(rules.late_after), now);
        // What is raised stays until it is clearly better: a forecast goes up and down.
        let is_open = state.open_alerts.contains_key(&AlertSubject::Late { shipment: id.clone() });
        let percent = f64::from(rules.late_risk_percent) * if is_open { 0.75 } else { 1.0 };
        let message = || {
            let expected_late = spelled(expected.at.since(due_at));
            let (due_at, after) = (to_the_second(due_at), spelled(rules.late_after));
            format!("due {due_at}, expected about {expected_late} late; more than {after} late at {risk:.0} %")
        };
        return if risk >= percent.max(0.5) { finding(Severity::Watch, message()) } else { None };
    }
    // What is left of the lane, at its usual speed from where the vehicle is.
    let vehicle = &state.vehicles[state.vehicle_by_id.get(shipment.vehicle.as_ref()?)?.at()];
    let fix = vehicle.fix.as_ref()?;
    let lane = state.lane(fix.lane.as_ref()?)?;
    if *state.site_by_id.get(&lane.to)? != shipment.to {
        return None;
    }
    let left = 1.0 - state.place_on_lane(fix.position, lane)?.fraction.clamp(0.0, 1.0);
    let lead_time = lane.lead_time_secs.to_duration();
    let expected_at = fix.at.saturating_add(Duration::from_secs((lead_time.as_secs() as f64 * left) as u64));
    let expected_late = expected_at.since(due_at);
    // An estimate is as good as the lane's lead time is steady.
    let slack = rules.late_after.max(lead_time.mul_f64(0.1)).max(lane.lead_time_sd_secs.to_duration());
    let message = || format!("due {}, expected about {} late", to_the_second(due_at), spelled(expected_late));
    if expected_late > slack { finding(Severity::Watch, message()) } else { None }
}

/// A vehicle with a route that it does not follow.
fn stranded(state: &Twin, rules: &AlertRules, vehicle: &VehicleId, now: Timestamp) -> Option<Finding> {
    let route = state.routes.get(vehicle).filter(|route| !route.is_over())?;
    let goods: usize = route.to_come().iter().map(|stop| stop.unload.len()).sum();
    let next = &route.to_come().first()?.site;
    if let Some(trouble) = &route.trouble {
        return finding(Severity::Critical, format!("does not go to {next}: {trouble}; {goods} shipments wait for it"));
    }
    let fix = state.vehicles[state.vehicle_by_id.get(vehicle)?.at()].fix.as_ref()?;
    let (_, since) = route.moved?;
    let stood = now.since(since);
    if fix.site.is_some() || stood < rules.standing_after {
        return None;
    }
    let stood = spelled(stood);
    finding(Severity::Critical, format!("stands still for {stood} on its way to {next}; {goods} shipments wait for it"))
}

/// A time for people.
fn to_the_second(at: Timestamp) -> Timestamp {
    Timestamp::from_nanos(at.as_nanos() - at.as_nanos().rem_euclid(1_000_000_000))
}

/// A span for people: `45 s`, `12 min`, `3 h 5 min`, `2 d 4 h`.
fn spelled(span: Duration) -> String {
    let secs = span.as_secs();
    let (days, hours, minutes) = (secs / 86_400, secs / 3_600 % 24, secs / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{secs} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}
