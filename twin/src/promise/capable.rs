//! Capable-to-promise: what can be had by a date from stock and receipts here, from other sites, and from suppliers,
//! divided by day and site with a reason for each part.

use super::book::{Book, BookError, Reservation};

/// How pieces reach the customer's site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Via {
    /// From the shelf or the receipts of the site that was asked.
    Own,
    /// Moved from another site's: its book.
    Transfer {
        /// Place of its book in the books given.
        book: usize,
    },
    /// Bought.
    Purchase {
        /// Index of the supplier.
        supplier: u32,
    },
}

/// A way to get pieces to the site that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// From where.
    pub via: Via,
    /// Days from there to the site; of a supplier, from the order.
    pub days: u32,
    /// The most pieces that it gives; `None` is no limit but stock.
    pub pieces_max: Option<u64>,
    /// A purchase comes in multiples of this; what is beyond the request stays in stock.
    pub multiple: u32,
}

/// What counts first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preference {
    /// As early as can be, in as many parts as it takes.
    Earliest,
    /// All at once, on the first day on which all can be there.
    Together,
}

/// What a customer asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Place of the site's book in the books given.
    pub book: usize,
    /// Pieces.
    pub pieces: u64,
    /// The day on which they are wanted; day 0 is today.
    pub wanted_day: u32,
    /// The last day on which they are of any use.
    pub last_day: u32,
    /// What counts first.
    pub preference: Preference,
}

/// Why a part is as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Free at the site on the day wanted.
    FreeOnDay,
    /// Not free at the site before a receipt on this day, or before stock that is promised elsewhere is made up.
    FreeLater,
    /// The site has no more until its last day; another one has it, and this is its first day here.
    OtherSite,
    /// No site has more; a supplier brings it on this day.
    Bought,
    /// It waits here for the last part, as all is to come together.
    WaitsForRest,
}

/// Pieces on one day, from one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The day on which they are at the customer's site.
    pub day: u32,
    /// The day on which they leave where they are: what a reservation there must name. Of a purchase, today.
    pub leaves_day: u32,
    /// From where.
    pub via: Via,
    /// Pieces for the customer.
    pub pieces: u64,
    /// Pieces that must be bought for it, in whole multiples; 0 where nothing is.
    pub bought: u64,
    /// Why.
    pub why: Why,
}

/// What can be promised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// By day, then in the order of ways; together never more than was asked.
    pub parts: Vec<Part>,
    /// Pieces that cannot be had by the last day.
    pub short: u64,
}

impl Answer {
    /// The day on which the last part is there; `None` where there is none.
    #[must_use]
    pub fn complete_on(&self) -> Option<u32> {
        (self.short == 0).then(|| self.parts.iter().map(|it| it.day).max()).flatten()
    }

    /// Takes the parts from the books as reservations with ids from `first_id` on; takes nothing where one is
    /// refused. Purchases take nothing.
    pub fn reserve(
        &self,
        books: &mut [Book],
        request: Request,
        first_id: u64,
        expires_at_secs: Option<u64>,
    ) -> Result<(), BookError> {
        let mut taken: Vec<(usize, u64)> = Vec::new();
        for (id, part) in (first_id..).zip(&self.parts) {
            let book = match part.via {
                Via::Own => request.book,
                Via::Transfer { book } => book,
                Via::Purchase { .. } => continue,
            };
            let pieces = u32::try_from(part.pieces).unwrap_or(u32::MAX);
            let reservation = Reservation { id, day: part.leaves_day, pieces, expires_at_secs };
            if let Err(why) = books[book].reserve(reservation) {
                for (book, id) in taken.into_iter().rev() {
                    books[book].release(id)?;
                }
                return Err(why);
            }
            taken.push((book, id));
        }
        Ok(())
    }
}

/// What can be promised for a request, from the books of one SKU and the ways to the site that is asked.
///
/// Own stock and receipts come first, by day; then other sites, the quickest first; then suppliers, the quickest
/// first. Every part is free in its book on the day on which it leaves and on all later days, so that no promise
/// made before is broken.
#[must_use]
pub fn promise(books: &[Book], ways: &[Way], request: Request) -> Answer {
    let Request { wanted_day, last_day, .. } = request;
    let mut parts = Vec::new();
    let mut left = request.pieces;
    let own = Way { via: Via::Own, days: 0, pieces_max: None, multiple: 1 };
    let mut order: Vec<&Way> = ways.iter().filter(|it| it.via != Via::Own).collect();
    order.sort_by_key(|it| (matches!(it.via, Via::Purchase { .. }), it.days, it.via));
    let mut used: Vec<usize> = Vec::new();
    for way in std::iter::once(&own).chain(order) {
        if left == 0 || way.days > last_day {
            continue;
        }
        let most = way.pieces_max.unwrap_or(u64::MAX).min(left);
        let begun = parts.len();
        match way.via {
            Via::Purchase { .. } => {
                let multiple = u64::from(way.multiple.max(1));
                let within = way.pieces_max.map_or(u64::MAX, |it| it / multiple * multiple);
                let pieces = most.min(within);
                if pieces > 0 {
                    let bought = pieces.div_ceil(multiple).saturating_mul(multiple);
                    let day = way.days.max(wanted_day);
                    parts.push(Part { day, leaves_day: 0, via: way.via, pieces, bought, why: Why::Bought });
                }
            }
            Via::Own | Via::Transfer { .. } => {
                let book = if let Via::Transfer { book } = way.via { book } else { request.book };
                // A book can stand for one part of an answer only: its days are counted once.
                if used.contains(&book) {
                    continue;
                }
                used.push(book);
                if let Some(book) = books.get(book) {
                    from_book(book, *way, request, most, &mut parts);
                }
            }
        }
        left -= parts[begun..].iter().map(|it| it.pieces).sum::<u64>();
    }
    if request.preference == Preference::Together
        && let Some(last) = parts.iter().map(|it| it.day).max()
    {
        for part in parts.iter_mut().filter(|it| it.day < last) {
            part.why = Why::WaitsForRest;
            part.day = last;
        }
    }
    parts.sort_by_key(|it| it.day); // stable: the order of ways within a day
    Answer { parts, short: left }
}

/// Parts from one book, as it becomes free day by day.
fn from_book(book: &Book, way: Way, request: Request, most: u64, parts: &mut Vec<Part>) {
    let (first, last) = (request.wanted_day.saturating_sub(way.days), request.last_day - way.days);
    let mut taken = 0;
    let mut leaves_day = first;
    while taken < most && leaves_day <= last {
        let free = book.free(leaves_day).min(most);
        if free > taken {
            let day = leaves_day + way.days;
            let why = match way.via {
                Via::Own if day == request.wanted_day => Why::FreeOnDay,
                Via::Own => Why::FreeLater,
                _ => Why::OtherSite,
            };
            parts.push(Part { day, leaves_day, via: way.via, pieces: free - taken, bought: 0, why });
            taken = free;
        }
        // The next day on which more is free.
        match book.earliest(taken + 1).filter(|it| *it > leaves_day) {
            Some(day) if taken < most => leaves_day = day,
            _ => break,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::book::Supply;
    use super::*;
    use proptest::prelude::*;

    fn books() -> Vec<Book> {
        vec![
            Book::new(Supply { on_hand: 10, receipts: vec![(4, 20)] }, 30),
            Book::new(Supply { on_hand: 15, receipts: vec![] }, 30),
        ]
    }

    fn ways() -> [Way; 2] {
        [
            Way { via: Via::Purchase { supplier: 3 }, days: 9, pieces_max: None, multiple: 12 },
            Way { via: Via::Transfer { book: 1 }, days: 2, pieces_max: None, multiple: 1 },
        ]
    }

    fn request(pieces: u64, preference: Preference) -> Request {
        Request { book: 0, pieces, wanted_day: 1, last_day: 20, preference }
    }

    #[track_caller]
    fn check(asked: Request, expected: &[(u32, u64, Why)], short: u64) {
        let answer = promise(&books(), &ways(), asked);
        let parts: Vec<(u32, u64, Why)> = answer.parts.iter().map(|it| (it.day, it.pieces, it.why)).collect();
        assert_eq!((&parts[..], answer.short), (expected, short), "{asked:?}");
    }

    #[test]
    fn each_part_says_why_it_comes_then_and_from_there() {
        check(request(8, Preference::Earliest), &[(1, 8, Why::FreeOnDay)], 0);
        check(
            request(50, Preference::Earliest),
            &[(1, 10, Why::FreeOnDay), (2, 15, Why::OtherSite), (4, 20, Why::FreeLater), (9, 5, Why::Bought)],
            0,
        );
        check(
            Request { last_day: 3, ..request(50, Preference::Earliest) },
            &[(1, 10, Why::FreeOnDay), (2, 15, Why::OtherSite)],
            25,
        );
        check(request(30, Preference::Together), &[(4, 10, Why::WaitsForRest), (4, 20, Why::FreeLater)], 0);
    }

    #[test]
    fn purchases_come_in_whole_multiples() {
        let answer = promise(&books(), &ways(), request(50, Preference::Earliest));
        assert_eq!(answer.parts.last().map(|it| (it.pieces, it.bought)), Some((5, 12)));
        assert_eq!(answer.complete_on(), Some(9));
    }

    #[test]
    fn a_promise_taken_is_no_longer_free() {
        let mut books = books();
        let asked = request(45, Preference::Earliest);
        let answer = promise(&books, &ways(), asked);
        answer.reserve(&mut books, asked, 100, None).unwrap();
        assert_eq!((books[0].free(20), books[1].free(20)), (0, 0));
        let before = books.clone();
        assert!(answer.reserve(&mut books, asked, 200, None).is_err());
        assert_eq!(books, before, "nothing is taken where one part is refused");
    }

    proptest! {
        #[test]
        fn every_answer_can_be_reserved_and_breaks_no_promise(
            supplies in prop::collection::vec((0_u32..40, prop::collection::vec((0_u32..20, 1_u32..30), 0..4)), 3),
            asked in prop::collection::vec((0_usize..3, 1_u64..60, 0_u32..10, 0_u32..15, any::<bool>()), 1..12),
            days in 0_u32..6,
        ) {
            let mut books: Vec<Book> = supplies
                .into_iter()
                .map(|(on_hand, receipts)| Book::new(Supply { on_hand, receipts }, 25))
                .collect();
            for (nth, (book, pieces, wanted_day, more, together)) in asked.into_iter().enumerate() {
                let preference = if together { Preference::Together } else { Preference::Earliest };
                let request = Request { book, pieces, wanted_day, last_day: wanted_day + more, preference };
                let ways: Vec<Way> = (0..3)
                    .filter(|it| *it != book)
                    .map(|book| Way { via: Via::Transfer { book }, days, pieces_max: Some(25), multiple: 1 })
                    .collect();
                let answer = promise(&books, &ways, request);
                prop_assert_eq!(answer.parts.iter().map(|it| it.pieces).sum::<u64>() + answer.short, pieces);
                prop_assert!(answer.parts.iter().all(|it| it.day >= wanted_day && it.day <= request.last_day));
                answer.reserve(&mut books, request, nth as u64 * 100, None).unwrap();
                prop_assert!(books.iter().all(|it| it.broken().is_none()));
            }
        }
    }
}
