//! From a request to cases that can be run: everything that is wrong is found before anything is started.

use super::library;
use firmware_schemas::api::Fault;
use firmware_schemas::api::what_if::{CaseRequest, Select, WhatIfRequest};
use sim::experiment::{Kpi, Plan};
use sim::kernel::{BUCKET_DAYS, Model, SERIES, Stat};
use sim::scenario::{Scenario, ScenarioError};
use sim::situation::{Situation, SituationError};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The name of the case in which nothing is changed.
pub const AS_IS: &str = "as is";
/// The most cases beside `as is`.
const SCENARIOS_MAX: usize = 16;
/// The same where the best of them is looked for.
const CANDIDATES_MAX: usize = 100;
/// Where the best is looked for, so many times the first replications of all are made, if nobody says another number.
const SELECT_PATIENCE: u32 = 4;
/// The most replications of all cases together.
const TOTAL_MAX: u32 = 1_000_000;
/// The most days.
const DAYS_MAX: u32 = 3_650;
/// The most replications of a case.
const REPLICATIONS_MAX: u32 = 10_000;
/// With goals, so many times `replications_min` are made at most, if nobody says another number.
const PATIENCE: u32 = 16;
/// Whole numbers up to here are the same in every reader of JSON.
const SEED_MAX: u64 = 1 << 53;

/// A request that has been read: all that can be known without the network is right.
#[derive(Clone, Debug)]
pub struct Asked {
    /// How the experiment is made.
    pub plan: Plan,
    /// The best case is looked for: by which key figure, and with how many replications of all.
    pub select: Option<(Kpi, u32)>,
    base: bool,
    cases: Vec<AskedCase>,
}

#[derive(Clone, Debug)]
struct AskedCase {
    name: String,
    /// Where its text stands in the request.
    pointer: String,
    scenario: Scenario,
}

/// One case, ready to run.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// One sentence: what happens.
    pub story: String,
    /// Both in Chinese; what its author left out stays as it is.
    pub in_chinese: (String, String),
    /// The network in this case.
    pub situation: Arc<Situation>,
}

/// A case's name and story in Chinese. A name that whoever asks gave it stays.
fn in_chinese(name: &str, scenario: &Scenario) -> (String, String) {
    let own = scenario.name_zh.as_deref().filter(|_| scenario.name == name).unwrap_or(name);
    (own.to_owned(), scenario.story_zh.as_ref().unwrap_or(&scenario.story).clone())
}

impl Asked {
    /// Reads a request without the network that it is about; `Err` holds everything that is wrong with it.
    pub fn read(request: &WhatIfRequest) -> Result<Self, Vec<Fault>> {
        let (asked, faults) = Self::read_what_can_be(request);
        if faults.is_empty() { Ok(asked) } else { Err(faults) }
    }

    /// Reads a request and makes its cases; `Err` holds everything that is wrong with it or does not fit the
    /// network, so that a fault in one scenario does not hide those in another.
    pub fn read_for(request: &WhatIfRequest, base: Situation, bytes_max: u64) -> Result<(Self, Vec<Case>), Vec<Fault>> {
        let (asked, mut faults) = Self::read_what_can_be(request);
        match asked.applied(base) {
            Ok(cases) if faults.is_empty() => {
                asked.check_size(&cases, bytes_max)?;
                return Ok((asked, cases));
            }
            Ok(_) => {}
            Err(more) => faults.extend(more),
        }
        Err(faults)
    }

    /// The cases of a network as it is; `Err` holds everything that does not fit it. `bytes_max` bounds what
    /// the experiment may count.
    pub fn cases(&self, base: Situation, bytes_max: u64) -> Result<Vec<Case>, Vec<Fault>> {
        let cases = self.applied(base)?;
        self.check_size(&cases, bytes_max)?;
        Ok(cases)
    }

    /// What of a request can be read, and all that is wrong with it.
    pub(super) fn read_what_can_be(request: &WhatIfRequest) -> (Self, Vec<Fault>) {
        let mut faults = Vec::new();
        let plan = plan(request, &mut faults);
        let select = request.select.as_ref().and_then(|asked| select(asked, request, &plan, &mut faults));
        let cases_max = if request.select.is_some() { CANDIDATES_MAX } else { SCENARIOS_MAX };
        if request.scenarios.len() > cases_max {
            let more = if request.select.is_some() { "" } else { "; with `select` more" };
            faults.push(at("/scenarios", format!("at most {cases_max} cases at once{more}")));
        }
        if request.scenarios.is_empty() && !request.base {
            faults.push(at("/scenarios", "without a scenario and without `base` there is nothing to run"));
        }
        let mut names = BTreeSet::new();
        if request.base {
            names.insert(AS_IS.to_owned());
        }
        let mut cases = Vec::new();
        for (i, asked) in request.scenarios.iter().take(cases_max).enumerate() {
            let Some(case) = read_case(i, asked, &mut faults) else { continue };
            if !names.insert(case.name.clone()) {
                let detail = format!("another case is called {:?} already; give this one a `name`", case.name);
                faults.push(at(&format!("/scenarios/{i}"), detail));
            }
            cases.push(case);
        }
        (Self { plan, select, base: request.base, cases }, faults)
    }

    fn applied(&self, base: Situation) -> Result<Vec<Case>, Vec<Fault>> {
        base.check().map_err(|errors| errors.iter().map(of_base).collect::<Vec<_>>())?;
        let base = Arc::new(base);
        let mut cases = Vec::new();
        let mut faults = Vec::new();
        if self.base {
            let story = "Nothing is changed.".to_owned();
            let in_chinese = ("现状".to_owned(), "不做任何改变。".to_owned());
            cases.push(Case { name: AS_IS.into(), story, in_chinese, situation: base.clone() });
        }
        for AskedCase { name, pointer, scenario } in &self.cases {
            let mut situation = Situation::clone(&base);
            match scenario.apply(&mut situation) {
                Ok(()) => cases.push(Case {
                    name: name.clone(),
                    story: scenario.story.clone(),
                    in_chinese: in_chinese(name, scenario),
                    situation: Arc::new(situation),
                }),
                Err(errors) => faults.extend(errors.iter().map(|error| of_scenario(pointer, error))),
            }
        }
        if faults.is_empty() { Ok(cases) } else { Err(faults) }
    }

    /// All its scenarios, one after the other; `Err` holds everything that does not fit.
    pub(super) fn composed(&self, base: Situation) -> Result<Situation, Vec<Fault>> {
        base.check().map_err(|errors| errors.iter().map(of_base).collect::<Vec<_>>())?;
        let mut situation = base;
        let mut faults = Vec::new();
        for AskedCase { pointer, scenario, .. } in &self.cases {
            if let Err(errors) = scenario.apply(&mut situation) {
                faults.extend(errors.iter().map(|error| of_scenario(pointer, error)));
            }
        }
        if faults.is_empty() { Ok(situation) } else { Err(faults) }
    }

    /// What its scenarios say, in order.
    pub(super) fn stories(&self) -> impl Iterator<Item = (&str, &str)> {
        self.cases.iter().map(|case| (case.name.as_str(), case.scenario.story.as_str()))
    }

    /// Whether cases can be simulated, and counted in so many bytes.
    pub(super) fn check_size(&self, cases: &[Case], bytes_max: u64) -> Result<(), Vec<Fault>> {
        for case in cases {
            Model::fits(&case.situation, self.plan.days)
                .map_err(|error| vec![at("/days", format!("case {:?}: {error}", case.name))])?;
        }
        let each = cases.iter().map(|case| self.bytes(&case.situation));
        let bytes = match self.select {
            Some((_, total)) => each.max().unwrap_or_default().saturating_mul(u64::from(total)),
            None => {
                let replications = u64::from(self.plan.replications_max);
                each.fold(0, u64::saturating_add).saturating_mul(replications)
            }
        };
        if bytes <= bytes_max {
            return Ok(());
        }
        let detail = format!(
            "counting it may take {} MiB, and {} MiB are allowed (what_if.memory_bytes_max): ask for fewer \
             replications, cases or days",
            bytes >> 20,
            bytes_max >> 20
        );
        Err(vec![at(if self.select.is_some() { "/select/replications_total" } else { "/replications_max" }, detail)])
    }

    /// What the counts of a replication take at most.
    fn bytes(&self, situation: &Situation) -> u64 {
        let class = |sku: u32| situation.skus[sku as usize].class.as_str();
        let cells: BTreeSet<_> = situation.positions.iter().map(|it| (it.site, class(it.sku))).collect();
        let tiers: BTreeSet<_> = situation.positions.iter().map(|it| situation.sites[it.site as usize].tier).collect();
        let weeks = self.plan.days.div_ceil(BUCKET_DAYS) as usize;
        let by_lane = 24 + 8 * (self.plan.days as usize).div_ceil(64);
        let counts = cells.len() * Stat::ALL.len() + tiers.len() * weeks * SERIES.len();
        (8 * counts + by_lane * situation.lanes.len()) as u64
    }
}

fn plan(request: &WhatIfRequest, faults: &mut Vec<Fault>) -> Plan {
    let mut wrong = |pointer: &str, detail: String| faults.push(at(pointer, detail));
    if !(1..=DAYS_MAX).contains(&request.days) {
        wrong("/days", format!("{} is not within 1 to {DAYS_MAX}", request.days));
    }
    if request.warm_up_days >= request.days {
        wrong("/warm_up_days", format!("{} leaves no day of {} to count", request.warm_up_days, request.days));
    }
    let replications_min = request.replications_min;
    if !(2..=REPLICATIONS_MAX).contains(&replications_min) {
        wrong("/replications_min", format!("{replications_min} is not within 2 to {REPLICATIONS_MAX}"));
    }
    let more = if request.goals.is_empty() { 1 } else { PATIENCE };
    let usual = replications_min.saturating_mul(more).min(REPLICATIONS_MAX);
    let replications_max = request.replications_max.unwrap_or(usual);
    if replications_max > REPLICATIONS_MAX || replications_max < replications_min {
        let detail = format!("{replications_max} is not within replications_min to {REPLICATIONS_MAX}");
        wrong("/replications_max", detail);
    }
    if request.seed > SEED_MAX {
        wrong("/seed", format!("{} exceeds 2 to the power of 53", request.seed));
    }
    let mut goals = Vec::new();
    for (i, goal) in request.goals.iter().enumerate() {
        match Kpi::from_name(&goal.kpi) {
            Some(kpi) => goals.push((kpi, goal.half_width)),
            None => {
                let known: Vec<&str> = Kpi::ALL.iter().map(|kpi| kpi.as_str()).collect();
                let detail = format!("{:?} is no key figure; there are {}", goal.kpi, known.join(", "));
                wrong(&format!("/goals/{i}/kpi"), detail);
            }
        }
        if !(goal.half_width > 0.0 && goal.half_width < 1.0) {
            wrong(&format!("/goals/{i}/half_width"), format!("{} is not between 0 and 1", goal.half_width));
        }
    }
    Plan {
        seed: request.seed,
        days: request.days,
        warm_up_days: request.warm_up_days,
        replications_min,
        replications_max,
        goals,
    }
}

fn select(asked: &Select, request: &WhatIfRequest, plan: &Plan, faults: &mut Vec<Fault>) -> Option<(Kpi, u32)> {
    let mut wrong = |pointer: &str, detail: String| faults.push(at(pointer, detail));
    for (pointer, is_there) in
        [("/goals", !request.goals.is_empty()), ("/replications_max", request.replications_max.is_some())]
    {
        if is_there {
            wrong(pointer, "goes not with `select`, which says itself how many replications are made".to_owned());
        }
    }
    let kpi = Kpi::from_name(&asked.kpi).filter(|kpi| kpi.better() != 0);
    if kpi.is_none() {
        let known: Vec<&str> = Kpi::ALL.iter().filter(|kpi| kpi.better() != 0).map(|kpi| kpi.as_str()).collect();
        let detail =
            format!("{:?} is no key figure of which more or less is better; there are {}", asked.kpi, known.join(", "));
        wrong("/select/kpi", detail);
    }
    let n_cases = request.scenarios.len() as u32 + u32::from(request.base);
    if n_cases < 2 {
        wrong("/select", "there is nothing to choose between".to_owned());
    }
    let usual = plan.replications_min.saturating_mul(n_cases).saturating_mul(SELECT_PATIENCE).min(TOTAL_MAX);
    let total = asked.replications_total.unwrap_or(usual);
    if !(10..=TOTAL_MAX).contains(&total) {
        wrong("/select/replications_total", format!("{total} is not within 10 to {TOTAL_MAX}"));
    }
    Some((kpi?, total.max(plan.replications_min.max(5).saturating_mul(n_cases))))
}

fn read_case(i: usize, asked: &CaseRequest, faults: &mut Vec<Fault>) -> Option<AskedCase> {
    let CaseRequest { name, library, toml, json } = asked;
    if let Some(name) = name
        && !(1..=200).contains(&name.chars().count())
    {
        faults.push(at(&format!("/scenarios/{i}/name"), "a name has 1 to 200 characters"));
    }
    let (part, text) = match (library, toml, json) {
        (Some(id), None, None) => match library::text(id) {
            Some(text) => ("library", text.to_owned()),
            None => {
                let detail = format!("there is no scenario {id:?} in the library; GET /v1/scenarios lists them");
                faults.push(at(&format!("/scenarios/{i}/library"), detail));
                return None;
            }
        },
        (None, Some(text), None) => ("toml", text.clone()),
        (None, None, Some(value)) if value.is_object() => ("json", value.to_string()),
        (None, None, Some(_)) => {
            faults.push(at(&format!("/scenarios/{i}/json"), "a scenario is an object"));
            return None;
        }
        _ => {
            let detail = "a case is given by exactly one of `library`, `toml` and `json`";
            faults.push(at(&format!("/scenarios/{i}"), detail));
            return None;
        }
    };
    let pointer = format!("/scenarios/{i}/{part}");
    match Scenario::parse(&pointer, &text) {
        Ok(scenario) => {
            let name = name.clone().unwrap_or_else(|| scenario.name.clone());
            Some(AskedCase { name, pointer, scenario })
        }
        Err(errors) => {
            faults.extend(errors.iter().map(|error| of_scenario(&pointer, error)));
            None
        }
    }
}

pub(super) fn at(pointer: &str, detail: impl Into<String>) -> Fault {
    Fault { detail: detail.into(), pointer: Some(format!("#{pointer}")), ..Fault::default() }
}

/// An error in a scenario: of an object the pointer goes down to the member, of a text line and field say where.
pub(super) fn of_scenario(pointer: &str, error: &ScenarioError) -> Fault {
    let detail = error.cause.to_string();
    match &error.field {
        Some(field) if field.starts_with('/') => at(&format!("{pointer}{field}"), detail),
        field => Fault { line: error.line, field: field.clone(), ..at(pointer, detail) },
    }
}

fn of_base(error: &SituationError) -> Fault {
    at("/from", format!("the network as it is cannot be simulated: {error}"))
}
