use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use shop::Id;
use store::Snapshot;

use super::access::own_customer;
use super::{Action, Refusal, Session};

/// Nothing is needed; who is meant is who is signed in.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    #[serde(default)]
    customer: Option<Id>,
}

/// Precondition: somebody is signed in.
pub(super) fn plan(
    snapshot: &Snapshot,
    session: Session<'_>,
    arguments: Arguments,
) -> Result<Vec<Action>, Refusal> {
    session.agrees(arguments.customer.as_ref())?;
    let customer = own_customer(snapshot, session)?;
    let orders = snapshot.orders_of.get(&customer.id);
    let orders: Vec<&Id> = orders.map(|ids| ids.iter().collect()).unwrap_or_default();
    Ok(vec![Action::Tell {
        found: json!({
            "id": customer.id,
            "name": customer.name,
            "email": customer.email,
            "address": customer.address()?,
            "payment_methods": customer.payment_methods()?,
            "orders": orders,
        }),
    }])
}
