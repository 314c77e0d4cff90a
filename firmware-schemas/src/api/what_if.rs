//! What-if experiments and better levels over HTTP: what is asked for, how far it is, what came out.

use super::Problem;
use crate::id::{LaneId, OperationId, SiteId, SkuId};
use crate::quantity::Timestamp;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Asks what would be, in one or more cases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WhatIfRequest {
    /// The cases, at most 16, or 100 with `select`. Before them comes `as is`, in which nothing is changed.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 100)))]
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
    /// The best case is looked for: replications go where they tell the best from its rivals. Goes without goals
    /// and `replications_max`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<Select>,
}

/// How the best of many cases is looked for (optimal computing budget allocation).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Select {
    /// The key figure that decides, such as `relevant_cost` or `fill_rate`; one of which more or less is better.
    #[serde(default = "relevant_cost")]
    pub kpi: String,
    /// Replications of all cases together. Each gets `replications_min` first, 5 at least. Four times these for
    /// each case when it is left out.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 10, max = 1_000_000)))]
    pub replications_total: Option<u32>,
}

fn relevant_cost() -> String {
    "relevant_cost".into()
}

impl Default for Select {
    fn default() -> Self {
        Self { kpi: relevant_cost(), replications_total: None }
    }
}

/// Asks for better levels of stock positions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ImproveRequest {
    /// Scenarios that are applied first, one after the other, at most 16: levels are looked for in what comes out.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 16)))]
    pub scenarios: Vec<CaseRequest>,
    /// Where it begins.
    #[serde(default)]
    pub from: Moment,
    /// Whose levels may change; all when it is left out.
    #[serde(default)]
    pub only: StockFilter,
    /// Where the search begins.
    #[serde(default)]
    pub begin_with: BeginWith,
    /// Steps of the search: 0 to 500. None: only the levels that it begins with are judged.
    #[serde(default = "some_rounds")]
    #[cfg_attr(feature = "schema", schemars(range(max = 500)))]
    pub rounds: u32,
    /// Days that are simulated, those of the warm-up included: 1 to 3,650.
    #[serde(default = "half_a_year")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 3_650)))]
    pub days: u32,
    /// The first days, which are simulated and not counted.
    #[serde(default)]
    pub warm_up_days: u32,
    /// At least so many replications judge the proposal beside today's levels: 2 to 10,000. None of them was part
    /// of the search.
    #[serde(default = "some_replications")]
    #[cfg_attr(feature = "schema", schemars(range(min = 2, max = 10_000)))]
    pub replications_min: u32,
    /// At most so many; `replications_min`, or with goals 16 times as many, when it is left out.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 2, max = 10_000)))]
    pub replications_max: Option<u32>,
    /// Enough is known when all of these are met in both cases. Without goals `replications_min` are made.
    #[serde(default)]
    pub goals: Vec<Goal>,
    /// Of all random draws: the same seed from the same moment gives the same answer. At most 2⁵³.
    #[serde(default = "first_seed")]
    #[cfg_attr(feature = "schema", schemars(range(max = 9_007_199_254_740_992_u64)))]
    pub seed: u64,
}

impl Default for ImproveRequest {
    fn default() -> Self {
        Self {
            scenarios: Vec::new(),
            from: Moment::Live,
            only: StockFilter::default(),
            begin_with: BeginWith::Today,
            rounds: some_rounds(),
            days: half_a_year(),
            warm_up_days: 0,
            replications_min: some_replications(),
            replications_max: None,
            goals: Vec::new(),
            seed: first_seed(),
        }
    }
}

/// Which stock positions. An empty list lets all through; a `*` at the end of a name stands for any rest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StockFilter {
    /// Sites.
    #[serde(default)]
    pub sites: Vec<String>,
    /// SKUs.
    #[serde(default)]
    pub skus: Vec<String>,
    /// Classes of SKUs: `A`, `B` and `C` by the value of their demand.
    #[serde(default)]
    pub classes: Vec<String>,
}

/// Where the search for better levels begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BeginWith {
    /// The levels that there are.
    #[default]
    Today,
    /// Those of the guaranteed-service model, which comes with a lower bound on the cost of safety stock.
    GuaranteedService,
}

fn some_rounds() -> u32 {
    20
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
            select: None,
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
        /// Better levels are looked for.
        Improve,
        /// Routes are looked for.
        Routes,
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
        /// Replications of the first case: of each, but where the best was looked for.
        replications: u32,
        /// Of all random draws.
        seed: u64,
        /// Names of the cases; the others are compared with the first.
        cases: Vec<String>,
        /// What was done. A result of kind `improve` has levels at `/v1/what-if/{id}/improvement`.
        #[serde(default = "what_if")]
        kind: OperationKind,
    }
}

fn what_if() -> OperationKind {
    OperationKind::WhatIf
}

shape! {
    /// What came out.
    WhatIfResult {
        /// What it is about.
        #[serde(flatten)]
        head: WhatIfHead,
        /// The cases in their order.
        results: Vec<CaseResult>,
        /// Which case is the best, where it was asked for.
        #[serde(default)]
        selection: Option<SelectionView>,
    }
}
shape! {
    /// Which of many cases is the best.
    SelectionView {
        /// The key figure that decided.
        kpi: String,
        /// The least probability that the first of the ranking is truly the best: by normal approximation in pairs,
        /// with the probabilities of all others added up.
        probability_correct: f64,
        /// Replications of all cases together.
        replications_total: u32,
        /// From best to worst.
        ranking: Vec<RankView>,
    }
}
shape! {
    /// A case in its place.
    RankView {
        /// Its name.
        case: String,
        /// Replications that it got.
        replications: u32,
        /// The key figure; `null` where it says nothing.
        mean: Option<f64>,
        /// Half of its 95 % interval.
        half_width: Option<f64>,
        /// This less the best, replication by replication; `null` in the best itself.
        behind: Option<DifferenceView>,
        /// The probability that it is truly no better than the best; `null` in that itself.
        probability_not_better: Option<f64>,
    }
}
shape! {
    /// Better levels, and how they compare with today's.
    ImprovementView {
        /// What it is about.
        #[serde(flatten)]
        head: WhatIfHead,
        /// What may be said of the proposal, by the relevant cost.
        verdict: ImprovementVerdict,
        /// The same in one sentence.
        summary: String,
        /// Where the search began.
        begin_with: BeginWith,
        /// Steps that it made.
        rounds: u32,
        /// Stock positions whose levels might change.
        n_positions: usize,
        /// The guaranteed-service model, where it was the start.
        guaranteed_service: Option<GuaranteedServiceView>,
        /// Key figures of today's levels, those of the proposal, and the difference in pairs.
        figures: Vec<BesideView>,
        /// The positions whose levels change; the greatest change of value first.
        levels: Vec<LevelChange>,
    }
}
choice! {
    /// What may be said of a proposal.
    ImprovementVerdict {
        /// It costs less, and the 95 % interval leaves no doubt.
        Better,
        /// The interval of the difference holds zero.
        Undecided,
        /// It costs more, and the interval leaves no doubt: what the search found did not hold.
        Worse,
        /// Nothing better was found; today's levels are proposed.
        NothingFound,
    }
}
shape! {
    /// Safety stock by the guaranteed-service model, in minor units of the currency. It counts safety stock alone,
    /// and demand within a bound, so it is no bound on simulated cost.
    GuaranteedServiceView {
        /// Stock positions that it covers.
        n_positions: usize,
        /// What its safety stock costs in a day.
        cost_minor_per_day: f64,
        /// No placement in the model costs less.
        lower_bound_minor_per_day: f64,
        /// How much of the cost may be too much: `(cost − lower bound) / cost`.
        gap: f64,
    }
}
shape! {
    /// A key figure of today's levels beside the proposal's, each with its 95 % interval.
    BesideView {
        /// Its name.
        kpi: String,
        /// UCUM code, `minor` for minor units of the currency, or `1`.
        unit: String,
        /// Which way it should go.
        better: Better,
        /// Mean of today's levels.
        today: f64,
        /// Half of its interval.
        today_half_width: f64,
        /// Mean of the proposal.
        proposed: f64,
        /// Half of its interval.
        proposed_half_width: f64,
        /// Proposal less today, replication by replication.
        difference: DifferenceView,
    }
}
shape! {
    /// New levels of a stock position.
    LevelChange {
        /// Where.
        site: SiteId,
        /// Of what.
        sku: SkuId,
        /// The levels that there are.
        today: LevelsView,
        /// Those proposed.
        proposed: LevelsView,
        /// What the higher level ties up at cost, in minor units; below 0 where it frees.
        tied_up_minor: i64,
    }
}
shape! {
    /// Levels of a stock position, in pieces. What its policy does not have is `null`.
    LevelsView {
        /// How it orders.
        policy: LevelPolicy,
        /// At or below it is ordered.
        reorder_point: Option<i64>,
        /// Up to it is ordered.
        order_up_to: Option<i64>,
        /// Orders are multiples of it.
        lot: Option<i64>,
    }
}
choice! {
    /// A policy with levels.
    LevelPolicy {
        /// Always up to a level.
        BaseStock,
        /// Up to a level once another is reached.
        MinMax,
        /// In lots once a level is reached.
        ReorderLot,
        /// Always up to a level of all stock from here to the customers.
        EchelonBaseStock,
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
    /// What goes along lanes in one replication of each case: the same replication, on the same random numbers.
    ///
    /// Goods that leave a site on the same day along the same lanes, and arrive on the same day, are one journey,
    /// of all SKUs together. What does not go along lanes is left out.
    WhatIfMovements {
        /// Its id.
        id: OperationId,
        /// Which replication, from 0: of the first case, that of the median relevant cost; of an even number, the lower.
        replication: u32,
        /// When day 0 begins.
        start: Timestamp,
        /// What leaves on day 0 to the day before this one is listed.
        days: u32,
        /// The ways that are taken in any of the cases.
        ways: Vec<WayView>,
        /// The cases in their order.
        cases: Vec<CaseMovements>,
    }
}
shape! {
    /// Lanes, one after the other.
    WayView {
        /// In the order in which they are passed.
        lanes: Vec<LaneId>,
        /// When each is passed, in thousandths of the time under way, by the means of their lead times. The last is 1,000.
        ends_permille: Vec<u16>,
    }
}
shape! {
    /// The journeys of a case; each list has a number for each, by the day on which they leave.
    CaseMovements {
        /// The case.
        case: String,
        /// Journeys that there were.
        total: u64,
        /// Of these, those of the fewest pieces, which are not listed because they are too many.
        left_out: u64,
        /// Their pieces together.
        left_out_pieces: i64,
        /// Their ways, as places in `ways`.
        way: Vec<u32>,
        /// The days on which they leave.
        leaves: Vec<u32>,
        /// The days on which they arrive; it may be after the last day.
        arrives: Vec<u32>,
        /// Pieces.
        pieces: Vec<i64>,
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
