//! What a world is made from, and how it is set up.

use firmware_schemas::id::{LaneId, SiteId, SkuId, VehicleId};
use firmware_schemas::network::{
    DemandSpec, DeviceSpec, LaneSpec, NetworkSpec, SeasonalitySpec, ShipmentLineSpec, ShipmentSpec, SitePlanSpec,
    SiteSpec, SkuSpec, StockSpec, VehicleSpec,
};
use firmware_schemas::quantity::{Pieces, Seconds, Timestamp};
use firmware_schemas::telemetry::GoodsLine;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use twin::Twin;
use twin::network::Network;
use twin::state::SiteIdx;

/// A supply network at its start.
#[derive(Clone, Debug, PartialEq)]
pub struct WorldInput {
    /// What is true of all its parts.
    pub head: NetworkSpec,
    /// Places.
    pub sites: Vec<SiteSpec>,
    /// Connections.
    pub lanes: Vec<LaneSpec>,
    /// Goods.
    pub skus: Vec<SkuSpec>,
    /// Stock and how it is replenished.
    pub stock: Vec<StockSpec>,
    /// Trucks, ships and the like.
    pub vehicles: Vec<VehicleSpec>,
    /// Senders.
    pub devices: Vec<DeviceSpec>,
    /// What customers ask for.
    pub demand: Vec<DemandSpec>,
    /// How that goes up and down.
    pub seasonality: Vec<SeasonalitySpec>,
    /// Goods under way.
    pub shipments: Vec<ShipmentSpec>,
    /// Sites from above.
    pub plans: Vec<SitePlanSpec>,
    /// Vehicles that are on a lane of their route, and how far along it in thousandths; for them it counts
    /// before [`VehicleSpec::progress_permille`].
    pub whereabouts: BTreeMap<VehicleId, (LaneId, u16)>,
}

impl WorldInput {
    /// The network as the twin knows it at `now`: its stock, its shipments under way, its vehicles where they
    /// were last seen. What no twin knows, what customers will ask for, is the network's.
    pub fn of(twin: &Twin, network: &Network, now: Timestamp) -> Self {
        let mut input = Self::from(network);
        let named = |sites: &[SiteSpec], site: &SiteId| sites.iter().any(|spec| spec.site == *site);
        // Sites and goods that only the twin knows are of other networks, and their devices are not ours.
        let ours: BTreeSet<(&SiteId, &SkuId)> = network.stock().iter().map(|spec| (&spec.site, &spec.sku)).collect();
        input.stock = twin
            .stock
            .iter()
            .map(|stock| StockSpec {
                site: twin.sites[stock.site.at()].spec.site.clone(),
                sku: twin.skus[stock.sku.at()].sku.clone(),
                on_hand: Pieces(stock.on_hand.max(0)),
                reserved: Pieces(stock.reserved.clamp(0, stock.on_hand.max(0))),
                in_transit: Pieces(stock.in_transit.max(0)),
                on_order: Pieces(stock.on_order.max(0)),
                reorder_point: stock.reorder_point.map(Pieces),
                order_up_to: stock.order_up_to.map(Pieces),
                source: stock.source.map(|source| twin.sites[source.at()].spec.site.clone()),
            })
            .filter(|spec| ours.contains(&(&spec.site, &spec.sku)))
            .collect();
        let under_way = twin.shipments.iter().filter(|(_, shipment)| shipment.arrived_at.is_none());
        input.shipments = under_way
            .map(|(id, shipment)| {
                let site = |at: SiteIdx| twin.sites[at.at()].spec.site.clone();
                let usual = || twin.lead_time(shipment.from, shipment.to).unwrap_or(Seconds(86_400)).to_duration();
                let due_at = shipment.due_at.unwrap_or_else(|| shipment.dispatched_at.saturating_add(usual()));
                let line = |line: &GoodsLine| ShipmentLineSpec { sku: line.sku.clone(), quantity: line.pieces };
                ShipmentSpec {
                    shipment: id.clone(),
                    from: site(shipment.from),
                    to: site(shipment.to),
                    lane: shipment.lane.clone(),
                    vehicle: shipment.vehicle.clone(),
                    due_in_secs: Seconds(due_at.since(now).as_secs()),
                    lines: shipment.lines.iter().map(line).collect(),
                }
            })
            .filter(|spec| named(&input.sites, &spec.from) && named(&input.sites, &spec.to))
            .collect();
        for vehicle in &twin.vehicles {
            let on = vehicle.fix.as_ref().and_then(|fix| {
                let lane = twin.lane(fix.lane.as_ref()?)?;
                let progress = twin.progress_on(fix.position, lane)?;
                Some((lane.lane.clone(), (progress * 999.0) as u16))
            });
            if let Some(spec) = input.vehicles.iter_mut().find(|spec| spec.vehicle == vehicle.spec.vehicle) {
                spec.progress_permille = None;
                input.whereabouts.extend(on.map(|on| (spec.vehicle.clone(), on)));
            }
        }
        input
    }
}

impl From<&Network> for WorldInput {
    fn from(network: &Network) -> Self {
        Self {
            head: network.head().clone(),
            sites: network.sites().to_vec(),
            lanes: network.lanes().to_vec(),
            skus: network.skus().to_vec(),
            stock: network.stock().to_vec(),
            vehicles: network.vehicles().to_vec(),
            devices: network.devices().to_vec(),
            demand: network.demand().to_vec(),
            seasonality: network.seasonality().to_vec(),
            shipments: network.shipments().to_vec(),
            plans: network.plans().to_vec(),
            whereabouts: BTreeMap::new(),
        }
    }
}

/// How a world runs.
#[derive(Clone, Debug, PartialEq)]
pub struct WorldConfig {
    /// Of all random draws.
    pub seed: u64,
    /// The first instant. Devices count their starts from here, so a later world has higher boot numbers.
    pub start: Timestamp,
    /// How many of a thousand devices speak CBOR; the rest speak JSON.
    pub cbor_permille: u16,
    /// Factor on the reporting interval of every device.
    pub interval_scale: f64,
    /// How often things go wrong.
    pub faults: FaultRates,
    /// Time between two looks of a site at its own stock, at which it orders.
    pub review_every: Duration,
    /// Mean time to make goods where nobody delivers them.
    pub make_time: Duration,
    /// How long a back-order waits before the customer goes elsewhere.
    pub patience: Duration,
    /// Lets something of each kind go wrong within the first minutes, for people who watch.
    pub demo_story: bool,
    /// Sites order from their sources by their own reorder points; else only what they are told to is delivered.
    pub sites_order: bool,
}

impl WorldConfig {
    /// The usual settings.
    pub fn new(seed: u64, start: Timestamp) -> Self {
        Self {
            seed,
            start,
            cbor_permille: 250,
            interval_scale: 1.0,
            faults: FaultRates::default(),
            review_every: Duration::from_secs(8 * 3_600),
            make_time: Duration::from_secs(2 * 86_400),
            patience: Duration::from_secs(7 * 86_400),
            demo_story: false,
            sites_order: true,
        }
    }
}

/// How often things go wrong. Times between are exponential, and each ends by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaultRates {
    /// A cold room's or reefer's compressor fails, is noticed and repaired after 2 to 6 hours.
    pub compressors_per_device_year: f64,
    /// A battery dies; a new one starts the device again after 4 to 48 hours.
    pub batteries_per_device_year: f64,
    /// A device is out of reach for 5 minutes to 3 hours; what it measured comes late.
    pub outages_per_device_year: f64,
    /// A device's clock is wrong for 1 to 12 hours, by up to 2 hours either way.
    pub clocks_per_device_year: f64,
    /// How many of a thousand frames are sent twice.
    pub duplicates_permille: f64,
    /// How many of a thousand telemetry frames are followed by bytes that are no frame.
    pub garbage_permille: f64,
    /// A vehicle stands still for 1 to 8 hours.
    pub breakdowns_per_vehicle_year: f64,
    /// How many of a thousand legs leave the lane for a while.
    pub detours_permille: f64,
}

impl Default for FaultRates {
    fn default() -> Self {
        Self {
            compressors_per_device_year: 2.0,
            batteries_per_device_year: 0.5,
            outages_per_device_year: 40.0,
            clocks_per_device_year: 0.2,
            duplicates_permille: 1.0,
            garbage_permille: 0.0,
            breakdowns_per_vehicle_year: 12.0,
            detours_permille: 10.0,
        }
    }
}

impl FaultRates {
    /// Nothing ever goes wrong.
    pub const NONE: Self = Self {
        compressors_per_device_year: 0.0,
        batteries_per_device_year: 0.0,
        outages_per_device_year: 0.0,
        clocks_per_device_year: 0.0,
        duplicates_permille: 0.0,
        garbage_permille: 0.0,
        breakdowns_per_vehicle_year: 0.0,
        detours_permille: 0.0,
    };
}

/// Why a world cannot be made from an input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorldError {
    /// Something is named that is not there.
    #[error("{what} {of:?} names the {kind} {missing:?}, which is not in the network")]
    Missing {
        /// What names it: `lane`, `stock`, `vehicle`, …
        what: &'static str,
        /// Which one.
        of: String,
        /// What it names: `site`, `sku`, `lane`, …
        kind: &'static str,
        /// The name.
        missing: String,
    },
    /// The route of a vehicle has a gap.
    #[error("vehicle {vehicle:?}: lane {lane:?} does not start where the one before it ends")]
    Route {
        /// Which vehicle.
        vehicle: String,
        /// The lane after the gap.
        lane: String,
    },
    /// More of something than the world can number.
    #[error("{found} {what} are too many")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
    },
    /// A setting without meaning.
    #[error("interval_scale is {0}, not a finite number above 0")]
    IntervalScale(String),
}
