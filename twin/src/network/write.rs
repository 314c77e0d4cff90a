//! A network as the texts of its files: what [`parse`](super::parse) reads, everything said, nothing left to
//! defaults.

use std::collections::BTreeMap;
use std::fmt::Display;

use firmware_schemas::network::MetricSpec;
use firmware_schemas::quantity::Position;

use super::{Parts, head};

/// The texts of the network's files, by name. A file of no rows is left out, but for the first three.
pub fn write(parts: &Parts) -> BTreeMap<&'static str, String> {
    let mut files = BTreeMap::from([(head::FILE, head(parts))]);
    let mut add = |file: &'static str, columns: &str, rows: Vec<Vec<String>>, is_required: bool| {
        if is_required || !rows.is_empty() {
            files.insert(file, table(columns, &rows));
        }
    };
    let sites = parts.sites.iter().map(|it| {
        row([
            &it.site,
            &it.kind,
            &it.name,
            &or_empty(&it.name_zh),
            &it.position.lat(),
            &it.position.lon(),
            &or_empty(&it.country),
            &it.time_zone,
            &or_empty(&it.tier),
            &or_empty(&it.partner_class),
        ])
    });
    add("sites.csv", "site,kind,name,name_zh,lat,lon,country,time_zone,tier,partner_class", sites.collect(), true);
    let lanes = parts.lanes.iter().map(|it| {
        row([
            &it.lane,
            &it.from,
            &it.to,
            &it.mode,
            &it.lead_time_secs.0,
            &it.lead_time_sd_secs.0,
            &it.distance_m.0,
            &list(&it.via, waypoint),
            &it.cost_minor.0,
            &it.cost_per_tonne_minor.0,
            &or_empty(&it.capacity_g_per_day.map(|grams| grams.0)),
            &or_empty(&it.departs_every_secs.map(|it| it.0)),
        ])
    });
    let columns = "lane,from,to,mode,lead_time_secs,lead_time_sd_secs,distance_m,via,cost_minor,\
        cost_per_tonne_minor,capacity_g_per_day,departs_every_secs";
    add("lanes.csv", columns, lanes.collect(), true);
    let skus = parts.skus.iter().map(|it| {
        let celsius = |milli: Option<i32>| or_empty(&milli.map(|milli| decimal(i64::from(milli), 3)));
        row([
            &it.sku,
            &it.name,
            &or_empty(&it.name_zh),
            &it.unit,
            &it.mass_g.0,
            &it.volume_ml,
            &it.value_minor.0,
            &it.temperature,
            &celsius(it.temperature_min_milli_c.map(|it| it.0)),
            &celsius(it.temperature_max_milli_c.map(|it| it.0)),
            &or_empty(&it.shelf_life_days),
        ])
    });
    let columns = "sku,name,name_zh,unit,mass_g,volume_ml,value_minor,temperature,temperature_min_c,\
        temperature_max_c,shelf_life_days";
    add("skus.csv", columns, skus.collect(), true);
    let stock = parts.stock.iter().map(|it| {
        row([
            &it.site,
            &it.sku,
            &it.on_hand,
            &it.reserved,
            &it.in_transit,
            &it.on_order,
            &or_empty(&it.reorder_point),
            &or_empty(&it.order_up_to),
            &or_empty(&it.source),
        ])
    });
    let columns = "site,sku,on_hand,reserved,in_transit,on_order,reorder_point,order_up_to,source";
    add("stock.csv", columns, stock.collect(), false);
    let vehicles = parts.vehicles.iter().map(|it| {
        row([
            &it.vehicle,
            &it.kind,
            &it.mode,
            &it.name,
            &it.capacity_g.0,
            &it.temperature,
            &it.home,
            &list(&it.route, ToString::to_string),
            &or_empty(&it.progress_permille),
            &it.speed_m_per_h,
            &or_empty(&it.device),
        ])
    });
    let columns = "vehicle,kind,mode,name,capacity_g,temperature,home,route,progress_permille,speed_m_per_h,device";
    add("vehicles.csv", columns, vehicles.collect(), false);
    let devices = parts.devices.iter().map(|it| {
        row([&it.device, &it.site, &it.kind, &or_empty(&it.vehicle), &it.interval_secs.0, &list(&it.metrics, metric)])
    });
    add("devices.csv", "device,site,kind,vehicle,interval_secs,metrics", devices.collect(), false);
    let demand = parts.demand.iter().map(|it| {
        row([
            &it.site,
            &it.sku,
            &positive_decimal(it.rate_micro, 6),
            &positive_decimal(it.order_size_milli, 3),
            &positive_decimal(it.order_size_cv2_milli, 3),
            &or_empty(&it.seasonality),
        ])
    });
    let columns = "site,sku,rate_per_day,order_size,order_size_cv2,seasonality";
    add("demand.csv", columns, demand.collect(), false);
    let shipments = parts.shipments.iter().flat_map(|it| {
        it.lines.iter().map(move |line| {
            row([
                &it.shipment,
                &it.from,
                &it.to,
                &or_empty(&it.lane),
                &or_empty(&it.vehicle),
                &it.due_in_secs.0,
                &line.sku,
                &line.quantity,
            ])
        })
    });
    add("shipments.csv", "shipment,from,to,lane,vehicle,due_in_secs,sku,quantity", shipments.collect(), false);
    let gtins = parts.gtins.iter().map(|it| row([&it.sku, &it.gtin]));
    add("gtins.csv", "sku,gtin", gtins.collect(), false);
    let glns = parts.glns.iter().map(|it| row([&it.site, &it.gln]));
    add("glns.csv", "site,gln", glns.collect(), false);
    let plans = parts.plans.iter().flat_map(|plan| plan.parts.iter().map(move |part| (&plan.site, part)));
    let plans = plans.map(|(site, it)| {
        let metres = |mm: i32| decimal(i64::from(mm), 3);
        let extent = |mm: i32| if it.kind.is_dock() { String::new() } else { metres(mm) };
        row([
            site,
            &it.kind,
            &metres(it.x_mm),
            &metres(it.y_mm),
            &extent(it.width_mm),
            &extent(it.height_mm),
            &or_empty(&it.sku),
            &or_empty(&it.sensor),
        ])
    });
    add("site_plans.csv", "site,part,x_m,y_m,width_m,height_m,sku,sensor", plans.collect(), false);
    files
}

fn head(parts: &Parts) -> String {
    let network = &parts.network;
    let mut table = toml::Table::new();
    table.insert("format".into(), head::FORMAT.into());
    table.insert("name".into(), network.name.clone().into());
    table.insert("tenant".into(), network.tenant.to_string().into());
    table.insert("currency".into(), network.currency.clone().into());
    table.insert("time_zone".into(), network.time_zone.clone().into());
    let factors = |factors: &[u32]| toml::Value::Array(factors.iter().map(|it| i64::from(*it).into()).collect());
    let profiles = parts.seasonality.iter().map(|profile| {
        let entries = [
            ("weekday_permille", &profile.weekday_permille),
            ("month_permille", &profile.month_permille),
            ("hour_permille", &profile.hour_permille),
        ];
        let entries = entries.into_iter().map(|(name, list)| (name.to_owned(), factors(list)));
        (profile.name.clone(), toml::Value::Table(entries.collect()))
    });
    let profiles: toml::Table = profiles.collect();
    if !profiles.is_empty() {
        table.insert("seasonality".into(), profiles.into());
    }
    table.to_string()
}

fn table(columns: &str, rows: &[Vec<String>]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Into memory, and all rows as long as each other: it cannot fail.
    writer.write_record(columns.split(',')).ok();
    for row in rows {
        writer.write_record(row).ok();
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

fn row<const N: usize>(fields: [&dyn Display; N]) -> Vec<String> {
    fields.iter().map(ToString::to_string).collect()
}

fn or_empty<T: Display>(value: &Option<T>) -> String {
    value.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn list<T>(entries: &[T], text: impl Fn(&T) -> String) -> String {
    entries.iter().map(text).collect::<Vec<_>>().join(";")
}

fn waypoint(at: &Position) -> String {
    format!("{} {}", at.lat(), at.lon())
}

fn metric(spec: &MetricSpec) -> String {
    let MetricSpec { metric, unit, kind, min_milli, max_milli } = spec;
    let limit = |milli: &Option<i64>| milli.map(|milli| decimal(milli, 3)).unwrap_or_default();
    format!("{metric}:{unit}:{kind}:{}..{}", limit(min_milli), limit(max_milli))
}

/// A multiple of 10^-places as a decimal number.
fn decimal(scaled: i64, places: u32) -> String {
    let sign = if scaled < 0 { "-" } else { "" };
    format!("{sign}{}", positive_decimal(scaled.unsigned_abs(), places))
}

fn positive_decimal(scaled: u64, places: u32) -> String {
    let one = 10_u64.pow(places);
    let (whole, part) = (scaled / one, scaled % one);
    if part == 0 { whole.to_string() } else { format!("{whole}.{part:0width$}", width = places as usize) }
}
