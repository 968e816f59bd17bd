//! Models and indexes follow the log: a promoted version is loaded beside the
//! one that serves and takes its place as a whole, so that no request fails.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use serve::ServeError;
use shop::Service;
use store::{Snapshot, Store};

use super::App;
use super::loaded::{InsightPart, Loaded, SearchPart, SupportPart, Versioned};

/// How often the snapshot is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

type Files = BTreeMap<String, Vec<u8>>;

/// Looks for changes until the server is gone.
pub(super) async fn keep_fresh(app: Weak<App>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(app) = app.upgrade() else {
            return;
        };
        if app.is_stopping() {
            return;
        }
        refresh_once(&app).await;
    }
}

/// Brings what serves up to the present snapshot.
pub async fn refresh_once(app: &App) {
    let before = app.loaded();
    if let Some(after) = refreshed(app, &before).await {
        app.loaded.store(Arc::new(after));
    }
}

/// What should serve now, or `None` when nothing has changed since `before`.
async fn refreshed(app: &App, before: &Loaded) -> Option<Loaded> {
    let store = &app.store;
    let snapshot = store.snapshot();
    let mut after = before.clone();
    let mut changed = false;
    for service in app.services.iter().copied() {
        changed |= match service {
            Service::Search => refresh_search(store, &snapshot, &mut after).await,
            Service::Recommend => refresh_recommend(store, &snapshot, &mut after).await,
            Service::Support => refresh_support(app, &snapshot, &mut after).await,
            Service::Insight => refresh_insight(store, &snapshot, &mut after).await,
        };
    }
    changed.then_some(after)
}

/// Off the async threads; `None` when the work panicked, which is logged where
/// it happens.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

/// The version that should serve, when it is not the one that does and is not
/// known to be unusable.
fn wanted<'a>(snapshot: &'a Snapshot, loaded: &Loaded, service: Service) -> Option<&'a str> {
    let wanted = snapshot.serving.get(&service)?;
    let serves = loaded.version(service).as_ref() == Some(wanted);
    let refused = loaded.refused.get(&service) == Some(wanted);
    (!serves && !refused).then_some(wanted.as_str())
}

/// Loads a version; one that cannot be loaded is noted and the old one stays.
async fn load<T: Send + 'static>(
    store: &Store,
    loaded: &mut Loaded,
    service: Service,
    version: &str,
    read: fn(&Files) -> Result<T, ServeError>,
) -> Option<Versioned<T>> {
    let name = service.name();
    let model = match store.get_artifact(name, version).await {
        Ok(files) => aside(move || read(&files))
            .await
            .unwrap_or_else(|| Err(ServeError::Artifact("loading it panicked".to_owned())))
            .map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match model {
        Ok(model) => {
            tracing::info!(service = name, version, "a model serves");
            loaded.refused.remove(&service);
            Some(Versioned {
                version: version.to_owned(),
                model: Arc::new(model),
            })
        }
        Err(error) => {
            tracing::error!(
                service = name,
                version,
                error,
                "a model cannot be loaded; what served before goes on"
            );
            loaded.refused.insert(service, version.to_owned());
            None
        }
    }
}

async fn refresh_search(store: &Store, snapshot: &Arc<Snapshot>, loaded: &mut Loaded) -> bool {
    let (mut changed, mut fresh) = (false, None);
    if let Some(version) = wanted(snapshot, loaded, Service::Search) {
        let model = load(
            store,
            loaded,
            Service::Search,
            version,
            serve::search::Model::load,
        )
        .await;
        if let (Some(model), Some(part)) = (model.clone(), &mut loaded.search) {
            part.model = Some(model);
        }
        fresh = model;
        changed = true;
    }
    let model = loaded.search.as_ref().and_then(|part| part.model.clone());
    let model = model.or(fresh);
    let current = loaded.search.as_ref().is_some_and(|part| {
        let model = model.as_ref().map(|model| &*model.model);
        part.index.revision() == snapshot.catalogue.revision && part.index.is_for(model)
    });
    if !current {
        let catalogue = snapshot.catalogue.clone();
        let own = model.clone();
        let build = move || {
            let model = own.as_ref().map(|model| &*model.model);
            serve::search::Index::build_for(&catalogue, model)
        };
        match aside(build).await {
            Some(Ok(index)) => {
                let index = Arc::new(index);
                loaded.search = Some(SearchPart { index, model });
                changed = true;
            }
            Some(Err(error)) => tracing::error!(%error, "the catalogue cannot be indexed"),
            None => {}
        }
    }
    changed
}

async fn refresh_recommend(store: &Store, snapshot: &Arc<Snapshot>, loaded: &mut Loaded) -> bool {
    let Some(version) = wanted(snapshot, loaded, Service::Recommend) else {
        return false;
    };
    let read = serve::recommend::Model::load;
    if let Some(model) = load(store, loaded, Service::Recommend, version, read).await {
        loaded.recommend = Some(model);
    }
    true
}

async fn refresh_support(app: &App, snapshot: &Arc<Snapshot>, loaded: &mut Loaded) -> bool {
    let fresh = match wanted(snapshot, loaded, Service::Support) {
        Some(version) => {
            load(
                &app.store,
                loaded,
                Service::Support,
                version,
                serve::support::Model::load,
            )
            .await
        }
        None => None,
    };
    let before = loaded.support.clone();
    let current = before
        .as_ref()
        .is_some_and(|part| part.knowledge.is_current(snapshot));
    if current && fresh.is_none() {
        return false;
    }
    let anew = fresh.is_some();
    let model = fresh.or_else(|| before.as_ref().and_then(|part| part.model.clone()));
    let (snapshot, language) = (snapshot.clone(), model.clone());
    let encoder = app.encoder.clone();
    let knowledge = aside(move || {
        let model = language.as_ref().map(|model| &*model.model);
        match before {
            Some(part) if !anew => part.knowledge.refreshed(&snapshot, model),
            _ => {
                let built = serve::support::Knowledge::build(&snapshot, model);
                match encoder {
                    Some(encoder) => built.with_encoder(encoder),
                    None => built,
                }
            }
        }
    })
    .await;
    if let Some(knowledge) = knowledge {
        let knowledge = Arc::new(knowledge);
        loaded.support = Some(SupportPart { knowledge, model });
    }
    true
}

async fn refresh_insight(store: &Store, snapshot: &Arc<Snapshot>, loaded: &mut Loaded) -> bool {
    let fresh = match wanted(snapshot, loaded, Service::Insight) {
        Some(version) => {
            load(
                store,
                loaded,
                Service::Insight,
                version,
                serve::insight::Model::load,
            )
            .await
        }
        None => None,
    };
    let before = loaded.insight.clone();
    let current = before
        .as_ref()
        .is_none_or(|part| part.snapshot.reviews.ptr_eq(&snapshot.reviews));
    if fresh.is_none() && current {
        return false;
    }
    // What the old model said of a review says nothing about the new one.
    let (model, known) = match (fresh, before) {
        (Some(model), _) => (model, None),
        (None, Some(part)) => (part.model, Some(part.scores)),
        (None, None) => return true,
    };
    let (now, classifier) = (snapshot.clone(), model.model.clone());
    let scores = aside(move || serve::insight::score(&now, &classifier, known.as_deref())).await;
    if let Some(scores) = scores {
        let scores = Arc::new(scores);
        let snapshot = snapshot.clone();
        loaded.insight = Some(InsightPart {
            model,
            scores,
            snapshot,
        });
    }
    true
}
