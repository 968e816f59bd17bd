//! Training of insight: a classifier of polarity from the ratings that
//! customers gave (and labelled texts), and the themes that reviews speak of.

mod themes;

use std::collections::BTreeMap;

use corpus::insight::Polarity;
use corpus::{Corpus, Split, words};
use models::linear::{LinearClassifier, LinearOptions};
use models::naive_bayes::NaiveBayes;
use models::text_blend::{MemberScores, Mixture, TextBlend};
use shop::Metric;

use crate::job::{file_of, read_json};
use crate::{Job, Size, TrainError, Trained};

/// Fewer reviews than this teach nothing.
const FEWEST_ROWS: usize = 50;

/// A text and its [`Polarity`] as a class.
type Row<'a> = (&'a str, usize);

/// Trains the classifier and finds the themes.
pub fn train(corpus: &Corpus, job: &Job) -> Result<Trained, TrainError> {
    if let Some(reason) = missing_data(corpus) {
        let service = "insight";
        return Err(TrainError::NoData { service, reason });
    }
    let learn = rows(corpus, Split::Train);
    let held_out = rows(corpus, Split::Test);
    job.progress.begin("insight: polarity", 0);
    let classes = Polarity::ALL
        .iter()
        .map(|polarity| polarity.name().to_owned())
        .collect();
    let options = LinearOptions {
        epochs: match job.size {
            Size::Tiny => 6,
            Size::Small => 12,
            Size::Base => 20,
        },
        seed: job.seed,
        ..LinearOptions::default()
    };
    let linear = LinearClassifier::train(&learn, classes, &options)
        .map_err(|error| TrainError::Engine(error.to_string()))?;
    let counted = learn.iter().map(|(text, class)| (words(text), *class));
    let bayes = NaiveBayes::train(counted, Polarity::ALL.len());
    let linear_only = Mixture::linear_only(Polarity::ALL.len());
    let mut blend = TextBlend::new(linear, bayes, linear_only)
        .ok_or_else(|| TrainError::Engine("the classifiers differ in their classes".to_owned()))?;
    let mixture = choose_mixture(&blend, &rows(corpus, Split::Validation));
    blend.set_mixture(mixture);
    job.progress
        .end(&format!("learnt from {} texts", learn.len()));
    if job.stopped() {
        return Err(TrainError::Stopped);
    }
    job.progress.begin("insight: themes", 0);
    let themes = themes::discover(corpus);
    job.progress.end(&format!("{} themes", themes.len()));
    let metrics = figures(&held_out, &blend);
    let json = |value: serde_json::Result<Vec<u8>>| {
        value.map_err(|error| TrainError::Engine(error.to_string()))
    };
    let themes = json(serde_json::to_vec_pretty(&themes))?;
    let bayes = json(serde_json::to_vec(blend.bayes()))?;
    let mixture = json(serde_json::to_vec(blend.mixture()))?;
    let files = BTreeMap::from([
        ("linear.bin".to_owned(), blend.linear().to_bytes()),
        ("bayes.json".to_owned(), bayes),
        ("mixture.json".to_owned(), mixture),
        ("themes.json".to_owned(), themes),
    ]);
    Ok(Trained { files, metrics })
}

/// What a shop lacks to train on, and how to bring it.
pub fn missing_data(corpus: &Corpus) -> Option<String> {
    let count = rows(corpus, Split::Train).len();
    (count < FEWEST_ROWS).then(|| {
        format!(
            "{count} reviews with a rating (or labelled texts), and it takes {FEWEST_ROWS}; \
             import reviews"
        )
    })
}

/// What a classifier of before scores on today's held-out reviews.
pub fn evaluate(
    corpus: &Corpus,
    files: &BTreeMap<String, Vec<u8>>,
) -> Result<Vec<Metric>, TrainError> {
    let linear = LinearClassifier::from_bytes(file_of(files, "linear.bin")?);
    let linear = linear.map_err(|error| TrainError::Engine(format!("linear.bin: {error}")))?;
    let bayes = read_json(files, "bayes.json")?;
    let mixture = read_json(files, "mixture.json")?;
    let blend = TextBlend::new(linear, bayes, mixture)
        .filter(|blend| blend.linear().classes().len() == Polarity::ALL.len())
        .ok_or_else(|| TrainError::Engine("linear.bin has other classes".to_owned()))?;
    Ok(figures(&rows(corpus, Split::Test), &blend))
}

/// Texts whose polarity is known: by the customer's rating, or by a label.
fn rows(corpus: &Corpus, split: Split) -> Vec<Row<'_>> {
    let reviews = corpus
        .reviews
        .iter()
        .filter(|review| review.split == split)
        .filter_map(|review| Some((review.text.as_str(), Polarity::of_rating(review.rating?))));
    let labelled = corpus
        .labelled
        .iter()
        .filter(|_| split == Split::Train)
        .filter_map(|row| {
            Some((
                row.text.as_str(),
                Polarity::from_name(row.label.as_deref()?)?,
            ))
        });
    reviews
        .chain(labelled)
        .map(|(text, polarity)| (text, polarity as usize))
        .collect()
}

/// The mixture with the best macro F1 on validation; the linear_only linear
/// classifier where there is nothing to choose with.
fn choose_mixture(blend: &TextBlend, validation: &[Row]) -> Mixture {
    const SHARES: [f64; 6] = [0.0, 0.1, 0.2, 0.35, 0.6, 1.0];
    const LEANINGS: [f64; 8] = [-0.6, -0.3, 0.0, 0.3, 0.6, 0.9, 1.2, 1.5];
    let judged: Vec<(MemberScores, usize)> = validation
        .iter()
        .map(|(text, class)| (blend.member_scores(text, &words(text)), *class))
        .collect();
    let mut best = (f64::NEG_INFINITY, Mixture::linear_only(Polarity::ALL.len()));
    if judged.is_empty() {
        return best.1;
    }
    for bayes in SHARES {
        for negative in LEANINGS {
            for neutral in LEANINGS {
                let mixture = Mixture {
                    bayes,
                    class_bias: vec![negative, neutral, 0.0],
                };
                let mut confusion = Confusion::default();
                for (scores, class) in &judged {
                    confusion.0[*class][mixture.decide(scores).0] += 1;
                }
                let found = confusion.macro_f1();
                if found > best.0 {
                    best = (found, mixture);
                }
            }
        }
    }
    best.1
}

/// Macro F1 and accuracy, each beside naive Bayes.
fn figures(held_out: &[Row], blend: &TextBlend) -> Vec<Metric> {
    if held_out.is_empty() {
        return Vec::new();
    }
    let model = Confusion::of(held_out, |text| blend.decide(text, &words(text)).0);
    let bayes = Confusion::of(held_out, |text| {
        let scores = blend.bayes().scores(&words(text));
        (1..scores.len()).fold(
            0,
            |best, at| if scores[at] > scores[best] { at } else { best },
        )
    });
    let metric = |name: &str, value, baseline| Metric {
        name: name.to_owned(),
        value,
        baseline_name: "naive Bayes".to_owned(),
        baseline,
        higher_is_better: true,
    };
    vec![
        metric("macro_f1", model.macro_f1(), bayes.macro_f1()),
        metric("accuracy", model.accuracy(), bayes.accuracy()),
    ]
}

/// Counts by true and by given class.
#[derive(Default)]
struct Confusion([[u32; 3]; 3]);

impl Confusion {
    fn of(rows: &[Row], classify: impl Fn(&str) -> usize) -> Self {
        let mut confusion = Self::default();
        for (text, truth) in rows {
            confusion.0[*truth][classify(text)] += 1;
        }
        confusion
    }

    fn accuracy(&self) -> f64 {
        let right: u32 = (0..3).map(|class| self.0[class][class]).sum();
        let all: u32 = self.0.iter().flatten().sum();
        f64::from(right) / f64::from(all.max(1))
    }

    /// Mean F1 of the classes that occur.
    fn macro_f1(&self) -> f64 {
        let scores: Vec<f64> = (0..3)
            .filter(|&class| self.0[class].iter().sum::<u32>() > 0)
            .map(|class| {
                let right = f64::from(self.0[class][class]);
                let truly: u32 = self.0[class].iter().sum();
                let given: u32 = self.0.iter().map(|row| row[class]).sum();
                2.0 * right / f64::from((truly + given).max(1))
            })
            .collect();
        scores.iter().sum::<f64>() / scores.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f1_and_accuracy_of_a_known_confusion() {
        let rows = [("a", 0), ("b", 0), ("c", 2), ("d", 2)];
        let confusion = Confusion::of(&rows, |text| if text == "a" { 0 } else { 2 });
        assert_eq!(confusion.accuracy(), 0.75);
        // F1 of class 0: 2·1/(2+1); of class 2: 2·2/(2+3).
        let expected = (2.0 / 3.0 + 0.8) / 2.0;
        assert!((confusion.macro_f1() - expected).abs() < 1e-12);
    }
}
