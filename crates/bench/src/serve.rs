//! `bench serve`: latency of each service over a real connection.

use std::collections::BTreeSet;
use std::path::PathBuf;
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
use shop::{Id, Record, Service};
use store::{Entry, NewEntry, Snapshot, Store};
use tokio::net::{TcpListener, TcpStream};

use server::app::App;
use server::config::Config;
use server::http::serve;
use server::jobs::{self, Outcome, TrainRequest};
use server::pages::encode;
use server::{progress, table};

/// Connections that are kept open and used at the same time.
const CLIENTS: usize = 4;
/// Conversations that go on at the same time.
const CONVERSATIONS: usize = 8;
/// So many messages make a conversation.
const TURNS: usize = 6;

/// `bench serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArguments {
    /// How long each endpoint is measured.
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    /// How many products the simulated shop has.
    #[arg(long, default_value_t = 20_000)]
    pub products: usize,
    /// Measure this endpoint alone and train only what it needs; may be given
    /// several times.
    #[arg(long, value_name = "ENDPOINT", value_parser = clap::builder::PossibleValuesParser::new(LOADS.iter().map(|load| load.name)))]
    pub only: Vec<String>,
    /// Build the shop in this folder; where one stands there already, serve
    /// that: then the memory is that of serving alone.
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
    /// Measure search once more beside so many writers, each of which sends an
    /// event ten times a second and a changed product every tenth time.
    #[arg(long, default_value_t = 0)]
    pub writers: usize,
}

/// What is asked of the server; `number` differs from request to request.
struct Load {
    name: &'static str,
    /// Whose model answers.
    service: Option<Service>,
    /// Whether the answer comes word by word: then the first word is timed too.
    streams: bool,
    /// So many ask at the same time.
    clients: usize,
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
        self.post_for(path, body, "application/json")
    }

    /// As [`Pool::post`], for an answer of this media type.
    fn post_for(
        &self,
        path: &str,
        body: &Value,
        accept: &str,
    ) -> anyhow::Result<Request<Full<Bytes>>> {
        let request = Request::builder().method(Method::POST).uri(path);
        let request = request
            .header("host", &self.host)
            .header("content-type", "application/json");
        Ok(request
            .header("accept", accept)
            .body(Full::from(body.to_string()))?)
    }
}

const LOADS: &[Load] = &[
    Load {
        name: "search",
        service: Some(Service::Search),
        streams: false,
        clients: CLIENTS,
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
        service: Some(Service::Search),
        streams: false,
        clients: CLIENTS,
        request: |pool, number| {
            let query = Pool::one(&pool.queries, number);
            let typed: String = query.chars().take(1 + number % 5).collect();
            pool.get(&format!("/v1/suggest?q={}", encode(&typed)))
        },
    },
    Load {
        name: "recommendations",
        service: Some(Service::Recommend),
        streams: false,
        clients: CLIENTS,
        request: |pool, number| {
            let customer = Pool::one(&pool.customers, number);
            pool.post(
                "/v1/recommendations",
                &json!({"scenario": "for_you", "customer": customer, "limit": 20}),
            )
        },
    },
    Load {
        name: "recommendations_similar",
        service: Some(Service::Recommend),
        streams: false,
        clients: CLIENTS,
        request: |pool, number| {
            let product = Pool::one(&pool.products, number);
            pool.post(
                "/v1/recommendations",
                &json!({"scenario": "similar", "product": product, "limit": 20}),
            )
        },
    },
    Load {
        name: "recommendations_trending",
        service: Some(Service::Recommend),
        streams: false,
        clients: CLIENTS,
        request: |pool, _| {
            pool.post(
                "/v1/recommendations",
                &json!({"scenario": "trending", "limit": 20}),
            )
        },
    },
    Load {
        name: "chat",
        service: Some(Service::Support),
        streams: true,
        clients: CONVERSATIONS,
        request: |pool, number| {
            const QUESTIONS: [&str; TURNS] = [
                "What is the return policy?",
                "How long does delivery take?",
                "And on Sundays?",
                "退货政策是什么？",
                "When is my card charged?",
                "Where is my order?",
            ];
            let (client, round) = (number % CONVERSATIONS, number / CONVERSATIONS);
            let message = QUESTIONS[round % TURNS];
            let conversation = format!("bench-{}-{client}-{}", pool.host, round / TURNS);
            pool.post_for(
                "/v1/chat",
                &json!({"message": message, "conversation": conversation}),
                "text/event-stream",
            )
        },
    },
    Load {
        name: "insights",
        service: Some(Service::Insight),
        streams: false,
        clients: CLIENTS,
        request: |pool, _| pool.get("/v1/insights"),
    },
    Load {
        name: "events",
        service: None,
        streams: false,
        clients: CLIENTS,
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
    let loads: Vec<&Load> = LOADS.iter().filter(|load| arguments.wants(load)).collect();
    let temporary = tempfile::tempdir().context("no folder for the shop")?;
    let folder = arguments.folder.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
    let store = Store::open(folder).await?;
    let built = store.snapshot().catalogue.iter().next().is_none();
    if built {
        eprintln!("building a shop of {} products …", arguments.products);
        fill(&store, arguments.products).await?;
        let services: BTreeSet<Service> = loads.iter().filter_map(|load| load.service).collect();
        train(&store, services.into_iter().collect()).await?;
    }
    let mut pool = pool_of(&store.snapshot())?;
    let products = pool.products.len();
    eprintln!("{products} products are served");
    let config = Config {
        open: true,
        ..Config::default()
    };
    let app = App::start(Arc::new(store), config).await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    pool.host = address.to_string();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(serve(app, listener, async move { drop(stopped.await) }));
    let pool = Arc::new(pool);
    let mut measured = json!({"products": products, "clients": CLIENTS});
    let mut shown = table::with_headings(&[
        "endpoint",
        "clients",
        "p50 ms",
        "p99 ms",
        "first word p50 ms",
        "p99 ms",
        "requests/s",
        "failed",
    ]);
    for load in loads {
        let figures = measure(load, &pool, &address.to_string(), arguments.seconds).await?;
        let first = |value: Option<f64>| value.map_or(String::new(), |ms| format!("{ms:.2}"));
        shown.add_row([
            load.name.to_owned(),
            load.clients.to_string(),
            format!("{:.2}", figures.p50_ms),
            format!("{:.2}", figures.p99_ms),
            first(figures.first_p50_ms),
            first(figures.first_p99_ms),
            format!("{:.0}", figures.requests_per_second),
            figures.failed.to_string(),
        ]);
        measured[load.name] = json!({
            "p50_ms": figures.p50_ms,
            "p99_ms": figures.p99_ms,
            "requests_per_second": figures.requests_per_second,
            "requests": figures.requests,
            "failed": figures.failed,
            "clients": load.clients,
        });
        if load.streams {
            measured[load.name]["first_token_p50_ms"] = json!(figures.first_p50_ms);
            measured[load.name]["first_token_p99_ms"] = json!(figures.first_p99_ms);
        }
    }
    if arguments.writers > 0 && arguments.wants(&LOADS[0]) {
        let beside = beside_writers(arguments, &pool, &address.to_string()).await?;
        shown.add_row([
            format!("search beside {} writers", arguments.writers),
            format!("{:.2}", beside.0.p50_ms),
            format!("{:.2}", beside.0.p99_ms),
            format!("{:.0}", beside.0.requests_per_second),
            beside.0.failed.to_string(),
        ]);
        measured["search_beside_writers"] = json!({
            "writers": arguments.writers,
            "writes_per_second": beside.1,
            "p50_ms": beside.0.p50_ms,
            "p99_ms": beside.0.p99_ms,
            "requests_per_second": beside.0.requests_per_second,
            "failed": beside.0.failed,
        });
    }
    eprintln!("{shown}");
    // What building and training took is in the memory where they came first.
    if !built && let Some(rss) = super::peak_rss_mb() {
        let per_million = rss / products as f64 * 1e6;
        eprintln!("serving took at most {rss:.0} MiB: {per_million:.0} MiB per million products");
        measured["mb_per_million_products"] = json!(per_million);
    }
    // The server may have ended by itself; its result says how.
    let _ = stop.send(());
    server.await??;
    Ok(measured)
}

impl ServeArguments {
    fn wants(&self, load: &Load) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == load.name)
    }
}

/// What to ask of a shop.
fn pool_of(snapshot: &Snapshot) -> anyhow::Result<Pool> {
    let products: Vec<String> = (snapshot.catalogue.iter())
        .map(|(_, product)| product.id.to_string())
        .collect();
    let mut customers: Vec<String> = snapshot.customers.keys().map(Id::to_string).collect();
    customers.sort_unstable();
    let mut queries: Vec<String> = snapshot.query_clicks.keys().cloned().collect();
    queries.sort_unstable();
    if products.is_empty() || customers.is_empty() {
        bail!("the shop has no products or no customers");
    }
    Ok(Pool {
        queries,
        products,
        customers,
        host: String::new(),
    })
}

/// How many records go to the log at once.
const BATCH: usize = 5_000;

/// Fills the store with a simulated shop.
async fn fill(store: &Store, products: usize) -> anyhow::Result<()> {
    let simulation = Simulation {
        products,
        ..Simulation::default()
    };
    let records = tokio::task::spawn_blocking(move || simulate(&simulation).records).await?;
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
            return Ok(());
        }
        store.append(batch).await?;
    }
}

/// Trains these models, or all that there is data for where none is named, and
/// lets them serve whatever the gate says: speed is measured here, not quality.
async fn train(store: &Store, services: Vec<Service>) -> anyhow::Result<()> {
    let config = Config::default();
    let request = TrainRequest {
        base: None,
        services,
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
    first_p50_ms: Option<f64>,
    first_p99_ms: Option<f64>,
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
    let clients: Vec<_> = (0..load.clients)
        .map(|client| {
            let (pool, address) = (pool.clone(), address.to_owned());
            tokio::spawn(async move { one_client(load, &pool, &address, client, deadline).await })
        })
        .collect();
    let (mut latencies, mut firsts) = (Vec::new(), Vec::new());
    let mut failed = 0;
    for client in clients {
        for answer in client.await?? {
            latencies.push(answer.whole_ms);
            firsts.extend(answer.first_ms);
            failed += usize::from(!answer.good);
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    latencies.sort_by(f64::total_cmp);
    firsts.sort_by(f64::total_cmp);
    Ok(Figures {
        p50_ms: at(&latencies, 0.5).unwrap_or(f64::NAN),
        p99_ms: at(&latencies, 0.99).unwrap_or(f64::NAN),
        first_p50_ms: at(&firsts, 0.5),
        first_p99_ms: at(&firsts, 0.99),
        requests_per_second: latencies.len() as f64 / seconds,
        requests: latencies.len(),
        failed,
    })
}

/// What search costs while others write, and how much they wrote a second.
async fn beside_writers(
    arguments: &ServeArguments,
    pool: &Arc<Pool>,
    address: &str,
) -> anyhow::Result<(Figures, f64)> {
    let deadline = Instant::now() + Duration::from_secs(arguments.seconds);
    let writers: Vec<_> = (0..arguments.writers)
        .map(|writer| {
            let (pool, address) = (pool.clone(), address.to_owned());
            tokio::spawn(async move { one_writer(&pool, &address, writer, deadline).await })
        })
        .collect();
    let figures = measure(&LOADS[0], pool, address, arguments.seconds).await?;
    let mut written = 0;
    for writer in writers {
        written += writer.await??;
    }
    Ok((figures, written as f64 / arguments.seconds as f64))
}

/// Writes at its own pace; says how often it did.
async fn one_writer(
    pool: &Pool,
    address: &str,
    writer: usize,
    deadline: Instant,
) -> anyhow::Result<usize> {
    const PAUSE: Duration = Duration::from_millis(100);
    const PRODUCT_EACH: usize = 10;
    let mut sender = connect(address).await?;
    let mut pace = tokio::time::interval(PAUSE);
    let mut written = 0;
    while Instant::now() < deadline {
        pace.tick().await;
        let number = written * 1_000 + writer;
        let request = if written % PRODUCT_EACH == PRODUCT_EACH - 1 {
            let product = json!({
                "id": Pool::one(&pool.products, number),
                "title": format!("Changed product {number}"),
            });
            pool.post("/v1/import/products", &product)?
        } else {
            let event = json!({
                "type": "view",
                "id": format!("writer-{number}"),
                "product_id": Pool::one(&pool.products, number),
                "customer_id": Pool::one(&pool.customers, number / 3),
            });
            pool.post("/v1/events", &event)?
        };
        if !ask(&mut sender, request).await?.good {
            bail!("a write beside the searches was refused");
        }
        written += 1;
    }
    Ok(written)
}

async fn connect(address: &str) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended");
        }
    });
    Ok(sender)
}

/// The value below which this share of the sorted ones lies.
fn at(sorted: &[f64], share: f64) -> Option<f64> {
    let place = (sorted.len() as f64 * share) as usize;
    sorted
        .get(place.min(sorted.len().saturating_sub(1)))
        .copied()
}

/// How long an answer took.
struct Answered {
    good: bool,
    whole_ms: f64,
    /// Until its first word, of an answer that streams.
    first_ms: Option<f64>,
}

/// One connection, one request after the other; the first few only warm up.
async fn one_client(
    load: &Load,
    pool: &Pool,
    address: &str,
    client: usize,
    deadline: Instant,
) -> anyhow::Result<Vec<Answered>> {
    const WARM_UP: usize = 5;
    let mut sender = connect(address).await?;
    let mut answers = Vec::new();
    let mut round = 0;
    while Instant::now() < deadline {
        let request = (load.request)(pool, round * load.clients + client)?;
        let answer = ask(&mut sender, request).await?;
        if round >= WARM_UP {
            answers.push(answer);
        }
        round += 1;
    }
    Ok(answers)
}

/// Sends a request and reads the whole answer.
async fn ask(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> anyhow::Result<Answered> {
    let begun = Instant::now();
    let so_far = || begun.elapsed().as_secs_f64() * 1_000.0;
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    let good = response.status().is_success();
    let mut body = response.into_body();
    let mut first_ms = None;
    while let Some(frame) = body.frame().await {
        let is_token = |data: &Bytes| data.windows(TOKEN.len()).any(|part| part == TOKEN);
        if first_ms.is_none() && frame?.data_ref().is_some_and(is_token) {
            first_ms = Some(so_far());
        }
    }
    Ok(Answered {
        good,
        whole_ms: so_far(),
        first_ms,
    })
}

/// How the first word of a streamed answer is told.
const TOKEN: &[u8] = b"event: token";
