use std::collections::{BTreeMap, BTreeSet};

use models::index::{Scored, ranking};
use shop::{Id, Product};
use store::ProductIndex;

use super::person::Person;
use super::scenarios::{Scores, Shop, Source, Step, Tier};
use super::similarity::similarity;
use super::{RecommendRequest, Scenario};

/// Among how many candidates the last place is drawn where something is
/// tried out.
const TRIED: usize = 20;

/// A product that made it into the list.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    pub(super) place: ProductIndex,
    pub(super) tier: &'static str,
    pub(super) source: Source,
    pub(super) tier_score: f32,
    /// Falls through the whole list, from tier to tier.
    pub(super) score: f32,
    /// Whether the lot put it here.
    pub(super) explored: bool,
}

/// A list, and how probable it was where chance took part.
#[derive(Debug, Default)]
pub(super) struct Choice {
    pub(super) items: Vec<Chosen>,
    pub(super) propensity: Option<f64>,
}

/// What every list is chosen by.
pub(super) struct Rules<'a> {
    pub(super) shop: &'a Shop<'a>,
    pub(super) request: &'a RecommendRequest,
    pub(super) product: Option<ProductIndex>,
    pub(super) person: &'a Person<'a>,
}

/// Takes the best of each tier in turn until the list is full. Every product
/// of every list passes through here:
/// - it is in the catalogue, is not hidden by the shop, can be ordered and
///   passes the filter;
/// - the person has not hidden it, nor bought it, unless the list is of what
///   is due again;
/// - it is not the product that the list is about, nor in the cart that the
///   list is for, nor another variant of what is already in the list.
pub(super) fn choose(rules: &Rules<'_>, steps: &[Step], seed: u64) -> Choice {
    let controls = &rules.request.controls;
    let mut list = List::new(rules);
    list.pin();
    let mut candidates = Candidates::new(rules, steps);
    let limit = rules.request.limit;
    if controls.diversity > 0.0 {
        let pool: Vec<Chosen> = (candidates.by_ref())
            .filter(|chosen| list.admits(chosen.place))
            .take(4 * limit + 20)
            .collect();
        list.diversify(pool, limit, controls.diversity);
    }
    let last = usize::from(controls.exploration > 0.0);
    list.fill(&mut candidates, limit - last.min(limit));
    let propensity = (last > 0)
        .then(|| list.explore(&mut candidates, controls.exploration, seed))
        .flatten();
    list.settle();
    Choice {
        items: list.items,
        propensity,
    }
}

/// The candidates from the best down, tier by tier; a tier is scored only
/// when those above it are used up, and all of it only when its best are.
struct Candidates<'a> {
    rules: &'a Rules<'a>,
    steps: std::slice::Iter<'a, Step>,
    /// The step whose best are given out, with their places.
    begun: Option<(Step, Vec<ProductIndex>)>,
    tier: Option<OpenTier>,
    floor: f32,
}

struct OpenTier {
    name: &'static str,
    source: Source,
    ranking: Box<dyn Iterator<Item = Scored>>,
    /// A lower tier begins below the one above it.
    shift: Option<f32>,
}

impl<'a> Candidates<'a> {
    fn new(rules: &'a Rules<'a>, steps: &'a [Step]) -> Self {
        Self {
            rules,
            steps: steps.iter(),
            begun: None,
            tier: None,
            floor: f32::INFINITY,
        }
    }

    /// The rest of the step that has begun, or the best of the next one;
    /// `Some(None)` of a step that has nothing to say, `None` after the last.
    fn next_tier(&mut self) -> Option<Option<OpenTier>> {
        if let Some((step, given)) = self.begun.take() {
            let rest = step.score(self.rules).map(|mut tier| {
                tier.scores.leave_out(&given);
                self.open(tier)
            });
            return Some(rest);
        }
        let step = *self.steps.next()?;
        if let Some(tier) = step.best(self.rules) {
            self.begun = Some((step, tier.scores.places()));
            return Some(Some(self.open(tier)));
        }
        Some(step.score(self.rules).map(|tier| self.open(tier)))
    }

    fn open(&self, mut tier: Tier) -> OpenTier {
        if !self.rules.request.controls.boosts.is_empty() {
            self.boost(&mut tier.scores);
        }
        OpenTier {
            name: tier.name,
            source: tier.source,
            ranking: match tier.scores {
                Scores::OfAll(scores) => Box::new(ranking(&scores)),
                Scores::OfSome(mut scored) => {
                    scored.sort_unstable_by(|left, right| right.cmp(left));
                    Box::new(scored.into_iter())
                }
            },
            shift: None,
        }
    }

    fn boost(&self, scores: &mut Scores) {
        let Rules { shop, request, .. } = self.rules;
        let by = |place: ProductIndex| {
            let product = shop.snapshot.catalogue.get(place);
            product.map_or(0.0, |product| request.controls.boost(product))
        };
        match scores {
            Scores::OfAll(scores) => {
                let deviation = deviation(scores.iter().copied());
                for (place, score) in (0..).zip(scores).filter(|(_, score)| score.is_finite()) {
                    *score += deviation * by(place);
                }
            }
            Scores::OfSome(scored) => {
                let deviation = deviation(scored.iter().map(|scored| scored.score));
                for scored in scored {
                    scored.score += deviation * by(scored.place);
                }
            }
        }
    }
}

/// A number from 0 up to 1 for each seed (SplitMix64).
fn unit(seed: u64) -> f64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// The deviation of the finite scores; 1 where all are alike.
fn deviation(scores: impl Iterator<Item = f32> + Clone) -> f32 {
    let finite = scores.filter(|score| score.is_finite());
    let count = finite.clone().count().max(1) as f32;
    let mean = finite.clone().sum::<f32>() / count;
    let square = finite.map(|score| (score - mean).powi(2)).sum::<f32>() / count;
    if square > 1e-12 { square.sqrt() } else { 1.0 }
}

impl Iterator for Candidates<'_> {
    type Item = Chosen;

    fn next(&mut self) -> Option<Chosen> {
        loop {
            let Some(tier) = &mut self.tier else {
                self.tier = self.next_tier()?;
                continue;
            };
            let Some(scored) = tier.ranking.next() else {
                self.tier = None;
                continue;
            };
            if !self.rules.may_show(scored.place) {
                continue;
            }
            let floor = self.floor;
            let shift = *(tier.shift).get_or_insert_with(|| (floor - 0.01 - scored.score).min(0.0));
            let score = scored.score + shift;
            self.floor = self.floor.min(score);
            return Some(Chosen {
                place: scored.place,
                tier: tier.name,
                source: tier.source,
                tier_score: scored.score,
                score,
                explored: false,
            });
        }
    }
}

impl Rules<'_> {
    fn get(&self, place: ProductIndex) -> Option<&Product> {
        let product = self.shop.snapshot.catalogue.get(place)?;
        Some(product.as_ref())
    }

    /// Whether a product may be in this list at all.
    fn may_show(&self, place: ProductIndex) -> bool {
        let Some(product) = self.get(place) else {
            return false;
        };
        let again = self.request.scenario == Scenario::Replenish;
        product.availability.can_be_ordered()
            && !product.is_hidden()
            && self.request.filter.accepts(product)
            && !self.person.hid(place)
            && (again || !self.person.bought(place))
            && !self.request.controls.hides.contains(&product.id)
    }
}

/// The list as it grows.
struct List<'a> {
    rules: &'a Rules<'a>,
    items: Vec<Chosen>,
    taken: BTreeSet<ProductIndex>,
    groups: BTreeSet<&'a Id>,
    brands: BTreeMap<&'a str, usize>,
}

impl<'a> List<'a> {
    fn new(rules: &'a Rules<'a>) -> Self {
        let mut taken: BTreeSet<ProductIndex> = rules.product.into_iter().collect();
        if rules.request.scenario == Scenario::Cart {
            taken.extend(rules.person.cart());
        }
        let about = rules.product.and_then(|place| rules.get(place));
        let group = about.and_then(|product| product.group_id.as_ref());
        Self {
            rules,
            items: Vec::new(),
            taken,
            groups: group.into_iter().collect(),
            brands: BTreeMap::new(),
        }
    }

    /// Whether it repeats nothing and its brand has a place left.
    fn admits(&self, place: ProductIndex) -> bool {
        let Some(product) = self.rules.get(place) else {
            return false;
        };
        let group = product.group_id.as_ref();
        let brand = product.brand.as_deref();
        let of_brand = brand.and_then(|brand| self.brands.get(brand));
        let cap = self.rules.request.controls.brand_cap;
        !self.taken.contains(&place)
            && !group.is_some_and(|group| self.groups.contains(group))
            && cap.is_none_or(|cap| of_brand.is_none_or(|count| *count < cap))
    }

    fn push(&mut self, chosen: Chosen) {
        if let Some(product) = self.rules.shop.snapshot.catalogue.get(chosen.place) {
            self.taken.insert(chosen.place);
            self.groups.extend(product.group_id.as_ref());
            if let Some(brand) = &product.brand {
                *self.brands.entry(brand).or_default() += 1;
            }
            self.items.push(chosen);
        }
    }

    fn pin(&mut self) {
        let catalogue = &self.rules.shop.snapshot.catalogue;
        for id in &self.rules.request.controls.pins {
            let place = catalogue.index_of(id);
            let place = place.filter(|place| self.rules.may_show(*place));
            if let Some(place) = place.filter(|place| !self.taken.contains(place))
                && self.items.len() < self.rules.request.limit
            {
                self.push(Chosen {
                    place,
                    tier: "pinned",
                    source: Source::Pin,
                    tier_score: 0.0,
                    score: f32::INFINITY,
                    explored: false,
                });
            }
        }
    }

    fn fill(&mut self, candidates: &mut Candidates<'_>, length: usize) {
        while self.items.len() < length {
            let Some(chosen) = candidates.next() else {
                return;
            };
            if self.admits(chosen.place) {
                self.push(chosen);
            }
        }
    }

    /// Maximal marginal relevance (Carbonell and Goldstein, 1998): each place
    /// goes to what scores high and is unlike those above it.
    fn diversify(&mut self, mut pool: Vec<Chosen>, length: usize, diversity: f32) {
        let (high, low) = match (pool.first(), pool.last()) {
            (Some(first), Some(last)) => (first.score, last.score),
            _ => return,
        };
        let range = (high - low).max(f32::MIN_POSITIVE);
        let mut nearest = vec![0.0_f32; pool.len()];
        for listed in self.items.clone() {
            self.approach(&pool, &mut nearest, listed.place);
        }
        while self.items.len() < length {
            let worth = |at: usize| {
                let relevance = (pool[at].score - low) / range;
                (1.0 - diversity) * relevance - diversity * nearest[at]
            };
            let open = (0..pool.len()).filter(|at| self.admits(pool[*at].place));
            let best = open.reduce(|best, at| if worth(at) > worth(best) { at } else { best });
            let Some(best) = best else {
                return;
            };
            nearest.remove(best);
            let chosen = pool.remove(best);
            self.approach(&pool, &mut nearest, chosen.place);
            self.push(chosen);
        }
    }

    /// Notes how near each candidate is to a product that is now in the list.
    fn approach(&self, pool: &[Chosen], nearest: &mut [f32], listed: ProductIndex) {
        let rules = self.rules;
        for (candidate, nearest) in pool.iter().zip(nearest) {
            *nearest = nearest.max(similarity(rules.shop, candidate.place, listed));
        }
    }

    /// Gives the last place to the next candidate, or by lot to one of the
    /// next few. The probability of the list: all else in it is certain.
    fn explore(
        &mut self,
        candidates: &mut Candidates<'_>,
        exploration: f32,
        seed: u64,
    ) -> Option<f64> {
        if self.items.len() >= self.rules.request.limit {
            return None;
        }
        // A lower tier brings what a higher one has brought.
        let mut seen = BTreeSet::new();
        let mut open: Vec<Chosen> = (candidates.by_ref())
            .filter(|chosen| self.admits(chosen.place) && seen.insert(chosen.place))
            .take(TRIED)
            .collect();
        if open.is_empty() {
            return None;
        }
        let share = f64::from(exploration);
        let drawn = match unit(seed) < share {
            true => (unit(!seed) * open.len() as f64) as usize,
            false => 0,
        };
        let by_lot = share / open.len() as f64;
        let mut chosen = open.swap_remove(drawn);
        chosen.explored = drawn > 0;
        self.push(chosen);
        Some(if drawn > 0 {
            by_lot
        } else {
            1.0 - share + by_lot
        })
    }

    /// Makes the scores fall from place to place.
    fn settle(&mut self) {
        let highest = self.items.iter().map(|item| item.score);
        let highest = highest.filter(|score| score.is_finite());
        let highest = highest.fold(0.0, f32::max);
        let mut ceiling = f32::INFINITY;
        for item in &mut self.items {
            if !item.score.is_finite() {
                item.score = highest;
            }
            item.score = item.score.min(ceiling);
            ceiling = item.score;
        }
    }
}
