//! Customer service: a language model of the shop by next-token prediction,
//! the answers that the shop's people keep giving, and a calibration that
//! knows when nothing answers.

mod baseline;
mod calibrate;
mod intents;
mod language;

use corpus::Corpus;
use corpus::support::{examples, learn_answers};
use models::LanguageModel;

use crate::{Job, TrainError, Trained};

/// Trains everything that support serves from. Files: those of a
/// [`LanguageModel`], `calibration.json`, `answers.json`, and where the shop
/// names what its customers want those of [`models::intents::Intents`].
pub fn train(corpus: &Corpus, job: &Job<'_>) -> Result<Trained, TrainError> {
    let examples = examples(corpus);
    if examples.is_empty() {
        return Err(TrainError::NoData {
            service: "support",
            reason: "there are no documents, products or conversations; import some first"
                .to_owned(),
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
    metrics.extend(calibrated.metric);
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
