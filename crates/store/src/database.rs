use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};

use crate::{StoreError, artifact, checkpoint, explanations, permissions};

/// The database in a data folder.
const FILE: &str = "shopkeeper.db";

/// The layout of the derived tables; a folder with another one rebuilds them.
const DERIVED_LAYOUT: &str = "3";

/// The most rows that one statement inserts or looks up: a database searches
/// its numbered parameters one by one, so that more of them cost more.
const ROWS_PER_STATEMENT: usize = 32;

/// The truth.
const LOG: &str = "
CREATE TABLE IF NOT EXISTS log (
    sequence BIGINT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    customer_id TEXT,
    time BIGINT,
    body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS layout (
    name TEXT PRIMARY KEY,
    version TEXT NOT NULL
);
";

/// What is derived from it; [`crate::tables`] and [`crate::ledger`] keep it.
const DERIVED: &str = "
CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE TABLE IF NOT EXISTS coupons (
    code TEXT PRIMARY KEY,
    redeemed BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS redemptions (
    id TEXT PRIMARY KEY,
    code TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    order_id TEXT,
    rolled_back BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS redemptions_on ON redemptions (order_id);
CREATE INDEX IF NOT EXISTS redemptions_of ON redemptions (code, customer_id);
CREATE TABLE IF NOT EXISTS points (
    customer_id TEXT PRIMARY KEY,
    balance BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS referrals (
    referee_id TEXT PRIMARY KEY,
    referrer_id TEXT NOT NULL,
    rewarded_by TEXT
);
CREATE INDEX IF NOT EXISTS referrals_of ON referrals (referrer_id);
CREATE TABLE IF NOT EXISTS audit (
    sequence BIGINT PRIMARY KEY,
    customer_id TEXT
);
CREATE INDEX IF NOT EXISTS audit_of ON audit (customer_id, sequence);
CREATE TABLE IF NOT EXISTS confirmations (
    token_digest TEXT PRIMARY KEY,
    sequence BIGINT NOT NULL,
    customer_id TEXT NOT NULL,
    expires BIGINT NOT NULL,
    state TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS joined (
    log_id TEXT PRIMARY KEY
);
CREATE INDEX IF NOT EXISTS confirmations_of ON confirmations (customer_id, expires);
";

/// Each derived table with its columns.
pub(crate) const DERIVED_TABLES: [(&str, &[&str]); 8] = [
    ("records", &["kind", "id", "sequence", "ordinal", "digest"]),
    ("coupons", &["code", "redeemed", "body"]),
    (
        "redemptions",
        &[
            "id",
            "code",
            "customer_id",
            "order_id",
            "rolled_back",
            "body",
        ],
    ),
    ("points", &["customer_id", "balance"]),
    ("referrals", &["referee_id", "referrer_id", "rewarded_by"]),
    ("audit", &["sequence", "customer_id"]),
    ("joined", &["log_id"]),
    (
        "confirmations",
        &[
            "token_digest",
            "sequence",
            "customer_id",
            "expires",
            "state",
        ],
    ),
];

/// How to connect: a commit is on the disk before it returns.
pub(crate) fn options(folder: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(folder.join(FILE))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", "4000")
        // No file is needed that is not open already.
        .pragma("temp_store", "MEMORY")
        .disable_statement_logging()
}

/// Makes the tables that are missing. True when what is derived is of another
/// layout, or new, and has to be rebuilt.
pub(crate) async fn create(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    sqlx::raw_sql(LOG).execute(&mut *connection).await?;
    sqlx::raw_sql(explanations::TABLE)
        .execute(&mut *connection)
        .await?;
    let found: Option<String> =
        sqlx::query_scalar("SELECT version FROM layout WHERE name = 'derived'")
            .fetch_optional(&mut *connection)
            .await?;
    if found.as_deref() == Some(DERIVED_LAYOUT) {
        return Ok(false);
    }
    Ok(true)
}

/// Drops everything derived and makes its tables anew, empty. Called within
/// the transaction that fills them again.
pub(crate) async fn reset_derived(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    for (table, _) in DERIVED_TABLES {
        let statement = format!("DROP TABLE IF EXISTS {table}");
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut *connection)
            .await?;
    }
    sqlx::raw_sql(DERIVED).execute(&mut *connection).await?;
    sqlx::query(
        "INSERT INTO layout (name, version) VALUES ('derived', $1)
         ON CONFLICT (name) DO UPDATE SET version = excluded.version",
    )
    .bind(DERIVED_LAYOUT)
    .execute(connection)
    .await?;
    Ok(())
}

/// Cuts `items` into pieces of 32, 16, … 1, so that a handful of prepared
/// statements serves every length.
pub(crate) fn pieces<T>(mut items: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = match items.len() {
            0 => return None,
            length if length >= ROWS_PER_STATEMENT => ROWS_PER_STATEMENT,
            length => 1 << length.ilog2(),
        };
        let (piece, rest) = items.split_at(size);
        items = rest;
        Some(piece)
    })
}

/// `rows` times `columns` numbered parameters: `($1,$2),($3,$4)`.
pub(crate) fn parameters(rows: usize, columns: usize) -> String {
    let mut text = String::with_capacity(rows * columns * 5);
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ",(" });
        for column in 0..columns {
            let separator = if column == 0 { "$" } else { ",$" };
            text.push_str(separator);
            text.push_str(&(row * columns + column + 1).to_string());
        }
        text.push(')');
    }
    text
}

/// Makes the database that is missing, for its owner alone. Beside artifacts,
/// which only a log can have led to, it is not new but lost.
pub(crate) fn prepare(folder: &Path) -> Result<(), StoreError> {
    let path = folder.join(FILE);
    if path.exists() {
        return Ok(());
    }
    let artifacts = std::fs::read_dir(folder.join(artifact::FOLDER));
    let has_artifacts = artifacts.is_ok_and(|mut artifacts| artifacts.next().is_some());
    if has_artifacts || folder.join(checkpoint::FILE).exists() {
        return Err(StoreError::MissingDatabase(path));
    }
    permissions::create(&path)
        .map(drop)
        .map_err(|error| StoreError::Disk {
            folder: folder.to_path_buf(),
            reason: error.to_string(),
        })
}

/// Connects for writing.
pub(crate) async fn connect(folder: &Path) -> sqlx::Result<SqliteConnection> {
    SqliteConnection::connect_with(&options(folder)).await
}

/// Whether nothing can be written to the folder for want of room.
fn has_no_room(folder: &Path) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    const PROBE_BYTES: usize = 64 << 10;
    let path = folder.join("shopkeeper.probe");
    let written = std::fs::write(&path, vec![1; PROBE_BYTES]);
    // One that cannot be deleted is written over the next time.
    let _ = std::fs::remove_file(&path);
    written.is_err_and(|error| [StorageFull, QuotaExceeded].contains(&error.kind()))
}

/// What a database error means for whoever asked.
pub(crate) fn explain(folder: &Path, error: &sqlx::Error) -> StoreError {
    const READ_ONLY: i32 = 8;
    const INPUT_OUTPUT: i32 = 10;
    const FULL: i32 = 13;
    const CANNOT_OPEN: i32 = 14;
    let folder = folder.to_path_buf();
    let reason = error.to_string();
    let code = error
        .as_database_error()
        .and_then(|error| error.code()?.parse::<i32>().ok())
        .map(|extended| extended & 0xff);
    match code {
        Some(FULL) => StoreError::DiskFull(folder),
        // Without room some of the database's files fail in other ways.
        Some(INPUT_OUTPUT) if has_no_room(&folder) => StoreError::DiskFull(folder),
        Some(READ_ONLY | INPUT_OUTPUT | CANNOT_OPEN) => StoreError::Disk { folder, reason },
        _ if matches!(error, sqlx::Error::Io(_)) => StoreError::Disk { folder, reason },
        _ => StoreError::Database { folder, reason },
    }
}
