//! Models and indexes follow the log: a promoted version is loaded beside the
//! one that serves and takes its place as a whole, so that no request fails.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use serve::ServeError;
use serve::search::Index;
use shop::Service;
use store::{Snapshot, Store};
use tokio::task::JoinHandle;

use super::App;
use super::loaded::{InsightPart, Loaded, SearchPart, SupportPart, Versioned};

/// How often the snapshot is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

type Files = BTreeMap<String, Vec<u8>>;

/// After looking at what changed, nothing is looked at for so many times as
/// long: changes never take the machine from the requests.
const REST: u32 = 5;

/// An index on its way.
#[derive(Default)]
pub struct Refreshing {
    rebuilding: Option<JoinHandle<Result<Index, ServeError>>>,
    not_before: Option<Instant>,
}

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
        refresh(&app, false).await;
    }
}

/// Brings what serves up to the present snapshot, and waits for what takes
/// long.
pub async fn refresh_once(app: &App) {
    refresh(app, true).await;
}

async fn refresh(app: &App, wait: bool) {
    let mut refreshing = app.refreshing.lock().await;
    let before = app.loaded();
    if let Some(after) = refreshed(app, &before, &mut refreshing, wait).await {
        app.loaded.store(Arc::new(after));
    }
}

/// What should serve now, or `None` when nothing has changed since `before`.
async fn refreshed(
    app: &App,
    before: &Loaded,
    refreshing: &mut Refreshing,
    wait: bool,
) -> Option<Loaded> {
    let store = &app.store;
    let snapshot = store.snapshot();
    let mut after = before.clone();
    let mut changed = false;
    for service in app.services.iter().copied() {
        changed |= match service {
            Service::Search => {
                let fresh_model = refresh_ranker(store, &snapshot, &mut after).await;
                fresh_model | refresh_index(&snapshot, &mut after, refreshing, wait).await
            }
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

/// The best version that is not known to be damaged, when it is not the one that
/// serves: the one that was promoted last; of those damaged, the ones that served
/// before it, latest first; then those that never served, newest first. Where
/// nothing was ever promoted nothing is wanted.
fn wanted<'a>(snapshot: &'a Snapshot, loaded: &Loaded, service: Service) -> Option<&'a str> {
    let current = snapshot.serving.get(&service)?;
    let served = snapshot.promoted.get(&service).into_iter().flatten().rev();
    let trained = snapshot.trained.iter().rev();
    let trained = trained.filter(|(of, ..)| *of == service);
    let mut versions = std::iter::once(current)
        .chain(served)
        .chain(trained.map(|(_, version, _)| version));
    let intact = versions.find(|version| loaded.damage(service, version).is_none())?;
    (loaded.version(service).as_ref() != Some(intact)).then_some(intact.as_str())
}

/// Loads the version that is wanted; those that cannot be loaded are noted, and
/// the next best is tried. `None` where what serves is what is wanted.
async fn load<T: Send + 'static>(
    store: &Store,
    snapshot: &Snapshot,
    loaded: &mut Loaded,
    service: Service,
    read: fn(&Files) -> Result<T, ServeError>,
) -> Option<Versioned<T>> {
    while let Some(version) = wanted(snapshot, loaded, service) {
        match load_version(store, service, version, read).await {
            Ok(model) => return Some(model),
            Err(reason) => {
                let damaged = (service, version.to_owned());
                loaded.damaged.insert(damaged, reason);
            }
        }
    }
    None
}

/// Loads one version, or says why it cannot be loaded.
async fn load_version<T: Send + 'static>(
    store: &Store,
    service: Service,
    version: &str,
    read: fn(&Files) -> Result<T, ServeError>,
) -> Result<Versioned<T>, String> {
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
            Ok(Versioned {
                version: version.to_owned(),
                model: Arc::new(model),
            })
        }
        Err(error) => {
            tracing::error!(
                service = name,
                version,
                error,
                "a model cannot be loaded; the newest intact version serves"
            );
            Err(error)
        }
    }
}

/// Loads the search model that should serve.
async fn refresh_ranker(store: &Store, snapshot: &Arc<Snapshot>, loaded: &mut Loaded) -> bool {
    let known_damage = loaded.damaged.len();
    let read = serve::search::Model::load;
    let Some(model) = load(store, snapshot, loaded, Service::Search, read).await else {
        return loaded.damaged.len() != known_damage;
    };
    match &mut loaded.search {
        Some(part) => part.model = Some(model),
        None => {
            // The first index waits for its model, so that it is built once.
            let index = build_index(snapshot, Some(&model));
            if let Some(Ok(index)) = index.await {
                let index = Arc::new(index);
                let model = Some(model);
                loaded.search = Some(SearchPart { index, model });
            }
        }
    }
    true
}

/// Indexes all products for a model, off the async threads.
async fn build_index(
    snapshot: &Arc<Snapshot>,
    model: Option<&Versioned<serve::search::Model>>,
) -> Option<Result<Index, ServeError>> {
    let (snapshot, model) = (snapshot.clone(), model.map(|model| model.model.clone()));
    aside(move || Index::build_for(&snapshot.catalogue, model.as_deref())).await
}

/// Brings the index up to the present: what changed is indexed beside the
/// rest; when that is much, or the model is another one, everything is indexed
/// anew in the background and swapped in when it is done.
async fn refresh_index(
    snapshot: &Arc<Snapshot>,
    loaded: &mut Loaded,
    refreshing: &mut Refreshing,
    wait: bool,
) -> bool {
    let mut changed = false;
    if loaded.search.is_none() {
        match build_index(snapshot, None).await {
            Some(Ok(index)) => {
                let index = Arc::new(index);
                loaded.search = Some(SearchPart { index, model: None });
                changed = true;
            }
            Some(Err(error)) => tracing::error!(%error, "the catalogue cannot be indexed"),
            None => {}
        }
    }
    let Some(part) = &mut loaded.search else {
        return changed;
    };
    let model = part.model.as_ref().map(|model| model.model.clone());
    let outdated = part.index.needs_merge() || !part.index.is_for(model.as_deref());
    if outdated && refreshing.rebuilding.is_none() {
        let (snapshot, model) = (snapshot.clone(), model.clone());
        refreshing.rebuilding = Some(tokio::task::spawn_blocking(move || {
            Index::build_for(&snapshot.catalogue, model.as_deref())
        }));
    }
    if let Some(work) = refreshing
        .rebuilding
        .take_if(|work| wait || work.is_finished())
    {
        match work.await {
            Ok(Ok(index)) => {
                part.index = Arc::new(index);
                changed = true;
            }
            Ok(Err(error)) => tracing::error!(%error, "the catalogue cannot be indexed"),
            Err(error) => tracing::error!(%error, "indexing the catalogue failed"),
        }
    }
    let resting = refreshing
        .not_before
        .is_some_and(|end| Instant::now() < end);
    if resting && !wait && !changed {
        return false;
    }
    let (index, now) = (part.index.clone(), snapshot.clone());
    let begun = Instant::now();
    if let Some(Some(index)) = aside(move || index.refreshed(&now)).await {
        part.index = Arc::new(index);
        refreshing.not_before = Some(Instant::now() + begun.elapsed() * REST);
        changed = true;
    }
    changed
}

async fn refresh_recommend(store: &Store, snapshot: &Arc<Snapshot>, loaded: &mut Loaded) -> bool {
    let known_damage = loaded.damaged.len();
    let read = serve::recommend::Model::load;
    match load(store, snapshot, loaded, Service::Recommend, read).await {
        Some(model) => loaded.recommend = Some(model),
        None => return loaded.damaged.len() != known_damage,
    }
    true
}

async fn refresh_support(app: &App, snapshot: &Arc<Snapshot>, loaded: &mut Loaded) -> bool {
    let known_damage = loaded.damaged.len();
    let read = serve::support::Model::load;
    let fresh = load(&app.store, snapshot, loaded, Service::Support, read).await;
    let before = loaded.support.clone();
    let current = before
        .as_ref()
        .is_some_and(|part| part.knowledge.is_current(snapshot));
    if current && fresh.is_none() {
        return loaded.damaged.len() != known_damage;
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
    let known_damage = loaded.damaged.len();
    let read = serve::insight::Model::load;
    let fresh = load(store, snapshot, loaded, Service::Insight, read).await;
    let before = loaded.insight.clone();
    let current = before
        .as_ref()
        .is_none_or(|part| part.snapshot.reviews.ptr_eq(&snapshot.reviews));
    if fresh.is_none() && current {
        return loaded.damaged.len() != known_damage;
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
