//! Customers' orders and reservations: what is promised of which stock, by day, and how far it has gone.
//!
//! ```text
//! OrderSpec ─▶ Twin::promise: books of the site, of those that replenish it, of their supplier ─▶ parts
//! OrderTaken ─▶ committed by (position, day) ─▶ the next promise finds less free
//! StockReserved, StockIssued of that order ─▶ committed less, issued more ─▶ fulfilled
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use compact_str::CompactString;
use firmware_schemas::id::OrderId;
use firmware_schemas::network::SiteKind;
use firmware_schemas::order::{OrderEnd, OrderSpec, PromiseReason, PromisedPart};
use firmware_schemas::quantity::{Pieces, Timestamp};
use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use crate::apply::Dangling;
use crate::demand_book::{day_of, start_of};
use crate::promise::{
    Answer, Book, Preference, Request, Reservation, Supply, Via, Way, Why, available_to_promise, promise,
};
use crate::state::{SECS_PER_DAY, ShipmentState, SiteIdx, SkuIdx, StockIdx, Twin};

/// So many days ahead things are promised.
pub const HORIZON_DAYS: u32 = 90;
/// Orders that are neither fulfilled nor ended; one more is refused.
pub const OPEN_ORDERS_MAX: u64 = 5_000_000;
/// Fulfilled and ended orders that are kept; the one that was closed first is forgotten first.
pub const CLOSED_ORDERS_MAX: usize = 100_000;
/// Sites upstream of an order's site that are asked for goods.
const SOURCES_MAX: usize = 4;
/// Waiting for the next day is no way to move goods: a transfer takes at least this.
const TRANSFER_DAYS_MIN: u32 = 1;

/// A day since 1970-01-01, UTC.
pub type Day = i32;

/// How far an order, or a reservation, is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderStatus {
    /// A reservation that holds.
    Reserved,
    /// An order that is not fulfilled.
    Open,
    /// All of it has been issued.
    Fulfilled,
    /// Ended before it was fulfilled.
    Ended(OrderEnd),
    /// A reservation that an order has taken over.
    TakenOver,
}

impl OrderStatus {
    /// True while goods are kept for it.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Reserved | Self::Open)
    }
}

/// A promised part, and what has become of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartState {
    /// What was promised.
    pub part: PromisedPart,
    /// Whose stock it is promised from; `None` where it is to be bought.
    pub position: Option<StockIdx>,
    /// Set aside for it by the warehouse, and not yet issued.
    pub reserved: i64,
    /// Gone to the customer.
    pub issued: i64,
}

impl PartState {
    /// What of the position's stock others may not have because of it.
    fn committed(&self) -> i64 {
        if self.position.is_some() { (self.part.pieces.0 - self.reserved - self.issued).max(0) } else { 0 }
    }
}

/// What was asked and promised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// What is wanted.
    pub spec: OrderSpec,
    /// What was promised.
    pub parts: Vec<PromisedPart>,
}

/// An order or a reservation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderState {
    /// As it was taken: the first answer.
    pub first: Arc<Taken>,
    /// What is wanted now.
    pub spec: Arc<OrderSpec>,
    /// What is promised now.
    pub parts: Arc<Vec<PartState>>,
    /// How far it is.
    pub status: OrderStatus,
    /// 1, and 1 more with every amendment.
    pub version: u32,
    /// Its number in the order of taking: the journal's.
    pub number: u64,
    /// Its idempotency key, where that is not its id.
    pub key: Option<CompactString>,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// When anything of it last changed.
    pub changed_at: Timestamp,
    /// Until when a reservation holds.
    pub expires_at: Option<Timestamp>,
    /// Why it ended, for people.
    pub reason: Option<Arc<str>>,
}

/// All orders, and what is promised and comes by position and day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orders {
    /// By id; closed ones at most [`CLOSED_ORDERS_MAX`].
    pub by_id: OrdMap<OrderId, OrderState>,
    /// Ids in the order of taking.
    pub by_number: OrdMap<u64, OrderId>,
    /// Ids by idempotency key, where that is not the id.
    pub by_key: OrdMap<CompactString, OrderId>,
    /// Reservations that hold, by when they end.
    pub expiring: OrdMap<(Timestamp, OrderId), ()>,
    /// Closed ones in the order of closing.
    pub closed: OrdMap<u64, OrderId>,
    /// How many are open.
    pub n_open: u64,
    /// Promised pieces that no warehouse has set aside yet, by position and the day on which they leave.
    pub committed: OrdMap<(StockIdx, Day), i64>,
    /// Pieces on their way with a due date, by position and day.
    pub receipts: OrdMap<(StockIdx, Day), i64>,
}

fn add(to: &mut OrdMap<(StockIdx, Day), i64>, position: StockIdx, day: Day, pieces: i64) {
    let sum = to.get(&(position, day)).copied().unwrap_or(0).saturating_add(pieces);
    // A shipment may arrive whose positions were not known when it left.
    if sum <= 0 {
        to.remove(&(position, day));
    } else {
        to.insert((position, day), sum);
    }
}

/// What is not there, and so cannot be promised.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PromiseError {
    /// No such site.
    #[error("there is no site {0:?}")]
    Site(String),
    /// No such SKU.
    #[error("there is no SKU {sku:?}")]
    Sku {
        /// Of which line, from 0.
        line: usize,
        /// What it is called.
        sku: String,
    },
}

/// The stock of one SKU at an order's site and upstream, as books.
struct Books {
    positions: Vec<Option<StockIdx>>,
    books: Vec<Book>,
    ways: Vec<Way>,
    sites: Vec<SiteIdx>,
}

impl Twin {
    /// What can be promised of each line, by day and site, without breaking any promise made before.
    ///
    /// The site's own stock and receipts come first, then those of the site that replenishes it, and of that one's,
    /// then its supplier, from whom all can be had after the lead time. Shipments that are overdue count for
    /// tomorrow, those without a due date not at all. Lines of one SKU share what there is, in their order.
    ///
    /// What is kept for the orders and reservations `instead_of` counts as free.
    pub fn promise(
        &self,
        spec: &OrderSpec,
        instead_of: &[OrderId],
        now: Timestamp,
    ) -> Result<Vec<PromisedPart>, PromiseError> {
        let gone = instead_of.iter().filter_map(|id| self.orders.by_id.get(id)).filter(|it| it.status.is_open());
        let gone: Vec<Arc<Vec<PartState>>> = gone.map(|order| order.parts.clone()).collect();
        if gone.is_empty() {
            return self.promise_now(spec, now);
        }
        let mut without = self.clone();
        gone.iter().for_each(|parts| without.commit(parts, -1));
        without.promise_now(spec, now)
    }

    fn promise_now(&self, spec: &OrderSpec, now: Timestamp) -> Result<Vec<PromisedPart>, PromiseError> {
        let site = *self.site_by_id.get(&spec.site).ok_or_else(|| PromiseError::Site(spec.site.to_string()))?;
        let today = day_of(now);
        let days_ahead = |at: Option<Timestamp>, absent: u32| {
            at.map_or(absent, |at| (i64::from(day_of(at)) - i64::from(today)).clamp(0, i64::from(HORIZON_DAYS)) as u32)
        };
        let wanted_day = days_ahead(spec.wanted_at, 0);
        let last_day = days_ahead(spec.last_at, HORIZON_DAYS).max(wanted_day);
        let mut by_sku: BTreeMap<SkuIdx, Books> = BTreeMap::new();
        let mut parts = Vec::new();
        for (line, wanted) in spec.lines.iter().enumerate() {
            let unknown = || PromiseError::Sku { line, sku: wanted.sku.to_string() };
            let sku = *self.sku_by_id.get(&wanted.sku).ok_or_else(unknown)?;
            let books = by_sku.entry(sku).or_insert_with(|| self.books(site, sku, today));
            let request = Request {
                book: 0,
                pieces: wanted.pieces.0.max(0) as u64,
                wanted_day,
                last_day,
                preference: if spec.together { Preference::Together } else { Preference::Earliest },
            };
            let answer = promise(&books.books, &books.ways, request);
            parts.extend(books.take(self, &answer, line as u32, today));
        }
        Ok(parts)
    }

    fn books(&self, site: SiteIdx, sku: SkuIdx, today: Day) -> Books {
        let mut all = Books { positions: Vec::new(), books: Vec::new(), ways: Vec::new(), sites: Vec::new() };
        let (mut at, mut lead_days) = (site, 0_u32);
        for n in 0..=SOURCES_MAX {
            let position = self.stock_by_key.get(&(at, sku)).copied();
            let is_supplier = n > 0 && matches!(self.sites[at.at()].spec.kind, SiteKind::Supplier | SiteKind::Factory);
            all.positions.push(position.filter(|_| !is_supplier));
            all.sites.push(at);
            all.books.push(if is_supplier { Book::new(Supply::default(), 1) } else { self.book(position, today) });
            if n > 0 {
                let via = if is_supplier { Via::Purchase { supplier: at.0 } } else { Via::Transfer { book: n } };
                all.ways.push(Way { via, days: lead_days, pieces_max: None, multiple: 1 });
            }
            // Who replenishes this one?
            let source = position.and_then(|position| self.stock[position.at()].source);
            let Some(source) = source.filter(|source| !is_supplier && !all.sites.contains(source)) else { break };
            let Some(lead) = self.lead_time(source, at) else { break };
            let days = u32::try_from(lead.0.div_ceil(SECS_PER_DAY as u64)).unwrap_or(u32::MAX);
            lead_days = lead_days.saturating_add(days.max(TRANSFER_DAYS_MIN));
            at = source;
        }
        all
    }

    /// What is free of a position, by day from today on.
    fn book(&self, position: Option<StockIdx>, today: Day) -> Book {
        let n_days = HORIZON_DAYS + 1;
        let Some(position) = position else { return Book::new(Supply::default(), n_days) };
        let stock = &self.stock[position.at()];
        let by_day = |sums: &OrdMap<(StockIdx, Day), i64>, overdue: usize| {
            let mut days = vec![0_i64; n_days as usize];
            for ((_, day), pieces) in sums.range((position, Day::MIN)..=(position, Day::MAX)) {
                let ahead = i64::from(*day) - i64::from(today);
                let at = if ahead < 0 { overdue } else { usize::try_from(ahead).unwrap_or(usize::MAX) };
                let at = at.min(n_days as usize - 1);
                days[at] = days[at].saturating_add(*pieces);
            }
            days
        };
        // A receipt of today may still come tonight, one of yesterday did not: it counts for tomorrow.
        let receipts = by_day(&self.orders.receipts, 1);
        let committed = by_day(&self.orders.committed, 0);
        let free = available_to_promise(stock.on_hand.saturating_sub(stock.reserved), &receipts, &committed);
        let pieces = |pieces: i64| u32::try_from(pieces.max(0)).unwrap_or(u32::MAX);
        let more = free.windows(2).enumerate().filter(|(_, two)| two[1] > two[0]);
        Book::new(
            Supply {
                on_hand: pieces(free[0]),
                receipts: more.map(|(day, two)| (day as u32 + 1, pieces(two[1] - two[0]))).collect(),
            },
            n_days,
        )
    }

    /// True if one more order can be taken.
    pub fn has_room_for_orders(&self) -> bool {
        self.orders.n_open < OPEN_ORDERS_MAX
    }

    /// The order that was taken with this key.
    pub fn order_by_key(&self, key: &str) -> Option<&OrderState> {
        let id = match self.orders.by_key.get(key) {
            Some(id) => id.clone(),
            None => OrderId::new(key).ok()?,
        };
        self.orders.by_id.get(&id)
    }

    /// Reservations that no longer hold at `now`, at most so many.
    pub fn reservations_over(&self, now: Timestamp, at_most: usize) -> Vec<OrderId> {
        let over = self.orders.expiring.keys().take_while(|(until, _)| *until <= now);
        over.take(at_most).map(|(_, order)| order.clone()).collect()
    }

    pub(crate) fn take_order(
        &mut self,
        seq: u64,
        at: Timestamp,
        key: Option<&str>,
        expires_at: Option<Timestamp>,
        taken: Taken,
    ) -> Result<(), Dangling> {
        let id = taken.spec.order.clone();
        if let Some(reservation) = &taken.spec.reservation {
            self.close_order(reservation, at, OrderStatus::TakenOver, None);
        }
        let parts = self.parts(seq, &taken.parts, &taken.spec)?;
        self.commit(&parts, 1);
        if expires_at.is_none() {
            self.count_order(&taken.spec, at, 1);
        }
        let key = key.map(CompactString::from);
        if let Some(key) = &key {
            self.orders.by_key.insert(key.clone(), id.clone());
        }
        if let Some(until) = expires_at {
            self.orders.expiring.insert((until, id.clone()), ());
        }
        self.orders.by_number.insert(seq, id.clone());
        self.orders.n_open += 1;
        let state = OrderState {
            spec: Arc::new(taken.spec.clone()),
            first: Arc::new(taken),
            parts: Arc::new(parts),
            status: if expires_at.is_some() { OrderStatus::Reserved } else { OrderStatus::Open },
            version: 1,
            number: seq,
            key,
            taken_at: at,
            changed_at: at,
            expires_at,
            reason: None,
        };
        self.orders.by_id.insert(id, state);
        Ok(())
    }

    pub(crate) fn amend_order(
        &mut self,
        seq: u64,
        at: Timestamp,
        spec: &OrderSpec,
        parts: &[PromisedPart],
    ) -> Result<(), Dangling> {
        let Some(order) = self.orders.by_id.get(&spec.order).cloned() else {
            return Err(Dangling { seq, what: "order", id: spec.order.to_string() });
        };
        self.commit(&order.parts, -1);
        let parts = self.parts(seq, parts, spec)?;
        self.commit(&parts, 1);
        if order.expires_at.is_none() {
            self.count_order(&order.spec, order.taken_at, -1);
            self.count_order(spec, order.taken_at, 1);
        }
        let changed = OrderState {
            spec: Arc::new(spec.clone()),
            parts: Arc::new(parts),
            version: order.version.saturating_add(1),
            changed_at: at,
            ..order
        };
        self.orders.by_id.insert(spec.order.clone(), changed);
        Ok(())
    }

    /// Ends an open order; one that is closed or not known stays as it is.
    pub(crate) fn close_order(&mut self, id: &OrderId, at: Timestamp, status: OrderStatus, reason: Option<&str>) {
        let Some(order) = self.orders.by_id.get(id).filter(|order| order.status.is_open()).cloned() else { return };
        self.commit(&order.parts, -1);
        match order.expires_at {
            Some(until) => drop(self.orders.expiring.remove(&(until, id.clone()))),
            None if matches!(status, OrderStatus::Ended(_)) => self.forget_demand(&order),
            None => {}
        }
        self.orders.n_open = self.orders.n_open.saturating_sub(1);
        let closed = OrderState { status, changed_at: at, reason: reason.map(Arc::from), ..order };
        self.orders.by_id.insert(id.clone(), closed);
        let number = self.orders.closed.get_max().map_or(0, |(last, _)| last + 1);
        self.orders.closed.insert(number, id.clone());
        while self.orders.closed.len() > CLOSED_ORDERS_MAX {
            let Some((oldest, id)) = self.orders.closed.get_min().cloned() else { break };
            self.orders.closed.remove(&oldest);
            if let Some(forgotten) = self.orders.by_id.remove(&id) {
                self.orders.by_number.remove(&forgotten.number);
                if let Some(key) = forgotten.key {
                    self.orders.by_key.remove(&key);
                }
            }
        }
    }

    /// A warehouse set pieces of a position aside for an order, or gave them back: `reserved` more or less; or they
    /// went out: `issued`.
    pub(crate) fn order_moved(&mut self, id: &OrderId, position: StockIdx, reserved: i64, issued: i64, at: Timestamp) {
        let Some(order) = self.orders.by_id.get(id).filter(|order| order.status.is_open()).cloned() else { return };
        let sku = self.skus[self.stock[position.at()].sku.at()].sku.clone();
        let mut parts = Vec::clone(&order.parts);
        self.commit(&parts, -1);
        let of_sku = |part: &PartState| order.spec.lines[part.part.line as usize].sku == sku;
        let mut reserve = reserved;
        for part in parts.iter_mut().filter(|part| part.position == Some(position)) {
            let most = part.part.pieces.0 - part.issued - part.reserved;
            let moved = reserve.clamp(-part.reserved, most.max(0));
            part.reserved += moved;
            reserve -= moved;
        }
        // What the site sends may have come from elsewhere: its own part first.
        let mut issue = issued;
        for own in [true, false] {
            for part in parts.iter_mut().filter(|part| (part.position == Some(position)) == own && of_sku(part)) {
                let moved = issue.min(part.part.pieces.0 - part.issued).max(0);
                part.issued += moved;
                part.reserved = part.reserved.min(part.part.pieces.0 - part.issued);
                issue -= moved;
            }
        }
        self.commit(&parts, 1);
        let issued_of = |line: usize| -> i64 {
            parts.iter().filter(|part| part.part.line as usize == line).map(|part| part.issued).sum()
        };
        let lines = order.spec.lines.iter().enumerate();
        let is_done = lines.fold(true, |done, (line, wanted)| done && issued_of(line) >= wanted.pieces.0);
        self.orders.by_id.insert(id.clone(), OrderState { parts: Arc::new(parts), changed_at: at, ..order });
        if is_done {
            self.close_order(id, at, OrderStatus::Fulfilled, None);
        }
    }

    /// A shipment with a due date is on its way (1), or no longer (−1).
    pub(crate) fn expect_receipts(&mut self, shipment: &ShipmentState, sign: i64) {
        let Some(due) = shipment.due_at else { return };
        for line in shipment.lines.iter() {
            let Some(sku) = self.sku_by_id.get(&line.sku) else { continue };
            if let Some(position) = self.stock_by_key.get(&(shipment.to, *sku)).copied() {
                add(&mut self.orders.receipts, position, day_of(due), sign * line.pieces.0);
            }
        }
    }

    fn parts(&self, seq: u64, parts: &[PromisedPart], spec: &OrderSpec) -> Result<Vec<PartState>, Dangling> {
        let state = |part: &PromisedPart| {
            let dangling = |what, id: String| Dangling { seq, what, id };
            let line = spec.lines.get(part.line as usize).ok_or_else(|| dangling("line", part.line.to_string()))?;
            let site = self.site_by_id.get(&part.from).ok_or_else(|| dangling("site", part.from.to_string()))?;
            let sku = self.sku_by_id.get(&line.sku).ok_or_else(|| dangling("SKU", line.sku.to_string()))?;
            let position = self.stock_by_key.get(&(*site, *sku)).copied();
            let position = position.filter(|_| part.why != PromiseReason::Bought);
            Ok(PartState { part: part.clone(), position, reserved: 0, issued: 0 })
        };
        parts.iter().map(state).collect()
    }

    /// Counts what an order wants as demand of its site, or no longer.
    fn count_order(&mut self, spec: &OrderSpec, taken_at: Timestamp, sign: i64) {
        let at = spec.wanted_at.map_or(taken_at, |wanted| wanted.max(taken_at));
        for line in &spec.lines {
            if let Some(position) = self.stock_of(&spec.site, &line.sku) {
                self.count_demand(position, at, sign * line.pieces.0);
            }
        }
    }

    /// What of an order that ended was not issued is no demand.
    fn forget_demand(&mut self, order: &OrderState) {
        let mut spec = OrderSpec::clone(&order.spec);
        for (n, line) in spec.lines.iter_mut().enumerate() {
            let parts = order.parts.iter().filter(|part| part.part.line as usize == n);
            line.pieces = Pieces((line.pieces.0 - parts.map(|part| part.issued).sum::<i64>()).max(0));
        }
        self.count_order(&spec, order.taken_at, -1);
    }

    fn commit(&mut self, parts: &[PartState], sign: i64) {
        for part in parts {
            if let (Some(position), pieces @ 1..) = (part.position, part.committed()) {
                add(&mut self.orders.committed, position, day_of(part.part.leaves_at), sign * pieces);
            }
        }
    }
}

impl Books {
    /// Takes what was answered from the books, so that the next line of the SKU finds less.
    fn take(&mut self, twin: &Twin, answer: &Answer, line: u32, today: Day) -> Vec<PromisedPart> {
        let mut parts = Vec::with_capacity(answer.parts.len());
        for part in &answer.parts {
            let place = match part.via {
                Via::Own => Some(0),
                Via::Transfer { book } => Some(book),
                Via::Purchase { .. } => None,
            };
            if let Some(place) = place {
                let id = self.books[place].reservations().len() as u64;
                let pieces = u32::try_from(part.pieces).unwrap_or(u32::MAX);
                let reservation = Reservation { id, day: part.leaves_day, pieces, expires_at_secs: None };
                if self.books[place].reserve(reservation).is_err() {
                    continue; // it was free a moment ago: the answer is of these very books
                }
            }
            let site = match part.via {
                Via::Purchase { supplier } => SiteIdx(supplier),
                _ => self.sites[place.unwrap_or(0)],
            };
            let at = |day: u32| start_of(today.saturating_add(day as i32));
            parts.push(PromisedPart {
                line,
                from: twin.sites[site.at()].spec.site.clone(),
                leaves_at: at(part.leaves_day),
                at: at(part.day),
                pieces: Pieces(part.pieces as i64),
                why: match part.why {
                    Why::FreeOnDay => PromiseReason::FreeOnDay,
                    Why::FreeLater => PromiseReason::FreeLater,
                    Why::OtherSite => PromiseReason::OtherSite,
                    Why::Bought => PromiseReason::Bought,
                    Why::WaitsForRest => PromiseReason::WaitsForRest,
                },
            });
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firmware_schemas::fact::Fact;
    use firmware_schemas::network::{SiteSpec, SkuSpec, StockSpec, TemperatureClass};
    use firmware_schemas::order::OrderLine;
    use firmware_schemas::quantity::{Grams, MinorUnits, Position};
    use proptest::prelude::*;

    const NOON: i64 = 20_000 * SECS_PER_DAY + 43_200;

    fn time(days: i64) -> Timestamp {
        Timestamp::from_secs(NOON + days * SECS_PER_DAY).unwrap()
    }

    /// A shop with 20 pieces of each of two SKUs, from a warehouse with 50 that nothing replenishes.
    fn twin() -> Twin {
        let site = |site: &str, kind| SiteSpec {
            site: site.parse().unwrap(),
            kind,
            name: site.to_owned(),
            name_zh: None,
            position: Position::from_degrees(53.0, 10.0).unwrap(),
            country: None,
            time_zone: "UTC".into(),
            tier: None,
            partner_class: None,
        };
        let sku = |sku: &str| SkuSpec {
            sku: sku.parse().unwrap(),
            name: sku.to_owned(),
            name_zh: None,
            unit: "piece".into(),
            mass_g: Grams(1),
            volume_ml: 1,
            value_minor: MinorUnits(1),
            temperature: TemperatureClass::Dry,
            temperature_min_milli_c: None,
            temperature_max_milli_c: None,
            shelf_life_days: None,
        };
        let stock = |site: &str, sku: &str, on_hand: i64, source: Option<&str>| StockSpec {
            site: site.parse().unwrap(),
            sku: sku.parse().unwrap(),
            on_hand: Pieces(on_hand),
            reserved: Pieces(0),
            in_transit: Pieces(0),
            on_order: Pieces(0),
            reorder_point: None,
            order_up_to: None,
            source: source.map(|source| source.parse().unwrap()),
        };
        let mut twin = Twin::default();
        let facts = [
            Fact::SitesDefined(vec![site("SHOP", SiteKind::Shop), site("WH", SiteKind::CentralWarehouse)]),
            Fact::SkusDefined(vec![sku("A"), sku("B")]),
            Fact::StockDefined(vec![
                stock("SHOP", "A", 20, Some("WH")),
                stock("SHOP", "B", 20, Some("WH")),
                stock("WH", "A", 50, None),
                stock("WH", "B", 50, None),
            ]),
        ];
        facts.iter().for_each(|fact| apply(&mut twin, fact));
        twin
    }

    fn apply(twin: &mut Twin, fact: &Fact) {
        twin.apply(twin.revision + 1, fact, &mut Vec::new()).unwrap();
    }

    fn spec(id: usize, site: bool, lines: &[(bool, i64)], together: bool) -> OrderSpec {
        let line = |(sku, pieces): &(bool, i64)| OrderLine {
            sku: if *sku { "A" } else { "B" }.parse().unwrap(),
            pieces: Pieces(*pieces),
        };
        OrderSpec {
            order: format!("O-{id}").parse().unwrap(),
            site: if site { "SHOP" } else { "WH" }.parse().unwrap(),
            customer: None,
            wanted_at: None,
            last_at: None,
            together,
            reservation: None,
            note: None,
            lines: lines.iter().map(line).collect(),
        }
    }

    /// What is committed is what open orders have been promised and nobody has set aside.
    fn check(twin: &Twin) {
        let mut committed: BTreeMap<(StockIdx, Day), i64> = BTreeMap::new();
        let open = || twin.orders.by_id.values().filter(|order| order.status.is_open());
        for part in open().flat_map(|order| order.parts.iter()) {
            if let (Some(position), 1..) = (part.position, part.committed()) {
                *committed.entry((position, day_of(part.part.leaves_at))).or_default() += part.committed();
            }
        }
        assert!(twin.orders.committed.iter().map(|(k, v)| (*k, *v)).eq(committed), "{:?}", twin.orders.committed);
        assert_eq!(twin.orders.n_open as usize, open().count());
        assert_eq!(twin.orders.expiring.len(), open().filter(|order| order.expires_at.is_some()).count());
        let kept = Twin::from_bytes(&twin.to_bytes().unwrap()).unwrap();
        assert_eq!(kept.orders, twin.orders);
    }

    proptest! {
        #[test]
        fn promises_never_exceed_stock_and_what_is_committed_is_what_orders_say(
            steps in prop::collection::vec(
                (0_usize..8, any::<bool>(), prop::collection::vec((any::<bool>(), 1_i64..30), 1..4), any::<bool>(), 0_u8..8),
                1..40,
            ),
        ) {
            let mut twin = twin();
            let stock: Vec<i64> = twin.stock.iter().map(|stock| stock.on_hand).collect();
            for (day, (id, site, lines, together, what)) in steps.into_iter().enumerate() {
                let at = time(day as i64 / 8);
                let order = spec(id, site, &lines, together);
                let is_open = twin.orders.by_id.get(&order.order).map(|order| order.status.is_open());
                match (what, is_open) {
                    (0..4, None) => {
                        let parts = twin.promise(&order, &[], at).unwrap();
                        let expires_at = (what == 0).then(|| time(100 + id as i64));
                        apply(&mut twin, &Fact::OrderTaken { at, key: None, expires_at, order, parts });
                    }
                    (4, Some(true)) => {
                        let parts = twin.promise(&order, std::slice::from_ref(&order.order), at).unwrap();
                        apply(&mut twin, &Fact::OrderAmended { at, order, parts });
                    }
                    (5, Some(true)) => {
                        let how = OrderEnd::Cancelled;
                        apply(&mut twin, &Fact::OrderEnded { at, order: order.order, how, reason: None });
                    }
                    (6.., Some(true)) => {
                        let part = twin.orders.by_id[&order.order].parts.first().cloned();
                        if let Some((position, part)) = part.and_then(|part| Some((part.position?, part))) {
                            let (reserved, issued) = if what == 6 { (part.part.pieces.0 / 2, 0) } else { (0, 1) };
                            twin.order_moved(&order.order, position, reserved, issued, at);
                        }
                    }
                    _ => {}
                }
                check(&twin);
                // Nothing has left the shelves here, so all that is promised must lie on them.
                let mut promised = vec![0; stock.len()];
                for order in twin.orders.by_id.values().filter(|order| order.status.is_open()) {
                    for part in order.parts.iter() {
                        if let Some(position) = part.position {
                            promised[position.at()] += part.committed();
                        }
                    }
                }
                prop_assert!(promised.iter().zip(&stock).all(|(promised, stock)| promised <= stock), "{promised:?}");
            }
        }
    }
}
