//! Replenishment, supply orders and forecasts over HTTP.

use crate::id::{OrderId, SiteId, SkuId};
use crate::quantity::{MinorUnits, Pieces, Timestamp};
use crate::supply::{
    AbcClass, PlanningMode, ProposalId, ProposalReason, ReplenishmentParameters, ReplenishmentPolicy, SupplyKind,
};
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

choice! {
    /// How far a proposal is.
    ProposalStatus {
        /// Nobody has decided.
        Open,
        /// It is to be ordered.
        Approved,
        /// It is not wanted.
        Rejected,
        /// It is ordered.
        Placed,
    }
}
choice! {
    /// How far a supply order is.
    SupplyStatus {
        /// The sender has not answered.
        Placed,
        /// The sender, or the site that ordered, confirmed it.
        Confirmed,
        /// A part has left.
        Shipped,
        /// All that was not cancelled has come.
        Received,
        /// Nothing came, and nothing will.
        Cancelled,
    }
}
shape! {
    /// A sentence for people.
    Sentences {
        /// In English.
        en: String,
        /// In Chinese.
        zh: String,
    }
}
shape! {
    /// What to order for a position, and why.
    ProposedView {
        /// For which site.
        site: SiteId,
        /// What.
        sku: SkuId,
        /// From where.
        from: SiteId,
        /// Bought or moved.
        kind: SupplyKind,
        /// How many.
        pieces: Pieces,
        /// What it costs, minor units.
        cost_minor: MinorUnits,
        /// The day on which it should come at the latest, 00:00 UTC.
        due_at: Timestamp,
        /// The next day on which the position is looked at, 00:00 UTC.
        next_review_at: Timestamp,
        /// What may be done with it.
        mode: PlanningMode,
        /// The class of the SKU.
        class: AbcClass,
        /// Why it is as it is, in the order in which it came about.
        reasons: Vec<ProposalReason>,
        /// The same in words.
        text: Sentences,
    }
}
shape! {
    /// A proposal of a planning run.
    ProposalView {
        /// Its id.
        id: ProposalId,
        /// How far it is.
        status: ProposalStatus,
        /// What is proposed, and why.
        proposal: ProposedView,
        /// When it was made.
        made_at: Timestamp,
        /// When somebody, or the policy, decided.
        decided_at: Option<Timestamp>,
        /// Who decided; `null` for the policy, and while nobody has.
        by: Option<String>,
        /// What they said.
        note: Option<String>,
        /// The order that it became.
        order: Option<OrderId>,
    }
}
/// What to do with a proposal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct DecisionRequest {
    /// Who decides: at most 200 characters.
    pub by: Option<String>,
    /// For people: at most 1,000 characters.
    pub note: Option<String>,
}
/// Several proposals, all or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ProposalsRequest {
    /// Which: 1 to 10,000.
    #[cfg_attr(feature = "schema", schemars(extend("minItems" = 1, "maxItems" = 10_000)))]
    pub ids: Vec<ProposalId>,
    /// Who decides: at most 200 characters.
    #[serde(default)]
    pub by: Option<String>,
    /// For people: at most 1,000 characters.
    #[serde(default)]
    pub note: Option<String>,
}
shape! {
    /// Orders that were placed.
    PlacedView {
        /// Their ids.
        orders: Vec<OrderId>,
    }
}
shape! {
    /// What of many proposals was decided.
    DecidedView {
        /// How many.
        decided: u64,
    }
}
choice! {
    /// What the planner does.
    PlannerState {
        /// It waits for the next run.
        Idle,
        /// It makes forecasts.
        Forecasting,
        /// It plans.
        Planning,
        /// The last run failed; `problem` says why.
        Failed,
    }
}
shape! {
    /// How planning stands.
    PlannerView {
        /// What it does.
        state: PlannerState,
        /// When the last plan was made.
        planned_at: Option<Timestamp>,
        /// When the next will be.
        next_at: Option<Timestamp>,
        /// How long the last run took, forecasts included.
        took_secs: Option<f64>,
        /// Positions that it looked at.
        positions: u64,
        /// What it proposed.
        proposals: u64,
        /// What of it was ordered at once.
        ordered: u64,
        /// Positions that wanted to order and may not, by why.
        held: Vec<HeldCount>,
        /// The Monday that forecasts begin with.
        forecast_from: Option<Timestamp>,
        /// Positions with a forecast.
        forecasts: u64,
        /// The Monday of the quarter whose history methods were tuned on.
        tuned_at: Option<Timestamp>,
        /// Why the last run failed.
        problem: Option<String>,
    }
}
choice! {
    /// Why nothing is ordered for a position.
    HeldBy {
        /// Its mode is off.
        Off,
        /// It is not a day of review.
        NotDue,
        /// There is enough.
        Enough,
        /// It has no source.
        NoSource,
        /// No source has anything left.
        SourcesEmpty,
        /// The site cannot take in as much as the least order.
        SiteFull,
        /// The budget does not reach.
        BudgetSpent,
        /// All that is needed of the supplier is below its minimum.
        BelowSupplierMinimum,
        /// The least order would not be sold before it spoils.
        WouldSpoil,
    }
}
shape! {
    /// So many positions are held.
    HeldCount {
        /// Why.
        why: HeldBy,
        /// How many.
        positions: u64,
    }
}
shape! {
    /// What should be ordered for a position at this moment, and why.
    AdviceView {
        /// The twin that this is of.
        revision: u64,
        /// Where.
        site: SiteId,
        /// What.
        sku: SkuId,
        /// What holds for the position.
        parameters: EffectiveParameters,
        /// On the shelf.
        on_hand: Pieces,
        /// Reserved, or promised and not yet set aside.
        promised: Pieces,
        /// On the way, or ordered.
        coming: Pieces,
        /// What to order, by source; empty where nothing is.
        proposals: Vec<ProposedView>,
        /// Why nothing, or no more, is ordered.
        held: Option<HeldView>,
    }
}
shape! {
    /// Why nothing is ordered.
    HeldView {
        /// Why.
        why: HeldBy,
        /// In words.
        text: Sentences,
    }
}
shape! {
    /// Parameters of a position with nothing left open.
    EffectiveParameters {
        /// The class of the SKU.
        class: AbcClass,
        /// What may be done without asking.
        mode: PlanningMode,
        /// The chance of having enough, in thousandths, where it is set.
        level_permille: Option<u16>,
        /// Cost of holding stock for a year, in thousandths of its value.
        holding_permille_per_year: u32,
        /// Cost of a piece asked for and not there, in thousandths of its value.
        shortage_permille: u32,
        /// In a shortage, lower numbers are served first.
        priority: u32,
        /// The least that can be ordered.
        minimum: u32,
        /// Orders are multiples of this.
        multiple: u32,
        /// The site that supplies it.
        source: Option<SiteId>,
    }
}
shape! {
    /// The policy of replenishment, and its version.
    PolicyView {
        /// Its version, also in `ETag`; 0 while nobody has set one.
        version: u64,
        /// When it was set.
        set_at: Option<Timestamp>,
        /// Who set it.
        by: Option<String>,
        /// It.
        policy: ReplenishmentPolicy,
    }
}
shape! {
    /// What was set for a single position.
    ParametersView {
        /// Where.
        site: SiteId,
        /// What.
        sku: SkuId,
        /// Its version, also in `ETag`; 0 while nobody has set any.
        version: u64,
        /// When it was set.
        set_at: Option<Timestamp>,
        /// Who set it.
        by: Option<String>,
        /// What was set; the rest follows from the policy.
        parameters: ReplenishmentParameters,
        /// What holds, with the policy.
        effective: EffectiveParameters,
    }
}
shape! {
    /// An order to a supplier or to another site.
    SupplyOrderView {
        /// Its id.
        order: OrderId,
        /// Bought or moved.
        kind: SupplyKind,
        /// How far it is.
        status: SupplyStatus,
        /// Who sends it; `null` where nobody said.
        from: Option<SiteId>,
        /// Who gets it.
        to: SiteId,
        /// True when it was placed here; false when a site reported it.
        ours: bool,
        /// When it was placed.
        placed_at: Timestamp,
        /// When it should be there.
        due_at: Option<Timestamp>,
        /// When anything of it last changed.
        changed_at: Timestamp,
        /// True when it should be there, and is not.
        late: bool,
        /// Why it was cancelled.
        reason: Option<String>,
        /// What.
        lines: Vec<SupplyLineView>,
    }
}
shape! {
    /// Goods of a supply order.
    SupplyLineView {
        /// What.
        sku: SkuId,
        /// Ordered.
        pieces: Pieces,
        /// Have left the sender.
        shipped: Pieces,
        /// Have come.
        received: Pieces,
        /// Will not come.
        cancelled: Pieces,
        /// What they cost, minor units.
        cost_minor: MinorUnits,
        /// The proposal that it follows from.
        proposal: Option<ProposalId>,
    }
}
/// A supplier's word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct SupplyConfirmation {
    /// When it will be there, where that differs from what was asked.
    pub due_at: Option<Timestamp>,
}
/// A cancellation of what has not been sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct SupplyCancellation {
    /// For people: at most 1,000 characters.
    pub reason: Option<String>,
}
shape! {
    /// What is expected of a position, in short.
    ForecastHead {
        /// Where.
        site: SiteId,
        /// What.
        sku: SkuId,
        /// The class of the SKU.
        class: AbcClass,
        /// Weeks of history that it rests on.
        history_weeks: u64,
        /// Pieces expected in the next four weeks.
        next_4_weeks: f64,
        /// Pieces expected in the year.
        next_52_weeks: f64,
    }
}
choice! {
    /// What positions are added up to.
    TotalLevel {
        /// Everything at sites of a kind.
        Kind,
        /// Sites of a kind in a country.
        Region,
        /// All of a site.
        Site,
        /// A SKU at all sites of a kind.
        Sku,
    }
}
shape! {
    /// What is expected of a total.
    TotalView {
        /// The kind of its sites.
        kind: Option<crate::network::SiteKind>,
        /// ISO 3166-1 alpha-2 code of the country, of a region.
        country: Option<String>,
        /// The site, of all of a site.
        site: Option<SiteId>,
        /// The SKU, where it is of one.
        sku: Option<SkuId>,
        /// Pieces by week, from the first week of the forecasts on.
        weeks: Vec<TotalWeek>,
    }
}
shape! {
    /// One week of a total.
    TotalWeek {
        /// Its Monday, 00:00 UTC.
        week: Timestamp,
        /// Pieces expected; those of its positions add up to it.
        pieces: f64,
        /// 95 % of cases lie above this …
        low: f64,
        /// … and below this.
        high: f64,
    }
}
shape! {
    /// What is expected of a position.
    ForecastView {
        /// Where.
        site: SiteId,
        /// What.
        sku: SkuId,
        /// The class of the SKU.
        class: AbcClass,
        /// Weeks of history that it rests on; below 8 it is the recent rate.
        history_weeks: u64,
        /// By week.
        weeks: Vec<ForecastWeek>,
        /// The methods and their weights, what was corrected, and how much of the past was used.
        basis: Vec<String>,
    }
}
shape! {
    /// One week to come.
    ForecastWeek {
        /// Its Monday, 00:00 UTC.
        week: Timestamp,
        /// What is planned with: statistics, or what planners say instead.
        pieces: f64,
        /// What statistics expect.
        statistical: f64,
        /// 95 % of cases lie above this …
        low: f64,
        /// … and below this.
        high: f64,
        /// What planners say.
        overridden: Option<OverrideView>,
    }
}
shape! {
    /// What a planner expects, kept apart from statistics.
    OverrideView {
        /// Pieces.
        pieces: Pieces,
        /// When it was given.
        at: Timestamp,
        /// By whom.
        by: Option<String>,
        /// Why.
        note: Option<String>,
    }
}
/// What planners expect in place of statistics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OverrideRequest {
    /// Who: at most 200 characters.
    #[serde(default)]
    pub by: Option<String>,
    /// Why: at most 1,000 characters.
    #[serde(default)]
    pub note: Option<String>,
    /// Weeks, 1 to 53.
    #[cfg_attr(feature = "schema", schemars(extend("minItems" = 1, "maxItems" = 53)))]
    pub weeks: Vec<OverrideWeek>,
}
/// What planners expect of a week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OverrideWeek {
    /// Any instant of it.
    pub week: Timestamp,
    /// Pieces; `null` takes it back.
    pub pieces: Option<Pieces>,
}
shape! {
    /// What was asked for of a position.
    DemandView {
        /// Where.
        site: SiteId,
        /// What.
        sku: SkuId,
        /// By week, oldest first; the last is not over.
        weeks: Vec<DemandWeek>,
    }
}
shape! {
    /// One week of the past.
    DemandWeek {
        /// Its Monday, 00:00 UTC.
        week: Timestamp,
        /// Pieces asked for.
        pieces: Pieces,
        /// Pieces that came back.
        returned: Pieces,
        /// There was no stock for a part of it: more may have been wanted.
        stocked_out: bool,
        /// There was a promotion.
        promoted: bool,
    }
}
/// What was asked for of a position before the gateway listened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DemandHistory {
    /// Where.
    pub site: SiteId,
    /// What.
    pub sku: SkuId,
    /// Any instant of the first week.
    pub from: Timestamp,
    /// Pieces asked for, by week: 1 to 157.
    pub pieces: Vec<u32>,
    /// Days without stock, by week; none when absent.
    #[serde(default)]
    pub days_out: Vec<u8>,
}
shape! {
    /// How well forecasts did, and what planners add.
    ForecastQuality {
        /// How methods were tuned: families of series, windows of the past, errors there.
        tuned: Vec<TunedFamily>,
        /// What planners' overrides did to the error of weeks that are over.
        overrides: ForecastValueAdded,
        /// How many times the cost of a shortage counts, by backtest on simulated cost; empty while too little is known.
        levels: Vec<CalibratedLevel>,
    }
}
shape! {
    /// A family of series in the last tuning. Errors are of the quarter ahead.
    TunedFamily {
        /// `regular` or `irregular`.
        family: String,
        /// Windows of the past that were forecast.
        windows: u64,
        /// Each method's weight.
        methods: Vec<MethodWeight>,
        /// One less the weighted absolute percentage error of single positions in single weeks; `null` without windows.
        accuracy: Option<f64>,
        /// The same of Naive2.
        naive_accuracy: Option<f64>,
        /// Mean absolute scaled error.
        mase: Option<f64>,
    }
}
shape! {
    /// What backtests on simulated cost chose for positions of one kind.
    CalibratedLevel {
        /// What becomes of demand that finds no stock.
        unmet: crate::supply::UnmetDemand,
        /// Times that the cost of a shortage counts: slow movers, middling (from 1 piece a week), fast (from 4).
        shortage_times: Vec<f64>,
    }
}
shape! {
    /// A method's part.
    MethodWeight {
        /// Which.
        method: String,
        /// Its weight.
        weight: f64,
    }
}
shape! {
    /// Forecast value added: errors of weeks with an override that are over.
    ForecastValueAdded {
        /// Weeks of positions with an override that are over.
        weeks: u64,
        /// Sum of absolute errors of statistics, pieces.
        statistical_error: f64,
        /// Sum of absolute errors of planners, pieces.
        planners_error: f64,
        /// How much of the error planners took away; below 0 they added to it; `null` without weeks.
        added: Option<f64>,
    }
}
