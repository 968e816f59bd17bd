//! What a shop keeps of how its customers pay and where they live, beyond the
//! columns that every customer has. It stands under `properties` (customers:
//! `address`, `payment_methods`; orders: `payment_history`, `fulfillments`)
//! and is read here as typed values, so that a malformed one is an error once
//! and not a surprise later.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Customer, Id, Money, Order};

/// Where somebody lives or a parcel goes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Address {
    pub address1: String,
    #[serde(default)]
    pub address2: String,
    pub city: String,
    #[serde(default)]
    pub state: String,
    #[serde(default)]
    pub country: String,
    pub zip: String,
}

/// What kind of money a payment method holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum PaymentSource {
    CreditCard,
    Paypal,
    GiftCard,
    BankTransfer,
    Other,
}

/// A way to pay that a customer has stored with the shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentMethod {
    /// The shop's id of it.
    pub id: Id,
    /// What it is.
    pub source: PaymentSource,
    /// A card's brand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// A card's last digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_four: Option<String>,
    /// What is left on a gift card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance: Option<Money>,
}

/// Which way the money went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum PaymentKind {
    Payment,
    Refund,
}

/// Money that moved for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Which way.
    #[serde(rename = "transaction_type")]
    pub kind: PaymentKind,
    /// How much; never negative.
    pub amount: Money,
    /// From or to which of the customer's payment methods.
    pub payment_method_id: Id,
}

/// Why a stored value cannot be worked with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} of {of} cannot be read: {reason}")]
pub struct AccountError {
    /// The record, as `order #W1`.
    pub of: String,
    /// Its field.
    pub field: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

const ADDRESS: &str = "address";
const PAYMENT_METHODS: &str = "payment_methods";
const PAYMENT_HISTORY: &str = "payment_history";

fn read<T: serde::de::DeserializeOwned>(
    of: impl FnOnce() -> String,
    field: &'static str,
    value: &Value,
) -> Result<T, AccountError> {
    T::deserialize(value).map_err(|error| AccountError {
        of: of(),
        field,
        reason: error.to_string(),
    })
}

/// A value as JSON; these types hold nothing that JSON cannot say.
fn written(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

impl Customer {
    /// Where they live, when the shop knows.
    pub fn address(&self) -> Result<Option<Address>, AccountError> {
        let Some(value) = self.properties.get(ADDRESS) else {
            return Ok(None);
        };
        read(|| format!("customer {}", self.id), ADDRESS, value).map(Some)
    }

    /// Writes down where they live.
    pub fn set_address(&mut self, address: &Address) {
        self.properties.insert(ADDRESS.to_owned(), written(address));
    }

    /// How they can pay; empty when the shop stores nothing of it.
    pub fn payment_methods(&self) -> Result<Vec<PaymentMethod>, AccountError> {
        match self.properties.get(PAYMENT_METHODS) {
            None => Ok(Vec::new()),
            Some(value) => read(|| format!("customer {}", self.id), PAYMENT_METHODS, value),
        }
    }

    /// Writes down how they can pay.
    pub fn set_payment_methods(&mut self, methods: &[PaymentMethod]) {
        self.properties
            .insert(PAYMENT_METHODS.to_owned(), written(&methods));
    }
}

impl Order {
    /// The money that moved for it, oldest first.
    pub fn payments(&self) -> Result<Vec<Payment>, AccountError> {
        match self.properties.get(PAYMENT_HISTORY) {
            None => Ok(Vec::new()),
            Some(value) => read(|| format!("order {}", self.id), PAYMENT_HISTORY, value),
        }
    }

    /// Writes down the money that moved for it.
    pub fn set_payments(&mut self, payments: &[Payment]) {
        self.properties
            .insert(PAYMENT_HISTORY.to_owned(), written(&payments));
    }

    /// Where it goes, when that is kept in parts.
    pub fn address_parts(&self) -> Result<Option<Address>, AccountError> {
        match &self.address {
            None => Ok(None),
            Some(value) => read(|| format!("order {}", self.id), ADDRESS, value).map(Some),
        }
    }

    /// Writes down where it goes.
    pub fn set_address(&mut self, address: &Address) {
        self.address = Some(written(address));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_reads_back_and_what_is_malformed_says_where() {
        let mut customer = Customer::new(Id::new("ann").unwrap());
        assert_eq!(customer.address(), Ok(None));
        assert_eq!(customer.payment_methods(), Ok(Vec::new()));
        let method = PaymentMethod {
            id: Id::new("g1").unwrap(),
            source: PaymentSource::GiftCard,
            brand: None,
            last_four: None,
            balance: Some(Money::new(500, crate::Currency::USD)),
        };
        customer.set_payment_methods(std::slice::from_ref(&method));
        assert_eq!(customer.payment_methods(), Ok(vec![method]));
        customer
            .properties
            .insert("address".to_owned(), json!("12 Elm Street"));
        let error = customer.address().unwrap_err().to_string();
        assert!(error.contains("address of customer ann"), "{error}");
    }
}
