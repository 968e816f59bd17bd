use std::path::Path;

use rustc_hash::FxHashMap;
use shop::{Record, Records};
use sqlx::SqliteConnection;
use tokio::sync::mpsc;

use crate::log::{self, StoredRow};
use crate::prepared::{log_id, replaces};
use crate::{Entry, LogEntry, StoreError, database};

/// Rows read at once.
const PAGE: usize = 4_096;

/// Pages that may wait between one stage and the next.
const PAGES_WAITING: usize = 4;

/// Hands every entry after `after` to `take`, in order. Reading, parsing and
/// taking run beside each other, each on its own thread; `take` gives its
/// state back at the end.
pub(crate) async fn replay<S: Send + 'static>(
    connection: &mut SqliteConnection,
    folder: &Path,
    mut after: u64,
    mut state: S,
    take: impl Fn(&mut S, Vec<LogEntry>) + Send + 'static,
) -> Result<S, StoreError> {
    let (send_rows, mut rows) = mpsc::channel::<Vec<StoredRow>>(PAGES_WAITING);
    let (send_entries, mut entries) =
        mpsc::channel::<Result<Vec<LogEntry>, StoreError>>(PAGES_WAITING);
    tokio::task::spawn_blocking(move || {
        while let Some(page) = rows.blocking_recv() {
            let decoded = page.into_iter().map(StoredRow::decode).collect();
            if send_entries.blocking_send(decoded).is_err() {
                break;
            }
        }
    });
    let taking = tokio::task::spawn_blocking(move || {
        while let Some(page) = entries.blocking_recv() {
            take(&mut state, page?);
        }
        Ok(state)
    });
    loop {
        let page = log::page(connection, after, PAGE)
            .await
            .map_err(|error| database::explain(folder, &error))?;
        let Some(last) = page.last() else {
            break;
        };
        after = last.sequence;
        if send_rows.send(page).await.is_err() {
            break;
        }
    }
    drop(send_rows);
    taking.await.map_err(|_| StoreError::Closed)?
}

/// Every entry after `after`: a handful, after a write whose fate was unknown.
pub(crate) async fn tail(
    connection: &mut SqliteConnection,
    folder: &Path,
    mut after: u64,
) -> Result<Vec<LogEntry>, StoreError> {
    let mut entries = Vec::new();
    loop {
        let page = log::page(connection, after, PAGE)
            .await
            .map_err(|error| database::explain(folder, &error))?;
        let Some(last) = page.last() else {
            return Ok(entries);
        };
        after = last.sequence;
        for row in page {
            entries.push(row.decode()?);
        }
    }
}

/// The records that stand, in the order in which each first came.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    records: Vec<Option<Record>>,
    /// Kind and id, as in a log id, to the place.
    places: FxHashMap<String, usize>,
}

impl Standing {
    pub(crate) fn take(&mut self, entries: Vec<LogEntry>) {
        for entry in entries {
            match entry.entry {
                Entry::Record(record) => self.put(entry.id, record),
                Entry::Removed { kind, id } => {
                    if let Some(place) = self.places.get(&log_id(kind.name(), id.as_str())) {
                        self.records[*place] = None;
                    }
                }
                Entry::Decision(_)
                | Entry::Ledger(_)
                | Entry::Registry(_)
                | Entry::Curation(_)
                | Entry::Audit(_)
                | Entry::Confirmation(_) => {}
            }
        }
    }

    fn put(&mut self, id: String, record: Record) {
        let key = match record.id() {
            Some(id) if replaces(record.kind()) => log_id(record.kind().name(), id.as_str()),
            _ => id,
        };
        let place = *self.places.entry(key).or_insert(self.records.len());
        if place == self.records.len() {
            self.records.push(Some(record));
        } else {
            self.records[place] = Some(record);
        }
    }

    pub(crate) fn into_records(self) -> Records {
        let mut records = Records::default();
        for record in self.records.into_iter().flatten() {
            records.push(record);
        }
        records
    }
}
