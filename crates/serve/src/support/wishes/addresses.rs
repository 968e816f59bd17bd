//! Which address a text means, and what is to be sent there.

use std::sync::{Arc, LazyLock};

use regex::Regex;
use shop::{Address, Id, Order};
use store::Snapshot;

use super::clauses::Clause;
use super::same_number;

/// A change of address, as far as the text says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Goal {
    pub address: Option<Address>,
    pub of_customer: bool,
    pub of_orders: bool,
    /// Named by number.
    pub orders: Vec<Id>,
    /// All orders that can still be changed.
    pub all: bool,
    /// What is said of the thing that changes ("my laptop order").
    pub object: String,
}

/// `12 Elm Street, Suite 3, Springfield, IL, 62701`, as most people write it.
static WRITTEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)\b(\d+[a-z]?(?: (?:[a-z.'-]+|\d+(?:st|nd|rd|th)))+),\s*(?:((?:suite|apt\.?|unit|apartment|floor) ?[\w-]+),\s*)?([a-z .'-]+?),?\s+(?:([a-z]{2}|[a-z]+),?\s+)?(\d{5})\b",
    )
    .ok()
});

const DEFAULT: &[&str] = &[
    "default address",
    "user address",
    "account address",
    "profile address",
    "my profile",
    "address in my account",
    "my account's address",
    "default user address",
    "默认地址",
];

/// What is changed as well is said after these.
const ALONG: &[&str] = &["along with", "as well as", "and also my", "and my default"];

/// "I would like to" turns to no address.
const OPENING_BYTES: usize = 16;

impl Goal {
    pub fn read(
        clause: &Clause,
        message: &str,
        snapshot: &Snapshot,
        customer: &Id,
        orders: &[&Arc<Order>],
    ) -> Self {
        let text = clause.text.as_str();
        // What stands before "to" is changed, what stands after it is the goal.
        let said = text.find("address").unwrap_or(0);
        let after = text[said..].find(" to ").map(|at| said + at);
        let before = || text[..said].rfind(" to ").filter(|at| *at > OPENING_BYTES);
        let (object, target) = match after.or_else(before) {
            Some(at) => text.split_at(at),
            None => (text, text),
        };
        // "… to that one, along with my default address".
        let further = ALONG.iter().filter_map(|along| target.find(along)).min();
        let (target, further) = target.split_at(further.unwrap_or(target.len()));
        let object = &format!("{object}{further}");
        let numbers = |part: &str| -> Vec<Id> {
            let written = super::super::route::order_numbers(part, true);
            orders
                .iter()
                .filter(|order| written.iter().any(|number| same_number(number, &order.id)))
                .map(|order| order.id.clone())
                .collect()
        };
        let home = snapshot
            .customers
            .get(customer)
            .and_then(|account| account.address().ok().flatten());
        let has = |part: &str, any: &[&str]| any.iter().any(|word| part.contains(word));
        let of_customer = has(object, DEFAULT);
        Self {
            address: goal(target, home.as_ref(), orders, &numbers(target), of_customer)
                .or_else(|| Some(written(message, home.as_ref(), orders)?.1)),
            of_customer,
            of_orders: has(object, &["order", "订单"]) || !of_customer,
            orders: numbers(object),
            object: object.clone(),
            all: has(text, &["all ", "orders", "所有", "全部"]),
        }
    }
}

fn goal(
    text: &str,
    home: Option<&Address>,
    orders: &[&Arc<Order>],
    same_as: &[Id],
    of_customer: bool,
) -> Option<Address> {
    let of_order = |order: &&Arc<Order>| order.address_parts().ok().flatten();
    if let [named] = same_as {
        return orders
            .iter()
            .find(|order| order.id == *named)
            .and_then(of_order);
    }
    if let Some((_, written)) = written(text, home, orders) {
        return Some(written);
    }
    if !of_customer
        && DEFAULT
            .iter()
            .chain(&["default"])
            .any(|word| text.contains(word))
    {
        return home.cloned();
    }
    // "the Chicago one": of all addresses they have used the one there.
    let lower = text.to_lowercase();
    let mut there: Vec<Address> = orders
        .iter()
        .filter_map(of_order)
        .chain(home.cloned())
        .filter(|address| is_there(&lower, address))
        .collect();
    there.dedup();
    match there.as_slice() {
        [first, rest @ ..] if rest.iter().all(|other| other == first) => Some(first.clone()),
        _ => None,
    }
}

pub(super) fn is_there(text: &str, address: &Address) -> bool {
    let city = address.city.to_lowercase();
    let initials: String = city
        .split(' ')
        .filter_map(|word| word.chars().next())
        .collect();
    let short = initials.len() > 1 && {
        let with_city = format!("{initials}c");
        text.split(|c: char| !c.is_alphanumeric())
            .any(|word| word == initials || word == with_city)
    };
    !city.is_empty() && (text.contains(&city) || short)
}

/// An address that a text spells out, with its words there.
pub(super) fn written(
    text: &str,
    home: Option<&Address>,
    orders: &[&Arc<Order>],
) -> Option<(String, Address)> {
    let parts = WRITTEN.as_ref()?.captures(text)?;
    let part = |number: usize| parts.get(number).map(|part| part.as_str().trim());
    let city = capitals(part(3)?);
    let known = orders
        .iter()
        .filter_map(|order| order.address_parts().ok().flatten())
        .chain(home.cloned())
        .find(|address| address.city.eq_ignore_ascii_case(&city));
    let state = match part(4) {
        Some(state) if state.len() == 2 => state.to_uppercase(),
        Some(state) => capitals(state),
        None => known.map(|address| address.state).unwrap_or_default(),
    };
    let address = Address {
        address1: capitals(part(1)?),
        address2: part(2).map(capitals).unwrap_or_default(),
        city,
        state,
        country: home.map(|home| home.country.clone()).unwrap_or_default(),
        zip: part(5)?.to_owned(),
    };
    Some((part(0)?.to_owned(), address))
}

/// `elm street` as `Elm Street`.
fn capitals(text: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        match letters.next() {
            Some(first) => first.to_uppercase().chain(letters).collect(),
            None => String::new(),
        }
    };
    let words: Vec<String> = text.split_whitespace().map(capital).collect();
    words.join(" ")
}
