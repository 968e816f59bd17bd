//! The audit log and the confirmations, by indexes of their own: traffic does
//! not push them out.

use serde_json::Value;
use shop::{
    AuditRecord, Confirmation, ConfirmationChange, ConfirmationState, DecisionRecord, Id, Timestamp,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::log::StoredRow;
use crate::{Entry, LogEntry, StoreError};

/// Which lines of the audit log are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Those of this customer alone.
    pub customer: Option<Id>,
    /// Those before this place in the log: where the page before ended.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: usize,
}

/// Brings the tables up to date with one entry of the log.
pub(crate) async fn index(
    connection: &mut SqliteConnection,
    sequence: u64,
    entry: &Entry,
) -> sqlx::Result<()> {
    let customer = match entry {
        Entry::Audit(record) => record.customer_id.as_ref(),
        Entry::Decision(decision) if !decision.explanation["audit"].is_null() => {
            decision.customer_id.as_ref()
        }
        Entry::Confirmation(change) => return settle(connection, sequence, change).await,
        _ => return Ok(()),
    };
    sqlx::query("INSERT INTO audit (sequence, customer_id) VALUES ($1, $2)")
        .bind(sequence.cast_signed())
        .bind(customer.map(Id::as_str))
        .execute(connection)
        .await?;
    Ok(())
}

async fn settle(
    connection: &mut SqliteConnection,
    sequence: u64,
    change: &ConfirmationChange,
) -> sqlx::Result<()> {
    let state = change.state().name();
    let query = match change {
        ConfirmationChange::Requested {
            token_digest,
            customer_id,
            expires,
            ..
        } => sqlx::query(
            "INSERT INTO confirmations (token_digest, sequence, customer_id, expires, state)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (token_digest) DO NOTHING",
        )
        .bind(token_digest.as_str())
        .bind(sequence.cast_signed())
        .bind(customer_id.as_str())
        .bind(expires.as_micros())
        .bind(state),
        ConfirmationChange::Confirmed { token_digest, .. }
        | ConfirmationChange::Declined { token_digest, .. } => sqlx::query(
            "UPDATE confirmations SET state = $2
             WHERE token_digest = $1 AND state = 'requested'",
        )
        .bind(token_digest.as_str())
        .bind(state),
    };
    query.execute(connection).await?;
    Ok(())
}

/// How far the confirmation with this token has come.
pub(crate) async fn state(
    connection: &mut SqliteConnection,
    token_digest: &str,
) -> sqlx::Result<Option<ConfirmationState>> {
    let name: Option<String> =
        sqlx::query_scalar("SELECT state FROM confirmations WHERE token_digest = $1")
            .bind(token_digest)
            .fetch_optional(connection)
            .await?;
    Ok(name.as_deref().and_then(ConfirmationState::from_name))
}

/// Lines of the audit log with their places, newest first.
pub(crate) async fn page(
    connection: &mut SqliteConnection,
    query: &AuditQuery,
) -> sqlx::Result<Vec<StoredRow>> {
    let before = query.before.unwrap_or(i64::MAX as u64).cast_signed();
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let rows = match &query.customer {
        None => {
            sqlx::query(
                "SELECT log.sequence, log.id, log.kind, log.body FROM audit
                 JOIN log ON log.sequence = audit.sequence
                 WHERE audit.sequence < $1 ORDER BY audit.sequence DESC LIMIT $2",
            )
            .bind(before)
            .bind(limit)
            .fetch_all(connection)
            .await?
        }
        Some(customer) => {
            sqlx::query(
                "SELECT log.sequence, log.id, log.kind, log.body FROM audit
                 JOIN log ON log.sequence = audit.sequence
                 WHERE audit.customer_id = $3 AND audit.sequence < $1
                 ORDER BY audit.sequence DESC LIMIT $2",
            )
            .bind(before)
            .bind(limit)
            .bind(customer.as_str())
            .fetch_all(connection)
            .await?
        }
    };
    rows.into_iter().map(StoredRow::try_from).collect()
}

/// The audit line that a log entry holds.
pub(crate) fn line(entry: LogEntry) -> Option<(u64, AuditRecord)> {
    let record = match entry.entry {
        Entry::Audit(record) => record,
        Entry::Decision(decision) => of_decision(decision),
        _ => return None,
    };
    Some((entry.sequence, record))
}

/// Once the lines of the audit log were written as decisions.
fn of_decision(decision: DecisionRecord) -> AuditRecord {
    let mut audit = decision.explanation["audit"].clone();
    AuditRecord {
        id: decision.id,
        time: decision.time,
        customer_id: decision.customer_id,
        decision_id: None,
        conversation_id: None,
        tool: audit["tool"].as_str().unwrap_or_default().to_owned(),
        arguments: audit.get_mut("arguments").map_or(Value::Null, Value::take),
        outcome: audit.get_mut("outcome").map_or(Value::Null, Value::take),
    }
}

const CONFIRMATION: &str = "SELECT log.sequence, log.id, log.kind, log.body, confirmations.state
     FROM confirmations JOIN log ON log.sequence = confirmations.sequence";

/// The confirmation with this token.
pub(crate) async fn confirmation(
    connection: &mut SqliteConnection,
    token_digest: &str,
) -> sqlx::Result<Option<Confirmation>> {
    let statement = format!("{CONFIRMATION} WHERE confirmations.token_digest = $1");
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(token_digest)
        .fetch_optional(connection)
        .await?
        .map(read)
        .transpose()
}

/// A customer's confirmations that wait and have not expired, oldest first.
pub(crate) async fn open_confirmations(
    connection: &mut SqliteConnection,
    customer: &Id,
    now: Timestamp,
) -> sqlx::Result<Vec<Confirmation>> {
    let statement = format!(
        "{CONFIRMATION} WHERE confirmations.customer_id = $1 AND confirmations.expires > $2
         AND confirmations.state = 'requested' ORDER BY confirmations.sequence"
    );
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(customer.as_str())
        .bind(now.as_micros())
        .fetch_all(connection)
        .await?
        .into_iter()
        .map(read)
        .collect()
}

fn read(row: SqliteRow) -> sqlx::Result<Confirmation> {
    let undecodable = |reason: String| sqlx::Error::Decode(reason.into());
    let name: String = row.try_get(4)?;
    let state = ConfirmationState::from_name(&name)
        .ok_or_else(|| undecodable(format!("{name} is no state of a confirmation")))?;
    let entry = StoredRow::try_from(row)?
        .decode()
        .map_err(|error: StoreError| undecodable(error.to_string()))?;
    match entry.entry {
        Entry::Confirmation(ConfirmationChange::Requested {
            token_digest,
            customer_id,
            time,
            expires,
            proposal,
        }) => Ok(Confirmation {
            state,
            customer_id,
            time,
            expires,
            token_digest,
            proposal,
        }),
        _ => Err(undecodable("the log entry asks for no confirmation".into())),
    }
}
