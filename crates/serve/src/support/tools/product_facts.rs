use shop::{Id, Product};
use store::Snapshot;

use super::super::grounding::{Reference, Said};
use super::super::phrases::FactPhrase;

/// Which fact of a product a message asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    Price,
    Availability,
    Brand,
    Rating,
    Attribute(String),
}

const PRICE: &[&str] = &[
    "price",
    "cost",
    "how much",
    "多少钱",
    "价格",
    "价钱",
    "售价",
    "怎么卖",
];
const AVAILABILITY: &[&str] = &[
    "in stock",
    "available",
    "availability",
    "sold out",
    "out of stock",
    "有货",
    "现货",
    "库存",
    "缺货",
    "没货",
    "还有吗",
];
const BRAND: &[&str] = &["brand", "who makes", "manufacturer", "品牌", "牌子", "厂家"];
const RATING: &[&str] = &[
    "rating",
    "rated",
    "how good",
    "stars",
    "评分",
    "评价怎么样",
    "好评",
];

/// The facts that a message asks for, in the order of this table.
pub fn asked_facts(message: &str, product: &Product) -> Vec<Asked> {
    let lower = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let mut asked = Vec::new();
    for (fact, words) in [
        (Asked::Price, PRICE),
        (Asked::Availability, AVAILABILITY),
        (Asked::Brand, BRAND),
        (Asked::Rating, RATING),
    ] {
        if has(words) {
            asked.push(fact);
        }
    }
    for name in product.attributes.keys() {
        let spoken = name.to_lowercase().replace('_', " ");
        if !spoken.is_empty() && (lower.contains(&spoken) || same_concept(&spoken, &lower)) {
            asked.push(Asked::Attribute(name.clone()));
        }
    }
    asked
}

/// `colour` asks for the attribute `color`, `颜色` too.
fn same_concept(name: &str, message: &str) -> bool {
    let of_name = corpus::support::terms(name);
    let [only] = of_name.as_slice() else {
        return false;
    };
    only.concept.is_some()
        && corpus::support::terms(message)
            .iter()
            .any(|term| term.concept == only.concept)
}

/// The facts as sentences, each read from the product's record.
pub fn product_facts(
    product: &Id,
    asked: &[Asked],
    snapshot: &Snapshot,
    language: &str,
) -> Vec<Said> {
    let title = || Reference::ProductTitle(product.clone());
    asked
        .iter()
        .filter_map(|fact| {
            let id = product.clone();
            let (phrase, reference) = match fact {
                Asked::Price => (FactPhrase::ProductPrice, Reference::ProductPrice(id)),
                Asked::Availability => (
                    FactPhrase::ProductAvailability,
                    Reference::ProductAvailability(id),
                ),
                Asked::Brand => (FactPhrase::ProductBrand, Reference::ProductBrand(id)),
                Asked::Rating => (FactPhrase::ProductRating, Reference::ProductRating(id)),
                Asked::Attribute(name) => (
                    FactPhrase::ProductAttribute,
                    Reference::ProductAttribute(id, name.clone()),
                ),
            };
            Said::facts(phrase, vec![title(), reference], snapshot, language)
        })
        .collect()
}
