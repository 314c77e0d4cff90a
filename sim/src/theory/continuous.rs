//! The normal and the gamma distribution: density, distribution function, inverse and loss.

/// Why parameters are not those of a continuous distribution.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ContinuousError {
    #[error("mean {0} must be finite")]
    Mean(f64),
    #[error("standard deviation {0} must be finite and not negative")]
    Sd(f64),
    #[error("shape {shape} and scale {scale} must be finite and positive")]
    Gamma { shape: f64, scale: f64 },
}

const LN_SQRT_TAU: f64 = 0.918_938_533_204_672_8; // ln √(2π)
const SQRT_TAU: f64 = 2.506_628_274_631_000_7;

/// The density of the standard normal distribution.
#[must_use]
pub fn normal_density(z: f64) -> f64 {
    libm::exp(-0.5 * z * z) / SQRT_TAU
}

/// P(Z ≤ z) of the standard normal distribution, with full relative precision in the lower tail.
#[must_use]
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * core::f64::consts::FRAC_1_SQRT_2)
}

/// P(Z > z) of the standard normal distribution, with full relative precision in the upper tail.
#[must_use]
pub fn normal_tail(z: f64) -> f64 {
    normal_cdf(-z)
}

/// E(Z − z)⁺ of the standard normal distribution, with full relative precision in the upper tail.
#[must_use]
pub fn normal_loss(z: f64) -> f64 {
    const TAIL_FROM: f64 = 3.0;
    if z < TAIL_FROM {
        return normal_density(z) - z * normal_tail(z);
    }
    // The tail is φ(z) / (z + c) with c = 1/(z + 2/(z + 3/(z + …))), hence the loss is φ(z) c / (z + c):
    // the difference above would cancel.
    let mut c = 0.0;
    for i in (1..=160).rev() {
        c = f64::from(i) / (z + c);
    }
    normal_density(z) * c / (z + c)
}

/// The z with P(Z ≤ z) = `probability`; −∞ at 0, +∞ at 1, NaN outside.
///
/// Wichura's algorithm AS 241 (1988), relative error about 1e-16.
#[must_use]
#[expect(clippy::excessive_precision, reason = "coefficients as published")]
pub fn normal_quantile(probability: f64) -> f64 {
    const A: [f64; 8] = [
        3.387_132_872_796_366_608_0,
        133.141_667_891_784_377_45,
        1_971.590_950_306_551_442_7,
        13_731.693_765_509_461_125,
        45_921.953_931_549_871_457,
        67_265.770_927_008_700_853,
        33_430.575_583_588_128_105,
        2_509.080_928_730_122_672_7,
    ];
    const B: [f64; 8] = [
        1.0,
        42.313_330_701_600_911_252,
        687.187_007_492_057_908_30,
        5_394.196_021_424_751_107_7,
        21_213.794_301_586_595_867,
        39_307.895_800_092_710_610,
        28_729.085_735_721_942_674,
        5_226.495_278_852_854_561_0,
    ];
    const C: [f64; 8] = [
        1.423_437_110_749_683_577_34,
        4.630_337_846_156_545_295_90,
        5.769_497_221_460_691_405_50,
        3.647_848_324_763_204_605_04,
        1.270_458_252_452_368_382_58,
        0.241_780_725_177_450_611_770,
        0.022_723_844_989_269_184_58,
        7.745_450_142_783_414_076_40e-4,
    ];
    const D: [f64; 8] = [
        1.0,
        2.053_191_626_637_758_821_87,
        1.676_384_830_183_803_849_40,
        0.689_767_334_985_100_004_550,
        0.148_103_976_427_480_074_590,
        0.015_198_666_563_616_457_186,
        5.475_938_084_995_344_946_00e-4,
        1.050_750_071_644_416_843_24e-9,
    ];
    const E: [f64; 8] = [
        6.657_904_643_501_103_777_20,
        5.463_784_911_164_114_369_90,
        1.784_826_539_917_291_335_80,
        0.296_560_571_828_504_891_230,
        0.026_532_189_526_576_123_093,
        1.242_660_947_388_078_438_60e-3,
        2.711_555_568_743_487_578_15e-5,
        2.010_334_399_292_288_132_65e-7,
    ];
    const F: [f64; 8] = [
        1.0,
        0.599_832_206_555_887_937_690,
        0.136_929_880_922_735_805_310,
        0.014_875_361_290_850_615_025,
        7.868_691_311_456_132_591_00e-4,
        1.846_318_317_510_054_681_80e-5,
        1.421_511_758_316_445_888_70e-7,
        2.044_263_103_389_939_785_64e-15,
    ];
    let rational = |above: &[f64; 8], below: &[f64; 8], r: f64| horner(above, r) / horner(below, r);
    let centred = probability - 0.5;
    if libm::fabs(centred) <= 0.425 {
        return centred * rational(&A, &B, 0.180_625 - centred * centred);
    }
    let tail = if centred < 0.0 { probability } else { 1.0 - probability };
    if tail <= 0.0 {
        return if tail == 0.0 { f64::INFINITY.copysign(centred) } else { f64::NAN };
    }
    let r = libm::sqrt(-libm::log(tail));
    let z = if r <= 5.0 { rational(&C, &D, r - 1.6) } else { rational(&E, &F, r - 5.0) };
    z.copysign(centred)
}

fn horner(coefficients: &[f64; 8], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c)
}

/// A normal distribution.
///
/// Invariant: both are finite, and the standard deviation is not negative; at 0 it is a single value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normal {
    mean: f64,
    sd: f64,
}

impl Normal {
    /// With this mean and standard deviation.
    pub fn new(mean: f64, sd: f64) -> Result<Self, ContinuousError> {
        if !mean.is_finite() {
            return Err(ContinuousError::Mean(mean));
        }
        if !(sd.is_finite() && sd >= 0.0) {
            return Err(ContinuousError::Sd(sd));
        }
        Ok(Self { mean, sd })
    }

    /// The sum of this many independent ones; the number need not be whole.
    pub fn sum_of(self, n: f64) -> Result<Self, ContinuousError> {
        Self::new(self.mean * n, self.sd * libm::sqrt(n))
    }

    /// The mean.
    #[must_use]
    pub fn mean(self) -> f64 {
        self.mean
    }

    /// The standard deviation.
    #[must_use]
    pub fn sd(self) -> f64 {
        self.sd
    }

    /// P(X ≤ x).
    #[must_use]
    pub fn cdf(self, x: f64) -> f64 {
        if self.sd == 0.0 { f64::from(u8::from(x >= self.mean)) } else { normal_cdf((x - self.mean) / self.sd) }
    }

    /// The x with P(X ≤ x) = `probability`.
    #[must_use]
    pub fn quantile(self, probability: f64) -> f64 {
        if self.sd == 0.0 { self.mean } else { self.mean + self.sd * normal_quantile(probability) }
    }

    /// E(X − x)⁺: what is missing on average when x is there.
    #[must_use]
    pub fn loss(self, x: f64) -> f64 {
        if self.sd == 0.0 { (self.mean - x).max(0.0) } else { self.sd * normal_loss((x - self.mean) / self.sd) }
    }

    /// E(x − X)⁺: what is left on average when x is there.
    #[must_use]
    pub fn left_over(self, x: f64) -> f64 {
        if self.sd == 0.0 { (x - self.mean).max(0.0) } else { self.sd * normal_loss((self.mean - x) / self.sd) }
    }
}

/// A gamma distribution.
///
/// Invariant: shape and scale are finite and positive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gamma {
    shape: f64,
    scale: f64,
}

impl Gamma {
    /// With this shape and scale; its mean is their product.
    pub fn new(shape: f64, scale: f64) -> Result<Self, ContinuousError> {
        if shape.is_finite() && shape > 0.0 && scale.is_finite() && scale > 0.0 {
            Ok(Self { shape, scale })
        } else {
            Err(ContinuousError::Gamma { shape, scale })
        }
    }

    /// With this mean and standard deviation, both positive.
    pub fn from_mean_sd(mean: f64, sd: f64) -> Result<Self, ContinuousError> {
        Self::new((mean / sd) * (mean / sd), sd * sd / mean)
    }

    /// The mean.
    #[must_use]
    pub fn mean(self) -> f64 {
        self.shape * self.scale
    }

    /// The standard deviation.
    #[must_use]
    pub fn sd(self) -> f64 {
        libm::sqrt(self.shape) * self.scale
    }

    /// P(X ≤ x).
    #[must_use]
    pub fn cdf(self, x: f64) -> f64 {
        incomplete_gamma(self.shape, x / self.scale).0
    }

    /// P(X > x).
    #[must_use]
    pub fn tail(self, x: f64) -> f64 {
        incomplete_gamma(self.shape, x / self.scale).1
    }

    /// The x with P(X ≤ x) = `probability`; 0 at 0, +∞ at 1, NaN outside.
    #[must_use]
    pub fn quantile(self, probability: f64) -> f64 {
        if !(0.0..=1.0).contains(&probability) {
            return f64::NAN;
        }
        if probability == 0.0 || probability == 1.0 {
            return if probability == 0.0 { 0.0 } else { f64::INFINITY };
        }
        // Whichever of the two probabilities is the smaller is compared: it has the digits.
        let is_below = |x: f64| {
            let (cdf, tail) = incomplete_gamma(self.shape, x);
            if probability < 0.5 { cdf < probability } else { tail > 1.0 - probability }
        };
        let (mut low, mut high) = (0.0, self.shape.max(1e-300));
        while is_below(high) {
            low = high;
            high *= 2.0;
        }
        if low == 0.0 {
            // Small shapes have quantiles of any magnitude: halve until bracketed.
            low = high;
            while low > f64::MIN_POSITIVE && !is_below(low) {
                high = low;
                low *= 0.5;
            }
        }
        for _ in 0..200 {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                break;
            }
            if is_below(middle) { low = middle } else { high = middle }
        }
        high * self.scale
    }

    /// E(X − x)⁺: what is missing on average when x is there.
    #[must_use]
    pub fn loss(self, x: f64) -> f64 {
        if x <= 0.0 {
            return self.mean() - x;
        }
        self.mean() * incomplete_gamma(self.shape + 1.0, x / self.scale).1 - x * self.tail(x)
    }
}

/// The regularised incomplete gamma functions P(a, x) and Q(a, x) = 1 − P(a, x).
fn incomplete_gamma(a: f64, x: f64) -> (f64, f64) {
    const TERMS_MAX: u32 = 1_000_000;
    const TINY: f64 = 1e-300;
    if x.is_nan() || x <= 0.0 {
        return if x.is_nan() { (f64::NAN, f64::NAN) } else { (0.0, 1.0) };
    }
    if x == f64::INFINITY {
        return (1.0, 0.0);
    }
    let front = poisson_density(a, x); // xᵃ e⁻ˣ / Γ(a + 1)
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0, 1.0, a);
        for _ in 0..TERMS_MAX {
            n += 1.0;
            term *= x / n;
            sum += term;
            if term < sum * 1e-17 {
                break;
            }
        }
        let p = (front * sum).min(1.0);
        return (p, 1.0 - p);
    }
    // Lentz's continued fraction.
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut fraction = d;
    for i in 1..TERMS_MAX {
        let i = f64::from(i);
        let an = -i * (i - a);
        b += 2.0;
        let denominator = an * d + b;
        d = 1.0 / if libm::fabs(denominator) < TINY { TINY } else { denominator };
        c = b + an / c;
        if libm::fabs(c) < TINY {
            c = TINY;
        }
        let factor = d * c;
        fraction *= factor;
        if libm::fabs(factor - 1.0) < 1e-16 {
            break;
        }
    }
    let q = (front * a * fraction).min(1.0);
    (1.0 - q, q)
}

/// meanᵏ e^(−mean) / Γ(k + 1), also for k that are not whole, without the cancellation of its logarithms
/// (Loader 2000, "Fast and accurate computation of binomial probabilities").
#[must_use]
pub fn poisson_density(k: f64, mean: f64) -> f64 {
    if k < 0.0 || mean < 0.0 {
        return 0.0;
    }
    if mean == 0.0 {
        return f64::from(u8::from(k == 0.0));
    }
    if k < 1e-10 {
        return libm::exp(-mean + k * libm::log(mean));
    }
    libm::exp(-stirling_error(k) - deviance(k, mean)) / (SQRT_TAU * libm::sqrt(k))
}

/// ln Γ(n + 1) less Stirling's formula.
fn stirling_error(n: f64) -> f64 {
    if n < 16.0 {
        return libm::lgamma(n + 1.0) - (n + 0.5) * libm::log(n) + n - LN_SQRT_TAU;
    }
    let nn = n * n;
    (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1_260.0 - (1.0 / 1_680.0 - (1.0 / 1_188.0) / nn) / nn) / nn) / nn) / n
}

/// x ln(x / mean) + mean − x.
fn deviance(x: f64, mean: f64) -> f64 {
    if libm::fabs(x - mean) >= 0.1 * (x + mean) {
        return x * libm::log(x / mean) + mean - x;
    }
    let v = (x - mean) / (x + mean);
    let (mut sum, mut term) = ((x - mean) * v, 2.0 * x * v);
    for j in 1..1_000 {
        term *= v * v;
        let next = sum + term / f64::from(2 * j + 1);
        if next == sum {
            break;
        }
        sum = next;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(actual: f64, expected: f64, rel: f64) {
        assert!((actual - expected).abs() <= rel * expected.abs(), "{actual:e} is not {expected:e}");
    }

    #[test]
    fn normal_functions_have_the_published_values() {
        check(normal_cdf(1.0), 0.841_344_746_068_542_9, 1e-15);
        check(normal_cdf(-8.0), 6.220_960_574_271_785e-16, 1e-13);
        check(normal_quantile(0.975), 1.959_963_984_540_054, 1e-15);
        check(normal_quantile(1e-10), -6.361_340_902_404_056, 1e-15);
        check(normal_loss(0.0), 0.398_942_280_401_432_7, 1e-15);
        check(normal_loss(1.0), 0.083_315_470_587_658, 1e-12);
        assert_eq!(normal_quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(normal_quantile(1.0), f64::INFINITY);
        assert!(normal_quantile(1.5).is_nan() && normal_quantile(f64::NAN).is_nan());
    }

    #[test]
    fn the_normal_quantile_undoes_the_distribution_function() {
        for i in -70..=70 {
            let z = f64::from(i) / 10.0;
            // The lower tail has the digits.
            check(-normal_quantile(normal_tail(z.abs())), z.abs(), 1e-14);
        }
    }

    #[test]
    fn the_normal_loss_is_smooth_where_its_formula_changes_and_integrates_the_tail() {
        check(normal_loss(3.0 - 1e-12), normal_loss(3.0 + 1e-12), 1e-9);
        for z in [-2.0, 0.0, 2.0, 3.5, 6.0] {
            // Its derivative is minus the tail.
            let slope = (normal_loss(z + 1e-4) - normal_loss(z - 1e-4)) / 2e-4;
            check(slope, -normal_tail(z), 1e-6);
            check(normal_loss(-z) - normal_loss(z), z, 1e-14);
        }
    }

    #[test]
    fn gamma_functions_have_known_values() {
        let exponential = Gamma::new(1.0, 2.0).unwrap();
        check(exponential.cdf(3.0), 1.0 - (-1.5_f64).exp(), 1e-14);
        check(exponential.tail(60.0), (-30.0_f64).exp(), 1e-12);
        check(exponential.quantile(0.9), -2.0 * 0.1_f64.ln(), 1e-12);
        check(exponential.loss(3.0), 2.0 * (-1.5_f64).exp(), 1e-12);
        let gamma = Gamma::from_mean_sd(12.0, 5.0).unwrap();
        check(gamma.mean(), 12.0, 1e-14);
        check(gamma.sd(), 5.0, 1e-14);
        // P(Gamma(n) > x) is P(Poisson(x) < n).
        let erlang = Gamma::new(4.0, 1.0).unwrap();
        let poisson: f64 = (0..4).map(|k| poisson_density(f64::from(k), 6.5)).sum();
        check(erlang.tail(6.5), poisson, 1e-13);
    }

    #[test]
    fn the_gamma_quantile_undoes_the_distribution_function() {
        for shape in [0.05, 0.7, 3.0, 250.0, 40_000.0] {
            let gamma = Gamma::new(shape, 1.7).unwrap();
            for p in [1e-6, 0.01, 0.5, 0.95, 0.999_999] {
                check(gamma.cdf(gamma.quantile(p)), p, 1e-10);
            }
        }
    }

    #[test]
    fn the_poisson_density_is_that_of_its_formula() {
        for (k, mean) in [(0.0, 3.0), (1.0, 0.01), (7.0, 6.0), (20.0, 3.0), (3.0, 20.0)] {
            let direct = (k * f64::ln(mean) - mean - libm::lgamma(k + 1.0)).exp();
            check(poisson_density(k, mean), direct, 1e-12);
        }
        check(poisson_density(1e6, 1e6), 3.989_422_471_562_44e-4, 1e-12);
    }

    #[test]
    fn parameters_that_are_none_are_refused() {
        assert_eq!(Normal::new(1.0, -1.0), Err(ContinuousError::Sd(-1.0)));
        assert!(Normal::new(f64::NAN, 1.0).is_err());
        assert!(Gamma::new(0.0, 1.0).is_err() && Gamma::from_mean_sd(1.0, 0.0).is_err());
    }
}
