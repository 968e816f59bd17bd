//! Search: words to products.
//!
//! Tantivy finds the products that have any of the query's words (each word
//! standing for its stem, its correction, the words that it begins, …); the
//! filter leaves those that may be shown; the best of them by BM25 are put in
//! order by a linear ranker over the features of [`corpus::search`], which a
//! click changes as soon as it is in the snapshot. What cannot be ordered
//! ranks lower but is shown, unless the filter says otherwise.

mod facet;
mod highlight;
mod index;
mod meaning;
mod page;
mod query;
mod rank;
mod suggest;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use corpus::search::features::place;
use corpus::search::understanding::Wish;
use corpus::search::{FEATURES, Field, Query, QueryWord, Ranker};
use models::boosted_trees::BoostedTrees;
use models::static_encoder::StaticEncoder;
use shop::{ModelVersion, Product, Service};
use store::Snapshot;

pub use facet::FacetCount;
pub use index::Index;
pub use query::{
    Distinct, Hit, Interpretation, InterpretedWord, MAX_LIMIT, MAX_OFFSET, Reading, Reason,
    SearchRequest, SearchResults, Sort,
};
pub use suggest::{SuggestRequest, Suggestion, SuggestionKind, Suggestions, suggest};

use crate::{Context, Decision, ServeError, Stages};
use index::{DocumentNumber, Wanted};
use meaning::Meaning;
use rank::{Behaviour, Candidate, Scoring};

/// The file of the ranker in an artifact.
const RANKER_FILE: &str = "ranker.json";
/// The file of the encoder in an artifact; it may be absent.
const ENCODER_FILE: &str = "encoder.bin";
/// The file of the trees that add to the ranker's scores; it may be absent.
const TREES_FILE: &str = "trees.json";
/// How many products are found by meaning alone.
const NEAR: usize = 100;
/// Products further from a query than this are not found by meaning alone.
const LEAST_COSINE: f32 = 0.3;
/// A feature that adds less than this is no reason worth telling.
const TELLING: f32 = 0.02;

/// A trained ranker and an encoder of meaning.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    ranker: Ranker,
    trees: Arc<BoostedTrees>,
    encoder: Option<Arc<StaticEncoder>>,
}

impl Model {
    /// Reads the files that training left.
    pub fn load(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, ServeError> {
        let bytes = files
            .get(RANKER_FILE)
            .ok_or_else(|| ServeError::Artifact(format!("{RANKER_FILE} is missing")))?;
        let ranker: Ranker = serde_json::from_slice(bytes)
            .map_err(|error| ServeError::Artifact(format!("{RANKER_FILE}: {error}")))?;
        let mut model = Self::new(ranker).ok_or_else(|| {
            ServeError::Artifact(format!(
                "{RANKER_FILE} has other features than this program: train again"
            ))
        })?;
        if let Some(bytes) = files.get(TREES_FILE) {
            let trees = serde_json::from_slice(bytes)
                .map_err(|error| ServeError::Artifact(format!("{TREES_FILE}: {error}")))?;
            model.trees = Arc::new(trees);
        }
        if let Some(bytes) = files.get(ENCODER_FILE) {
            let encoder = StaticEncoder::from_bytes(bytes)
                .map_err(|error| ServeError::Artifact(format!("{ENCODER_FILE}: {error}")))?;
            model.encoder = Some(Arc::new(encoder));
        }
        Ok(model)
    }

    /// A model of a ranker, if it was made for the features of this program.
    pub fn new(ranker: Ranker) -> Option<Self> {
        ranker.fits().then_some(Self {
            ranker,
            trees: Arc::default(),
            encoder: None,
        })
    }

    /// The same encoder with another ranking function, if it was made for the
    /// features of this program.
    pub fn with_ranker(&self, ranker: Ranker) -> Option<Self> {
        ranker.fits().then(|| Self {
            ranker,
            ..self.clone()
        })
    }

    /// The ranking function.
    pub fn ranker(&self) -> &Ranker {
        &self.ranker
    }
}

/// Which part of search decides the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ordering {
    Lexical,
    Hybrid,
    Full,
}

/// Answers a search. Without a model the ranker's default weights are used.
pub fn search(
    context: &Context<'_>,
    index: &Index,
    model: Option<&Model>,
    request: &SearchRequest,
) -> Result<Decision<SearchResults>, ServeError> {
    answer(context, index, model, request, Ordering::Full)
}

/// Answers by BM25 alone, without any feature beside it: the stage that a
/// benchmark compares with.
pub fn search_lexically(
    context: &Context<'_>,
    index: &Index,
    request: &SearchRequest,
) -> Result<Decision<SearchResults>, ServeError> {
    answer(context, index, None, request, Ordering::Lexical)
}

/// Answers by BM25 and meaning, without any other feature: the stage between
/// the two others.
pub fn search_by_words_and_meaning(
    context: &Context<'_>,
    index: &Index,
    model: Option<&Model>,
    request: &SearchRequest,
) -> Result<Decision<SearchResults>, ServeError> {
    answer(context, index, model, request, Ordering::Hybrid)
}

fn answer(
    context: &Context<'_>,
    index: &Index,
    model: Option<&Model>,
    request: &SearchRequest,
    ordering: Ordering,
) -> Result<Decision<SearchResults>, ServeError> {
    request.check()?;
    let snapshot = context.snapshot;
    let default = Ranker::default();
    let ranker = model.map_or(&default, Model::ranker);
    let mut stages = Stages::default();

    let language = request.language.as_deref().filter(|code| !code.is_empty());
    let (understanding, query) = stages.run("interpret", || index.interpret(&request.q, language));
    let behaviour = Behaviour::new(snapshot, request, &query);
    let browsing = request.q.trim().is_empty();
    let mut candidates = stages.run("lexical", || {
        if browsing {
            Ok(everything(index))
        } else {
            retrieve(index, snapshot, &query, &behaviour, request)
        }
    })?;
    match meaning_of(index, &query, request, ordering) {
        Some(meaning) => stages.run("semantic", || {
            let cosines = meaning.cosines(index.collection(), &query);
            add_near(&mut candidates, cosines, request);
        }),
        None => stages.skip("semantic"),
    }
    stages.run("filter", || {
        candidates.retain(|candidate| {
            allowed(index, snapshot, request, candidate.document, |place| {
                !(browsing && behaviour.is_hidden(place))
            })
        });
    });
    match (request.sort, ordering) {
        (Sort::Relevance, Ordering::Full) => stages.run("rank", || {
            if browsing {
                rank::rank_all(index, snapshot, &behaviour, ranker, &mut candidates);
            } else {
                let scoring = Scoring {
                    ranker,
                    trees: model.map(|model| &*model.trees),
                    wishes: &understanding.wishes,
                    semantic_ratio: request.semantic_ratio,
                };
                rank::rank(
                    index,
                    snapshot,
                    &query,
                    &behaviour,
                    &scoring,
                    &mut candidates,
                );
            }
        }),
        (Sort::Relevance, Ordering::Hybrid) => stages.run("rank", || {
            rank::rank_by_words_and_meaning(index, &query, ranker, &mut candidates);
        }),
        (Sort::Relevance, Ordering::Lexical) => stages.run("rank", || {
            rank::rank_lexically(index, &query, &mut candidates);
        }),
        (sort, _) => stages.run("rank", || {
            rank::sort(index, snapshot, sort, &mut candidates);
        }),
    }
    let facets = if request.facets.is_empty() {
        BTreeMap::new()
    } else {
        let documents: Vec<DocumentNumber> = candidates.iter().map(|c| c.document).collect();
        stages.run("facets", || index.facets.count(&documents, &request.facets))
    };
    page::keep_distinct(index, snapshot, request.distinct, &mut candidates);
    let page = page::page(index, snapshot, request, &candidates)?;
    let hits = stages.run("explain", || {
        let page = page.candidates.iter();
        page.filter_map(|candidate| hit(index, snapshot, &query, ranker, request, candidate))
            .collect()
    });
    Ok(Decision {
        decision_id: context.decision_id.clone(),
        content: SearchResults {
            hits,
            facets,
            total: candidates.len(),
            next_cursor: page.next,
            corrected: query.corrected.clone(),
            interpreted: interpretation(
                &query,
                understanding.wishes,
                &behaviour,
                request,
                candidates.len(),
            ),
        },
        models: versions(snapshot, model),
        stages: stages.into_vec(),
        propensity: None,
    })
}

fn versions(snapshot: &Snapshot, model: Option<&Model>) -> Vec<ModelVersion> {
    let serving = snapshot.serving.get(&Service::Search);
    let serving = serving.filter(|_| model.is_some());
    serving
        .map(|version| ModelVersion {
            service: Service::Search,
            version: version.clone(),
        })
        .into_iter()
        .collect()
}

fn candidate((document, lexical): (DocumentNumber, f32)) -> Candidate {
    Candidate {
        document,
        lexical,
        meaning: 0.0,
        score: lexical,
        features: None,
    }
}

/// The vectors of the products, where this search looks at them.
fn meaning_of<'a>(
    index: &'a Index,
    query: &Query,
    request: &SearchRequest,
    ordering: Ordering,
) -> Option<&'a Meaning> {
    let wanted = ordering != Ordering::Lexical
        && request.sort == Sort::Relevance
        && !query.words.is_empty()
        && request.semantic_ratio != Some(0.0);
    index.meaning.as_ref().filter(|_| wanted)
}

/// Says of each candidate how near it is in meaning, and adds what is nearest
/// of all. Candidates are and stay in the order of document numbers.
fn add_near(candidates: &mut Vec<Candidate>, cosines: Option<Vec<f32>>, request: &SearchRequest) {
    let Some(cosines) = cosines else { return };
    let count = NEAR.max(request.offset + request.limit);
    for document in meaning::nearest(&cosines, LEAST_COSINE, count) {
        let place = candidates.binary_search_by_key(&document, |one| one.document);
        if let Err(place) = place {
            candidates.insert(place, candidate((document, 0.0)));
        }
    }
    for one in candidates {
        one.meaning = cosines
            .get(one.document as usize)
            .copied()
            .unwrap_or_default();
    }
}

fn everything(index: &Index) -> Vec<Candidate> {
    let documents = 0..index.len() as DocumentNumber;
    documents
        .map(|document| candidate((document, 0.0)))
        .collect()
}

/// What has any of the words, and what customers chose after this query. For
/// an order that relevance has no part in: what has all of the words, as the
/// cheapest product with one of them is rarely what was meant.
fn retrieve(
    index: &Index,
    snapshot: &Snapshot,
    query: &Query,
    behaviour: &Behaviour,
    request: &SearchRequest,
) -> Result<Vec<Candidate>, ServeError> {
    if request.sort != Sort::Relevance {
        let all = index.retrieve(query, Wanted::AllWords)?;
        let shown = |(document, _): &(DocumentNumber, f32)| {
            allowed(index, snapshot, request, *document, |_| true)
        };
        if all.iter().any(shown) {
            return Ok(all.into_iter().map(candidate).collect());
        }
    }
    let mut found: Vec<Candidate> = index
        .retrieve(query, Wanted::AnyWord)?
        .into_iter()
        .map(candidate)
        .collect();
    let chosen: Vec<Candidate> = behaviour
        .chosen()
        .filter_map(|place| index.document(place))
        .filter(|document| {
            found
                .binary_search_by_key(document, |candidate| candidate.document)
                .is_err()
        })
        .map(|document| candidate((document, 0.0)))
        .collect();
    found.extend(chosen);
    found.sort_unstable_by_key(|candidate| candidate.document);
    Ok(found)
}

/// Whether a document's product is there and may be shown.
fn allowed(
    index: &Index,
    snapshot: &Snapshot,
    request: &SearchRequest,
    document: DocumentNumber,
    further: impl Fn(store::ProductIndex) -> bool,
) -> bool {
    index.place(document).is_some_and(|place| {
        let product = snapshot.catalogue.get(place);
        product.is_some_and(|product| request.filter.is_empty() || request.filter.accepts(product))
            && further(place)
    })
}

fn hit(
    index: &Index,
    snapshot: &Snapshot,
    query: &Query,
    ranker: &Ranker,
    request: &SearchRequest,
    candidate: &Candidate,
) -> Option<Hit> {
    let product = snapshot.catalogue.get(index.place(candidate.document)?)?;
    let shown = [
        Field::Title,
        Field::Brand,
        Field::Category,
        Field::Description,
    ];
    let highlight = shown
        .into_iter()
        .filter_map(|field| {
            let html = highlight::highlight(index.collection(), query, product, field)?;
            Some((field, html))
        })
        .collect();
    Some(Hit {
        id: product.id.clone(),
        score: candidate.score,
        highlight,
        reasons: reasons(index, query, ranker, product, candidate),
        explanation: candidate
            .features
            .filter(|_| request.explain)
            .map(|features| {
                let added = ranker.weights.iter().zip(features).map(|(w, f)| w * f);
                FEATURES.into_iter().zip(added).collect()
            }),
        product: product.clone(),
    })
}

fn reasons(
    index: &Index,
    query: &Query,
    ranker: &Ranker,
    product: &Product,
    candidate: &Candidate,
) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = Field::ALL
        .into_iter()
        .filter_map(|field| {
            let text = field.texts(product).join("\n");
            let language = product.language.as_deref();
            let matches = highlight::find(index.collection(), query, &text, language);
            let words: Vec<String> = matches
                .words(query)
                .into_iter()
                .map(str::to_owned)
                .collect();
            (!words.is_empty()).then_some(Reason::Words { field, words })
        })
        .collect();
    let Some(features) = candidate.features else {
        return reasons;
    };
    let boost = |feature: usize| {
        ranker.weights.get(feature).copied().unwrap_or_default() * features[feature]
    };
    if features[place::EXACT_TITLE] > 0.0 {
        reasons.push(Reason::ExactTitle);
    }
    if boost(place::CLICKS) > TELLING {
        reasons.push(Reason::Chosen {
            share: features[place::CLICKS],
            boost: boost(place::CLICKS),
        });
    }
    if boost(place::TASTE) > TELLING {
        reasons.push(Reason::Taste {
            boost: boost(place::TASTE),
        });
    }
    if features[place::POPULARITY] >= 0.5 && boost(place::POPULARITY) > TELLING {
        reasons.push(Reason::Popular {
            boost: boost(place::POPULARITY),
        });
    }
    if features[place::CAN_BE_ORDERED] == 0.0 {
        reasons.push(Reason::Unavailable);
    }
    reasons
}

fn interpretation(
    query: &Query,
    wishes: Vec<Wish>,
    behaviour: &Behaviour,
    request: &SearchRequest,
    total: usize,
) -> Interpretation {
    let words = query.words.iter().map(|word| InterpretedWord {
        word: word.text.clone(),
        readings: readings(word),
    });
    let note = if total > 0 {
        None
    } else if !request.q.trim().is_empty() && query.words.is_empty() {
        Some("There is no word to search for in this.")
    } else if query.is_unknown() && !request.q.trim().is_empty() {
        Some("No product has any of these words.")
    } else if !request.filter.is_empty() {
        Some("Products were found, but none passes the filter.")
    } else {
        Some("Nothing was found.")
    };
    Interpretation {
        words: words.collect(),
        wishes,
        language: behaviour.language().map(str::to_owned),
        note: note.map(str::to_owned),
    }
}

/// What a word stands for; two stems of one word are one reading.
fn readings(word: &QueryWord) -> Vec<Reading> {
    let mut readings: Vec<Reading> = Vec::new();
    for alternative in &word.alternatives {
        let reading = Reading {
            text: alternative.text.clone(),
            origin: alternative.origin,
        };
        if !readings.contains(&reading) {
            readings.push(reading);
        }
    }
    readings
}
