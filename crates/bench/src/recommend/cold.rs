//! What an item's text is worth before anybody has touched it.

use corpus::recommend::TEXT_TRUST;
use models::neighbours::ItemItemMatrix;
use models::next_item::{BlendWeights, Example, NextItemModel, evaluate};
use serde_json::{Value, json};
use train::recommend::{Holdout, ItemItemOptions, tune_blend};

/// One in so many items is kept out of training.
const ONE_IN: u32 = 20;

/// Of how many items described alike a cold one takes its score.
const NEAR: usize = 5;

/// Whether an item is kept out: by its number, mixed.
fn is_cold(item: u32) -> bool {
    (item.wrapping_mul(0x9e37_79b1) >> 8).is_multiple_of(ONE_IN)
}

/// Keeps one in twenty items out of the training part and asks for them: the
/// recall of those users whose next item is such a one, ranked among all
/// items, by the lists with texts and by the lists without.
pub fn measure(
    holdout: &Holdout,
    choice: ItemItemOptions,
    text: &ItemItemMatrix,
    items: usize,
    threads: usize,
) -> Value {
    let warm = |sequences: &[Vec<u32>]| -> Vec<Vec<u32>> {
        let warm = |sequence: &Vec<u32>| {
            let kept = sequence.iter().copied().filter(|item| !is_cold(*item));
            kept.collect()
        };
        sequences.iter().map(warm).collect()
    };
    let examples = |examples: &[Example], cold: bool| -> Vec<Example> {
        let wanted = examples.iter().filter(|e| is_cold(e.target) == cold);
        let read = wanted.map(|example| Example {
            history: warm(std::slice::from_ref(&example.history)).concat(),
            target: example.target,
        });
        read.filter(|example| !example.history.is_empty()).collect()
    };
    let without_ease = ItemItemOptions {
        ease: None,
        ..choice
    };
    let lists = without_ease.members(&warm(&holdout.training), items, None, Some(text), threads);
    let mut model = NextItemModel {
        items,
        decoders: Vec::new(),
        weights: BlendWeights {
            decoder: 0.0,
            item_item: vec![1.0; lists.len()],
        },
        item_item: lists,
    };
    tune_blend(
        &mut model,
        &examples(&holdout.validation, false),
        0,
        threads,
    );
    let test = examples(&holdout.test, true);
    let recall = |model: &NextItemModel, by_text: bool| {
        let evaluation = evaluate(&test, items, threads, |history, scores| {
            model.score(history, scores);
            if by_text {
                lift_cold(text, scores);
            }
        });
        evaluation.figures.recall()
    };
    let with_text = recall(&model, true);
    model.weights.item_item.truncate(1);
    model.item_item.truncate(1);
    json!({
        "items": (0..items as u32).filter(|item| is_cold(*item)).count(),
        "users": test.len(),
        "recall@10": with_text,
        "recall@10_without_text": recall(&model, false),
    })
}

/// A cold item scores as those described alike, where that is more, as in the
/// service.
fn lift_cold(text: &ItemItemMatrix, scores: &mut [f32]) {
    let known = scores.to_vec();
    for (item, score) in (0..).zip(scores).filter(|(item, _)| is_cold(*item)) {
        let near = text
            .row(item)
            .filter(|near| !is_cold(near.place))
            .take(NEAR);
        let (sum, total) = near.fold((0.0, 0.0), |(sum, total), near| {
            (
                sum + near.score * known[near.place as usize],
                total + near.score,
            )
        });
        if total > 0.0 {
            *score = score.max(TEXT_TRUST * sum / total);
        }
    }
}
