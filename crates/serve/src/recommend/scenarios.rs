use std::collections::BTreeMap;

use corpus::recommend::{MAX_HISTORY, purchase_intervals, repurchase_due, sequence};
use models::index::{Scored, top};
use models::neighbours::ItemItemMatrix;
use rustc_hash::FxHashMap;
use shop::{EventKind, Timestamp};
use store::{ProductIndex, Snapshot};

use super::Scenario;
use super::history::History;
use super::model::CatalogueView;
use super::person::Person;
use super::rules::Rules;

/// What the same words count beside the same people.
const TEXT_WEIGHT: f32 = 0.5;

/// Added to the highest cosine when a list is brought to a common scale.
const DOUBT: f32 = 0.1;

/// The narrowest category in common.
const CATEGORY_WEIGHT: f32 = 0.1;

/// In smaller catalogues all products are scored at once.
const LARGE: usize = 4_096;

/// Of a large one, so many are the most popular.
const MOST: usize = 1_024;

/// The shop at the moment of a request.
pub(super) struct Shop<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) now: Timestamp,
    pub(super) view: Option<&'a CatalogueView>,
}

/// Where the scores of a tier come from, which is why a product is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The model read the person's history.
    History,
    /// Bought together with a product or with the cart.
    Together,
    /// Liked by the same people, or described alike.
    Alike,
    /// In demand these days.
    Trend,
    /// Used up by now, going by how soon it is bought again.
    RepurchaseInterval,
    /// In demand since ever, or at least there.
    Popularity,
    /// The shop put it there.
    Pin,
}

/// Products with their scores.
pub(super) enum Scores {
    /// By place; not finite where there is nothing to say.
    OfAll(Vec<f32>),
    /// Those about which there is something to say, in no order.
    OfSome(Vec<Scored>),
}

impl Scores {
    /// The products about which there is something to say.
    pub(super) fn places(&self) -> Vec<ProductIndex> {
        match self {
            Self::OfAll(scores) => {
                let places = (0..).zip(scores).filter(|(_, score)| score.is_finite());
                places.map(|(place, _)| place).collect()
            }
            Self::OfSome(scored) => scored.iter().map(|scored| scored.place).collect(),
        }
    }

    /// Says nothing more about these.
    pub(super) fn leave_out(&mut self, places: &[ProductIndex]) {
        match self {
            Self::OfAll(scores) => blank(scores, places.iter().copied()),
            Self::OfSome(scored) => scored.retain(|scored| !places.contains(&scored.place)),
        }
    }
}

/// What one source says about the catalogue.
pub(super) struct Tier {
    pub(super) name: &'static str,
    pub(super) source: Source,
    pub(super) scores: Scores,
}

/// Where a tier's scores come from; a tier is scored only when the ones before
/// it are used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// What the model expects after the history.
    History,
    /// What is like the product.
    Alike,
    /// What is bought with the product or the cart.
    Together,
    /// The popular ones of the product's category.
    SameCategory,
    /// What is in demand these days.
    Trending,
    /// What the person buys again and again and is due.
    Replenish,
    /// The popular ones in the person's language.
    PopularInLanguage,
    /// The popular ones that the person has not seen.
    Popular,
    /// All popular ones.
    PopularAndSeen,
}

impl Step {
    /// The tiers of a scenario, best first. The last ones hold everything,
    /// but for a list of what is due again, which holds nothing else.
    pub(super) fn of(scenario: Scenario) -> &'static [Self] {
        use Step::*;
        match scenario {
            Scenario::ForYou | Scenario::Session => {
                &[History, PopularInLanguage, Popular, PopularAndSeen]
            }
            Scenario::Similar => &[Alike, SameCategory, Popular, PopularAndSeen],
            Scenario::BoughtTogether => &[Together, Alike, SameCategory, Popular, PopularAndSeen],
            Scenario::Trending => &[Trending, Popular, PopularAndSeen],
            Scenario::Cart => &[
                Together,
                History,
                PopularInLanguage,
                Popular,
                PopularAndSeen,
            ],
            Scenario::Replenish => &[Replenish],
        }
    }

    /// The best of the tier alone, where they are found without scoring all:
    /// in a large catalogue, unless the shop lifts some products.
    pub(super) fn best(self, rules: &Rules<'_>) -> Option<Tier> {
        let (shop, person) = (rules.shop, rules.person);
        let boosted = !rules.request.controls.boosts.is_empty();
        if boosted || shop.snapshot.catalogue.places() < LARGE {
            return None;
        }
        match self {
            Self::History => History::of(rules)?.best(),
            Self::PopularInLanguage => {
                let language = language_of_newcomer(person)?;
                let mut scored = most_popular(shop);
                scored.retain(|scored| is_in(shop, scored.place, language));
                Some(popular("popular in the language", Scores::OfSome(scored)))
            }
            Self::Popular => {
                let mut scored = most_popular(shop);
                let seen = |place| person.interactions.iter().any(|i| i.product == place);
                scored.retain(|scored| !seen(scored.place));
                Some(popular("popular", Scores::OfSome(scored)))
            }
            Self::Alike
            | Self::Together
            | Self::SameCategory
            | Self::Trending
            | Self::Replenish
            | Self::PopularAndSeen => None,
        }
    }

    /// The scores of the tier, where it has something to say.
    pub(super) fn score(self, rules: &Rules<'_>) -> Option<Tier> {
        let (shop, person) = (rules.shop, rules.person);
        match self {
            Self::History => Some(History::of(rules)?.all()),
            Self::Alike => alike(shop, rules.product?),
            Self::Together => {
                let mut about = match rules.request.scenario {
                    Scenario::Cart => person.cart(),
                    _ => Vec::new(),
                };
                about.extend(rules.product);
                together(shop, &about)
            }
            Self::SameCategory => Some(same_category(shop, rules.product?)),
            Self::Trending => Some(trending(shop)),
            Self::Replenish => Some(replenish(shop, person)),
            Self::PopularInLanguage => {
                let language = language_of_newcomer(person)?;
                let mut scores = popularity(shop);
                for (place, score) in (0..).zip(&mut scores) {
                    if !is_in(shop, place, language) {
                        *score = f32::NEG_INFINITY;
                    }
                }
                Some(popular("popular in the language", Scores::OfAll(scores)))
            }
            // What the person has looked at comes after what is new to them.
            Self::Popular => {
                let mut scores = popularity(shop);
                let seen = person.interactions.iter().map(|i| i.product);
                blank(&mut scores, seen);
                Some(popular("popular", Scores::OfAll(scores)))
            }
            Self::PopularAndSeen if person.interactions.is_empty() => None,
            Self::PopularAndSeen => {
                let scores = Scores::OfAll(popularity(shop));
                Some(popular("popular and seen", scores))
            }
        }
    }
}

fn popular(name: &'static str, scores: Scores) -> Tier {
    Tier {
        name,
        source: Source::Popularity,
        scores,
    }
}

/// The language of somebody who has done nothing yet.
fn language_of_newcomer<'a>(person: &Person<'a>) -> Option<&'a str> {
    person.language.filter(|_| person.interactions.is_empty())
}

fn is_in(shop: &Shop<'_>, place: ProductIndex, language: &str) -> bool {
    let product = shop.snapshot.catalogue.get(place);
    product.is_some_and(|product| product.language.as_deref() == Some(language))
}

/// The products that most interest goes to: nearly every list ends among
/// them, and they are found without a look at all the others.
fn most_popular(shop: &Shop<'_>) -> Vec<Scored> {
    let interests = shop.snapshot.popularity.iter();
    let scored = interests.map(|(place, interest)| Scored {
        place: *place,
        score: *interest,
    });
    top(scored, MOST)
}

pub(super) fn nothing(shop: &Shop<'_>) -> Vec<f32> {
    vec![f32::NEG_INFINITY; shop.snapshot.catalogue.places()]
}

pub(super) fn blank(scores: &mut [f32], places: impl IntoIterator<Item = ProductIndex>) {
    for place in places {
        if let Some(score) = scores.get_mut(place as usize) {
            *score = f32::NEG_INFINITY;
        }
    }
}

/// The numbers of the last things that the person liked, oldest first. Of
/// somebody who has done nothing, the product at hand is the whole history.
pub(super) fn read_history(
    view: &CatalogueView,
    product: Option<ProductIndex>,
    person: &Person<'_>,
) -> Vec<(u32, ProductIndex)> {
    let known = person.interactions.iter().filter_map(|interaction| {
        let number = view.cold_start_proxy(interaction.product)?;
        Some(((number, interaction.product), interaction.kind))
    });
    let read = sequence(known, MAX_HISTORY);
    match product {
        Some(place) if read.is_empty() => view
            .cold_start_proxy(place)
            .map(|number| (number, place))
            .into_iter()
            .collect(),
        _ => read,
    }
}

/// The mean score of products described alike, by how much alike.
pub(super) fn mean_of_near(near: &[(u32, f32)], score: impl Fn(u32) -> Option<f32>) -> f32 {
    let total: f32 = near.iter().map(|(_, similarity)| similarity).sum();
    let parts = near.iter();
    let sum: f32 = parts
        .map(|(number, similarity)| similarity * score(*number).unwrap_or_default())
        .sum();
    sum / total.max(f32::MIN_POSITIVE)
}

/// Adds a list of the model to scores by place.
fn add_row(
    view: &CatalogueView,
    lists: &ItemItemMatrix,
    number: u32,
    scale: f32,
    scores: &mut FxHashMap<ProductIndex, f32>,
) {
    for scored in lists.row(number) {
        if let Some(place) = view.place(scored.place) {
            *scores.entry(place).or_default() += scale * scored.score;
        }
    }
}

fn some(scores: FxHashMap<ProductIndex, f32>) -> Scores {
    let scored = scores.into_iter();
    Scores::OfSome(
        scored
            .map(|(place, score)| Scored { place, score })
            .collect(),
    )
}

/// What is bought with these products.
fn together(shop: &Shop<'_>, products: &[ProductIndex]) -> Option<Tier> {
    let view = shop.view?;
    let mut scores = FxHashMap::default();
    for number in products.iter().filter_map(|place| view.number(*place)) {
        add_row(view, &view.parts.together, number, 1.0, &mut scores);
    }
    Some(Tier {
        name: "bought together",
        source: Source::Together,
        scores: some(scores),
    })
}

/// What the same people like, and what is described in the same words.
fn alike(shop: &Shop<'_>, place: ProductIndex) -> Option<Tier> {
    let view = shop.view?;
    let product = shop.snapshot.catalogue.get(place)?;
    let mut scores = FxHashMap::default();
    let own = view.number(place);
    if let Some(number) = own {
        // The best of the list counts nearly 1 where people agree, and less
        // where one or two of them made the list.
        let best = view.parts.similar.row(number).next();
        let scale = 1.0 / (best.map_or(0.0, |scored| scored.score) + DOUBT);
        add_row(view, &view.parts.similar, number, scale, &mut scores);
    }
    for alike in view.parts.text.alike(product, MAX_HISTORY) {
        if let Some(place) = view.place(alike.place) {
            *scores.entry(place).or_default() += TEXT_WEIGHT * alike.similarity;
        }
    }
    let new_items = own.into_iter().flat_map(|own| view.like(own));
    for new_item in new_items.filter(|place| view.number(**place).is_none()) {
        let near = view.text_neighbours(*new_item).iter();
        let near = near.filter(|(number, _)| Some(*number) == own);
        let similarity: f32 = near.map(|(_, similarity)| similarity).sum();
        *scores.entry(*new_item).or_default() += TEXT_WEIGHT * similarity;
    }
    let leaf = product.leaf_category();
    for (other, score) in scores.iter_mut().filter(|_| leaf.is_some()) {
        let candidate = shop.snapshot.catalogue.get(*other);
        if candidate.and_then(|candidate| candidate.leaf_category()) == leaf {
            *score += CATEGORY_WEIGHT;
        }
    }
    Some(Tier {
        name: "alike",
        source: Source::Alike,
        scores: some(scores),
    })
}

/// The popular ones of the same narrowest category.
fn same_category(shop: &Shop<'_>, place: ProductIndex) -> Tier {
    let mut scores = nothing(shop);
    let leaf = shop.snapshot.catalogue.get(place);
    let leaf = leaf.and_then(|product| product.leaf_category());
    for (other, product) in shop.snapshot.catalogue.iter() {
        if leaf.is_some() && product.leaf_category() == leaf {
            let popularity = shop.snapshot.popularity.get(&other);
            scores[other as usize] = popularity.copied().unwrap_or_default();
        }
    }
    Tier {
        name: "same category",
        source: Source::Alike,
        scores: Scores::OfAll(scores),
    }
}

/// The interest in each product; 0 where there was none yet.
fn popularity(shop: &Shop<'_>) -> Vec<f32> {
    let mut scores = nothing(shop);
    for (place, _) in shop.snapshot.catalogue.iter() {
        scores[place as usize] = 0.0;
    }
    for (place, interest) in shop.snapshot.popularity.iter() {
        if let Some(score) = scores.get_mut(*place as usize).filter(|s| s.is_finite()) {
            *score = *interest;
        }
    }
    scores
}

/// Interest that fades.
fn trending(shop: &Shop<'_>) -> Tier {
    let scores = shop.snapshot.trends.scores(shop.now);
    let scored = scores.map(|(place, score)| Scored { place, score });
    Tier {
        name: "trending",
        source: Source::Trend,
        scores: Scores::OfSome(scored.collect()),
    }
}

/// What the person bought before, by how much it is time to buy it again: by
/// their own rhythm where they have one, else by everybody's.
fn replenish(shop: &Shop<'_>, person: &Person<'_>) -> Tier {
    let mut purchases: BTreeMap<ProductIndex, Vec<Timestamp>> = BTreeMap::new();
    for interaction in &person.interactions {
        if interaction.kind == EventKind::Purchase && interaction.time <= shop.now {
            let times = purchases.entry(interaction.product).or_default();
            times.push(interaction.time);
        }
    }
    let mut scores = Vec::new();
    for (place, times) in purchases {
        let (Some(product), Some(last)) = (shop.snapshot.catalogue.get(place), times.last()) else {
            continue;
        };
        let elapsed = shop.now.as_seconds() - last.as_seconds();
        let mut own = purchase_intervals(times.iter().copied());
        own.sort_unstable();
        let rhythm = match (own.get(own.len() / 2), shop.view) {
            (Some(gap), _) => Some((*gap, 1.0)),
            (None, Some(view)) => (view.parts.repurchase_intervals)
                .of(&product.id, product.leaf_category())
                .map(|rhythm| (rhythm.seconds, rhythm.share)),
            (None, None) => None,
        };
        let score = rhythm.map_or(0.0, |(seconds, share)| {
            share * repurchase_due(elapsed, seconds)
        });
        if score > 0.0 {
            scores.push(Scored { place, score });
        }
    }
    Tier {
        name: "replenish",
        source: Source::RepurchaseInterval,
        scores: Scores::OfSome(scores),
    }
}
