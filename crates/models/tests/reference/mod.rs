//! The decoder and its training once more, in double precision, written for
//! reading: loops over positions, gradients by central differences. It shares
//! no line with the engine.

use std::collections::BTreeMap;

use models::{IGNORE, Sequence, TrainerOptions, Transformer, TransformerConfig};
use safetensors::SafeTensors;

/// Weights by the name that the model file gives them.
pub type Weights = BTreeMap<String, Vec<f64>>;

/// The weights of a decoder, by way of its file.
pub fn weights(decoder: &Transformer) -> Weights {
    let bytes = decoder.to_safetensors();
    let file = SafeTensors::deserialize(&bytes).expect("the file that was just written");
    let numbers = |data: &[u8]| {
        data.chunks_exact(4)
            .map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]])))
            .collect()
    };
    file.tensors()
        .into_iter()
        .map(|(name, tensor)| (name, numbers(tensor.data())))
        .collect()
}

fn times(weight: &[f64], input: &[f64]) -> Vec<f64> {
    weight
        .chunks(input.len())
        .map(|row| row.iter().zip(input).map(|(w, x)| w * x).sum())
        .collect()
}

fn norm(input: &[f64], gain: &[f64]) -> Vec<f64> {
    let mean = input.iter().map(|x| x * x).sum::<f64>() / input.len() as f64;
    let root = (mean + 1e-5).sqrt();
    input.iter().zip(gain).map(|(x, g)| x / root * g).collect()
}

fn rotate(head: &mut [f64], position: usize, base: f64) {
    let half = head.len() / 2;
    for pair in 0..half {
        let angle = position as f64 * base.powf(-(2.0 * pair as f64) / head.len() as f64);
        let (a, b) = (head[pair], head[pair + half]);
        head[pair] = a * angle.cos() - b * angle.sin();
        head[pair + half] = a * angle.sin() + b * angle.cos();
    }
}

fn softmax(scores: &[f64]) -> Vec<f64> {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = scores.iter().map(|s| (s - largest).exp()).sum();
    scores.iter().map(|s| (s - largest).exp() / sum).collect()
}

fn add(stream: &mut [f64], branch: &[f64]) {
    for (s, b) in stream.iter_mut().zip(branch) {
        *s += b;
    }
}

/// The logits at each position of one sequence.
pub fn logits(config: &TransformerConfig, weights: &Weights, tokens: &[u32]) -> Vec<Vec<f64>> {
    let width = config.width;
    let table = &weights["model.embed_tokens.weight"];
    let mut streams: Vec<Vec<f64>> = tokens
        .iter()
        .map(|&token| table[token as usize * width..(token as usize + 1) * width].to_vec())
        .collect();
    for layer in 0..config.layers {
        let weight = |name: &str| &weights[&format!("model.layers.{layer}.{name}.weight")];
        attend(config, &weight, &mut streams);
        for stream in &mut streams {
            let normed = norm(stream, weight("post_attention_layernorm"));
            let gate = times(weight("mlp.gate_proj"), &normed);
            let up = times(weight("mlp.up_proj"), &normed);
            let inner: Vec<f64> = (gate.iter().zip(&up))
                .map(|(g, u)| g / (1.0 + (-g).exp()) * u)
                .collect();
            add(stream, &times(weight("mlp.down_proj"), &inner));
        }
    }
    streams
        .iter()
        .map(|stream| times(table, &norm(stream, &weights["model.norm.weight"])))
        .collect()
}

fn attend<'a>(
    config: &TransformerConfig,
    weight: &impl Fn(&str) -> &'a Vec<f64>,
    streams: &mut [Vec<f64>],
) {
    let head_width = config.width / config.heads;
    let base = f64::from(config.rotary_base);
    let project =
        |name: &str, stream: &[f64]| times(weight(name), &norm(stream, weight("input_layernorm")));
    let turned = |name: &str| -> Vec<Vec<f64>> {
        let rows = streams.iter().enumerate().map(|(position, stream)| {
            let mut row = project(name, stream);
            for head in row.chunks_mut(head_width) {
                rotate(head, position, base);
            }
            row
        });
        rows.collect()
    };
    let (queries, keys) = (turned("self_attn.q_proj"), turned("self_attn.k_proj"));
    let values: Vec<Vec<f64>> = (streams.iter())
        .map(|stream| project("self_attn.v_proj", stream))
        .collect();
    for position in 0..streams.len() {
        let mut out = vec![0.0; config.width];
        for head in 0..config.heads {
            let place = head * head_width..(head + 1) * head_width;
            let scores: Vec<f64> = (0..=position)
                .map(|key| {
                    let pairs = queries[position][place.clone()]
                        .iter()
                        .zip(&keys[key][place.clone()]);
                    pairs.map(|(q, k)| q * k).sum::<f64>() / (head_width as f64).sqrt()
                })
                .collect();
            for (key, probability) in softmax(&scores).into_iter().enumerate() {
                for index in place.clone() {
                    out[index] += probability * values[key][index];
                }
            }
        }
        let branch = times(weight("self_attn.o_proj"), &out);
        add(&mut streams[position], &branch);
    }
}

/// The mean cross-entropy over the scored targets of a batch.
pub fn loss(config: &TransformerConfig, weights: &Weights, batch: &[Sequence]) -> f64 {
    let (mut sum, mut count) = (0.0, 0);
    for sequence in batch {
        let logits = logits(config, weights, &sequence.inputs);
        for (row, &target) in logits.iter().zip(&sequence.targets) {
            if target != IGNORE {
                sum -= softmax(row)[target as usize].ln();
                count += 1;
            }
        }
    }
    sum / f64::from(count)
}

/// The gradient of [`loss`] by central differences.
pub fn gradient(config: &TransformerConfig, weights: &Weights, batch: &[Sequence]) -> Weights {
    const STEP: f64 = 1e-5;
    let mut moved = weights.clone();
    let mut gradient = weights.clone();
    for (name, values) in &mut gradient {
        for (index, slope) in values.iter_mut().enumerate() {
            let mut at = |offset: f64| {
                moved.get_mut(name).expect("the same names")[index] = weights[name][index] + offset;
                loss(config, &moved, batch)
            };
            *slope = (at(STEP) - at(-STEP)) / (2.0 * STEP);
            at(0.0);
        }
    }
    gradient
}

/// Trains with AdamW on the same batch again and again; the loss before each
/// update.
pub fn train(
    config: &TransformerConfig,
    weights: &mut Weights,
    batch: &[Sequence],
    options: &TrainerOptions,
    steps: usize,
) -> Vec<f64> {
    let zeros: Weights = (weights.iter())
        .map(|(name, values)| (name.clone(), vec![0.0; values.len()]))
        .collect();
    let (mut first, mut second) = (zeros.clone(), zeros);
    let (beta1, beta2) = (f64::from(options.beta1), f64::from(options.beta2));
    let mut losses = Vec::new();
    for step in 1..=steps {
        losses.push(loss(config, weights, batch));
        let gradient = gradient(config, weights, batch);
        let norm = (gradient.values().flatten())
            .map(|g| g * g)
            .sum::<f64>()
            .sqrt();
        let clip = (f64::from(options.clip_norm) / norm).min(1.0);
        let rate = rate(options, step - 1);
        for (name, values) in weights.iter_mut() {
            let decay = if name.contains("norm") {
                0.0
            } else {
                f64::from(options.weight_decay)
            };
            let moments = (
                first.get_mut(name).expect("a name"),
                second.get_mut(name).expect("a name"),
            );
            for (index, value) in values.iter_mut().enumerate() {
                let slope = gradient[name][index] * clip;
                let (m, v) = (&mut moments.0[index], &mut moments.1[index]);
                *m = beta1 * *m + (1.0 - beta1) * slope;
                *v = beta2 * *v + (1.0 - beta2) * slope * slope;
                let mean = *m / (1.0 - beta1.powi(step as i32));
                let square = *v / (1.0 - beta2.powi(step as i32));
                *value -= rate * (mean / (square.sqrt() + 1e-8) + decay * *value);
            }
        }
    }
    losses
}

/// Linear warm-up, then half a cosine.
fn rate(options: &TrainerOptions, step: usize) -> f64 {
    let highest = f64::from(options.learning_rate);
    let (step, warmup) = (step as f64, options.warmup_steps as f64);
    if step < warmup {
        return highest * (step + 1.0) / warmup;
    }
    let progress = (step - warmup) / (options.steps as f64 - warmup);
    let lowest = f64::from(options.minimum_learning_rate_fraction);
    let cosine = (1.0 + (std::f64::consts::PI * progress).cos()) / 2.0;
    highest * (lowest + (1.0 - lowest) * cosine)
}
