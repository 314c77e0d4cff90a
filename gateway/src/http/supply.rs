//! Purchase and transfer orders: what is on order, from whom, and how far it is.

use super::App;
use super::api::{About, Answer, Api, Body1, Call, Key};
use super::error::Problem;
use super::page::collect;
use super::params::{Limit, path_params, query_params};
use crate::control::Request;
use ::twin::Twin;
use ::twin::state::SiteIdx;
use ::twin::supply::{SupplyOrder, SupplyStatus as Status};
use axum::http::StatusCode;
use firmware_schemas::api::Page;
use firmware_schemas::api::supply::{
    SupplyCancellation, SupplyConfirmation, SupplyLineView, SupplyOrderView, SupplyStatus,
};
use firmware_schemas::id::{OrderId, SiteId};
use firmware_schemas::order::NOTE_MAX;
use firmware_schemas::quantity::{Pieces, Timestamp};
use firmware_schemas::supply::SupplyKind;
use std::ops::Bound;

pub(super) fn add_to(api: &mut Api) {
    let about = |path, id, summary, description| About { path, id, tag: "replenishment", summary, description };
    let text =
        "Those placed here, and those that sites reported; all that are open, and the 100,000 that were closed last.";
    api.get(about("/v1/supply-orders", "list_supply_orders", "Purchase and transfer orders, newest first", text), list);
    let text = "What was ordered, what has left, what has come.";
    api.get(about("/v1/supply-orders/{order}", "get_supply_order", "One purchase or transfer order", text), one);
    let text = "The sender will send it, by `due_at` where that is given. A warehouse system that answers the command \
        `deliver` need not be asked.";
    let confirm_it = about("/v1/supply-orders/{order}/confirm", "confirm_supply_order", "A supplier's word", text);
    api.post(confirm_it, StatusCode::OK, Key::Natural, confirm);
    let text = "What has not been sent is no longer on order.";
    let cancel_it = about("/v1/supply-orders/{order}/cancel", "cancel_supply_order", "Cancel an order", text);
    api.post(cancel_it, StatusCode::OK, Key::Natural, cancel);
}

path_params! {
    /// Names a purchase or transfer order.
    SupplyPath {
        /// The order's id.
        order: OrderId = "PO-1001",
    }
}
query_params! {
    /// Which orders.
    SupplyQuery {
        /// Only this far.
        status: SupplyStatus = "confirmed",
        /// Only bought, or only moved.
        kind: SupplyKind = "purchase",
        /// Only from this site.
        from: SiteId = "CW-DAVENTRY",
        /// Only to this site.
        to: SiteId = "RW-GLASGOW",
        /// Only those that should be there and are not.
        late: bool = true,
        /// At most so many.
        limit: Limit = 100,
        /// The `next_cursor` of the page before.
        cursor: OrderId = "PO-1001",
    }
}

async fn list(call: Call<(), SupplyQuery>) -> Result<Page<SupplyOrderView>, Problem> {
    let (published, query, now) = (call.app.published.load_full(), call.query, call.app.clock.now());
    let twin = &published.twin;
    let supply = &twin.supply;
    let upper = match &query.cursor {
        None => Bound::Unbounded,
        Some(id) => match supply.by_id.get(id) {
            Some(order) => Bound::Excluded((order.number, id.clone())),
            None => return Err(Problem::parameter("cursor", "it is of no order that is kept; begin anew")),
        },
    };
    let site = |site: &Option<SiteId>| match site {
        None => Some(None),
        Some(site) => twin.site_by_id.get(site).map(|at| Some(*at)),
    };
    let (Some(from), Some(to)) = (site(&query.from), site(&query.to)) else {
        return Ok(Page { items: Vec::new(), next_cursor: None });
    };
    let found = supply.by_number.range((Bound::Unbounded, upper)).rev();
    let found = found.filter_map(|((_, id), ())| Some((id, supply.by_id.get(id)?))).filter(|(_, order)| {
        query.status.is_none_or(|status| status_of(order.status) == status)
            && query.kind.is_none_or(|kind| order.kind == kind)
            && from.is_none_or(|from| order.from == Some(from))
            && to.is_none_or(|to| order.to == to)
            && query.late.is_none_or(|late| is_late(order, now) == late)
    });
    let page = collect(query.limit, found, |(id, _)| id.to_string());
    let items = page.items.into_iter().map(|(id, order)| view(twin, id, order, now)).collect();
    Ok(Page { items, next_cursor: page.next_cursor })
}

async fn one(call: Call<SupplyPath>) -> Result<SupplyOrderView, Problem> {
    find(&call.app, &call.path.order)
}

async fn confirm(call: Call<SupplyPath, (), Body1<SupplyConfirmation>>) -> Result<Answer<SupplyOrderView>, Problem> {
    let Call { app, path, body: Body1(SupplyConfirmation { due_at }), .. } = call;
    app.ask(Request::ConfirmSupply { order: path.order.clone(), due_at }).await?;
    Ok(find(&app, &path.order)?.into())
}

async fn cancel(call: Call<SupplyPath, (), Body1<SupplyCancellation>>) -> Result<Answer<SupplyOrderView>, Problem> {
    let Call { app, path, body: Body1(SupplyCancellation { reason }), .. } = call;
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > NOTE_MAX) {
        return Err(Problem::body("/reason", "a reason has at most 1,000 characters"));
    }
    app.ask(Request::CancelSupply { order: path.order.clone(), reason }).await?;
    Ok(find(&app, &path.order)?.into())
}

fn find(app: &App, id: &OrderId) -> Result<SupplyOrderView, Problem> {
    let published = app.published.load();
    let order = published.twin.supply.by_id.get(id).ok_or_else(|| Problem::not_found("supply order", id))?;
    Ok(view(&published.twin, id, order, app.clock.now()))
}

fn status_of(status: Status) -> SupplyStatus {
    match status {
        Status::Placed => SupplyStatus::Placed,
        Status::Confirmed => SupplyStatus::Confirmed,
        Status::Shipped => SupplyStatus::Shipped,
        Status::Received => SupplyStatus::Received,
        Status::Cancelled => SupplyStatus::Cancelled,
    }
}

fn is_late(order: &SupplyOrder, now: Timestamp) -> bool {
    order.status.is_open() && order.due_at.is_some_and(|due| due < now)
}

fn view(twin: &Twin, id: &OrderId, order: &SupplyOrder, now: Timestamp) -> SupplyOrderView {
    let site = |at: SiteIdx| twin.sites[at.at()].spec.site.clone();
    let line = |line: &::twin::supply::SupplyLine| SupplyLineView {
        sku: twin.skus[line.sku.at()].sku.clone(),
        pieces: Pieces(line.pieces),
        shipped: Pieces(line.shipped),
        received: Pieces(line.received),
        cancelled: Pieces(line.cancelled),
        cost_minor: line.cost_minor,
        proposal: line.proposal,
    };
    SupplyOrderView {
        order: id.clone(),
        kind: order.kind,
        status: status_of(order.status),
        from: order.from.map(site),
        to: site(order.to),
        ours: order.is_ours,
        placed_at: order.placed_at,
        due_at: order.due_at,
        changed_at: order.changed_at,
        late: is_late(order, now),
        reason: order.reason.as_deref().map(str::to_owned),
        lines: order.lines.iter().map(line).collect(),
    }
}
