//! Customer service: a language model of the shop by next-token prediction,
//! the answers that the shop's people keep giving, and a calibration that
//! knows when nothing answers.

mod baseline;
mod calibrate;
mod language;

use std::collections::BTreeMap;

use corpus::Corpus;
use corpus::support::{examples, learn_answers};
use shop::Metric;

use crate::{Job, TrainError, Trained};

/// Trains everything that support serves from. Files: `decoder.safetensors`,
/// `tokenizer.json`, `calibration.json`, `answers.json`.
pub fn train(corpus: &Corpus, job: &Job<'_>) -> Result<Trained, TrainError> {
    let examples = examples(corpus);
    if examples.is_empty() {
        return Err(TrainError::NoData {
            service: "support",
            reason: "there are no documents, products or conversations; import some first"
                .to_owned(),
        });
    }
    let language = language::train(&examples, job)?;
    let answers = learn_answers(&corpus.documents, &corpus.dialogues);
    let calibrated = calibrate::run(corpus, &answers, &language, job)?;
    let mut metrics: Vec<Metric> = Vec::new();
    metrics.extend(bits_per_byte(&examples, &language));
    metrics.extend(calibrated.metric);
    let json = |value: serde_json::Result<Vec<u8>>| {
        value.map_err(|error| TrainError::Engine(error.to_string()))
    };
    let files = BTreeMap::from([
        (
            "decoder.safetensors".to_owned(),
            language.trainer.decoder().to_safetensors(),
        ),
        (
            "tokenizer.json".to_owned(),
            language.tokenizer.to_json().into_bytes(),
        ),
        (
            "calibration.json".to_owned(),
            json(serde_json::to_vec(&calibrated.calibration))?,
        ),
        (
            "answers.json".to_owned(),
            json(serde_json::to_vec(&answers))?,
        ),
    ]);
    language::forget_checkpoint(job);
    Ok(Trained { files, metrics })
}

/// The language model beside counts of bytes, on texts that neither has seen.
fn bits_per_byte(
    examples: &[corpus::support::LanguageExample],
    language: &language::Language,
) -> Option<Metric> {
    let value = language.bits_per_byte(examples)?;
    let baseline = baseline::bits_per_byte(examples)?;
    Some(Metric {
        name: "bits_per_byte".to_owned(),
        value,
        baseline_name: "byte trigram".to_owned(),
        baseline,
        higher_is_better: false,
    })
}
