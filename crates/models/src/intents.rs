//! What the writer of a message wants, by given names: a linear classifier over
//! its words, and over a sentence encoder's vector where there is one, with a
//! threshold for each class, from which on a program may act upon it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ModelError;
use crate::linear::{LinearClassifier, LinearOptions};
use crate::softmax_regression::{SoftmaxRegression, most_probable};

const CLASSIFIER: &str = "intents.linear";
const THRESHOLDS: &str = "intents.json";
/// Thresholds are chosen on so many parts of what is learnt from.
const FOLDS: usize = 5;

/// What a message was read as.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Intent<'a> {
    /// The class's name.
    pub name: &'a str,
    /// Its place among the classes.
    pub class: usize,
    /// Its calibrated probability.
    pub probability: f32,
    /// Whether that is enough to act upon it.
    pub is_sure: bool,
}

/// What a classifier made of a message whose class is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    class: usize,
    probability: f32,
    is_right: bool,
}

impl Reading {
    /// Of each of `rows` of text and class.
    pub fn of(classifier: &LinearClassifier, rows: &[(&str, usize)]) -> Vec<Self> {
        let read = rows.iter().map(|(text, right)| {
            let (class, probability) = classifier.best(text);
            Self {
                class,
                probability,
                is_right: class == *right,
            }
        });
        read.collect()
    }

    /// What each part of the rows is read as by a classifier of the others.
    ///
    /// # Errors
    /// Where there is too little to learn from.
    pub fn across_folds(
        rows: &[(&str, usize)],
        classes: &[String],
        options: &LinearOptions,
    ) -> Result<Vec<Self>, ModelError> {
        across_folds(&Examples::of_words(rows), classes, options)
    }
}

/// Rows to learn from.
#[derive(Debug, Clone, Copy)]
pub struct Examples<'a> {
    /// Text and class, a place among the classes.
    pub rows: &'a [(&'a str, usize)],
    /// `[rows, width]`: each text's vector; none where words alone are learnt.
    pub vectors: &'a [f32],
    /// Of a vector.
    pub width: usize,
}

impl<'a> Examples<'a> {
    /// Texts without vectors.
    pub fn of_words(rows: &'a [(&'a str, usize)]) -> Self {
        Self {
            rows,
            vectors: &[],
            width: 0,
        }
    }

    fn vector(&self, place: usize) -> Option<&'a [f32]> {
        (self.width > 0).then(|| &self.vectors[place * self.width..(place + 1) * self.width])
    }

    /// Both judges, learnt from the rows at these places.
    fn judges(
        &self,
        places: &[usize],
        classes: &[String],
        options: &LinearOptions,
    ) -> Result<Judges, ModelError> {
        let rows: Vec<(&str, usize)> = places.iter().map(|place| self.rows[*place]).collect();
        let examples: Vec<(&[f32], usize)> = (places.iter())
            .filter_map(|place| Some((self.vector(*place)?, self.rows[*place].1)))
            .collect();
        Ok(Judges {
            words: LinearClassifier::train(&rows, classes.to_vec(), options)?,
            vectors: (self.width > 0).then(|| {
                SoftmaxRegression::train(&examples, classes.len(), self.width, options.seed)
            }),
        })
    }
}

fn across_folds(
    examples: &Examples<'_>,
    classes: &[String],
    options: &LinearOptions,
) -> Result<Vec<Reading>, ModelError> {
    let mut held = Vec::new();
    for fold in 0..FOLDS {
        let places = 0..examples.rows.len();
        let (inside, outside): (Vec<usize>, Vec<usize>) =
            places.partition(|place| place % FOLDS == fold);
        let judges = examples.judges(&outside, classes, options)?;
        held.extend(inside.into_iter().map(|place| {
            let (text, right) = examples.rows[place];
            let (class, probability) = judges.best(text, examples.vector(place));
            Reading {
                class,
                probability,
                is_right: class == right,
            }
        }));
    }
    Ok(held)
}

/// Who judges a message: its words, and its vector where there is one.
#[derive(Debug, Clone, PartialEq)]
struct Judges {
    words: LinearClassifier,
    vectors: Option<SoftmaxRegression>,
}

impl Judges {
    fn best(&self, text: &str, vector: Option<&[f32]>) -> (usize, f32) {
        match (&self.vectors, vector) {
            (Some(head), Some(vector)) => {
                most_probable(&self.words.predict(text), &head.probabilities(vector))
            }
            _ => self.words.best(text),
        }
    }
}

/// A classifier that knows how sure it has to be of each class.
#[derive(Debug, Clone, PartialEq)]
pub struct Intents {
    judges: Judges,
    thresholds: Thresholds,
}

/// By class, in the classifier's order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Thresholds {
    error_rate: f64,
    /// The least probability to act upon; `None`: never, there was too little
    /// to judge by.
    least: Vec<Option<f32>>,
}

impl Intents {
    /// Chooses each class's threshold by `held`, what classifiers like this one
    /// made of messages that they had not learnt from: the lowest from which on
    /// at most `error_rate` of the messages read as this class are of another.
    /// Of `n` messages with `e` wrong ones the rate is taken to be
    /// (e + ½) / (n + 1), so that a handful of lucky ones proves nothing.
    pub fn choose(classifier: LinearClassifier, held: &[Reading], error_rate: f64) -> Self {
        let judges = Judges {
            words: classifier,
            vectors: None,
        };
        Self::of_judges(judges, held, error_rate)
    }

    fn of_judges(judges: Judges, held: &[Reading], error_rate: f64) -> Self {
        let mut read: Vec<Vec<(f32, bool)>> = vec![Vec::new(); judges.words.classes().len()];
        for reading in held {
            if let Some(rows) = read.get_mut(reading.class) {
                rows.push((reading.probability, reading.is_right));
            }
        }
        let least = read.into_iter().map(|rows| lowest(rows, error_rate));
        let thresholds = Thresholds {
            error_rate,
            least: least.collect(),
        };
        Self { judges, thresholds }
    }

    /// Learns from texts with their classes, the thresholds from what parts of
    /// the rows are read as by classifiers of the others.
    ///
    /// # Errors
    /// Where there is too little to learn from.
    pub fn learn(
        examples: &Examples<'_>,
        classes: &[String],
        options: &LinearOptions,
        error_rate: f64,
    ) -> Result<Self, ModelError> {
        let all: Vec<usize> = (0..examples.rows.len()).collect();
        let judges = examples.judges(&all, classes, options)?;
        let held = across_folds(examples, classes, options)?;
        Ok(Self::of_judges(judges, &held, error_rate))
    }

    /// Reads a message by its words.
    pub fn read(&self, text: &str) -> Intent<'_> {
        self.read_with(text, None)
    }

    /// Reads a message by its words and by its vector, from the encoder that
    /// was learnt with.
    pub fn read_with(&self, text: &str, vector: Option<&[f32]>) -> Intent<'_> {
        let (class, probability) = self.judges.best(text, vector);
        let least = self.thresholds.least[class];
        Intent {
            name: &self.judges.words.classes()[class],
            class,
            probability,
            is_sure: least.is_some_and(|least| probability >= least),
        }
    }

    /// The classes that may be acted upon at all.
    pub fn sure_classes(&self) -> impl Iterator<Item = &str> {
        let classes = self
            .judges
            .words
            .classes()
            .iter()
            .zip(&self.thresholds.least);
        classes.filter_map(|(class, least)| least.map(|_| class.as_str()))
    }

    /// As files by name; of one that was learnt with vectors the words alone.
    pub fn to_files(&self) -> Result<BTreeMap<String, Vec<u8>>, ModelError> {
        let thresholds = serde_json::to_vec(&self.thresholds);
        let thresholds = thresholds.map_err(|error| ModelError::File(error.to_string()))?;
        Ok(BTreeMap::from([
            (CLASSIFIER.to_owned(), self.judges.words.to_bytes()),
            (THRESHOLDS.to_owned(), thresholds),
        ]))
    }

    /// Reads what [`Intents::to_files`] wrote; `None` where it is not there.
    pub fn from_files(files: &BTreeMap<String, Vec<u8>>) -> Result<Option<Self>, ModelError> {
        let (Some(classifier), Some(thresholds)) = (files.get(CLASSIFIER), files.get(THRESHOLDS))
        else {
            return Ok(None);
        };
        let wrong = |reason: String| ModelError::File(format!("{THRESHOLDS}: {reason}"));
        let classifier = LinearClassifier::from_bytes(classifier)?;
        let thresholds: Thresholds =
            serde_json::from_slice(thresholds).map_err(|error| wrong(error.to_string()))?;
        if thresholds.least.len() != classifier.classes().len() {
            return Err(wrong("as many thresholds as classes are needed".to_owned()));
        }
        let judges = Judges {
            words: classifier,
            vectors: None,
        };
        Ok(Some(Self { judges, thresholds }))
    }
}

/// The lowest probability from which on few enough are wrong. Where all that was
/// held out passes, the calibrated probability is taken at its word as well.
fn lowest(mut rows: Vec<(f32, bool)>, error_rate: f64) -> Option<f32> {
    rows.sort_by(|one, other| other.0.total_cmp(&one.0));
    let (mut wrong, mut least) = (0, None);
    for (count, (probability, right)) in (1..).zip(&rows) {
        wrong += usize::from(!right);
        let rate = (wrong as f64 + 0.5) / (count as f64 + 1.0);
        // Of equal probabilities all count or none.
        let more = rows.get(count).is_some_and(|next| next.0 == *probability);
        if rate <= error_rate && !more {
            least = Some(*probability);
        }
    }
    let all_pass = least.is_some() && least == rows.last().map(|row| row.0);
    let promised = (1.0 - error_rate) as f32;
    least.map(|least| if all_pass { least.min(promised) } else { least })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_keeps_the_error_rate() {
        let rows = |rights: &[(f32, bool, usize)]| -> Vec<(f32, bool)> {
            let rows = rights.iter().flat_map(|(probability, right, count)| {
                std::iter::repeat_n((*probability, *right), *count)
            });
            rows.collect()
        };
        for (given, expected) in [
            (rows(&[(0.9, true, 40), (0.5, false, 10)]), Some(0.9)),
            // The wrong ones above are made up for by the right ones below.
            (rows(&[(0.9, false, 1), (0.6, true, 60)]), Some(0.6)),
            (
                rows(&[(0.9, true, 40), (0.5, true, 9), (0.2, false, 9)]),
                Some(0.5),
            ),
            (rows(&[(0.9, true, 20), (0.9, false, 5)]), None),
            (rows(&[(0.9999, true, 30)]), Some(0.95)),
            // Too few to know.
            (rows(&[(0.99, true, 5)]), None),
            (Vec::new(), None),
        ] {
            assert_eq!(lowest(given.clone(), 0.05), expected, "{given:?}");
        }
    }

    fn intents() -> Intents {
        let say = |class: usize, number: usize| match class {
            0 => format!("where is my parcel {number}"),
            _ => format!("i want a human, call {number}"),
        };
        let texts: Vec<(String, usize)> = (0..200).map(|n| (say(n % 2, n), n % 2)).collect();
        let rows: Vec<(&str, usize)> = texts.iter().map(|(text, c)| (text.as_str(), *c)).collect();
        let (training, held) = rows.split_at(150);
        let classes = vec!["order_status".to_owned(), "person".to_owned()];
        let classifier = LinearClassifier::train(training, classes, &LinearOptions::default());
        let classifier = classifier.unwrap();
        let held = Reading::of(&classifier, held);
        Intents::choose(classifier, &held, 0.05)
    }

    #[test]
    fn messages_are_read_and_strangers_are_not_acted_upon() {
        let intents = intents();
        let read = intents.read("please, where is my parcel 7");
        assert!(read.name == "order_status" && read.is_sure, "{read:?}");
        assert!(!intents.read("the weather on Mars").is_sure);
        assert_eq!(intents.sure_classes().count(), 2);
    }

    #[test]
    fn they_survive_their_files() {
        let intents = intents();
        let mut files = intents.to_files().unwrap();
        assert_eq!(Intents::from_files(&files).unwrap(), Some(intents));
        files.insert(
            THRESHOLDS.to_owned(),
            b"{\"error_rate\":0.05,\"least\":[]}".to_vec(),
        );
        assert!(Intents::from_files(&files).is_err());
        files.remove(THRESHOLDS);
        assert_eq!(Intents::from_files(&files).unwrap(), None);
    }
}
