//! Lists in pages.

use super::error::Problem;
use super::params::{Limit, Text};
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

/// Reads a cursor that is an identifier or a number.
pub(super) fn cursor<T: std::str::FromStr>(cursor: Option<&Text>) -> Result<Option<T>, Problem> {
    let Some(Text(text)) = cursor else { return Ok(None) };
    text.parse().map(Some).map_err(|_not_ours| bad_cursor(text))
}

/// Everything behind a cursor, in ascending order.
pub(super) fn beyond<T>(cursor: Option<T>) -> (Bound<T>, Bound<T>) {
    (cursor.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}

/// A cursor that we did not give out.
pub(super) fn bad_cursor(text: &str) -> Problem {
    Problem::parameter("cursor", format!("{text:?} is not a cursor that this endpoint gave"))
}

/// True when `text` is in one of `fields`, upper and lower case being the same.
pub(super) fn contains(fields: &[&str], text: &str) -> bool {
    let text = text.to_lowercase();
    fields.iter().any(|field| field.to_lowercase().contains(&text))
}
