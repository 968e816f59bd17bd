use std::sync::Arc;

use shop::{Id, Order};
use store::Snapshot;

/// The customer's own orders, the latest first, at most `most`.
pub fn find_orders<'a>(snapshot: &'a Snapshot, customer: &Id, most: usize) -> Vec<&'a Arc<Order>> {
    let mut orders: Vec<&Arc<Order>> = snapshot
        .orders_of
        .get(customer)
        .into_iter()
        .flat_map(|ids| ids.iter())
        .filter_map(|id| snapshot.orders.get(id))
        .filter(|order| order.customer_id == *customer)
        .collect();
    orders.sort_by(|a, b| b.time.cmp(&a.time).then_with(|| b.id.cmp(&a.id)));
    orders.truncate(most);
    orders
}
