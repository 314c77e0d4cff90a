//! Promises a second: checks of what is free, and reservations, over a hundred thousand books.

use super::{Figure, Goal, Options, median};
use anyhow::{Result, ensure};
use std::hint::black_box;
use std::time::Instant;
use twin::promise::{Book, Preference, Request, Reservation, Supply, Via, Way, promise};

const BOOKS: u32 = 100_000;
const DAYS: u32 = 60;
/// Of each figure so many runs; the middle one counts.
const RUNS: usize = 5;

/// A number that looks random, always the same for the same argument (SplitMix64).
fn mixed(n: u64) -> u64 {
    let mut z = n.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn below(n: u64, limit: u64) -> u32 {
    (mixed(n) % limit) as u32
}

/// Books with stock, three receipts and eight promises each.
fn books() -> Vec<Book> {
    (0..u64::from(BOOKS))
        .map(|idx| {
            let at = |k: u64| idx * 64 + k;
            let receipts = (0..3).map(|k| (below(at(k), 40), 10 + below(at(k + 3), 90))).collect();
            let mut book = Book::new(Supply { on_hand: below(at(6), 200), receipts }, DAYS);
            for id in 0..8 {
                let reservation = Reservation {
                    id,
                    day: below(at(7 + id), u64::from(DAYS)),
                    pieces: 1 + below(at(15 + id), 12),
                    expires_at_secs: None,
                };
                // What is not free is refused, as it would be.
                black_box(book.reserve(reservation).is_ok());
            }
            book
        })
        .collect()
}

fn per_second(n: u64, mut work: impl FnMut(u64) -> u64) -> f64 {
    let speeds = (0..RUNS as u64).map(|run| {
        let begun = Instant::now();
        let mut sum = 0_u64;
        for i in 0..n {
            sum = sum.wrapping_add(work(run * n + i));
        }
        black_box(sum);
        n as f64 / begun.elapsed().as_secs_f64()
    });
    median(speeds.collect())
}

pub(super) fn run(options: &Options) -> Result<Vec<Figure>> {
    let n = options.n.unwrap_or(1_000_000);
    let mut books = books();
    let pick = |i: u64| below(i, u64::from(BOOKS)) as usize;

    let bare = per_second(n, |i| books[pick(i)].by_day()[below(i + 7, u64::from(DAYS)) as usize]);
    let checks = per_second(n, |i| {
        let book = &books[pick(i)];
        let (day, pieces) = (below(i + 7, u64::from(DAYS)), 1 + u64::from(below(i + 13, 150)));
        if book.free(day) >= pieces { u64::from(day) } else { book.earliest(pieces).map_or(0, u64::from) }
    });
    let capable = per_second(n / 4, |i| {
        let first = pick(i).min(books.len() - 4);
        let ways = [
            Way { via: Via::Transfer { book: 1 }, days: 1, pieces_max: None, multiple: 1 },
            Way { via: Via::Transfer { book: 2 }, days: 2, pieces_max: None, multiple: 1 },
            Way { via: Via::Transfer { book: 3 }, days: 2, pieces_max: None, multiple: 1 },
            Way { via: Via::Purchase { supplier: 0 }, days: 9, pieces_max: None, multiple: 12 },
        ];
        let request = Request {
            book: 0,
            pieces: 1 + u64::from(below(i + 13, 400)),
            wanted_day: below(i + 7, 10),
            last_day: 30,
            preference: Preference::Earliest,
        };
        let answer = promise(&books[first..first + 4], &ways, request);
        answer.parts.len() as u64 + answer.short
    });
    let mut next = 1_000;
    let reserved = per_second(n / 4, |i| {
        let book = &mut books[pick(i)];
        next += 1;
        let asked = Reservation { id: next, day: below(i + 7, u64::from(DAYS)), pieces: 1, expires_at_secs: None };
        match book.reserve(asked) {
            Ok(()) => book.release(next).map_or(0, |it| it.id),
            Err(_) => 0,
        }
    });
    ensure!(books.iter().all(|it| it.broken().is_none()), "a promise was broken");
    let figure = |name: &str, value: f64, goal: Goal| Figure {
        against: Some(("bare look-ups".to_owned(), bare)),
        ..Figure::alone(name, value, "a second", goal)
    };
    Ok(vec![
        Figure::alone("bare look-ups of a day in a random book", bare, "a second", Goal::None),
        Figure::alone("checks: free on a day, else the first day", checks, "a second", Goal::AtLeast(200_000.0)),
        figure("the same, against", checks, Goal::None),
        Figure::alone("split over 4 sites and a supplier, with reasons", capable, "a second", Goal::None),
        Figure::alone("reserve and release", reserved, "a second", Goal::None),
    ])
}
