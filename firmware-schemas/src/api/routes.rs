//! Routes of the day over HTTP: what is asked for, and what is proposed.

use crate::id::{LaneId, OperationId, ShipmentId, SiteId, VehicleId};
use crate::network::TemperatureClass;
use crate::quantity::{Grams, Metres, MinorUnits, Position, Seconds, Timestamp};
use crate::route::{ReplanCause, ReplanOutcome};
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Asks for routes of vehicles as they stand now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RoutesRequest {
    /// Only these vehicles; when empty, all on the road.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 2_000)))]
    pub vehicles: Vec<VehicleId>,
    /// Only vehicles that belong to one of these sites; when empty, to any.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 1_000)))]
    pub homes: Vec<SiteId>,
    /// Not these vehicles: what they carry waits until they run again.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 2_000)))]
    pub without: Vec<VehicleId>,
    /// Only these of the shipments that wait for a vehicle; when empty, all of them.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 10_000)))]
    pub shipments: Vec<ShipmentId>,
    /// Begin with the routes that vehicles have: where a vehicle is on its way to it goes, what it has on board it
    /// brings, and a promised time that moves costs `costs.moved_per_hour_minor`.
    #[serde(default)]
    pub repair: bool,
    /// Work that the twin does not know of.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 10_000)))]
    pub jobs: Vec<RouteJob>,
    /// What driving costs.
    #[serde(default)]
    pub costs: RouteCosts,
    /// How the way between two sites is known.
    #[serde(default)]
    pub ways: Ways,
    /// Whether vehicles end where they belong; else at their last stop.
    #[serde(default = "yes")]
    pub return_home: bool,
    /// When they must be back, seconds from now: 1 to 31 days.
    #[serde(default = "a_day")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 2_678_400)))]
    pub horizon_secs: u32,
    /// How long to look for better routes, in seconds: 1 to 600.
    #[serde(default = "some_seconds")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 600)))]
    pub search_secs: u32,
    /// At most so many steps of the search; with the same seed, and if they end it, the same routes.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub iterations: Option<u64>,
    /// Of the search's random numbers.
    #[serde(default)]
    pub seed: u64,
}

impl Default for RoutesRequest {
    fn default() -> Self {
        Self {
            vehicles: Vec::new(),
            homes: Vec::new(),
            without: Vec::new(),
            shipments: Vec::new(),
            repair: false,
            jobs: Vec::new(),
            costs: RouteCosts::default(),
            ways: Ways::default(),
            return_home: yes(),
            horizon_secs: a_day(),
            search_secs: some_seconds(),
            iterations: None,
            seed: 0,
        }
    }
}

/// Goods to be taken from one site to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RouteJob {
    /// Its id, unlike that of any shipment.
    pub id: ShipmentId,
    /// Where it is fetched.
    pub from: SiteId,
    /// Where it goes.
    pub to: SiteId,
    /// How heavy it is.
    pub mass_g: Grams,
    /// How cold it must be kept.
    #[serde(default = "dry")]
    pub temperature: TemperatureClass,
    /// It is ready then.
    #[serde(default)]
    pub not_before: Option<Timestamp>,
    /// It should be there then; later costs `costs.late_per_hour_minor`.
    #[serde(default)]
    pub due_at: Option<Timestamp>,
    /// Unloading takes so long.
    #[serde(default = "a_quarter")]
    #[cfg_attr(feature = "schema", schemars(range(max = 86_400)))]
    pub service_secs: u32,
    /// What is lost if it is not done today; when absent, it is done if it can be.
    #[serde(default)]
    pub prize_minor: Option<MinorUnits>,
}

/// What driving costs, in minor units of the network's currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RouteCosts {
    /// Of a vehicle that is used.
    pub vehicle_minor: u32,
    /// Of a kilometre.
    pub per_km_minor: u32,
    /// Of an hour between leaving and coming back.
    pub per_hour_minor: u32,
    /// Of an hour that a shipment is late.
    pub late_per_hour_minor: u32,
    /// Of an hour by which a promised time moves, either way; when routes are repaired.
    pub moved_per_hour_minor: u32,
    /// So far it may move for nothing, in seconds.
    pub moved_free_secs: u32,
}

impl Default for RouteCosts {
    fn default() -> Self {
        Self {
            vehicle_minor: 4_000,
            per_km_minor: 60,
            per_hour_minor: 2_500,
            late_per_hour_minor: 2_000,
            moved_per_hour_minor: 3_000,
            moved_free_secs: 900,
        }
    }
}

choice! {
    /// How the way between two sites is known.
    Ways {
        /// Over the network's lanes on the road, in either direction; a great circle with a detour of 30 % where no
        /// lanes join them.
        Lanes,
        /// Always a great circle with a detour of 30 %.
        Straight,
    }
}

#[allow(clippy::derivable_impls, reason = "the macro of choices has no default")]
impl Default for Ways {
    fn default() -> Self {
        Self::Lanes
    }
}

fn yes() -> bool {
    true
}
fn dry() -> TemperatureClass {
    TemperatureClass::Dry
}
fn a_day() -> u32 {
    86_400
}
fn some_seconds() -> u32 {
    5
}
fn a_quarter() -> u32 {
    900
}

shape! {
    /// Routes for vehicles as they stood.
    RoutesView {
        /// The operation that found them.
        id: OperationId,
        /// When the vehicles stood so.
        at: Timestamp,
        /// The journal's last record in the twin that was planned for.
        revision: u64,
        /// ISO 4217; money is in its minor unit.
        currency: String,
        /// What all of it costs: vehicles, ways, hours, lateness and what is lost.
        cost_minor: MinorUnits,
        /// Of all routes.
        distance_m: Metres,
        /// Of all routes, from leaving to the end.
        duration_secs: Seconds,
        /// Well to wheel, of all shipments.
        co2e_g: u64,
        /// One for each vehicle that is used.
        routes: Vec<RouteView>,
        /// What is not done, and why.
        unserved: Vec<UnservedView>,
        /// What each shipment gets.
        shipments: Vec<RoutedView>,
        /// Steps of the search.
        iterations: u64,
        /// What was promised before, and what of it moves; of routes that repair others.
        repair: Option<RepairView>,
    }
}
shape! {
    /// What became of promised times.
    RepairView {
        /// Shipments that had one and are still brought.
        promised: u32,
        /// Of them, those that come earlier or later by more than `costs.moved_free_secs`.
        moved: u32,
        /// The farthest that one moves.
        moved_most_secs: Seconds,
        /// Shipments that had one, and are not brought any more.
        broken: u32,
        /// Vehicles that have nothing to do any more.
        idle: Vec<VehicleId>,
    }
}
shape! {
    /// What one vehicle does.
    RouteView {
        /// Which.
        vehicle: VehicleId,
        /// Where it stands.
        from: Position,
        /// When it leaves.
        leave_at: Timestamp,
        /// When it is done.
        end_at: Timestamp,
        /// Its way.
        distance_m: Metres,
        /// The most that is on board at a time.
        load_max_g: Grams,
        /// What it can carry.
        capacity_g: Grams,
        /// Where in the route that it has this one goes on; of routes that repair others.
        goes_on: Option<RoutePoint>,
        /// Where it goes, in order.
        stops: Vec<RouteStopView>,
    }
}
shape! {
    /// How far a vehicle was when its route was repaired.
    RoutePoint {
        /// The operation that found the route that it had.
        plan: OperationId,
        /// How many stops of that were done.
        done: u32,
        /// Whether it was on its way to the next.
        under_way: bool,
        /// Whether all that was to come stays as it was, so that nothing is to be told to the vehicle.
        unchanged: bool,
    }
}
shape! {
    /// Where a vehicle stops.
    RouteStopView {
        /// Where.
        site: SiteId,
        /// When it comes.
        arrive_at: Timestamp,
        /// When it leaves.
        leave_at: Timestamp,
        /// What it takes in.
        load: Vec<ShipmentId>,
        /// What it hands over.
        unload: Vec<ShipmentId>,
    }
}
shape! {
    /// What a shipment gets.
    RoutedView {
        /// Which.
        shipment: ShipmentId,
        /// By which vehicle.
        vehicle: VehicleId,
        /// Where it goes.
        to: SiteId,
        /// When it is there.
        arrive_at: Timestamp,
        /// When it should be.
        due_at: Option<Timestamp>,
        /// How much later that is.
        late_secs: Seconds,
        /// When it was promised by the route that it was in; of routes that repair others.
        promised_at: Option<Timestamp>,
        /// Its share of what the route emits, well to wheel: by mass and direct way (ISO 14083). The shares of a route add
        /// up to the gram.
        co2e_g: u64,
    }
}
/// Gives vehicles the routes that were found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Dispatch {
    /// Who gives them.
    #[cfg_attr(feature = "schema", schemars(length(max = 200)))]
    pub by: Option<String>,
    /// Only to these vehicles; when empty, to all of the plan.
    #[cfg_attr(feature = "schema", schemars(length(max = 2_000)))]
    pub vehicles: Vec<VehicleId>,
    /// These vehicles are told to stop where they can, and lose the routes that they have.
    #[cfg_attr(feature = "schema", schemars(length(max = 2_000)))]
    pub stop: Vec<VehicleId>,
}

choice! {
    /// How a vehicle gets on with its route.
    RouteProgress {
        /// It has not answered yet.
        Told,
        /// It is on its way.
        Driving,
        /// It will not, or cannot.
        Stranded,
        /// All stops are done.
        Over,
    }
}
shape! {
    /// A route that a vehicle was given.
    ActiveRouteView {
        /// Which vehicle.
        vehicle: VehicleId,
        /// The operation that found it.
        plan: OperationId,
        /// When it was given.
        given_at: Timestamp,
        /// How it gets on.
        progress: RouteProgress,
        /// Why it does not.
        trouble: Option<String>,
        /// Its stops, with those that are done.
        stops: Vec<ActiveStopView>,
    }
}
shape! {
    /// A stop of it.
    ActiveStopView {
        /// Where.
        site: SiteId,
        /// Whether the vehicle was there.
        done: bool,
        /// When it was to come.
        planned_at: Timestamp,
        /// When it is expected, from where it is now; `null` once it is done.
        expected_at: Option<Timestamp>,
        /// One in ten comes before, as far as such forecasts were wrong until now.
        earliest_at: Option<Timestamp>,
        /// One in ten comes after.
        latest_at: Option<Timestamp>,
        /// What it takes in.
        load: Vec<ShipmentId>,
        /// What it hands over.
        unload: Vec<ShipmentId>,
    }
}
choice! {
    /// Why something is not done.
    UnservedReason {
        /// Heavier than any of the vehicles can carry.
        TooHeavy,
        /// None of the vehicles keeps it cold enough.
        NoTemperature,
        /// Even alone in a vehicle it could not be done in time.
        NoTime,
        /// It costs more than is lost without it.
        NotWorthIt,
        /// It could be done, and the search ended before it found how.
        Overlooked,
        /// It is on board of a vehicle that may not be used.
        OnBoard,
        /// It fits in a vehicle by itself, and beside the rest no room or time is left.
        NoRoom,
    }
}
shape! {
    /// Routes that the plane looked for by itself.
    ReplanView {
        /// The operation; its routes are at `/v1/routes/{plan}`.
        plan: OperationId,
        /// When it had looked.
        at: Timestamp,
        /// Why it did.
        causes: Vec<ReplanCause>,
        /// What came of it.
        outcome: ReplanOutcome,
    }
}
/// Closes a lane, or opens it again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct LaneSwitch {
    /// Who says so.
    #[cfg_attr(feature = "schema", schemars(length(max = 200)))]
    pub by: Option<String>,
    /// Why.
    #[cfg_attr(feature = "schema", schemars(length(max = 1_000)))]
    pub reason: Option<String>,
}
shape! {
    /// A lane that is closed.
    ClosedLaneView {
        /// Which.
        lane: LaneId,
        /// Since when.
        closed_at: Timestamp,
        /// Who closed it.
        by: Option<String>,
        /// Why.
        reason: Option<String>,
    }
}
shape! {
    /// Something that is not done.
    UnservedView {
        /// Which.
        shipment: ShipmentId,
        /// Why.
        reason: UnservedReason,
    }
}
