use std::cmp::Reverse;

use corpus::search::Query;
use corpus::search::analysis::folded;
use rustc_hash::{FxHashMap, FxHashSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shop::{Id, Product};
use store::{ProductIndex, Snapshot};

use super::highlight::marked;
use super::index::Index;
use super::query::MAX_QUERY;
use crate::{Context, Decision, ServeError, Stages};

/// The most suggestions of one answer.
pub const MAX_SUGGESTIONS: usize = 20;
/// How many entries with the prefix are looked at.
const MAX_LOOKED_AT: usize = 2_000;
/// At how many places of a text a prefix may begin.
const MAX_STARTS: usize = 32;

/// What somebody has typed so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SuggestRequest {
    /// The beginning of a query.
    #[schemars(length(max = MAX_QUERY))]
    pub q: String,
    /// How many suggestions.
    #[schemars(range(min = 1, max = MAX_SUGGESTIONS))]
    pub limit: usize,
    /// Who types, when known: their own queries come first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<Id>,
    /// In which visit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Id>,
}

impl Default for SuggestRequest {
    fn default() -> Self {
        Self {
            q: String::new(),
            limit: 8,
            customer: None,
            session: None,
        }
    }
}

/// What may be meant.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Suggestions {
    /// The best first.
    pub suggestions: Vec<Suggestion>,
}

/// One way to go on typing.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
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
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SuggestionKind {
    /// Several customers searched for it, or this one did.
    Query,
    /// A category of the shop.
    Category,
    /// A brand.
    Brand,
    /// The title of a product.
    Product,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub text: String,
    folded: String,
    kind: SuggestionKind,
    place: Option<ProductIndex>,
    /// How many products are behind it.
    count: u32,
}

/// Texts findable by the beginning of any of their words.
#[derive(Debug, Default)]
pub(super) struct SuggestionTable {
    entries: Vec<Entry>,
    /// Entry and byte offset into its folded text, in the order of the texts
    /// from there on.
    starts: Vec<(u32, u32)>,
}

impl SuggestionTable {
    /// Titles, categories and brands.
    pub(super) fn of_products(places: &[ProductIndex], products: &[&Product]) -> Self {
        let texts = places.iter().zip(products).flat_map(|(place, product)| {
            let title = (
                SuggestionKind::Product,
                product.title.as_str(),
                Some(*place),
            );
            let category = product.category.iter();
            let category = category.map(|part| (SuggestionKind::Category, part.as_str(), None));
            let brand = product.brand.iter();
            let brand = brand.map(|brand| (SuggestionKind::Brand, brand.as_str(), None));
            std::iter::once(title).chain(category).chain(brand)
        });
        Self::build(texts)
    }

    /// What customers ask.
    pub(super) fn of_queries<'a>(queries: impl Iterator<Item = &'a str>) -> Self {
        Self::build(queries.map(|query| (SuggestionKind::Query, query, None)))
    }

    fn build<'a>(
        texts: impl Iterator<Item = (SuggestionKind, &'a str, Option<ProductIndex>)>,
    ) -> Self {
        let mut entries: Vec<Entry> = Vec::new();
        let mut known: FxHashMap<(SuggestionKind, String), usize> = FxHashMap::default();
        for (kind, text, place) in texts {
            let folded = folded(text.trim());
            if folded.is_empty() {
                continue;
            }
            if let Some(&at) = known.get(&(kind, folded.clone())) {
                let entry: &mut Entry = &mut entries[at];
                entry.count += 1;
                continue;
            }
            known.insert((kind, folded.clone()), entries.len());
            entries.push(Entry {
                text: text.trim().to_owned(),
                folded,
                kind,
                place,
                count: 1,
            });
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
        if prefix.is_empty() {
            return Vec::new();
        }
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

/// Ways to go on from what somebody has typed: their own queries, queries
/// that several others asked, categories, brands and titles. An empty
/// beginning gives the most popular queries.
pub fn suggest(
    context: &Context<'_>,
    index: &Index,
    request: &SuggestRequest,
) -> Result<Decision<Suggestions>, ServeError> {
    if !(1..=MAX_SUGGESTIONS).contains(&request.limit) {
        return Err(ServeError::InvalidRequest {
            param: "limit",
            reason: format!("{} is not between 1 and {MAX_SUGGESTIONS}", request.limit),
        });
    }
    let mut stages = Stages::default();
    let typed: String = request.q.chars().take(100).collect();
    let prefix = folded(typed.trim_start());
    let mut suggestions = stages.run("prefix", || {
        collect(index, context.snapshot, request, &prefix)
    });
    if suggestions.is_empty() && !prefix.is_empty() {
        let mended = stages.run("correct", || {
            Query::interpret(index.collection(), &typed, None).corrected
        });
        if let Some(mended) = mended {
            suggestions = collect(index, context.snapshot, request, &folded(&mended));
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

/// The best of what goes on from a prefix; only that is written out.
fn collect(
    index: &Index,
    snapshot: &Snapshot,
    request: &SuggestRequest,
    prefix: &str,
) -> Vec<Suggestion> {
    let own = own_queries(snapshot, request);
    // Rank, then text: the same input gives the same list.
    let mut found: Vec<(Reverse<Weight>, &str, SuggestionKind, Option<Id>)> = Vec::new();
    for query in &own {
        if let Some(at) = starts_in(query, prefix) {
            let weight = Weight::own(at, query.len());
            found.push((Reverse(weight), query, SuggestionKind::Query, None));
        }
    }
    let asked_for = |query: &str| {
        let asked = snapshot.query_log.get(query);
        asked.map_or(0.0, |asked| asked.interest + 0.1 * asked.searches as f32)
    };
    if prefix.is_empty() {
        for query in &index.query_log.popular {
            let weight = Weight::new(SuggestionKind::Query, 0, asked_for(query), query.len());
            found.push((Reverse(weight), query, SuggestionKind::Query, None));
        }
    }
    let tables = index.suggestions();
    let tables = [&index.query_log.queries, tables[0], tables[1]];
    for (place, table) in tables.into_iter().enumerate() {
        let common = place == 0;
        for (entry, at) in table.with_prefix(prefix) {
            let product = entry.place.and_then(|place| snapshot.catalogue.get(place));
            let superseded = |at| place == 1 && index.is_superseded(at);
            if entry.place.is_some_and(superseded) || (entry.place.is_some() && product.is_none()) {
                continue;
            }
            let popularity = |place| snapshot.popularity.get(place).copied().unwrap_or_default();
            let interest = match &entry.place {
                Some(place) => popularity(place),
                None if common => asked_for(&entry.text),
                None => entry.count as f32,
            };
            let weight = Weight::new(entry.kind, at, interest, entry.text.len());
            let id = product.map(|product| product.id.clone());
            found.push((Reverse(weight), &entry.text, entry.kind, id));
        }
    }
    let kept = (4 * request.limit).max(32);
    let order = |left: &(Reverse<Weight>, &str, _, _), right: &(Reverse<Weight>, &str, _, _)| {
        left.0.cmp(&right.0).then_with(|| left.1.cmp(right.1))
    };
    if found.len() > kept {
        found.select_nth_unstable_by(kept, order);
        found.truncate(kept);
    }
    found.sort_by(order);
    let mut texts: FxHashSet<String> = FxHashSet::default();
    found
        .into_iter()
        .filter(|(_, text, ..)| texts.insert(folded(text)))
        .take(request.limit)
        .map(|(_, text, kind, product)| suggestion(text, kind, prefix, product))
        .collect()
}

/// What the one who types has asked before, the last first; nothing where
/// they refused to be remembered.
fn own_queries(snapshot: &Snapshot, request: &SuggestRequest) -> Vec<String> {
    const RECENT: usize = 50;
    let known = request.customer.as_ref();
    let known = known.and_then(|id| snapshot.customers.get(id));
    if known.is_some_and(|customer| !customer.consent.personalisation) {
        return Vec::new();
    }
    let history = snapshot.history(request.customer.as_ref(), request.session.as_ref());
    let queries = history.map_or(&[][..], |history| &history.queries);
    queries.iter().rev().take(RECENT).cloned().collect()
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
    /// One's own query comes before what others ask.
    fn own(at: usize, length: usize) -> Self {
        Self {
            class: if at == 0 { 9 } else { 8 },
            interest: 0,
            brevity: Reverse(length),
        }
    }

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
