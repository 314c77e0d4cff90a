//! What holds for a position: the default of the policy, its rules, and the position's own parameters.

use crate::replenish::projection::Unmet;
use crate::replenish::{Mode, ReviewCalendar};
use crate::state::{StockIdx, Twin};
use firmware_schemas::network::SiteKind;
use firmware_schemas::supply::{AbcClass, PlanningMode, PolicyRule, PriceFrom, ReplenishmentParameters, UnmetDemand};

/// Parameters of a position with nothing left open.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// What may be done without asking.
    pub mode: PlanningMode,
    /// The chance of having enough, in thousandths, where it is set.
    pub level_permille: Option<u16>,
    /// Cost of holding stock for a year, in thousandths of its value.
    pub holding_permille_per_year: u32,
    /// Cost of a piece asked for and not there, in thousandths of its value.
    pub shortage_permille: u32,
    /// When it is looked at.
    pub review: ReviewCalendar,
    /// What becomes of demand that finds no stock.
    pub unmet: Unmet,
    /// In a shortage, lower numbers are served first.
    pub priority: u32,
    /// The least that can be ordered.
    pub minimum: u32,
    /// Orders are multiples of this.
    pub multiple: u32,
    /// Pieces on a pallet.
    pub pallet: Option<u32>,
    /// Cost of an order of the item, minor units.
    pub order_cost_minor: u64,
    /// Days until an order comes, where they are set.
    pub lead_days: Option<u16>,
    /// Prices from some quantity on, where they are set.
    pub prices: Option<Vec<PriceFrom>>,
}

impl Settings {
    /// Of a position whose SKU is of this class.
    pub fn of(twin: &Twin, position: StockIdx, class: AbcClass) -> Self {
        let stock = &twin.stock[position.at()];
        let (site, sku) = (&twin.sites[stock.site.at()].spec, &twin.skus[stock.sku.at()].sku);
        let mut set = ReplenishmentParameters::default();
        if let Some(policy) = &twin.supply.policy {
            overlay(&mut set, &policy.value.default);
            let fits = |rule: &&PolicyRule| {
                (rule.sites.is_empty() || rule.sites.contains(&site.site))
                    && (rule.kinds.is_empty() || rule.kinds.contains(&site.kind))
                    && (rule.classes.is_empty() || rule.classes.contains(&class))
                    && (rule.skus.is_empty() || rule.skus.contains(sku))
            };
            policy.value.rules.iter().filter(fits).for_each(|rule| overlay(&mut set, &rule.set));
        }
        if let Some(own) = twin.supply.parameters.get(&position) {
            overlay(&mut set, &own.value);
        }
        let unmet = set.unmet.unwrap_or(match site.kind {
            SiteKind::Shop => UnmetDemand::Lost,
            _ => UnmetDemand::Waits,
        });
        let weekdays = set.review_weekdays.unwrap_or_default();
        let mask = weekdays.iter().filter(|day| (1..=7).contains(*day)).fold(0, |mask, day| mask | 1 << (day - 1));
        Self {
            mode: set.mode.unwrap_or(PlanningMode::Proposed),
            level_permille: set.level_permille,
            holding_permille_per_year: set.holding_permille_per_year.unwrap_or(200),
            shortage_permille: set.shortage_permille.unwrap_or(match unmet {
                UnmetDemand::Lost => 300,
                UnmetDemand::Waits => 150,
            }),
            review: if mask == 0 { ReviewCalendar::DAILY } else { ReviewCalendar::Weekdays(mask) },
            unmet: match unmet {
                UnmetDemand::Lost => Unmet::Lost,
                UnmetDemand::Waits => Unmet::Waits,
            },
            priority: set.priority.unwrap_or_else(|| priority_of(site.partner_class.as_deref())),
            minimum: set.minimum.unwrap_or(1),
            multiple: set.multiple.unwrap_or(1).max(1),
            pallet: set.pallet,
            order_cost_minor: set.order_cost_minor.map_or(0, |cost| cost.0.max(0) as u64),
            lead_days: set.lead_days,
            prices: set.prices,
        }
    }

    /// The mode, as a run wants it.
    pub fn run_mode(&self) -> Mode {
        match self.mode {
            PlanningMode::Automatic => Mode::Automatic,
            PlanningMode::Proposed => Mode::Proposed,
            PlanningMode::Off => Mode::Off,
        }
    }
}

/// Partners are graded by letter, `key` before all; those without a grade come last.
fn priority_of(partner_class: Option<&str>) -> u32 {
    match partner_class {
        Some("key") => 0,
        Some(class) => match class.as_bytes() {
            [letter @ b'A'..=b'Z'] => 1 + u32::from(letter - b'A'),
            _ => 30,
        },
        None => 40,
    }
}

fn overlay(on: &mut ReplenishmentParameters, by: &ReplenishmentParameters) {
    macro_rules! each {
        ($($field:ident),+) => { $(if by.$field.is_some() { on.$field.clone_from(&by.$field); })+ };
    }
    each!(
        mode,
        level_permille,
        holding_permille_per_year,
        shortage_permille,
        review_weekdays,
        unmet,
        priority,
        minimum,
        multiple,
        pallet,
        order_cost_minor,
        lead_days,
        prices
    );
}
