use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use shop::Product;
use store::Snapshot;

use super::product_details::described;
use super::{Action, Refusal, Session};

/// What is looked for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    query: String,
    #[serde(default)]
    limit: Option<usize>,
}

const LIMIT: usize = 10;
const MOST: usize = 50;

/// Precondition: none. Words of the query in the product's name, category and
/// options, the most first; what cannot be ordered comes last.
pub(super) fn plan(
    snapshot: &Snapshot,
    _session: Session<'_>,
    arguments: Arguments,
) -> Result<Vec<Action>, Refusal> {
    let wanted = words(&arguments.query);
    let mut found: Vec<(usize, &Product)> = snapshot
        .catalogue
        .iter()
        .map(|(_, product)| {
            (
                words(&text_of(product)).intersection(&wanted).count(),
                &**product,
            )
        })
        .filter(|(shared, _)| *shared > 0)
        .collect();
    found.sort_by(|(more, one), (less, other)| {
        let order = |product: &Product| product.availability.can_be_ordered();
        (less, order(other), &one.id).cmp(&(more, order(one), &other.id))
    });
    found.truncate(arguments.limit.unwrap_or(LIMIT).min(MOST));
    let items: Vec<Value> = found
        .iter()
        .map(|(_, product)| described(product))
        .collect();
    Ok(vec![Action::Tell {
        found: json!({"items": items}),
    }])
}

fn words(text: &str) -> BTreeSet<String> {
    corpus::support::terms(text)
        .into_iter()
        .filter(|term| term.content)
        .map(|term| term.word)
        .collect()
}

fn text_of(product: &Product) -> String {
    let mut text = product.title.clone();
    let options = product.attributes.values().filter_map(Value::as_str);
    for part in product.category.iter().map(String::as_str).chain(options) {
        text.push(' ');
        text.push_str(part);
    }
    text
}
