use schemars::JsonSchema;
use serde::Deserialize;
use shop::{Id, OfferCommand};
use store::Snapshot;

use super::access::{check_approval, check_order, own_order};
use super::{Action, Refusal, Refused, Session, Tool};

/// Which code, on which order.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    code: Id,
    order: String,
}

/// Precondition: the order belongs to whoever is signed in and is in a state
/// that the policy names; the ledger says what the code is worth.
pub(super) fn plan(
    snapshot: &Snapshot,
    session: Session<'_>,
    arguments: Arguments,
) -> Result<Vec<Action>, Refusal> {
    let rule = session.rule(Tool::RedeemCoupon)?;
    let order = own_order(snapshot, session, &arguments.order)?;
    check_order(rule, order, session)?;
    check_approval(rule, None)?;
    let order_amount = order.total.ok_or_else(|| {
        Refusal::new(
            Refused::Records,
            format!("the shop's records hold no total of order {}", order.id),
        )
    })?;
    Ok(vec![Action::Offer {
        command: OfferCommand::Redeem {
            key: session.key.clone(),
            code: arguments.code,
            customer_id: order.customer_id.clone(),
            order_id: Some(order.id.clone()),
            order_amount,
        },
    }])
}
