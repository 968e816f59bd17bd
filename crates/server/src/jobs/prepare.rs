use std::sync::Arc;

use corpus::{Corpus, PrepareOptions};
use shop::Progress;
use store::Store;

/// The artifact that holds the corpus.
const CORPUS: &str = "corpus";

/// Replays the log, makes the corpus of it and stores that as an artifact.
/// Returns the corpus and its version.
pub async fn prepare(
    store: &Store,
    seed: u64,
    progress: &dyn Progress,
) -> anyhow::Result<(Arc<Corpus>, String)> {
    progress.begin("prepare the corpus", 0);
    let records = store.records().await?;
    let options = PrepareOptions {
        seed,
        ..PrepareOptions::default()
    };
    let corpus =
        tokio::task::spawn_blocking(move || Arc::new(corpus::prepare(&records, &options))).await?;
    let card = serde_json::to_value(&corpus.card)?;
    let version = store.put_artifact(CORPUS, corpus.to_files(), card).await?;
    progress.end(&format!("corpus {version}"));
    Ok((corpus, version))
}
