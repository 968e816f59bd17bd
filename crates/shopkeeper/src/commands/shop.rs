//! The shop's data: `init`, `doctor`, `import`, `delete`, `prepare`.

use std::cell::OnceCell;

use secrecy::ExposeSecret;
use serde_json::json;

use super::{Done, Setting, make_folder};
use crate::cli::{DeleteArguments, ImportArguments};
use crate::doctor as examination;
use ingest::{ImportOptions, ImportReport, SavedMapping, import as import_file};
use server::app::{ChatModelPart, now};
use server::config::Config;
use server::keyring::Keyring;
use server::mappings::Mappings;
use server::suggested_mapping::preview;
use server::{jobs, records, table};
use shop::{FilterExpression, Id};

/// Records of a dry run that people are shown.
const SHOWN: usize = 10;

/// Exit status of an import that refused rows.
const SOME_REJECTED: u8 = 3;

pub fn init(setting: &Setting) -> anyhow::Result<Done> {
    make_folder(&setting.folder)?;
    let path = &setting.config_path;
    if path.exists() {
        setting.say(format!(
            "{} is there already and was left as it is",
            path.display()
        ));
    } else {
        std::fs::write(path, Config::template())?;
        setting.say(format!("wrote {}", path.display()));
        setting.say("next: shopkeeper import FILE…, then shopkeeper train");
    }
    let policy = setting.folder.join("policy.toml");
    if !policy.exists() {
        std::fs::write(&policy, serve::support::DEFAULT_POLICY)?;
        setting.say(format!("wrote {}", policy.display()));
    }
    let config = setting.config()?;
    if let Some(advice) = examination::missing_models(&config) {
        setting.say(advice);
    }
    let keys = Keyring::open(&setting.folder, &config.keys);
    let admin_key = keys.ensure_admin(now())?;
    let admin_key = admin_key.as_ref().map(ExposeSecret::expose_secret);
    if let Some(key) = admin_key {
        setting.say(format!("admin key, shown this once: {key}"));
        setting.say("`shopkeeper serve` prints a link that opens the console");
    }
    Ok(Done::with(
        json!({"config": path, "policy": policy, "admin_key": admin_key}),
    ))
}

pub async fn doctor(setting: &Setting) -> anyhow::Result<Done> {
    let checks = examination::examine(setting).await;
    let mut shown = table::with_headings(&["", "looked at", "found"]);
    for check in &checks {
        let mark = if check.ok { "ok" } else { "mend" };
        shown.add_row([mark, &check.name, &check.found]);
    }
    setting.say(shown);
    let status = u8::from(checks.iter().any(|check| !check.ok));
    Ok(Done {
        status,
        json: json!({"ok": status == 0, "checks": checks}),
    })
}

pub async fn import(setting: &Setting, arguments: &ImportArguments) -> anyhow::Result<Done> {
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
    // Imports come one after another, those over HTTP among them.
    let _turn = match setting.server() {
        Some(app) => Some(app.imports.lock().await),
        None => None,
    };
    for file in &arguments.files {
        let file = &setting.path(file);
        match import_file(&store, file, &options, &rejected_file, &*progress).await {
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
        let file = &setting.path(file);
        match preview(file, options, model) {
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

pub async fn delete(setting: &Setting, arguments: &DeleteArguments) -> anyhow::Result<Done> {
    let kind = arguments.kind;
    anyhow::ensure!(
        records::KINDS.contains(&kind),
        "{} have no ids and are not deleted one by one",
        kind.name()
    );
    let store = setting.store().await?;
    let mut ids = Vec::new();
    for id in &arguments.ids {
        let id: Id = id.parse()?;
        if store.record(kind, &id).await?.is_some() {
            ids.push(id);
        }
    }
    let filter: Option<FilterExpression> =
        arguments.filter.as_deref().map(str::parse).transpose()?;
    if arguments.dry_run {
        if let Some(filter) = &filter {
            ids = records::matching(&store, kind, filter).await?;
        }
        setting.say(format!("{} {} would be deleted", ids.len(), kind.name()));
        return Ok(Done::with(
            json!({"matched": ids.len(), "deleted": 0, "ids": ids}),
        ));
    }
    let deleted = match &filter {
        Some(filter) => records::delete_matching(&store, kind, filter).await?,
        None => records::delete(&store, kind, ids).await?,
    };
    setting.say(format!("{deleted} {} deleted", kind.name()));
    Ok(Done::with(json!({"matched": deleted, "deleted": deleted})))
}

pub async fn prepare(setting: &Setting) -> anyhow::Result<Done> {
    let config = setting.config()?;
    let store = setting.existing_store().await?;
    let progress = setting.progress();
    let (corpus, version) = jobs::prepare(&store, config.seed, &*progress).await?;
    setting.say(serde_json::to_string_pretty(&corpus.card)?);
    Ok(Done::with(json!({"version": version, "card": corpus.card})))
}
