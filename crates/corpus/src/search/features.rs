//! What the ranker sees of a product that may answer a query, computed by
//! the same code in training and in serving.

use serde::{Deserialize, Serialize};

use super::collection::{Collection, Document, TermId};
use super::query::{Query, QueryWord};

/// One number for each of [`FEATURES`].
pub type Features = [f32; FEATURES.len()];

/// The features by name, in their order. All lie between 0 and 1: `taste`
/// and `clicks` are shares, `bm25` and `popularity` (logarithmic) are relative
/// to the best of the list.
pub const FEATURES: [&str; 24] = [
    "bm25",
    "words_matched",
    "title_words_matched",
    "title_covered",
    "phrase_in_title",
    "exact_title",
    "category_matched",
    "brand_matched",
    "title_head",
    "popularity",
    "clicks",
    "taste",
    "price_position",
    "can_be_ordered",
    "language",
    "meaning",
    "meaning_relative",
    "query_length",
    "title_length",
    "rarest_matched",
    "numbers_matched",
    "pairs_in_title",
    "title_start",
    "accessory",
];

/// The places of single features in [`FEATURES`].
#[allow(missing_docs)]
pub mod place {
    pub const BM25: usize = 0;
    pub const WORDS: usize = 1;
    pub const TITLE_WORDS: usize = 2;
    pub const TITLE_COVERED: usize = 3;
    pub const PHRASE: usize = 4;
    pub const EXACT_TITLE: usize = 5;
    pub const CATEGORY: usize = 6;
    pub const BRAND: usize = 7;
    pub const TITLE_HEAD: usize = 8;
    pub const POPULARITY: usize = 9;
    pub const CLICKS: usize = 10;
    pub const TASTE: usize = 11;
    pub const PRICE: usize = 12;
    pub const CAN_BE_ORDERED: usize = 13;
    pub const LANGUAGE: usize = 14;
    pub const MEANING: usize = 15;
    pub const MEANING_RELATIVE: usize = 16;
    pub const QUERY_LENGTH: usize = 17;
    pub const TITLE_LENGTH: usize = 18;
    pub const RAREST: usize = 19;
    pub const NUMBERS: usize = 20;
    pub const PAIRS: usize = 21;
    pub const TITLE_START: usize = 22;
    pub const ACCESSORY: usize = 23;
}

/// What is known of a product beside its text.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Circumstances {
    /// Summed interest in it.
    pub interest: f32,
    /// Its share of the clicks after this query: see [`click_share`].
    pub clicks: f32,
    /// How much of what the customer looked at lately is like it: see [`taste`].
    pub taste: f32,
    /// Where its price lies among the list's, 0 (cheapest) to 1.
    pub price_position: f32,
    /// Whether it can be ordered now.
    pub can_be_ordered: bool,
    /// Whether the title is the query.
    pub exact_title: bool,
    /// Whether its text is in the language asked for.
    pub speaks_language: bool,
    /// The cosine between what the query and the product mean; 0 without an
    /// encoder.
    pub meaning: f32,
}

/// A product's share of the interest after a query, held down while little
/// is known: one click of one person does not turn a list over.
pub fn click_share(interest: f32, all: f32) -> f32 {
    const PRIOR: f32 = 1.0;
    (interest.max(0.0) / (all.max(0.0) + PRIOR)).min(1.0)
}

/// How much of what somebody looked at lately is of this category and of
/// this brand, each a share of `all`.
pub fn taste(category: f32, brand: f32, all: f32) -> f32 {
    const PRIOR: f32 = 2.0;
    ((0.6 * category.max(0.0) + 0.4 * brand.max(0.0)) / (all.max(0.0) + PRIOR)).min(1.0)
}

/// Where `price` lies among `prices` (sorted), 0 to 1; the middle of its
/// equals, and in the middle of all where there is none.
pub fn price_position(price: Option<i64>, prices: &[i64]) -> f32 {
    let Some(price) = price.filter(|_| !prices.is_empty()) else {
        return 0.5;
    };
    let below = prices.partition_point(|other| *other < price);
    let up_to = prices.partition_point(|other| *other <= price);
    (below + up_to) as f32 / (2 * prices.len()) as f32
}

/// Whether all of `terms` are in `sorted`.
fn holds(sorted: &[TermId], terms: &[TermId]) -> bool {
    terms.iter().all(|term| sorted.binary_search(term).is_ok())
}

/// How surely a word of the query is in one sorted field; 0 when it is not.
pub fn strength(word: &QueryWord, sorted: &[TermId]) -> f32 {
    let found = word
        .alternatives
        .iter()
        .filter(|alternative| holds(sorted, &alternative.terms));
    found
        .map(|alternative| alternative.weight)
        .fold(0.0, f32::max)
}

/// How surely a word is anywhere in the product, and its BM25: both of the
/// best alternative.
fn match_anywhere(collection: &Collection, word: &QueryWord, document: &Document) -> (f32, f32) {
    let (mut sure, mut score) = (0.0_f32, 0.0_f32);
    for alternative in &word.alternatives {
        let mut sum = 0.0;
        let all = alternative.terms.iter().all(|term| {
            let one = collection.bm25(*term, document);
            sum += one;
            one > 0.0
        });
        if all {
            sure = sure.max(alternative.weight);
            score = score.max(alternative.weight * sum);
        }
    }
    (sure, score)
}

/// The joined field's BM25 of a query, words that may stand for several
/// terms counting with the best of them.
pub fn bm25(collection: &Collection, query: &Query, document: &Document) -> f32 {
    let words = query.words.iter();
    words
        .map(|word| match_anywhere(collection, word, document).1)
        .sum()
}

/// Whether a document has a word in any of its readings.
pub fn has_word(word: &QueryWord, document: &Document) -> bool {
    match_weight(word, document) > 0.0
}

/// How sure the surest reading of a word is that a document has; 0 without any.
pub fn match_weight(word: &QueryWord, document: &Document) -> f32 {
    let alternatives = word.alternatives.iter();
    let has = alternatives.filter(|one| one.terms.iter().all(|term| document.count(*term) > 0));
    has.map(|one| one.weight).fold(0.0, f32::max)
}

/// Whether a document has every word of a query that the catalogue knows, in
/// any of its readings.
pub fn has_all_words(query: &Query, document: &Document) -> bool {
    let has = |word: &QueryWord| word.alternatives.is_empty() || has_word(word, document);
    !query.is_unknown() && query.words.iter().all(has)
}

/// The features of one product; [`relative_to_best`] finishes them once the
/// list is whole.
pub fn features(
    collection: &Collection,
    query: &Query,
    document: &Document,
    circumstances: &Circumstances,
) -> Features {
    let mut all = 0.0_f32;
    let (mut bm25, mut matched, mut title) = (0.0, 0.0, 0.0);
    let (mut category, mut brand) = (0.0, 0.0);
    for word in &query.words {
        let (sure, score) = match_anywhere(collection, word, document);
        let says = word.rarity * word.share;
        all += says;
        bm25 += word.share * score;
        matched += says * sure;
        title += says * strength(word, &document.title_terms);
        category += says * strength(word, &document.category_terms);
        brand += says * strength(word, &document.brand_terms);
    }
    let share = |sum: f32| if all > 0.0 { sum / all } else { 0.0 };
    let mut result = [0.0; FEATURES.len()];
    result[place::BM25] = bm25;
    result[place::WORDS] = share(matched);
    result[place::TITLE_WORDS] = share(title);
    result[place::TITLE_COVERED] = title_covered(query, document);
    result[place::PHRASE] = f32::from(phrase(query, &document.title));
    result[place::EXACT_TITLE] = f32::from(circumstances.exact_title);
    result[place::CATEGORY] = share(category);
    result[place::BRAND] = share(brand);
    result[place::TITLE_HEAD] = title_head(query, document);
    result[place::POPULARITY] = circumstances.interest.max(0.0).ln_1p();
    result[place::CLICKS] = circumstances.clicks;
    result[place::TASTE] = circumstances.taste;
    result[place::PRICE] = circumstances.price_position;
    result[place::CAN_BE_ORDERED] = f32::from(circumstances.can_be_ordered);
    result[place::LANGUAGE] = f32::from(circumstances.speaks_language);
    result[place::MEANING] = circumstances.meaning.clamp(0.0, 1.0);
    result[place::MEANING_RELATIVE] = circumstances.meaning.clamp(0.0, 1.0);
    let count = |count: usize, most: f32| (count as f32 / most).min(1.0);
    result[place::QUERY_LENGTH] = count(query.words.len(), 10.0);
    result[place::TITLE_LENGTH] = count(document.title.len(), 25.0);
    result[place::RAREST] = rarest_matched(query, document);
    result[place::NUMBERS] = numbers_matched(query, document);
    result[place::PAIRS] = pairs_in_title(query, document);
    result[place::TITLE_START] = title_start(query, document);
    result[place::ACCESSORY] = accessory(query, document);
    result
}

/// How surely the word that says the most is in the title.
fn rarest_matched(query: &Query, document: &Document) -> f32 {
    let known = query.words.iter();
    let rarest = known.max_by(|left, right| left.rarity.total_cmp(&right.rarity));
    rarest.map_or(0.0, |word| strength(word, &document.title_terms))
}

/// The share of the numbers, sizes and model numbers asked for that are in
/// the title; in the middle where none is asked for.
fn numbers_matched(query: &Query, document: &Document) -> f32 {
    let numbers = query.words.iter();
    let numbers = numbers.filter(|word| word.text.contains(|c: char| c.is_ascii_digit()));
    let (mut count, mut found) = (0, 0.0);
    for word in numbers {
        count += 1;
        found += strength(word, &document.title_terms);
    }
    if count == 0 {
        0.5
    } else {
        found / count as f32
    }
}

/// The share of neighbours in the query that are neighbours in the title.
fn pairs_in_title(query: &Query, document: &Document) -> f32 {
    let pairs = query.words.windows(2);
    let wanted = pairs.len();
    let found = pairs.filter(|pair| {
        let beside = |two: &[TermId]| stands_for(&pair[0], two[0]) && stands_for(&pair[1], two[1]);
        document.title.windows(2).any(beside)
    });
    found.count() as f32 / wanted.max(1) as f32
}

/// How near to the title's beginning a word of the query stands.
fn title_start(query: &Query, document: &Document) -> f32 {
    let asked_for = |term: &TermId| query.words.iter().any(|word| stands_for(word, *term));
    let before = document.title.iter().position(asked_for);
    before.map_or(0.0, |before| 1.0 / (1.0 + before as f32))
}

/// The share of the query's words that the title has only after a
/// preposition.
fn accessory(query: &Query, document: &Document) -> f32 {
    let (head, tail) = document
        .title
        .split_at(document.head.min(document.title.len()));
    if tail.is_empty() {
        return 0.0;
    }
    let has = |terms: &[TermId], word: &QueryWord| terms.iter().any(|term| stands_for(word, *term));
    let (mut all, mut only_after) = (0.0, 0.0);
    for word in &query.words {
        all += word.rarity;
        if has(tail, word) && !has(head, word) {
            only_after += word.rarity;
        }
    }
    if all > 0.0 { only_after / all } else { 0.0 }
}

/// Scales what has no scale of its own by the best of the list, so that one
/// weight fits all queries and all shops.
pub fn relative_to_best(list: &mut [Features]) {
    for feature in [place::BM25, place::POPULARITY, place::MEANING_RELATIVE] {
        let best = list.iter().map(|one| one[feature]).fold(0.0, f32::max);
        if best > 0.0 {
            for one in &mut *list {
                one[feature] /= best;
            }
        }
    }
}

/// The share of the title's words that the query speaks of: a short title
/// about nothing else beats a long one that mentions it.
fn title_covered(query: &Query, document: &Document) -> f32 {
    if document.title.is_empty() {
        return 0.0;
    }
    let spoken_of = |term: &TermId| {
        query.words.iter().any(|word| {
            word.alternatives
                .iter()
                .any(|other| other.weight >= 0.5 && other.terms.contains(term))
        })
    };
    let covered = document.title.iter().filter(|term| spoken_of(term)).count();
    covered as f32 / document.title.len() as f32
}

fn stands_for(word: &QueryWord, term: TermId) -> bool {
    word.alternatives
        .iter()
        .any(|other| other.weight >= 0.5 && other.terms == [term])
}

/// Whether the query's words (at least two) stand side by side in the title.
fn phrase(query: &Query, title: &[TermId]) -> bool {
    let wanted = query.words.len();
    wanted >= 2
        && title.windows(wanted).any(|terms| {
            query
                .words
                .iter()
                .zip(terms)
                .all(|(word, term)| stands_for(word, *term))
        })
}

/// How near to the title's end the query's last word stands: what a title
/// ends with is mostly what the thing is (`laptop` in `laptop bag` is not).
fn title_head(query: &Query, document: &Document) -> f32 {
    let Some(last) = query.words.last() else {
        return 0.0;
    };
    let head = document.title.get(..document.head).unwrap_or_default();
    let after = head.iter().rev().position(|term| stands_for(last, *term));
    after.map_or(0.0, |after| 1.0 / (1.0 + after as f32))
}

/// A linear ranking function over [`FEATURES`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ranker {
    /// The names of the features that the weights belong to.
    pub features: Vec<String>,
    /// A weight for each.
    pub weights: Vec<f32>,
    /// How much meaning counts beside BM25 where nothing else is looked at.
    #[serde(default = "default_fusion")]
    pub fusion: f32,
    /// What covers less than this share of the terms that the best covers is not shown.
    #[serde(alias = "least_said", default = "default_minimum_should_match")]
    pub minimum_should_match: f32,
}

/// Of graded pairs with a smaller share fewer than one in twenty was right
/// (57 queries of Chorus, and a simulated shop, words weighed by their rarity
/// alone); with more it is one in ten and soon one in three.
fn default_minimum_should_match() -> f32 {
    0.35
}

/// Chosen on held-out words of titles; judgements are better, where there are
/// any.
fn default_fusion() -> f32 {
    0.5
}

impl Default for Ranker {
    /// The weights without a log to learn from.
    fn default() -> Self {
        let mut weights = vec![0.0; FEATURES.len()];
        weights[place::BM25] = 1.0;
        weights[place::WORDS] = 2.0;
        weights[place::TITLE_WORDS] = 0.5;
        weights[place::TITLE_COVERED] = 0.8;
        weights[place::PHRASE] = 0.5;
        weights[place::EXACT_TITLE] = 2.0;
        weights[place::CATEGORY] = 0.4;
        weights[place::BRAND] = 0.2;
        weights[place::TITLE_HEAD] = 0.3;
        weights[place::POPULARITY] = 0.5;
        weights[place::CLICKS] = 1.5;
        weights[place::TASTE] = 0.5;
        weights[place::PRICE] = 0.0;
        weights[place::CAN_BE_ORDERED] = 0.6;
        weights[place::LANGUAGE] = 0.5;
        weights[place::MEANING] = 0.1;
        weights[place::MEANING_RELATIVE] = 0.1;
        Self {
            features: FEATURES.map(str::to_owned).to_vec(),
            weights,
            fusion: default_fusion(),
            minimum_should_match: default_minimum_should_match(),
        }
    }
}

impl Ranker {
    /// Whether it was made for the features of this program.
    pub fn fits(&self) -> bool {
        self.features == FEATURES
            && self.weights.len() == FEATURES.len()
            && self.weights.iter().all(|weight| weight.is_finite())
    }

    /// The score of one product: the sum of weight times feature.
    pub fn score(&self, features: &Features) -> f32 {
        let pairs = self.weights.iter().zip(features);
        pairs.map(|(weight, feature)| weight * feature).sum()
    }
}

#[cfg(test)]
mod tests {
    use shop::{Id, Product};

    use super::*;

    fn seen(titles: &[&str], query: &str) -> Vec<Features> {
        let products: Vec<Product> = titles
            .iter()
            .map(|title| Product::new(Id::new(title).unwrap(), (*title).to_owned()))
            .collect();
        let collection = Collection::build(&products.iter().collect::<Vec<_>>(), 1);
        let query = Query::interpret(&collection, query, None);
        let mut list: Vec<Features> = collection
            .documents()
            .iter()
            .map(|document| features(&collection, &query, document, &Circumstances::default()))
            .collect();
        relative_to_best(&mut list);
        list
    }

    #[test]
    fn what_the_ranker_sees() {
        let list = seen(
            &["Red tea pot", "Tea in a red box", "Coffee", "Pot"],
            "tea pot",
        );
        let column = |feature: usize| -> Vec<f32> { list.iter().map(|one| one[feature]).collect() };
        assert_eq!(column(place::PHRASE), [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(column(place::TITLE_HEAD), [1.0, 0.0, 0.0, 1.0]);
        assert_eq!(column(place::TITLE_COVERED), [2.0 / 3.0, 0.2, 0.0, 1.0]);
        let matched = column(place::TITLE_WORDS);
        assert!((matched[0] - 1.0).abs() < 1e-6 && matched[2] == 0.0);
        assert_eq!(column(place::BM25)[0], 1.0);
        assert!(
            list.iter()
                .flatten()
                .all(|value| (0.0..=1.0).contains(value))
        );
    }

    #[test]
    fn one_click_is_little_and_many_are_much() {
        assert!(click_share(0.3, 0.3) < 0.25);
        assert!(click_share(9.0, 10.0) > 0.8);
        assert_eq!(click_share(-1.0, 0.0), 0.0);
        assert_eq!(taste(0.0, 0.0, 0.0), 0.0);
        assert!(taste(5.0, 0.0, 5.0) < taste(5.0, 5.0, 5.0));
    }

    #[test]
    fn prices_by_rank() {
        let prices = [100, 200, 200, 900];
        for (price, position) in [
            (Some(100), 0.125),
            (Some(200), 0.5),
            (Some(900), 0.875),
            (None, 0.5),
        ] {
            assert_eq!(price_position(price, &prices), position);
        }
        assert_eq!(price_position(Some(5), &[]), 0.5);
    }
}
