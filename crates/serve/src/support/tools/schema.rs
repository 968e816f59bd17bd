//! The JSON Schema of a tool's arguments, with what is possible for whoever
//! asks enumerated.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};
use shop::Id;
use store::Snapshot;

use super::super::policy::Policy;
use super::{Tool, find_orders};

/// Beyond so many values a list of them helps nobody.
const MOST_VALUES: usize = 64;

fn schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let schema = SchemaGenerator::new(settings).into_root_schema_for::<T>();
    serde_json::to_value(schema).unwrap_or_default()
}

impl Tool {
    /// The schema of the arguments for this customer: orders, items, payment
    /// methods and reasons are those that there are. Whose they are is no
    /// argument.
    pub fn parameters_for(
        self,
        snapshot: &Snapshot,
        customer: Option<&Id>,
        policy: &Policy,
    ) -> Value {
        let mut schema = self.parameters();
        for annotation in ["title", "description"] {
            schema
                .as_object_mut()
                .map(|object| object.remove(annotation));
        }
        let Some(properties) = schema["properties"].as_object_mut() else {
            return schema;
        };
        properties.remove("customer");
        if let Some(customer) = customer {
            enumerate(properties, snapshot, customer);
        }
        let reasons = policy.rule(self).map(|rule| rule.reasons.as_slice());
        if let (Some(reason), Some(reasons @ [_, ..])) = (properties.get_mut("reason"), reasons) {
            *reason = json!({"type": "string", "enum": reasons});
            schema["required"] = json!(["order", "reason"]);
        }
        schema
    }

    fn parameters(self) -> Value {
        match self {
            Self::FindCustomer => schema::<super::find_customer::Arguments>(),
            Self::CustomerDetails => schema::<super::customer_details::Arguments>(),
            Self::OrderDetails => schema::<super::order_details::Arguments>(),
            Self::ProductDetails => schema::<super::product_details::Arguments>(),
            Self::ItemDetails => schema::<super::item_details::Arguments>(),
            Self::ListProductTypes => schema::<super::list_product_types::Arguments>(),
            Self::Search => schema::<super::search::Arguments>(),
            Self::Recommend => schema::<super::recommend::Arguments>(),
            Self::Points => schema::<super::points::Arguments>(),
            Self::Calculate => schema::<super::calculate::Arguments>(),
            Self::HandOver => schema::<super::hand_over::Arguments>(),
            Self::CancelOrder => schema::<super::cancel_order::Arguments>(),
            Self::ChangeOrderAddress => schema::<super::change_order_address::Arguments>(),
            Self::ChangeOrderItems => schema::<super::change_order_items::Arguments>(),
            Self::ChangeOrderPayment => schema::<super::change_order_payment::Arguments>(),
            Self::ChangeCustomerAddress => schema::<super::change_customer_address::Arguments>(),
            Self::ReturnItems => schema::<super::return_items::Arguments>(),
            Self::ExchangeItems => schema::<super::exchange_items::Arguments>(),
            Self::RedeemCoupon => schema::<super::redeem_coupon::Arguments>(),
            Self::SpendPoints => schema::<super::spend_points::Arguments>(),
        }
    }
}

/// What is the customer's, in place of any text.
fn enumerate(properties: &mut Map<String, Value>, snapshot: &Snapshot, customer: &Id) {
    let orders = find_orders(snapshot, customer, MOST_VALUES);
    let items = orders.iter().flat_map(|order| &order.lines);
    let mut items: Vec<&Id> = items.map(|line| &line.product_id).collect();
    items.sort_unstable();
    items.dedup();
    let account = snapshot.customers.get(customer);
    let methods = account.and_then(|account| account.payment_methods().ok());
    let methods: Vec<Id> = (methods.into_iter().flatten())
        .map(|method| method.id)
        .collect();
    let numbers: Vec<&Id> = orders.iter().map(|order| &order.id).collect();
    let one_of = |values: Value| json!({"type": "string", "enum": values});
    if let Some(order) = properties.get_mut("order").filter(|_| !numbers.is_empty()) {
        *order = one_of(json!(numbers));
    }
    let few = !items.is_empty() && items.len() <= MOST_VALUES;
    if let Some(item) = properties.get_mut("items").filter(|_| few) {
        *item = json!({"type": "array", "minItems": 1, "items": one_of(json!(items))});
    }
    if let Some(method) = properties
        .get_mut("payment_method")
        .filter(|_| !methods.is_empty())
    {
        *method = one_of(json!(methods));
    }
    if let Some(address) = properties.get_mut("address") {
        let object = address.take();
        *address = json!({"anyOf": [
            {"type": "string", "description": "`account` for the account's own address, `order:NUMBER` for that order's, or the address in one line as the customer wrote it."},
            object,
        ]});
    }
}
