//! Numbers in lanes: the same operation on `W` independent simulations at once.
//!
//! Plain arrays and loops of a fixed length; the compiler makes vector instructions of them where
//! [`super::dispatch`] allows it to. With `W = 1` they are ordinary integers, and give the same.

use std::ops::{Add, AddAssign, BitAnd, BitOr, Sub, SubAssign};

/// An array by lane. In place of [`std::array::from_fn`], which is not always inlined, and then costs a call a lane.
#[inline(always)]
pub(super) fn by_lane<T: Copy + Default, const W: usize>(mut lane: impl FnMut(usize) -> T) -> [T; W] {
    let mut all = [T::default(); W];
    let mut l = 0;
    while l < W {
        all[l] = lane(l);
        l += 1;
    }
    all
}

/// One `i32` a lane. As a mask it is 0 or −1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub(super) struct V<const W: usize>(pub(super) [i32; W]);

impl<const W: usize> V<W> {
    pub(super) const ZERO: Self = Self([0; W]);
    pub(super) const ALL: Self = Self([-1; W]);

    #[inline(always)]
    pub(super) fn from_fn(lane: impl FnMut(usize) -> i32) -> Self {
        Self(by_lane(lane))
    }

    /// The first `W` of `numbers`.
    #[inline(always)]
    pub(super) fn from_slice(numbers: &[i32]) -> Self {
        let numbers = &numbers[..W];
        Self(by_lane(|l| numbers[l]))
    }

    #[inline(always)]
    pub(super) fn splat(value: i32) -> Self {
        Self([value; W])
    }

    #[inline(always)]
    pub(super) fn min(self, other: Self) -> Self {
        Self(by_lane(|l| if self.0[l] < other.0[l] { self.0[l] } else { other.0[l] }))
    }

    #[inline(always)]
    pub(super) fn max(self, other: Self) -> Self {
        Self(by_lane(|l| if self.0[l] > other.0[l] { self.0[l] } else { other.0[l] }))
    }

    /// A mask of the lanes where it is above the other.
    #[inline(always)]
    pub(super) fn above(self, other: Self) -> Self {
        Self(by_lane(|l| -i32::from(self.0[l] > other.0[l])))
    }

    /// A mask of the lanes where it is at or below the other.
    #[inline(always)]
    pub(super) fn at_most(self, other: Self) -> Self {
        Self(by_lane(|l| -i32::from(self.0[l] <= other.0[l])))
    }

    /// A mask of the lanes above 0.
    #[inline(always)]
    pub(super) fn positive(self) -> Self {
        self.above(Self::ZERO)
    }

    /// 1 in the lanes above 0, else 0.
    #[inline(always)]
    pub(super) fn sign(self) -> Self {
        Self(by_lane(|l| i32::from(self.0[l] > 0)))
    }

    #[inline(always)]
    pub(super) fn not(self) -> Self {
        Self(by_lane(|l| !self.0[l]))
    }

    /// Where this mask is set `a`, else `b`.
    #[inline(always)]
    pub(super) fn pick(self, a: Self, b: Self) -> Self {
        Self(by_lane(|l| (a.0[l] & self.0[l]) | (b.0[l] & !self.0[l])))
    }

    /// Whether any bit of any lane is set.
    #[inline(always)]
    pub(super) fn any(self) -> bool {
        let mut bits = 0;
        for l in 0..W {
            bits |= self.0[l];
        }
        bits != 0
    }

    /// `self` divided by `by` (at least 1), rounded up; both at least 0.
    #[inline(always)]
    pub(super) fn divided_up(self, by: Self) -> Self {
        // Exact: a quotient of 32-bit integers that is no integer is at least 2^-31 away from one.
        Self(by_lane(|l| whole((f64::from(self.0[l]) / f64::from(by.0[l])).ceil())))
    }

    /// `self` divided by `by` (at least 1), rounded down; both at least 0.
    #[inline(always)]
    pub(super) fn divided_down(self, by: Self) -> Self {
        Self(by_lane(|l| whole((f64::from(self.0[l]) / f64::from(by.0[l])).floor())))
    }

    #[inline(always)]
    pub(super) fn times(self, by: Self) -> Self {
        Self(by_lane(|l| self.0[l].wrapping_mul(by.0[l])))
    }
}

impl<const W: usize> Add for V<W> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(by_lane(|l| self.0[l].wrapping_add(other.0[l])))
    }
}

impl<const W: usize> Sub for V<W> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(by_lane(|l| self.0[l].wrapping_sub(other.0[l])))
    }
}

impl<const W: usize> AddAssign for V<W> {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl<const W: usize> SubAssign for V<W> {
    #[inline(always)]
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl<const W: usize> BitAnd for V<W> {
    type Output = Self;
    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        Self(by_lane(|l| self.0[l] & other.0[l]))
    }
}

impl<const W: usize> BitOr for V<W> {
    type Output = Self;
    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        Self(by_lane(|l| self.0[l] | other.0[l]))
    }
}

/// A whole number from 0 to 2³¹ - 1 as an integer, by its bits: a cast that saturates has no vector instruction.
#[inline(always)]
fn whole(number: f64) -> i32 {
    const TWO_TO_52: f64 = 4_503_599_627_370_496.0;
    (number + TWO_TO_52).to_bits() as i32
}
