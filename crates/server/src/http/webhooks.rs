//! `/v1/webhooks`: the addresses that are told what enters the log.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shop::{Id, Timestamp};

use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::extract::{JsonBody, Named};
use crate::app::App;
use crate::config::Scope;
use crate::webhooks::{self, DeliveryRecord, EventType, Webhook};

/// The longest URL, in characters.
const LONGEST_URL: usize = 2_000;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    let admin = Some(Scope::Admin);
    vec![
        Endpoint::get("/v1/webhooks", admin, "The webhooks, without their secrets", list)
            .answers::<AllWebhooks>(),
        Endpoint::post(
            "/v1/webhooks",
            admin,
            "Makes a webhook, which is told of what enters the log from now on; its secret is in \
             this answer and nowhere else",
            create,
        )
        .answers::<NewWebhook>()
        .status(201),
        Endpoint::get(
            "/v1/webhooks/{id}",
            admin,
            "A webhook, and whether it takes what it is told",
            show,
        )
        .answers::<ShownWebhook>(),
        Endpoint::delete("/v1/webhooks/{id}", admin, "Ends a webhook", delete)
            .answers::<DeletedWebhook>(),
        Endpoint::get(
            "/v1/webhooks/{id}/deliveries",
            admin,
            "The last 100 deliveries of a webhook since the server began, the newest first",
            deliveries,
        )
        .answers::<Deliveries>(),
        Endpoint::post(
            "/v1/webhooks/{id}/replay",
            admin,
            "Delivers the log from an entry or a delivery on, also again; a disabled webhook goes on",
            replay,
        )
        .answers::<ShownWebhook>(),
    ]
}

/// Whether a webhook takes what it is told.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "WebhookStatus")]
enum Status {
    /// It took the last delivery, or had none.
    Active,
    /// It did not take the last delivery, which is tried again.
    Failing,
    /// Nothing is delivered until it is replayed.
    Disabled,
}

/// A webhook, without its secret.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Webhook")]
struct ShownWebhook {
    id: String,
    url: String,
    /// What it is told of.
    types: Vec<EventType>,
    created_at: Timestamp,
    status: Status,
    /// Since when it has taken nothing.
    failing_since: Option<Timestamp>,
    /// Why it is disabled.
    reason: Option<String>,
    /// The place in the log up to which all is delivered, as it is on the disk.
    acknowledged: u64,
}

/// The webhooks.
#[derive(Serialize, JsonSchema)]
struct AllWebhooks {
    webhooks: Vec<ShownWebhook>,
}

/// A webhook with its secret.
#[derive(Serialize, JsonSchema)]
struct NewWebhook {
    #[serde(flatten)]
    shown: ShownWebhook,
    /// Signs what is delivered; told once.
    secret: String,
}

/// A webhook that is told nothing any more.
#[derive(Serialize, JsonSchema)]
struct DeletedWebhook {
    id: Id,
    deleted: bool,
}

/// The last deliveries of a webhook.
#[derive(Serialize, JsonSchema)]
struct Deliveries {
    deliveries: Vec<DeliveryRecord>,
}

fn shown(app: &App, webhook: &Webhook) -> ShownWebhook {
    let position = app.webhooks.position(webhook);
    ShownWebhook {
        id: webhook.id.clone(),
        url: webhook.url.clone(),
        types: webhook.types.clone(),
        created_at: webhook.created_at,
        status: match (&position.disabled, position.failing_since) {
            (Some(_), _) => Status::Disabled,
            (None, Some(_)) => Status::Failing,
            (None, None) => Status::Active,
        },
        failing_since: position.failing_since,
        reason: position.disabled,
        acknowledged: position.acknowledged,
    }
}

fn found(app: &App, id: &Id) -> Result<Webhook, ApiError> {
    app.webhooks.get(id.as_str()).ok_or_else(|| unknown(id))
}

fn unknown(id: &Id) -> ApiError {
    ApiError::new(Code::UnknownWebhook, format!("there is no webhook {id}"))
}

/// Work on the files of the data folder, off the async threads.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(ApiError::internal)?
        .map_err(|error| ApiError::internal(format!("{error:#}")))
}

async fn list(State(app): State<Arc<App>>) -> Json<AllWebhooks> {
    let all = app.webhooks.list();
    let webhooks = all.iter().map(|webhook| shown(&app, webhook)).collect();
    Json(AllWebhooks { webhooks })
}

async fn show(
    State(app): State<Arc<App>>,
    Named(id): Named<Id>,
) -> Result<Json<ShownWebhook>, ApiError> {
    let webhook = found(&app, &id)?;
    Ok(Json(shown(&app, &webhook)))
}

/// Whom to tell of what.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(
    rename = "WebhookRequest",
    extend("examples" = [{"url": "https://shop.example/hook", "types": ["order.stored"]}])
)]
struct CreateRequest {
    /// https://host/path; http only to this machine, while the server listens to
    /// it alone.
    #[schemars(length(max = LONGEST_URL), regex(pattern = r"^https?://."))]
    url: String,
    /// What it is told of; everything but events where nothing is said.
    #[serde(default = "EventType::usual")]
    #[schemars(length(min = 1))]
    types: Vec<EventType>,
}

async fn create(
    State(app): State<Arc<App>>,
    JsonBody(request): JsonBody<CreateRequest>,
) -> Result<(StatusCode, Json<NewWebhook>), ApiError> {
    let CreateRequest { url, types } = request;
    app.webhooks.check_url(&url).map_err(|reason| ApiError {
        param: Some("url".to_owned()),
        ..ApiError::new(Code::AddressRefused, reason)
    })?;
    let end = app.snapshot().sequence;
    let all = app.webhooks.clone();
    let made = on_disk(move || all.create(url, types, end)).await?;
    let Some((webhook, secret)) = made else {
        return Err(ApiError::new(
            Code::Contradictory,
            "there are as many webhooks as there may be: delete one first",
        ));
    };
    webhooks::start_one(&app, webhook.id.clone());
    let shown = shown(&app, &webhook);
    Ok((StatusCode::CREATED, Json(NewWebhook { shown, secret })))
}

async fn delete(
    State(app): State<Arc<App>>,
    Named(id): Named<Id>,
) -> Result<Json<DeletedWebhook>, ApiError> {
    let (all, named) = (app.webhooks.clone(), id.to_string());
    match on_disk(move || all.delete(&named)).await? {
        true => Ok(Json(DeletedWebhook { id, deleted: true })),
        false => Err(unknown(&id)),
    }
}

async fn deliveries(
    State(app): State<Arc<App>>,
    Named(id): Named<Id>,
) -> Result<Json<Deliveries>, ApiError> {
    let webhook = found(&app, &id)?;
    let deliveries = app.webhooks.deliveries(&webhook.id);
    Ok(Json(Deliveries { deliveries }))
}

/// From where the log is delivered: one of the two.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ReplayRequest", extend("examples" = [{"from_sequence": 1}]))]
struct ReplayRequest {
    /// The first entry of the log that is delivered. What is left out between
    /// the last acknowledged entry and a later one is never delivered.
    #[serde(default)]
    #[schemars(range(min = 1))]
    from_sequence: Option<u64>,
    /// The first delivery that is made again.
    #[serde(default)]
    #[schemars(length(min = 1, max = 300))]
    delivery: Option<String>,
}

async fn replay(
    State(app): State<Arc<App>>,
    Named(id): Named<Id>,
    JsonBody(request): JsonBody<ReplayRequest>,
) -> Result<Json<ShownWebhook>, ApiError> {
    let webhook = found(&app, &id)?;
    let end = app.snapshot().sequence;
    let from = match (request.from_sequence, &request.delivery) {
        (Some(from), None) if from <= end + 1 => from,
        (Some(from), None) => {
            return Err(ApiError {
                param: Some("from_sequence".to_owned()),
                ..ApiError::new(
                    Code::UnknownValue,
                    format!("the log ends at {end}, before {from}"),
                )
            });
        }
        (None, Some(delivery)) => webhooks::sequence_of(&webhook.id, delivery)
            .filter(|sequence| (1..=end).contains(sequence))
            .ok_or_else(|| ApiError {
                param: Some("delivery".to_owned()),
                ..ApiError::new(
                    Code::UnknownValue,
                    format!("{delivery:?} is no delivery of this webhook"),
                )
            })?,
        (None, None) | (Some(_), Some(_)) => {
            return Err(ApiError {
                param: Some("from_sequence".to_owned()),
                ..ApiError::new(Code::Contradictory, "say either from_sequence or delivery")
            });
        }
    };
    let (all, named) = (app.webhooks.clone(), webhook.clone());
    on_disk(move || all.replay(&named, from - 1)).await?;
    Ok(Json(shown(&app, &webhook)))
}
