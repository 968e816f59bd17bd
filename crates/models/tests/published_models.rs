//! Published models say here what they say in llama.cpp and in PyTorch. How
//! the reference numbers were made stands in the scripts beside them.

#[path = "parts/mod.rs"]
mod parts;

use std::sync::Arc;

use models::published::PublishedModel;
use models::sampling::Sampling;
use models::{Engine, EngineOptions, Precision, Transformer};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    probe_ids: Vec<usize>,
    one_by_one: OneByOne,
    texts: Vec<Text>,
    continuations: Vec<Continuation>,
}

/// How llama.cpp agrees with itself, where it computes a text token by token
/// and not at once.
#[derive(Deserialize)]
struct OneByOne {
    same_top: f64,
    mean_absolute_difference: f64,
}

#[derive(Deserialize)]
struct Text {
    tokens: Vec<u32>,
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

struct Agreement {
    positions: usize,
    same_top: f64,
    /// Where the reference prefers its token by more than its own noise.
    same_clear_top: f64,
    mean_difference: f64,
}

/// Below this the reference changes its own mind when it computes the same in
/// another order.
const CLEAR_MARGIN: f32 = 1.0;

fn agreement(model: &Transformer, reference: &Reference) -> Agreement {
    let vocabulary = model.config().vocabulary;
    let (mut positions, mut same, mut clear, mut same_clear) = (0, 0, 0, 0);
    let (mut differences, mut probes) = (0.0, 0);
    for text in &reference.texts {
        let logits = model.logits(&text.tokens);
        let rows: Vec<&[f32]> = logits.chunks_exact(vocabulary).collect();
        for (index, row) in rows.iter().enumerate() {
            let top = (0..vocabulary).max_by(|a, b| row[*a].total_cmp(&row[*b]));
            let equal = top == Some(text.top[index] as usize);
            positions += 1;
            same += usize::from(equal);
            if text.margin[index] >= CLEAR_MARGIN {
                clear += 1;
                same_clear += usize::from(equal);
            }
        }
        for probe in &text.probes {
            let row = rows[probe[0] as usize];
            let pairs = reference.probe_ids.iter().zip(&probe[2..]);
            for (token, expected) in pairs {
                differences += f64::from((row[*token] - expected).abs());
                probes += 1;
            }
        }
    }
    Agreement {
        positions,
        same_top: same as f64 / positions as f64,
        same_clear_top: same_clear as f64 / clear as f64,
        mean_difference: differences / probes as f64,
    }
}

fn check(folder: &str, reference: &str) {
    let Some(path) = parts::model(folder) else {
        return;
    };
    let reference: Reference = serde_json::from_str(reference).expect("a reference");
    let published = PublishedModel::read(&path).expect("a model");
    for precision in [Precision::Full, Precision::AsStored] {
        let model = Transformer::load(&published, precision).expect("weights");
        let found = agreement(&model, &reference);
        println!(
            "{folder} {precision:?}: the same likeliest token at {:.4} of {} positions ({:.4} where \
             it leads by {CLEAR_MARGIN}), mean difference {:.3}; the reference by itself: {:.4}, {:.3}",
            found.same_top,
            found.positions,
            found.same_clear_top,
            found.mean_difference,
            reference.one_by_one.same_top,
            reference.one_by_one.mean_absolute_difference,
        );
        let model = Arc::new(model);
        let engine = Engine::start(Arc::clone(&model), EngineOptions::default()).expect("an engine");
        let mut whole = 0;
        for continuation in &reference.continuations {
            let request = models::engine::Request {
                prompt: continuation.tokens.clone(),
                sampling: Sampling {
                    maximum_tokens: continuation.continuation.len(),
                    ..Sampling::default()
                },
                constraint: None,
            };
            let (tokens, _) = engine.submit(request).expect("a stream").collect();
            let pairs = tokens.iter().zip(&continuation.continuation);
            let same = pairs.take_while(|(found, expected)| found == expected).count();
            whole += usize::from(same == tokens.len());
            if let Some(margin) = continuation.margin.get(same) {
                println!("  {same} tokens alike, then one that leads by {margin}");
            }
        }
        println!("  {whole} of {} continuations alike", reference.continuations.len());
    }
}

#[test]
fn smollm2() {
    check("smollm2-135m/model.gguf", include_str!("data/reference_logits_smollm2.json"));
}

#[test]
fn gemma3() {
    check("gemma3-270m/model.gguf", include_str!("data/reference_logits_gemma3.json"));
}
