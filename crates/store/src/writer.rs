use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use rustc_hash::{FxHashMap, FxHashSet};
use shop::{
    Answer, Id, Kind, LedgerEntry, LedgerView, OfferCommand, Refusal, RefusalCode, Service,
    Timestamp,
};
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use crate::draft::{Draft, Identity, LEDGER, ledger_id, log_id};
use crate::log::{self, Placed};
use crate::tables::{self, Versions, follow};
use crate::{
    Appended, Entry, LogEntry, NewEntry, Outcome, RegistryEntry, Settlement, Snapshot, StoreError,
    database, ledger, replay,
};

/// How many entries one commit takes before it stops looking for more.
const ENTRIES_PER_COMMIT: usize = 8_192;

/// The rules that decide a command: pure, so that what they see is all that
/// matters.
pub type Rules = fn(&LedgerView, &OfferCommand, Timestamp) -> Result<Vec<LedgerEntry>, Refusal>;

/// The snapshot that everybody reads.
pub(crate) type Current = Arc<RwLock<Arc<Snapshot>>>;

/// What the writer is asked to do.
pub(crate) enum Request {
    Append(Vec<Draft>, Reply<Vec<Appended>>),
    Decide(OfferCommand, Timestamp, Rules, Reply<Outcome>),
    Rebuild(Reply<()>),
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
}

/// What one transaction did.
struct Committed {
    entries: Vec<LogEntry>,
    answers: Vec<Done>,
}

/// What a request came to, in the order of the requests.
enum Done {
    Append(Vec<Appended>),
    Decide(Outcome),
    Rebuild,
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
            acknowledge(group, committed);
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

    fn publish(&self, snapshot: Snapshot) -> Arc<Snapshot> {
        let snapshot = Arc::new(snapshot);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = snapshot.clone();
        snapshot
    }
}

fn weight(request: &Request) -> usize {
    match request {
        Request::Append(drafts, _) => drafts.len(),
        Request::Decide(..) => 1,
        Request::Rebuild(_) => ENTRIES_PER_COMMIT,
    }
}

fn acknowledge(group: Vec<Request>, committed: Result<Vec<Done>, StoreError>) {
    // Whoever no longer waits for the answer does not get one.
    match committed {
        Ok(answers) => {
            for (request, done) in group.into_iter().zip(answers) {
                match (request, done) {
                    (Request::Append(_, reply), Done::Append(appended)) => {
                        let _ = reply.send(Ok(appended));
                    }
                    (Request::Decide(.., reply), Done::Decide(outcome)) => {
                        let _ = reply.send(Ok(outcome));
                    }
                    (Request::Rebuild(reply), Done::Rebuild) => {
                        let _ = reply.send(Ok(()));
                    }
                    // A dropped reply tells the asker that the store is closed.
                    _ => {}
                }
            }
        }
        Err(error) => {
            for request in group {
                match request {
                    Request::Append(_, reply) => drop(reply.send(Err(error.clone()))),
                    Request::Decide(.., reply) => drop(reply.send(Err(error.clone()))),
                    Request::Rebuild(reply) => drop(reply.send(Err(error.clone()))),
                }
            }
        }
    }
}

/// Does all that `group` asks in one transaction.
async fn write(
    connection: &mut SqliteConnection,
    folder: &std::path::Path,
    snapshot: &Snapshot,
    group: &mut [Request],
) -> Result<Committed, StoreError> {
    let explain = |error: sqlx::Error| database::explain(folder, &error);
    let mut transaction = connection.begin().await.map_err(explain)?;
    let mut batch = Batch::load(&mut transaction, snapshot, group)
        .await
        .map_err(explain)?;
    let mut answers = Vec::with_capacity(group.len());
    for request in group {
        answers.push(match request {
            Request::Append(drafts, _) => Done::Append(
                batch
                    .append(&mut transaction, std::mem::take(drafts))
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
        entry: placed.draft.entry,
    });
    Ok(Committed {
        entries: entries.collect(),
        answers,
    })
}

/// What a transaction knows of the log, and what it is about to add.
struct Batch {
    /// The last place given.
    sequence: u64,
    /// Log ids that are known to be taken.
    taken: FxHashSet<String>,
    /// Places given to what the log turned out to have: they stay empty.
    refused: FxHashSet<u64>,
    /// Versions of the records that the group names.
    versions: Versions,
    changed: FxHashSet<(Kind, Id)>,
    serving: BTreeMap<Service, String>,
    settled: FxHashMap<String, Settlement>,
    pending: Vec<Placed>,
    written: Vec<Placed>,
}

impl Batch {
    async fn load(
        connection: &mut SqliteConnection,
        snapshot: &Snapshot,
        group: &[Request],
    ) -> sqlx::Result<Self> {
        let mut ids: Vec<&str> = Vec::new();
        let mut records: BTreeMap<Kind, Vec<&Id>> = BTreeMap::new();
        for request in group {
            let Request::Append(drafts, _) = request else {
                continue;
            };
            for draft in drafts {
                match &draft.identity {
                    // The tables of the ledger move before the log is written.
                    Identity::Once(id) if draft.kind == LEDGER => ids.push(id),
                    // For the rest the insertion itself tells.
                    Identity::Once(_) => {}
                    Identity::Version { kind, id, .. } | Identity::Removal { kind, id } => {
                        records.entry(*kind).or_default().push(id);
                    }
                    Identity::Promotion { .. } => {}
                }
            }
        }
        let mut versions = Versions::default();
        for (kind, ids) in records {
            tables::versions(connection, kind, &ids, &mut versions).await?;
        }
        Ok(Self {
            sequence: snapshot.sequence,
            taken: log::known(connection, &ids).await?,
            refused: FxHashSet::default(),
            versions,
            changed: FxHashSet::default(),
            serving: snapshot.serving.clone(),
            settled: FxHashMap::default(),
            pending: Vec::new(),
            written: Vec::new(),
        })
    }

    async fn append(
        &mut self,
        connection: &mut SqliteConnection,
        drafts: Vec<Draft>,
    ) -> sqlx::Result<Vec<Appended>> {
        let mut appended = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let Some(id) = self.identify(&draft) else {
                appended.push(Appended::Duplicate);
                continue;
            };
            if let Entry::Ledger(settlement) = &draft.entry {
                move_tables(connection, settlement).await?;
            }
            appended.push(Appended::New(self.place(id, draft)));
        }
        Ok(appended)
    }

    async fn decide(
        &mut self,
        connection: &mut SqliteConnection,
        command: &OfferCommand,
        now: Timestamp,
        rules: Rules,
    ) -> sqlx::Result<Outcome> {
        let id = ledger_id(command.key());
        if let Some(earlier) = self.settlement(connection, &id).await? {
            return Ok(repeat(earlier, command));
        }
        let view = ledger::view(connection, command).await?;
        let answer = match rules(&view, command, now) {
            Ok(entries) => Answer::Accepted(entries),
            Err(refusal) => Answer::Refused(refusal),
        };
        let settlement = Settlement {
            command: command.clone(),
            time: now,
            answer: answer.clone(),
        };
        move_tables(connection, &settlement).await?;
        self.settled.insert(id.clone(), settlement.clone());
        let entry = Entry::Ledger(settlement);
        let draft = Draft::new(NewEntry { id: None, entry })
            .map_err(|error| sqlx::Error::Encode(error.into()))?;
        self.place(id, draft);
        Ok(Outcome {
            answer,
            repeated: false,
        })
    }

    /// The settlement with this log id, of this transaction or an earlier one.
    async fn settlement(
        &self,
        connection: &mut SqliteConnection,
        id: &str,
    ) -> sqlx::Result<Option<Settlement>> {
        if let Some(settlement) = self.settled.get(id) {
            return Ok(Some(settlement.clone()));
        }
        let Some(row) = log::by_id(connection, id).await? else {
            return Ok(None);
        };
        serde_json::from_str(&row.body)
            .map(Some)
            .map_err(|error| sqlx::Error::Decode(error.into()))
    }

    /// The log id that the draft gets; `None` when the log has it already.
    fn identify(&mut self, draft: &Draft) -> Option<String> {
        let sequence = self.sequence + 1;
        match &draft.identity {
            Identity::Once(id) => self.taken.insert(id.clone()).then(|| id.clone()),
            Identity::Version { kind, id, digest } => {
                let key = (*kind, id.clone());
                let before = self.versions.get(&key);
                if before.is_some_and(|version| version.digest == *digest) {
                    return None;
                }
                // The ordinal keeps apart what was changed and changed back.
                let ordinal = before.map_or(0, |version| version.ordinal) + 1;
                let log_id = log_id(draft.kind, &format!("{id}/{digest}/{ordinal}"));
                follow(&mut self.versions, key.clone(), sequence, digest.clone());
                self.changed.insert(key);
                Some(log_id)
            }
            Identity::Removal { kind, id } => {
                let key = (*kind, id.clone());
                let before = self.versions.get(&key)?;
                if before.digest.is_empty() {
                    return None;
                }
                let rest = format!("{}/{id}/{}", kind.name(), before.ordinal + 1);
                follow(&mut self.versions, key.clone(), sequence, String::new());
                self.changed.insert(key);
                Some(log_id(draft.kind, &rest))
            }
            Identity::Promotion { service, version } => {
                if self.serving.get(service) == Some(version) {
                    return None;
                }
                let rest = format!("promoted/{}/{version}/{sequence}", service.name());
                Some(log_id(draft.kind, &rest))
            }
        }
    }

    fn place(&mut self, id: String, draft: Draft) -> u64 {
        self.sequence += 1;
        if let Entry::Registry(RegistryEntry::Promoted { service, version }) = &draft.entry {
            self.serving.insert(*service, version.clone());
        }
        self.pending.push(Placed {
            sequence: self.sequence,
            id,
            draft,
        });
        self.sequence
    }

    /// Tells the truth about what the log had already.
    fn correct(&self, answer: &mut Done) {
        let Done::Append(appended) = answer else {
            return;
        };
        for one in appended {
            if let Appended::New(place) = one
                && self.refused.contains(place)
            {
                *one = Appended::Duplicate;
            }
        }
    }

    /// Writes what is pending.
    async fn flush(&mut self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
        let refused = log::insert(connection, &self.pending).await?;
        self.pending.retain(|row| !refused.contains(&row.sequence));
        self.refused.extend(refused);
        let mut changed: Vec<_> = self
            .changed
            .iter()
            .filter_map(|key| self.versions.get_key_value(key))
            .collect();
        changed.sort_unstable_by(|one, other| one.0.cmp(other.0));
        tables::put_versions(connection, &changed).await?;
        self.changed.clear();
        self.written.append(&mut self.pending);
        Ok(())
    }
}

async fn move_tables(
    connection: &mut SqliteConnection,
    settlement: &Settlement,
) -> sqlx::Result<()> {
    if let Answer::Accepted(entries) = &settlement.answer {
        for entry in entries {
            ledger::apply(connection, entry).await?;
        }
    }
    Ok(())
}

/// The first answer again, unless the key now comes with another command.
fn repeat(earlier: Settlement, command: &OfferCommand) -> Outcome {
    let answer = if earlier.command == *command {
        earlier.answer
    } else {
        Answer::Refused(Refusal::new(
            RefusalCode::KeyReused,
            "this idempotency key was used for another command: send a new key",
        ))
    };
    Outcome {
        answer,
        repeated: true,
    }
}
