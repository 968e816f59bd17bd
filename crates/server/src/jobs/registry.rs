use anyhow::bail;
use shop::{Id, Service};
use store::{Entry, NewEntry, RegistryEntry, Store};

/// Lets a trained version serve. The server swaps it in without a restart.
pub async fn promote(store: &Store, service: Service, version: &str) -> anyhow::Result<()> {
    let snapshot = store.snapshot();
    let known: Vec<_> = snapshot
        .trained
        .iter()
        .filter(|(of, ..)| *of == service)
        .map(|(_, version, _)| version.as_str())
        .collect();
    if !known.contains(&version) {
        bail!(
            "there is no {} model {version}; there {}",
            service.name(),
            if known.is_empty() {
                "is none yet: run `shopkeeper train`".to_owned()
            } else {
                format!("are {}", known.join(", "))
            }
        );
    }
    if snapshot
        .serving
        .get(&service)
        .is_some_and(|serving| serving == version)
    {
        return Ok(());
    }
    let entry = RegistryEntry::Promoted {
        service,
        version: version.to_owned(),
    };
    // Not derived from the content: a version may be promoted again later.
    let id = Some(Id::new(&format!("promoted/{}", uuid::Uuid::now_v7()))?);
    store
        .append(vec![NewEntry {
            id,
            entry: Entry::Registry(entry),
        }])
        .await?;
    Ok(())
}

/// Lets the version serve that served before the present one.
pub async fn rollback(store: &Store, service: Service) -> anyhow::Result<String> {
    let history = store
        .snapshot()
        .promoted
        .get(&service)
        .cloned()
        .unwrap_or_default();
    let Some(current) = history.last() else {
        bail!("no {} model has ever served", service.name());
    };
    let Some(previous) = history.iter().rev().find(|version| *version != current) else {
        bail!(
            "{current} is the only {} model that has served",
            service.name()
        );
    };
    promote(store, service, previous).await?;
    Ok(previous.clone())
}
