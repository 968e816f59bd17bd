use super::*;
use crate::architecture::TransformerConfig;
use crate::constrain::Vocabulary;
use crate::generate::generate;
use crate::load::Precision;

/// The letters a to z, the end and a few more.
const VOCABULARY: usize = 40;
const END: u32 = 26;

fn model() -> Arc<Transformer> {
    let config = TransformerConfig {
        heads: 4,
        key_value_heads: 2,
        ..TransformerConfig::new(2, 32, 4, 96, VOCABULARY)
    };
    Arc::new(Transformer::new(config, 7).expect("a configuration"))
}

fn greedy(tokens: usize) -> Sampling {
    Sampling {
        maximum_tokens: tokens,
        ..Sampling::default()
    }
}

fn request(prompt: &[u32], tokens: usize) -> Request {
    Request {
        prompt: prompt.to_vec(),
        sampling: greedy(tokens),
        constraint: None,
    }
}

fn prompt(length: usize, seed: u32) -> Vec<u32> {
    (0..length as u32)
        .map(|i| (i * i * 7 + i * seed + seed) % VOCABULARY as u32)
        .collect()
}

fn alone(model: &Transformer, prompt: &[u32], tokens: usize) -> Vec<u32> {
    let keep_on = |_| std::ops::ControlFlow::Continue(());
    generate(model, prompt, &greedy(tokens), keep_on).expect("a sampling")
}

/// Whatever is shared, drafted, cut or remembered, the text is that of one
/// stream by itself.
#[test]
fn streams_together_say_what_each_says_alone() {
    let model = model();
    for (streams, draft, prefixes, prompt_chunk) in [(1, 0, 0, 512), (3, 4, 2, 512), (8, 6, 4, 5)] {
        let options = EngineOptions {
            threads: 2,
            streams,
            draft,
            prefixes,
            prompt_chunk,
            ..EngineOptions::default()
        };
        let engine = Engine::start(Arc::clone(&model), options).expect("an engine");
        let prompts: Vec<Vec<u32>> = (0..12_usize)
            .map(|i| prompt(1 + 5 * i % 40, 3 + i as u32 / 3))
            .collect();
        let ask = |prompt: &Vec<u32>| engine.submit(request(prompt, 25)).expect("a stream");
        let replies: Vec<Reply> = prompts.iter().map(ask).collect();
        for (prompt, reply) in prompts.iter().zip(replies) {
            let (tokens, finish) = reply.collect();
            assert_eq!(tokens, alone(&model, prompt, 25), "{prompt:?}");
            assert_eq!(finish, Some(Finish::Length));
        }
        let counts = engine.counts();
        assert_eq!(counts.new_tokens, 12 * 25);
        if draft > 0 {
            assert!(counts.accepted_tokens <= counts.drafted_tokens);
            assert!(counts.passes < 12 * 26, "{counts:?}");
        }
    }
}

#[test]
fn a_beginning_seen_before_is_not_computed_again() {
    let model = model();
    let engine = Engine::start(Arc::clone(&model), EngineOptions::default()).expect("an engine");
    let fixed = prompt(40, 5);
    for end in [3, 9, 14] {
        let prompt = [&fixed[..], &[end, 1]].concat();
        let (tokens, _) = engine
            .submit(request(&prompt, 8))
            .expect("a stream")
            .collect();
        assert_eq!(tokens, alone(&model, &prompt, 8));
    }
    let counts = engine.counts();
    assert_eq!(counts.known_tokens, 80, "{counts:?}");
    assert_eq!(counts.prompt_tokens, 42 + 2 + 2);
}

#[test]
fn keys_and_values_in_eight_bits_are_close() {
    let model = model();
    let config = model.config();
    let mut activations = crate::forward::Activations::for_serving(1);
    let tokens = prompt(40, 3);
    let mut states = Vec::new();
    for mut cache in [crate::Cache::new(config), crate::Cache::compact(config)] {
        for piece in [&tokens[..30], &tokens[30..]] {
            let mut streams = [(&mut cache, piece.len())];
            let memory = crate::forward::Memory::Cached(&mut streams);
            model.run(
                piece,
                memory,
                crate::dropout::Dropout::NONE,
                &mut activations,
            );
        }
        states.push((activations.hidden[..10 * 32].to_vec(), cache.bytes()));
    }
    let differences = states[0]
        .0
        .iter()
        .zip(&states[1].0)
        .map(|(a, b)| (a - b).abs());
    assert!(differences.fold(0.0, f32::max) < 0.02);
    assert!(states[1].1 * 2 < states[0].1);
}

#[test]
fn what_may_not_be_is_refused_with_its_numbers() {
    let options = EngineOptions {
        streams: 1,
        queue: 1,
        ..EngineOptions::default()
    };
    let engine = Engine::start(model(), options).expect("an engine");
    let error = engine
        .submit(request(&prompt(96, 1), 4))
        .expect_err("too long");
    assert!(error.to_string().contains("96 tokens"), "{error}");
    assert!(engine.submit(request(&[], 4)).is_err());
    assert!(engine.submit(request(&[40], 4)).is_err());
    let (tokens, finish) = engine.submit(request(&[1], 0)).expect("a stream").collect();
    assert_eq!((tokens.len(), finish), (0, Some(Finish::Length)));
    // The context ends a reply that may be longer.
    let (tokens, finish) = engine
        .submit(request(&prompt(90, 1), 50))
        .expect("a stream")
        .collect();
    assert_eq!((tokens.len(), finish), (6, Some(Finish::Length)));
}

#[test]
fn a_full_queue_says_so_and_a_dropped_reply_frees_its_stream() {
    let options = EngineOptions {
        streams: 1,
        queue: 2,
        ..EngineOptions::default()
    };
    let engine = Engine::start(model(), options).expect("an engine");
    let mut replies = Vec::new();
    let refused = loop {
        match engine.submit(request(&prompt(4, 1), 90)) {
            Ok(reply) => replies.push(reply),
            Err(error) => break error,
        }
        assert!(replies.len() < 10_000, "the queue has no end");
    };
    assert_eq!(refused, ModelError::Busy(2));
    drop(replies);
    // All of them are given up: soon there is room again.
    let reply = loop {
        match engine.submit(request(&[2, 3], 4)) {
            Ok(reply) => break reply,
            Err(_) => std::thread::yield_now(),
        }
    };
    assert_eq!(reply.collect().0.len(), 4);
}

#[test]
fn a_constraint_is_kept_whatever_the_model_prefers() {
    let letters = (b'a'..=b'z').map(|letter| vec![letter]);
    let rest = std::iter::repeat_with(Vec::new).take(VOCABULARY - 26);
    let vocabulary = Vocabulary::new(letters.chain(rest).collect(), END).expect("a vocabulary");
    let engine = Engine::start(model(), EngineOptions::default()).expect("an engine");
    for seed in 0..20 {
        let words = ["yes", "no", "notyet"];
        let constraint = Constraint::allowed_strings(&words, &vocabulary).expect("words");
        let sampling = Sampling {
            temperature: 1.0,
            seed,
            stop: vec![END],
            ..greedy(20)
        };
        let request = Request {
            prompt: prompt(9, 2),
            sampling,
            constraint: Some(constraint),
        };
        let (tokens, finish) = engine.submit(request).expect("a stream").collect();
        let text: String = tokens
            .iter()
            .map(|token| char::from(b'a' + *token as u8))
            .collect();
        assert!(words.contains(&text.as_str()), "{text}");
        assert_eq!(finish, Some(Finish::Stop));
    }
}

#[test]
fn fewer_bits_say_about_the_same() {
    let full = model();
    let tokens = prompt(60, 11);
    let exact = full.hidden(&tokens);
    for (precision, allowed) in [(Precision::Int8, 0.03), (Precision::Int4, 0.25)] {
        let quantized = Transformer::clone(&full)
            .quantized(precision)
            .expect("a model");
        assert!(quantized.is_quantized() && quantized.bytes() < full.bytes() / 2);
        let found = quantized.hidden(&tokens);
        let differences = exact
            .iter()
            .zip(&found)
            .map(|(a, b)| f64::from((a - b).powi(2)));
        let squares: f64 = exact.iter().map(|a| f64::from(a.powi(2))).sum();
        let error = (differences.sum::<f64>() / squares).sqrt();
        assert!(error < allowed && error > 0.0, "{precision:?}: {error}");
        assert!(quantized.quantized(precision).is_err());
    }
}

#[test]
fn an_encoder_is_refused() {
    let config = TransformerConfig::encoder(1, 16, 2, 12, VOCABULARY);
    let encoder = Arc::new(Transformer::new(config, 1).expect("a configuration"));
    let error = Engine::start(encoder, EngineOptions::default()).expect_err("no decoder");
    assert!(error.to_string().contains("encoder"), "{error}");
}
