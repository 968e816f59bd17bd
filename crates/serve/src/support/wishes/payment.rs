//! How things are paid.

use std::sync::Arc;

use serde_json::json;
use shop::{Id, Order, PaymentSource};

use super::clauses::Clause;
use super::{Missing, Reader, Wanted, Wish};
use crate::support::tools::Tool;

impl Reader<'_> {
    /// The payment methods in the order in which the message names them, then
    /// how the order was paid.
    pub(super) fn methods(&self, order: &Id) -> Vec<Id> {
        let account = self.snapshot.customers.get(self.customer);
        let methods = account
            .and_then(|account| account.payment_methods().ok())
            .unwrap_or_default();
        let mut found: Vec<(usize, Id)> = Vec::new();
        for method in &methods {
            let names: &[&str] = match method.source {
                PaymentSource::CreditCard => &["credit card", "信用卡"],
                PaymentSource::Paypal => &["paypal"],
                PaymentSource::GiftCard => &["gift card", "giftcard", " gc", "礼品卡"],
                PaymentSource::BankTransfer => &["bank transfer"],
                PaymentSource::Other => &[],
            };
            let brand = method.brand.iter().map(|brand| brand.to_lowercase());
            let digits = method.last_four.clone();
            let spoken = names.iter().map(|name| (*name).to_owned());
            let words = spoken.chain(brand).chain(digits);
            let place = words
                .filter_map(|word| self.message.find(&word))
                .chain(self.message.find(&method.id.as_str().to_lowercase()))
                .min();
            found.extend(place.map(|place| (place, method.id.clone())));
        }
        found.sort();
        let paid = self.snapshot.orders.get(order).and_then(|order| {
            let payments = order.payments().ok()?;
            Some(payments.first()?.payment_method_id.clone())
        });
        let mut ids: Vec<Id> = found.into_iter().map(|(_, id)| id).collect();
        ids.extend(paid);
        ids
    }

    pub(super) fn payment(&self, clause: &Clause, wanted: &mut Wanted) {
        let open: Vec<&Arc<Order>> = self
            .orders_named(clause)
            .into_iter()
            .filter(|order| self.status_allows(Tool::ChangeOrderPayment, order))
            .collect();
        if !self.names_an_order(clause) && open.len() != 1 {
            wanted.missing.push(Missing::Item);
            return;
        }
        for order in open {
            let candidates = self.methods(&order.id).into_iter();
            wanted.wishes.push(Wish {
                tool: Tool::ChangeOrderPayment,
                candidates: candidates
                    .map(|method| json!({"order": order.id, "payment_method": method}))
                    .collect(),
            });
        }
    }
}
