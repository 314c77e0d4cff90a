//! Key figures of one replication.

use super::Outcome;
use crate::kernel::{Model, Stat};
use crate::situation::carbon;
use firmware_schemas::network::TemperatureClass;

macro_rules! kpis {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $unit:literal, $better:literal;)+) => {
        /// A key figure of a supply network over the counted days.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kpi {
            $($(#[$doc])* $name,)+
        }

        impl Kpi {
            /// All, in the order in which they are shown.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name in files and interfaces.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// Its unit: a UCUM code, `minor` for minor units of the currency, or `1` for a share.
            pub const fn unit(self) -> &'static str {
                match self {
                    $(Self::$name => $unit,)+
                }
            }

            /// Whether more is better (1), worse (-1) or neither (0).
            pub const fn better(self) -> i8 {
                match self {
                    $(Self::$name => $better,)+
                }
            }

            /// By its name.
            pub fn from_name(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kpi| kpi.as_str() == text)
            }
        }
    };
}

kpis! {
    /// Share of the pieces asked for by end customers that were served on the day.
    FillRate = "fill_rate", "1", 1;
    /// Share of replenishment cycles in which every customer was served on the day.
    CycleServiceLevel = "cycle_service_level", "1", 1;
    /// Share of days with demand, by position, on which somebody was not served at once.
    ShortDays = "short_days", "1", -1;
    /// Pieces asked for.
    Demand = "demand", "{piece}", 0;
    /// Pieces that customers gave up.
    Lost = "lost", "{piece}", -1;
    /// Mean time from asking to being served, of all pieces that were, in days.
    BackorderWait = "backorder_wait", "d", -1;
    /// Mean stock over mean demand, in days.
    DaysOfCover = "days_of_cover", "d", 0;
    /// Value served in a year over mean stock value.
    Turns = "turns", "/a", 1;
    /// Variance of orders placed over variance of demand seen, summed over positions.
    Bullwhip = "bullwhip", "1", -1;
    /// Mean stock, in pieces.
    MeanOnHand = "mean_on_hand", "{piece}", 0;
    /// Mean of pieces that customers wait for.
    MeanBackorders = "mean_backorders", "{piece}", -1;
    /// Pieces thrown away.
    Wasted = "wasted", "{piece}", -1;
    /// Pieces moved within an echelon.
    Transshipped = "transshipped", "{piece}", 0;
    /// Orders placed.
    Orders = "orders", "1", 0;
    /// All costs below together, without lost margin.
    TotalCost = "total_cost", "minor", -1;
    /// What a choice of levels decides: total cost without purchases, and with lost margin. Selling less buys
    /// less, and the price that was not earned stands nowhere in the total.
    RelevantCost = "relevant_cost", "minor", -1;
    /// Keeping stock.
    HoldingCost = "holding_cost", "minor", -1;
    /// Customers' waiting.
    BackorderCost = "backorder_cost", "minor", -1;
    /// Lost sales on top of the margin.
    LostCost = "lost_cost", "minor", -1;
    /// Placing orders.
    OrderCost = "order_cost", "minor", -1;
    /// Buying from outside.
    PurchaseCost = "purchase_cost", "minor", -1;
    /// Moving stock within an echelon.
    TransshipmentCost = "transshipment_cost", "minor", -1;
    /// Goods thrown away, at cost.
    WasteCost = "waste_cost", "minor", -1;
    /// Departures and tonnes on lanes.
    FreightCost = "freight_cost", "minor", -1;
    /// Margin that went with lost sales.
    LostMargin = "lost_margin", "minor", -1;
    /// Tonne-kilometres on lanes.
    TonneKm = "tonne_km", "t.km", 0;
    /// Greenhouse gases of transport from well to wheel, in kilograms of CO₂e; see [`carbon`].
    Co2e = "co2e", "kg", -1;
}

/// Of what a key figure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    /// The whole network.
    All,
    /// A site, by index.
    Site(u32),
    /// A class of SKUs.
    Class(&'a str),
    /// An echelon.
    Tier(u8),
    /// A lane, by index; only freight, tonne-kilometres and gases.
    Lane(u32),
}

/// The cells and lanes of a scope, found once for all replications and key figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    cells: Vec<usize>,
    /// `None`: freight cannot be told apart here.
    lanes: Option<Vec<usize>>,
    is_lane: bool,
}

impl Part {
    /// Of the outcomes of this model. O(cells + lanes), once.
    pub fn of(model: &Model, scope: Scope<'_>) -> Self {
        let s = model.situation();
        let tier_of = |site: u32| s.sites[site as usize].tier;
        let cells = model.cells().enumerate().filter(|(_, (site, class))| match scope {
            Scope::All => true,
            Scope::Site(at) => at == *site,
            Scope::Class(name) => name == *class,
            Scope::Tier(tier) => tier_of(*site) == tier,
            Scope::Lane(_) => false,
        });
        let lanes_to = |ends: &dyn Fn(u32) -> bool| -> Vec<usize> {
            s.lanes.iter().enumerate().filter(|(_, lane)| ends(lane.to)).map(|(at, _)| at).collect()
        };
        let lanes = match scope {
            Scope::All => Some((0..s.lanes.len()).collect()),
            Scope::Site(at) => Some(lanes_to(&|site| site == at)),
            Scope::Tier(tier) => Some(lanes_to(&|site| tier_of(site) == tier)),
            Scope::Lane(at) => Some(vec![at as usize]),
            Scope::Class(_) => None,
        };
        Self { cells: cells.map(|(cell, _)| cell).collect(), lanes, is_lane: matches!(scope, Scope::Lane(_)) }
    }

    /// What one replication counted here.
    pub fn sum(&self, outcome: &Outcome, replication: u32, stat: Stat) -> i64 {
        self.cells.iter().map(|cell| outcome.tally.sum(replication, *cell, stat)).sum()
    }
}

impl Kpi {
    /// In one replication; `None` where it says nothing. Freight of a site is that of the lanes that end there;
    /// a class has none.
    pub fn of(self, outcome: &Outcome, replication: u32, scope: Scope<'_>) -> Option<f64> {
        self.over(outcome, replication, &Part::of(&outcome.model, scope))
    }

    /// The same of a scope that was looked up before.
    pub fn over(self, outcome: &Outcome, replication: u32, part: &Part) -> Option<f64> {
        let sum = |stat: Stat| part.sum(outcome, replication, stat) as f64;
        let ratio = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        let money = |stat: Stat| Some(sum(stat) / 1e6);
        let days = f64::from(outcome.model.counted_days()).max(1.0);
        if part.is_lane && !matches!(self, Self::FreightCost | Self::TonneKm | Self::Co2e) {
            return None;
        }
        match self {
            Self::FillRate => ratio(sum(Stat::ServedAtOnce), sum(Stat::Demand)),
            Self::CycleServiceLevel => ratio(sum(Stat::Cycles) - sum(Stat::CyclesShort), sum(Stat::Cycles)),
            Self::ShortDays => ratio(sum(Stat::ShortDays), sum(Stat::DemandDays)),
            Self::Demand => Some(sum(Stat::Demand)),
            Self::Lost => Some(sum(Stat::Lost)),
            Self::BackorderWait => ratio(sum(Stat::BackorderDays), sum(Stat::Demand) - sum(Stat::Lost)),
            Self::DaysOfCover => ratio(sum(Stat::OnHandDays), sum(Stat::Demand)),
            Self::Turns => ratio(sum(Stat::ServedValue) * 365.0, sum(Stat::ValueDays)),
            Self::Bullwhip => ratio(sum(Stat::OrderedSpread), sum(Stat::SeenSpread)),
            Self::MeanOnHand => Some(sum(Stat::OnHandDays) / days),
            Self::MeanBackorders => Some(sum(Stat::BackorderDays) / days),
            Self::Wasted => Some(sum(Stat::Wasted)),
            Self::Transshipped => Some(sum(Stat::Transshipped)),
            Self::Orders => Some(sum(Stat::Orders)),
            Self::HoldingCost => money(Stat::HoldingCost),
            Self::BackorderCost => money(Stat::BackorderCost),
            Self::LostCost => money(Stat::LostCost),
            Self::OrderCost => money(Stat::OrderCost),
            Self::PurchaseCost => money(Stat::PurchaseCost),
            Self::TransshipmentCost => money(Stat::TransshipmentCost),
            Self::WasteCost => money(Stat::WasteCost),
            Self::LostMargin => money(Stat::LostMargin),
            Self::FreightCost => by_lane(outcome, part, |lane, tally_at| {
                let tonnes = outcome.tally.grams(replication, tally_at) as f64 / 1e6;
                let departures = f64::from(outcome.tally.departures(replication, tally_at));
                departures * lane.departure_cost_minor as f64 + tonnes * lane.tonne_cost_minor as f64
            }),
            Self::TonneKm => by_lane(outcome, part, |_, at| outcome.tally.tonne_km(replication, at).iter().sum()),
            Self::Co2e => by_lane(outcome, part, |lane, at| {
                let [dry, cooled] = outcome.tally.tonne_km(replication, at);
                let factor = |temperature| carbon::of(lane.mode, temperature) / 1e3;
                dry * factor(TemperatureClass::Dry) + cooled * factor(TemperatureClass::Chilled)
            }),
            Self::RelevantCost => {
                let of = |kpi: Self| kpi.over(outcome, replication, part);
                Some(of(Self::TotalCost)? - of(Self::PurchaseCost)? + of(Self::LostMargin)?)
            }
            Self::TotalCost => {
                let costs = [
                    Stat::HoldingCost,
                    Stat::BackorderCost,
                    Stat::LostCost,
                    Stat::OrderCost,
                    Stat::PurchaseCost,
                    Stat::TransshipmentCost,
                    Stat::WasteCost,
                ];
                let freight = Self::FreightCost.over(outcome, replication, part).unwrap_or(0.0);
                Some(costs.into_iter().map(sum).sum::<f64>() / 1e6 + freight)
            }
        }
    }
}

fn by_lane(outcome: &Outcome, part: &Part, figure: impl Fn(&crate::situation::Lane, usize) -> f64) -> Option<f64> {
    let lanes = &outcome.model.situation().lanes;
    Some(part.lanes.as_ref()?.iter().map(|at| figure(&lanes[*at], *at)).sum())
}
