//! What the title bar, the panel and the tip under the pointer say.

use firmware_schemas::fact::Severity;
use firmware_schemas::id::{DeviceId, ShipmentId, SiteId, SkuId, VehicleId};
use firmware_schemas::network::{DeviceKind, Mode, SiteKind, VehicleKind};
use firmware_schemas::quantity::{Pieces, Position, Timestamp};
use firmware_schemas::telemetry::Value;
use firmware_schemas::view::{
    AlertView, DeviceView, Freshness, ShipmentState, ShipmentView, SiteView, SkuView, StockView, VehicleView,
};

use super::known::{Known, Link};
use super::mark::ItemId;
use super::words::Words;

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
    /// The clock of what is shown.
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

/// A line of a list that may lead somewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What it says.
    pub text: String,
    /// What it is about.
    pub item: Option<ItemId>,
}

/// The stock of a SKU beside its levels.
#[derive(Clone, Debug, PartialEq)]
pub struct StockLine {
    /// Of what.
    pub sku: SkuId,
    /// Its name.
    pub name: String,
    /// On the shelf.
    pub on_hand: i64,
    /// On its way and ordered.
    pub coming: i64,
    /// Order when it falls to this.
    pub reorder_point: Option<i64>,
    /// Order up to this.
    pub target: Option<i64>,
    /// Days that it lasts.
    pub days_of_cover: Option<f64>,
}

/// What is known about one thing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Its name.
    pub title: String,
    /// Its name in the other language, if it has one.
    pub title_other: Option<String>,
    /// What it is.
    pub subtitle: String,
    /// Name and value.
    pub rows: Vec<(String, String)>,
    /// Open alerts, the gravest first.
    pub alerts: Vec<(Severity, String)>,
    /// Further lists, each with a heading.
    pub lists: Vec<(String, Vec<Entry>)>,
}

/// At most so many lines in each list of the panel.
const LINES_MAX: usize = 8;

/// How much there is, in words: sites, lanes, vehicles, devices that are live.
pub fn counts(known: &Known, now: Option<Timestamp>, words: &Words) -> Vec<String> {
    if known.network.is_none() {
        return Vec::new();
    }
    let live_devices = now.map_or(0, |now| {
        known.devices.values().filter(|device| known.device_freshness(device, now) == Freshness::Live).count()
    });
    let (live, all) = (group(live_devices as i64), group(known.devices.len() as i64));
    vec![
        count(known.sites.len(), words, ("site", "sites"), "个站点"),
        count(known.lanes.len(), words, ("lane", "lanes"), "条线路"),
        count(known.vehicles.len(), words, ("vehicle", "vehicles"), "辆运输工具"),
        words.pick(format!("{live}/{all} devices live"), format!("{live}/{all} 台设备在线")),
    ]
}

/// How many alerts of each severity are open, the gravest first; none are left out.
pub fn alert_counts(known: &Known) -> Vec<(Severity, usize)> {
    let mut counts = [(Severity::Critical, 0), (Severity::Watch, 0), (Severity::Info, 0)];
    for alert in known.alerts.values() {
        for (severity, n) in &mut counts {
            *n += usize::from(alert.severity == *severity);
        }
    }
    counts.into_iter().filter(|(_, n)| *n > 0).collect()
}

/// What the title bar says at `now`, which is what is shown; `heard` is the gateway's clock.
pub fn title(
    known: &Known,
    link: &Link,
    now: Option<Timestamp>,
    heard: Option<Timestamp>,
    (counts, alerts): (Vec<String>, Vec<(Severity, usize)>),
    words: &Words,
) -> Title {
    let (link, link_state) = match link {
        Link::Connecting => (words.pick("connecting", "连接中").to_owned(), LinkState::Waiting),
        Link::Live => (words.pick("live", "实时").to_owned(), LinkState::Well),
        Link::File => (words.pick("from a file", "来自文件").to_owned(), LinkState::Well),
        Link::Past => (words.pick("of the past", "历史").to_owned(), LinkState::Well),
        Link::Lost { since: Some(since), reason } => {
            let (clock, zone) = (words.clock(*since), words.zone_name(*since));
            let ago = heard.map_or(String::new(), |heard| words.span(heard.since(*since)));
            let text = words.pick(
                format!("link lost since {clock} {zone} ({ago} ago): {reason}"),
                format!("自 {clock} {zone} 起断线（{ago}前）：{reason}"),
            );
            (text, LinkState::Broken)
        }
        Link::Lost { since: None, reason } => {
            (format!("{}: {reason}", words.pick("no gateway", "没有网关")), LinkState::Broken)
        }
    };
    Title {
        network: known.network.as_ref().map_or_else(|| "Portolan".to_owned(), |network| network.name.clone()),
        link,
        link_state,
        revision: known.at.map(|_| known.seq),
        counts,
        alerts,
        clock: now.map(|now| words.full(now)),
    }
}

/// What is known about `item`; `None` if it is not there any more.
pub fn facts(known: &Known, item: &ItemId, now: Timestamp, words: &Words) -> Option<Facts> {
    match item {
        ItemId::Site(id) => known.sites.get(id).map(|site| site_facts(known, site, now, words)),
        ItemId::Vehicle(id) => known.vehicles.get(id).map(|vehicle| vehicle_facts(known, vehicle, now, words)),
        ItemId::Sku(id) => known.skus.get(id).map(|sku| sku_facts(known, sku, words)),
        ItemId::Device(id) => known.devices.get(id).map(|device| device_facts(known, device, now, words)),
        ItemId::Shipment(id) => known.shipments.get(id).map(|shipment| shipment_facts(known, shipment, now, words)),
        ItemId::Position(site, sku) => position_facts(known, site, sku, words),
        ItemId::City(_) | ItemId::Order(_) => None,
    }
}

/// One line for the tip under the pointer.
pub fn tip(known: &Known, item: &ItemId, now: Timestamp, words: &Words) -> Option<String> {
    let facts = facts(known, item, now, words)?;
    let worst = facts.alerts.first().map(|(_, message)| format!("\n{message}")).unwrap_or_default();
    Some(format!("{}\n{}{worst}", facts.title, facts.subtitle))
}

/// The stock of a site by SKU, the shortest cover first, as far as it is known.
pub fn stock_lines<'a>(known: &Known, rows: impl Iterator<Item = &'a StockView>, words: &Words) -> Vec<StockLine> {
    let mut lines: Vec<StockLine> = rows.map(|row| stock_line(known, row, words)).collect();
    let urgency = |line: &StockLine| line.reorder_point.map_or(f64::INFINITY, |point| (line.on_hand - point) as f64);
    lines.sort_by(|a, b| urgency(a).total_cmp(&urgency(b)).then_with(|| a.sku.cmp(&b.sku)));
    lines
}

fn stock_line(known: &Known, row: &StockView, words: &Words) -> StockLine {
    StockLine {
        sku: row.sku.clone(),
        name: sku_name(known, &row.sku, words),
        on_hand: row.on_hand.0,
        coming: row.in_transit.0.saturating_add(row.on_order.0),
        reorder_point: row.reorder_point.map(|point| point.0),
        target: row.order_up_to.map(|target| target.0),
        days_of_cover: row.days_of_cover,
    }
}

fn site_facts(known: &Known, site: &SiteView, now: Timestamp, words: &Words) -> Facts {
    let id = &site.site;
    let mut rows =
        vec![row(words.pick("id", "编号"), id.as_str()), row(words.pick("place", "位置"), &place(site.position))];
    if let Some(country) = &site.country {
        rows.push(row(words.pick("country", "国家"), country));
    }
    let local = Words { zone: super::Zone::Site, site_zone: site.time_zone.clone(), ..words.clone() };
    let zone = format!("{} · {}", local.short_clock(now), site.time_zone);
    rows.push(row(words.pick("local time", "当地时间"), &zone));
    if let Some(tier) = site.tier {
        rows.push(row(words.pick("tier", "层级"), &tier.to_string()));
    }
    if let Some(class) = &site.partner_class {
        rows.push(row(words.pick("partner class", "伙伴等级"), class));
    }
    let stock = &site.stock;
    if stock.positions > 0 {
        rows.push(row(words.pick("SKUs kept", "品项数"), &group(i64::from(stock.positions))));
        rows.push(row(words.pick("on hand", "现有库存"), &pieces(stock.on_hand, words)));
        rows.push(row(words.pick("in transit here", "在途"), &pieces(stock.in_transit, words)));
        let below = group(i64::from(stock.below_reorder_point));
        rows.push(row(words.pick("at or under reorder point", "低于再订货点"), &below));
        rows.push(row(words.pick("out of stock", "缺货"), &group(i64::from(stock.out_of_stock))));
    }
    let inbound = known.lanes.values().filter(|lane| lane.to == *id).count();
    let outbound = known.lanes.values().filter(|lane| lane.from == *id).count();
    let lanes = words.pick(format!("{inbound} in, {outbound} out"), format!("{inbound} 入，{outbound} 出"));
    rows.push(row(words.pick("lanes", "线路"), &lanes));
    let standing = known.vehicles.values().filter(|vehicle| vehicle.site.as_ref() == Some(id));
    let standing: Vec<Entry> = standing
        .map(|vehicle| Entry { text: vehicle.name.clone(), item: Some(ItemId::Vehicle(vehicle.vehicle.clone())) })
        .collect();
    let devices = known.devices.values().filter(|device| device.site == *id && device.vehicle.is_none());
    let devices: Vec<Entry> = devices.map(|device| device_entry(known, device, now, words)).collect();
    let coming = known.shipments.values().filter(|shipment| shipment.to == *id);
    let coming: Vec<Entry> = coming.map(|shipment| shipment_entry(known, shipment, words)).collect();
    let about_it = known.alerts.values().filter(|alert| alert.site.as_ref() == Some(id));
    Facts {
        title: words.name(&site.name, site.name_zh.as_deref()).to_owned(),
        title_other: other_name(&site.name, site.name_zh.as_deref(), words),
        subtitle: site_kind(site.kind, words).to_owned(),
        rows,
        alerts: alert_lines(about_it, words),
        lists: lists(
            [
                (words.pick("coming", "即将到货"), coming),
                (words.pick("vehicles here", "在场车辆"), standing),
                (words.pick("devices", "设备"), devices),
            ],
            words,
        ),
    }
}

fn vehicle_facts(known: &Known, vehicle: &VehicleView, now: Timestamp, words: &Words) -> Facts {
    let id = &vehicle.vehicle;
    let freshness = known.vehicle_freshness(vehicle, now);
    let mut rows = vec![row(words.pick("id", "编号"), id.as_str())];
    let last_fix = words.pick("last fix", "最近定位");
    rows.push(match vehicle.at {
        Some(at) => {
            let (ago, state) = (words.span(now.since(at)), freshness_name(freshness, words));
            row(last_fix, &words.pick(format!("{ago} ago, {state}"), format!("{ago}前，{state}")))
        }
        None => row(last_fix, words.pick("never", "从未")),
    });
    if let Some(position) = vehicle.position {
        rows.push(row(words.pick("place", "位置"), &self::place(position)));
    }
    if let Some(speed) = vehicle.speed_mm_per_s {
        let at_sea = matches!(vehicle.mode, Mode::Sea | Mode::Barge);
        rows.push(row(words.pick("speed", "速度"), &words.speed(f64::from(speed) / 1_000.0, at_sea)));
    }
    if let Some(heading) = vehicle.heading_cdeg {
        rows.push(row(words.pick("heading", "航向"), &format!("{:.0}°", f64::from(heading) / 100.0)));
    }
    if let Some(lane) = vehicle.lane.as_ref().and_then(|lane| known.lanes.get(lane)) {
        let ends = format!("{} → {}", site_name(known, &lane.from, words), site_name(known, &lane.to, words));
        rows.push(row(words.pick("lane", "线路"), &ends));
        rows.push(row(words.pick("lane length", "线路长度"), &words.distance(lane.distance_m.0 as f64)));
    }
    if let Some(span) = super::fleet::time_to_stop(known, vehicle) {
        let at = words.day_and_clock(now.saturating_add(span));
        rows.push(row(words.pick("at its stop", "预计到站"), &format!("{at} ({})", words.span(span))));
    }
    if let Some(site) = &vehicle.site {
        rows.push(row(words.pick("stands at", "停靠"), &site_name(known, site, words)));
    }
    rows.push(row(words.pick("home", "所属"), &site_name(known, &vehicle.home, words)));
    rows.push(row(words.pick("capacity", "载重"), &words.mass(vehicle.capacity_g.0)));
    let devices = known.devices.values().filter(|device| device.vehicle.as_ref() == Some(id));
    let devices: Vec<Entry> = devices.map(|device| device_entry(known, device, now, words)).collect();
    let shipments = vehicle.shipments.iter().map(|id| match known.shipments.get(id) {
        Some(shipment) => shipment_entry(known, shipment, words),
        None => Entry { text: id.to_string(), item: None },
    });
    let shipments: Vec<Entry> = shipments.collect();
    let about_it = known.alerts.values().filter(|alert| known.vehicle_of(&alert.subject) == Some(id));
    Facts {
        title: vehicle.name.clone(),
        title_other: None,
        subtitle: format!("{} · {}", vehicle_kind(vehicle.kind, words), mode_name(vehicle.mode, words)),
        rows,
        alerts: alert_lines(about_it, words),
        lists: lists([(words.pick("on board", "装载"), shipments), (words.pick("devices", "设备"), devices)], words),
    }
}

fn sku_facts(known: &Known, sku: &SkuView, words: &Words) -> Facts {
    let currency = known.network.as_ref().map_or("", |network| network.currency.as_str());
    let mut rows = vec![
        row(words.pick("id", "编号"), sku.sku.as_str()),
        row(words.pick("one piece", "单位"), &sku.unit),
        row(words.pick("mass", "重量"), &words.mass(sku.mass_g.0)),
        row(words.pick("value", "价值"), &format!("{:.2} {currency}", sku.value_minor.0 as f64 / 100.0)),
        row(words.pick("temperature", "温区"), sku.temperature.as_str()),
    ];
    if let (Some(min), Some(max)) = (sku.temperature_min_milli_c, sku.temperature_max_milli_c) {
        let celsius = |milli: i32| words.quantity(f64::from(milli) / 1_000.0, "Cel");
        rows.push(row(words.pick("kept at", "保存"), &format!("{} … {}", celsius(min.0), celsius(max.0))));
    }
    if let Some(days) = sku.shelf_life_days {
        rows.push(row(words.pick("shelf life", "保质期"), &format!("{days} {}", words.pick("days", "天"))));
    }
    let on_the_way = known.shipments.values().filter(|it| it.lines.iter().any(|line| line.sku == sku.sku));
    let on_the_way: Vec<Entry> = on_the_way.map(|shipment| shipment_entry(known, shipment, words)).collect();
    let about_it = known.alerts.values().filter(|alert| alert_sku(alert) == Some(&sku.sku));
    Facts {
        title: words.name(&sku.name, sku.name_zh.as_deref()).to_owned(),
        title_other: other_name(&sku.name, sku.name_zh.as_deref(), words),
        subtitle: words.pick("stock keeping unit", "品项").to_owned(),
        rows,
        alerts: alert_lines(about_it, words),
        lists: lists([(words.pick("on its way", "在途货运"), on_the_way)], words),
    }
}

fn position_facts(known: &Known, site: &SiteId, sku: &SkuId, words: &Words) -> Option<Facts> {
    known.sites.get(site)?;
    let mut rows = Vec::new();
    if let Some(stock) = known.stock.get(site).and_then(|rows| rows.get(sku)) {
        rows.push(row(words.pick("on hand", "现有库存"), &pieces(stock.on_hand, words)));
        rows.push(row(words.pick("reserved", "已预留"), &pieces(stock.reserved, words)));
        rows.push(row(words.pick("in transit", "在途"), &pieces(stock.in_transit, words)));
        rows.push(row(words.pick("on order", "已订"), &pieces(stock.on_order, words)));
        let level = |level: Option<Pieces>| level.map_or("–".to_owned(), |level| pieces(level, words));
        rows.push(row(words.pick("reorder point", "再订货点"), &level(stock.reorder_point)));
        rows.push(row(words.pick("order up to", "目标库存"), &level(stock.order_up_to)));
        if let Some(days) = stock.days_of_cover {
            rows.push(row(words.pick("lasts", "可用"), &format!("{days:.1} {}", words.pick("days", "天"))));
        }
        if let Some(source) = &stock.source {
            rows.push(row(words.pick("comes from", "来源"), &site_name(known, source, words)));
        }
    }
    let about_it =
        known.alerts.values().filter(|alert| alert.site.as_ref() == Some(site) && alert_sku(alert) == Some(sku));
    let entries = vec![
        Entry { text: site_name(known, site, words), item: Some(ItemId::Site(site.clone())) },
        Entry { text: sku_name(known, sku, words), item: Some(ItemId::Sku(sku.clone())) },
    ];
    Some(Facts {
        title: sku_name(known, sku, words),
        title_other: None,
        subtitle: site_name(known, site, words),
        rows,
        alerts: alert_lines(about_it, words),
        lists: vec![(words.pick("see", "参见").to_owned(), entries)],
    })
}

fn device_facts(known: &Known, device: &DeviceView, now: Timestamp, words: &Words) -> Facts {
    let freshness = known.device_freshness(device, now);
    let mut rows = vec![row(words.pick("site", "站点"), &site_name(known, &device.site, words))];
    let heard = device.heard_at.map_or(words.pick("never", "从未").to_owned(), |at| {
        let (ago, state) = (words.span(now.since(at)), freshness_name(freshness, words));
        words.pick(format!("{ago} ago, {state}"), format!("{ago}前，{state}"))
    });
    rows.push(row(words.pick("heard", "最近消息"), &heard));
    let every = words.span(device.interval_secs.to_duration());
    rows.push(row(words.pick("reports every", "上报间隔"), &every));
    for metric in &device.metrics {
        let Some(last) = &metric.last else { continue };
        let range = match (metric.min, metric.max) {
            (Some(min), Some(max)) => {
                format!(" ({} … {})", words.scaled(min, &metric.unit), words.quantity(max, &metric.unit))
            }
            _ => String::new(),
        };
        rows.push(row(metric.metric.as_str(), &format!("{}{range}", value(&last.value, &metric.unit, words))));
    }
    let lists = match &device.vehicle {
        Some(id) => lists(
            [(
                words.pick("on", "安装于"),
                vec![Entry { text: vehicle_name(known, id), item: Some(ItemId::Vehicle(id.clone())) }],
            )],
            words,
        ),
        None => lists(
            [(
                words.pick("at", "位于"),
                vec![Entry {
                    text: site_name(known, &device.site, words),
                    item: Some(ItemId::Site(device.site.clone())),
                }],
            )],
            words,
        ),
    };
    let about_it = known.alerts.values().filter(|alert| alert_device(alert) == Some(&device.device));
    Facts {
        title: device.device.to_string(),
        title_other: None,
        subtitle: device_kind(device.kind, words).to_owned(),
        rows,
        alerts: alert_lines(about_it, words),
        lists,
    }
}

fn shipment_facts(known: &Known, shipment: &ShipmentView, now: Timestamp, words: &Words) -> Facts {
    let mut rows = vec![
        row(words.pick("from", "从"), &site_name(known, &shipment.from, words)),
        row(words.pick("to", "到"), &site_name(known, &shipment.to, words)),
        row(words.pick("left", "发出"), &words.day_and_clock(shipment.dispatched_at)),
    ];
    if let Some(due) = shipment.due_at {
        let late = if due < now { words.pick(" (late)", "（晚点）") } else { "" };
        rows.push(row(words.pick("due", "应到"), &format!("{}{late}", words.day_and_clock(due))));
    }
    let state = match shipment.state {
        ShipmentState::InTransit => words.pick("under way", "在途"),
        ShipmentState::Arrived => words.pick("arrived", "已到"),
    };
    rows.push(row(words.pick("state", "状态"), state));
    let contents = shipment.lines.iter().map(|line| Entry {
        text: format!("{} × {}", group(line.pieces.0), sku_name(known, &line.sku, words)),
        item: Some(ItemId::Sku(line.sku.clone())),
    });
    let contents: Vec<Entry> = contents.collect();
    let carrier = shipment
        .vehicle
        .iter()
        .map(|id| Entry { text: vehicle_name(known, id), item: Some(ItemId::Vehicle(id.clone())) });
    let carrier: Vec<Entry> = carrier.collect();
    let about_it = known.alerts.values().filter(|alert| alert_shipment(alert) == Some(&shipment.shipment));
    Facts {
        title: shipment.shipment.to_string(),
        title_other: None,
        subtitle: words.pick("shipment", "货运").to_owned(),
        rows,
        alerts: alert_lines(about_it, words),
        lists: lists([(words.pick("carried by", "承运"), carrier), (words.pick("contents", "内容"), contents)], words),
    }
}

/// The SKU that an alert is about; `None` if it is about none.
pub fn alert_sku(alert: &AlertView) -> Option<&SkuId> {
    use firmware_schemas::fact::AlertSubject as Subject;
    match &alert.subject {
        Subject::BelowReorderPoint { sku, .. } | Subject::RunsOut { sku, .. } | Subject::NegativeStock { sku, .. } => {
            Some(sku)
        }
        _ => None,
    }
}

/// The device that an alert is about; `None` if it is about none.
pub fn alert_device(alert: &AlertView) -> Option<&DeviceId> {
    use firmware_schemas::fact::AlertSubject as Subject;
    match &alert.subject {
        Subject::OutOfRange { device, .. } | Subject::DeviceSilent { device } => Some(device),
        _ => None,
    }
}

fn alert_shipment(alert: &AlertView) -> Option<&ShipmentId> {
    use firmware_schemas::fact::AlertSubject as Subject;
    match &alert.subject {
        Subject::Late { shipment } => Some(shipment),
        _ => None,
    }
}

fn shipment_entry(known: &Known, shipment: &ShipmentView, words: &Words) -> Entry {
    let n_pieces: i64 = shipment.lines.iter().fold(0, |sum, line| sum.saturating_add(line.pieces.0));
    let due = shipment.due_at.map(|due| words.day_and_clock(due));
    let (id, to, n) = (&shipment.shipment, site_name(known, &shipment.to, words), group(n_pieces));
    let text = match due {
        Some(due) => {
            words.pick(format!("{id} to {to}: {n} pieces, due {due}"), format!("{id} → {to}：{n} 件，{due} 到"))
        }
        None => words.pick(format!("{id} to {to}: {n} pieces"), format!("{id} → {to}：{n} 件")),
    };
    Entry { text, item: Some(ItemId::Shipment(id.clone())) }
}

fn device_entry(known: &Known, device: &DeviceView, now: Timestamp, words: &Words) -> Entry {
    let freshness = freshness_name(known.device_freshness(device, now), words);
    let readings: Vec<String> = device
        .metrics
        .iter()
        .filter_map(|metric| {
            let last = metric.last.as_ref()?;
            Some(format!("{} {}", metric.metric, value(&last.value, &metric.unit, words)))
        })
        .take(3)
        .collect();
    let readings = if readings.is_empty() { String::new() } else { format!(": {}", readings.join(", ")) };
    let text = format!("{} ({freshness}){readings}", device.device);
    Entry { text, item: Some(ItemId::Device(device.device.clone())) }
}

fn alert_lines<'a>(alerts: impl Iterator<Item = &'a AlertView>, words: &Words) -> Vec<(Severity, String)> {
    let mut lines: Vec<&AlertView> = alerts.collect();
    lines.sort_by_key(|alert| (std::cmp::Reverse(alert.severity), alert.id));
    let n_more = lines.len().saturating_sub(LINES_MAX);
    let mut shown: Vec<_> = lines.iter().take(LINES_MAX).map(|alert| (alert.severity, alert.message.clone())).collect();
    if n_more > 0 {
        shown.push((Severity::Info, more(n_more, words)));
    }
    shown
}

fn more(n: usize, words: &Words) -> String {
    words.pick(format!("… and {n} more"), format!("……还有 {n} 项"))
}

fn lists<const N: usize>(lists: [(&str, Vec<Entry>); N], words: &Words) -> Vec<(String, Vec<Entry>)> {
    let mut shown = Vec::new();
    for (heading, mut lines) in lists {
        if lines.is_empty() {
            continue;
        }
        let heading = format!("{heading} ({})", lines.len());
        let n_more = lines.len().saturating_sub(LINES_MAX);
        lines.truncate(LINES_MAX);
        if n_more > 0 {
            lines.push(Entry { text: more(n_more, words), item: None });
        }
        shown.push((heading, lines));
    }
    shown
}

fn row(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn other_name(en: &str, zh: Option<&str>, words: &Words) -> Option<String> {
    let zh = zh.filter(|zh| !zh.is_empty())?;
    Some(words.pick(zh, en).to_owned())
}

/// The name of a site for people.
pub fn site_name(known: &Known, id: &SiteId, words: &Words) -> String {
    let name = |site: &SiteView| words.name(&site.name, site.name_zh.as_deref()).to_owned();
    known.sites.get(id).map_or_else(|| id.to_string(), name)
}

/// The name of a SKU for people.
pub fn sku_name(known: &Known, id: &SkuId, words: &Words) -> String {
    let name = |sku: &SkuView| words.name(&sku.name, sku.name_zh.as_deref()).to_owned();
    known.skus.get(id).map_or_else(|| id.to_string(), name)
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
pub fn site_kind(kind: SiteKind, words: &Words) -> &'static str {
    match kind {
        SiteKind::Supplier => words.pick("supplier", "供应商"),
        SiteKind::Factory => words.pick("factory", "工厂"),
        SiteKind::Port => words.pick("port", "港口"),
        SiteKind::Airport => words.pick("airport", "机场"),
        SiteKind::CentralWarehouse => words.pick("central warehouse", "中央仓"),
        SiteKind::RegionalWarehouse => words.pick("regional warehouse", "区域仓"),
        SiteKind::CrossDock => words.pick("cross-dock", "越库中心"),
        SiteKind::Shop => words.pick("shop", "门店"),
        SiteKind::Customer => words.pick("customer", "客户"),
    }
}

/// A kind of vehicle in words.
pub fn vehicle_kind(kind: VehicleKind, words: &Words) -> &'static str {
    match kind {
        VehicleKind::Ship => words.pick("ship", "海船"),
        VehicleKind::Truck => words.pick("truck", "卡车"),
        VehicleKind::Van => words.pick("van", "厢式车"),
        VehicleKind::Train => words.pick("train", "列车"),
        VehicleKind::Aircraft => words.pick("aircraft", "飞机"),
        VehicleKind::Barge => words.pick("barge", "驳船"),
        VehicleKind::Agv => words.pick("automated guided vehicle", "自动导引车"),
    }
}

fn device_kind(kind: DeviceKind, words: &Words) -> &'static str {
    match kind {
        DeviceKind::ColdRoom => words.pick("cold room", "冷库传感器"),
        DeviceKind::Tracker => words.pick("tracker", "定位器"),
        DeviceKind::Scanner => words.pick("scanner", "扫描器"),
        other => other.as_str(),
    }
}

/// A mode in words.
pub fn mode_name(mode: Mode, words: &Words) -> &'static str {
    match mode {
        Mode::Sea => words.pick("by sea", "海运"),
        Mode::Road => words.pick("by road", "公路"),
        Mode::Rail => words.pick("by rail", "铁路"),
        Mode::Air => words.pick("by air", "空运"),
        Mode::Barge => words.pick("by barge", "内河"),
        Mode::Internal => words.pick("internal", "内部"),
    }
}

/// A severity in one word.
pub fn severity_name(severity: Severity, words: &Words) -> &'static str {
    match severity {
        Severity::Info => words.pick("info", "提示"),
        Severity::Watch => words.pick("watch", "关注"),
        Severity::Critical => words.pick("critical", "严重"),
    }
}

/// A freshness in one word.
pub fn freshness_name(freshness: Freshness, words: &Words) -> &'static str {
    match freshness {
        Freshness::Live => words.pick("live", "实时"),
        Freshness::Late => words.pick("late", "迟到"),
        Freshness::Stale => words.pick("stale", "过期"),
        Freshness::Lost => words.pick("lost", "失联"),
        Freshness::Never => words.pick("never heard", "从无消息"),
    }
}

/// A reading as people write it, in the units chosen.
pub fn value(value: &Value, unit: &str, words: &Words) -> String {
    match value {
        Value::Float(x) => words.quantity(*x, unit),
        Value::Integer(n) => group(*n),
        Value::Boolean(yes) => if *yes { words.pick("yes", "是") } else { words.pick("no", "否") }.to_owned(),
        Value::Text(text) => text.to_string(),
    }
}

fn count(n: usize, words: &Words, (one, many): (&str, &str), zh: &str) -> String {
    let n_text = group(n as i64);
    words.pick(format!("{n_text} {}", if n == 1 { one } else { many }), format!("{n_text} {zh}"))
}

fn pieces(n: Pieces, words: &Words) -> String {
    format!("{} {}", group(n.0), words.pick("pcs", "件"))
}

/// A number with thousands set apart by spaces that do not break.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::known::testing;
    use crate::scene::words::Language;

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!(group(1_234_567), "1\u{a0}234\u{a0}567");
        assert_eq!(group(-999), "-999");
        assert_eq!(group(0), "0");
    }

    #[track_caller]
    fn check(language: Language, title: &str, subtitle: &str) {
        let mut site = testing::site("RW-1", SiteKind::RegionalWarehouse, 50.0, 7.0);
        (site.name, site.name_zh) = ("Warehouse".to_owned(), Some("仓库".to_owned()));
        let mut known = Known::default();
        known.take_snapshot(testing::snapshot(vec![site.clone()]));
        let words = Words { language, ..Words::default() };
        let found = facts(&known, &ItemId::Site(site.site), Timestamp::EPOCH, &words).unwrap();
        assert_eq!((found.title.as_str(), found.subtitle.as_str()), (title, subtitle), "{language:?}");
    }

    #[test]
    fn a_site_is_told_in_either_language() {
        check(Language::En, "Warehouse", "regional warehouse");
        check(Language::Zh, "仓库", "区域仓");
    }

    #[test]
    fn a_lost_link_says_since_when_by_the_chosen_clock() {
        let since = Timestamp::parse_rfc3339("2026-07-22T10:00:00Z").unwrap();
        let link = Link::Lost { since: Some(since), reason: "refused".to_owned() };
        let zone = super::super::Zone::Site;
        let words = Words { zone, site_zone: "Europe/Berlin".to_owned(), ..Words::default() };
        let heard = since.saturating_add(std::time::Duration::from_secs(90));
        let title = title(&Known::default(), &link, None, Some(heard), Default::default(), &words);
        assert_eq!(title.link, "link lost since 12:00:00 CEST (90 s ago): refused");
    }
}
