//! Items for others of the same kind: exchanged when delivered, changed when
//! pending.

use super::clauses::Clause;
use super::items::{self, Item};
use super::options;
use super::{Deeds, Missing, Reader, Wanted};
use crate::support::tools::Tool;

impl Reader<'_> {
    pub(super) fn swap(&self, clause: &Clause, deeds: &mut Deeds, wanted: &mut Wanted) {
        let scope = self.orders_named(clause);
        let segments = items::segments(&self.items, clause);
        if segments.is_empty() {
            wanted.missing.push(Missing::Item);
        }
        let mut used: Vec<usize> = Vec::new();
        for segment in &segments {
            let several = segments
                .iter()
                .filter(|other| other.title == segment.title)
                .count()
                > 1;
            let mut tools = [Tool::ChangeOrderItems, Tool::ExchangeItems];
            if clause.says(&["exchange", "received", "got", "换货"]) {
                tools.reverse();
            }
            let candidates = |tool: Tool| -> Vec<&Item> {
                self.items
                    .iter()
                    .filter(|item| item.title == segment.title)
                    .filter(|item| {
                        scope
                            .iter()
                            .any(|order| order.id == item.order && self.status_allows(tool, order))
                    })
                    .collect()
            };
            let found = tools
                .into_iter()
                .map(|tool| (tool, candidates(tool)))
                .find(|(_, items)| !items.is_empty());
            let Some((tool, items)) = found else {
                wanted.missing.push(Missing::Item);
                continue;
            };
            let mut items = if several {
                options::described(&items, &segment.before, self.snapshot)
            } else {
                self.meant_of(&items, segment.title, &segment.before, clause)
            };
            if several {
                // Spoken of one by one: each time the next of them.
                let place = |item: &&Item<'_>| std::ptr::from_ref(*item) as usize;
                items.retain(|item| !used.contains(&place(item)));
                items.truncate(1);
                used.extend(items.iter().map(place));
            }
            let liked = self.liked_elsewhere(segment.title, clause);
            for item in items {
                match options::wished(item, &segment.after, &liked, self.snapshot) {
                    Some(wish) => deeds
                        .entry((tool, item.order.clone()))
                        .or_default()
                        .push((item.product.clone(), Some(wish))),
                    None => wanted.missing.push(Missing::Option),
                }
            }
        }
    }
}
