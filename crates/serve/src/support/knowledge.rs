use std::sync::Arc;

use corpus::support::{
    CANDIDATES, Candidate, Index, LearnedAnswers, Question, Source, SourceKind, terms,
};
use models::SentenceEncoder;
use rustc_hash::FxHashMap;
use shop::{Id, Product};
use store::{ProductIndex, Snapshot};

use super::Model;
use super::catalogue_terms::CatalogueTerms;
use super::dense_retrieval::DenseIndex;

/// What support may draw on: the documents and common answers, split and
/// indexed, and the names of the products.
#[derive(Debug, Clone, Default)]
pub struct Knowledge {
    pub(crate) index: Arc<Index>,
    places: Arc<FxHashMap<String, usize>>,
    titles: Arc<Titles>,
    /// What each product is known by.
    pub(crate) catalogue_terms: Arc<CatalogueTerms>,
    /// What an encoder says beside the words, where the shop has chosen one.
    pub(crate) dense: Option<Arc<DenseIndex>>,
    documents_revision: u64,
    catalogue_revision: u64,
}

impl Knowledge {
    /// Reads everything anew.
    pub fn build(snapshot: &Snapshot, model: Option<&Model>) -> Self {
        let (index, places) = index_sources(snapshot, model);
        Self {
            index: Arc::new(index),
            places: Arc::new(places),
            titles: Arc::new(Titles::new(snapshot)),
            catalogue_terms: Arc::new(CatalogueTerms::default().refreshed(snapshot)),
            dense: None,
            documents_revision: snapshot.documents_revision,
            catalogue_revision: snapshot.catalogue.revision,
        }
    }

    /// The same, with an encoder that says how near meanings are.
    #[must_use]
    pub fn with_encoder(mut self, encoder: Arc<SentenceEncoder>) -> Self {
        let before = self.dense.take();
        let dense = DenseIndex::new(encoder, &self.index, before.as_deref());
        self.dense = Some(Arc::new(dense));
        self
    }

    /// Waits until all is learnt that an encoder helps with; answers do not wait
    /// for it.
    pub fn wait(&self) {
        if let Some(dense) = &self.dense {
            dense.wait();
        }
    }

    /// Whether it shows the documents and products of this snapshot.
    pub fn is_current(&self, snapshot: &Snapshot) -> bool {
        self.documents_revision == snapshot.documents_revision
            && self.catalogue_revision == snapshot.catalogue.revision
    }

    /// The same, brought up to date: only what changed is read again. After
    /// a change of model, [`Knowledge::build`] it instead.
    pub fn refreshed(&self, snapshot: &Snapshot, model: Option<&Model>) -> Self {
        let mut fresh = self.clone();
        if self.documents_revision != snapshot.documents_revision {
            let (index, places) = index_sources(snapshot, model);
            fresh.index = Arc::new(index);
            fresh.places = Arc::new(places);
            fresh.documents_revision = snapshot.documents_revision;
            if let Some(dense) = &self.dense {
                fresh = fresh.with_encoder(Arc::clone(dense.encoder()));
            }
        }
        if self.catalogue_revision != snapshot.catalogue.revision {
            fresh.titles = Arc::new(Titles::new(snapshot));
            fresh.catalogue_terms = Arc::new(self.catalogue_terms.refreshed(snapshot));
            fresh.catalogue_revision = snapshot.catalogue.revision;
        }
        fresh
    }

    /// How many stretches of text can be said.
    pub fn units(&self) -> usize {
        self.index.len()
    }

    /// What is looked at for a question, with the figures that it is judged by.
    pub fn candidates(&self, message: &str) -> Vec<Candidate> {
        let question = Question::new(message, None);
        let dense = self.dense.as_ref();
        let similarities = dense.and_then(|dense| dense.similarities(&question));
        let similarities = similarities.as_ref();
        self.index
            .retrieve(&question, similarities, CANDIDATES, |_, _| true)
    }

    /// Everything that may be quoted.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The text of a cited source; of a product it is the description.
    pub fn source_text<'a>(&'a self, citation: &str, snapshot: &'a Snapshot) -> Option<&'a str> {
        if let Some(place) = self.places.get(citation) {
            return self
                .index
                .sources()
                .get(*place)
                .map(|source| source.text.as_str());
        }
        let id = citation.strip_prefix("product:")?;
        let product = snapshot.catalogue.by_id(&Id::new(id).ok()?)?;
        product.description.as_deref()
    }

    /// The title of a cited source.
    pub(crate) fn source_title<'a>(
        &'a self,
        citation: &str,
        snapshot: &'a Snapshot,
    ) -> Option<&'a str> {
        if let Some(place) = self.places.get(citation) {
            return self.index.sources().get(*place)?.title.as_deref();
        }
        let id = citation.strip_prefix("product:")?;
        let product = snapshot.catalogue.by_id(&Id::new(id).ok()?)?;
        Some(&product.title)
    }

    /// The products that a message names, the best match first.
    pub(crate) fn named_products(&self, question: &Question) -> Vec<NamedProduct> {
        self.titles.named(question)
    }
}

fn index_sources(snapshot: &Snapshot, model: Option<&Model>) -> (Index, FxHashMap<String, usize>) {
    let none = LearnedAnswers::default();
    let learned = model.map_or(&none, |model| &model.answers);
    let documents = snapshot
        .documents
        .values()
        .map(|document| document.as_ref());
    let sources = learned.sources(documents);
    let places = sources
        .iter()
        .enumerate()
        .map(|(place, source)| (source.citation(), place))
        .collect();
    (Index::new(sources), places)
}

/// A product's description as a source.
pub(crate) fn product_source(product: &Product) -> Option<Source> {
    let text = product.description.clone()?;
    Some(Source {
        kind: SourceKind::Product,
        id: product.id.clone(),
        title: Some(product.title.clone()),
        url: product.url.clone(),
        language: corpus::detect_language(&text).map(str::to_owned),
        text,
        asked: Vec::new(),
    })
}

/// A product that a message names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct NamedProduct {
    pub product: ProductIndex,
    /// The share of its name that the message holds, rare words first.
    pub share: f32,
    /// The share of the message that is its name.
    pub of_message: f32,
}

/// The words of the products' names.
#[derive(Debug, Default)]
struct Titles {
    postings: FxHashMap<String, Vec<ProductIndex>>,
    /// By product: summed rarity of its name's words.
    mass: FxHashMap<ProductIndex, f32>,
    products: f32,
}

/// A message names a product when it holds this share of its name …
const NAMED_SHARE: f32 = 0.6;
/// … or this much of a long one with two words at least.
const NAMED_SHARE_OF_LONG: f32 = 0.4;
const MOST_NAMED: usize = 6;
/// Words found in more than this share of names are too common to start from.
const COMMON_SHARE: f32 = 0.2;

impl Titles {
    fn new(snapshot: &Snapshot) -> Self {
        let mut titles = Self::default();
        for (place, product) in snapshot.catalogue.iter() {
            let mut words = name_words(product);
            words.sort_unstable();
            words.dedup();
            for word in words {
                titles.postings.entry(word).or_default().push(place);
            }
            titles.products += 1.0;
        }
        let mut mass: FxHashMap<ProductIndex, f32> = FxHashMap::default();
        let mut words: Vec<&String> = titles.postings.keys().collect();
        words.sort_unstable();
        for word in words {
            for place in &titles.postings[word] {
                *mass.entry(*place).or_default() += titles.rarity(titles.postings[word].len());
            }
        }
        titles.mass = mass;
        titles
    }

    fn rarity(&self, holders: usize) -> f32 {
        (1.0 + self.products / (holders as f32 + 0.5)).ln()
    }

    fn named(&self, question: &Question) -> Vec<NamedProduct> {
        let mut found: FxHashMap<ProductIndex, (f32, u32)> = FxHashMap::default();
        let mut total = 0.0;
        for (word, weight) in weighted_words(question) {
            let Some(holders) = self.postings.get(&word) else {
                total += weight * self.rarity(0);
                continue;
            };
            let rarity = self.rarity(holders.len());
            total += weight * rarity;
            let common = holders.len() as f32 > (self.products * COMMON_SHARE).max(20.0);
            if common {
                continue;
            }
            for product in holders {
                let entry = found.entry(*product).or_default();
                entry.0 += rarity;
                entry.1 += 1;
            }
        }
        let mut named: Vec<NamedProduct> = found
            .into_iter()
            .filter_map(|(product, (sum, words))| {
                let share = sum / self.mass.get(&product)?.max(1e-6);
                let enough = share >= NAMED_SHARE || (words >= 2 && share >= NAMED_SHARE_OF_LONG);
                enough.then_some(NamedProduct {
                    product,
                    share,
                    of_message: (sum / f32::max(total, 1e-6)).min(1.0),
                })
            })
            .collect();
        named.sort_by(|a, b| {
            let by_match = (b.share * b.of_message).total_cmp(&(a.share * a.of_message));
            by_match.then(a.product.cmp(&b.product))
        });
        named.truncate(MOST_NAMED);
        named
    }
}

/// How much a word of what was asked before counts.
const EARLIER_WEIGHT: f32 = 0.5;

fn weighted_words(question: &Question) -> Vec<(String, f32)> {
    let earlier = question.earlier.as_deref().unwrap_or_default();
    let mut found: Vec<(String, f32)> = Vec::new();
    for (text, weight) in [(question.text.as_str(), 1.0), (earlier, EARLIER_WEIGHT)] {
        for term in terms(text).into_iter().filter(|term| term.content) {
            if found.iter().all(|(word, _)| *word != term.word) {
                found.push((term.word, weight));
            }
        }
    }
    found
}

fn name_words(product: &Product) -> Vec<String> {
    terms(&product.title)
        .into_iter()
        .filter(|term| term.content)
        .map(|term| term.word)
        .collect()
}
