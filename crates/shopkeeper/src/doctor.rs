//! `doctor`: is everything as it should be, and if not, what mends it.

use std::path::Path;

use secrecy::ExposeSecret;
use serde::Serialize;
use shop::Service;
use store::Store;

use crate::commands::Setting;
use server::bases;
use server::config::{Config, Scope};
use server::keyring::Keyring;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub struct Check {
    /// What.
    pub name: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found, and what mends it.
    pub found: String,
}

impl Check {
    fn new(name: &str, result: Result<String, String>) -> Self {
        let ok = result.is_ok();
        let found = result.unwrap_or_else(|problem| problem);
        Self {
            name: name.to_owned(),
            ok,
            found,
        }
    }
}

/// Looks at the processor, the folder, the configuration and the store.
pub async fn examine(setting: &Setting) -> Vec<Check> {
    let (folder, config_path) = (setting.folder.as_path(), setting.config_path.as_path());
    let mut checks = vec![Check::new("processor", Ok(processor()))];
    let config = Config::load(config_path);
    checks.push(Check::new(
        "configuration",
        match &config {
            Ok(_) if config_path.exists() => Ok(format!("{} is fine", config_path.display())),
            Ok(_) => Ok("defaults; `shopkeeper init` writes a commented file".to_owned()),
            Err(error) => Err(format!("{error:#}")),
        },
    ));
    if let Ok(config) = &config {
        checks.push(Check::new("keys", keys(folder, config)));
        checks.push(Check::new(
            "language models",
            language_models(folder, config),
        ));
    }
    checks.push(Check::new("data folder", writable(folder)));
    if !folder.join("shopkeeper.db").exists() {
        let found = "empty; `shopkeeper import FILE` or `shopkeeper demo` fills it".to_owned();
        checks.push(Check::new("shop", Ok(found)));
        return checks;
    }
    match setting.store().await {
        Err(error) => checks.push(Check::new("store", Err(error.to_string()))),
        Ok(store) => checks.extend(examine_store(&store).await),
    }
    checks
}

/// Keys that are long enough, and somebody who may administer.
fn keys(folder: &Path, config: &Config) -> Result<String, String> {
    const SHORTEST: usize = 20;
    let short = config
        .keys
        .iter()
        .filter(|key| key.key.expose_secret().len() < SHORTEST);
    let short = short.count();
    if short > 0 {
        return Err(format!(
            "{short} keys of the configuration are shorter than {SHORTEST} characters and can be \
             guessed: `shopkeeper keys create` makes better ones"
        ));
    }
    let keys = Keyring::open(folder, &config.keys).list();
    let admins = keys.iter().filter(|key| key.scope == Scope::Admin).count();
    Ok(match admins {
        0 => "no admin key yet; the first `serve` makes one and prints it".to_owned(),
        _ => format!("{} keys, {admins} of them for administration", keys.len()),
    })
}

/// What the assistant lacks of published models, and what brings it.
pub fn missing_models(config: &Config) -> Option<String> {
    let has_chat_model = !config.support_model.is_empty() || !config.backend_url.is_empty();
    let missing = match (config.support_encoder.is_empty(), has_chat_model) {
        (false, true) => return None,
        (true, true) => "no sentence encoder is",
        (false, false) => "no chat model is",
        (true, false) => "neither a sentence encoder nor a chat model is",
    };
    Some(format!(
        "{missing} set: `shopkeeper models pull recommended` shows what suits this machine, and \
         brings it"
    ))
}

/// Published models that are named are there, and which of two comes first.
fn language_models(folder: &Path, config: &Config) -> Result<String, String> {
    let set = [
        ("support_encoder", &config.support_encoder),
        ("support_model", &config.support_model),
    ];
    let mut found = Vec::new();
    for (key, model) in set.into_iter().filter(|(_, model)| !model.is_empty()) {
        bases::find(folder, model).map_err(|error| format!("{key}: {error:#}"))?;
        found.push(format!("{key} {model}"));
    }
    if !config.backend_url.is_empty() {
        let instead = match config.support_model.is_empty() {
            true => "",
            false => ", in place of support_model",
        };
        found.push(format!("backend_url {}{instead}", config.backend_url));
    }
    found.extend(missing_models(config));
    Ok(found.join("; "))
}

async fn examine_store(store: &Store) -> Vec<Check> {
    let snapshot = store.snapshot();
    let mut checks = vec![Check::new(
        "store",
        Ok(format!("{} log entries", snapshot.sequence)),
    )];
    let products = snapshot.catalogue.len();
    checks.push(Check::new(
        "catalogue",
        if products > 0 {
            Ok(format!("{products} products"))
        } else {
            Err("no products: search and recommendation need them; import products".to_owned())
        },
    ));
    let untrained = |service: &Service| !snapshot.serving.contains_key(service);
    let corpus = match Service::ALL.iter().any(untrained) {
        true => prepared(store).await,
        false => None,
    };
    for service in Service::ALL {
        let name = service.name();
        let missing = corpus.as_ref();
        let missing = missing.and_then(|corpus| train::missing_data(service, corpus));
        let result = match (snapshot.serving.get(&service), missing) {
            // There is nothing that training would mend.
            (None, Some(missing)) => Ok(format!("nothing to train on yet: {missing}")),
            (None, None) => Err(format!("no model serves; run `shopkeeper train {name}`")),
            (Some(version), _) => match store.get_artifact(name, version).await {
                Ok(_) => Ok(format!("{version} serves")),
                Err(error) => Err(damaged(store, service, version, &error.to_string()).await),
            },
        };
        checks.push(Check::new(name, result));
    }
    checks
}

/// The corpus as training would have it, to see what it lacks.
async fn prepared(store: &Store) -> Option<corpus::Corpus> {
    let records = store.records().await.ok()?;
    let options = corpus::PrepareOptions::default();
    let work = tokio::task::spawn_blocking(move || corpus::prepare(&records, &options));
    work.await.ok()
}

/// What a damaged model means: which intact one serves in its place.
async fn damaged(store: &Store, service: Service, version: &str, error: &str) -> String {
    let name = service.name();
    let snapshot = store.snapshot();
    let served = snapshot.promoted.get(&service).into_iter().flatten().rev();
    let mut instead = "no intact version is left, so none serves".to_owned();
    for other in served.filter(|other| *other != version) {
        if store.get_artifact(name, other).await.is_ok() {
            instead = format!("{other} serves in its place");
            break;
        }
    }
    format!(
        "{version} should serve but cannot be read ({error}); {instead}. Run `shopkeeper train \
         {name}`, or `shopkeeper promote {name}/VERSION`"
    )
}

fn processor() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    #[cfg(target_arch = "x86_64")]
    let vectors = if is_x86_feature_detected!("avx512f") {
        "AVX-512"
    } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        "AVX2"
    } else {
        "no AVX2: training will be slow"
    };
    #[cfg(target_arch = "aarch64")]
    let vectors = "NEON";
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let vectors = "portable code: training will be slow";
    format!("{cores} cores, {vectors}")
}

fn writable(folder: &Path) -> Result<String, String> {
    let probe = folder.join(".doctor");
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&probe, vec![0_u8; 1 << 20]))
        .and_then(|()| std::fs::remove_file(&probe));
    match written {
        Ok(()) => Ok(format!("{} can be written to", folder.display())),
        Err(error) => Err(format!(
            "{} cannot be written to ({error}): free some disk or choose another with --data",
            folder.display()
        )),
    }
}
