//! Training of search: a linear ranker learns from what customers chose after
//! a query, and from judgements where there are any.
//!
//! Every list that it learns from is what BM25 retrieves for a query, with the
//! features that serving computes. The loss is LambdaRank's (Burges, 2010):
//! logistic over pairs, each weighted by what swapping it would change of
//! nDCG. It is held to the default weights, so that what the log says nothing
//! about stays as it was.

mod coordinate_ascent;
mod dense_retrieval;
mod lambda_mart;
mod lambda_rank;
mod min_should_match;
mod model_selection;
mod ranking_dataset;

use std::collections::BTreeMap;

use corpus::search::features::place;
use corpus::search::{Collection, FEATURES, Ranker};
use corpus::{Corpus, Split};
use models::boosted_trees::BoostedTrees;
use models::static_encoder::StaticEncoder;
use serde_json::json;

use shop::Metric;

use crate::job::{file_of, read_json};
use crate::{Job, Size, TrainError, Trained};
use dense_retrieval::EncoderQueries;
use lambda_mart::lambda_mart;
use lambda_rank::mean_ndcg;
use ranking_dataset::{QueryGroup, RankingDataset, Request, Retriever};

/// Of the gradient's descent.
const STEPS: u64 = 300;

/// What a graded list weighs at most beside a clicked one.
const MOST_WEIGHT: f64 = 30.0;

/// How many lists are enough: more change fifteen weights no more.
fn most_lists(size: Size) -> usize {
    match size {
        Size::Tiny => 1_500,
        Size::Small => 4_000,
        Size::Base => 12_000,
    }
}

/// The files of the encoder and the ranker as they were measured, where those
/// that serve learnt from the held-out queries as well.
const MEASURED_ENCODER: &str = "measured_encoder.bin";
const MEASURED_RANKER: &str = "measured_ranker.json";
const ENCODER: &str = "encoder.bin";
const RANKER: &str = "ranker.json";
const TREES: &str = "trees.json";

/// What a shop lacks to train on, and how to bring it.
pub fn missing_data(corpus: &Corpus) -> Option<String> {
    let missing = corpus.products.is_empty();
    missing.then(|| "there are no products; import a catalogue first".to_owned())
}

/// What a version of before scores on today's held-out queries over today's
/// catalogue, by its encoder and ranker as they were measured.
pub fn evaluate(
    corpus: &Corpus,
    files: &BTreeMap<String, Vec<u8>>,
    job: &Job,
) -> Result<Vec<Metric>, TrainError> {
    let measured = |name, serving| match files.contains_key(name) {
        true => name,
        false => serving,
    };
    let encoder = file_of(files, measured(MEASURED_ENCODER, ENCODER))?;
    let encoder = StaticEncoder::from_bytes(encoder)
        .map_err(|error| TrainError::Engine(error.to_string()))?;
    let ranker: Ranker = read_json(files, measured(MEASURED_RANKER, RANKER))?;
    if !ranker.fits() {
        let reason = "its ranker has other features than this program; train again";
        return Err(TrainError::Engine(reason.to_owned()));
    }
    let trees: BoostedTrees = read_json(files, TREES)?;
    let products: Vec<&shop::Product> = corpus.products.iter().collect();
    let collection = Collection::build(&products, job.threads);
    let queries = EncoderQueries::first(corpus);
    let is_held_out = |split| split != Split::Train;
    let dataset = ranking_dataset(corpus, &collection, queries, &encoder, is_held_out, job)?;
    Ok(figures(&dataset.held_out, &ranker, &trees))
}

/// Trains the ranker on the clicks and judgements of a corpus. With neither,
/// the default weights are what is left behind.
pub fn train(corpus: &Corpus, job: &Job) -> Result<Trained, TrainError> {
    if let Some(reason) = missing_data(corpus) {
        let service = "search";
        return Err(TrainError::NoData { service, reason });
    }
    job.progress.begin("search: the catalogue as terms", 0);
    let products: Vec<&shop::Product> = corpus.products.iter().collect();
    let collection = Collection::build(&products, job.threads);
    job.progress.end(&format!(
        "search: {} products, {} terms",
        products.len(),
        collection.terms()
    ));
    let encoder_queries = EncoderQueries::first(corpus);
    let encoder = dense_retrieval::train_encoder(corpus, &collection, encoder_queries, job)?;
    let RankingDataset { learn, held_out } = ranking_dataset(
        corpus,
        &collection,
        encoder_queries,
        &encoder,
        |_| true,
        job,
    )?;
    let default = Ranker::default();
    let ranker = if learn.is_empty() {
        job.progress
            .end("search: no clicks and no judgements to learn from; the default weights stand");
        default
    } else {
        job.progress.begin("search: ranker", STEPS);
        model_selection::select(&learn, &default, STEPS, job)?
    };
    let trees = lambda_mart(&learn, &ranker, job)?;
    let metrics = figures(&held_out, &ranker, &trees);
    let measured = (ranker.clone(), encoder.to_bytes());
    // Where there are few lists the held-out ones have to teach as well, once
    // they have been measured on.
    let ranker = if learn.len() < model_selection::FEW && !learn.is_empty() {
        let all: Vec<QueryGroup> = learn.iter().chain(&held_out).cloned().collect();
        model_selection::select(&all, &Ranker::default(), STEPS, job)?
    } else {
        ranker
    };
    let ranker = Ranker {
        minimum_should_match: min_should_match::learn(&learn, ranker.minimum_should_match),
        ..ranker
    };
    // The figures are those of the encoder that the ranker learnt beside: what
    // serves knows more queries, and its figures would need others to ask.
    let encoder = match encoder_queries {
        EncoderQueries::Half => {
            dense_retrieval::train_encoder(corpus, &collection, EncoderQueries::All, job)?
        }
        EncoderQueries::None | EncoderQueries::All => encoder,
    };
    let statistics = json!({
        "products": products.len(),
        "terms": collection.terms(),
        "words": collection.vocabulary().len(),
        "words_per_product": collection.mean_words(),
        "languages": collection.languages(),
        "trees": trees.len(),
        "lists_learnt_from": learn.len(),
        "lists_held_out": held_out.len(),
        "minimum_should_match": ranker.minimum_should_match,
        "weights": FEATURES.iter().zip(&ranker.weights).collect::<BTreeMap<_, _>>(),
    });
    let file = |value: &serde_json::Value| {
        serde_json::to_vec_pretty(value).map_err(|error| TrainError::Engine(error.to_string()))
    };
    let mut files = BTreeMap::from([
        (ENCODER.to_owned(), encoder.to_bytes()),
        (RANKER.to_owned(), file(&json!(ranker))?),
        (TREES.to_owned(), file(&json!(trees))?),
        ("statistics.json".to_owned(), file(&statistics)?),
    ]);
    let (measured_ranker, measured_encoder) = measured;
    if measured_encoder != files[ENCODER] {
        files.insert(MEASURED_ENCODER.to_owned(), measured_encoder);
    }
    if measured_ranker.weights != ranker.weights {
        files.insert(MEASURED_RANKER.to_owned(), file(&json!(measured_ranker))?);
    }
    Ok(Trained { files, metrics })
}

fn ranking_dataset(
    corpus: &Corpus,
    collection: &Collection,
    encoder_queries: EncoderQueries,
    encoder: &StaticEncoder,
    wanted: impl Fn(Split) -> bool,
    job: &Job,
) -> Result<RankingDataset, TrainError> {
    let retriever = Retriever::new(corpus, collection, encoder, job.seed);
    let mut requests = retriever.requests();
    // Clicks that are held out are not taught to the encoder, whatever their query.
    let unseen = |one: &Request| one.split != Split::Train && !one.judged;
    requests.retain(|one| unseen(one) || !encoder_queries.contains(one.query()));
    requests.truncate(most_lists(job.size));
    requests.retain(|one| wanted(one.split));
    job.progress.begin("search: lists", requests.len() as u64);
    let mut lists = RankingDataset::default();
    for (done, request) in (1..).zip(&requests) {
        if job.stopped() {
            return Err(TrainError::Stopped);
        }
        if let Some(list) = retriever.list(request) {
            match request.split {
                Split::Train => lists.learn.push(list),
                Split::Validation | Split::Test => lists.held_out.push(list),
            }
        }
        if done % 100 == 0 {
            job.progress.advance(done, "");
        }
    }
    weigh(&mut lists.learn);
    job.progress.end(&format!(
        "search: {} lists to learn from, {} held out",
        lists.learn.len(),
        lists.held_out.len()
    ));
    Ok(lists)
}

/// Judges say of every product what it is worth, a click says little of what
/// was not clicked: together the graded lists weigh as much as the clicked
/// ones, though each at most [`MOST_WEIGHT`].
fn weigh(lists: &mut [QueryGroup]) {
    let judged = lists.iter().filter(|list| list.judged).count();
    let clicked = lists.len() - judged;
    let weight = clicked as f64 / judged.max(1) as f64;
    for list in lists.iter_mut().filter(|list| list.judged) {
        list.weight = weight.clamp(1.0, MOST_WEIGHT);
    }
}

/// The learnt order beside BM25 alone on queries that training has not seen:
/// as they stand, and as if nobody had ever clicked after them.
fn figures(held_out: &[QueryGroup], ranker: &Ranker, trees: &BoostedTrees) -> Vec<Metric> {
    if held_out.is_empty() {
        return Vec::new();
    }
    let mut bm25 = Ranker::default();
    bm25.weights.fill(0.0);
    bm25.weights[place::BM25] = 1.0;
    let mut unseen = held_out.to_vec();
    for features in unseen.iter_mut().flat_map(|list| &mut list.features) {
        features[place::CLICKS] = 0.0;
    }
    let metric = |name: &str, lists: &[QueryGroup]| Metric {
        name: name.to_owned(),
        value: mean_ndcg(lists, |features| {
            ranker.score(features) + trees.score(features)
        }),
        baseline_name: "BM25".to_owned(),
        baseline: mean_ndcg(lists, |features| bm25.score(features)),
        higher_is_better: true,
    };
    vec![
        metric("ndcg@10", held_out),
        metric("ndcg@10_without_clicks", &unseen),
    ]
}

#[cfg(test)]
mod tests;
