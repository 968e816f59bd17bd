//! What of a customer never leaves the machine.

use corpus::Pseudonyms;
use serde_json::{Value, json};
use shop::Address;

use super::super::tools::order_status;
use super::super::wishes::written_address;

use super::Turn;

impl Turn<'_> {
    /// Hides what the shop knows of the customer, beside what is personal data
    /// by its form.
    pub(super) fn personal_data(&self) -> Pseudonyms {
        let customer = self.request.customer.as_ref();
        let customer = customer.and_then(|id| self.snapshot.customers.get(id));
        let mut known = Vec::new();
        let said = self.request.conversation.iter().map(|(_, text)| text);
        for text in said.chain([&self.message]) {
            if let Some((words, address)) = self.address_in(text) {
                let parts = [words, address.address1, address.address2, address.zip];
                known.extend(parts.map(|part| ("ADDRESS", part)));
            }
        }
        let Some(customer) = customer else {
            return Pseudonyms::new(known);
        };
        if let Some(name) = &customer.name {
            let parts = name.split_whitespace().map(str::to_owned);
            known.extend(
                [name.clone()]
                    .into_iter()
                    .chain(parts)
                    .map(|part| ("NAME", part)),
            );
        }
        known.extend(customer.email.iter().map(|email| ("EMAIL", email.clone())));
        let orders = self.snapshot.orders_of.get(&customer.id);
        let orders = orders.into_iter().flat_map(|ids| ids.iter());
        let orders = orders.filter_map(|id| self.snapshot.orders.get(id));
        let addresses = orders.filter_map(|order| order.address_parts().ok().flatten());
        for address in addresses.chain(customer.address().ok().flatten()) {
            let Address {
                address1,
                address2,
                zip,
                ..
            } = address;
            known.extend([address1, address2, zip].map(|line| ("ADDRESS", line)));
        }
        Pseudonyms::new(known)
    }

    pub(super) fn address_in(&self, text: &str) -> Option<(String, Address)> {
        written_address(text, self.snapshot, self.request.customer.as_ref())
    }

    /// The arguments with the address that their `address` names: the
    /// account's, that of an order, or one in the customer's words.
    pub(super) fn with_address(&self, mut arguments: Value) -> Value {
        let Some(named) = arguments["address"].as_str() else {
            return arguments;
        };
        let customer = self.request.customer.as_ref();
        let address = if named == "account" {
            let account = customer.and_then(|id| self.snapshot.customers.get(id));
            account.and_then(|account| account.address().ok().flatten())
        } else if let Some(number) = named.strip_prefix("order:") {
            let order = customer.and_then(|id| order_status(self.snapshot, id, number));
            order.and_then(|order| order.address_parts().ok().flatten())
        } else {
            self.address_in(named).map(|(_, address)| address)
        };
        if let Some(address) = address {
            arguments["address"] = json!(address);
        }
        arguments
    }
}
