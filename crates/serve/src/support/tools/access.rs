//! Reading what belongs to whoever is signed in, and nothing else.

use std::sync::Arc;

use shop::{Customer, Id, Money, Order, PaymentMethod, PaymentSource, Product};
use store::Snapshot;

use super::super::policy::{Approver, RefundTo, Rule};
use super::order_status::order_status;
use super::{Refusal, Refused, Session};

const SECONDS_A_DAY: i64 = 86_400;

/// The customer who is signed in, as the shop knows them.
pub(super) fn own_customer<'a>(
    snapshot: &'a Snapshot,
    session: Session<'_>,
) -> Result<&'a Arc<Customer>, Refusal> {
    let id = session.signed_in()?;
    snapshot.customers.get(id).ok_or_else(|| {
        Refusal::new(
            Refused::NotYours,
            "the shop has no account of whoever is signed in",
        )
    })
}

/// The order of this number, when it belongs to whoever is signed in.
pub(super) fn own_order<'a>(
    snapshot: &'a Snapshot,
    session: Session<'_>,
    number: &str,
) -> Result<&'a Arc<Order>, Refusal> {
    let customer = session.signed_in()?;
    order_status(snapshot, customer, number).ok_or_else(|| {
        Refusal::new(
            Refused::NotYours,
            format!("there is no order {number:?} under the account that is signed in"),
        )
    })
}

/// Whether the rule lets something happen to this order now.
pub(super) fn check_order(rule: &Rule, order: &Order, session: Session<'_>) -> Result<(), Refusal> {
    let status = order.status.as_deref().unwrap_or_default();
    if !rule.statuses.is_empty() && !rule.statuses.iter().any(|allowed| allowed == status) {
        let allowed = rule.statuses.join(", ");
        return Err(Refusal::new(
            Refused::State,
            format!(
                "order {} is {status:?}; this needs one that is {allowed}",
                order.id
            ),
        ));
    }
    let days = (session.now.as_seconds() - order.time.as_seconds()) / SECONDS_A_DAY;
    if rule.window_days > 0 && days > i64::from(rule.window_days) {
        return Err(Refusal::new(
            Refused::Policy,
            format!(
                "order {} is {days} days old and this is possible for {} days",
                order.id, rule.window_days
            ),
        ));
    }
    Ok(())
}

/// Whether the customer's own word is enough for this much money.
pub(super) fn check_approval(rule: &Rule, amount: Option<Money>) -> Result<(), Refusal> {
    if rule.approved_by == Approver::Person {
        return Err(Refusal::new(
            Refused::NeedsPerson,
            "the shop's policy leaves this to a member of staff",
        ));
    }
    match (rule.person_above, amount) {
        (Some(limit), Some(amount))
            if limit.currency != amount.currency || amount.amount.abs() > limit.amount =>
        {
            Err(Refusal::new(
                Refused::NeedsPerson,
                format!("above {limit} a member of staff has to do this"),
            ))
        }
        _ => Ok(()),
    }
}

/// The customer's own payment method of this id.
pub(super) fn own_payment(customer: &Customer, id: &Id) -> Result<PaymentMethod, Refusal> {
    customer
        .payment_methods()?
        .into_iter()
        .find(|method| method.id == *id)
        .ok_or_else(|| {
            Refusal::new(
                Refused::Payment,
                format!("{id} is not among the payment methods of this account"),
            )
        })
}

/// Whether the rule lets money go back this way; `original` is how the order
/// was paid.
pub(super) fn check_refund(
    rule: &Rule,
    method: &PaymentMethod,
    original: Option<&Id>,
) -> Result<(), Refusal> {
    let allowed = |to: &RefundTo| match to {
        RefundTo::Any => true,
        RefundTo::GiftCard => method.source == PaymentSource::GiftCard,
        RefundTo::Original => original == Some(&method.id),
    };
    if rule.refund_to.is_empty() || rule.refund_to.iter().any(allowed) {
        return Ok(());
    }
    Err(Refusal::new(
        Refused::Payment,
        "money goes back to the original payment method or a gift card of this account",
    ))
}

/// Whether a gift card holds `due`; other methods are charged elsewhere.
pub(super) fn check_balance(method: &PaymentMethod, due: Money) -> Result<(), Refusal> {
    if method.source != PaymentSource::GiftCard {
        return Ok(());
    }
    let balance = method.balance.unwrap_or(Money::new(0, due.currency));
    if balance.currency == due.currency && balance.amount >= due.amount {
        return Ok(());
    }
    Err(Refusal::new(
        Refused::Payment,
        format!(
            "the gift card {} holds {balance} and {due} is due",
            method.id
        ),
    ))
}

/// Takes `due` off the gift card (a negative amount goes back onto it); the
/// customer as they stand then, or `None` when it is no gift card.
pub(super) fn move_balance(
    customer: &Customer,
    method: &Id,
    due: Money,
) -> Result<Option<Customer>, Refusal> {
    let mut methods = customer.payment_methods()?;
    let card = methods
        .iter_mut()
        .find(|one| one.id == *method && one.source == PaymentSource::GiftCard);
    let Some(card) = card else {
        return Ok(None);
    };
    let balance = card.balance.unwrap_or(Money::new(0, due.currency));
    let taken = Money::new(due.amount.checked_neg().unwrap_or(i64::MAX), due.currency);
    card.balance = Some(added(balance, taken)?);
    let mut after = customer.clone();
    after.set_payment_methods(&methods);
    Ok(Some(after))
}

/// A sum, or the refusal of amounts that cannot be added.
pub(super) fn added(one: Money, other: Money) -> Result<Money, Refusal> {
    one.plus(other)
        .map_err(|error| Refusal::new(Refused::Records, error.to_string()))
}

/// The variant `id`, when it is one of the same product as `of`.
pub(super) fn variant_of<'a>(
    snapshot: &'a Snapshot,
    of: &Id,
    group: Option<&str>,
    id: &Id,
) -> Result<&'a Arc<Product>, Refusal> {
    let wrong = || {
        Refusal::new(
            Refused::Policy,
            format!("{id} is not another option of the same product as {of}"),
        )
    };
    let found = snapshot.catalogue.by_id(id).ok_or_else(wrong)?;
    let known = snapshot
        .catalogue
        .by_id(of)
        .and_then(|one| one.group_id.as_ref());
    let group = known.map(Id::as_str).or(group);
    let same = found.group_id.as_ref().map(Id::as_str) == group && group.is_some();
    if !same {
        return Err(wrong());
    }
    if !found.availability.can_be_ordered() {
        return Err(Refusal::new(
            Refused::State,
            format!("{id} cannot be ordered now"),
        ));
    }
    Ok(found)
}
