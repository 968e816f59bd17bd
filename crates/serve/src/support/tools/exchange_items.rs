use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use shop::Id;
use store::Snapshot;

use super::access::own_order;
use super::swap::Swap;
use super::{Action, Refusal, Session, Tool};

/// Which items go back, what comes instead, and how the difference is paid.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    order: String,
    items: Vec<Id>,
    new_items: Vec<Id>,
    payment_method: Id,
}

/// Precondition: the order belongs to whoever is signed in and is in a state
/// that the policy names; each new item is another option of the same product
/// and can be ordered; a gift card holds the difference. The difference is
/// settled when the items come back.
pub(super) fn plan(
    snapshot: &Snapshot,
    session: Session<'_>,
    arguments: Arguments,
) -> Result<Vec<Action>, Refusal> {
    let rule = session.rule(Tool::ExchangeItems)?;
    let order = own_order(snapshot, session, &arguments.order)?;
    let swap = Swap::read(
        snapshot,
        session,
        rule,
        order,
        &arguments.items,
        &arguments.new_items,
        &arguments.payment_method,
    )?;
    let sorted = |mut ids: Vec<Id>| {
        ids.sort_unstable();
        ids
    };
    let mut changed = (**order).clone();
    changed.status.clone_from(&rule.becomes);
    for (field, value) in [
        ("exchange_items", json!(sorted(arguments.items))),
        ("exchange_new_items", json!(sorted(arguments.new_items))),
        ("exchange_payment_method_id", json!(swap.method.id)),
        ("exchange_price_difference", json!(swap.difference)),
    ] {
        changed.properties.insert(field.to_owned(), value);
    }
    Ok(vec![Action::PutOrder {
        order: Box::new(changed),
    }])
}
