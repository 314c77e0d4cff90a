//! A supply network that lives: customers order, warehouses pick and replenish, vehicles drive, sensors
//! measure, and now and then something breaks. What happens comes out as frames of the contract; what
//! Portolan wants goes in as commands.
//!
//! **Time.** The world has no clock: [`World::advance_to`] runs all that is due up to an instant, in order of
//! time, and calling it in smaller steps gives the same messages. Times are whole milliseconds. Within an
//! instant: devices start; faults begin and end; vehicles arrive; goods are received or
//! made, and back-orders get their share; customers order; goods are issued; sites review their stock,
//! downstream before upstream; goods are loaded and leave; devices answer; doubled frames come; devices
//! report. Ties go by the order of the input, then of planning. A command is obeyed when it is given, after
//! all that was due by then.
//!
//! **Demand.** Each row of demand is served by the site's own stock if it has any of that SKU, else from the
//! site nearest by lead time that has. What is there is reserved and issued 1 to 5 hours later; what is
//! missing waits as a back-order, first come first served, and is lost after [`WorldConfig::patience`]. In
//! shops goods are issued at once, and what is missing is lost.
//!
//! **Replenishment.** Every [`WorldConfig::review_every`] a site looks at its stock: on hand, in transit and
//! on order, less reserved and owed. Where that is at or under the reorder point it orders up to its
//! maximum. The goods go along the way of least lead time, by air only if there is no other. A shipment is
//! one from seller to buyer; it leaves with the main leg of that way, the longest that a vehicle's route
//! runs or else the longest of all. What comes before that leg is part of the waiting, and what comes after
//! is carried by others, so that the vehicle that a shipment names is that of its main leg. A carrier takes
//! what no vehicle takes in time. A shipment is promised for the mean lead time of its way, plus two
//! deviations of the main leg, plus 5 %.
//! Suppliers and factories without a policy make what is ordered; sites with a policy but no source make
//! what they need.
//!
//! A warehouse system that is told to deliver does so like for an order of its own customer's making. Where sites do
//! not order by themselves (`WorldConfig::sites_order`), that is how goods move.
//!
//! **Halls.** A vehicle of kind `agv` whose device measures `x` and `y`, at a site with a plan, goes to and fro between
//! the doors and the slots of that plan.
//!
//! **Mass.** Goods enter only where they are made and leave only to customers.

pub(crate) mod calendar;
mod climate;
mod command;
mod demand;
mod device;
pub(crate) mod geo;
mod hall;
mod input;
mod pace;
mod queue;
mod setup;
mod stock;
mod story;
mod transport;
mod truth;
mod vehicle;
mod wire;

#[cfg(test)]
mod tests;

pub use demand::Asked;
pub use input::{FaultRates, WorldConfig, WorldError, WorldInput};
pub use pace::{Pace, paced_target};
pub use truth::{Totals, TrueShipment, TrueStock, Truth};

use crate::rng::BlockKey;
use calendar::TimeText;
use firmware_schemas::id::{DeviceId, LaneId, SiteId, SkuId, TenantId, VehicleId};
use firmware_schemas::quantity::Timestamp;
use queue::{Event, Next, Queue};
use std::collections::{BTreeMap, HashMap};

/// What a device publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `portolan/v1/TENANT/SITE/DEVICE/CHANNEL`.
    pub topic: String,
    /// The frame, in JSON or CBOR.
    pub payload: Vec<u8>,
    /// True where the broker should keep it for later subscribers.
    pub retain: bool,
    /// True for at least once (QoS 1), false for at most once: positions, since the next one is better.
    pub qos1: bool,
}

/// A simulated supply network.
#[derive(Clone, Debug)]
pub struct World {
    config: WorldConfig,
    tenant: TenantId,
    now: i64,
    queue: Queue,
    sites: Vec<stock::Site>,
    lanes: Vec<transport::Lane>,
    skus: Vec<stock::Sku>,
    site_index: BTreeMap<SiteId, u32>,
    lane_index: BTreeMap<LaneId, u32>,
    sku_index: BTreeMap<SkuId, u32>,
    device_index: BTreeMap<DeviceId, u32>,
    vehicle_index: BTreeMap<VehicleId, u32>,
    rows: Vec<stock::Row>,
    row_index: HashMap<(u32, u32), u32>, // only looked up, never listed
    paths: BTreeMap<(u32, u32), Option<Vec<u32>>>,
    opening: Vec<stock::Opening>,
    orders: BTreeMap<u64, stock::Order>,
    making: BTreeMap<u64, stock::Making>,
    picks: BTreeMap<u64, stock::Pick>,
    deliveries: BTreeMap<u64, stock::Delivery>,
    shipments: BTreeMap<u64, transport::Shipment>,
    serial: u64,
    vehicles: Vec<vehicle::Vehicle>,
    devices: Vec<device::Device>,
    demand: Vec<demand::Demand>,
    zones: Vec<demand::Zone>,
    seasons: Vec<demand::Season>,
    resends: BTreeMap<u64, Message>,
    answers: BTreeMap<u64, command::Answer>,
    measuring: BlockKey,
    clock: TimeText,
    totals: Totals,
}

impl World {
    /// A world at its first instant; nothing has happened yet.
    ///
    /// # Errors
    /// When the input names what it does not hold, or a setting makes no sense.
    pub fn new(input: &WorldInput, config: WorldConfig) -> Result<Self, WorldError> {
        setup::world(input, config)
    }

    /// The last instant that [`World::advance_to`] ran to; the start at first.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.now)
    }

    /// When something happens next; `None` if never again.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.queue.next_at().map(Timestamp::from_nanos)
    }

    /// Runs all that is due at or before `until`, and appends what devices publish to `out`.
    pub fn advance_to(&mut self, until: Timestamp, out: &mut Vec<Message>) {
        self.advance_within(until, usize::MAX, out);
    }

    /// Like [`World::advance_to`], but stops once `out` holds `messages_max`; true if all that is due ran.
    ///
    /// One event may go over the limit: a review orders all that its site needs.
    pub fn advance_within(&mut self, until: Timestamp, messages_max: usize, out: &mut Vec<Message>) -> bool {
        let until = until.as_nanos();
        while out.len() < messages_max {
            let Some((at, next)) = self.queue.take(until) else {
                self.now = self.now.max(until);
                return true;
            };
            self.now = self.now.max(at);
            match next {
                Next::Tick(device) => self.tick(device, out),
                Next::Event(event) => self.run(event, out),
            }
        }
        false
    }

    fn run(&mut self, event: Event, out: &mut Vec<Message>) {
        match event {
            Event::Begin(device) => self.begin(device, out),
            Event::Opening => self.place_opening_orders(out),
            Event::Story(scene) => self.play(scene, out),
            Event::Fault(device) => self.fault(device, out),
            Event::FaultEnd(device, kind) => self.fault_ends(device, kind, out),
            Event::Breakdown(vehicle) => self.breakdown(vehicle),
            Event::Repaired(vehicle) => self.repaired(vehicle),
            Event::Released(vehicle, number) => self.released(vehicle, number),
            Event::Arrival(vehicle, plan) => self.arrive(vehicle, plan),
            Event::Departure(vehicle, plan) => self.depart(vehicle, plan, out),
            Event::Ready(order) => self.ready(order),
            Event::Delivered(shipment) => self.delivered(shipment, out),
            Event::Made(making) => self.made(making, out),
            Event::Midnight(zone) => self.midnight(zone),
            Event::Demand(zone) => self.next_demand(zone, out),
            Event::Issue(pick) => self.issue(pick, out),
            Event::Review(site) => self.review(site, out),
            Event::Told(delivery) => self.told(delivery, out),
            Event::Carrier(lane) => self.carrier_comes(lane, out),
            Event::Answer(answer) => self.answer(answer, out),
            Event::Resend(message) => self.resend(message, out),
        }
    }

    /// A number that is new in this world.
    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }
}
