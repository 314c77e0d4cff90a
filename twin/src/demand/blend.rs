//! Weights of methods, learned by what they forecast for windows that lie in the past.
//!
//! The weights are not negative; they minimise a loss over all windows of all series by iteratively reweighted least
//! squares, drawn towards prior ones. They are learned for many series together: those of a single series are
//! mostly noise (Claeskens et al., *The forecast combination puzzle*, 2016).

/// A window of the past: what the methods said, and what came.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// For each method, its forecast by step.
    pub(super) forecasts: Vec<Vec<f64>>,
    /// What came, by step.
    pub(super) actual: Vec<f64>,
    /// Mean absolute error that counts as 1 (the scale of MASE).
    pub(super) scale: f64,
    /// Mean squared error that counts as 1 (the scale of RMSSE).
    pub(super) scale_squared: f64,
}

/// What is made small.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Loss {
    /// Half the mean of sMAPE over `smape`, half of MASE over `mase`: OWA.
    Absolute { smape: f64, mase: f64 },
    /// The mean over windows of RMSSE.
    RootSquared,
}

/// What keeps the weights in bounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Restraint {
    /// How much the prior counts, in windows.
    pub(super) prior_windows: f64,
    /// Whether the weights have the sum 1 (else a forecast may be drawn towards zero as a whole).
    pub(super) whole: bool,
}

const ROUNDS: usize = 12;

/// The weights of the methods, drawn towards `prior` (which has one for each).
pub(super) fn learn(windows: &[Window], prior: &[f64], loss: Loss, restraint: Restraint) -> Vec<f64> {
    let n = prior.len();
    let mut weights = prior.to_vec();
    if n == 0 {
        return weights;
    }
    for _ in 0..ROUNDS {
        let (mut gram, mut target) = (vec![0.0; n * n], vec![0.0; n]);
        let mut seen = 0.0;
        let mut row = vec![0.0; n];
        for window in windows {
            let horizon = window.actual.len();
            let point = |step: usize| window.forecasts.iter().zip(&weights).map(|(f, w)| w * f[step]).sum::<f64>();
            let whole_window = match loss {
                Loss::RootSquared => {
                    let squares = (0..horizon)
                        .map(|k| {
                            let e = point(k) - window.actual[k];
                            e * e
                        })
                        .sum::<f64>();
                    let mse = squares / horizon.max(1) as f64 / window.scale_squared;
                    1.0 / (window.scale_squared * (mse + 0.01).sqrt())
                }
                Loss::Absolute { .. } => 0.0,
            };
            if window.scale <= 0.0 || window.scale_squared <= 0.0 {
                continue;
            }
            for step in 0..horizon {
                let actual = window.actual[step];
                let weight = match loss {
                    Loss::RootSquared => whole_window,
                    Loss::Absolute { smape, mase } => {
                        let forecast = point(step);
                        let error = (forecast - actual).abs();
                        let size = actual.abs() + forecast.abs();
                        let cost = 0.5 / (mase * window.scale) + if size > 0.0 { 100.0 / (smape * size) } else { 0.0 };
                        cost / (error + 0.05 * window.scale)
                    }
                };
                for (to, forecast) in row.iter_mut().zip(&window.forecasts) {
                    *to = forecast[step];
                }
                for a in 0..n {
                    let wa = weight * row[a];
                    target[a] += wa * actual;
                    for b in 0..=a {
                        gram[a * n + b] += wa * row[b];
                    }
                }
            }
            seen += 1.0;
        }
        for a in 0..n {
            for b in 0..a {
                gram[b * n + a] = gram[a * n + b];
            }
        }
        let size = (0..n).map(|a| gram[a * n + a]).sum::<f64>() / n as f64;
        if size.is_nan() || size <= 0.0 {
            break;
        }
        // The prior is worth a part of the mean curvature between methods, not of the level that they share.
        let mut apart = 0.0;
        for a in 0..n {
            for b in 0..n {
                apart += gram[a * n + a] + gram[b * n + b] - 2.0 * gram[a * n + b];
            }
        }
        let apart = (apart / (n * n) as f64).max(1e-9 * size);
        let ridge = apart * restraint.prior_windows / f64::max(seen, 1.0);
        for a in 0..n {
            gram[a * n + a] += ridge;
            target[a] += ridge * prior[a];
        }
        if restraint.whole {
            let tie = 100.0 * size;
            for value in &mut gram {
                *value += tie;
            }
            for value in &mut target {
                *value += tie;
            }
        }
        non_negative(&gram, &target, &mut weights);
        if restraint.whole {
            let total: f64 = weights.iter().sum();
            if total > 0.0 {
                weights.iter_mut().for_each(|w| *w /= total);
            }
        }
    }
    weights
}

/// The non-negative `x` of least `x'Ax − 2b'x`: the active-set method of Lawson and Hanson, from `x = 0`.
fn non_negative(a: &[f64], b: &[f64], x: &mut [f64]) {
    let n = b.len();
    let mut free = vec![false; n];
    x.fill(0.0);
    for _ in 0..3 * n {
        let gradient = |k: usize, x: &[f64]| b[k] - (0..n).map(|j| a[k * n + j] * x[j]).sum::<f64>();
        let best = (0..n).filter(|k| !free[*k]).map(|k| (gradient(k, x), k)).max_by(|p, q| p.0.total_cmp(&q.0));
        match best {
            Some((slope, k)) if slope > 1e-10 * b[k].abs().max(1e-300) => free[k] = true,
            _ => return,
        }
        for _ in 0..2 * n {
            let set: Vec<usize> = (0..n).filter(|k| free[*k]).collect();
            let mut part: Vec<f64> = set.iter().flat_map(|i| set.iter().map(move |j| a[i * n + j])).collect();
            let mut solution: Vec<f64> = set.iter().map(|i| b[*i]).collect();
            super::maths::solve(&mut part, &mut solution);
            if solution.iter().all(|value| *value > 0.0) {
                for (at, value) in set.iter().zip(&solution) {
                    x[*at] = *value;
                }
                break;
            }
            // As far towards the solution as nothing becomes negative.
            let mut way = 1.0_f64;
            for (at, value) in set.iter().zip(&solution) {
                if *value <= 0.0 {
                    way = way.min(if x[*at] - value > 0.0 { x[*at] / (x[*at] - value) } else { 0.0 });
                }
            }
            for (at, value) in set.iter().zip(&solution) {
                x[*at] += way * (value - x[*at]);
                if x[*at] <= 1e-15 || (*value <= 0.0 && way == 0.0) {
                    x[*at] = 0.0;
                    free[*at] = false;
                }
            }
            if set.is_empty() {
                break;
            }
        }
    }
}
