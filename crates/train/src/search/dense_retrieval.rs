//! The shop's own encoder, trained from nothing: a query shall be near to the
//! product that it leads to. Queries are those that customers chose or judges
//! graded something for, reviews, and what the catalogue itself says: words of
//! a title, words of a description, the same thing in another language. Half
//! of the time the words asked for are taken out of the product, so that what
//! stands beside them is learnt to mean the same.

use corpus::search::encoder_input::{query_tokens, term_token, term_weight, token};
use corpus::search::{Collection, Document, Query, TermId};
use corpus::{Corpus, Split};
use models::static_encoder::{StaticEncoder, StaticTrainer, WeightedRows};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustc_hash::{FxHashMap, FxHashSet};
use shop::Id;

use crate::{Job, Size, TrainError};

const WIDTH: usize = 128;
const BATCH: usize = 512;
const RATE: f32 = 0.03;
const TEMPERATURE: f32 = 0.07;
/// How many terms of a long description are looked at.
const MOST_TERMS: usize = 160;
/// How many words of a review.
const MOST_REVIEW_WORDS: usize = 30;
/// How many times as long the vector of the rarest token is at first.
const COMMONEST: f32 = 0.1;

/// How often each product is looked at.
fn views(size: Size) -> usize {
    match size {
        Size::Tiny => 3,
        Size::Small => 8,
        Size::Base => 16,
    }
}

/// A query that somebody typed and what it led to.
struct QueryExample {
    tokens: WeightedRows,
    /// The same for the same query.
    query: usize,
    product: usize,
}

/// One side of a pair and what it belongs to.
type Side = (WeightedRows, usize);

struct Sampler<'a> {
    collection: &'a Collection,
    /// Of each term.
    rows: Vec<u32>,
    /// Of each product: what it is a variant or a translation of.
    families: Vec<usize>,
    relatives: FxHashMap<usize, Vec<usize>>,
    asked: Vec<QueryExample>,
}

/// Trains the encoder of a catalogue and of those queries of its log that
/// `taught` says.
pub(super) fn train_encoder(
    corpus: &Corpus,
    collection: &Collection,
    encoder_queries: EncoderQueries,
    job: &Job,
) -> Result<StaticEncoder, TrainError> {
    let vocabulary = vocabulary(collection, corpus, encoder_queries);
    let encoder = StaticEncoder::new(&vocabulary, WIDTH, job.seed);
    let sampler = Sampler::new(corpus, collection, encoder_queries, &encoder);
    let mut random = ChaCha8Rng::seed_from_u64(job.seed ^ 0x6d65_616e);
    let products = corpus.products.len();
    let batch = BATCH.min(products.div_ceil(2)).max(2);
    let steps = (products * views(job.size)).div_ceil(batch).max(40);
    job.progress.begin("search: encoder", steps as u64);
    let mut trainer = StaticTrainer::new(encoder, RATE, TEMPERATURE);
    let mut order: Vec<usize> = Vec::new();
    let mut loss = 0.0;
    for step in 0..steps {
        if job.stopped() {
            return Err(TrainError::Stopped);
        }
        let (mut pairs, mut groups) = (Vec::new(), (Vec::new(), Vec::new()));
        while pairs.len() < batch {
            if order.is_empty() {
                order = (0..products).collect();
                order.shuffle(&mut random);
            }
            let Some(product) = order.pop() else { break };
            let (left, right) = sampler.pair(product, &mut random);
            groups.0.push(left.1);
            groups.1.push(right.1);
            pairs.push((left.0, right.0));
        }
        let last = trainer.step(&pairs, &groups);
        loss = if step == 0 {
            last
        } else {
            0.95 * loss + 0.05 * last
        };
        if step % 10 == 0 {
            job.progress
                .advance(step as u64, &format!("loss {loss:.3}"));
        }
    }
    job.progress.end(&format!(
        "search: encoder of {} tokens, loss {loss:.3} after {steps} steps",
        vocabulary.len()
    ));
    Ok(trainer.into_encoder())
}

/// Every token that may have a vector with the length it begins with: the
/// rarer, the longer.
fn vocabulary(
    collection: &Collection,
    corpus: &Corpus,
    encoder_queries: EncoderQueries,
) -> Vec<(u64, f32)> {
    let rarest = (1.0 + corpus.products.len() as f32).ln().max(1.0);
    let mut tokens: Vec<(u64, f32)> = (0..collection.terms() as TermId)
        .map(|term| {
            let rarity = (collection.rarity(term) / rarest).clamp(COMMONEST, 1.0);
            (term_token(collection, term), rarity)
        })
        .collect();
    for query in learnt_from(corpus, encoder_queries)
        .map(|(query, _)| query)
        .collect::<FxHashSet<_>>()
    {
        let query = Query::interpret(collection, query, None);
        tokens.extend(
            query_tokens(collection, &query)
                .into_iter()
                .map(|(token, _)| (token, 0.7)),
        );
    }
    let known = collection.terms();
    tokens[known..].sort_unstable_by_key(|(token, _)| *token);
    tokens
}

/// With fewer queries than these all of them teach the ranker.
const LEAST_QUERIES: usize = 400;

/// Which queries teach the encoder.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum EncoderQueries {
    /// Too few to teach it anything that holds for others.
    None,
    /// One half, the other one teaches the ranker: a ranker that learns from
    /// what the encoder has learnt by heart trusts meaning far too much where
    /// both see a query for the first time.
    Half,
    /// All, once the ranker has learnt (stacking; Wolpert, 1992).
    All,
}

impl EncoderQueries {
    /// What is right while the ranker has still to learn.
    pub(super) fn first(corpus: &Corpus) -> Self {
        let queries: FxHashSet<&str> = typed(corpus).map(|(query, _)| query).collect();
        if queries.len() < LEAST_QUERIES {
            Self::None
        } else {
            Self::Half
        }
    }

    pub(super) fn contains(self, query: &str) -> bool {
        match self {
            Self::None => false,
            Self::Half => token(query, false).is_multiple_of(2),
            Self::All => true,
        }
    }
}

/// What teaches the encoder.
fn learnt_from(
    corpus: &Corpus,
    encoder_queries: EncoderQueries,
) -> impl Iterator<Item = (&str, (&Id, f32))> {
    typed(corpus).filter(move |(query, _)| encoder_queries.contains(query))
}

/// What customers chose and judges graded, each as often as it weighs.
fn typed(corpus: &Corpus) -> impl Iterator<Item = (&str, (&Id, f32))> {
    let clicks = corpus
        .query_clicks
        .iter()
        .filter(|click| click.split == Split::Train)
        .map(|click| (click.query.as_str(), (&click.product, click.weight)));
    let judged = corpus
        .judgements
        .iter()
        .filter(|judgement| judgement.grade > 0.0)
        .map(|judgement| {
            let product = (&judgement.product_id, judgement.grade);
            (judgement.query.as_str(), product)
        });
    clicks.chain(judged)
}

impl<'a> Sampler<'a> {
    fn new(
        corpus: &'a Corpus,
        collection: &'a Collection,
        encoder_queries: EncoderQueries,
        encoder: &StaticEncoder,
    ) -> Self {
        let row = |term: TermId| {
            let rows = encoder.rows(&[(term_token(collection, term), 1.0)]);
            rows.first().map_or(u32::MAX, |(row, _)| *row)
        };
        let numbers: FxHashMap<&Id, usize> = corpus
            .products
            .iter()
            .map(|product| &product.id)
            .zip(0..)
            .collect();
        let mut sampler = Self {
            collection,
            rows: (0..collection.terms() as TermId).map(row).collect(),
            families: (0..corpus.products.len()).collect(),
            relatives: FxHashMap::default(),
            asked: Vec::new(),
        };
        sampler.find_families(corpus);
        sampler.read_queries(corpus, encoder_queries, encoder, &numbers);
        sampler.read_reviews(corpus, encoder, &numbers);
        sampler
    }

    fn find_families(&mut self, corpus: &Corpus) {
        let mut first: FxHashMap<&Id, usize> = FxHashMap::default();
        for (number, product) in corpus.products.iter().enumerate() {
            if let Some(group) = &product.group_id {
                let family = *first.entry(group).or_insert(number);
                self.families[number] = family;
                self.relatives.entry(family).or_default().push(number);
            }
        }
        self.relatives.retain(|_, members| members.len() > 1);
    }

    fn read_queries(
        &mut self,
        corpus: &Corpus,
        encoder_queries: EncoderQueries,
        encoder: &StaticEncoder,
        numbers: &FxHashMap<&Id, usize>,
    ) {
        let mut known: FxHashMap<&str, (usize, WeightedRows)> = FxHashMap::default();
        for (text, (product, weight)) in learnt_from(corpus, encoder_queries) {
            let Some(&product) = numbers.get(product) else {
                continue;
            };
            let next = corpus.products.len() + known.len();
            let (query, tokens) = known.entry(text).or_insert_with(|| {
                let query = Query::interpret(self.collection, text, None);
                (next, encoder.rows(&query_tokens(self.collection, &query)))
            });
            for _ in 0..(weight.round().clamp(1.0, 5.0) as usize) {
                self.asked.push(QueryExample {
                    tokens: tokens.clone(),
                    query: *query,
                    product,
                });
            }
        }
    }

    fn read_reviews(
        &mut self,
        corpus: &Corpus,
        encoder: &StaticEncoder,
        numbers: &FxHashMap<&Id, usize>,
    ) {
        for (at, review) in corpus.reviews.iter().enumerate() {
            let product = review.product.as_ref().and_then(|id| numbers.get(id));
            let (Some(&product), Split::Train) = (product, review.split) else {
                continue;
            };
            let analyser = corpus::search::analysis::Analyser::new(review.language.as_deref());
            let words = analyser.tokens(&review.text).into_iter();
            let tokens: Vec<(u64, f32)> = words
                .take(MOST_REVIEW_WORDS)
                .map(|word| (token(&word.term, word.gram), 1.0))
                .collect();
            self.asked.push(QueryExample {
                tokens: encoder.rows(&tokens),
                query: usize::MAX - at,
                product,
            });
        }
    }

    /// A pair for this product; now and then one that somebody asked for
    /// instead.
    fn pair(&self, product: usize, random: &mut ChaCha8Rng) -> (Side, Side) {
        if !self.asked.is_empty()
            && random.random::<f32>() < 0.4
            && let Some(asked) = self.asked.choose(random)
        {
            let right = self.document(asked.product, &[], random);
            return ((asked.tokens.clone(), asked.query), right);
        }
        let relatives = self.relatives.get(&self.families[product]);
        if let Some(relatives) = relatives
            && random.random::<f32>() < 0.4
            && let Some(&other) = relatives.choose(random)
        {
            return (
                self.document(product, &[], random),
                self.document(other, &[], random),
            );
        }
        let asked = self.ask(&self.collection.documents()[product], random);
        let removed = if random.random::<f32>() < 0.5 {
            &asked[..]
        } else {
            &[]
        };
        let right = self.document(product, removed, random);
        let left = asked.iter().map(|term| (self.rows[*term as usize], 1.0));
        ((left.collect(), self.families[product]), right)
    }

    /// Terms that somebody could ask for this product with.
    fn ask(&self, document: &Document, random: &mut ChaCha8Rng) -> Vec<TermId> {
        let rest: Vec<TermId> = document
            .counts
            .iter()
            .map(|(term, _)| *term)
            .filter(|term| document.title_terms.binary_search(term).is_err())
            .collect();
        let title = if document.title.is_empty() {
            &document.title_terms
        } else {
            &document.title
        };
        let draw = random.random::<f32>();
        if title.is_empty() || (draw < 0.35 && !rest.is_empty()) {
            let wanted = random.random_range(2..=6);
            return rest.sample(random, wanted).copied().collect();
        }
        let wanted = random.random_range(1..=4).min(title.len());
        if draw < 0.7 {
            let start = random.random_range(0..=title.len() - wanted);
            return title[start..start + wanted].to_vec();
        }
        title.sample(random, wanted).copied().collect()
    }

    fn document(&self, product: usize, removed: &[TermId], random: &mut ChaCha8Rng) -> Side {
        let document = &self.collection.documents()[product];
        let terms = document.counts.iter().map(|(term, _)| *term);
        let mut kept: Vec<TermId> = terms.filter(|term| !removed.contains(term)).collect();
        if kept.len() > MOST_TERMS {
            kept.shuffle(random);
            kept.truncate(MOST_TERMS);
        }
        let rows = kept
            .into_iter()
            .map(|term| (self.rows[term as usize], term_weight(document, term)));
        (rows.collect(), self.families[product])
    }
}
