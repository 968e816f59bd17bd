//! `models pull recommended`: what suits this machine is shown, downloaded at
//! a person's word, and named in the configuration.

use std::io::{BufRead, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ::shop::Progress;
use serde_json::{Value, json};
use server::bases::{self, Base, Hub, Offer};
use server::settings_file::{self, Change};
use server::{progress, table};

use super::{Done, Setting};
use crate::stop_on_interrupt;

/// What stands in place of a model's name.
pub const RECOMMENDED: &str = "recommended";

/// Letters of a commit that tell it from others.
const SHORT_COMMIT: usize = 12;

/// How the hub is asked.
#[derive(Clone)]
struct Asking {
    hub: Hub,
    stop: Arc<AtomicBool>,
    progress: Arc<dyn Progress + Send + Sync>,
}

pub async fn pull(setting: &Setting, yes: bool) -> anyhow::Result<Done> {
    let asking = Asking {
        hub: Hub::from_environment(),
        stop: stop_on_interrupt(),
        progress: progress::for_stderr(),
    };
    let available = bases::available_bytes();
    let (data, asked) = (setting.folder.clone(), asking.clone());
    let work = move || {
        let Asking {
            hub,
            stop,
            progress,
        } = &asked;
        bases::look_for_recommended(&data, available, hub, &**progress, stop)
    };
    let offers = tokio::task::spawn_blocking(work).await??;
    show(setting, available, &offers);
    let shown = json!(offers);
    let bytes: u64 = missing(&offers).map(Offer::bytes).sum();
    if missing(&offers).next().is_some() && !yes && !confirmed(bytes).await? {
        anyhow::bail!("nothing was downloaded; answer y, or give --yes where nobody is asked");
    }
    let brought = download(setting, asking, offers).await?;
    let settings = name_in_configuration(setting, &brought);
    let bases: Vec<&Base> = brought
        .iter()
        .filter_map(|(_, _, base)| base.as_ref())
        .collect();
    Ok(Done::with(json!({
        "available_bytes": available, "offers": shown, "bases": bases, "settings": settings,
    })))
}

fn missing(offers: &[Offer]) -> impl Iterator<Item = &Offer> {
    offers.iter().filter(|offer| !offer.is_here)
}

/// All that is to be known before anything is downloaded.
fn show(setting: &Setting, available: Option<u64>, offers: &[Offer]) {
    setting.note(match available {
        Some(bytes) => format!("memory available: {}", size(bytes)),
        None => "how much memory is available cannot be told: the smallest is taken".to_owned(),
    });
    let mut models =
        table::with_headings(&["model", "revision", "for", "licence", "memory", "download"]);
    let mut files = table::with_headings(&["model", "file", "size", "checksum"]);
    for offer in offers {
        let revision: String = offer.revision.chars().take(SHORT_COMMIT).collect();
        let licence = offer.licence.as_deref().unwrap_or("not told");
        models.add_row([
            offer.repository.clone(),
            revision,
            offer.purpose.words().to_owned(),
            licence.to_owned(),
            (offer.memory_bytes)
                .map_or("not told".to_owned(), |bytes| format!("~ {}", size(bytes))),
            match offer.is_here {
                true => "here already".to_owned(),
                false => size(offer.bytes()),
            },
        ]);
        for file in offer.files.iter().filter(|_| !offer.is_here) {
            files.add_row([
                offer.name.clone(),
                file.path.clone(),
                file.bytes.map_or("not told".to_owned(), size),
                if file.is_checked { "yes" } else { "none" }.to_owned(),
            ]);
        }
    }
    setting.note(models);
    if missing(offers).next().is_some() {
        setting.note(files);
    }
    let chats = |offer: &Offer| offer.purpose == bases::Purpose::Chat;
    if !offers.iter().any(chats) {
        setting.note("a chat model needs 2 GiB of available memory: none is recommended here");
    }
}

/// Whether whoever is asked says yes; where nobody is, no.
async fn confirmed(bytes: u64) -> anyhow::Result<bool> {
    eprint!("download {}? [y/N] ", size(bytes));
    std::io::stderr().flush()?;
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    let line = read.await??;
    if !std::io::stdin().is_terminal() {
        eprintln!();
    }
    Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Brings what is not here yet; each model with the setting that names it.
async fn download(
    setting: &Setting,
    asking: Asking,
    offers: Vec<Offer>,
) -> anyhow::Result<Vec<(&'static str, String, Option<Base>)>> {
    let data = setting.folder.clone();
    let work = move || -> anyhow::Result<Vec<_>> {
        let Asking {
            hub,
            stop,
            progress,
        } = &asking;
        let each = offers.into_iter().map(|offer| {
            let base = match offer.is_here {
                true => None,
                false => Some(offer.pull(&data, hub, &**progress, stop)?),
            };
            Ok((offer.purpose.setting(), offer.name, base))
        });
        each.collect()
    };
    tokio::task::spawn_blocking(work).await?
}

/// Names the models in the configuration, or says which lines do.
fn name_in_configuration(
    setting: &Setting,
    brought: &[(&'static str, String, Option<Base>)],
) -> Value {
    let path = setting.config_path.display();
    let mut settings = serde_json::Map::new();
    for (key, name, _) in brought {
        let line = settings_file::line(key, name);
        let became = match settings_file::name_model(&setting.config_path, key, name) {
            Change::Made => {
                setting.say(format!("{line} is set in {path}"));
                "set"
            }
            Change::Kept(other) => {
                setting.say(format!(
                    "{path} names {other} and keeps it; instead of it: {line}"
                ));
                "kept"
            }
            Change::ByHand(reason) => {
                setting.say(format!(
                    "{path} was left as it is ({reason}); set in it: {line}"
                ));
                "by hand"
            }
        };
        settings.insert((*key).to_owned(), json!({"line": line, "became": became}));
    }
    setting.say("a server that runs takes it up when it is started again");
    Value::Object(settings)
}

/// Bytes as a person reads them.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}
