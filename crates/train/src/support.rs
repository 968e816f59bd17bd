//! Customer service: a language model of the shop by next-token prediction,
//! the answers that the shop's people keep giving, and a calibration that
//! knows when nothing answers.

mod baseline;
mod calibrate;
mod intents;
mod language;

use corpus::Corpus;
use corpus::support::{Calibration, examples, learn_answers};
use models::LanguageModel;
use shop::Metric;

use crate::job::read_json;
use crate::{Job, TrainError, Trained};

const NOTHING_TO_LEARN: &str =
    "there are no documents, products or conversations; import some first";

/// What a shop lacks to train on, and how to bring it.
pub fn missing_data(corpus: &Corpus) -> Option<String> {
    let missing = examples(corpus).is_empty();
    missing.then(|| NOTHING_TO_LEARN.to_owned())
}

/// What a version of before scores on today's held-out questions: its language
/// model and calibration over today's documents and today's learnt answers.
pub fn evaluate(
    corpus: &Corpus,
    files: &std::collections::BTreeMap<String, Vec<u8>>,
    job: &Job<'_>,
) -> Result<Vec<Metric>, TrainError> {
    let language = LanguageModel::from_files(files).and_then(LanguageModel::for_serving);
    let language = language.map_err(|error| TrainError::Engine(error.to_string()))?;
    let calibration: Calibration = read_json(files, "calibration.json")?;
    if !calibration.is_whole() {
        let reason = "its calibration has other features than this program; train again";
        return Err(TrainError::Engine(reason.to_owned()));
    }
    let answers = learn_answers(&corpus.documents, &corpus.dialogues);
    Ok(calibrate::evaluate(
        corpus,
        &answers,
        &language,
        &calibration,
        job,
    ))
}

/// Trains everything that support serves from. Files: those of a
/// [`LanguageModel`], `calibration.json`, `answers.json`, and where the shop
/// names what its customers want those of [`models::intents::Intents`].
pub fn train(corpus: &Corpus, job: &Job<'_>) -> Result<Trained, TrainError> {
    let examples = examples(corpus);
    if examples.is_empty() {
        return Err(TrainError::NoData {
            service: "support",
            reason: NOTHING_TO_LEARN.to_owned(),
        });
    }
    let language::Trained {
        language,
        mut metrics,
    } = language::train(&examples, job)?;
    let engine = |error: models::ModelError| TrainError::Engine(error.to_string());
    let mut files = language.to_files().map_err(engine)?;
    drop(language);
    let answers = learn_answers(&corpus.documents, &corpus.dialogues);
    // Calibrated is what will serve, with all that its files round off.
    let serving = LanguageModel::from_files(&files).and_then(LanguageModel::for_serving);
    let calibrated = calibrate::run(corpus, &answers, &serving.map_err(engine)?, job)?;
    metrics.splice(0..0, calibrated.metrics);
    let json = |value: serde_json::Result<Vec<u8>>| {
        value.map_err(|error| TrainError::Engine(error.to_string()))
    };
    let calibration = json(serde_json::to_vec(&calibrated.calibration))?;
    files.insert("calibration.json".to_owned(), calibration);
    let answers = json(serde_json::to_vec(&answers))?;
    files.insert("answers.json".to_owned(), answers);
    if let Some((intents, metric)) = intents::train(corpus, job)? {
        files.extend(intents.to_files().map_err(engine)?);
        metrics.push(metric);
    }
    language::forget_checkpoint(job);
    Ok(Trained { files, metrics })
}
