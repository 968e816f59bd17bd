//! Event tables.

use shop::Kind::Events;

use super::{Columns, Format, Table};

const RETAIL_ROCKET: Columns = &[
    ("time", &["timestamp"]),
    ("session_id", &["visitorid"]),
    ("type", &["event"]),
    ("product_id", &["itemid"]),
];

const UBI_QUERIES: Columns = &[
    ("query", &["user_query"]),
    ("query_id", &["query_id"]),
    ("time", &["timestamp"]),
    ("session_id", &["session_id", "client_id"]),
    ("-", &["query_response_hit_ids"]),
];

pub(super) const FORMATS: &[Format] = &[
    Format::table(
        "retailrocket_events",
        Events,
        &[&["timestamp"], &["visitorid"], &["event"], &["itemid"]],
        Table::of(RETAIL_ROCKET),
    ),
    Format::table(
        "ubi_queries",
        Events,
        &[&["user_query"], &["query_id"], &["timestamp"]],
        Table::of(UBI_QUERIES),
    ),
];
