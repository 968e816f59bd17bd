//! Which of the customer's own items a text names.

use std::sync::Arc;

use shop::{Id, Order};
use store::Snapshot;

use super::clauses::{Clause, words};

/// One item of an order; two of a kind are two items.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item<'a> {
    pub order: Id,
    pub product: Id,
    pub title: &'a str,
}

/// The items of these orders.
pub(super) fn of_orders<'a>(orders: &[&'a Arc<Order>], snapshot: &'a Snapshot) -> Vec<Item<'a>> {
    let mut items = Vec::new();
    for order in orders {
        for line in &order.lines {
            let product = snapshot.catalogue.kept_by_id(&line.product_id);
            let stored = line.properties.get("name").and_then(|name| name.as_str());
            let Some(title) = product.map(|one| one.title.as_str()).or(stored) else {
                continue;
            };
            for _ in 0..line.quantity.clamp(1, 100) {
                items.push(Item {
                    order: order.id.clone(),
                    product: line.product_id.clone(),
                    title,
                });
            }
        }
    }
    items
}

/// Where a title is spoken of: its place among the words and how many of them.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Mention<'a> {
    title: &'a str,
    at: usize,
    length: usize,
}

/// The titles that the words name, by place. A title is named by all its
/// words, written together or apart, or by its last one, where no other title
/// is named there by more.
fn mentions<'a>(items: &[Item<'a>], text: &[String]) -> Vec<Mention<'a>> {
    let mut titles: Vec<&str> = items.iter().map(|item| item.title).collect();
    titles.sort_unstable();
    titles.dedup();
    let mut found: Vec<Mention> = Vec::new();
    for title in titles {
        let parts = words(title);
        let joined = parts.concat();
        for at in 0..text.len() {
            let whole = (1..=parts.len() + 1).find(|length| {
                at + length <= text.len() && joined == text[at..at + length].concat()
            });
            let part = parts
                .iter()
                .any(|part| *part == text[at] && part.chars().count() > 2);
            let length = match whole {
                Some(length) => length,
                None if part && is_telling(&text[at]) => 0,
                None => continue,
            };
            found.push(Mention { title, at, length });
        }
    }
    let full = found.clone();
    // "the desk lamp" names no office desk; the longest mention has its words.
    found.retain(|one| {
        !full.iter().any(|other| {
            other.length > one.length.max(1)
                && (other.at..other.at + other.length).contains(&one.at)
        }) && !full.iter().any(|other| {
            one.length == 0 && other.length > 0 && other.at == one.at && other.title != one.title
        })
    });
    found.sort_by_key(|mention| mention.at);
    found
}

/// Words that stand in names and tell none from another.
fn is_telling(word: &str) -> bool {
    ![
        "set", "kit", "light", "smart", "digit", "electr", "water", "wireless", "indoor",
    ]
    .contains(&word)
}

/// The titles that the words name.
pub(super) fn named<'a>(items: &[Item<'a>], text: &[String]) -> Vec<&'a str> {
    let mut titles: Vec<&str> = mentions(items, text)
        .into_iter()
        .map(|mention| mention.title)
        .collect();
    titles.sort_unstable();
    titles.dedup();
    titles
}

/// Whether an item is one of the named.
pub(super) fn is_named(named: &[&str], item: &&Item<'_>) -> bool {
    named.contains(&item.title)
}

/// What a clause says of one item.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Segment<'a> {
    pub title: &'a str,
    /// The words that describe it as it is.
    pub before: Vec<String>,
    /// The words that say what it should become.
    pub after: Vec<String>,
}

/// Words between an item as it is and what it should become.
const TURNS: &[&str] = &["to", "for", "into", "成", "为"];

/// The clause cut where another item is named. Between an item's name and a
/// "to" it is described as it is; without a "to" all after its name is wished.
pub(super) fn segments<'a>(items: &[Item<'a>], clause: &Clause) -> Vec<Segment<'a>> {
    let mentions = mentions(items, &clause.words);
    let mut found: Vec<Segment> = Vec::new();
    let mut start = clause.verb;
    for (number, mention) in mentions.iter().enumerate() {
        let turn = |from: usize, to: usize| {
            let words = clause.words.get(from..to).unwrap_or_default();
            words.iter().any(|word| TURNS.contains(&word.as_str()))
        };
        // "for a red jacket" says what the jacket becomes; "and another
        // kettle to" begins anew.
        let anew = |earlier: usize, other: &Mention<'_>| {
            other.title != mention.title
                || turn(earlier, other.at) && turn(other.at, clause.words.len())
        };
        let same = found.last().is_some_and(|last| last.title == mention.title);
        if same && mention.at < start {
            continue;
        }
        let next = mentions[number + 1..]
            .iter()
            .find(|other| anew(mention.at, other))
            .map_or(clause.words.len(), |other| other.at);
        let from = mention.at + mention.length.max(1);
        let text = &clause.words[from.min(next)..next];
        let to = text.iter().position(|word| TURNS.contains(&word.as_str()));
        let (described, wished) = text.split_at(to.unwrap_or(0));
        let mut before = clause.words[start.min(mention.at)..mention.at].to_vec();
        before.extend_from_slice(described);
        found.push(Segment {
            title: mention.title,
            before,
            after: wished.to_vec(),
        });
        start = next;
    }
    found
}
