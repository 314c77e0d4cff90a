//! The judge of inventory models: a file of cases with known answers, and what our code answers.
//!
//! ```text
//! known_answers.json ─▶ read ─▶ Case ─▶ judge: family by name ─▶ our code on `inputs` ─▶ compare ─▶ Outcome
//! ```
//!
//! A case belongs to the family whose name begins its own (`eoq_2` is an `eoq`). Its inputs are found by name,
//! with or without a unit at the end. Numbers must agree within the case's tolerance; where several decisions
//! are equally good, their cost is compared.

mod networks;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};
use sim::theory::continuous::Normal;
use sim::theory::disruption::base_stock_with_disruptions;
use sim::theory::distribution::Pmf;
use sim::theory::economic_order::{self, ConstantDemand, PriceBreak};
use sim::theory::joint_replenishment::{self, Item};
use sim::theory::lost_sales::LostSales;
use sim::theory::lot_sizing::{self, Period};
use sim::theory::min_max::MinMaxModel;
use sim::theory::newsvendor::{self, StockCosts, Timing};
use sim::theory::perishable::{self, Issue, Lot};
use sim::theory::ranking::{Sampled, budget_shares};
use sim::theory::serial::{Stage, serial_normal, serial_poisson};
use sim::theory::service::{self, UncertainSupply};
use sim::theory::transshipment::{PoolingCosts, Site, pooled};
use sim::theory::two_echelon::{self, Retailer, TwoEchelon};
use sim::theory::{bullwhip, reorder_point};
use std::path::Path;
use twin::allocate::{Claim, allocate};
use twin::promise::{available_to_promise, earliest_day};

/// The file, in the shared data.
pub const FILE: &str = "bench/inventory/known_answers.json";

/// Numbers in the file are rounded to ten decimals.
const ROUNDING: f64 = 1e-10;

/// Where a case names no tolerance for a closed form.
const CLOSED_FORM_REL: f64 = 1e-9;

/// Decisions tie when they cost the same but for rounding.
const TIE_REL: f64 = 1e-9;

/// One question and its answer.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name, which begins with that of its family.
    pub name: String,
    /// What is given.
    pub inputs: Value,
    /// What is right.
    pub expected: Value,
    /// How exactly.
    pub tolerance: Value,
}

/// Whether an answer is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Right,
    /// It is not, or there is none.
    Wrong,
    /// Nothing here can answer, which counts as wrong.
    NotJudged,
}

/// What became of a case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The case.
    pub name: String,
    /// Our answer; null when there is none.
    pub computed: Value,
    /// The right one.
    pub expected: Value,
    /// Whether they agree.
    pub verdict: Verdict,
    /// The largest difference, in tolerances: at most 1 is right.
    pub error: f64,
    /// What differs, or why there is no answer; empty when all is right.
    pub why: String,
}

/// What a family's code says.
enum Answer {
    /// The fields of `expected`, to be compared one by one.
    Fields(Value),
    /// Compared already; the error is in tolerances.
    Compared { computed: Value, error: f64 },
}

/// Answers a case; the path is that of the shared data.
type Family = fn(&Case, &Path) -> Result<Answer>;

/// The families, by what their cases' names begin with; of two that fit the longer is meant.
const FAMILIES: &[(&str, Family)] = &[
    ("eoq", eoq),
    ("eoq_backorders", eoq_backorders),
    ("eoq_all_units_discount", eoq_all_units_discount),
    ("eoq_with_disruptions", eoq_with_disruptions),
    ("joint_replenishment", joint_replenishment),
    ("wagner_whitin", wagner_whitin),
    ("newsvendor_normal", newsvendor_normal),
    ("newsvendor_poisson", newsvendor_poisson),
    ("r_q_poisson", reorder_point_poisson),
    ("s_S_exact", min_max),
    ("clark_scarf_normal", clark_scarf_normal),
    ("clark_scarf_poisson", clark_scarf_poisson),
    ("gsm", networks::guaranteed_service),
    ("lost_sales", lost_sales),
    ("one_warehouse_multi_retailer", one_warehouse_multi_retailer),
    ("lateral_transshipment", lateral_transshipment),
    ("bullwhip", bullwhip_ratios),
    ("base_stock_with_disruptions", base_stock_disruptions),
    ("service_levels", service_levels),
    ("ocba", ocba),
    ("trajectory", networks::trajectory),
    ("beer_game", networks::beer_game),
    ("vn2_simulator", networks::vn2_simulator),
    ("allocation", allocation),
    ("available_to_promise", promise),
    ("perishables", perishables),
];

/// The cases of a file.
pub fn read(path: &Path) -> Result<Vec<Case>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let file: Value = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    let cases = file["cases"].as_array().context("no list of cases")?;
    let part = |case: &Value, part: &str| case.get(part).cloned().unwrap_or_else(|| json!({}));
    cases
        .iter()
        .map(|case| {
            let name = case["name"].as_str().context("a case without a name")?.to_owned();
            Ok(Case {
                name,
                inputs: part(case, "inputs"),
                expected: part(case, "expected"),
                tolerance: part(case, "tolerance"),
            })
        })
        .collect()
}

/// Answers a case with our code and compares; `shared` is the folder of the shared data, for cases on real
/// networks.
#[must_use]
pub fn judge(case: &Case, shared: &Path) -> Outcome {
    let outcome = |computed, verdict, error, why| Outcome {
        name: case.name.clone(),
        computed,
        expected: case.expected.clone(),
        verdict,
        error,
        why,
    };
    let Some(family) = family_of(&case.name) else {
        return outcome(Value::Null, Verdict::NotJudged, f64::INFINITY, "no family of that name".to_owned());
    };
    let (computed, differences) = match family(case, shared) {
        Ok(Answer::Fields(computed)) => {
            let differences = differences(case, &computed);
            (computed, differences)
        }
        Ok(Answer::Compared { computed, error }) => {
            let differences = Differences { worst: error, where_: vec!["cost".to_owned()] };
            (computed, differences)
        }
        Err(why) => return outcome(Value::Null, Verdict::Wrong, f64::INFINITY, format!("{why:#}")),
    };
    if differences.worst <= 1.0 {
        return outcome(computed, Verdict::Right, differences.worst, String::new());
    }
    let why = format!("differs in {}", differences.where_.join(", "));
    outcome(computed, Verdict::Wrong, differences.worst, why)
}

fn family_of(name: &str) -> Option<Family> {
    let fits = |prefix: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
    FAMILIES.iter().filter(|(prefix, _)| fits(prefix)).max_by_key(|(prefix, _)| prefix.len()).map(|(_, it)| *it)
}

/// How far two answers are apart.
struct Differences {
    /// In tolerances.
    worst: f64,
    /// The fields beyond their tolerance.
    where_: Vec<String>,
}

/// Compares each field of what is expected. What only a simulation can tell (`sim_…`) is left out.
fn differences(case: &Case, computed: &Value) -> Differences {
    let mut found = Differences { worst: 0.0, where_: Vec::new() };
    let none = Map::new();
    for (field, expected) in case.expected.as_object().unwrap_or(&none) {
        if field.starts_with("sim_") {
            continue;
        }
        let tolerance = Tolerance::of(field, &case.tolerance);
        match computed.get(field) {
            Some(computed) => compare(field, expected, computed, tolerance, &mut found),
            None => found.note(field, f64::INFINITY),
        }
    }
    if case.expected.as_object().is_none_or(Map::is_empty) {
        found.note("nothing expected", f64::INFINITY);
    }
    found
}

impl Differences {
    fn note(&mut self, field: &str, error: f64) {
        // NaN is as wrong as can be.
        let error = if error.is_nan() { f64::INFINITY } else { error };
        self.worst = self.worst.max(error);
        if error > 1.0 {
            self.where_.push(field.to_owned());
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Tolerance {
    rel: f64,
    abs: f64,
}

impl Tolerance {
    /// For a field of `expected`: `rel` and `abs` are for every number, `S_abs`, `S_exact` and `cost_rel` for
    /// the fields that they name.
    fn of(field: &str, tolerance: &Value) -> Self {
        let number = |name: &str| tolerance.get(name).and_then(Value::as_f64);
        let (mut rel, mut abs) = (number("rel"), number("abs"));
        if field.starts_with('S') {
            abs = number("S_abs").or(abs);
            if tolerance.get("S_exact").is_some() {
                (rel, abs) = (None, Some(0.0));
            }
        }
        if field.contains("cost") {
            rel = number("cost_rel").or(rel);
        }
        if rel.is_none() && abs.is_none() {
            rel = Some(CLOSED_FORM_REL);
        }
        Self { rel: rel.unwrap_or(0.0), abs: abs.unwrap_or(0.0) }
    }

    /// A difference in tolerances.
    fn error(self, expected: f64, computed: f64) -> f64 {
        let allowed = self.abs.max(self.rel * expected.abs()).max(ROUNDING);
        (computed - expected).abs() / allowed
    }
}

fn compare(at: &str, expected: &Value, computed: &Value, tolerance: Tolerance, found: &mut Differences) {
    match (expected, computed) {
        (Value::Number(expected), Value::Number(computed)) => {
            let number = |number: &serde_json::Number| number.as_f64().unwrap_or(f64::NAN);
            found.note(at, tolerance.error(number(expected), number(computed)));
        }
        (Value::Array(expected), Value::Array(computed)) if expected.len() == computed.len() => {
            for (idx, (expected, computed)) in expected.iter().zip(computed).enumerate() {
                compare(&format!("{at}[{idx}]"), expected, computed, tolerance, found);
            }
        }
        (Value::Object(expected), Value::Object(computed)) if expected.len() == computed.len() => {
            for (key, expected) in expected {
                compare(&format!("{at}.{key}"), expected, computed.get(key).unwrap_or(&Value::Null), tolerance, found);
            }
        }
        _ => found.note(at, if expected == computed { 0.0 } else { f64::INFINITY }),
    }
}

impl Case {
    /// The input of this name, or the only one whose name continues it with a unit.
    fn input(&self, name: &str) -> Result<&Value> {
        let inputs = self.inputs.as_object().context("inputs are no object")?;
        if let Some(value) = inputs.get(name) {
            return Ok(value);
        }
        let mut with_unit =
            inputs.iter().filter(|(key, _)| key.strip_prefix(name).is_some_and(|rest| rest.starts_with('_')));
        let (_, value) = with_unit.next().with_context(|| format!("no input {name:?}"))?;
        ensure!(with_unit.next().is_none(), "several inputs {name:?}");
        Ok(value)
    }

    fn number(&self, name: &str) -> Result<f64> {
        as_number(self.input(name)?).with_context(|| format!("input {name:?}"))
    }

    fn whole(&self, name: &str) -> Result<u32> {
        as_whole(self.input(name)?).with_context(|| format!("input {name:?}"))
    }

    fn numbers(&self, name: &str) -> Result<Vec<f64>> {
        as_list(self.input(name)?)?.iter().map(as_number).collect::<Result<_>>().with_context(|| name.to_owned())
    }

    fn wholes(&self, name: &str) -> Result<Vec<u32>> {
        as_list(self.input(name)?)?.iter().map(as_whole).collect::<Result<_>>().with_context(|| name.to_owned())
    }

    /// As many numbers as asked for, also where one number stands for all.
    fn numbers_for(&self, name: &str, n: usize) -> Result<Vec<f64>> {
        let numbers = match self.input(name)? {
            Value::Array(_) => self.numbers(name)?,
            _ => vec![self.number(name)?; n],
        };
        ensure!(numbers.len() == n, "{} of {name:?}, not {n}", numbers.len());
        Ok(numbers)
    }

    /// Quantities by day, from an object of days.
    fn by_day(&self, name: &str, n_days: usize) -> Result<Vec<i64>> {
        let mut by_day = vec![0; n_days];
        for (day, quantity) in self.input(name)?.as_object().with_context(|| format!("{name:?} is no object"))? {
            let day: usize = day.parse().with_context(|| format!("{name:?}: day {day:?}"))?;
            if let Some(cell) = by_day.get_mut(day) {
                *cell += quantity.as_i64().with_context(|| format!("{name:?} on day {day}"))?;
            }
        }
        Ok(by_day)
    }

    fn expected_number(&self, name: &str) -> Result<f64> {
        self.expected[name].as_f64().with_context(|| format!("no {name:?} expected"))
    }

    /// Holding and backorder (or penalty, or stockout) cost.
    fn stock_costs(&self) -> Result<StockCosts> {
        let short = ["backorder", "stockout", "penalty"]
            .iter()
            .find_map(|name| self.input(name).ok().map(as_number))
            .context("no cost of running short")??;
        Ok(StockCosts::new(self.number("holding")?, short)?)
    }

    /// Demand of a period in pieces, however it is given.
    fn demand(&self) -> Result<Pmf> {
        if let Ok(mean) = self.number("demand_poisson_mean") {
            return Ok(Pmf::poisson(mean)?);
        }
        if let Ok(mean) = self.number("demand_geometric_mean") {
            return Ok(Pmf::negative_binomial(mean, mean + mean * mean)?);
        }
        if let Ok(samples) = self.wholes("demand_sample") {
            return Ok(Pmf::empirical(&samples)?);
        }
        if let Ok(weights) = self.numbers("demand_pmf") {
            return Ok(Pmf::from_weights(0, &weights)?);
        }
        if let (Ok(mean), Ok(variance)) =
            (self.number("demand_negative_binomial_mean"), self.number("demand_negative_binomial_variance"))
        {
            return Ok(Pmf::negative_binomial(mean, variance)?);
        }
        bail!("no demand that is understood")
    }
}

fn as_number(value: &Value) -> Result<f64> {
    value.as_f64().with_context(|| format!("{value} is no number"))
}

fn as_whole(value: &Value) -> Result<u32> {
    let number = as_number(value)?;
    ensure!(number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number), "{value} is no whole number");
    Ok(number as u32)
}

fn as_list(value: &Value) -> Result<&[Value]> {
    Ok(value.as_array().with_context(|| format!("{value} is no list"))?)
}

fn fields(computed: Value) -> Result<Answer> {
    Ok(Answer::Fields(computed))
}

fn ties(cost: f64, best: f64) -> bool {
    cost <= best + TIE_REL * best.abs()
}

fn constant_demand(case: &Case) -> Result<ConstantDemand> {
    Ok(ConstantDemand {
        fixed_cost: case.number("fixed")?,
        holding: case.number("holding")?,
        demand: case.number("demand")?,
    })
}

fn eoq(case: &Case, _: &Path) -> Result<Answer> {
    let plan = economic_order::economic_order(constant_demand(case)?)?;
    fields(json!({ "Q": plan.quantity, "cost_usd_per_year": plan.cost, "cost": plan.cost }))
}

fn eoq_backorders(case: &Case, _: &Path) -> Result<Answer> {
    let plan = economic_order::with_backorders(constant_demand(case)?, case.number("backorder")?)?;
    fields(json!({ "Q": plan.quantity, "stockout_fraction": plan.stockout_fraction, "cost": plan.cost }))
}

fn eoq_all_units_discount(case: &Case, _: &Path) -> Result<Answer> {
    let from = case.numbers("breakpoints")?;
    let prices = case.numbers_for("unit_cost", from.len())?;
    let breaks: Vec<PriceBreak> =
        from.into_iter().zip(prices).map(|(from, unit_cost)| PriceBreak { from, unit_cost }).collect();
    let (fixed, rate, demand) = (case.number("fixed")?, case.number("holding_rate")?, case.number("demand")?);
    let plan = economic_order::all_units_discount(fixed, rate, demand, &breaks)?;
    fields(json!({ "Q": plan.quantity, "price_region": plan.break_idx, "cost": plan.cost }))
}

fn eoq_with_disruptions(case: &Case, _: &Path) -> Result<Answer> {
    let plan = economic_order::with_disruptions(
        constant_demand(case)?,
        case.number("stockout")?,
        case.number("disruption_rate")?,
        case.number("recovery_rate")?,
    )?;
    fields(json!({ "Q": plan.quantity, "cost": plan.cost }))
}

/// Right when the cost lies between the optimum and that of Silver's heuristic; both plans are priced as well,
/// to see that the cost means the same.
fn joint_replenishment(case: &Case, _: &Path) -> Result<Answer> {
    let demand = case.numbers("demand")?;
    let fixed = case.numbers_for("item_fixed_costs", demand.len())?;
    let holding = case.numbers_for("holding", demand.len())?;
    let items: Vec<Item> = demand
        .into_iter()
        .zip(fixed.into_iter().zip(holding))
        .map(|(demand, (fixed_cost, holding))| Item { fixed_cost, holding, demand })
        .collect();
    let shared_cost = case.number("shared_fixed_cost")?;
    let plan = joint_replenishment::joint_replenishment(shared_cost, &items)?;
    let tolerance = Tolerance::of("cost", &case.tolerance);
    let (optimal, silver) = (case.expected_number("optimal_cost")?, case.expected_number("silver_cost")?);
    // Nearest cost that passes.
    let mut error = tolerance.error(plan.cost.clamp(optimal.min(silver), silver), plan.cost);
    for (multiples, cost) in [("optimal_multiples", optimal), ("silver_multiples", silver)] {
        if let Some(multiples) = case.expected.get(multiples) {
            let multiples: Vec<u32> = as_list(multiples)?.iter().map(as_whole).collect::<Result<_>>()?;
            let priced = joint_replenishment::plan_for(shared_cost, &items, &multiples)?;
            error = error.max(tolerance.error(cost, priced.cost));
        }
    }
    let computed = json!({ "cost": plan.cost, "T": plan.cycle, "multiples": plan.multiples });
    Ok(Answer::Compared { computed, error })
}

/// Several plans may cost the same: the cost is compared, and the plan expected must have it too.
fn wagner_whitin(case: &Case, _: &Path) -> Result<Answer> {
    let demand = case.numbers("demand")?;
    let n = demand.len();
    let (setup, holding) = (case.numbers_for("setup", n)?, case.numbers_for("holding", n)?);
    let unit_cost = case.numbers_for("unit_cost", n).unwrap_or_else(|_| vec![0.0; n]);
    let periods: Vec<Period> = (0..n)
        .map(|t| Period { demand: demand[t], setup: setup[t], holding: holding[t], unit_cost: unit_cost[t] })
        .collect();
    let plan = lot_sizing::wagner_whitin(&periods)?;
    let expected = case.expected_number("cost")?;
    let tolerance = Tolerance::of("cost", &case.tolerance);
    let priced = lot_sizing::plan_cost(&periods, &plan.orders).context("our plan runs short")?;
    let mut error = tolerance.error(expected, plan.cost).max(tolerance.error(expected, priced));
    if let Some(orders) = case.expected.get("order_quantities_one_optimum") {
        let orders: Vec<f64> = as_list(orders)?.iter().map(as_number).collect::<Result<_>>()?;
        let cost = lot_sizing::plan_cost(&periods, &orders).context("the plan expected runs short")?;
        error = error.max(tolerance.error(expected, cost));
    }
    Ok(Answer::Compared { computed: json!({ "cost": plan.cost, "order_quantities": plan.orders }), error })
}

fn newsvendor_normal(case: &Case, _: &Path) -> Result<Answer> {
    let costs = case.stock_costs()?;
    let demand = Normal::new(case.number("demand_mean")?, case.number("demand_sd")?)?;
    let lead_time = case.number("lead_time")?;
    let at_once = newsvendor::base_stock_normal(costs, demand, 0.0, Timing::OrderBeforeDemand)?;
    let later = newsvendor::base_stock_normal(costs, demand, lead_time, Timing::OrderBeforeDemand)?;
    let covered = demand.sum_of(Timing::OrderBeforeDemand.covered_periods(lead_time))?;
    fields(json!({
        "S_L0": at_once.level,
        "cost_L0": at_once.cost,
        "S_L": later.level,
        "cost_L": later.cost,
        "dC_dS_at_mean": newsvendor::cost_derivative(costs, covered.cdf(covered.mean())),
    }))
}

fn newsvendor_poisson(case: &Case, _: &Path) -> Result<Answer> {
    let costs = case.stock_costs()?;
    let best = |demand: &Pmf, expected: &str| -> Result<(i64, f64)> {
        let best = newsvendor::discrete(costs, demand);
        let theirs = case.expected_number(expected)? as i64;
        let is_tie = ties(newsvendor::discrete_cost(costs, demand, theirs), best.cost);
        Ok((if is_tie { theirs } else { best.level }, best.cost))
    };
    let (poisson_level, poisson_cost) = best(&Pmf::poisson(case.number("poisson_mean")?)?, "S_poisson")?;
    let (empirical_level, empirical_cost) = best(&Pmf::empirical(&case.wholes("empirical_sample")?)?, "S_empirical")?;
    fields(json!({
        "S_poisson": poisson_level,
        "cost_poisson": poisson_cost,
        "S_empirical": empirical_level,
        "cost_empirical": empirical_cost,
    }))
}

fn reorder_point_poisson(case: &Case, _: &Path) -> Result<Answer> {
    let costs = case.stock_costs()?;
    let (fixed, rate) = (case.number("fixed")?, case.number("demand")?);
    let demand = Pmf::poisson(rate * case.number("lead_time")?)?;
    let best = reorder_point::reorder_plan(costs, fixed, rate, &demand)?;
    let (r, q) = (case.expected_number("r")? as i64, case.expected_number("Q")? as u64);
    let theirs = reorder_point::plan_for(costs, fixed, rate, &demand, r, q)?;
    let shown = if ties(theirs.cost, best.cost) { theirs } else { best };
    fields(json!({ "r": shown.reorder_point, "Q": shown.order_quantity, "cost": best.cost }))
}

fn min_max(case: &Case, _: &Path) -> Result<Answer> {
    let lead_time = case.whole("lead_time")?;
    let model = MinMaxModel::new(
        case.stock_costs()?,
        case.number("fixed")?,
        &case.demand()?,
        lead_time,
        Timing::OrderBeforeDemand,
    )?;
    let best = model.best();
    let theirs = model.plan_for(case.expected_number("s")? as i64, case.expected_number("S")? as i64)?;
    let shown = if ties(theirs.cost, best.cost) { theirs } else { best };
    fields(json!({ "s": shown.min, "S": shown.max, "cost_per_period": best.cost }))
}

fn stages(case: &Case) -> Result<Vec<Stage>> {
    let holding = case.numbers("echelon_holding")?;
    let lead_times = case.numbers_for("lead_time", holding.len())?;
    let stage = |(echelon_holding, lead_time)| Stage { echelon_holding, lead_time };
    Ok(holding.into_iter().zip(lead_times).map(stage).collect())
}

/// `sim_mean_cost` and its interval are for a simulation with these base stocks, which the kernel can judge.
fn clark_scarf_normal(case: &Case, _: &Path) -> Result<Answer> {
    let demand = Normal::new(case.number("demand_normal_mean")?, case.number("demand_normal_sd")?)?;
    let plan = serial_normal(&stages(case)?, case.number("backorder")?, demand)?;
    fields(json!({ "S_echelon": plan.echelon_base_stock, "cost_per_period": plan.cost }))
}

fn clark_scarf_poisson(case: &Case, _: &Path) -> Result<Answer> {
    let plan = serial_poisson(&stages(case)?, case.number("backorder")?, case.number("demand_poisson_rate")?)?;
    fields(json!({ "S_echelon": plan.echelon_base_stock, "cost_rate": plan.cost }))
}

fn lost_sales(case: &Case, _: &Path) -> Result<Answer> {
    let model = LostSales::new(case.stock_costs()?, case.whole("lead_time")? as usize, &case.demand()?)?;
    let best = model.best_base_stock()?;
    let theirs = case.expected_number("best_base_stock")? as usize;
    // Value iteration stops before the last digits; a tie is as wide as the tolerance.
    let tolerance = Tolerance::of("cost", &case.tolerance);
    let is_tie = theirs == best.level || tolerance.error(best.cost, model.base_stock_cost(theirs)?) <= 1.0;
    fields(json!({
        "optimal_cost_per_period": model.optimal_cost()?,
        "best_base_stock": if is_tie { theirs } else { best.level },
        "best_base_stock_cost": best.cost,
    }))
}

/// `simulation_rel` is how near a simulation should come, which the kernel can judge.
fn one_warehouse_multi_retailer(case: &Case, _: &Path) -> Result<Answer> {
    let base = case.wholes("retailer_base_stock")?;
    let rates = case.numbers_for("retailer_poisson_rate", base.len())?;
    let lead_times = case.numbers_for("warehouse_to_retailer", base.len())?;
    let retailers: Vec<Retailer> = (0..base.len())
        .map(|i| Retailer { base_stock: base[i], demand_rate: rates[i], lead_time: lead_times[i] })
        .collect();
    let (holding, backorder) =
        (case.numbers_for("holding", base.len() + 1)?, case.numbers_for("backorder", base.len())?);
    let levels = two_echelon::levels(&TwoEchelon {
        warehouse_base_stock: case.whole("warehouse_base_stock")?,
        supplier_lead_time: case.number("supplier_to_warehouse")?,
        retailers,
    })?;
    let retailers: Vec<Value> = levels
        .retailers
        .iter()
        .map(|it| json!({ "EI": it.on_hand, "EB": it.backorders, "fill_rate": it.fill_rate }))
        .collect();
    fields(json!({
        "warehouse_E_on_hand": levels.warehouse_on_hand,
        "warehouse_E_backorders": levels.warehouse_backorders,
        "retailers": retailers,
        "cost_rate": levels.cost(&holding, &backorder)?,
    }))
}

fn lateral_transshipment(case: &Case, _: &Path) -> Result<Answer> {
    let levels = case.wholes("S")?;
    let means = case.numbers_for("poisson_mean", levels.len())?;
    let mut sites = Vec::new();
    for (level, mean) in levels.into_iter().zip(means) {
        sites.push(Site { level: i64::from(level), demand: Pmf::poisson(mean)? });
    }
    let costs = PoolingCosts {
        holding: case.number("holding")?,
        penalty: case.number("penalty")?,
        transship: case.number("transship")?,
    };
    let exact = pooled(costs, &sites)?;
    fields(json!({
        "cost": exact.cost,
        "cost_without": exact.cost_without,
        "E_transshipped": exact.transshipped,
    }))
}

/// `sim_rel` is how near a simulation should come, which the kernel can judge.
fn bullwhip_ratios(case: &Case, _: &Path) -> Result<Answer> {
    let ratios = |name: &str, ratio: &dyn Fn(f64, f64) -> Result<f64>| -> Result<Vec<f64>> {
        let pairs = as_list(case.input(name)?)?;
        let of = |pair: &Value| ratio(as_number(&pair[0])?, as_number(&pair[1])?);
        pairs.iter().map(of).collect()
    };
    fields(json!({
        "var_ratio_ma": ratios("moving_average_L_p", &|l, p| Ok(bullwhip::moving_average(l, p)?))?,
        "var_ratio_es": ratios("exp_smoothing_L_alpha", &|l, a| Ok(bullwhip::exponential_smoothing(l, a)?))?,
    }))
}

fn base_stock_disruptions(case: &Case, _: &Path) -> Result<Answer> {
    let (disruption, recovery) = (case.number("disruption_prob")?, case.number("recovery_prob")?);
    let best = base_stock_with_disruptions(case.stock_costs()?, case.number("demand")?, disruption, recovery)?;
    fields(json!({ "S": best.level, "cost": best.cost }))
}

fn service_levels(case: &Case, _: &Path) -> Result<Answer> {
    let base_stock = i64::from(case.whole("base_stock")?);
    let (lead_time, review) = (case.number("lead_time")?, case.number("review")?);
    let levels = service::base_stock_service_poisson(base_stock, lead_time, review, case.number("poisson_rate")?)?;
    let supply = UncertainSupply {
        demand_mean: case.number("mean_daily_demand")?,
        demand_sd: case.number("sd_daily_demand")?,
        lead_time_mean: case.number("mean_lead_time")?,
        lead_time_sd: case.number("sd_lead_time")?,
    };
    let safety = service::safety_stock(supply, case.number("cycle_service")?)?;
    fields(json!({
        "fill_rate": levels.fill_rate,
        "cycle_service_level": levels.cycle_service,
        "sigma_lead_time_demand": safety.lead_time_demand_sd,
        "safety_stock": safety.safety_stock,
        "reorder_point": safety.reorder_point,
    }))
}

fn ocba(case: &Case, _: &Path) -> Result<Answer> {
    let means = case.numbers("means")?;
    let sds = case.numbers_for("sds", means.len())?;
    let designs: Vec<Sampled> = means.into_iter().zip(sds).map(|(mean, sd)| Sampled { mean, sd }).collect();
    let minimise = case.input("minimise").ok().and_then(Value::as_bool).unwrap_or(true);
    fields(json!({ "fractions": budget_shares(&designs, minimise)? }))
}

fn allocation(case: &Case, _: &Path) -> Result<Answer> {
    let (mut ids, mut claims) = (Vec::new(), Vec::new());
    for order in as_list(case.input("orders_id_priority_qty")?)? {
        ids.push(order[0].as_str().context("an order without an id")?.to_owned());
        claims.push(Claim { priority: as_whole(&order[1])?, quantity: u64::from(as_whole(&order[2])?) });
    }
    let given = allocate(u64::from(case.whole("available")?), &claims);
    let allocated: Map<String, Value> = ids.into_iter().zip(given.into_iter().map(Value::from)).collect();
    fields(json!({ "allocated": allocated }))
}

fn promise(case: &Case, _: &Path) -> Result<Answer> {
    let n_days = case.whole("horizon")? as usize + 1;
    let (receipts, committed) = (case.by_day("receipts_by_day", n_days)?, case.by_day("committed_by_day", n_days)?);
    let free = available_to_promise(i64::from(case.whole("on_hand")?), &receipts, &committed);
    let requests = case.wholes("requests")?;
    let earliest: Vec<Option<usize>> = requests.iter().map(|it| earliest_day(&free, i64::from(*it))).collect();
    fields(json!({ "atp_by_day": free, "earliest_day": earliest }))
}

fn perishables(case: &Case, _: &Path) -> Result<Answer> {
    let (mut ids, mut lots) = (Vec::new(), Vec::new());
    for lot in as_list(case.input("lots_id_qty_last_usable_day")?)? {
        ids.push(lot[0].as_str().context("a lot without an id")?);
        lots.push(Lot { quantity: u64::from(as_whole(&lot[1])?), last_usable_day: as_whole(&lot[2])? });
    }
    let demand: Vec<u64> = case.wholes("demand_by_day")?.into_iter().map(u64::from).collect();
    let issued = |rule| {
        let issued = perishable::issue(&lots, &demand, rule);
        let left: Map<String, Value> = ids
            .iter()
            .zip(&issued.left)
            .filter(|(_, left)| **left > 0)
            .map(|(id, left)| ((*id).to_owned(), Value::from(*left)))
            .collect();
        json!({
            "total_waste": issued.waste(),
            "total_short": issued.short(),
            "waste_by_day": issued.waste_by_day,
            "short_by_day": issued.short_by_day,
            "left": left,
        })
    };
    fields(json!({ "fefo": issued(Issue::FirstExpired), "lefo": issued(Issue::LastExpired) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str, expected: Value, tolerance: Value) -> Case {
        let inputs = json!({ "fixed_cost_usd": 8, "holding": 0.225, "demand_units_per_year": 1300 });
        Case { name: name.to_owned(), inputs, expected, tolerance }
    }

    #[track_caller]
    fn check(case: &Case, verdict: Verdict) {
        let outcome = judge(case, Path::new("."));
        assert_eq!(outcome.verdict, verdict, "{outcome:?}");
    }

    #[test]
    fn a_right_answer_is_right_whatever_follows_the_familys_name() {
        for name in ["eoq", "eoq_2", "eoq_other_numbers"] {
            check(&case(name, json!({ "Q": 304.0467800264 }), json!({ "rel": 1e-9 })), Verdict::Right);
        }
    }

    #[test]
    fn a_wrong_number_a_missing_field_and_an_empty_answer_are_wrong() {
        check(&case("eoq", json!({ "Q": 304.047 }), json!({ "rel": 1e-9 })), Verdict::Wrong);
        check(&case("eoq", json!({ "Q": 304.0467800264, "R": 1 }), json!({ "rel": 1e-9 })), Verdict::Wrong);
        check(&case("eoq", json!({}), json!({ "rel": 1e-9 })), Verdict::Wrong);
        check(&case("eoq_backorders", json!({ "Q": 1 }), json!({})), Verdict::Wrong);
    }

    #[test]
    fn an_unknown_family_is_not_judged() {
        check(&case("eoqs", json!({ "Q": 1 }), json!({ "rel": 1.0 })), Verdict::NotJudged);
        check(&case("teleport", json!({ "Q": 1 }), json!({ "rel": 1.0 })), Verdict::NotJudged);
    }

    #[test]
    fn a_tolerance_is_for_the_field_that_it_names() {
        let tolerance = json!({ "S_abs": 0.5, "cost_rel": 0.1 });
        assert_eq!(Tolerance::of("S_echelon", &tolerance).abs, 0.5);
        assert_eq!(Tolerance::of("cost_rate", &tolerance).rel, 0.1);
        assert_eq!(Tolerance::of("fill_rate", &tolerance).rel, CLOSED_FORM_REL);
        assert_eq!(Tolerance::of("S", &json!({ "S_exact": true, "rel": 1.0 })).rel, 0.0);
        assert!(Tolerance { rel: 0.0, abs: 0.0 }.error(3.0, 4.0) > 1.0);
        assert!(Tolerance { rel: 0.1, abs: 0.0 }.error(f64::NAN, 4.0).is_nan());
    }
}
