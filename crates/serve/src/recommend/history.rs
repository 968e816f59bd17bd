//! What the model expects after a person's history. In a large catalogue the
//! best are found without scoring the rest, which is scored only when a filter
//! or the person's own past has used the best up.

use corpus::recommend::TEXT_TRUST;
use models::index::Scored;
use models::next_item::Scorer;
use rustc_hash::FxHashMap;
use shop::Filter;
use store::ProductIndex;

use super::model::CatalogueView;
use super::rules::Rules;
use super::scenarios::{Scores, Source, Tier, blank, mean_of_near, nothing, read_history};

/// Where a filter holds, so many products are the best.
const BEST_UNDER_FILTER: usize = 2_048;

/// A person's history before a catalogue.
pub(super) struct History<'a> {
    rules: &'a Rules<'a>,
    view: &'a CatalogueView,
    numbers: Vec<u32>,
}

impl<'a> History<'a> {
    /// What the model reads of the person; none of nobody.
    pub(super) fn of(rules: &'a Rules<'a>) -> Option<Self> {
        let view = rules.shop.view?;
        let read = read_history(view, rules.product, rules.person);
        let numbers: Vec<u32> = read.into_iter().map(|(number, _)| number).collect();
        (!numbers.is_empty()).then_some(Self {
            rules,
            view,
            numbers,
        })
    }

    /// All products by place, but those that the person has seen.
    pub(super) fn all(&self) -> Tier {
        let next = &self.view.parts.next;
        let mut known = vec![0.0; next.items];
        next.score(&self.numbers, &mut known);
        let mut scores = nothing(self.rules.shop);
        for (place, number) in self.view.numbered() {
            if let (Some(score), Some(known)) =
                (scores.get_mut(place as usize), known.get(number as usize))
            {
                *score = *known;
            }
        }
        for (place, near) in self.view.by_text() {
            if let Some(score) = scores.get_mut(place as usize) {
                let by_text = mean_of_near(near, |n| known.get(n as usize).copied());
                *score = score.max(TEXT_TRUST * by_text);
            }
        }
        blank(&mut scores, self.seen());
        tier(Scores::OfAll(scores))
    }

    /// The best products alone; none where they cannot be told from the rest.
    pub(super) fn best(&self) -> Option<Tier> {
        let parts = &self.view.parts;
        let request = self.rules.request;
        let scorer = parts.next.scorer(&parts.item_tables, &self.numbers);
        let filtered = request.filter != Filter::default();
        let best = scorer.best(match filtered {
            true => BEST_UNDER_FILTER,
            // Room for what was bought, cannot be ordered or repeats.
            false => 4 * request.limit + 200,
        });
        // Below 0 something described like a middling product may surpass it.
        if best.rest <= 0.0 {
            return None;
        }
        let mut scores: FxHashMap<ProductIndex, f32> = FxHashMap::default();
        for scored in &best.items {
            if let Some(place) = self.view.place(scored.place) {
                scores.insert(place, scored.score);
            }
        }
        // A mean is no more than its greatest part: who is like none of these
        // is not among the best.
        let high = best.items.iter();
        let high = high.take_while(|scored| TEXT_TRUST * scored.score > best.rest);
        let mut like: Vec<ProductIndex> = high
            .flat_map(|scored| self.view.like(scored.place))
            .copied()
            .collect();
        like.sort_unstable();
        like.dedup();
        for place in like {
            let by_text = self.by_text(&scorer, place);
            let own = scores.entry(place).or_insert(f32::NEG_INFINITY);
            *own = own.max(by_text);
        }
        for seen in self.seen() {
            scores.remove(&seen);
        }
        let scored = scores.into_iter();
        let scored = scored.map(|(place, score)| Scored { place, score });
        let scored = scored.filter(|scored| scored.score > best.rest);
        Some(tier(Scores::OfSome(scored.collect())))
    }

    /// What a product scores by those described alike.
    fn by_text(&self, scorer: &Scorer<'_>, place: ProductIndex) -> f32 {
        let near = self.view.text_neighbours(place);
        TEXT_TRUST * mean_of_near(near, |number| Some(scorer.score(number)))
    }

    fn seen(&self) -> impl Iterator<Item = ProductIndex> {
        let interactions = &self.rules.person.interactions;
        interactions.iter().map(|interaction| interaction.product)
    }
}

fn tier(scores: Scores) -> Tier {
    Tier {
        name: "history",
        source: Source::History,
        scores,
    }
}
