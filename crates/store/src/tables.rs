use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};
use shop::{Answer, Id, Kind};
use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use crate::database::{DERIVED_TABLES, parameters, pieces, reset_derived};
use crate::prepared::{digest, log_id, replaces};
use crate::{Entry, StoreError, audit, database, explanations, ledger, log};

/// Rows of the log that a rebuild reads at once.
const PAGE: usize = 4_096;

/// What stands under a kind and an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    /// The log entry that holds it.
    pub sequence: u64,
    /// How many log entries the record has had, this one counted.
    pub ordinal: u64,
    /// The digest of its body; empty for a record that was removed.
    pub digest: String,
}

/// Versions by kind and id.
pub(crate) type Versions = FxHashMap<(Kind, Id), Version>;

/// The versions of these records, as far as there are any.
pub(crate) async fn versions(
    connection: &mut SqliteConnection,
    kind: Kind,
    ids: &[&Id],
    versions: &mut Versions,
) -> sqlx::Result<()> {
    for piece in pieces(ids) {
        let statement = format!(
            "SELECT id, sequence, ordinal, digest FROM records WHERE id IN {} AND kind = ${}",
            parameters(1, piece.len()),
            piece.len() + 1
        );
        let mut query = sqlx::query(AssertSqlSafe(statement));
        for id in piece {
            query = query.bind(id.as_str());
        }
        for row in query.bind(kind.name()).fetch_all(&mut *connection).await? {
            let id = Id::new(row.try_get(0)?).map_err(|error| sqlx::Error::Decode(error.into()))?;
            let version = Version {
                sequence: row.try_get::<i64, _>(1)?.cast_unsigned(),
                ordinal: row.try_get::<i64, _>(2)?.cast_unsigned(),
                digest: row.try_get(3)?,
            };
            versions.insert((kind, id), version);
        }
    }
    Ok(())
}

/// The log row of the record that stands under `kind` and `id`.
pub(crate) async fn standing(
    connection: &mut SqliteConnection,
    kind: Kind,
    id: &Id,
) -> sqlx::Result<Option<log::StoredRow>> {
    if !replaces(kind) {
        let removed = log_id("removed", &format!("{}/{id}", kind.name()));
        if log::by_id(connection, &removed).await?.is_some() {
            return Ok(None);
        }
        return log::by_id(connection, &log_id(kind.name(), id.as_str())).await;
    }
    sqlx::query(
        "SELECT log.sequence, log.id, log.kind, log.body FROM records
         JOIN log ON log.sequence = records.sequence
         WHERE records.kind = $1 AND records.id = $2 AND records.digest <> ''",
    )
    .bind(kind.name())
    .bind(id.as_str())
    .fetch_optional(connection)
    .await?
    .map(log::StoredRow::try_from)
    .transpose()
}

/// Writes the versions, over those that stood before.
pub(crate) async fn put_versions(
    connection: &mut SqliteConnection,
    changed: &[(&(Kind, Id), &Version)],
) -> sqlx::Result<()> {
    for piece in pieces(changed) {
        let statement = format!(
            "INSERT INTO records (kind, id, sequence, ordinal, digest) VALUES {}
             ON CONFLICT (kind, id) DO UPDATE SET sequence = excluded.sequence,
             ordinal = excluded.ordinal, digest = excluded.digest",
            parameters(piece.len(), 5)
        );
        let mut query = sqlx::query(AssertSqlSafe(statement));
        for ((kind, id), version) in piece {
            query = query
                .bind(kind.name())
                .bind(id.as_str())
                .bind(version.sequence.cast_signed())
                .bind(version.ordinal.cast_signed())
                .bind(version.digest.as_str());
        }
        query.execute(&mut *connection).await?;
    }
    Ok(())
}

/// Deletes everything derived and makes it again from the log. Called within
/// a transaction.
pub(crate) async fn rebuild(
    connection: &mut SqliteConnection,
    folder: &std::path::Path,
) -> Result<(), StoreError> {
    let explain = |error: sqlx::Error| database::explain(folder, &error);
    reset_derived(connection).await.map_err(explain)?;
    let mut standing = Versions::default();
    let mut after = 0;
    loop {
        let page = log::page(connection, after, PAGE).await.map_err(explain)?;
        let Some(last) = page.last() else {
            break;
        };
        after = last.sequence;
        for row in page {
            let body_digest = digest(row.body.as_bytes());
            let entry = row.decode()?;
            audit::index(connection, entry.sequence, &entry.entry)
                .await
                .map_err(explain)?;
            explanations::join(connection, &entry.entry)
                .await
                .map_err(explain)?;
            match &entry.entry {
                Entry::Record(record) => {
                    if let (true, Some(id)) = (replaces(record.kind()), record.id()) {
                        let key = (record.kind(), id.clone());
                        follow(&mut standing, key, entry.sequence, body_digest);
                    }
                }
                Entry::Removed { kind, id } if replaces(*kind) => {
                    let key = (*kind, id.clone());
                    follow(&mut standing, key, entry.sequence, String::new());
                }
                Entry::Ledger(settlement) => {
                    if let Answer::Accepted(entries) = &settlement.answer {
                        for entry in entries {
                            ledger::apply(connection, entry).await.map_err(explain)?;
                        }
                    }
                }
                Entry::Removed { .. }
                | Entry::Decision(_)
                | Entry::Registry(_)
                | Entry::Curation(_)
                | Entry::Audit(_)
                | Entry::Confirmation(_) => {}
            }
        }
    }
    let mut sorted: Vec<_> = standing.iter().collect();
    sorted.sort_unstable_by(|one, other| one.0.cmp(other.0));
    put_versions(connection, &sorted).await.map_err(explain)
}

/// The next version under `key`.
pub(crate) fn follow(versions: &mut Versions, key: (Kind, Id), sequence: u64, digest: String) {
    let ordinal = versions.get(&key).map_or(0, |version| version.ordinal) + 1;
    let version = Version {
        sequence,
        ordinal,
        digest,
    };
    versions.insert(key, version);
}

/// SHA-256 over every derived table's rows, sorted.
pub(crate) async fn derived_hash(connection: &mut SqliteConnection) -> sqlx::Result<String> {
    let mut hash = Sha256::new();
    for (table, columns) in DERIVED_TABLES {
        let selected: Vec<_> = columns
            .iter()
            .map(|column| format!("CAST({column} AS TEXT)"))
            .collect();
        let statement = format!("SELECT {} FROM {table}", selected.join(", "));
        let mut rows = Vec::new();
        for row in sqlx::query(AssertSqlSafe(statement))
            .fetch_all(&mut *connection)
            .await?
        {
            let values: Vec<Option<String>> = (0..columns.len())
                .map(|column| row.try_get(column))
                .collect::<sqlx::Result<_>>()?;
            rows.push(values);
        }
        rows.sort_unstable();
        // Debug quotes and escapes, so that no two lists of rows look alike.
        hash.update(format!("{table} {rows:?}"));
    }
    Ok(hex::encode(hash.finalize()))
}
