//! What the engine promises to those who build on it.

use std::ops::ControlFlow;

use models::architecture::SlidingWindow;
use models::{
    IGNORE, Loss, ModelError, Sampling, Sequence, Stream, Trainer, TrainerOptions, Transformer,
    TransformerConfig, generate, score_continuations,
};

fn decoder() -> Transformer {
    let config = TransformerConfig {
        hidden: 48,
        ..TransformerConfig::new(2, 32, 4, 64, 50)
    };
    Transformer::new(config, 11).expect("a configuration")
}

/// A continuation by a sampling that makes sense.
fn generated(
    decoder: &Transformer,
    prompt: &[u32],
    sampling: &Sampling,
    on_token: impl FnMut(u32) -> ControlFlow<()>,
) -> Vec<u32> {
    generate(decoder, prompt, sampling, on_token).expect("a sampling")
}

fn tokens(length: usize, seed: u32) -> Vec<u32> {
    let next = |token: &u32| Some((token * 7 + seed) % 50);
    std::iter::successors(Some(seed % 50), next)
        .take(length)
        .collect()
}

fn batch() -> Vec<Sequence> {
    let lengths = [3, 40, 2, 9, 21, 63, 1, 12];
    let sequences = lengths.iter().enumerate();
    sequences
        .map(|(index, &length)| Sequence::next_tokens(&tokens(length + 1, index as u32 * 3 + 1)))
        .collect()
}

fn options() -> TrainerOptions {
    TrainerOptions {
        steps: 60,
        warmup_steps: 5,
        learning_rate: 5e-3,
        weight_decay: 0.0,
        threads: 2,
        ..TrainerOptions::default()
    }
}

fn close(left: &[f32], right: &[f32], tolerance: f32) {
    assert_eq!(left.len(), right.len());
    for (l, r) in left.iter().zip(right) {
        assert!((l - r).abs() <= tolerance, "{l} and {r}");
    }
}

#[test]
fn one_batch_is_learnt_by_heart() {
    for loss in [Loss::Full, Loss::Sampled { negatives: 20 }] {
        let options = TrainerOptions {
            loss,
            steps: 160,
            learning_rate: 1e-2,
            ..options()
        };
        let mut trainer = Trainer::new(decoder(), options);
        let first = trainer.step(&batch()).loss;
        for _ in 0..160 {
            trainer.step(&batch());
        }
        let (sum, count) = trainer.evaluate(&batch());
        assert!(
            first > 2.5 && sum / (count as f64) < 0.6,
            "{loss:?}: {first} to {}",
            sum / count as f64
        );
        assert_eq!(trainer.steps_done(), 161);
    }
}

#[test]
fn cached_logits_are_uncached_logits() {
    let decoder = decoder();
    for (length, chunks) in [(1, vec![1]), (9, vec![4, 1, 4]), (60, vec![1, 30, 28, 1])] {
        let tokens = tokens(length, 3);
        let expected = decoder.logits(&tokens);
        let mut stream = Stream::new(&decoder);
        let mut end = 0;
        for chunk in chunks {
            let logits = stream.push(&tokens[end..end + chunk]);
            end += chunk;
            close(&logits, &expected[(end - 1) * 50..end * 50], 1e-5);
        }
        assert_eq!(stream.position(), length);
        stream.truncate(length / 2);
        let last = *tokens.get(length / 2).unwrap_or(&0);
        let again = stream.push(&[last]);
        close(
            &again,
            &expected[length / 2 * 50..(length / 2 + 1) * 50],
            1e-5,
        );
    }
}

#[test]
fn a_batch_says_what_its_sequences_say_alone() {
    let trainer = Trainer::new(decoder(), options());
    let (sum, count) = trainer.evaluate(&batch());
    let (mut alone_sum, mut alone_count) = (0.0, 0);
    for sequence in batch() {
        let (s, c) = trainer.evaluate(std::slice::from_ref(&sequence));
        let mut tokens = sequence.inputs.clone();
        tokens.extend(sequence.targets.last());
        let scored = trainer.decoder().token_log_probabilities(&tokens);
        let scored: f64 = scored.iter().map(|p| -f64::from(*p)).sum();
        assert!((s - scored).abs() < 1e-3, "{s} {scored}");
        alone_sum += s;
        alone_count += c;
    }
    assert!((sum - alone_sum).abs() < 1e-3 && count == alone_count);
}

#[test]
fn threads_change_no_more_than_rounding_and_one_seed_gives_one_result() {
    let run = |threads: usize| {
        let config = TransformerConfig {
            dropout: 0.1,
            ..decoder().config().clone()
        };
        let decoder = Transformer::new(config, 1).expect("a configuration");
        let options = TrainerOptions {
            threads,
            loss: Loss::Sampled { negatives: 10 },
            ..options()
        };
        let mut trainer = Trainer::new(decoder, options);
        let losses: Vec<f64> = (0..5).map(|_| trainer.step(&batch()).loss).collect();
        (losses, trainer.into_decoder())
    };
    assert_eq!(run(3), run(3));
    let plain = |threads: usize| {
        let mut trainer = Trainer::new(
            decoder(),
            TrainerOptions {
                threads,
                ..options()
            },
        );
        (0..5)
            .map(|_| trainer.step(&batch()).loss)
            .collect::<Vec<f64>>()
    };
    for (one, four) in plain(1).iter().zip(plain(4)) {
        assert!((one - four).abs() < 1e-4, "{one} {four}");
    }
}

#[test]
fn a_resumed_run_loses_the_same_to_the_bit() {
    let config = TransformerConfig {
        dropout: 0.2,
        ..decoder().config().clone()
    };
    let fresh = Transformer::new(config, 1).expect("a configuration");
    let options = TrainerOptions {
        loss: Loss::Sampled { negatives: 16 },
        ..options()
    };
    let mut trainer = Trainer::new(fresh, options.clone());
    for _ in 0..4 {
        trainer.step(&batch());
    }
    let checkpoint = trainer.checkpoint();
    let mut resumed = Trainer::resume(&checkpoint, options).expect("a checkpoint");
    assert_eq!(resumed.steps_done(), 4);
    for _ in 0..5 {
        assert_eq!(trainer.step(&batch()), resumed.step(&batch()));
    }
    assert_eq!(trainer.decoder(), resumed.decoder());
    assert_eq!(trainer.checkpoint(), resumed.checkpoint());
}

#[test]
fn nothing_scored_changes_nothing() {
    let mut trainer = Trainer::new(decoder(), options());
    let before = trainer.decoder().clone();
    let unscored = Sequence {
        inputs: vec![1, 2],
        targets: vec![IGNORE; 2],
    };
    for batch in [vec![], vec![unscored], vec![Sequence::default()]] {
        let report = trainer.step(&batch);
        assert_eq!((report.tokens, report.loss), (0, 0.0));
    }
    assert_eq!(trainer.decoder(), &before);
    assert_eq!(trainer.evaluate(&[]), (0.0, 0));
}

#[test]
fn generation_obeys_its_settings() {
    let mut trainer = Trainer::new(decoder(), options());
    for _ in 0..60 {
        trainer.step(&batch());
    }
    let decoder = trainer.into_decoder();
    let prompt = tokens(4, 4);
    let greedy = Sampling {
        maximum_tokens: 10,
        ..Sampling::default()
    };
    let text = generated(&decoder, &prompt, &greedy, |_| ControlFlow::Continue(()));
    assert_eq!(text, tokens(14, 4)[4..]);

    let stopped = Sampling {
        stop: vec![text[3]],
        ..greedy.clone()
    };
    let mut seen = Vec::new();
    let short = generated(&decoder, &prompt, &stopped, |token| {
        seen.push(token);
        ControlFlow::Continue(())
    });
    assert_eq!((&short[..], &seen[..]), (&text[..3], &text[..3]));
    let broken = generated(&decoder, &prompt, &greedy, |_| ControlFlow::Break(()));
    assert_eq!(broken, text[..1]);

    let warm = |seed: u64, top_p: f32| Sampling {
        temperature: 2.0,
        top_p,
        seed,
        maximum_tokens: 500,
        stop: Vec::new(),
        ..Sampling::default()
    };
    let sample =
        |sampling: &Sampling| generated(&decoder, &prompt, sampling, |_| ControlFlow::Continue(()));
    assert_eq!(sample(&warm(1, 0.9)), sample(&warm(1, 0.9)));
    assert_ne!(sample(&warm(1, 1.0)), sample(&warm(2, 1.0)));
    assert_eq!(sample(&warm(1, 0.0))[..10], text[..]);
    assert_eq!(sample(&warm(1, 1.0)).len(), 64 - prompt.len() + 1);
    assert!(generated(&decoder, &[], &greedy, |_| ControlFlow::Continue(())).is_empty());
    let long = tokens(200, 4);
    assert_eq!(
        generated(&decoder, &long, &greedy, |_| ControlFlow::Continue(())).len(),
        2
    );
}

#[test]
fn continuations_are_scored_as_if_alone() {
    let decoder = decoder();
    let prompt = tokens(12, 5);
    let continuations = vec![tokens(3, 1), vec![], tokens(1, 9), tokens(30, 2)];
    let scores = score_continuations(&decoder, &prompt, &continuations);
    for (continuation, score) in continuations.iter().zip(&scores) {
        let all = [prompt.clone(), continuation.clone()].concat();
        let alone: f32 = decoder.token_log_probabilities(&all)[prompt.len() - 1..]
            .iter()
            .sum();
        assert!((alone - score).abs() < 1e-3, "{alone} {score}");
    }
}

#[test]
fn a_sequence_beyond_the_context_still_has_logits() {
    let decoder = decoder();
    let long = tokens(100, 3);
    let short = decoder.logits(&long[..40]);
    close(&decoder.logits(&long)[..short.len()], &short, 1e-5);
    assert!(decoder.hidden(&[]).is_empty() && decoder.logits(&[]).is_empty());
    assert!(decoder.token_log_probabilities(&[]).is_empty());
    assert!(decoder.token_log_probabilities(&[1]).is_empty());
    assert!(decoder.accepts(&long) && !decoder.accepts(&[50]));
}

#[test]
fn files_come_back_as_they_were_and_broken_ones_are_errors() {
    let decoder = decoder();
    let bytes = decoder.to_safetensors();
    assert_eq!(bytes, decoder.to_safetensors());
    assert_eq!(Transformer::from_safetensors(&bytes).as_ref(), Ok(&decoder));

    let half = decoder.to_half_safetensors();
    assert!(half.len() < bytes.len() * 3 / 5);
    let read = Transformer::from_safetensors(&half).expect("half the bytes");
    close(&read.logits(&[1, 2, 3]), &decoder.logits(&[1, 2, 3]), 2e-2);

    let refused = |bytes: &[u8]| {
        let error = Transformer::from_safetensors(bytes).expect_err("a broken file");
        assert!(!error.to_string().is_empty());
        assert!(Trainer::resume(bytes, options()).is_err());
    };
    for length in [0, 4, 8, 9, 200, bytes.len() / 2, bytes.len() - 1] {
        refused(&bytes[..length]);
    }
    for place in (0..1200).step_by(7) {
        let mut flipped = bytes.clone();
        flipped[place] ^= 0x15;
        // A flip inside of the header may still spell a model; never a panic.
        let _ = Transformer::from_safetensors(&flipped);
        let _ = Trainer::resume(&flipped, options());
    }
    let mut longer = bytes.clone();
    longer.extend([0; 4]);
    refused(&longer);
    let mut poisoned = bytes.clone();
    let end = poisoned.len();
    poisoned[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    refused(&poisoned);
    let edit = |from: &str, to: &str| {
        let header_end = 8 + u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes")) as usize;
        let header = String::from_utf8(bytes[8..header_end].to_vec()).expect("UTF-8");
        assert!(header.contains(from), "{header}");
        let header = header.replace(from, to);
        let mut edited = (header.len() as u64).to_le_bytes().to_vec();
        edited.extend(header.as_bytes());
        edited.extend(&bytes[header_end..]);
        edited
    };
    refused(&edit("\\\"width\\\":32", "\\\"width\\\":64"));
    refused(&edit(
        "\\\"vocabulary\\\":50",
        "\\\"vocabulary\\\":18446744073709551615",
    ));
    refused(&edit("\\\"layers\\\":2", "\\\"layers\\\":3000000000"));
    refused(&edit("\\\"layers\\\":2", "\\\"layers\\\":1"));
    refused(&edit("\\\"heads\\\":4", "\\\"heads\\\":0"));
    refused(&edit("\"F32\"", "\"I32\""));
    refused(&edit("model.norm.weight", "model.norm.weighd"));
    refused(&edit("[32,48]", "[48,32]"));
}

#[test]
fn configurations_that_cannot_be_are_errors() {
    let sound = decoder().config().clone();
    let change = |edit: fn(&mut TransformerConfig)| {
        let mut config = sound.clone();
        edit(&mut config);
        let error = Transformer::new(config, 0).expect_err("a wrong configuration");
        assert!(matches!(error, ModelError::Configuration(_)), "{error}");
    };
    change(|c| c.layers = 0);
    change(|c| c.heads = 5);
    change(|c| c.head_width = 7);
    change(|c| c.key_value_heads = 3);
    change(|c| c.norm_epsilon = f32::NAN);
    change(|c| c.embedding_scale = f32::INFINITY);
    change(|c| {
        c.window = Some(SlidingWindow {
            length: 0,
            global_every: 2,
        })
    });
    change(|c| c.dropout = 1.0);
    change(|c| c.dropout = f32::NAN);
    change(|c| c.rotary_base = 0.0);
    change(|c| c.vocabulary = usize::MAX);
    change(|c| c.width = 1 << 40);
    change(|c| c.context = usize::MAX);
    assert_eq!(TransformerConfig::new(6, 384, 6, 256, 8192).hidden, 1024);
}

#[test]
fn wrong_training_data_is_named() {
    let uneven = Sequence {
        inputs: vec![1, 2],
        targets: vec![1],
    };
    assert!(uneven.validate(50).is_err());
    assert!(Sequence::next_tokens(&[1, 50]).validate(50).is_err());
    assert!(Sequence::next_tokens(&[1, 49]).validate(50).is_ok());
    assert_eq!(Sequence::next_tokens(&[]), Sequence::default());
}
