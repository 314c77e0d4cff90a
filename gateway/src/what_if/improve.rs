//! Better levels: what is asked for is read, looked for, and told beside today's levels.

use super::Settings;
use super::cases::{Asked, Case, at, of_scenario};
use super::library;
use firmware_schemas::api::Fault;
use firmware_schemas::api::what_if::{
    BeginWith, BesideView, CaseRequest, GuaranteedServiceView, ImproveRequest, ImprovementVerdict, ImprovementView,
    KpiView, LevelChange, LevelPolicy, LevelsView, WhatIfRequest, WhatIfResult,
};
use sim::experiment::{Kpi, Outcome, PROPOSAL_CASES, Placed, Plan, Progress, Search, improve, place_safety_stock};
use sim::kernel::DayOfPosition;
use sim::scenario::{Which, levels_toml};
use sim::situation::{Policy, Situation};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The most steps of a search.
const ROUNDS_MAX: u32 = 500;
/// The most scenarios that are applied first.
const SCENARIOS_MAX: usize = 16;

/// A request for better levels that has been read.
#[derive(Clone, Debug)]
pub struct AskedImprovement {
    asked: Asked,
    /// The changes of its scenarios, as they are written.
    changes: Vec<toml::Value>,
    only: Which,
    begin_with: BeginWith,
    rounds: u32,
}

/// What levels are looked for in.
#[derive(Clone, Debug)]
pub struct Ready {
    today: Arc<Situation>,
    may_change: Vec<bool>,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Improved {
    today: Arc<Situation>,
    proposed: Arc<Situation>,
    changed: Vec<u32>,
    placed: Option<Placed>,
    begin_with: BeginWith,
    rounds: u32,
    n_positions: usize,
    /// The proposal as a scenario; `None` where nothing changes.
    pub toml: Option<String>,
}

impl AskedImprovement {
    /// Reads a request without the network that it is about; `Err` holds everything that is wrong with it.
    pub fn read(request: &ImproveRequest) -> Result<Self, Vec<Fault>> {
        let (asked, faults) = Self::read_what_can_be(request);
        if faults.is_empty() { Ok(asked) } else { Err(faults) }
    }

    /// Reads a request and tries it on a network; `Err` holds everything that is wrong or does not fit.
    pub fn read_for(
        request: &ImproveRequest,
        base: Situation,
        settings: &Settings,
    ) -> Result<(Self, Ready), Vec<Fault>> {
        let (asked, mut faults) = Self::read_what_can_be(request);
        match asked.fitted(base) {
            Ok(ready) if faults.is_empty() => {
                asked.check_size(&ready, settings)?;
                return Ok((asked, ready));
            }
            Ok(_) => {}
            Err(more) => faults.extend(more),
        }
        Err(faults)
    }

    /// How it is simulated.
    pub fn plan(&self) -> &Plan {
        &self.asked.plan
    }

    /// The network that levels are looked for in; `Err` holds everything that does not fit.
    pub fn ready(&self, base: Situation, settings: &Settings) -> Result<Ready, Vec<Fault>> {
        let ready = self.fitted(base)?;
        self.check_size(&ready, settings)?;
        Ok(ready)
    }

    fn read_what_can_be(request: &ImproveRequest) -> (Self, Vec<Fault>) {
        let ImproveRequest { scenarios, from, only, begin_with, rounds, days, warm_up_days, goals, seed, .. } = request;
        let (asked, mut faults) = Asked::read_what_can_be(&WhatIfRequest {
            scenarios: scenarios.clone(),
            base: true,
            from: *from,
            days: *days,
            warm_up_days: *warm_up_days,
            replications_min: request.replications_min,
            replications_max: request.replications_max,
            goals: goals.clone(),
            seed: *seed,
            select: None,
        });
        if *rounds > ROUNDS_MAX {
            faults.push(at("/rounds", format!("{rounds} is not within 0 to {ROUNDS_MAX}")));
        }
        let mut changes = Vec::new();
        if faults.is_empty() {
            for (i, case) in scenarios.iter().take(SCENARIOS_MAX).enumerate() {
                match changes_of(case) {
                    Ok(more) => changes.extend(more),
                    Err(why) => faults.push(at(&format!("/scenarios/{i}"), why)),
                }
            }
        }
        let only = Which { sites: only.sites.clone(), skus: only.skus.clone(), classes: only.classes.clone() };
        (Self { asked, changes, only, begin_with: *begin_with, rounds: *rounds }, faults)
    }

    fn fitted(&self, base: Situation) -> Result<Ready, Vec<Fault>> {
        let today = self.asked.composed(base)?;
        let may_change = self
            .only
            .positions(&today)
            .map_err(|errors| errors.iter().map(|error| of_scenario("/only", error)).collect::<Vec<_>>())?;
        Ok(Ready { today: Arc::new(today), may_change })
    }

    fn check_size(&self, ready: &Ready, settings: &Settings) -> Result<(), Vec<Fault>> {
        let cases = PROPOSAL_CASES.map(|name| Case {
            name: name.to_owned(),
            story: String::new(),
            in_chinese: Default::default(),
            situation: ready.today.clone(),
        });
        self.asked.check_size(&cases, settings.memory_bytes_max)?;
        let day = size_of::<DayOfPosition>() as u64 * ready.today.positions.len() as u64;
        let bytes = day.saturating_mul(u64::from(self.asked.plan.days)).saturating_mul(settings.threads as u64);
        if bytes <= settings.memory_bytes_max {
            return Ok(());
        }
        let detail = format!(
            "its paths may take {} MiB, and {} MiB are allowed (what_if.memory_bytes_max): ask for fewer days",
            bytes >> 20,
            settings.memory_bytes_max >> 20
        );
        Err(vec![at("/days", detail)])
    }

    /// Looks for better levels; `None` if `stop` was set. Gives both cases, what came out, and what was found.
    pub fn run(
        &self,
        ready: Ready,
        threads: usize,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(Progress),
    ) -> Option<(Vec<Case>, Vec<Outcome>, Improved)> {
        let Ready { today, may_change } = ready;
        let plan = &self.asked.plan;
        let placed = match self.begin_with {
            BeginWith::Today => None,
            BeginWith::GuaranteedService => Some(place_safety_stock(&today, plan.days, Some(&may_change), Some(stop))?),
        };
        let start = placed.as_ref().map_or(today.as_ref(), |placed| &placed.situation);
        let search = Search { rounds: self.rounds, may_change: Some(&may_change), threads, stop: Some(stop) };
        let proposal = improve(today.clone(), start, plan, search, progress)?;
        let stories = [
            self.asked.stories().map(|(_, story)| story).collect::<Vec<_>>().join(" "),
            format!("{} stock positions have other levels.", proposal.changed.len()),
        ];
        let [unchanged, _] = &stories;
        let unchanged = if unchanged.is_empty() { "Nothing is changed.".to_owned() } else { unchanged.clone() };
        let [_, other] = stories;
        let situations = [today.clone(), proposal.situation.clone()];
        let chinese = [
            ("当前水平", "库存水平保持不变。".to_owned()),
            ("建议水平", format!("{} 个库存点采用其他水平。", proposal.changed.len())),
        ];
        let cases = PROPOSAL_CASES.iter().zip([unchanged, other]).zip(chinese).zip(situations);
        let cases = cases.map(|(((name, story), (name_zh, story_zh)), situation)| Case {
            name: (*name).to_owned(),
            story,
            in_chinese: (name_zh.to_owned(), story_zh),
            situation,
        });
        let improved = Improved {
            toml: self.toml(&proposal.situation, &proposal.changed),
            today,
            proposed: proposal.situation,
            changed: proposal.changed,
            placed,
            begin_with: self.begin_with,
            rounds: self.rounds,
            n_positions: may_change.iter().filter(|may| **may).count(),
        };
        Some((cases.collect(), proposal.outcomes.into(), improved))
    }

    /// The proposal as a scenario, with the changes of the scenarios that were applied first.
    fn toml(&self, proposed: &Situation, changed: &[u32]) -> Option<String> {
        if changed.is_empty() {
            return None;
        }
        let first: Vec<&str> = self.asked.stories().map(|(name, _)| name).collect();
        let (name, story) = if first.is_empty() {
            (PROPOSAL_CASES[1].to_owned(), format!("{} stock positions have other levels.", changed.len()))
        } else {
            let first = first.join(", ");
            (format!("{first}; {}", PROPOSAL_CASES[1]), format!("After {first}: {} other levels.", changed.len()))
        };
        let mut table = toml::Table::new();
        // A text of an earlier scenario may be longer than a name may be.
        table.insert("name".into(), name.chars().take(200).collect::<String>().into());
        table.insert("story".into(), story.chars().take(800).collect::<String>().into());
        if !self.changes.is_empty() {
            table.insert("change".into(), toml::Value::Array(self.changes.clone()));
        }
        let mut text = toml::to_string(&table).ok()?;
        // Writing to a string cannot fail.
        write!(text, "\n{}", levels_toml(proposed, changed.iter().copied())).ok();
        Some(text)
    }
}

/// The changes of a scenario that can be read, as values of TOML.
fn changes_of(case: &CaseRequest) -> Result<Vec<toml::Value>, String> {
    let text = match (&case.library, &case.toml, &case.json) {
        (Some(id), ..) => library::text(id).unwrap_or_default().to_owned(),
        (_, Some(text), _) => text.clone(),
        (.., json) => json.as_ref().map(ToString::to_string).unwrap_or_default(),
    };
    let text = text.trim_start_matches('\u{feff}');
    let mut table: toml::Table = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|why| format!("it cannot be written as TOML: {why}"))?
    } else {
        text.parse().map_err(|why: toml::de::Error| why.message().to_owned())?
    };
    match table.remove("change") {
        Some(toml::Value::Array(changes)) => Ok(changes),
        Some(one) => Ok(vec![one]),
        None => Ok(Vec::new()),
    }
}

impl Improved {
    /// For people and programs; `result` has the figures of both cases.
    pub fn view(&self, result: &WhatIfResult) -> ImprovementView {
        let [today, proposed] =
            [0, 1].map(|i| result.results.get(i).map(|case| case.kpis.as_slice()).unwrap_or_default());
        let beside = |here: &KpiView| {
            let there = proposed.iter().find(|kpi| kpi.kpi == here.kpi)?;
            Some(BesideView {
                kpi: here.kpi.clone(),
                unit: here.unit.clone(),
                better: here.better,
                today: here.mean,
                today_half_width: here.half_width,
                proposed: there.mean,
                proposed_half_width: there.half_width,
                difference: there.difference.clone()?,
            })
        };
        let figures: Vec<BesideView> = today.iter().filter_map(beside).collect();
        let (verdict, summary) = self.verdict(&figures);
        let mut levels: Vec<LevelChange> = self.changed.iter().filter_map(|at| self.change(*at as usize)).collect();
        levels.sort_by_key(|it| std::cmp::Reverse(it.tied_up_minor.unsigned_abs()));
        ImprovementView {
            head: result.head.clone(),
            verdict,
            summary,
            begin_with: self.begin_with,
            rounds: self.rounds,
            n_positions: self.n_positions,
            guaranteed_service: self.placed.as_ref().map(|placed| {
                let (cost, bound) = (placed.cost_minor_per_day, placed.lower_bound_minor_per_day);
                GuaranteedServiceView {
                    n_positions: placed.stocks as usize,
                    cost_minor_per_day: cost,
                    lower_bound_minor_per_day: bound,
                    gap: if cost > 0.0 { (cost - bound) / cost } else { 0.0 },
                }
            }),
            figures,
            levels,
        }
    }

    fn verdict(&self, figures: &[BesideView]) -> (ImprovementVerdict, String) {
        let of = |kpi: Kpi| figures.iter().find(|figure| figure.kpi == kpi.as_str());
        let n = self.changed.len();
        let Some(cost) = of(Kpi::RelevantCost).filter(|_| n > 0) else {
            let text = format!("Nothing better than today's levels was found in {} rounds.", self.rounds);
            return (ImprovementVerdict::NothingFound, text);
        };
        let percent = |part: f64| 100.0 * part / cost.today.abs().max(f64::MIN_POSITIVE);
        let (mean, half_width) = (cost.difference.mean, cost.difference.half_width);
        let span =
            format!("95 % interval {:+.2} % to {:+.2} %", percent(mean - half_width), percent(mean + half_width));
        let fill = of(Kpi::FillRate).map(|fill| {
            let DifferenceOf(mean, half_width) = DifferenceOf::percent(fill);
            let (today, proposed) = (100.0 * fill.today, 100.0 * fill.proposed);
            format!(" The fill rate goes from {today:.2} % to {proposed:.2} % ({mean:+.2} ± {half_width:.2} points).")
        });
        let fill = fill.unwrap_or_default();
        let by = format!("{:.2} %", percent(mean.abs()));
        match (cost.difference.significant, mean < 0.0) {
            (true, true) => {
                let text = format!("The {n} levels proposed cost {by} less than today's ({span}).{fill}");
                (ImprovementVerdict::Better, text)
            }
            (true, false) => {
                let text = format!(
                    "The {n} levels proposed cost {by} more than today's ({span}): what the search found did not hold on \
                     other replications, so keep today's.{fill}"
                );
                (ImprovementVerdict::Worse, text)
            }
            (false, _) => {
                let text = format!(
                    "It cannot be said that the {n} levels proposed are better than today's: the difference in cost is \
                     {:+.2} % ({span}); more replications may tell.{fill}",
                    percent(mean)
                );
                (ImprovementVerdict::Undecided, text)
            }
        }
    }

    fn change(&self, at: usize) -> Option<LevelChange> {
        let (old, new) = (&self.today.positions[at], &self.proposed.positions[at]);
        let sku = &self.today.skus[old.sku as usize];
        let more = top(&new.policy)? - top(&old.policy)?;
        Some(LevelChange {
            site: self.today.sites[old.site as usize].site.clone(),
            sku: sku.sku.clone(),
            today: levels(&old.policy)?,
            proposed: levels(&new.policy)?,
            tied_up_minor: more.saturating_mul(sku.value_minor),
        })
    }
}

/// A difference of a share, in percentage points.
struct DifferenceOf(f64, f64);

impl DifferenceOf {
    fn percent(figure: &BesideView) -> Self {
        Self(100.0 * figure.difference.mean, 100.0 * figure.difference.half_width)
    }
}

/// The level that stock rises to; `None` without levels.
fn top(policy: &Policy) -> Option<i64> {
    match policy {
        Policy::BaseStock { level } | Policy::EchelonBaseStock { level } => Some(*level),
        Policy::MinMax { max, .. } => Some(*max),
        Policy::ReorderLot { reorder_point, lot } => Some(reorder_point + lot),
        Policy::Never | Policy::Forecast { .. } | Policy::Scheduled { .. } => None,
    }
}

fn levels(policy: &Policy) -> Option<LevelsView> {
    let view = |policy, reorder_point, order_up_to, lot| Some(LevelsView { policy, reorder_point, order_up_to, lot });
    match policy {
        Policy::BaseStock { level } => view(LevelPolicy::BaseStock, None, Some(*level), None),
        Policy::EchelonBaseStock { level } => view(LevelPolicy::EchelonBaseStock, None, Some(*level), None),
        Policy::MinMax { min, max } => view(LevelPolicy::MinMax, Some(*min), Some(*max), None),
        Policy::ReorderLot { reorder_point, lot } => {
            view(LevelPolicy::ReorderLot, Some(*reorder_point), None, Some(*lot))
        }
        Policy::Never | Policy::Forecast { .. } | Policy::Scheduled { .. } => None,
    }
}
