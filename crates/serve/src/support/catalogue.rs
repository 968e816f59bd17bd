//! Questions about the catalogue as a whole ("how many kinds of lamps", "the
//! cheapest kettle in stock") are answered by a query over its records, not by
//! looking for a text that says it.

use locale::Locale;
use std::collections::BTreeSet;
use std::sync::Arc;

use shop::{Availability, Id, Product};
use store::Snapshot;

use super::catalogue_terms::CatalogueTerms;
use super::cues::follows_up;

/// Which products a question is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Stems that a product's name, category, tags or options have to hold;
    /// none: every product.
    pub words: Vec<String>,
    /// The words as they were asked, for saying them again.
    pub said: String,
    /// Only what can be had at once.
    pub in_stock: bool,
    /// Only what the shop files under this word, where it does so with any.
    pub kind: Option<String>,
    /// What was found, in stock or not, in the order of the catalogue.
    pub products: Arc<[Id]>,
}

/// The catalogue with its words.
pub(super) type CatalogueView<'a> = (&'a CatalogueTerms, &'a Snapshot);

/// What is asked about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aggregate {
    Count,
    Cheapest,
    Dearest,
}

const COUNT: &[&str] = &[
    "how many",
    "number of",
    "多少种",
    "几种",
    "多少款",
    "几款",
    "多少个",
];
const CHEAPEST: &[&str] = &[
    "cheapest",
    "least expensive",
    "lowest price",
    "lowest priced",
    "最便宜",
    "价格最低",
];
const DEAREST: &[&str] = &[
    "most expensive",
    "priciest",
    "highest price",
    "dearest",
    "最贵",
    "价格最高",
];
const IN_STOCK: &[&str] = &["in stock", "available", "有货", "现货"];
/// Words of the question itself, which no product is called by.
const ASKING: &[&str] = &[
    "how many",
    "number of",
    "cheapest",
    "least expensive",
    "most expensive",
    "lowest priced",
    "lowest price",
    "highest price",
    "priciest",
    "dearest",
    "in stock",
    "available",
    "kinds of",
    "kind of",
    "types of",
    "type of",
    "different",
    "options",
    "option",
    "variants",
    "models of",
    "sorts of",
    "do you",
    "sell",
    "have",
    "offer",
    "carry",
    "is there",
    "are there",
    "right now",
    "your",
    "you",
    "what",
    "which",
    "online",
    "store",
    "shop",
    "exactly",
    "currently",
    "price",
    "cost",
    "costs",
    "products",
    "product",
    "items",
    "item",
    "and",
    "much",
    "one",
    "ones",
    "any",
    "some",
    "of them",
    "of those",
    "of these",
    "i am",
    "i'm",
    "want to buy",
    "would like to buy",
    "like to buy",
    "looking for",
    "searching for",
    "show me",
    "find me",
    "can recommend",
    "recommend",
    "suggest",
    "推荐",
    "其中",
    "它们",
    "那种",
    "这些",
    "那些",
    "有没有",
    "多少种",
    "几种",
    "多少款",
    "几款",
    "多少个",
    "最便宜的",
    "最便宜",
    "最贵的",
    "最贵",
    "价格最低的",
    "价格最高的",
    "有货的",
    "有货",
    "现货",
    "你们",
    "店里",
    "本店",
    "一共",
    "总共",
    "有",
    "的",
    "是",
    "哪个",
    "哪款",
    "什么",
    "商品",
    "产品",
    "吗",
];

/// The question about the catalogue that a message asks; `None` when it asks
/// none, or about nothing that the catalogue holds. `earlier` is what the
/// customer said before, the newest first: "which is the cheapest?" is about
/// what was spoken of, and "and the blue one?" narrows it.
pub(super) fn read(
    message: &str,
    earlier: &[&str],
    catalogue: CatalogueView<'_>,
) -> Option<(Aggregate, Selection)> {
    if catalogue.1.catalogue.is_empty() {
        return None;
    }
    let lower = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let mut own = selection(&lower);
    let aggregate = if has(CHEAPEST) {
        Aggregate::Cheapest
    } else if has(DEAREST) {
        Aggregate::Dearest
    } else if has(COUNT) {
        Aggregate::Count
    } else {
        return narrowed(message, own, earlier, catalogue);
    };
    if own.words.is_empty() {
        // "How many points do I get?" asks for no product.
        if has(&["product", "item", "商品", "产品"]) {
            own.look_up(catalogue);
            return Some((aggregate, own));
        }
        let before = topic(earlier, catalogue)?;
        let in_stock = own.in_stock || before.in_stock;
        return Some((aggregate, Selection { in_stock, ..before }));
    }
    own.narrow_to_kind(catalogue);
    (!own.products.is_empty()).then_some((aggregate, own))
}

/// What a message says of the question before it, where it only makes sense
/// after that one.
fn narrowed(
    message: &str,
    own: Selection,
    earlier: &[&str],
    catalogue: CatalogueView<'_>,
) -> Option<(Aggregate, Selection)> {
    if own.words.is_empty() || !follows_up(message) {
        return None;
    }
    let (latest, before) = earlier.split_first()?;
    let (aggregate, asked) = read(latest, before, catalogue)?;
    let mut both = Selection {
        words: [asked.words, own.words].concat(),
        said: format!("{}, {}", asked.said, own.said),
        in_stock: asked.in_stock || own.in_stock,
        kind: asked.kind,
        products: Arc::default(),
    };
    both.look_up(catalogue);
    (!both.products.is_empty()).then_some((aggregate, both))
}

/// The products that were last spoken of.
fn topic(earlier: &[&str], catalogue: CatalogueView<'_>) -> Option<Selection> {
    let (latest, before) = earlier.split_first()?;
    if let Some((_, asked)) = read(latest, before, catalogue) {
        return Some(asked);
    }
    let mut spoken = selection(&latest.to_lowercase());
    if !spoken.words.is_empty() {
        spoken.narrow_to_kind(catalogue);
    }
    if !spoken.products.is_empty() {
        return Some(spoken);
    }
    topic(before, catalogue)
}

/// The products that a message in small letters speaks of, not yet looked up.
fn selection(lower: &str) -> Selection {
    let said = subject(lower);
    let terms = corpus::support::terms(&said).into_iter();
    Selection {
        words: terms
            .filter(|term| term.content)
            .map(|term| term.word)
            .collect(),
        said,
        in_stock: IN_STOCK.iter().any(|word| lower.contains(word)),
        ..Selection::default()
    }
}

impl Selection {
    /// A bike lock is no bike: where the shop files products under the last
    /// word, those are meant.
    fn narrow_to_kind(&mut self, catalogue: CatalogueView<'_>) {
        self.kind = self.words.last().cloned();
        self.look_up(catalogue);
        if self.products.is_empty() {
            self.kind = None;
            self.look_up(catalogue);
        }
    }

    fn look_up(&mut self, (shelf, snapshot): CatalogueView<'_>) {
        let places = shelf.find(&self.words, self.kind.as_deref()).into_iter();
        let products = places.filter_map(|place| snapshot.catalogue.get(place));
        self.products = products.map(|product| product.id.clone()).collect();
    }
}

/// What is left of a question in small letters without the words of asking.
pub(super) fn without_asking(lower: &str) -> String {
    let mut rest = format!(" {lower} ");
    for phrase in ASKING {
        rest = if phrase.is_ascii() {
            let padded: String = rest
                .chars()
                .map(|c| {
                    if c.is_ascii_punctuation() && c != '-' {
                        ' '
                    } else {
                        c
                    }
                })
                .collect();
            padded.replace(&format!(" {phrase} "), " ")
        } else {
            rest.replace(phrase, " ")
        };
    }
    rest.replace(['？', '。', '，', '！'], " ")
}

/// The words that say what a question is about, as they were said.
pub(super) fn subject(lower: &str) -> String {
    let rest = without_asking(lower);
    let says = |word: &&str| corpus::support::terms(word).iter().any(|term| term.content);
    let words: Vec<&str> = rest.split_whitespace().filter(says).collect();
    words.join(" ")
}

/// What a selection found, as the records have it now.
fn found<'a>(
    selection: &'a Selection,
    snapshot: &'a Snapshot,
) -> impl Iterator<Item = &'a Product> {
    let products = selection.products.iter();
    let products = products.filter_map(|id| snapshot.catalogue.by_id(id));
    products.map(|product| &**product).filter(|product| {
        let at_once = matches!(
            product.availability,
            Availability::InStock | Availability::LimitedStock
        );
        at_once || !selection.in_stock
    })
}

/// How many kinds there are, and how many options of them.
pub(super) fn counted(selection: &Selection, snapshot: &Snapshot, language: &str) -> String {
    let mut kinds: BTreeSet<&Id> = BTreeSet::new();
    let mut options = 0;
    for product in found(selection, snapshot) {
        kinds.insert(product.group_id.as_ref().unwrap_or(&product.id));
        options += 1;
    }
    let said = &selection.said;
    let locale = Locale::or_english(language);
    match selection.in_stock {
        false => locale.counted(kinds.len(), options, said.as_str()),
        true => locale.counted_in_stock(kinds.len(), options, said.as_str()),
    }
}

/// The cheapest or dearest of a selection; prices in different currencies are
/// not compared.
pub(super) fn extreme(
    aggregate: Aggregate,
    selection: &Selection,
    snapshot: &Snapshot,
) -> Option<Id> {
    let mut priced: Vec<(i64, &Product)> = Vec::new();
    let mut currency = None;
    for product in found(selection, snapshot) {
        let Some(price) = product.price else {
            continue;
        };
        if *currency.get_or_insert(price.currency) != price.currency {
            return None;
        }
        priced.push((price.amount, product));
    }
    let best = match aggregate {
        Aggregate::Dearest => priced
            .into_iter()
            .max_by(|one, other| one.0.cmp(&other.0).then(other.1.id.cmp(&one.1.id))),
        Aggregate::Cheapest | Aggregate::Count => priced
            .into_iter()
            .min_by(|one, other| one.0.cmp(&other.0).then(one.1.id.cmp(&other.1.id))),
    };
    best.map(|(_, product)| product.id.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use shop::{Kind, Record, Timestamp};
    use store::{Entry, LogEntry};

    fn shop() -> Snapshot {
        let rows = [
            ("l1", "Desk Lamp", "lamp-a", 3_000, "in_stock"),
            ("l2", "Desk Lamp", "lamp-a", 2_000, "out_of_stock"),
            ("l3", "Floor Lamp", "lamp-b", 9_000, "in_stock"),
            ("k1", "Electric Kettle", "kettle", 4_000, "in_stock"),
            ("t1", "T-Shirt", "shirt", 1_000, "in_stock"),
            ("z1", "台灯", "zh-lamp", 5_000, "in_stock"),
        ];
        let entries: Vec<LogEntry> = (1..)
            .zip(rows)
            .map(|(sequence, (id, title, group, price, stock))| {
                let row = json!({
                    "id": id, "title": title, "group_id": group, "availability": stock,
                    "price": {"amount": price, "currency": "USD"},
                });
                let serde_json::Value::Object(row) = row else {
                    unreachable!()
                };
                let now = Timestamp::from_seconds(1_700_000_000);
                LogEntry {
                    sequence,
                    id: sequence.to_string(),
                    entry: Entry::Record(Record::from_json(Kind::Products, row, now).unwrap()),
                }
            })
            .collect();
        Snapshot::default().apply(&entries)
    }

    #[test]
    fn questions_about_the_whole_catalogue() {
        let shop = shop();
        let shelf = CatalogueTerms::default().refreshed(&shop);
        for (message, expected) in [
            (
                "How many kinds of lamps do you sell?",
                "lamps: 2 kinds, 3 options in all",
            ),
            (
                "how many tshirt options are available right now",
                "tshirt, in stock: 1 kind, 1 option in all",
            ),
            ("你们有多少种台灯？", "台灯: 1 kind, 1 option in all"),
        ] {
            let (aggregate, selection) = read(message, &[], (&shelf, &shop)).unwrap();
            assert_eq!(aggregate, Aggregate::Count);
            assert_eq!(counted(&selection, &shop, "en"), expected, "{message}");
        }
        for (message, expected) in [
            ("What is the cheapest lamp?", "l2"),
            ("cheapest lamp in stock", "l1"),
            ("Which is your most expensive lamp", "l3"),
            ("最便宜的台灯是哪个？", "z1"),
        ] {
            let (aggregate, selection) = read(message, &[], (&shelf, &shop)).unwrap();
            let found = extreme(aggregate, &selection, &shop);
            assert_eq!(found.unwrap().as_str(), expected, "{message}");
        }
        for message in [
            "How many days do I have to return a lamp bought last year?",
            "How many loyalty points do I earn per dollar?",
            "Do you have lamps?",
        ] {
            assert_eq!(read(message, &[], (&shelf, &shop)), None, "{message}");
        }
        assert_eq!(
            read(
                "how many products do you sell",
                &[],
                (&shelf, &Snapshot::default())
            ),
            None
        );
    }
}
