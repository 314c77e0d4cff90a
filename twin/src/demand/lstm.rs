//! A small recurrent network (LSTM) with a linear layer for every step ahead, trained by Adam, and always the same.
//!
//! Eight windows go through it side by side, in plain arrays. The squashing function is a ratio of polynomials, so there is
//! nothing but sums, products, quotients and roots: the same bits on every machine. A batch is cut into parts of eight
//! windows whose slopes are added up in their order, so that the number of threads changes nothing.
//!
//! Sources: Hochreiter and Schmidhuber, *Long short-term memory* (1997), with the forget gate of Gers et al. (2000);
//! Kingma and Ba, *Adam* (2015); the ratio is that of Eigen's `ptanh`.

use super::parallel;

/// Windows side by side.
pub(super) const LANES: usize = 8;
/// One number for each of the windows.
pub(super) type Lanes = [f32; LANES];

/// How large a network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Numbers that come in with each period.
    pub inputs: usize,
    /// Cells.
    pub hidden: usize,
    /// Numbers that come out after the last period.
    pub outputs: usize,
    /// Periods of a window.
    pub periods: usize,
}

/// Eight windows to learn from.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Of each period its inputs.
    pub inputs: Vec<Lanes>,
    /// By output.
    pub targets: Vec<Lanes>,
    /// What each window counts; 0 where there is none.
    pub counts: Lanes,
}

/// What is made small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Error {
    /// The mean absolute error (rounded off below a tenth).
    Absolute,
    /// The root of a window's mean squared error.
    Root,
}

/// How it is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Training {
    /// Steps of Adam; the time that training takes is in proportion.
    pub steps: usize,
    /// Parts to a batch.
    pub parts: usize,
    /// The rate at the start; it falls to nothing along half a wave.
    pub rate: f32,
    /// What is made small.
    pub error: Error,
}

/// A trained network.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Network {
    shape: Shape,
    weights: Vec<f32>,
}

/// Numbers without end from a seed: SplitMix64 (Steele et al., 2014).
#[derive(Clone, Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `n` − 1; 0 if there is nothing to choose from.
    pub(super) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    /// Evenly from −1 to 1.
    fn either_side(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// The hyperbolic tangent, to 3e-7.
fn squash(x: f32) -> f32 {
    const ODD: [f32; 7] =
        [-2.760_768_5e-16, 2.000_188e-13, -8.604_672e-11, 5.122_297e-8, 1.485_722_4e-5, 6.372_619e-4, 4.893_524_6e-3];
    const EVEN: [f32; 4] = [1.198_258_4e-6, 1.185_347_1e-4, 2.268_434_6e-3, 4.893_525e-3];
    let x = x.clamp(-7.905_311, 7.905_311);
    let square = x * x;
    let over = ODD.iter().fold(0.0, |sum, c| sum * square + c);
    x * over / EVEN.iter().fold(0.0, |sum, c| sum * square + c)
}

fn each(of: impl Fn(usize) -> f32) -> Lanes {
    core::array::from_fn(of)
}

fn add(to: &mut Lanes, factor: f32, values: &Lanes) {
    for k in 0..LANES {
        to[k] += factor * values[k];
    }
}

fn dot(a: &Lanes, b: &Lanes) -> f32 {
    let p = each(|k| a[k] * b[k]);
    ((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7]))
}

impl Shape {
    /// Of a gate's unit: inputs, cells before, and one that is always 1.
    fn row(self) -> usize {
        self.inputs + self.hidden + 1
    }

    fn gates(self) -> usize {
        4 * self.hidden
    }

    fn weights(self) -> usize {
        self.gates() * self.row() + self.outputs * (self.hidden + 1)
    }
}

/// What went through the network, period by period.
struct Trace {
    /// Inputs, cells' outputs before, 1.
    rows: Vec<Lanes>,
    /// In, forget, out (0 to 1), new (−1 to 1), each for all cells.
    gates: Vec<Lanes>,
    /// The cells' memory, and the same squashed.
    cells: Vec<Lanes>,
    squashed: Vec<Lanes>,
    /// The cells' outputs after the last period, and 1.
    last: Vec<Lanes>,
    outputs: Vec<Lanes>,
}

impl Network {
    /// With weights drawn evenly from ±1/√(what comes into a unit); the forget gates begin open, the outputs at zero.
    fn drawn(shape: Shape, random: &mut Random) -> Self {
        let (row, hidden) = (shape.row(), shape.hidden);
        let reach = 1.0 / (row as f32).sqrt();
        let weight = |at: usize| match (at / row, at % row) {
            (unit, column) if unit < 4 * hidden && column + 1 < row => reach * random.either_side(),
            (unit, _) if (hidden..2 * hidden).contains(&unit) => 1.0,
            _ => 0.0,
        };
        Self { shape, weights: (0..shape.weights()).map(weight).collect() }
    }

    /// A network that has learned from batches of parts which `part` draws.
    ///
    /// A part that cannot be drawn is left out. The weights are the mean over the last third of the steps.
    pub(super) fn train(
        shape: Shape,
        training: Training,
        seed: u64,
        threads: usize,
        part: impl Fn(&mut Random) -> Option<Part> + Sync,
    ) -> Self {
        const KEEP: (f32, f32) = (0.9, 0.99);
        let mut random = Random(seed);
        let mut network = Self::drawn(shape, &mut random);
        let n = network.weights.len();
        let (mut first, mut second, mut mean) = (vec![0.0_f32; n], vec![0.0_f32; n], vec![0.0_f32; n]);
        let (mut first_left, mut second_left, mut averaged) = (1.0_f32, 1.0_f32, 0.0_f32);
        for step in 0..training.steps {
            let seeds: Vec<u64> = (0..training.parts).map(|_| random.next()).collect();
            let slopes = parallel::map(seeds.len(), threads, |at| {
                part(&mut Random(seeds[at])).map(|part| network.slopes(&part, training.error).1)
            });
            let mut sum = vec![0.0_f32; n];
            for slopes in slopes.iter().flatten() {
                sum.iter_mut().zip(slopes).for_each(|(sum, slope)| *sum += slope);
            }
            let windows = (training.parts * LANES) as f32;
            let length = sum.iter().map(|slope| slope * slope).sum::<f32>().sqrt() / windows;
            // No batch pulls harder than 1.
            let by = if length.is_finite() { 1.0 / (windows * length.max(1.0)) } else { 0.0 };
            let half_wave = f64::from(u32::try_from(step).unwrap_or(u32::MAX)) / training.steps as f64;
            let rate = training.rate * (0.5 + 0.5 * libm::cos(core::f64::consts::PI * half_wave) as f32);
            (first_left, second_left) = (first_left * KEEP.0, second_left * KEEP.1);
            for (at, weight) in network.weights.iter_mut().enumerate() {
                let slope = if by > 0.0 { sum[at] * by } else { 0.0 };
                first[at] += (1.0 - KEEP.0) * (slope - first[at]);
                second[at] += (1.0 - KEEP.1) * (slope * slope - second[at]);
                let size = (second[at] / (1.0 - second_left)).sqrt() + 1e-8;
                *weight -= rate * first[at] / (1.0 - first_left) / size;
            }
            if 3 * step >= 2 * training.steps {
                averaged += 1.0;
                mean.iter_mut().zip(&network.weights).for_each(|(mean, weight)| *mean += (weight - *mean) / averaged);
            }
        }
        if averaged > 0.0 {
            network.weights = mean;
        }
        network
    }

    /// What comes out after the periods of `inputs`, for eight windows.
    pub(super) fn outputs(&self, inputs: &[Lanes]) -> Vec<Lanes> {
        self.forward(inputs).outputs
    }

    fn forward(&self, inputs: &[Lanes]) -> Trace {
        let Shape { inputs: width, hidden, outputs, periods } = self.shape;
        let (row, gates) = (self.shape.row(), self.shape.gates());
        let (into, out) = self.weights.split_at(gates * row);
        let mut trace = Trace {
            rows: vec![[0.0; LANES]; periods * row],
            gates: vec![[0.0; LANES]; periods * gates],
            cells: vec![[0.0; LANES]; periods * hidden],
            squashed: vec![[0.0; LANES]; periods * hidden],
            last: vec![[0.0; LANES]; hidden + 1],
            outputs: Vec::with_capacity(outputs),
        };
        trace.last[hidden] = [1.0; LANES];
        for period in 0..periods {
            let seen = &mut trace.rows[period * row..(period + 1) * row];
            seen[..width].copy_from_slice(&inputs[period * width..(period + 1) * width]);
            seen[width..].copy_from_slice(&trace.last);
            let gate = &mut trace.gates[period * gates..(period + 1) * gates];
            for (unit, gate) in gate.iter_mut().enumerate() {
                let mut sum = [0.0; LANES];
                for (weight, value) in into[unit * row..(unit + 1) * row].iter().zip(seen.iter()) {
                    add(&mut sum, *weight, value);
                }
                *gate = if unit < 3 * hidden { sum.map(|x| 0.5 + 0.5 * squash(0.5 * x)) } else { sum.map(squash) };
            }
            for cell in 0..hidden {
                let at = period * hidden + cell;
                let before = if period > 0 { trace.cells[at - hidden] } else { [0.0; LANES] };
                let (i, f, o, new) =
                    (&gate[cell], &gate[hidden + cell], &gate[2 * hidden + cell], &gate[3 * hidden + cell]);
                trace.cells[at] = each(|k| f[k] * before[k] + i[k] * new[k]);
                trace.squashed[at] = trace.cells[at].map(squash);
                trace.last[cell] = each(|k| o[k] * trace.squashed[at][k]);
            }
        }
        for output in 0..outputs {
            let mut sum = [0.0; LANES];
            for (weight, value) in out[output * (hidden + 1)..].iter().zip(&trace.last) {
                add(&mut sum, *weight, value);
            }
            trace.outputs.push(sum);
        }
        trace
    }

    /// The sum over the windows of the error, and its slope in each weight.
    fn slopes(&self, part: &Part, error: Error) -> (f64, Vec<f32>) {
        let Shape { inputs: width, hidden, outputs, periods } = self.shape;
        let (row, gates) = (self.shape.row(), self.shape.gates());
        let trace = self.forward(&part.inputs);
        let (loss, of_outputs) = misses(&trace.outputs, part, error);
        let mut slopes = vec![0.0; self.weights.len()];
        let (into, out) = self.weights.split_at(gates * row);
        let (slopes_into, slopes_out) = slopes.split_at_mut(gates * row);
        // Slopes in the cells' outputs and in their memory, carried back from period to period.
        let (mut of_last, mut of_cell) = (vec![[0.0; LANES]; hidden + 1], vec![[0.0; LANES]; hidden]);
        for (output, slope) in of_outputs.iter().enumerate().take(outputs) {
            for at in 0..=hidden {
                slopes_out[output * (hidden + 1) + at] += dot(slope, &trace.last[at]);
                add(&mut of_last[at], out[output * (hidden + 1) + at], slope);
            }
        }
        let mut of_gates = vec![[0.0; LANES]; gates];
        for period in (0..periods).rev() {
            let gate = &trace.gates[period * gates..(period + 1) * gates];
            for cell in 0..hidden {
                let at = period * hidden + cell;
                let before = if period > 0 { trace.cells[at - hidden] } else { [0.0; LANES] };
                let (i, f, o, new) =
                    (&gate[cell], &gate[hidden + cell], &gate[2 * hidden + cell], &gate[3 * hidden + cell]);
                let (h, c, s) = (of_last[cell], of_cell[cell], trace.squashed[at]);
                let c = each(|k| c[k] + h[k] * o[k] * (1.0 - s[k] * s[k]));
                of_gates[cell] = each(|k| c[k] * new[k] * i[k] * (1.0 - i[k]));
                of_gates[hidden + cell] = each(|k| c[k] * before[k] * f[k] * (1.0 - f[k]));
                of_gates[2 * hidden + cell] = each(|k| h[k] * s[k] * o[k] * (1.0 - o[k]));
                of_gates[3 * hidden + cell] = each(|k| c[k] * i[k] * (1.0 - new[k] * new[k]));
                of_cell[cell] = each(|k| c[k] * f[k]);
            }
            of_last.fill([0.0; LANES]);
            let seen = &trace.rows[period * row..(period + 1) * row];
            for (unit, slope) in of_gates.iter().enumerate() {
                let (weights, slopes) =
                    (&into[unit * row..(unit + 1) * row], &mut slopes_into[unit * row..(unit + 1) * row]);
                for at in 0..row {
                    slopes[at] += dot(slope, &seen[at]);
                }
                for at in width..row {
                    add(&mut of_last[at - width], weights[at], slope);
                }
            }
        }
        (loss, slopes)
    }
}

/// The sum over the windows of the error, and its slope in each output.
fn misses(outputs: &[Lanes], part: &Part, error: Error) -> (f64, Vec<Lanes>) {
    let n = outputs.len().max(1) as f32;
    let misses: Vec<Lanes> = outputs.iter().zip(&part.targets).map(|(o, t)| each(|k| o[k] - t[k])).collect();
    let mut loss = 0.0;
    let slopes = match error {
        Error::Absolute => {
            let size = |miss: f32| (miss * miss + 0.01).sqrt();
            for k in 0..LANES {
                loss += f64::from(part.counts[k] * misses.iter().map(|miss| size(miss[k])).sum::<f32>() / n);
            }
            misses.iter().map(|miss| each(|k| part.counts[k] * miss[k] / size(miss[k]) / n)).collect()
        }
        Error::Root => {
            let root = each(|k| (misses.iter().map(|miss| miss[k] * miss[k]).sum::<f32>() / n + 0.01).sqrt());
            (0..LANES).for_each(|k| loss += f64::from(part.counts[k] * root[k]));
            misses.iter().map(|miss| each(|k| part.counts[k] * miss[k] / (root[k] * n))).collect()
        }
    };
    (loss, slopes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { inputs: 3, hidden: 4, outputs: 2, periods: 5 };

    fn part(random: &mut Random) -> Part {
        let mut lanes =
            |n: usize| (0..n).map(|_| core::array::from_fn(|_| random.either_side())).collect::<Vec<Lanes>>();
        let (inputs, targets) = (lanes(SHAPE.periods * SHAPE.inputs), lanes(SHAPE.outputs));
        Part { inputs, targets, counts: [1.0, 1.0, 0.5, 1.0, 1.0, 2.0, 1.0, 0.0] }
    }

    #[test]
    fn slopes_are_those_of_finite_differences() {
        for (error, seed) in [(Error::Absolute, 1), (Error::Root, 2)] {
            let mut random = Random(seed);
            let mut network = Network::drawn(SHAPE, &mut random);
            network.weights.iter_mut().for_each(|weight| *weight += 0.3 * random.either_side());
            let part = part(&mut random);
            let (_, slopes) = network.slopes(&part, error);
            for (at, slope) in slopes.iter().enumerate() {
                let loss = |by: f32| {
                    let mut moved = network.clone();
                    moved.weights[at] += by;
                    moved.slopes(&part, error).0
                };
                let expected = (loss(0.01) - loss(-0.01)) / 0.02;
                let found = f64::from(*slope);
                assert!((found - expected).abs() < 2e-3, "{error:?}, weight {at}: {found}, not {expected}");
            }
        }
    }

    #[test]
    fn the_squashing_function_is_the_hyperbolic_tangent() {
        for k in -1_200..=1_200 {
            let x = f64::from(k) / 100.0;
            let (found, expected) = (f64::from(squash(x as f32)), libm::tanh(x));
            assert!((found - expected).abs() < 3e-7, "at {x}: {found}, not {expected}");
        }
    }

    #[test]
    fn it_learns_what_only_a_memory_can_know() {
        // Whether the first input was high, however high the others are.
        let shape = Shape { inputs: 1, hidden: 4, outputs: 1, periods: 6 };
        let draw = |random: &mut Random| {
            let inputs: Vec<Lanes> = (0..6).map(|_| core::array::from_fn(|_| random.either_side())).collect();
            let targets = vec![inputs[0].map(|x| if x > 0.0 { 1.0 } else { -1.0 })];
            Some(Part { inputs, targets, counts: [1.0; LANES] })
        };
        let training = Training { steps: 400, parts: 4, rate: 0.03, error: Error::Absolute };
        let network = Network::train(shape, training, 7, 1, draw);
        let mut random = Random(99);
        let test = draw(&mut random).unwrap();
        let loss = network.slopes(&test, Error::Absolute).0 / LANES as f64;
        assert!(loss < 0.4, "{loss}");
        assert_eq!(network, Network::train(shape, training, 7, 3, draw), "threads change nothing");
    }
}
