//! What can be promised to further customers, for when and from where.
//!
//! ```text
//! stock, receipts, reservations ─▶ available (by day, so that no earlier promise breaks)
//!        └─ other sites + transfer days, suppliers + lead days ─▶ capable ─▶ Split { day, site, pieces, why }
//! ```

mod available;
mod book;
mod capable;

pub use available::{available_to_promise, earliest_day};
pub use book::{Book, BookError, Reservation, Supply};
pub use capable::{Answer, Part, Preference, Request, Via, Way, Why, promise};
