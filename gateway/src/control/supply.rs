//! Replenishment: the policy, proposals and what is decided on them, orders to suppliers and other sites.

use super::{Answered, Broken, Control, Effect, Reply, RequestError, TELL_AGAIN, not_found};
use firmware_schemas::command::{Action, CommandFrame};
use firmware_schemas::fact::{DeviceIdx, Fact};
use firmware_schemas::id::{CommandId, OrderId, SiteId, SkuId};
use firmware_schemas::network::DeviceKind;
use firmware_schemas::quantity::Timestamp;
use firmware_schemas::supply::{
    Decision, PlanningMode, ProposalId, ProposalSpec, SupplyKind, SupplyLineSpec, SupplyOrderSpec,
};
use firmware_schemas::telemetry::GoodsLine;
use std::collections::BTreeMap;
use std::sync::Arc;
use twin::state::{SiteIdx, StockIdx};
use twin::supply::{ProposalStatus, SupplyOrder, SupplyStatus};

/// Proposals of one fact: a long plan is many facts.
const PROPOSALS_OF_FACT: usize = 1_000;
/// Lines of one order.
const SUPPLY_LINES_MAX: usize = 500;

/// A proposal with its id.
type Proposed = (ProposalId, Arc<ProposalSpec>);
impl<T> Control<T> {
    pub(super) fn known_position(&self, site: &SiteId, sku: &SkuId) -> Result<StockIdx, RequestError> {
        self.twin.stock_of(site, sku).ok_or_else(|| not_found("position", format!("{site} {sku}")))
    }

    pub(super) fn decide_replenishment(
        &mut self,
        position: Option<(SiteId, SkuId)>,
        version: u64,
        by: Option<String>,
        document: Option<String>,
        now: Timestamp,
    ) -> Answered {
        let supply = &self.twin.supply;
        let known = match &position {
            None => supply.policy.as_ref().map(|it| it.version),
            Some((site, sku)) => match self.known_position(site, sku) {
                Ok(at) => supply.parameters.get(&at).map(|it| it.version),
                Err(why) => return Ok(Err(why)),
            },
        };
        let is = known.unwrap_or(0);
        if is != version {
            return Ok(Err(RequestError::Changed(format!("it has version {is}, and not {version}"))));
        }
        if known.is_none() && document.is_none() {
            return Ok(Ok(Reply::Already));
        }
        self.record(Fact::ReplenishmentDecided { at: now, by, position, document }, now)?;
        Ok(Ok(Reply::Done))
    }

    pub(super) fn take_plan(
        &mut self,
        mut is_first: bool,
        seen: u64,
        proposals: Vec<ProposalSpec>,
        now: Timestamp,
    ) -> Answered {
        if is_first && self.twin.supply.decided_in != seen {
            return Ok(Err(RequestError::Changed("something was decided or ordered since it was begun".to_owned())));
        }
        let first = self.twin.supply.next_proposal;
        let automatic: Vec<ProposalId> = (first..)
            .zip(&proposals)
            .filter(|(_, spec)| spec.mode == PlanningMode::Automatic)
            .map(|(id, _)| ProposalId(id))
            .collect();
        let mut rest = proposals.into_iter();
        loop {
            let proposals: Vec<ProposalSpec> = rest.by_ref().take(PROPOSALS_OF_FACT).collect();
            if proposals.is_empty() && !is_first {
                break;
            }
            self.record(Fact::Planned { at: now, is_first, proposals }, now)?;
            is_first = false;
        }
        self.place_proposals(&automatic, None, now)
    }

    /// The proposals with these ids, if all can still be decided, or were approved and wait to be ordered.
    fn undecided(&self, ids: &[ProposalId], or_approved: bool) -> Result<Vec<Arc<ProposalSpec>>, RequestError> {
        let one = |id: &ProposalId| {
            let state = self.twin.supply.proposals.get(id).ok_or_else(|| not_found("proposal", id.0))?;
            let is = match &state.status {
                ProposalStatus::Open => return Ok(state.spec.clone()),
                ProposalStatus::Approved if or_approved => return Ok(state.spec.clone()),
                ProposalStatus::Approved => "is approved already".to_owned(),
                ProposalStatus::Rejected => "was rejected".to_owned(),
                ProposalStatus::Placed(order) => format!("was ordered with {order}"),
            };
            Err(RequestError::Conflict(format!("proposal {} {is}", id.0)))
        };
        ids.iter().map(one).collect()
    }

    pub(super) fn decide_proposals(
        &mut self,
        ids: &[ProposalId],
        decision: Decision,
        by: Option<&str>,
        note: Option<&str>,
        now: Timestamp,
    ) -> Answered {
        let as_decided = match decision {
            Decision::Approve => ProposalStatus::Approved,
            Decision::Reject => ProposalStatus::Rejected,
        };
        let proposals = &self.twin.supply.proposals;
        if ids.iter().all(|id| proposals.get(id).is_some_and(|state| state.status == as_decided)) {
            return Ok(Ok(Reply::Already));
        }
        // What was approved and not ordered may still be rejected.
        if let Err(why) = self.undecided(ids, decision == Decision::Reject) {
            return Ok(Err(why));
        }
        for id in ids {
            self.decide(*id, decision, by, note, now)?;
        }
        Ok(Ok(Reply::Done))
    }

    fn decide(
        &mut self,
        id: ProposalId,
        decision: Decision,
        by: Option<&str>,
        note: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Broken> {
        let (by, note) = (by.map(str::to_owned), note.map(str::to_owned));
        self.record(Fact::ProposalDecided { at: now, id, decision, by, note }, now)
    }

    pub(super) fn place_proposals(&mut self, ids: &[ProposalId], by: Option<&str>, now: Timestamp) -> Answered {
        let placed_with = |id: &ProposalId| match &self.twin.supply.proposals.get(id)?.status {
            ProposalStatus::Placed(order) => Some(order.clone()),
            _ => None,
        };
        // The same again: the same orders.
        if let Some(mut orders) = ids.iter().map(placed_with).collect::<Option<Vec<_>>>() {
            orders.sort_unstable();
            orders.dedup();
            return Ok(Ok(Reply::Placed(orders)));
        }
        let specs = match self.undecided(ids, true) {
            Ok(specs) => specs,
            Err(why) => return Ok(Err(why)),
        };
        let mut orders: BTreeMap<(SupplyKind, SiteId, SiteId), Vec<Proposed>> = BTreeMap::new();
        for (id, spec) in ids.iter().zip(specs) {
            if self.twin.supply.open.contains_key(id) {
                self.decide(*id, Decision::Approve, by, None, now)?;
            }
            let key = (spec.kind, spec.from.clone(), spec.site.clone());
            let lines = orders.entry(key).or_default();
            // The same proposal named twice is ordered once.
            if lines.iter().all(|(known, _)| known != id) {
                lines.push((*id, spec));
            }
        }
        let mut placed = Vec::new();
        for ((kind, from, to), lines) in orders {
            for lines in lines.chunks(SUPPLY_LINES_MAX) {
                placed.push(self.place(kind, &from, &to, lines, now)?);
            }
        }
        Ok(Ok(Reply::Placed(placed)))
    }

    fn place(
        &mut self,
        kind: SupplyKind,
        from: &SiteId,
        to: &SiteId,
        lines: &[Proposed],
        now: Timestamp,
    ) -> Result<OrderId, Broken> {
        let name = match kind {
            SupplyKind::Purchase => "PO",
            SupplyKind::Transfer => "TO",
        };
        // The journal's number of the fact: no two have the same, and a site may have taken the name by chance.
        let number = self.twin.revision + 1;
        let names = (0..).map(|n| if n == 0 { format!("{name}-{number}") } else { format!("{name}-{number}.{n}") });
        let mut ids = names.filter_map(|name| OrderId::new(&name).ok());
        let free = ids.find(|id| !self.twin.supply.by_id.contains_key(id));
        let order = free.unwrap_or_else(|| unreachable!("there are names without end"));
        let line = |(id, spec): &Proposed| SupplyLineSpec {
            sku: spec.sku.clone(),
            pieces: spec.pieces,
            cost_minor: spec.cost_minor,
            proposal: Some(*id),
        };
        let due_at = lines.iter().map(|(_, spec)| spec.due_at).max().unwrap_or(now);
        let lines: Vec<SupplyLineSpec> = lines.iter().map(line).collect();
        let goods = lines.iter().map(|line| GoodsLine { sku: line.sku.clone(), pieces: line.pieces }).collect();
        let spec = SupplyOrderSpec { order: order.clone(), kind, from: from.clone(), to: to.clone(), due_at, lines };
        self.record(Fact::SupplyOrderPlaced { at: now, order: spec }, now)?;
        let action = Action::Deliver { order: order.clone(), to: to.clone(), due_at, lines: goods };
        if let (Some(device), Ok(command)) = (self.warehouse_system_of(from), CommandId::new(order.as_str()))
            && !self.twin.commands.contains_key(&command)
        {
            let frame = CommandFrame { command, issued_at: now, expires_at: None, action };
            self.open.sends.extend(self.command_message(device, &frame));
            self.record(Fact::CommandIssued { device, command: frame }, now)?;
        }
        Ok(order)
    }

    /// The commands of orders that were placed a while ago and that nobody has answered. What is sent is durable.
    pub(super) fn tell_again<U>(&mut self, now: Timestamp) -> Vec<Effect<U>> {
        if now < self.told_again_at.saturating_add(TELL_AGAIN) {
            return Vec::new();
        }
        self.told_again_at = now;
        let supply = &self.twin.supply;
        let open = supply.open_to.keys().filter_map(|(_, id)| Some((id, supply.by_id.get(id)?)));
        let waiting = open.filter(|(_, order)| {
            order.is_ours && order.status == SupplyStatus::Placed && order.placed_at.saturating_add(TELL_AGAIN) <= now
        });
        let commands = waiting.filter_map(|(id, _)| self.twin.commands.get(&CommandId::new(id.as_str()).ok()?));
        let messages = commands.filter(|record| record.answer.is_none());
        messages
            .filter_map(|record| self.command_message(DeviceIdx(record.device), &record.frame))
            .map(|(command, topic, payload)| Effect::Send { command, topic, payload })
            .collect()
    }

    /// The device that takes orders for a site: its warehouse system, the first by id where there are several.
    fn warehouse_system_of(&self, site: &SiteId) -> Option<DeviceIdx> {
        let site = *self.twin.site_by_id.get(site)?;
        let is_it = |at: &&u32| {
            let device = &self.twin.devices[**at as usize];
            device.site == site && device.kind == DeviceKind::WarehouseSystem
        };
        self.twin.device_by_id.values().find(is_it).map(|at| DeviceIdx(*at))
    }

    fn site_id(&self, site: SiteIdx) -> &SiteId {
        &self.twin.sites[site.at()].spec.site
    }

    /// An order of ours of which something may come.
    fn open_supply(&self, id: &OrderId) -> Result<&SupplyOrder, RequestError> {
        let known = self.twin.supply.by_id.get(id).ok_or_else(|| not_found("supply order", id))?;
        if !known.is_ours {
            let why =
                format!("order {id} was reported by {}: it is confirmed and cancelled there", self.site_id(known.to));
            return Err(RequestError::Conflict(why));
        }
        match known.status {
            SupplyStatus::Received => Err(RequestError::Conflict(format!("order {id} has come already"))),
            SupplyStatus::Cancelled => Err(RequestError::Conflict(format!("order {id} is cancelled"))),
            _ => Ok(known),
        }
    }

    pub(super) fn confirm_supply(&mut self, order: OrderId, due_at: Option<Timestamp>, now: Timestamp) -> Answered {
        let known = match self.open_supply(&order) {
            Ok(known) => known,
            Err(why) => return Ok(Err(why)),
        };
        if known.status >= SupplyStatus::Confirmed && (due_at.is_none() || due_at == known.due_at) {
            return Ok(Ok(Reply::Already));
        }
        self.record(Fact::SupplyOrderConfirmed { at: now, order, due_at }, now)?;
        Ok(Ok(Reply::Done))
    }

    pub(super) fn cancel_supply(&mut self, order: OrderId, reason: Option<String>, now: Timestamp) -> Answered {
        if self.twin.supply.by_id.get(&order).is_some_and(|it| it.status == SupplyStatus::Cancelled) {
            return Ok(Ok(Reply::Already));
        }
        let known = match self.open_supply(&order) {
            Ok(known) => known,
            Err(why) => return Ok(Err(why)),
        };
        if known.lines.iter().all(|line| line.unsent() == 0) {
            return Ok(Err(RequestError::Conflict(format!("all of order {order} has been sent"))));
        }
        self.record(Fact::SupplyOrderCancelled { at: now, order, reason }, now)?;
        Ok(Ok(Reply::Done))
    }
}
