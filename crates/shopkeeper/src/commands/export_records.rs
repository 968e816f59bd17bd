//! `export records`: what the shop knows, in the form in which it is imported.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::{Map, Value, json};
use shop::{FilterExpression, Kind};
use store::Store;

use super::export::fresh;
use super::{Done, Setting};
use server::records;

/// Writes a file of JSON Lines for each kind that has records: `KIND.jsonl`.
pub async fn run(
    setting: &Setting,
    kinds: &[Kind],
    filter: Option<&str>,
    out: &Path,
) -> anyhow::Result<Done> {
    let filter: Option<FilterExpression> = filter.map(str::parse).transpose()?;
    ensure!(
        filter.is_none() || kinds.len() == 1,
        "a filter is for records of one kind: name it, as in `export records orders`"
    );
    let out = setting.path(out);
    fresh(&out)?;
    let store = setting.existing_store().await?;
    std::fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let kinds = match kinds {
        [] => &Kind::ALL[..],
        kinds => kinds,
    };
    let mut written = Map::new();
    for kind in kinds {
        let path = out.join(format!("{}.jsonl", kind.name()));
        let count = of_kind(&store, *kind, filter.as_ref(), &path).await?;
        if count == 0 {
            std::fs::remove_file(&path)
                .with_context(|| format!("cannot remove {}", path.display()))?;
            continue;
        }
        setting.say(format!("{}: {count} {}", path.display(), kind.name()));
        written.insert(kind.name().to_owned(), json!(count));
    }
    Ok(Done::with(json!({"out": out, "records": written})))
}

async fn of_kind(
    store: &Store,
    kind: Kind,
    filter: Option<&FilterExpression>,
    path: &Path,
) -> anyhow::Result<usize> {
    let failed = || format!("cannot write {}", path.display());
    let mut file = BufWriter::new(File::create(path).with_context(failed)?);
    let mut count = 0;
    let mut write = |row: &Map<String, Value>| -> std::io::Result<()> {
        count += 1;
        serde_json::to_writer(&mut file, row)?;
        file.write_all(b"\n")
    };
    records::each(store, kind, filter, &mut write).await?;
    file.flush().with_context(failed)?;
    file.get_ref().sync_all().with_context(failed)?;
    Ok(count)
}
