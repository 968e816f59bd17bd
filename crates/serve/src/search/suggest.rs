use std::cmp::Reverse;

use corpus::search::Query;
use corpus::search::analysis::folded;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use shop::{Id, Product};
use store::{ProductIndex, Snapshot};

use super::highlight::marked;
use super::index::Index;
use super::query::MAX_LIMIT;
use crate::{Context, Decision, ServeError, Stages};

/// How many entries with the prefix are looked at.
const MAX_LOOKED_AT: usize = 2_000;
/// At how many places of a text a prefix may begin.
const MAX_STARTS: usize = 32;

/// What somebody has typed so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SuggestRequest {
    /// The beginning of a query.
    pub q: String,
    /// How many suggestions.
    pub limit: usize,
}

impl Default for SuggestRequest {
    fn default() -> Self {
        Self {
            q: String::new(),
            limit: 8,
        }
    }
}

/// What may be meant.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Suggestions {
    /// The best first.
    pub suggestions: Vec<Suggestion>,
}

/// One way to go on typing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Suggestion {
    /// What to search for.
    pub text: String,
    /// What it is.
    pub kind: SuggestionKind,
    /// As HTML, what was typed in `<mark>`.
    pub highlight: String,
    /// The product, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<Id>,
}

/// What a suggestion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuggestionKind {
    /// Customers searched for it and found something.
    Query,
    /// A category of the shop.
    Category,
    /// A brand.
    Brand,
    /// The title of a product.
    Product,
}

#[derive(Debug)]
struct Entry {
    text: String,
    folded: String,
    kind: SuggestionKind,
    place: Option<ProductIndex>,
    /// How many products are behind it.
    count: u32,
}

/// Titles, categories and brands, findable by the beginning of any word.
#[derive(Debug, Default)]
pub(super) struct SuggestionTable {
    entries: Vec<Entry>,
    /// Entry and byte offset into its folded text, in the order of the texts
    /// from there on.
    starts: Vec<(u32, u32)>,
}

impl SuggestionTable {
    pub(super) fn build(places: &[ProductIndex], products: &[&Product]) -> Self {
        let mut entries: Vec<Entry> = Vec::new();
        let mut known: FxHashMap<(SuggestionKind, String), usize> = FxHashMap::default();
        let mut add = |kind, text: &str, place| {
            let folded = folded(text.trim());
            if folded.is_empty() {
                return;
            }
            if let Some(&at) = known.get(&(kind, folded.clone())) {
                let entry: &mut Entry = &mut entries[at];
                entry.count += 1;
                return;
            }
            known.insert((kind, folded.clone()), entries.len());
            entries.push(Entry {
                text: text.trim().to_owned(),
                folded,
                kind,
                place,
                count: 1,
            });
        };
        for (place, product) in places.iter().zip(products) {
            add(SuggestionKind::Product, &product.title, Some(*place));
            for part in &product.category {
                add(SuggestionKind::Category, part, None);
            }
            if let Some(brand) = &product.brand {
                add(SuggestionKind::Brand, brand, None);
            }
        }
        let mut starts: Vec<(u32, u32)> = Vec::new();
        for (number, entry) in (0_u32..).zip(&entries) {
            starts.extend(word_starts(&entry.folded).map(|at| (number, at as u32)));
        }
        starts.sort_by(|left, right| {
            let text = |(entry, at): &(u32, u32)| &entries[*entry as usize].folded[*at as usize..];
            text(left).cmp(text(right)).then_with(|| left.cmp(right))
        });
        Self { entries, starts }
    }

    fn tail(&self, (entry, at): (u32, u32)) -> &str {
        &self.entries[entry as usize].folded[at as usize..]
    }

    /// The entries in which a word begins with `prefix`, each with the first
    /// such place.
    fn with_prefix(&self, prefix: &str) -> Vec<(&Entry, usize)> {
        let first = self
            .starts
            .partition_point(|start| self.tail(*start) < prefix);
        let mut found: Vec<(u32, u32)> = self.starts[first..]
            .iter()
            .take_while(|start| self.tail(**start).starts_with(prefix))
            .take(MAX_LOOKED_AT)
            .copied()
            .collect();
        found.sort_unstable();
        found.dedup_by_key(|(entry, _)| *entry);
        found
            .into_iter()
            .map(|(entry, at)| (&self.entries[entry as usize], at as usize))
            .collect()
    }
}

/// Where words begin; in Chinese and the like every character does.
fn word_starts(text: &str) -> impl Iterator<Item = usize> + '_ {
    let mut before = ' ';
    text.char_indices()
        .filter(move |(_, c)| {
            let unspaced = ('\u{0e00}'..='\u{1fff}').contains(c) || *c >= '\u{2e80}';
            let start = c.is_alphanumeric() && (unspaced || !before.is_alphanumeric());
            before = *c;
            start
        })
        .map(|(at, _)| at)
        .take(MAX_STARTS)
}

/// Ways to go on from what somebody has typed: queries that others found
/// something with, categories, brands and titles. An empty beginning gives
/// the most popular queries.
pub fn suggest(
    context: &Context<'_>,
    index: &Index,
    request: &SuggestRequest,
) -> Result<Decision<Suggestions>, ServeError> {
    if request.limit > MAX_LIMIT {
        return Err(ServeError::InvalidRequest {
            param: "limit",
            reason: format!("{} is more than {MAX_LIMIT}", request.limit),
        });
    }
    let mut stages = Stages::default();
    let typed: String = request.q.chars().take(100).collect();
    let prefix = folded(typed.trim_start());
    let mut suggestions = stages.run("prefix", || {
        collect(index, context.snapshot, &prefix, request.limit)
    });
    if suggestions.is_empty() && !prefix.is_empty() {
        let mended = stages.run("correct", || {
            Query::interpret(index.collection(), &typed, None).corrected
        });
        if let Some(mended) = mended {
            suggestions = collect(index, context.snapshot, &folded(&mended), request.limit);
        }
    }
    Ok(Decision {
        decision_id: context.decision_id.clone(),
        content: Suggestions { suggestions },
        models: Vec::new(),
        stages: stages.into_vec(),
        propensity: None,
    })
}

fn collect(index: &Index, snapshot: &Snapshot, prefix: &str, limit: usize) -> Vec<Suggestion> {
    // Rank, then text: the same input gives the same list.
    let mut found: Vec<(Reverse<Weight>, Suggestion)> = Vec::new();
    for (query, clicks) in &snapshot.query_clicks {
        let Some(at) = starts_in(query, prefix) else {
            continue;
        };
        let interest: f32 = clicks.values().sum();
        let weight = Weight::new(SuggestionKind::Query, at, interest, query.len());
        found.push((
            Reverse(weight),
            suggestion(query, SuggestionKind::Query, prefix, None),
        ));
    }
    if !prefix.is_empty() {
        for (entry, at) in index.suggestions.with_prefix(prefix) {
            let product = entry.place.and_then(|place| snapshot.catalogue.get(place));
            if entry.place.is_some() && product.is_none() {
                continue;
            }
            let popularity = |place| snapshot.popularity.get(place).copied().unwrap_or_default();
            let interest = match &entry.place {
                Some(place) => popularity(place),
                None => entry.count as f32,
            };
            let weight = Weight::new(entry.kind, at, interest, entry.text.len());
            let id = product.map(|product| product.id.clone());
            found.push((
                Reverse(weight),
                suggestion(&entry.text, entry.kind, prefix, id),
            ));
        }
    }
    found.sort_by(|(left, a), (right, b)| left.cmp(right).then_with(|| a.text.cmp(&b.text)));
    let mut texts: FxHashSet<String> = FxHashSet::default();
    found
        .into_iter()
        .map(|(_, suggestion)| suggestion)
        .filter(|suggestion| texts.insert(folded(&suggestion.text)))
        .take(limit)
        .collect()
}

fn starts_in(text: &str, prefix: &str) -> Option<usize> {
    if prefix.is_empty() {
        return Some(0);
    }
    let folded = folded(text);

    word_starts(&folded).find(|at| folded[*at..].starts_with(prefix))
}

/// What one suggestion is preferred to another for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Weight {
    /// What it is and how far in front the prefix stands.
    class: u8,
    /// How much interest there is, in thousandths.
    interest: u64,
    /// Shorter is better.
    brevity: Reverse<usize>,
}

impl Weight {
    fn new(kind: SuggestionKind, at: usize, interest: f32, length: usize) -> Self {
        let kind = match kind {
            SuggestionKind::Query => 3,
            SuggestionKind::Category => 2,
            SuggestionKind::Brand => 1,
            SuggestionKind::Product => 0,
        };
        Self {
            class: kind + if at == 0 { 4 } else { 0 },
            interest: (interest.max(0.0) * 1_000.0) as u64,
            brevity: Reverse(length),
        }
    }
}

fn suggestion(text: &str, kind: SuggestionKind, prefix: &str, product: Option<Id>) -> Suggestion {
    Suggestion {
        highlight: marked_prefix(text, prefix),
        text: text.to_owned(),
        kind,
        product,
    }
}

/// Marks what was typed. Folding may change lengths, so the original is
/// matched character by character.
fn marked_prefix(text: &str, prefix: &str) -> String {
    let range = (!prefix.is_empty())
        .then(|| {
            text.char_indices().find_map(|(start, _)| {
                let ends = text[start..]
                    .char_indices()
                    .map(|(at, c)| start + at + c.len_utf8());
                ends.take(2 * prefix.len())
                    .find(|end| folded(&text[start..*end]) == prefix)
                    .map(|end| (start, end))
            })
        })
        .flatten();
    let ranges: Vec<(usize, usize)> = range.into_iter().collect();
    marked(text, 0, text.len(), &ranges)
}
