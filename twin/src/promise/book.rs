//! Stock, receipts and reservations of one SKU at one site, and what is free of them by day.

/// What one SKU at one site will have, by day; day 0 is today.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Supply {
    /// Pieces on the shelf that can be sold.
    pub on_hand: u32,
    /// Pieces that come: day and quantity, in any order.
    pub receipts: Vec<(u32, u32)>,
}

/// Pieces kept for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// Whose, for the caller; no two of a book are the same.
    pub id: u64,
    /// The day on which the pieces go.
    pub day: u32,
    /// Pieces.
    pub pieces: u32,
    /// The first instant (seconds since 1970) at which it no longer holds; `None` never ends.
    pub expires_at_secs: Option<u64>,
}

/// Why a book refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BookError {
    /// Not so much is free on that day.
    #[error("{asked} pieces asked for day {day}, {free} are free")]
    NotFree {
        /// Pieces.
        asked: u32,
        /// Day.
        day: u32,
        /// Pieces.
        free: u64,
    },
    /// The day is beyond the horizon of the book.
    #[error("day {day} is beyond the {n_days} days of the book")]
    Day {
        /// Day.
        day: u32,
        /// Days of the book.
        n_days: u32,
    },
    /// There is one with this id.
    #[error("reservation {0} exists")]
    Exists(u64),
    /// There is none with this id.
    #[error("no reservation {0}")]
    Unknown(u64),
}

/// The promises on one SKU at one site. What is free is kept by day, so that a check is one look-up.
///
/// Invariant: after every change no promise is taken that stock and receipts of its day and all later days do not
/// bear. Supply that fails later can break promises: [`Book::broken`] says by how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book {
    supply: Supply,
    /// By id.
    reservations: Vec<Reservation>,
    /// Stock at the end of each day if all promises are kept; below 0 where supply failed.
    projected: Vec<i64>,
    /// Pieces free for each day.
    free: Vec<u64>,
}

impl Book {
    /// A book over so many days from today.
    #[must_use]
    pub fn new(supply: Supply, n_days: u32) -> Self {
        let n = n_days.max(1) as usize;
        let mut book = Self { supply, reservations: Vec::new(), projected: vec![0; n], free: vec![0; n] };
        book.reckon();
        book
    }

    /// Pieces that can be promised for `day`, at most those free on all later days too; 0 beyond the horizon.
    #[must_use]
    pub fn free(&self, day: u32) -> u64 {
        self.free.get(day as usize).copied().unwrap_or(0)
    }

    /// The first day for which so many pieces can be promised.
    #[must_use]
    pub fn earliest(&self, pieces: u64) -> Option<u32> {
        // What is free never falls from one day to the next.
        let day = self.free.partition_point(|free| *free < pieces);
        (day < self.free.len()).then_some(day as u32)
    }

    /// Pieces free by day.
    #[must_use]
    pub fn by_day(&self) -> &[u64] {
        &self.free
    }

    /// All promises, by id.
    #[must_use]
    pub fn reservations(&self) -> &[Reservation] {
        &self.reservations
    }

    /// Takes a promise.
    pub fn reserve(&mut self, reservation: Reservation) -> Result<(), BookError> {
        let Reservation { id, day, pieces, .. } = reservation;
        if day as usize >= self.free.len() {
            return Err(BookError::Day { day, n_days: self.free.len() as u32 });
        }
        let Err(at) = self.reservations.binary_search_by_key(&id, |it| it.id) else {
            return Err(BookError::Exists(id));
        };
        let free = self.free(day);
        if u64::from(pieces) > free {
            return Err(BookError::NotFree { asked: pieces, day, free });
        }
        self.reservations.insert(at, reservation);
        self.reckon();
        Ok(())
    }

    /// Gives a promise back.
    pub fn release(&mut self, id: u64) -> Result<Reservation, BookError> {
        let Ok(at) = self.reservations.binary_search_by_key(&id, |it| it.id) else {
            return Err(BookError::Unknown(id));
        };
        let gone = self.reservations.remove(at);
        self.reckon();
        Ok(gone)
    }

    /// Gives back all promises that no longer hold, and returns them by id.
    pub fn expire(&mut self, now_secs: u64) -> Vec<Reservation> {
        let ends = |it: &Reservation| it.expires_at_secs.is_some_and(|end| end <= now_secs);
        let (gone, kept) = self.reservations.iter().partition(|it| ends(it));
        self.reservations = kept;
        let gone: Vec<Reservation> = gone;
        if !gone.is_empty() {
            self.reckon();
        }
        gone
    }

    /// Takes new facts about stock and receipts.
    pub fn set_supply(&mut self, supply: Supply) {
        self.supply = supply;
        self.reckon();
    }

    /// Pieces missing to keep all promises: the worst day and how many; `None` where all can be kept.
    #[must_use]
    pub fn broken(&self) -> Option<(u32, u64)> {
        let (day, least) = self.projected.iter().enumerate().min_by_key(|(_, it)| **it)?;
        (*least < 0).then(|| (day as u32, least.unsigned_abs()))
    }

    fn reckon(&mut self) {
        let n = self.projected.len();
        self.projected.fill(0);
        self.projected[0] = i64::from(self.supply.on_hand);
        for (day, pieces) in &self.supply.receipts {
            if let Some(cell) = self.projected.get_mut(*day as usize) {
                *cell += i64::from(*pieces);
            }
        }
        for it in &self.reservations {
            self.projected[(it.day as usize).min(n - 1)] -= i64::from(it.pieces);
        }
        for day in 1..n {
            self.projected[day] += self.projected[day - 1];
        }
        let mut least = i64::MAX;
        for day in (0..n).rev() {
            least = least.min(self.projected[day]);
            self.free[day] = least.max(0) as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn book() -> Book {
        Book::new(Supply { on_hand: 50, receipts: vec![(3, 100), (7, 80)] }, 11)
    }

    fn reservation(id: u64, day: u32, pieces: u32) -> Reservation {
        Reservation { id, day, pieces, expires_at_secs: None }
    }

    #[test]
    fn what_is_free_is_that_of_the_known_answer() {
        let mut book = book();
        for (id, (day, pieces)) in [(1, 30), (4, 60), (6, 20)].into_iter().enumerate() {
            book.reserve(reservation(id as u64, day, pieces)).unwrap();
        }
        assert_eq!(book.by_day(), [20, 20, 20, 40, 40, 40, 40, 120, 120, 120, 120]);
        let days = [15, 35, 90, 130].map(|pieces| book.earliest(pieces));
        assert_eq!(days, [Some(0), Some(3), Some(7), None]);
    }

    #[test]
    fn a_reservation_ends_at_its_instant() {
        let mut book = book();
        book.reserve(Reservation { expires_at_secs: Some(100), ..reservation(1, 0, 50) }).unwrap();
        assert_eq!((book.free(0), book.expire(99).len(), book.expire(100).len(), book.free(0)), (0, 0, 1, 50));
    }

    #[test]
    fn what_cannot_be_kept_is_refused_and_changes_nothing() {
        let mut book = book();
        book.reserve(reservation(1, 2, 50)).unwrap();
        let before = book.clone();
        assert_eq!(book.reserve(reservation(2, 0, 1)), Err(BookError::NotFree { asked: 1, day: 0, free: 0 }));
        assert_eq!(book.reserve(reservation(1, 8, 1)), Err(BookError::Exists(1)));
        assert_eq!(book.reserve(reservation(3, 11, 1)), Err(BookError::Day { day: 11, n_days: 11 }));
        assert_eq!(book.release(9), Err(BookError::Unknown(9)));
        assert_eq!(book, before);
    }

    #[test]
    fn supply_that_fails_says_what_it_breaks() {
        let mut book = book();
        book.reserve(reservation(1, 4, 120)).unwrap();
        assert_eq!(book.broken(), None);
        book.set_supply(Supply { on_hand: 50, receipts: vec![(7, 80)] });
        assert_eq!((book.broken(), book.free(4)), (Some((4, 70)), 0));
    }

    proptest! {
        #[test]
        fn promises_never_exceed_supply_on_any_day(
            on_hand in 0_u32..60,
            receipts in prop::collection::vec((0_u32..15, 0_u32..40), 0..5),
            asked in prop::collection::vec((0_u32..12, 1_u32..30, any::<bool>()), 0..30),
        ) {
            let mut book = Book::new(Supply { on_hand, receipts: receipts.clone() }, 12);
            for (id, (day, pieces, back)) in asked.into_iter().enumerate() {
                let id = id as u64;
                let free = book.free(day);
                let taken = book.reserve(reservation(id, day, pieces)).is_ok();
                prop_assert_eq!(taken, free >= u64::from(pieces));
                if back && taken {
                    book.release(id).unwrap();
                    prop_assert_eq!(book.free(day), free);
                }
                for day in 0..12 {
                    let comes: u32 = receipts.iter().filter(|it| it.0 <= day).map(|it| it.1).sum();
                    let goes: u32 = book.reservations().iter().filter(|it| it.day <= day).map(|it| it.pieces).sum();
                    prop_assert!(goes <= on_hand + comes);
                }
            }
        }
    }
}
