//! What training promises with each optimizer, loss and kind of weights.

use models::{
    AdapterOptions, Decay, Loss, ModelError, Optimizer, Schedule, Sequence, Trainer,
    TrainerOptions, Transformer, TransformerConfig,
};

fn model(dropout: f32) -> Transformer {
    let config = TransformerConfig {
        hidden: 48,
        key_value_heads: 2,
        dropout,
        ..TransformerConfig::new(2, 32, 4, 64, 50)
    };
    Transformer::new(config, 11).expect("a configuration")
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
        steps: 150,
        warmup_steps: 5,
        learning_rate: 5e-3,
        weight_decay: 0.01,
        threads: 2,
        ..TrainerOptions::default()
    }
}

fn mean_loss(trainer: &Trainer) -> f64 {
    let (sum, count) = trainer.evaluate(&batch());
    sum / count as f64
}

fn frequencies() -> Vec<f32> {
    let mut counts = vec![0.0; 50];
    for target in batch().iter().flat_map(|sequence| &sequence.targets) {
        counts[*target as usize] += 1.0;
    }
    counts
}

#[test]
fn every_optimizer_schedule_and_loss_learns_one_batch_by_heart() {
    let stable = Schedule::WarmupStableDecay {
        decay_fraction: 0.3,
        decay: Decay::OneMinusRoot,
    };
    let plain = options();
    let changed = |edit: fn(&mut TrainerOptions)| {
        let mut options = plain.clone();
        edit(&mut options);
        options
    };
    for options in [
        changed(|o| o.optimizer = Optimizer::Muon),
        TrainerOptions {
            schedule: stable,
            ..plain.clone()
        },
        changed(|o| o.ema_decay = Some(0.95)),
        changed(|o| o.loss = Loss::Popular { negatives: 30 }),
        changed(|o| o.loss = Loss::InBatch),
        changed(|o| (o.loss, o.sparse_tables) = (Loss::Sampled { negatives: 20 }, true)),
    ] {
        let trainer = Trainer::new(model(0.0), options.clone());
        let mut trainer = trainer.with_frequencies(frequencies()).expect("counts");
        let first = mean_loss(&trainer);
        for _ in 0..150 {
            trainer.step(&batch());
        }
        let last = mean_loss(&trainer);
        assert!(first > 3.0 && last < 0.6, "{options:?}: {first} to {last}");
    }
}

/// Muon, averaged weights, sampled negatives and untouched rows: none depends on
/// chance that the seed does not give, and a checkpoint holds all of it.
#[test]
fn a_resumed_run_loses_the_same_to_the_bit() {
    let plain = options();
    for (optimizer, ema_decay, loss, adapted) in [
        (Optimizer::AdamW, None, Loss::InBatch, false),
        (Optimizer::Muon, None, Loss::Full, false),
        (
            Optimizer::Muon,
            Some(0.9),
            Loss::Popular { negatives: 9 },
            false,
        ),
        (Optimizer::AdamW, Some(0.9), Loss::Full, true),
        (Optimizer::Muon, None, Loss::Sampled { negatives: 5 }, true),
    ] {
        let options = TrainerOptions {
            optimizer,
            ema_decay,
            loss,
            sparse_tables: true,
            ..plain.clone()
        };
        let mut model = model(0.1);
        if adapted {
            let options = AdapterOptions {
                rank: 3,
                ..AdapterOptions::default()
            };
            model.adapt(options, 5).expect("adapters");
        }
        let with = |trainer: Trainer| trainer.with_frequencies(frequencies()).expect("counts");
        let mut trainer = with(Trainer::new(model, options.clone()));
        for _ in 0..4 {
            trainer.step(&batch());
        }
        let checkpoint = trainer.checkpoint();
        let resumed = Trainer::resume(&checkpoint, options.clone());
        let mut resumed = with(resumed.expect("a checkpoint"));
        for _ in 0..5 {
            assert_eq!(trainer.step(&batch()), resumed.step(&batch()));
        }
        assert_eq!(mean_loss(&trainer), mean_loss(&resumed));
        assert_eq!(trainer.decoder(), resumed.decoder());
        assert_eq!(trainer.checkpoint(), resumed.checkpoint());

        for length in [0, 9, 200, checkpoint.len() / 2, checkpoint.len() - 1] {
            assert!(Trainer::resume(&checkpoint[..length], options.clone()).is_err());
        }
    }
}

#[test]
fn a_checkpoint_says_what_it_cannot_go_on_with() {
    let resume = |made: TrainerOptions, wanted: TrainerOptions| {
        let checkpoint = Trainer::new(model(0.0), made).checkpoint();
        Trainer::resume(&checkpoint, wanted).map(|trainer| trainer.steps_done())
    };
    let muon = TrainerOptions {
        optimizer: Optimizer::Muon,
        ..options()
    };
    let averaged = TrainerOptions {
        ema_decay: Some(0.99),
        ..options()
    };
    for (made, wanted, word) in [
        (muon.clone(), options(), "Muon"),
        (options(), muon.clone(), "AdamW"),
        (averaged.clone(), options(), "averaged"),
        (options(), averaged, "averaged"),
    ] {
        match resume(made, wanted) {
            Err(ModelError::File(reason)) => assert!(reason.contains(word), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(resume(muon.clone(), muon), Ok(0));
    assert!(
        Trainer::new(model(0.0), options())
            .with_frequencies(vec![1.0])
            .is_err()
    );
}

#[test]
fn muon_gives_the_same_bits_on_the_same_threads_and_no_other_result_on_more() {
    let run = |threads: usize| {
        let options = TrainerOptions {
            optimizer: Optimizer::Muon,
            threads,
            ..options()
        };
        let mut trainer = Trainer::new(model(0.0), options);
        (0..6)
            .map(|_| trainer.step(&batch()).loss)
            .collect::<Vec<f64>>()
    };
    assert_eq!(run(3), run(3));
    for (one, four) in run(1).iter().zip(run(4)) {
        assert!((one - four).abs() < 1e-2, "{one} {four}");
    }
}

/// Muon keeps one moment for the matrices inside the layers.
#[test]
fn a_checkpoint_of_muon_is_smaller() {
    let size = |optimizer: Optimizer| {
        let options = TrainerOptions {
            optimizer,
            ..options()
        };
        Trainer::new(model(0.0), options).checkpoint().len()
    };
    let layer = (32 + 2 * 16 + 32) * 32 + 3 * 48 * 32;
    let saved = size(Optimizer::AdamW) - size(Optimizer::Muon);
    assert!(saved >= 4 * 2 * layer, "{saved}");
}

#[test]
fn averaged_weights_lie_between_and_are_what_comes_out() {
    let options = TrainerOptions {
        ema_decay: Some(0.9),
        ..options()
    };
    let mut averaged = Trainer::new(model(0.0), options.clone());
    let mut plain = Trainer::new(
        model(0.0),
        TrainerOptions {
            ema_decay: None,
            ..options
        },
    );
    for _ in 0..20 {
        assert_eq!(averaged.step(&batch()), plain.step(&batch()));
    }
    assert_ne!(averaged.decoder(), plain.decoder());
    // Behind a falling loss the average lags, but far from the beginning.
    let (lagging, last) = (mean_loss(&averaged), mean_loss(&plain));
    assert!(last < lagging && lagging < 3.3, "{last} {lagging}");
    assert_eq!(averaged.decoder().clone(), averaged.into_decoder());
}

#[test]
fn adapters_learn_a_batch_by_heart_beside_frozen_weights() {
    // A fresh table is too small for a frozen way out: the base has learnt
    // something else, in which every token occurs.
    let other: Vec<Sequence> = (0..50)
        .map(|index| Sequence::next_tokens(&[index, (index * 3 + 1) % 50, index * index % 50]))
        .collect();
    let mut trainer = Trainer::new(model(0.0), options());
    for _ in 0..100 {
        trainer.step(&other);
    }
    let base = trainer.into_decoder();
    let few = batch()[..4].to_vec();
    for ema_decay in [None, Some(0.9)] {
        let mut adapted = base.clone();
        let adapters = AdapterOptions {
            rank: 16,
            ..AdapterOptions::default()
        };
        adapted.adapt(adapters, 1).expect("adapters");
        let options = TrainerOptions {
            learning_rate: 1e-2,
            weight_decay: 0.0,
            optimizer: Optimizer::Muon,
            ema_decay,
            steps: 200,
            ..options()
        };
        let mut trainer = Trainer::new(adapted, options);
        let mean_loss = |trainer: &Trainer| {
            let (sum, count) = trainer.evaluate(&few);
            sum / count as f64
        };
        let first = mean_loss(&trainer);
        for _ in 0..200 {
            trainer.step(&few);
        }
        let last = mean_loss(&trainer);
        assert!(first > 3.0 && last < 0.5, "{first} to {last}");

        let mut trained = trainer.into_decoder();
        let before = trained.logits(&tokens(30, 4));
        // A file holds the merged weights; merging is the same.
        let read = Transformer::from_safetensors(&trained.to_safetensors()).expect("a model");
        let bits = |model: &Transformer| {
            let table = model.embedding().iter().map(|weight| weight.to_bits());
            table.collect::<Vec<u32>>()
        };
        assert_eq!(bits(&trained), bits(&base));
        trained.merge_adapters();
        assert_eq!(read, trained);
        for (merged, beside) in trained.logits(&tokens(30, 4)).iter().zip(&before) {
            assert!((merged - beside).abs() < 1e-3, "{merged} {beside}");
        }
        assert_ne!(trained, base);
    }
}

/// Rows of the table that no sequence and no draw touches stay as they were;
/// with decay and momentum the others move on.
#[test]
fn untouched_rows_stay() {
    let run = |sparse_tables: bool, tied: bool| {
        let config = TransformerConfig {
            tied,
            ..TransformerConfig::new(1, 16, 2, 16, 500)
        };
        let options = TrainerOptions {
            loss: Loss::Popular { negatives: 3 },
            weight_decay: 0.1,
            sparse_tables,
            ..options()
        };
        let before = Transformer::new(config, 4).expect("a configuration");
        let mut trainer = Trainer::new(before.clone(), options);
        let batch = [Sequence::next_tokens(&[1, 2, 3, 4, 5, 6])];
        for _ in 0..3 {
            trainer.step(&batch);
        }
        let rows = trainer.decoder().embedding().chunks(16);
        rows.zip(before.embedding().chunks(16))
            .filter(|(after, before)| after != before)
            .count()
    };
    assert!((6..=6 + 9).contains(&run(true, true)));
    // The way in alone: the inputs.
    assert_eq!(run(true, false), 5);
    assert_eq!(run(false, true), 500);
}

/// In its first step a sparse table takes the dense update where it is
/// touched.
#[test]
fn a_sparse_step_is_a_dense_one_where_it_touches() {
    let run = |sparse_tables: bool| {
        let options = TrainerOptions {
            loss: Loss::Sampled { negatives: 7 },
            sparse_tables,
            ..options()
        };
        let mut trainer = Trainer::new(model(0.0), options);
        let report = trainer.step(&batch()[..2]);
        (report, trainer.into_decoder())
    };
    let ((sparse_report, sparse), (dense_report, dense)) = (run(true), run(false));
    assert_eq!(sparse_report.loss, dense_report.loss);
    let error = (sparse_report.gradient_norm - dense_report.gradient_norm).abs();
    assert!(error < 1e-6 * dense_report.gradient_norm);
    let fresh = model(0.0);
    let rows = sparse
        .embedding()
        .chunks(32)
        .zip(dense.embedding().chunks(32));
    for ((sparse, dense), fresh) in rows.zip(fresh.embedding().chunks(32)) {
        let same = (sparse.iter().zip(dense)).all(|(s, d)| (s - d).abs() < 1e-6);
        assert!(same || sparse == fresh);
    }
}

/// 30 micro-batches a thread.
#[test]
fn a_batch_beyond_one_pass_is_learnt_from() {
    let large: Vec<Sequence> = (0..1000)
        .map(|index| Sequence::next_tokens(&tokens(64, index)))
        .collect();
    let mut trainer = Trainer::new(model(0.0), options());
    let (sum, count) = trainer.evaluate(&large);
    let report = trainer.step(&large);
    assert_eq!(report.tokens, count);
    assert!((report.loss - sum / count as f64).abs() < 1e-4);
    assert!(report.gradient_norm.is_finite() && report.gradient_norm > 0.0);
}
