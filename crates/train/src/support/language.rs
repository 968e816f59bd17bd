//! The language model of a shop: from nothing, or from a published model by
//! low-rank adapters.

mod batches;
mod fit;
#[cfg(test)]
mod tests;
mod training_preset;

use std::path::Path;

use corpus::Split;
use corpus::support::{
    AGENT_TOKEN, CUSTOMER_TOKEN, END_TOKEN, LanguageExample, SPECIAL_TOKENS, TEXT_TOKEN,
};
use models::published::SpecialTokens;
use models::{
    AdapterOptions, ChatFormat, LanguageForm, LanguageModel, Precision, Tokenizer, Trainer,
    TrainerOptions, Transformer, TransformerConfig,
};
use shop::Metric;

use super::baseline;
use crate::{Job, TrainError};
use batches::{Material, Written};

pub(super) use fit::forget_checkpoint;

/// How other programs write a conversation for a model of our own, in Jinja.
const CHAT_TEMPLATE: &str = "{% for message in messages %}\
    {{ '<|customer|>' if message['role'] == 'user' else '<|agent|>' }}{{ message['content'] }}\
    {% endfor %}{% if add_generation_prompt %}<|agent|>{% else %}<|end|>{% endif %}";

/// What is trained, and with what.
struct Start {
    language: LanguageModel,
    preset: training_preset::TrainingPreset,
    /// Whether what customers say is learnt too. A published model knows how
    /// people ask; only the replies are the shop's.
    learns_customers: bool,
    adapters: Option<AdapterOptions>,
}

/// A language model, trained, with its figures.
pub(super) struct Trained {
    pub language: LanguageModel,
    pub metrics: Vec<Metric>,
}

pub(super) fn train(examples: &[LanguageExample], job: &Job<'_>) -> Result<Trained, TrainError> {
    let start = match job.base {
        Some(base) => fine_tuning(base, job)?,
        None => from_scratch(examples, job)?,
    };
    let Start {
        language,
        preset,
        learns_customers,
        adapters,
    } = start;
    let LanguageModel {
        network,
        tokenizer,
        form,
    } = language;
    let written = Written {
        tokenizer: &tokenizer,
        turns: &form.turns,
        learns_customers,
        context: preset.context,
    };
    let material = Material::new(examples, written);
    let tokens = material.tokens();
    if tokens == 0 {
        return Err(TrainError::NoData {
            service: "support",
            reason: "no text is left to learn from".to_owned(),
        });
    }
    let total = preset.tokens.min(tokens.saturating_mul(preset.passes));
    let steps = (total / preset.batch_tokens.min(tokens)).max(1);
    let options = TrainerOptions {
        steps,
        warmup_steps: (steps / 20).max(1),
        learning_rate: preset.learning_rate,
        optimizer: preset.optimizer,
        threads: job.threads.max(1),
        seed: job.seed,
        ..TrainerOptions::default()
    };
    let fresh = || {
        let mut network = network;
        if let Some(adapters) = adapters {
            network.adapt(adapters, job.seed).map_err(engine)?;
        }
        Ok(Trainer::new(network, options.clone()))
    };
    let fit = fit::run(fresh, &options, (&material, preset.batch_tokens), job)?;
    let baseline = baseline::bits_per_byte(examples, learns_customers);
    let figure = |name: &str, (baseline_name, baseline): (&str, f64), value| Metric {
        name: name.to_owned(),
        value,
        baseline_name: baseline_name.to_owned(),
        baseline,
        higher_is_better: false,
    };
    let mut metrics = Vec::new();
    if let Some((value, baseline)) = fit.bits_per_byte.zip(baseline) {
        metrics.push(figure("bits_per_byte", ("byte trigram", baseline), value));
        if let Some(before) = fit.bits_per_byte_before.filter(|_| job.base.is_some()) {
            let beside = ("the base as it came", before);
            metrics.push(figure("bits_per_byte_of_base", beside, value));
        }
    }
    let language = LanguageModel {
        network: fit.network,
        tokenizer,
        form,
    };
    Ok(Trained { language, metrics })
}

fn engine(error: models::ModelError) -> TrainError {
    TrainError::Engine(error.to_string())
}

/// A tokenizer of the shop's own words and a network of its size.
fn from_scratch(examples: &[LanguageExample], job: &Job<'_>) -> Result<Start, TrainError> {
    let preset = training_preset::from_scratch(job.size);
    job.progress.begin("support: tokenizer", 0);
    let texts = || {
        let training = examples
            .iter()
            .filter(|example| example.split == Split::Train);
        training.flat_map(|example| example.segments.iter().map(|segment| segment.text.as_str()))
    };
    let bytes: usize = texts().map(str::len).sum();
    let tokenizer = Tokenizer::train(texts(), preset.vocabulary(bytes), &SPECIAL_TOKENS);
    let tokenizer = tokenizer.map_err(engine)?;
    job.progress
        .end(&format!("{} tokens", tokenizer.vocabulary_size()));
    let config = TransformerConfig::new(
        preset.layers,
        preset.width,
        preset.heads,
        preset.context,
        tokenizer.vocabulary_size(),
    );
    Ok(Start {
        language: LanguageModel {
            network: Transformer::new(config, job.seed).map_err(engine)?,
            form: own_form(&tokenizer)?,
            tokenizer,
        },
        preset,
        learns_customers: true,
        adapters: None,
    })
}

/// The form of a model of our own: a special token before each turn.
fn own_form(tokenizer: &Tokenizer) -> Result<LanguageForm, TrainError> {
    let find = |token: &str| {
        tokenizer
            .special(token)
            .ok_or_else(|| TrainError::Engine(format!("the tokenizer lost {token}")))
    };
    let (customer, agent) = (find(CUSTOMER_TOKEN)?, find(AGENT_TOKEN)?);
    let end = find(END_TOKEN)?;
    Ok(LanguageForm {
        turns: ChatFormat {
            first: vec![customer],
            user: vec![customer],
            assistant: vec![agent],
            end: vec![end],
            text: vec![find(TEXT_TOKEN)?],
            text_end: vec![end],
        },
        precision: Precision::Full,
        special: SpecialTokens {
            end: vec![end, customer],
            ..SpecialTokens::default()
        },
        chat_template: Some(CHAT_TEMPLATE.to_owned()),
        base: None,
    })
}

/// A published model with adapters beside all its layers.
fn fine_tuning(base: &Path, job: &Job<'_>) -> Result<Start, TrainError> {
    job.progress.begin("support: base", 0);
    let mut language = LanguageModel::published(base).map_err(engine)?;
    let name = base.file_stem().map(|name| name.to_string_lossy());
    language.form.base = name.map(|name| name.into_owned());
    let network = &language.network;
    let millions = network.parameter_count() as f64 / 1e6;
    job.progress.end(&format!("{millions:.0} million weights"));
    Ok(Start {
        preset: training_preset::fine_tuning(job.size, network.config().context),
        language,
        learns_customers: false,
        adapters: Some(AdapterOptions::default()),
    })
}
