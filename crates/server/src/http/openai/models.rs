//! `GET /v1/models`: what may be asked for by name.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use crate::app::{App, ModelSource, NamedModel};
use crate::config::Scope;
use crate::http::endpoint::Endpoint;
use crate::http::error::{ApiError, Code};
use crate::http::extract::Named;

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/v1/models",
            Some(Scope::Public),
            "The models that /v1/chat/completions and /v1/embeddings answer for",
            list,
        )
        .answers::<ModelList>(),
        Endpoint::get(
            "/v1/models/{id}",
            Some(Scope::Public),
            "One of the models",
            retrieve,
        )
        .answers::<Model>(),
    ]
}

/// A model, in OpenAI's words.
#[derive(Debug, Serialize, JsonSchema)]
struct Model {
    /// What requests call it.
    id: String,
    /// Always `model`.
    object: &'static str,
    /// Since when it is there, in seconds of Unix time.
    created: i64,
    /// `shopkeeper` for the shop's own, `published` for others.
    owned_by: &'static str,
}

/// All models, in OpenAI's words.
#[derive(Debug, Serialize, JsonSchema)]
struct ModelList {
    /// Always `list`.
    object: &'static str,
    data: Vec<Model>,
}

impl From<NamedModel> for Model {
    fn from(model: NamedModel) -> Self {
        Self {
            id: model.name,
            object: "model",
            created: model.created,
            owned_by: match model.source {
                ModelSource::Assistant | ModelSource::Trained(_) => "shopkeeper",
                ModelSource::Decoder(_) | ModelSource::Encoder(_) => "published",
            },
        }
    }
}

async fn list(State(app): State<Arc<App>>) -> Result<Json<ModelList>, ApiError> {
    let models = tokio::task::spawn_blocking(move || app.named_models());
    let models = models.await.map_err(ApiError::internal)?;
    Ok(Json(ModelList {
        object: "list",
        data: models.into_iter().map(Model::from).collect(),
    }))
}

async fn retrieve(
    State(app): State<Arc<App>>,
    Named(id): Named<String>,
) -> Result<Json<Model>, ApiError> {
    Ok(Json(find(&app, id).await?.into()))
}

/// The model of this name.
pub async fn find(app: &Arc<App>, name: String) -> Result<NamedModel, ApiError> {
    let (app, asked) = (app.clone(), name.clone());
    let found = tokio::task::spawn_blocking(move || app.named_model(&asked));
    let found = found.await.map_err(ApiError::internal)?;
    found.ok_or_else(|| refused(format!("there is no model {name:?}")))
}

/// What a request hears that names the wrong model.
pub fn refused(message: String) -> ApiError {
    ApiError {
        param: Some("model".to_owned()),
        ..ApiError::new(Code::UnknownModel, message)
    }
}
