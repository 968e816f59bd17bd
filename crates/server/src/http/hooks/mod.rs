//! `POST /v1/hooks/{platform}`: what Shopify and WooCommerce tell of a shop. No
//! key is shown; the signature over the whole body is the credential, and
//! without it nothing of the body is looked at.

mod carry_out;
mod topic;

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sha2::Sha256;
use shop::Timestamp;

use self::carry_out::carry_out;
use self::topic::Topic;
use super::authorise::Identity;
use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::extract::{MAXIMUM_BODY_BYTES, read_body};
use super::rate_limit::{Counted, Refused};
use crate::app::App;
use crate::platforms::{Became, Hooks, Outcome, Platform};

/// Where such routes begin.
pub const PATH: &str = "/v1/hooks/";

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::post(
            "/v1/hooks/shopify",
            None,
            "Takes a webhook of Shopify, signed with shopify_webhook_secret (X-Shopify-Hmac-Sha256)",
            shopify,
        )
        .answers::<Taken>(),
        Endpoint::post(
            "/v1/hooks/woocommerce",
            None,
            "Takes a webhook of WooCommerce, signed with woocommerce_webhook_secret \
             (X-WC-Webhook-Signature)",
            woocommerce,
        )
        .answers::<Taken>(),
    ]
}

/// What became of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Stored,
    Unchanged,
    Removed,
    /// Something newer stands, or what it speaks of is gone.
    Stale,
    /// It was delivered before.
    Repeated,
    /// None of its records is one; `rejected.jsonl` says why.
    Rejected,
    /// It was heard, and there is nothing to store.
    Acknowledged,
    /// Its topic says nothing here.
    Ignored,
}

/// An answer to a webhook.
#[derive(Debug, Serialize, JsonSchema)]
struct Taken {
    /// What became of it.
    result: Verdict,
    /// Records that are new or changed.
    stored: u64,
    /// Records that are gone.
    removed: u64,
}

impl From<Verdict> for Taken {
    fn from(result: Verdict) -> Self {
        Self {
            result,
            stored: 0,
            removed: 0,
        }
    }
}

impl From<Outcome> for Taken {
    fn from(outcome: Outcome) -> Self {
        Self {
            result: match outcome.became {
                Became::Stored => Verdict::Stored,
                Became::Unchanged => Verdict::Unchanged,
                Became::Stale => Verdict::Stale,
                Became::Rejected => Verdict::Rejected,
            },
            stored: outcome.stored,
            removed: outcome.removed,
        }
    }
}

/// Why a webhook was not taken.
enum NotTaken {
    Error(ApiError),
    /// Too many came that were not signed.
    TooMany(Refused),
}

impl From<ApiError> for NotTaken {
    fn from(error: ApiError) -> Self {
        Self::Error(error)
    }
}

impl From<Refused> for NotTaken {
    fn from(refused: Refused) -> Self {
        Self::TooMany(refused)
    }
}

impl IntoResponse for NotTaken {
    fn into_response(self) -> Response {
        match self {
            Self::Error(error) => error.into_response(),
            Self::TooMany(refused) => refused.into_response(),
        }
    }
}

async fn shopify(
    State(app): State<Arc<App>>,
    Extension(identity): Extension<Identity>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Taken>, NotTaken> {
    let body = read_body(body, MAXIMUM_BODY_BYTES).await?;
    let secret = &app.config.shopify_webhook_secret;
    let shown = text(&headers, "x-shopify-hmac-sha256");
    verify(
        &app,
        &identity,
        "shopify_webhook_secret",
        secret,
        shown,
        &body,
    )?;
    let hook = Hook {
        platform: Platform::Shopify,
        topic: Topic::of_shopify(text(&headers, "x-shopify-topic").unwrap_or_default()),
        delivery: text(&headers, "x-shopify-webhook-id").map(str::to_owned),
        time: text(&headers, "x-shopify-triggered-at").and_then(|time| time.parse().ok()),
        body: &body,
    };
    take(&app, &app.shopify, hook).await
}

async fn woocommerce(
    State(app): State<Arc<App>>,
    Extension(identity): Extension<Identity>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Taken>, NotTaken> {
    let body = read_body(body, MAXIMUM_BODY_BYTES).await?;
    let topic = text(&headers, "x-wc-webhook-topic");
    // The question whether somebody is here, when a webhook is made: unsigned.
    if topic.is_none() && is_ping(&body) {
        count(&app, &identity)?;
        return Ok(Json(Verdict::Acknowledged.into()));
    }
    let secret = &app.config.woocommerce_webhook_secret;
    let shown = text(&headers, "x-wc-webhook-signature");
    verify(
        &app,
        &identity,
        "woocommerce_webhook_secret",
        secret,
        shown,
        &body,
    )?;
    let hook = Hook {
        platform: Platform::WooCommerce,
        topic: Topic::of_woocommerce(topic.unwrap_or_default()),
        delivery: text(&headers, "x-wc-webhook-delivery-id").map(str::to_owned),
        time: None,
        body: &body,
    };
    take(&app, &app.woocommerce, hook).await
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// `webhook_id=12`.
fn is_ping(body: &[u8]) -> bool {
    let number = body.strip_prefix(b"webhook_id=");
    number.is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit))
}

/// Counts a request that shows nothing, as any other of its address.
fn count(app: &App, identity: &Identity) -> Result<(), NotTaken> {
    if app.gate.is_open() {
        return Ok(());
    }
    let address = Counted::Address(identity.connection.address);
    app.gate.limits.count(&address)?;
    Ok(())
}

/// Refuses a body that was not signed with `secret`. The comparison takes the
/// same time wherever the first wrong byte is.
fn verify(
    app: &App,
    identity: &Identity,
    key: &str,
    secret: &SecretString,
    shown: Option<&str>,
    body: &[u8],
) -> Result<(), NotTaken> {
    let refuse = |message: String| {
        count(app, identity)?;
        Err(ApiError::new(Code::InvalidSignature, message).into())
    };
    let secret = secret.expose_secret();
    if secret.is_empty() {
        return refuse(format!("{key} is not set: no webhook is taken"));
    }
    let Some(shown) = shown else {
        return refuse("the request carries no signature".to_owned());
    };
    let signed = STANDARD.decode(shown.trim()).unwrap_or_default();
    let mut code = match Hmac::<Sha256>::new_from_slice(secret.as_bytes()) {
        Ok(code) => code,
        Err(error) => return Err(ApiError::internal(error).into()),
    };
    code.update(body);
    match code.verify_slice(&signed) {
        Ok(()) => Ok(()),
        Err(_) => refuse(format!(
            "the signature was not made with {key} over this body"
        )),
    }
}

/// A webhook whose signature is right.
struct Hook<'a> {
    platform: Platform,
    topic: Topic,
    /// What tells a delivery from others, where it is repeated too.
    delivery: Option<String>,
    /// When it happened, by the platform's clock.
    time: Option<Timestamp>,
    body: &'a Bytes,
}

async fn take(app: &App, hooks: &Hooks, hook: Hook<'_>) -> Result<Json<Taken>, NotTaken> {
    let mut removed = hooks.turn.lock().await;
    if let Some(delivery) = hook
        .delivery
        .as_ref()
        .filter(|it| hooks.taken.contains_key(*it))
    {
        tracing::debug!(delivery, "a webhook was delivered before");
        return Ok(Json(Verdict::Repeated.into()));
    }
    let taken = carry_out(app, &mut removed, &hook).await?;
    if let Some(delivery) = hook.delivery {
        hooks.taken.insert(delivery, ());
    }
    Ok(Json(taken))
}
