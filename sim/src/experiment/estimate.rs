//! Means and their intervals.

use crate::theory::continuous::normal_quantile;

/// The mean of independent replications, with its 95 % confidence interval by Student's t.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Half of the interval: the mean of infinitely many replications is within `mean ± half_width` with 95 %.
    pub half_width: f64,
    /// Standard deviation of a replication.
    pub sd: f64,
    /// Replications.
    pub n: u32,
}

impl Estimate {
    /// Of at least two values; else `None`.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        if n < 2 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1) as f64;
        let sd = libm::sqrt(variance);
        let half_width = t_quantile(0.975, (n - 1) as u32) * sd / libm::sqrt(n as f64);
        Some(Self { mean, half_width, sd, n: n as u32 })
    }

    /// Of a replication.
    pub fn variance(&self) -> f64 {
        self.sd * self.sd
    }

    /// Whether the interval leaves no doubt about the sign.
    pub fn is_significant(&self) -> bool {
        self.mean.abs() > self.half_width
    }
}

/// Quantile of Student's t above one half, for degrees of freedom of at least 1.
///
/// Source: G. W. Hill, Algorithm 396, Comm. ACM 13 (1970); exact for 1 and 2, else within 10⁻⁴.
pub fn t_quantile(probability: f64, degrees: u32) -> f64 {
    let n = f64::from(degrees.max(1));
    let two_sided = 2.0 * (1.0 - probability);
    match degrees {
        0 | 1 => 1.0 / libm::tan(two_sided * core::f64::consts::FRAC_PI_2),
        2 => libm::sqrt(2.0 / (two_sided * (2.0 - two_sided)) - 2.0),
        _ => {
            let a = 1.0 / (n - 0.5);
            let b = (48.0 / a) / a;
            let c = ((20_700.0 * a / b - 98.0) * a - 16.0) * a + 96.36;
            let d = ((94.5 / (b + c) - 3.0) / b + 1.0) * libm::sqrt(a * core::f64::consts::FRAC_PI_2) * n;
            let mut y = libm::pow(d * two_sided, 2.0 / n);
            if y > 0.05 + a {
                let x = normal_quantile(two_sided / 2.0);
                y = x * x;
                let c = if degrees < 5 { c + 0.3 * (n - 4.5) * (x + 0.6) } else { c };
                let c = (((0.05 * d * x - 5.0) * x - 7.0) * x - 2.0) * x + b + c;
                y = (((((0.4 * y + 6.3) * y + 36.0) * y + 94.5) / c - y - 3.0) / b + 1.0) * x;
                y = a * y * y;
                y = if y > 0.002 { libm::expm1(y) } else { 0.5 * y * y + y };
            } else {
                y = ((1.0 / (((n + 6.0) / (n * y) - 0.089 * d - 0.822) * (n + 2.0) * 3.0) + 0.5 / (n + 4.0)) * y - 1.0)
                    * (n + 1.0)
                    / (n + 2.0)
                    + 1.0 / y;
            }
            libm::sqrt(n * y)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_students_t_are_those_of_the_tables() {
        for (degrees, expected) in [
            (1, 12.706_205),
            (2, 4.302_653),
            (3, 3.182_446),
            (4, 2.776_445),
            (5, 2.570_582),
            (10, 2.228_139),
            (30, 2.042_272),
            (99, 1.984_217),
            (1_000, 1.962_339),
        ] {
            let found = t_quantile(0.975, degrees);
            assert!((found - expected).abs() < 2e-4 * expected, "{degrees}: {found}");
        }
    }

    #[test]
    fn an_estimate_of_known_numbers() {
        let estimate = Estimate::of(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert_eq!(estimate.mean, 2.5);
        assert!((estimate.half_width - 3.182_446 * estimate.sd / 2.0).abs() < 1e-3);
        assert_eq!(Estimate::of(&[1.0]), None);
    }
}
