//! All that a shop's platform has, page by page: a page is durable before the
//! place of the next one is written down, so that a run which ends at any moment
//! goes on there, and repeats one page at most.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, bail};
use ingest::{ImportOptions, ImportReport, ObjectFormat, write_rejected};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use shop::Progress;
use store::Store;

use super::client::Client;
use super::known::{Known, Page, Stage};
use super::shopify::Shopify;
use super::standing::store as store_deliveries;
use super::woocommerce::WooCommerce;
use super::{Became, Delivery, Platform};
use crate::config::Config;

/// How often a question is asked in a row that brings nothing.
const TRIES: u32 = 7;
/// Refused rows that people are shown.
const SHOWN: usize = 20;

/// A shop to ask.
enum Connection {
    Shopify(Shopify),
    WooCommerce(WooCommerce),
}

impl Connection {
    fn open(
        platform: Platform,
        address: &str,
        config: &Config,
        stop: Arc<AtomicBool>,
    ) -> anyhow::Result<Self> {
        let timeout = Duration::from_millis(config.platform_timeout_ms);
        let client = Client::new(timeout, TRIES, stop);
        let address = address.to_owned();
        let said = |secret: &SecretString| !secret.expose_secret().is_empty();
        Ok(match platform {
            Platform::Shopify => {
                if !said(&config.shopify_token) {
                    bail!(
                        "shopify_token is not set: write the Admin API access token of your app into \
                         shopkeeper.toml"
                    );
                }
                let token = config.shopify_token.clone();
                Self::Shopify(Shopify {
                    client,
                    address,
                    token,
                })
            }
            Platform::WooCommerce => {
                if config.woocommerce_key.is_empty() || !said(&config.woocommerce_secret) {
                    bail!(
                        "woocommerce_key and woocommerce_secret are not set: write a REST API key of \
                         your shop into shopkeeper.toml"
                    );
                }
                Self::WooCommerce(WooCommerce {
                    client,
                    address,
                    key: config.woocommerce_key.clone(),
                    secret: config.woocommerce_secret.clone(),
                })
            }
        })
    }

    fn learn(&self, known: &mut Known) -> anyhow::Result<()> {
        match self {
            Self::Shopify(shop) => shop.learn(known),
            Self::WooCommerce(shop) => shop.learn(known),
        }
    }

    fn page(&self, stage: Stage, cursor: Option<&str>) -> anyhow::Result<Page> {
        match self {
            Self::Shopify(shop) => shop.page(stage, cursor),
            Self::WooCommerce(shop) => shop.page(stage, cursor),
        }
    }
}

/// The format of what a stage brings.
fn format_of(platform: Platform, stage: Stage) -> Option<ObjectFormat> {
    Some(match (platform, stage) {
        (Platform::Shopify, Stage::Products) => ObjectFormat::ShopifyProduct,
        (Platform::Shopify, Stage::Orders) => ObjectFormat::ShopifyOrder,
        (Platform::Shopify, Stage::Customers) => ObjectFormat::ShopifyCustomer,
        (Platform::WooCommerce, Stage::Products) => ObjectFormat::WooCommerceProduct,
        (Platform::WooCommerce, Stage::Orders) => ObjectFormat::WooCommerceOrder,
        (Platform::WooCommerce, Stage::Customers) => ObjectFormat::WooCommerceCustomer,
        (_, Stage::Done) => return None,
    })
}

/// Takes all that the shop at `address` has.
pub async fn run(
    store: &Store,
    config: &Config,
    platform: Platform,
    address: &str,
    options: &ImportOptions,
    progress: &dyn Progress,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<ImportReport> {
    let connection = Arc::new(Connection::open(platform, address, config, stop)?);
    let folder = store.folder().to_owned();
    let source = format!("{}:{address}", platform.name());
    let mut report = ImportReport::of_source(PathBuf::from(&source), platform.name());
    let earlier = Known::of(&folder, platform, address).filter(|known| known.stage != Stage::Done);
    let mut known = match earlier {
        Some(known) => {
            let going_on = format!(
                "goes on where it was cut off, at the {}",
                known.stage.name()
            );
            report.warnings.push(going_on);
            known
        }
        None => {
            let begun = Known {
                address: address.to_owned(),
                ..Known::default()
            };
            let known = blocking(&connection, move |shop| {
                let mut known = begun;
                shop.learn(&mut known)?;
                Ok(known)
            })
            .await?;
            known.write(&folder, platform)?;
            known
        }
    };
    let options = ImportOptions {
        currency: known.currency.or(options.currency),
        ..options.clone()
    };
    while let Some(format) = format_of(platform, known.stage) {
        progress.begin(&format!("{} {}", platform.name(), known.stage.name()), 0);
        let mut seen = 0;
        loop {
            let (stage, cursor) = (known.stage, known.cursor.clone());
            let (objects, next) =
                blocking(&connection, move |shop| shop.page(stage, cursor.as_deref())).await?;
            seen += objects.len() as u64;
            let taken = take(store, platform, format, objects, &known, &options).await?;
            let rejected = add(&mut report, taken);
            if !rejected.is_empty() {
                let file = folder.join("rejected.jsonl");
                write_rejected(&file, Path::new(&source), &rejected)?;
                report.rejected_file = Some(file);
            }
            known.cursor = next;
            let said = format!("{} stored, {} unchanged", report.accepted, report.unchanged);
            progress.advance(seen, &said);
            if known.cursor.is_none() {
                break;
            }
            known.write(&folder, platform)?;
        }
        progress.end(&format!("{seen} {}", known.stage.name()));
        known.stage = known.stage.next();
        known.write(&folder, platform)?;
    }
    Ok(report)
}

/// Asks on a thread that may wait.
async fn blocking<T: Send + 'static>(
    connection: &Arc<Connection>,
    ask: impl FnOnce(&Connection) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    let connection = connection.clone();
    tokio::task::spawn_blocking(move || ask(&connection))
        .await
        .context("the thread that asked the platform died")?
}

/// A page of objects with what became of each.
type Taken = Vec<(Delivery, super::Outcome)>;

async fn take(
    store: &Store,
    platform: Platform,
    format: ObjectFormat,
    objects: Vec<Map<String, Value>>,
    known: &Known,
    options: &ImportOptions,
) -> anyhow::Result<Taken> {
    let snapshot = store.snapshot();
    let read = |object| Delivery::read(platform, format, object, Some(known), &snapshot, options);
    let deliveries: Vec<Delivery> = objects.into_iter().filter_map(read).collect();
    let outcomes = store_deliveries(store, platform, &deliveries).await?;
    Ok(deliveries.into_iter().zip(outcomes).collect())
}

/// Counts a page; what was refused is handed back.
fn add(report: &mut ImportReport, taken: Taken) -> Vec<ingest::Rejected> {
    let mut refused = Vec::new();
    for (delivery, outcome) in taken {
        *report.kinds.entry(delivery.kind).or_default() += delivery.records.len() as u64;
        report.kind = report.kind.or(Some(delivery.kind));
        report.accepted += outcome.stored;
        report.deleted += outcome.removed;
        report.unchanged += outcome.unchanged;
        if outcome.became == Became::Stale {
            report.unchanged += delivery.records.len() as u64;
        }
        report.rejected += delivery.rejected.len() as u64;
        refused.extend(delivery.rejected);
    }
    let room = SHOWN.saturating_sub(report.first_rejected.len());
    report
        .first_rejected
        .extend(refused.iter().take(room).cloned());
    refused
}
