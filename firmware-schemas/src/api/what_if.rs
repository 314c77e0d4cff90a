//! What-if experiments over HTTP: what is asked for, how far it is, what came out.

use super::Problem;
use crate::id::OperationId;
use crate::quantity::Timestamp;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Asks what would be, in one or more cases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WhatIfRequest {
    /// The cases, at most 16. Before them comes `as is`, in which nothing is changed.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 16)))]
    pub scenarios: Vec<CaseRequest>,
    /// Whether `as is` is the first case. The others are compared with the first case, whichever it is.
    #[serde(default = "yes")]
    pub base: bool,
    /// Where it begins.
    #[serde(default)]
    pub from: Moment,
    /// Days that are simulated, those of the warm-up included: 1 to 3,650.
    #[serde(default = "half_a_year")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 3_650)))]
    pub days: u32,
    /// The first days, which are simulated and not counted.
    #[serde(default)]
    pub warm_up_days: u32,
    /// At least so many replications of each case: 2 to 10,000.
    #[serde(default = "some_replications")]
    #[cfg_attr(feature = "schema", schemars(range(min = 2, max = 10_000)))]
    pub replications_min: u32,
    /// At most so many; `replications_min`, or with goals 16 times as many, when it is left out.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 2, max = 10_000)))]
    pub replications_max: Option<u32>,
    /// Enough is known when all of these are met in every case. Without goals `replications_min` are made.
    #[serde(default)]
    pub goals: Vec<Goal>,
    /// Of all random draws: the same seed from the same moment gives the same answer. At most 2⁵³.
    #[serde(default = "first_seed")]
    #[cfg_attr(feature = "schema", schemars(range(max = 9_007_199_254_740_992_u64)))]
    pub seed: u64,
}

fn yes() -> bool {
    true
}

fn half_a_year() -> u32 {
    182
}

fn some_replications() -> u32 {
    64
}

fn first_seed() -> u64 {
    1
}

impl Default for WhatIfRequest {
    fn default() -> Self {
        Self {
            scenarios: Vec::new(),
            base: yes(),
            from: Moment::Live,
            days: half_a_year(),
            warm_up_days: 0,
            replications_min: some_replications(),
            replications_max: None,
            goals: Vec::new(),
            seed: first_seed(),
        }
    }
}

/// One case: a scenario in one of three ways. Exactly one of `library`, `toml` and `json` is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CaseRequest {
    /// What the case is called; the scenario's own name when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 200)))]
    pub name: Option<String>,
    /// A scenario of the library, as `GET /v1/scenarios` lists them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library: Option<String>,
    /// The text of a scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toml: Option<String>,
    /// The same as an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<serde_json::Value>,
}

/// Where an experiment begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// The network as it is now.
    #[default]
    Live,
    /// The network as it was then, as far as the journal goes back.
    At(Timestamp),
}

/// How well a key figure must be known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Goal {
    /// Its name, such as `fill_rate`.
    pub kpi: String,
    /// The half-width of its 95 % interval, as a share of its mean: above 0 and below 1.
    pub half_width: f64,
}

choice! {
    /// What an operation does.
    OperationKind {
        /// A what-if experiment.
        WhatIf,
    }
}
choice! {
    /// How an operation stands.
    OperationState {
        /// It waits for those before it.
        Queued,
        /// It is under way.
        Running,
        /// It is done, and its result is durable.
        Succeeded,
        /// It could not be done; `problem` says why.
        Failed,
        /// It was called off.
        Cancelled,
    }
}

impl OperationState {
    /// Whether it changes no more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

shape! {
    /// Something that takes longer than a request.
    OperationView {
        /// Its id, which was the idempotency key.
        id: OperationId,
        /// What it does.
        kind: OperationKind,
        /// How it stands.
        state: OperationState,
        /// How much is done, from 0 to 1. It may go back when more replications turn out to be needed.
        progress: f64,
        /// When it was asked for.
        created_at: Timestamp,
        /// When it began.
        started_at: Option<Timestamp>,
        /// When it ended.
        ended_at: Option<Timestamp>,
        /// Where the result is, once it has succeeded.
        result: Option<String>,
        /// Why it failed.
        problem: Option<Problem>,
    }
}

shape! {
    /// What-if results, without their figures.
    WhatIfHead {
        /// Its id, that of its operation.
        id: OperationId,
        /// When it was asked for.
        created_at: Timestamp,
        /// When it was done.
        ended_at: Timestamp,
        /// When its day 0 begins.
        start: Timestamp,
        /// The journal's last record in the state that it began with; `null` for a network folder.
        revision: Option<u64>,
        /// ISO 4217; money is in its minor unit.
        currency: String,
        /// Days that were simulated.
        days: u32,
        /// Of these, the first ones, which are not counted.
        warm_up_days: u32,
        /// Replications of each case.
        replications: u32,
        /// Of all random draws.
        seed: u64,
        /// Names of the cases; the others are compared with the first.
        cases: Vec<String>,
    }
}
shape! {
    /// What came out.
    WhatIfResult {
        /// What it is about.
        #[serde(flatten)]
        head: WhatIfHead,
        /// The cases in their order.
        results: Vec<CaseResult>,
    }
}
shape! {
    /// What came out in one case.
    CaseResult {
        /// Its name.
        case: String,
        /// One sentence: what happens.
        story: String,
        /// The figures of the whole network; what says nothing, such as a fill rate without demand, is left out.
        kpis: Vec<KpiView>,
        /// The figures of parts; empty unless `by` asks for them.
        parts: Vec<PartResult>,
    }
}
shape! {
    /// What came out in one part of the network.
    PartResult {
        /// Which: a site, a class of SKUs, a tier or a lane.
        part: String,
        /// Its figures.
        kpis: Vec<KpiView>,
    }
}
choice! {
    /// What a network is divided by.
    Division {
        /// Sites.
        Site,
        /// Classes of SKUs.
        Class,
        /// Echelons, 0 being the end customers.
        Tier,
        /// Lanes: freight, tonne-kilometres and greenhouse gases only.
        Lane,
    }
}
choice! {
    /// What a page for people is written in.
    PageLanguage {
        /// English.
        En,
        /// Chinese, in simplified characters.
        Zh,
    }
}
choice! {
    /// Which way a figure should go.
    Better {
        /// More is better.
        More,
        /// Less is better.
        Less,
        /// Neither.
        Neither,
    }
}
shape! {
    /// A key figure: mean over the replications, with its 95 % interval.
    KpiView {
        /// Its name.
        kpi: String,
        /// UCUM code, `minor` for minor units of the currency, or `1`.
        unit: String,
        /// Which way it should go.
        better: Better,
        /// The mean.
        mean: f64,
        /// Half of the interval.
        half_width: f64,
        /// The standard deviation of a replication.
        sd: f64,
        /// Replications.
        n: u32,
        /// Against the first case, replication by replication; `null` in the first case.
        difference: Option<DifferenceView>,
    }
}
shape! {
    /// A difference in pairs: this case less the first, on the same random numbers.
    DifferenceView {
        /// The mean.
        mean: f64,
        /// Half of the 95 % interval.
        half_width: f64,
        /// Whether the interval leaves no doubt about the sign.
        significant: bool,
    }
}
shape! {
    /// How the cases went, week by week.
    WhatIfSeries {
        /// Its id.
        id: OperationId,
        /// When each point's week begins.
        at: Vec<Timestamp>,
        /// One for each case, tier and figure.
        items: Vec<SeriesView>,
    }
}
shape! {
    /// One figure of one tier in one case; each list has a number for each week.
    SeriesView {
        /// The case.
        case: String,
        /// Echelons from the end customers, who are 0.
        tier: u8,
        /// `fill_rate`, `demand`, `lost`, `backorders` or `on_hand`.
        figure: String,
        /// `1`, or `{piece}`; demand and lost are those of a whole week.
        unit: String,
        /// Mean over the replications; `null` where a week says nothing.
        mean: Vec<Option<f64>>,
        /// One replication in ten was lower.
        p10: Vec<Option<f64>>,
        /// Half of them were lower.
        p50: Vec<Option<f64>>,
        /// Nine in ten were lower.
        p90: Vec<Option<f64>>,
    }
}
shape! {
    /// A scenario of the library.
    ScenarioView {
        /// Its id; a case asks for it as `library`.
        id: String,
        /// A few words.
        name: String,
        /// The same in Chinese.
        name_zh: Option<String>,
        /// One sentence: what happens.
        story: String,
        /// The same in Chinese.
        story_zh: Option<String>,
        /// How many changes it makes.
        n_changes: usize,
        /// Its text.
        toml: String,
    }
}
