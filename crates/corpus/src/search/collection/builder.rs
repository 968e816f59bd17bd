//! How products become terms: analysed on several threads, numbered by one.

use std::collections::BTreeSet;
use std::sync::Arc;

use pinyin::ToPinyin;
use rustc_hash::{FxHashMap, FxHashSet};
use shop::Product;

use super::{Collection, Core, Document, Field, Part, TermEntry, TermId, rarity};
use crate::search::analysis::{Analyser, Token};
use crate::search::title_postings::TitlePostings;
use crate::search::vocabulary::Vocabulary;

/// How many products a thread analyses before they are numbered: bounds the
/// memory that tokens take.
const CHUNK: usize = 512;

/// A product analysed, its terms not yet numbered.
struct Analysed {
    title: Vec<Token>,
    brand: Vec<Token>,
    category: Vec<Token>,
    rest: Vec<Token>,
    /// Texts that may be a number of a part or a model.
    codes: Vec<Vec<Token>>,
}

/// A text of more words is no number of a part or a model.
const MOST_CODE_WORDS: usize = 8;
/// Of longer titles the beginning tells which words stand side by side.
const MOST_TITLE_WORDS: usize = 64;

fn analyse(product: &Product) -> Analysed {
    let analyser = Analyser::new(product.language.as_deref());
    let tokens = |field: Field| {
        let texts = field.texts(product);
        texts
            .iter()
            .flat_map(|text| analyser.tokens(text))
            .collect::<Vec<Token>>()
    };
    let mut rest = Vec::new();
    let mut codes = Vec::new();
    for field in [Field::Tags, Field::Attributes] {
        for text in field.texts(product) {
            let own = analyser.tokens(&text);
            let has_digit = text.contains(|c: char| c.is_ascii_digit());
            if has_digit && (2..=MOST_CODE_WORDS).contains(&own.len()) {
                codes.push(own.clone());
            }
            rest.extend(own);
        }
    }
    rest.extend(tokens(Field::Description));
    Analysed {
        codes,
        title: tokens(Field::Title),
        brand: tokens(Field::Brand),
        category: tokens(Field::Category),
        rest,
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

/// The languages of products, sorted.
pub(super) fn languages(products: &[&Product]) -> Vec<String> {
    let languages: BTreeSet<String> = products
        .iter()
        .map(|product| product.language.clone().unwrap_or_else(|| "en".to_owned()))
        .collect();
    languages.into_iter().collect()
}

#[derive(Default)]
pub(super) struct Builder {
    /// What these products are added to, where there is such.
    core: Option<Arc<Core>>,
    part: Part,
    words: FxHashMap<String, u32>,
    /// Terms side by side in titles, and in texts that may be numbers of parts.
    pairs: Vec<(TermId, TermId)>,
}

impl Builder {
    /// For products that come later.
    pub(super) fn beside(core: Arc<Core>) -> Self {
        Self {
            core: Some(core),
            ..Self::default()
        }
    }

    /// Adds products in their order: some are numbered while the next are
    /// being analysed.
    pub(super) fn analyse(&mut self, products: &[&Product], threads: usize) {
        let mut batches = products.chunks(CHUNK * threads.max(1));
        let mut ready: Vec<Vec<Analysed>> = Vec::new();
        loop {
            let next = batches.next();
            let numbered = std::mem::take(&mut ready);
            if next.is_none() && numbered.is_empty() {
                return;
            }
            ready = std::thread::scope(|scope| {
                let workers: Vec<_> = next
                    .into_iter()
                    .flat_map(|batch| batch.chunks(CHUNK))
                    .map(|chunk| {
                        scope.spawn(move || chunk.iter().map(|p| analyse(p)).collect::<Vec<_>>())
                    })
                    .collect();
                for product in numbered.into_iter().flatten() {
                    self.add(product);
                }
                workers
                    .into_iter()
                    .map(|worker| worker.join().unwrap_or_default())
                    .collect()
            });
        }
    }

    fn add(&mut self, analysed: Analysed) {
        let Analysed {
            title,
            brand,
            category,
            rest,
            codes,
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
        let mut own = |tokens: &[Token], all: &mut Vec<TermId>| {
            let terms: Vec<TermId> = tokens.iter().map(|token| self.number(token)).collect();
            all.extend(&terms);
            sorted(&terms)
        };
        document.brand_terms = own(&brand, &mut all);
        document.category_terms = own(&category, &mut all);
        own(&rest, &mut all);
        all.sort_unstable();
        for term in all {
            let first = document.counts.last().is_none_or(|(last, _)| *last != term);
            if self.count(term, first) {
                document.grams += 1;
            } else {
                document.words += 1;
            }
            match document.counts.last_mut() {
                Some((_, count)) if !first => *count = count.saturating_add(1),
                _ => document.counts.push((term, 1)),
            }
        }
        document.counts.shrink_to_fit();
        self.part.documents.push(document);
        let tokens = [&title, &brand, &category, &rest];
        if self.core.is_none() {
            for text in codes.iter().chain([&title]) {
                let pairs = side_by_side(text);
                for (left, right) in pairs {
                    let pair = (self.number(&text[left]), self.number(&text[right]));
                    self.pairs.push(pair);
                }
            }
        }
        let words: FxHashSet<&str> = tokens
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

    fn known(&self) -> usize {
        self.core.as_ref().map_or(0, |core| core.part.entries.len())
    }

    /// Notes that a document has a term, the first time it has it; says
    /// whether it is a gram.
    fn count(&mut self, term: TermId, first: bool) -> bool {
        let (term, known) = (term as usize, self.known());
        match &self.core {
            Some(core) if term < known => core.part.entries[term].gram,
            _ => {
                let entry = &mut self.part.entries[term - known];
                entry.documents += u32::from(first);
                entry.gram
            }
        }
    }

    fn number(&mut self, token: &Token) -> TermId {
        let kind = usize::from(token.gram);
        let core = self.core.as_ref();
        if let Some(term) = core.and_then(|core| core.part.dictionary[kind].get(&token.term)) {
            return *term;
        }
        if let Some(term) = self.part.dictionary[kind].get(&token.term) {
            return *term;
        }
        let term = (self.known() + self.part.entries.len()) as TermId;
        self.part.dictionary[kind].insert(token.term.clone(), term);
        self.part.texts.push(token.term.as_str().into());
        self.part.entries.push(TermEntry {
            documents: 0,
            gram: token.gram,
        });
        term
    }

    fn weigh(&mut self, total: usize) {
        let entries = self.part.entries.iter();
        self.part.rarities = entries
            .map(|entry| rarity(entry.documents, total))
            .collect();
    }

    pub(super) fn finish(mut self, languages: Vec<String>) -> Collection {
        let documents = self.part.documents.len();
        self.weigh(documents);
        let part = self.part;
        let mean = |length: fn(&Document) -> u32| {
            let sum: u64 = part.documents.iter().map(|d| u64::from(length(d))).sum();
            sum as f32 / documents.max(1) as f32
        };
        let (words, pairs) = (self.words, self.pairs);
        let derived = derived_from(&words, &languages);
        let (vocabulary, titles) = std::thread::scope(|scope| {
            let vocabulary = scope.spawn(|| Vocabulary::new(words));
            let titles = TitlePostings::build(&part.documents, part.entries.len(), pairs);
            (vocabulary.join().unwrap_or_default(), titles)
        });
        let core = Core {
            languages,
            mean_words: mean(|d| d.words),
            mean_grams: mean(|d| d.grams),
            titles,
            pinyin: pinyin_of(&part.dictionary[0]),
            derived,
            part,
        };
        Collection {
            core: Arc::new(core),
            delta: Arc::default(),
            vocabulary,
        }
    }

    /// The collection that these stand beside, with them.
    pub(super) fn finish_beside(mut self, vocabulary: &Vocabulary) -> Collection {
        let Some(core) = self.core.clone() else {
            return self.finish(Vec::new());
        };
        self.weigh(core.part.documents.len());
        Collection {
            core,
            delta: Arc::new(self.part),
            vocabulary: vocabulary.with_delta(self.words),
        }
    }
}

/// Which tokens stand right after which others. A compound's parts and its
/// joined form stand at one place: in `wi-fi router` both `fi` and `wifi` stand
/// before `router`.
fn side_by_side(tokens: &[Token]) -> Vec<(usize, usize)> {
    let words: Vec<usize> = (0..tokens.len())
        .filter(|at| !tokens[*at].gram)
        .take(MOST_TITLE_WORDS)
        .collect();
    let mut pairs = Vec::new();
    for left in &words {
        let after = words
            .iter()
            .filter(|right| tokens[**right].start >= tokens[*left].end);
        let next = after.clone().map(|right| tokens[*right].start).min();
        let next = after.filter(|right| Some(tokens[**right].start) == next);
        pairs.extend(next.map(|right| (*left, *right)));
    }
    pairs
}

/// The catalogue's words by the stem that they share with words derived from
/// them, of each term the most frequent word.
fn derived_from(
    words: &FxHashMap<String, u32>,
    languages: &[String],
) -> FxHashMap<Box<str>, Vec<Box<str>>> {
    let analysers: Vec<Analyser> = languages
        .iter()
        .map(|language| Analyser::new(Some(language)))
        .collect();
    let Some(analyser) = analysers
        .iter()
        .find(|one| one.derivational_stem("a").is_some())
    else {
        return FxHashMap::default();
    };
    let mut most: FxHashMap<String, (u32, &str)> = FxHashMap::default();
    for (word, count) in words {
        let own = most.entry(analyser.stem(word)).or_insert((0, word));
        *own = (*own).max((*count, word));
    }
    let mut derived: FxHashMap<Box<str>, Vec<Box<str>>> = FxHashMap::default();
    for (_, word) in most.into_values() {
        if let Some(stem) = analyser.derivational_stem(word) {
            derived.entry(stem.into()).or_default().push(word.into());
        }
    }
    for words in derived.values_mut() {
        words.sort_unstable();
    }
    derived
}

/// Chinese words of at least two characters by their pinyin.
fn pinyin_of(words: &FxHashMap<String, TermId>) -> FxHashMap<String, Vec<TermId>> {
    let mut found: FxHashMap<String, Vec<TermId>> = FxHashMap::default();
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

fn sorted(terms: &[TermId]) -> Vec<TermId> {
    let mut terms = terms.to_vec();
    terms.sort_unstable();
    terms.dedup();
    terms.shrink_to_fit();
    terms
}
