//! What the clauses of a message ask to have done with the customer's own
//! orders and account: which order, which item, which option, which address.
//! What is asked for the clause was heard as; this reads the rest from the
//! words, the records and the catalogue. Nothing is done here; each wish
//! becomes a proposal that the customer has to confirm, or a refusal.

mod address;
mod addresses;
mod cancel;
mod items;
mod options;
mod orders;
mod payment;
mod return_items;
mod scales;
mod swap;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use shop::{Address, Id, Order};
use store::Snapshot;

use self::items::Item;
use super::clauses::Clause;
use super::dialogue_act::DialogueAct;
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

/// What surrounds the clauses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub snapshot: &'a Snapshot,
    pub customer: &'a Id,
    pub policy: &'a Policy,
    /// All that the customer says: how money goes back may be said beside a wish.
    pub message: &'a str,
    /// What we said last: "the other one" is another than that.
    pub answered: &'a str,
}

/// What the clauses ask to have done with what is the customer's.
pub(crate) fn read(clauses: &[Clause], setting: Setting<'_>) -> Wanted {
    let Setting {
        snapshot, customer, ..
    } = setting;
    let mut orders: Vec<&Arc<Order>> = super::tools::find_orders(snapshot, customer, usize::MAX);
    orders.sort_by(|one, other| one.id.cmp(&other.id));
    let phrases: Vec<Phrase> = clauses.iter().map(Phrase::new).collect();
    let reader = Reader {
        setting,
        items: items::of_orders(&orders, snapshot),
        orders,
        message: setting.message.to_lowercase(),
        phrases,
    };
    reader.read()
}

/// An address written out in a text, with its words there.
pub(crate) fn written_address(
    text: &str,
    snapshot: &Snapshot,
    customer: Option<&Id>,
) -> Option<(String, Address)> {
    let home = customer.and_then(|id| snapshot.customers.get(id));
    let home = home.and_then(|account| account.address().ok().flatten());
    addresses::written(text, home.as_ref(), &[])
}

pub(crate) use options::has_colour;

/// A clause with its words.
#[derive(Debug)]
struct Phrase {
    act: DialogueAct,
    /// As it was written.
    said: String,
    /// In small letters.
    text: String,
    words: Vec<String>,
}

impl Phrase {
    fn new(clause: &Clause) -> Self {
        let text = clause.said.to_lowercase().replace('’', "'");
        Self {
            act: clause.heard.act,
            words: words(&text),
            said: clause.said.clone(),
            text,
        }
    }
}

/// The words of a text: lower case, stemmed, in order, function words too.
fn words(text: &str) -> Vec<String> {
    corpus::support::terms(&text.to_lowercase())
        .into_iter()
        .map(|term| term.word)
        .collect()
}

struct Reader<'a> {
    setting: Setting<'a>,
    orders: Vec<&'a Arc<Order>>,
    items: Vec<Item<'a>>,
    phrases: Vec<Phrase>,
    /// In small letters.
    message: String,
}

/// By tool and order: old item and new, as far as one is named.
type Deeds = BTreeMap<(Tool, Id), Vec<(Id, Option<Id>)>>;

impl<'a> Reader<'a> {
    fn read(&self) -> Wanted {
        let mut wanted = Wanted::default();
        let mut deeds = Deeds::new();
        for (place, phrase) in self.phrases.iter().enumerate() {
            match phrase.act {
                DialogueAct::OrderAddress => self.order_address(place, &mut wanted),
                DialogueAct::AccountAddress => self.account_address(phrase, &mut wanted),
                DialogueAct::Payment => self.payment(place, &mut wanted),
                DialogueAct::Cancel => self.cancel(place, &mut wanted),
                DialogueAct::Return => self.return_items(place, &mut deeds, &mut wanted),
                DialogueAct::Exchange => self.swap(place, &mut deeds, &mut wanted),
                DialogueAct::Inform
                | DialogueAct::Question
                | DialogueAct::Browse
                | DialogueAct::Orders
                | DialogueAct::Points
                | DialogueAct::HandOver
                | DialogueAct::Cart
                | DialogueAct::Greeting
                | DialogueAct::Thanks => {}
            }
        }
        for ((tool, order), items) in deeds {
            wanted.wishes.push(self.with_items(tool, &order, &items));
        }
        wanted.missing.sort_unstable();
        wanted.missing.dedup();
        wanted
    }

    fn snapshot(&self) -> &'a Snapshot {
        self.setting.snapshot
    }

    fn status_allows(&self, tool: Tool, order: &Order) -> bool {
        let status = order.status.as_deref().unwrap_or_default();
        self.setting.policy.rule(tool).is_some_and(|rule| {
            rule.statuses.is_empty() || rule.statuses.iter().any(|one| one == status)
        })
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
        let candidates = self
            .methods(&self.message, order)
            .into_iter()
            .map(|method| {
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
