//! Generation with cached keys and values.

use std::ops::ControlFlow;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::attention::Rows;
use crate::decoder::{Decoder, log_probability};
use crate::dropout::Dropout;
use crate::forward::{Activations, Memory};
use crate::vector::{exponentials, maximum, vectorized};

/// The keys and values of the tokens seen so far: each further token is
/// computed alone.
#[derive(Debug)]
pub struct Cache {
    layers: Vec<LayerCache>,
    length: usize,
    activations: Option<Activations>,
}

#[derive(Debug, Default)]
struct LayerCache {
    keys: Vec<f32>,
    values: Vec<f32>,
    width: usize,
}

impl Cache {
    /// An empty cache for this decoder.
    pub fn new(decoder: &Decoder) -> Cache {
        let config = decoder.config();
        let layers = std::iter::repeat_with(|| LayerCache {
            width: config.width,
            ..LayerCache::default()
        });
        Cache {
            layers: layers.take(config.layers).collect(),
            length: 0,
            activations: Some(Activations::for_serving()),
        }
    }

    /// How many tokens it holds.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Forgets all but the first `length` tokens.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
        for layer in &mut self.layers {
            layer.keys.truncate(self.length * layer.width);
            layer.values.truncate(self.length * layer.width);
        }
    }

    /// Takes in the keys and values of new tokens in one layer; all of that
    /// layer's come back.
    pub(crate) fn extend(
        &mut self,
        layer: usize,
        query_key_value: &[f32],
        width: usize,
    ) -> (Rows<'_>, Rows<'_>) {
        let layer = &mut self.layers[layer];
        for row in query_key_value.chunks_exact(3 * width) {
            layer.keys.extend_from_slice(&row[width..2 * width]);
            layer.values.extend_from_slice(&row[2 * width..]);
        }
        let rows = |data| Rows {
            data,
            stride: width,
        };
        (rows(&layer.keys), rows(&layer.values))
    }

    /// All layers have taken in `count` more tokens.
    pub(crate) fn extend_length(&mut self, count: usize) {
        self.length += count;
    }
}

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

impl Decoder {
    /// Takes in tokens and gives the states of all of them after the final
    /// norm.
    fn extend(&self, cache: &mut Cache, tokens: &[u32]) -> Vec<f32> {
        let mut activations = cache
            .activations
            .take()
            .unwrap_or_else(Activations::for_serving);
        self.run(
            tokens,
            Memory::Cached(cache),
            Dropout::NONE,
            &mut activations,
        );
        let hidden = activations.hidden[..tokens.len() * self.config.width].to_vec();
        cache.activations = Some(activations);
        hidden
    }

    /// Takes in tokens; the logits of what follows the last of them (empty
    /// for no tokens).
    pub fn prefill(&self, cache: &mut Cache, tokens: &[u32]) -> Vec<f32> {
        let hidden = self.extend(cache, tokens);
        let width = self.config.width;
        match hidden.len().checked_sub(width) {
            Some(start) => self.logits_of(&hidden[start..]),
            None => Vec::new(),
        }
    }

    /// Takes in one token; the logits of what follows it.
    pub fn advance(&self, cache: &mut Cache, token: u32) -> Vec<f32> {
        self.prefill(cache, &[token])
    }
}

/// Continues the prompt until a stop token, the limit, the end of the context
/// or a `Break` of `on_token`, which sees each token as it is chosen. Of a
/// prompt that leaves no room in the context the beginning is left out. An
/// empty prompt has no continuation.
pub fn generate(
    decoder: &Decoder,
    prompt: &[u32],
    sampling: &Sampling,
    mut on_token: impl FnMut(u32) -> ControlFlow<()>,
) -> Vec<u32> {
    let context = decoder.config().context;
    let kept = prompt.len().min(context.saturating_sub(1).max(1));
    let mut random = ChaCha8Rng::seed_from_u64(sampling.seed);
    let mut cache = Cache::new(decoder);
    let mut produced = Vec::new();
    if prompt.is_empty() || sampling.maximum_tokens == 0 {
        return produced;
    }
    let mut logits = decoder.prefill(&mut cache, &prompt[prompt.len() - kept..]);
    loop {
        let token = choose(&mut logits, sampling, &mut random);
        if sampling.stop.contains(&token) {
            return produced;
        }
        produced.push(token);
        if on_token(token).is_break()
            || produced.len() >= sampling.maximum_tokens
            || cache.len() >= context
        {
            return produced;
        }
        logits = decoder.advance(&mut cache, token);
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
    decoder: &Decoder,
    prompt: &[u32],
    continuations: &[Vec<u32>],
) -> Vec<f32> {
    let mut cache = Cache::new(decoder);
    let first = decoder.prefill(&mut cache, prompt);
    let mut scores = Vec::with_capacity(continuations.len());
    for continuation in continuations {
        cache.truncate(prompt.len());
        let Some((&start, targets)) = continuation.split_first() else {
            scores.push(0.0);
            continue;
        };
        let mut score = match first.is_empty() {
            true => 0.0,
            false => log_probability(&mut first.clone(), start),
        };
        let hidden = decoder.extend(&mut cache, &continuation[..targets.len()]);
        score += decoder
            .log_probabilities_of(&hidden, targets)
            .iter()
            .sum::<f32>();
        scores.push(score);
    }
    scores
}
