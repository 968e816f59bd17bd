//! What support can look up or do: a file each.
//!
//! Every tool is a pure function `plan(&Snapshot, Session, Arguments) ->
//! Result<Vec<Action>, Refusal>`: it says what should happen and nothing
//! happens. Who asks is in the [`Session`], which the program fills from the
//! signed token, never from an argument or a text; an argument that names a
//! customer can only agree with it. Whatever writes is carried out by the
//! program after the customer has confirmed it outside the model.

mod access;
mod action;
mod calculate;
mod cancel_order;
mod change_customer_address;
mod change_order_address;
mod change_order_items;
mod change_order_payment;
mod customer_details;
mod exchange_items;
mod find_customer;
mod find_orders;
mod hand_over;
mod item_details;
mod list_product_types;
mod order_details;
mod order_status;
mod points;
mod product_details;
mod product_facts;
mod recommend;
mod redeem_coupon;
mod return_items;
mod schema;
mod search;
mod session;
mod spend_points;
mod swap;
#[cfg(test)]
mod tests;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::Snapshot;

pub use action::{Action, Change, Refusal, Refused, changes, digest};
pub use calculate::evaluate as calculate_expression;
pub(super) use find_orders::find_orders;
pub use hand_over::HandOver;
pub(super) use hand_over::hand_over;
pub(super) use order_status::{order_facts, order_status};
pub(super) use product_facts::{FactKind, asked_facts, product_facts};
pub use session::Session;

/// Every tool there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Tool {
    FindCustomer,
    CustomerDetails,
    OrderDetails,
    ProductDetails,
    ItemDetails,
    ListProductTypes,
    Search,
    Recommend,
    Points,
    Calculate,
    HandOver,
    CancelOrder,
    ChangeOrderAddress,
    ChangeOrderItems,
    ChangeOrderPayment,
    ChangeCustomerAddress,
    ReturnItems,
    ExchangeItems,
    RedeemCoupon,
    SpendPoints,
}

impl Tool {
    /// Every tool.
    pub const ALL: [Self; 20] = [
        Self::FindCustomer,
        Self::CustomerDetails,
        Self::OrderDetails,
        Self::ProductDetails,
        Self::ItemDetails,
        Self::ListProductTypes,
        Self::Search,
        Self::Recommend,
        Self::Points,
        Self::Calculate,
        Self::HandOver,
        Self::CancelOrder,
        Self::ChangeOrderAddress,
        Self::ChangeOrderItems,
        Self::ChangeOrderPayment,
        Self::ChangeCustomerAddress,
        Self::ReturnItems,
        Self::ExchangeItems,
        Self::RedeemCoupon,
        Self::SpendPoints,
    ];

    /// The name in requests, in the policy and in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::FindCustomer => "find_customer",
            Self::CustomerDetails => "customer_details",
            Self::OrderDetails => "order_details",
            Self::ProductDetails => "product_details",
            Self::ItemDetails => "item_details",
            Self::ListProductTypes => "list_product_types",
            Self::Search => "search",
            Self::Recommend => "recommend",
            Self::Points => "points",
            Self::Calculate => "calculate",
            Self::HandOver => "hand_over",
            Self::CancelOrder => "cancel_order",
            Self::ChangeOrderAddress => "change_order_address",
            Self::ChangeOrderItems => "change_order_items",
            Self::ChangeOrderPayment => "change_order_payment",
            Self::ChangeCustomerAddress => "change_customer_address",
            Self::ReturnItems => "return_items",
            Self::ExchangeItems => "exchange_items",
            Self::RedeemCoupon => "redeem_coupon",
            Self::SpendPoints => "spend_points",
        }
    }

    /// The tool of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }

    /// Whether it changes anything, so that the customer has to confirm it.
    pub fn writes(self) -> bool {
        match self {
            Self::FindCustomer
            | Self::CustomerDetails
            | Self::OrderDetails
            | Self::ProductDetails
            | Self::ItemDetails
            | Self::ListProductTypes
            | Self::Search
            | Self::Recommend
            | Self::Points
            | Self::Calculate
            | Self::HandOver => false,
            Self::CancelOrder
            | Self::ChangeOrderAddress
            | Self::ChangeOrderItems
            | Self::ChangeOrderPayment
            | Self::ChangeCustomerAddress
            | Self::ReturnItems
            | Self::ExchangeItems
            | Self::RedeemCoupon
            | Self::SpendPoints => true,
        }
    }

    /// What should happen when this tool is called with these arguments.
    pub fn plan(
        self,
        snapshot: &Snapshot,
        session: Session<'_>,
        arguments: &Value,
    ) -> Result<Vec<Action>, Refusal> {
        match self {
            Self::FindCustomer => find_customer::plan(snapshot, session, read(arguments)?),
            Self::CustomerDetails => customer_details::plan(snapshot, session, read(arguments)?),
            Self::OrderDetails => order_details::plan(snapshot, session, read(arguments)?),
            Self::ProductDetails => product_details::plan(snapshot, session, read(arguments)?),
            Self::ItemDetails => item_details::plan(snapshot, session, read(arguments)?),
            Self::ListProductTypes => list_product_types::plan(snapshot, session, read(arguments)?),
            Self::Search => search::plan(snapshot, session, read(arguments)?),
            Self::Recommend => recommend::plan(snapshot, session, read(arguments)?),
            Self::Points => points::plan(snapshot, session, read(arguments)?),
            Self::Calculate => calculate::plan(snapshot, session, read(arguments)?),
            Self::HandOver => hand_over::plan(snapshot, session, read(arguments)?),
            Self::CancelOrder => cancel_order::plan(snapshot, session, read(arguments)?),
            Self::ChangeOrderAddress => {
                change_order_address::plan(snapshot, session, read(arguments)?)
            }
            Self::ChangeOrderItems => change_order_items::plan(snapshot, session, read(arguments)?),
            Self::ChangeOrderPayment => {
                change_order_payment::plan(snapshot, session, read(arguments)?)
            }
            Self::ChangeCustomerAddress => {
                change_customer_address::plan(snapshot, session, read(arguments)?)
            }
            Self::ReturnItems => return_items::plan(snapshot, session, read(arguments)?),
            Self::ExchangeItems => exchange_items::plan(snapshot, session, read(arguments)?),
            Self::RedeemCoupon => redeem_coupon::plan(snapshot, session, read(arguments)?),
            Self::SpendPoints => spend_points::plan(snapshot, session, read(arguments)?),
        }
    }
}

fn read<T: DeserializeOwned>(arguments: &Value) -> Result<T, Refusal> {
    T::deserialize(arguments).map_err(|error| Refusal::new(Refused::Arguments, error.to_string()))
}
