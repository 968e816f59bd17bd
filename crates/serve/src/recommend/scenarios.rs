use std::collections::BTreeSet;

use corpus::recommend::{MAX_HISTORY, sequence};
use models::neighbours::ItemLists;
use shop::{EventKind, Timestamp};
use store::{ProductIndex, Snapshot};

use super::Scenario;
use super::model::View;
use super::person::Person;

/// After so long, a deed counts half for what is in demand.
const TREND_HALF_LIFE_SECONDS: i64 = 3 * 86_400;

/// What is older than so many half-lives does not count at all.
const TREND_HALF_LIVES: i64 = 8;

/// What a text says of a product that nobody has touched is worth less than
/// what people did.
const TEXT_TRUST: f32 = 0.8;

/// What the same words count beside the same people.
const TEXT_WEIGHT: f32 = 0.5;

/// Added to the highest cosine when a list is brought to a common scale.
const DOUBT: f32 = 0.1;

/// The narrowest category in common.
const CATEGORY_WEIGHT: f32 = 0.1;

/// The shop at the moment of a request.
pub(super) struct Shop<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) now: Timestamp,
    pub(super) view: Option<&'a View>,
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
    /// In demand since ever, or at least there.
    Popularity,
}

/// Scores over all places of the catalogue; not finite where there is nothing
/// to say.
pub(super) struct Tier {
    pub(super) name: &'static str,
    pub(super) source: Source,
    pub(super) scores: Vec<f32>,
}

/// The tiers of a scenario, best first. The last one holds everything.
pub(super) fn tiers(
    shop: &Shop<'_>,
    scenario: Scenario,
    product: Option<ProductIndex>,
    person: &Person,
) -> Vec<Tier> {
    let mut tiers = Vec::new();
    match scenario {
        Scenario::ForYou | Scenario::Session => tiers.extend(from_history(shop, person)),
        Scenario::Similar => tiers.extend(product.and_then(|place| alike(shop, place))),
        Scenario::BoughtTogether => {
            let about: Vec<ProductIndex> = product.into_iter().collect();
            tiers.extend(together(shop, &about));
            tiers.extend(product.and_then(|place| alike(shop, place)));
        }
        Scenario::Trending => tiers.push(trending(shop)),
        Scenario::Cart => {
            let mut cart = person.cart();
            cart.extend(product);
            tiers.extend(together(shop, &cart));
            tiers.extend(from_history(shop, person));
        }
    }
    if let Some(place) = product
        && matches!(scenario, Scenario::Similar | Scenario::BoughtTogether)
    {
        tiers.push(same_category(shop, place));
    }
    // What the person has looked at comes after what is new to them.
    let seen: BTreeSet<ProductIndex> = person.interactions.iter().map(|i| i.product).collect();
    let popular = popularity(shop);
    let mut fresh = popular.clone();
    blank(&mut fresh, &seen);
    tiers.push(Tier {
        name: "popular",
        source: Source::Popularity,
        scores: fresh,
    });
    if !seen.is_empty() {
        tiers.push(Tier {
            name: "popular and seen",
            source: Source::Popularity,
            scores: popular,
        });
    }
    tiers
}

fn nothing(shop: &Shop<'_>) -> Vec<f32> {
    vec![f32::NEG_INFINITY; shop.snapshot.catalogue.places()]
}

fn blank(scores: &mut [f32], places: &BTreeSet<ProductIndex>) {
    for place in places {
        if let Some(score) = scores.get_mut(*place as usize) {
            *score = f32::NEG_INFINITY;
        }
    }
}

/// The numbers of the last things that the person liked, oldest first.
pub(super) fn read_history(view: &View, person: &Person) -> Vec<(u32, ProductIndex)> {
    let known = person.interactions.iter().filter_map(|interaction| {
        let number = view.stand_in(interaction.product)?;
        Some(((number, interaction.product), interaction.kind))
    });
    sequence(known, MAX_HISTORY)
}

/// What the model expects next, without what was seen already.
fn from_history(shop: &Shop<'_>, person: &Person) -> Option<Tier> {
    let view = shop.view?;
    let history: Vec<u32> = read_history(view, person)
        .into_iter()
        .map(|(number, _)| number)
        .collect();
    if history.is_empty() {
        return None;
    }
    let mut known = vec![0.0; view.parts.next.items];
    view.parts.next.score(&history, &mut known);
    let mut scores = nothing(shop);
    for (place, _) in shop.snapshot.catalogue.iter() {
        let near = view.text_neighbours(place);
        scores[place as usize] = if near.is_empty() {
            let own = view.number(place).and_then(|n| known.get(n as usize));
            own.copied().unwrap_or(f32::NEG_INFINITY)
        } else {
            let total: f32 = near.iter().map(|(_, similarity)| similarity).sum();
            let score = |(number, similarity): &(u32, f32)| {
                similarity * known.get(*number as usize).copied().unwrap_or_default()
            };
            TEXT_TRUST * near.iter().map(score).sum::<f32>() / total
        };
    }
    blank(
        &mut scores,
        &person.interactions.iter().map(|i| i.product).collect(),
    );
    Some(Tier {
        name: "history",
        source: Source::History,
        scores,
    })
}

/// Adds a list of the model to scores by place.
fn add_row(view: &View, lists: &ItemLists, number: u32, scale: f32, scores: &mut [f32]) {
    for scored in lists.row(number) {
        if let Some(score) = view
            .place(scored.place)
            .and_then(|place| scores.get_mut(place as usize))
        {
            *score = score.max(0.0) + scale * scored.score;
        }
    }
}

/// What is bought with these products.
fn together(shop: &Shop<'_>, products: &[ProductIndex]) -> Option<Tier> {
    let view = shop.view?;
    let mut scores = nothing(shop);
    for number in products.iter().filter_map(|place| view.number(*place)) {
        add_row(view, &view.parts.together, number, 1.0, &mut scores);
    }
    Some(Tier {
        name: "bought together",
        source: Source::Together,
        scores,
    })
}

/// What the same people like, and what is described in the same words.
fn alike(shop: &Shop<'_>, place: ProductIndex) -> Option<Tier> {
    let view = shop.view?;
    let product = shop.snapshot.catalogue.get(place)?;
    let mut scores = nothing(shop);
    if let Some(number) = view.number(place) {
        // The best of the list counts nearly 1 where people agree, and less
        // where one or two of them made the list.
        let best = view.parts.similar.row(number).next();
        let scale = 1.0 / (best.map_or(0.0, |scored| scored.score) + DOUBT);
        add_row(view, &view.parts.similar, number, scale, &mut scores);
    }
    for alike in view.parts.text.alike(product, MAX_HISTORY) {
        if let Some(score) = view
            .place(alike.place)
            .and_then(|place| scores.get_mut(place as usize))
        {
            *score = score.max(0.0) + TEXT_WEIGHT * alike.similarity;
        }
    }
    let own = view.number(place);
    for (stranger, near) in view.strangers() {
        let near = near.iter().find(|(number, _)| Some(*number) == own);
        if let (Some((_, similarity)), Some(score)) = (near, scores.get_mut(stranger as usize)) {
            *score = score.max(0.0) + TEXT_WEIGHT * similarity;
        }
    }
    for (other, candidate) in shop.snapshot.catalogue.iter() {
        let score = &mut scores[other as usize];
        let leaf = candidate.leaf_category();
        if score.is_finite() && leaf.is_some() && leaf == product.leaf_category() {
            *score += CATEGORY_WEIGHT;
        }
    }
    Some(Tier {
        name: "alike",
        source: Source::Alike,
        scores,
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
        scores,
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

/// Interest that fades: by half every three days before the last deed of all.
/// An old log has its trends too.
fn trending(shop: &Shop<'_>) -> Tier {
    let histories = &shop.snapshot.histories;
    let last = histories
        .iter()
        .filter_map(|(_, history)| history.interactions.last())
        .map(|interaction| interaction.time)
        .filter(|time| *time <= shop.now)
        .max()
        .unwrap_or(shop.now);
    let oldest = last.plus_seconds(-TREND_HALF_LIFE_SECONDS * TREND_HALF_LIVES);
    // Whole numbers: histories come in no certain order, and their sum must
    // not depend on it.
    let mut sums = vec![0_i64; shop.snapshot.catalogue.places()];
    for (_, history) in histories.iter() {
        let recent = history.interactions.iter().rev();
        for interaction in recent.take_while(|interaction| interaction.time >= oldest) {
            if let Some(sum) = sums.get_mut(interaction.product as usize) {
                *sum += faded(interaction.kind, interaction.time, last);
            }
        }
    }
    let mut scores = nothing(shop);
    for (place, _) in shop.snapshot.catalogue.iter() {
        let sum = sums[place as usize];
        if sum > 0 {
            scores[place as usize] = sum as f32 / FADED_UNIT as f32;
        }
    }
    Tier {
        name: "trending",
        source: Source::Trend,
        scores,
    }
}

const FADED_UNIT: f64 = 1_048_576.0;

fn faded(kind: EventKind, time: Timestamp, last: Timestamp) -> i64 {
    let age = (last.as_seconds() - time.as_seconds()).max(0) as f64;
    let weight = (-age / TREND_HALF_LIFE_SECONDS as f64).exp2();
    (f64::from(kind.interest()) * weight * FADED_UNIT).round() as i64
}
