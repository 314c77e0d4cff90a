//! The CSV files of a network, row by row.

use std::borrow::Cow;

use firmware_schemas::id::{LaneId, ShipmentId};
use firmware_schemas::network::{
    DemandSpec, DeviceKind, DeviceSpec, GlnSpec, GtinSpec, LaneSpec, Mode, PlanPart, PlanPartKind, ShipmentLineSpec,
    ShipmentSpec, SiteKind, SiteSpec, SkuSpec, StockSpec, TemperatureClass, VehicleKind, VehicleSpec,
};
use firmware_schemas::quantity::{Grams, Metres, MinorUnits, Pieces, Position, Seconds};
use hashbrown::HashMap;
use routing::Polyline;

use super::build::{Builder, SHIPMENT_LINES_MAX};
use super::error::{Cause, Errors, NetworkError, Place, Reported, noted};
use super::field;
use super::head::{self, Defaults, Head};
use super::table::{Column, Row, Table, optional, required};
use super::{Network, lane_points};

/// The files that a network may have, in the order in which they are read. The first three must be there.
pub const FILES: &[&str] = &[
    head::FILE,
    "sites.csv",
    "lanes.csv",
    "skus.csv",
    "stock.csv",
    "vehicles.csv",
    "devices.csv",
    "demand.csv",
    "shipments.csv",
    "gtins.csv",
    "glns.csv",
    "site_plans.csv",
];

/// Reads a network from texts that `files` gives by name; `None` means that there is no such file.
///
/// At most [`ERRORS_MAX`](super::ERRORS_MAX) errors are reported, those of the first file first. Memory is
/// bounded by a constant times the length of the texts; one file's text is held at a time.
pub fn parse<'a>(files: &dyn Fn(&str) -> Option<Cow<'a, str>>) -> Result<Network, Vec<NetworkError>> {
    let mut errors = Errors::default();
    let Some(text) = must_have(head::FILE, files, &mut errors) else { return Err(errors.into_inner()) };
    let Some(Head { network, defaults, seasonality }) = head::parse(&text, &mut errors) else {
        return Err(errors.into_inner());
    };
    drop(text);
    let mut reader = Reader { builder: Builder::new(network, &mut errors), defaults, errors };
    for (profile, place) in seasonality {
        noted(reader.builder.add_seasonality(profile, place, &mut reader.errors));
    }
    for (file, is_required, columns, read) in TABLES {
        let text = if *is_required { must_have(file, files, &mut reader.errors) } else { files(file) };
        let Some(text) = text else {
            if *is_required {
                reader.builder.refused().kinds.push(columns[0].name);
            }
            continue;
        };
        match Table::open(file, &text, columns, &mut reader.errors) {
            Some(table) => read(&mut reader, table),
            None => reader.builder.refused().kinds.push(columns[0].name),
        }
    }
    reader.builder.finish(reader.errors)
}

fn must_have<'a>(
    file: &'static str,
    files: &dyn Fn(&str) -> Option<Cow<'a, str>>,
    errors: &mut Errors,
) -> Option<Cow<'a, str>> {
    let text = files(file);
    if text.is_none() {
        errors.push(NetworkError { file, line: None, field: None, cause: Cause::FileMissing });
    }
    text
}

struct Reader {
    builder: Builder,
    defaults: Defaults,
    errors: Errors,
}

/// What a lane's identifier is called as a column and in errors.
const LANE: &str = "lane";
/// What is put behind the identifier of a two-way lane for the way back.
const BACK: &str = "~back";

type ReadTable = fn(&mut Reader, Table<'_>);

const TABLES: &[(&str, bool, &[Column], ReadTable)] = &[
    ("sites.csv", true, site::COLUMNS, |reader, table| {
        reader.rows(table, |row, builder, _| builder.add_site(site::read(row, builder)?, row.place, row.errors));
    }),
    ("lanes.csv", true, lane::COLUMNS, |reader, table| {
        reader.rows(table, |row, builder, _| {
            let (lane, two_way) = lane::read(row, builder)?;
            let back = if two_way { Some(lane::back(&lane, row)?) } else { None };
            builder.add_lane(lane, row.place, row.errors)?;
            back.map_or(Ok(()), |back| builder.add_lane(back, row.place, row.errors))
        });
    }),
    ("skus.csv", false, sku::COLUMNS, |reader, table| {
        reader.rows(table, |row, builder, defaults| builder.add_sku(sku::read(row, defaults)?, row.place, row.errors));
    }),
    ("stock.csv", false, stock::COLUMNS, |reader, table| {
        reader.rows(table, |row, builder, _| builder.add_stock(stock::read(row)?, row.place, row.errors));
    }),
    ("vehicles.csv", false, vehicle::COLUMNS, |reader, table| {
        reader.rows(table, |row, builder, defaults| {
            builder.add_vehicle(vehicle::read(row, defaults)?, row.place, row.errors)
        });
    }),
    ("devices.csv", false, device::COLUMNS, |reader, table| {
        reader.rows(table, |row, builder, defaults| {
            builder.add_device(device::read(row, defaults)?, row.place, row.errors)
        });
    }),
    ("demand.csv", false, demand::COLUMNS, |reader, table| {
        reader.rows(table, |row, builder, _| builder.add_demand(demand::read(row)?, row.place, row.errors));
    }),
    ("shipments.csv", false, shipment::COLUMNS, |reader, table| {
        let mut shipments = Vec::new();
        let mut index = HashMap::new();
        reader.rows(table, |row, _, _| shipment::read(row, &mut shipments, &mut index));
        for (spec, place) in shipments {
            noted(reader.builder.add_shipment(spec, place, &mut reader.errors));
        }
    }),
    ("gtins.csv", false, gtin::COLUMNS, |reader, table| {
        reader.rows(table, |row, builder, _| builder.add_gtin(gtin::read(row)?, row.place, row.errors));
    }),
    ("glns.csv", false, gln::COLUMNS, |reader, table| {
        reader.rows(table, |row, builder, _| builder.add_gln(gln::read(row)?, row.place, row.errors));
    }),
    ("site_plans.csv", false, plan::COLUMNS, |reader, table| {
        reader.rows(table, |row, builder, _| {
            let (site, part) = plan::read(row)?;
            builder.add_plan_part(site, part, row.place, row.errors)
        });
    }),
];

impl Reader {
    /// Reads every row; one with errors is left out and noted.
    fn rows(
        &mut self,
        mut table: Table<'_>,
        mut read: impl FnMut(&mut Row<'_>, &mut Builder, &Defaults) -> Result<(), Reported>,
    ) {
        while let Some(mut row) = table.next(&mut self.errors) {
            if let Err(Reported) = read(&mut row, &mut self.builder, &self.defaults) {
                let (what, id) = row.key();
                let refused = &mut self.builder.refused().entries;
                refused.insert((what, id.into()));
                if what == LANE {
                    refused.insert((what, format!("{id}{BACK}")));
                }
            }
        }
    }
}

/// Numbers the columns of a table, in the order of its format.
macro_rules! columns {
    ($($name:ident: $column:expr,)+) => {
        columns!(@number 0_usize; $($name,)+);
        pub(super) const COLUMNS: &[Column] = &[$($column),+];
    };
    (@number $n:expr; $name:ident, $($rest:ident,)*) => {
        const $name: usize = $n;
        columns!(@number $n + 1; $($rest,)*);
    };
    (@number $n:expr;) => {};
}

mod site {
    use super::*;

    columns! {
        SITE: required("site"),
        KIND: required("kind"),
        NAME: required("name"),
        NAME_ZH: optional("name_zh"),
        LAT: required("lat"),
        LON: required("lon"),
        COUNTRY: optional("country"),
        TIME_ZONE: optional("time_zone"),
        TIER: optional("tier"),
        PARTNER_CLASS: optional("partner_class"),
    }

    pub(super) fn read(row: &mut Row<'_>, builder: &Builder) -> Result<SiteSpec, Reported> {
        let site = row.required(SITE, field::id);
        let kind = row.required(KIND, field::choice(SiteKind::ALL, SiteKind::from_name));
        let name = row.required(NAME, field::text);
        let name_zh = row.optional(NAME_ZH, field::text);
        let lat = row.required(LAT, field::latitude);
        let lon = row.required(LON, field::longitude);
        let country = row.optional(COUNTRY, field::country);
        let time_zone = row.optional(TIME_ZONE, field::time_zone);
        let tier = row.optional(TIER, field::whole);
        let partner_class = row.optional(PARTNER_CLASS, field::text);
        let position = Position::from_degrees(lat?, lon?).ok_or(Reported)?; // both were just checked
        Ok(SiteSpec {
            site: site?,
            kind: kind?,
            name: name?,
            name_zh: name_zh?,
            position,
            country: country?,
            time_zone: time_zone?.unwrap_or_else(|| builder.time_zone().into()),
            tier: tier?,
            partner_class: partner_class?,
        })
    }
}

mod lane {
    use super::*;

    columns! {
        LANE_ID: required("lane"),
        FROM: required("from"),
        TO: required("to"),
        MODE: required("mode"),
        LEAD_TIME_SECS: optional("lead_time_secs"),
        LEAD_TIME_H: optional("lead_time_h"),
        LEAD_TIME_DAYS: optional("lead_time_days"),
        LEAD_TIME_SD_SECS: optional("lead_time_sd_secs"),
        LEAD_TIME_SD_H: optional("lead_time_sd_h"),
        LEAD_TIME_SD_DAYS: optional("lead_time_sd_days"),
        DISTANCE: optional("distance_m"),
        VIA: optional("via"),
        COST: optional("cost_minor"),
        COST_PER_TONNE: optional("cost_per_tonne_minor"),
        CAPACITY: optional("capacity_g_per_day"),
        DEPARTS_EVERY_SECS: optional("departs_every_secs"),
        DEPARTS_EVERY_H: optional("departs_every_h"),
        DEPARTS_EVERY_DAYS: optional("departs_every_days"),
        TWO_WAY: optional("two_way"),
    }

    pub(super) fn read(row: &mut Row<'_>, builder: &Builder) -> Result<(LaneSpec, bool), Reported> {
        let lane = row.required(LANE_ID, field::id);
        let from = row.required(FROM, field::id);
        let to = row.required(TO, field::id);
        let mode = row.required(MODE, field::choice(Mode::ALL, Mode::from_name));
        let lead_time = span(row, [LEAD_TIME_SECS, LEAD_TIME_H, LEAD_TIME_DAYS])
            .and_then(|found| found.ok_or_else(|| row.wrong(LEAD_TIME_SECS, Cause::FieldMissing)));
        let lead_time_sd = span(row, [LEAD_TIME_SD_SECS, LEAD_TIME_SD_H, LEAD_TIME_SD_DAYS]);
        let distance = row.optional(DISTANCE, field::whole::<u64>);
        let via = row.or(VIA, Vec::new(), field::waypoints);
        let cost = row.or(COST, 0, field::whole);
        let cost_per_tonne = row.or(COST_PER_TONNE, 0, field::whole);
        let capacity = row.optional(CAPACITY, field::whole);
        let departs_every = span(row, [DEPARTS_EVERY_SECS, DEPARTS_EVERY_H, DEPARTS_EVERY_DAYS]);
        let two_way = row.or(TWO_WAY, false, field::boolean);
        let (from, to, via) = (from?, to?, via?);
        let distance_m = match distance? {
            Some(metres) => Metres(metres),
            None => great_circles(builder.position_of(&from), &via, builder.position_of(&to)),
        };
        let spec = LaneSpec {
            lane: lane?,
            from,
            to,
            mode: mode?,
            lead_time_secs: lead_time?,
            lead_time_sd_secs: lead_time_sd?.unwrap_or(Seconds::ZERO),
            distance_m,
            via,
            cost_minor: MinorUnits(cost?),
            cost_per_tonne_minor: MinorUnits(cost_per_tonne?),
            capacity_g_per_day: capacity?.map(Grams),
            departs_every_secs: departs_every?,
        };
        Ok((spec, two_way?))
    }

    /// The length of the way; zero when an end is missing, which is noted elsewhere.
    fn great_circles(from: Option<Position>, via: &[Position], to: Option<Position>) -> Metres {
        let ends = from.zip(to);
        let line = ends.and_then(|(from, to)| Polyline::new(&lane_points(from, via, to)));
        line.map_or(Metres::ZERO, |line| Metres(line.length_m()))
    }

    /// The span that stands in one of three columns: seconds, hours, days.
    fn span(row: &mut Row<'_>, columns: [usize; 3]) -> Result<Option<Seconds>, Reported> {
        let given: Vec<usize> = columns.into_iter().filter(|column| !row.is_empty(*column)).collect();
        if let [_, second, ..] = given[..] {
            return Err(row.wrong(second, Cause::Contradiction("the same is given in another unit as well".into())));
        }
        let secs = row.optional(columns[0], field::seconds)?;
        let hours = row.optional(columns[1], field::hours)?;
        let days = row.optional(columns[2], field::days)?;
        Ok(secs.or(hours).or(days))
    }

    /// The way back of a two-way lane.
    pub(super) fn back(lane: &LaneSpec, row: &mut Row<'_>) -> Result<LaneSpec, Reported> {
        let id = LaneId::new(&format!("{}{BACK}", lane.lane)).map_err(|why| {
            let why = format!("the way back would be called {:?}: {why}", format!("{}{BACK}", lane.lane));
            row.wrong(LANE_ID, Cause::Contradiction(why))
        })?;
        let via = lane.via.iter().rev().copied().collect();
        Ok(LaneSpec { lane: id, from: lane.to.clone(), to: lane.from.clone(), via, ..lane.clone() })
    }
}

mod sku {
    use super::*;

    columns! {
        SKU: required("sku"),
        NAME: required("name"),
        NAME_ZH: optional("name_zh"),
        UNIT: optional("unit"),
        MASS: required("mass_g"),
        VOLUME: optional("volume_ml"),
        VALUE: optional("value_minor"),
        TEMPERATURE: optional("temperature"),
        TEMPERATURE_MIN: optional("temperature_min_c"),
        TEMPERATURE_MAX: optional("temperature_max_c"),
        SHELF_LIFE: optional("shelf_life_days"),
    }

    pub(super) fn read(row: &mut Row<'_>, defaults: &Defaults) -> Result<SkuSpec, Reported> {
        let sku = row.required(SKU, field::id);
        let name = row.required(NAME, field::text);
        let name_zh = row.optional(NAME_ZH, field::text);
        let unit = row.optional(UNIT, field::text);
        let mass = row.required(MASS, field::whole);
        let volume = row.or(VOLUME, 0, field::whole);
        let value = row.or(VALUE, 0, field::whole);
        let class = row.or(
            TEMPERATURE,
            TemperatureClass::Dry,
            field::choice(TemperatureClass::ALL, TemperatureClass::from_name),
        );
        let min = row.optional(TEMPERATURE_MIN, field::celsius);
        let max = row.optional(TEMPERATURE_MAX, field::celsius);
        let shelf_life = row.optional(SHELF_LIFE, field::whole);
        Ok(SkuSpec {
            sku: sku?,
            name: name?,
            name_zh: name_zh?,
            unit: unit?.unwrap_or_else(|| defaults.unit.clone()),
            mass_g: Grams(mass?),
            volume_ml: volume?,
            value_minor: MinorUnits(value?),
            temperature: class?,
            temperature_min_milli_c: min?,
            temperature_max_milli_c: max?,
            shelf_life_days: shelf_life?,
        })
    }
}

mod stock {
    use super::*;

    columns! {
        SITE: required("site"),
        SKU: required("sku"),
        ON_HAND: required("on_hand"),
        RESERVED: optional("reserved"),
        IN_TRANSIT: optional("in_transit"),
        ON_ORDER: optional("on_order"),
        REORDER_POINT: optional("reorder_point"),
        ORDER_UP_TO: optional("order_up_to"),
        SOURCE: optional("source"),
    }

    pub(super) fn read(row: &mut Row<'_>) -> Result<StockSpec, Reported> {
        let site = row.required(SITE, field::id);
        let sku = row.required(SKU, field::id);
        let on_hand = row.required(ON_HAND, field::whole);
        let reserved = row.or(RESERVED, 0, field::whole);
        let in_transit = row.or(IN_TRANSIT, 0, field::whole);
        let on_order = row.or(ON_ORDER, 0, field::whole);
        let reorder_point = row.optional(REORDER_POINT, field::whole);
        let order_up_to = row.optional(ORDER_UP_TO, field::whole);
        let source = row.optional(SOURCE, field::id);
        Ok(StockSpec {
            site: site?,
            sku: sku?,
            on_hand: Pieces(on_hand?),
            reserved: Pieces(reserved?),
            in_transit: Pieces(in_transit?),
            on_order: Pieces(on_order?),
            reorder_point: reorder_point?.map(Pieces),
            order_up_to: order_up_to?.map(Pieces),
            source: source?,
        })
    }
}

mod vehicle {
    use super::*;

    columns! {
        VEHICLE: required("vehicle"),
        KIND: required("kind"),
        MODE: optional("mode"),
        NAME: optional("name"),
        CAPACITY: required("capacity_g"),
        TEMPERATURE: optional("temperature"),
        HOME: required("home"),
        ROUTE: optional("route"),
        PROGRESS: optional("progress_permille"),
        SPEED: optional("speed_m_per_h"),
        DEVICE: optional("device"),
    }

    pub(super) fn read(row: &mut Row<'_>, defaults: &Defaults) -> Result<VehicleSpec, Reported> {
        let vehicle: Result<firmware_schemas::id::VehicleId, _> = row.required(VEHICLE, field::id);
        let kind = row.required(KIND, field::choice(VehicleKind::ALL, VehicleKind::from_name));
        let mode = row.optional(MODE, field::choice(Mode::ALL, Mode::from_name));
        let name = row.optional(NAME, field::text);
        let capacity = row.required(CAPACITY, field::whole);
        let temperature = row.or(
            TEMPERATURE,
            TemperatureClass::Dry,
            field::choice(TemperatureClass::ALL, TemperatureClass::from_name),
        );
        let home = row.required(HOME, field::id);
        let route = row.or(ROUTE, Vec::new(), field::ids);
        let progress = row.optional(PROGRESS, field::whole);
        let speed = row.optional(SPEED, field::whole);
        let device = row.optional(DEVICE, field::id);
        let (vehicle, kind) = (vehicle?, kind?);
        let mode = mode?.unwrap_or(match kind {
            VehicleKind::Ship => Mode::Sea,
            VehicleKind::Truck | VehicleKind::Van => Mode::Road,
            VehicleKind::Train => Mode::Rail,
            VehicleKind::Aircraft => Mode::Air,
            VehicleKind::Barge => Mode::Barge,
            VehicleKind::Agv => Mode::Internal,
        });
        Ok(VehicleSpec {
            kind,
            mode,
            name: name?.unwrap_or_else(|| vehicle.to_string()),
            vehicle,
            capacity_g: Grams(capacity?),
            temperature: temperature?,
            home: home?,
            route: route?,
            progress_permille: progress?,
            speed_m_per_h: speed?.unwrap_or_else(|| defaults.speed_m_per_h(mode)),
            device: device?,
        })
    }
}

mod device {
    use super::*;

    columns! {
        DEVICE: required("device"),
        SITE: required("site"),
        KIND: required("kind"),
        VEHICLE: optional("vehicle"),
        INTERVAL: optional("interval_secs"),
        METRICS: optional("metrics"),
    }

    pub(super) fn read(row: &mut Row<'_>, defaults: &Defaults) -> Result<DeviceSpec, Reported> {
        let device = row.required(DEVICE, field::id);
        let site = row.required(SITE, field::id);
        let kind = row.required(KIND, field::choice(DeviceKind::ALL, DeviceKind::from_name));
        let vehicle = row.optional(VEHICLE, field::id);
        let interval = row.or(INTERVAL, defaults.device_interval, field::seconds);
        let metrics = row.or(METRICS, Vec::new(), field::metrics);
        Ok(DeviceSpec {
            device: device?,
            site: site?,
            kind: kind?,
            vehicle: vehicle?,
            interval_secs: interval?,
            metrics: metrics?,
        })
    }
}

mod gtin {
    use super::*;

    columns! {
        SKU: required("sku"),
        GTIN: required("gtin"),
    }

    pub(super) fn read(row: &mut Row<'_>) -> Result<GtinSpec, Reported> {
        let (sku, gtin) = (row.required(SKU, field::id), row.required(GTIN, field::gs1));
        Ok(GtinSpec { sku: sku?, gtin: gtin? })
    }
}

mod gln {
    use super::*;

    columns! {
        SITE: required("site"),
        GLN: required("gln"),
    }

    pub(super) fn read(row: &mut Row<'_>) -> Result<GlnSpec, Reported> {
        let (site, gln) = (row.required(SITE, field::id), row.required(GLN, field::gs1));
        Ok(GlnSpec { site: site?, gln: gln? })
    }
}

mod plan {
    use super::*;
    use firmware_schemas::id::SiteId;

    columns! {
        SITE: required("site"),
        PART: required("part"),
        X: required("x_m"),
        Y: required("y_m"),
        WIDTH: optional("width_m"),
        HEIGHT: optional("height_m"),
        SKU: optional("sku"),
        SENSOR: optional("sensor"),
    }

    pub(super) fn read(row: &mut Row<'_>) -> Result<(SiteId, PlanPart), Reported> {
        let site = row.required(SITE, field::id);
        let kind = row.required(PART, field::choice(PlanPartKind::ALL, PlanPartKind::from_name));
        let (x, y) = (row.required(X, field::millimetres), row.required(Y, field::millimetres));
        let (width, height) = (row.or(WIDTH, 0, field::millimetres), row.or(HEIGHT, 0, field::millimetres));
        let (sku, sensor) = (row.optional(SKU, field::id), row.optional(SENSOR, field::id));
        let part = PlanPart {
            kind: kind?,
            x_mm: x?,
            y_mm: y?,
            width_mm: width?,
            height_mm: height?,
            sku: sku?,
            sensor: sensor?,
        };
        Ok((site?, part))
    }
}

mod demand {
    use super::*;

    columns! {
        SITE: required("site"),
        SKU: required("sku"),
        RATE: required("rate_per_day"),
        ORDER_SIZE: optional("order_size"),
        ORDER_SIZE_CV2: optional("order_size_cv2"),
        SEASONALITY: optional("seasonality"),
    }

    pub(super) fn read(row: &mut Row<'_>) -> Result<DemandSpec, Reported> {
        let site = row.required(SITE, field::id);
        let sku = row.required(SKU, field::id);
        let rate = row.required(RATE, |text| field::positive_decimal(text, 6));
        let order_size = row.or(ORDER_SIZE, 1_000, |text| field::positive_decimal(text, 3));
        let order_size_cv2 = row.or(ORDER_SIZE_CV2, 0, |text| field::positive_decimal(text, 3));
        let seasonality = row.optional(SEASONALITY, field::text);
        Ok(DemandSpec {
            site: site?,
            sku: sku?,
            rate_micro: rate?,
            order_size_milli: order_size?,
            order_size_cv2_milli: order_size_cv2?,
            seasonality: seasonality?,
        })
    }
}

mod shipment {
    use super::*;

    columns! {
        SHIPMENT: required("shipment"),
        FROM: required("from"),
        TO: required("to"),
        LANE: optional("lane"),
        VEHICLE: optional("vehicle"),
        DUE_IN: required("due_in_secs"),
        SKU: required("sku"),
        QUANTITY: required("quantity"),
    }

    /// Reads one line of a shipment; the rows of a shipment agree in everything but SKU and quantity.
    pub(super) fn read(
        row: &mut Row<'_>,
        shipments: &mut Vec<(ShipmentSpec, Place)>,
        index: &mut HashMap<ShipmentId, usize>,
    ) -> Result<(), Reported> {
        let shipment: Result<ShipmentId, _> = row.required(SHIPMENT, field::id);
        let from = row.required(FROM, field::id);
        let to = row.required(TO, field::id);
        let lane = row.optional(LANE, field::id);
        let vehicle = row.optional(VEHICLE, field::id);
        let due_in = row.required(DUE_IN, field::seconds);
        let sku = row.required(SKU, field::id);
        let quantity = row.required(QUANTITY, field::whole);
        let shipment = shipment?;
        let spec = ShipmentSpec {
            shipment: shipment.clone(),
            from: from?,
            to: to?,
            lane: lane?,
            vehicle: vehicle?,
            due_in_secs: due_in?,
            lines: Vec::new(),
        };
        let line = ShipmentLineSpec { sku: sku?, quantity: Pieces(quantity?) };
        let at = *index.entry(shipment).or_insert_with(|| {
            shipments.push((spec.clone(), row.place));
            shipments.len() - 1
        });
        let (first, place) = &mut shipments[at];
        let differs = [
            (FROM, first.from != spec.from),
            (TO, first.to != spec.to),
            (LANE, first.lane != spec.lane),
            (VEHICLE, first.vehicle != spec.vehicle),
            (DUE_IN, first.due_in_secs != spec.due_in_secs),
        ];
        if let Some((column, _)) = differs.into_iter().find(|(_, differs)| *differs) {
            let why = format!("differs from the first row of this shipment, on line {}", place.line);
            return Err(row.wrong(column, Cause::Contradiction(why)));
        }
        if first.lines.len() >= SHIPMENT_LINES_MAX {
            return Err(row.wrong(SKU, Cause::TooMany { max: SHIPMENT_LINES_MAX }));
        }
        first.lines.push(line);
        Ok(())
    }
}
