//! Distributions on the integers: demand of a period, of a lead time, orders outstanding.

use super::continuous::{normal_cdf, normal_tail};

/// Most integers that a distribution may spread over.
pub const ATOMS_MAX: usize = 1 << 21;

/// What may be cut off at each end.
const TAIL_MAX: f64 = 1e-17;

/// Why numbers do not make a distribution.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DistributionError {
    #[error("mean {0} must be finite, and not negative where a count is meant")]
    Mean(f64),
    #[error("standard deviation {0} must be finite and not negative")]
    Sd(f64),
    #[error("variance {variance} must be finite and at least the mean, {mean}")]
    Variance { mean: f64, variance: f64 },
    #[error("probability {0} must lie between 0 and 1")]
    Probability(f64),
    #[error("weight {weight} at {idx} must be finite and not negative")]
    Weight { idx: usize, weight: f64 },
    #[error("no value has a weight")]
    Empty,
    #[error("{atoms} values, more than {ATOMS_MAX}")]
    TooWide { atoms: usize },
    #[error("a number of arrivals cannot be {0}")]
    NegativeCount(i64),
}

/// A distribution on finitely many integers.
///
/// Unbounded ones are cut where less than 1e-15 is left, and made to sum to 1 again.
///
/// Invariant: the first and last weight are positive; the cumulative ones do not fall, and end at exactly 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Pmf {
    min: i64,
    weights: Vec<f64>,
    cumulative: Vec<f64>,
}

impl Pmf {
    /// Always `value`.
    #[must_use]
    pub fn point(value: i64) -> Self {
        Self { min: value, weights: vec![1.0], cumulative: vec![1.0] }
    }

    /// Weights of `min`, `min + 1` and so on, in any scale: they are divided by their sum.
    pub fn from_weights(min: i64, weights: &[f64]) -> Result<Self, DistributionError> {
        if let Some((idx, weight)) = weights.iter().enumerate().find(|(_, w)| !(w.is_finite() && **w >= 0.0)) {
            return Err(DistributionError::Weight { idx, weight: *weight });
        }
        let first = weights.iter().position(|w| *w > 0.0).ok_or(DistributionError::Empty)?;
        let last = weights.iter().rposition(|w| *w > 0.0).unwrap_or(first);
        let weights = &weights[first..=last];
        if weights.len() > ATOMS_MAX {
            return Err(DistributionError::TooWide { atoms: weights.len() });
        }
        let mut sum = Sum::default();
        let mut cumulative: Vec<f64> = weights.iter().map(|w| sum.add(*w)).collect();
        let total = sum.total();
        if !total.is_finite() {
            return Err(DistributionError::Weight { idx: last, weight: weights[last - first] });
        }
        let weights: Vec<f64> = weights.iter().map(|w| w / total).collect();
        let mut before = 0.0_f64;
        for value in &mut cumulative {
            before = (*value / total).clamp(before, 1.0);
            *value = before;
        }
        if let Some(last) = cumulative.last_mut() {
            *last = 1.0;
        }
        Ok(Self { min: min.saturating_add(first as i64), weights, cumulative })
    }

    /// Poisson.
    pub fn poisson(mean: f64) -> Result<Self, DistributionError> {
        if !(mean.is_finite() && mean >= 0.0) {
            return Err(DistributionError::Mean(mean));
        }
        if mean == 0.0 {
            return Ok(Self::point(0));
        }
        from_mode(libm::floor(mean), |k| mean / (k + 1.0), 0.0)
    }

    /// Negative binomial; Poisson when the variance equals the mean.
    pub fn negative_binomial(mean: f64, variance: f64) -> Result<Self, DistributionError> {
        if !(mean.is_finite() && mean >= 0.0) {
            return Err(DistributionError::Mean(mean));
        }
        if !(variance.is_finite() && variance >= mean) || (mean == 0.0 && variance > 0.0) {
            return Err(DistributionError::Variance { mean, variance });
        }
        let excess = variance - mean;
        if excess <= 1e-12 * mean {
            return Self::poisson(mean);
        }
        let size = mean * (mean / excess);
        let again = excess / variance; // 1 − p
        let mode = libm::floor((size - 1.0).max(0.0) * excess / mean);
        from_mode(mode, |k| (k + size) / (k + 1.0) * again, again)
    }

    /// Successes in `n` independent trials.
    pub fn binomial(n: u32, success: f64) -> Result<Self, DistributionError> {
        if !(0.0..=1.0).contains(&success) {
            return Err(DistributionError::Probability(success));
        }
        if success == 0.0 || success == 1.0 {
            return Ok(Self::point(if success == 0.0 { 0 } else { i64::from(n) }));
        }
        let trials = f64::from(n);
        let odds = success / (1.0 - success);
        from_mode(libm::floor((trials + 1.0) * success).min(trials), |k| (trials - k) / (k + 1.0) * odds, 0.0)
    }

    /// Each sample equally likely.
    pub fn empirical(samples: &[u32]) -> Result<Self, DistributionError> {
        let (Some(min), Some(max)) = (samples.iter().min(), samples.iter().max()) else {
            return Err(DistributionError::Empty);
        };
        let atoms = (max - min) as usize + 1;
        if atoms > ATOMS_MAX {
            return Err(DistributionError::TooWide { atoms });
        }
        let mut counts = vec![0.0; atoms];
        for sample in samples {
            counts[(sample - min) as usize] += 1.0;
        }
        Self::from_weights(i64::from(*min), &counts)
    }

    /// A normal distribution rounded to the nearest integer; it may be negative, see [`Self::at_least`].
    pub fn normal_rounded(mean: f64, sd: f64) -> Result<Self, DistributionError> {
        const Z_MAX: f64 = 8.6; // beyond lies less than 1e-17
        if !(mean.is_finite() && libm::fabs(mean) < 1e15) {
            return Err(DistributionError::Mean(mean));
        }
        if !(sd.is_finite() && sd >= 0.0) {
            return Err(DistributionError::Sd(sd));
        }
        if sd == 0.0 {
            return Ok(Self::point(libm::round(mean) as i64));
        }
        let low = libm::floor(mean - Z_MAX * sd + 0.5);
        let high = libm::floor(mean + Z_MAX * sd + 0.5);
        let atoms = (high - low) as usize + 1;
        if atoms > ATOMS_MAX {
            return Err(DistributionError::TooWide { atoms });
        }
        let weight = |i: usize| {
            let centre = low - mean + i as f64;
            let (from, to) = ((centre - 0.5) / sd, (centre + 0.5) / sd);
            // On the side where the numbers are small, so that the difference has digits.
            let mass = if from > 0.0 { normal_tail(from) - normal_tail(to) } else { normal_cdf(to) - normal_cdf(from) };
            mass.max(0.0)
        };
        let weights: Vec<f64> = (0..atoms).map(weight).collect();
        Self::from_weights(low as i64, &weights)
    }

    /// The sum of as many independent `size`s as `arrival` says: compound demand, or demand over a random
    /// lead time.
    ///
    /// O(n² m²) at worst for n arrivals and m sizes.
    pub fn compound(arrival: &Self, size: &Self) -> Result<Self, DistributionError> {
        if arrival.min < 0 {
            return Err(DistributionError::NegativeCount(arrival.min));
        }
        let widest = (size.weights.len() - 1).saturating_mul(arrival.max() as usize).saturating_add(1);
        if widest > ATOMS_MAX {
            return Err(DistributionError::TooWide { atoms: widest });
        }
        // Horner: a₀ + size (a₁ + size (a₂ + …)).
        let mut offset = 0_i64;
        let mut sum = vec![arrival.weights[arrival.weights.len() - 1]];
        for n in (0..arrival.max()).rev() {
            (offset, sum) = convolved(offset, &sum, size.min, &size.weights);
            (offset, sum) = without_tails(offset, sum, TAIL_MAX / arrival.max() as f64);
            let stop = arrival.pmf(n);
            if stop > 0.0 {
                add_at(&mut offset, &mut sum, 0, stop)?;
            }
        }
        Self::from_weights(offset, &sum)
    }

    /// The sum of two independent ones. O(n m).
    pub fn convolve(&self, other: &Self) -> Result<Self, DistributionError> {
        let atoms = self.weights.len() + other.weights.len() - 1;
        if atoms > ATOMS_MAX {
            return Err(DistributionError::TooWide { atoms });
        }
        let (min, weights) = convolved(self.min, &self.weights, other.min, &other.weights);
        let (min, weights) = without_tails(min, weights, TAIL_MAX);
        Self::from_weights(min, &weights)
    }

    /// The sum of `n` independent ones; 0 for none.
    pub fn sum_of(&self, n: u32) -> Result<Self, DistributionError> {
        let (mut sum, mut doubled, mut left) = (Self::point(0), self.clone(), n);
        while left > 0 {
            if left & 1 == 1 {
                sum = sum.convolve(&doubled)?;
            }
            left >>= 1;
            if left > 0 {
                doubled = doubled.convolve(&doubled)?;
            }
        }
        Ok(sum)
    }

    /// Drawn from one of several with the given weights.
    pub fn mixture(parts: &[(f64, &Self)]) -> Result<Self, DistributionError> {
        for (idx, (weight, _)) in parts.iter().enumerate() {
            if !(weight.is_finite() && *weight >= 0.0) {
                return Err(DistributionError::Weight { idx, weight: *weight });
            }
        }
        let (Some(min), Some(max)) = (parts.iter().map(|it| it.1.min).min(), parts.iter().map(|it| it.1.max()).max())
        else {
            return Err(DistributionError::Empty);
        };
        let atoms = usize::try_from(max.saturating_sub(min)).unwrap_or(usize::MAX).saturating_add(1);
        if atoms > ATOMS_MAX {
            return Err(DistributionError::TooWide { atoms });
        }
        let mut weights = vec![0.0; atoms];
        for (weight, part) in parts {
            let from = (part.min - min) as usize;
            for (sum, mass) in weights[from..].iter_mut().zip(&part.weights) {
                *sum += weight * mass;
            }
        }
        Self::from_weights(min, &weights)
    }

    /// The larger of it and `floor`: what fell below stands at `floor`.
    #[must_use]
    pub fn at_least(&self, floor: i64) -> Self {
        if floor <= self.min {
            return self.clone();
        }
        if floor >= self.max() {
            return Self::point(floor);
        }
        let from = (floor - self.min) as usize;
        let mut weights = self.weights[from..].to_vec();
        weights[0] = self.cumulative[from];
        let mut cumulative = self.cumulative[from..].to_vec();
        if weights[0] > 0.0 {
            return Self { min: floor, weights, cumulative };
        }
        let empty = weights.iter().take_while(|w| **w == 0.0).count();
        Self { min: floor + empty as i64, weights: weights.split_off(empty), cumulative: cumulative.split_off(empty) }
    }

    /// It plus a constant.
    #[must_use]
    pub fn shifted(mut self, by: i64) -> Self {
        self.min = self.min.saturating_add(by);
        self
    }

    /// The smallest value.
    #[must_use]
    pub fn min(&self) -> i64 {
        self.min
    }

    /// The largest value.
    #[must_use]
    pub fn max(&self) -> i64 {
        self.min.saturating_add(self.weights.len() as i64 - 1)
    }

    /// The probabilities of [`Self::min`] and the integers after it.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The values and their probabilities, in ascending order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (i64, f64)> + '_ {
        self.weights.iter().enumerate().map(|(i, w)| (self.min + i as i64, *w))
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let mut sum = Sum::default();
        for (i, weight) in self.weights.iter().enumerate() {
            sum.add(i as f64 * weight);
        }
        self.min as f64 + sum.total()
    }

    /// The variance.
    #[must_use]
    pub fn variance(&self) -> f64 {
        let mean = self.mean() - self.min as f64;
        let mut sum = Sum::default();
        for (i, weight) in self.weights.iter().enumerate() {
            sum.add((i as f64 - mean) * (i as f64 - mean) * weight);
        }
        sum.total()
    }

    /// P(X = `value`).
    #[must_use]
    pub fn pmf(&self, value: i64) -> f64 {
        self.idx(value).and_then(|i| self.weights.get(i)).copied().unwrap_or(0.0)
    }

    /// P(X ≤ `value`).
    #[must_use]
    pub fn cdf(&self, value: i64) -> f64 {
        self.idx(value).map_or(0.0, |i| self.cumulative.get(i).copied().unwrap_or(1.0))
    }

    /// The smallest value with P(X ≤ value) ≥ `probability`; the smallest of all below 0, the largest above 1.
    ///
    /// With a uniform number it draws. O(log n).
    #[must_use]
    pub fn quantile(&self, probability: f64) -> i64 {
        let idx = self.cumulative.partition_point(|c| *c < probability);
        self.min + idx.min(self.weights.len() - 1) as i64
    }

    /// E(X − `level`)⁺: what is missing on average when `level` is there. O(n).
    #[must_use]
    pub fn loss(&self, level: i64) -> f64 {
        let mut sum = Sum::default();
        for (value, weight) in self.iter().rev().take_while(|(value, _)| *value > level) {
            sum.add((value - level) as f64 * weight);
        }
        sum.total()
    }

    /// E(`level` − X)⁺: what is left on average when `level` is there. O(n).
    #[must_use]
    pub fn left_over(&self, level: i64) -> f64 {
        let mut sum = Sum::default();
        for (value, weight) in self.iter().take_while(|(value, _)| *value < level) {
            sum.add((level - value) as f64 * weight);
        }
        sum.total()
    }

    fn idx(&self, value: i64) -> Option<usize> {
        value.checked_sub(self.min).and_then(|i| usize::try_from(i).ok())
    }
}

/// A sum that remembers what rounding took (Neumaier).
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    fn add(&mut self, term: f64) -> f64 {
        let sum = self.sum + term;
        self.lost +=
            if libm::fabs(self.sum) >= libm::fabs(term) { (self.sum - sum) + term } else { (term - sum) + self.sum };
        self.sum = sum;
        self.total()
    }

    fn total(self) -> f64 {
        self.sum + self.lost
    }
}

/// From the ratio of each probability to the one before, outward from the most likely value, whose weight is 1;
/// no value is below 0. `ratio_after` bounds the ratios far above.
fn from_mode(mode: f64, ratio: impl Fn(f64) -> f64, ratio_after: f64) -> Result<Pmf, DistributionError> {
    if mode > 1e15 {
        return Err(DistributionError::TooWide { atoms: usize::MAX });
    }
    let (mut k, mut weight, mut below) = (mode, 1.0, Vec::new());
    while k > 0.0 {
        let step = 1.0 / ratio(k - 1.0);
        weight *= step;
        if step < 1.0 && weight <= TAIL_MAX * (1.0 - step) {
            break;
        }
        k -= 1.0;
        below.push(weight);
        if below.len() > ATOMS_MAX {
            return Err(DistributionError::TooWide { atoms: below.len() });
        }
    }
    let min = k as i64;
    below.reverse();
    let mut weights = below;
    weights.push(1.0);
    let (mut k, mut weight) = (mode, 1.0);
    loop {
        let step = ratio(k);
        weight *= step;
        let bound = step.max(ratio_after);
        if step <= 0.0 || (bound < 1.0 && weight <= TAIL_MAX * (1.0 - bound)) {
            break;
        }
        k += 1.0;
        weights.push(weight);
        if weights.len() > ATOMS_MAX {
            return Err(DistributionError::TooWide { atoms: weights.len() });
        }
    }
    Pmf::from_weights(min, &weights)
}

fn convolved(min_a: i64, a: &[f64], min_b: i64, b: &[f64]) -> (i64, Vec<f64>) {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let mut sum = vec![0.0; a.len() + b.len() - 1];
    for (i, x) in short.iter().enumerate() {
        if *x == 0.0 {
            continue;
        }
        for (cell, y) in sum[i..].iter_mut().zip(long) {
            *cell += x * y;
        }
    }
    (min_a.saturating_add(min_b), sum)
}

/// Without what sums to at most `tail` at each end.
fn without_tails(min: i64, mut weights: Vec<f64>, tail: f64) -> (i64, Vec<f64>) {
    let n_cut = |weights: &mut dyn Iterator<Item = &f64>| {
        let mut cut = 0.0;
        weights
            .take_while(|w| {
                cut += **w;
                cut <= tail
            })
            .count()
    };
    let above = n_cut(&mut weights.iter().rev());
    let below = n_cut(&mut weights.iter());
    if above + below < weights.len() {
        weights.truncate(weights.len() - above);
        weights.drain(..below);
        return (min + below as i64, weights);
    }
    (min, weights)
}

/// Adds a weight at a value, growing where it lies outside.
fn add_at(min: &mut i64, weights: &mut Vec<f64>, value: i64, weight: f64) -> Result<(), DistributionError> {
    let max = *min + weights.len() as i64 - 1;
    let atoms = max.max(value).abs_diff((*min).min(value)) as usize + 1;
    if atoms > ATOMS_MAX {
        return Err(DistributionError::TooWide { atoms });
    }
    if value < *min {
        weights.splice(0..0, core::iter::repeat_n(0.0, (*min - value) as usize));
        *min = value;
    }
    if value > max {
        weights.resize(atoms, 0.0);
    }
    weights[(value - *min) as usize] += weight;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::continuous::poisson_density;
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn close(actual: f64, expected: f64, off: f64) {
        assert!((actual - expected).abs() <= off * expected.abs().max(1.0), "{actual:e} is not {expected:e}");
    }

    #[track_caller]
    fn same(a: &Pmf, b: &Pmf, off: f64) {
        for value in a.min().min(b.min())..=a.max().max(b.max()) {
            let (x, y) = (a.pmf(value), b.pmf(value));
            assert!((x - y).abs() <= off, "at {value}: {x:e} and {y:e}");
        }
    }

    /// What every distribution keeps to.
    #[track_caller]
    fn check(pmf: &Pmf) {
        let sum: f64 = pmf.weights().iter().sum();
        close(sum, 1.0, 1e-13);
        assert!(pmf.weights()[0] > 0.0 && pmf.weights()[pmf.weights().len() - 1] > 0.0);
        assert!(pmf.cumulative.is_sorted());
        assert_eq!(pmf.weights.len(), pmf.cumulative.len());
        assert_eq!(pmf.cdf(pmf.max()), 1.0);
        assert_eq!(pmf.cdf(pmf.min() - 1), 0.0);
        assert_eq!((pmf.quantile(0.0), pmf.quantile(2.0)), (pmf.min(), pmf.max()));
        let (mean, level) = (pmf.mean(), pmf.quantile(0.8));
        close(pmf.left_over(level) - pmf.loss(level), level as f64 - mean, 1e-12);
        close(pmf.loss(pmf.min()), mean - pmf.min() as f64, 1e-12);
        assert_eq!(pmf.loss(pmf.max()), 0.0);
        for p in [1e-9, 0.1, 0.5, 0.99] {
            let at = pmf.quantile(p);
            assert!(pmf.cdf(at) >= p && pmf.cdf(at - 1) < p, "{p} at {at}");
        }
    }

    #[test]
    fn poisson_has_its_probabilities_mean_and_variance() {
        for mean in [1e-9, 0.3, 1.0, 6.0, 95.5, 1e4, 1e8] {
            let pmf = Pmf::poisson(mean).unwrap();
            check(&pmf);
            close(pmf.mean(), mean, 1e-12);
            close(pmf.variance(), mean, 1e-10);
            for z in [-3.0, 0.0, 4.0] {
                let k = libm::round(mean + z * libm::sqrt(mean)).max(0.0);
                let expected = poisson_density(k, mean);
                assert!((pmf.pmf(k as i64) - expected).abs() <= 3e-12 * expected, "{mean} at {k}");
            }
        }
        assert_eq!(Pmf::poisson(0.0), Ok(Pmf::point(0)));
    }

    #[test]
    fn negative_binomial_has_its_mean_and_variance() {
        for (mean, variance) in [(0.2, 5.0), (5.0, 5.5), (5.0, 40.0), (300.0, 301.0), (1e4, 1e6), (0.01, 0.02)] {
            let pmf = Pmf::negative_binomial(mean, variance).unwrap();
            check(&pmf);
            close(pmf.mean(), mean, 1e-12);
            close(pmf.variance(), variance, 1e-11);
        }
        same(&Pmf::negative_binomial(7.0, 7.0).unwrap(), &Pmf::poisson(7.0).unwrap(), 0.0);
        // Size 1 is geometric.
        let geometric = Pmf::negative_binomial(3.0, 12.0).unwrap();
        for k in 0..40 {
            close(geometric.pmf(k), 0.25 * 0.75_f64.powi(k as i32), 1e-15);
        }
    }

    #[test]
    fn a_rounded_normal_has_its_mean_and_variance() {
        for (mean, sd) in [(50.0, 8.0), (-3.3, 2.0), (1e6, 500.0), (0.25, 0.9)] {
            let pmf = Pmf::normal_rounded(mean, sd).unwrap();
            check(&pmf);
            if sd >= 2.0 {
                close(pmf.mean(), mean, 1e-12);
                close(pmf.variance(), sd * sd + 1.0 / 12.0, 1e-9); // Sheppard's correction
            }
        }
        assert_eq!(Pmf::normal_rounded(2.6, 0.0), Ok(Pmf::point(3)));
        let demand = Pmf::normal_rounded(1.0, 2.0).unwrap().at_least(0);
        check(&demand);
        assert_eq!(demand.min(), 0);
        close(demand.pmf(0), normal_cdf(-0.25), 1e-14);
    }

    #[test]
    fn an_empirical_distribution_counts_exactly() {
        let pmf = Pmf::empirical(&[0, 0, 3, 7, 1]).unwrap();
        check(&pmf);
        assert_eq!((pmf.pmf(0), pmf.cdf(2), pmf.pmf(2), pmf.max()), (0.4, 3.0 / 5.0, 0.0, 7));
        close(pmf.mean(), 2.2, 1e-15);
        assert_eq!(pmf.quantile(0.6), 1, "a tie is exact");
        assert_eq!(pmf.at_least(2), Pmf::from_weights(2, &[3.0, 1.0, 0.0, 0.0, 0.0, 1.0]).unwrap());
    }

    #[test]
    fn poissons_sum_to_a_poisson() {
        let sum = Pmf::poisson(4.5).unwrap().convolve(&Pmf::poisson(11.0).unwrap()).unwrap();
        check(&sum);
        same(&sum, &Pmf::poisson(15.5).unwrap(), 1e-15);
        same(&Pmf::poisson(2.5).unwrap().sum_of(7).unwrap(), &Pmf::poisson(17.5).unwrap(), 1e-15);
        assert_eq!(Pmf::poisson(2.5).unwrap().sum_of(0), Ok(Pmf::point(0)));
    }

    #[test]
    fn compound_demand_has_its_mean_and_variance() {
        let arrival = Pmf::poisson(3.0).unwrap();
        let size = Pmf::from_weights(1, &[0.5, 0.3, 0.0, 0.2]).unwrap();
        let demand = Pmf::compound(&arrival, &size).unwrap();
        check(&demand);
        close(demand.mean(), 3.0 * size.mean(), 1e-13);
        close(demand.variance(), 3.0 * (size.variance() + size.mean() * size.mean()), 1e-12);
        close(demand.pmf(0), (-3.0_f64).exp(), 1e-15);
        // Thinning a Poisson gives a Poisson, and one size gives a multiple.
        let kept = Pmf::compound(&arrival, &Pmf::binomial(1, 0.4).unwrap()).unwrap();
        same(&kept, &Pmf::poisson(1.2).unwrap(), 1e-15);
        let sixes = Pmf::compound(&arrival, &Pmf::point(6)).unwrap();
        check(&sixes);
        close(sixes.pmf(12), arrival.pmf(2), 1e-15);
        assert_eq!(sixes.pmf(13), 0.0);
        // Negative sizes are returns.
        let net = Pmf::compound(&arrival, &Pmf::from_weights(-1, &[1.0, 0.0, 1.0]).unwrap()).unwrap();
        check(&net);
        close(net.mean(), 0.0, 1e-13);
        close(net.variance(), 3.0, 1e-12);
        assert_eq!(Pmf::compound(&size.clone().shifted(-2), &size), Err(DistributionError::NegativeCount(-1)));
    }

    #[test]
    fn a_mixture_weighs_its_parts() {
        let (a, b) = (Pmf::point(-2), Pmf::poisson(3.0).unwrap());
        let mixed = Pmf::mixture(&[(1.0, &a), (3.0, &b)]).unwrap();
        check(&mixed);
        close(mixed.mean(), 0.25 * -2.0 + 0.75 * 3.0, 1e-14);
        assert_eq!(Pmf::mixture(&[]), Err(DistributionError::Empty));
    }

    #[test]
    fn bad_arguments_are_refused() {
        assert_eq!(Pmf::poisson(-1.0), Err(DistributionError::Mean(-1.0)));
        assert!(Pmf::poisson(f64::NAN).is_err() && Pmf::poisson(1e300).is_err());
        assert_eq!(Pmf::negative_binomial(5.0, 4.0), Err(DistributionError::Variance { mean: 5.0, variance: 4.0 }));
        assert!(Pmf::negative_binomial(0.0, 1.0).is_err());
        assert!(matches!(Pmf::negative_binomial(1.0, 1e9), Err(DistributionError::TooWide { .. })));
        assert_eq!(Pmf::empirical(&[]), Err(DistributionError::Empty));
        assert!(Pmf::empirical(&[0, u32::MAX]).is_err());
        assert!(Pmf::from_weights(0, &[0.5, -0.1]).is_err());
        assert_eq!(Pmf::from_weights(0, &[0.0, 0.0]), Err(DistributionError::Empty));
        assert!(Pmf::normal_rounded(0.0, 1e9).is_err() && Pmf::normal_rounded(f64::INFINITY, 1.0).is_err());
        assert!(Pmf::binomial(3, 1.1).is_err());
    }

    proptest! {
        #[test]
        fn sums_add_means_and_variances(
            a in prop::collection::vec(0.0_f64..1.0, 1..20),
            b in prop::collection::vec(0.0_f64..1.0, 1..20),
            min_a in -30_i64..30,
            min_b in -30_i64..30,
        ) {
            prop_assume!(a.iter().sum::<f64>() > 0.1 && b.iter().sum::<f64>() > 0.1);
            let (a, b) = (Pmf::from_weights(min_a, &a).unwrap(), Pmf::from_weights(min_b, &b).unwrap());
            let sum = a.convolve(&b).unwrap();
            check(&sum);
            prop_assert!((sum.mean() - a.mean() - b.mean()).abs() < 1e-10);
            prop_assert!((sum.variance() - a.variance() - b.variance()).abs() < 1e-9);
            same(&sum, &b.convolve(&a).unwrap(), 1e-15);
        }

        #[test]
        fn a_uniform_number_draws_by_the_quantile(mean in 0.0_f64..30.0, u in 0.0_f64..1.0) {
            let pmf = Pmf::poisson(mean).unwrap();
            let drawn = pmf.quantile(u);
            prop_assert!(pmf.cdf(drawn) >= u);
            prop_assert!(drawn == pmf.min() || pmf.cdf(drawn - 1) < u);
        }
    }
}
