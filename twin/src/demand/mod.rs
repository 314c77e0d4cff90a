//! Forecasts of demand: distributions for every period ahead, by site and SKU, that add up and can say why.
//!
//! ```text
//! sales, stock-outs, promotions ─▶ History::cleaned ─▶ panel of series ─▶ tune (each quarter) ─▶ Tuned
//!                                                           └──────────────▶ Tuned::forecast ─▶ Forecast
//! Forecast ─▶ Hierarchy::reconcile ─▶ Overrides::apply ─▶ what is planned ─▶ AccuracyReport, ValueAdded
//! ```
//!
//! [`tune`] lets a family of methods forecast windows of the past that they have not seen, learns how much each is
//! worth for this panel, and how far the combination strays. [`Tuned::forecast`] combines them and gives every
//! [`Forecast`] the distribution of those errors. The same input gives the same bits on every machine, with any number
//! of threads. No input makes it panic: what is not a number is missing, an empty series is forecast as zero.
//!
//! ```
//! use twin::demand::{Calendar, Plan, tune};
//!
//! let series: Vec<Vec<f64>> = (0..30)
//!     .map(|k| (0..72).map(|t| f64::from(100 + k + t) + f64::from((t * t + 7 * k) % 12)).collect())
//!     .collect();
//! let panel: Vec<&[f64]> = series.iter().map(|y| &y[..]).collect();
//! let tuned = tune(&panel, &Plan::year_ahead(Calendar::Months));
//! let forecasts = tuned.forecast(&panel);
//! let (low, high) = forecasts[0].interval(0.95)[0];
//! assert!(low < forecasts[0].mean()[0] && forecasts[0].mean()[0] < high);
//! // What a stock must cover over a lead time of three months, in 98 of 100 cases:
//! assert!(forecasts[0].total_quantile(3, 0.98) > forecasts[0].mean()[..3].iter().sum());
//! ```

mod plan;
mod series;

mod metrics;

mod history;
mod tune;

mod forecast;
mod hierarchy;
mod judged;

mod members;

mod airline;
mod ar;
mod intermittent;
mod smooth;
mod stl;

mod lstm;
mod many;
mod panel;
mod recurrent;
mod ridge;

mod blend;
mod boost;
mod intervals;
mod maths;
mod parallel;

pub use forecast::{Forecast, Reason};
pub use hierarchy::{Hierarchy, HierarchyError, Reconciliation};
pub use history::{Cleaned, History, Observation, tune_histories};
pub use intermittent::{adida, croston, imapa, sba, tsb};
pub use judged::{AccuracyReport, COVERAGE, Judgement, Outcome, Overridden, Overrides, QUANTILE, ValueAdded};
pub use members::{Family, Method};
pub use metrics::{Accuracy, Score, naive_error, naive_squared_error, pinball};
pub use plan::{Aim, Calendar, Plan, Tried};
pub use series::{classical_indices, fill, is_seasonal, naive2};
pub use tune::{Backtest, Tuned, tune};
