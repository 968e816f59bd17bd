//! Gradient-boosted regression trees over dense features: histograms, growth
//! by the best leaf, Newton steps (Friedman, 2001; Chen and Guestrin, 2016; Ke
//! et al., 2017). What is minimised is the caller's: it gives a slope and a
//! curvature for each row before every tree.

use serde::{Deserialize, Serialize};

/// Bins of a feature.
const BINS: usize = 64;

/// How trees grow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TreeOptions {
    /// Leaves of a tree, at most.
    pub leaves: usize,
    /// A leaf has at least so many rows.
    pub least_rows: usize,
    /// What each tree's answer is multiplied by.
    pub rate: f32,
    /// How strongly a leaf is held to 0.
    pub hold: f32,
}

/// A question about one feature with the two places to go on at, or an
/// answer where `feature` is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Node {
    /// Feature and threshold: up to it goes left.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    question: Option<(u16, f32)>,
    #[serde(default)]
    left: u32,
    #[serde(default)]
    right: u32,
    #[serde(default)]
    value: f32,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Tree {
    nodes: Vec<Node>,
}

impl Tree {
    fn score(&self, features: &[f32]) -> f32 {
        let mut at = 0_usize;
        // Each step goes on to a later node, so this ends.
        while let Some(node) = self.nodes.get(at) {
            let Some((feature, threshold)) = node.question else {
                return node.value;
            };
            let value = features
                .get(usize::from(feature))
                .copied()
                .unwrap_or_default();
            let next = if value <= threshold {
                node.left
            } else {
                node.right
            } as usize;
            if next <= at {
                return 0.0;
            }
            at = next;
        }
        0.0
    }
}

/// A sum of trees.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct BoostedTrees {
    trees: Vec<Tree>,
}

impl BoostedTrees {
    /// How many trees there are.
    pub fn len(&self) -> usize {
        self.trees.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.trees.is_empty()
    }

    /// The sum of the trees' answers.
    pub fn score(&self, features: &[f32]) -> f32 {
        self.trees.iter().map(|tree| tree.score(features)).sum()
    }

    /// The answer of the tree that was grown last.
    pub fn last_score(&self, features: &[f32]) -> f32 {
        self.trees.last().map_or(0.0, |tree| tree.score(features))
    }

    /// Adds a tree that takes a step down the slopes; the sum of its answers
    /// for `rows` is returned. Equal input gives an equal tree.
    pub fn grow(
        &mut self,
        rows: &BinnedRows,
        slopes: &[f32],
        curvatures: &[f32],
        options: &TreeOptions,
    ) -> Vec<f32> {
        let mut growth = Growth {
            rows,
            slopes,
            curvatures,
            options,
            order: (0..rows.count as u32).collect(),
            nodes: Vec::new(),
        };
        let answers = growth.grow();
        self.trees.push(Tree {
            nodes: growth.nodes,
        });
        answers
    }
}

/// Rows of features, each feature cut into bins with about as many rows.
pub struct BinnedRows {
    count: usize,
    features: usize,
    /// The upper ends of the bins of each feature.
    ends: Vec<Vec<f32>>,
    /// `[rows, features]`.
    bins: Vec<u8>,
}

impl BinnedRows {
    /// Bins `rows`, which have `features` numbers each.
    pub fn new<'a>(rows: impl Iterator<Item = &'a [f32]> + Clone, features: usize) -> Self {
        let ends: Vec<Vec<f32>> = (0..features)
            .map(|feature| {
                let values = rows.clone().filter_map(|row| row.get(feature).copied());
                ends(values.collect())
            })
            .collect();
        let mut bins = Vec::new();
        let mut count = 0;
        for row in rows {
            count += 1;
            bins.extend(ends.iter().enumerate().map(|(feature, ends)| {
                let value = row.get(feature).copied().unwrap_or_default();
                ends.partition_point(|end| *end < value)
                    .min(ends.len().saturating_sub(1)) as u8
            }));
        }
        Self {
            count,
            features,
            ends,
            bins,
        }
    }
}

fn ends(mut values: Vec<f32>) -> Vec<f32> {
    values.retain(|value| value.is_finite());
    values.sort_unstable_by(f32::total_cmp);
    let total = values.len();
    let mut distinct = values.clone();
    distinct.dedup();
    if distinct.len() <= BINS {
        return distinct;
    }
    let mut ends: Vec<f32> = (1..=BINS)
        .map(|bin| values[bin * total / BINS - 1])
        .collect();
    ends.dedup();
    ends
}

/// The slopes, curvatures and rows in one bin.
type Sums = (f64, f64, u32);

struct Growth<'a> {
    rows: &'a BinnedRows,
    slopes: &'a [f32],
    curvatures: &'a [f32],
    options: &'a TreeOptions,
    /// Row numbers; a leaf is a range of them.
    order: Vec<u32>,
    nodes: Vec<Node>,
}

struct Leaf {
    node: usize,
    from: usize,
    to: usize,
    best: Option<Split>,
}

#[derive(Clone, Copy)]
struct Split {
    gain: f64,
    feature: usize,
    bin: usize,
}

impl Growth<'_> {
    fn grow(&mut self) -> Vec<f32> {
        self.nodes.push(leaf(0.0));
        let mut leaves = vec![self.leaf(0, 0, self.order.len())];
        while leaves.len() < self.options.leaves {
            let gain = |leaf: &Leaf| leaf.best.map_or(0.0, |split| split.gain);
            let best = (0..leaves.len()).max_by(|a, b| {
                gain(&leaves[*a])
                    .total_cmp(&gain(&leaves[*b]))
                    .then(b.cmp(a))
            });
            let Some(best) = best else { break };
            let Some(split) = leaves[best].best else {
                break;
            };
            let old = leaves.swap_remove(best);
            let middle = self.part(&old, split);
            let (left, right) = (self.nodes.len(), self.nodes.len() + 1);
            self.nodes.extend([leaf(0.0), leaf(0.0)]);
            self.nodes[old.node] = Node {
                question: Some((
                    split.feature as u16,
                    self.rows.ends[split.feature][split.bin],
                )),
                left: left as u32,
                right: right as u32,
                value: 0.0,
            };
            leaves.push(self.leaf(left, old.from, middle));
            leaves.push(self.leaf(right, middle, old.to));
        }
        let mut answers = vec![0.0; self.rows.count];
        for one in leaves {
            let rows = &self.order[one.from..one.to];
            let (slope, curvature) = self.sums(rows);
            let value = -slope / (curvature + f64::from(self.options.hold));
            let value = self.options.rate * value as f32;
            self.nodes[one.node].value = value;
            for row in rows {
                answers[*row as usize] = value;
            }
        }
        answers
    }

    fn sums(&self, rows: &[u32]) -> (f64, f64) {
        rows.iter().fold((0.0, 0.0), |(slope, curvature), row| {
            (
                slope + f64::from(self.slopes[*row as usize]),
                curvature + f64::from(self.curvatures[*row as usize]),
            )
        })
    }

    fn leaf(&self, node: usize, from: usize, to: usize) -> Leaf {
        let best = self.best_split(&self.order[from..to]);
        Leaf {
            node,
            from,
            to,
            best,
        }
    }

    /// The split that gains the most.
    fn best_split(&self, rows: &[u32]) -> Option<Split> {
        if rows.len() < 2 * self.options.least_rows.max(1) {
            return None;
        }
        let features = self.rows.features;
        let mut sums: Vec<Sums> = vec![(0.0, 0.0, 0); features * BINS];
        for &row in rows {
            let at = row as usize;
            let slope = f64::from(self.slopes[at]);
            let curvature = f64::from(self.curvatures[at]);
            let bins = &self.rows.bins[at * features..(at + 1) * features];
            for (feature, bin) in bins.iter().enumerate() {
                let sum = &mut sums[feature * BINS + usize::from(*bin)];
                *sum = (sum.0 + slope, sum.1 + curvature, sum.2 + 1);
            }
        }
        let (slope, curvature) = self.sums(rows);
        let worth =
            |slope: f64, curvature: f64| slope * slope / (curvature + f64::from(self.options.hold));
        let whole = worth(slope, curvature);
        let least = self.options.least_rows as u32;
        let mut best: Option<Split> = None;
        for feature in 0..features {
            let bins = self.rows.ends[feature].len();
            let mut left: Sums = (0.0, 0.0, 0);
            for bin in 0..bins.saturating_sub(1) {
                let sum = sums[feature * BINS + bin];
                left = (left.0 + sum.0, left.1 + sum.1, left.2 + sum.2);
                if left.2 < least || rows.len() as u32 - left.2 < least {
                    continue;
                }
                let gain =
                    worth(left.0, left.1) + worth(slope - left.0, curvature - left.1) - whole;
                if gain > best.map_or(1e-9, |best| best.gain) {
                    best = Some(Split { gain, feature, bin });
                }
            }
        }
        best
    }

    /// Brings the rows that go left to the front of the leaf; says where the
    /// others begin.
    fn part(&mut self, leaf: &Leaf, split: Split) -> usize {
        let goes_left = |row: &u32| {
            let bin = self.rows.bins[*row as usize * self.rows.features + split.feature];
            usize::from(bin) <= split.bin
        };
        let rows = &self.order[leaf.from..leaf.to];
        let (left, right): (Vec<u32>, Vec<u32>) = rows.iter().partition(|row| goes_left(row));
        let middle = leaf.from + left.len();
        self.order[leaf.from..middle].copy_from_slice(&left);
        self.order[middle..leaf.to].copy_from_slice(&right);
        middle
    }
}

fn leaf(value: f32) -> Node {
    Node {
        question: None,
        left: 0,
        right: 0,
        value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: TreeOptions = TreeOptions {
        leaves: 8,
        least_rows: 3,
        rate: 0.3,
        hold: 0.1,
    };

    /// Squared error: the slope is what is too much, the curvature 1.
    fn fitted(rows: &[Vec<f32>], wanted: &[f32], trees: usize) -> BoostedTrees {
        let binned = BinnedRows::new(rows.iter().map(Vec::as_slice), 3);
        let mut boosted = BoostedTrees::default();
        let mut scores = vec![0.0; rows.len()];
        for _ in 0..trees {
            let slopes: Vec<f32> = scores.iter().zip(wanted).map(|(s, w)| s - w).collect();
            let answers = boosted.grow(&binned, &slopes, &vec![1.0; rows.len()], &OPTIONS);
            for (score, answer) in scores.iter_mut().zip(answers) {
                *score += answer;
            }
        }
        for (row, score) in rows.iter().zip(&scores) {
            assert!((boosted.score(row) - score).abs() < 1e-4);
        }
        boosted
    }

    #[test]
    fn an_exclusive_or_is_learnt() {
        let rows: Vec<Vec<f32>> = (0..400_u32)
            .map(|n| vec![(n % 20) as f32, (n / 20) as f32, (n * 7 % 11) as f32])
            .collect();
        let wanted: Vec<f32> = rows
            .iter()
            .map(|row| f32::from((row[0] > 7.0) != (row[1] > 12.0)))
            .collect();
        let boosted = fitted(&rows, &wanted, 60);
        for (row, wanted) in rows.iter().zip(&wanted) {
            assert!((boosted.score(row) - wanted).abs() < 0.1, "{row:?}");
        }
        assert_eq!(boosted, fitted(&rows, &wanted, 60));
        let text = serde_json::to_string(&boosted).expect("numbers");
        assert_eq!(
            serde_json::from_str::<BoostedTrees>(&text).expect("trees"),
            boosted
        );
    }

    #[test]
    fn too_little_to_split_and_broken_trees_do_no_harm() {
        let rows = vec![vec![1.0, f32::NAN, 0.0]; 2];
        let boosted = fitted(&rows, &[1.0, 1.0], 3);
        assert_eq!(boosted.len(), 3);
        let looping = BoostedTrees {
            trees: vec![Tree {
                nodes: vec![Node {
                    question: Some((9, 0.0)),
                    left: 0,
                    right: 0,
                    value: 1.0,
                }],
            }],
        };
        assert_eq!(looping.score(&[]), 0.0);
        assert_eq!(BoostedTrees::default().score(&[1.0]), 0.0);
    }
}
