use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;

use super::{imports, router};
use crate::app::App;

/// How long requests that have begun may take after shutdown was asked for.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until `stop` resolves: then no connection is accepted any more,
/// requests that have begun are finished, training saves its checkpoint, and
/// decisions reach the log.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let (told, mut begun) = tokio::sync::watch::channel(false);
    let stopping = {
        let app = app.clone();
        async move {
            stop.await;
            app.begin_stop();
            // The receiver lives in this function as long as this future does.
            let _ = told.send(true);
        }
    };
    // A word of a stream goes out when it is said, not when a packet is full.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
    });
    imports::resume(&app);
    let serving = axum::serve(listener, router(app.clone())).with_graceful_shutdown(stopping);
    let late = async move {
        // An error means that serving ended without being asked to.
        let _ = begun.wait_for(|begun| *begun).await;
        tokio::time::sleep(GRACE).await;
    };
    let ended = tokio::select! {
        ended = serving => ended,
        () = late => {
            tracing::warn!("some requests took too long and were cut off");
            Ok(())
        }
    };
    let tasks = async {
        while app.tasks.is_any_running() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    if tokio::time::timeout(GRACE, tasks).await.is_err() {
        tracing::warn!("an import or a training was cut off; what it had stored stays");
    }
    app.flush().await;
    ended
}

/// Resolves at Ctrl-C or SIGTERM.
pub async fn stop_signal() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        () = interrupted => {}
        () = terminated => {}
    }
}
