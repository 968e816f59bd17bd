use super::*;
use crate::adapter::AdapterOptions;
use crate::architecture::{
    Activation, AttentionKind, Biases, Norm, NormPlace, Positions, RotaryScaling, SlidingWindow,
};
use crate::backward::Flow;
use crate::cache::Cache;
use crate::dropout::Dropout;
use crate::forward::{Activations, Memory};
use crate::gradient_check::{check_near, numbers, weighted};

/// Each published family in small, and every other choice at least once.
fn shapes() -> Vec<(&'static str, TransformerConfig)> {
    let plain = TransformerConfig {
        hidden: 12,
        rotary_base: 100.0,
        ..TransformerConfig::new(2, 8, 2, 40, 11)
    };
    let grouped = TransformerConfig {
        heads: 4,
        key_value_heads: 2,
        head_width: 4,
        ..plain.clone()
    };
    vec![
        ("plain", plain.clone()),
        (
            "Llama 3",
            TransformerConfig {
                positions: Positions::Rotary {
                    scaling: RotaryScaling::Linear { factor: 2.0 },
                    local_base: None,
                },
                tied: false,
                ..grouped.clone()
            },
        ),
        (
            "Qwen 2.5",
            TransformerConfig {
                biases: Biases::QueryKeyValue,
                ..grouped.clone()
            },
        ),
        (
            "Qwen 3",
            TransformerConfig {
                query_key_norm: true,
                ..grouped.clone()
            },
        ),
        (
            "Gemma 3",
            TransformerConfig {
                query_key_norm: true,
                norm_place: NormPlace::Around,
                activation: Activation::GeGlu,
                embedding_scale: 3.0,
                attention_scale: Some(0.3),
                window: Some(SlidingWindow {
                    length: 3,
                    global_every: 2,
                }),
                positions: Positions::Rotary {
                    scaling: RotaryScaling::None,
                    local_base: Some(10.0),
                },
                ..grouped.clone()
            },
        ),
        (
            "BERT",
            TransformerConfig {
                hidden: 12,
                ..TransformerConfig::encoder(2, 8, 2, 40, 11)
            },
        ),
        (
            "gated residuals, layer norms before the branches",
            TransformerConfig {
                residual_gates: true,
                norm: Norm::Layer,
                biases: Biases::All,
                attention: AttentionKind::Bidirectional,
                ..grouped.clone()
            },
        ),
        (
            "gates around and after",
            TransformerConfig {
                residual_gates: true,
                norm_place: NormPlace::Around,
                ..plain
            },
        ),
    ]
}

/// A model whose vectors are no longer what they begin as.
fn stirred(config: &TransformerConfig) -> Transformer {
    let model = Transformer::new(config.clone(), 3).expect("a configuration");
    let noise = numbers(model.parameters.len(), 9);
    let pairs = model.parameters.iter().zip(noise);
    let parameters = pairs.map(|(weight, noise)| 8.0 * weight + 0.2 * noise);
    let mut model =
        Transformer::from_parameters(config.clone(), parameters.collect()).expect("a shape");
    for place in model.layout.gains(config) {
        for gain in &mut model.parameters[place] {
            *gain /= 8.0;
        }
    }
    model
}

const TOKENS: [u32; 28] = [
    1, 7, 3, 3, 0, 9, 2, 5, 8, 8, 1, 4, 10, 6, 2, 0, 3, 7, 5, 1, 9, 9, 4, 2, 6, 10, 0, 8,
];
/// Norms around small branches bend strongly.
const STEP: f32 = 1.0 / 512.0;
const LENGTHS: [usize; 3] = [4, 1, 23];

fn gradient(model: &Transformer, weights: &[f32]) -> Vec<f32> {
    let mut activations = Activations::for_training();
    model.hidden_of(&TOKENS, &LENGTHS, &mut activations);
    let mut flow = Flow::default();
    flow.hidden = weights.to_vec();
    let mut gradient = vec![0.0; model.trained().len()];
    let batch = (TOKENS.as_slice(), LENGTHS.as_slice());
    model.run_back(
        &mut gradient,
        batch,
        Dropout::NONE,
        &mut activations,
        &mut flow,
    );
    gradient
}

fn objective(model: &Transformer, weights: &[f32]) -> f64 {
    let mut activations = Activations::for_serving(1);
    weighted(
        model.hidden_of(&TOKENS, &LENGTHS, &mut activations),
        weights,
    )
}

#[test]
fn gradients_of_the_whole_network_are_slopes() {
    for (name, config) in shapes() {
        let model = stirred(&config);
        let weights = numbers(TOKENS.len() * config.width, 4);
        let gradient = gradient(&model, &weights);
        // The way out is the loss's; here it has no gradient.
        let own_head = if config.tied { 0 } else { model.head().len() };
        let end = model.parameters.len() - own_head;
        check_near(
            name,
            &model.parameters[..end],
            &gradient[..end],
            (5, STEP),
            |parameters| {
                let mut moved = model.clone();
                moved.parameters[..end].copy_from_slice(parameters);
                objective(&moved, &weights)
            },
        );
        assert!(gradient[end..].iter().all(|slope| *slope == 0.0));
        assert_eq!(config.validate(), Ok(model.layout.total));
    }
}

#[test]
fn gradients_of_adapters_are_slopes_and_merging_changes_nothing() {
    for (name, config) in shapes() {
        let mut model = stirred(&config);
        let before = model.hidden(&TOKENS);
        let options = AdapterOptions {
            rank: 2,
            alpha: 3,
            ..AdapterOptions::default()
        };
        model.adapt(options.clone(), 5).expect("a rank");
        assert!(model.adapt(options, 5).is_err());
        assert_eq!(model.hidden(&TOKENS), before, "{name}");
        let (adapters, _) = model.trained_mut();
        let noise = numbers(adapters.len(), 6);
        adapters
            .iter_mut()
            .zip(noise)
            .for_each(|(weight, noise)| *weight += 0.3 * noise);
        let weights = numbers(TOKENS.len() * config.width, 4);
        let gradient = gradient(&model, &weights);
        check_near(name, model.trained(), &gradient, (3, STEP), |parameters| {
            let mut moved = model.clone();
            moved.trained_mut().0.copy_from_slice(parameters);
            objective(&moved, &weights)
        });
        let adapted = model.hidden(&TOKENS);
        assert!(adapted != before);
        model.merge_adapters();
        let merged = model.hidden(&TOKENS);
        let pairs = adapted.iter().zip(&merged);
        assert!(
            pairs.into_iter().all(|(a, m)| (a - m).abs() < 1e-4),
            "{name}"
        );
        assert!(!model.trains_adapters());
    }
}

/// Several streams in one pass say what each says alone in whole sequences.
#[test]
fn streams_in_one_pass_are_sequences_alone() {
    for (name, config) in shapes() {
        if config.attention == AttentionKind::Bidirectional {
            continue;
        }
        let model = stirred(&config);
        let sequences = [&TOKENS[..24], &TOKENS[3..20]];
        let expected = sequences.map(|tokens| model.hidden(tokens));
        let mut caches = [Cache::new(&config), Cache::new(&config)];
        let mut activations = Activations::for_serving(2);
        let mut ends = [0, 0];
        for counts in [[21, 5], [1, 1], [1, 10], [1, 1]] {
            let mut tokens = Vec::new();
            for (index, count) in counts.into_iter().enumerate() {
                tokens.extend_from_slice(&sequences[index][ends[index]..ends[index] + count]);
            }
            let [first, second] = &mut caches;
            let mut streams = [(first, counts[0]), (second, counts[1])];
            model.run(
                &tokens,
                Memory::Cached(&mut streams),
                Dropout::NONE,
                &mut activations,
            );
            let mut rows = activations.hidden.chunks_exact(config.width);
            for (index, count) in counts.into_iter().enumerate() {
                for position in ends[index]..ends[index] + count {
                    let expected = &expected[index][position * config.width..][..config.width];
                    let row = rows.next().expect("a row for each token");
                    let pairs = row.iter().zip(expected);
                    let close = pairs.into_iter().all(|(a, e)| (a - e).abs() < 2e-4);
                    assert!(close, "{name}: {row:?} {expected:?}");
                }
                ends[index] += count;
            }
        }
    }
}
