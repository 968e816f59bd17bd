//! The products as terms: what training retrieves from, and what serving
//! computes features on.

mod builder;

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::Value;
use shop::Product;

use super::analysis::folded;
use super::title_postings::TitlePostings;
use super::vocabulary::Vocabulary;
use builder::Builder;

/// A term's place in the dictionary of a [`Collection`].
pub type TermId = u32;

/// BM25's saturation of repeated terms (Robertson and Zaragoza, 2009).
const SATURATION: f32 = 1.2;
/// BM25's share of length normalisation.
const LENGTH_SHARE: f32 = 0.75;

/// A part of a product that words are looked for in.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Field {
    Title,
    Brand,
    Category,
    Tags,
    Attributes,
    Description,
}

impl Field {
    /// Every field, the most telling first.
    pub const ALL: [Self; 6] = [
        Self::Title,
        Self::Brand,
        Self::Category,
        Self::Tags,
        Self::Attributes,
        Self::Description,
    ];

    /// The texts of `product` in this field.
    pub fn texts(self, product: &Product) -> Vec<String> {
        match self {
            Self::Title => vec![product.title.clone()],
            Self::Brand => product.brand.iter().cloned().collect(),
            Self::Category => product.category.clone(),
            Self::Tags => product.tags.clone(),
            Self::Attributes => product
                .attributes
                .iter()
                .flat_map(|(name, value)| {
                    let mut texts = words_of(value);
                    texts.extend(named_number(name, value));
                    texts
                })
                .collect(),
            Self::Description => product.description.iter().cloned().collect(),
        }
    }
}

/// The words of an attribute: bare numbers and booleans say nothing without
/// their name, and as terms they only make noise.
fn words_of(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(words_of).collect(),
        _ => Vec::new(),
    }
}

/// The sizes that people name with their number: `size 42` is one word to the
/// index, so that no other 42 matches it.
fn named_number(name: &str, value: &Value) -> Option<String> {
    const NAMED: [&str; 6] = ["size", "shoe_size", "waist", "length", "width", "尺码"];
    let name = name.to_lowercase();
    let known = NAMED.contains(&name.as_str());
    let number = match value {
        Value::Number(number) => number.as_f64()?.to_string(),
        Value::String(text) if text.parse::<f64>().is_ok() => text.trim().to_owned(),
        _ => return None,
    };
    let name = name.rsplit('_').next().unwrap_or_default().to_owned();
    known.then(|| format!("{name}{number}"))
}

/// One product as terms.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// The words of the title in their order.
    pub title: Vec<TermId>,
    /// How many of them stand before the first preposition: `case for ipad` is
    /// no ipad.
    pub head: usize,
    /// Words and grams of the title, sorted.
    pub title_terms: Vec<TermId>,
    /// Words and grams of the brand, sorted.
    pub brand_terms: Vec<TermId>,
    /// Words and grams of the category path, sorted.
    pub category_terms: Vec<TermId>,
    /// Every term with how often it occurs, sorted by term.
    pub counts: Vec<(TermId, u16)>,
    /// How many words there are in all fields.
    pub words: u32,
    /// How many grams there are in all fields.
    pub grams: u32,
}

impl Document {
    /// How often `term` occurs.
    pub fn count(&self, term: TermId) -> u16 {
        self.counts
            .binary_search_by_key(&term, |(term, _)| *term)
            .map_or(0, |at| self.counts[at].1)
    }
}

/// What is known about a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TermEntry {
    /// How many products have it.
    pub documents: u32,
    /// Whether it is a gram.
    pub gram: bool,
}

/// Products as terms, with the dictionary and its statistics. Products that
/// came later stand beside the others, weighed by the statistics of those.
#[derive(Clone)]
pub struct Collection {
    core: Arc<Core>,
    delta: Arc<Part>,
    vocabulary: Vocabulary,
}

/// Documents with the terms that they brought.
#[derive(Default)]
struct Part {
    documents: Vec<Document>,
    dictionary: [FxHashMap<String, TermId>; 2],
    entries: Vec<TermEntry>,
    /// Of each entry: BM25's inverse document frequency.
    rarities: Vec<f32>,
    texts: Vec<Box<str>>,
}

/// What does not change while products are added beside it.
struct Core {
    part: Part,
    languages: Vec<String>,
    mean_words: f32,
    mean_grams: f32,
    titles: TitlePostings,
    pinyin: FxHashMap<String, Vec<TermId>>,
    /// Words by the stem that derived words share.
    derived: FxHashMap<Box<str>, Vec<Box<str>>>,
}

impl Collection {
    /// Analyses `products` on `threads` threads; a document's number is its
    /// product's place in the slice. The result does not depend on `threads`.
    pub fn build(products: &[&Product], threads: usize) -> Self {
        let mut builder = Builder::default();
        builder.analyse(products, threads);
        builder.finish(builder::languages(products))
    }

    /// The same with `products` after the others, in the place of what was
    /// added before. What is known of terms stays: a few products do not
    /// change how rare a word is.
    pub fn with_delta(&self, products: &[&Product]) -> Self {
        let mut builder = Builder::beside(self.core.clone());
        builder.analyse(products, 1);
        builder.finish_beside(&self.vocabulary)
    }

    /// The documents by number, without those that were added later.
    pub fn documents(&self) -> &[Document] {
        &self.core.part.documents
    }

    /// A document by number, added later or not.
    pub fn document(&self, number: u32) -> Option<&Document> {
        let documents = &self.core.part.documents;
        let number = number as usize;
        documents
            .get(number)
            .or_else(|| self.delta.documents.get(number - documents.len()))
    }

    /// The documents that were added later, with their numbers.
    pub fn delta_documents(&self) -> impl Iterator<Item = (u32, &Document)> {
        let first = self.core.part.documents.len() as u32;
        (first..).zip(&self.delta.documents)
    }

    /// The languages of the products, sorted.
    pub fn languages(&self) -> &[String] {
        &self.core.languages
    }

    /// The words before stemming.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// How many terms there are.
    pub fn terms(&self) -> usize {
        self.core.part.entries.len() + self.delta.entries.len()
    }

    /// The mean number of words of a product.
    pub fn mean_words(&self) -> f32 {
        self.core.mean_words
    }

    /// The number of a stem (or of a gram), if any product has it.
    pub fn term(&self, text: &str, gram: bool) -> Option<TermId> {
        let known = |part: &Part| part.dictionary[usize::from(gram)].get(text).copied();
        known(&self.core.part).or_else(|| known(&self.delta))
    }

    /// The part that has a term, and the term's place there.
    fn part_of(&self, term: TermId) -> (&Part, usize) {
        let (term, known) = (term as usize, self.core.part.entries.len());
        if term < known {
            (&self.core.part, term)
        } else {
            (&self.delta, term - known)
        }
    }

    /// The stem or gram that `term` is the number of.
    pub fn text(&self, term: TermId) -> &str {
        let (part, place) = self.part_of(term);
        part.texts.get(place).map_or("", |text| text)
    }

    /// Which titles have a term, and which terms stand side by side in them.
    pub fn titles(&self) -> &TitlePostings {
        &self.core.titles
    }

    /// The Chinese words that are spelt so in pinyin, without tones.
    pub fn with_pinyin(&self, letters: &str) -> &[TermId] {
        self.core.pinyin.get(letters).map_or(&[], Vec::as_slice)
    }

    /// The words of the catalogue that are derived from one stem: `dress` and
    /// `dressing`.
    pub(super) fn derived_from(&self, stem: &str) -> &[Box<str>] {
        self.core.derived.get(stem).map_or(&[], Vec::as_slice)
    }

    /// What is known about `term`.
    pub fn entry(&self, term: TermId) -> Option<TermEntry> {
        let (part, place) = self.part_of(term);
        part.entries.get(place).copied()
    }

    /// How rare `term` is: BM25's inverse document frequency.
    pub fn rarity(&self, term: TermId) -> f32 {
        let (part, place) = self.part_of(term);
        let unknown = || rarity(0, self.core.part.documents.len());
        part.rarities.get(place).copied().unwrap_or_else(unknown)
    }

    /// The BM25 score of one term in one document.
    pub fn bm25(&self, term: TermId, document: &Document) -> f32 {
        let count = f32::from(document.count(term));
        if count == 0.0 {
            return 0.0;
        }
        let gram = self.entry(term).is_some_and(|entry| entry.gram);
        let (length, mean) = if gram {
            (document.grams, self.core.mean_grams)
        } else {
            (document.words, self.core.mean_words)
        };
        let length = 1.0 - LENGTH_SHARE + LENGTH_SHARE * length as f32 / mean.max(1.0);
        self.rarity(term) * count * (SATURATION + 1.0) / (count + SATURATION * length)
    }
}

/// BM25's inverse document frequency of what `documents` of `total` have.
fn rarity(documents: u32, total: usize) -> f32 {
    let (documents, total) = (documents as f32, total as f32);
    (1.0 + (total - documents + 0.5) / (documents + 0.5)).ln()
}

/// The key under which clicks on a query are kept.
pub fn query_key(query: &str) -> String {
    query.trim().to_lowercase()
}

/// A title, query or name as it is compared for being the very same.
pub fn exact_key(text: &str) -> String {
    let folded = folded(text);
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}
