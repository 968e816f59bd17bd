//! Where orders go and where customers live.

use std::sync::Arc;

use serde_json::json;
use shop::Order;

use super::addresses;
use super::clauses::{self, Clause};
use super::items::{self, is_named};
use super::{Missing, Reader, Wanted, Wish};
use crate::support::tools::Tool;

impl Reader<'_> {
    pub(super) fn address(&self, clause: &Clause, wanted: &mut Wanted) {
        let goal = addresses::Goal::read(
            clause,
            &self.message,
            self.snapshot,
            self.customer,
            &self.orders,
        );
        let Some(address) = goal.address else {
            wanted.missing.push(Missing::Address);
            return;
        };
        if goal.of_customer {
            wanted.wishes.push(Wish {
                tool: Tool::ChangeCustomerAddress,
                candidates: vec![json!({"address": address})],
            });
        }
        if !goal.of_orders {
            return;
        }
        let open: Vec<&Arc<Order>> = self
            .orders
            .iter()
            .copied()
            .filter(|order| self.status_allows(Tool::ChangeOrderAddress, order))
            .filter(|order| order.address_parts().ok().flatten().as_ref() != Some(&address))
            .filter(|order| goal.orders.is_empty() || goal.orders.contains(&order.id))
            .collect();
        let open = if goal.orders.is_empty() && !goal.all {
            self.told_by(&goal.object, open)
        } else {
            open
        };
        if open.is_empty() || (goal.orders.is_empty() && open.len() > 1 && !goal.all) {
            wanted.missing.push(Missing::Item);
            return;
        }
        for order in open {
            wanted.wishes.push(Wish {
                tool: Tool::ChangeOrderAddress,
                candidates: vec![json!({"order": order.id, "address": address})],
            });
        }
    }

    /// Of several orders the one told by where it goes or by what is in it
    /// ("my Chicago order", "the laptop order"); all where neither tells.
    pub(super) fn told_by<'b>(
        &self,
        text: &str,
        orders: Vec<&'b Arc<Order>>,
    ) -> Vec<&'b Arc<Order>> {
        let named = items::named(&self.items, &clauses::words(text));
        let goes_there = |order: &&&Arc<Order>| {
            let address = order.address_parts().ok().flatten();
            address.is_some_and(|address| addresses::is_there(text, &address))
        };
        let holds = |order: &&&Arc<Order>| {
            let mut of_order = self.items.iter().filter(|item| item.order == order.id);
            of_order.any(|item| is_named(&named, &item))
        };
        let there: Vec<&Arc<Order>> = orders.iter().filter(goes_there).copied().collect();
        let with: Vec<&Arc<Order>> = orders.iter().filter(holds).copied().collect();
        match (there.as_slice(), with.as_slice()) {
            ([_], _) => there,
            (_, [_]) => with,
            _ => orders,
        }
    }
}
