use rustc_hash::FxHashSet;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row, SqliteConnection};

use crate::database::{parameters, pieces};
use crate::prepared::{Prepared, decode};
use crate::{LogEntry, StoreError};

/// An entry that got its place and id.
#[derive(Debug)]
pub(crate) struct Sequenced {
    pub sequence: u64,
    pub id: String,
    pub prepared: Prepared,
}

/// A row of the log as it is stored.
#[derive(Debug)]
pub(crate) struct StoredRow {
    pub sequence: u64,
    pub id: String,
    pub kind: String,
    pub body: String,
}

impl StoredRow {
    pub(crate) fn decode(self) -> Result<LogEntry, StoreError> {
        let entry = decode(&self.kind, &self.body).map_err(|reason| StoreError::Corrupt {
            sequence: self.sequence,
            reason,
        })?;
        Ok(LogEntry {
            sequence: self.sequence,
            id: self.id,
            entry,
        })
    }
}

impl TryFrom<SqliteRow> for StoredRow {
    type Error = sqlx::Error;

    fn try_from(row: SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            sequence: row.try_get::<i64, _>(0)?.cast_unsigned(),
            id: row.try_get(1)?,
            kind: row.try_get(2)?,
            body: row.try_get(3)?,
        })
    }
}

/// Writes the rows whose ids are new and returns the places of the others,
/// which stay empty.
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    rows: &[Sequenced],
) -> sqlx::Result<FxHashSet<u64>> {
    let mut refused = FxHashSet::default();
    for piece in pieces(rows) {
        let statement = format!(
            "INSERT INTO log (sequence, id, kind, customer_id, time, body) VALUES {}
             ON CONFLICT (id) DO NOTHING",
            parameters(piece.len(), 6)
        );
        let mut query = sqlx::query(AssertSqlSafe(statement));
        for row in piece {
            query = query
                .bind(row.sequence.cast_signed())
                .bind(row.id.as_str())
                .bind(row.prepared.kind)
                .bind(row.prepared.customer_id.as_ref().map(|id| id.as_str()))
                .bind(row.prepared.time.map(|time| time.as_micros()))
                .bind(row.prepared.body.as_str());
        }
        let inserted = query.execute(&mut *connection).await?.rows_affected();
        if inserted < piece.len() as u64 {
            refused.extend(missing(connection, piece).await?);
        }
    }
    Ok(refused)
}

/// The places of `rows` that hold nothing.
async fn missing(connection: &mut SqliteConnection, rows: &[Sequenced]) -> sqlx::Result<Vec<u64>> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return Ok(Vec::new());
    };
    let held: Vec<i64> =
        sqlx::query_scalar("SELECT sequence FROM log WHERE sequence BETWEEN $1 AND $2")
            .bind(first.sequence.cast_signed())
            .bind(last.sequence.cast_signed())
            .fetch_all(connection)
            .await?;
    let places = rows.iter().map(|row| row.sequence);
    Ok(places
        .filter(|place| !held.contains(&place.cast_signed()))
        .collect())
}

/// Which of these ids the log has.
pub(crate) async fn known(
    connection: &mut SqliteConnection,
    ids: &[&str],
) -> sqlx::Result<FxHashSet<String>> {
    let mut known = FxHashSet::default();
    for piece in pieces(ids) {
        let statement = format!(
            "SELECT id FROM log WHERE id IN {}",
            parameters(1, piece.len())
        );
        let mut query = sqlx::query_scalar(AssertSqlSafe(statement));
        for id in piece {
            query = query.bind(*id);
        }
        known.extend(query.fetch_all(&mut *connection).await?);
    }
    Ok(known)
}

/// The entry with this id.
pub(crate) async fn by_id(
    connection: &mut SqliteConnection,
    id: &str,
) -> sqlx::Result<Option<StoredRow>> {
    sqlx::query("SELECT sequence, id, kind, body FROM log WHERE id = $1")
        .bind(id)
        .fetch_optional(connection)
        .await?
        .map(StoredRow::try_from)
        .transpose()
}

/// The events after `after`, oldest first, at most `limit`.
pub(crate) async fn events(
    connection: &mut SqliteConnection,
    after: u64,
    limit: usize,
) -> sqlx::Result<Vec<StoredRow>> {
    sqlx::query(
        "SELECT sequence, id, kind, body FROM log
         WHERE sequence > $1 AND kind = 'events' ORDER BY sequence LIMIT $2",
    )
    .bind(after.cast_signed())
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?
    .into_iter()
    .map(StoredRow::try_from)
    .collect()
}

/// The id of the entry at this place.
pub(crate) async fn id_at(
    connection: &mut SqliteConnection,
    sequence: u64,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar("SELECT id FROM log WHERE sequence = $1")
        .bind(sequence.cast_signed())
        .fetch_optional(connection)
        .await
}

/// The entries after `after`, oldest first, at most `limit`.
pub(crate) async fn page(
    connection: &mut SqliteConnection,
    after: u64,
    limit: usize,
) -> sqlx::Result<Vec<StoredRow>> {
    sqlx::query(
        "SELECT sequence, id, kind, body FROM log WHERE sequence > $1 ORDER BY sequence LIMIT $2",
    )
    .bind(after.cast_signed())
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?
    .into_iter()
    .map(StoredRow::try_from)
    .collect()
}
