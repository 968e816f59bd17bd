use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;

use shop::{LedgerEntry, LedgerView, OfferCommand, Refusal, Timestamp};
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use crate::batch::Batch;
use crate::commit::PreparedCommit;
use crate::prepared::Prepared;
use crate::{
    Appended, Committed, LogEntry, Outcome, Snapshot, StoreError, checkpoint, database,
    explanations, log, replay, tables,
};

/// After so many entries the snapshot is written down beside the work: so many
/// are replayed in about a second.
const ENTRIES_PER_CHECKPOINT: u64 = 250_000;

/// At the end it is written down for fewer.
const ENTRIES_WORTH_A_CHECKPOINT: u64 = 10_000;

/// How many entries one commit takes before it stops looking for more.
const ENTRIES_PER_COMMIT: usize = 8_192;

/// The rules that decide a command: pure, so that what they see is all that
/// matters.
pub type Rules = fn(&LedgerView, &OfferCommand, Timestamp) -> Result<Vec<LedgerEntry>, Refusal>;

/// The snapshot that everybody reads.
pub(crate) type Current = Arc<RwLock<Arc<Snapshot>>>;

/// What the writer is asked to do.
pub(crate) enum Request {
    Append(Vec<Prepared>, Reply<Vec<Appended>>),
    Commit(Box<PreparedCommit>, Reply<Committed>),
    Decide(OfferCommand, Timestamp, Rules, Reply<Outcome>),
    Rebuild(Reply<()>),
    /// Explanations from before this day, at most so many segments.
    Expire(i64, u32, Reply<u64>),
    Checkpoint(Reply<()>),
}

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// The one that writes: takes all that is queued, commits it in one
/// transaction, makes the next snapshot and only then acknowledges.
pub(crate) struct Writer {
    pub folder: PathBuf,
    pub requests: mpsc::Receiver<Request>,
    pub current: Current,
    /// `None` after a failed write, until the next one connects again.
    pub connection: Option<SqliteConnection>,
    pub checkpoints: Checkpoints,
}

/// Checkpoints, of which one at a time is written on a thread of its own.
pub(crate) struct Checkpoints {
    folder: PathBuf,
    /// The last log entry of the last one that is whole or was tried.
    written: u64,
    running: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// `written` is the last log entry of the one that was read.
    pub(crate) fn new(folder: &Path, written: u64) -> Self {
        Self {
            folder: folder.to_path_buf(),
            written,
            running: None,
        }
    }

    fn is_running(&self) -> bool {
        self.running.as_ref().is_some_and(|one| !one.is_finished())
    }

    fn begin(&mut self, snapshot: Arc<Snapshot>, log_id: String) {
        self.written = snapshot.sequence;
        let folder = self.folder.clone();
        let writing = std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || {
                // The one before stands where this one fails.
                let _ = checkpoint::write(&folder, &snapshot, &log_id);
            });
        self.running = writing.ok();
    }

    fn finish(&mut self) {
        if let Some(running) = self.running.take() {
            // One that panicked has left the one before it.
            let _ = running.join();
        }
    }
}

/// What one transaction did.
struct Written {
    entries: Vec<LogEntry>,
    answers: Vec<Done>,
}

/// What a request came to, in the order of the requests.
pub(crate) enum Done {
    Append(Vec<Appended>),
    Commit(Result<Committed, StoreError>),
    Decide(Outcome),
    Rebuild,
    Expire(u64),
    Checkpoint,
}

impl Writer {
    /// Works until every store handle is gone.
    pub(crate) async fn run(mut self) {
        while let Some(first) = self.requests.recv().await {
            let mut waiting = weight(&first);
            let mut group = vec![first];
            while waiting < ENTRIES_PER_COMMIT
                && let Ok(request) = self.requests.try_recv()
            {
                waiting += weight(&request);
                group.push(request);
            }
            let committed = self.commit(&mut group).await;
            let asked = acknowledge(group, committed);
            if !asked.is_empty() {
                let written = self.checkpoint().await;
                for reply in asked {
                    // Whoever no longer waits for the answer does not get one.
                    let _ = reply.send(written.clone());
                }
            }
            self.checkpoint_when_due().await;
        }
        self.checkpoints.finish();
        if self.behind() >= ENTRIES_WORTH_A_CHECKPOINT {
            // Without it the next start replays a little more.
            let _ = self.checkpoint().await;
        }
        if let Some(connection) = self.connection.take() {
            // Truncates the write-ahead log; without it the next start does.
            let _ = connection.close().await;
        }
    }

    async fn commit(&mut self, group: &mut [Request]) -> Result<Vec<Done>, StoreError> {
        let (mut connection, snapshot) = self.connected().await?;
        let committed = write(&mut connection, &self.folder, &snapshot, group).await?;
        self.connection = Some(connection);
        if !committed.entries.is_empty() {
            self.publish(snapshot.apply(&committed.entries));
        }
        Ok(committed.answers)
    }

    /// The connection, taken until the write has gone well, and the snapshot
    /// that agrees with the log. After a failed write both are made sure of:
    /// the commit that seemed to fail may have reached the disk.
    async fn connected(&mut self) -> Result<(SqliteConnection, Arc<Snapshot>), StoreError> {
        let snapshot = self
            .current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(connection) = self.connection.take() {
            return Ok((connection, snapshot));
        }
        let mut connection = database::connect(&self.folder)
            .await
            .map_err(|error| database::explain(&self.folder, &error))?;
        let missed = replay::tail(&mut connection, &self.folder, snapshot.sequence).await?;
        if missed.is_empty() {
            return Ok((connection, snapshot));
        }
        Ok((connection, self.publish(snapshot.apply(&missed))))
    }

    /// How many entries a start would have to replay.
    fn behind(&self) -> u64 {
        let current = self.current.read();
        let sequence = current.unwrap_or_else(PoisonError::into_inner).sequence;
        sequence.saturating_sub(self.checkpoints.written)
    }

    /// The present snapshot with the id of its last log entry.
    async fn checkpointable(&mut self) -> Result<Option<(Arc<Snapshot>, String)>, StoreError> {
        let (mut connection, snapshot) = self.connected().await?;
        let id = log::id_at(&mut connection, snapshot.sequence).await;
        self.connection = Some(connection);
        let id = id.map_err(|error| database::explain(&self.folder, &error))?;
        Ok(id.map(|id| (snapshot, id)))
    }

    async fn checkpoint(&mut self) -> Result<(), StoreError> {
        self.checkpoints.finish();
        let Some((snapshot, id)) = self.checkpointable().await? else {
            return Ok(());
        };
        let written = checkpoint::write(&self.folder, &snapshot, &id);
        written.map_err(|error| StoreError::Disk {
            folder: self.folder.clone(),
            reason: error.to_string(),
        })?;
        self.checkpoints.written = snapshot.sequence;
        Ok(())
    }

    /// Writes a checkpoint beside the work when many entries came since the
    /// last one. One that fails is tried again after as many more.
    async fn checkpoint_when_due(&mut self) {
        if self.checkpoints.is_running() || self.behind() < ENTRIES_PER_CHECKPOINT {
            return;
        }
        self.checkpoints.finish();
        if self.behind() >= ENTRIES_PER_CHECKPOINT
            && let Ok(Some((snapshot, id))) = self.checkpointable().await
        {
            self.checkpoints.begin(snapshot, id);
        }
    }

    fn publish(&self, snapshot: Snapshot) -> Arc<Snapshot> {
        let snapshot = Arc::new(snapshot);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = snapshot.clone();
        snapshot
    }
}

fn weight(request: &Request) -> usize {
    match request {
        Request::Append(prepared, _) => prepared.len(),
        Request::Commit(commit, _) => 1 + commit.entries.len(),
        Request::Decide(..) => 1,
        Request::Rebuild(_) | Request::Expire(..) => ENTRIES_PER_COMMIT,
        Request::Checkpoint(_) => 0,
    }
}

/// Answers all but those who want a checkpoint, who are returned.
fn acknowledge(group: Vec<Request>, committed: Result<Vec<Done>, StoreError>) -> Vec<Reply<()>> {
    let mut checkpoints = Vec::new();
    // Whoever no longer waits for the answer does not get one.
    match committed {
        Ok(answers) => {
            for (request, done) in group.into_iter().zip(answers) {
                match (request, done) {
                    (Request::Append(_, reply), Done::Append(appended)) => {
                        let _ = reply.send(Ok(appended));
                    }
                    (Request::Commit(_, reply), Done::Commit(committed)) => {
                        let _ = reply.send(committed);
                    }
                    (Request::Decide(.., reply), Done::Decide(outcome)) => {
                        let _ = reply.send(Ok(outcome));
                    }
                    (Request::Rebuild(reply), Done::Rebuild) => {
                        let _ = reply.send(Ok(()));
                    }
                    (Request::Expire(.., reply), Done::Expire(segments)) => {
                        let _ = reply.send(Ok(segments));
                    }
                    (Request::Checkpoint(reply), Done::Checkpoint) => checkpoints.push(reply),
                    // A dropped reply tells the asker that the store is closed.
                    _ => {}
                }
            }
        }
        Err(error) => {
            for request in group {
                match request {
                    Request::Append(_, reply) => drop(reply.send(Err(error.clone()))),
                    Request::Commit(_, reply) => drop(reply.send(Err(error.clone()))),
                    Request::Decide(.., reply) => drop(reply.send(Err(error.clone()))),
                    Request::Rebuild(reply) | Request::Checkpoint(reply) => {
                        drop(reply.send(Err(error.clone())));
                    }
                    Request::Expire(.., reply) => drop(reply.send(Err(error.clone()))),
                }
            }
        }
    }
    checkpoints
}

/// Does all that `group` asks in one transaction.
async fn write(
    connection: &mut SqliteConnection,
    folder: &Path,
    snapshot: &Snapshot,
    group: &mut [Request],
) -> Result<Written, StoreError> {
    let explain = |error: sqlx::Error| database::explain(folder, &error);
    let mut transaction = connection.begin().await.map_err(explain)?;
    let mut batch = Batch::load(&mut transaction, snapshot, group)
        .await
        .map_err(explain)?;
    let mut answers = Vec::with_capacity(group.len());
    for request in group {
        answers.push(match request {
            Request::Append(prepared, _) => Done::Append(
                batch
                    .append(&mut transaction, std::mem::take(prepared))
                    .await
                    .map_err(explain)?,
            ),
            Request::Commit(commit, _) => Done::Commit(
                batch
                    .commit(&mut transaction, commit)
                    .await
                    .map_err(explain)?,
            ),
            Request::Decide(command, now, rules, _) => Done::Decide(
                batch
                    .decide(&mut transaction, command, *now, *rules)
                    .await
                    .map_err(explain)?,
            ),
            Request::Rebuild(_) => {
                batch.flush(&mut transaction).await.map_err(explain)?;
                tables::rebuild(&mut transaction, folder).await?;
                Done::Rebuild
            }
            Request::Expire(before_day, segments, _) => Done::Expire(
                explanations::expire(&mut transaction, *before_day, *segments)
                    .await
                    .map_err(explain)?,
            ),
            Request::Checkpoint(_) => Done::Checkpoint,
        });
    }
    batch.flush(&mut transaction).await.map_err(explain)?;
    transaction.commit().await.map_err(explain)?;
    for answer in &mut answers {
        batch.correct(answer);
    }
    let entries = batch.written.into_iter().map(|placed| LogEntry {
        sequence: placed.sequence,
        id: placed.id,
        entry: placed.prepared.entry,
    });
    Ok(Written {
        entries: entries.collect(),
        answers,
    })
}
