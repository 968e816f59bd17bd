//! The shop's data: `init`, `doctor`, `delete`, `prepare`.

use secrecy::ExposeSecret;
use serde_json::json;

use super::{Done, Setting, make_folder};
use crate::cli::DeleteArguments;
use crate::doctor as examination;
use server::app::now;
use server::config::Config;
use server::keyring::Keyring;
use server::{jobs, records, table};
use shop::{FilterExpression, Id};

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
