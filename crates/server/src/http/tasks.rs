//! Work that outlasts its request, and the one that trains.

use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shop::{Id, Service};

use super::endpoint::Endpoint;
use super::error::{ApiError, Code};
use super::extract::{JsonBody, Named};
use crate::app::{App, Task, TaskProgress, fresh_id, now};
use crate::bases;
use crate::config::Scope;
use crate::jobs::{self, TrainRequest};

/// The routes of this file.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get(
            "/v1/tasks/{id}",
            Some(Scope::Write),
            "How an import or a training stands",
            task,
        )
        .answers::<Task>(),
        Endpoint::get(
            "/v1/tasks",
            Some(Scope::Write),
            "The last tasks, newest first",
            tasks,
        )
        .answers::<RecentTasks>(),
        Endpoint::post(
            "/v1/train",
            Some(Scope::Admin),
            "Prepares the corpus and trains; models that pass the gate serve at once",
            train,
        )
        .answers::<Task>()
        .status(202),
    ]
}

async fn task(State(app): State<Arc<App>>, Named(id): Named<Id>) -> Result<Json<Task>, ApiError> {
    app.tasks
        .get(&id)
        .map(Json)
        .ok_or_else(|| ApiError::new(Code::UnknownTask, format!("there is no task {id}")))
}

/// The last tasks, newest first.
#[derive(Serialize, JsonSchema)]
struct RecentTasks {
    tasks: Vec<Task>,
}

async fn tasks(State(app): State<Arc<App>>) -> Json<RecentTasks> {
    Json(RecentTasks {
        tasks: app.tasks.recent(100),
    })
}

/// Notes a task and runs it beside the request that asked for it.
pub fn begin<W>(
    app: &Arc<App>,
    id: Id,
    kind: &'static str,
    alone: bool,
    work: impl FnOnce(Id) -> W,
) -> Result<Task, ApiError>
where
    W: Future<Output = Result<Value, String>> + Send + 'static,
{
    let task = app
        .tasks
        .begin(id.clone(), kind, alone, now())
        .ok_or_else(|| ApiError::new(Code::JobRunning, format!("another {kind} is running")))?;
    let work = tokio::spawn(work(id.clone()));
    let tasks = app.tasks.clone();
    tokio::spawn(async move {
        let outcome = match work.await {
            Ok(outcome) => outcome,
            Err(_) => Err("the work failed; the server's log says more".to_owned()),
        };
        tasks.finish(&id, outcome, now());
    });
    Ok(task)
}

/// What is to be trained.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "TrainRequest")]
struct Wanted {
    /// Which services; none for all.
    services: Vec<Service>,
    /// How much effort.
    size: Option<::train::Size>,
    /// The name of a base; no path, which is for whoever has the machine.
    base: Option<String>,
}

async fn train(
    State(app): State<Arc<App>>,
    JsonBody(wanted): JsonBody<Wanted>,
) -> Result<(StatusCode, Json<Task>), ApiError> {
    let base = match wanted.base.as_deref() {
        None => None,
        Some(name) if wanted.services == [Service::Support] => {
            let found = bases::named(app.store.folder(), name);
            Some(
                found
                    .ok_or_else(|| ApiError::field("base", format!("there is no base {name:?}")))?,
            )
        }
        Some(_) => {
            let reason = "only support starts from a base: `services` has to be [\"support\"]";
            return Err(ApiError::field("base", reason));
        }
    };
    let request = TrainRequest {
        base,
        services: wanted.services,
        size: wanted.size.unwrap_or(app.config.size),
        seed: app.config.seed,
        threads: app.config.training_threads(),
        resume: true,
        promote: true,
    };
    let task = begin(&app, fresh_id(), "train", true, |id| {
        let (store, tasks) = (app.store.clone(), app.tasks.clone());
        async move {
            let stop = tasks.stop_flag();
            let stage = Mutex::default();
            let progress = Arc::new(TaskProgress { tasks, id, stage });
            let outcomes = jobs::train(&store, &request, stop, progress).await;
            outcomes
                .map(|outcomes| json!({"outcomes": outcomes}))
                .map_err(|error| format!("{error:#}"))
        }
    })?;
    Ok((StatusCode::ACCEPTED, Json(task)))
}
