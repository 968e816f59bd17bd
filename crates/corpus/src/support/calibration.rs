use serde::{Deserialize, Serialize};

/// What a match is judged by; the first stands for itself (1 always).
pub const FEATURE_NAMES: [&str; 7] = [
    "bias",
    "coverage",
    "unknown",
    "margin",
    "lexical",
    "similarity",
    "unit_similarity",
];

/// One for each of [`FEATURE_NAMES`], and the language model's at the end.
pub const FEATURES: usize = FEATURE_NAMES.len() + 1;

/// Place of the language model's feature.
const MODEL: usize = FEATURES - 1;

/// How well a passage fits a question, in figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Features(pub [f64; FEATURES]);

impl Default for Features {
    fn default() -> Self {
        let mut values = [0.0; FEATURES];
        values[0] = 1.0;
        Self(values)
    }
}

impl Features {
    pub(super) fn set(&mut self, name: &str, value: f32) {
        if let Some(place) = FEATURE_NAMES.iter().position(|other| *other == name) {
            self.0[place] = f64::from(value);
        }
    }

    /// Puts in what the language model thinks: how many nats a token the
    /// question makes the unit likelier.
    pub fn set_model(&mut self, nats_per_token: f32) {
        let nats = f64::from(nats_per_token);
        self.0[MODEL] = if nats.is_finite() {
            nats.clamp(-1.5, 1.5)
        } else {
            0.0
        };
    }
}

/// Features of a question with a unit, and whether the unit answers it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub struct JudgedMatch {
    pub features: Features,
    pub answers: bool,
    pub weight: f64,
}

/// How likely a unit answers a question: logistic regression, and where to
/// say that nothing does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// One for each feature.
    pub weights: Vec<f64>,
    /// Answers start at this probability.
    pub threshold: f64,
    /// In doubt, titles are offered from this probability on.
    #[serde(default = "offered_by_words")]
    pub offered: f64,
}

/// Nearly all that has a word or a meaning in common with the question: who looks
/// through three titles has lost little.
fn offered_by_words() -> f64 {
    0.05
}

const OFFERED_BY_ENCODER: f64 = 0.06;

impl Default for Calibration {
    /// What holds before a shop has data of its own, and no encoder.
    fn default() -> Self {
        Self {
            weights: PRIOR.to_vec(),
            threshold: THRESHOLD,
            offered: offered_by_words(),
        }
    }
}

impl Calibration {
    /// What holds where a sentence encoder has a say too.
    pub fn with_encoder() -> Self {
        Self {
            weights: ENCODER_PRIOR.to_vec(),
            threshold: THRESHOLD,
            offered: OFFERED_BY_ENCODER,
        }
    }
}

/// Both fitted to questions of tau2's policy, ABCD's guidelines, manuals, product
/// sheets (these for words alone) and four shops that were written for it, a shop at a time left out to see what holds
/// (RESEARCH-LOG.md).
const ENCODER_PRIOR: [f64; FEATURES] = [-2.94, 1.12, -0.23, 0.05, 0.5, 1.76, 1.26, 0.0];
const PRIOR: [f64; FEATURES] = [-1.48, 2.6, -1.64, 0.3, -0.07, 0.0, 0.0, 0.0];
/// A wrong quote costs less than none where the titles of others stand beside it.
const THRESHOLD: f64 = 0.3;

/// How strongly a shop's own pairs must speak before they move the weights.
const PRIOR_STRENGTH: f64 = 100.0;
const NEWTON_STEPS: usize = 25;

const LEAST_THRESHOLD: f64 = 0.25;
const MOST_THRESHOLD: f64 = 0.65;
const THRESHOLD_STEPS: u32 = 30;

/// A weight of the language model below this moves no answer.
const SMALLEST_MODEL_WEIGHT: f64 = 0.05;

impl Calibration {
    /// Whether it has a weight for each feature of this version.
    pub fn is_whole(&self) -> bool {
        self.weights.len() == FEATURES && self.weights.iter().all(|weight| weight.is_finite())
    }

    /// Whether the language model has a say: it has none where the shop has
    /// no conversations to show what it is worth.
    pub fn uses_model(&self) -> bool {
        self.weights
            .get(MODEL)
            .is_some_and(|weight| weight.abs() >= SMALLEST_MODEL_WEIGHT)
    }

    /// The probability that the unit answers the question.
    pub fn probability(&self, features: &Features) -> f64 {
        let sum: f64 = self
            .weights
            .iter()
            .zip(features.0)
            .map(|(weight, value)| weight * value)
            .sum();
        1.0 / (1.0 + (-sum).exp())
    }

    /// Fits the weights to judged pairs, held near `self` by a Gaussian
    /// prior, by Newton's method.
    pub fn fit(&self, judged: &[JudgedMatch]) -> Self {
        self.fit_with(judged, PRIOR_STRENGTH)
    }

    /// As [`Calibration::fit`] with a prior of another strength.
    pub fn fit_with(&self, judged: &[JudgedMatch], strength: f64) -> Self {
        let mut fitted = self.clone();
        fitted.weights.resize(FEATURES, 0.0);
        for _ in 0..NEWTON_STEPS {
            let step = self.newton_step(&fitted, judged, strength);
            let largest = step.iter().fold(0.0_f64, |most, part| most.max(part.abs()));
            let scale = if largest > 2.0 { 2.0 / largest } else { 1.0 };
            for (weight, part) in fitted.weights.iter_mut().zip(&step) {
                *weight -= scale * part;
            }
            if largest < 1e-6 {
                break;
            }
        }
        fitted
    }

    fn newton_step(&self, at: &Self, judged: &[JudgedMatch], strength: f64) -> [f64; FEATURES] {
        let mut gradient = [0.0; FEATURES];
        let mut hessian = [[0.0; FEATURES]; FEATURES];
        for place in 0..FEATURES {
            let prior = self.weights.get(place).copied().unwrap_or_default();
            gradient[place] = strength * (at.weights[place] - prior);
            hessian[place][place] = strength;
        }
        for pair in judged {
            let probability = at.probability(&pair.features);
            let error = (probability - f64::from(u8::from(pair.answers))) * pair.weight;
            let curve = probability * (1.0 - probability) * pair.weight;
            for row in 0..FEATURES {
                gradient[row] += error * pair.features.0[row];
                for (entry, feature) in hessian[row].iter_mut().zip(&pair.features.0) {
                    *entry += curve * pair.features.0[row] * feature;
                }
            }
        }
        solve(hessian, gradient)
    }

    /// Puts the threshold where the shares of questions wrongly declined and
    /// wrongly answered are the least together, within bounds that keep it
    /// sensible; it stays where it is unless another place is better by more
    /// than two standard errors. `answerable` holds the probability of each right
    /// answer, `unanswerable` the best probability of each question without one.
    pub fn set_threshold(&mut self, answerable: &[f64], unanswerable: &[f64]) {
        let share = |all: &[f64], is_wrong: &dyn Fn(f64) -> bool| {
            let wrong = all.iter().filter(|one| is_wrong(**one)).count();
            wrong as f64 / all.len().max(1) as f64
        };
        let wrong_at = |threshold: f64| {
            let declined = share(answerable, &|one| one < threshold);
            let answered = share(unanswerable, &|one| one >= threshold);
            [declined, answered]
        };
        let now = wrong_at(self.threshold);
        let sizes = [answerable.len(), unanswerable.len()];
        let variances = now.iter().zip(sizes);
        let variances = variances.map(|(share, size)| share * (1.0 - share) / size.max(1) as f64);
        let chance = 2.0 * variances.sum::<f64>().sqrt();
        let sum = |shares: [f64; 2]| shares.iter().sum::<f64>();
        let mut least = sum(now) - chance;
        for step in 0..=THRESHOLD_STEPS {
            let part = f64::from(step) / f64::from(THRESHOLD_STEPS);
            let threshold = LEAST_THRESHOLD + part * (MOST_THRESHOLD - LEAST_THRESHOLD);
            let wrong = sum(wrong_at(threshold));
            if wrong < least {
                (least, self.threshold) = (wrong, threshold);
            }
        }
    }
}

/// Solves a symmetric positive definite system by elimination with pivots.
fn solve(mut matrix: [[f64; FEATURES]; FEATURES], mut right: [f64; FEATURES]) -> [f64; FEATURES] {
    for column in 0..FEATURES {
        let pivot = (column..FEATURES)
            .max_by(|a, b| {
                matrix[*a][column]
                    .abs()
                    .total_cmp(&matrix[*b][column].abs())
            })
            .unwrap_or(column);
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        let head = matrix[column];
        if head[column].abs() < 1e-12 {
            continue;
        }
        for row in column + 1..FEATURES {
            let factor = matrix[row][column] / head[column];
            for place in column..FEATURES {
                matrix[row][place] -= factor * head[place];
            }
            right[row] -= factor * right[column];
        }
    }
    let mut solution = [0.0; FEATURES];
    for row in (0..FEATURES).rev() {
        let known: f64 = (row + 1..FEATURES)
            .map(|place| matrix[row][place] * solution[place])
            .sum();
        if matrix[row][row].abs() >= 1e-12 {
            solution[row] = (right[row] - known) / matrix[row][row];
        }
    }
    solution
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learns_which_feature_tells() {
        let judged: Vec<JudgedMatch> = (0..400)
            .map(|number| {
                let mut features = Features::default();
                let answers = number % 2 == 0;
                features.set("coverage", (number % 7) as f32 / 7.0);
                features.set_model(if answers { 0.4 } else { -0.4 });
                JudgedMatch {
                    features,
                    answers,
                    weight: 1.0,
                }
            })
            .collect();
        let fitted = Calibration::default().fit_with(&judged, 1.0);
        let right = judged
            .iter()
            .filter(|pair| (fitted.probability(&pair.features) > 0.5) == pair.answers)
            .count();
        assert_eq!(right, 400, "{:?}", fitted.weights);
    }

    #[test]
    fn the_threshold_weighs_both_errors() {
        let mut calibration = Calibration::default();
        calibration.set_threshold(&[], &[]);
        assert_eq!(calibration.threshold, THRESHOLD);
        // One in three says nothing yet.
        calibration.set_threshold(&[0.42, 0.8, 0.9], &[0.1, 0.2, 0.4]);
        assert_eq!(calibration.threshold, THRESHOLD);
        let many = |parts: [f64; 3]| parts.repeat(20);
        calibration.set_threshold(&many([0.42, 0.8, 0.9]), &many([0.1, 0.2, 0.4]));
        assert!((0.4..=0.42).contains(&calibration.threshold));
        calibration.set_threshold(&many([0.9, 0.8, 0.7]), &many([0.1, 0.55, 0.6]));
        assert!(calibration.threshold > 0.6);
        // What is answered wrongly at any threshold closes no door.
        calibration.threshold = 0.5;
        calibration.set_threshold(&many([0.51, 0.6, 0.7]), &many([0.95, 0.1, 0.2]));
        assert_eq!(calibration.threshold, 0.5);
    }

    #[test]
    fn without_pairs_the_prior_stands() {
        let prior = Calibration::default();
        let fitted = prior.fit(&[]);
        for (a, b) in prior.weights.iter().zip(&fitted.weights) {
            assert!((a - b).abs() < 1e-9);
        }
    }
}
