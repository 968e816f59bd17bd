//! Which of the customer's own items a text names.

use std::sync::Arc;

use shop::{Id, Order};
use store::Snapshot;

use super::{Phrase, words};
use crate::support::cues::{Cue, is_form_of};

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
    /// 0: named by one of its words.
    length: usize,
}

/// The shortest word that names a title alone, and of a compound its end:
/// "Lampe" for "Tischlampe".
const SHORTEST_PART: usize = 3;
const SHORTEST_END: usize = 4;

/// The titles that the words name, by place. A title is named by all its
/// words, written together or apart, or by one of them, where no other title
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
            let length = match whole {
                Some(length) => length,
                None if parts.iter().any(|part| is_named_by(part, &text[at])) => 0,
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

/// Whether a word of a text stands for a word of a title.
fn is_named_by(part: &str, word: &str) -> bool {
    if word.chars().any(corpus::support::is_han) {
        return word.chars().count() > 1 && part == word;
    }
    let count = word.chars().count();
    count >= SHORTEST_PART
        && !word.chars().all(|letter| letter.is_ascii_digit())
        && (is_form_of(part, word) || count >= SHORTEST_END && is_end_of(part, word))
}

/// Whether a compound ends in this word, whatever its ending.
fn is_end_of(compound: &str, word: &str) -> bool {
    let stem = word.trim_end_matches(['n', 's', 'e']);
    let compound = compound.trim_end_matches(['n', 's', 'e']);
    stem.chars().count() >= SHORTEST_END - 1 && compound.ends_with(stem) && compound != stem
}

/// The titles that a clause names, those with the most of their words in it.
pub(super) fn named<'a>(items: &[Item<'a>], phrase: &Phrase) -> Vec<&'a str> {
    fullest(mentions(items, &phrase.words))
}

/// The titles that a text in small letters names.
pub(super) fn named_in<'a>(items: &[Item<'a>], text: &str) -> Vec<&'a str> {
    fullest(mentions(items, &words(text)))
}

/// By title. Where one word stands for several titles, those with most words
/// named are meant.
fn fullest(mentions: Vec<Mention<'_>>) -> Vec<&str> {
    let mut titles: Vec<&str> = mentions.iter().map(|mention| mention.title).collect();
    titles.sort_unstable();
    titles.dedup();
    let places = |title: &str| -> Vec<usize> {
        let of_title = mentions.iter().filter(|mention| mention.title == title);
        of_title.map(|mention| mention.at).collect()
    };
    let all: Vec<(&str, Vec<usize>)> = titles.into_iter().map(|one| (one, places(one))).collect();
    let is_outdone = |(title, own): &(&str, Vec<usize>)| {
        all.iter().any(|(other, places)| {
            other != title && places.len() > own.len() && own.iter().all(|at| places.contains(at))
        })
    };
    let kept = all.iter().filter(|one| !is_outdone(one));
    kept.map(|(title, _)| *title).collect()
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

/// The clause cut where another item is named. Between an item's name and a
/// "to" it is described as it is; without a "to" all after its name is wished.
pub(super) fn segments<'a>(items: &[Item<'a>], phrase: &Phrase) -> Vec<Segment<'a>> {
    let named = named(items, phrase);
    let mut mentions = mentions(items, &phrase.words);
    mentions.retain(|mention| named.contains(&mention.title));
    let mut found: Vec<Segment> = Vec::new();
    let mut start = 0;
    for (number, mention) in mentions.iter().enumerate() {
        let turn = |from: usize, to: usize| {
            let words = phrase.words.get(from..to).unwrap_or_default();
            words.iter().any(|word| Cue::Turn.is_in(word))
        };
        // "for a red jacket" says what the jacket becomes; "and another
        // kettle to" begins anew.
        let anew = |earlier: usize, other: &Mention<'_>| {
            other.title != mention.title
                || turn(earlier, other.at) && turn(other.at, phrase.words.len())
        };
        let same = found.last().is_some_and(|last| last.title == mention.title);
        if same && mention.at < start {
            continue;
        }
        let next = mentions[number + 1..]
            .iter()
            .find(|other| anew(mention.at, other))
            .map_or(phrase.words.len(), |other| other.at);
        let from = mention.at + mention.length.max(1);
        let text = &phrase.words[from.min(next)..next];
        let to = text.iter().position(|word| Cue::Turn.is_in(word));
        let (described, wished) = text.split_at(to.unwrap_or(0));
        let mut before = phrase.words[start.min(mention.at)..mention.at].to_vec();
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
