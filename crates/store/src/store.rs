use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;

use shop::{
    Answer, AuditRecord, Confirmation, CouponState, Event, Id, Kind, LedgerView, OfferCommand,
    Record, Records, Referral, Timestamp,
};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{Connection, Sqlite, SqliteConnection, SqlitePool};
use tokio::sync::{mpsc, oneshot};

use crate::artifact::Artifacts;
use crate::prepared::{Prepared, decision_id, log_id};
use crate::replay::{Standing, replay};
use crate::writer::{Checkpoints, Current, Request, Rules, Writer};
use crate::{
    Appended, AuditQuery, Commit, Committed, Entry, ExplainedDecision, LogEntry, Manifest,
    NewEntry, Precondition, Snapshot, StoreError, VersionedRecord, artifact, audit, checkpoint,
    database, explanations, ledger, log, permissions, tables,
};

/// Held while a process has the folder; the system lets go of it however the
/// process ends.
const LOCK_FILE: &str = "shopkeeper.lock";

/// Requests that may wait for the writer before senders have to.
const REQUESTS_WAITING: usize = 1_024;

/// Connections for reading.
const READERS: u32 = 4;

/// Segments of explanations that one step of
/// [`Store::expire_explanations`] looks at.
const EXPIRED_AT_ONCE: u32 = 64;

/// Batches larger than this are made ready off the threads that answer requests.
const SMALL_BATCH: usize = 64;

/// What the ledger answered, and whether it had answered before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The answer.
    pub answer: Answer,
    /// The idempotency key was known: nothing moved now.
    pub repeated: bool,
}

/// A shop's data folder. Cheap to clone; when the last clone is gone, what is
/// queued is written and the folder is free again.
#[derive(Debug, Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    current: Current,
    replayed: u64,
    readers: SqlitePool,
    artifacts: Artifacts,
    /// `None` only while closing.
    requests: Option<mpsc::Sender<Request>>,
    writer: Option<JoinHandle<()>>,
    /// The folder is free once the writer is done.
    lock: File,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing left to finish.
            let _ = writer.join();
        }
        // Closing the file would leave the lock to a child process that is just
        // being started and still has its descriptor.
        let _ = self.lock.unlock();
    }
}

impl Store {
    /// Opens the folder, making it when there is none, and replays its log.
    pub async fn open(folder: &Path) -> Result<Self, StoreError> {
        let explain = |error: sqlx::Error| database::explain(folder, &error);
        permissions::own_folder(folder).map_err(|error| disk(folder, &error))?;
        let lock = lock(folder)?;
        database::prepare(folder)?;
        let mut connection = database::connect(folder).await.map_err(explain)?;
        if database::create(&mut connection).await.map_err(explain)? {
            let mut transaction = connection.begin().await.map_err(explain)?;
            tables::rebuild(&mut transaction, folder).await?;
            transaction.commit().await.map_err(explain)?;
        }
        let base = checkpointed(&mut connection, folder).await?;
        let written = base.sequence;
        let snapshot = replay(
            &mut connection,
            folder,
            base.sequence,
            base,
            |snapshot, entries| snapshot.extend(&entries),
        )
        .await?;
        let replayed = snapshot.sequence - written;
        let current: Current = Arc::new(RwLock::new(Arc::new(snapshot)));
        let (requests, queue) = mpsc::channel(REQUESTS_WAITING);
        let writer = start(Writer {
            folder: folder.to_path_buf(),
            requests: queue,
            current: current.clone(),
            connection: Some(connection),
            checkpoints: Checkpoints::new(folder, written),
        })
        .map_err(|error| disk(folder, &error))?;
        let readers = readers(folder).await.map_err(explain)?;
        Ok(Self {
            shared: Arc::new(Shared {
                folder: folder.to_path_buf(),
                current,
                replayed,
                readers,
                artifacts: Artifacts::open(folder)?,
                requests: Some(requests),
                writer: Some(writer),
                lock,
            }),
        })
    }

    /// Through how many places of the log the start went: what came after the
    /// last checkpoint, or all of it.
    pub fn replayed(&self) -> u64 {
        self.shared.replayed
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        &self.shared.folder
    }

    /// Everything that serving may look at, as of the last commit.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared
            .current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Appends what the log does not have yet: all of it or, on an error,
    /// nothing. When this returns, it is on the disk and in the snapshot.
    pub async fn append(&self, entries: Vec<NewEntry>) -> Result<Vec<Appended>, StoreError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let prepared = if entries.len() <= SMALL_BATCH {
            prepare(entries)?
        } else {
            tokio::task::spawn_blocking(|| prepare(entries))
                .await
                .map_err(|_| StoreError::Closed)??
        };
        self.ask(|reply| Request::Append(prepared, reply)).await
    }

    /// As [`Store::append`], if the records named still are what they were:
    /// otherwise [`StoreError::Changed`], and nothing is written.
    pub async fn append_if(
        &self,
        preconditions: Vec<Precondition>,
        entries: Vec<NewEntry>,
    ) -> Result<Vec<Appended>, StoreError> {
        let commit = Commit {
            preconditions,
            commands: Vec::new(),
            entries,
            now: Timestamp::default(),
            rules: |_, _, _| Ok(Vec::new()),
        };
        match self.commit(commit).await? {
            Committed::Done(appended) => Ok(appended),
            // There is no command that could be refused.
            Committed::Refused(_) => Ok(Vec::new()),
        }
    }

    /// Commands to the ledger and entries in one transaction, if the records
    /// named still are what they were: all of it happens or nothing.
    pub async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let prepared = if commit.entries.len() <= SMALL_BATCH {
            commit.prepare()?
        } else {
            tokio::task::spawn_blocking(|| commit.prepare())
                .await
                .map_err(|_| StoreError::Closed)??
        };
        self.ask(|reply| Request::Commit(Box::new(prepared), reply))
            .await
    }

    /// The record that stands under this id, with its version.
    pub async fn record(&self, kind: Kind, id: &Id) -> Result<Option<VersionedRecord>, StoreError> {
        let mut connection = self.reader().await?;
        let row = tables::standing(&mut connection, kind, id)
            .await
            .map_err(|error| self.explain(&error))?;
        Ok(match row.map(log::StoredRow::decode).transpose()? {
            Some(LogEntry {
                sequence,
                entry: Entry::Record(record),
                ..
            }) => Some(VersionedRecord {
                record,
                version: sequence,
            }),
            _ => None,
        })
    }

    /// Events in the order of the log after a place in it, each with its own
    /// place and an id that it can be found by, at most so many.
    pub async fn events(&self, after: u64, limit: usize) -> Result<Vec<(u64, Event)>, StoreError> {
        let mut connection = self.reader().await?;
        let explain = |error: sqlx::Error| self.explain(&error);
        let rows = log::events(&mut connection, after, limit)
            .await
            .map_err(explain)?;
        let removals: Vec<String> = rows.iter().map(|row| removal_id(&row.id)).collect();
        let removals: Vec<&str> = removals.iter().map(String::as_str).collect();
        let removed = log::known(&mut connection, &removals)
            .await
            .map_err(explain)?;
        let standing = rows
            .into_iter()
            .filter(|row| !removed.contains(&removal_id(&row.id)));
        standing
            .filter_map(|row| row.decode().map(event_of).transpose())
            .collect()
    }

    /// Lines of the audit log, newest first, each with its place in the log:
    /// the place of the last one is where the next page begins.
    pub async fn audit(&self, query: &AuditQuery) -> Result<Vec<(u64, AuditRecord)>, StoreError> {
        let mut connection = self.reader().await?;
        let rows = audit::page(&mut connection, query)
            .await
            .map_err(|error| self.explain(&error))?;
        rows.into_iter()
            .filter_map(|row| row.decode().map(audit::line).transpose())
            .collect()
    }

    /// The confirmation with this token, however it stands.
    pub async fn confirmation(
        &self,
        token_digest: &str,
    ) -> Result<Option<Confirmation>, StoreError> {
        let mut connection = self.reader().await?;
        audit::confirmation(&mut connection, token_digest)
            .await
            .map_err(|error| self.explain(&error))
    }

    /// What waits for this customer's word, oldest first.
    pub async fn open_confirmations(
        &self,
        customer: &Id,
        now: Timestamp,
    ) -> Result<Vec<Confirmation>, StoreError> {
        let mut connection = self.reader().await?;
        audit::open_confirmations(&mut connection, customer, now)
            .await
            .map_err(|error| self.explain(&error))
    }

    /// Has `rules` decide a command: in one transaction the rows that the
    /// command names are read, the rules answer, and what they answer is
    /// appended. A key that was used gets its first answer again.
    pub async fn decide(
        &self,
        command: OfferCommand,
        now: Timestamp,
        rules: Rules,
    ) -> Result<Outcome, StoreError> {
        self.ask(|reply| Request::Decide(command, now, rules, reply))
            .await
    }

    /// The entries after `after`, oldest first, at most `limit`.
    pub async fn read(&self, after: u64, limit: usize) -> Result<Vec<LogEntry>, StoreError> {
        let mut connection = self.reader().await?;
        let rows = log::page(&mut connection, after, limit)
            .await
            .map_err(|error| self.explain(&error))?;
        rows.into_iter().map(log::StoredRow::decode).collect()
    }

    /// Every record that stands, by replay of the log.
    pub async fn records(&self) -> Result<Records, StoreError> {
        let mut connection = self.reader().await?;
        let standing = replay(
            &mut connection,
            self.folder(),
            0,
            Standing::default(),
            Standing::take,
        )
        .await?;
        Ok(standing.into_records())
    }

    /// The decision with this id, with its stages and reasons as long as they
    /// are kept.
    pub async fn decision(&self, id: &Id) -> Result<Option<ExplainedDecision>, StoreError> {
        let mut connection = self.reader().await?;
        let row = log::by_id(&mut connection, &decision_id(id))
            .await
            .map_err(|error| self.explain(&error))?;
        let Some(LogEntry {
            sequence,
            entry: Entry::Decision(decision),
            ..
        }) = row.map(log::StoredRow::decode).transpose()?
        else {
            return Ok(None);
        };
        let explanation = explanations::get(&mut connection, sequence)
            .await
            .map_err(|error| self.explain(&error))?;
        Ok(Some(ExplainedDecision::new(decision, explanation)))
    }

    /// Drops the stages and reasons of decisions that are older than so many
    /// days, but for those that an order, a thumb or an action followed: in
    /// steps, so that no write waits long. Returns how many pieces it looked at.
    pub async fn expire_explanations(&self, now: Timestamp, days: u32) -> Result<u64, StoreError> {
        let before_day = now.day() - i64::from(days);
        let mut all = 0;
        loop {
            let step = self
                .ask(|reply| Request::Expire(before_day, EXPIRED_AT_ONCE, reply))
                .await?;
            all += step;
            if step < u64::from(EXPIRED_AT_ONCE) {
                return Ok(all);
            }
        }
    }

    /// Writes the snapshot down, so that the next start replays what comes
    /// from now on. It is done by itself now and then, and at the end.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        self.ask(Request::Checkpoint).await
    }

    /// What the rules would see now: for asking without moving anything.
    pub async fn ledger_view(&self, command: &OfferCommand) -> Result<LedgerView, StoreError> {
        let mut connection = self.reader().await?;
        ledger::view(&mut connection, command)
            .await
            .map_err(|error| self.explain(&error))
    }

    /// Every coupon with the count of redemptions that stand, by code.
    pub async fn coupons(&self) -> Result<Vec<CouponState>, StoreError> {
        let mut connection = self.reader().await?;
        ledger::coupons(&mut connection)
            .await
            .map_err(|error| self.explain(&error))
    }

    /// A customer's points.
    pub async fn points(&self, customer: &Id) -> Result<i64, StoreError> {
        let mut connection = self.reader().await?;
        ledger::points(&mut connection, customer)
            .await
            .map_err(|error| self.explain(&error))
    }

    /// Whom this customer brought.
    pub async fn referrals_by(&self, referrer: &Id) -> Result<Vec<Referral>, StoreError> {
        let mut connection = self.reader().await?;
        ledger::referrals_by(&mut connection, referrer)
            .await
            .map_err(|error| self.explain(&error))
    }

    /// Deletes every derived table and makes it again from the log.
    pub async fn rebuild(&self) -> Result<(), StoreError> {
        self.ask(Request::Rebuild).await
    }

    /// A hash of all that is derived: equal before and after a rebuild.
    pub async fn derived_hash(&self) -> Result<String, StoreError> {
        let mut connection = self.reader().await?;
        tables::derived_hash(&mut connection)
            .await
            .map_err(|error| self.explain(&error))
    }

    /// Stores the files of an artifact of `kind` (a service's name, or
    /// `corpus`) with its card, and returns the version: a hash of the files.
    pub async fn put_artifact(
        &self,
        kind: &str,
        files: BTreeMap<String, Vec<u8>>,
        card: serde_json::Value,
    ) -> Result<String, StoreError> {
        let version = self.shared.artifacts.put(kind, files, card).await?;
        let folder = self.folder().join(artifact::FOLDER);
        permissions::tighten(&folder).map_err(|error| disk(self.folder(), &error))?;
        Ok(version)
    }

    /// The files of an artifact, proved to be what was stored.
    pub async fn get_artifact(
        &self,
        kind: &str,
        version: &str,
    ) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
        self.shared.artifacts.get(kind, version).await
    }

    /// The artifacts of this kind, oldest first.
    pub async fn artifacts(&self, kind: &str) -> Result<Vec<Manifest>, StoreError> {
        self.shared.artifacts.list(kind).await
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Request,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let requests = self.shared.requests.as_ref().ok_or(StoreError::Closed)?;
        requests
            .send(request(reply))
            .await
            .map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.shared
            .readers
            .acquire()
            .await
            .map_err(|error| self.explain(&error))
    }

    fn explain(&self, error: &sqlx::Error) -> StoreError {
        database::explain(self.folder(), error)
    }
}

fn prepare(entries: Vec<NewEntry>) -> Result<Vec<Prepared>, StoreError> {
    entries.into_iter().map(Prepared::new).collect()
}

/// The id of the entry that removes the event with this log id.
fn removal_id(event: &str) -> String {
    log_id("removed", event)
}

fn event_of(entry: LogEntry) -> Option<(u64, Event)> {
    let Entry::Record(Record::Event(mut event)) = entry.entry else {
        return None;
    };
    if event.id.is_none() {
        let (_, own) = entry.id.split_once('/')?;
        event.id = Id::new(own).ok();
    }
    Some((entry.sequence, event))
}

/// The snapshot of the last checkpoint, where there is one of this log and of
/// this program; otherwise an empty one.
async fn checkpointed(
    connection: &mut SqliteConnection,
    folder: &Path,
) -> Result<Snapshot, StoreError> {
    let path = folder.to_path_buf();
    let read = tokio::task::spawn_blocking(move || checkpoint::read(&path));
    let Ok(Some((snapshot, log_id))) = read.await else {
        return Ok(Snapshot::default());
    };
    let found = log::id_at(connection, snapshot.sequence)
        .await
        .map_err(|error| database::explain(folder, &error))?;
    Ok(if found == Some(log_id) {
        snapshot
    } else {
        Snapshot::default()
    })
}

/// The connections for reading, all of them open from now on: later there may
/// be no descriptor left for one.
async fn readers(folder: &Path) -> sqlx::Result<SqlitePool> {
    let pool = SqlitePoolOptions::new()
        .max_connections(READERS)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(database::options(folder));
    let mut open = Vec::new();
    for _ in 0..READERS {
        let mut connection = pool.acquire().await?;
        // The first read opens the write-ahead log and its index.
        log::id_at(&mut connection, 0).await?;
        open.push(connection);
    }
    Ok(pool)
}

/// Runs the writer on a thread of its own, so that neither the JSON of a large
/// import nor the making of snapshots holds up whoever answers requests.
fn start(writer: Writer) -> std::io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("store-writer".to_owned())
        .spawn(move || runtime.block_on(writer.run()))
}

fn lock(folder: &Path) -> Result<File, StoreError> {
    let file =
        permissions::create(&folder.join(LOCK_FILE)).map_err(|error| disk(folder, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(folder.to_path_buf())),
        Err(TryLockError::Error(error)) => Err(disk(folder, &error)),
    }
}

fn disk(folder: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Disk {
        folder: folder.to_path_buf(),
        reason: error.to_string(),
    }
}
