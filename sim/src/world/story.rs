//! The demo's first minutes: one thing of each kind goes wrong, for people who watch.
//!
//! At 60 × real time the scenes come 3 to 12 seconds after the start, and show themselves within two
//! minutes. All of them are things that also happen by chance, only later.

use super::calendar::{hours, minutes};
use super::device::Reach;
use super::queue::{Event, FaultKind, Rank};
use super::{Message, World};
use crate::rng::mix;
use firmware_schemas::network::{Mode, SiteKind};

const SCENES: [i64; 5] = [3, 5, 7, 9, 12];

impl World {
    /// Plans the scenes.
    pub(super) fn plan_story(&mut self) {
        for (scene, minute) in SCENES.iter().enumerate() {
            self.queue.plan(self.now + minutes(*minute), Rank::Story, 0, Event::Story(scene as u8));
        }
    }

    pub(super) fn play(&mut self, scene: u8, out: &mut Vec<Message>) {
        match scene {
            0 => self.truck_leaves_its_lane(),
            1 => self.rush_order(out),
            2 => self.device_falls_silent(out),
            3 => self.cold_room_warms(out),
            _ => self.shipment_is_held_up(),
        }
    }

    /// A fixed choice among what qualifies, different for each seed.
    fn choose(&self, among: &[u32], scene: u64) -> Option<u32> {
        let n = u64::try_from(among.len()).ok().filter(|n| *n > 0)?;
        among.get((mix(self.config.seed, scene) % n) as usize).copied()
    }

    /// Devices that stand in a site, measure temperature and are well.
    fn cold_rooms(&self) -> Vec<u32> {
        let fits = |index: &u32| {
            let device = &self.devices[*index as usize];
            let standing = device.vehicle.is_none() && !device.reports_goods && device.has_temperature();
            standing && device.reach == Reach::Online && !device.climate.failed
        };
        (0..self.devices.len() as u32).filter(fits).collect()
    }

    fn cold_room_warms(&mut self, out: &mut Vec<Message>) {
        if let Some(device) = self.choose(&self.cold_rooms(), 3) {
            self.fault_begins(device, FaultKind::Compressor, hours(3), 0, out);
        }
    }

    fn device_falls_silent(&mut self, out: &mut Vec<Message>) {
        let rooms = self.cold_rooms();
        let excursion = self.choose(&rooms, 3);
        let others: Vec<u32> = rooms.into_iter().filter(|room| Some(*room) != excursion).collect();
        if let Some(device) = self.choose(&others, 2) {
            self.fault_begins(device, FaultKind::Battery, hours(4), 0, out);
        }
    }

    /// The truck with the longest way before it takes a wrong turn.
    fn truck_leaves_its_lane(&mut self) {
        let on_the_road = (0..self.vehicles.len() as u32).filter(|index| {
            let vehicle = &self.vehicles[*index as usize];
            let seen = self.devices.iter().any(|device| device.locates && device.vehicle == Some(*index));
            vehicle.mode == Mode::Road && seen
        });
        let farthest = on_the_road.filter_map(|index| self.time_left(index).map(|left| (left, index))).max();
        if let Some((left, vehicle)) = farthest {
            let share = hours(2) as f64 / left.max(hours(2)) as f64;
            self.stray(vehicle, share * 0.8);
        }
    }

    /// A customer takes nearly all of the SKU that is closest to its reorder point.
    fn rush_order(&mut self, out: &mut Vec<Message>) {
        let above = |row: &super::stock::Row| {
            let (reorder_point, _) = row.policy?;
            let kept =
                matches!(self.sites[row.site as usize].kind, SiteKind::RegionalWarehouse | SiteKind::CentralWarehouse);
            let above = row.position_above(reorder_point);
            (kept && above >= 0 && row.available() > above).then_some(above)
        };
        let rows = self.rows.iter().enumerate();
        let tightest = rows.filter_map(|(index, row)| above(row).map(|above| (above, index as u32))).min();
        let Some((above, row)) = tightest else { return };
        let demand = self.demand.iter().find(|demand| demand.row == Some(row));
        let customer = demand.map_or(self.rows[row as usize].site, |demand| demand.site);
        let (order, pieces) = (mix(self.config.seed, 1), above + 1);
        self.totals.customer_orders += 1;
        self.ask(row, customer, order, pieces, out);
    }

    /// What should arrive next does not: its vehicle breaks down, or its carrier is late.
    fn shipment_is_held_up(&mut self) {
        let next = self
            .shipments
            .iter()
            .filter(|(_, shipment)| !shipment.waits && shipment.due > self.now)
            .min_by_key(|(number, shipment)| (shipment.due, **number))
            .map(|(number, shipment)| (*number, shipment.vehicle, shipment.to, shipment.due));
        let Some((number, vehicle, to, due)) = next else { return };
        match vehicle {
            Some(vehicle) => self.break_down_for(vehicle, hours(10)),
            None => {
                if let Some(shipment) = self.shipments.get_mut(&number) {
                    shipment.held_until = due + hours(6);
                }
                self.queue.plan(due + hours(6), Rank::Receipt, to, Event::Delivered(number));
            }
        }
    }
}
