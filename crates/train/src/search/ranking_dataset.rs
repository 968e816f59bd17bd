use std::collections::BTreeMap;

use corpus::search::encoder_input::{document_tokens, query_tokens};
use corpus::search::features::{
    bm25, click_share, features, place, price_position, relative_to_best, taste,
};
use corpus::search::term_coverage::{term_coverage, term_weights};
use corpus::search::{Circumstances, Collection, Features, Query, TermId, exact_key};
use corpus::{Corpus, InteractionSequence, QueryClick, Split};
use models::index::{Scored, top};
use models::static_encoder::{StaticEncoder, product};
use rustc_hash::FxHashMap;
use shop::{Id, Timestamp};

/// How many products a list holds.
const LIST: usize = 100;
/// How many more by meaning.
const NEAR: usize = 50;
/// How many of somebody's last interactions make up their taste.
const RECENT: usize = 50;
/// A purchase or a perfect judgement as a label.
const MOST: f32 = 3.0;

/// A query's candidates with what was right about them.
#[derive(Debug, Clone, Default)]
pub(super) struct QueryGroup {
    pub features: Vec<Features>,
    pub labels: Vec<f32>,
    /// The labels of what was right but not retrieved.
    pub missed: Vec<f32>,
    /// How much it says beside other lists: clicks of one search count once.
    pub weight: f64,
    /// Whether people graded it, instead of choosing from it.
    pub judged: bool,
    /// Of each graded product: how much of what was asked for its words say
    /// beside the most that any says, and whether it was right.
    pub graded: Vec<(f32, bool)>,
}

/// The lists of a corpus.
#[derive(Debug, Default)]
pub(super) struct RankingDataset {
    pub learn: Vec<QueryGroup>,
    pub held_out: Vec<QueryGroup>,
}

/// Somebody's search: the query, what was right, and what had been known.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    query: String,
    customer: Option<Id>,
    time: Option<Timestamp>,
    labels: BTreeMap<u32, f32>,
    /// Interest that other people showed after the same query.
    clicks: BTreeMap<u32, f32>,
    pub split: Split,
    /// Whether people graded the products, instead of choosing one.
    pub judged: bool,
}

impl Request {
    pub(super) fn query(&self) -> &str {
        &self.query
    }
}

/// Retrieves candidates and computes their features.
pub(super) struct Retriever<'a> {
    corpus: &'a Corpus,
    collection: &'a Collection,
    postings: Vec<Vec<u32>>,
    numbers: FxHashMap<&'a Id, u32>,
    popularity: Vec<f32>,
    sequences: FxHashMap<&'a Id, &'a InteractionSequence>,
    encoder: &'a StaticEncoder,
    /// `[products, width]`.
    vectors: Vec<f32>,
    seed: u64,
}

impl<'a> Retriever<'a> {
    pub(super) fn new(
        corpus: &'a Corpus,
        collection: &'a Collection,
        encoder: &'a StaticEncoder,
        seed: u64,
    ) -> Self {
        let mut postings = vec![Vec::new(); collection.terms()];
        for (number, document) in (0_u32..).zip(collection.documents()) {
            for (term, _) in &document.counts {
                postings[*term as usize].push(number);
            }
        }
        let numbers: FxHashMap<&Id, u32> = corpus
            .products
            .iter()
            .map(|product| &product.id)
            .zip(0..)
            .collect();
        let mut popularity = vec![0.0; corpus.products.len()];
        for (product, kind, _) in corpus.sequences.iter().flat_map(|sequence| &sequence.items) {
            if let Some(number) = numbers.get(product) {
                popularity[*number as usize] += kind.interest();
            }
        }
        let sequences = corpus.sequences.iter().map(|s| (&s.customer, s)).collect();
        Self {
            corpus,
            collection,
            postings,
            numbers,
            popularity,
            sequences,
            encoder,
            vectors: vectors(collection, encoder),
            seed,
        }
    }

    /// Every list that can be made, in an order that mixes clicks, judgements
    /// and queries.
    pub(super) fn requests(&self) -> Vec<Request> {
        let mut requests = self.click_requests();
        requests.extend(self.judgement_requests());
        let held_out = requests.iter().any(|request| request.split != Split::Train);
        for request in &mut requests {
            if !held_out && draw(self.seed, "held out", &request.query).is_multiple_of(5) {
                request.split = Split::Test;
            }
        }
        requests.sort_by_cached_key(|request| {
            let who = request.customer.as_ref().map_or("", Id::as_str);
            (draw(self.seed, who, &request.query), request.query.clone())
        });
        requests
    }

    /// The clicks after each query, one list a customer. Half of the customers
    /// are what had been known when the other half searched, so that the share
    /// of clicks is learnt from without being the label itself.
    fn click_requests(&self) -> Vec<Request> {
        let mut by_query: BTreeMap<&str, Vec<&QueryClick>> = BTreeMap::new();
        for click in &self.corpus.query_clicks {
            by_query.entry(&click.query).or_default().push(click);
        }
        let mut requests = Vec::new();
        for (query, clicks) in by_query {
            let mut known: BTreeMap<u32, f32> = BTreeMap::new();
            let mut asked: BTreeMap<String, Request> = BTreeMap::new();
            for click in clicks {
                let Some(&number) = self.numbers.get(&click.product) else {
                    continue;
                };
                let people = click.customers.len().max(1);
                let each = click.weight / people as f32;
                for at in 0..people {
                    let customer = click.customers.get(at);
                    let name = customer.map_or(click.product.as_str(), Id::as_str);
                    if draw(self.seed, name, query).is_multiple_of(2) {
                        *known.entry(number).or_default() += each;
                        continue;
                    }
                    let request = asked.entry(name.to_owned()).or_default();
                    request.query = query.to_owned();
                    request.customer = customer.cloned();
                    request.time = Some(click.time);
                    request.split = click.split;
                    // A click .3, a purchase 1: three grades, as judges give.
                    request
                        .labels
                        .insert(number, (each * MOST).clamp(0.1, MOST));
                }
            }
            requests.extend(asked.into_values().map(|mut request| {
                request.clicks = known.clone();
                request
            }));
        }
        requests
    }

    fn judgement_requests(&self) -> Vec<Request> {
        let mut by_query: BTreeMap<&str, Request> = BTreeMap::new();
        for judgement in &self.corpus.judgements {
            let Some(&number) = self.numbers.get(&judgement.product_id) else {
                continue;
            };
            let request = by_query.entry(&judgement.query).or_default();
            request.query = judgement.query.clone();
            request.judged = true;
            request.labels.insert(number, judgement.grade);
        }
        by_query
            .into_values()
            .filter(|request| request.labels.values().any(|label| *label > 0.0))
            .collect()
    }

    /// The list of one search; `None` when nothing right was retrieved, or
    /// nothing but.
    pub(super) fn list(&self, request: &Request) -> Option<QueryGroup> {
        let query = Query::interpret(self.collection, &request.query, None);
        let meaning = self.meaning(&query);
        let mut numbers = self.retrieve(&query, &meaning);
        // Judges saw what other systems found; serving adds what was chosen.
        numbers.extend(request.clicks.keys());
        numbers.sort_unstable();
        numbers.dedup();
        let retrieved = |number: &u32| numbers.binary_search(number).is_ok();
        let right = request.labels.iter().filter(|(_, label)| **label > 0.0);
        let (found, missed): (Vec<_>, Vec<_>) = right.partition(|(number, _)| retrieved(number));
        let labels: Vec<f32> = numbers
            .iter()
            .map(|number| request.labels.get(number).copied().unwrap_or_default())
            .collect();
        if found.is_empty() || labels.windows(2).all(|pair| pair[0] == pair[1]) {
            return None;
        }
        let features = self.features(request, &query, &meaning, &numbers);
        let graded = match request.judged {
            true => self.graded(request, &query, &numbers),
            false => Vec::new(),
        };
        Some(QueryGroup {
            features,
            graded,
            labels,
            missed: missed.into_iter().map(|(_, label)| *label).collect(),
            weight: 1.0,
            judged: request.judged,
        })
    }

    /// Of the graded products of a list: what they have of what was asked for.
    fn graded(&self, request: &Request, query: &Query, numbers: &[u32]) -> Vec<(f32, bool)> {
        let weights = term_weights(query);
        let coverage = |number: u32| {
            let document = &self.collection.documents()[number as usize];
            term_coverage(query, &weights, document) as f32
        };
        let most = numbers.iter().map(|number| coverage(*number));
        let most = most.fold(1.0, f32::max);
        let graded = numbers.iter().filter_map(|number| {
            let grade = request.labels.get(number)?;
            Some((coverage(*number) / most, *grade > 0.0))
        });
        graded.collect()
    }

    /// The cosine of each product to a query.
    fn meaning(&self, query: &Query) -> Vec<f32> {
        let own = self.encoder.encode(&query_tokens(self.collection, query));
        let rows = self.vectors.chunks_exact(self.encoder.width());
        rows.map(|row| product(row, &own)).collect()
    }

    /// The best documents by BM25 of those that have any of the words, and
    /// those that mean the nearest.
    fn retrieve(&self, query: &Query, meaning: &[f32]) -> Vec<u32> {
        let terms: Vec<TermId> = query
            .words
            .iter()
            .flat_map(|word| &word.alternatives)
            .flat_map(|alternative| alternative.terms.iter().copied())
            .collect();
        let mut numbers: Vec<u32> = terms
            .iter()
            .flat_map(|term| self.postings[*term as usize].iter().copied())
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut scored: Vec<(f32, u32)> = numbers
            .into_iter()
            .map(|number| {
                let document = &self.collection.documents()[number as usize];
                (bm25(self.collection, query, document), number)
            })
            .filter(|(score, _)| *score > 0.0)
            .collect();
        scored.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
        scored.truncate(LIST);
        let near = (0..)
            .zip(meaning)
            .map(|(place, &score)| Scored { place, score });
        let near = top(near.filter(|near| near.score > 0.0), NEAR);
        let mut numbers: Vec<u32> = scored.into_iter().map(|(_, number)| number).collect();
        numbers.extend(near.into_iter().map(|near| near.place));
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    fn features(
        &self,
        request: &Request,
        query: &Query,
        meaning: &[f32],
        numbers: &[u32],
    ) -> Vec<Features> {
        let products: Vec<&shop::Product> = numbers
            .iter()
            .map(|number| &self.corpus.products[*number as usize])
            .collect();
        let price = |product: &shop::Product| product.price.map(|price| price.amount);
        let mut prices: Vec<i64> = products
            .iter()
            .filter_map(|product| price(product))
            .collect();
        prices.sort_unstable();
        let taste_of = self.taste(request);
        let all_clicks: f32 = request.clicks.values().sum();
        let mut list: Vec<Features> = numbers
            .iter()
            .zip(&products)
            .map(|(number, product)| {
                let own = request.labels.get(number).copied().unwrap_or_default() / MOST;
                let clicks = request.clicks.get(number).copied().unwrap_or_default();
                let circumstances = Circumstances {
                    // Without what this very search added to it.
                    interest: self.popularity[*number as usize] - own,
                    clicks: click_share(clicks, all_clicks),
                    taste: taste_of(product),
                    price_position: price_position(price(product), &prices),
                    can_be_ordered: product.availability.can_be_ordered(),
                    exact_title: exact_key(&product.title) == query.exact,
                    speaks_language: true,
                    meaning: meaning[*number as usize],
                };
                let document = &self.collection.documents()[*number as usize];
                features(self.collection, query, document, &circumstances)
            })
            .collect();
        relative_to_best(&mut list);
        debug_assert!(list.iter().all(|one| one[place::BM25] <= 1.0));
        list
    }

    /// How much of what the customer had looked at is like a product; what
    /// this search led to is left out.
    fn taste(&self, request: &Request) -> impl Fn(&shop::Product) -> f32 {
        let sequence = request
            .customer
            .as_ref()
            .and_then(|id| self.sequences.get(id));
        let (mut categories, mut brands) = (FxHashMap::default(), FxHashMap::default());
        let mut all = 0.0_f32;
        let before = sequence
            .into_iter()
            .flat_map(|sequence| sequence.items.iter().rev());
        let before = before
            .filter(|(_, _, time)| request.time.is_none_or(|asked| *time < asked))
            .take(RECENT);
        for (id, kind, _) in before {
            let Some(number) = self.numbers.get(id) else {
                continue;
            };
            if request.labels.contains_key(number) {
                continue;
            }
            let product = &self.corpus.products[*number as usize];
            all += kind.interest();
            if let Some(category) = product.leaf_category() {
                *categories.entry(category.to_owned()).or_insert(0.0) += kind.interest();
            }
            if let Some(brand) = &product.brand {
                *brands.entry(brand.clone()).or_insert(0.0) += kind.interest();
            }
        }
        move |product| {
            let category = product
                .leaf_category()
                .and_then(|name| categories.get(name));
            let brand = product.brand.as_ref().and_then(|name| brands.get(name));
            taste(
                category.copied().unwrap_or_default(),
                brand.copied().unwrap_or_default(),
                all,
            )
        }
    }
}

/// The vector of each product.
fn vectors(collection: &Collection, encoder: &StaticEncoder) -> Vec<f32> {
    let documents = collection.documents().iter();
    documents
        .flat_map(|document| encoder.encode(&document_tokens(collection, document)))
        .collect()
}

/// A number that depends on the seed and two texts and on nothing else
/// (FNV-1a with a final mix).
fn draw(seed: u64, left: &str, right: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ seed;
    for byte in left.bytes().chain([0xff]).chain(right.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}
