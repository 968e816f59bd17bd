//! `bench classify`: labelled texts, learned from one file and told apart in
//! another.

mod encoded;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::bail;
use clap::Args;
use models::SentenceEncoder;
use models::linear::{LinearClassifier, LinearOptions};
use serde_json::{Value, json};
use shop::{Kind, Record};

use super::search::read;

/// The label of texts that belong to none of the classes.
const OUT_OF_SCOPE: &str = "oos";
const SEED: u64 = 1;

/// What `bench classify` takes.
#[derive(Debug, Args)]
pub struct ClassifyArguments {
    /// Labelled texts to learn from, as JSON Lines, plain, gz or zst; may be
    /// given more than once.
    #[arg(long, value_name = "FILE", required = true)]
    train: Vec<PathBuf>,
    /// Labelled texts to be told apart; may be given more than once.
    #[arg(long, value_name = "FILE", required = true)]
    test: Vec<PathBuf>,
    /// A published sentence encoder (a Hugging Face folder) whose vectors count
    /// beside the words.
    #[arg(long, value_name = "PATH")]
    encoder: Option<PathBuf>,
}

struct Row {
    text: String,
    label: String,
}

/// Runs the measurement.
///
/// * `accuracy`, `macro_f1`: over all rows of TEST; where it has rows
///   labelled `oos`, an answer below the threshold is the class `oos`.
/// * `in_scope_accuracy`: of the other rows, those answered, and rightly.
/// * `oos_recall`, `oos_precision`: of the rows labelled `oos` those turned
///   away, and the other way round.
pub fn run(arguments: &ClassifyArguments) -> anyhow::Result<Value> {
    let train = read_rows(&arguments.train)?;
    let test = read_rows(&arguments.test)?;
    let start = Instant::now();
    let model = learn(&train)?;
    let encoded = match &arguments.encoder {
        Some(folder) => Some(learn_encoded(folder, &train)?),
        None => None,
    };
    let seconds_train = start.elapsed().as_secs_f64();
    let open = test.iter().any(|row| row.label == OUT_OF_SCOPE);
    let start = Instant::now();
    let answers: Vec<&str> = match &encoded {
        Some(encoded) => {
            let texts: Vec<&str> = test.iter().map(|row| row.text.as_str()).collect();
            let found = encoded.answer(&model, &texts, open).into_iter();
            found
                .map(|class| class.map_or(OUT_OF_SCOPE, |class| &model.classes()[class]))
                .collect()
        }
        None => {
            let rows = test.iter();
            rows.map(|row| answer(&model, &row.text, open)).collect()
        }
    };
    let per_second = test.len() as f64 / start.elapsed().as_secs_f64().max(1e-9);
    let pairs: Vec<(&str, &str)> = test
        .iter()
        .map(|row| row.label.as_str())
        .zip(answers)
        .collect();
    let mut keys = figures(&pairs, open);
    let threshold = encoded
        .as_ref()
        .map_or(model.threshold(), encoded::Encoded::threshold);
    for (key, value) in [
        ("seconds_train", json!(seconds_train)),
        ("per_second", json!(per_second)),
        ("classes", json!(model.classes().len())),
        ("rows_train", json!(train.len())),
        ("rows_test", json!(test.len())),
        ("threshold", json!(threshold)),
        ("ngrams", json!(model.feature_count())),
    ] {
        keys[key] = value;
    }
    print_table(&keys);
    Ok(keys)
}

fn read_rows(files: &[PathBuf]) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for file in files {
        let before = rows.len();
        rows.extend(
            read(file, Kind::Labelled)?
                .into_iter()
                .filter_map(|record| match record {
                    Record::Labelled(labelled) => Some(Row {
                        text: labelled.text,
                        label: labelled.label?,
                    }),
                    _ => None,
                }),
        );
        if rows.len() == before {
            bail!("{}: no row with a text and a label in it", file.display());
        }
    }
    Ok(rows)
}

/// The classes in their order, and the rows that belong to one.
fn known(rows: &[Row]) -> (Vec<String>, Vec<(&str, usize)>) {
    // The threshold is set for a stated error rate on known rows; what belongs
    // to no class is not learned from, so that no kind of it is favoured.
    let known = rows.iter().filter(|row| row.label != OUT_OF_SCOPE);
    let classes: BTreeSet<&str> = known.clone().map(|row| row.label.as_str()).collect();
    let classes: Vec<String> = classes.into_iter().map(str::to_owned).collect();
    let pairs = known
        .filter_map(|row| Some((row.text.as_str(), classes.binary_search(&row.label).ok()?)))
        .collect();
    (classes, pairs)
}

fn learn(rows: &[Row]) -> anyhow::Result<LinearClassifier> {
    let (classes, pairs) = known(rows);
    learn_words(&pairs, classes)
}

fn learn_words(pairs: &[(&str, usize)], classes: Vec<String>) -> anyhow::Result<LinearClassifier> {
    let options = LinearOptions {
        seed: SEED,
        ..LinearOptions::default()
    };
    Ok(LinearClassifier::train(pairs, classes, &options)?)
}

fn learn_encoded(folder: &Path, rows: &[Row]) -> anyhow::Result<encoded::Encoded> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let encoder = SentenceEncoder::load(folder, models::Precision::Full, threads)?;
    let (classes, pairs) = known(rows);
    encoded::Encoded::train(encoder, &pairs, classes.len(), SEED, |some| {
        learn_words(some, classes.clone())
    })
}

fn answer<'a>(model: &'a LinearClassifier, text: &str, open: bool) -> &'a str {
    let best = if open {
        model.best_known(text)
    } else {
        Some(model.best(text))
    };
    best.map_or(OUT_OF_SCOPE, |(class, _)| &model.classes()[class])
}

/// The figures of pairs of label and answer.
fn figures(pairs: &[(&str, &str)], open: bool) -> Value {
    let share = |count: usize, of: usize| count as f64 / of.max(1) as f64;
    let count = |test: &dyn Fn(&str, &str) -> bool| {
        pairs
            .iter()
            .filter(|(label, answer)| test(label, answer))
            .count()
    };
    let right = count(&|label, answer| label == answer);
    let mut keys = json!({
        "accuracy": share(right, pairs.len()),
        "macro_f1": macro_f1(pairs),
    });
    if open {
        let outside = count(&|label, _| label == OUT_OF_SCOPE);
        let refused = count(&|_, answer| answer == OUT_OF_SCOPE);
        let both = count(&|label, answer| label == OUT_OF_SCOPE && answer == OUT_OF_SCOPE);
        keys["in_scope_accuracy"] = json!(share(right - both, pairs.len() - outside));
        keys["oos_recall"] = json!(share(both, outside));
        keys["oos_precision"] = json!(share(both, refused));
    }
    keys
}

/// The mean over the labels of the harmonic mean of precision and recall.
fn macro_f1(pairs: &[(&str, &str)]) -> f64 {
    let labels: BTreeSet<&str> = pairs.iter().map(|(label, _)| *label).collect();
    let of_label = |wanted: &str| {
        let given = pairs.iter().filter(|(_, answer)| *answer == wanted).count();
        let there = pairs.iter().filter(|(label, _)| *label == wanted).count();
        let both = pairs
            .iter()
            .filter(|(label, answer)| label == answer && *label == wanted);
        2.0 * both.count() as f64 / (given + there).max(1) as f64
    };
    labels.iter().map(|label| of_label(label)).sum::<f64>() / labels.len().max(1) as f64
}

fn print_table(keys: &Value) {
    for key in [
        "classes",
        "rows_train",
        "rows_test",
        "accuracy",
        "macro_f1",
        "in_scope_accuracy",
        "oos_recall",
        "oos_precision",
        "threshold",
        "seconds_train",
        "per_second",
    ] {
        match &keys[key] {
            Value::Null => {}
            Value::Number(number) if number.is_f64() => {
                eprintln!("{key:<20} {:.4}", number.as_f64().unwrap_or_default());
            }
            value => eprintln!("{key:<20} {value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_a_small_table() {
        let pairs = [
            ("a", "a"),
            ("a", "b"),
            ("b", "b"),
            ("oos", "oos"),
            ("oos", "a"),
            ("b", "oos"),
        ];
        let keys = figures(&pairs, true);
        for (key, expected) in [
            ("accuracy", 0.5),
            ("in_scope_accuracy", 0.5),
            ("oos_recall", 0.5),
            ("oos_precision", 0.5),
            ("macro_f1", 0.5),
        ] {
            assert!(
                (keys[key].as_f64().unwrap() - expected).abs() < 1e-9,
                "{key} {}",
                keys[key]
            );
        }
        assert!(figures(&pairs, false)["oos_recall"].is_null());
    }

    #[test]
    fn texts_are_told_apart_and_strangers_turned_away() {
        let row = |text: String, label: &str| Row {
            text,
            label: label.to_owned(),
        };
        let mut rows = Vec::new();
        for number in 0..30 {
            rows.push(row(format!("cancel my order {number} please"), "cancel"));
            rows.push(row(format!("track parcel {number} for me"), "track"));
        }
        rows.extend(["why is the sky blue", "write a poem"].map(|text| row(text.into(), "oos")));
        let model = learn(&rows).unwrap();
        assert_eq!(model.classes(), ["cancel", "track"]);
        assert_eq!(answer(&model, "please cancel order 99", true), "cancel");
        assert_eq!(answer(&model, "quantum chromodynamics", true), OUT_OF_SCOPE);
    }
}
