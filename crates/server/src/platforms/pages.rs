//! The pages of a site, named by its sitemap or by a file of addresses: a page
//! that says of products in schema.org's words what they are gives those, any
//! other a document. One page is asked for at a time, with a pause between two,
//! and none that the site's `robots.txt` keeps from programs.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, bail};
use ingest::{ImportOptions, ImportReport, Rejected, read_file, write_rejected};
use shop::{Id, Progress, Record};
use store::{Appended, NewEntry, Store};

use super::site::{Found, Reader, parts};
use super::{Source, sitemap};
use crate::config::Config;

/// Pages that are read at most.
pub(super) const MOST_PAGES: usize = 5_000;
/// Pages that brought nothing and are named in the report.
const NAMED: usize = 5;

/// Takes the pages that a source names.
pub async fn run(
    store: &Store,
    config: &Config,
    source: &Source,
    options: &ImportOptions,
    progress: &dyn Progress,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<ImportReport> {
    let timeout = Duration::from_millis(config.platform_timeout_ms);
    let reader = Reader::new(timeout, stop);
    let (title, found) = match source {
        Source::Sitemap(address) => {
            let (title, address) = (format!("sitemap:{address}"), address.clone());
            (
                title,
                blocking(reader, move |reader| reader.sitemap(&address)).await,
            )
        }
        Source::Addresses(path) => {
            let title = format!("urls:{}", path.display());
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("{} cannot be read", path.display()))?;
            (title, (reader, addresses(&text)))
        }
        Source::Shop(..) => bail!("a shop's platform is no list of pages"),
    };
    let (mut used, found) = found;
    let (pages, mut warnings) = found?;
    let mut report = ImportReport::of_source(PathBuf::from(&title), "pages");
    progress.begin(&title, pages.len() as u64);
    let mut failed = Vec::new();
    for (place, address) in pages.iter().enumerate() {
        let asked = address.clone();
        let (again, page) = blocking(used, move |reader| reader.page(&asked)).await;
        used = again;
        match page.and_then(|page| records_of(address, &page, options)) {
            Ok((records, rejected)) => {
                take(store, &mut report, records).await?;
                report.rejected += rejected.len() as u64;
                if !rejected.is_empty() {
                    let file = store.folder().join("rejected.jsonl");
                    write_rejected(&file, Path::new(address), &rejected)?;
                    report.rejected_file = Some(file);
                    report.first_rejected.extend(rejected.into_iter().take(1));
                }
            }
            Err(error) => failed.push(format!("{error:#}")),
        }
        used.check_stop()?;
        let said = format!("{} stored, {} unchanged", report.accepted, report.unchanged);
        progress.advance(place as u64 + 1, &said);
    }
    progress.end(&format!("{} pages", pages.len()));
    if !failed.is_empty() {
        let shown = failed
            .iter()
            .take(NAMED)
            .cloned()
            .collect::<Vec<_>>()
            .join("; ");
        warnings.push(format!("{} pages brought nothing ({shown})", failed.len()));
    }
    report.warnings.append(&mut warnings);
    Ok(report)
}

/// The addresses of a file, a line each.
fn addresses(text: &str) -> Found {
    let named = sitemap::read(text).addresses;
    let mut warnings = Vec::new();
    let mut pages = Vec::new();
    for address in named {
        match parts(&address) {
            Some(_) if pages.len() >= MOST_PAGES => {
                warnings.push(format!("the first {MOST_PAGES} pages are taken, not more"));
                break;
            }
            Some(_) => pages.push(address),
            None => warnings.push(format!(
                "{address:?} is no address as https://shop.example/page"
            )),
        }
    }
    Ok((pages, warnings))
}

/// Stores what a page brought.
async fn take(
    store: &Store,
    report: &mut ImportReport,
    records: Vec<Record>,
) -> anyhow::Result<()> {
    for record in &records {
        *report.kinds.entry(record.kind()).or_default() += 1;
        report.kind = report.kind.or(Some(record.kind()));
    }
    let entries = records.into_iter().map(NewEntry::from).collect();
    for appended in store.append(entries).await? {
        match appended {
            Appended::New(_) => report.accepted += 1,
            Appended::Duplicate => report.unchanged += 1,
        }
    }
    Ok(())
}

/// Asks on a thread that may wait.
async fn blocking<T: Send + 'static>(
    mut reader: Reader,
    ask: impl FnOnce(&mut Reader) -> anyhow::Result<T> + Send + 'static,
) -> (Reader, anyhow::Result<T>) {
    let fallback = Reader::new(Duration::ZERO, reader.stop.clone());
    let asked = tokio::task::spawn_blocking(move || {
        let answer = ask(&mut reader);
        (reader, answer)
    });
    match asked.await {
        Ok(answer) => answer,
        Err(_) => (
            fallback,
            Err(anyhow::anyhow!("the thread that read the page died")),
        ),
    }
}

/// What a page says: its products, or its text.
fn records_of(
    address: &str,
    page: &str,
    options: &ImportOptions,
) -> anyhow::Result<(Vec<Record>, Vec<Rejected>)> {
    let (mut records, mut rejected) = (Vec::new(), Vec::new());
    for block in structured_data(page) {
        let (found, refused) = read(block, "page.jsonld", options).unwrap_or_default();
        records.extend(found);
        rejected.extend(refused);
    }
    if records.is_empty() {
        let (found, refused) = read(page, "page.html", options)?;
        records = found;
        rejected.extend(refused);
    }
    for record in &mut records {
        match record {
            Record::Document(document) => {
                document.url.get_or_insert_with(|| address.to_owned());
                if let Ok(id) = Id::new(address) {
                    document.id = id;
                }
            }
            Record::Product(product) => {
                product.url.get_or_insert_with(|| address.to_owned());
            }
            _ => {}
        }
    }
    Ok((records, rejected))
}

/// Reads a text as the file that its name says.
fn read(
    text: &str,
    name: &str,
    options: &ImportOptions,
) -> anyhow::Result<(Vec<Record>, Vec<Rejected>)> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(text.as_bytes())?;
    file.flush()?;
    let options = ImportOptions {
        name: Some(name.to_owned()),
        as_kind: None,
        map: Vec::new(),
        ..options.clone()
    };
    let (mut records, mut rejected) = (Vec::new(), Vec::new());
    let mut sink = |batch: ingest::Batch| {
        records.extend(batch.records);
        rejected.extend(batch.rejected);
        ControlFlow::Continue(())
    };
    let summary = read_file(file.path(), &options, &mut sink)?;
    if let Some(need) = summary.needs.first() {
        bail!("nothing is stored: {}", need.question());
    }
    Ok((records, rejected))
}

/// The blocks of a page that speak in schema.org's words of products.
fn structured_data(page: &str) -> Vec<&str> {
    let mut blocks = Vec::new();
    let mut rest = page;
    while let Some(place) = rest.find("application/ld+json") {
        rest = &rest[place..];
        let Some(begin) = rest.find('>') else { break };
        let Some(end) = rest[begin..].find("</script") else {
            break;
        };
        let block = &rest[begin + 1..begin + end];
        rest = &rest[begin + end..];
        if block.contains("\"Product\"") || block.contains("\"ProductGroup\"") {
            blocks.push(block.trim());
        }
    }
    blocks
}
