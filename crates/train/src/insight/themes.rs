//! Themes are found, not given: nouns that many reviews share, words that
//! keep the same company put together.

use std::collections::{BTreeMap, BTreeSet};

use corpus::insight::{Theme, clauses, content_words};
use corpus::{Corpus, ReviewExample, words};

/// A word must be in this many reviews of its language …
const FEWEST_REVIEWS: u32 = 8;
/// … or in this share of them, whichever is more.
const SMALLEST_SHARE: f64 = 0.006;
/// A word in more than this share says nothing in particular.
const LARGEST_SHARE: f64 = 0.35;
/// How often a word must stand where nouns stand.
const NOUN_SHARE: f64 = 0.25;
/// Words whose company is at least this alike (cosine) are one theme.
const SAME_THEME: f64 = 0.42;
/// The most themes of one language.
const MOST_THEMES: usize = 40;
/// The most words of one theme.
const MOST_TERMS: usize = 8;

/// What was counted of one word.
#[derive(Default)]
struct Count {
    reviews: u32,
    clauses: u32,
    as_noun: u32,
    as_modifier: u32,
    /// Clauses shared with each other word.
    company: BTreeMap<String, u32>,
}

/// The themes of each language in the reviews.
pub fn discover(corpus: &Corpus) -> Vec<Theme> {
    let mut by_language: BTreeMap<&str, Vec<&ReviewExample>> = BTreeMap::new();
    for review in &corpus.reviews {
        by_language
            .entry(review.language.as_deref().unwrap_or("und"))
            .or_default()
            .push(review);
    }
    // What is sold is not what is said about it.
    let sold: BTreeSet<String> = corpus
        .products
        .iter()
        .flat_map(|product| product.category.iter())
        .flat_map(|category| words(category))
        .flat_map(|word| [word.trim_end_matches('s').to_owned(), word])
        .collect();
    by_language
        .into_iter()
        .flat_map(|(language, reviews)| of_language(language, &reviews, &sold))
        .collect()
}

fn of_language(language: &str, reviews: &[&ReviewExample], sold: &BTreeSet<String>) -> Vec<Theme> {
    let counts = count(reviews);
    let total = reviews.len() as f64;
    let fewest = FEWEST_REVIEWS.max((SMALLEST_SHARE * total).ceil() as u32);
    let mut terms: Vec<(&String, &Count)> = counts
        .iter()
        .filter(|(word, count)| {
            let share_as_noun = f64::from(count.as_noun) / f64::from(count.clauses);
            count.reviews >= fewest
                && f64::from(count.reviews) <= LARGEST_SHARE * total
                && share_as_noun >= NOUN_SHARE
                && count.as_noun > count.as_modifier
                && !sold.contains(*word)
        })
        .collect();
    // The most frequent first, so that it names its theme.
    terms.sort_by(|left, right| {
        right
            .1
            .reviews
            .cmp(&left.1.reviews)
            .then(left.0.cmp(right.0))
    });
    let vectors: Vec<Vector> = terms
        .iter()
        .map(|(_, count)| company(count, &counts))
        .collect();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for term in 0..terms.len() {
        let near = groups
            .iter()
            .enumerate()
            .filter(|(_, group)| group.len() < MOST_TERMS)
            .map(|(at, group)| (at, likeness(&vectors, group, term, &terms)))
            .filter(|(_, likeness)| *likeness >= SAME_THEME)
            .max_by(|left, right| left.1.total_cmp(&right.1).then(right.0.cmp(&left.0)));
        match near {
            Some((at, _)) => groups[at].push(term),
            None if groups.len() < MOST_THEMES => groups.push(vec![term]),
            None => {}
        }
    }
    groups
        .into_iter()
        .map(|group| {
            let words: Vec<String> = group.iter().map(|&term| terms[term].0.clone()).collect();
            Theme {
                id: format!("{language}-{}", words[0].replace(' ', "-")),
                name: words[0].clone(),
                language: language.to_owned(),
                terms: words,
            }
        })
        .collect()
}

fn count(reviews: &[&ReviewExample]) -> BTreeMap<String, Count> {
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    for review in reviews {
        let mut seen = BTreeSet::new();
        for range in clauses(&review.text) {
            let clause = content_words(&review.text[range]);
            let distinct: BTreeSet<&str> = clause.iter().map(|word| word.text.as_str()).collect();
            for word in &clause {
                let count = counts.entry(word.text.clone()).or_default();
                count.as_noun += u32::from(word.as_noun);
                count.as_modifier += u32::from(word.as_modifier);
                count.clauses += 1;
                count.reviews += u32::from(seen.insert(word.text.clone()));
                for other in distinct.iter().filter(|other| **other != word.text) {
                    *count.company.entry((*other).to_owned()).or_default() += 1;
                }
            }
        }
    }
    counts
}

/// A sparse vector of unit length.
type Vector<'a> = BTreeMap<&'a str, f64>;

/// The word's company as positive pointwise mutual information (Church and
/// Hanks 1990), its counts discounted by one so that chance pairs drop out.
fn company<'a>(count: &'a Count, counts: &BTreeMap<String, Count>) -> Vector<'a> {
    let all: f64 = counts.values().map(|count| f64::from(count.clauses)).sum();
    let mut vector: Vector = count
        .company
        .iter()
        .filter(|(_, together)| **together > 1)
        .filter_map(|(other, together)| {
            let other_count = f64::from(counts.get(other)?.clauses);
            let expected = f64::from(count.clauses) * other_count / all;
            let information = (f64::from(*together - 1) / expected).ln();
            (information > 0.0).then_some((other.as_str(), information))
        })
        .collect();
    let length = vector
        .values()
        .map(|value| value * value)
        .sum::<f64>()
        .sqrt();
    if length > 0.0 {
        vector.values_mut().for_each(|value| *value /= length);
    }
    vector
}

/// How alike a word is to the first word of a group; the same word in another
/// form is the same.
fn likeness(vectors: &[Vector], group: &[usize], term: usize, terms: &[(&String, &Count)]) -> f64 {
    let first = group[0];
    if same_stem(terms[first].0, terms[term].0) {
        return 1.0;
    }
    vectors[term]
        .iter()
        .filter_map(|(word, value)| Some(value * vectors[first].get(word)?))
        .sum()
}

fn same_stem(left: &str, right: &str) -> bool {
    let stem = |word: &str| word.trim_end_matches("'s").trim_end_matches('s').to_owned();
    stem(left) == stem(right)
}
