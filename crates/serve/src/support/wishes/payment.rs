//! How things are paid.

use serde_json::json;
use shop::{Id, PaymentSource};

use super::{Missing, Phrase, Reader, Wanted, Wish};
use crate::support::cues::{self, Cue};
use crate::support::dialogue_act::DialogueAct;
use crate::support::tools::Tool;

impl Reader<'_> {
    /// The payment methods in the order in which the text names them, then
    /// how the order was paid.
    pub(super) fn methods(&self, text: &str, order: &Id) -> Vec<Id> {
        let paid = self.snapshot().orders.get(order).and_then(|order| {
            let payments = order.payments().ok()?;
            Some(payments.first()?.payment_method_id.clone())
        });
        let mut ids = self.methods_named(text);
        ids.extend(paid);
        ids
    }

    /// By brand, last digits or id before by kind: "my other Visa" is no other card.
    fn methods_named(&self, text: &str) -> Vec<Id> {
        let account = self.snapshot().customers.get(self.setting.customer);
        let methods = account
            .and_then(|account| account.payment_methods().ok())
            .unwrap_or_default();
        let mut found: Vec<(usize, usize, Id)> = Vec::new();
        for method in &methods {
            let by_kind = match method.source {
                PaymentSource::CreditCard => Cue::CreditCard.first_in(text),
                PaymentSource::Paypal => cues::find(text, "paypal"),
                PaymentSource::GiftCard => Cue::GiftCard.first_in(text),
                PaymentSource::BankTransfer => Cue::BankTransfer.first_in(text),
                PaymentSource::Other => None,
            };
            let brand = method.brand.iter().map(|brand| brand.to_lowercase());
            let id = method.id.as_str().to_lowercase();
            let own = brand.chain(method.last_four.clone()).chain([id]);
            let own = own.filter_map(|word| text.find(&word)).min();
            let place = own
                .map(|at| (0, at))
                .or(by_kind.map(|range| (1, range.start)));
            found.extend(place.map(|(rank, at)| (rank, at, method.id.clone())));
        }
        found.sort();
        found.into_iter().map(|(_, _, id)| id).collect()
    }

    pub(super) fn payment(&self, place: usize, wanted: &mut Wanted) {
        let phrase = &self.phrases[place];
        // "… and the money on my PayPal" says how a return is paid back.
        let is_of_items =
            |one: &Phrase| matches!(one.act, DialogueAct::Return | DialogueAct::Exchange);
        let names_order = self.orders_meant(place, Tool::ChangeOrderPayment).is_told;
        if self.phrases.iter().any(is_of_items) && !names_order {
            return;
        }
        let methods = self.methods_named(&phrase.text);
        if methods.is_empty() {
            wanted.missing.push(Missing::Option);
            return;
        }
        let Some(orders) = self.orders_for(place, Tool::ChangeOrderPayment) else {
            wanted.missing.push(Missing::Item);
            return;
        };
        for order in orders {
            let candidates = methods.iter();
            wanted.wishes.push(Wish {
                tool: Tool::ChangeOrderPayment,
                candidates: candidates
                    .map(|method| json!({"order": order.id, "payment_method": method}))
                    .collect(),
            });
        }
    }
}
