use schemars::JsonSchema;
use serde::Deserialize;
use shop::{Id, Money, Payment, PaymentKind};
use store::Snapshot;

use super::access::{
    check_approval, check_balance, check_order, move_balance, own_customer, own_order, own_payment,
};
use super::{Action, Refusal, Refused, Session, Tool};

/// Which order, and how it should be paid.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    order: String,
    payment_method: Id,
}

/// Precondition: the order belongs to whoever is signed in, is in a state that
/// the policy names, was paid once and in another way; a gift card holds all
/// of it.
pub(super) fn plan(
    snapshot: &Snapshot,
    session: Session<'_>,
    arguments: Arguments,
) -> Result<Vec<Action>, Refusal> {
    let rule = session.rule(Tool::ChangeOrderPayment)?;
    let order = own_order(snapshot, session, &arguments.order)?;
    check_order(rule, order, session)?;
    let customer = own_customer(snapshot, session)?;
    let method = own_payment(customer, &arguments.payment_method)?;
    let mut payments = order.payments()?;
    let [paid] = payments.as_slice() else {
        return Err(Refusal::new(
            Refused::State,
            format!("order {} was not paid in exactly one payment", order.id),
        ));
    };
    if paid.kind != PaymentKind::Payment {
        return Err(Refusal::new(
            Refused::State,
            format!("order {} was not paid yet", order.id),
        ));
    }
    if paid.payment_method_id == method.id {
        return Err(Refusal::new(
            Refused::NothingToChange,
            format!("order {} is paid in this way already", order.id),
        ));
    }
    let (amount, before) = (paid.amount, paid.payment_method_id.clone());
    check_balance(&method, amount)?;
    check_approval(rule, Some(amount))?;
    for (kind, payment_method_id) in [
        (PaymentKind::Payment, method.id.clone()),
        (PaymentKind::Refund, before.clone()),
    ] {
        payments.push(Payment {
            kind,
            amount,
            payment_method_id,
        });
    }
    let mut changed = (**order).clone();
    changed.set_payments(&payments);
    if changed.payment_method.is_some() {
        changed.payment_method = Some(serde_json::json!(method.id));
    }
    let mut actions = vec![Action::PutOrder {
        order: Box::new(changed),
    }];
    let charged = move_balance(customer, &method.id, amount)?;
    let present = charged.as_ref().unwrap_or(customer);
    let back = Money::new(-amount.amount, amount.currency);
    let after = move_balance(present, &before, back)?.or(charged);
    actions.extend(after.map(|customer| Action::PutCustomer {
        customer: Box::new(customer),
    }));
    Ok(actions)
}
