//! The JSON problem as it is written.

use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

/// A place: longitude first.
pub(super) type Lon = [f64; 2];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    #[serde(default)]
    pub(super) name: String,
    pub(super) vehicles: Vec<VehicleIn>,
    #[serde(default)]
    pub(super) jobs: Vec<JobIn>,
    #[serde(default)]
    pub(super) shipments: Vec<ShipmentIn>,
    #[serde(default)]
    pub(super) depots: Vec<DepotIn>,
    #[serde(default)]
    pub(super) matrices: BTreeMap<String, MatrixIn>,
    /// VROOM's form before there were several matrices.
    #[serde(default)]
    pub(super) matrix: Option<Vec<Vec<Option<i64>>>>,
    #[serde(default)]
    pub(super) speed_kmh: Option<f64>,
    #[serde(default)]
    pub(super) speed_profiles: BTreeMap<String, SpeedIn>,
    #[serde(default)]
    pub(super) apart: Vec<[String; 2]>,
    /// What VROOM's server is asked for; none of it changes the plan.
    #[serde(default, rename = "options")]
    _options: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MatrixIn {
    #[serde(default)]
    pub(super) durations: Option<Vec<Vec<Option<i64>>>>,
    #[serde(default)]
    pub(super) distances: Option<Vec<Vec<Option<i64>>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SpeedIn {
    #[serde(default = "day")]
    pub(super) period: i64,
    pub(super) pieces: Vec<(i64, f64)>,
}

const fn day() -> i64 {
    86_400
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DepotIn {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) location: Option<Lon>,
    #[serde(default)]
    pub(super) location_index: Option<usize>,
    #[serde(default)]
    pub(super) time_window: Option<[i64; 2]>,
    #[serde(default, rename = "description")]
    _description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VehicleIn {
    pub(super) id: u64,
    #[serde(default, rename = "description")]
    _description: String,
    #[serde(default = "car")]
    pub(super) profile: String,
    #[serde(default)]
    pub(super) depot: Option<u64>,
    #[serde(default)]
    pub(super) start: Option<Lon>,
    #[serde(default)]
    pub(super) start_index: Option<usize>,
    #[serde(default)]
    pub(super) end: Option<Lon>,
    #[serde(default)]
    pub(super) end_index: Option<usize>,
    #[serde(default = "one")]
    pub(super) count: u32,
    #[serde(default)]
    pub(super) capacity: Vec<i64>,
    #[serde(default)]
    pub(super) skills: Vec<u32>,
    #[serde(default)]
    pub(super) time_window: Option<[i64; 2]>,
    #[serde(default)]
    pub(super) breaks: Vec<BreakIn>,
    #[serde(default)]
    pub(super) costs: CostsIn,
    #[serde(default)]
    pub(super) speed_factor: Option<f64>,
    #[serde(default)]
    pub(super) speed_profile: Option<String>,
    #[serde(default)]
    pub(super) max_tasks: Option<u32>,
    #[serde(default)]
    pub(super) max_travel_time: Option<i64>,
    #[serde(default)]
    pub(super) max_distance: Option<i64>,
    #[serde(default)]
    pub(super) max_duration: Option<i64>,
    #[serde(default)]
    pub(super) reload: Option<ReloadIn>,
    #[serde(default)]
    pub(super) steps: Vec<StepIn>,
    #[serde(default)]
    pub(super) frozen_steps: usize,
    #[serde(default)]
    pub(super) departed: Option<i64>,
}

fn car() -> String {
    "car".to_owned()
}

const fn one() -> u32 {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CostsIn {
    #[serde(default)]
    pub(super) fixed: i64,
    #[serde(default = "per_hour")]
    pub(super) per_hour: i64,
    #[serde(default)]
    pub(super) per_km: i64,
    #[serde(default)]
    pub(super) per_hour_on_duty: i64,
}

impl Default for CostsIn {
    fn default() -> Self {
        Self { fixed: 0, per_hour: per_hour(), per_km: 0, per_hour_on_duty: 0 }
    }
}

const fn per_hour() -> i64 {
    3_600
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BreakIn {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) time_windows: Option<Vec<[i64; 2]>>,
    #[serde(default)]
    pub(super) service: i64,
    #[serde(default, rename = "description")]
    _description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReloadIn {
    pub(super) depots: Vec<u64>,
    #[serde(default)]
    pub(super) service: i64,
    pub(super) max_trips: u32,
}

/// A step of a route that is given, or of a solution that is read: what is not needed is passed over.
#[derive(Deserialize)]
pub(super) struct StepIn {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) id: Option<u64>,
    #[serde(default)]
    pub(super) arrival: Option<i64>,
    #[serde(default)]
    pub(super) wait_until: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SoftIn {
    pub(super) window: [i64; 2],
    #[serde(default)]
    pub(super) early_cost_per_hour: i64,
    #[serde(default)]
    pub(super) late_cost_per_hour: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JobIn {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) location: Option<Lon>,
    #[serde(default)]
    pub(super) location_index: Option<usize>,
    #[serde(default)]
    pub(super) setup: i64,
    #[serde(default)]
    pub(super) service: i64,
    #[serde(default)]
    pub(super) delivery: Vec<i64>,
    #[serde(default)]
    pub(super) pickup: Vec<i64>,
    #[serde(default)]
    pub(super) skills: Vec<u32>,
    #[serde(default)]
    pub(super) priority: i64,
    #[serde(default)]
    pub(super) time_windows: Option<Vec<[i64; 2]>>,
    #[serde(default)]
    pub(super) soft_window: Option<SoftIn>,
    #[serde(default)]
    pub(super) release: i64,
    #[serde(default)]
    pub(super) prize: Option<i64>,
    #[serde(default)]
    pub(super) mandatory: bool,
    #[serde(default)]
    pub(super) goods: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShipmentIn {
    #[serde(default)]
    pub(super) amount: Vec<i64>,
    #[serde(default)]
    pub(super) skills: Vec<u32>,
    #[serde(default)]
    pub(super) priority: i64,
    pub(super) pickup: EndIn,
    pub(super) delivery: EndIn,
    #[serde(default)]
    pub(super) release: i64,
    #[serde(default)]
    pub(super) prize: Option<i64>,
    #[serde(default)]
    pub(super) mandatory: bool,
    #[serde(default)]
    pub(super) goods: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndIn {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) location: Option<Lon>,
    #[serde(default)]
    pub(super) location_index: Option<usize>,
    #[serde(default)]
    pub(super) setup: i64,
    #[serde(default)]
    pub(super) service: i64,
    #[serde(default)]
    pub(super) time_windows: Option<Vec<[i64; 2]>>,
    #[serde(default)]
    pub(super) soft_window: Option<SoftIn>,
}

#[derive(Deserialize)]
pub(super) struct SolutionIn {
    #[serde(default)]
    pub(super) summary: Option<SummaryIn>,
    pub(super) routes: Vec<RouteIn>,
}

#[derive(Deserialize)]
pub(super) struct SummaryIn {
    #[serde(default)]
    pub(super) distance: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct RouteIn {
    pub(super) vehicle: u64,
    pub(super) steps: Vec<StepIn>,
}
