use std::collections::BTreeSet;

use models::index::ranking;
use shop::Id;
use store::ProductIndex;

use super::person::Person;
use super::scenarios::{Shop, Tier};
use super::{RecommendRequest, Scenario};

/// A product that made it into the list.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    pub(super) place: ProductIndex,
    pub(super) tier: &'static str,
    pub(super) source: super::scenarios::Source,
    pub(super) tier_score: f32,
    /// Falls through the whole list, from tier to tier.
    pub(super) score: f32,
}

/// Takes the best of each tier in turn until the list is full. Every product
/// of every list passes through here:
/// - it is in the catalogue, can be ordered and passes the filter;
/// - the person has neither bought nor hidden it;
/// - it is not the product that the list is about, nor in the cart that the
///   list is for, nor another variant of what is already in the list.
pub(super) fn choose(
    shop: &Shop<'_>,
    request: &RecommendRequest,
    product: Option<ProductIndex>,
    person: &Person,
    tiers: Vec<Tier>,
) -> Vec<Chosen> {
    let catalogue = &shop.snapshot.catalogue;
    let mut taken: BTreeSet<ProductIndex> = person.excluded.clone();
    taken.extend(product);
    if request.scenario == Scenario::Cart {
        taken.extend(person.cart());
    }
    let mut groups: BTreeSet<&Id> = BTreeSet::new();
    let about = product.and_then(|place| catalogue.get(place));
    groups.extend(about.and_then(|product| product.group_id.as_ref()));
    let mut chosen: Vec<Chosen> = Vec::new();
    for tier in tiers {
        let ceiling = chosen.last().map_or(f32::INFINITY, |last| last.score);
        let mut shift = None;
        for scored in ranking(&tier.scores) {
            if chosen.len() == request.limit {
                return chosen;
            }
            let Some(product) = catalogue.get(scored.place) else {
                continue;
            };
            let repeats = taken.contains(&scored.place)
                || (product.group_id.as_ref()).is_some_and(|group| groups.contains(group));
            if repeats || !product.availability.can_be_ordered() || !request.filter.accepts(product)
            {
                continue;
            }
            // A lower tier begins below the one above it.
            let shift = *shift.get_or_insert_with(|| (ceiling - 0.01 - scored.score).min(0.0));
            taken.insert(scored.place);
            groups.extend(product.group_id.as_ref());
            chosen.push(Chosen {
                place: scored.place,
                tier: tier.name,
                source: tier.source,
                tier_score: scored.score,
                score: scored.score + shift,
            });
        }
    }
    chosen
}
