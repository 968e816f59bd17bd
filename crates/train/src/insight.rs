//! Training of insight: a classifier of polarity from the ratings that
//! customers gave (and labelled texts), and the themes that reviews speak of.

mod naive_bayes;
mod themes;

use std::collections::BTreeMap;

use corpus::insight::Polarity;
use corpus::{Corpus, Split};
use models::linear::{LinearClassifier, LinearOptions};
use shop::Metric;

use crate::{Job, Size, TrainError, Trained};
use naive_bayes::NaiveBayes;

/// Fewer reviews than this teach nothing.
const FEWEST_ROWS: usize = 50;

/// A text and its [`Polarity`] as a class.
type Row<'a> = (&'a str, usize);

/// Trains the classifier and finds the themes.
pub fn train(corpus: &Corpus, job: &Job) -> Result<Trained, TrainError> {
    let learn = rows(corpus, Split::Train);
    let held_out = rows(corpus, Split::Test);
    if learn.len() < FEWEST_ROWS {
        return Err(TrainError::NoData {
            service: "insight",
            reason: format!(
                "{} reviews with a rating (or labelled texts), and it takes {FEWEST_ROWS}; \
                 import reviews",
                learn.len()
            ),
        });
    }
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
        // Bad reviews are few and the ones that matter.
        balance: 0.5,
        ..LinearOptions::default()
    };
    let classifier = LinearClassifier::train(&learn, classes, &options)
        .map_err(|error| TrainError::Engine(error.to_string()))?;
    job.progress
        .end(&format!("learnt from {} texts", learn.len()));
    if job.stopped() {
        return Err(TrainError::Stopped);
    }
    job.progress.begin("insight: themes", 0);
    let themes = themes::discover(corpus);
    job.progress.end(&format!("{} themes", themes.len()));
    let metrics = figures(&learn, &held_out, &classifier);
    let themes = serde_json::to_vec_pretty(&themes)
        .map_err(|error| TrainError::Engine(error.to_string()))?;
    let files = BTreeMap::from([
        ("polarity.bin".to_owned(), classifier.to_bytes()),
        ("themes.json".to_owned(), themes),
    ]);
    Ok(Trained { files, metrics })
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

/// Macro F1 beside naive Bayes, accuracy beside the majority.
fn figures(learn: &[Row], held_out: &[Row], classifier: &LinearClassifier) -> Vec<Metric> {
    if held_out.is_empty() {
        return Vec::new();
    }
    let simple = NaiveBayes::train(learn, Polarity::ALL.len());
    let model = Confusion::of(held_out, |text| classifier.best(text).0);
    let bayes = Confusion::of(held_out, |text| simple.best(text));
    let mut counts = [0_usize; 3];
    learn.iter().for_each(|(_, class)| counts[*class] += 1);
    let majority = (0..3)
        .max_by_key(|class| counts[*class])
        .unwrap_or_default();
    let majority = Confusion::of(held_out, |_| majority);
    let metric = |name: &str, value, baseline_name: &str, baseline| Metric {
        name: name.to_owned(),
        value,
        baseline_name: baseline_name.to_owned(),
        baseline,
        higher_is_better: true,
    };
    vec![
        metric(
            "macro_f1",
            model.macro_f1(),
            "naive Bayes",
            bayes.macro_f1(),
        ),
        metric(
            "accuracy",
            model.accuracy(),
            "majority",
            majority.accuracy(),
        ),
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
