//! Gradient-boosted regression trees on histograms: small, exact in its arithmetic order, and so always the same.
//!
//! Sources: Friedman, *Greedy function approximation* (2001); Chen and Guestrin, *XGBoost* (2016) for the gain of a
//! split from first and second derivatives.

/// How trees are grown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Growth {
    /// Trees.
    pub trees: usize,
    /// Splits from the root to a leaf.
    pub depth: usize,
    /// The share of each tree that is added.
    pub rate: f64,
    /// Sum of second derivatives that a leaf needs.
    pub leaf_min: f64,
    /// Penalty on the square of a leaf's value.
    pub penalty: f64,
}

const BINS: usize = 32;

#[derive(Clone, Copy, Debug)]
enum Node {
    /// To the left where the feature is at most `threshold`.
    Split {
        feature: usize,
        bin: u8,
        threshold: f64,
        left: usize,
        right: usize,
    },
    Leaf(f64),
}

/// A fitted sum of trees.
#[derive(Clone, Debug)]
pub(super) struct Boosted {
    base: f64,
    trees: Vec<Vec<Node>>,
}

impl Boosted {
    /// Fits to `rows` of `width` features each, one after the other in `features`.
    ///
    /// `derivatives(row, value)` gives the first and second derivative of a row's loss at a prediction.
    pub(super) fn fit(
        features: &[f64],
        width: usize,
        base: f64,
        growth: Growth,
        derivatives: &dyn Fn(usize, f64) -> (f64, f64),
    ) -> Self {
        let n = features.len().checked_div(width).unwrap_or(0);
        let mut model = Self { base, trees: Vec::new() };
        if n == 0 {
            return model;
        }
        let edges: Vec<Vec<f64>> = (0..width).map(|feature| edges(features, width, feature)).collect();
        let mut binned = vec![0_u8; n * width];
        for (at, to) in binned.iter_mut().enumerate() {
            *to = edges[at % width].partition_point(|edge| *edge < features[at]) as u8;
        }
        let mut predicted = vec![base; n];
        for _ in 0..growth.trees {
            let slopes: Vec<(f64, f64)> = (0..n).map(|row| derivatives(row, predicted[row])).collect();
            let tree = grow(&binned, width, &edges, &slopes, growth);
            for (row, value) in predicted.iter_mut().enumerate() {
                *value += of_tree(&tree, |feature, bin, _| binned[row * width + feature] <= bin);
            }
            model.trees.push(tree);
        }
        model
    }

    /// The prediction for one row.
    pub(super) fn predict(&self, row: &[f64]) -> f64 {
        let of =
            |tree: &Vec<Node>| of_tree(tree, |feature, _, threshold| row.get(feature).is_some_and(|x| *x <= threshold));
        self.base + self.trees.iter().map(of).sum::<f64>()
    }
}

/// At most 31 thresholds between quantiles.
fn edges(features: &[f64], width: usize, feature: usize) -> Vec<f64> {
    let mut values: Vec<f64> = features.iter().skip(feature).step_by(width).copied().collect();
    values.sort_by(f64::total_cmp);
    let mut edges: Vec<f64> = (1..BINS).map(|bin| values[(values.len() - 1) * bin / BINS]).collect();
    edges.dedup();
    edges
}

fn of_tree(tree: &[Node], goes_left: impl Fn(usize, u8, f64) -> bool) -> f64 {
    let mut at = 0;
    loop {
        match tree[at] {
            Node::Leaf(value) => return value,
            Node::Split { feature, bin, threshold, left, right } => {
                at = if goes_left(feature, bin, threshold) { left } else { right };
            }
        }
    }
}

fn grow(binned: &[u8], width: usize, edges: &[Vec<f64>], slopes: &[(f64, f64)], growth: Growth) -> Vec<Node> {
    let mut tree = vec![Node::Leaf(0.0)];
    let mut open: Vec<(usize, usize, Vec<usize>)> = vec![(0, 0, (0..slopes.len()).collect())];
    while let Some((at, depth, rows)) = open.pop() {
        let (g, h) = rows.iter().fold((0.0, 0.0), |sum, row| (sum.0 + slopes[*row].0, sum.1 + slopes[*row].1));
        tree[at] = Node::Leaf(-growth.rate * g / (h + growth.penalty));
        if depth == growth.depth {
            continue;
        }
        let score = |g: f64, h: f64| g * g / (h + growth.penalty);
        let mut best: Option<(f64, usize, usize)> = None;
        for feature in 0..width {
            let mut histogram = [(0.0, 0.0); BINS];
            for row in &rows {
                let cell = &mut histogram[usize::from(binned[row * width + feature])];
                cell.0 += slopes[*row].0;
                cell.1 += slopes[*row].1;
            }
            let (mut left_g, mut left_h) = (0.0, 0.0);
            for (bin, cell) in histogram.iter().enumerate().take(edges[feature].len()) {
                left_g += cell.0;
                left_h += cell.1;
                if left_h < growth.leaf_min || h - left_h < growth.leaf_min {
                    continue;
                }
                let gain = score(left_g, left_h) + score(g - left_g, h - left_h) - score(g, h);
                if gain > best.map_or(1e-9, |(gain, ..)| gain) {
                    best = Some((gain, feature, bin));
                }
            }
        }
        let Some((_, feature, bin)) = best else { continue };
        let (left, right): (Vec<usize>, Vec<usize>) =
            rows.into_iter().partition(|row| usize::from(binned[row * width + feature]) <= bin);
        let (to_left, to_right) = (tree.len(), tree.len() + 1);
        tree.extend([Node::Leaf(0.0), Node::Leaf(0.0)]);
        tree[at] =
            Node::Split { feature, bin: bin as u8, threshold: edges[feature][bin], left: to_left, right: to_right };
        open.push((to_right, depth + 1, right));
        open.push((to_left, depth + 1, left));
    }
    tree
}
