//! `POST /v1/checkout`: a cart becomes an order. Prices are the catalogue's,
//! never the caller's; each line keeps the decision that led to it, so that
//! the purchase counts for the answer that was followed.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use shop::{
    Event, EventKind, Id, LedgerEntry, Money, OfferCommand, Order, OrderLine, Record, Redemption,
    Timestamp,
};
use store::{NewEntry, Snapshot};

use super::authorise::Caller;
use super::customer_token::digest;
use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::events::store_error;
use super::extract::JsonBody;
use super::offers::{command_key, decide};
use crate::app::{App, fresh_id, now};
use crate::config::Scope;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post(
            "/v1/checkout",
            Some(Scope::Public),
            "Turns a cart into an order at the catalogue's prices, with a coupon if there is one",
            checkout,
        )
        .answers::<Checkout>(),
    ]
}

/// What is bought, by whom. Without a customer the visit itself buys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = serde_json::json!({
    "session": "visit-1", "lines": [{"product_id": "tea-1", "quantity": 1}],
}))]
struct CheckoutRequest {
    #[schemars(length(min = 1, max = 200))]
    lines: Vec<CartLine>,
    #[serde(default)]
    code: Option<Id>,
    #[serde(default)]
    customer: Option<Id>,
    #[serde(default)]
    session: Option<Id>,
}

/// A product in the cart, with the answer of ours that led to it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CartLine {
    product_id: Id,
    #[schemars(range(min = 1, max = 1000))]
    quantity: i64,
    #[serde(default)]
    decision_id: Option<Id>,
    #[serde(default)]
    position: Option<u32>,
    #[serde(default)]
    query: Option<String>,
}

/// The order that was made.
#[derive(Serialize, JsonSchema)]
struct Checkout {
    order: Order,
}

async fn checkout(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    JsonBody(mut request): JsonBody<CheckoutRequest>,
) -> Result<Json<Checkout>, ApiError> {
    request.customer = caller.speaks_for(request.customer.as_ref())?;
    let buyer = request
        .customer
        .clone()
        .or_else(|| request.session.clone())
        .ok_or_else(|| ApiError::new(Code::MissingBuyer, "nobody is named who buys"))?;
    let time = now();
    let (lines, sum) = priced(&app.snapshot(), &request.lines)?;
    let order_id = order_id(&buyer, &command_key(&headers)?)?;
    if let Some(before) = app.snapshot().orders.get(&order_id) {
        let order = before.as_ref().clone();
        return Ok(Json(Checkout { order }));
    }
    let redemption = match &request.code {
        Some(code) => Some(redeem(&app, code, &buyer, &order_id, sum).await?),
        None => None,
    };
    let order = order(order_id, buyer, time, lines, sum, redemption.as_ref());
    let mut entries = vec![NewEntry::from(Record::Order(order.clone()))];
    entries.extend(purchases(&request, &order, time));
    let named = request
        .lines
        .iter()
        .filter_map(|line| line.decision_id.as_ref());
    app.settle(named).await;
    if let Err(error) = app.store.append(entries).await {
        if let Some(redemption) = redemption {
            let key = fresh_id();
            let redemption_id = redemption.id;
            decide(&app, OfferCommand::RollBack { key, redemption_id }).await?;
        }
        return Err(store_error(error));
    }
    Ok(Json(Checkout { order }))
}

/// The same key of the same buyer is the same order: sent again, even after a
/// restart, it buys nothing more, and nobody names another's order by it.
fn order_id(buyer: &Id, key: &Id) -> Result<Id, ApiError> {
    let digest = digest(&format!("{buyer}\n{key}"));
    Id::new(&format!("web-{}", &digest[..20])).map_err(ApiError::internal)
}

/// The lines at today's prices, and their sum.
fn priced(snapshot: &Snapshot, cart: &[CartLine]) -> Result<(Vec<OrderLine>, Money), ApiError> {
    let mut lines = Vec::with_capacity(cart.len());
    let mut sum: Option<Money> = None;
    for (place, line) in cart.iter().enumerate() {
        let refuse = |field: &str, message: String| {
            ApiError::field(&format!("lines[{place}].{field}"), message)
        };
        let id = &line.product_id;
        let product = snapshot.catalogue.by_id(id).ok_or_else(|| ApiError {
            param: Some(format!("lines[{place}].product_id")),
            ..ApiError::new(Code::UnknownProduct, format!("no product has the id {id}"))
        })?;
        if !product.availability.can_be_ordered() {
            return Err(refuse("product_id", format!("{id} cannot be ordered now")));
        }
        let price = product
            .price
            .ok_or_else(|| refuse("product_id", format!("{id} has no price")))?;
        let amount = price.amount.checked_mul(line.quantity);
        let amount = amount.and_then(|amount| amount.checked_add(sum.map_or(0, |sum| sum.amount)));
        if sum.is_some_and(|sum| sum.currency != price.currency) {
            return Err(refuse(
                "product_id",
                format!("{id} has another currency than the rest"),
            ));
        }
        sum = Some(Money {
            amount: amount.ok_or_else(|| refuse("quantity", "too much money".to_owned()))?,
            currency: price.currency,
        });
        let mut properties = Map::new();
        if let Some(decision) = &line.decision_id {
            properties.insert("decision_id".to_owned(), json!(decision));
        }
        lines.push(OrderLine {
            product_id: id.clone(),
            quantity: line.quantity,
            price: Some(price),
            properties,
        });
    }
    let sum = sum.ok_or_else(|| ApiError::field("lines", "empty"))?;
    Ok((lines, sum))
}

async fn redeem(
    app: &App,
    code: &Id,
    buyer: &Id,
    order: &Id,
    sum: Money,
) -> Result<Redemption, ApiError> {
    let key = Id::new(&format!("{order}/coupon")).map_err(ApiError::internal)?;
    let command = OfferCommand::Redeem {
        key,
        code: code.clone(),
        customer_id: buyer.clone(),
        order_id: Some(order.clone()),
        order_amount: sum,
    };
    let (entries, _) = decide(app, command).await?;
    entries
        .into_iter()
        .find_map(|entry| match entry {
            LedgerEntry::CouponRedeemed { redemption } => Some(redemption),
            _ => None,
        })
        .ok_or_else(|| ApiError::internal("a redemption without its entry"))
}

fn order(
    id: Id,
    customer_id: Id,
    time: Timestamp,
    lines: Vec<OrderLine>,
    sum: Money,
    redemption: Option<&Redemption>,
) -> Order {
    let off = redemption.map_or(0, |redemption| redemption.discount.amount);
    Order {
        id,
        customer_id,
        time,
        lines,
        status: Some("pending".to_owned()),
        total: Some(Money {
            amount: sum.amount - off,
            ..sum
        }),
        discounts: redemption.map(|one| json!([{"code": one.code, "amount": one.discount}])),
        address: None,
        payment_method: None,
        tracking: None,
        properties: Map::new(),
    }
}

/// A purchase of each line, joined to the decision that it came from.
fn purchases(
    request: &CheckoutRequest,
    order: &Order,
    time: Timestamp,
) -> impl Iterator<Item = NewEntry> {
    request.lines.iter().map(move |line| {
        let mut event = Event::new(EventKind::Purchase, time);
        event.customer_id.clone_from(&request.customer);
        event.session_id.clone_from(&request.session);
        event.product_id = Some(line.product_id.clone());
        event.quantity = Some(line.quantity);
        event.decision_id.clone_from(&line.decision_id);
        event.position = line.position;
        event.query.clone_from(&line.query);
        event
            .properties
            .insert("order_id".to_owned(), json!(order.id));
        NewEntry::from(Record::Event(event))
    })
}
