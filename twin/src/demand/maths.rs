//! The few functions whose last bit must be the same on every machine, and small linear algebra.

pub(super) fn ln(x: f64) -> f64 {
    libm::log(x)
}

pub(super) fn exp(x: f64) -> f64 {
    libm::exp(x.clamp(-700.0, 700.0))
}

pub(super) fn pow(x: f64, power: f64) -> f64 {
    libm::pow(x, power)
}

/// The greatest power of two that is not above `x`; 1 for zero and what is not a number.
pub(super) fn powi2(x: f64) -> f64 {
    if !x.is_normal() || x < 0.0 {
        return 1.0;
    }
    f64::from_bits(x.to_bits() & 0x7ff0_0000_0000_0000)
}

/// Solves the symmetric positive definite system `a x = b` (row by row in `a`) by Cholesky; both are used up.
///
/// A pivot that is not positive is taken as infinite, which leaves its unknown at zero.
pub(super) fn solve(a: &mut [f64], b: &mut [f64]) {
    let n = b.len();
    factorise(a, n);
    substitute(a, b);
}

/// Overwrites the lower triangle of `a` by its Cholesky factor.
pub(super) fn factorise(a: &mut [f64], n: usize) {
    for column in 0..n {
        let mut pivot = a[column * n + column];
        for k in 0..column {
            pivot -= a[column * n + k] * a[column * n + k];
        }
        let root = if pivot > 1e-14 * a[column * n + column].abs() && pivot.is_normal() { pivot.sqrt() } else { 0.0 };
        a[column * n + column] = root;
        for row in column + 1..n {
            let mut value = a[row * n + column];
            for k in 0..column {
                value -= a[row * n + k] * a[column * n + k];
            }
            a[row * n + column] = if root > 0.0 { value / root } else { 0.0 };
        }
    }
}

/// Solves with the factor of [`factorise`].
pub(super) fn substitute(a: &[f64], b: &mut [f64]) {
    let n = b.len();
    for row in 0..n {
        let known: f64 = (0..row).map(|k| a[row * n + k] * b[k]).sum();
        let root = a[row * n + row];
        b[row] = if root > 0.0 { (b[row] - known) / root } else { 0.0 };
    }
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|k| a[k * n + row] * b[k]).sum();
        let root = a[row * n + row];
        b[row] = if root > 0.0 { (b[row] - known) / root } else { 0.0 };
    }
}
