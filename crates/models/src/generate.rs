//! Generation with cached keys and values.

use std::ops::ControlFlow;

use crate::cache::Cache;
use crate::dropout::Dropout;
use crate::error::ModelError;
use crate::forward::{Activations, Memory};
use crate::logits::log_probability;
use crate::products::Products;
use crate::sampling::{Sampler, Sampling};
use crate::transformer::Transformer;

/// One stream of tokens through a model, on one thread.
#[derive(Debug)]
pub struct Stream<'a> {
    model: &'a Transformer,
    cache: Cache,
    activations: Activations,
}

impl<'a> Stream<'a> {
    /// A stream that has seen nothing.
    pub fn new(model: &'a Transformer) -> Stream<'a> {
        Stream {
            cache: Cache::new(model.config()),
            activations: Activations::for_serving(1),
            model,
        }
    }

    /// How many tokens it has seen.
    pub fn position(&self) -> usize {
        self.cache.len()
    }

    /// Forgets all but the first tokens.
    pub fn truncate(&mut self, length: usize) {
        self.cache.truncate(length);
    }

    /// Takes in tokens and gives the states of all of them after the final
    /// norm.
    fn extend(&mut self, tokens: &[u32]) -> &[f32] {
        let mut streams = [(&mut self.cache, tokens.len())];
        let memory = Memory::Cached(&mut streams);
        let activations = &mut self.activations;
        self.model.run(tokens, memory, Dropout::NONE, activations);
        &activations.hidden[..tokens.len() * self.model.config().width]
    }

    /// Takes in tokens; the logits of what follows the last of them (empty
    /// for no tokens).
    pub fn push(&mut self, tokens: &[u32]) -> Vec<f32> {
        let (model, width) = (self.model, self.model.config().width);
        let hidden = self.extend(tokens);
        match hidden.len().checked_sub(width) {
            Some(start) => model.logits_of(&hidden[start..], &mut Products::default()),
            None => Vec::new(),
        }
    }
}

/// Continues the prompt until a stop token, the limit, the end of the context
/// or a `Break` of `on_token`, which sees each token as it is chosen. Of a
/// prompt that leaves no room in the context the beginning is left out. An
/// empty prompt has no continuation.
///
/// # Errors
/// Where the sampling makes no sense.
pub fn generate(
    decoder: &Transformer,
    prompt: &[u32],
    sampling: &Sampling,
    mut on_token: impl FnMut(u32) -> ControlFlow<()>,
) -> Result<Vec<u32>, ModelError> {
    let context = decoder.config().context;
    let kept = prompt.len().min(context.saturating_sub(1).max(1));
    let mut sampler = Sampler::new(sampling)?;
    let mut stream = Stream::new(decoder);
    let mut seen = prompt[prompt.len() - kept..].to_vec();
    let mut produced = Vec::new();
    if prompt.is_empty() || sampling.maximum_tokens == 0 {
        return Ok(produced);
    }
    let mut logits = stream.push(&seen);
    while let Some(token) = sampler.choose(&mut logits, &seen, None) {
        if sampling.stop.contains(&token) {
            break;
        }
        produced.push(token);
        seen.push(token);
        if on_token(token).is_break()
            || produced.len() >= sampling.maximum_tokens
            || stream.position() >= context
        {
            break;
        }
        logits = stream.push(&[token]);
    }
    Ok(produced)
}

/// The summed log probability of each continuation after the prompt, which is
/// computed once; the continuations then go through the network together.
/// After an empty prompt the first token of a continuation is not scored.
pub fn score_continuations(
    decoder: &Transformer,
    prompt: &[u32],
    continuations: &[Vec<u32>],
) -> Vec<f32> {
    let mut stream = Stream::new(decoder);
    let first = stream.push(prompt);
    let start = |tokens: &Vec<u32>| match tokens.first() {
        Some(&token) if !first.is_empty() => log_probability(&mut first.clone(), token),
        _ => 0.0,
    };
    let mut scores: Vec<f32> = continuations.iter().map(start).collect();
    let mut caches = vec![stream.cache; continuations.len()];
    let seen = |tokens: &[u32]| tokens.len().saturating_sub(1);
    let mut streams: Vec<(&mut Cache, usize)> = (caches.iter_mut().zip(continuations))
        .map(|(cache, tokens)| (cache, seen(tokens)))
        .collect();
    let inputs: Vec<u32> = (continuations.iter())
        .flat_map(|tokens| &tokens[..seen(tokens)])
        .copied()
        .collect();
    let targets: Vec<u32> = (continuations.iter())
        .flat_map(|tokens| tokens.iter().skip(1))
        .copied()
        .collect();
    if inputs.is_empty() {
        return scores;
    }
    let mut activations = Activations::for_serving(rayon::current_num_threads());
    let memory = Memory::Cached(&mut streams);
    decoder.run(&inputs, memory, Dropout::NONE, &mut activations);
    let hidden = &activations.hidden[..inputs.len() * decoder.config().width];
    let mut found = decoder.log_probabilities_of(hidden, &targets).into_iter();
    for (score, tokens) in scores.iter_mut().zip(continuations) {
        *score += found.by_ref().take(seen(tokens)).sum::<f32>();
    }
    scores
}
