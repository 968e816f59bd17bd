use std::collections::BTreeMap;

use corpus::support::{Calibration, LearnedAnswers, QUESTION_TOKENS, UNIT_TOKENS};
use models::LanguageModel;
use models::intents::Intents;

use crate::ServeError;

/// What training left for support.
#[derive(Debug)]
pub struct Model {
    language: LanguageModel,
    pub(crate) calibration: Calibration,
    pub(crate) answers: LearnedAnswers,
    /// What customers want, where the shop has names for it.
    pub(crate) intents: Option<Intents>,
}

impl Model {
    /// Reads the files of an artifact.
    pub fn load(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, ServeError> {
        let file = |name: &str| {
            files
                .get(name)
                .ok_or_else(|| ServeError::Artifact(format!("{name} is missing")))
        };
        let wrong = |name: &str, error: &dyn std::fmt::Display| {
            ServeError::Artifact(format!("{name}: {error}"))
        };
        let language = LanguageModel::from_files(files)
            .and_then(LanguageModel::for_serving)
            .map_err(|error| ServeError::Artifact(error.to_string()))?;
        let calibration: Calibration = serde_json::from_slice(file("calibration.json")?)
            .map_err(|error| wrong("calibration.json", &error))?;
        if !calibration.is_whole() {
            let error = "it is of another version; train again";
            return Err(wrong("calibration.json", &error));
        }
        let answers = serde_json::from_slice(file("answers.json")?)
            .map_err(|error| wrong("answers.json", &error))?;
        let intents =
            Intents::from_files(files).map_err(|error| ServeError::Artifact(error.to_string()))?;
        Ok(Self {
            language,
            calibration,
            answers,
            intents,
        })
    }

    /// For each unit: how many nats a token the question makes it likelier.
    pub fn pointwise_mutual_information(&self, question: &str, units: &[&str]) -> Vec<f32> {
        let most = (QUESTION_TOKENS, UNIT_TOKENS);
        self.language
            .pointwise_mutual_information(question, units, most)
    }

    /// How many weights the language model has.
    pub fn parameter_count(&self) -> usize {
        self.language.network.parameter_count()
    }
}
