use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};
use shop::{
    Answer, ConfirmationState, Id, Kind, OfferCommand, Refusal, RefusalCode, Service, Timestamp,
};
use sqlx::{Connection, SqliteConnection};

use crate::commit::PreparedCommit;
use crate::log::{self, Sequenced};
use crate::prepared::{Identity, LEDGER, Prepared, ledger_id, log_id};
use crate::tables::{self, Versions, follow};
use crate::writer::{Done, Request, Rules};
use crate::{
    Appended, Committed, Entry, NewEntry, Outcome, Precondition, RegistryEntry, Settlement,
    Snapshot, StoreError, audit, explanations, ledger,
};

/// What a transaction knows of the log, and what it is about to add.
pub(crate) struct Batch {
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
    /// Confirmations that this transaction moves, by the digest of the token.
    confirmations: FxHashMap<String, ConfirmationState>,
    pending: Vec<Sequenced>,
    pub(crate) written: Vec<Sequenced>,
}

impl Batch {
    pub(crate) async fn load(
        connection: &mut SqliteConnection,
        snapshot: &Snapshot,
        group: &[Request],
    ) -> sqlx::Result<Self> {
        let mut ids: Vec<&str> = Vec::new();
        let mut records: BTreeMap<Kind, Vec<&Id>> = BTreeMap::new();
        for request in group {
            let prepared = match request {
                Request::Append(prepared, _) => prepared,
                Request::Commit(commit, _) => {
                    for precondition in &commit.preconditions {
                        if let Some((kind, id)) = precondition.record() {
                            records.entry(kind).or_default().push(id);
                        }
                    }
                    &commit.entries
                }
                Request::Decide(..)
                | Request::Rebuild(_)
                | Request::Expire(..)
                | Request::Checkpoint(_) => continue,
            };
            for prepared in prepared {
                match &prepared.identity {
                    // The tables of the ledger move before the log is written.
                    Identity::Once(id) if prepared.kind == LEDGER => ids.push(id),
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
            confirmations: FxHashMap::default(),
            pending: Vec::new(),
            written: Vec::new(),
        })
    }

    pub(crate) async fn append(
        &mut self,
        connection: &mut SqliteConnection,
        prepared: Vec<Prepared>,
    ) -> sqlx::Result<Vec<Appended>> {
        let mut appended = Vec::with_capacity(prepared.len());
        for prepared in prepared {
            let Some(id) = self.identify(&prepared) else {
                appended.push(Appended::Duplicate);
                continue;
            };
            if let Entry::Ledger(settlement) = &prepared.entry {
                move_tables(connection, settlement).await?;
            }
            appended.push(Appended::New(self.place(id, prepared)));
        }
        Ok(appended)
    }

    /// All that `commit` asks, or nothing of it: where a record has changed
    /// meanwhile or the rules refuse a command, nothing is left behind.
    pub(crate) async fn commit(
        &mut self,
        connection: &mut SqliteConnection,
        commit: &mut PreparedCommit,
    ) -> sqlx::Result<Result<Committed, StoreError>> {
        for precondition in &commit.preconditions {
            if let Some(changed) = self.violated(connection, precondition).await? {
                return Ok(Err(changed));
            }
        }
        let (sequence, pending) = (self.sequence, self.pending.len());
        let mut savepoint = connection.begin().await?;
        for command in &commit.commands {
            let outcome = self
                .decide(&mut savepoint, command, commit.now, commit.rules)
                .await?;
            if let Answer::Refused(refusal) = outcome.answer {
                savepoint.rollback().await?;
                for sequenced in self.pending.drain(pending..) {
                    self.settled.remove(&sequenced.id);
                }
                self.sequence = sequence;
                return Ok(Ok(Committed::Refused(refusal)));
            }
        }
        savepoint.commit().await?;
        let entries = std::mem::take(&mut commit.entries);
        let appended = self.append(connection, entries).await?;
        Ok(Ok(Committed::Done(appended)))
    }

    /// What is wrong with a precondition, if it does not hold.
    async fn violated(
        &self,
        connection: &mut SqliteConnection,
        precondition: &Precondition,
    ) -> sqlx::Result<Option<StoreError>> {
        match precondition {
            Precondition::Unchanged { kind, id, .. } | Precondition::Version { kind, id, .. } => {
                let standing = self.versions.get(&(*kind, id.clone()));
                Ok(
                    (!precondition.holds(standing)).then(|| StoreError::Changed {
                        kind: *kind,
                        id: id.clone(),
                    }),
                )
            }
            Precondition::Requested { token_digest } => {
                let requested = match self.confirmations.get(token_digest) {
                    Some(state) => Some(*state),
                    None => audit::state(connection, token_digest).await?,
                };
                let open = requested == Some(ConfirmationState::Requested);
                Ok((!open).then_some(StoreError::AlreadySettled))
            }
        }
    }

    pub(crate) async fn decide(
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
        let prepared = Prepared::new(NewEntry { id: None, entry })
            .map_err(|error| sqlx::Error::Encode(error.into()))?;
        self.place(id, prepared);
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

    /// The log id that the prepared gets; `None` when the log has it already.
    fn identify(&mut self, prepared: &Prepared) -> Option<String> {
        let sequence = self.sequence + 1;
        match &prepared.identity {
            Identity::Once(id) => self.taken.insert(id.clone()).then(|| id.clone()),
            Identity::Version { kind, id, digest } => {
                let key = (*kind, id.clone());
                let before = self.versions.get(&key);
                if before.is_some_and(|version| version.digest == *digest) {
                    return None;
                }
                // The ordinal keeps apart what was changed and changed back.
                let ordinal = before.map_or(0, |version| version.ordinal) + 1;
                let log_id = log_id(prepared.kind, &format!("{id}/{digest}/{ordinal}"));
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
                Some(log_id(prepared.kind, &rest))
            }
            Identity::Promotion { service, version } => {
                if self.serving.get(service) == Some(version) {
                    return None;
                }
                let rest = format!("promoted/{}/{version}/{sequence}", service.name());
                Some(log_id(prepared.kind, &rest))
            }
        }
    }

    fn place(&mut self, id: String, prepared: Prepared) -> u64 {
        self.sequence += 1;
        if let Entry::Registry(RegistryEntry::Promoted { service, version }) = &prepared.entry {
            self.serving.insert(*service, version.clone());
        }
        if let Entry::Confirmation(change) = &prepared.entry {
            self.confirmations
                .insert(change.token_digest().to_owned(), change.state());
        }
        self.pending.push(Sequenced {
            sequence: self.sequence,
            id,
            prepared,
        });
        self.sequence
    }

    /// Tells the truth about what the log had already.
    pub(crate) fn correct(&self, answer: &mut Done) {
        let (Done::Append(appended) | Done::Commit(Ok(Committed::Done(appended)))) = answer else {
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
    pub(crate) async fn flush(&mut self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
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
        for row in &self.pending {
            audit::index(connection, row.sequence, &row.prepared.entry).await?;
            explanations::join(connection, &row.prepared.entry).await?;
        }
        explanations::insert(connection, &self.pending).await?;
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
