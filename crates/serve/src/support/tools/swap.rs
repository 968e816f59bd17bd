//! Items against other options of the same product: what changing a pending
//! order and exchanging a delivered one have in common.

use std::collections::BTreeMap;

use serde_json::Value;
use shop::{Id, Money, Order, OrderLine, PaymentMethod};
use store::Snapshot;

use super::super::policy::Rule;
use super::access::{
    added, check_approval, check_balance, check_order, check_refund, own_customer, own_payment,
    variant_of,
};
use super::{Refusal, Refused, Session};

/// Items with what they become, checked against the order, the catalogue, the
/// rule and the payment method.
pub(super) struct Swap {
    /// The order's lines afterwards.
    pub lines: Vec<OrderLine>,
    /// What is due; negative when money goes back.
    pub difference: Money,
    pub method: PaymentMethod,
}

/// Whether the order holds each of these items so often.
pub(super) fn check_items(rule: &Rule, order: &Order, items: &[Id]) -> Result<(), Refusal> {
    if items.is_empty() {
        return Err(Refusal::new(Refused::Arguments, "name at least one item"));
    }
    if rule.most_items > 0 && items.len() > rule.most_items {
        return Err(Refusal::new(
            Refused::NeedsPerson,
            format!(
                "more than {} items at once are left to a member of staff",
                rule.most_items
            ),
        ));
    }
    let mut wanted: BTreeMap<&Id, i64> = BTreeMap::new();
    for item in items {
        *wanted.entry(item).or_default() += 1;
    }
    for (item, count) in wanted {
        let held = order.lines.iter().filter(|line| line.product_id == *item);
        if held.map(|line| line.quantity).sum::<i64>() < count {
            return Err(Refusal::new(
                Refused::Arguments,
                format!(
                    "order {} does not hold {count} of the item {item}",
                    order.id
                ),
            ));
        }
    }
    Ok(())
}

impl Swap {
    pub(super) fn read(
        snapshot: &Snapshot,
        session: Session<'_>,
        rule: &Rule,
        order: &Order,
        items: &[Id],
        wishes: &[Id],
        payment: &Id,
    ) -> Result<Self, Refusal> {
        check_order(rule, order, session)?;
        check_items(rule, order, items)?;
        if items.len() != wishes.len() {
            return Err(Refusal::new(
                Refused::Arguments,
                "name one new item for each item, in the same order",
            ));
        }
        let mut lines: Vec<(OrderLine, bool)> = order
            .lines
            .iter()
            .map(|line| (line.clone(), false))
            .collect();
        let mut difference: Option<Money> = None;
        for (item, wish) in items.iter().zip(wishes) {
            if item == wish {
                return Err(Refusal::new(
                    Refused::NothingToChange,
                    format!("{item} is what the order holds already"),
                ));
            }
            let more = replace(snapshot, &mut lines, item, wish)?;
            difference = Some(match difference {
                Some(sum) => added(sum, more)?,
                None => more,
            });
        }
        let difference =
            difference.ok_or_else(|| Refusal::new(Refused::Arguments, "name at least one item"))?;
        let customer = own_customer(snapshot, session)?;
        let method = own_payment(customer, payment)?;
        let paid = order.payments()?;
        check_refund(
            rule,
            &method,
            paid.first().map(|paid| &paid.payment_method_id),
        )?;
        check_balance(&method, difference)?;
        check_approval(rule, Some(difference))?;
        Ok(Self {
            lines: lines.into_iter().map(|(line, _)| line).collect(),
            difference,
            method,
        })
    }
}

/// Makes one of `item` in the lines (each with whether it was swapped already)
/// a `wish`; what it costs more.
fn replace(
    snapshot: &Snapshot,
    lines: &mut Vec<(OrderLine, bool)>,
    item: &Id,
    wish: &Id,
) -> Result<Money, Refusal> {
    let place = lines
        .iter()
        .position(|(line, swapped)| line.product_id == *item && !swapped)
        .ok_or_else(|| Refusal::new(Refused::Arguments, format!("{item} is not in the order")))?;
    let line = lines[place].0.clone();
    let group = line.properties.get("group_id").and_then(Value::as_str);
    let variant = variant_of(snapshot, item, group, wish)?;
    let (Some(old), Some(new)) = (line.price, variant.price) else {
        return Err(Refusal::new(
            Refused::Records,
            format!("the shop's records hold no price for {item} or {wish}"),
        ));
    };
    let mut fresh = line.clone();
    fresh.product_id = wish.clone();
    fresh.price = Some(new);
    fresh.quantity = 1;
    if fresh.properties.contains_key("options") {
        let options = Value::Object(variant.attributes.clone());
        fresh.properties.insert("options".to_owned(), options);
    }
    if line.quantity == 1 {
        lines[place] = (fresh, true);
    } else {
        lines[place].0.quantity -= 1;
        lines.insert(place + 1, (fresh, true));
    }
    let back = Money::new(
        old.amount.checked_neg().unwrap_or(i64::MIN + 1),
        old.currency,
    );
    added(new, back)
}
