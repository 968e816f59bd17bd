//! A file into the store: parsed on one thread, appended on another, each
//! batch durable before the next is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;
use shop::Kind;
use shop::Progress;
use store::{Appended, Entry, NewEntry, Store};
use tokio::sync::mpsc;

use super::plan::Column;
use super::recognise::fields_of;
use super::reject::RejectedFile;
use super::{
    Batch, ImportOptions, IngestError, Need, ReadSummary, Rejected, preview_file, read_file,
};

/// Batches that may wait for the disk.
const QUEUE: usize = 4;
/// Rejected rows that people are shown.
const SHOWN: usize = 5;

/// What became of a file.
#[derive(Debug, Clone, Serialize)]
pub struct ImportReport {
    /// Which file.
    pub file: PathBuf,
    /// What it was written in, or by.
    pub format: String,
    /// The kind of most rows.
    pub kind: Option<Kind>,
    /// The mapping that was saved for such files, by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved: Option<String>,
    /// Which column gives a field.
    pub mapping: BTreeMap<String, String>,
    /// The columns of its first table.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Column>,
    /// The fields that such a table may have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<&'static str>,
    /// The language model that suggests the mapping, where one was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggested_by: Option<String>,
    /// What the file does not say: nothing of it was stored.
    pub needs: Vec<Need>,
    /// The same as sentences, with the options that answer.
    pub questions: Vec<&'static str>,
    /// Good rows by kind.
    pub kinds: BTreeMap<Kind, u64>,
    /// Rows that were stored.
    pub accepted: u64,
    /// Records that were deleted.
    pub deleted: u64,
    /// Good rows that the shop had already.
    pub unchanged: u64,
    /// Bad rows.
    pub rejected: u64,
    /// The first of them.
    pub first_rejected: Vec<Rejected>,
    /// The first records as they would be stored, where that was asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<Value>,
    /// Where all of them were written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejected_file: Option<PathBuf>,
    /// Whether the file ended before its time.
    pub cut_short: bool,
    /// What deserves a sentence though nothing is wrong.
    pub warnings: Vec<String>,
}

impl ImportReport {
    /// Asks one thing more.
    pub fn ask(&mut self, need: Need) {
        if !self.needs.contains(&need) {
            self.needs.push(need);
            self.questions.push(need.question());
        }
    }

    /// The report of a source that is no file, before anything came of it.
    pub fn of_source(file: PathBuf, format: &str) -> Self {
        Self {
            file,
            format: format.to_owned(),
            kind: None,
            saved: None,
            mapping: BTreeMap::new(),
            columns: Vec::new(),
            fields: Vec::new(),
            suggested_by: None,
            needs: Vec::new(),
            questions: Vec::new(),
            kinds: BTreeMap::new(),
            accepted: 0,
            deleted: 0,
            unchanged: 0,
            rejected: 0,
            first_rejected: Vec::new(),
            records: Vec::new(),
            rejected_file: None,
            cut_short: false,
            warnings: Vec::new(),
        }
    }
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<String> = self
            .kinds
            .iter()
            .map(|(kind, count)| format!("{count} {}", kind.name()))
            .collect();
        let kinds = if kinds.is_empty() {
            "no good rows".to_owned()
        } else {
            kinds.join(", ")
        };
        write!(
            f,
            "{} ({}): {kinds}; {} stored, {} unchanged, {} rejected",
            self.file.display(),
            self.format,
            self.accepted,
            self.unchanged,
            self.rejected,
        )?;
        if self.deleted > 0 {
            write!(f, ", {} deleted", self.deleted)?;
        }
        if let Some(saved) = &self.saved {
            write!(f, "\n  read by the saved mapping {saved:?}")?;
        }
        if let Some(model) = &self.suggested_by {
            let columns: Vec<String> = self
                .mapping
                .iter()
                .map(|(field, column)| format!("--map {field}={column}"))
                .collect();
            let kind = self.kind.map_or("", Kind::name);
            write!(f, "\n  {model} suggests --as {kind} {}", columns.join(" "))?;
        }
        for question in &self.questions {
            write!(f, "\n  nothing is stored: {question}")?;
        }
        for warning in &self.warnings {
            write!(f, "\n  note: {warning}")?;
        }
        for row in self.first_rejected.iter().take(SHOWN) {
            write!(f, "\n  line {}, {}: {}", row.line, row.field, row.reason)?;
        }
        if let Some(file) = &self.rejected_file {
            write!(
                f,
                "\n  rejected rows with their reasons: {}",
                file.display()
            )?;
        }
        Ok(())
    }
}

/// Imports a file. Bad rows are appended to `rejected_file`; good ones are
/// on the disk when this returns, and those before an error or an
/// interruption are as well: a second run finds them unchanged.
pub async fn import(
    store: &Store,
    path: &Path,
    options: &ImportOptions,
    rejected_file: &Path,
    progress: &dyn Progress,
) -> Result<ImportReport, IngestError> {
    let (sender, mut receiver) = mpsc::channel::<Batch>(QUEUE);
    let reading = spawn_reader(path.to_owned(), options.clone(), sender);
    let total = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let mut rejects = RejectedFile::new(rejected_file, path);
    let (mut accepted, mut deleted, mut unchanged, mut rejected) = (0_u64, 0_u64, 0_u64, 0_u64);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    progress.begin(&format!("import {name}"), total);
    while let Some(batch) = receiver.recv().await {
        let position = batch.position;
        rejected += batch.rejected.len() as u64;
        rejects.write(&batch.rejected)?;
        if !batch.records.is_empty() {
            let entries = batch.records.into_iter().map(NewEntry::from).collect();
            for appended in store.append(entries).await? {
                match appended {
                    Appended::New(_) => accepted += 1,
                    Appended::Duplicate => unchanged += 1,
                }
            }
        }
        if !batch.removed.is_empty() {
            let removed = batch.removed.into_iter();
            let entries = removed.map(|(kind, id)| NewEntry {
                id: None,
                entry: Entry::Removed { kind, id },
            });
            for appended in store.append(entries.collect()).await? {
                match appended {
                    Appended::New(_) => deleted += 1,
                    Appended::Duplicate => unchanged += 1,
                }
            }
        }
        let message = format!("{accepted} stored, {unchanged} unchanged, {rejected} rejected");
        progress.advance(position.min(total), &message);
    }
    let summary = match reading.await {
        Ok(summary) => summary?,
        Err(_) => return Err(IngestError::Ended(path.to_owned())),
    };
    rejects.end(summary.rejected)?;
    progress.end(&format!(
        "{accepted} stored, {unchanged} unchanged, {} rejected",
        summary.rejected
    ));
    let mut report = report(path, summary);
    report.accepted = accepted;
    report.deleted = deleted;
    report.unchanged += unchanged;
    report.rejected_file = (report.rejected > 0).then(|| rejected_file.to_owned());
    Ok(report)
}

/// Records that a preview shows.
const PREVIEWED: usize = 100;

/// What an import would store, without a store; `accepted` counts what is good.
pub fn preview(path: &Path, options: &ImportOptions) -> Result<ImportReport, IngestError> {
    let (mut records, mut accepted, mut deleted) = (Vec::new(), 0, 0);
    let mut sink = |batch: Batch| {
        accepted += batch.records.len() as u64;
        deleted += batch.removed.len() as u64;
        let room = PREVIEWED - records.len();
        records.extend(batch.records.iter().take(room).map(shop::Record::to_json));
        ControlFlow::Continue(())
    };
    let summary = preview_file(path, options, &mut sink)?;
    let mut report = report(path, summary);
    report.accepted = accepted;
    report.deleted = deleted;
    report.records = records;
    Ok(report)
}

fn report(path: &Path, summary: ReadSummary) -> ImportReport {
    let questions: BTreeSet<Need> = summary.needs.clone();
    ImportReport {
        file: path.to_owned(),
        warnings: summary.warnings(),
        format: summary.format,
        kind: summary.kind,
        fields: match (summary.columns.is_empty(), summary.kind) {
            (false, Some(kind)) => fields_of(kind),
            _ => Vec::new(),
        },
        saved: summary.saved,
        mapping: summary.mapping,
        columns: summary.columns,
        suggested_by: None,
        needs: summary.needs.into_iter().collect(),
        questions: questions.into_iter().map(Need::question).collect(),
        accepted: 0,
        deleted: 0,
        unchanged: summary.repeated,
        rejected: summary.rejected,
        rejected_file: None,
        kinds: summary.kinds,
        first_rejected: summary.first_rejected,
        records: Vec::new(),
        cut_short: summary.cut_short,
    }
}

/// Reads on a thread of its own; when nobody listens any more (the import was
/// dropped), it ends at its next batch.
fn spawn_reader(
    path: PathBuf,
    options: ImportOptions,
    sender: mpsc::Sender<Batch>,
) -> tokio::task::JoinHandle<Result<ReadSummary, IngestError>> {
    tokio::task::spawn_blocking(move || {
        let mut sink = |batch: Batch| match sender.blocking_send(batch) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        };
        read_file(&path, &options, &mut sink)
    })
}
