//! What a webhook changes: the state that it brings, unless something newer is
//! known, and what the platform says is gone.

use std::sync::Arc;

use ingest::{ImportOptions, ObjectFormat, write_rejected};
use serde_json::{Map, Value};
use shop::{Currency, Id, Kind, Record};
use store::NewEntry;

use super::super::error::{ApiError, Code};
use super::super::records::lost;
use super::topic::Topic;
use super::{Hook, Taken, Verdict};
use crate::app::{App, now};
use crate::platforms::{self, Delivery, Known, Removed, is_incomplete, whole_product};

/// Does what a webhook with the right signature asks for.
pub(super) async fn carry_out(
    app: &App,
    removed: &mut Removed,
    hook: &Hook<'_>,
) -> Result<Taken, ApiError> {
    let object = || -> Result<Map<String, Value>, ApiError> {
        serde_json::from_slice(hook.body)
            .map_err(|error| ApiError::new(Code::MalformedJson, error.to_string()))
    };
    match hook.topic {
        Topic::Changed(format) => change(app, removed, hook, format, object()?).await,
        Topic::Restored(format) => {
            let object = object()?;
            removed.forget(format.kind(), &number(&object)?);
            change(app, removed, hook, format, object).await
        }
        Topic::Removed(kind) => {
            let number = number(&object()?)?;
            let gone = platforms::remove(&app.store, hook.platform, kind, &number)
                .await
                .map_err(lost)?;
            let time = hook.time.unwrap_or_else(now);
            removed
                .add(kind, &number, time)
                .map_err(|error| ApiError::disk(&error))?;
            Ok(Taken {
                removed: gone,
                ..match gone {
                    0 => Verdict::Unchanged.into(),
                    _ => Verdict::Removed.into(),
                }
            })
        }
        Topic::Redact => redact(app, removed, hook, &object()?).await,
        Topic::DataRequest => {
            let customer = object()?.get("customer").cloned().unwrap_or_default();
            tracing::warn!(
                customer = %customer["id"],
                "a customer asks through Shopify what is kept of them: answer them with `shopkeeper export`"
            );
            Ok(Verdict::Acknowledged.into())
        }
        Topic::ShopRedact => {
            tracing::warn!(
                "Shopify asks to forget a shop that removed the app: its records stay until you delete them"
            );
            Ok(Verdict::Acknowledged.into())
        }
        Topic::Other => Ok(Verdict::Ignored.into()),
    }
}

/// The platform's number of an object.
fn number(object: &Map<String, Value>) -> Result<String, ApiError> {
    let number = match object.get("id") {
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(Value::String(text)) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        _ => None,
    };
    number.ok_or_else(|| ApiError::field("id", "missing: the platform numbers what it speaks of"))
}

/// Stores the state that a webhook brings, unless something newer is known.
async fn change(
    app: &App,
    removed: &mut Removed,
    hook: &Hook<'_>,
    format: ObjectFormat,
    mut object: Map<String, Value>,
) -> Result<Taken, ApiError> {
    let folder = app.store.folder().to_owned();
    let platform = hook.platform;
    let known = tokio::task::spawn_blocking(move || Known::newest(&folder, platform)).await;
    let known = known.map_err(ApiError::internal)?;
    let mut fetched = false;
    if format == ObjectFormat::WooCommerceProduct
        && let Some(product) = is_incomplete(&object)
    {
        if removed.time(format.kind(), &product).is_some() {
            return Ok(Verdict::Stale.into());
        }
        let Some(whole) = fetch(app, known.clone(), product).await? else {
            return Ok(Verdict::Stale.into());
        };
        (object, fetched) = (whole, true);
    }
    let snapshot = app.snapshot();
    let currency = app.config.import_currency;
    let options = ImportOptions {
        now: now(),
        currency: currency.or_else(|| known.as_ref().and_then(|known| known.currency)),
        ..ImportOptions::default()
    };
    check_currency(format.kind(), options.currency)?;
    let number = number(&object)?;
    let delivery = Delivery::read(
        platform,
        format,
        object,
        known.as_ref(),
        &snapshot,
        &options,
    );
    let Some(mut delivery) = delivery else {
        return Err(ApiError::field("id", "missing"));
    };
    if fetched {
        // It is the state of this moment, whatever its parts say.
        delivery.updated_at = None;
    }
    if let Some(gone) = removed.time(delivery.kind, &number)
        && delivery.updated_at.is_none_or(|changed| changed <= gone)
    {
        return Ok(Verdict::Stale.into());
    }
    if !delivery.rejected.is_empty() {
        tracing::warn!(
            platform = platform.name(),
            reason = delivery.rejected[0].reason,
            "a webhook brought what is no record"
        );
        let file = app.store.folder().join("rejected.jsonl");
        let source = format!("webhook:{}", platform.name());
        write_rejected(&file, source.as_ref(), &delivery.rejected).map_err(ApiError::internal)?;
    }
    let outcomes = platforms::store(&app.store, platform, &[delivery])
        .await
        .map_err(lost)?;
    let outcome = outcomes.first().copied();
    Ok(outcome.map_or(Verdict::Unchanged.into(), Taken::from))
}

/// Without a currency no product has a price: the platform delivers again until
/// it is set.
fn check_currency(kind: Kind, currency: Option<Currency>) -> Result<(), ApiError> {
    if kind == Kind::Products && currency.is_none() {
        return Err(ApiError::new(
            Code::MissingSetting,
            "products name no currency: set currency in shopkeeper.toml, or run `shopkeeper import \
             shopify:…` (or woocommerce:…) once",
        ));
    }
    Ok(())
}

/// A product of WooCommerce with its variations: its webhook has their numbers
/// alone.
async fn fetch(
    app: &App,
    known: Option<Known>,
    number: String,
) -> Result<Option<Map<String, Value>>, ApiError> {
    let config = app.config.clone();
    let has_key = !config.woocommerce_key.is_empty();
    let Some(known) = known.filter(|_| has_key) else {
        return Err(ApiError::new(
            Code::MissingSetting,
            "a product with variations is fetched: set woocommerce_key and woocommerce_secret in \
             shopkeeper.toml and run `shopkeeper import woocommerce:…` once",
        ));
    };
    let fetched =
        tokio::task::spawn_blocking(move || whole_product(&config, &known, &number)).await;
    fetched.map_err(ApiError::internal)?.map_err(|error| {
        tracing::warn!(
            error = format!("{error:#}"),
            "a product could not be fetched"
        );
        ApiError::new(
            Code::Overloaded,
            "the shop does not answer: deliver it again later",
        )
    })
}

/// Takes a customer's personal data away: their record, and from the orders
/// that Shopify names whose they are and where they went.
async fn redact(
    app: &App,
    removed: &mut Removed,
    hook: &Hook<'_>,
    object: &Map<String, Value>,
) -> Result<Taken, ApiError> {
    let customer = object.get("customer").and_then(Value::as_object);
    let Some(customer) = customer else {
        return Err(ApiError::field("customer", "missing"));
    };
    let number = number(customer)?;
    let mut gone = platforms::remove(&app.store, hook.platform, Kind::Customers, &number)
        .await
        .map_err(lost)?;
    // Guests are known by their address.
    let email = customer.get("email").and_then(Value::as_str);
    if let Some(email) = email.and_then(|email| Id::new(&email.to_lowercase()).ok()) {
        gone += platforms::remove_records(&app.store, Kind::Customers, vec![email])
            .await
            .map_err(lost)?;
    }
    let orders = object.get("orders_to_redact").and_then(Value::as_array);
    let orders: Vec<String> = orders.into_iter().flatten().map(Value::to_string).collect();
    let snapshot = app.snapshot();
    let property = hook.platform.number_property();
    let is_named = |order: &&Arc<shop::Order>| {
        let number = order.properties.get(property).and_then(Value::as_str);
        number.is_some_and(|number| orders.iter().any(|one| one == number))
    };
    let mut entries = Vec::new();
    for order in snapshot.orders.values().filter(is_named) {
        let mut order = (**order).clone();
        order.address = None;
        if let Ok(nobody) = Id::new(&format!("guest-{}", order.id)) {
            order.customer_id = nobody;
        }
        entries.push(NewEntry::from(Record::Order(order)));
    }
    let stored = app.store.append(entries).await.map_err(lost)?.len() as u64;
    let time = hook.time.unwrap_or_else(now);
    let noted = removed.add(Kind::Customers, &number, time);
    noted.map_err(|error| ApiError::disk(&error))?;
    Ok(Taken {
        result: Verdict::Removed,
        stored,
        removed: gone,
    })
}
