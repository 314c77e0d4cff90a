//! Replenishment: the policy, parameters of positions, what is proposed, and what is decided on it.

use super::App;
use super::api::{About, Answer, Api, Body1, Call, Change, Key, Versioned};
use super::error::{Kind, Problem};
use super::orders::refuse;
use super::page::{beyond, collect};
use super::params::{Limit, path_params, query_params};
use crate::control::{Reply, Request};
use crate::planning::held_by;
use ::twin::Twin;
use ::twin::demand_book::day_of;
use ::twin::planning::{Forecasts, Scope, Settings, Situation, gate_sentences, proposal_of, sentences};
use ::twin::replenish::{self, Gate};
use ::twin::state::StockIdx;
use ::twin::supply::{ProposalState, ProposalStatus as Status, Versioned as Kept};
use axum::http::StatusCode;
use firmware_schemas::api::supply::{
    AdviceView, DecidedView, DecisionRequest, EffectiveParameters, HeldView, ParametersView, PlacedView, PlannerView,
    PolicyView, ProposalStatus, ProposalView, ProposalsRequest, ProposedView, Sentences,
};
use firmware_schemas::api::{Fault, Page};
use firmware_schemas::id::{SiteId, SkuId};
use firmware_schemas::order::{CUSTOMER_MAX, NOTE_MAX};
use firmware_schemas::quantity::Pieces;
use firmware_schemas::supply::{
    AbcClass, Decision, POLICY_ENTRIES_MAX, ProposalId, ProposalSpec, ReplenishmentParameters, ReplenishmentPolicy,
    SupplyKind,
};
use std::sync::Arc;

/// Proposals that are decided together.
const IDS_MAX: usize = 10_000;

impl Versioned for PolicyView {
    fn version(&self) -> u64 {
        self.version
    }
}

impl Versioned for ParametersView {
    fn version(&self) -> u64 {
        self.version
    }
}

pub(super) fn add_to(api: &mut Api) {
    let about = |path, id, summary, description| About { path, id, tag: "replenishment", summary, description };
    let policy = "/v1/replenishment/policy";
    let text = "One document: the default, rules for sites, kinds, classes and SKUs, terms of suppliers, a budget, promotions.";
    api.get_versioned(about(policy, "get_policy", "How positions are replenished", text), get_policy);
    let text = "Replaces all of it. The next planning run goes by it; open proposals stay until then.";
    api.change(about(policy, "set_policy", "Set the policy", text), Change::Replace, set_policy);
    let parameters = "/v1/replenishment/parameters/{site}/{sku}";
    let text = "What was set for this position alone, and what holds for it with the policy.";
    api.get_versioned(about(parameters, "get_parameters", "Parameters of a position", text), get_parameters);
    let text = "They go before the policy's.";
    api.change(
        about(parameters, "set_parameters", "Set parameters of a position", text),
        Change::Replace,
        set_parameters,
    );
    let text = "The policy's hold again.";
    let about_it = about(parameters, "reset_parameters", "Take parameters of a position back", text);
    api.change(about_it, Change::TakeBack, reset_parameters);
    let text = "Positions for which something of their own was set.";
    api.get(about("/v1/replenishment/parameters", "list_parameters", "Parameters of positions", text), list_parameters);
    let text = "When was planned, when will be, and how it went.";
    api.get(about("/v1/replenishment/planner", "get_planner", "How planning stands", text), planner);
    let text = "Plans as soon as can be, and answers at once; `get_planner` says when it is done. Proposals that nobody \
        decided on are replaced. What the policy calls automatic is ordered.";
    let run = about("/v1/replenishment/planner/run", "run_planner", "Plan now", text);
    api.post(run, StatusCode::ACCEPTED, Key::Natural, run_planner);
    let text = "What to order for a position at this moment, and why, whether it is due today or not. Nothing is kept. \
        What many positions share is left to planning runs: a warehouse that is short, minima and trucks of suppliers, \
        budgets and capacities.";
    let path = "/v1/replenishment/advice/{site}/{sku}";
    api.get(about(path, "get_advice", "What to order now, and why", text), advice);
    let text = "Of the last planning run, and those that were decided before; the 100,000 decided last.";
    api.get(about("/v1/replenishment/proposals", "list_proposals", "Proposals", text), list_proposals);
    let text = "With all its reasons, as data and in words.";
    api.get(about("/v1/replenishment/proposals/{id}", "get_proposal_of_run", "One proposal", text), get_proposal);
    let text = "It is to be ordered: `place_proposal` orders it, or whoever orders elsewhere.";
    let approve_it = about("/v1/replenishment/proposals/{id}/approve", "approve_proposal", "Approve a proposal", text);
    api.post(approve_it, StatusCode::OK, Key::Natural, approve);
    let text = "It is not wanted. The position is not proposed again before its next review.";
    let reject_it = about("/v1/replenishment/proposals/{id}/reject", "reject_proposal", "Reject a proposal", text);
    api.post(reject_it, StatusCode::OK, Key::Natural, reject);
    let text = "Orders what an open or approved proposal says. The same again is answered with the same order.";
    let place_it = about("/v1/replenishment/proposals/{id}/place", "place_proposal", "Order a proposal", text);
    api.post(place_it, StatusCode::OK, Key::Natural, place);
    let text = "All of them or none.";
    let many = |path, id, summary| about(path, id, summary, text);
    let path = "/v1/replenishment/proposals:approve";
    api.post(many(path, "approve_proposals", "Approve proposals"), StatusCode::OK, Key::Natural, approve_many);
    let path = "/v1/replenishment/proposals:reject";
    api.post(many(path, "reject_proposals", "Reject proposals"), StatusCode::OK, Key::Natural, reject_many);
    let text = "All of them or none; one order for each sender and receiver.";
    let path = "/v1/replenishment/proposals:place";
    api.post(about(path, "place_proposals", "Order proposals", text), StatusCode::OK, Key::Natural, place_many);
}

path_params! {
    /// Names a stock position.
    PositionPath {
        /// The site's id.
        site: SiteId = "RW-GLASGOW",
        /// The SKU's id.
        sku: SkuId = "TEA-01",
    }
}
path_params! {
    /// Names a proposal.
    ProposalPath {
        /// The proposal's id.
        id: u64 = 17,
    }
}
query_params! {
    /// Which proposals.
    ProposalQuery {
        /// Only this far.
        status: ProposalStatus = "open",
        /// Only for this site.
        site: SiteId = "RW-GLASGOW",
        /// Only of this SKU.
        sku: SkuId = "TEA-01",
        /// Only from this site.
        from: SiteId = "CW-DAVENTRY",
        /// Only bought, or only moved.
        kind: SupplyKind = "purchase",
        /// Only of SKUs of this class.
        class: AbcClass = "A",
        /// At most so many.
        limit: Limit = 100,
        /// The `next_cursor` of the page before.
        cursor: u64 = 71,
    }
}
query_params! {
    /// Which positions.
    ParametersQuery {
        /// At most so many.
        limit: Limit = 100,
        /// The `next_cursor` of the page before.
        cursor: u64 = 71,
    }
}

fn policy_view(twin: &Twin) -> PolicyView {
    match &twin.supply.policy {
        None => PolicyView { version: 0, set_at: None, by: None, policy: ReplenishmentPolicy::default() },
        Some(Kept { version, at, by, value }) => PolicyView {
            version: *version,
            set_at: Some(*at),
            by: by.as_deref().map(str::to_owned),
            policy: ReplenishmentPolicy::clone(value),
        },
    }
}

async fn get_policy(call: Call) -> Result<PolicyView, Problem> {
    Ok(policy_view(&call.app.published.load().twin))
}

async fn set_policy(call: Call<(), (), Body1<ReplenishmentPolicy>>, seen: u64) -> Result<PolicyView, Problem> {
    let Call { app, body: Body1(policy), .. } = call;
    refuse(policy_faults(&app.published.load().twin, &policy))?;
    let request =
        Request::DecideReplenishment { position: None, version: seen, by: None, document: Some(json(&policy)?) };
    app.ask(request).await?;
    Ok(policy_view(&app.published.load().twin))
}

fn json(document: &impl serde::Serialize) -> Result<String, Problem> {
    serde_json::to_string(document).map_err(|why| Problem::new(Kind::Internal, why.to_string()))
}

fn fault(place: String, detail: impl Into<String>) -> Fault {
    Fault { detail: detail.into(), pointer: Some(format!("#{place}")), ..Fault::default() }
}

fn policy_faults(twin: &Twin, policy: &ReplenishmentPolicy) -> Vec<Fault> {
    let mut faults = parameter_faults(&policy.default, "/default");
    let (sites, skus) = (&twin.site_by_id, &twin.sku_by_id);
    let no_site = |place: String, site: &SiteId| {
        (!sites.contains_key(site)).then(|| fault(place, format!("there is no site {:?}", site.as_str())))
    };
    let no_sku = |place: String, sku: &SkuId| {
        (!skus.contains_key(sku)).then(|| fault(place, format!("there is no SKU {:?}", sku.as_str())))
    };
    let lens =
        [("rules", policy.rules.len()), ("suppliers", policy.suppliers.len()), ("promotions", policy.promotions.len())];
    for (place, _) in lens.iter().filter(|(_, len)| *len > POLICY_ENTRIES_MAX) {
        faults.push(fault(format!("/{place}"), format!("there are more than {POLICY_ENTRIES_MAX}")));
    }
    for (n, rule) in policy.rules.iter().enumerate() {
        let at = format!("/rules/{n}");
        faults.extend(rule.sites.iter().enumerate().filter_map(|(k, site)| no_site(format!("{at}/sites/{k}"), site)));
        faults.extend(rule.skus.iter().enumerate().filter_map(|(k, sku)| no_sku(format!("{at}/skus/{k}"), sku)));
        faults.extend(parameter_faults(&rule.set, &format!("{at}/set")));
    }
    for (n, terms) in policy.suppliers.iter().enumerate() {
        let at = format!("/suppliers/{n}");
        faults.extend(no_site(format!("{at}/site"), &terms.site));
        let negative = [
            ("minimum_value_minor", terms.minimum_value_minor.0 < 0),
            ("minimum_pieces", terms.minimum_pieces.0 < 0),
            ("truck_g", terms.truck_g == Some(0)),
            ("capacity_pieces", terms.capacity_pieces.is_some_and(|it| it.0 < 0)),
        ];
        let wrong = negative.iter().filter(|(_, wrong)| *wrong);
        faults.extend(wrong.map(|(name, _)| fault(format!("{at}/{name}"), "it is less than it can be")));
    }
    if policy.budget_minor.is_some_and(|budget| budget.0 < 0) {
        faults.push(fault("/budget_minor".into(), "it is below 0"));
    }
    for (n, promotion) in policy.promotions.iter().enumerate() {
        let at = format!("/promotions/{n}");
        let sites = promotion.sites.iter().enumerate();
        faults.extend(sites.filter_map(|(k, site)| no_site(format!("{at}/sites/{k}"), site)));
        faults.extend(promotion.skus.iter().enumerate().filter_map(|(k, sku)| no_sku(format!("{at}/skus/{k}"), sku)));
        if promotion.until <= promotion.from {
            faults.push(fault(format!("{at}/until"), "it is not after from"));
        }
    }
    faults
}

fn parameter_faults(set: &ReplenishmentParameters, at: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut wrong = |name: &str, is: bool, detail: &str| {
        if is {
            faults.push(fault(format!("{at}/{name}"), detail));
        }
    };
    wrong("level_permille", set.level_permille.is_some_and(|it| !(1..=999).contains(&it)), "it is not 1 to 999");
    let rate = |rate: Option<u32>| rate.is_some_and(|it| it > 100_000);
    wrong("holding_permille_per_year", rate(set.holding_permille_per_year), "it is more than 100,000");
    wrong("shortage_permille", rate(set.shortage_permille), "it is more than 100,000");
    let days = set.review_weekdays.as_deref().unwrap_or(&[1]);
    let no_days = days.is_empty() || days.len() > 7 || days.iter().any(|day| !(1..=7).contains(day));
    wrong("review_weekdays", no_days, "it is one to seven days, 1 (Monday) to 7");
    wrong("multiple", set.multiple == Some(0), "it is at least 1");
    wrong("pallet", set.pallet == Some(0), "it is at least 1");
    wrong("order_cost_minor", set.order_cost_minor.is_some_and(|it| it.0 < 0), "it is below 0");
    wrong("lead_days", set.lead_days.is_some_and(|it| it > 3_650), "it is more than 3,650");
    let prices = set.prices.as_deref().unwrap_or_default();
    wrong("prices", prices.len() > 100, "there are more than 100");
    let ascends = prices.windows(2).all(|two| two[0].pieces < two[1].pieces);
    wrong("prices", !ascends, "quantities do not ascend");
    wrong("prices", prices.iter().any(|it| it.price_minor.0 < 0), "a price is below 0");
    faults
}

fn position(twin: &Twin, path: &PositionPath) -> Result<StockIdx, Problem> {
    let found = twin.stock_of(&path.site, &path.sku);
    found.ok_or_else(|| Problem::not_found("position", format!("{} of {}", path.sku, path.site)))
}

fn effective(twin: &Twin, at: StockIdx, forecasts: Option<&Forecasts>) -> EffectiveParameters {
    let stock = &twin.stock[at.at()];
    let class = forecasts.map_or(AbcClass::C, |it| it.class_of(stock.sku));
    let settings = Settings::of(twin, at, class);
    EffectiveParameters {
        class,
        mode: settings.mode,
        level_permille: settings.level_permille,
        holding_permille_per_year: settings.holding_permille_per_year,
        shortage_permille: settings.shortage_permille,
        priority: settings.priority,
        minimum: settings.minimum,
        multiple: settings.multiple,
        source: stock.source.map(|source| twin.sites[source.at()].spec.site.clone()),
    }
}

fn parameters_view(app: &App, at: StockIdx) -> ParametersView {
    let published = app.published.load();
    let twin = &published.twin;
    let stock = &twin.stock[at.at()];
    let kept = twin.supply.parameters.get(&at);
    ParametersView {
        site: twin.sites[stock.site.at()].spec.site.clone(),
        sku: twin.skus[stock.sku.at()].sku.clone(),
        version: kept.map_or(0, |it| it.version),
        set_at: kept.map(|it| it.at),
        by: kept.and_then(|it| it.by.as_deref().map(str::to_owned)),
        parameters: kept.map(|it| ReplenishmentParameters::clone(&it.value)).unwrap_or_default(),
        effective: effective(twin, at, app.planner.forecasts().as_deref()),
    }
}

async fn get_parameters(call: Call<PositionPath>) -> Result<ParametersView, Problem> {
    let at = position(&call.app.published.load().twin, &call.path)?;
    Ok(parameters_view(&call.app, at))
}

async fn set_parameters(
    call: Call<PositionPath, (), Body1<ReplenishmentParameters>>,
    seen: u64,
) -> Result<ParametersView, Problem> {
    let Call { app, path, body: Body1(set), .. } = call;
    let at = position(&app.published.load().twin, &path)?;
    refuse(parameter_faults(&set, ""))?;
    let document = Some(json(&set)?);
    let position = Some((path.site, path.sku));
    app.ask(Request::DecideReplenishment { position, version: seen, by: None, document }).await?;
    Ok(parameters_view(&app, at))
}

async fn reset_parameters(call: Call<PositionPath>, seen: u64) -> Result<ParametersView, Problem> {
    let Call { app, path, .. } = call;
    let at = position(&app.published.load().twin, &path)?;
    let position = Some((path.site, path.sku));
    app.ask(Request::DecideReplenishment { position, version: seen, by: None, document: None }).await?;
    Ok(parameters_view(&app, at))
}

async fn list_parameters(call: Call<(), ParametersQuery>) -> Result<Page<ParametersView>, Problem> {
    let published = call.app.published.load_full();
    let cursor = call.query.cursor.and_then(|at| u32::try_from(at).ok()).map(StockIdx);
    let found = published.twin.supply.parameters.range(beyond(cursor)).map(|(at, _)| *at);
    let page = collect(call.query.limit, found, |at| at.0.to_string());
    let items = page.items.into_iter().map(|at| parameters_view(&call.app, at)).collect();
    Ok(Page { items, next_cursor: page.next_cursor })
}

async fn planner(call: Call) -> Result<PlannerView, Problem> {
    Ok(call.app.planner.view())
}

async fn run_planner(call: Call) -> Result<Answer<PlannerView>, Problem> {
    call.app.planner.run_soon();
    Ok(Answer { status: StatusCode::ACCEPTED, location: None, body: call.app.planner.view() })
}

async fn advice(call: Call<PositionPath>) -> Result<AdviceView, Problem> {
    let Call { app, path, .. } = call;
    let published = app.published.load_full();
    let twin = &published.twin;
    let at = position(twin, &path)?;
    let forecasts = forecasts(&app)?;
    let today = day_of(app.clock.now());
    let stock = &twin.stock[at.at()];
    let class = forecasts.class_of(stock.sku);
    let situation = Situation::of(twin, &forecasts, today, Scope::Position(at));
    let planned = replenish::plan(&situation.inputs, 1);
    let plan = planned.map_err(|why| Problem::new(Kind::Conflict, format!("it cannot be planned: {why}")))?;
    let is_it = |idx: usize| situation.positions[idx] == at;
    let proposals: Vec<ProposedView> = plan
        .proposals
        .iter()
        .filter(|it| is_it(it.position))
        .map(|it| proposed(twin, &proposal_of(twin, today, class, it)))
        .collect();
    let gate = plan.held.iter().find(|it| is_it(it.position)).map(|it| it.gate);
    let gate = gate.or_else(|| proposals.is_empty().then_some(Gate::Enough));
    let inputs = situation.positions.iter().position(|it| *it == at).map(|idx| &situation.inputs.positions[idx]);
    Ok(AdviceView {
        revision: twin.revision,
        site: path.site,
        sku: path.sku,
        parameters: effective(twin, at, Some(&forecasts)),
        on_hand: Pieces(stock.on_hand),
        promised: Pieces(inputs.map_or(stock.reserved, |it| i64::from(it.reserved))),
        coming: Pieces(inputs.map_or(0, |it| i64::try_from(it.in_transit()).unwrap_or(i64::MAX))),
        proposals,
        held: gate.map(|gate| {
            let (en, zh) = gate_sentences(gate);
            HeldView { why: held_by(gate), text: Sentences { en, zh } }
        }),
    })
}

pub(super) fn forecasts(app: &App) -> Result<Arc<Forecasts>, Problem> {
    let none =
        || Problem::new(Kind::Unavailable, "there are no forecasts yet: /v1/replenishment/planner says how it stands");
    app.planner.forecasts().ok_or_else(none)
}

fn proposed(twin: &Twin, spec: &ProposalSpec) -> ProposedView {
    let (en, zh) = sentences(twin, spec).unwrap_or_default();
    ProposedView {
        site: spec.site.clone(),
        sku: spec.sku.clone(),
        from: spec.from.clone(),
        kind: spec.kind,
        pieces: spec.pieces,
        cost_minor: spec.cost_minor,
        due_at: spec.due_at,
        next_review_at: spec.next_review_at,
        mode: spec.mode,
        class: spec.class,
        reasons: spec.reasons.clone(),
        text: Sentences { en, zh },
    }
}

fn status_of(status: &Status) -> ProposalStatus {
    match status {
        Status::Open => ProposalStatus::Open,
        Status::Approved => ProposalStatus::Approved,
        Status::Rejected => ProposalStatus::Rejected,
        Status::Placed(_) => ProposalStatus::Placed,
    }
}

fn view(twin: &Twin, id: ProposalId, state: &ProposalState) -> ProposalView {
    ProposalView {
        id,
        status: status_of(&state.status),
        proposal: proposed(twin, &state.spec),
        made_at: state.made_at,
        decided_at: state.decided_at,
        by: state.by.as_deref().map(str::to_owned),
        note: state.note.as_deref().map(str::to_owned),
        order: match &state.status {
            Status::Placed(order) => Some(order.clone()),
            _ => None,
        },
    }
}

async fn list_proposals(call: Call<(), ProposalQuery>) -> Result<Page<ProposalView>, Problem> {
    let (published, query) = (call.app.published.load_full(), call.query);
    let twin = &published.twin;
    let found = twin.supply.proposals.range(beyond(query.cursor.map(ProposalId))).filter(|(_, state)| {
        let spec = &state.spec;
        query.status.is_none_or(|status| status_of(&state.status) == status)
            && query.site.as_ref().is_none_or(|site| spec.site == *site)
            && query.sku.as_ref().is_none_or(|sku| spec.sku == *sku)
            && query.from.as_ref().is_none_or(|from| spec.from == *from)
            && query.kind.is_none_or(|kind| spec.kind == kind)
            && query.class.is_none_or(|class| spec.class == class)
    });
    let page = collect(query.limit, found, |(id, _)| id.0.to_string());
    let items = page.items.into_iter().map(|(id, state)| view(twin, *id, state)).collect();
    Ok(Page { items, next_cursor: page.next_cursor })
}

fn find(app: &App, id: u64) -> Result<ProposalView, Problem> {
    let published = app.published.load();
    let state = published.twin.supply.proposals.get(&ProposalId(id));
    let state = state.ok_or_else(|| Problem::not_found("proposal", id))?;
    Ok(view(&published.twin, ProposalId(id), state))
}

async fn get_proposal(call: Call<ProposalPath>) -> Result<ProposalView, Problem> {
    find(&call.app, call.path.id)
}

fn said(by: Option<&str>, note: Option<&str>) -> Result<(), Problem> {
    if by.is_some_and(|by| by.chars().count() > CUSTOMER_MAX) {
        return Err(Problem::body("/by", "a name has at most 200 characters"));
    }
    if note.is_some_and(|note| note.chars().count() > NOTE_MAX) {
        return Err(Problem::body("/note", "a note has at most 1,000 characters"));
    }
    Ok(())
}

async fn decide(app: &App, asked: ProposalsRequest, decision: Decision) -> Result<u64, Problem> {
    let ProposalsRequest { ids, by, note } = asked;
    said(by.as_deref(), note.as_deref())?;
    let n = count(&ids)?;
    app.ask(Request::DecideProposals { ids, decision, by, note }).await?;
    Ok(n)
}

fn count(ids: &[ProposalId]) -> Result<u64, Problem> {
    match ids.len() {
        1..=IDS_MAX => Ok(ids.len() as u64),
        n => Err(Problem::body("/ids", format!("there are {n} ids, not 1 to {IDS_MAX}"))),
    }
}

async fn place_all(app: &App, asked: ProposalsRequest) -> Result<PlacedView, Problem> {
    let ProposalsRequest { ids, by, note } = asked;
    said(by.as_deref(), note.as_deref())?;
    count(&ids)?;
    match app.ask(Request::PlaceProposals { ids, by }).await? {
        Reply::Placed(orders) => Ok(PlacedView { orders }),
        _ => Err(Problem::new(Kind::Internal, "orders were placed, and are not to be seen")),
    }
}

fn one(path: &ProposalPath, asked: DecisionRequest) -> ProposalsRequest {
    ProposalsRequest { ids: vec![ProposalId(path.id)], by: asked.by, note: asked.note }
}

async fn approve(call: Call<ProposalPath, (), Body1<DecisionRequest>>) -> Result<Answer<ProposalView>, Problem> {
    let Call { app, path, body: Body1(asked), .. } = call;
    decide(&app, one(&path, asked), Decision::Approve).await?;
    Ok(find(&app, path.id)?.into())
}

async fn reject(call: Call<ProposalPath, (), Body1<DecisionRequest>>) -> Result<Answer<ProposalView>, Problem> {
    let Call { app, path, body: Body1(asked), .. } = call;
    decide(&app, one(&path, asked), Decision::Reject).await?;
    Ok(find(&app, path.id)?.into())
}

async fn place(call: Call<ProposalPath, (), Body1<DecisionRequest>>) -> Result<Answer<ProposalView>, Problem> {
    let Call { app, path, body: Body1(asked), .. } = call;
    place_all(&app, one(&path, asked)).await?;
    Ok(find(&app, path.id)?.into())
}

async fn approve_many(call: Call<(), (), Body1<ProposalsRequest>>) -> Result<Answer<DecidedView>, Problem> {
    let Call { app, body: Body1(asked), .. } = call;
    Ok(DecidedView { decided: decide(&app, asked, Decision::Approve).await? }.into())
}

async fn reject_many(call: Call<(), (), Body1<ProposalsRequest>>) -> Result<Answer<DecidedView>, Problem> {
    let Call { app, body: Body1(asked), .. } = call;
    Ok(DecidedView { decided: decide(&app, asked, Decision::Reject).await? }.into())
}

async fn place_many(call: Call<(), (), Body1<ProposalsRequest>>) -> Result<Answer<PlacedView>, Problem> {
    let Call { app, body: Body1(asked), .. } = call;
    Ok(place_all(&app, asked).await?.into())
}
