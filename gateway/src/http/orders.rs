//! Orders, reservations, and what can be promised.

use super::api::{About, Answer, Api, Body1, Call, Key};
use super::error::{Kind, Problem};
use super::page::collect;
use super::params::{Limit, path_params, query_params};
use super::{App, bulk};
use crate::control::{NewOrder, Reply, Request, Taken};
use ::twin::Twin;
use ::twin::order::{OrderState, OrderStatus as Status, PartState};
use axum::http::StatusCode;
use firmware_schemas::api::order::{
    AvailabilityRequest, AvailabilityView, OrderAmendment, OrderCancellation, OrderLineView, OrderStatus, OrderView,
    PartView, ReservationRequest,
};
use firmware_schemas::api::{Fault, Page};
use firmware_schemas::id::{OrderId, SiteId};
use firmware_schemas::order::{CUSTOMER_MAX, NOTE_MAX, ORDER_LINES_MAX, OrderEnd, OrderSpec, PromisedPart};
use firmware_schemas::quantity::{Pieces, Timestamp};
use std::ops::Bound;
use std::time::Duration;

/// A reservation holds at most so long.
const RESERVED_MAX: Duration = Duration::from_secs(30 * 86_400);

pub(super) fn add_to(api: &mut Api) {
    let about = |path, id, summary, description| About { path, id, tag: "orders", summary, description };
    let check_text = "What could be promised of each line at this moment, by day and site, with a reason for each part. \
        Nothing is kept for whoever asks: take an order or a reservation for that.";
    let check = about("/v1/availability:check", "check_availability", "What can be promised", check_text);
    api.post(check, StatusCode::OK, Key::Natural, check_availability);
    let take_text = "The order is durable when this answers, promised by day and site, and what it was promised is kept \
        for it. The same `Idempotency-Key` or the same order again is the same order, answered as the first time; \
        with another body it is a conflict.";
    let take = about("/v1/orders", "take_order", "Take an order", take_text);
    api.post(take, StatusCode::CREATED, Key::Named, take_order);
    let list_text = "All that are open, and the 100,000 that were closed last; reservations too.";
    api.get(about("/v1/orders", "list_orders", "Orders, newest first", list_text), list);
    let one_text = "What is wanted, what is promised, and what has gone out.";
    api.get(about("/v1/orders/{order}", "get_order", "One order", one_text), one);
    let amend_text = "Replaces all of it, and promises it anew, as if it had not been promised before. An order that a \
        warehouse has begun to pick cannot be changed.";
    let amend = about("/v1/orders/{order}/amend", "amend_order", "Change an order", amend_text);
    api.post(amend, StatusCode::OK, Key::Natural, amend_order);
    let cancel_text = "What is kept for it and has not gone out is free again.";
    let cancel = about("/v1/orders/{order}/cancel", "cancel_order", "Cancel an order", cancel_text);
    api.post(cancel, StatusCode::OK, Key::Natural, cancel_order);
    let reserve_text = "Keeps goods until `expires_at`, or until an order names it as its `reservation`. It is listed \
        among the orders, under its id, and is cancelled like one.";
    let reserve = about("/v1/reservations", "reserve", "Keep goods for a while", reserve_text);
    api.post(reserve, StatusCode::CREATED, Key::Named, reserve_goods);
    bulk::add_to(api);
}

path_params! {
    /// Names an order.
    OrderPath {
        /// The order's id.
        order: OrderId = "SO-1001",
    }
}
query_params! {
    /// Which orders.
    OrderQuery {
        /// Only this far.
        status: OrderStatus = "open",
        /// Only those that this site serves.
        site: SiteId = "CW-DAVENTRY",
        /// At most so many.
        limit: Limit = 100,
        /// The `next_cursor` of the page before.
        cursor: u64 = 71,
    }
}

async fn check_availability(
    call: Call<(), (), Body1<AvailabilityRequest>>,
) -> Result<Answer<AvailabilityView>, Problem> {
    let Call { app, body: Body1(asked), .. } = call;
    let AvailabilityRequest { site, wanted_at, last_at, together, lines } = asked;
    // The id is of no order: nothing is kept under it.
    let order = OrderId::new("check").map_err(|why| Problem::new(Kind::Internal, why.to_string()))?;
    let spec =
        OrderSpec { order, site, customer: None, wanted_at, last_at, together, reservation: None, note: None, lines };
    let published = app.published.load();
    let twin = &published.twin;
    refuse(faults(twin, &spec, ""))?;
    let parts = twin.promise(&spec, &[], app.clock.now());
    let parts = parts.map_err(|why| Problem::new(Kind::BadBody, why.to_string()))?;
    let lines = lines_of(&spec, parts.iter().map(fresh));
    let complete = lines.iter().all(|line| line.complete_at.is_some());
    Ok(AvailabilityView { revision: twin.revision, site: spec.site, complete, lines }.into())
}

async fn take_order(call: Call<(), (), Body1<OrderSpec>>) -> Result<Answer<OrderView>, Problem> {
    let Call { app, body: Body1(order), idempotency_key: key, .. } = call;
    take(&app, NewOrder { key, expires_at: None, order }, "").await
}

async fn reserve_goods(call: Call<(), (), Body1<ReservationRequest>>) -> Result<Answer<OrderView>, Problem> {
    let Call { app, body: Body1(asked), idempotency_key: key, .. } = call;
    let ReservationRequest { expires_at, wanted } = asked;
    let now = app.clock.now();
    // The same request may be repeated after it has expired.
    if !app.published.load().twin.orders.by_id.contains_key(&wanted.order) {
        if expires_at <= now || expires_at > now.saturating_add(RESERVED_MAX) {
            return Err(Problem::body("/expires_at", "it must be in the future, at most 30 days"));
        }
        if wanted.reservation.is_some() {
            return Err(Problem::body("/wanted/reservation", "a reservation takes over no other"));
        }
    }
    take(&app, NewOrder { key, expires_at: Some(expires_at), order: wanted }, "/wanted").await
}

async fn take(app: &App, new: NewOrder, pointer: &str) -> Result<Answer<OrderView>, Problem> {
    let id = new.order.order.clone();
    refuse(faults(&app.published.load().twin, &new.order, pointer))?;
    let Reply::Orders(taken) = app.ask(Request::TakeOrders(vec![new])).await? else { return Err(unseen(&id)) };
    taken.into_iter().next().unwrap_or(Ok(Taken::Now)).map_err(Problem::from)?;
    let published = app.published.load();
    let order = published.twin.orders.by_id.get(&id).ok_or_else(|| unseen(&id))?;
    // As it was taken, also when this is asked again and it has changed meanwhile.
    Ok(Answer { status: StatusCode::CREATED, location: Some(format!("/v1/orders/{id}")), body: first_view(order) })
}

fn unseen(id: &OrderId) -> Problem {
    Problem::new(Kind::Internal, format!("order {id} was taken, and is not to be seen"))
}

async fn list(call: Call<(), OrderQuery>) -> Result<Page<OrderView>, Problem> {
    let (published, query) = (call.app.published.load_full(), call.query);
    let orders = &published.twin.orders;
    let rest = orders.by_number.range((Bound::Unbounded, query.cursor.map_or(Bound::Unbounded, Bound::Excluded)));
    let found = rest.rev().filter_map(|(_, id)| orders.by_id.get(id)).filter(|order| {
        query.status.is_none_or(|status| status_of(order.status) == status)
            && query.site.as_ref().is_none_or(|site| order.spec.site == *site)
    });
    let page = collect(query.limit, found, |order| order.number.to_string());
    Ok(Page { items: page.items.into_iter().map(view).collect(), next_cursor: page.next_cursor })
}

async fn one(call: Call<OrderPath>) -> Result<OrderView, Problem> {
    find(&call.app.published.load().twin, &call.path.order)
}

async fn amend_order(call: Call<OrderPath, (), Body1<OrderAmendment>>) -> Result<Answer<OrderView>, Problem> {
    let Call { app, path, body: Body1(OrderAmendment { version, order }), .. } = call;
    if order.order != path.order {
        return Err(Problem::body("/order/order", format!("the path names order {}", path.order)));
    }
    find(&app.published.load().twin, &path.order)?;
    refuse(faults(&app.published.load().twin, &order, "/order"))?;
    app.ask(Request::AmendOrder { order: Box::new(order), version }).await?;
    Ok(find(&app.published.load().twin, &path.order)?.into())
}

async fn cancel_order(call: Call<OrderPath, (), Body1<OrderCancellation>>) -> Result<Answer<OrderView>, Problem> {
    let Call { app, path, body: Body1(OrderCancellation { version, reason }), .. } = call;
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > NOTE_MAX) {
        return Err(Problem::body("/reason", "a reason has at most 1,000 characters"));
    }
    app.ask(Request::CancelOrder { order: path.order.clone(), version, reason }).await?;
    Ok(find(&app.published.load().twin, &path.order)?.into())
}

fn find(twin: &Twin, id: &OrderId) -> Result<OrderView, Problem> {
    twin.orders.by_id.get(id).map(view).ok_or_else(|| Problem::not_found("order", id))
}

pub(super) fn refuse(faults: Vec<Fault>) -> Result<(), Problem> {
    match faults.first() {
        None => Ok(()),
        Some(first) => {
            let detail = first.detail.clone();
            Err(Problem { errors: faults, ..Problem::new(Kind::BadBody, detail) })
        }
    }
}

/// All that is wrong with what is wanted; `pointer` says where in the body it stands.
pub(super) fn faults(twin: &Twin, spec: &OrderSpec, pointer: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut wrong = |place: String, detail: String| {
        faults.push(Fault { detail, pointer: Some(format!("#{pointer}{place}")), ..Fault::default() });
    };
    if !twin.site_by_id.contains_key(&spec.site) {
        wrong("/site".into(), format!("there is no site {:?}", spec.site.as_str()));
    }
    for (place, text, most) in [("/customer", &spec.customer, CUSTOMER_MAX), ("/note", &spec.note, NOTE_MAX)] {
        if text.as_ref().is_some_and(|text| text.chars().count() > most) {
            wrong(place.into(), format!("it has more than {most} characters"));
        }
    }
    if spec.last_at.zip(spec.wanted_at).is_some_and(|(last, wanted)| last < wanted) {
        wrong("/last_at".into(), "it is before wanted_at".into());
    }
    if !(1..=ORDER_LINES_MAX).contains(&spec.lines.len()) {
        wrong("/lines".into(), format!("an order has 1 to {ORDER_LINES_MAX} lines, not {}", spec.lines.len()));
    }
    for (n, line) in spec.lines.iter().enumerate() {
        if !twin.sku_by_id.contains_key(&line.sku) {
            wrong(format!("/lines/{n}/sku"), format!("there is no SKU {:?}", line.sku.as_str()));
        }
        if !(1..=i64::from(u32::MAX)).contains(&line.pieces.0) {
            wrong(format!("/lines/{n}/pieces"), format!("{} is not 1 to {}", line.pieces.0, u32::MAX));
        }
    }
    faults
}

fn status_of(status: Status) -> OrderStatus {
    match status {
        Status::Reserved => OrderStatus::Reserved,
        Status::Open => OrderStatus::Open,
        Status::Fulfilled => OrderStatus::Fulfilled,
        Status::Ended(OrderEnd::Cancelled) => OrderStatus::Cancelled,
        Status::Ended(OrderEnd::Expired) => OrderStatus::Expired,
        Status::TakenOver => OrderStatus::TakenOver,
    }
}

fn view(order: &OrderState) -> OrderView {
    let lines = lines_of(&order.spec, order.parts.iter().map(|state| (state.part.line, part_view(state))));
    about(order, &order.spec, lines)
}

/// An order as it was taken.
pub(super) fn first_view(order: &OrderState) -> OrderView {
    let first = &order.first;
    let status = if order.expires_at.is_some() { OrderStatus::Reserved } else { OrderStatus::Open };
    OrderView {
        status,
        version: 1,
        changed_at: order.taken_at,
        reason: None,
        ..about(order, &first.spec, lines_of(&first.spec, first.parts.iter().map(fresh)))
    }
}

fn about(order: &OrderState, spec: &OrderSpec, lines: Vec<OrderLineView>) -> OrderView {
    OrderView {
        order: spec.order.clone(),
        status: status_of(order.status),
        version: order.version,
        site: spec.site.clone(),
        customer: spec.customer.clone(),
        wanted_at: spec.wanted_at,
        last_at: spec.last_at,
        together: spec.together,
        reservation: spec.reservation.clone(),
        note: spec.note.clone(),
        taken_at: order.taken_at,
        changed_at: order.changed_at,
        expires_at: order.expires_at,
        reason: order.reason.as_deref().map(str::to_owned),
        lines,
    }
}

fn part_view(state: &PartState) -> PartView {
    let (_, fresh) = fresh(&state.part);
    PartView { reserved: Pieces(state.reserved), issued: Pieces(state.issued), ..fresh }
}

/// A part of which nothing has moved.
fn fresh(part: &PromisedPart) -> (u32, PartView) {
    let view = PartView {
        pieces: part.pieces,
        from: part.from.clone(),
        leaves_at: part.leaves_at,
        at: part.at,
        why: part.why,
        reserved: Pieces::ZERO,
        issued: Pieces::ZERO,
    };
    (part.line, view)
}

fn lines_of(spec: &OrderSpec, parts: impl Iterator<Item = (u32, PartView)>) -> Vec<OrderLineView> {
    let line = |line: &firmware_schemas::order::OrderLine| OrderLineView {
        sku: line.sku.clone(),
        pieces: line.pieces,
        promised: Pieces::ZERO,
        issued: Pieces::ZERO,
        complete_at: None,
        parts: Vec::new(),
    };
    let mut lines: Vec<OrderLineView> = spec.lines.iter().map(line).collect();
    for (n, part) in parts {
        let Some(line) = lines.get_mut(n as usize) else { continue };
        line.promised = line.promised.saturating_add(part.pieces);
        line.issued = line.issued.saturating_add(part.issued);
        line.parts.push(part);
    }
    for line in &mut lines {
        let last: Option<Timestamp> = line.parts.iter().map(|part| part.at).max();
        line.complete_at = last.filter(|_| line.promised >= line.pieces);
    }
    lines
}
