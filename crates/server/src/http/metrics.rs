//! What Prometheus reads: requests and latencies by endpoint, and how much
//! there is of everything.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::app::App;

/// Bounds of the latency histogram, in seconds.
const LATENCY_BOUNDS: &[f64] = &[
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// The process's recorder: metrics are process-wide, whoever asks first makes it.
pub fn recorder() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let builder = PrometheusBuilder::new();
        let builder = builder
            .set_buckets(LATENCY_BOUNDS)
            .unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another metrics recorder is installed; /metrics stays empty");
        }
        handle
    })
}

/// Counts and times each request under the pattern of its path.
pub async fn measure(request: Request, next: Next) -> Response {
    let start = Instant::now();
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let method = request.method().to_string();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    counter!("shopkeeper_requests_total", "method" => method.clone(), "path" => path.clone(), "status" => status)
        .increment(1);
    histogram!("shopkeeper_request_seconds", "method" => method, "path" => path)
        .record(start.elapsed().as_secs_f64());
    response
}

/// `GET /metrics`.
pub async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    let snapshot = app.snapshot();
    gauge!("shopkeeper_log_sequence").set(snapshot.sequence as f64);
    for (kind, count) in &snapshot.counts.records {
        gauge!("shopkeeper_records", "kind" => kind.name()).set(*count as f64);
    }
    for (kind, count) in &snapshot.counts.events {
        let name = serde_json::to_value(kind).ok();
        let name = name
            .as_ref()
            .and_then(|name| name.as_str())
            .unwrap_or_default()
            .to_owned();
        counter!("shopkeeper_events_total", "type" => name).absolute(*count);
    }
    for (service, count) in &snapshot.counts.decisions {
        counter!("shopkeeper_decisions_total", "service" => service.name()).absolute(*count);
    }
    for (part, bytes, most) in snapshot.memory() {
        gauge!("shopkeeper_memory_bytes", "part" => part).set(bytes as f64);
        gauge!("shopkeeper_memory_limit_bytes", "part" => part).set(most as f64);
    }
    let loaded = app.loaded();
    for (service, version, _) in snapshot.trained.iter() {
        let serves = loaded.version(*service).as_ref() == Some(version);
        let version = version.clone();
        gauge!("shopkeeper_model_serving", "service" => service.name(), "version" => version)
            .set(f64::from(u8::from(serves)));
    }
    for (service, version) in loaded.damaged.keys() {
        gauge!("shopkeeper_model_damaged", "service" => service.name(), "version" => version.clone())
            .set(1.0);
    }
    for (queue, waiting) in app.queue_depths() {
        gauge!("shopkeeper_queue_depth", "queue" => queue).set(waiting as f64);
    }
    gauge!("shopkeeper_uptime_seconds").set(app.started.elapsed().as_secs_f64());
    let handle = recorder();
    handle.run_upkeep();
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        handle.render(),
    )
}
