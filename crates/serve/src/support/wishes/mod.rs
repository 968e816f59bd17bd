//! What a message asks to have done: deeds, items, options and addresses, read
//! by their shapes and by the words of the customer's own orders and of the
//! catalogue. Nothing is done here; each wish becomes a proposal that the
//! customer has to confirm, or a refusal.

mod address;
mod addresses;
mod cancel;
mod clauses;
mod give_back;
mod items;
mod meant;
mod options;
mod payment;
mod scales;
mod swap;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use shop::{Address, Id, Order};
use store::Snapshot;

use self::clauses::{Clause, Deed};
use self::items::Item;
use super::policy::Policy;
use super::tools::Tool;

/// Something that the customer wants done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wish {
    pub tool: Tool,
    /// Arguments that would do it, the most wanted first.
    pub candidates: Vec<Value>,
}

/// What is missing before it can be proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Missing {
    /// Which item, or which order.
    Item,
    /// What it should become.
    Option,
    /// Which address.
    Address,
    /// Only a whole order can be cancelled: is that meant?
    WholeOrder,
}

/// All that a message wants.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Wanted {
    pub wishes: Vec<Wish>,
    pub missing: Vec<Missing>,
}

impl Wanted {
    pub fn is_empty(&self) -> bool {
        self.wishes.is_empty() && self.missing.is_empty()
    }
}

/// What a customer's message asks to have done with what is theirs.
pub(crate) fn read(message: &str, snapshot: &Snapshot, customer: &Id, policy: &Policy) -> Wanted {
    let mut orders: Vec<&Arc<Order>> = super::tools::find_orders(snapshot, customer, usize::MAX);
    orders.sort_by(|one, other| one.id.cmp(&other.id));
    let reader = Reader {
        snapshot,
        customer,
        policy,
        items: items::of_orders(&orders, snapshot),
        orders,
        message: message.to_lowercase(),
    };
    reader.read(message)
}

/// Whether the words ask to have anything done; what, the orders decide.
pub(crate) fn asks_for_deeds(message: &str) -> bool {
    !clauses::split(message).is_empty()
}

/// An address written out in a text, with its words.
pub(crate) fn written_address(
    text: &str,
    snapshot: &Snapshot,
    customer: Option<&Id>,
) -> Option<(String, Address)> {
    let home = customer.and_then(|id| snapshot.customers.get(id));
    let home = home.and_then(|account| account.address().ok().flatten());
    addresses::written(text, home.as_ref(), &[])
}

struct Reader<'a> {
    snapshot: &'a Snapshot,
    customer: &'a Id,
    policy: &'a Policy,
    orders: Vec<&'a Arc<Order>>,
    items: Vec<Item<'a>>,
    message: String,
}

/// By tool and order: old item and new, as far as one is named.
type Deeds = BTreeMap<(Tool, Id), Vec<(Id, Option<Id>)>>;

impl Reader<'_> {
    fn read(&self, message: &str) -> Wanted {
        let mut wanted = Wanted::default();
        let mut deeds = Deeds::new();
        let clauses = clauses::split(message);
        for clause in &clauses {
            match clause.deed {
                Deed::Address => self.address(clause, &mut wanted),
                Deed::Payment => self.payment(clause, &mut wanted),
                Deed::Cancel => self.cancel(clause, &mut wanted),
                Deed::Return => self.give_back(clause, &mut deeds, &mut wanted),
                Deed::Swap => self.swap(clause, &mut deeds, &mut wanted),
            }
        }
        for ((tool, order), items) in deeds {
            wanted.wishes.push(self.with_items(tool, &order, &items));
        }
        wanted.missing.sort_unstable();
        wanted.missing.dedup();
        // What one clause leaves open another may have said.
        if !wanted.wishes.is_empty() {
            wanted
                .missing
                .retain(|missing| *missing == Missing::WholeOrder);
        }
        wanted
    }

    fn status_allows(&self, tool: Tool, order: &Order) -> bool {
        let status = order.status.as_deref().unwrap_or_default();
        self.policy.rule(tool).is_some_and(|rule| {
            rule.statuses.is_empty() || rule.statuses.iter().any(|one| one == status)
        })
    }

    /// The orders that the clause names by number; all when it names none.
    fn orders_named(&self, clause: &Clause) -> Vec<&Arc<Order>> {
        let numbers = super::route::order_numbers(&clause.text, true);
        let named: Vec<&Arc<Order>> = self
            .orders
            .iter()
            .copied()
            .filter(|order| numbers.iter().any(|number| same_number(number, &order.id)))
            .collect();
        if named.is_empty() {
            self.orders.clone()
        } else {
            named
        }
    }

    fn names_an_order(&self, clause: &Clause) -> bool {
        self.orders_named(clause).len() < self.orders.len()
    }

    fn with_items(&self, tool: Tool, order: &Id, items: &[(Id, Option<Id>)]) -> Wish {
        let mut seen: Vec<&(Id, Option<Id>)> = Vec::new();
        let held = |id: &Id| {
            let of_order = self.items.iter().filter(|item| item.order == *order);
            of_order.filter(|item| item.product == *id).count()
        };
        for pair in items {
            // Named twice in the message is held once in the order.
            let taken = seen.iter().filter(|one| one.0 == pair.0).count();
            if taken < held(&pair.0) {
                seen.push(pair);
            }
        }
        let old: Vec<&Id> = seen.iter().map(|pair| &pair.0).collect();
        let new: Vec<&Id> = seen.iter().filter_map(|pair| pair.1.as_ref()).collect();
        let candidates = self.methods(order).into_iter().map(|method| {
            let mut arguments = json!({"order": order, "items": old, "payment_method": method});
            if tool != Tool::ReturnItems {
                arguments["new_items"] = json!(new);
            }
            arguments
        });
        Wish {
            tool,
            candidates: candidates.collect(),
        }
    }
}

fn same_number(number: &str, id: &Id) -> bool {
    let bare = |text: &str| -> String {
        let letters = text.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    bare(number) == bare(id.as_str())
}

#[cfg(test)]
mod tests;
