//! Replenishment as it stands: the policy, what is proposed, what is ordered and how far it is, and how long it takes.
//!
//! ```text
//! Planned ─▶ proposals ─ ProposalDecided ─▶ SupplyOrderPlaced ─▶ on order
//! StockOrdered (a site's own) ──────────────────────┘      CommandAnswered ─▶ confirmed
//! ShipmentDispatched, ShipmentArrived, StockReceived of that order ─▶ shipped, received, lead time learned
//! ```

use crate::apply::Dangling;
use crate::demand_book::{Week, day_of, monday, start_of, week_of};
use crate::order::Day;
use crate::state::{SiteIdx, SkuIdx, StockIdx, Twin};
use firmware_schemas::id::{OrderId, SiteId, SkuId};
use firmware_schemas::network::SiteKind;
use firmware_schemas::quantity::{MinorUnits, Timestamp};
use firmware_schemas::supply::{
    Decision, OverriddenWeek, ProposalId, ProposalSpec, ReplenishmentParameters, ReplenishmentPolicy, SupplyKind,
    SupplyOrderSpec,
};
use firmware_schemas::telemetry::GoodsLine;
use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Supply orders that are neither received nor cancelled; what sites order beyond is not listed.
pub const OPEN_SUPPLY_MAX: u64 = 1_000_000;
/// Received and cancelled supply orders that are kept; the one that was closed first is forgotten first.
pub const CLOSED_SUPPLY_MAX: usize = 100_000;
/// Proposals that were decided and are kept; the oldest is forgotten first.
pub const DECIDED_PROPOSALS_MAX: usize = 100_000;
/// Observed lead times that are kept of two sites.
const LEADS_MAX: usize = 32;
/// From so many on, they say more than the lanes.
const LEADS_MIN: usize = 5;

/// How far a proposal is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProposalStatus {
    /// Nobody has decided.
    Open,
    /// It is to be ordered.
    Approved,
    /// It is not wanted.
    Rejected,
    /// It is ordered, with this.
    Placed(OrderId),
}

/// A proposal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProposalState {
    /// What is proposed, and why.
    pub spec: Arc<ProposalSpec>,
    /// How far it is.
    pub status: ProposalStatus,
    /// When it was made.
    pub made_at: Timestamp,
    /// When somebody, or the policy, decided.
    pub decided_at: Option<Timestamp>,
    /// Who decided, as they gave it; `None` for the policy.
    pub by: Option<Arc<str>>,
    /// What they said.
    pub note: Option<Arc<str>>,
}

/// Goods of a supply order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupplyLine {
    /// What.
    pub sku: SkuIdx,
    /// Ordered.
    pub pieces: i64,
    /// What they cost, minor units; 0 where nobody said.
    pub cost_minor: MinorUnits,
    /// The proposal that it follows from.
    pub proposal: Option<ProposalId>,
    /// Have left the sender.
    pub shipped: i64,
    /// Have come.
    pub received: i64,
    /// No longer wanted, or no longer sent.
    pub cancelled: i64,
}

impl SupplyLine {
    /// Neither come nor cancelled.
    pub fn open(&self) -> i64 {
        (self.pieces - self.received - self.cancelled).max(0)
    }

    /// Neither sent nor come nor cancelled.
    pub fn unsent(&self) -> i64 {
        (self.pieces - self.shipped.max(self.received) - self.cancelled).max(0)
    }
}

/// How far a supply order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SupplyStatus {
    /// The sender has not answered.
    Placed,
    /// The sender, or the site that ordered, confirmed it.
    Confirmed,
    /// A part has left.
    Shipped,
    /// All that was not cancelled has come.
    Received,
    /// Nothing came, and nothing will.
    Cancelled,
}

impl SupplyStatus {
    /// True while something may come.
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Received | Self::Cancelled)
    }
}

/// An order to a supplier or to another site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupplyOrder {
    /// Bought or moved.
    pub kind: SupplyKind,
    /// Who sends it, where that is known.
    pub from: Option<SiteIdx>,
    /// Who gets it.
    pub to: SiteIdx,
    /// What.
    pub lines: Arc<Vec<SupplyLine>>,
    /// How far it is.
    pub status: SupplyStatus,
    /// True when the plane placed it; false when a site reported it.
    pub is_ours: bool,
    /// Its number in the order of placing: the journal's.
    pub number: u64,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// When it should be there.
    pub due_at: Option<Timestamp>,
    /// When anything of it last changed.
    pub changed_at: Timestamp,
    /// Why it was cancelled, for people.
    pub reason: Option<Arc<str>>,
}

/// A planner's number for a week of a position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverrideState {
    /// Pieces expected.
    pub pieces: i64,
    /// What statistics expected then, thousandths of a piece.
    pub statistical_milli: i64,
    /// When it was given.
    pub at: Timestamp,
    /// By whom, as they gave it.
    pub by: Option<Arc<str>>,
    /// Why.
    pub note: Option<Arc<str>>,
}

/// A document, and which version it is of: the journal's number of the fact that set it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versioned<T> {
    /// Its version; 0 for one that nobody set.
    pub version: u64,
    /// When it was set.
    pub at: Timestamp,
    /// By whom, as they gave it.
    pub by: Option<Arc<str>>,
    /// It.
    pub value: Arc<T>,
}

/// All of replenishment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Supply {
    /// The policy; `None` until somebody sets one.
    pub policy: Option<Versioned<ReplenishmentPolicy>>,
    /// Parameters of single positions.
    pub parameters: OrdMap<StockIdx, Versioned<ReplenishmentParameters>>,
    /// Proposals that nobody decided on, and those decided, at most [`DECIDED_PROPOSALS_MAX`].
    pub proposals: OrdMap<ProposalId, ProposalState>,
    /// Those that nobody decided on.
    pub open: OrdMap<ProposalId, ()>,
    /// Those that were approved and not yet ordered.
    pub approved: OrdMap<ProposalId, ()>,
    /// Those that were decided.
    pub decided: OrdMap<ProposalId, ()>,
    /// The next id.
    pub next_proposal: u64,
    /// The journal's number of the last decision or order: a plan that was begun before it is out of date.
    pub decided_in: u64,
    /// When the last plan was made.
    pub planned_at: Option<Timestamp>,
    /// Positions that are not proposed again before this day, because somebody rejected what was.
    pub rejected_until: OrdMap<StockIdx, Day>,
    /// Supply orders, by id; closed ones at most [`CLOSED_SUPPLY_MAX`].
    pub by_id: OrdMap<OrderId, SupplyOrder>,
    /// Ids in the order of placing. Several orders of one fact follow each other.
    pub by_number: OrdMap<(u64, OrderId), ()>,
    /// Open orders by who gets them.
    pub open_to: OrdMap<(SiteIdx, OrderId), ()>,
    /// Closed ones in the order of closing.
    pub closed: OrdMap<u64, OrderId>,
    /// Observed days from placing to coming, by sender and receiver, the newest last.
    pub leads: OrdMap<(SiteIdx, SiteIdx), Arc<Vec<u16>>>,
    /// What planners expect, by position and week.
    pub overrides: OrdMap<(StockIdx, Week), OverrideState>,
}

impl Supply {
    /// True when a promotion that the policy names covers any day of the week.
    pub fn is_promoted(&self, site: &SiteId, sku: &SkuId, week: Week) -> bool {
        let Some(policy) = &self.policy else { return false };
        let (from, until) = (start_of(monday(week)), start_of(monday(week.saturating_add(1))));
        policy.value.promotions.iter().any(|it| {
            it.from < until
                && it.until > from
                && (it.sites.is_empty() || it.sites.contains(site))
                && (it.skus.is_empty() || it.skus.contains(sku))
        })
    }

    /// Observed days from placing to coming, each with its share; `None` while too few were seen.
    pub fn lead_days(&self, from: SiteIdx, to: SiteIdx) -> Option<Vec<(u32, f64)>> {
        let seen = self.leads.get(&(from, to)).filter(|seen| seen.len() >= LEADS_MIN)?;
        let mut sorted = Vec::clone(seen);
        sorted.sort_unstable();
        let share = |group: &[u16]| (u32::from(group[0]), group.len() as f64 / sorted.len() as f64);
        Some(sorted.chunk_by(|a, b| a == b).map(share).collect())
    }

    fn learn(&mut self, from: SiteIdx, to: SiteIdx, placed_at: Timestamp, at: Timestamp) {
        let days = at.since(placed_at).as_secs().div_ceil(86_400);
        let seen = Arc::make_mut(self.leads.entry((from, to)).or_default());
        if seen.len() == LEADS_MAX {
            seen.remove(0);
        }
        seen.push(u16::try_from(days).unwrap_or(u16::MAX));
    }
}

/// Sites that sell to us; what comes from them is bought.
pub fn is_supplier(kind: SiteKind) -> bool {
    matches!(kind, SiteKind::Supplier | SiteKind::Factory)
}

impl Twin {
    pub(crate) fn decide_replenishment(
        &mut self,
        seq: u64,
        at: Timestamp,
        by: Option<&str>,
        position: Option<&(SiteId, SkuId)>,
        document: Option<&str>,
    ) -> Result<(), Dangling> {
        let wrong = |why: serde_json::Error| Dangling { seq, what: "document", id: why.to_string() };
        let by: Option<Arc<str>> = by.map(Arc::from);
        self.supply.decided_in = seq;
        let Some((site, sku)) = position else {
            self.supply.policy = match document {
                Some(json) => {
                    let value = Arc::new(serde_json::from_str(json).map_err(wrong)?);
                    Some(Versioned { version: seq, at, by, value })
                }
                None => None,
            };
            return Ok(());
        };
        let dangling = |id: &str| Dangling { seq, what: "position", id: id.to_owned() };
        let position = self.stock_of(site, sku).ok_or_else(|| dangling(&format!("{site} {sku}")))?;
        match document {
            Some(json) => {
                let value = Arc::new(serde_json::from_str(json).map_err(wrong)?);
                self.supply.parameters.insert(position, Versioned { version: seq, at, by, value });
            }
            None => {
                self.supply.parameters.remove(&position);
            }
        }
        Ok(())
    }

    pub(crate) fn take_plan(&mut self, at: Timestamp, is_first: bool, proposals: &[ProposalSpec]) {
        let supply = &mut self.supply;
        if is_first {
            for id in std::mem::take(&mut supply.open).keys() {
                supply.proposals.remove(id);
            }
        }
        supply.planned_at = Some(at);
        for spec in proposals {
            let id = ProposalId(supply.next_proposal);
            supply.next_proposal += 1;
            let state = ProposalState {
                spec: Arc::new(spec.clone()),
                status: ProposalStatus::Open,
                made_at: at,
                decided_at: None,
                by: None,
                note: None,
            };
            supply.proposals.insert(id, state);
            supply.open.insert(id, ());
        }
    }

    pub(crate) fn decide_proposal(
        &mut self,
        seq: u64,
        id: ProposalId,
        at: Timestamp,
        decision: Decision,
        by: Option<&str>,
        note: Option<&str>,
    ) -> Result<(), Dangling> {
        let dangling = || Dangling { seq, what: "proposal", id: id.0.to_string() };
        let known = self.supply.proposals.get(&id).cloned().ok_or_else(dangling)?;
        self.supply.decided_in = seq;
        let status = match decision {
            Decision::Approve => ProposalStatus::Approved,
            Decision::Reject => ProposalStatus::Rejected,
        };
        if decision == Decision::Reject
            && let Some(position) = self.stock_of(&known.spec.site, &known.spec.sku)
        {
            self.supply.rejected_until.insert(position, day_of(known.spec.next_review_at));
        }
        let decided =
            ProposalState { status, decided_at: Some(at), by: by.map(Arc::from), note: note.map(Arc::from), ..known };
        self.supply.proposals.insert(id, decided);
        self.supply.open.remove(&id);
        match decision {
            Decision::Approve => self.supply.approved.insert(id, ()),
            Decision::Reject => self.supply.approved.remove(&id),
        };
        self.supply.decided.insert(id, ());
        while self.supply.decided.len() > DECIDED_PROPOSALS_MAX {
            let Some((oldest, ())) = self.supply.decided.get_min().copied() else { break };
            self.supply.decided.remove(&oldest);
            self.supply.approved.remove(&oldest);
            self.supply.proposals.remove(&oldest);
        }
        Ok(())
    }

    /// Our order: its goods are on order from now on.
    pub(crate) fn place_supply(
        &mut self,
        seq: u64,
        at: Timestamp,
        spec: &SupplyOrderSpec,
    ) -> Result<Vec<StockIdx>, Dangling> {
        let dangling = |what, id: String| Dangling { seq, what, id };
        let site = |id: &SiteId| self.site_by_id.get(id).copied().ok_or_else(|| dangling("site", id.to_string()));
        let (from, to) = (site(&spec.from)?, site(&spec.to)?);
        self.supply.decided_in = seq;
        let mut lines = Vec::with_capacity(spec.lines.len());
        for line in &spec.lines {
            let sku = self.sku_by_id.get(&line.sku).copied();
            lines.push(SupplyLine {
                sku: sku.ok_or_else(|| dangling("SKU", line.sku.to_string()))?,
                pieces: line.pieces.0,
                cost_minor: line.cost_minor,
                proposal: line.proposal,
                shipped: 0,
                received: 0,
                cancelled: 0,
            });
        }
        for line in &lines {
            let Some(id) = line.proposal else { continue };
            if let Some(state) = self.supply.proposals.get_mut(&id) {
                state.status = ProposalStatus::Placed(spec.order.clone());
                self.supply.approved.remove(&id);
            }
        }
        let touched = lines.iter().map(|line| (line.sku, line.pieces)).collect::<Vec<_>>();
        let order = SupplyOrder {
            kind: spec.kind,
            from: Some(from),
            to,
            lines: Arc::new(lines),
            status: SupplyStatus::Placed,
            is_ours: true,
            number: seq,
            placed_at: at,
            due_at: Some(spec.due_at),
            changed_at: at,
            reason: None,
        };
        self.add_supply(spec.order.clone(), order);
        Ok(touched.into_iter().map(|(sku, pieces)| self.put_on_order(to, sku, pieces)).collect())
    }

    fn put_on_order(&mut self, site: SiteIdx, sku: SkuIdx, pieces: i64) -> StockIdx {
        let position = self.stock_at(site, sku);
        self.change_stock(position, |stock| stock.on_order = stock.on_order.saturating_add(pieces).max(0));
        position
    }

    fn add_supply(&mut self, id: OrderId, order: SupplyOrder) {
        self.supply.by_number.insert((order.number, id.clone()), ());
        self.supply.open_to.insert((order.to, id.clone()), ());
        self.supply.by_id.insert(id, order);
    }

    /// A site says that it ordered. True when that is an order of ours, whose goods are on order already.
    pub(crate) fn supply_reported(&mut self, seq: u64, id: &OrderId, said: Reported, at: Timestamp) -> bool {
        let Reported { to, sku, pieces, from, due_at } = said;
        let new = SupplyLine {
            sku,
            pieces,
            cost_minor: MinorUnits(0),
            proposal: None,
            shipped: 0,
            received: 0,
            cancelled: 0,
        };
        match self.supply.by_id.get(id).cloned() {
            Some(known) if known.is_ours => {
                self.confirm_supply(id, due_at, at);
                true
            }
            Some(mut known) if known.status.is_open() && known.to == to => {
                Arc::make_mut(&mut known.lines).push(new);
                known.changed_at = at;
                self.supply.by_id.insert(id.clone(), known);
                false
            }
            Some(_) => false,
            None => {
                if self.supply.open_to.len() as u64 >= OPEN_SUPPLY_MAX {
                    return false;
                }
                let is_bought = from.is_none_or(|from| is_supplier(self.sites[from.at()].spec.kind));
                let order = SupplyOrder {
                    kind: if is_bought { SupplyKind::Purchase } else { SupplyKind::Transfer },
                    from,
                    to,
                    lines: Arc::new(vec![new]),
                    status: SupplyStatus::Confirmed,
                    is_ours: false,
                    number: seq,
                    placed_at: at,
                    due_at,
                    changed_at: at,
                    reason: None,
                };
                self.add_supply(id.clone(), order);
                false
            }
        }
    }

    /// The sender answered: it will send, or will not.
    pub(crate) fn supply_answered(
        &mut self,
        id: &OrderId,
        will: bool,
        reason: Option<&str>,
        at: Timestamp,
    ) -> Vec<StockIdx> {
        match self.supply.by_id.get(id).cloned() {
            Some(known) if !known.status.is_open() => Vec::new(),
            Some(_) if will => {
                self.confirm_supply(id, None, at);
                Vec::new()
            }
            Some(_) => self.cancel_supply(id, at, reason),
            None => Vec::new(),
        }
    }

    /// The sender will send it, by `due_at` where that is given. One that is closed stays as it is.
    pub(crate) fn confirm_supply(&mut self, id: &OrderId, due_at: Option<Timestamp>, at: Timestamp) {
        let Some(mut known) = self.supply.by_id.get(id).filter(|it| it.status.is_open()).cloned() else { return };
        known.status = known.status.max(SupplyStatus::Confirmed);
        (known.due_at, known.changed_at) = (due_at.or(known.due_at), at);
        self.supply.by_id.insert(id.clone(), known);
    }

    /// What has not been sent is no longer on order.
    pub(crate) fn cancel_supply(&mut self, id: &OrderId, at: Timestamp, reason: Option<&str>) -> Vec<StockIdx> {
        let Some(mut known) = self.supply.by_id.get(id).filter(|it| it.status.is_open()).cloned() else {
            return Vec::new();
        };
        let mut touched = Vec::new();
        for line in Arc::make_mut(&mut known.lines) {
            let unsent = line.unsent();
            if unsent > 0 {
                line.cancelled += unsent;
                touched.push(self.put_on_order(known.to, line.sku, -unsent));
            }
        }
        known.reason = reason.map(Arc::from);
        self.settle(id, known, at);
        touched
    }

    /// Goods of the order were sent, came, or will not be sent; of several lines of a SKU the first come first.
    pub(crate) fn supply_moved(&mut self, id: &OrderId, goods: &[GoodsLine], step: SupplyStep, at: Timestamp) {
        let Some(mut known) = self.supply.by_id.get(id).filter(|it| it.status.is_open()).cloned() else { return };
        for goods in goods {
            let Some(sku) = self.sku_by_id.get(&goods.sku).copied() else { continue };
            let mut left = goods.pieces.0;
            for line in Arc::make_mut(&mut known.lines).iter_mut().filter(|line| line.sku == sku) {
                let room = match step {
                    SupplyStep::Sent => line.pieces - line.shipped - line.cancelled,
                    SupplyStep::Came => line.open(),
                    SupplyStep::WillNot => line.unsent(),
                };
                let moved = left.min(room.max(0));
                match step {
                    SupplyStep::Sent => line.shipped += moved,
                    SupplyStep::Came => line.received += moved,
                    SupplyStep::WillNot => line.cancelled += moved,
                }
                left -= moved;
            }
        }
        if step == SupplyStep::Came
            && let Some(from) = known.from
        {
            self.supply.learn(from, known.to, known.placed_at, at);
        }
        if step == SupplyStep::Sent {
            known.status = known.status.max(SupplyStatus::Shipped);
        }
        self.settle(id, known, at);
    }

    fn settle(&mut self, id: &OrderId, mut order: SupplyOrder, at: Timestamp) {
        order.changed_at = at;
        if order.lines.iter().all(|line| line.open() == 0) {
            let came = order.lines.iter().any(|line| line.received > 0);
            order.status = if came { SupplyStatus::Received } else { SupplyStatus::Cancelled };
            self.supply.open_to.remove(&(order.to, id.clone()));
            let number = self.supply.closed.get_max().map_or(0, |(last, _)| last + 1);
            self.supply.closed.insert(number, id.clone());
        }
        self.supply.by_id.insert(id.clone(), order);
        while self.supply.closed.len() > CLOSED_SUPPLY_MAX {
            let Some((oldest, id)) = self.supply.closed.get_min().cloned() else { break };
            self.supply.closed.remove(&oldest);
            if let Some(forgotten) = self.supply.by_id.remove(&id) {
                self.supply.by_number.remove(&(forgotten.number, id));
            }
        }
    }

    pub(crate) fn override_forecast(
        &mut self,
        position: StockIdx,
        at: Timestamp,
        by: Option<&str>,
        note: Option<&str>,
        weeks: &[OverriddenWeek],
    ) {
        for it in weeks {
            let key = (position, week_of(day_of(it.week)));
            let Some(pieces) = it.pieces else {
                self.supply.overrides.remove(&key);
                continue;
            };
            let state = OverrideState {
                pieces: pieces.0,
                statistical_milli: it.statistical_milli,
                at,
                by: by.map(Arc::from),
                note: note.map(Arc::from),
            };
            self.supply.overrides.insert(key, state);
        }
    }
}

/// What a site says that it ordered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reported {
    /// Which site.
    pub(crate) to: SiteIdx,
    /// What.
    pub(crate) sku: SkuIdx,
    /// How many.
    pub(crate) pieces: i64,
    /// From where, where it said so.
    pub(crate) from: Option<SiteIdx>,
    /// When it should be there.
    pub(crate) due_at: Option<Timestamp>,
}

/// What happened to goods of a supply order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SupplyStep {
    /// They have left.
    Sent,
    /// They have come.
    Came,
    /// They will not be sent.
    WillNot,
}
