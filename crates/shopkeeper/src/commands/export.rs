//! `export`: the corpus for other trainers, models for other engines, records
//! for whoever wants them.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use ::corpus::{Corpus, Split, TextSource};
use ::shop::{Role, Service};
use anyhow::{Context, bail};
use models::LanguageModel;
use models::published::{GgufEncoding, Publication, write_gguf, write_hugging_face};
use serde_json::{Value, json};

use super::training::parse_model;
use super::{Done, Setting, export_records};
use crate::cli::{Bits, ExportCommand, ModelFormat};
use server::jobs;

pub async fn run(setting: &Setting, command: &ExportCommand) -> anyhow::Result<Done> {
    match command {
        ExportCommand::Corpus { out } => corpus(setting, &setting.path(out)).await,
        ExportCommand::Records { kinds, filter, out } => {
            export_records::run(setting, kinds, filter.as_deref(), out).await
        }
        ExportCommand::Model {
            model: name,
            out,
            format,
            bits,
        } => model(setting, name, out.as_deref(), (*format, *bits)).await,
    }
}

/// What is there is somebody's: nothing is written over.
pub(super) fn fresh(path: &Path) -> anyhow::Result<()> {
    if path.exists() {
        bail!("{} is there already: name another --out", path.display());
    }
    Ok(())
}

async fn corpus(setting: &Setting, out: &Path) -> anyhow::Result<Done> {
    fresh(out)?;
    let config = setting.config()?;
    let store = setting.existing_store().await?;
    let (corpus, version) = jobs::prepare(&store, config.seed, &*setting.progress()).await?;
    let mut rows = serde_json::Map::new();
    for split in Split::ALL {
        let texts = text_rows(&corpus, split);
        rows.insert(
            format!("text/{}.jsonl", split.name()),
            write_rows(out, "text", split, texts)?,
        );
        let talks = chat_rows(&corpus, split);
        rows.insert(
            format!("chat/{}.jsonl", split.name()),
            write_rows(out, "chat", split, talks)?,
        );
    }
    let card = out.join("card.json");
    std::fs::write(&card, serde_json::to_vec_pretty(&corpus.card)?)
        .with_context(|| format!("cannot write {}", card.display()))?;
    for (file, count) in &rows {
        setting.say(format!("{file}: {count} rows"));
    }
    Ok(Done::with(
        json!({"out": out, "corpus": version, "rows": rows}),
    ))
}

/// Texts that nobody says to anybody. What customers wrote about products is
/// no part of what a shop's model should say.
fn text_rows(corpus: &Corpus, split: Split) -> impl Iterator<Item = Value> {
    let texts = corpus.texts.iter().filter(move |text| text.split == split);
    texts
        .filter(|text| matches!(text.source, TextSource::Document | TextSource::Product))
        .map(|text| json!({"id": text.id, "language": text.language, "text": text.text}))
}

/// Conversations in the form of Hugging Face's chat data sets.
fn chat_rows(corpus: &Corpus, split: Split) -> impl Iterator<Item = Value> {
    let dialogues = corpus.dialogues.iter();
    dialogues
        .filter(move |dialogue| dialogue.split == split)
        .map(|dialogue| {
            let turns = dialogue.turns.iter().map(|(role, text)| {
                let role = match role {
                    Role::Customer => "user",
                    Role::Agent => "assistant",
                    Role::Tool => "tool",
                };
                json!({"role": role, "content": text})
            });
            json!({
                "id": dialogue.id,
                "language": dialogue.language,
                "messages": turns.collect::<Vec<_>>(),
            })
        })
}

fn write_rows(
    out: &Path,
    kind: &str,
    split: Split,
    rows: impl Iterator<Item = Value>,
) -> anyhow::Result<Value> {
    let path = out.join(kind).join(format!("{}.jsonl", split.name()));
    let failed = || format!("cannot write {}", path.display());
    std::fs::create_dir_all(out.join(kind)).with_context(failed)?;
    let mut file = BufWriter::new(File::create(&path).with_context(failed)?);
    let mut count = 0;
    for row in rows {
        writeln!(file, "{row}").with_context(failed)?;
        count += 1;
    }
    file.flush().with_context(failed)?;
    Ok(json!(count))
}

async fn model(
    setting: &Setting,
    name: &str,
    out: Option<&Path>,
    (format, bits): (ModelFormat, Bits),
) -> anyhow::Result<Done> {
    let (service, version) = parse_model(name)?;
    let store = setting.existing_store().await?;
    let snapshot = store.snapshot();
    let serving = || snapshot.serving.get(&service).cloned();
    let version = version.map(str::to_owned).or_else(serving);
    let version = version.with_context(|| {
        format!("no {0} model serves: `shopkeeper models` lists what there is; name one as in {0}/1a2b3c", service.name())
    })?;
    let out = match (out, format) {
        (Some(out), _) => out.to_owned(),
        (None, ModelFormat::Gguf) => PathBuf::from(format!("{}-{version}.gguf", service.name())),
        (None, _) => PathBuf::from(format!("{}-{version}", service.name())),
    };
    let out = setting.path(&out);
    fresh(&out)?;
    let files = store.get_artifact(service.name(), &version).await?;
    let path = out.clone();
    let title = format!("{}-{version}", service.name());
    let written = tokio::task::spawn_blocking(move || -> anyhow::Result<()> {
        match (format, service) {
            (ModelFormat::Files, _) => {
                std::fs::create_dir_all(&path)
                    .with_context(|| format!("cannot make {}", path.display()))?;
                for (name, bytes) in files {
                    let file = path.join(name);
                    std::fs::write(&file, bytes)
                        .with_context(|| format!("cannot write {}", file.display()))?;
                }
                Ok(())
            }
            (_, Service::Support) => {
                let language = LanguageModel::from_files(&files)?;
                publish(&language, &title, &path, (format, bits))
            }
            (_, other) => bail!(
                "{} has no language model; --format files writes what it has",
                other.name()
            ),
        }
    });
    written.await??;
    setting.say(format!("{}/{version}: {}", service.name(), out.display()));
    Ok(Done::with(
        json!({"service": service, "version": version, "out": out}),
    ))
}

fn publish(
    language: &LanguageModel,
    title: &str,
    path: &Path,
    (format, bits): (ModelFormat, Bits),
) -> anyhow::Result<()> {
    let publication = Publication {
        name: title,
        config: language.network.config(),
        tokenizer: Some(&language.tokenizer),
        special: &language.form.special,
        chat_template: language.form.chat_template.as_deref(),
    };
    let tensors = language.network.tensors();
    match format {
        ModelFormat::Gguf => {
            let encoding = match bits {
                Bits::ThirtyTwo => GgufEncoding::F32,
                Bits::Sixteen => GgufEncoding::F16,
                Bits::Eight => GgufEncoding::Q8_0,
            };
            write_gguf(path, &publication, tensors, encoding)?;
        }
        ModelFormat::HuggingFace | ModelFormat::Files => {
            write_hugging_face(path, &publication, tensors)?;
        }
    }
    Ok(())
}
