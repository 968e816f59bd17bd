//! What a message asks to have done: deeds, items, options and addresses, read
//! by their shapes and by the words of the customer's own orders and of the
//! catalogue. Nothing is done here; each wish becomes a proposal that the
//! customer has to confirm, or a refusal.

mod addresses;
mod clauses;
mod items;
mod options;
mod scales;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use shop::{Id, Order, PaymentSource};
use store::Snapshot;

use self::clauses::{Clause, Deed};
use self::items::{Item, is_named};
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

    fn cancel(&self, clause: &Clause, wanted: &mut Wanted) {
        let open: Vec<&Arc<Order>> = self
            .orders_named(clause)
            .into_iter()
            .filter(|order| self.status_allows(Tool::CancelOrder, order))
            .collect();
        let named = self.named_or_meant(clause);
        let all = clause.says(&["all", "every", "everything", "全部", "所有"])
            || self.names_an_order(clause)
            || open.len() == 1 && named.is_empty();
        // Said of this deed and not turned round ("if that takes the entire
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
    fn reasons(&self) -> Vec<String> {
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

    fn give_back(&self, clause: &Clause, deeds: &mut Deeds, wanted: &mut Wanted) {
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

    /// The titles that the clause names; where it names none and only points
    /// ("return them"), those that were named before.
    fn named_or_meant(&self, clause: &Clause) -> Vec<&str> {
        let named = items::named(&self.items, &clause.words);
        let points = ["them", "it", "one", "they", "both", "whole"];
        if !named.is_empty() || !clause.says(&points) {
            return named;
        }
        items::named(&self.items, &clause.context)
    }

    /// Of several items of one kind those that the clause describes ("the red
    /// one"), else those that the message does where it speaks of the kind
    /// again.
    fn keep_described(&self, clause: &Clause, items: &mut Vec<&Item<'_>>) {
        let mut titles: Vec<&str> = items.iter().map(|item| item.title).collect();
        titles.sort_unstable();
        titles.dedup();
        for title in titles {
            let alike: Vec<&Item> = items
                .iter()
                .copied()
                .filter(|item| item.title == title)
                .collect();
            let meant = self.meant_of(&alike, title, &clause.words, clause);
            items.retain(|item| item.title != title || meant.contains(item));
        }
    }

    /// Of items of one kind those that `words` describe, else those that other
    /// sentences about the kind do.
    fn meant_of<'a, 'b>(
        &self,
        alike: &[&'a Item<'b>],
        title: &str,
        words: &[String],
        clause: &Clause,
    ) -> Vec<&'a Item<'b>> {
        let meant = options::described(alike, words, self.snapshot);
        if alike.len() < 2 || meant.len() < alike.len() {
            return meant;
        }
        let elsewhere: Vec<String> = clauses::sentences(&self.message)
            .into_iter()
            .filter(|sentence| !sentence.contains(clause.text.as_str()))
            .map(clauses::words)
            .filter(|said| items::named(&self.items, said).contains(&title))
            .flatten()
            .collect();
        options::described(alike, &elsewhere, self.snapshot)
    }

    /// "The more expensive one" of several.
    fn keep_by_price(&self, clause: &Clause, items: &mut Vec<&Item<'_>>) {
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

    fn swap(&self, clause: &Clause, deeds: &mut Deeds, wanted: &mut Wanted) {
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

    /// What other sentences like better, where they speak of this kind or of
    /// none ("I prefer black").
    fn liked_elsewhere(&self, title: &str, clause: &Clause) -> Vec<String> {
        clauses::sentences(&self.message)
            .into_iter()
            .filter(|sentence| !sentence.contains(clause.text.as_str()))
            .map(clauses::words)
            .filter(|said| {
                let named = items::named(&self.items, said);
                named.is_empty() || named.contains(&title)
            })
            .flat_map(|said| options::liked(&said).to_vec())
            .collect()
    }

    /// The payment methods in the order in which the message names them, then
    /// how the order was paid.
    fn methods(&self, order: &Id) -> Vec<Id> {
        let account = self.snapshot.customers.get(self.customer);
        let methods = account
            .and_then(|account| account.payment_methods().ok())
            .unwrap_or_default();
        let mut found: Vec<(usize, Id)> = Vec::new();
        for method in &methods {
            let names: &[&str] = match method.source {
                PaymentSource::CreditCard => &["credit card", "信用卡"],
                PaymentSource::Paypal => &["paypal"],
                PaymentSource::GiftCard => &["gift card", "giftcard", " gc", "礼品卡"],
                PaymentSource::BankTransfer => &["bank transfer"],
                PaymentSource::Other => &[],
            };
            let brand = method.brand.iter().map(|brand| brand.to_lowercase());
            let digits = method.last_four.clone();
            let spoken = names.iter().map(|name| (*name).to_owned());
            let words = spoken.chain(brand).chain(digits);
            let place = words
                .filter_map(|word| self.message.find(&word))
                .chain(self.message.find(&method.id.as_str().to_lowercase()))
                .min();
            found.extend(place.map(|place| (place, method.id.clone())));
        }
        found.sort();
        let paid = self.snapshot.orders.get(order).and_then(|order| {
            let payments = order.payments().ok()?;
            Some(payments.first()?.payment_method_id.clone())
        });
        let mut ids: Vec<Id> = found.into_iter().map(|(_, id)| id).collect();
        ids.extend(paid);
        ids
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

    fn payment(&self, clause: &Clause, wanted: &mut Wanted) {
        let open: Vec<&Arc<Order>> = self
            .orders_named(clause)
            .into_iter()
            .filter(|order| self.status_allows(Tool::ChangeOrderPayment, order))
            .collect();
        if !self.names_an_order(clause) && open.len() != 1 {
            wanted.missing.push(Missing::Item);
            return;
        }
        for order in open {
            let candidates = self.methods(&order.id).into_iter();
            wanted.wishes.push(Wish {
                tool: Tool::ChangeOrderPayment,
                candidates: candidates
                    .map(|method| json!({"order": order.id, "payment_method": method}))
                    .collect(),
            });
        }
    }

    fn address(&self, clause: &Clause, wanted: &mut Wanted) {
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
}

impl Reader<'_> {
    /// Of several orders the one told by where it goes or by what is in it
    /// ("my Chicago order", "the laptop order"); all where neither tells.
    fn told_by<'b>(&self, text: &str, orders: Vec<&'b Arc<Order>>) -> Vec<&'b Arc<Order>> {
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

fn same_number(number: &str, id: &Id) -> bool {
    let bare = |text: &str| -> String {
        let letters = text.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    bare(number) == bare(id.as_str())
}

#[cfg(test)]
mod tests;
