//! Counter-based random words in lanes, and inverse cumulative distributions as tables.
//!
//! A word is a function of (seed, purpose, replication, subject, day). Nothing is drawn in turn, so a changed
//! parameter, thread or tile leaves every other word as it was: common random numbers by construction.

use rand_philox::philox4x32_10;

use super::lanes::{V, by_lane};
use crate::theory::distribution::Pmf;

const ROUNDS: usize = 10;
const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Philox4x32-10 (Salmon and others 2011) in lanes: the words of four days, for one replication and subject a
/// lane.
#[inline(always)]
pub(super) fn four_days<const W: usize>(
    key: [u32; 2],
    day: u32,
    replications: &[u32; W],
    subjects: &[[u32; W]; 2],
) -> [[u32; W]; 4] {
    let mut c = [[day >> 2; W], *replications, subjects[0], subjects[1]];
    let mut key = key;
    for _ in 0..ROUNDS {
        let product = |i: usize, m: usize| -> [u64; W] { by_lane(|l| u64::from(c[i][l]) * u64::from(MULTIPLIERS[m])) };
        let (a, b) = (product(0, 0), product(2, 1));
        c = [
            by_lane(|l| (b[l] >> 32) as u32 ^ c[1][l] ^ key[0]),
            by_lane(|l| b[l] as u32),
            by_lane(|l| (a[l] >> 32) as u32 ^ c[3][l] ^ key[1]),
            by_lane(|l| a[l] as u32),
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    c
}

/// The same words for one lane, by the library's generator.
pub(super) fn block(key: [u32; 2], n: u32, replication: u32, subject: u64) -> [u32; 4] {
    philox4x32_10([n, replication, subject as u32, (subject >> 32) as u32], key)
}

/// Bits of a word that choose a cell: as few as will do, so that the tables of many stocks fit into the cache.
const CELL_BITS: [u32; 4] = [5, 6, 8, MOST_BITS];
const MOST_BITS: u32 = 10;
/// Bits of a word that say where in a cell it is.
const FRACTION_BITS: u32 = 32 - MOST_BITS;
const FRACTION_MASK: u32 = (1 << FRACTION_BITS) - 1;
const STEPS_MAX: u32 = (1 << MOST_BITS) - 1;
/// Cells at either end of a wide table that are never interpolated.
const TAIL_CELLS: u32 = 2;

/// A part of a distribution. The value is `base + (fraction × steps + offset) >> 22`: with one step it goes up
/// by one at the very place where the distribution does. No step: look it up in the bounds.
#[derive(Clone, Copy, Debug)]
struct Cell {
    base: i32,
    /// Steps in the high bits, offset in the low.
    steps: u32,
}

/// Where the cells of a distribution are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Table {
    first: u32,
    /// By how many bits a word is shifted to give its cell.
    shift: u32,
    exact: u32,
}

/// A table in each lane.
#[derive(Clone, Copy, Debug)]
pub(super) struct TableOf<const W: usize> {
    first: [u32; W],
    shift: [u32; W],
    exact: [u32; W],
}

impl<const W: usize> TableOf<W> {
    #[inline(always)]
    pub(super) fn new(tables: [Table; W]) -> Self {
        Self {
            first: by_lane(|l| tables[l].first),
            shift: by_lane(|l| tables[l].shift),
            exact: by_lane(|l| tables[l].exact),
        }
    }
}

/// Inverse cumulative distributions.
///
/// Exact to 2⁻²⁷ where a cell spans at most two values, and in the tails. A distribution so wide that most of
/// 1,024 cells span more is taken as even within each.
#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    cells: Vec<Cell>,
    /// For each table its first value and the bounds between values: value `min + i` up to bound `i`.
    exact: Vec<(i32, Vec<u32>)>,
}

impl Tables {
    /// Adds a distribution.
    pub(super) fn add(&mut self, pmf: &Pmf) -> Table {
        let mut sum = 0.0;
        let n = pmf.weights().len();
        let mut bounds: Vec<u32> = Vec::with_capacity(n);
        for weight in &pmf.weights()[..n.saturating_sub(1)] {
            sum += weight;
            bounds.push((sum * 4_294_967_296.0).round().min(4_294_967_295.0) as u32);
        }
        let min = pmf.min() as i32;
        let value = |word: u32| min + bounds.partition_point(|bound| *bound <= word) as i32;
        let span = |cell: u32, bits: u32| {
            let first = cell << (32 - bits);
            let base = value(first);
            (base, (value(first | (u32::MAX >> bits)) - base) as u32)
        };
        // A table will do if looking up is rare: one word in 500.
        let slow = |bits: u32| (0..1 << bits).filter(|cell| span(*cell, bits).1 > 1).count();
        let bits = CELL_BITS.into_iter().find(|bits| slow(*bits) * 500 <= 1 << bits).unwrap_or(MOST_BITS);
        let wide = bits == MOST_BITS && slow(bits) > 1 << (bits - 2);
        let first = self.cells.len() as u32;
        for cell in 0..1 << bits {
            let (base, width) = span(cell, bits);
            let steps = match width {
                0 => 1 << FRACTION_BITS,
                1 => {
                    let bound = fraction(bounds[(base - min) as usize], 32 - bits);
                    // A bound of 0 is so near the cell's beginning that all of it is above.
                    1 << FRACTION_BITS | ((1 << FRACTION_BITS) - bound).min(FRACTION_MASK)
                }
                _ if wide && (TAIL_CELLS..(1 << bits) - TAIL_CELLS).contains(&cell) && width < STEPS_MAX => {
                    (width + 1) << FRACTION_BITS
                }
                _ => 0,
            };
            self.cells.push(Cell { base, steps });
        }
        self.exact.push((min, bounds));
        Table { first, shift: 32 - bits, exact: self.exact.len() as u32 - 1 }
    }

    /// The values of these tables at these words.
    #[inline(always)]
    pub(super) fn draw<const W: usize>(&self, tables: &TableOf<W>, words: &[u32; W]) -> V<W> {
        let mut base = [0_i32; W];
        let mut steps = [0_u32; W];
        let at: [u32; W] = by_lane(|l| tables.first[l] + (words[l] >> tables.shift[l]));
        for l in 0..W {
            let cell = self.cells[at[l] as usize];
            base[l] = cell.base;
            steps[l] = cell.steps;
        }
        let mut slow = false;
        for l in 0..W {
            slow |= steps[l] == 0;
        }
        let mut drawn = V::from_fn(|l| {
            let fraction = fraction(words[l], tables.shift[l]);
            let up = (fraction * (steps[l] >> FRACTION_BITS) + (steps[l] & FRACTION_MASK)) >> FRACTION_BITS;
            base[l] + up as i32
        });
        if slow {
            for l in 0..W {
                if steps[l] == 0 {
                    drawn.0[l] = self.exactly(tables.exact[l], words[l]);
                }
            }
        }
        drawn
    }

    #[cold]
    fn exactly(&self, exact: u32, word: u32) -> i32 {
        let (min, bounds) = &self.exact[exact as usize];
        min + bounds.partition_point(|bound| *bound <= word) as i32
    }
}

/// Where in its cell a word is, if `shift` bits of it do not choose the cell.
#[inline(always)]
fn fraction(word: u32, shift: u32) -> u32 {
    (word << (32 - shift)) >> (32 - FRACTION_BITS)
}

/// `pieces` times a factor in 2⁻²⁰, a fraction rounded at random by bits of the same word.
#[inline(always)]
pub(super) fn scaled(pieces: i32, factor: u32, word: u32) -> i32 {
    let rounding = word.wrapping_mul(0x9E37_79B9) >> 12;
    ((u64::from(pieces as u32) * u64::from(factor) + u64::from(rounding)) >> 20) as i32
}

/// Of `pieces` a share in 2⁻²⁰, a fraction rounded at random by other bits of the word.
#[inline(always)]
pub(super) fn share(pieces: i32, share: u32, word: u32) -> i32 {
    scaled(pieces, share, word.wrapping_mul(0x85EB_CA6B))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_give_the_words_of_the_library() {
        let words = four_days([7, 9], 4 * 5 + 2, &[3, 4], &[[11, 12], [13, 14]]);
        for l in 0..2 {
            let one = block([7, 9], 5, 3 + l as u32, (13 + l as u64) << 32 | (11 + l as u64));
            assert_eq!([words[0][l], words[1][l], words[2][l], words[3][l]], one);
        }
    }

    #[track_caller]
    fn check(pmf: &Pmf, exact: bool) {
        let mut tables = Tables::default();
        let table = tables.add(pmf);
        let (mut sum, mut squares, mut off) = (0.0, 0.0, 0_u32);
        let n = 1 << 20;
        for i in 0..n {
            let word = (i << 12) | 0x7ff;
            let V([drawn]) = tables.draw(&TableOf::new([table]), &[word]);
            off += u32::from(drawn != tables.exactly(table.exact, word));
            sum += f64::from(drawn);
            squares += f64::from(drawn) * f64::from(drawn);
        }
        let mean = sum / f64::from(n);
        let variance = squares / f64::from(n) - mean * mean;
        assert_eq!(off <= 2, exact, "{off} of {n} words");
        assert!((mean - pmf.mean()).abs() < 2e-4 * pmf.mean() + 1e-5, "mean {mean} for {}", pmf.mean());
        assert!((variance - pmf.variance()).abs() < 1e-3 * pmf.variance() + 1e-4, "variance {variance}");
    }

    #[test]
    fn tables_draw_the_distribution() {
        check(&Pmf::poisson(0.01).unwrap(), true);
        check(&Pmf::poisson(5.0).unwrap(), true);
        check(&Pmf::negative_binomial(30.0, 1_600.0).unwrap(), true);
        check(&Pmf::normal_rounded(50_000.0, 9_000.0).unwrap(), false);
        check(&Pmf::point(4), true);
    }

    #[test]
    fn a_share_keeps_the_mean() {
        let n = 1_u32 << 20;
        let sum: i64 = (0..n).map(|i| i64::from(share(3, (1 << 20) / 5 * 2, i << 12))).sum();
        assert!((sum as f64 / f64::from(n) - 1.2).abs() < 1e-3);
    }

    #[test]
    fn scaling_keeps_the_mean() {
        let n = 1_u32 << 20;
        let sum: i64 = (0..n).map(|i| i64::from(scaled(3, (1.3 * f64::from(1 << 20)) as u32, i << 12))).sum();
        assert!((sum as f64 / f64::from(n) - 3.9).abs() < 1e-3);
    }
}
