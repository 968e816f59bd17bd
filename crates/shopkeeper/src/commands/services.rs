//! The services: `demo`, `serve`, and each of them from the shell.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use ::shop::{Filter, Id, Service};
use anyhow::{Context, bail};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::json;
use serve::recommend::RecommendRequest;
use serve::search::SearchRequest;
use serve::support::SupportRequest;
use store::Store;
use tokio::net::TcpListener;

use super::{Done, Setting};
use crate::cli::{
    DemoArguments, InsightArguments, RecommendArguments, SearchArguments, ServeArguments,
};
use crate::{demo as simulated, remote, stop_on_interrupt};
use server::app::{App, now};
use server::commands;
use server::config::Config;
use server::http::{self, answer, insights, recommendations};
use server::keyring::LINK_SECONDS;
use server::{progress, table};

pub async fn demo(setting: &Setting, arguments: &DemoArguments) -> anyhow::Result<Done> {
    let begun = Instant::now();
    let mut config = setting.config()?;
    config.port = arguments.port.unwrap_or(config.port);
    config.open = arguments.open;
    let store = setting.store().await?;
    let mut outcomes = Vec::new();
    if simulated::is_built(&store) {
        eprintln!(
            "{} holds a built shop: serving it",
            setting.folder.display()
        );
    } else {
        let stop = stop_on_interrupt();
        let progress = progress::for_stderr();
        outcomes = simulated::build(&store, &config, arguments.seed, now(), stop, progress).await?;
        eprintln!("{}", table::outcomes(&outcomes));
    }
    let seconds = begun.elapsed().as_secs_f64();
    let peak_rss_mb = bench::peak_rss_mb();
    let memory = peak_rss_mb.map_or(String::new(), |peak| format!(", {peak:.0} MiB at most"));
    eprintln!("ready after {seconds:.1} s{memory}");
    let json = json!({"outcomes": outcomes, "seconds": seconds, "peak_rss_mb": peak_rss_mb});
    if !arguments.no_serve {
        serve_until_stopped(store, config).await?;
    }
    Ok(Done::with(json))
}

pub async fn serve(setting: &Setting, arguments: &ServeArguments) -> anyhow::Result<Done> {
    let mut config = setting.config()?;
    config.port = arguments.port.unwrap_or(config.port);
    config.host = arguments.host.clone().unwrap_or(config.host);
    config.open = arguments.open;
    let store = setting.store().await?;
    serve_until_stopped(store, config).await?;
    Ok(Done::with(json!({"stopped": true})))
}

async fn serve_until_stopped(store: Store, config: Config) -> anyhow::Result<()> {
    let address: SocketAddr = format!("{}:{}", config.host, config.port)
        .parse()
        .with_context(|| format!("host {:?}: write an IP address", config.host))?;
    if config.open && !address.ip().is_loopback() {
        bail!(
            "{address} can be reached from outside: --open is for 127.0.0.1 alone; without it \
             everybody needs a key"
        );
    }
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}: is another program there? --port takes another")
    })?;
    let address = listener.local_addr()?;
    let app = App::start(Arc::new(store), config).await;
    let reached = SocketAddr::new(reached_at(address.ip()), address.port());
    let _accepting = commands::accept(&app, &reached.to_string(), remote::serve)
        .context("cannot write into the data folder where the server is reached")?;
    eprintln!("storefront http://{address}/   console http://{address}/console");
    if app.gate.is_open() {
        eprintln!("open: every program on this machine may do everything");
    } else {
        invite(&app, address)?;
    }
    http::serve(app, listener, http::stop_signal()).await?;
    eprintln!("stopped; everything acknowledged is on the disk");
    Ok(())
}

/// Makes the first admin key where there is none, and prints the link that
/// opens the console.
fn invite(app: &App, address: SocketAddr) -> anyhow::Result<()> {
    let keys = &app.gate.keys;
    if let Some(key) = keys.ensure_admin(now())? {
        eprintln!("admin key, shown this once: {}", key.expose_secret());
    }
    let token = keys.create_link(now())?;
    eprintln!(
        "opens the console once, within {} minutes: http://{address}/console/sign-in?token={}",
        LINK_SECONDS / 60,
        token.expose_secret()
    );
    Ok(())
}

/// Where this machine reaches a server that listens on `address`.
fn reached_at(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}

pub(super) fn id(text: Option<&str>) -> anyhow::Result<Option<Id>> {
    text.map(|text| Id::new(text).with_context(|| format!("{text:?} is not an id")))
        .transpose()
}

fn filter(text: Option<&str>) -> anyhow::Result<Filter> {
    Ok(text.map(str::parse).transpose()?.unwrap_or_default())
}

/// The decision as JSON, once its record is in the log.
async fn finish(app: &App, decision: &impl Serialize) -> anyhow::Result<Done> {
    app.flush().await;
    Ok(Done::with(serde_json::to_value(decision)?))
}

pub async fn ask(
    setting: &Setting,
    question: &str,
    customer: Option<&str>,
) -> anyhow::Result<Done> {
    let app = setting.app(&[Service::Support]).await?;
    let loaded = app.loaded();
    let part = loaded
        .support
        .clone()
        .context("there is nothing to answer from")?;
    let customer = id(customer)?;
    let points = match &customer {
        Some(customer) => Some(app.store.points(customer).await?),
        None => None,
    };
    let request = SupportRequest {
        message: question.to_owned(),
        customer: customer.clone(),
        points,
        policy: app.policy.clone(),
        ..SupportRequest::default()
    };
    let version = loaded.version(Service::Support);
    let chat_model = app.chat_model.clone();
    let made = answer::make(&app, Service::Support, version, move |context| {
        let model = part.model.as_ref().map(|model| &*model.model);
        let mut unheard = |_| ControlFlow::Continue(());
        let chat = chat_model.as_ref().map(|one| one.chat(&|| false));
        let dependencies = loaded.dependencies(chat);
        serve::support::answer_with(
            context,
            &part.knowledge,
            model,
            dependencies,
            &request,
            &mut unheard,
        )
    })
    .await?;
    let mut explanation = made.decision.content.explanation();
    explanation["request"] = json!({"message": question});
    let audience = answer::Audience {
        customer,
        session: None,
    };
    let decision = made.record(audience, Vec::new(), explanation);
    let reply = &decision.content;
    setting.say(&reply.text);
    for citation in &reply.citations {
        let title = citation.title.as_deref().unwrap_or("");
        setting.say(format!(
            "  [{}] {title}: \u{201c}{}\u{201d}",
            citation.source, citation.quote
        ));
    }
    if reply.handoff {
        setting.say("  (handed to a person)");
    }
    finish(&app, &decision).await
}

pub async fn search(setting: &Setting, arguments: &SearchArguments) -> anyhow::Result<Done> {
    let app = setting.app(&[Service::Search]).await?;
    let request = SearchRequest {
        q: arguments.query.clone(),
        limit: arguments.limit,
        filter: filter(arguments.filter.as_deref())?,
        customer: id(arguments.customer.as_deref())?,
        ..SearchRequest::default()
    };
    let decision = http::search::search(&app, request).await?;
    let results = &decision.content;
    if let Some(corrected) = &results.corrected {
        setting.say(format!("shown for: {corrected}"));
    }
    let mut shown = table::with_headings(&["product", "title", "price", "score", "because"]);
    for hit in &results.hits {
        let reasons: Vec<_> = hit.reasons.iter().map(ToString::to_string).collect();
        shown.add_row([
            hit.id.to_string(),
            hit.product.title.clone(),
            hit.product
                .price
                .map_or(String::new(), |price| price.to_string()),
            format!("{:.3}", hit.score),
            reasons.join("; "),
        ]);
    }
    setting.say(shown);
    setting.say(format!("{} found", results.total));
    finish(&app, &decision).await
}

pub async fn recommend(setting: &Setting, arguments: &RecommendArguments) -> anyhow::Result<Done> {
    let app = setting.app(&[Service::Recommend]).await?;
    let scenario = serde_json::from_value(json!(arguments.scenario))
        .with_context(|| format!("--scenario {:?}", arguments.scenario))?;
    let request = RecommendRequest {
        scenario,
        customer: id(arguments.customer.as_deref())?,
        product: id(arguments.product.as_deref())?,
        filter: filter(arguments.filter.as_deref())?,
        limit: arguments.limit,
        personalise: !arguments.impersonal,
        ..RecommendRequest::default()
    };
    let decision = recommendations::recommend(&app, request).await?;
    let snapshot = app.snapshot();
    let mut shown = table::with_headings(&["product", "title", "score", "because"]);
    for item in &decision.content.items {
        let title = snapshot
            .catalogue
            .by_id(&item.id)
            .map(|product| product.title.clone());
        let reasons: Vec<_> = item
            .reasons
            .iter()
            .map(|reason| reason.text.clone())
            .collect();
        shown.add_row([
            item.id.to_string(),
            title.unwrap_or_default(),
            format!("{:.3}", item.score),
            reasons.join("; "),
        ]);
    }
    setting.say(shown);
    finish(&app, &decision).await
}

pub async fn insight(setting: &Setting, arguments: &InsightArguments) -> anyhow::Result<Done> {
    let app = setting.app(&[Service::Insight]).await?;
    let request = serve::insight::InsightRequest {
        product: id(arguments.product.as_deref())?,
        category: arguments.category.clone(),
        language: arguments.language.clone(),
        ..serve::insight::InsightRequest::default()
    };
    let decision = insights::insights(&app, request).await?;
    let insights = &decision.content;
    let feelings = insights.feelings;
    setting.say(format!(
        "{} reviews: {} positive, {} neutral, {} negative",
        insights.reviews, feelings.positive, feelings.neutral, feelings.negative
    ));
    let mut shown = table::with_headings(&["theme", "reviews", "+", "-", "trend", "as in"]);
    for theme in &insights.themes {
        shown.add_row([
            theme.name.clone(),
            theme.count.to_string(),
            theme.feelings.positive.to_string(),
            theme.feelings.negative.to_string(),
            serde_json::to_value(theme.trend.direction)?
                .to_string()
                .trim_matches('"')
                .to_owned(),
            theme
                .quotes
                .first()
                .map_or(String::new(), |quote| quote.text.clone()),
        ]);
    }
    setting.say(shown);
    finish(&app, &decision).await
}
