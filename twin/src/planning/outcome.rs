//! What a run proposes, with ids in place of indices, and in words.

use crate::demand_book::start_of;
use crate::order::Day;
use crate::replenish::lot::LotRule;
use crate::replenish::sentence::{Language, Names, of_gate, of_proposal};
use crate::replenish::{Gate, Limit, Mode, Origin, Proposal, Reason, SourceWhy, Together};
use crate::state::{SiteIdx, Twin};
use crate::supply::is_supplier;
use firmware_schemas::id::SiteId;
use firmware_schemas::quantity::{MinorUnits, Pieces};
use firmware_schemas::supply::{
    AbcClass, CutBy, JointAim, PlanningMode, ProposalReason, ProposalSpec, RoundedTo, SourceChoice, SupplyKind,
};

/// Pairs of what a run says and what the contract says, both ways.
macro_rules! pairs {
    ($there:ident, $back:ident: $run:ident <=> $contract:ident { $($a:ident = $b:ident),+ $(,)? }) => {
        fn $there(it: $run) -> $contract {
            match it { $($run::$a => $contract::$b),+ }
        }
        fn $back(it: $contract) -> $run {
            match it { $($contract::$b => $run::$a),+ }
        }
    };
}

pairs!(mode_of, run_mode: Mode <=> PlanningMode { Automatic = Automatic, Proposed = Proposed, Off = Off });
pairs!(choice_of, run_choice: SourceWhy <=> SourceChoice {
    Only = Only, Priority = Priority, Cheapest = Cheapest, TransferFirst = TransferFirst, RestOfNeed = RestOfNeed,
});
pairs!(rule_of, run_rule: LotRule <=> RoundedTo {
    Min = Minimum, Multiple = Multiple, Pallet = Pallet, Container = Container,
});
pairs!(aim_of, run_aim: Together <=> JointAim { Minimum = Minimum, Truck = Truck });
pairs!(cut_of, run_cut: Limit <=> CutBy {
    Source = Source, Supplier = Supplier, Site = Site, Budget = Budget, Truck = Truck, ShelfLife = ShelfLife,
});

fn site(twin: &Twin, origin: Origin) -> SiteId {
    let (Origin::Warehouse(at) | Origin::Neighbour(at) | Origin::Supplier(at)) = origin;
    twin.sites[SiteIdx(at).at()].spec.site.clone()
}

/// A reason with ids.
pub fn reason_of(twin: &Twin, reason: &Reason) -> ProposalReason {
    match *reason {
        Reason::Due { mode, next_days } => ProposalReason::Due { mode: mode_of(mode), next_days },
        Reason::Horizon { lead_days, cover_days } => ProposalReason::Horizon { lead_days, cover_days },
        Reason::Forecast { mean, deviation } => ProposalReason::Forecast { mean, deviation },
        Reason::OnHand(pieces) => ProposalReason::OnHand { pieces },
        Reason::InTransit(pieces) => ProposalReason::InTransit { pieces },
        Reason::Reserved(pieces) => ProposalReason::Reserved { pieces },
        Reason::Backorders(pieces) => ProposalReason::Backorders { pieces },
        Reason::Target { pieces, level_permille } => ProposalReason::Target { pieces, level_permille },
        Reason::Need(pieces) => ProposalReason::Need { pieces },
        Reason::Source { origin, of, why } => {
            ProposalReason::Source { from: site(twin, origin), of, why: choice_of(why) }
        }
        Reason::Shared { wanted, given, priority } => ProposalReason::Shared { wanted, given, priority },
        Reason::EconomicLot { from, to } => ProposalReason::EconomicLot { from, to },
        Reason::PriceBreak { from, to, price_minor } => ProposalReason::PriceBreak { from, to, price_minor },
        Reason::Rounded { rule, from, to } => ProposalReason::Rounded { rule: rule_of(rule), from, to },
        Reason::Joint { why, from, to } => ProposalReason::Joint { why: aim_of(why), from, to },
        Reason::Cut { limit, from, to } => ProposalReason::Cut { limit: cut_of(limit), from, to },
        Reason::Risk { short_permille, without_permille, short_pieces } => {
            ProposalReason::Risk { short_permille, without_permille, short_pieces }
        }
    }
}

/// The reason as the run gave it; suppliers have the indices of their sites.
fn run_reason(twin: &Twin, reason: &ProposalReason) -> Option<Reason> {
    Some(match *reason {
        ProposalReason::Due { mode, next_days } => Reason::Due { mode: run_mode(mode), next_days },
        ProposalReason::Horizon { lead_days, cover_days } => Reason::Horizon { lead_days, cover_days },
        ProposalReason::Forecast { mean, deviation } => Reason::Forecast { mean, deviation },
        ProposalReason::OnHand { pieces } => Reason::OnHand(pieces),
        ProposalReason::InTransit { pieces } => Reason::InTransit(pieces),
        ProposalReason::Reserved { pieces } => Reason::Reserved(pieces),
        ProposalReason::Backorders { pieces } => Reason::Backorders(pieces),
        ProposalReason::Target { pieces, level_permille } => Reason::Target { pieces, level_permille },
        ProposalReason::Need { pieces } => Reason::Need(pieces),
        ProposalReason::Source { ref from, of, why } => {
            Reason::Source { origin: origin(twin, from)?, of, why: run_choice(why) }
        }
        ProposalReason::Shared { wanted, given, priority } => Reason::Shared { wanted, given, priority },
        ProposalReason::EconomicLot { from, to } => Reason::EconomicLot { from, to },
        ProposalReason::PriceBreak { from, to, price_minor } => Reason::PriceBreak { from, to, price_minor },
        ProposalReason::Rounded { rule, from, to } => Reason::Rounded { rule: run_rule(rule), from, to },
        ProposalReason::Joint { why, from, to } => Reason::Joint { why: run_aim(why), from, to },
        ProposalReason::Cut { limit, from, to } => Reason::Cut { limit: run_cut(limit), from, to },
        ProposalReason::Risk { short_permille, without_permille, short_pieces } => {
            Reason::Risk { short_permille, without_permille, short_pieces }
        }
    })
}

fn origin(twin: &Twin, from: &SiteId) -> Option<Origin> {
    let at = twin.site_by_id.get(from)?;
    let is_bought = is_supplier(twin.sites[at.at()].spec.kind);
    Some(if is_bought { Origin::Supplier(at.0) } else { Origin::Warehouse(at.0) })
}

/// A proposal with ids, as it is kept.
pub fn proposal_of(twin: &Twin, today: Day, class: AbcClass, proposal: &Proposal) -> ProposalSpec {
    let next_days = proposal.reasons.iter().find_map(|reason| match reason {
        Reason::Due { next_days, .. } => Some(*next_days),
        _ => None,
    });
    let in_days = |days: u32| start_of(today.saturating_add(i32::try_from(days).unwrap_or(366)));
    ProposalSpec {
        site: twin.sites[proposal.site as usize].spec.site.clone(),
        sku: twin.skus[proposal.sku as usize].sku.clone(),
        from: site(twin, proposal.origin),
        kind: match proposal.origin {
            Origin::Supplier(_) => SupplyKind::Purchase,
            Origin::Warehouse(_) | Origin::Neighbour(_) => SupplyKind::Transfer,
        },
        pieces: Pieces(i64::try_from(proposal.quantity).unwrap_or(i64::MAX)),
        cost_minor: MinorUnits(i64::try_from(proposal.cost_minor).unwrap_or(i64::MAX)),
        due_at: start_of(i32::try_from(proposal.due_day).unwrap_or(i32::MAX)),
        next_review_at: in_days(next_days.unwrap_or(1)),
        mode: mode_of(proposal.mode),
        class,
        reasons: proposal.reasons.iter().map(|reason| reason_of(twin, reason)).collect(),
    }
}

/// What is proposed and why, in English and Chinese.
pub fn sentences(twin: &Twin, spec: &ProposalSpec) -> Option<(String, String)> {
    let proposal = Proposal {
        position: 0,
        site: twin.site_by_id.get(&spec.site)?.0,
        sku: twin.sku_by_id.get(&spec.sku)?.0,
        origin: origin(twin, &spec.from)?,
        quantity: spec.pieces.0.max(0) as u64,
        due_day: u32::try_from(crate::demand_book::day_of(spec.due_at)).unwrap_or(0),
        mode: run_mode(spec.mode),
        cost_minor: spec.cost_minor.0.max(0) as u64,
        reasons: spec.reasons.iter().filter_map(|reason| run_reason(twin, reason)).collect(),
    };
    let site_name = |zh: bool| {
        move |at: u32| {
            let spec = &twin.sites.get(at as usize)?.spec;
            Some(if zh { spec.name_zh.clone() } else { None }.unwrap_or_else(|| spec.name.clone()))
        }
    };
    let sku_name = |zh: bool| {
        move |at: u32| {
            let spec = twin.skus.get(at as usize)?;
            Some(if zh { spec.name_zh.clone() } else { None }.unwrap_or_else(|| spec.name.clone()))
        }
    };
    let say = |language: Language| {
        let zh = language == Language::Chinese;
        let (sites, skus) = (site_name(zh), sku_name(zh));
        of_proposal(&proposal, Names { sites: &sites, skus: &skus, suppliers: &sites }, language)
    };
    Some((say(Language::English), say(Language::Chinese)))
}

/// Why nothing is ordered for a position, in English and Chinese.
pub fn gate_sentences(gate: Gate) -> (String, String) {
    (of_gate(gate, Language::English), of_gate(gate, Language::Chinese))
}
