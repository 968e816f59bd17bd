use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use corpus::search::analysis::folded;
use corpus::search::constraints::QueryConstraint;
use corpus::search::features::{bm25, click_share, features, place, relative_to_best, taste};
use corpus::search::{Circumstances, FEATURES, Features, Query, Ranker, query_key};
use models::boosted_trees::BoostedTrees;
use rustc_hash::{FxHashMap, FxHashSet};
use shop::{Id, Product};
use store::{History, ProductIndex, Snapshot};

use super::index::{DocumentNumber, Index};
use super::query::SearchRequest;
use super::rules::Boost;

/// How many of the lexically best products the ranker looks at.
const WINDOW: usize = 500;
/// How many of each retriever's best say what its scores are like.
const FUSED: usize = 100;
/// How many of a customer's last interactions make up their taste.
const RECENT: usize = 50;

/// A product on its way to becoming a hit.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub document: DocumentNumber,
    /// Of equals the lower comes first: the order of ids.
    pub order: u64,
    pub lexical: f32,
    /// Its term coverage, in thousandths.
    pub coverage: u64,
    /// Whether it is here whatever words it has: by its meaning, because it
    /// was chosen after this query, or because a rule says so.
    pub beyond_terms: bool,
    /// The cosine to the query; 0 where no encoder looked.
    pub meaning: f32,
    pub score: f32,
    /// What the ranker saw; `None` beyond its window.
    pub features: Option<Box<Features>>,
    /// What was added to the score for constraints beside the words.
    pub granted: f32,
    /// What the shop's rules added to it.
    pub boosted: f32,
}

/// What the snapshot says about the searcher and the query.
pub(super) struct Behaviour {
    clicks: Option<Arc<BTreeMap<ProductIndex, f32>>>,
    clicks_in_all: f32,
    categories: FxHashMap<String, f32>,
    brands: FxHashMap<String, f32>,
    interest_in_all: f32,
    language: Option<String>,
    hidden: Vec<ProductIndex>,
    has_bought: bool,
}

impl Behaviour {
    pub(super) fn new(snapshot: &Snapshot, request: &SearchRequest, query: &Query) -> Self {
        let key = query_key(&request.q);
        let mended = query.corrected.as_deref().map(query_key);
        let clicks = snapshot
            .query_clicks
            .get(&key)
            .or_else(|| snapshot.query_clicks.get(&mended?))
            .cloned();
        let sum = |clicks: &BTreeMap<ProductIndex, f32>| clicks.values().map(|c| c.max(0.0)).sum();
        let mut behaviour = Self {
            clicks_in_all: clicks.as_deref().map_or(0.0, sum),
            clicks,
            categories: FxHashMap::default(),
            brands: FxHashMap::default(),
            interest_in_all: 0.0,
            language: wanted_language(snapshot, request),
            hidden: Vec::new(),
            has_bought: false,
        };
        if let Some(history) = personal_history(snapshot, request) {
            behaviour.remember(snapshot, history);
        }
        behaviour
    }

    fn remember(&mut self, snapshot: &Snapshot, history: &History) {
        self.hidden = history.hidden.iter().copied().collect();
        self.has_bought = !history.bought.is_empty();
        for interaction in history.interactions.iter().rev().take(RECENT) {
            let interest = interaction.kind.interest();
            let Some(product) = snapshot.catalogue.get(interaction.product) else {
                continue;
            };
            self.interest_in_all += interest.max(0.0);
            if let Some(category) = product.leaf_category() {
                *self.categories.entry(category.to_owned()).or_default() += interest;
            }
            if let Some(brand) = &product.brand {
                *self.brands.entry(brand.clone()).or_default() += interest;
            }
        }
    }

    /// The products that customers chose after this query often enough to be
    /// shown even where none of its words is in them: more than one person's
    /// worth of clicks.
    pub(super) fn chosen(&self) -> impl Iterator<Item = ProductIndex> + '_ {
        const ENOUGH: f32 = 1.0;
        let clicks = self.clicks.iter().flat_map(|clicks| clicks.iter());
        clicks
            .filter(|(_, interest)| **interest >= ENOUGH)
            .map(|(place, _)| *place)
    }

    /// Whether the customer asked not to see this again.
    pub(super) fn is_hidden(&self, place: ProductIndex) -> bool {
        self.hidden.contains(&place)
    }

    /// Whether there is anything that the customer asked not to see again.
    pub(super) fn hides_any(&self) -> bool {
        !self.hidden.is_empty()
    }

    /// Whether the customer has bought something before.
    pub(super) fn has_bought(&self) -> bool {
        self.has_bought
    }

    pub(super) fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    fn circumstances(
        &self,
        snapshot: &Snapshot,
        place: ProductIndex,
        product: &Product,
    ) -> Circumstances {
        let chosen = self.clicks.as_ref().and_then(|clicks| clicks.get(&place));
        let of = |table: &FxHashMap<String, f32>, name: Option<&str>| {
            name.and_then(|name| table.get(name))
                .copied()
                .unwrap_or_default()
        };
        let speaks_language = match (&self.language, &product.language) {
            (Some(wanted), Some(own)) => own.eq_ignore_ascii_case(wanted),
            _ => true,
        };
        Circumstances {
            interest: snapshot.popularity.get(&place).copied().unwrap_or_default(),
            clicks: click_share(chosen.copied().unwrap_or_default(), self.clicks_in_all),
            taste: taste(
                of(&self.categories, product.leaf_category()),
                of(&self.brands, product.brand.as_deref()),
                self.interest_in_all,
            ),
            price_position: 0.5,
            can_be_ordered: product.availability.can_be_ordered(),
            exact_title: false,
            speaks_language,
            meaning: 0.0,
        }
    }
}

/// What may be used about the searcher: nothing where they said no.
fn personal_history<'a>(snapshot: &'a Snapshot, request: &SearchRequest) -> Option<&'a History> {
    let known = request
        .customer
        .as_ref()
        .and_then(|id| snapshot.customers.get(id));
    if known.is_some_and(|customer| !customer.consent.personalisation) {
        return None;
    }
    let history = snapshot.history(request.customer.as_ref(), request.session.as_ref());
    history.map(|history| &**history)
}

/// The language asked for, else the customer's.
fn wanted_language(snapshot: &Snapshot, request: &SearchRequest) -> Option<String> {
    let own = |id: &Id| snapshot.customers.get(id)?.language.clone();
    request
        .language
        .clone()
        .filter(|language| !language.is_empty())
        .or_else(|| request.customer.as_ref().and_then(own))
}

/// What decides the score of a product beside its features.
pub(super) struct Scoring<'a> {
    pub ranker: &'a Ranker,
    pub trees: Option<&'a BoostedTrees>,
    pub constraints: &'a [QueryConstraint],
    /// One half is as it was learnt.
    pub semantic_ratio: Option<f32>,
    /// What the query means, where meaning is looked at.
    pub vector: Option<&'a [f32]>,
    /// What the shop's rules bring forward.
    pub boosts: &'a [Boost<'a>],
    /// How many have to be in order.
    pub needed: usize,
}

/// What a cosine of 1 is worth where meaning alone decides.
const MEANING_SCALE: f32 = 5.0;

impl Scoring<'_> {
    fn learnt(&self, features: &Features) -> f32 {
        let trees = self.trees.map_or(0.0, |trees| trees.score(features));
        self.ranker.score(features) + trees
    }

    /// What is left of the learnt score, and what a cosine of 1 adds to it:
    /// above one half meaning takes over from what was learnt.
    fn shares(&self) -> (f32, f32) {
        let over = self.semantic_ratio.map_or(0.0, |ratio| 2.0 * ratio - 1.0);
        let over = over.max(0.0);
        (1.0 - over, over * MEANING_SCALE)
    }

    /// The features that count: below one half the learnt part of meaning
    /// goes.
    fn counted(&self, features: &Features) -> Features {
        let mut counted = *features;
        if let Some(ratio) = self.semantic_ratio.filter(|ratio| *ratio < 0.5) {
            counted[place::MEANING] *= 2.0 * ratio;
            counted[place::MEANING_RELATIVE] *= 2.0 * ratio;
        }
        counted
    }

    fn score(&self, features: &Features) -> f32 {
        let (learnt, meaning) = self.shares();
        learnt * self.learnt(&self.counted(features)) + meaning * features[place::MEANING]
    }

    /// What a candidate's score is the sum of.
    pub(super) fn parts(&self, candidate: &Candidate) -> BTreeMap<&'static str, f32> {
        let Some(features) = &candidate.features else {
            return BTreeMap::from([("lexical_order", candidate.score)]);
        };
        let (learnt, meaning) = self.shares();
        let counted = self.counted(features);
        let weighed = self.ranker.weights.iter().zip(counted);
        let weighed = weighed.map(|(weight, feature)| learnt * weight * feature);
        let mut parts: BTreeMap<&'static str, f32> = FEATURES.into_iter().zip(weighed).collect();
        let trees = self.trees.map_or(0.0, |trees| trees.score(&counted));
        for (name, part) in [
            ("trees", learnt * trees),
            ("semantic_ratio", meaning * features[place::MEANING]),
            ("constraints", candidate.granted),
            ("rules", candidate.boosted),
        ] {
            if part != 0.0 {
                parts.insert(name, part);
            }
        }
        parts
    }
}

/// How far a product is what was wished for beside the words.
fn granted(
    index: &Index,
    snapshot: &Snapshot,
    constraints: &[QueryConstraint],
    candidate: &Candidate,
    features: &Features,
) -> f32 {
    // A limit that was said is no guess: it outweighs a word that fits better,
    // and hides nothing.
    const IN_PRICE: f32 = 3.0;
    const CHEAP: f32 = 0.5;
    // Its words count already where they are found.
    const NAMED: f32 = 0.05;
    const EXCLUDED: f32 = -5.0;
    let Some(product) = index
        .place(candidate.document)
        .and_then(|place| snapshot.catalogue.get(place))
    else {
        return 0.0;
    };
    let same = |left: &str, right: &str| left == right || folded(left) == folded(right);
    let of = |constraint: &QueryConstraint| match constraint {
        QueryConstraint::Price { min, max, .. } => {
            let inside = product.price.is_some_and(|price| {
                min.is_none_or(|min| price.amount >= min)
                    && max.is_none_or(|max| price.amount <= max)
            });
            if inside { IN_PRICE } else { 0.0 }
        }
        // They are filters: what they exclude is gone already.
        QueryConstraint::Exclude { .. } | QueryConstraint::Phrase { .. } => 0.0,
        QueryConstraint::Cheap { .. } => CHEAP * (1.0 - features[place::PRICE]),
        QueryConstraint::Without { word } => {
            let names = [Some(product.title.as_str()), product.brand.as_deref()];
            let names = names.into_iter().flatten();
            let has = |text: &str| {
                let text = folded(text);
                let mut words = text.split(|c: char| !c.is_alphanumeric());
                words.any(|other| other == word)
                    || (!word.is_ascii() && text.contains(word.as_str()))
            };
            let excluded = !word.is_empty()
                && names
                    .chain(product.category.iter().map(String::as_str))
                    .any(has);
            if excluded { EXCLUDED } else { 0.0 }
        }
        QueryConstraint::Brand { value } => match &product.brand {
            Some(brand) if same(brand, value) => NAMED,
            _ => 0.0,
        },
        QueryConstraint::Category { value } => {
            let inside = product.category.iter().any(|part| same(part, value));
            if inside { NAMED } else { 0.0 }
        }
        QueryConstraint::Attribute { name, value } => match product.attributes.get(name) {
            Some(serde_json::Value::String(own)) if same(own, value) => NAMED,
            Some(serde_json::Value::Array(all)) => {
                let held = all.iter().filter_map(serde_json::Value::as_str);
                if held.into_iter().any(|own| same(own, value)) {
                    NAMED
                } else {
                    0.0
                }
            }
            _ => 0.0,
        },
    };
    constraints.iter().map(of).sum()
}

/// Puts the candidates in the order of the ranker: the lexically best are
/// ranked by all features, the others follow in lexical order.
pub(super) fn rank(
    index: &Index,
    snapshot: &Snapshot,
    query: &Query,
    behaviour: &Behaviour,
    scoring: &Scoring<'_>,
    candidates: &mut [Candidate],
) {
    // What was chosen after this query or is called just so is always looked at.
    let titled: FxHashSet<DocumentNumber> = index.with_title(&query.exact).collect();
    let certain: FxHashSet<DocumentNumber> = behaviour
        .chosen()
        .filter_map(|place| index.document(place))
        .chain(titled.iter().copied())
        .take(WINDOW / 2)
        .collect();
    let best = best_lexical(candidates);
    for candidate in &mut *candidates {
        candidate.score = if certain.contains(&candidate.document) {
            f32::MAX
        } else {
            candidate.lexical / best + candidate.meaning.max(0.0)
        };
    }
    best_first(candidates, scoring.needed.max(WINDOW));
    let (window, rest) = candidates.split_at_mut(candidates.len().min(WINDOW));
    if let Some(vector) = scoring.vector {
        for candidate in &mut *window {
            candidate.meaning = index.cosine(candidate.document, vector);
        }
    }
    let mut list: Vec<Features> = window
        .iter()
        .map(|candidate| product_features(index, snapshot, query, behaviour, &titled, candidate))
        .collect();
    place_prices(index, snapshot, window, &mut list);
    relative_to_best(&mut list);
    let mut lowest = f32::MAX;
    for (candidate, features) in window.iter_mut().zip(list) {
        candidate.score = scoring.score(&features);
        if !scoring.constraints.is_empty() {
            candidate.granted = granted(index, snapshot, scoring.constraints, candidate, &features);
        }
        candidate.boosted = boosted(index, snapshot, scoring.boosts, candidate);
        candidate.score += candidate.granted + candidate.boosted;
        candidate.features = Some(Box::new(features));
        lowest = lowest.min(candidate.score);
    }
    window.sort_unstable_by(by_score);
    for candidate in rest {
        candidate.score = lowest - 1.0 + candidate.lexical / best;
    }
}

/// What the shop's rules add to a score.
fn boosted(index: &Index, snapshot: &Snapshot, boosts: &[Boost<'_>], candidate: &Candidate) -> f32 {
    if boosts.is_empty() {
        return 0.0;
    }
    let place = index.place(candidate.document);
    let product = place.and_then(|place| snapshot.catalogue.get(place));
    let meant = |boost: &&Boost<'_>| product.is_some_and(|one| boost.filter.accepts(one));
    let boosts = boosts.iter().filter(meant);
    boosts.map(|boost| boost.by).sum()
}

/// Brings the `needed` best to the front, in order; the others follow in no
/// certain one.
fn best_first(candidates: &mut [Candidate], needed: usize) {
    if needed >= candidates.len() {
        candidates.sort_unstable_by(by_score);
    } else {
        candidates.select_nth_unstable_by(needed, by_score);
        candidates[..needed].sort_unstable_by(by_score);
    }
}

/// Browsing: no words, so what is known about the products alone decides.
pub(super) fn rank_all(
    index: &Index,
    snapshot: &Snapshot,
    behaviour: &Behaviour,
    scoring: &Scoring<'_>,
    candidates: &mut [Candidate],
) {
    let needed = scoring.needed;
    let most = snapshot.popularity.values().copied().fold(0.0, f32::max);
    let most = most.ln_1p().max(f32::MIN_POSITIVE);
    let seen = |candidate: &Candidate| {
        let mut features = [0.0; FEATURES.len()];
        let place = index.place(candidate.document);
        let product = place.and_then(|at| Some((at, snapshot.catalogue.get(at)?)));
        if let Some((at, product)) = product {
            let circumstances = behaviour.circumstances(snapshot, at, product);
            features[place::POPULARITY] = circumstances.interest.max(0.0).ln_1p() / most;
            features[place::TASTE] = circumstances.taste;
            features[place::CAN_BE_ORDERED] = f32::from(circumstances.can_be_ordered);
            features[place::LANGUAGE] = f32::from(circumstances.speaks_language);
        }
        features
    };
    for candidate in &mut *candidates {
        candidate.boosted = boosted(index, snapshot, scoring.boosts, candidate);
        candidate.score = scoring.score(&seen(candidate)) + candidate.boosted;
    }
    best_first(candidates, needed);
    for candidate in candidates.iter_mut().take(needed) {
        candidate.features = Some(Box::new(seen(candidate)));
    }
}

/// The lexical order alone: by BM25, as the benchmark's first stage.
pub(super) fn rank_lexically(index: &Index, query: &Query, candidates: &mut [Candidate]) {
    for candidate in &mut *candidates {
        candidate.score = index
            .terms(candidate.document)
            .map_or(0.0, |document| bm25(index.collection(), query, document));
    }
    candidates.sort_unstable_by(by_score);
}

/// How far from the mean a score counts at most, in standard deviations.
const MOST_DEVIATIONS: f32 = 3.0;

/// Mean and standard deviation of the best scores of one retriever.
fn moments(scores: impl Iterator<Item = f32>) -> (f32, f32) {
    let mut scores: Vec<f32> = scores.collect();
    scores.sort_unstable_by(|left, right| right.total_cmp(left));
    scores.truncate(FUSED);
    let count = scores.len().max(1) as f32;
    let mean = scores.iter().sum::<f32>() / count;
    let variance = scores
        .iter()
        .map(|score| (score - mean).powi(2))
        .sum::<f32>()
        / count;
    (mean, variance.sqrt().max(f32::EPSILON))
}

/// The order of BM25 and dense retrieval fused: each score in standard deviations
/// from the mean of its best, so that neither's scale decides (distribution-based
/// score fusion), the dense one weighing `fusion` of the whole.
pub(super) fn rank_by_words_and_meaning(
    index: &Index,
    query: &Query,
    ranker: &Ranker,
    vector: Option<&[f32]>,
    candidates: &mut [Candidate],
) {
    if let Some(vector) = vector {
        for candidate in &mut *candidates {
            candidate.meaning = index.cosine(candidate.document, vector);
        }
    }
    rank_lexically(index, query, candidates);
    if vector.is_none() {
        return;
    }
    let lexical = moments(candidates.iter().map(|one| one.score));
    let dense = moments(candidates.iter().map(|one| one.meaning));
    let standard = |score: f32, (mean, deviation): (f32, f32)| {
        ((score - mean) / deviation).clamp(-MOST_DEVIATIONS, MOST_DEVIATIONS)
    };
    for candidate in &mut *candidates {
        candidate.score = (1.0 - ranker.fusion) * standard(candidate.score, lexical)
            + ranker.fusion * standard(candidate.meaning, dense);
    }
    candidates.sort_unstable_by(by_score);
}

fn best_lexical(candidates: &[Candidate]) -> f32 {
    let scores = candidates.iter().map(|candidate| candidate.lexical);
    scores.fold(f32::MIN_POSITIVE, f32::max)
}

fn by_score(left: &Candidate, right: &Candidate) -> Ordering {
    right
        .score
        .total_cmp(&left.score)
        .then_with(|| left.order.cmp(&right.order))
}

fn product_features(
    index: &Index,
    snapshot: &Snapshot,
    query: &Query,
    behaviour: &Behaviour,
    titled: &FxHashSet<DocumentNumber>,
    candidate: &Candidate,
) -> Features {
    let document = candidate.document;
    let terms = index.terms(document);
    let product = index
        .place(document)
        .and_then(|place| Some((place, snapshot.catalogue.get(place)?)));
    let (Some(terms), Some((place, product))) = (terms, product) else {
        return [0.0; FEATURES.len()];
    };
    let mut circumstances = behaviour.circumstances(snapshot, place, product);
    circumstances.meaning = candidate.meaning;
    circumstances.exact_title = titled.contains(&document);
    features(index.collection(), query, terms, &circumstances)
}

/// Where each price lies among those of the window; in the middle where
/// there is none.
fn place_prices(index: &Index, snapshot: &Snapshot, window: &[Candidate], list: &mut [Features]) {
    let price = |candidate: &Candidate| {
        let place = index.place(candidate.document)?;
        Some(snapshot.catalogue.get(place)?.price?.amount)
    };
    let mut prices: Vec<i64> = window.iter().filter_map(price).collect();
    prices.sort_unstable();
    for (candidate, features) in window.iter().zip(list) {
        features[place::PRICE] =
            corpus::search::features::price_position(price(candidate), &prices);
    }
}
