//! Random streams that do not disturb each other.
//!
//! A stream is opened for a subject, a purpose and a number, for instance the orders of one customer for one
//! SKU on one day. It is a Philox counter generator, so what it gives is a function of these and of the
//! seed alone: adding a customer, or asking for more draws elsewhere, leaves it as it was. Logarithms and
//! roots come from `libm`, so that a seed gives the same history on every machine.

use rand_philox::{Philox, philox4x32_10, splitmix64, u32_to_unit_f64};

/// What a stream is for; each purpose has its own draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// Customers' orders of one day.
    Demand = 1,
    /// From reserving to issuing goods.
    Picking = 2,
    /// Lead times and handling of shipments.
    Transport = 3,
    /// Time to make goods.
    Making = 4,
    /// How a vehicle drives one leg.
    Driving = 5,
    /// Breakdowns of a vehicle.
    Breakdown = 6,
    /// What a device measures.
    Measuring = 7,
    /// Faults of a device.
    DeviceFault = 8,
    /// What a device is like from the start.
    Character = 9,
    /// Accidents of a single frame.
    FrameFault = 10,
    /// What customers ask for in the kernel.
    KernelDemand = 32,
    /// Lead times in the kernel.
    KernelLeadTime = 33,
    /// Beginnings and durations of random disruptions.
    Disruption = 34,
    /// Where the search for a safety-stock placement looks next.
    SafetyStock = 11,
    /// Where a vehicle in a hall goes next.
    Hauling = 12,
}

/// A number for a text that is the same in every run and build.
pub fn subject(parts: &[&str]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64; // FNV-1a, then mixed
    for part in parts {
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    splitmix64(hash)
}

/// Mixes two numbers into one.
pub fn mix(a: u64, b: u64) -> u64 {
    splitmix64(a.rotate_left(17) ^ splitmix64(b.wrapping_add(0x9e37_79b9_7f4a_7c15)))
}

fn key(seed: u64, purpose: Purpose) -> [u32; 2] {
    let key = mix(seed, purpose as u64);
    [key as u32, (key >> 32) as u32]
}

/// Four words for `(seed, subject, purpose, n)`: one block of a stream, without the stream.
#[inline]
pub fn block(key: BlockKey, subject: u64, n: u64) -> [u32; 4] {
    philox4x32_10([n as u32, (n >> 32) as u32, subject as u32, (subject >> 32) as u32], key.0)
}

/// The seed and purpose of [`block`], mixed once.
#[derive(Clone, Copy, Debug)]
pub struct BlockKey([u32; 2]);

impl BlockKey {
    /// For a seed and a purpose.
    pub fn new(seed: u64, purpose: Purpose) -> Self {
        Self(key(seed, purpose))
    }

    /// The key itself.
    pub(crate) fn words(self) -> [u32; 2] {
        self.0
    }
}

/// A stream of draws.
#[derive(Clone, Debug)]
pub struct Stream(Philox);

impl Stream {
    /// The stream for one subject, purpose and number (a day, a leg, a frame). It holds 2³² blocks.
    pub fn new(seed: u64, subject: u64, purpose: Purpose, n: u32) -> Self {
        Self(Philox::new(key(seed, purpose), u128::from(subject) << 64 | u128::from(n) << 32))
    }

    /// Uniform on the open interval (0, 1).
    pub fn uniform(&mut self) -> f64 {
        u32_to_unit_f64(self.0.next_u32())
    }

    /// Uniform between two numbers.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// Uniform below `n`, which is at least 1.
    pub fn below(&mut self, n: u32) -> u32 {
        self.0.bounded(n.max(1))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Exponential with this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(self.uniform())
    }

    /// Standard normal, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(self.uniform()));
        radius * libm::cos(core::f64::consts::TAU * self.uniform())
    }

    /// Log-normal with mean 1 and this coefficient of variation.
    pub fn factor(&mut self, cv: f64) -> f64 {
        let variance = libm::log(1.0 + cv * cv);
        libm::exp(libm::sqrt(variance) * self.normal() - variance / 2.0)
    }

    /// Poisson with this mean. Cost grows with the mean.
    pub fn poisson(&mut self, mean: f64) -> u64 {
        const PIECE: f64 = 16.0;
        let mut left = if mean.is_finite() { mean.clamp(0.0, 1e7) } else { 0.0 };
        let mut sum = 0;
        while left > 0.0 {
            let floor = libm::exp(-left.min(PIECE));
            left -= PIECE;
            let mut product = self.uniform();
            while product > floor {
                sum += 1;
                product *= self.uniform();
            }
        }
        sum
    }

    /// Gamma with this shape and scale, by Marsaglia and Tsang.
    pub fn gamma(&mut self, shape: f64, scale: f64) -> f64 {
        if shape < 1.0 {
            let boost = libm::pow(self.uniform(), 1.0 / shape);
            return self.gamma(shape + 1.0, scale) * boost;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / libm::sqrt(9.0 * d);
        loop {
            let x = self.normal();
            let v = 1.0 + c * x;
            if v <= 0.0 {
                continue;
            }
            let v = v * v * v;
            if libm::log(self.uniform()) < 0.5 * x * x + d - d * v + d * libm::log(v) {
                return d * v * scale;
            }
        }
    }

    /// A quantity of at least 1 with this mean (at least 1) and squared coefficient of variation.
    ///
    /// One more than a negative binomial, Poisson or binomial draw, whichever has that mean and variance; a
    /// variance too small for whole pieces is rounded at random, so that the mean is kept.
    pub fn order_size(&mut self, mean: f64, cv2: f64) -> i64 {
        const TRIALS_MAX: f64 = 200.0;
        let extra = mean - 1.0;
        let variance = cv2 * mean * mean;
        if extra <= 0.0 {
            return 1;
        }
        let drawn = if variance > extra * 1.001 {
            let scale = (variance - extra) / extra;
            let rate = self.gamma(extra / scale, scale);
            self.poisson(rate)
        } else if variance <= 0.25 {
            (extra + self.uniform()) as u64 // floor: both are positive
        } else {
            let trials = (extra * extra / (extra - variance).max(1e-9)).max(extra);
            if trials > TRIALS_MAX {
                self.poisson(extra)
            } else {
                let trials = libm::ceil(trials);
                let p = extra / trials;
                (0..trials as u32).map(|_| u64::from(self.chance(p))).sum()
            }
        };
        1 + i64::try_from(drawn).unwrap_or(i64::MAX - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Stream {
        Stream::new(7, subject(&["a", "b"]), Purpose::Demand, 3)
    }

    #[test]
    fn a_stream_depends_on_each_part_of_its_name() {
        let draw = |seed, name: &[&str], purpose, n| Stream::new(seed, subject(name), purpose, n).bits();
        let first = draw(7, &["a", "b"], Purpose::Demand, 3);
        assert_eq!(first, stream().bits());
        assert_ne!(first, draw(8, &["a", "b"], Purpose::Demand, 3));
        assert_ne!(first, draw(7, &["ab", ""], Purpose::Demand, 3));
        assert_ne!(first, draw(7, &["a", "b"], Purpose::Picking, 3));
        assert_ne!(first, draw(7, &["a", "b"], Purpose::Demand, 4));
    }

    #[test]
    fn order_sizes_have_the_mean_and_variance_asked_for() {
        #[track_caller]
        fn check(mean: f64, cv2: f64, mean_off: f64, variance_off: f64) {
            let mut stream = stream();
            let n = 40_000;
            let draws: Vec<f64> = (0..n).map(|_| stream.order_size(mean, cv2) as f64).collect();
            let average = draws.iter().sum::<f64>() / f64::from(n);
            let variance = draws.iter().map(|x| (x - average) * (x - average)).sum::<f64>() / f64::from(n - 1);
            assert!((average / mean - 1.0).abs() < mean_off, "mean {mean}, cv² {cv2}: mean {average}");
            let wanted = cv2 * mean * mean;
            assert!((variance - wanted).abs() < variance_off * wanted + 0.26, "mean {mean}, cv² {cv2}: {variance}");
        }
        check(1.0, 0.5, 1e-9, 1.0); // every order is one piece
        check(12.0, 1.5, 0.03, 0.1);
        check(12.0, 0.05, 0.01, 0.1);
        check(2.5, 0.0, 0.01, 0.1);
        check(300.0, 4.0, 0.05, 0.2);
    }

    #[test]
    fn poisson_has_its_mean_also_when_large() {
        let mut stream = stream();
        for mean in [0.01, 0.7, 15.0, 100.0] {
            let n = 20_000;
            let sum: u64 = (0..n).map(|_| stream.poisson(mean)).sum();
            let sd = (mean / f64::from(n)).sqrt();
            assert!((sum as f64 / f64::from(n) - mean).abs() < 5.0 * sd, "mean {mean}: {sum}");
        }
        assert_eq!(stream.poisson(f64::NAN), 0);
    }
}
