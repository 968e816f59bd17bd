//! Cancelling whole orders.

use serde_json::json;

use super::items::{self, Item, is_named};
use super::{Missing, Reader, Wanted, Wish, words};
use crate::support::cues::Cue;
use crate::support::tools::Tool;

impl Reader<'_> {
    pub(super) fn cancel(&self, place: usize, wanted: &mut Wanted) {
        let phrase = &self.phrases[place];
        let Some(orders) = self.orders_for(place, Tool::CancelOrder) else {
            wanted.missing.push(Missing::Item);
            return;
        };
        let named = items::named(&self.items, phrase);
        let is_whole = Cue::All.is_in(&phrase.text)
            || Cue::Order.is_in(&phrase.text)
            || !self.numbered(&phrase.text).is_empty();
        for order in orders {
            let of_order = self.items.iter().filter(|item| item.order == order.id);
            let of_order: Vec<&Item> = of_order.collect();
            let hits = of_order
                .iter()
                .filter(|item| is_named(&named, item))
                .count();
            if !is_whole && hits > 0 && hits < of_order.len() {
                wanted.missing.push(Missing::WholeOrder);
                continue;
            }
            let reasons = self.reasons().into_iter();
            let wish = Wish {
                tool: Tool::CancelOrder,
                candidates: reasons
                    .map(|reason| json!({"order": order.id, "reason": reason}))
                    .collect(),
            };
            if !wanted.wishes.contains(&wish) {
                wanted.wishes.push(wish);
            }
        }
    }

    /// The reasons that count, the one nearest to the customer's words first.
    fn reasons(&self) -> Vec<String> {
        let rule = self.setting.policy.rule(Tool::CancelOrder);
        let mut reasons = rule.map(|rule| rule.reasons.clone()).unwrap_or_default();
        if reasons.is_empty() {
            reasons.push(String::new());
        }
        let said = words(&self.message);
        // "ordered" alone says nothing of a mistake.
        let telling = |reason: &String| {
            let last = words(reason).pop().unwrap_or_default();
            std::cmp::Reverse(u8::from(said.contains(&last)))
        };
        // The sort is stable: else the first of the policy.
        reasons.sort_by_key(telling);
        reasons
    }
}
