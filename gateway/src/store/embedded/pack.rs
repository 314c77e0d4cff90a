//! Turns columns into small integers and back.
//!
//! Most columns of a sensor are decimals of one or two places taken at an almost even pace. A column is
//! therefore first made into integers, then into what is left after a line or the previous value has
//! been taken away; only these residuals go to a page, where they stand beside residuals of about the
//! same size from other series, so that also a series with few points compresses.

/// Integers stay below this when they stand for decimals, so that every one is an exact double.
const DECIMAL_MAX: f64 = 2_251_799_813_685_248.0; // 2^51
/// Adding and subtracting it rounds a double below 2^51 to the nearest integer.
const ROUNDER: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52
/// Powers of ten that are exact doubles, as far as we try them.
const POWERS: [f64; 10] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
/// A slope is kept in units of 2^-16, so that it stays true over a block.
const SLOPE_BITS: u32 = 16;
/// The exponent that marks doubles which are no decimals and are kept as they are.
pub(super) const NOT_DECIMAL: u8 = u8::MAX;

/// How a column's integers become residuals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Shape {
    /// `first + step * i`: nothing is left.
    Line = 0,
    /// Differences to `first`.
    Level = 1,
    /// Differences between neighbours, less `step`; one fewer than there are points.
    Walk = 2,
    /// Differences to the line `first + step * i / 2^16`.
    Slope = 3,
    /// No integers: the page holds the values themselves.
    Verbatim = 4,
}

impl Shape {
    pub(super) fn from_code(code: u32) -> Option<Self> {
        [Self::Line, Self::Level, Self::Walk, Self::Slope, Self::Verbatim].get(code as usize).copied()
    }

    /// How many numbers `count` points take on a page.
    pub(super) fn residuals(self, count: usize) -> usize {
        match self {
            Self::Line => 0,
            Self::Walk => count - 1,
            Self::Level | Self::Slope | Self::Verbatim => count,
        }
    }
}

/// How some integers are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packing {
    pub(super) shape: Shape,
    pub(super) first: i64,
    pub(super) step: i64,
    /// About how many bits a residual needs: pages hold residuals of one spread.
    pub(super) spread: u8,
}

struct Spread {
    mean: f64,
    /// Mean distance to the mean.
    around: f64,
}

fn spread(numbers: impl Iterator<Item = f64> + Clone, count: usize) -> Spread {
    let n = count as f64;
    let mean = numbers.clone().sum::<f64>() / n;
    let around = numbers.map(|x| (x - mean).abs()).sum::<f64>() / n;
    Spread { mean, around }
}

/// Chooses how to pack `ints`, which are not empty.
pub(super) fn choose(ints: &[i64]) -> Packing {
    let first = ints[0];
    let step = ints.get(1).map_or(0, |second| second.wrapping_sub(first));
    if ints.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step) {
        return Packing { shape: Shape::Line, first, step, spread: 0 };
    }
    // Whatever is chosen is undone exactly; the doubles here only weigh one choice against another.
    let n = ints.len();
    let relative = |i: usize| ints[i].wrapping_sub(first) as f64;
    let rise = relative(n - 1) / (n - 1) as f64;
    let fixed_rise = rise * f64::from(1 << SLOPE_BITS);
    let level = spread((0..n).map(relative), n);
    let walk = spread(ints.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]) as f64), n - 1);
    let mut slope = spread((0..n).map(|i| relative(i) - rise * i as f64), n);
    if fixed_rise.abs() * n as f64 > i64::MAX as f64 {
        slope.around = f64::INFINITY; // too steep for the fixed point
    }

    let (shape, step, base, around) = if level.around <= walk.around && level.around <= slope.around {
        (Shape::Level, 0, level.mean, level.around)
    } else if slope.around <= walk.around {
        (Shape::Slope, fixed_rise.round() as i64, slope.mean, slope.around)
    } else {
        (Shape::Walk, walk.mean.round() as i64, 0.0, walk.around)
    };
    let first = first.wrapping_add(base.round() as i64);
    Packing { shape, first, step, spread: (1.0 + around).log2().round() as u8 }
}

/// Appends the residuals of `ints` to `page`.
pub(super) fn pack(packing: &Packing, ints: &[i64], page: &mut Vec<i64>) {
    let Packing { shape, first, step, .. } = *packing;
    match shape {
        Shape::Line | Shape::Verbatim => {}
        Shape::Level => page.extend(ints.iter().map(|x| x.wrapping_sub(first))),
        Shape::Walk => {
            page.extend(ints.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]).wrapping_sub(step)));
        }
        Shape::Slope => {
            let mut rise = 0_i64;
            page.extend(ints.iter().map(|x| {
                let residual = x.wrapping_sub(first.wrapping_add(rise >> SLOPE_BITS));
                rise = rise.wrapping_add(step);
                residual
            }));
        }
    }
}

/// The `count` integers whose residuals are given: `shape.residuals(count)` of them.
pub(super) fn unpack(shape: Shape, first: i64, step: i64, residuals: &[i64], count: usize) -> Vec<i64> {
    let mut ints = Vec::with_capacity(count);
    match shape {
        Shape::Line | Shape::Verbatim => {
            let mut x = first;
            for _ in 0..count {
                ints.push(x);
                x = x.wrapping_add(step);
            }
        }
        Shape::Level => ints.extend(residuals.iter().map(|r| r.wrapping_add(first))),
        Shape::Walk => {
            let mut x = first;
            ints.push(x);
            ints.extend(residuals.iter().map(|r| {
                x = x.wrapping_add(step).wrapping_add(*r);
                x
            }));
        }
        Shape::Slope => {
            let mut rise = 0_i64;
            ints.extend(residuals.iter().map(|r| {
                let x = first.wrapping_add(rise >> SLOPE_BITS).wrapping_add(*r);
                rise = rise.wrapping_add(step);
                x
            }));
        }
    }
    ints
}

/// Fills `ints` with `floats` times a power of ten, if every one is a decimal of few places, and gives
/// the power. The way back is exact, bit for bit.
pub(super) fn decimals(floats: &[f64], ints: &mut Vec<i64>) -> Option<u8> {
    ints.clear();
    let mut exponent = 0_usize;
    for &x in floats {
        while decimal(x, POWERS[exponent]).is_none() {
            exponent += 1;
            if exponent == POWERS.len() {
                return None;
            }
        }
    }
    let power = POWERS[exponent];
    for &x in floats {
        ints.push(decimal(x, power)?);
    }
    Some(exponent as u8)
}

fn decimal(x: f64, power: f64) -> Option<i64> {
    let scaled = x * power;
    if scaled.is_nan() || scaled.abs() >= DECIMAL_MAX {
        return None;
    }
    let rounded = (scaled + ROUNDER) - ROUNDER;
    // The bits differ for minus zero, which the integers cannot say.
    (((rounded as i64) as f64) / power).to_bits().eq(&x.to_bits()).then_some(rounded as i64)
}

/// The double that an integer stands for. `exponent` is one that [`decimals`] gave.
pub(super) fn from_decimal(int: i64, exponent: u8) -> f64 {
    int as f64 / POWERS.get(usize::from(exponent)).copied().unwrap_or(1.0)
}

/// True for what [`decimals`] may give.
pub(super) fn is_exponent(exponent: u8) -> bool {
    usize::from(exponent) < POWERS.len()
}

/// The coarsest of second, millisecond, microsecond and nanosecond that divides all of `nanos`.
pub(super) fn unit_of(nanos: &[i64]) -> i64 {
    [1_000_000_000, 1_000_000, 1_000].into_iter().find(|unit| nanos.iter().all(|x| x % unit == 0)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(ints: &[i64]) -> Packing {
        let packing = choose(ints);
        let mut page = vec![7];
        pack(&packing, ints, &mut page);
        assert_eq!(page.len() - 1, packing.shape.residuals(ints.len()), "{packing:?}");
        let back = unpack(packing.shape, packing.first, packing.step, &page[1..], ints.len());
        assert_eq!(back, ints, "{packing:?}");
        packing
    }

    #[test]
    fn an_even_pace_takes_no_room() {
        assert_eq!(check(&[5]).shape, Shape::Line);
        assert_eq!(check(&[5, 5, 5]).shape, Shape::Line);
        assert_eq!(check(&[5, 15, 25]).shape, Shape::Line);
        assert_eq!(check(&[i64::MIN, i64::MAX]).shape, Shape::Line);
    }

    #[test]
    fn each_shape_is_chosen_where_it_is_the_smallest() {
        let mut state = 88_172_645_463_325_252_u64;
        let mut noise = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % 13) as i64 - 6
        };
        assert_eq!(check(&(0..500).map(|_| noise()).collect::<Vec<_>>()).shape, Shape::Level);
        assert_eq!(check(&(0..500).map(|i| i * 1_000 + noise()).collect::<Vec<_>>()).shape, Shape::Slope);
        let mut x = 0;
        let mut steps = || {
            x += noise();
            x
        };
        assert_eq!(check(&(0..500).map(|_| steps()).collect::<Vec<_>>()).shape, Shape::Walk);
    }

    #[test]
    fn decimals_are_found_and_others_refused() {
        let mut ints = Vec::new();
        assert_eq!(decimals(&[21.5, -3.07, 0.0], &mut ints), Some(2));
        assert_eq!(ints, [2_150, -307, 0]);
        for refused in [-0.0, f64::NAN, f64::INFINITY, std::f64::consts::PI, 1e300] {
            assert_eq!(decimals(&[1.0, refused], &mut ints), None, "{refused}");
        }
    }

    proptest! {
        #[test]
        fn any_integers_come_back(ints in prop::collection::vec(any::<i64>(), 1..50)) {
            check(&ints);
        }

        #[test]
        fn any_doubles_come_back(floats in prop::collection::vec(prop_oneof![
            any::<f64>(), (-1_000_000_i32..1_000_000).prop_map(|x| f64::from(x) / 1e3),
            (-1_000_i32..1_000).prop_map(|x| f64::from(x) / 1e1)], 1..20)) {
            let mut ints = Vec::new();
            if let Some(exponent) = decimals(&floats, &mut ints) {
                let back: Vec<u64> = ints.iter().map(|x| from_decimal(*x, exponent).to_bits()).collect();
                let bits: Vec<u64> = floats.iter().map(|x| x.to_bits()).collect();
                prop_assert_eq!(back, bits);
            }
        }
    }
}
