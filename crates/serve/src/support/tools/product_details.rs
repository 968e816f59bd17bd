use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use shop::{Id, Product};
use store::Snapshot;

use super::{Action, Refusal, Refused, Session};

/// The product that variants share, or one of its items.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    product: Id,
}

/// Precondition: the catalogue has it. Anybody may look.
pub(super) fn plan(
    snapshot: &Snapshot,
    _session: Session<'_>,
    arguments: Arguments,
) -> Result<Vec<Action>, Refusal> {
    let wanted = &arguments.product;
    let group = snapshot
        .catalogue
        .by_id(wanted)
        .and_then(|product| product.group_id.as_ref())
        .unwrap_or(wanted);
    let variants: Vec<Value> = snapshot
        .catalogue
        .iter()
        .map(|(_, product)| product)
        .filter(|product| product.group_id.as_ref() == Some(group) || product.id == *wanted)
        .map(|product| described(product))
        .collect();
    if variants.is_empty() {
        return Err(Refusal::new(
            Refused::Arguments,
            format!("the catalogue has no product {wanted}"),
        ));
    }
    Ok(vec![Action::Tell {
        found: json!({"product": group, "variants": variants}),
    }])
}

/// What anybody may know of an item.
pub(super) fn described(product: &Product) -> Value {
    json!({
        "id": product.id,
        "title": product.title,
        "options": product.attributes,
        "price": product.price,
        "availability": product.availability,
    })
}
