//! Service levels of a base stock, and safety stock for one.

use super::continuous::normal_quantile;
use super::distribution::Pmf;
use super::{TheoryError, not_negative, positive};

/// What customers see of a base stock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServiceLevels {
    /// The share of demand met at once.
    pub fill_rate: f64,
    /// The share of review periods in which all of it is.
    pub cycle_service: f64,
}

/// The service of ordering up to `base_stock` at every review, where orders come `lead_time` later and unmet
/// demand waits (Hadley and Whitin 1963; Silver, Pyke and Thomas 2017).
///
/// `demand_of` gives the demand over a span of time, with independent increments: the fill rate of a cycle is
/// what goes short at its end less what was short already at its start.
pub fn base_stock_service(
    base_stock: i64,
    lead_time: f64,
    review: f64,
    demand_of: impl Fn(f64) -> Result<Pmf, TheoryError>,
) -> Result<ServiceLevels, TheoryError> {
    not_negative("lead time", lead_time)?;
    positive("review period", review)?;
    let before = demand_of(lead_time)?;
    let after = demand_of(lead_time + review)?;
    let in_cycle = positive("demand between reviews", after.mean() - before.mean())?;
    Ok(ServiceLevels {
        fill_rate: 1.0 - (after.loss(base_stock) - before.loss(base_stock)) / in_cycle,
        cycle_service: after.cdf(base_stock),
    })
}

/// [`base_stock_service`] for Poisson customers of `rate`.
pub fn base_stock_service_poisson(
    base_stock: i64,
    lead_time: f64,
    review: f64,
    rate: f64,
) -> Result<ServiceLevels, TheoryError> {
    base_stock_service(base_stock, lead_time, review, |span| Ok(Pmf::poisson(rate * span)?))
}

/// Demand of a period and the lead time, both uncertain and independent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UncertainSupply {
    /// Pieces a period.
    pub demand_mean: f64,
    /// Its standard deviation; periods are independent.
    pub demand_sd: f64,
    /// Periods.
    pub lead_time_mean: f64,
    /// Its standard deviation.
    pub lead_time_sd: f64,
}

/// Stock against uncertainty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SafetyStock {
    /// Standard deviation of the demand over a lead time.
    pub lead_time_demand_sd: f64,
    /// Pieces beyond what is expected to be needed.
    pub safety_stock: f64,
    /// The position at which to order.
    pub reorder_point: f64,
}

/// The safety stock with which a cycle goes short with at most 1 − `cycle_service`, demand over the lead time
/// taken as normal (Silver, Pyke and Thomas 2017).
pub fn safety_stock(supply: UncertainSupply, cycle_service: f64) -> Result<SafetyStock, TheoryError> {
    let UncertainSupply { demand_mean, demand_sd, lead_time_mean, lead_time_sd } = supply;
    not_negative("demand", demand_mean)?;
    not_negative("standard deviation of demand", demand_sd)?;
    not_negative("lead time", lead_time_mean)?;
    not_negative("standard deviation of the lead time", lead_time_sd)?;
    if !(cycle_service > 0.0 && cycle_service < 1.0) {
        return Err(TheoryError::NotFraction { what: "cycle service", value: cycle_service });
    }
    let by_lead_time = demand_mean * lead_time_sd;
    let lead_time_demand_sd = libm::sqrt(lead_time_mean * demand_sd * demand_sd + by_lead_time * by_lead_time);
    let safety_stock = normal_quantile(cycle_service) * lead_time_demand_sd;
    Ok(SafetyStock { lead_time_demand_sd, safety_stock, reorder_point: demand_mean * lead_time_mean + safety_stock })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_stock_serves_better() {
        let mut before = ServiceLevels { fill_rate: -1.0, cycle_service: -1.0 };
        for base_stock in 0..60 {
            let now = base_stock_service_poisson(base_stock, 2.0, 1.0, 6.0).unwrap();
            assert!(now.fill_rate >= before.fill_rate && now.cycle_service >= before.cycle_service);
            assert!((0.0..=1.0 + 1e-12).contains(&now.fill_rate), "{now:?}");
            before = now;
        }
        assert!(before.fill_rate > 0.999_999 && before.cycle_service > 0.999_999);
        assert!(base_stock_service_poisson(0, 2.0, 1.0, 6.0).unwrap().fill_rate.abs() < 1e-12);
    }

    #[test]
    fn half_the_cycles_need_no_safety_stock() {
        let supply = UncertainSupply { demand_mean: 40.0, demand_sd: 3.0, lead_time_mean: 4.0, lead_time_sd: 0.0 };
        let half = safety_stock(supply, 0.5).unwrap();
        assert_eq!((half.lead_time_demand_sd, half.safety_stock, half.reorder_point), (6.0, 0.0, 160.0));
        assert!(safety_stock(supply, 1.0).is_err());
    }
}
