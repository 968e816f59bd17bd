//! `bench serve`: latency of each service over a real connection.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use evaluate::simulator::{Simulation, simulate};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use shop::Record;
use store::{Entry, NewEntry, Store};
use tokio::net::{TcpListener, TcpStream};

use crate::app::App;
use crate::config::Config;
use crate::http::serve;
use crate::jobs::{self, Outcome, TrainRequest};
use crate::pages::encode;
use crate::{progress, table};

/// Connections that are kept open and used at the same time.
const CLIENTS: usize = 4;

/// `bench serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArguments {
    /// How long each endpoint is measured.
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    /// How many products the simulated shop has.
    #[arg(long, default_value_t = 20_000)]
    pub products: usize,
}

/// What is asked of the server; `number` differs from request to request.
struct Load {
    name: &'static str,
    request: fn(&Pool, usize) -> anyhow::Result<Request<Full<Bytes>>>,
}

/// What requests are made of.
struct Pool {
    queries: Vec<String>,
    products: Vec<String>,
    customers: Vec<String>,
    host: String,
}

impl Pool {
    fn one(of: &[String], number: usize) -> &str {
        // A prime step, so that neighbours in time are not neighbours in the shop.
        of.get(number.wrapping_mul(7_919) % of.len().max(1))
            .map_or("x", String::as_str)
    }

    fn get(&self, path: &str) -> anyhow::Result<Request<Full<Bytes>>> {
        Ok(Request::get(path)
            .header("host", &self.host)
            .body(Full::default())?)
    }

    fn post(&self, path: &str, body: &Value) -> anyhow::Result<Request<Full<Bytes>>> {
        let request = Request::builder().method(Method::POST).uri(path);
        let request = request
            .header("host", &self.host)
            .header("content-type", "application/json");
        Ok(request
            .header("accept", "application/json")
            .body(Full::from(body.to_string()))?)
    }
}

const LOADS: &[Load] = &[
    Load {
        name: "search",
        request: |pool, number| {
            let q = Pool::one(&pool.queries, number);
            pool.post(
                "/v1/search",
                &json!({"q": q, "limit": 20, "facets": ["category"]}),
            )
        },
    },
    Load {
        name: "suggest",
        request: |pool, number| {
            let query = Pool::one(&pool.queries, number);
            let typed: String = query.chars().take(1 + number % 5).collect();
            pool.get(&format!("/v1/suggest?q={}", encode(&typed)))
        },
    },
    Load {
        name: "recommendations",
        request: |pool, number| {
            let customer = Pool::one(&pool.customers, number);
            pool.post(
                "/v1/recommendations",
                &json!({"scenario": "for_you", "customer": customer, "limit": 20}),
            )
        },
    },
    Load {
        name: "chat",
        request: |pool, number| {
            const QUESTIONS: [&str; 4] = [
                "What is the return policy?",
                "How long does delivery take?",
                "退货政策是什么？",
                "Where is my order?",
            ];
            let customer = Pool::one(&pool.customers, number);
            let message = QUESTIONS[number % QUESTIONS.len()];
            pool.post(
                "/v1/chat",
                &json!({"message": message, "customer": customer}),
            )
        },
    },
    Load {
        name: "insights",
        request: |pool, _| pool.get("/v1/insights"),
    },
    Load {
        name: "events",
        request: |pool, number| {
            let event = json!({
                "type": "view",
                "id": format!("bench-{number}"),
                "product_id": Pool::one(&pool.products, number),
                "customer_id": Pool::one(&pool.customers, number / 3),
            });
            pool.post("/v1/events", &event)
        },
    },
];

/// Builds a shop, serves it on the loopback address and measures each
/// endpoint in turn.
pub async fn run(arguments: &ServeArguments) -> anyhow::Result<Value> {
    if arguments.seconds == 0 || arguments.products == 0 {
        bail!("--seconds and --products are at least 1");
    }
    let folder = tempfile::tempdir().context("no folder for the shop")?;
    let store = Store::open(folder.path()).await?;
    eprintln!("building a shop of {} products …", arguments.products);
    let mut pool = fill(&store, arguments.products).await?;
    train(&store).await?;
    let app = App::start(Arc::new(store), Config::default()).await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    pool.host = address.to_string();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(serve(app, listener, async move { drop(stopped.await) }));
    let pool = Arc::new(pool);
    let mut measured = json!({"products": arguments.products, "clients": CLIENTS});
    let mut shown = table::with_headings(&["endpoint", "p50 ms", "p99 ms", "requests/s", "failed"]);
    for load in LOADS {
        let figures = measure(load, &pool, &address.to_string(), arguments.seconds).await?;
        shown.add_row([
            load.name.to_owned(),
            format!("{:.2}", figures.p50_ms),
            format!("{:.2}", figures.p99_ms),
            format!("{:.0}", figures.requests_per_second),
            figures.failed.to_string(),
        ]);
        measured[load.name] = json!({
            "p50_ms": figures.p50_ms,
            "p99_ms": figures.p99_ms,
            "requests_per_second": figures.requests_per_second,
            "requests": figures.requests,
            "failed": figures.failed,
        });
    }
    eprintln!("{shown}");
    // The server may have ended by itself; its result says how.
    let _ = stop.send(());
    server.await??;
    Ok(measured)
}

/// How many records go to the log at once.
const BATCH: usize = 5_000;

/// Fills the store with a simulated shop and returns what to ask it.
async fn fill(store: &Store, products: usize) -> anyhow::Result<Pool> {
    let simulation = Simulation {
        products,
        ..Simulation::default()
    };
    let records = tokio::task::spawn_blocking(move || simulate(&simulation).records).await?;
    let texts = |ids: Vec<String>| {
        if ids.is_empty() {
            bail!("the shop is empty")
        } else {
            Ok(ids)
        }
    };
    let pool = Pool {
        queries: texts(
            records
                .judgements
                .iter()
                .map(|judged| judged.query.clone())
                .collect(),
        )?,
        products: texts(
            records
                .products
                .iter()
                .map(|product| product.id.to_string())
                .collect(),
        )?,
        customers: texts(
            records
                .customers
                .iter()
                .map(|one| one.id.to_string())
                .collect(),
        )?,
        host: String::new(),
    };
    let everything = (records.products.into_iter().map(Record::Product))
        .chain(records.customers.into_iter().map(Record::Customer))
        .chain(records.orders.into_iter().map(Record::Order))
        .chain(records.events.into_iter().map(Record::Event))
        .chain(records.reviews.into_iter().map(Record::Review))
        .chain(records.conversations.into_iter().map(Record::Conversation))
        .chain(records.documents.into_iter().map(Record::Document))
        .chain(records.judgements.into_iter().map(Record::Judgement))
        .chain(records.labelled.into_iter().map(Record::Labelled));
    let entries: Vec<NewEntry> = everything
        .map(|record| NewEntry {
            id: None,
            entry: Entry::Record(record),
        })
        .collect();
    let mut rest = entries.into_iter();
    loop {
        let batch: Vec<_> = rest.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return Ok(pool);
        }
        store.append(batch).await?;
    }
}

/// Trains every model that there is data for, and lets it serve whatever the
/// gate says: speed is measured here, not quality.
async fn train(store: &Store) -> anyhow::Result<()> {
    let config = Config::default();
    let request = TrainRequest {
        base: None,
        services: Vec::new(),
        size: config.size,
        seed: config.seed,
        threads: config.training_threads(),
        resume: false,
        promote: false,
    };
    let stop = Arc::new(AtomicBool::new(false));
    for outcome in jobs::train(store, &request, stop, progress::for_stderr()).await? {
        if let Outcome::Trained {
            service, version, ..
        } = outcome
        {
            jobs::promote(store, service, &version).await?;
        }
    }
    Ok(())
}

struct Figures {
    p50_ms: f64,
    p99_ms: f64,
    requests_per_second: f64,
    requests: usize,
    failed: usize,
}

async fn measure(
    load: &'static Load,
    pool: &Arc<Pool>,
    address: &str,
    seconds: u64,
) -> anyhow::Result<Figures> {
    let start = Instant::now();
    let deadline = start + Duration::from_secs(seconds);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (pool, address) = (pool.clone(), address.to_owned());
            tokio::spawn(async move { one_client(load, &pool, &address, client, deadline).await })
        })
        .collect();
    let mut latencies = Vec::new();
    let mut failed = 0;
    for client in clients {
        let (own, own_failed) = client.await??;
        latencies.extend(own);
        failed += own_failed;
    }
    let seconds = start.elapsed().as_secs_f64();
    latencies.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = (latencies.len() as f64 * share) as usize;
        latencies
            .get(place.min(latencies.len().saturating_sub(1)))
            .copied()
            .unwrap_or(f64::NAN)
    };
    Ok(Figures {
        p50_ms: at(0.5),
        p99_ms: at(0.99),
        requests_per_second: latencies.len() as f64 / seconds,
        requests: latencies.len(),
        failed,
    })
}

/// One connection, one request after the other; the first few only warm up.
async fn one_client(
    load: &Load,
    pool: &Pool,
    address: &str,
    client: usize,
    deadline: Instant,
) -> anyhow::Result<(Vec<f64>, usize)> {
    const WARM_UP: usize = 5;
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended");
        }
    });
    let mut latencies = Vec::new();
    let mut failed = 0;
    let mut round = 0;
    while Instant::now() < deadline {
        let request = (load.request)(pool, round * CLIENTS + client)?;
        let begun = Instant::now();
        let good = ask(&mut sender, request).await?;
        if round >= WARM_UP {
            latencies.push(begun.elapsed().as_secs_f64() * 1_000.0);
            failed += usize::from(!good);
        }
        round += 1;
    }
    Ok((latencies, failed))
}

/// Sends a request and reads the whole answer.
async fn ask(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> anyhow::Result<bool> {
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    let good = response.status().is_success();
    response.into_body().collect().await?;
    Ok(good)
}
