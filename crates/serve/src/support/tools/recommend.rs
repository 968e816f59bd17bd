use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use shop::Product;
use store::Snapshot;

use super::product_details::described;
use super::{Action, Refusal, Session};

/// How many.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    #[serde(default)]
    limit: Option<usize>,
}

const LIMIT: usize = 5;
const MOST: usize = 20;

/// Precondition: none. What others like most, without what whoever is signed
/// in has bought or asked not to see; the recommendation service itself makes
/// better lists and is a call of its own.
pub(super) fn plan(
    snapshot: &Snapshot,
    session: Session<'_>,
    arguments: Arguments,
) -> Result<Vec<Action>, Refusal> {
    let history = snapshot.history(session.customer, None);
    let known = |place: &store::ProductIndex| {
        history.is_some_and(|one| one.bought.contains(place) || one.hidden.contains(place))
    };
    let mut liked: Vec<(f32, &Product)> = snapshot
        .catalogue
        .iter()
        .filter(|(place, product)| product.availability.can_be_ordered() && !known(place))
        .map(|(place, product)| {
            let liking = snapshot.popularity.get(&place).copied().unwrap_or_default();
            (liking, &**product)
        })
        .collect();
    liked.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.id.cmp(&other.1.id)));
    liked.truncate(arguments.limit.unwrap_or(LIMIT).min(MOST));
    let items: Vec<Value> = liked
        .iter()
        .map(|(_, product)| described(product))
        .collect();
    Ok(vec![Action::Tell {
        found: json!({"items": items}),
    }])
}
