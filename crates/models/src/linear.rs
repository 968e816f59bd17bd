//! A linear text classifier for any language: hashed words, pairs of words
//! and letter n-grams, multinomial logistic regression.
//!
//! Letter n-grams make it forgive spelling and inflection, and serve
//! languages that write no spaces. It is trained by AdaGrad (Duchi, Hazan and
//! Singer 2011) on terms weighted as tf-idf; its probabilities are calibrated
//! by one temperature (Guo et al. 2017) on a held-out tenth, where the
//! threshold for "none of these classes" is chosen as well.

mod calibration;
mod features;
mod file;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::ModelError;
use calibration::Held;
use features::{LETTERS_BIT, terms};

/// How a [`LinearClassifier`] is trained.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LinearOptions {
    /// The most passes over the rows; the best number is found on the
    /// held-out tenth.
    pub epochs: usize,
    /// Orders the rows; the same seed gives the same bytes.
    pub seed: u64,
    /// Step size of AdaGrad.
    pub learning_rate: f32,
    /// Pull of each weight towards zero.
    pub l2: f32,
    /// The most n-grams that are kept, the most frequent first.
    pub features: usize,
    /// An n-gram must occur in this many rows.
    pub minimum_rows: u32,
    /// 0 counts each row alike, 1 counts each class alike: in learning, and in
    /// choosing the number of passes.
    pub balance: f32,
}

impl Default for LinearOptions {
    fn default() -> Self {
        Self {
            epochs: 12,
            seed: 1,
            learning_rate: 0.5,
            l2: 1e-6,
            features: 1 << 19,
            minimum_rows: 2,
            balance: 0.0,
        }
    }
}

/// A trained classifier.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearClassifier {
    classes: Vec<String>,
    /// Place of each n-gram's row of weights.
    places: FxHashMap<u32, u32>,
    /// Its hashes in the order of their places.
    hashes: Vec<u32>,
    /// How much each n-gram tells, by rarity.
    rarity: Vec<f32>,
    /// The same for n-grams that are not kept.
    unknown_rarity: f32,
    /// Row by row, a weight for each class.
    weights: Vec<f32>,
    bias: Vec<f32>,
    temperature: f32,
    threshold: f32,
    balance: f32,
}

/// What an n-gram of letters inside a word counts beside a word or a pair of
/// words: measured on intents and reviews.
const LETTERS_EMPHASIS: f32 = 0.4;

/// A text as places with values.
type Sparse = Vec<(u32, f32)>;

impl LinearClassifier {
    /// Trains on `rows` of text and class (a place in `classes`).
    pub fn train(
        rows: &[(&str, usize)],
        classes: Vec<String>,
        options: &LinearOptions,
    ) -> Result<Self, ModelError> {
        check(rows, &classes)?;
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(options.seed));
        // Fewer than 50 rows are too few to set some aside.
        let held_count = if rows.len() < 50 { 0 } else { rows.len() / 10 };
        let (held, rest) = order.split_at(held_count);
        let choose = |places: &[usize]| -> Vec<(&str, usize)> {
            places.iter().map(|&place| rows[place]).collect()
        };
        let (held_rows, kept_rows) = (choose(held), choose(rest));
        let mut rehearsal = Self::untrained(&kept_rows, classes.clone(), options);
        let mut best = Held::measure(&rehearsal, &held_rows);
        let mut epochs = options.epochs.max(1);
        if !held_rows.is_empty() {
            let mut chosen = 1;
            rehearsal.fit(&kept_rows, options, |epoch, model| {
                let held = Held::measure(model, &held_rows);
                if epoch == 1 || held.better_than(&best) {
                    (best, chosen) = (held, epoch);
                }
            });
            epochs = chosen;
        }
        let mut model = Self::untrained(rows, classes, options);
        model.fit(rows, &LinearOptions { epochs, ..*options }, |_, _| {});
        if !held_rows.is_empty() {
            (model.temperature, model.threshold) = (best.temperature, best.threshold);
        }
        Ok(model)
    }

    /// Counts the n-grams and makes room for their weights.
    fn untrained(rows: &[(&str, usize)], classes: Vec<String>, options: &LinearOptions) -> Self {
        let mut counts: FxHashMap<u32, u32> = FxHashMap::default();
        for (text, _) in rows {
            for (hash, _) in terms(text) {
                *counts.entry(hash).or_default() += 1;
            }
        }
        let minimum = if rows.len() < 200 {
            1
        } else {
            options.minimum_rows
        };
        let mut kept: Vec<(u32, u32)> = counts
            .into_iter()
            .filter(|(_, count)| *count >= minimum)
            .collect();
        kept.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        kept.truncate(options.features);
        let total = rows.len() as f32;
        let rarity = kept
            .iter()
            .map(|(_, count)| (1.0 + total / *count as f32).ln())
            .collect();
        let hashes: Vec<u32> = kept.into_iter().map(|(hash, _)| hash).collect();
        Self {
            weights: vec![0.0; hashes.len() * classes.len()],
            bias: vec![0.0; classes.len()],
            places: (0..)
                .zip(&hashes)
                .map(|(place, hash)| (*hash, place))
                .collect(),
            hashes,
            rarity,
            unknown_rarity: (1.0 + total).ln(),
            classes,
            temperature: 1.0,
            threshold: 0.0,
            balance: options.balance,
        }
    }

    /// Passes over the rows in a new order each time.
    fn fit(
        &mut self,
        rows: &[(&str, usize)],
        options: &LinearOptions,
        mut after_epoch: impl FnMut(usize, &Self),
    ) {
        let examples: Vec<(Sparse, usize)> = rows
            .iter()
            .map(|(text, class)| (self.sparse(text), *class))
            .collect();
        let importance = self.importance(examples.iter().map(|(_, class)| *class));
        let width = self.classes.len();
        let mut squares = vec![1e-8_f32; self.weights.len()];
        let mut bias_squares = vec![1e-8_f32; width];
        let mut order: Vec<usize> = (0..examples.len()).collect();
        let mut random = ChaCha8Rng::seed_from_u64(options.seed ^ 0x11ea);
        let mut gradient = vec![0.0_f32; width];
        for epoch in 1..=options.epochs {
            order.shuffle(&mut random);
            for &at in &order {
                let (features, class) = &examples[at];
                self.logits_into(features, &mut gradient);
                softmax(&mut gradient);
                gradient[*class] -= 1.0;
                let scale = importance[*class];
                gradient.iter_mut().for_each(|value| *value *= scale);
                for &(place, value) in features {
                    let from = place as usize * width;
                    adagrad(
                        &mut self.weights[from..from + width],
                        &mut squares[from..from + width],
                        &gradient,
                        value,
                        options,
                    );
                }
                adagrad(&mut self.bias, &mut bias_squares, &gradient, 0.1, options);
            }
            after_epoch(epoch, self);
        }
    }

    /// The weight of each class's rows.
    fn importance(&self, rows: impl ExactSizeIterator<Item = usize>) -> Vec<f32> {
        let mean = rows.len() as f32 / self.classes.len().max(1) as f32;
        let mut counts = vec![0.0_f32; self.classes.len()];
        rows.for_each(|class| counts[class] += 1.0);
        let weight = |count: &f32| (mean / count.max(1.0)).powf(self.balance);
        counts.iter().map(weight).collect()
    }

    /// The text's known n-grams, weighted, and scaled so that the whole text
    /// has length one: what is unknown counts as rare and takes certainty away.
    fn sparse(&self, text: &str) -> Sparse {
        let mut features = Sparse::new();
        let mut squares = 0.0;
        for (hash, count) in terms(text) {
            let place = self.places.get(&hash).copied();
            let rarity = place.map_or(self.unknown_rarity, |place| self.rarity[place as usize]);
            let emphasis = if hash & LETTERS_BIT == 0 {
                1.0
            } else {
                LETTERS_EMPHASIS
            };
            let value = (1.0 + (count as f32).ln()) * rarity * emphasis;
            squares += value * value;
            if let Some(place) = place {
                features.push((place, value));
            }
        }
        let norm = squares.sqrt().max(f32::MIN_POSITIVE);
        features.iter_mut().for_each(|(_, value)| *value /= norm);
        features
    }

    fn logits_into(&self, features: &[(u32, f32)], logits: &mut [f32]) {
        logits.copy_from_slice(&self.bias);
        let width = self.classes.len();
        for &(place, value) in features {
            let row = &self.weights[place as usize * width..][..width];
            for (logit, weight) in logits.iter_mut().zip(row) {
                *logit += weight * value;
            }
        }
    }

    /// Scores before calibration.
    fn logits(&self, text: &str) -> Vec<f32> {
        let mut logits = vec![0.0; self.classes.len()];
        self.logits_into(&self.sparse(text), &mut logits);
        logits
    }

    /// The calibrated probability of each class.
    pub fn predict(&self, text: &str) -> Vec<f32> {
        let mut scores = self.logits(text);
        scores
            .iter_mut()
            .for_each(|score| *score /= self.temperature);
        softmax(&mut scores);
        scores
    }

    /// The likeliest class (the first of equals) with its probability.
    pub fn best(&self, text: &str) -> (usize, f32) {
        largest(&self.predict(text))
    }

    /// As [`LinearClassifier::best`], or `None` when even that one is less
    /// probable than [`LinearClassifier::threshold`].
    pub fn best_known(&self, text: &str) -> Option<(usize, f32)> {
        let best = self.best(text);
        (best.1 >= self.threshold).then_some(best)
    }

    /// The classes' names, in the order of the probabilities.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Below this probability a text probably belongs to none of the classes.
    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// How many n-grams it knows.
    pub fn feature_count(&self) -> usize {
        self.hashes.len()
    }
}

fn check(rows: &[(&str, usize)], classes: &[String]) -> Result<(), ModelError> {
    if classes.is_empty() || rows.is_empty() {
        return Err(ModelError::Data(
            "a classifier needs at least one class and one row".to_owned(),
        ));
    }
    match rows.iter().find(|(_, class)| *class >= classes.len()) {
        Some((_, class)) => Err(ModelError::Data(format!(
            "class {class} of {} classes",
            classes.len()
        ))),
        None => Ok(()),
    }
}

/// One step on one row of weights.
fn adagrad(
    weights: &mut [f32],
    squares: &mut [f32],
    gradient: &[f32],
    value: f32,
    options: &LinearOptions,
) {
    for ((weight, square), gradient) in weights.iter_mut().zip(squares).zip(gradient) {
        let step = gradient * value + options.l2 * *weight;
        *square += step * step;
        *weight -= options.learning_rate * step / square.sqrt();
    }
}

fn softmax(scores: &mut [f32]) {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - most).exp();
        sum += *score;
    }
    scores.iter_mut().for_each(|score| *score /= sum);
}

fn largest(scores: &[f32]) -> (usize, f32) {
    let mut best = (0, f32::NEG_INFINITY);
    for (at, &score) in scores.iter().enumerate() {
        if score > best.1 {
            best = (at, score);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<(String, usize)> {
        let mut rows = Vec::new();
        for number in 0..40 {
            rows.push((format!("where is my order {number}"), 0));
            rows.push((format!("I want my money back for item {number}"), 1));
            rows.push((format!("订单{number}什么时候发货"), 0));
            rows.push((format!("{number}号商品我要退款"), 1));
        }
        rows
    }

    fn trained(options: &LinearOptions) -> LinearClassifier {
        let rows = rows();
        let rows: Vec<(&str, usize)> = rows
            .iter()
            .map(|(text, class)| (text.as_str(), *class))
            .collect();
        LinearClassifier::train(&rows, vec!["status".into(), "refund".into()], options).unwrap()
    }

    #[test]
    fn it_learns_in_two_languages_and_forgives_spelling() {
        let model = trained(&LinearOptions::default());
        for (text, class) in [
            ("wheres my ordr", 0),
            ("money back please", 1),
            ("请问什么时候能发货", 0),
            ("申请退款", 1),
        ] {
            let probabilities = model.predict(text);
            assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            assert_eq!(model.best(text).0, class, "{text} {probabilities:?}");
        }
        assert!(model.best("").1.is_finite());
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_they_read_back() {
        let (first, again) = (
            trained(&LinearOptions::default()),
            trained(&LinearOptions::default()),
        );
        let bytes = first.to_bytes();
        assert_eq!(bytes, again.to_bytes());
        assert_eq!(LinearClassifier::from_bytes(&bytes).unwrap(), first);
    }

    #[test]
    fn bad_bytes_and_bad_rows_are_refused() {
        let bytes = trained(&LinearOptions::default()).to_bytes();
        for cut in [0, 3, 8, 20, bytes.len() / 2, bytes.len() - 1] {
            assert!(
                LinearClassifier::from_bytes(&bytes[..cut]).is_err(),
                "{cut}"
            );
        }
        let mut wrong = bytes.clone();
        let last = wrong.len() - 1;
        wrong[last] = 0x7f;
        wrong[last - 1] = 0xc0;
        assert!(
            LinearClassifier::from_bytes(&wrong).is_err(),
            "not a number"
        );
        let classes = vec!["a".to_owned()];
        assert!(LinearClassifier::train(&[], classes.clone(), &LinearOptions::default()).is_err());
        assert!(LinearClassifier::train(&[("x", 1)], classes, &LinearOptions::default()).is_err());
    }

    #[test]
    fn a_threshold_turns_strangers_away() {
        let rows = rows();
        let rows: Vec<(&str, usize)> = rows
            .iter()
            .map(|(text, class)| (text.as_str(), *class))
            .collect();
        let classes = vec!["status".into(), "refund".into()];
        let model = LinearClassifier::train(&rows, classes, &LinearOptions::default()).unwrap();
        assert!(model.best_known("where is my order 77").is_some());
        assert!(model.best_known("zzz qqq").is_none());
    }
}
