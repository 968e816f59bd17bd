//! `import`: files, shops of a platform, pages of a site.

use std::cell::OnceCell;
use std::path::Path;

use serde_json::json;

use super::{Done, Setting};
use crate::cli::ImportArguments;
use ingest::{ImportOptions, ImportReport, SavedMapping, import as import_file};
use server::app::{ChatModelPart, now};
use server::config::Config;
use server::mappings::Mappings;
use server::platforms::{Source, backfill, pages};
use server::suggested_mapping::preview;
use shop::Progress;
use store::Store;

/// Records of a dry run that people are shown.
const SHOWN: usize = 10;

/// Exit status of an import that refused rows.
const SOME_REJECTED: u8 = 3;

pub async fn run(setting: &Setting, arguments: &ImportArguments) -> anyhow::Result<Done> {
    let config = setting.config()?;
    let mappings = Mappings::open(&setting.folder);
    let options = ImportOptions {
        as_kind: arguments.as_kind,
        now: now(),
        currency: arguments.currency.or(config.import_currency),
        time_zone: arguments.time_zone.clone(),
        date_order: arguments.date_order,
        map: arguments.map.clone(),
        saved: mappings.list(),
        name: None,
    };
    if arguments.dry_run {
        return Ok(preview_all(setting, &config, arguments, &options));
    }
    let store = setting.store().await?;
    let rejected_file = setting.folder.join("rejected.jsonl");
    let progress = setting.progress();
    let mut reports = Vec::new();
    let mut failures = Vec::new();
    for file in &arguments.files {
        let taken = match source_of(file) {
            Some(source) => take_source(setting, &store, source, &options, &*progress).await,
            None => {
                // Imports come one after another, those over HTTP among them.
                let _turn = match setting.server() {
                    Some(app) => Some(app.imports.lock().await),
                    None => None,
                };
                let file = setting.path(file);
                let imported = import_file(&store, &file, &options, &rejected_file, &*progress);
                imported.await.map_err(anyhow::Error::from)
            }
        };
        match taken {
            Ok(report) => {
                setting.say(&report);
                save(setting, arguments, &mappings, &report, &options)?;
                reports.push(report);
            }
            // The other files are not to blame.
            Err(error) => {
                setting.note(format_args!("error: {error:#}"));
                failures.push(json!({"file": file, "error": format!("{error:#}")}));
            }
        }
    }
    Ok(imported(&reports, &failures))
}

/// Keeps what was said of a file that is stored, where that was asked.
fn save(
    setting: &Setting,
    arguments: &ImportArguments,
    mappings: &Mappings,
    report: &ImportReport,
    options: &ImportOptions,
) -> anyhow::Result<()> {
    let Some(name) = arguments
        .save
        .as_deref()
        .filter(|_| report.needs.is_empty())
    else {
        return Ok(());
    };
    match SavedMapping::of(name, report, options) {
        Some(mapping) => {
            mappings.put(mapping)?;
            setting.say(format!("  saved as {name:?} for files with these columns"));
        }
        None => setting.say("  nothing is saved: the file has no columns"),
    }
    Ok(())
}

/// A shop or pages that a word in the place of a file names.
fn source_of(file: &Path) -> Option<anyhow::Result<Source>> {
    Source::of(file.to_str()?)
}

/// Takes what a shop's platform or a site has.
async fn take_source(
    setting: &Setting,
    store: &Store,
    source: anyhow::Result<Source>,
    options: &ImportOptions,
    progress: &dyn Progress,
) -> anyhow::Result<ImportReport> {
    let config = setting.config()?;
    let stop = setting.stop_flag();
    match source? {
        Source::Shop(platform, address) => {
            backfill::run(store, &config, platform, &address, options, progress, stop).await
        }
        Source::Addresses(file) => {
            let source = Source::Addresses(setting.path(&file));
            pages::run(store, &config, &source, options, progress, stop).await
        }
        source @ Source::Sitemap(_) => {
            pages::run(store, &config, &source, options, progress, stop).await
        }
    }
}

/// Shows what would be stored of each file.
fn preview_all(
    setting: &Setting,
    config: &Config,
    arguments: &ImportArguments,
    options: &ImportOptions,
) -> Done {
    let loaded = OnceCell::new();
    let model = || {
        let load = || match setting.server() {
            Some(app) => app.chat_model.clone(),
            None => ChatModelPart::of(config, &setting.folder),
        };
        loaded.get_or_init(load).clone()
    };
    let mut reports = Vec::new();
    let mut failures = Vec::new();
    for file in &arguments.files {
        let shown = match source_of(file) {
            Some(_) => Err(anyhow::anyhow!("a dry run reads files, and asks nobody")),
            None => preview(&setting.path(file), options, model).map_err(anyhow::Error::from),
        };
        match shown {
            Ok(report) => {
                setting.say(&report);
                for record in report.records.iter().take(SHOWN) {
                    setting.say(format_args!("  {record}"));
                }
                reports.push(report);
            }
            Err(error) => {
                setting.note(format_args!("error: {error:#}"));
                failures.push(json!({"file": file, "error": format!("{error:#}")}));
            }
        }
    }
    let mut done = imported(&reports, &failures);
    if failures.is_empty() {
        done.status = 0;
    }
    done
}

/// How an import ended: a file that leaves a question open was not stored.
fn imported(reports: &[ImportReport], failures: &[serde_json::Value]) -> Done {
    let rejected: u64 = reports.iter().map(|report| report.rejected).sum();
    let asks = reports.iter().any(|report| !report.needs.is_empty());
    let status = match (failures.is_empty() && !asks, rejected) {
        (false, _) => 1,
        (true, 0) => 0,
        (true, _) => SOME_REJECTED,
    };
    let sum = |count: fn(&ImportReport) -> u64| -> u64 { reports.iter().map(count).sum() };
    let json = json!({
        "accepted": sum(|report| report.accepted),
        "deleted": sum(|report| report.deleted),
        "unchanged": sum(|report| report.unchanged),
        "rejected": rejected,
        "files": reports,
        "failed": failures,
    });
    Done { status, json }
}
