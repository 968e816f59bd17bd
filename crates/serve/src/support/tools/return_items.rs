use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use shop::{Id, Money};
use store::Snapshot;

use super::access::{
    added, check_approval, check_order, check_refund, own_customer, own_order, own_payment,
};
use super::swap::check_items;
use super::{Action, Refusal, Session, Tool};

/// Which items go back, and where the money goes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    order: String,
    items: Vec<Id>,
    payment_method: Id,
}

/// Precondition: the order belongs to whoever is signed in, is in a state that
/// the policy names, holds the items, and the money may go back this way.
pub(super) fn plan(
    snapshot: &Snapshot,
    session: Session<'_>,
    arguments: Arguments,
) -> Result<Vec<Action>, Refusal> {
    let rule = session.rule(Tool::ReturnItems)?;
    let order = own_order(snapshot, session, &arguments.order)?;
    check_order(rule, order, session)?;
    let customer = own_customer(snapshot, session)?;
    let method = own_payment(customer, &arguments.payment_method)?;
    let paid = order.payments()?;
    check_refund(
        rule,
        &method,
        paid.first().map(|paid| &paid.payment_method_id),
    )?;
    check_items(rule, order, &arguments.items)?;
    let prices = arguments.items.iter().filter_map(|item| {
        let line = order.lines.iter().find(|line| line.product_id == *item)?;
        line.price
    });
    let worth = prices
        .map(Ok)
        .reduce(|sum, price| added(sum?, price?))
        .transpose()?;
    check_approval(rule, worth.map(|worth: Money| worth))?;
    let mut items = arguments.items;
    items.sort_unstable();
    let mut changed = (**order).clone();
    changed.status.clone_from(&rule.becomes);
    for (field, value) in [
        ("return_items", json!(items)),
        ("return_payment_method_id", json!(method.id)),
    ] {
        changed.properties.insert(field.to_owned(), value);
    }
    Ok(vec![Action::PutOrder {
        order: Box::new(changed),
    }])
}
