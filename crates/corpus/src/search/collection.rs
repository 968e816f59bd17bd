//! The products as terms: what training retrieves from, and what serving
//! computes features on.

use std::collections::BTreeSet;

use pinyin::ToPinyin;
use rustc_hash::FxHashMap;
use serde_json::Value;
use shop::Product;

use super::analysis::{Analyser, Token, folded};
use super::titles::TitlePostings;
use super::vocabulary::Vocabulary;

/// A term's place in the dictionary of a [`Collection`].
pub type Term = u32;

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
    pub title: Vec<Term>,
    /// How many of them stand before the first preposition: `case for ipad` is
    /// no ipad.
    pub head: usize,
    /// Words and grams of the title, sorted.
    pub title_terms: Vec<Term>,
    /// Words and grams of the brand, sorted.
    pub brand_terms: Vec<Term>,
    /// Words and grams of the category path, sorted.
    pub category_terms: Vec<Term>,
    /// Every term with how often it occurs, sorted by term.
    pub counts: Vec<(Term, u16)>,
    /// How many words there are in all fields.
    pub words: u32,
    /// How many grams there are in all fields.
    pub grams: u32,
}

impl Document {
    /// How often `term` occurs.
    pub fn count(&self, term: Term) -> u16 {
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

/// Products as terms, with the dictionary and its statistics.
pub struct Collection {
    documents: Vec<Document>,
    dictionary: [FxHashMap<String, Term>; 2],
    entries: Vec<TermEntry>,
    texts: Vec<Box<str>>,
    languages: Vec<String>,
    vocabulary: Vocabulary,
    mean_words: f32,
    mean_grams: f32,
    titles: TitlePostings,
    pinyin: FxHashMap<String, Vec<Term>>,
}

/// A product analysed, its terms not yet numbered.
struct Analysed {
    title: Vec<Token>,
    brand: Vec<Token>,
    category: Vec<Token>,
    rest: Vec<Token>,
}

fn analyse(product: &Product) -> Analysed {
    let analyser = Analyser::new(product.language.as_deref());
    let tokens = |field: Field| {
        let texts = field.texts(product);
        texts
            .iter()
            .flat_map(|text| analyser.tokens(text))
            .collect::<Vec<Token>>()
    };
    let mut rest = tokens(Field::Tags);
    rest.extend(tokens(Field::Attributes));
    rest.extend(tokens(Field::Description));
    Analysed {
        title: tokens(Field::Title),
        brand: tokens(Field::Brand),
        category: tokens(Field::Category),
        rest,
    }
}

/// How many products a thread analyses before they are numbered: bounds the
/// memory that tokens take.
const CHUNK: usize = 512;

impl Collection {
    /// Analyses `products` on `threads` threads; a document's number is its
    /// product's place in the slice. The result does not depend on `threads`.
    pub fn build(products: &[&Product], threads: usize) -> Self {
        let mut builder = Builder::default();
        for batch in products.chunks(CHUNK * threads.max(1)) {
            let analysed: Vec<Vec<Analysed>> = std::thread::scope(|scope| {
                let workers: Vec<_> = batch
                    .chunks(CHUNK)
                    .map(|chunk| {
                        scope.spawn(move || chunk.iter().map(|p| analyse(p)).collect::<Vec<_>>())
                    })
                    .collect();
                workers
                    .into_iter()
                    .map(|worker| worker.join().unwrap_or_default())
                    .collect()
            });
            for product in analysed.into_iter().flatten() {
                builder.add(product);
            }
        }
        let languages: BTreeSet<String> = products
            .iter()
            .map(|product| product.language.clone().unwrap_or_else(|| "en".to_owned()))
            .collect();
        builder.finish(languages.into_iter().collect())
    }

    /// The documents by number.
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// The languages of the products, sorted.
    pub fn languages(&self) -> &[String] {
        &self.languages
    }

    /// The words before stemming.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// How many terms there are.
    pub fn terms(&self) -> usize {
        self.entries.len()
    }

    /// The mean number of words of a product.
    pub fn mean_words(&self) -> f32 {
        self.mean_words
    }

    /// The number of a stem (or of a gram), if any product has it.
    pub fn term(&self, text: &str, gram: bool) -> Option<Term> {
        self.dictionary[usize::from(gram)].get(text).copied()
    }

    /// The stem or gram that `term` is the number of.
    pub fn text(&self, term: Term) -> &str {
        self.texts.get(term as usize).map_or("", |text| text)
    }

    /// Which titles have a term, and which terms stand side by side in them.
    pub fn titles(&self) -> &TitlePostings {
        &self.titles
    }

    /// The Chinese words that are spelt so in pinyin, without tones.
    pub fn with_pinyin(&self, letters: &str) -> &[Term] {
        self.pinyin.get(letters).map_or(&[], Vec::as_slice)
    }

    /// What is known about `term`.
    pub fn entry(&self, term: Term) -> Option<TermEntry> {
        self.entries.get(term as usize).copied()
    }

    /// How rare `term` is: BM25's inverse document frequency.
    pub fn rarity(&self, term: Term) -> f32 {
        let documents = self.entry(term).map_or(0, |entry| entry.documents) as f32;
        let total = self.documents.len() as f32;
        (1.0 + (total - documents + 0.5) / (documents + 0.5)).ln()
    }

    /// The BM25 score of one term in one document.
    pub fn bm25(&self, term: Term, document: &Document) -> f32 {
        let count = f32::from(document.count(term));
        if count == 0.0 {
            return 0.0;
        }
        let gram = self.entry(term).is_some_and(|entry| entry.gram);
        let (length, mean) = if gram {
            (document.grams, self.mean_grams)
        } else {
            (document.words, self.mean_words)
        };
        let length = 1.0 - LENGTH_SHARE + LENGTH_SHARE * length as f32 / mean.max(1.0);
        self.rarity(term) * count * (SATURATION + 1.0) / (count + SATURATION * length)
    }
}

/// What stands after these in a title is what the thing is for or comes with.
const PREPOSITIONS: [&str; 14] = [
    "for",
    "with",
    "w",
    "compatible",
    "fits",
    "fur",
    "mit",
    "pour",
    "avec",
    "para",
    "con",
    "per",
    "voor",
    "适用",
];

#[derive(Default)]
struct Builder {
    documents: Vec<Document>,
    dictionary: [FxHashMap<String, Term>; 2],
    entries: Vec<TermEntry>,
    texts: Vec<Box<str>>,
    words: FxHashMap<String, u32>,
}

impl Builder {
    fn add(&mut self, analysed: Analysed) {
        let Analysed {
            title,
            brand,
            category,
            rest,
        } = analysed;
        let mut document = Document::default();
        let mut all = Vec::new();
        for token in &title {
            let term = self.number(token);
            all.push(term);
            if !token.gram {
                let at = document.title.len();
                if document.head == 0 && at > 0 && PREPOSITIONS.contains(&token.word.as_str()) {
                    document.head = at;
                }
                document.title.push(term);
            }
        }
        if document.head == 0 {
            document.head = document.title.len();
        }
        document.title_terms = sorted(&all);
        let mut own = |tokens: &[Token], all: &mut Vec<Term>| {
            let terms: Vec<Term> = tokens.iter().map(|token| self.number(token)).collect();
            all.extend(&terms);
            sorted(&terms)
        };
        document.brand_terms = own(&brand, &mut all);
        document.category_terms = own(&category, &mut all);
        own(&rest, &mut all);
        all.sort_unstable();
        for term in all {
            let entry = &mut self.entries[term as usize];
            if entry.gram {
                document.grams += 1;
            } else {
                document.words += 1;
            }
            match document.counts.last_mut() {
                Some((last, count)) if *last == term => *count = count.saturating_add(1),
                _ => {
                    entry.documents += 1;
                    document.counts.push((term, 1));
                }
            }
        }
        document.counts.shrink_to_fit();
        self.documents.push(document);
        let tokens = [&title, &brand, &category, &rest];
        let words: BTreeSet<&str> = tokens
            .iter()
            .flat_map(|tokens| tokens.iter())
            .filter(|token| !token.gram)
            .map(|token| token.word.as_str())
            .collect();
        for word in words {
            match self.words.get_mut(word) {
                Some(count) => *count += 1,
                None => {
                    self.words.insert(word.to_owned(), 1);
                }
            }
        }
    }

    fn number(&mut self, token: &Token) -> Term {
        let dictionary = &mut self.dictionary[usize::from(token.gram)];
        if let Some(term) = dictionary.get(&token.term) {
            return *term;
        }
        let term = self.entries.len() as Term;
        dictionary.insert(token.term.clone(), term);
        self.texts.push(token.term.as_str().into());
        self.entries.push(TermEntry {
            documents: 0,
            gram: token.gram,
        });
        term
    }

    fn finish(self, languages: Vec<String>) -> Collection {
        let total = self.documents.len().max(1) as f32;
        let mean = |length: fn(&Document) -> u32| {
            let sum: u64 = self.documents.iter().map(|d| u64::from(length(d))).sum();
            sum as f32 / total
        };
        let (mean_words, mean_grams) = (mean(|d| d.words), mean(|d| d.grams));
        let titles = TitlePostings::build(&self.documents, self.entries.len());
        let pinyin = pinyin_of(&self.dictionary[0]);
        Collection {
            titles,
            pinyin,
            vocabulary: Vocabulary::new(self.words),
            documents: self.documents,
            dictionary: self.dictionary,
            entries: self.entries,
            texts: self.texts,
            languages,
            mean_words,
            mean_grams,
        }
    }
}

/// Chinese words of at least two characters by their pinyin.
fn pinyin_of(words: &FxHashMap<String, Term>) -> FxHashMap<String, Vec<Term>> {
    let mut found: FxHashMap<String, Vec<Term>> = FxHashMap::default();
    for (word, term) in words {
        if word.chars().nth(1).is_none() || !crate::words::contains_han(word) {
            continue;
        }
        let syllables: Option<Vec<&str>> = word
            .as_str()
            .to_pinyin()
            .map(|one| Some(one?.plain()))
            .collect();
        if let Some(syllables) = syllables {
            found.entry(syllables.concat()).or_default().push(*term);
        }
    }
    for terms in found.values_mut() {
        terms.sort_unstable();
    }
    found
}

fn sorted(terms: &[Term]) -> Vec<Term> {
    let mut terms = terms.to_vec();
    terms.sort_unstable();
    terms.dedup();
    terms.shrink_to_fit();
    terms
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
