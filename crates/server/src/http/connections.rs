//! Connections: how many there are, and how long each may take for what it
//! does. A header is complete within seconds of its first byte, a body within
//! a minute (or longer while it comes at [`LEAST_RATE`]), and a connection
//! without a request ends. A stream of server-sent events is a request that is
//! being answered for as long as its reader keeps up.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, Sleep};
use tower::ServiceExt;

use super::error::{ApiError, Code};
use crate::config::Config;

/// Descriptors that are left for the store, artifacts, uploads and what is
/// asked of others.
const RESERVED_DESCRIPTORS: usize = 256;

/// The most connections where the descriptors would allow more.
const MOST_CONNECTIONS: usize = 10_000;

/// Connections beyond the limit that hear so at the same time; still more are
/// closed at once.
const REFUSALS: usize = 32;

/// How long it may take to tell one that there are too many.
const REFUSAL_TIME: Duration = Duration::from_secs(1);

/// When to come again, in seconds.
const RETRY_AFTER_SECONDS: &str = "5";

/// A body may take longer than its time while it comes at this rate, in bytes
/// a second: imports are long.
const LEAST_RATE: f64 = 65_536.0;

/// What hyper may hold of a header or a piece of a body, in bytes.
const BUFFER_BYTES: usize = 64 * 1024;

/// How long to wait when the system refuses another connection.
const REFUSED_BY_SYSTEM: Duration = Duration::from_millis(50);

/// What a connection may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    connections: usize,
    header: Duration,
    body: Duration,
    idle: Duration,
}

impl Limits {
    /// The limits that are configured, within what the system allows.
    pub fn new(config: &Config) -> Self {
        let allowed = descriptors().map_or(MOST_CONNECTIONS, |descriptors| {
            let left = descriptors.saturating_sub(RESERVED_DESCRIPTORS + REFUSALS);
            left.max(descriptors / 2).clamp(1, MOST_CONNECTIONS)
        });
        Self {
            connections: match config.connections {
                0 => allowed,
                most => most.min(allowed),
            },
            header: Duration::from_millis(config.header_timeout_ms),
            body: Duration::from_millis(config.body_timeout_ms),
            idle: Duration::from_millis(config.idle_timeout_ms),
        }
    }
}

/// How many files this process may have open, once it has asked for as many
/// as it can get.
#[cfg(unix)]
fn descriptors() -> Option<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let before = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: before.maximum,
        maximum: before.maximum,
    };
    // Some systems promise more than they give: then it stays as it was.
    let after = match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => getrlimit(Resource::Nofile),
        Err(_) => before,
    };
    after.current.and_then(|most| usize::try_from(most).ok())
}

#[cfg(not(unix))]
fn descriptors() -> Option<usize> {
    None
}

/// Accepts connections until `stop` says so; returns when all have ended.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    loop {
        let accepted = tokio::select! {
            biased;
            // An error means that whoever could say so is gone.
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(REFUSED_BY_SYSTEM).await;
                continue;
            }
        };
        // A word of a stream goes out when it is said, not when a packet is
        // full.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
        if let Ok(place) = places.clone().try_acquire_owned() {
            let (router, stop) = (router.clone(), stop.clone());
            tokio::spawn(async move {
                serve_one(stream, peer, router, limits, stop).await;
                drop(place);
            });
        } else if let Ok(held) = refusals.clone().try_acquire_owned() {
            tokio::spawn(async move {
                // Whoever does not listen needs no answer.
                let _ = tokio::time::timeout(REFUSAL_TIME, refuse(stream)).await;
                drop(held);
            });
        }
    }
    drop(listener);
    let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    // Nothing closes the semaphore.
    let _ = places.acquire_many(all).await;
}

/// Says that there are too many connections.
async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    let error = ApiError::new(Code::Overloaded, "there are too many connections");
    let body = error.to_json().to_string();
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: {RETRY_AFTER_SECONDS}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    // What was sent is read, or closing would take the answer back.
    let mut unread = [0; 1024];
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}

async fn serve_one(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    let activity = Arc::new(Activity::default());
    let io = TokioIo::new(Watched {
        stream,
        activity: activity.clone(),
    });
    let watched = activity.clone();
    let service = service_fn(move |request| {
        answer(router.clone(), request, peer, watched.clone(), limits.body)
    });
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(io, service);
    let mut connection = pin!(connection);
    let mut alarm = pin!(tokio::time::sleep(limits.idle));
    let mut stopping = pin!(async move {
        let _ = stop.wait_for(|stop| *stop).await;
    });
    let mut is_stopping = false;
    std::future::poll_fn(|context| {
        if !is_stopping && stopping.as_mut().poll(context).is_ready() {
            is_stopping = true;
            connection.as_mut().graceful_shutdown();
        }
        if let Poll::Ready(ended) = connection.as_mut().poll(context) {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection broke off");
            }
            return Poll::Ready(());
        }
        let deadline = match activity.deadline(&limits, is_stopping) {
            Deadline::Now => return Poll::Ready(()),
            Deadline::At(deadline) => deadline,
            Deadline::Never => return Poll::Pending,
        };
        if alarm.deadline() != deadline {
            alarm.as_mut().reset(deadline);
        }
        alarm.as_mut().poll(context)
    })
    .await;
}

async fn answer(
    router: Router,
    request: hyper::Request<Incoming>,
    peer: SocketAddr,
    activity: Arc<Activity>,
    body_time: Duration,
) -> Result<hyper::Response<AnswerBody>, std::convert::Infallible> {
    activity.put(Phase::Answering);
    let answering = Answering(activity);
    let late = Late::default();
    let mut request = request.map(|body| {
        Body::new(TimedBody {
            body,
            late: late.clone(),
            begun: Instant::now(),
            time: body_time,
            received: 0,
            alarm: None,
        })
    });
    request.extensions_mut().insert(ConnectInfo(peer));
    request.extensions_mut().insert(late);
    let response = router.oneshot(request).await?;
    Ok(response.map(|body| AnswerBody {
        body,
        _answering: answering,
    }))
}

/// Whether the body of a request came too late.
#[derive(Debug, Clone, Default)]
struct Late(Arc<AtomicBool>);

/// Whatever was made of a body that came too late: the answer says that it
/// did, and the connection ends.
pub async fn say_late(request: Request, next: Next) -> Response {
    let late = request.extensions().get::<Late>().cloned();
    let response = next.run(request).await;
    if !late.is_some_and(|late| late.0.load(Ordering::Relaxed)) {
        return response;
    }
    let error = ApiError::new(Code::RequestTimeout, "the body did not come in time");
    let mut response = error.into_response();
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy)]
enum Phase {
    /// No request has begun, since then.
    Idle(Instant),
    /// The header of a request began to come then.
    Header(Instant),
    /// A request is being answered.
    Answering,
}

#[derive(Debug)]
struct Doing {
    phase: Phase,
    /// Since when the other end has taken nothing of what waits for it.
    stalled: Option<Instant>,
}

/// What a connection is doing, as its socket and its requests see it.
#[derive(Debug)]
struct Activity(Mutex<Doing>);

impl Default for Activity {
    fn default() -> Self {
        Self(Mutex::new(Doing {
            phase: Phase::Idle(Instant::now()),
            stalled: None,
        }))
    }
}

/// When a connection ends unless something happens.
enum Deadline {
    Now,
    At(Instant),
    Never,
}

impl Activity {
    fn doing(&self) -> MutexGuard<'_, Doing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, phase: Phase) {
        self.doing().phase = phase;
    }

    fn heard(&self) {
        let mut doing = self.doing();
        if let Phase::Idle(_) = doing.phase {
            doing.phase = Phase::Header(Instant::now());
        }
    }

    fn wrote(&self, is_stalled: bool) {
        let mut doing = self.doing();
        doing.stalled = match (is_stalled, doing.stalled) {
            (true, None) => Some(Instant::now()),
            (true, since) => since,
            (false, _) => None,
        };
    }

    fn deadline(&self, limits: &Limits, is_stopping: bool) -> Deadline {
        let doing = self.doing();
        match (doing.phase, doing.stalled) {
            (_, Some(since)) => Deadline::At(since + limits.body),
            (Phase::Idle(_), None) if is_stopping => Deadline::Now,
            (Phase::Idle(since), None) => Deadline::At(since + limits.idle),
            (Phase::Header(since), None) => Deadline::At(since + limits.header),
            (Phase::Answering, None) => Deadline::Never,
        }
    }
}

/// A request that is being answered; until this is dropped.
struct Answering(Arc<Activity>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.put(Phase::Idle(Instant::now()));
    }
}

/// The body of an answer.
struct AnswerBody {
    body: Body,
    _answering: Answering,
}

impl hyper::body::Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a request, which breaks off when it comes too late.
struct TimedBody {
    body: Incoming,
    late: Late,
    begun: Instant,
    time: Duration,
    received: u64,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl hyper::body::Body for TimedBody {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            if let Some(Ok(frame)) = &frame {
                self.received += frame.data_ref().map_or(0, |data| data.len() as u64);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let more = Duration::from_secs_f64(self.received as f64 / LEAST_RATE);
        let deadline = self.begun + self.time + more;
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if alarm.deadline() != deadline {
            alarm.as_mut().reset(deadline);
        }
        ready!(alarm.as_mut().poll(context));
        self.late.0.store(true, Ordering::Relaxed);
        let error = io::Error::new(io::ErrorKind::TimedOut, "it did not come in time");
        Poll::Ready(Some(Err(error.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A socket that tells when something is heard and when nothing can be said.
struct Watched {
    stream: TcpStream,
    activity: Arc<Activity>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.heard();
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, data);
        self.activity.wrote(polled.is_pending());
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, data);
        self.activity.wrote(polled.is_pending());
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
