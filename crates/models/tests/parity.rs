//! The engine against a plain reference in double precision.

mod reference;

use models::{IGNORE, Loss, Sequence, Trainer, TrainerOptions, Transformer, TransformerConfig};

fn configuration() -> TransformerConfig {
    TransformerConfig {
        hidden: 12,
        rotary_base: 100.0,
        ..TransformerConfig::new(2, 8, 2, 16, 17)
    }
}

/// Ragged, one of them long enough for the products of the blockwise path,
/// with targets that are not scored.
fn batch() -> Vec<Sequence> {
    let lengths = [5, 1, 24];
    let mut batch: Vec<Sequence> = lengths
        .iter()
        .map(|&length| {
            let tokens: Vec<u32> = (0..=length).map(|i| (i * i * 3 + length) % 17).collect();
            Sequence::next_tokens(&tokens)
        })
        .collect();
    batch[0].targets[1] = IGNORE;
    batch[2].targets[7..20].fill(IGNORE);
    batch
}

#[test]
fn logits_are_those_of_the_reference() {
    let decoder = Transformer::new(configuration(), 3).expect("a configuration");
    let weights = reference::weights(&decoder);
    for sequence in batch() {
        let expected = reference::logits(decoder.config(), &weights, &sequence.inputs);
        let expected: Vec<f64> = expected.into_iter().flatten().collect();
        let found = decoder.logits(&sequence.inputs);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert!(
                (f64::from(*found) - expected).abs() < 1e-5,
                "{found} {expected}"
            );
        }
    }
}

#[test]
fn ten_steps_lose_what_the_reference_loses() {
    let options = TrainerOptions {
        steps: 12,
        warmup_steps: 3,
        learning_rate: 0.02,
        minimum_learning_rate_fraction: 0.1,
        weight_decay: 0.1,
        beta1: 0.9,
        beta2: 0.95,
        clip_norm: 0.5,
        loss: Loss::Full,
        threads: 1,
        seed: 1,
        ..TrainerOptions::default()
    };
    let decoder = Transformer::new(configuration(), 5).expect("a configuration");
    let mut weights = reference::weights(&decoder);
    let batch = batch();
    let expected = reference::train(decoder.config(), &mut weights, &batch, &options, 10);
    assert!(expected[9] < expected[0] - 0.2, "{expected:?}");
    for threads in [1, 2] {
        let options = TrainerOptions {
            threads,
            ..options.clone()
        };
        let mut trainer = Trainer::new(decoder.clone(), options);
        let found: Vec<f64> = (0..10).map(|_| trainer.step(&batch).loss).collect();
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 2e-5, "{found:?}\n{expected:?}");
        }
    }
}

/// Every single derivative of the whole decoder, read off the first moment
/// after one unclipped step.
#[test]
fn the_gradient_is_that_of_central_differences() {
    let mut decoder = Transformer::new(configuration(), 9).expect("a configuration");
    let options = TrainerOptions {
        clip_norm: 0.0,
        learning_rate: 0.05,
        warmup_steps: 0,
        beta1: 0.0,
        ..TrainerOptions::default()
    };
    // A few steps first, so that no weight is near its small beginning.
    let mut trainer = Trainer::new(decoder, options.clone());
    for _ in 0..5 {
        trainer.step(&batch());
    }
    decoder = trainer.into_decoder();
    let weights = reference::weights(&decoder);
    let expected = reference::gradient(decoder.config(), &weights, &batch());
    let mut trainer = Trainer::new(decoder, options);
    let report = trainer.step(&batch());
    let checkpoint = trainer.checkpoint();
    let file = safetensors::SafeTensors::deserialize(&checkpoint).expect("a checkpoint");
    let mut norm = 0.0;
    for (name, expected) in &expected {
        let tensor = file
            .tensor(&format!("first_moment.{name}"))
            .expect("a moment");
        for (bytes, expected) in tensor.data().chunks_exact(4).zip(expected) {
            let found = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            let error = (f64::from(found) - expected).abs();
            assert!(
                error < 2e-6 + 1e-4 * expected.abs(),
                "{name}: {found} {expected}"
            );
            norm += expected * expected;
        }
    }
    assert!((norm.sqrt() - report.gradient_norm).abs() < 1e-4);
}
