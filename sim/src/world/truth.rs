//! What really happened, for tests to compare the twin with.

use super::World;
use firmware_schemas::id::{LaneId, ShipmentId, SiteId, SkuId, VehicleId};
use firmware_schemas::quantity::{Pieces, Timestamp};

/// The true state of one SKU at one site.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrueStock {
    /// Where.
    pub site: SiteId,
    /// What.
    pub sku: SkuId,
    /// On the shelf.
    pub on_hand: Pieces,
    /// Promised, of what is on hand.
    pub reserved: Pieces,
    /// On its way here.
    pub in_transit: Pieces,
    /// Ordered, and not yet on its way.
    pub on_order: Pieces,
    /// Asked for by customers and missing; no frame says so.
    pub backordered: Pieces,
}

/// Goods that are under way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrueShipment {
    /// Its identifier.
    pub shipment: ShipmentId,
    /// Where it left.
    pub from: SiteId,
    /// Where it goes.
    pub to: SiteId,
    /// Along which lane.
    pub lane: Option<LaneId>,
    /// In which vehicle.
    pub vehicle: Option<VehicleId>,
    /// When it was promised.
    pub due_at: Timestamp,
    /// What is in it.
    pub lines: Vec<(SkuId, Pieces)>,
}

/// Sums since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Pieces made by suppliers and by sites that make for themselves.
    pub made: i64,
    /// Pieces that went to customers.
    pub issued: i64,
    /// Pieces that customers asked for.
    pub demanded: i64,
    /// Pieces that customers asked for and will never get.
    pub lost: i64,
    /// Orders of customers.
    pub customer_orders: i64,
    /// Pieces that a site wanted to order from where no lanes lead.
    pub unroutable: i64,
    /// Shipments that arrived.
    pub shipments: i64,
    /// Of these, how many after they were due.
    pub shipments_late: i64,
    /// Messages that came out.
    pub messages: u64,
    /// Frames that devices forgot, because they were out of reach for too long.
    pub frames_dropped: u64,
    /// Payloads to devices that were no command or settings, or for no device here.
    pub commands_ignored: u64,
}

/// The true state of a world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// Every SKU that is or was somewhere, by site and SKU.
    pub stock: Vec<TrueStock>,
    /// Goods under way, by identifier.
    pub shipments: Vec<TrueShipment>,
    /// Sums since the start.
    pub totals: Totals,
}

impl World {
    /// The true state now.
    pub fn truth(&self) -> Truth {
        let site = |site: u32| self.sites[site as usize].id.clone();
        let sku = |sku: u32| self.skus[sku as usize].id.clone();
        let mut stock: Vec<TrueStock> = self
            .rows
            .iter()
            .map(|row| TrueStock {
                site: site(row.site),
                sku: sku(row.sku),
                on_hand: Pieces(row.on_hand),
                reserved: Pieces(row.reserved),
                in_transit: Pieces(row.in_transit),
                on_order: Pieces(row.on_order),
                backordered: Pieces(row.backordered),
            })
            .collect();
        stock.sort_unstable();
        let mut shipments: Vec<TrueShipment> = self
            .shipments
            .values()
            .map(|shipment| TrueShipment {
                shipment: shipment.id.clone(),
                from: site(shipment.from),
                to: site(shipment.to),
                lane: shipment.lane.map(|lane| self.lanes[lane as usize].id.clone()),
                vehicle: shipment.vehicle.map(|vehicle| self.vehicles[vehicle as usize].id.clone()),
                due_at: Timestamp::from_nanos(shipment.due),
                lines: shipment.lines.iter().map(|(line, pieces)| (sku(*line), Pieces(*pieces))).collect(),
            })
            .collect();
        shipments.sort_unstable();
        Truth { stock, shipments, totals: self.totals }
    }

    /// Sums since the start, without listing the stock.
    pub fn totals(&self) -> Totals {
        self.totals
    }
}
