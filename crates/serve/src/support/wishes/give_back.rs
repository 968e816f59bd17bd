//! Giving items back.

use super::clauses::Clause;
use super::items::{Item, is_named};
use super::{Deeds, Missing, Reader, Wanted};
use crate::support::tools::Tool;

impl Reader<'_> {
    pub(super) fn give_back(&self, clause: &Clause, deeds: &mut Deeds, wanted: &mut Wanted) {
        let named = self.named_or_meant(clause);
        let (but, all) = clause.exception(&self.items);
        let scope = self.orders_named(clause);
        let mut meant_items: Vec<&Item> = Vec::new();
        for item in &self.items {
            let Some(order) = scope.iter().find(|order| order.id == item.order) else {
                continue;
            };
            if !self.status_allows(Tool::ReturnItems, order) {
                continue;
            }
            let meant = if all {
                !is_named(&but, &item)
            } else {
                is_named(&named, &item)
            };
            if meant {
                meant_items.push(item);
            }
        }
        self.keep_described(clause, &mut meant_items);
        self.keep_by_price(clause, &mut meant_items);
        if meant_items.is_empty() {
            wanted.missing.push(Missing::Item);
        }
        for item in meant_items {
            let key = (Tool::ReturnItems, item.order.clone());
            deeds
                .entry(key)
                .or_default()
                .push((item.product.clone(), None));
        }
    }

    /// "The more expensive one" of several.
    pub(super) fn keep_by_price(&self, clause: &Clause, items: &mut Vec<&Item<'_>>) {
        let text = clause.text.as_str();
        let says = |any: &[&str]| any.iter().any(|words| text.contains(words));
        let cheap = says(&[
            "less expensive",
            "least expensive",
            "cheaper one",
            "cheapest one",
        ]);
        let dear = says(&["more expensive", "most expensive", "pricier"]);
        if items.len() < 2 || cheap == dear {
            return;
        }
        let price = |item: &Item<'_>| {
            let order = self.snapshot.orders.get(&item.order)?;
            let line = order
                .lines
                .iter()
                .find(|line| line.product_id == item.product)?;
            line.price.map(|price| price.amount)
        };
        let best = if cheap {
            items
                .iter()
                .copied()
                .min_by_key(|item| price(item).unwrap_or(i64::MAX))
        } else {
            items
                .iter()
                .copied()
                .max_by_key(|item| price(item).unwrap_or(i64::MIN))
        };
        *items = best.into_iter().collect();
    }
}
