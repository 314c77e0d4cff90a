//! Stock as a listener keeps it who hears every frame.

use super::super::*;
use super::small::{frame, numbers};
use firmware_schemas::codec::Frame;
use firmware_schemas::id::ShipmentId;
use firmware_schemas::telemetry::Happening;
use firmware_schemas::topic::Topic;

/// What a listener knows of the stock, who has heard every frame once, kept by rules of its own.
#[derive(Default)]
pub(super) struct Books {
    pub(super) stock: BTreeMap<(SiteId, SkuId), [i64; 4]>, // on hand, reserved, in transit, on order
    pub(super) shipments: BTreeMap<ShipmentId, (SiteId, Vec<(SkuId, i64)>)>,
    reserved: BTreeMap<(String, SkuId), i64>,
    made: i64,
    issued: i64,
    seen: BTreeMap<DeviceId, std::collections::BTreeSet<(u64, u64)>>,
}

impl Books {
    pub(super) fn open(input: &WorldInput) -> Self {
        let mut books = Self::default();
        for spec in &input.stock {
            let all = [spec.on_hand.0, spec.reserved.0, spec.in_transit.0, spec.on_order.0];
            books.stock.insert((spec.site.clone(), spec.sku.clone()), all);
        }
        for spec in &input.shipments {
            let lines = spec.lines.iter().map(|line| (line.sku.clone(), line.quantity.0)).collect();
            books.shipments.insert(spec.shipment.clone(), (spec.to.clone(), lines));
        }
        books
    }

    pub(super) fn at(&mut self, site: &SiteId, sku: &SkuId) -> &mut [i64; 4] {
        self.stock.entry((site.clone(), sku.clone())).or_default()
    }

    pub(super) fn hear(&mut self, message: &Message) {
        let (device, frame) = frame(message);
        let is_new = |number| self.seen.entry(device.clone()).or_default().insert(number);
        if !numbers(&frame).into_iter().all(is_new) {
            return;
        }
        let Frame::Event(frame) = frame else { return };
        let own = SiteId::new(Topic::parse(&message.topic).unwrap().site).unwrap();
        for record in frame.events {
            let site = record.site.unwrap_or_else(|| own.clone());
            self.enter(&site, record.happening);
        }
    }

    pub(super) fn enter(&mut self, site: &SiteId, happening: Happening) {
        match happening {
            Happening::StockReserved { sku, pieces, order } => {
                self.at(site, &sku)[1] += pieces.0;
                *self.reserved.entry((order.to_string(), sku)).or_default() += pieces.0;
            }
            Happening::StockIssued { sku, pieces, order, .. } => {
                self.at(site, &sku)[0] -= pieces.0;
                self.issued += pieces.0;
                if let Some(order) = order {
                    self.at(site, &sku)[1] -= pieces.0;
                    *self.reserved.get_mut(&(order.to_string(), sku)).expect("reserved before it is issued") -=
                        pieces.0;
                }
            }
            Happening::StockReceived { sku, pieces, order } => {
                self.at(site, &sku)[0] += pieces.0;
                self.at(site, &sku)[3] -= if order.is_some() { pieces.0 } else { 0 };
                self.made += pieces.0;
            }
            Happening::StockOrdered { sku, pieces, .. } => self.at(site, &sku)[3] += pieces.0,
            Happening::ShipmentDispatched { shipment, to, lines, .. } => {
                for line in &lines {
                    self.at(site, &line.sku)[0] -= line.pieces.0;
                    self.at(&to, &line.sku)[3] -= line.pieces.0;
                    self.at(&to, &line.sku)[2] += line.pieces.0;
                }
                let lines = lines.into_iter().map(|line| (line.sku, line.pieces.0)).collect();
                assert!(self.shipments.insert(shipment, (to, lines)).is_none(), "a shipment id is new");
            }
            Happening::ShipmentArrived { shipment, lines: None } => {
                let (to, lines) = self.shipments.remove(&shipment).expect("dispatched before it arrives");
                assert_eq!(to, *site);
                for (sku, pieces) in lines {
                    self.at(&to, &sku)[2] -= pieces;
                    self.at(&to, &sku)[0] += pieces;
                }
            }
            other => panic!("the world does not say {other:?}"),
        }
    }

    #[track_caller]
    pub(super) fn agree_with(&self, truth: &Truth) {
        let pieces = |row: &TrueStock| [row.on_hand.0, row.reserved.0, row.in_transit.0, row.on_order.0];
        let known: BTreeMap<_, _> =
            truth.stock.iter().map(|row| ((row.site.clone(), row.sku.clone()), pieces(row))).collect();
        assert_eq!(self.stock, known);
        for (at, [on_hand, reserved, in_transit, on_order]) in &self.stock {
            assert!(*on_hand >= 0 && (0..=*on_hand).contains(reserved), "{at:?}: {on_hand}, {reserved} reserved");
            assert!(*in_transit >= 0 && *on_order >= 0, "{at:?}: {in_transit} in transit, {on_order} on order");
        }
        let open: Vec<_> = truth.shipments.iter().map(|shipment| shipment.shipment.clone()).collect();
        assert_eq!(self.shipments.keys().cloned().collect::<Vec<_>>(), open);
        assert_eq!((self.made, self.issued), (truth.totals.made, truth.totals.issued));
    }
}

/// Pieces on shelves and under way.
pub(super) fn mass(truth: &Truth) -> i64 {
    let shelves: i64 = truth.stock.iter().map(|row| row.on_hand.0).sum();
    shelves + truth.shipments.iter().flat_map(|shipment| &shipment.lines).map(|(_, pieces)| pieces.0).sum::<i64>()
}
