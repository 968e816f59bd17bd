//! Generation with cached keys and values.

use std::ops::ControlFlow;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::cache::Cache;
use crate::dropout::Dropout;
use crate::forward::{Activations, Memory};
use crate::linear_layer::Products;
use crate::transformer::{Transformer, log_probability};
use crate::vector::{exponentials, maximum, vectorized};

/// How the next token is chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// 0 takes the likeliest; below 1 sharpens, above 1 flattens.
    pub temperature: f32,
    /// Only the likeliest tokens that together hold this probability.
    pub top_p: f32,
    /// The most tokens to produce.
    pub maximum_tokens: usize,
    /// The same seed gives the same text.
    pub seed: u64,
    /// Tokens that end the text; they are not part of it.
    pub stop: Vec<u32>,
}

impl Default for Sampling {
    fn default() -> Sampling {
        Sampling {
            temperature: 0.0,
            top_p: 1.0,
            maximum_tokens: 128,
            seed: 0,
            stop: Vec::new(),
        }
    }
}

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
pub fn generate(
    decoder: &Transformer,
    prompt: &[u32],
    sampling: &Sampling,
    mut on_token: impl FnMut(u32) -> ControlFlow<()>,
) -> Vec<u32> {
    let context = decoder.config().context;
    let kept = prompt.len().min(context.saturating_sub(1).max(1));
    let mut random = ChaCha8Rng::seed_from_u64(sampling.seed);
    let mut stream = Stream::new(decoder);
    let mut produced = Vec::new();
    if prompt.is_empty() || sampling.maximum_tokens == 0 {
        return produced;
    }
    let mut logits = stream.push(&prompt[prompt.len() - kept..]);
    loop {
        let token = choose(&mut logits, sampling, &mut random);
        if sampling.stop.contains(&token) {
            return produced;
        }
        produced.push(token);
        if on_token(token).is_break()
            || produced.len() >= sampling.maximum_tokens
            || stream.position() >= context
        {
            return produced;
        }
        logits = stream.push(&[token]);
    }
}

/// Chooses a token by its logits, which are used up.
fn choose(logits: &mut [f32], sampling: &Sampling, random: &mut ChaCha8Rng) -> u32 {
    let mut order: Vec<u32> = (0..logits.len() as u32).collect();
    let likeliest = |logits: &[f32]| {
        let better = |a: &u32, b: &u32| {
            logits[*a as usize]
                .total_cmp(&logits[*b as usize])
                .then(b.cmp(a))
        };
        (0..logits.len() as u32).max_by(better).unwrap_or(0)
    };
    if sampling.temperature <= 0.0 {
        return likeliest(logits);
    }
    vectorized(
        #[inline(always)]
        || {
            crate::vector::scale(logits, 1.0 / sampling.temperature);
            let largest = maximum(logits);
            let sum = exponentials(logits, largest);
            crate::vector::scale(logits, 1.0 / sum);
        },
    );
    let probability = |token: u32| logits[token as usize];
    order.sort_unstable_by(|&a, &b| probability(b).total_cmp(&probability(a)).then(a.cmp(&b)));
    let mut mass = 0.0;
    let nucleus = order
        .iter()
        .take_while(|&&token| {
            let before = mass;
            mass += probability(token);
            before == 0.0 || before < sampling.top_p
        })
        .count();
    let nucleus = &order[..nucleus];
    let total: f32 = nucleus.iter().map(|&token| probability(token)).sum();
    let mut left = random.random::<f32>() * total;
    for &token in nucleus {
        left -= probability(token);
        if left < 0.0 {
            return token;
        }
    }
    nucleus.last().copied().unwrap_or(0)
}

/// The summed log probability of each continuation after the prompt, which is
/// computed once. After an empty prompt the first token of a continuation is
/// not scored.
pub fn score_continuations(
    decoder: &Transformer,
    prompt: &[u32],
    continuations: &[Vec<u32>],
) -> Vec<f32> {
    let mut stream = Stream::new(decoder);
    let first = stream.push(prompt);
    let mut scores = Vec::with_capacity(continuations.len());
    for continuation in continuations {
        stream.truncate(prompt.len());
        let Some((&start, targets)) = continuation.split_first() else {
            scores.push(0.0);
            continue;
        };
        let mut score = match first.is_empty() {
            true => 0.0,
            false => log_probability(&mut first.clone(), start),
        };
        let hidden = stream.extend(&continuation[..targets.len()]);
        score += decoder
            .log_probabilities_of(hidden, targets)
            .iter()
            .sum::<f32>();
        scores.push(score);
    }
    scores
}
