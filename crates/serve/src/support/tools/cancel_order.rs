use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use shop::{Customer, Payment, PaymentKind};
use store::Snapshot;

use super::access::{check_approval, check_order, move_balance, own_order};
use super::{Action, Refusal, Refused, Session, Tool};

/// Which order, and why.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    order: String,
    #[serde(default)]
    reason: String,
}

/// Precondition: the order belongs to whoever is signed in, is in a state that
/// the policy names, and the reason is one that counts. Every payment goes
/// back the way it came; a gift card gets its money at once.
pub(super) fn plan(
    snapshot: &Snapshot,
    session: Session<'_>,
    arguments: Arguments,
) -> Result<Vec<Action>, Refusal> {
    let rule = session.rule(Tool::CancelOrder)?;
    let order = own_order(snapshot, session, &arguments.order)?;
    check_order(rule, order, session)?;
    if !rule.reasons.is_empty() && !rule.reasons.contains(&arguments.reason) {
        return Err(Refusal::new(
            Refused::Policy,
            format!("the reason has to be one of: {}", rule.reasons.join(", ")),
        ));
    }
    check_approval(rule, order.total)?;
    let mut payments = order.payments()?;
    let paid = payments.clone();
    let account = snapshot.customers.get(&order.customer_id);
    let mut after: Option<Customer> = None;
    for payment in paid
        .iter()
        .filter(|payment| payment.kind == PaymentKind::Payment)
    {
        payments.push(Payment {
            kind: PaymentKind::Refund,
            ..payment.clone()
        });
        let back = shop::Money::new(-payment.amount.amount, payment.amount.currency);
        let present = after.as_ref().or(account.map(|account| &**account));
        if let Some(present) = present
            && let Some(changed) = move_balance(present, &payment.payment_method_id, back)?
        {
            after = Some(changed);
        }
    }
    let mut cancelled = (**order).clone();
    cancelled.status.clone_from(&rule.becomes);
    cancelled
        .properties
        .insert("cancel_reason".to_owned(), json!(arguments.reason));
    if !paid.is_empty() {
        cancelled.set_payments(&payments);
    }
    let mut actions = vec![Action::PutOrder {
        order: Box::new(cancelled),
    }];
    actions.extend(after.map(|customer| Action::PutCustomer {
        customer: Box::new(customer),
    }));
    Ok(actions)
}
