//! What is kept for a while only.

use std::sync::Weak;
use std::time::Duration;

use super::{App, now};

/// How often what has expired is dropped. The first time is soon after the
/// start, when the requests that waited for it are answered.
const EVERY: Duration = Duration::from_secs(3_600);
const FIRST: Duration = Duration::from_secs(60);

/// Drops the explanations of old decisions until the server is gone.
pub(super) async fn expire(app: Weak<App>) {
    let mut pause = FIRST;
    loop {
        tokio::time::sleep(pause).await;
        pause = EVERY;
        let Some(app) = app.upgrade() else {
            return;
        };
        if app.is_stopping() {
            return;
        }
        let days = app.config.explanation_days;
        match app.store.expire_explanations(now(), days).await {
            Ok(pieces) => tracing::debug!(pieces, "explanations older than {days} days dropped"),
            Err(error) => tracing::warn!(%error, "old explanations stay for another hour"),
        }
    }
}
