//! The long part of decisions: the stages that ran and the reasons for each
//! thing shown. The log keeps what joins need for ever; this is kept for as
//! long as the shop wants, and with what was bought or done for good.
//!
//! It is written in segments, those decisions of one commit that follow each
//! other, compressed together.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shop::{DecisionRecord, EventKind, Id, Record, Stage};
use sqlx::{Row, SqliteConnection};

use crate::Entry;
use crate::log::Sequenced;
use crate::prepared::decision_id;

/// Decisions of one segment: one of them is found by reading all of it.
const DECISIONS_PER_SEGMENT: usize = 128;

/// Of the compressor: higher ones gain little on so short texts.
const LEVEL: i32 = 3;

/// Not part of the log, and not derived from it.
pub(crate) const TABLE: &str = "
CREATE TABLE IF NOT EXISTS explanations (
    first BIGINT PRIMARY KEY,
    last BIGINT NOT NULL,
    day BIGINT NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS explanations_by_day ON explanations (day);
";

/// What the log does not keep of a decision.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Explanation {
    #[serde(default)]
    pub stages: Vec<Stage>,
    #[serde(default)]
    pub explanation: Value,
}

/// A decision as it was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplainedDecision {
    /// The decision.
    pub decision: DecisionRecord,
    /// Whether it is whole; otherwise its stages and reasons have expired.
    pub complete: bool,
}

impl ExplainedDecision {
    /// A decision as the log keeps it with what else is kept of it.
    pub(crate) fn new(mut decision: DecisionRecord, kept: Option<Explanation>) -> Self {
        // Once the log kept all of it.
        let complete = kept.is_some() || !decision.stages.is_empty();
        if let Some(kept) = kept {
            decision.stages = kept.stages;
            decision.explanation = kept.explanation;
        }
        Self { decision, complete }
    }
}

/// Cuts a decision into what the log keeps and the rest, where there is any.
pub(crate) fn split(decision: DecisionRecord) -> (DecisionRecord, Option<Explanation>) {
    let compact = decision.compact();
    if compact == decision {
        return (compact, None);
    }
    let explanation = Explanation {
        stages: decision.stages,
        explanation: decision.explanation,
    };
    (compact, Some(explanation))
}

/// Writes the explanations among these rows of one commit.
pub(crate) async fn insert(
    connection: &mut SqliteConnection,
    rows: &[Sequenced],
) -> sqlx::Result<()> {
    let explained: Vec<(u64, i64, &str)> = rows
        .iter()
        .filter_map(|row| {
            let day = row.prepared.time.unwrap_or_default().day();
            Some((row.sequence, day, row.prepared.explanation.as_deref()?))
        })
        .collect();
    for segment in explained.chunks(DECISIONS_PER_SEGMENT) {
        let (Some((first, day, _)), Some((last, ..))) = (segment.first(), segment.last()) else {
            continue;
        };
        let rows = segment.iter().map(|(sequence, _, body)| (*sequence, *body));
        put(connection, *first, *last, *day, &packed(rows)?).await?;
    }
    Ok(())
}

async fn put(
    connection: &mut SqliteConnection,
    first: u64,
    last: u64,
    day: i64,
    body: &[u8],
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO explanations (first, last, day, body) VALUES ($1, $2, $3, $4)
         ON CONFLICT (first) DO UPDATE SET day = excluded.day, body = excluded.body",
    )
    .bind(first.cast_signed())
    .bind(last.cast_signed())
    .bind(day)
    .bind(body)
    .execute(connection)
    .await?;
    Ok(())
}

/// A line for each: the place in the log, a blank, the JSON.
fn packed<'a>(rows: impl Iterator<Item = (u64, &'a str)>) -> sqlx::Result<Vec<u8>> {
    let mut text = String::new();
    for (sequence, body) in rows {
        text.push_str(&format!("{sequence} {body}\n"));
    }
    zstd::stream::encode_all(text.as_bytes(), LEVEL).map_err(sqlx::Error::Io)
}

fn unpacked(body: &[u8]) -> sqlx::Result<String> {
    let bytes = zstd::stream::decode_all(body).map_err(sqlx::Error::Io)?;
    String::from_utf8(bytes).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn rows(text: &str) -> impl Iterator<Item = (u64, &str)> {
    text.lines().filter_map(|line| {
        let (sequence, body) = line.split_once(' ')?;
        Some((sequence.parse().ok()?, body))
    })
}

/// The explanation of the decision at this place of the log, if it is kept.
pub(crate) async fn get(
    connection: &mut SqliteConnection,
    sequence: u64,
) -> sqlx::Result<Option<Explanation>> {
    let body: Option<Vec<u8>> = sqlx::query_scalar(
        "SELECT body FROM explanations WHERE first <= $1 AND last >= $1
         ORDER BY first DESC LIMIT 1",
    )
    .bind(sequence.cast_signed())
    .fetch_optional(connection)
    .await?;
    let Some(body) = body else {
        return Ok(None);
    };
    let text = unpacked(&body)?;
    let found = rows(&text).find(|(place, _)| *place == sequence);
    found
        .map(|(_, body)| serde_json::from_str(body))
        .transpose()
        .map_err(|error| sqlx::Error::Decode(error.into()))
}

/// Drops the explanations of decisions before this day, but for those that
/// something came of; at most `segments` segments in one go. Returns how many
/// it has looked at: less than `segments` when nothing is left to do.
pub(crate) async fn expire(
    connection: &mut SqliteConnection,
    before_day: i64,
    segments: u32,
) -> sqlx::Result<u64> {
    // What stays of a segment is dated after the end of time.
    let expired = sqlx::query(
        "SELECT first, last, body FROM explanations WHERE day < $1 ORDER BY day LIMIT $2",
    )
    .bind(before_day)
    .bind(i64::from(segments))
    .fetch_all(&mut *connection)
    .await?;
    for row in &expired {
        let (first, last): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        let kept: Vec<i64> = sqlx::query_scalar(
            "SELECT log.sequence FROM log JOIN joined ON joined.log_id = log.id
             WHERE log.sequence BETWEEN $1 AND $2",
        )
        .bind(first)
        .bind(last)
        .fetch_all(&mut *connection)
        .await?;
        if kept.is_empty() {
            sqlx::query("DELETE FROM explanations WHERE first = $1")
                .bind(first)
                .execute(&mut *connection)
                .await?;
            continue;
        }
        let text = unpacked(row.try_get(2)?)?;
        let rows = rows(&text).filter(|(place, _)| kept.contains(&place.cast_signed()));
        let body = packed(rows)?;
        put(
            connection,
            first.cast_unsigned(),
            last.cast_unsigned(),
            i64::MAX,
            &body,
        )
        .await?;
    }
    Ok(expired.len() as u64)
}

/// Notes which decisions something came of: their explanations stay.
pub(crate) async fn join(connection: &mut SqliteConnection, entry: &Entry) -> sqlx::Result<()> {
    for id in decisions_of(entry) {
        sqlx::query("INSERT INTO joined (log_id) VALUES ($1) ON CONFLICT (log_id) DO NOTHING")
            .bind(decision_id(&id))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// The decisions that led to a purchase, a thumb, an order or an action.
fn decisions_of(entry: &Entry) -> Vec<Id> {
    let named = |properties: &shop::Properties| {
        let id = properties.get("decision_id")?.as_str()?;
        Id::new(id).ok()
    };
    match entry {
        Entry::Record(Record::Event(event)) => match event.kind {
            EventKind::Purchase | EventKind::Refund | EventKind::Redeem | EventKind::Feedback => {
                event.decision_id.clone().into_iter().collect()
            }
            _ => Vec::new(),
        },
        Entry::Record(Record::Order(order)) => {
            let lines = order
                .lines
                .iter()
                .filter_map(|line| named(&line.properties));
            named(&order.properties).into_iter().chain(lines).collect()
        }
        Entry::Audit(record) => record.decision_id.clone().into_iter().collect(),
        _ => Vec::new(),
    }
}
