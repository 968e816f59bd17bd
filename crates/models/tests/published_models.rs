//! Published models say here what they say in PyTorch and in llama.cpp. How
//! the reference numbers were made stands in the scripts beside them.

#[path = "../../test_data.rs"]
mod test_data;

use std::sync::Arc;

use models::engine::Request;
use models::published::PublishedModel;
use models::{Engine, EngineOptions, Pooling, Precision, Sampling, Transformer};
use serde::Deserialize;

/// What llama.cpp says, which rounds activations to eight bits: computed in
/// another order, it differs from itself at about one position in thirty.
#[derive(Deserialize)]
struct Reference {
    probe_ids: Vec<usize>,
    one_by_one: OneByOne,
    texts: Vec<Text>,
    continuations: Vec<Continuation>,
}

#[derive(Deserialize)]
struct OneByOne {
    same_top: f64,
}

#[derive(Deserialize)]
struct Text {
    tokens: Vec<u32>,
    #[serde(flatten)]
    says: Says,
}

/// What PyTorch says, in 32 bits throughout.
#[derive(Deserialize)]
struct Exact {
    texts: Vec<Says>,
}

#[derive(Deserialize)]
struct Says {
    top: Vec<u32>,
    margin: Vec<f32>,
    probes: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
struct Continuation {
    tokens: Vec<u32>,
    continuation: Vec<u32>,
    margin: Vec<f32>,
}

/// The likeliest tokens and the logits of the probes, text by text.
type Found = Vec<(Vec<u32>, Vec<Vec<f32>>)>;

/// Below this lead llama.cpp changes its own mind.
const CLEAR_MARGIN: f32 = 1.0;

fn find(model: &Transformer, reference: &Reference) -> Found {
    let vocabulary = model.config().vocabulary;
    (reference.texts.iter())
        .map(|text| {
            let (mut tops, mut probes) = (Vec::new(), Vec::new());
            for (position, row) in model
                .logits(&text.tokens)
                .chunks_exact(vocabulary)
                .enumerate()
            {
                let top = (0..vocabulary).max_by(|a, b| row[*a].total_cmp(&row[*b]));
                tops.push(top.unwrap_or(0) as u32);
                if position % 20 == 0 {
                    probes.push(reference.probe_ids.iter().map(|id| row[*id]).collect());
                }
            }
            (tops, probes)
        })
        .collect()
}

/// The share of positions with the same likeliest token, that share where it
/// leads clearly, and the mean difference of the logits.
fn agreement<'a>(found: &Found, says: impl Iterator<Item = &'a Says>) -> (f64, f64, f64) {
    let (mut positions, mut same, mut clear, mut same_clear) = (0, 0, 0, 0);
    let (mut difference, mut probes) = (0.0, 0);
    for ((tops, logits), says) in found.iter().zip(says) {
        for (index, top) in tops.iter().enumerate() {
            let (equal, leads) = (*top == says.top[index], says.margin[index] >= CLEAR_MARGIN);
            positions += 1;
            same += usize::from(equal);
            clear += usize::from(leads);
            same_clear += usize::from(equal && leads);
        }
        for (found, expected) in logits.iter().zip(&says.probes) {
            for (found, expected) in found.iter().zip(&expected[2..]) {
                difference += f64::from((found - expected).abs());
                probes += 1;
            }
        }
    }
    let share = |part: usize, whole: usize| part as f64 / whole as f64;
    (
        share(same, positions),
        share(same_clear, clear),
        difference / f64::from(probes),
    )
}

/// How many tokens of each reply are the reference's, and by how much it
/// prefers the first that is not.
fn greedy(model: Transformer, reference: &Reference) -> Vec<(usize, Option<f32>)> {
    let engine = Engine::start(Arc::new(model), EngineOptions::default()).expect("an engine");
    let ask = |continuation: &Continuation| {
        let request = Request {
            prompt: continuation.tokens.clone(),
            sampling: Sampling {
                maximum_tokens: continuation.continuation.len(),
                ..Sampling::default()
            },
            constraint: None,
        };
        engine.submit(request).expect("a stream")
    };
    let replies: Vec<_> = reference.continuations.iter().map(ask).collect();
    (reference.continuations.iter().zip(replies))
        .map(|(continuation, reply)| {
            let (tokens, _) = reply.collect();
            let pairs = tokens.iter().zip(&continuation.continuation);
            let same = pairs
                .take_while(|(found, expected)| found == expected)
                .count();
            (same, continuation.margin.get(same).copied())
        })
        .collect()
}

/// Compares so many of the texts and of the continuations.
fn check(part: &str, reference: &str, exact: &str, count: usize) {
    let Some(path) = test_data::published_model(part) else {
        return;
    };
    let mut reference: Reference = serde_json::from_str(reference).expect("a reference");
    reference.texts.truncate(count);
    reference.continuations.truncate(count);
    let exact: Exact = serde_json::from_str(exact).expect("a reference");
    let published = PublishedModel::read(&path).expect("a model");
    for (precision, least_same) in [(Precision::Full, 0.995), (Precision::AsStored, 0.92)] {
        let model = Transformer::load(&published, precision).expect("weights");
        let found = find(&model, &reference);
        let (same, _, difference) = agreement(&found, exact.texts.iter());
        println!(
            "{part} {precision:?}: likeliest token as PyTorch's {same:.4}, logits {difference:.4}"
        );
        assert!(same >= least_same, "{part} {precision:?}: {same}");
        let (same, same_clear, difference) =
            agreement(&found, reference.texts.iter().map(|text| &text.says));
        println!(
            "  as llama.cpp's {same:.4}, where it leads by {CLEAR_MARGIN} {same_clear:.4}, logits \
             {difference:.4}; llama.cpp as itself in another order {:.4}",
            reference.one_by_one.same_top
        );
        assert!(same_clear >= 0.995, "{part} {precision:?}: {same_clear}");
        let replies = greedy(model, &reference);
        println!("  replies: (tokens alike, the lead of the next) {replies:?}");
        // A reply parts from the reference only where that hardly prefers its
        // token.
        assert!(
            replies
                .iter()
                .all(|(_, lead)| lead.is_none_or(|lead| lead < CLEAR_MARGIN))
        );
    }
}

fn smollm2(count: usize) {
    check(
        "smollm2-135m/model.gguf",
        include_str!("data/reference_logits_smollm2.json"),
        include_str!("data/reference_exact_smollm2.json"),
        count,
    );
}

fn gemma3(count: usize) {
    check(
        "gemma3-270m/model.gguf",
        include_str!("data/reference_logits_gemma3.json"),
        include_str!("data/reference_exact_gemma3.json"),
        count,
    );
}

#[test]
fn smollm2_on_one_text() {
    smollm2(1);
}

#[test]
fn gemma3_on_one_text() {
    gemma3(1);
}

/// Minutes without optimisation: `cargo test --release -p models --test
/// published_models -- --ignored --nocapture`.
#[test]
#[ignore = "slow without optimisation"]
fn both_on_all_texts() {
    smollm2(usize::MAX);
    gemma3(usize::MAX);
}

#[derive(Deserialize)]
struct Embeddings {
    texts: Vec<Embedded>,
}

#[derive(Deserialize)]
struct Embedded {
    text: String,
    tokens: Vec<u32>,
    embedding: Vec<f32>,
}

#[test]
fn minilm() {
    let Some(path) = test_data::published_model("minilm") else {
        return;
    };
    let reference: Embeddings =
        serde_json::from_str(include_str!("data/reference_embeddings_minilm.json"))
            .expect("a reference");
    let published = PublishedModel::read(&path).expect("a model");
    let tokenizer = published.tokenizer.as_ref().expect("a tokenizer");
    let model = Transformer::load(&published, Precision::Full).expect("weights");
    let sequences: Vec<&[u32]> = reference
        .texts
        .iter()
        .map(|text| &text.tokens[..])
        .collect();
    let found = model.encode(&sequences, Pooling::Mean, 2);
    for (text, found) in reference.texts.iter().zip(found.chunks_exact(384)) {
        let tokens = published.special.around(&tokenizer.encode(&text.text));
        if tokens.len() <= 256 {
            assert_eq!(tokens, text.tokens, "{}", text.text);
        }
        for (found, expected) in found.iter().zip(&text.embedding) {
            assert!(
                (found - expected).abs() < 1e-4,
                "{}: {found} {expected}",
                text.text
            );
        }
    }
    let small = model.quantized(Precision::Int8).expect("eight bits");
    let rounded = small.encode(&sequences, Pooling::Mean, 2);
    for (exact, rounded) in found.chunks_exact(384).zip(rounded.chunks_exact(384)) {
        let cosine: f32 = exact.iter().zip(rounded).map(|(a, b)| a * b).sum();
        assert!(cosine > 0.99, "{cosine}");
    }
}
