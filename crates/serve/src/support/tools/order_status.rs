use std::sync::Arc;

use shop::{Id, Order};
use store::Snapshot;

use super::super::grounding::{Reference, Statement};
use super::super::response_templates::FactTemplate;

/// The customer's own order with this number, as they may write it (`#W12`,
/// `w12`). Another customer's order is as good as none.
pub fn order_status<'a>(
    snapshot: &'a Snapshot,
    customer: &Id,
    number: &str,
) -> Option<&'a Arc<Order>> {
    let wanted = normalised(number);
    snapshot
        .orders_of
        .get(customer)?
        .iter()
        .filter_map(|id| snapshot.orders.get(id))
        .find(|order| order.customer_id == *customer && normalised(order.id.as_str()) == wanted)
}

fn normalised(number: &str) -> String {
    number
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_uppercase)
        .collect()
}

/// What the record says about the order, a sentence a fact.
pub fn order_facts(order: &Order, snapshot: &Snapshot, language: &str) -> Vec<Statement> {
    let id = || order.id.clone();
    [
        (
            FactTemplate::OrderStatus,
            vec![Reference::OrderNumber(id()), Reference::OrderStatus(id())],
        ),
        (
            FactTemplate::OrderTracking,
            vec![Reference::OrderTracking(id())],
        ),
        (
            FactTemplate::OrderPlaced,
            vec![Reference::OrderPlaced(id())],
        ),
        (FactTemplate::OrderItems, vec![Reference::OrderItems(id())]),
        (FactTemplate::OrderTotal, vec![Reference::OrderTotal(id())]),
    ]
    .into_iter()
    .filter_map(|(phrase, references)| Statement::facts(phrase, references, snapshot, language))
    .collect()
}
