//! Lost sales under periodic review: who finds the shelf empty does not wait.
//!
//! Each period: the order placed L periods ago is received, an order is placed, demand comes; a piece left
//! costs `holding`, a lost one `penalty`. The state is the stock after receipt and the L − 1 orders under way,
//! oldest first. Zipkin, "Old and new methods for lost-sales inventory systems" (2008).

use super::distribution::Pmf;
use super::newsvendor::{StockCosts, Stocking, discrete};
use super::{TheoryError, demand_of_period};

/// Most states that are solved exactly.
pub const STATES_MAX: usize = 4_000_000;

/// Most rounds of value iteration.
const ROUNDS_MAX: u32 = 50_000;

/// Relative width of the bounds on the cost at which the iteration ends.
const WIDTH: f64 = 1e-9;

/// A share of the old values is kept in each round, so that periodic chains converge as well.
const STEP: f64 = 0.95;

/// One stock with lost sales.
#[derive(Clone, Debug, PartialEq)]
pub struct LostSales {
    costs: StockCosts,
    lead_time: usize,
    demand: Pmf,
}

impl LostSales {
    /// With the cost of a piece left (`holding`) and of a lost one (`backorder` of `costs`), a lead time in
    /// periods, and independent demands.
    pub fn new(costs: StockCosts, lead_time: usize, demand: &Pmf) -> Result<Self, TheoryError> {
        demand_of_period(demand)?;
        Ok(Self { costs, lead_time, demand: demand.clone() })
    }

    /// The least expected cost of a period that any policy reaches in the long run, by value iteration.
    ///
    /// Cost grows by about the demand's 80th percentile with each period of lead time.
    pub fn optimal_cost(&self) -> Result<f64, TheoryError> {
        if self.lead_time == 0 {
            return Ok(discrete(self.costs, &self.demand).cost);
        }
        let bounds = self.bounds()?;
        let total_max = bounds[self.lead_time];
        self.average_cost(total_max, bounds[0], |state| {
            // The last m orders need not cover more than m periods' demand with the critical ratio (Morton 1971).
            let mut latest = 0;
            let mut most = bounds[0];
            for (m, order) in state.iter().rev().enumerate() {
                latest += order;
                most = most.min(bounds[m + 1].saturating_sub(latest));
            }
            0..=most
        })
    }

    /// What ordering up to `level` costs in the long run, stock and all orders under way counted.
    pub fn base_stock_cost(&self, level: usize) -> Result<f64, TheoryError> {
        if self.lead_time == 0 {
            return Ok(super::newsvendor::discrete_cost(self.costs, &self.demand, level as i64));
        }
        self.average_cost(level, level, |state| {
            let order = level.saturating_sub(state.iter().sum());
            order..=order
        })
    }

    /// The best base stock.
    ///
    /// The cost is convex in the level (Janakiraman and Roundy 2004), and no more is best than with backorders:
    /// levels are tried from there downward.
    pub fn best_base_stock(&self) -> Result<Stocking<usize>, TheoryError> {
        let mut level = self.bounds()?[self.lead_time];
        let mut best = Stocking { level, cost: self.base_stock_cost(level)? };
        while level > 0 {
            level -= 1;
            let cost = self.base_stock_cost(level)?;
            if cost > best.cost {
                break;
            }
            best = Stocking { level, cost };
        }
        Ok(best)
    }

    /// For m = 0 … L: what covers the demand of m + 1 periods with the critical ratio.
    fn bounds(&self) -> Result<Vec<usize>, TheoryError> {
        let mut covered = self.demand.clone();
        let mut bounds = Vec::with_capacity(self.lead_time + 1);
        for m in 0..=self.lead_time {
            if m > 0 {
                covered = covered.convolve(&self.demand)?;
            }
            bounds.push(covered.quantile(self.costs.critical_ratio()).max(0) as usize);
        }
        Ok(bounds)
    }

    /// The least average cost where each state offers a range of orders; no order exceeds `order_max`, and
    /// stock and orders together never exceed `total_max`.
    fn average_cost(
        &self,
        total_max: usize,
        order_max: usize,
        orders: impl Fn(&[usize]) -> core::ops::RangeInclusive<usize>,
    ) -> Result<f64, TheoryError> {
        let space = Space::new(self.lead_time, total_max, order_max)?;
        let n_stock = space.n_stock;
        let demand: Vec<f64> = (0..=total_max as i64).map(|d| self.demand.pmf(d)).collect();
        // P(D > x), and the cost of a period that starts with x.
        let mut more = Vec::with_capacity(n_stock);
        let mut period_cost = Vec::with_capacity(n_stock);
        for x in 0..=total_max as i64 {
            more.push(1.0 - self.demand.cdf(x));
            period_cost.push(super::newsvendor::discrete_cost(self.costs, &self.demand, x));
        }
        let mut choices = Vec::new(); // of each state: stock, index with no stock but the first order, next tails
        for state in &space.states {
            let first_order = state.get(1).copied();
            let base = space.tail_idx(state.get(2..).unwrap_or(&[]));
            choices.push((state[0], first_order, base, orders(state)));
        }
        let smallest_cost = 1e-3 * self.costs.holding().min(self.costs.backorder()); // where nothing costs anything
        let mut values = vec![0.0; space.n_cells];
        let mut next = vec![0.0; space.states.len()];
        for _ in 0..ROUNDS_MAX {
            let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
            for (idx, (stock, first_order, base, orders)) in choices.iter().enumerate() {
                let mut least = f64::INFINITY;
                for order in orders.clone() {
                    // What is received next, and the tail of orders after that.
                    let (received, tail) = match first_order {
                        Some(first) => (*first, base + order * space.last_stride),
                        None => (order, 0),
                    };
                    let cells = &values[tail * n_stock + received..];
                    let mut value = more[*stock] * cells[0];
                    for (d, p) in demand[..=*stock].iter().enumerate() {
                        value += p * cells[*stock - d];
                    }
                    least = least.min(value);
                }
                next[idx] = period_cost[*stock] + least;
                let grown = next[idx] - values[space.cells[idx]];
                low = low.min(grown);
                high = high.max(grown);
            }
            if high - low <= WIDTH * (high.abs() + smallest_cost) {
                return Ok(0.5 * (low + high));
            }
            let reference = next[0];
            for (idx, cell) in space.cells.iter().enumerate() {
                values[*cell] += STEP * (next[idx] - reference - values[*cell]);
            }
        }
        Err(TheoryError::NotConverged { rounds: ROUNDS_MAX })
    }
}

/// States as cells of an array: the stock varies fastest, then the orders, the oldest first.
struct Space {
    n_stock: usize,
    /// In tails: what one piece more in the newest order moves.
    last_stride: usize,
    radix: usize,
    n_cells: usize,
    states: Vec<Vec<usize>>,
    cells: Vec<usize>,
}

impl Space {
    fn new(lead_time: usize, total_max: usize, order_max: usize) -> Result<Self, TheoryError> {
        let (n_stock, radix, n_orders) = (total_max + 1, order_max + 1, lead_time - 1);
        let n_tails = u32::try_from(n_orders).ok().and_then(|n| radix.checked_pow(n)).unwrap_or(usize::MAX);
        let n_cells = n_tails.saturating_mul(n_stock);
        if n_cells > STATES_MAX {
            return Err(TheoryError::TooLarge { states: n_cells, max: STATES_MAX });
        }
        let last_stride = if n_orders == 0 { 1 } else { n_tails / radix };
        let mut space = Self { n_stock, last_stride, radix, n_cells, states: Vec::new(), cells: Vec::new() };
        for tail in 0..n_tails {
            let (mut state, mut left) = (vec![0], tail);
            for _ in 0..n_orders {
                state.push(left % radix);
                left /= radix;
            }
            let ordered: usize = state.iter().sum();
            if ordered > total_max {
                continue;
            }
            for stock in 0..=total_max - ordered {
                state[0] = stock;
                space.states.push(state.clone());
                space.cells.push(tail * n_stock + stock);
            }
        }
        Ok(space)
    }

    /// The index of a tail that starts with these orders.
    fn tail_idx(&self, orders: &[usize]) -> usize {
        orders.iter().rev().fold(0, |idx, order| idx * self.radix + order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(lead_time: usize, penalty: f64, mean: f64) -> LostSales {
        LostSales::new(StockCosts::new(1.0, penalty).unwrap(), lead_time, &Pmf::poisson(mean).unwrap()).unwrap()
    }

    #[test]
    fn the_optimum_is_the_published_one() {
        // Zipkin 2008, Poisson demand of mean 5, h = 1, to two digits.
        for (lead_time, penalty, published) in [(1, 4.0, 4.04), (2, 4.0, 4.40), (3, 4.0, 4.60), (1, 9.0, 5.44)] {
            let cost = model(lead_time, penalty, 5.0).optimal_cost().unwrap();
            assert!((cost - published).abs() < 0.006, "L {lead_time}, p {penalty}: {cost}, not {published}");
        }
    }

    #[test]
    fn a_base_stock_costs_no_less_than_the_optimum_and_its_neighbours_no_less_than_it() {
        for (lead_time, penalty, mean) in [(1, 4.0, 2.0), (2, 9.0, 1.5), (3, 4.0, 1.0)] {
            let model = model(lead_time, penalty, mean);
            let best = model.best_base_stock().unwrap();
            assert!(model.optimal_cost().unwrap() <= best.cost * (1.0 + 1e-9));
            for level in 0..best.level + 4 {
                assert!(model.base_stock_cost(level).unwrap() >= best.cost * (1.0 - 1e-8), "{level} {best:?}");
            }
        }
    }

    #[test]
    fn wider_bounds_on_orders_find_nothing_better() {
        let model = model(2, 4.0, 1.5);
        let free = model.average_cost(14, 10, |state| 0..=(14 - state.iter().sum::<usize>()).min(10)).unwrap();
        let cost = model.optimal_cost().unwrap();
        assert!((free - cost).abs() < 1e-7, "{free} {cost}");
    }

    #[test]
    fn without_a_lead_time_it_is_a_newsvendor() {
        let model = model(0, 4.0, 5.0);
        let expected = discrete(model.costs, &model.demand);
        assert_eq!(model.optimal_cost().unwrap(), expected.cost);
        assert_eq!(model.best_base_stock().unwrap().level as i64, expected.level);
    }

    #[test]
    fn known_demand_costs_nothing() {
        let costs = StockCosts::new(1.0, 4.0).unwrap();
        let model = LostSales::new(costs, 2, &Pmf::point(3)).unwrap();
        assert!(model.optimal_cost().unwrap().abs() < 1e-6);
        assert_eq!(model.best_base_stock().unwrap().level, 9);
    }

    #[test]
    fn nothing_in_stock_loses_everything() {
        let cost = model(2, 4.0, 3.0).base_stock_cost(0).unwrap();
        assert!((cost - 12.0).abs() < 1e-9, "{cost}");
        assert!(matches!(model(12, 4.0, 30.0).optimal_cost(), Err(TheoryError::TooLarge { .. })));
    }
}
