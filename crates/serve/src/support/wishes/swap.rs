//! Items for others of the same kind: exchanged when delivered, changed when
//! pending.

use super::items::{self, Item, Segment};
use super::{Deeds, Missing, Phrase, Reader, Wanted, options};
use crate::support::tools::Tool;

impl<'a> Reader<'a> {
    pub(super) fn swap(&self, place: usize, deeds: &mut Deeds, wanted: &mut Wanted) {
        let phrase = &self.phrases[place];
        let mut segments = items::segments(&self.items, phrase);
        if segments.is_empty() {
            segments = self.pointed_at(place);
        }
        if segments.is_empty() {
            wanted.missing.push(Missing::Item);
        }
        let mut used: Vec<usize> = Vec::new();
        for segment in &segments {
            let alike = segments.iter().filter(|other| other.title == segment.title);
            let several = alike.count() > 1;
            let Some((tool, items)) = self.swappable(place, segment.title) else {
                wanted.missing.push(Missing::Item);
                continue;
            };
            let mut items = if several {
                options::described(&items, &segment.before, self.snapshot())
            } else {
                self.meant_of(&items, segment.title, &segment.before)
            };
            if several {
                // Spoken of one by one: each time the next of them.
                let place = |item: &&Item<'_>| std::ptr::from_ref(*item) as usize;
                items.retain(|item| !used.contains(&place(item)));
                items.truncate(1);
                used.extend(items.iter().map(place));
            }
            let liked = self.liked_elsewhere(segment.title, place);
            for item in items {
                match options::wished(item, &segment.after, &liked, self.snapshot()) {
                    Some(wish) => deeds
                        .entry((tool, item.order.clone()))
                        .or_default()
                        .push((item.product.clone(), Some(wish))),
                    None => wanted.missing.push(Missing::Option),
                }
            }
        }
    }

    /// The items of this title in the orders that the clause means, with what
    /// can be done with them: changed before they are sent, exchanged after.
    fn swappable(&self, place: usize, title: &str) -> Option<(Tool, Vec<&Item<'a>>)> {
        let tools = [Tool::ChangeOrderItems, Tool::ExchangeItems];
        let found = tools.into_iter().map(|tool| {
            let scope = self.orders_meant(place, tool).orders;
            let of_title = self.items.iter().filter(|item| item.title == title);
            let items = of_title.filter(|item| {
                let mut orders = scope.iter();
                orders.any(|order| order.id == item.order && self.status_allows(tool, order))
            });
            (tool, items.collect::<Vec<&Item>>())
        });
        found.into_iter().find(|(_, items)| !items.is_empty())
    }

    /// Where the clause names no item: those that its other words, or the
    /// clauses before it, point at.
    fn pointed_at(&self, place: usize) -> Vec<Segment<'a>> {
        let phrase = &self.phrases[place];
        let tools = [Tool::ChangeOrderItems, Tool::ExchangeItems];
        let mut found = tools.into_iter().map(|tool| self.items_meant(place, tool));
        let items = found.find(|items| !items.is_empty()).unwrap_or_default();
        let mut titles: Vec<&str> = items.into_iter().map(|item| item.title).collect();
        titles.sort_unstable();
        titles.dedup();
        let segments = titles.into_iter().map(|title| Segment {
            title,
            before: Vec::new(),
            after: phrase.words.clone(),
        });
        segments.collect()
    }

    /// What other clauses like better, where they speak of this kind or of
    /// none ("I prefer black").
    fn liked_elsewhere(&self, title: &str, place: usize) -> Vec<String> {
        let others = self.phrases.iter().enumerate();
        let about = |phrase: &Phrase| {
            let named = items::named(&self.items, phrase);
            named.is_empty() || named.contains(&title)
        };
        let said = others.filter(|(other, phrase)| *other != place && about(phrase));
        said.flat_map(|(_, phrase)| options::liked(&phrase.words).to_vec())
            .collect()
    }
}
