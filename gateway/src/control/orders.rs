//! Orders and reservations: taken once, promised from what is free, changed while nobody picks them.

use super::{Broken, Control, NewOrder, Reply, RequestError, Taken, not_found};
use firmware_schemas::fact::Fact;
use firmware_schemas::id::OrderId;
use firmware_schemas::order::{OrderEnd, OrderSpec, PromisedPart};
use firmware_schemas::quantity::Timestamp;
use twin::order::{OrderState, OrderStatus, PromiseError};

impl<T> Control<T> {
    pub(super) fn take_order(&mut self, new: NewOrder, now: Timestamp) -> Result<Result<Taken, RequestError>, Broken> {
        let NewOrder { key, expires_at, order } = new;
        let id = &order.order;
        let is_same = |known: &OrderState| known.first.spec == order && known.expires_at == expires_at;
        let by_key = key.as_deref().and_then(|key| self.twin.order_by_key(key));
        if let Some(known) = by_key.or_else(|| self.twin.orders.by_id.get(id)) {
            return Ok(match is_same(known) {
                true => Ok(Taken::Before),
                false => Err(conflict(format!("order {} was taken before, and differs", known.spec.order))),
            });
        }
        if let Some(reservation) = &order.reservation {
            let known = self.twin.orders.by_id.get(reservation);
            if known.is_none_or(|known| known.status != OrderStatus::Reserved) {
                return Ok(Err(conflict(format!("reservation {reservation} does not hold"))));
            }
        }
        if !self.twin.has_room_for_orders() {
            return Ok(Err(RequestError::Unavailable("too many orders are open".to_owned())));
        }
        let parts = match self.promise(&order, order.reservation.as_slice(), now) {
            Ok(parts) => parts,
            Err(why) => return Ok(Err(why)),
        };
        let key = key.filter(|key| key != id.as_str());
        self.record(Fact::OrderTaken { at: now, key, expires_at, order, parts }, now)?;
        Ok(Ok(Taken::Now))
    }

    pub(super) fn amend_order(
        &mut self,
        order: OrderSpec,
        version: Option<u32>,
        now: Timestamp,
    ) -> Result<Result<Reply, RequestError>, Broken> {
        let id = order.order.clone();
        let known = match self.open_order(&id, version) {
            Ok(known) => known,
            Err(why) => return Ok(Err(why)),
        };
        if *known.spec == order {
            return Ok(Ok(Reply::Already));
        }
        if known.spec.reservation != order.reservation {
            return Ok(Err(conflict("an order keeps the reservation that it was taken with".to_owned())));
        }
        if known.parts.iter().any(|part| part.reserved > 0 || part.issued > 0) {
            return Ok(Err(conflict(format!("order {id} is being picked already"))));
        }
        let parts = match self.promise(&order, &[id], now) {
            Ok(parts) => parts,
            Err(why) => return Ok(Err(why)),
        };
        self.record(Fact::OrderAmended { at: now, order, parts }, now)?;
        Ok(Ok(Reply::Done))
    }

    pub(super) fn cancel_order(
        &mut self,
        order: OrderId,
        version: Option<u32>,
        reason: Option<String>,
        now: Timestamp,
    ) -> Result<Result<Reply, RequestError>, Broken> {
        let is_cancelled = |known: &OrderState| known.status == OrderStatus::Ended(OrderEnd::Cancelled);
        if self.twin.orders.by_id.get(&order).is_some_and(is_cancelled) {
            return Ok(Ok(Reply::Already));
        }
        if let Err(why) = self.open_order(&order, version) {
            return Ok(Err(why));
        }
        self.record(Fact::OrderEnded { at: now, order, how: OrderEnd::Cancelled, reason }, now)?;
        Ok(Ok(Reply::Done))
    }

    /// The order, if it is open and as whoever asks has seen it.
    fn open_order(&self, id: &OrderId, version: Option<u32>) -> Result<&OrderState, RequestError> {
        let known = self.twin.orders.by_id.get(id).ok_or_else(|| not_found("order", id))?;
        let is = match known.status {
            OrderStatus::Reserved | OrderStatus::Open => match version {
                Some(seen) if seen != known.version => format!("has version {}, and not {seen}", known.version),
                _ => return Ok(known),
            },
            OrderStatus::Fulfilled => "is fulfilled".to_owned(),
            OrderStatus::Ended(OrderEnd::Cancelled) => "is cancelled".to_owned(),
            OrderStatus::Ended(OrderEnd::Expired) => "has expired".to_owned(),
            OrderStatus::TakenOver => "is a reservation that an order has taken over".to_owned(),
        };
        Err(conflict(format!("order {id} {is}")))
    }

    fn promise(
        &self,
        order: &OrderSpec,
        instead_of: &[OrderId],
        now: Timestamp,
    ) -> Result<Vec<PromisedPart>, RequestError> {
        self.twin.promise(order, instead_of, now).map_err(|why| match why {
            PromiseError::Site(site) => not_found("site", site),
            PromiseError::Sku { sku, .. } => not_found("SKU", sku),
            other => conflict(other.to_string()),
        })
    }
}

fn conflict(why: String) -> RequestError {
    RequestError::Conflict(why)
}
