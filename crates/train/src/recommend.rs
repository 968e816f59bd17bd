//! Training of recommendation: a causal decoder learns which product follows
//! in a history (Kang and McAuley, 2018), item-to-item lists are counted
//! beside it, and what each of them is worth is weighed on validation.
//!
//! The decoder is the one that was best on validation, learned from what came
//! before; the lists of the artifact are counted again over everything.

mod fit;
mod holdout;
mod item_item;
mod sequence_augmentation;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

use corpus::recommend::{ItemVocabulary, MAX_HISTORY, RepurchaseIntervals, TextIndex, artifact};
use corpus::{Corpus, InteractionSequence, Split};
use models::neighbours::{ItemItemMatrix, NeighbourOptions, neighbours};
use models::next_item::{
    self, BlendWeights, Evaluation, NextItemFigures, NextItemModel, evaluate_model,
};
use rustc_hash::FxHashMap;
use serde_json::json;
use shop::{EventKind, Id, Metric, Timestamp};

use crate::job::read_json;
use crate::{Job, TrainError, Trained};

pub use fit::{Epoch, FitOptions, Fitted, TrainingRun, fit};
pub use holdout::{Holdout, subsample};
pub use item_item::{ItemItemOptions, ease_fits, ease_lambdas, text_similarity_matrix, tune_blend};

/// Fewer held-out customers than this say nothing about the last days; then
/// the last product of each customer is held out instead.
const MIN_TEST: usize = 50;

/// Of how many products a cold one takes its place.
const COLD_NEIGHBOURS: usize = 5;

/// The longest list of products that are alike or bought together.
const LONGEST: usize = 60;

/// Trains on what customers did.
pub fn train(corpus: &Corpus, job: &Job) -> Result<Trained, TrainError> {
    let data = Data::of(corpus)?;
    let decoder = train_decoder(&data, job)?;
    job.progress.begin("recommend: item lists", 0);
    let items = data.vocabulary.len();
    let holdout = &data.holdout;
    let text = text_index(corpus, &data);
    let by_text = text_similarity_matrix(&text, numbered(corpus, &data), items, job.threads);
    let (choice, lists) = ItemItemOptions::select(
        &holdout.training,
        &holdout.validation,
        items,
        Some(&by_text),
        job.threads,
    );
    let mut model = NextItemModel {
        items,
        decoders: vec![decoder.decoder.clone()],
        weights: BlendWeights {
            decoder: 1.0,
            item_item: vec![0.0; lists.len()],
        },
        item_item: lists,
    };
    tune_blend(&mut model, &holdout.validation, job.seed, job.threads);
    stop_if_asked(job)?;
    // What validated is part of the history when it comes to the test.
    let lists = |sequences: &[Vec<u32>]| {
        let ease = choice.ease(sequences, items, job.threads);
        choice.members(sequences, items, ease.as_ref(), Some(&by_text), job.threads)
    };
    model.item_item = lists(&holdout.histories);
    let test = subsample(&holdout.test, items);
    let evaluation = evaluate_model(&model, &test, job.threads);
    let metrics = figures(&evaluation, holdout, items, job.threads);
    stop_if_asked(job)?;
    model.item_item = lists(&data.sequences);
    job.progress.end(&format!("{items} products"));
    let mut files = model.to_files().map_err(fit::engine)?;
    files.extend(product_files(corpus, &data, &text, &by_text, job.threads)?);
    let card = json!({
        "sequences": data.sequences.len(),
        "interactions": data.sequences.iter().map(Vec::len).sum::<usize>(),
        "products": items,
        "products_in_training": data.warm,
        "held_out": if data.by_time { "the last days" } else { "the last product of each customer" },
        "tested_on": holdout.test.len(),
        "epochs": decoder.epochs,
        "decoder_validation_ndcg@10": decoder.validation,
        "lists": choice,
        "weights": model.weights,
        "seed": job.seed,
    });
    files.insert(artifact::CARD.to_owned(), json_file(&card)?);
    Ok(Trained { files, metrics })
}

/// What a shop lacks to train on, and how to bring it.
pub fn missing_data(corpus: &Corpus) -> Option<String> {
    let liked = liked(&corpus.sequences);
    let longest = liked.iter().map(Vec::len).max().unwrap_or_default();
    (longest < 3).then(|| "no customer has three interactions; import orders or events".to_owned())
}

/// What artifacts say of how their item-item matrices were made.
#[derive(serde::Deserialize)]
struct Card {
    lists: ItemItemOptions,
}

/// What a version of before scores on today's held-out customers: its sequence
/// models, which know the products of their day, and its weights, with item-item
/// matrices counted by its options in what came before.
pub fn evaluate(
    corpus: &Corpus,
    files: &BTreeMap<String, Vec<u8>>,
    job: &Job,
) -> Result<Vec<Metric>, TrainError> {
    let old = NextItemModel::from_files(files).map_err(fit::engine)?;
    let known: ItemVocabulary = read_json(files, artifact::ITEMS)?;
    let Card { lists: options } = read_json(files, artifact::CARD)?;
    let data = Data::of(corpus)?;
    let (items, holdout) = (data.vocabulary.len(), &data.holdout);
    let text = text_index(corpus, &data);
    let by_text = text_similarity_matrix(&text, numbered(corpus, &data), items, job.threads);
    let ease = options.ease(&holdout.histories, items, job.threads);
    let members = options.members(
        &holdout.histories,
        items,
        ease.as_ref(),
        Some(&by_text),
        job.threads,
    );
    if members.len() != old.weights.item_item.len() {
        let reason = "its item-item matrices are not those that this catalogue gives";
        return Err(TrainError::Engine(reason.to_owned()));
    }
    let counted = NextItemModel {
        items,
        decoders: Vec::new(),
        item_item: members,
        weights: old.weights.clone(),
    };
    let ids = data.vocabulary.ids();
    let old_numbers: Vec<Option<u32>> = ids.iter().map(|id| known.place(id)).collect();
    let share = old.weights.decoder / old.decoders.len().max(1) as f32;
    let test = subsample(&holdout.test, items);
    let evaluation = next_item::evaluate(&test, items, job.threads, |history, scores| {
        counted.score(history, scores);
        let history = history
            .iter()
            .filter_map(|item| old_numbers[*item as usize]);
        let history: Vec<u32> = history.collect();
        for decoder in &old.decoders {
            let mut logits = next_item::next_logits(decoder, &history);
            models::index::standardise(&mut logits);
            for (score, number) in scores.iter_mut().zip(&old_numbers) {
                // An item that the decoder does not know stands at the mean.
                let logit = number.and_then(|number| logits.get(number as usize));
                *score += share * logit.copied().unwrap_or_default();
            }
        }
    });
    Ok(figures(&evaluation, holdout, items, job.threads))
}

/// What can be learned from, in numbers.
struct Data {
    vocabulary: ItemVocabulary,
    /// Products that occur in what the decoder learns from: the first numbers.
    warm: usize,
    sequences: Vec<Vec<u32>>,
    holdout: Holdout,
    by_time: bool,
}

impl Data {
    fn of(corpus: &Corpus) -> Result<Self, TrainError> {
        if let Some(reason) = missing_data(corpus) {
            let service = "recommend";
            return Err(TrainError::NoData { service, reason });
        }
        let liked = liked(&corpus.sequences);
        let split = &corpus.time_split;
        let timed = |vocabulary: &ItemVocabulary| -> Vec<Vec<(u32, Timestamp)>> {
            let number = |(id, time): &(&Id, Timestamp)| Some((vocabulary.place(id)?, *time));
            liked
                .iter()
                .map(|sequence| sequence.iter().filter_map(number).collect())
                .collect()
        };
        let by_time_counts = counts(corpus, &liked, |time| split.of(time) == Split::Train);
        let vocabulary = ItemVocabulary::from_counts(by_time_counts);
        let holdout = Holdout::by_time(&timed(&vocabulary), split);
        let learned = holdout.training.iter().any(|sequence| sequence.len() > 1);
        if learned && holdout.test.len() >= MIN_TEST && holdout.validation.len() >= MIN_TEST {
            let sequences = strip(timed(&vocabulary));
            return Ok(Self::new(vocabulary, sequences, holdout, true));
        }
        let vocabulary = ItemVocabulary::from_counts(counts(corpus, &liked, |_| true));
        let sequences = strip(timed(&vocabulary));
        let holdout = Holdout::leave_one_out(&sequences);
        // The last products of all may be nobody's other ones: only what is
        // learned from may come first.
        let seen = occurrences(&holdout.training, vocabulary.len());
        let ranked = vocabulary.ids().iter().cloned().zip(seen);
        let vocabulary = ItemVocabulary::from_counts(ranked);
        let sequences = strip(timed(&vocabulary));
        let holdout = Holdout::leave_one_out(&sequences);
        Ok(Self::new(vocabulary, sequences, holdout, false))
    }

    fn new(
        vocabulary: ItemVocabulary,
        sequences: Vec<Vec<u32>>,
        holdout: Holdout,
        by_time: bool,
    ) -> Self {
        let seen = occurrences(&holdout.training, vocabulary.len());
        let warm = seen.iter().filter(|count| **count > 0).count();
        Self {
            vocabulary,
            warm,
            sequences,
            holdout,
            by_time,
        }
    }
}

fn occurrences(sequences: &[Vec<u32>], items: usize) -> Vec<u64> {
    let mut counts = vec![0; items];
    for &item in sequences.iter().flatten() {
        counts[item as usize] += 1;
    }
    counts
}

/// The products of each sequence that the model reads, with their times.
fn liked(sequences: &[InteractionSequence]) -> Vec<Vec<(&Id, Timestamp)>> {
    let read = |sequence: &InteractionSequence| -> Vec<usize> {
        let numbered = sequence.items.iter().enumerate();
        let interactions = numbered.map(|(at, (_, kind, _))| (at, *kind));
        corpus::recommend::sequence(interactions, usize::MAX)
    };
    sequences
        .iter()
        .map(|sequence| {
            let mut items: Vec<(&Id, Timestamp)> = Vec::new();
            for at in read(sequence) {
                let (id, _, time) = &sequence.items[at];
                if items.last().is_none_or(|(last, _)| *last != id) {
                    items.push((id, *time));
                }
            }
            items
        })
        .collect()
}

/// How often each product occurs in a time that counts; every product of the
/// catalogue has a count, be it 0.
fn counts(
    corpus: &Corpus,
    liked: &[Vec<(&Id, Timestamp)>],
    is_counted: impl Fn(Timestamp) -> bool,
) -> FxHashMap<Id, u64> {
    let mut counts: FxHashMap<Id, u64> = FxHashMap::default();
    for product in &corpus.products {
        counts.insert(product.id.clone(), 0);
    }
    for (id, time) in liked.iter().flatten() {
        *counts.entry((*id).clone()).or_default() += u64::from(is_counted(*time));
    }
    counts
}

fn strip(timed: Vec<Vec<(u32, Timestamp)>>) -> Vec<Vec<u32>> {
    let items = |sequence: Vec<(u32, Timestamp)>| sequence.into_iter().map(|(item, _)| item);
    timed.into_iter().map(|s| items(s).collect()).collect()
}

fn stop_if_asked(job: &Job) -> Result<(), TrainError> {
    if job.stopped() {
        return Err(TrainError::Stopped);
    }
    Ok(())
}

/// Runs the epochs with a checkpoint after each that validates.
fn train_decoder(data: &Data, job: &Job) -> Result<Fitted, TrainError> {
    let holdout = &data.holdout;
    let options = FitOptions {
        threads: job.threads.max(1),
        seed: job.seed,
        ..FitOptions::for_data(job.size, &holdout.training, data.warm)
    };
    let mut run = TrainingRun::start(holdout, &known(data), data.warm, &options)?;
    let path = job.folder.join("recommend.checkpoint");
    if job.resume
        && let Ok(bytes) = std::fs::read(&path)
        && !run.restore(&bytes)
    {
        tracing::warn!("the checkpoint is of other data or options; training starts anew");
    }
    job.progress
        .begin("recommend: sequence model", options.epochs as u64);
    while !run.is_over() {
        let ControlFlow::Continue(epoch) = run.epoch(&|| job.stopped()) else {
            return Err(TrainError::Stopped);
        };
        let message = format!(
            "loss {:.3}, best NDCG@10 {:.4}",
            epoch.loss,
            epoch.best.0.max(0.0)
        );
        job.progress.advance(epoch.done as u64, &message);
        if epoch.validation.is_some() {
            write_checkpoint(&path, &run.checkpoint()?)?;
        }
    }
    let fitted = run.finish();
    job.progress.end(&format!(
        "NDCG@10 {:.4} on validation after {} epochs",
        fitted.validation, fitted.epochs
    ));
    Ok(fitted)
}

/// The validation examples whose answer the decoder can give.
fn known(data: &Data) -> Vec<next_item::Example> {
    let known = |target: u32| (target as usize) < data.warm;
    let examples = data.holdout.validation.iter();
    examples.filter(|e| known(e.target)).cloned().collect()
}

/// Written beside and then renamed: a crash leaves the old one whole.
fn write_checkpoint(path: &PathBuf, bytes: &[u8]) -> Result<(), TrainError> {
    let beside = path.with_extension("writing");
    std::fs::write(&beside, bytes)
        .and_then(|()| std::fs::rename(&beside, path))
        .map_err(|error| TrainError::Checkpoint {
            path: path.display().to_string(),
            reason: error.to_string(),
        })
}

/// The model beside the list that is the same for everybody.
fn figures(own: &Evaluation, holdout: &Holdout, items: usize, threads: usize) -> Vec<Metric> {
    let popularity: Vec<f32> = occurrences(&holdout.histories, items)
        .into_iter()
        .map(|count| count as f32)
        .collect();
    let test = subsample(&holdout.test, items);
    let popular = next_item::evaluate(&test, items, threads, |_, scores| {
        scores.copy_from_slice(&popularity);
    });
    let metric = |name: &str, figure: fn(&NextItemFigures) -> f64| Metric {
        name: name.to_owned(),
        value: figure(&own.figures),
        baseline_name: "popular".to_owned(),
        baseline: figure(&popular.figures),
        higher_is_better: true,
    };
    if holdout.test.is_empty() {
        return Vec::new();
    }
    vec![
        metric("recall@10", NextItemFigures::recall),
        metric("ndcg@10", NextItemFigures::ndcg),
    ]
}

/// The products that have a number, with it.
fn numbered<'a>(
    corpus: &'a Corpus,
    data: &'a Data,
) -> impl Iterator<Item = (u32, &'a shop::Product)> {
    let products = corpus.products.iter();
    products.filter_map(|product| Some((data.vocabulary.place(&product.id)?, product)))
}

fn text_index(corpus: &Corpus, data: &Data) -> TextIndex {
    TextIndex::new(numbered(corpus, data))
}

/// What serving needs to know of the products themselves.
fn product_files(
    corpus: &Corpus,
    data: &Data,
    text: &TextIndex,
    by_text: &ItemItemMatrix,
    threads: usize,
) -> Result<BTreeMap<String, Vec<u8>>, TrainError> {
    let items = data.vocabulary.len();
    let alike = NeighbourOptions {
        longest: LONGEST,
        shrinkage: 10.0,
        window: MAX_HISTORY,
        threads,
        ..NeighbourOptions::default()
    };
    let together = NeighbourOptions {
        shrinkage: 3.0,
        ..alike
    };
    let lists = [
        (
            artifact::SIMILAR,
            neighbours(&data.sequences, items, &alike),
        ),
        (
            artifact::TOGETHER,
            neighbours(&baskets(corpus, &data.vocabulary), items, &together),
        ),
        (artifact::COLD, cold(data, by_text)),
    ];
    let mut files = BTreeMap::from([
        (artifact::ITEMS.to_owned(), json_file(&data.vocabulary)?),
        (artifact::TEXT.to_owned(), json_file(text)?),
        (
            artifact::REPURCHASE_INTERVALS.to_owned(),
            json_file(&repurchase_intervals(corpus))?,
        ),
    ]);
    for (name, lists) in lists {
        let bytes = lists.to_safetensors().map_err(fit::engine)?;
        files.insert(name.to_owned(), bytes);
    }
    Ok(files)
}

/// What each customer bought at one moment, each product once.
fn baskets(corpus: &Corpus, vocabulary: &ItemVocabulary) -> Vec<Vec<u32>> {
    let mut baskets = Vec::new();
    for sequence in &corpus.sequences {
        let mut by_time: BTreeMap<Timestamp, Vec<u32>> = BTreeMap::new();
        for (id, kind, time) in &sequence.items {
            if let (EventKind::Purchase, Some(item)) = (kind, vocabulary.place(id)) {
                by_time.entry(*time).or_default().push(item);
            }
        }
        for mut basket in by_time.into_values() {
            basket.sort_unstable();
            basket.dedup();
            if basket.len() > 1 {
                baskets.push(basket);
            }
        }
    }
    baskets
}

/// How soon products are bought again.
fn repurchase_intervals(corpus: &Corpus) -> RepurchaseIntervals {
    let leaf = |product: &'_ shop::Product| product.leaf_category().map(str::to_owned);
    let categories: FxHashMap<&Id, String> = corpus
        .products
        .iter()
        .filter_map(|product| Some((&product.id, leaf(product)?)))
        .collect();
    let known = corpus.sequences.iter().filter(|s| !s.anonymous);
    let purchases = known.map(|sequence| {
        let items = sequence.items.iter();
        items
            .filter(|(_, kind, _)| *kind == EventKind::Purchase)
            .map(|(id, _, time)| (id, *time))
            .collect()
    });
    RepurchaseIntervals::learn(purchases, |id| categories.get(id).map(String::as_str))
}

/// For each product that nobody has touched, those touched ones whose text is
/// most like its own.
fn cold(data: &Data, by_text: &ItemItemMatrix) -> ItemItemMatrix {
    let touched = occurrences(&data.sequences, data.vocabulary.len());
    ItemItemMatrix::from_rows((0_u32..).zip(&touched).map(|(item, count)| {
        // Untouched ones are often alike: the list is longer than is taken.
        let alike = by_text.row(item).filter(|_| *count == 0);
        alike
            .filter(|alike| touched[alike.place as usize] > 0)
            .take(COLD_NEIGHBOURS)
            .collect()
    }))
}

fn json_file(value: &impl serde::Serialize) -> Result<Vec<u8>, TrainError> {
    serde_json::to_vec(value).map_err(fit::engine)
}

#[cfg(test)]
mod tests;
