//! From pieces needed to pieces that can be bought: minimum, multiple, pallet, container, price breaks.

use super::{ReplenishError, positive};

/// What a supplier lets one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LotRules {
    /// The least that can be ordered, pieces.
    pub min: u64,
    /// Orders are multiples of this, pieces; at least 1.
    pub multiple: u64,
    /// Pieces on a pallet, and how full (in thousandths) the last one must be for the order to be filled up to it.
    pub pallet: Option<Fill>,
    /// The same for containers.
    pub container: Option<Fill>,
}

/// A load carrier that is better full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Pieces that it holds.
    pub pieces: u64,
    /// The last one is filled up where it is at least so full, in thousandths.
    pub from_permille: u32,
}

/// Which rule changed a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LotRule {
    /// The least that can be ordered.
    Min,
    /// A multiple.
    Multiple,
    /// A full pallet.
    Pallet,
    /// A full container.
    Container,
}

impl Default for LotRules {
    fn default() -> Self {
        Self { min: 1, multiple: 1, pallet: None, container: None }
    }
}

impl LotRules {
    /// Rounds what is needed up; each rule that changed it is told to `note` with the quantity before and after.
    /// 0 stays 0, and more needed never gives less.
    pub fn round_up(&self, needed: u64, mut note: impl FnMut(LotRule, u64, u64)) -> u64 {
        if needed == 0 {
            return 0;
        }
        let mut quantity = needed;
        let mut set = |rule: LotRule, to: u64| {
            if to != quantity {
                note(rule, quantity, to);
                quantity = to;
            }
            quantity
        };
        set(LotRule::Min, needed.max(self.min));
        let step = self.multiple.max(1);
        let mut now = set(LotRule::Multiple, self.up_to_multiple(needed.max(self.min)));
        for (rule, fill) in [(LotRule::Pallet, self.pallet), (LotRule::Container, self.container)] {
            let Some(Fill { pieces, from_permille }) = fill.filter(|it| it.pieces > 0) else { continue };
            let full = now / pieces * pieces;
            let rest = now - full;
            if rest > 0 && u128::from(rest) * 1_000 >= u128::from(pieces) * u128::from(from_permille) {
                // A carrier that holds no whole number of multiples is filled with as many as fit.
                let filled = (full + pieces) / step * step;
                now = set(rule, filled.max(now));
            }
        }
        now
    }

    /// The most that can be ordered without exceeding `limit`; 0 where the minimum does.
    #[must_use]
    pub fn round_down(&self, limit: u64) -> u64 {
        let quantity = limit / self.multiple.max(1) * self.multiple.max(1);
        if quantity < self.min { 0 } else { quantity }
    }

    fn up_to_multiple(&self, quantity: u64) -> u64 {
        quantity.checked_next_multiple_of(self.multiple.max(1)).unwrap_or(quantity)
    }
}

/// A price that holds for all pieces of an order of at least so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceBreak {
    /// The smallest order with this price, pieces.
    pub from: u64,
    /// Price of a piece, minor units.
    pub price_minor: u64,
}

/// The price of a piece in an order of `quantity`; 0 where there are no prices.
#[must_use]
pub fn price(breaks: &[PriceBreak], quantity: u64) -> u64 {
    let holds = breaks.iter().rev().find(|it| it.from <= quantity).or(breaks.first());
    holds.map_or(0, |it| it.price_minor)
}

/// The quantity of least total cost that covers `needed`: itself, or the start of a cheaper price. Pieces beyond
/// the need spare a later purchase at the best price, and are held for half the time in which they sell.
///
/// `held_minor` is the cost of holding one piece for a day, `per_day` the pieces that sell. More needed never
/// gives less.
#[must_use]
pub fn at_best_price(breaks: &[PriceBreak], needed: u64, held_minor: f64, per_day: f64) -> u64 {
    let Some(best) = breaks.iter().map(|it| it.price_minor).min().filter(|_| needed > 0) else { return needed };
    let cost = |quantity: u64| {
        let more = (quantity - needed) as f64;
        let dearer = (price(breaks, quantity) - best) as f64 * quantity as f64;
        let held = if more > 0.0 { held_minor * more * more / (2.0 * per_day.max(1e-9)) } else { 0.0 };
        dearer + held
    };
    let (mut quantity, mut least) = (needed, cost(needed));
    for from in breaks.iter().map(|it| it.from).filter(|from| *from > needed) {
        let total = cost(from);
        if total < least {
            (quantity, least) = (from, total);
        }
    }
    quantity
}

/// A lot for constant demand, and what it costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EconomicLot {
    /// Pieces.
    pub quantity: f64,
    /// Purchase, ordering and holding per unit of time.
    pub cost: f64,
}

/// The economic lot under all-units price breaks, `(from, price)` ascending from 0 with falling prices: holding a
/// piece costs `holding_rate` of its price per unit of time (Hadley and Whitin 1963, § 2-10; Snyder and Shen,
/// Fundamentals of Supply Chain Theory, § 3.4).
pub fn economic_lot(
    order_cost: f64,
    holding_rate: f64,
    demand: f64,
    breaks: &[(f64, f64)],
) -> Result<EconomicLot, ReplenishError> {
    positive("order cost", order_cost)?;
    positive("holding rate", holding_rate)?;
    positive("demand", demand)?;
    let mut best: Option<EconomicLot> = None;
    for (idx, (from, price)) in breaks.iter().copied().enumerate() {
        positive("price", price)?;
        let holding = holding_rate * price;
        let quantity = libm::sqrt(2.0 * order_cost * demand / holding).max(from);
        if breaks.get(idx + 1).is_some_and(|next| quantity >= next.0) {
            continue; // the next price holds already
        }
        let cost = price * demand + order_cost * demand / quantity + holding * quantity / 2.0;
        if best.is_none_or(|it| cost < it.cost) {
            best = Some(EconomicLot { quantity, cost });
        }
    }
    best.ok_or(ReplenishError::NoPrice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules() -> LotRules {
        LotRules {
            min: 20,
            multiple: 6,
            pallet: Some(Fill { pieces: 60, from_permille: 800 }),
            container: Some(Fill { pieces: 600, from_permille: 950 }),
        }
    }

    #[track_caller]
    fn check_round(needed: u64, expected: u64, by: &[LotRule]) {
        let mut notes = Vec::new();
        let rounded = rules().round_up(needed, |rule, _, _| notes.push(rule));
        assert_eq!((rounded, &notes[..]), (expected, by), "{needed}");
    }

    #[test]
    fn each_rule_that_rounds_is_told() {
        check_round(0, 0, &[]);
        check_round(1, 24, &[LotRule::Min, LotRule::Multiple]);
        check_round(30, 30, &[]);
        check_round(49, 60, &[LotRule::Multiple, LotRule::Pallet]);
        check_round(571, 600, &[LotRule::Multiple, LotRule::Container]);
    }

    #[test]
    fn a_cheaper_price_is_taken_when_it_pays() {
        let breaks = [PriceBreak { from: 0, price_minor: 100 }, PriceBreak { from: 100, price_minor: 90 }];
        assert_eq!(at_best_price(&breaks, 80, 0.1, 10.0), 100, "10 × 80 saved, 2 paid for holding");
        assert_eq!(at_best_price(&breaks, 5, 1.0, 1.0), 5, "50 saved, 4512 for holding");
        assert_eq!((price(&breaks, 99), price(&breaks, 100), price(&[], 7)), (100, 90, 0));
    }

    #[track_caller]
    fn check_lot(order_cost: f64, rate: f64, demand: f64, breaks: &[(f64, f64)], quantity: f64, cost: f64) {
        let lot = economic_lot(order_cost, rate, demand, breaks).unwrap();
        assert!((lot.quantity - quantity).abs() < 1e-6 * quantity, "{lot:?}");
        assert!((lot.cost - cost).abs() < 1e-6 * cost, "{lot:?}");
    }

    #[test]
    fn economic_lots_are_those_of_the_books() {
        check_lot(8.0, 0.3, 1_300.0, &[(0.0, 0.75), (400.0, 0.72), (800.0, 0.68)], 800.0, 978.6);
        check_lot(200.0, 0.2, 1_000.0, &[(0.0, 500.0), (200.0, 475.0), (500.0, 450.0)], 500.0, 472_900.0);
        assert_eq!(economic_lot(8.0, 0.3, 1_300.0, &[]), Err(ReplenishError::NoPrice));
    }

    proptest! {
        #[test]
        fn rounding_keeps_the_rules_and_the_order_of_needs(
            needed in 1_u64..2_000, more in 0_u64..100, min in 0_u64..50, multiple in 1_u64..24,
            pallet in 0_u64..200, full in 0_u32..1_000,
        ) {
            let rules = LotRules {
                min, multiple, pallet: Some(Fill { pieces: pallet, from_permille: full }), container: None,
            };
            let rounded = rules.round_up(needed, |_, _, _| {});
            prop_assert!(rounded >= needed && rounded >= min && rounded.is_multiple_of(multiple));
            let larger = rules.round_up(needed + more, |_, _, _| ());
            prop_assert!(larger >= rounded);
            let down = rules.round_down(needed);
            prop_assert!(down <= needed && (down == 0 || (down >= min && down.is_multiple_of(multiple))));
        }

        #[test]
        fn more_needed_never_buys_less(
            needed in 1_u64..300, more in 0_u64..300, prices in prop::collection::vec((1_u64..100, 1_u64..50), 1..5),
            held in 0.0_f64..5.0, per_day in 0.1_f64..50.0,
        ) {
            let (mut from, mut price_minor) = (0, 400);
            let breaks: Vec<PriceBreak> = prices.into_iter().map(|(step, less)| {
                let it = PriceBreak { from, price_minor };
                from += step;
                price_minor -= less;
                it
            }).collect();
            let quantity = at_best_price(&breaks, needed, held, per_day);
            prop_assert!(quantity >= needed);
            prop_assert!(at_best_price(&breaks, needed + more, held, per_day) >= quantity);
        }
    }
}
