//! Random numbers of the search: a small generator whose whole state is its seed.

/// Wang Yi's wyrand.
#[derive(Clone, Debug)]
pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    #[inline]
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0xa076_1d64_78bd_642f);
        let product = u128::from(self.0) * u128::from(self.0 ^ 0xe703_7ed1_a0b4_28db);
        (product >> 64) as u64 ^ product as u64
    }

    /// Less than `n`, which is not 0.
    #[inline]
    pub(super) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    /// In 0 to 1, neither included.
    #[inline]
    pub(super) fn unit(&mut self) -> f64 {
        ((self.next() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
    }
}

/// One position in so many is passed over.
const BLINK: usize = 100;

/// Positions that insertion passes over, on average one in a hundred, with one random number for each.
#[derive(Debug)]
pub(super) struct Blinks {
    until_next: usize,
}

impl Default for Blinks {
    fn default() -> Self {
        Self { until_next: BLINK }
    }
}

impl Blinks {
    /// Whether to pass over this position.
    #[inline]
    pub(super) fn next(&mut self, rng: &mut Rng) -> bool {
        self.until_next -= 1;
        if self.until_next > 0 {
            return false;
        }
        self.until_next = 1 + rng.below(2 * BLINK - 1);
        true
    }
}
