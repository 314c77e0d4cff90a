//! What the title bar, the panel and the tip under the pointer say.

use std::time::Duration;

use firmware_schemas::fact::Severity;
use firmware_schemas::id::{SiteId, VehicleId};
use firmware_schemas::network::{Mode, SiteKind, VehicleKind};
use firmware_schemas::quantity::{Pieces, Position, Timestamp};
use firmware_schemas::telemetry::Value;
use firmware_schemas::view::{AlertView, DeviceView, Freshness, SiteView, VehicleView};

use super::known::{Known, Link};
use super::mark::ItemId;

/// The title bar.
#[derive(Clone, Debug, PartialEq)]
pub struct Title {
    /// The name of the network.
    pub network: String,
    /// Where the link stands, in words.
    pub link: String,
    /// How the link is: well, being made, or broken.
    pub link_state: LinkState,
    /// The number of the newest step.
    pub revision: Option<u64>,
    /// Counts, such as `412 sites`.
    pub counts: Vec<String>,
    /// Open alerts, the gravest first; severities without any are left out.
    pub alerts: Vec<(Severity, usize)>,
    /// The gateway's clock.
    pub clock: Option<String>,
}

/// How the link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Following.
    Well,
    /// Not yet.
    Waiting,
    /// Broken.
    Broken,
}

/// What is known about one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Its name.
    pub title: String,
    /// Its Chinese name, if it has one.
    pub title_zh: Option<String>,
    /// What it is.
    pub subtitle: String,
    /// Name and value.
    pub rows: Vec<(String, String)>,
    /// Open alerts, the gravest first.
    pub alerts: Vec<(Severity, String)>,
    /// Further lists, each with a heading.
    pub lists: Vec<(String, Vec<String>)>,
}

/// At most so many lines in each list of the panel.
const LINES_MAX: usize = 8;

/// What the title bar says at `now` by the gateway's clock.
pub fn title(known: &Known, link: &Link, now: Option<Timestamp>) -> Title {
    let live_devices = now.map_or(0, |now| {
        known.devices.values().filter(|device| known.device_freshness(device, now) == Freshness::Live).count()
    });
    let mut counts = Vec::new();
    if known.network.is_some() {
        counts.push(count(known.sites.len(), "site"));
        counts.push(count(known.lanes.len(), "lane"));
        counts.push(count(known.vehicles.len(), "vehicle"));
        counts.push(format!("{}/{} devices live", group(live_devices as i64), group(known.devices.len() as i64)));
    }
    let alerts = [Severity::Critical, Severity::Watch, Severity::Info]
        .map(|severity| (severity, known.alerts.values().filter(|alert| alert.severity == severity).count()));
    let (link, link_state) = match link {
        Link::Connecting => ("connecting".to_owned(), LinkState::Waiting),
        Link::Live => ("live".to_owned(), LinkState::Well),
        Link::File => ("from a file".to_owned(), LinkState::Well),
        Link::Lost { since: Some(since), reason } => {
            let ago = now.map_or(String::new(), |now| format!(" ({} ago)", span(now.since(*since))));
            (format!("link lost since {} UTC{ago}: {reason}", clock(*since)), LinkState::Broken)
        }
        Link::Lost { since: None, reason } => (format!("no gateway: {reason}"), LinkState::Broken),
    };
    Title {
        network: known.network.as_ref().map_or_else(|| "Portolan".to_owned(), |network| network.name.clone()),
        link,
        link_state,
        revision: known.at.map(|_| known.seq),
        counts,
        alerts: alerts.into_iter().filter(|(_, n)| *n > 0).collect(),
        clock: now.map(|now| format!("{} UTC", day_and_clock(now))),
    }
}

/// What is known about `item`; `None` if it is not there any more.
pub fn facts(known: &Known, item: &ItemId, now: Timestamp) -> Option<Facts> {
    match item {
        ItemId::Site(id) => known.sites.get(id).map(|site| site_facts(known, site, now)),
        ItemId::Vehicle(id) => known.vehicles.get(id).map(|vehicle| vehicle_facts(known, vehicle, now)),
    }
}

/// One line for the tip under the pointer.
pub fn tip(known: &Known, item: &ItemId, now: Timestamp) -> Option<String> {
    let facts = facts(known, item, now)?;
    let worst = facts.alerts.first().map(|(_, message)| format!("\n{message}")).unwrap_or_default();
    Some(format!("{}\n{}{worst}", facts.title, facts.subtitle))
}

fn site_facts(known: &Known, site: &SiteView, now: Timestamp) -> Facts {
    let id = &site.site;
    let mut rows = vec![row("id", id.as_str()), row("place", &place(site.position))];
    if let Some(country) = &site.country {
        rows.push(row("country", country));
    }
    rows.push(row("time zone", &site.time_zone));
    if let Some(tier) = site.tier {
        rows.push(row("tier", &tier.to_string()));
    }
    if let Some(class) = &site.partner_class {
        rows.push(row("partner class", class));
    }
    let stock = &site.stock;
    if stock.positions > 0 {
        rows.push(row("SKUs kept", &group(i64::from(stock.positions))));
        rows.push(row("on hand", &pieces(stock.on_hand)));
        rows.push(row("in transit here", &pieces(stock.in_transit)));
        rows.push(row("at or under reorder point", &group(i64::from(stock.below_reorder_point))));
        rows.push(row("out of stock", &group(i64::from(stock.out_of_stock))));
    }
    let inbound = known.lanes.values().filter(|lane| lane.to == *id).count();
    let outbound = known.lanes.values().filter(|lane| lane.from == *id).count();
    rows.push(row("lanes", &format!("{inbound} in, {outbound} out")));
    let standing = known.vehicles.values().filter(|vehicle| vehicle.site.as_ref() == Some(id)).count();
    if standing > 0 {
        rows.push(row("vehicles here", &standing.to_string()));
    }
    let devices: Vec<String> = known
        .devices
        .values()
        .filter(|device| device.site == *id && device.vehicle.is_none())
        .map(|device| device_line(known, device, now))
        .collect();
    let short: Vec<String> = known
        .stock
        .get(id)
        .into_iter()
        .flat_map(|rows| rows.values())
        .filter(|position| position.reorder_point.is_some_and(|point| position.on_hand <= point))
        .map(|position| {
            let name = known.skus.get(&position.sku).map_or(position.sku.as_str(), |sku| sku.name.as_str());
            let cover = position.days_of_cover.map(|days| format!(", {days:.1} days")).unwrap_or_default();
            format!("{name}: {} on hand{cover}", group(position.on_hand.0))
        })
        .collect();
    Facts {
        title: site.name.clone(),
        title_zh: site.name_zh.clone(),
        subtitle: site_kind(site.kind).to_owned(),
        rows,
        alerts: alert_lines(known.alerts.values().filter(|alert| alert.site.as_ref() == Some(id))),
        lists: lists([("devices", devices), ("stock at or under the reorder point", short)]),
    }
}

fn vehicle_facts(known: &Known, vehicle: &VehicleView, now: Timestamp) -> Facts {
    let id = &vehicle.vehicle;
    let freshness = known.vehicle_freshness(vehicle, now);
    let mut rows = vec![row("id", id.as_str())];
    rows.push(match vehicle.at {
        Some(at) => row("last fix", &format!("{} ago, {}", span(now.since(at)), freshness_name(freshness))),
        None => row("last fix", "never"),
    });
    if let Some(position) = vehicle.position {
        rows.push(row("place", &self::place(position)));
    }
    if let Some(speed) = vehicle.speed_mm_per_s {
        let km_per_h = f64::from(speed) * 3.6 / 1_000.0;
        rows.push(row("speed", &format!("{km_per_h:.1} km/h ({:.1} kn)", km_per_h / 1.852)));
    }
    if let Some(heading) = vehicle.heading_cdeg {
        rows.push(row("heading", &format!("{:.0}°", f64::from(heading) / 100.0)));
    }
    if let Some(lane) = vehicle.lane.as_ref().and_then(|lane| known.lanes.get(lane)) {
        rows.push(row("lane", &format!("{} → {}", site_name(known, &lane.from), site_name(known, &lane.to))));
    }
    if let Some(site) = &vehicle.site {
        rows.push(row("stands at", &site_name(known, site)));
    }
    rows.push(row("home", &site_name(known, &vehicle.home)));
    rows.push(row("capacity", &format!("{} kg", group((vehicle.capacity_g.0 / 1_000) as i64))));
    let devices: Vec<String> = known
        .devices
        .values()
        .filter(|device| device.vehicle.as_ref() == Some(id))
        .map(|device| device_line(known, device, now))
        .collect();
    let shipments: Vec<String> = vehicle
        .shipments
        .iter()
        .map(|id| match known.shipments.get(id) {
            Some(shipment) => {
                let n_pieces: i64 = shipment.lines.iter().fold(0, |sum, line| sum.saturating_add(line.pieces.0));
                let due = shipment.due_at.map(|due| format!(", due {}", day_and_clock(due))).unwrap_or_default();
                format!("{id} to {}: {} pieces{due}", site_name(known, &shipment.to), group(n_pieces))
            }
            None => id.to_string(),
        })
        .collect();
    let about_it = known.alerts.values().filter(|alert| known.vehicle_of(&alert.subject) == Some(id));
    Facts {
        title: vehicle.name.clone(),
        title_zh: None,
        subtitle: format!("{} · {}", vehicle_kind(vehicle.kind), mode_name(vehicle.mode)),
        rows,
        alerts: alert_lines(about_it),
        lists: lists([("on board", shipments), ("devices", devices)]),
    }
}

fn device_line(known: &Known, device: &DeviceView, now: Timestamp) -> String {
    let freshness = freshness_name(known.device_freshness(device, now));
    let readings: Vec<String> = device
        .metrics
        .iter()
        .filter_map(|metric| {
            let last = metric.last.as_ref()?;
            Some(format!("{} {}{}", metric.metric, value(&last.value), unit(&metric.unit)))
        })
        .take(3)
        .collect();
    let heard = device.heard_at.map(|at| format!(", {} ago", span(now.since(at)))).unwrap_or_default();
    let readings = if readings.is_empty() { String::new() } else { format!(": {}", readings.join(", ")) };
    format!("{} ({freshness}{heard}){readings}", device.device)
}

fn alert_lines<'a>(alerts: impl Iterator<Item = &'a AlertView>) -> Vec<(Severity, String)> {
    let mut lines: Vec<&AlertView> = alerts.collect();
    lines.sort_by_key(|alert| (std::cmp::Reverse(alert.severity), alert.id));
    let n_more = lines.len().saturating_sub(LINES_MAX);
    let mut shown: Vec<_> = lines.iter().take(LINES_MAX).map(|alert| (alert.severity, alert.message.clone())).collect();
    if n_more > 0 {
        shown.push((Severity::Info, format!("… and {n_more} more")));
    }
    shown
}

fn lists<const N: usize>(lists: [(&str, Vec<String>); N]) -> Vec<(String, Vec<String>)> {
    let mut shown = Vec::new();
    for (heading, mut lines) in lists {
        if lines.is_empty() {
            continue;
        }
        let heading = format!("{heading} ({})", lines.len());
        let n_more = lines.len().saturating_sub(LINES_MAX);
        lines.truncate(LINES_MAX);
        if n_more > 0 {
            lines.push(format!("… and {n_more} more"));
        }
        shown.push((heading, lines));
    }
    shown
}

fn row(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn site_name(known: &Known, id: &SiteId) -> String {
    known.sites.get(id).map_or_else(|| id.to_string(), |site| site.name.clone())
}

/// The name of a vehicle for people.
pub fn vehicle_name(known: &Known, id: &VehicleId) -> String {
    known.vehicles.get(id).map_or_else(|| id.to_string(), |vehicle| vehicle.name.clone())
}

fn place(position: Position) -> String {
    let (lat, lon) = (position.lat(), position.lon());
    let (north, east) = (if lat < 0.0 { 'S' } else { 'N' }, if lon < 0.0 { 'W' } else { 'E' });
    format!("{:.3}° {north}, {:.3}° {east}", lat.abs(), lon.abs())
}

/// A kind of site in words.
pub fn site_kind(kind: SiteKind) -> &'static str {
    match kind {
        SiteKind::Supplier => "supplier",
        SiteKind::Factory => "factory",
        SiteKind::Port => "port",
        SiteKind::Airport => "airport",
        SiteKind::CentralWarehouse => "central warehouse",
        SiteKind::RegionalWarehouse => "regional warehouse",
        SiteKind::CrossDock => "cross-dock",
        SiteKind::Shop => "shop",
        SiteKind::Customer => "customer",
    }
}

fn vehicle_kind(kind: VehicleKind) -> &'static str {
    match kind {
        VehicleKind::Agv => "automated guided vehicle",
        other => other.as_str(),
    }
}

/// A mode in words.
pub fn mode_name(mode: Mode) -> &'static str {
    mode.as_str()
}

/// A freshness in one word.
pub fn freshness_name(freshness: Freshness) -> &'static str {
    match freshness {
        Freshness::Live => "live",
        Freshness::Late => "late",
        Freshness::Stale => "stale",
        Freshness::Lost => "lost",
        Freshness::Never => "never heard",
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::Float(x) if x.abs() >= 1e6 => format!("{x:.3e}"),
        Value::Float(x) => format!("{x:.1}"),
        Value::Integer(n) => group(*n),
        Value::Boolean(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Text(text) => text.to_string(),
    }
}

/// UCUM codes as people write them.
fn unit(code: &str) -> String {
    match code {
        "" | "1" => String::new(),
        "Cel" => " °C".to_owned(),
        "%" => " %".to_owned(),
        other => format!(" {other}"),
    }
}

fn count(n: usize, what: &str) -> String {
    format!("{} {what}{}", group(n as i64), if n == 1 { "" } else { "s" })
}

fn pieces(n: Pieces) -> String {
    format!("{} pcs", group(n.0))
}

/// A number with thousands set apart by thin spaces.
pub fn group(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if n < 0 {
        text.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}

/// A span in its largest unit: `45 s`, `12 min`, `3 h`, `2 d`.
pub fn span(span: Duration) -> String {
    match span.as_secs() {
        secs if secs < 100 => format!("{secs} s"),
        secs if secs < 100 * 60 => format!("{} min", secs / 60),
        secs if secs < 48 * 3_600 => format!("{} h", secs / 3_600),
        secs => format!("{} d", secs / 86_400),
    }
}

/// Hours, minutes and seconds of the day, UTC.
pub fn clock(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(11..19).unwrap_or(&text).to_owned()
}

fn day_and_clock(at: Timestamp) -> String {
    let text = at.to_string();
    match (text.get(0..10), text.get(11..16)) {
        (Some(day), Some(clock)) => format!("{day} {clock}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_spans_are_easy_to_read() {
        assert_eq!(group(-1_234_567), "-1\u{a0}234\u{a0}567");
        assert_eq!(group(999), "999");
        assert_eq!(group(i64::MIN), "-9\u{a0}223\u{a0}372\u{a0}036\u{a0}854\u{a0}775\u{a0}808");
        assert_eq!(span(Duration::from_secs(99)), "99 s");
        assert_eq!(span(Duration::from_secs(100)), "1 min");
        assert_eq!(span(Duration::from_secs(7_200)), "2 h");
        assert_eq!(span(Duration::from_secs(200_000)), "2 d");
    }

    #[test]
    fn a_lost_link_says_since_when_and_why() {
        let since = Timestamp::parse_rfc3339("2026-11-22T06:40:00Z").unwrap();
        let link = Link::Lost { since: Some(since), reason: "connection refused".to_owned() };
        let now = since.saturating_add(Duration::from_secs(35));
        let title = title(&Known::default(), &link, Some(now));
        assert_eq!(title.link, "link lost since 06:40:00 UTC (35 s ago): connection refused");
        assert_eq!(title.link_state, LinkState::Broken);
    }
}
