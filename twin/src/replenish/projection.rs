//! The stock when an order comes, and what will be missing then: lost sales on the way are not asked for again.

use super::demand::{DemandDistribution, Rate, chances, path_sum};

/// What becomes of demand that finds no stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// It is gone: a shop.
    Lost,
    /// It waits: a warehouse that owes its shops.
    Waits,
}

/// Pieces that come at the start of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Receipt {
    /// Periods from now; 0 is there already.
    pub period: u32,
    /// Pieces.
    pub pieces: u32,
}

/// The stock to begin with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stock<'a> {
    /// Pieces that can be sold: on hand, less reserved and owed. Below 0 where more is owed than there is.
    pub free: i64,
    /// What is under way, by period.
    pub receipts: &'a [Receipt],
}

/// When an order placed now comes, and how long it must last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Periods until it comes, before the demand of that period.
    pub lead: u32,
    /// Periods from then until the next order can come; at least 1.
    pub cover: u32,
}

/// The distribution of what is missing at the end of the cover, if nothing is ordered: demand of the cover less
/// the stock when the order comes. Negative values are pieces left over.
#[derive(Clone, Debug, PartialEq)]
pub struct Requirement {
    /// Pieces in a cell.
    unit: f64,
    /// The value of the first cell, in pieces.
    first: f64,
    /// The chance of each cell.
    chances: Vec<f64>,
}

/// Cells for the whole span; above it, cells hold more than one piece.
const CELLS: f64 = 96.0;

/// Reckons requirements, and keeps its tables between them.
#[derive(Clone, Debug, Default)]
pub struct Projector {
    stock: Vec<f64>,
    next: Vec<f64>,
    demand: Vec<f64>,
    receipts: Vec<Receipt>,
}

impl Projector {
    /// What will be missing. Exact for whole pieces as long as the demand of the span is small; for fast movers
    /// in cells of several pieces, at most a hundredth of the span wide.
    pub fn requirement(
        &mut self,
        stock: Stock<'_>,
        demand: &DemandDistribution,
        span: Span,
        unmet: Unmet,
    ) -> Requirement {
        self.mixed(stock, demand, &[(span.lead, 1.0)], span.cover, unmet)
    }

    /// The same where the order comes after one of several leads, each with its chance.
    pub fn mixed(
        &mut self,
        stock: Stock<'_>,
        demand: &DemandDistribution,
        leads: &[(u32, f64)],
        cover: u32,
        unmet: Unmet,
    ) -> Requirement {
        let last = leads.iter().map(|(lead, _)| *lead).max().unwrap_or(0) + cover;
        let whole = demand.sum(0, last);
        let mut sum = Requirement {
            unit: libm::ceil((whole.mean + 4.0 * libm::sqrt(whole.variance)) / CELLS).max(1.0),
            first: 0.0,
            chances: Vec::new(),
        };
        for (lead, chance) in leads {
            let span = Span { lead: *lead, cover };
            let (free, owed) = self.take_receipts(stock, span, unmet);
            if let DemandDistribution::Paths { n_periods, pieces } = demand {
                let from = self.of_paths(free, *n_periods, pieces, span, unmet);
                sum.add(from + owed, &self.next, *chance);
                continue;
            }
            for (level, likely) in demand.levels() {
                let from = self.at_level(free, demand, level, sum.unit, span, unmet);
                // Whole cells, so that the cells of all levels lie on each other.
                let from = align(&mut self.next, from + owed, sum.unit);
                sum.add(from, &self.next, chance * likely);
            }
        }
        sum
    }

    /// Sets the receipts of a span, less what is owed already where unmet demand does not wait: returns the stock
    /// and what is owed beyond all that comes.
    fn take_receipts(&mut self, stock: Stock<'_>, span: Span, unmet: Unmet) -> (i64, f64) {
        self.receipts.clear();
        self.receipts.extend(stock.receipts.iter().filter(|it| it.period < span.lead + span.cover));
        self.receipts.sort_unstable();
        if unmet == Unmet::Waits || stock.free >= 0 {
            return (stock.free, 0.0);
        }
        let mut owed = -stock.free;
        for receipt in &mut self.receipts {
            let taken = owed.min(i64::from(receipt.pieces));
            receipt.pieces -= taken as u32;
            owed -= taken;
        }
        (0, owed as f64)
    }

    /// The requirement at one level into `self.next`; returns the value of its first cell.
    fn at_level(
        &mut self,
        free: i64,
        demand: &DemandDistribution,
        level: f64,
        unit: f64,
        span: Span,
        unmet: Unmet,
    ) -> f64 {
        // A wrong level changes the mean, and the variance with it.
        let rate = |from: u32, until: u32| {
            let it = demand.sum(from, until);
            Rate { mean: it.mean * level, variance: it.variance * level }
        };
        let end = span.lead + span.cover;
        if unmet == Unmet::Waits {
            let comes: i64 = self.receipts.iter().map(|it| i64::from(it.pieces)).sum();
            chances(rate(0, end), unit, &mut self.next);
            return align(&mut self.next, -(free + comes) as f64, unit);
        }
        // The stock is `low` + a cell times `unit`.
        let (mut low, mut at) = (0.0, 0);
        self.stock.clear();
        self.stock.push(1.0);
        let mut add = free as f64;
        let mut later = 0.0;
        for idx in 0..=self.receipts.len() {
            let receipt = self.receipts.get(idx).copied();
            let until = receipt.map_or(span.lead, |it| it.period.min(span.lead));
            if until > at {
                low = align(&mut self.stock, low + add, unit);
                add = 0.0;
                chances(rate(at, until), unit, &mut self.demand);
                low = serve(&self.stock, low, &self.demand, unit, &mut self.next);
                std::mem::swap(&mut self.stock, &mut self.next);
                at = until;
            }
            match receipt {
                Some(it) if it.period <= span.lead => add += f64::from(it.pieces),
                Some(it) => later += f64::from(it.pieces),
                None => {}
            }
        }
        low = align(&mut self.stock, low + add + later, unit);
        chances(rate(span.lead, end), unit, &mut self.demand);
        // Demand less stock: cell k is demand d at stock s with k = d − s + (cells of stock − 1).
        let (n, m) = (self.stock.len(), self.demand.len());
        self.next.clear();
        self.next.resize(n + m - 1, 0.0);
        for (s, chance) in self.stock.iter().enumerate() {
            if *chance > 0.0 {
                for (cell, asked) in self.next[n - 1 - s..].iter_mut().zip(&self.demand) {
                    *cell += chance * asked;
                }
            }
        }
        -(low + (n - 1) as f64 * unit)
    }

    /// The requirement of whole paths, in cells of one piece, into `self.next`; returns the value of its first.
    fn of_paths(&mut self, free: i64, n_periods: usize, pieces: &[u32], span: Span, unmet: Unmet) -> f64 {
        let n_paths = pieces.len() / n_periods.max(1);
        let end = span.lead + span.cover;
        let missing: Vec<f64> = (0..n_paths)
            .map(|path| {
                let asked = |from: u32, until: u32| path_sum(pieces, n_periods, path, from, until);
                let mut stock = free as f64;
                let (mut at, mut later) = (0, 0.0);
                for receipt in &self.receipts {
                    if receipt.period > span.lead {
                        later += f64::from(receipt.pieces);
                        continue;
                    }
                    stock -= asked(at, receipt.period);
                    if unmet == Unmet::Lost && receipt.period > at {
                        stock = stock.max(0.0);
                    }
                    stock += f64::from(receipt.pieces);
                    at = receipt.period;
                }
                stock -= asked(at, span.lead);
                if unmet == Unmet::Lost && span.lead > at {
                    stock = stock.max(0.0);
                }
                libm::ceil(asked(span.lead, end) - stock - later)
            })
            .collect();
        self.next.clear();
        let Some(least) = missing.iter().copied().reduce(f64::min) else {
            self.next.push(1.0);
            return -free as f64;
        };
        for value in missing {
            let at = (value - least) as usize;
            if self.next.len() <= at {
                self.next.resize(at + 1, 0.0);
            }
            self.next[at] += 1.0 / n_paths as f64;
        }
        least
    }
}

/// Puts a distribution that begins at `from` on multiples of `unit`, each cell divided between its two
/// neighbours so that the mean stays; returns the value of the first cell.
fn align(cells: &mut Vec<f64>, from: f64, unit: f64) -> f64 {
    let below = libm::floor(from / unit) * unit;
    let part = (from - below) / unit;
    if part > 0.0 {
        cells.push(0.0);
        for k in (1..cells.len()).rev() {
            cells[k] = cells[k] * (1.0 - part) + cells[k - 1] * part;
        }
        cells[0] *= 1.0 - part;
    }
    below
}

/// Stock after demand, at least 0 (or the stock it was where that is below 0); returns its first value.
fn serve(stock: &[f64], low: f64, demand: &[f64], unit: f64, into: &mut Vec<f64>) -> f64 {
    into.clear();
    let below_0 = low < 0.0;
    // Cells of stock above 0 that the first cell has; 0 where it is owed already.
    let above = (low / unit).max(0.0) as usize;
    let reach = demand.len() - 1;
    // The lowest stock that can be left, in cells.
    let bottom = above.saturating_sub(reach);
    into.resize(stock.len() + above - bottom, 0.0);
    for (s, chance) in stock.iter().enumerate() {
        if *chance <= 0.0 {
            continue;
        }
        let have = if below_0 { (low / unit + s as f64).max(0.0) as usize } else { above + s };
        for (asked, p) in demand.iter().enumerate() {
            into[have.saturating_sub(asked) - bottom] += chance * p;
        }
    }
    bottom as f64 * unit
}

impl Requirement {
    /// Adds cells that begin at `from`, a whole number of units away from the first, with a weight.
    fn add(&mut self, from: f64, cells: &[f64], weight: f64) {
        if self.chances.is_empty() {
            self.first = from;
        }
        let shift = libm::round((from - self.first) / self.unit);
        if shift < 0.0 {
            self.chances.splice(0..0, std::iter::repeat_n(0.0, -shift as usize));
            self.first = from;
        }
        let at = shift.max(0.0) as usize;
        if self.chances.len() < at + cells.len() {
            self.chances.resize(at + cells.len(), 0.0);
        }
        for (sum, it) in self.chances[at..].iter_mut().zip(cells) {
            *sum += it * weight;
        }
    }

    /// The least order after which the chance of having enough is at least `level`, in pieces; 0 where there is
    /// enough without. More stock never makes it larger.
    #[must_use]
    pub fn quantile(&self, level: f64) -> u64 {
        self.signed_quantile(level).max(0) as u64
    }

    /// The same below 0 where there is more than enough: so many pieces can be spared.
    #[must_use]
    pub fn signed_quantile(&self, level: f64) -> i64 {
        let mut below = 0.0;
        for (k, chance) in self.chances.iter().enumerate() {
            let reached = below + chance;
            if reached >= level - 1e-12 {
                let value = self.first + k as f64 * self.unit;
                // Inside a cell of several pieces, as far as the level reaches.
                let part = if self.unit > 1.0 && *chance > 0.0 { 1.0 - (level - below).max(0.0) / chance } else { 0.0 };
                return libm::ceil(value - part * self.unit - 1e-9) as i64;
            }
            below = reached;
        }
        libm::ceil(self.first + (self.chances.len() as f64 - 1.0) * self.unit) as i64
    }

    /// The chance of having enough after an order of so many pieces.
    #[must_use]
    pub fn service(&self, order: u64) -> f64 {
        self.cells().filter(|(value, _)| *value <= order as f64 + 1e-9).map(|(_, chance)| chance).sum::<f64>().min(1.0)
    }

    /// Expected pieces short at the end of the cover after an order of so many pieces.
    #[must_use]
    pub fn short(&self, order: u64) -> f64 {
        self.cells().map(|(value, chance)| (value - order as f64).max(0.0) * chance).sum()
    }

    /// Expected pieces left at the end of the cover after an order of so many pieces.
    #[must_use]
    pub fn left(&self, order: u64) -> f64 {
        self.cells().map(|(value, chance)| (order as f64 - value).max(0.0) * chance).sum()
    }

    /// Expected pieces missing; negative where more is there than asked for.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.cells().map(|(value, chance)| value * chance).sum()
    }

    fn cells(&self) -> impl Iterator<Item = (f64, f64)> {
        self.chances.iter().enumerate().map(|(k, chance)| (self.first + k as f64 * self.unit, *chance))
    }
}

#[cfg(test)]
mod tests {
    use super::super::demand::Rate;
    use super::*;
    use proptest::prelude::*;

    fn steady(mean: f64, variance: f64) -> DemandDistribution {
        DemandDistribution::Steady(Rate { mean, variance })
    }

    fn requirement(free: i64, receipts: &[Receipt], demand: &DemandDistribution, lead: u32, cover: u32) -> Requirement {
        Projector::default().requirement(Stock { free, receipts }, demand, Span { lead, cover }, Unmet::Lost)
    }

    /// Costs of 1 for a piece left and of 4 for a piece short.
    fn cost(requirement: &Requirement, order: u64) -> f64 {
        requirement.left(order) + 4.0 * requirement.short(order)
    }

    #[track_caller]
    fn check_newsvendor(demand: &DemandDistribution, order: u64, least: f64) {
        let it = requirement(0, &[], demand, 0, 1);
        assert_eq!(it.quantile(0.8), order);
        assert!((cost(&it, order) - least).abs() < 1e-6, "{}", cost(&it, order));
    }

    #[test]
    fn one_period_is_the_newsvendor_of_the_known_answers() {
        check_newsvendor(&steady(6.0, 6.0), 8, 3.570_106_945_8);
        let sample = [0, 0, 3, 0, 7, 1, 0, 0, 12, 2, 0, 5, 0, 0, 1, 0, 4, 0, 9, 0];
        let paths = DemandDistribution::Paths { n_periods: 1, pieces: sample.into() };
        check_newsvendor(&paths, 4, 6.05);
    }

    #[test]
    fn what_is_lost_on_the_way_is_not_asked_for_again() {
        let demand = DemandDistribution::certain(5.0);
        // 2 on the shelf: 3 are lost today, the receipt of 9 leaves 4 tomorrow, and 5 are asked for then.
        let receipts = [Receipt { period: 1, pieces: 9 }];
        let of = |unmet| {
            let stock = Stock { free: 2, receipts: &receipts };
            Projector::default().requirement(stock, &demand, Span { lead: 2, cover: 1 }, unmet).quantile(0.9)
        };
        assert_eq!((of(Unmet::Lost), of(Unmet::Waits)), (1, 4));
    }

    #[test]
    fn pieces_owed_take_from_what_comes_first() {
        let none = DemandDistribution::certain(0.0);
        let receipts = [Receipt { period: 1, pieces: 9 }];
        assert_eq!(requirement(-4, &receipts, &none, 2, 1).signed_quantile(0.5), -5);
        assert_eq!(requirement(-14, &receipts, &none, 2, 1).signed_quantile(0.5), 5);
    }

    #[test]
    fn mixed_leads_lie_between_the_shortest_and_the_longest() {
        let demand = steady(3.0, 3.0);
        let stock = Stock { free: 10, receipts: &[] };
        let of = |leads: &[(u32, f64)]| Projector::default().mixed(stock, &demand, leads, 2, Unmet::Waits);
        let (short, mixed, long) = (of(&[(1, 1.0)]), of(&[(1, 0.5), (6, 0.5)]), of(&[(6, 1.0)]));
        assert!((mixed.mean() - 0.5 * (short.mean() + long.mean())).abs() < 1e-6);
        assert!(short.quantile(0.9) <= mixed.quantile(0.9) && mixed.quantile(0.9) <= long.quantile(0.9));
    }

    /// The same by throwing dice: sums of Poisson demand, lost period by period.
    fn simulated(free: i64, receipts: &[Receipt], mean: f64, span: Span) -> f64 {
        let mut state = 7_u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let mut poisson = || {
            let (mut k, mut p) = (0, uniform());
            let mut chance = libm::exp(-mean);
            while p > chance {
                p -= chance;
                k += 1;
                chance *= mean / f64::from(k);
            }
            i64::from(k)
        };
        const RUNS: i64 = 40_000;
        let mut total = 0;
        for _ in 0..RUNS {
            let mut stock = free;
            for period in 0..span.lead {
                stock += receipts.iter().filter(|it| it.period == period).map(|it| i64::from(it.pieces)).sum::<i64>();
                stock = (stock - poisson()).max(0);
            }
            let later: i64 = receipts
                .iter()
                .filter(|it| it.period >= span.lead && it.period < span.lead + span.cover)
                .map(|it| i64::from(it.pieces))
                .sum();
            total += (0..span.cover).map(|_| poisson()).sum::<i64>() - stock - later;
        }
        total as f64 / RUNS as f64
    }

    #[test]
    fn the_projection_agrees_with_dice() {
        for (free, mean, lead, cover) in [(4, 2.0, 3, 2), (0, 1.0, 5, 1), (12, 3.0, 4, 3)] {
            let receipts = [Receipt { period: 1, pieces: 3 }, Receipt { period: 3, pieces: 5 }];
            let span = Span { lead, cover };
            let ours = requirement(free, &receipts, &steady(mean, mean), lead, cover).mean();
            let dice = simulated(free, &receipts, mean, span);
            assert!((ours - dice).abs() < 0.06, "{ours} against {dice} from {free}");
        }
    }

    proptest! {
        #[test]
        fn more_stock_or_receipts_never_raise_any_quantile(
            free in -20_i64..200, more in 0_i64..40, mean in 0.05_f64..60.0, ratio in 0.0_f64..8.0,
            receipt in (0_u32..12, 0_u32..80), plus in 0_u32..20, lead in 0_u32..9, cover in 1_u32..6,
            level in 0.05_f64..0.99, cv in 0.0_f64..0.5,
        ) {
            let demand = DemandDistribution::ByPeriod { rates: [Rate { mean, variance: mean * ratio }].into(), level_cv: cv };
            let of = |free: i64, pieces: u32| {
                requirement(free, &[Receipt { period: receipt.0, pieces }], &demand, lead, cover).quantile(level)
            };
            let before = of(free, receipt.1);
            prop_assert!(of(free + more, receipt.1) <= before);
            prop_assert!(of(free, receipt.1 + plus) <= before);
        }

        #[test]
        fn chances_sum_to_one_and_the_quantile_serves_its_level(
            free in 0_i64..60, mean in 0.05_f64..40.0, ratio in 0.9_f64..8.0, lead in 0_u32..9, level in 0.05_f64..0.99,
        ) {
            let it = requirement(free, &[], &steady(mean, mean * ratio), lead, 2);
            prop_assert!((it.chances.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            if it.unit <= 1.0 {
                prop_assert!(it.service(it.quantile(level)) >= level - 1e-9);
            }
        }
    }
}
