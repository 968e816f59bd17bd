//! Exports whose rows are objects with objects in them: a function each.

mod behaviour;
mod helpdesks;
mod shopify;
mod shops;
mod woocommerce;

use serde_json::{Map, Value};
use shop::{Kind, Record, RecordError, Timestamp};

use super::{Context, Format, Reading};
use crate::dates::Clock;
use crate::intake::{Intake, Stopped};
use crate::row::text_of;
use crate::{ga4, segment};

/// Products of Shopify's Admin API.
pub(crate) const SHOPIFY_PRODUCTS: &str = "shopify_admin_products";
/// Orders of Shopify's Admin API.
pub(crate) const SHOPIFY_ORDERS: &str = "shopify_admin_orders";
/// Customers of Shopify's Admin API.
pub(crate) const SHOPIFY_CUSTOMERS: &str = "shopify_admin_customers";
/// Products of WooCommerce's REST API.
pub(crate) const WOOCOMMERCE_PRODUCTS: &str = "woocommerce_api_products";
/// Orders of WooCommerce's REST API.
pub(crate) const WOOCOMMERCE_ORDERS: &str = "woocommerce_api_orders";
/// Customers of WooCommerce's REST API.
pub(crate) const WOOCOMMERCE_CUSTOMERS: &str = "woocommerce_api_customers";

pub(super) const FORMATS: &[Format] = &[
    Format::objects(
        SHOPIFY_PRODUCTS,
        Kind::Products,
        &[&["variants"], &["title"], &["handle", "body_html"]],
        shopify::product_with_variants,
    ),
    Format::objects(
        SHOPIFY_ORDERS,
        Kind::Orders,
        &[
            &["line_items"],
            &["total_price", "financial_status"],
            &["created_at"],
        ],
        shopify::order,
    ),
    Format::objects(
        SHOPIFY_CUSTOMERS,
        Kind::Customers,
        &[
            &["email"],
            &["addresses", "default_address"],
            &["verified_email", "email_marketing_consent"],
        ],
        shopify::customer,
    ),
    Format::objects(
        WOOCOMMERCE_PRODUCTS,
        Kind::Products,
        &[
            &["name"],
            &["permalink"],
            &["regular_price"],
            &["stock_status"],
        ],
        woocommerce::product_with_variations,
    ),
    Format::objects(
        WOOCOMMERCE_ORDERS,
        Kind::Orders,
        &[&["line_items"], &["billing"], &["date_created_gmt"]],
        woocommerce::order,
    ),
    Format::objects(
        WOOCOMMERCE_CUSTOMERS,
        Kind::Customers,
        &[&["email"], &["billing"], &["is_paying_customer"]],
        woocommerce::customer,
    ),
    Format::objects(
        "schema_org",
        Kind::Products,
        &[&["@type"]],
        shops::schema_org,
    ),
    Format::objects(
        "zendesk_tickets",
        Kind::Conversations,
        &[&["requester_id"], &["description", "comments"], &["status"]],
        helpdesks::zendesk,
    )
    .beside(&["users"]),
    Format::objects(
        "gorgias_tickets",
        Kind::Conversations,
        &[
            &["messages"],
            &["customer"],
            &["channel"],
            &["created_datetime"],
        ],
        helpdesks::gorgias,
    ),
    Format::objects(
        "intercom_conversations",
        Kind::Conversations,
        &[&["source"], &["conversation_parts"]],
        helpdesks::intercom,
    ),
    Format::objects(
        "chatwoot_conversations",
        Kind::Conversations,
        &[&["messages"], &["inbox_id", "account_id"], &["status"]],
        helpdesks::chatwoot,
    ),
    Format::objects(
        "klaviyo_events",
        Kind::Events,
        &[&["type"], &["attributes"], &["relationships"]],
        behaviour::klaviyo,
    )
    .beside(&["included"]),
    Format::objects(
        "matomo_visits",
        Kind::Events,
        &[&["actionDetails"]],
        behaviour::matomo,
    ),
    Format::objects(
        "algolia_events",
        Kind::Events,
        &[&["eventType"], &["userToken"], &["objectIDs", "filters"]],
        behaviour::algolia,
    ),
    Format::objects(
        "ubi_events",
        Kind::Events,
        &[
            &["action_name"],
            &["timestamp"],
            &["event_attributes", "client_id"],
        ],
        behaviour::ubi,
    ),
    Format::objects(
        "ga4_events",
        Kind::Events,
        &[
            &["event_name"],
            &["event_timestamp", "event_params", "event_date"],
        ],
        ga4_row,
    ),
    Format::objects(
        "ga4_payloads",
        Kind::Events,
        &[&["client_id", "app_instance_id"], &["events"]],
        ga4_row,
    ),
    Format::objects(
        "segment_events",
        Kind::Events,
        &[
            &["messageId", "anonymousId", "userId"],
            &["type", "event"],
            &["properties", "traits", "context"],
        ],
        segment_call,
    ),
    Format::objects(
        "segment_batches",
        Kind::Events,
        &[&["batch"], &["sentAt", "writeKey", "context"]],
        segment_call,
    ),
];

impl Format {
    /// Names the lists that stand beside the rows and explain them.
    const fn beside(self, beside: &'static [&'static str]) -> Self {
        match self.reading {
            Reading::Objects { take, .. } => Self {
                reading: Reading::Objects { beside, take },
                ..self
            },
            Reading::Columns(_) => self,
        }
    }
}

fn ga4_row(
    row: &Map<String, Value>,
    context: &Context<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    ga4::take(row, context.line, context.now, intake)
}

fn segment_call(
    row: &Map<String, Value>,
    context: &Context<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    segment::take(row, context.line, context.now, intake)
}

impl Context<'_> {
    /// Takes what was made of a row.
    fn take(
        &self,
        kind: Kind,
        made: Result<Map<String, Value>, RecordError>,
        row: &Map<String, Value>,
        intake: &mut Intake<'_>,
    ) -> Result<(), Stopped> {
        let made = made.and_then(|made| Record::from_json(kind, made, self.now));
        let shown = match &made {
            Ok(_) => Vec::new(),
            Err(_) => Value::Object(row.clone()).to_string().into_bytes(),
        };
        intake.take(made, self.line, &shown)
    }
}

/// The value at the end of a path.
fn at<'v>(row: &'v Map<String, Value>, path: &[&str]) -> &'v Value {
    let Some((first, rest)) = path.split_first() else {
        return &Value::Null;
    };
    let first = row.get(*first).unwrap_or(&Value::Null);
    rest.iter().fold(first, |value, key| match value {
        Value::Array(list) => list
            .first()
            .and_then(|value| value.get(*key))
            .unwrap_or(&Value::Null),
        _ => value.get(*key).unwrap_or(&Value::Null),
    })
}

fn text(row: &Map<String, Value>, path: &[&str]) -> Option<String> {
    text_of(at(row, path))
}

/// The objects of the list at the end of a path; one that stands alone is a
/// list of one.
fn objects<'v>(
    row: &'v Map<String, Value>,
    path: &[&str],
) -> impl Iterator<Item = &'v Map<String, Value>> + use<'v> {
    let value = at(row, path);
    let list = value
        .as_array()
        .map_or(std::slice::from_ref(value), Vec::as_slice);
    list.iter().filter_map(Value::as_object)
}

fn time(row: &Map<String, Value>, path: &[&str]) -> Result<Timestamp, RecordError> {
    let field = path.last().copied().unwrap_or("time");
    match at(row, path) {
        Value::Null => Err(RecordError::new(field, "missing, and it is required")),
        value => Clock::default().read(value, field),
    }
}
