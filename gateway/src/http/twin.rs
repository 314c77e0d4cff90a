//! Sites, lanes, SKUs, stock, vehicles, devices and shipments, from the published twin.

use super::api::{About, Api, Call};
use super::error::Problem;
use super::page::{beyond, collect, contains};
use super::params::{Limit, Param, Text, path_params, query_params};
use ::twin::Twin;
use ::twin::state::{SiteIdx, SkuIdx, StockIdx};
use firmware_schemas::api::Page;
use firmware_schemas::api::plan::SitePlanView;
use firmware_schemas::fact::DeviceIdx;
use firmware_schemas::gs1::{Gln, Gtin};
use firmware_schemas::id::{DeviceId, LaneId, ShipmentId, SiteId, SkuId, VehicleId};
use firmware_schemas::network::{DeviceKind, Mode, SiteKind, TemperatureClass, VehicleKind};
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::view::{
    DeviceView, Freshness, LaneView, NetworkView, ShipmentState, ShipmentView, SiteView, SkuView, StockView,
    VehicleView,
};
use schemars::{Schema, SchemaGenerator, json_schema};
use std::ops::Bound;

const TAG: &str = "network";

pub(super) fn add_to(api: &mut Api) {
    let about = |path, id, summary, description| About { path, id, tag: TAG, summary, description };
    api.get(about("/v1/network", "get_network", "The head of the network", "Name, currency and time zone."), network);
    api.get(about("/v1/sites", "list_sites", "Sites by id", "With the sums of their stock."), sites);
    api.get(about("/v1/sites/{site}", "get_site", "One site", "With the sums of its stock."), site);
    let plan =
        "From above, in metres: hall, zones, slots with what they are for, doors. `404` where the network has none.";
    api.get(about("/v1/sites/{site}/plan", "get_plan_of_site", "The plan of a site", plan), plan_of_site);
    let stock_at_site = "In the order in which its SKUs were defined.";
    api.get(about("/v1/sites/{site}/stock", "list_stock_of_site", "The stock of a site", stock_at_site), stock_of_site);
    api.get(about("/v1/lanes", "list_lanes", "Lanes by id", "Connections between two sites by one mode."), lanes);
    api.get(about("/v1/lanes/{lane}", "get_lane", "One lane", "With its points between the ends."), lane);
    api.get(about("/v1/skus", "list_skus", "SKUs by id", "Stock keeping units: what is kept and moved."), skus);
    api.get(about("/v1/skus/{sku}", "get_sku", "One SKU", "With mass, value and temperature limits."), sku);
    let stock_order = "By site and SKU, in the order in which they were defined. `days_of_cover` is reckoned now.";
    api.get(about("/v1/stock", "list_stock", "Stock positions", stock_order), stock);
    api.get(about("/v1/vehicles", "list_vehicles", "Vehicles by id", "With their last fixes."), vehicles);
    api.get(about("/v1/vehicles/{vehicle}", "get_vehicle", "One vehicle", "With its last fix."), vehicle);
    let kept = "Under way, or lately arrived: the newest 10,000 arrivals are kept.";
    api.get(about("/v1/shipments", "list_shipments", "Shipments by id", kept), shipments);
    api.get(about("/v1/shipments/{shipment}", "get_shipment", "One shipment", "With its lines."), shipment);
    let about = |path, id, summary, description| About { path, id, tag: "devices", summary, description };
    api.get(about("/v1/devices", "list_devices", "Devices by id", "With their last readings and freshness."), devices);
    api.get(about("/v1/devices/{device}", "get_device", "One device", "With its last readings and freshness."), device);
}

path_params! {
    /// Names a site.
    SitePath {
        /// The site's id.
        site: SiteId = "CW-DAVENTRY",
    }
}
path_params! {
    /// Names a lane.
    LanePath {
        /// The lane's id.
        lane: LaneId = "PRE-YIWU",
    }
}
path_params! {
    /// Names a SKU.
    SkuPath {
        /// The SKU's id.
        sku: SkuId = "HOM-01",
    }
}
path_params! {
    /// Names a vehicle.
    VehiclePath {
        /// The vehicle's id.
        vehicle: VehicleId = "SHIP-01",
    }
}
path_params! {
    /// Names a device.
    DevicePath {
        /// The device's id.
        device: DeviceId = "COLD-DAVENTRY-1",
    }
}
path_params! {
    /// Names a shipment.
    ShipmentPath {
        /// The shipment's id.
        shipment: ShipmentId = "SHP-001",
    }
}

async fn network(call: Call) -> Result<NetworkView, Problem> {
    Ok(call.app.published.load().twin.network_view(&call.app.tenant))
}

query_params! {
    /// Which sites.
    SiteQuery {
        /// Only of this kind.
        kind: SiteKind = "regional_warehouse",
        /// Only in this country, ISO 3166-1 alpha-2.
        country: Text = "GB",
        /// Only with (or without) SKUs at or under their reorder point.
        below_reorder_point: bool = true,
        /// Only with (or without) open alerts.
        has_alerts: bool = true,
        /// Only the one with this GLN.
        gln: Gln = "9521234000006",
        /// Only with this text in the id or a name.
        q: Text = "london",
        /// At most so many.
        limit: Limit = 100,
        /// The `next_cursor` of the page before.
        cursor: SiteId = "CW-DAVENTRY",
    }
}

async fn sites(call: Call<(), SiteQuery>) -> Result<Page<SiteView>, Problem> {
    let (published, query) = (call.app.published.load_full(), call.query);
    let twin = &published.twin;
    let wanted = |at: &SiteIdx| {
        let site = &twin.sites[at.at()];
        let spec = &site.spec;
        query.kind.is_none_or(|kind| spec.kind == kind)
            && query.gln.is_none_or(|gln| twin.gln_by_site.get(at) == Some(&gln))
            && query
                .country
                .as_ref()
                .is_none_or(|Text(it)| spec.country.as_deref().is_some_and(|c| c.eq_ignore_ascii_case(it)))
            && query.below_reorder_point.is_none_or(|below| (site.below_reorder_point > 0) == below)
            && query.has_alerts.is_none_or(|has| (site.open_alerts > 0) == has)
            && query.q.as_ref().is_none_or(|Text(q)| {
                contains(&[spec.site.as_str(), &spec.name, spec.name_zh.as_deref().unwrap_or_default()], q)
            })
    };
    let rest = twin.site_by_id.range(beyond(query.cursor.clone()));
    let views = rest.map(|(_, at)| *at).filter(wanted).map(|at| twin.site_view(at));
    Ok(collect(query.limit, views, |site| site.site.to_string()))
}

async fn site(call: Call<SitePath>) -> Result<SiteView, Problem> {
    let published = call.app.published.load();
    Ok(published.twin.site_view(find_site(&published.twin, &call.path.site)?))
}

async fn plan_of_site(call: Call<SitePath>) -> Result<SitePlanView, Problem> {
    let published = call.app.published.load();
    let at = find_site(&published.twin, &call.path.site)?;
    let plan = published.twin.plan_by_site.get(&at).and_then(|plan| SitePlanView::of(plan));
    plan.ok_or_else(|| Problem::not_found("plan of the site", &call.path.site))
}

fn find_site(twin: &Twin, site: &SiteId) -> Result<SiteIdx, Problem> {
    twin.site_by_id.get(site).copied().ok_or_else(|| Problem::not_found("site", site))
}

query_params! {
    /// Which lanes.
    LaneQuery {
        /// Only from this site.
        from: SiteId = "SUP-YIWU",
        /// Only to this site.
        to: SiteId = "CNNGB",
        /// Only of this mode.
        mode: Mode = "sea",
        /// At most so many.
        limit: Limit = 100,
        /// The `next_cursor` of the page before.
        cursor: LaneId = "PRE-YIWU",
    }
}

async fn lanes(call: Call<(), LaneQuery>) -> Result<Page<LaneView>, Problem> {
    let (published, query) = (call.app.published.load_full(), call.query);
    let twin = &published.twin;
    let rest = twin.lane_by_id.range(beyond(query.cursor.clone()));
    let wanted = rest.map(|(_, at)| *at).filter(|at| {
        let lane = &twin.lanes[at.at()];
        query.from.as_ref().is_none_or(|from| lane.from == *from)
            && query.to.as_ref().is_none_or(|to| lane.to == *to)
            && query.mode.is_none_or(|mode| lane.mode == mode)
    });
    Ok(collect(query.limit, wanted.map(|at| twin.lane_view(at)), |lane| lane.lane.to_string()))
}

async fn lane(call: Call<LanePath>) -> Result<LaneView, Problem> {
    let published = call.app.published.load();
    let at = published.twin.lane_by_id.get(&call.path.lane).copied();
    at.map(|at| published.twin.lane_view(at)).ok_or_else(|| Problem::not_found("lane", &call.path.lane))
}

query_params! {
    /// Which SKUs.
    SkuQuery {
        /// Only of this temperature class.
        temperature: TemperatureClass = "chilled",
        /// Only the one with this GTIN, with or without zeros before it.
        gtin: Gtin = "9521234543213",
        /// Only with this text in the id or a name.
        q: Text = "candle",
        /// At most so many.
        limit: Limit = 100,
        /// The `next_cursor` of the page before.
        cursor: SkuId = "HOM-01",
    }
}

async fn skus(call: Call<(), SkuQuery>) -> Result<Page<SkuView>, Problem> {
    let (published, query) = (call.app.published.load_full(), call.query);
    let twin = &published.twin;
    let rest = twin.sku_by_id.range(beyond(query.cursor.clone()));
    let wanted = rest.map(|(_, at)| *at).filter(|at| {
        let spec = &twin.skus[at.at()];
        query.temperature.is_none_or(|class| spec.temperature == class)
            && query.gtin.is_none_or(|gtin| twin.gtin_by_sku.get(at) == Some(&gtin))
            && query.q.as_ref().is_none_or(|Text(q)| {
                contains(&[spec.sku.as_str(), &spec.name, spec.name_zh.as_deref().unwrap_or_default()], q)
            })
    });
    Ok(collect(query.limit, wanted.map(|at| twin.sku_view(at)), |sku| sku.sku.to_string()))
}

async fn sku(call: Call<SkuPath>) -> Result<SkuView, Problem> {
    let published = call.app.published.load();
    let at = published.twin.sku_by_id.get(&call.path.sku).copied();
    at.map(|at| published.twin.sku_view(at)).ok_or_else(|| Problem::not_found("SKU", &call.path.sku))
}

query_params! {
    /// Which stock positions.
    StockQuery {
        /// Only at this site.
        site: SiteId = "CW-DAVENTRY",
        /// Only of this SKU.
        sku: SkuId = "HOM-01",
        /// Only at or under (or only above) the reorder point.
        below_reorder_point: bool = true,
        /// Only with nothing (or only with something) on hand.
        out_of_stock: bool = false,
        /// At most so many.
        limit: Limit = 100,
        /// The `next_cursor` of the page before.
        cursor: StockCursor = "CW-DAVENTRY/HOM-01",
    }
}

async fn stock(call: Call<(), StockQuery>) -> Result<Page<StockView>, Problem> {
    // A million positions may have to be looked at.
    call.app.blocking(move |app| stock_page(&app.published.load().twin, &call.query, app.clock.now())).await
}

async fn stock_of_site(call: Call<SitePath, StockOfSiteQuery>) -> Result<Page<StockView>, Problem> {
    find_site(&call.app.published.load().twin, &call.path.site)?;
    let StockOfSiteQuery { below_reorder_point, out_of_stock, limit, cursor } = call.query;
    let query = StockQuery { site: Some(call.path.site), sku: None, below_reorder_point, out_of_stock, limit, cursor };
    call.app.blocking(move |app| stock_page(&app.published.load().twin, &query, app.clock.now())).await
}

query_params! {
    /// Which stock positions of a site.
    StockOfSiteQuery {
        /// Only at or under (or only above) the reorder point.
        below_reorder_point: bool = true,
        /// Only with nothing (or only with something) on hand.
        out_of_stock: bool = false,
        /// At most so many.
        limit: Limit = 100,
        /// The `next_cursor` of the page before.
        cursor: StockCursor = "CW-DAVENTRY/HOM-01",
    }
}

fn stock_page(twin: &Twin, query: &StockQuery, now: Timestamp) -> Result<Page<StockView>, Problem> {
    let site = query.site.as_ref().map(|site| find_site(twin, site)).transpose()?;
    let sku = match &query.sku {
        Some(sku) => Some(twin.sku_by_id.get(sku).copied().ok_or_else(|| Problem::not_found("SKU", sku))?),
        None => None,
    };
    let after = match &query.cursor {
        Some(cursor) => {
            Some(cursor.find(twin).ok_or_else(|| Problem::parameter("cursor", "it is of no page of this list"))?)
        }
        None => None,
    };
    let (first_site, last_site) = match site {
        Some(site) => (site.0, site.0),
        None => (0, u32::MAX),
    };
    let (first_sku, last_sku) = sku.map_or((0, u32::MAX), |sku| (sku.0, sku.0));
    let start = match after {
        Some((site, sku)) if site.0 >= first_site => Bound::Excluded((site, sku)),
        _ => Bound::Included((SiteIdx(first_site), SkuIdx(first_sku))),
    };
    let end = Bound::Included((SiteIdx(last_site), SkuIdx(last_sku)));
    let wanted = |at: &StockIdx| {
        let stock = &twin.stock[at.at()];
        query.below_reorder_point.is_none_or(|below| stock.is_below_reorder_point() == below)
            && query.out_of_stock.is_none_or(|out| (stock.on_hand <= 0) == out)
    };
    let cursor = |view: &StockView| format!("{}/{}", view.site, view.sku);
    let view = |at| twin.stock_view(at, now);
    if let (Some(sku), None) = (sku, site) {
        // One position a site: look each up, rather than at all of them.
        let from = after.map_or(0, |(site, _)| site.0 + 1);
        let n_sites = u32::try_from(twin.sites.len()).unwrap_or(u32::MAX);
        let found = (from..n_sites).filter_map(|site| twin.stock_by_key.get(&(SiteIdx(site), sku)).copied());
        return Ok(collect(query.limit, found.filter(wanted).map(view), cursor));
    }
    if after.is_some_and(|after| after >= (SiteIdx(last_site), SkuIdx(last_sku))) {
        return Ok(Page { items: Vec::new(), next_cursor: None });
    }
    let found = twin.stock_by_key.range((start, end)).map(|(_, at)| *at);
    Ok(collect(query.limit, found.filter(wanted).map(view), cursor))
}

/// The last position of a page.
#[derive(Clone, Debug)]
pub(super) struct StockCursor(SiteId, SkuId);

impl Param for StockCursor {
    fn read(text: &str) -> Result<Self, String> {
        let (site, sku) = text.split_once('/').ok_or_else(|| format!("{text:?} is not a cursor of this list"))?;
        let ids = SiteId::new(site).and_then(|site| Ok(Self(site, SkuId::new(sku)?)));
        ids.map_err(|why| why.to_string())
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        let id = "[A-Za-z0-9][A-Za-z0-9._~:-]{0,63}";
        json_schema!({ "type": "string", "pattern": format!("^{id}/{id}$") })
    }
}

impl StockCursor {
    fn find(&self, twin: &Twin) -> Option<(SiteIdx, SkuIdx)> {
        Some((*twin.site_by_id.get(&self.0)?, *twin.sku_by_id.get(&self.1)?))
    }
}

query_params! {
    /// Which vehicles.
    VehicleQuery {
        /// Only of this kind.
        kind: VehicleKind = "truck",
        /// Only of this mode.
        mode: Mode = "road",
        /// Only on this lane.
        lane: LaneId = "PRE-YIWU",
        /// Only standing at this site.
        site: SiteId = "CW-DAVENTRY",
        /// Only this fresh.
        freshness: Freshness = "live",
        /// At most so many.
        limit: Limit = 100,
        /// The `next_cursor` of the page before.
        cursor: VehicleId = "SHIP-01",
    }
}

async fn vehicles(call: Call<(), VehicleQuery>) -> Result<Page<VehicleView>, Problem> {
    let (published, query, now) = (call.app.published.load_full(), call.query, call.app.clock.now());
    let twin = &published.twin;
    let rest = twin.vehicle_by_id.range(beyond(query.cursor.clone()));
    let views = rest.map(|(_, at)| twin.vehicle_view(*at, now)).filter(|view| {
        query.kind.is_none_or(|kind| view.kind == kind)
            && query.mode.is_none_or(|mode| view.mode == mode)
            && query.lane.as_ref().is_none_or(|lane| view.lane.as_ref() == Some(lane))
            && query.site.as_ref().is_none_or(|site| view.site.as_ref() == Some(site))
            && query.freshness.is_none_or(|freshness| view.freshness == freshness)
    });
    Ok(collect(query.limit, views, |vehicle| vehicle.vehicle.to_string()))
}

async fn vehicle(call: Call<VehiclePath>) -> Result<VehicleView, Problem> {
    let published = call.app.published.load();
    let at = published.twin.vehicle_by_id.get(&call.path.vehicle).copied();
    let view = at.map(|at| published.twin.vehicle_view(at, call.app.clock.now()));
    view.ok_or_else(|| Problem::not_found("vehicle", &call.path.vehicle))
}

query_params! {
    /// Which devices.
    DeviceQuery {
        /// Only reporting under this site.
        site: SiteId = "CW-DAVENTRY",
        /// Only of this kind.
        kind: DeviceKind = "cold_room",
        /// Only on this vehicle.
        vehicle: VehicleId = "SHIP-01",
        /// Only this fresh.
        freshness: Freshness = "stale",
        /// At most so many.
        limit: Limit = 100,
        /// The `next_cursor` of the page before.
        cursor: DeviceId = "COLD-DAVENTRY-1",
    }
}

async fn devices(call: Call<(), DeviceQuery>) -> Result<Page<DeviceView>, Problem> {
    let (published, query, now) = (call.app.published.load_full(), call.query, call.app.clock.now());
    let twin = &published.twin;
    let rest = twin.device_by_id.range(beyond(query.cursor.clone()));
    let views = rest.map(|(_, at)| twin.device_view(DeviceIdx(*at), now)).filter(|view| {
        query.site.as_ref().is_none_or(|site| view.site == *site)
            && query.kind.is_none_or(|kind| view.kind == kind)
            && query.vehicle.as_ref().is_none_or(|vehicle| view.vehicle.as_ref() == Some(vehicle))
            && query.freshness.is_none_or(|freshness| view.freshness == freshness)
    });
    Ok(collect(query.limit, views, |device| device.device.to_string()))
}

async fn device(call: Call<DevicePath>) -> Result<DeviceView, Problem> {
    let published = call.app.published.load();
    let at = published.twin.device_by_id.get(&call.path.device).copied();
    let view = at.map(|at| published.twin.device_view(DeviceIdx(at), call.app.clock.now()));
    view.ok_or_else(|| Problem::not_found("device", &call.path.device))
}

query_params! {
    /// Which shipments.
    ShipmentQuery {
        /// Only in this state.
        state: ShipmentState = "in_transit",
        /// Only from this site.
        from: SiteId = "SUP-YIWU",
        /// Only to this site.
        to: SiteId = "CNNGB",
        /// Only in this vehicle.
        vehicle: VehicleId = "SHIP-01",
        /// At most so many.
        limit: Limit = 100,
        /// The `next_cursor` of the page before.
        cursor: ShipmentId = "SHP-001",
    }
}

async fn shipments(call: Call<(), ShipmentQuery>) -> Result<Page<ShipmentView>, Problem> {
    let (published, query) = (call.app.published.load_full(), call.query);
    let twin = &published.twin;
    let rest = twin.shipments.range(beyond(query.cursor.clone()));
    let is_at = |at: SiteIdx, site: &SiteId| twin.sites[at.at()].spec.site == *site;
    let wanted = rest.filter(|(_, shipment)| {
        let arrived = shipment.arrived_at.is_some();
        query.state.is_none_or(|state| (state == ShipmentState::Arrived) == arrived)
            && query.from.as_ref().is_none_or(|site| is_at(shipment.from, site))
            && query.to.as_ref().is_none_or(|site| is_at(shipment.to, site))
            && query.vehicle.as_ref().is_none_or(|vehicle| shipment.vehicle.as_ref() == Some(vehicle))
    });
    let views = wanted.filter_map(|(id, _)| twin.shipment_view(id));
    Ok(collect(query.limit, views, |shipment| shipment.shipment.to_string()))
}

async fn shipment(call: Call<ShipmentPath>) -> Result<ShipmentView, Problem> {
    let published = call.app.published.load();
    let view = published.twin.shipment_view(&call.path.shipment);
    view.ok_or_else(|| Problem::not_found("shipment", &call.path.shipment))
}
