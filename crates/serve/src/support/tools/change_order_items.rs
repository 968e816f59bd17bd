use schemars::JsonSchema;
use serde::Deserialize;
use shop::{Id, Money, Payment, PaymentKind};
use store::Snapshot;

use super::access::{added, move_balance, own_customer, own_order};
use super::swap::Swap;
use super::{Action, Refusal, Session, Tool};

/// Which items become which others, and how the difference is paid.
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
/// and can be ordered; a gift card holds the difference.
pub(super) fn plan(
    snapshot: &Snapshot,
    session: Session<'_>,
    arguments: Arguments,
) -> Result<Vec<Action>, Refusal> {
    let rule = session.rule(Tool::ChangeOrderItems)?;
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
    let due = swap.difference;
    let mut changed = (**order).clone();
    changed.lines = swap.lines;
    changed.status.clone_from(&rule.becomes);
    if let Some(total) = changed.total {
        changed.total = Some(added(total, due)?);
    }
    let mut payments = order.payments()?;
    payments.push(Payment {
        kind: if due.amount > 0 {
            PaymentKind::Payment
        } else {
            PaymentKind::Refund
        },
        amount: Money::new(due.amount.saturating_abs(), due.currency),
        payment_method_id: swap.method.id.clone(),
    });
    changed.set_payments(&payments);
    let mut actions = vec![Action::PutOrder {
        order: Box::new(changed),
    }];
    let customer = own_customer(snapshot, session)?;
    let moved = move_balance(customer, &swap.method.id, due)?;
    // An exchange of equal worth leaves the card as it is.
    actions.extend(moved.filter(|after| after != &**customer).map(|customer| {
        Action::PutCustomer {
            customer: Box::new(customer),
        }
    }));
    Ok(actions)
}
