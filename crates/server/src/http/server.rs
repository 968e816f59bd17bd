use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use super::connections::{self, Limits};
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
    stop: impl Future<Output = ()> + Send,
) -> std::io::Result<()> {
    let (told, begun) = tokio::sync::watch::channel(false);
    imports::resume(&app);
    let limits = Limits::new(&app.config);
    let serving = connections::serve(listener, router(app.clone()), limits, begun);
    let late = async {
        stop.await;
        app.begin_stop();
        // The receiver lives as long as there is somebody to tell.
        let _ = told.send(true);
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        () = serving => {}
        () = late => tracing::warn!("some requests took too long and were cut off"),
    }
    let tasks = async {
        while app.tasks.is_any_running() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    if tokio::time::timeout(GRACE, tasks).await.is_err() {
        tracing::warn!("an import or a training was cut off; what it had stored stays");
    }
    app.flush().await;
    Ok(())
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
