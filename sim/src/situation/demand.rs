//! The distribution of what a stock position is asked for in a day: Poisson orders of the sizes that
//! [`crate::rng::Stream::order_size`] draws, from several customers together.
//!
//! ```text
//! rate and size of each customer ─▶ generating function ─┬ few pieces: Panjer's recursion ─┬▶ Pmf
//!                                                        └ many: Fourier on a circle ──────┘
//! ```

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::theory::distribution::Pmf;

/// What is cut off at the upper end; it is put where its own mean is, so that the mean is kept.
const TAIL: f64 = 1e-6;
/// The generating function is taken on the circle of the radius whose n-th power is this, which keeps what
/// lies beyond n pieces from being counted below.
const DAMPING: f64 = 1e-4;
/// The longest range of pieces that is computed exactly.
const RANGE_MAX: usize = 1 << 16;
/// Up to here a recursion is quicker.
const RECURSION_MAX: usize = 128;

/// One kind of orders: so many a day, of sizes with this mean and squared coefficient of variation, in
/// thousandths as in the network's files.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Orders {
    pub(crate) per_day: f64,
    pub(crate) size_milli: u64,
    pub(crate) cv2_milli: u64,
}

/// Makes distributions, and remembers those that it made.
#[derive(Debug, Default)]
pub(crate) struct Demands {
    known: HashMap<(u64, u64, u64), Arc<Pmf>>, // of one size; only looked up, never listed
    known_mixed: BTreeMap<Vec<(u64, u64, u64)>, Arc<Pmf>>,
    /// Of the last size that was asked for: it, and j f(j).
    last: Option<((u64, u64), Size, Vec<f64>)>,
    circles: BTreeMap<usize, Circle>,
    on_circle: BTreeMap<(usize, u64, u64), Arc<[Complex]>>,
}

impl Demands {
    /// Pieces asked for in a day; `None` for nothing. Orders of one size are added up.
    pub(crate) fn of(&mut self, orders: &mut Vec<Orders>) -> Option<Arc<Pmf>> {
        orders.retain(|it| it.per_day > 0.0 && it.per_day.is_finite());
        if orders.len() > 1 {
            orders.sort_by(|a, b| {
                (a.size_milli, a.cv2_milli).cmp(&(b.size_milli, b.cv2_milli)).then(a.per_day.total_cmp(&b.per_day))
            });
            orders.dedup_by(|next, sum| {
                let same = (next.size_milli, next.cv2_milli) == (sum.size_milli, sum.cv2_milli);
                if same {
                    sum.per_day += next.per_day;
                }
                same
            });
        }
        if orders.is_empty() {
            return None;
        }
        let key = |it: &Orders| (it.size_milli, it.cv2_milli, it.per_day.to_bits());
        if let [only] = orders.as_slice() {
            if let Some(known) = self.known.get(&key(only)) {
                return Some(Arc::clone(known));
            }
            let made = Arc::new(self.make(orders));
            self.known.insert(key(&orders[0]), Arc::clone(&made));
            return Some(made);
        }
        let key: Vec<_> = orders.iter().map(key).collect();
        if let Some(known) = self.known_mixed.get(&key) {
            return Some(Arc::clone(known));
        }
        let made = Arc::new(self.make(orders));
        self.known_mixed.insert(key, Arc::clone(&made));
        Some(made)
    }

    fn make(&mut self, orders: &[Orders]) -> Pmf {
        let (mut rate, mut mean, mut variance) = (0.0, 0.0, 0.0);
        for it in orders {
            let size = self.size(it).0;
            rate += it.per_day;
            mean += it.per_day * size.mean;
            variance += it.per_day * (size.variance + size.mean * size.mean);
        }
        if rate < 100.0
            && mean + 4.0 * libm::sqrt(variance) < RECURSION_MAX as f64
            && let Some(weights) = self.recursion(orders, rate)
        {
            return cut(weights, mean);
        }
        let sizes: Vec<Size> = orders.iter().map(|it| Size::new(it.size_milli, it.cv2_milli)).collect();
        let range = range(orders, &sizes, mean);
        if range > RANGE_MAX {
            let like = Pmf::negative_binomial(mean, variance.max(mean));
            return like.unwrap_or_else(|_| Pmf::point(libm::round(mean.clamp(0.0, 1e15)) as i64));
        }
        cut(self.fourier(orders, &sizes, range.next_power_of_two().max(8)), mean)
    }

    /// A size, and j times the probability of j pieces.
    fn size(&mut self, it: &Orders) -> (&Size, &[f64]) {
        let key = (it.size_milli, it.cv2_milli);
        if self.last.as_ref().is_none_or(|(known, ..)| *known != key) {
            self.last = None;
        }
        let (_, size, weights) = self.last.get_or_insert_with(|| {
            let size = Size::new(it.size_milli, it.cv2_milli);
            let mut weights = size.weights(RECURSION_MAX);
            (0..).zip(&mut weights).for_each(|(j, weight)| *weight *= f64::from(j));
            (key, size, weights)
        });
        (size, weights)
    }

    /// Panjer's recursion: k p(k) = Σ rate j f(j) p(k − j). `None` if it does not come to an end soon.
    fn recursion(&mut self, orders: &[Orders], rate: f64) -> Option<Vec<f64>> {
        // In the reverse, so that both sums run forward.
        let mut asked = [0.0; RECURSION_MAX + 1];
        for it in orders {
            let weights = self.size(it).1;
            for (sum, weight) in asked.iter_mut().rev().zip(weights) {
                *sum += it.per_day * weight;
            }
        }
        let mut weights = Vec::with_capacity(32);
        let first = libm::exp(-rate);
        let mut mass = first;
        weights.push(first);
        while 1.0 - mass > TAIL {
            let k = weights.len();
            if k > RECURSION_MAX {
                return None;
            }
            let sum: f64 = asked[RECURSION_MAX - k..RECURSION_MAX].iter().zip(&weights).map(|(a, p)| a * p).sum();
            let weight = sum / k as f64;
            mass += weight;
            weights.push(weight);
        }
        Some(weights)
    }

    /// exp(Σ rate (size(z) − 1)) on a circle, and back.
    fn fourier(&mut self, orders: &[Orders], sizes: &[Size], n: usize) -> Vec<f64> {
        let circle = self.circles.entry(n).or_insert_with(|| Circle::new(n));
        let mut exponent = vec![Complex::default(); n / 2 + 1];
        for (it, size) in orders.iter().zip(sizes) {
            let values = self
                .on_circle
                .entry((n, it.size_milli, it.cv2_milli))
                .or_insert_with(|| circle.half().map(|z| size.generating(z)).collect());
            for (sum, value) in exponent.iter_mut().zip(values.iter()) {
                sum.re += it.per_day * (value.re - 1.0);
                sum.im += it.per_day * value.im;
            }
        }
        exponent.iter_mut().for_each(|value| *value = value.exp());
        circle.coefficients(&exponent)
    }
}

/// How many pieces at most, with what is beyond far below [`TAIL`]: Chernoff's bound, for the best of some
/// exponents.
fn range(orders: &[Orders], sizes: &[Size], mean: f64) -> usize {
    let above = sizes.iter().map(Size::exponent_max).fold(f64::INFINITY, f64::min);
    let largest = above.min(40.0);
    let bound = |s: f64| {
        let z = libm::exp(s);
        let growth: f64 = orders.iter().zip(sizes).map(|(it, size)| it.per_day * (size.generating_real(z) - 1.0)).sum();
        let bound = (growth - libm::log(TAIL / 10.0)) / s;
        if bound.is_finite() { bound } else { f64::INFINITY }
    };
    // Unimodal in the exponent: golden section on a logarithmic scale.
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let (mut low, mut high) = (libm::log(largest) - 12.0, libm::log(largest * 0.999));
    let (mut a, mut b) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
    let (mut at_a, mut at_b) = (bound(libm::exp(a)), bound(libm::exp(b)));
    for _ in 0..14 {
        if at_a <= at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - GOLDEN * (high - low);
            at_a = bound(libm::exp(a));
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + GOLDEN * (high - low);
            at_b = bound(libm::exp(b));
        }
    }
    let best = at_a.min(at_b);
    let best = if best.is_finite() { best.max(mean) } else { f64::INFINITY };
    // Saturates above `RANGE_MAX`.
    libm::ceil(best.min(1e12)) as usize + 2
}

/// Cuts the upper tail off and puts it at its mean.
fn cut(mut weights: Vec<f64>, mean: f64) -> Pmf {
    for weight in &mut weights {
        *weight = weight.max(0.0);
    }
    let (mut mass, mut end) = (0.0, weights.len());
    for (k, weight) in weights.iter().enumerate() {
        mass += weight;
        if 1.0 - mass <= TAIL {
            end = k + 1;
            break;
        }
    }
    weights.truncate(end);
    let first: f64 = weights.iter().enumerate().map(|(k, weight)| k as f64 * weight).sum();
    let (left, left_first) = (1.0 - mass, mean - first);
    let at = left_first / left;
    if left > 1e-12 && at >= end as f64 && at < (4 * end + 1_000) as f64 {
        let below = libm::floor(at);
        let part = at - below;
        weights.resize(below as usize + 2, 0.0);
        weights[below as usize] += left * (1.0 - part);
        weights[below as usize + 1] += left * part;
    }
    Pmf::from_weights(0, &weights).unwrap_or_else(|_| Pmf::point(libm::round(mean) as i64))
}

/// The quantity of one order: one more than a draw of one of these.
#[derive(Clone, Copy, Debug)]
struct Size {
    extra: Extra,
    mean: f64,
    variance: f64,
}

#[derive(Clone, Copy, Debug)]
enum Extra {
    NegativeBinomial {
        shape: f64,
        scale: f64,
    },
    Poisson(f64),
    Binomial {
        trials: f64,
        p: f64,
    },
    /// The number below or the one above.
    Rounded {
        floor: f64,
        above: f64,
    },
}

impl Size {
    /// As [`crate::rng::Stream::order_size`] draws it.
    fn new(size_milli: u64, cv2_milli: u64) -> Self {
        const TRIALS_MAX: f64 = 200.0;
        let mean = size_milli.max(1_000) as f64 / 1e3;
        let (extra, variance) = (mean - 1.0, cv2_milli as f64 / 1e3 * mean * mean);
        let kind = if extra <= 0.0 {
            Extra::Rounded { floor: 0.0, above: 0.0 }
        } else if variance > extra * 1.001 {
            let scale = (variance - extra) / extra;
            Extra::NegativeBinomial { shape: extra / scale, scale }
        } else if variance <= 0.25 {
            Extra::Rounded { floor: libm::floor(extra), above: extra - libm::floor(extra) }
        } else {
            let trials = (extra * extra / (extra - variance).max(1e-9)).max(extra);
            if trials > TRIALS_MAX {
                Extra::Poisson(extra)
            } else {
                let trials = libm::ceil(trials);
                Extra::Binomial { trials, p: extra / trials }
            }
        };
        Self { extra: kind, mean, variance: kind.variance() }
    }

    /// E z^size.
    fn generating(&self, z: Complex) -> Complex {
        z.times(match self.extra {
            Extra::NegativeBinomial { shape, scale } => {
                Complex { re: 1.0 + scale * (1.0 - z.re), im: -scale * z.im }.power(-shape)
            }
            Extra::Poisson(mean) => Complex { re: mean * (z.re - 1.0), im: mean * z.im }.exp(),
            Extra::Binomial { trials, p } => Complex { re: 1.0 - p + p * z.re, im: p * z.im }.power(trials),
            Extra::Rounded { floor, above } => {
                let low = z.power(floor);
                let rest = Complex { re: 1.0 - above + above * z.re, im: above * z.im };
                low.times(rest)
            }
        })
    }

    /// The same for a real number.
    fn generating_real(&self, z: f64) -> f64 {
        z * match self.extra {
            Extra::NegativeBinomial { shape, scale } => libm::pow(1.0 + scale * (1.0 - z), -shape),
            Extra::Poisson(mean) => libm::exp(mean * (z - 1.0)),
            Extra::Binomial { trials, p } => libm::pow(1.0 - p + p * z, trials),
            Extra::Rounded { floor, above } => libm::pow(z, floor) * (1.0 - above + above * z),
        }
    }

    /// Where E e^(s size) ends to be finite.
    fn exponent_max(&self) -> f64 {
        match self.extra {
            Extra::NegativeBinomial { scale, .. } => libm::log1p(1.0 / scale),
            _ => f64::INFINITY,
        }
    }

    /// Probabilities of 0, 1, … pieces, up to `max`.
    fn weights(&self, max: usize) -> Vec<f64> {
        let mut weights = vec![0.0; max + 1];
        let mut put = |first: f64, next: &dyn Fn(f64) -> f64| {
            let mut weight = first;
            for (k, place) in weights[1..].iter_mut().enumerate() {
                *place = weight;
                weight *= next(k as f64);
            }
        };
        match self.extra {
            Extra::NegativeBinomial { shape, scale } => {
                let again = scale / (1.0 + scale);
                put(libm::pow(1.0 + scale, -shape), &|k| (k + shape) / (k + 1.0) * again);
            }
            Extra::Poisson(mean) => put(libm::exp(-mean), &|k| mean / (k + 1.0)),
            Extra::Binomial { trials, p } if p < 1.0 => {
                put(libm::pow(1.0 - p, trials), &|k| ((trials - k) / (k + 1.0)).max(0.0) * p / (1.0 - p));
            }
            Extra::Binomial { trials: floor, .. } | Extra::Rounded { floor, above: 0.0 } => {
                if let Some(place) = weights.get_mut(floor as usize + 1) {
                    *place = 1.0;
                }
            }
            Extra::Rounded { floor, above } => {
                for (at, weight) in [(floor as usize + 1, 1.0 - above), (floor as usize + 2, above)] {
                    if let Some(place) = weights.get_mut(at) {
                        *place = weight;
                    }
                }
            }
        }
        weights
    }
}

impl Extra {
    fn variance(self) -> f64 {
        match self {
            Self::NegativeBinomial { shape, scale } => shape * scale * (1.0 + scale),
            Self::Poisson(mean) => mean,
            Self::Binomial { trials, p } => trials * p * (1.0 - p),
            Self::Rounded { above, .. } => above * (1.0 - above),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Complex {
    re: f64,
    im: f64,
}

impl Complex {
    fn times(self, other: Self) -> Self {
        Self { re: self.re * other.re - self.im * other.im, im: self.re * other.im + self.im * other.re }
    }

    fn exp(self) -> Self {
        let (size, (sin, cos)) = (libm::exp(self.re), libm::sincos(self.im));
        Self { re: size * cos, im: size * sin }
    }

    /// A real power, by the principal logarithm.
    fn power(self, exponent: f64) -> Self {
        if exponent == 0.0 {
            return Self { re: 1.0, im: 0.0 };
        }
        let squared = self.re * self.re + self.im * self.im;
        let log = Self { re: 0.5 * libm::log(squared), im: libm::atan2(self.im, self.re) };
        Self { re: exponent * log.re, im: exponent * log.im }.exp()
    }
}

/// The n-th roots of one, and the way from values on a circle to coefficients.
#[derive(Debug)]
struct Circle {
    radius: f64,
    roots: Vec<Complex>,
}

impl Circle {
    /// For a power of two.
    fn new(n: usize) -> Self {
        let root = |k: usize| {
            let (im, re) = libm::sincos(core::f64::consts::TAU * k as f64 / n as f64);
            Complex { re, im }
        };
        Self { radius: libm::exp(libm::log(DAMPING) / n as f64), roots: (0..n).map(root).collect() }
    }

    /// The points of the upper half, where the values of a real series say all.
    fn half(&self) -> impl Iterator<Item = Complex> {
        let radius = self.radius;
        self.roots[..=self.roots.len() / 2].iter().map(move |z| Complex { re: radius * z.re, im: radius * z.im })
    }

    /// The coefficients of a real series that has these values on the upper half: a real Fourier transform by
    /// a complex one of half the length.
    fn coefficients(&self, values: &[Complex]) -> Vec<f64> {
        let n = self.roots.len();
        let half = n / 2;
        let mut work: Vec<Complex> = (0..half)
            .map(|k| {
                let (a, b) = (values[k], values[half - k]);
                let even = Complex { re: 0.5 * (a.re + b.re), im: 0.5 * (a.im - b.im) };
                let odd = Complex { re: 0.5 * (a.re - b.re), im: 0.5 * (a.im + b.im) };
                let turn = Complex { re: self.roots[k].re, im: -self.roots[k].im };
                let odd = odd.times(turn);
                Complex { re: even.re - odd.im, im: even.im + odd.re }
            })
            .collect();
        self.transform(&mut work);
        let mut series = Vec::with_capacity(n);
        for value in work {
            series.extend([value.re / half as f64, value.im / half as f64]);
        }
        let (mut scale, step) = (1.0, 1.0 / self.radius);
        for value in &mut series {
            *value *= scale;
            scale *= step;
        }
        series
    }

    /// Σ values(j) e^(−2πi jk / m), for half as many values as there are roots.
    fn transform(&self, values: &mut [Complex]) {
        let n = values.len();
        let bits = n.trailing_zeros();
        for i in 0..n {
            let j = i.reverse_bits() >> (usize::BITS - bits);
            if i < j {
                values.swap(i, j);
            }
        }
        let mut width = 1;
        while width < n {
            let stride = self.roots.len() / (2 * width);
            for block in values.chunks_exact_mut(2 * width) {
                let (low, high) = block.split_at_mut(width);
                for ((a, b), root) in low.iter_mut().zip(high).zip(self.roots.iter().step_by(stride)) {
                    let turned = Complex { re: root.re, im: -root.im }.times(*b);
                    (*a, *b) = (
                        Complex { re: a.re + turned.re, im: a.im + turned.im },
                        Complex { re: a.re - turned.re, im: a.im - turned.im },
                    );
                }
            }
            width *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(per_day: f64, size_milli: u64, cv2_milli: u64) -> Orders {
        Orders { per_day, size_milli, cv2_milli }
    }

    /// Mean, variance and every probability, against the sum of convolutions.
    #[track_caller]
    fn check(given: &[Orders]) {
        let made = Demands::default().of(&mut given.to_vec()).unwrap();
        let mut mean = 0.0;
        let (mut sum, mut is_small) = (Pmf::point(0), true);
        for it in given {
            let size = Size::new(it.size_milli, it.cv2_milli);
            let mut weights = size.weights(20_000);
            weights.iter_mut().filter(|weight| **weight < 1e-17).for_each(|weight| *weight = 0.0);
            let sizes = Pmf::from_weights(0, &weights).unwrap();
            assert!((sizes.mean() / size.mean - 1.0).abs() < 1e-9, "{it:?}: size {}", sizes.mean());
            assert!((sizes.variance() - size.variance).abs() < 1e-6 * size.variance + 1e-9, "{it:?}");
            mean += it.per_day * size.mean;
            if sizes.max() > 1_000 {
                is_small = false;
            } else {
                sum = sum.convolve(&Pmf::compound(&Pmf::poisson(it.per_day).unwrap(), &sizes).unwrap()).unwrap();
            }
        }
        assert!((made.mean() / mean - 1.0).abs() < 1e-9, "{given:?}: {} is not {mean}", made.mean());
        if is_small {
            assert!((made.variance() / sum.variance() - 1.0).abs() < 1e-3, "{given:?}: {}", made.variance());
            for k in 0..=sum.max() {
                let off = (made.pmf(k) - sum.pmf(k)).abs();
                assert!(off < if k < 3 * made.max() / 4 { 1e-9 } else { 2e-6 }, "{given:?} at {k}: {off:e}");
            }
        }
    }

    #[test]
    fn demand_is_the_compound_of_its_orders() {
        check(&[orders(0.02, 1_400, 500)]);
        check(&[orders(3.0, 1_000, 0)]);
        check(&[orders(2.0, 6_000, 0)]);
        check(&[orders(0.7, 2_500, 90)]);
        check(&[orders(5.0, 12_000, 40)]);
        check(&[orders(0.7, 2_500, 90), orders(0.2, 8_000, 700), orders(0.1, 2_500, 90)]);
        check(&[orders(0.5, 20_000, 2_000)]);
        check(&[orders(150.0, 1_400, 500)]);
        check(&[orders(0.01, 14_897, 26_391)]);
        check(&[orders(3.0, 14_897, 26_391), orders(0.3, 5_000, 100)]);
    }

    #[test]
    fn demand_beyond_all_measure_still_has_its_mean() {
        let made = Demands::default().of(&mut vec![orders(1e6, 100_000, 500)]).unwrap();
        assert!((made.mean() / 1e8 - 1.0).abs() < 1e-6, "{}", made.mean());
        assert_eq!(Demands::default().of(&mut vec![orders(0.0, 1_000, 0)]), None);
    }
}
