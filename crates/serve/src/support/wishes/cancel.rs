//! Cancelling whole orders.

use std::sync::Arc;

use serde_json::json;
use shop::Order;

use super::clauses::{self, Clause};
use super::items::{Item, is_named};
use super::{Missing, Reader, Wanted, Wish};
use crate::support::tools::Tool;

impl Reader<'_> {
    pub(super) fn cancel(&self, clause: &Clause, wanted: &mut Wanted) {
        let open: Vec<&Arc<Order>> = self
            .orders_named(clause)
            .into_iter()
            .filter(|order| self.status_allows(Tool::CancelOrder, order))
            .collect();
        let named = self.named_or_meant(clause);
        let all = clause.says(&["all", "every", "everything", "全部", "所有"])
            || self.names_an_order(clause)
            || open.len() == 1 && named.is_empty();
        // Statement of this deed and not turned round ("if that takes the entire
        // order, do not").
        let said = clause.text.as_str();
        let whole = (said.contains("whole order") || said.contains("entire order"))
            && ![" not ", "n't ", "require"]
                .iter()
                .any(|no| said.contains(no));
        let mut found = false;
        for order in open {
            let of_order: Vec<&Item> = self
                .items
                .iter()
                .filter(|item| item.order == order.id)
                .collect();
            let hit = of_order
                .iter()
                .filter(|item| is_named(&named, item))
                .count();
            if !all && hit == 0 {
                continue;
            }
            found = true;
            if !all && hit < of_order.len() && !whole {
                wanted.missing.push(Missing::WholeOrder);
                continue;
            }
            let reasons = self.reasons();
            let wish = Wish {
                tool: Tool::CancelOrder,
                candidates: reasons
                    .into_iter()
                    .map(|reason| json!({"order": order.id, "reason": reason}))
                    .collect(),
            };
            if !wanted.wishes.contains(&wish) {
                wanted.wishes.push(wish);
            }
        }
        if !found {
            wanted.missing.push(Missing::Item);
        }
    }

    /// The reasons that count, the one nearest to the customer's words first.
    pub(super) fn reasons(&self) -> Vec<String> {
        let mut reasons = self
            .policy
            .rule(Tool::CancelOrder)
            .map(|rule| rule.reasons.clone())
            .unwrap_or_default();
        if reasons.is_empty() {
            reasons.push(String::new());
        }
        let said = clauses::words(&self.message);
        // "ordered" alone says nothing of a mistake.
        let telling = |reason: &String| {
            let last = clauses::words(reason).pop().unwrap_or_default();
            std::cmp::Reverse(u8::from(said.contains(&last)))
        };
        // The sort is stable: else the first of the policy.
        reasons.sort_by_key(telling);
        reasons
    }
}
