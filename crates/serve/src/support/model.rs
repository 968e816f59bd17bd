use std::collections::BTreeMap;

use corpus::support::{
    AGENT_TOKEN, CUSTOMER_TOKEN, Calibration, LearnedAnswers, QUESTION_TOKENS, UNIT_TOKENS,
};
use models::{Tokenizer, Transformer, lift};

use crate::ServeError;

/// What training left for support.
#[derive(Debug)]
pub struct Model {
    decoder: Transformer,
    tokenizer: Tokenizer,
    customer: u32,
    agent: u32,
    pub(crate) calibration: Calibration,
    pub(crate) answers: LearnedAnswers,
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
        let decoder = Transformer::from_safetensors(file("decoder.safetensors")?)
            .map_err(|error| wrong("decoder.safetensors", &error))?;
        let text = std::str::from_utf8(file("tokenizer.json")?)
            .map_err(|error| wrong("tokenizer.json", &error))?;
        let tokenizer =
            Tokenizer::from_json(text).map_err(|error| wrong("tokenizer.json", &error))?;
        if tokenizer.vocabulary_size() > decoder.config().vocabulary {
            let error = "it has more tokens than the decoder";
            return Err(wrong("tokenizer.json", &error));
        }
        let special = |token: &str| {
            tokenizer
                .special(token)
                .ok_or_else(|| wrong("tokenizer.json", &format!("it has no {token}")))
        };
        let (customer, agent) = (special(CUSTOMER_TOKEN)?, special(AGENT_TOKEN)?);
        let calibration: Calibration = serde_json::from_slice(file("calibration.json")?)
            .map_err(|error| wrong("calibration.json", &error))?;
        if !calibration.is_whole() {
            let error = "it is of another version; train again";
            return Err(wrong("calibration.json", &error));
        }
        let answers = serde_json::from_slice(file("answers.json")?)
            .map_err(|error| wrong("answers.json", &error))?;
        Ok(Self {
            decoder,
            tokenizer,
            customer,
            agent,
            calibration,
            answers,
        })
    }

    /// For each unit: how many nats a token the question makes it likelier.
    pub fn lifts(&self, question: &str, units: &[&str]) -> Vec<f32> {
        let mut prompt = vec![self.customer];
        prompt.extend(
            self.tokenizer
                .encode(question)
                .into_iter()
                .take(QUESTION_TOKENS),
        );
        prompt.push(self.agent);
        let base = [self.customer, self.agent];
        let room = self.decoder.config().context.saturating_sub(prompt.len());
        let continuations: Vec<Vec<u32>> = units
            .iter()
            .map(|unit| {
                let tokens = self.tokenizer.encode(unit);
                tokens.into_iter().take(UNIT_TOKENS.min(room)).collect()
            })
            .collect();
        lift(&self.decoder, &prompt, &base, &continuations)
    }

    /// How many weights the language model has.
    pub fn parameter_count(&self) -> usize {
        self.decoder.parameter_count()
    }
}
