use shop::{Id, Product};
use store::Snapshot;

use super::super::grounding::{Reference, Statement};
use super::super::response_templates::FactTemplate;

/// Which fact of a product a message asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactKind {
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
pub fn asked_facts(message: &str, product: &Product) -> Vec<FactKind> {
    let lower = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let mut asked = Vec::new();
    for (fact, words) in [
        (FactKind::Price, PRICE),
        (FactKind::Availability, AVAILABILITY),
        (FactKind::Brand, BRAND),
        (FactKind::Rating, RATING),
    ] {
        if has(words) {
            asked.push(fact);
        }
    }
    for name in product.attributes.keys() {
        let spoken = name.to_lowercase().replace('_', " ");
        if !spoken.is_empty() && (lower.contains(&spoken) || same_concept(&spoken, &lower)) {
            asked.push(FactKind::Attribute(name.clone()));
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
    asked: &[FactKind],
    snapshot: &Snapshot,
    language: &str,
) -> Vec<Statement> {
    let title = || Reference::ProductTitle(product.clone());
    asked
        .iter()
        .filter_map(|fact| {
            let id = product.clone();
            let (phrase, reference) = match fact {
                FactKind::Price => (FactTemplate::ProductPrice, Reference::ProductPrice(id)),
                FactKind::Availability => (
                    FactTemplate::ProductAvailability,
                    Reference::ProductAvailability(id),
                ),
                FactKind::Brand => (FactTemplate::ProductBrand, Reference::ProductBrand(id)),
                FactKind::Rating => (FactTemplate::ProductRating, Reference::ProductRating(id)),
                FactKind::Attribute(name) => (
                    FactTemplate::ProductAttribute,
                    Reference::ProductAttribute(id, name.clone()),
                ),
            };
            Statement::facts(phrase, vec![title(), reference], snapshot, language)
        })
        .collect()
}
