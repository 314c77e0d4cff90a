//! Lists in pages.

use super::params::Limit;
use firmware_schemas::api::Page;
use std::ops::Bound;

/// Collects a page from items in order: one more than the limit is looked at, to know whether there is a next.
/// `cursor` names the last item of the page.
pub(super) fn collect<T>(
    limit: Option<Limit>,
    items: impl Iterator<Item = T>,
    cursor: impl FnOnce(&T) -> String,
) -> Page<T> {
    let limit = limit.unwrap_or_default().0;
    let mut items: Vec<T> = items.take(limit + 1).collect();
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next_cursor = items.last().filter(|_| has_more).map(cursor);
    Page { items, next_cursor }
}

/// Everything behind a cursor, in ascending order.
pub(super) fn beyond<T>(cursor: Option<T>) -> (Bound<T>, Bound<T>) {
    (cursor.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}

/// True when `text` is in one of `fields`, upper and lower case being the same.
pub(super) fn contains(fields: &[&str], text: &str) -> bool {
    let text = text.to_lowercase();
    fields.iter().any(|field| field.to_lowercase().contains(&text))
}
