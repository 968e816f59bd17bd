//! Records by kind: found by id and by filter, listed in an order, deleted.
//! The command line and HTTP do the same with them.

use std::cmp::Ordering;

use serde_json::{Map, Value};
use shop::{FilterExpression, Id, Kind, Record, record_values};
use store::{Appended, Entry, NewEntry, Precondition, Snapshot, Store, StoreError};

/// The kinds whose records have ids to be found by.
pub const KINDS: [Kind; 7] = [
    Kind::Products,
    Kind::Customers,
    Kind::Orders,
    Kind::Reviews,
    Kind::Documents,
    Kind::Events,
    Kind::Conversations,
];

/// Removals of one commit.
const REMOVED_AT_ONCE: usize = 2_000;

/// How often a deletion by filter is planned again because somebody changed a
/// record meanwhile.
const MOST_PLANS: usize = 5;

/// Log entries that are read at once to find events.
const EVENTS_AT_ONCE: usize = 10_000;

/// Why records cannot be found or deleted so.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// The filter or the order asks for what no such record has.
    #[error("no {kind} has a field {field:?}", kind = .kind.name())]
    UnknownField {
        /// Of which kind.
        kind: Kind,
        /// The field.
        field: String,
        /// Who asks for it: `filter` or `sort`.
        param: &'static str,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// They cannot be written where they should go.
    #[error("cannot write records: {0}")]
    Write(#[from] std::io::Error),
}

/// A record as JSON.
pub type Row = Map<String, Value>;

fn row(record: &Record) -> Row {
    match record.to_json() {
        Value::Object(row) => row,
        _ => Row::new(),
    }
}

/// Every record of a kind that the snapshot holds, in no certain order; events
/// it does not hold.
fn standing(snapshot: &Snapshot, kind: Kind) -> Box<dyn Iterator<Item = Row> + '_> {
    match kind {
        Kind::Products => {
            let all = snapshot.catalogue.kept();
            Box::new(all.map(|one| row(&Record::Product((**one).clone()))))
        }
        Kind::Customers => {
            let all = snapshot.customers.values();
            Box::new(all.map(|one| row(&Record::Customer((**one).clone()))))
        }
        Kind::Orders => {
            let all = snapshot.orders.values();
            Box::new(all.map(|one| row(&Record::Order((**one).clone()))))
        }
        Kind::Reviews => {
            let all = snapshot.reviews.values();
            Box::new(all.map(|one| row(&Record::Review((**one).clone()))))
        }
        Kind::Documents => {
            let all = snapshot.documents.values();
            Box::new(all.map(|one| row(&Record::Document((**one).clone()))))
        }
        Kind::Conversations => {
            let all = snapshot.conversations.values();
            Box::new(all.map(|one| row(&Record::Conversation((**one).clone()))))
        }
        Kind::Judgements => {
            let all = snapshot.judgements.iter();
            Box::new(all.map(|one| row(&Record::Judgement((**one).clone()))))
        }
        Kind::Labelled => {
            let all = snapshot.labelled.iter();
            Box::new(all.map(|one| row(&Record::Labelled((**one).clone()))))
        }
        Kind::Events => Box::new(std::iter::empty()),
    }
}

/// Hands every record of a kind that meets `filter` on: in the order of their
/// ids, where they have some, else as they came.
pub async fn each(
    store: &Store,
    kind: Kind,
    filter: Option<&FilterExpression>,
    take: &mut (dyn FnMut(&Row) -> std::io::Result<()> + Send),
) -> Result<(), RecordsError> {
    if kind == Kind::Events {
        let mut after = Some(0);
        while let Some(from) = after {
            let (rows, next) = list_events(store, filter, from, EVENTS_AT_ONCE).await?;
            rows.iter().try_for_each(&mut *take)?;
            after = next;
        }
        return Ok(());
    }
    let snapshot = store.snapshot();
    let mut rows: Vec<Row> = standing(&snapshot, kind).collect();
    if let Some(filter) = filter {
        check_fields(kind, &rows, filter)?;
        rows.retain(|row| filter.accepts_record(row));
    }
    rows.sort_by(|left, right| id_of(left).cmp(id_of(right)));
    Ok(rows.iter().try_for_each(take)?)
}

/// The id of a record as JSON.
pub fn id_of(row: &Row) -> &str {
    row.get("id").and_then(Value::as_str).unwrap_or_default()
}

/// Refuses a filter that names a field which none of the records has: a slip
/// of the pen under `NOT` would mean all of them.
fn check_fields(kind: Kind, rows: &[Row], filter: &FilterExpression) -> Result<(), RecordsError> {
    for field in filter.paths() {
        let known = |row: &Row| !record_values(row, field).is_empty();
        if !rows.is_empty() && !rows.iter().any(known) {
            return Err(RecordsError::UnknownField {
                kind,
                field: field.to_owned(),
                param: "filter",
            });
        }
    }
    Ok(())
}

/// In which order records are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// By this field; records without it come last.
    pub field: String,
    /// The largest first.
    pub descending: bool,
}

impl Order {
    /// Reads `field` or `-field`.
    pub fn parse(text: &str) -> Self {
        let (field, descending) = match text.strip_prefix('-') {
            Some(field) => (field, true),
            None => (text, false),
        };
        Self {
            field: field.to_owned(),
            descending,
        }
    }

    /// What decides the place of a record: its value, then its id.
    fn key(&self, row: &Row) -> (Option<Value>, String) {
        let mut values = record_values(row, &self.field).into_iter();
        let value = values.next().or_else(|| match self.field.as_str() {
            "time" => last_said(row),
            _ => None,
        });
        (value, id_of(row).to_owned())
    }

    fn compare(&self, left: &(Option<Value>, String), right: &(Option<Value>, String)) -> Ordering {
        let by_value = match (&left.0, &right.0) {
            (Some(left), Some(right)) => {
                let order = compare(left, right);
                if self.descending {
                    order.reverse()
                } else {
                    order
                }
            }
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        by_value.then_with(|| left.1.cmp(&right.1))
    }
}

/// A conversation is of the time of its last message.
fn last_said(row: &Row) -> Option<Value> {
    let messages = row.get("messages")?.as_array()?;
    let times = messages.iter().filter_map(|message| message.get("time"));
    times.max_by(|left, right| compare(left, right)).cloned()
}

/// Numbers by size before texts by letter.
fn compare(left: &Value, right: &Value) -> Ordering {
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => left.total_cmp(&right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => match (left.as_str(), right.as_str()) {
            (Some(left), Some(right)) => left.cmp(right),
            _ => left.to_string().cmp(&right.to_string()),
        },
    }
}

/// Which records are listed.
#[derive(Debug, Clone)]
pub struct Query {
    /// The kind; not events.
    pub kind: Kind,
    /// Those that meet this.
    pub filter: Option<FilterExpression>,
    /// In this order.
    pub order: Order,
    /// After the record with this key, where the page before ended.
    pub after: Option<(Option<Value>, String)>,
    /// At most so many.
    pub limit: usize,
}

/// A page of records.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The records.
    pub rows: Vec<Row>,
    /// The key of the last one, where more follow.
    pub next: Option<(Option<Value>, String)>,
    /// How many meet the filter, where that was counted.
    pub total: Option<usize>,
}

/// Lists records of the snapshot.
pub fn list(snapshot: &Snapshot, query: &Query) -> Result<Page, RecordsError> {
    let mut rows: Vec<Row> = standing(snapshot, query.kind).collect();
    if let Some(filter) = &query.filter {
        check_fields(query.kind, &rows, filter)?;
        rows.retain(|row| filter.accepts_record(row));
    }
    let total = rows.len();
    let mut keyed: Vec<_> = rows
        .into_iter()
        .map(|row| (query.order.key(&row), row))
        .collect();
    let none_has = keyed.iter().all(|((value, _), _)| value.is_none());
    let timeless = query.kind == Kind::Conversations && query.order.field == "time";
    if total > 0 && none_has && query.filter.is_none() && !timeless {
        return Err(RecordsError::UnknownField {
            kind: query.kind,
            field: query.order.field.clone(),
            param: "sort",
        });
    }
    if let Some(after) = &query.after {
        keyed.retain(|(key, _)| query.order.compare(key, after) == Ordering::Greater);
    }
    keyed.sort_by(|(left, _), (right, _)| query.order.compare(left, right));
    let more = keyed.len() > query.limit;
    keyed.truncate(query.limit);
    let next = keyed.last().filter(|_| more).map(|(key, _)| key.clone());
    Ok(Page {
        rows: keyed.into_iter().map(|(_, row)| row).collect(),
        next,
        total: Some(total),
    })
}

/// Lists events in the order of the log, after this place. A page holds less
/// than `limit` where few of many entries are wanted; the place where it ended
/// is given as long as more follow.
pub async fn list_events(
    store: &Store,
    filter: Option<&FilterExpression>,
    after: u64,
    limit: usize,
) -> Result<(Vec<Row>, Option<u64>), RecordsError> {
    let last = store.snapshot().sequence;
    let mut place = after;
    let mut entries = store.events(place, EVENTS_AT_ONCE).await?;
    // Deleted ones are left out: there may be nothing but those for a while.
    while entries.is_empty() && place + (EVENTS_AT_ONCE as u64) < last {
        place += EVENTS_AT_ONCE as u64;
        entries = store.events(place, EVENTS_AT_ONCE).await?;
    }
    if entries.is_empty() {
        return Ok((Vec::new(), None));
    }
    let mut rows = Vec::new();
    for (sequence, event) in entries {
        if rows.len() == limit {
            return Ok((rows, Some(place)));
        }
        place = sequence;
        let row = row(&Record::Event(event));
        if filter.is_none_or(|filter| filter.accepts_record(&row)) {
            rows.push(row);
        }
    }
    Ok((rows, (place < last).then_some(place)))
}

/// The ids of the records that meet `filter`, in their order.
pub async fn matching(
    store: &Store,
    kind: Kind,
    filter: &FilterExpression,
) -> Result<Vec<Id>, RecordsError> {
    let mut rows = if kind == Kind::Events {
        matching_events(store, filter).await?
    } else {
        let rows: Vec<Row> = standing(&store.snapshot(), kind).collect();
        check_fields(kind, &rows, filter)?;
        rows
    };
    rows.retain(|row| filter.accepts_record(row));
    let ids = rows.iter().filter_map(|row| Id::new(id_of(row)).ok());
    let mut ids: Vec<Id> = ids.collect();
    ids.sort_unstable();
    Ok(ids)
}

/// The events that meet `filter`, which names only fields that some event has.
async fn matching_events(
    store: &Store,
    filter: &FilterExpression,
) -> Result<Vec<Row>, RecordsError> {
    let (mut rows, mut after) = (Vec::new(), Some(0));
    let (mut unseen, mut any) = (filter.paths(), false);
    while let Some(from) = after {
        let (page, next) = list_events(store, None, from, usize::MAX).await?;
        any |= !page.is_empty();
        unseen.retain(|field| page.iter().all(|row| record_values(row, field).is_empty()));
        rows.extend(page.into_iter().filter(|row| filter.accepts_record(row)));
        after = next;
    }
    match unseen.first() {
        Some(field) if any => Err(RecordsError::UnknownField {
            kind: Kind::Events,
            field: (*field).to_owned(),
            param: "filter",
        }),
        _ => Ok(rows),
    }
}

/// The entry that removes a record.
pub fn removal(kind: Kind, id: Id) -> NewEntry {
    NewEntry {
        id: None,
        entry: Entry::Removed { kind, id },
    }
}

/// Deletes the records that meet `filter`, and returns how many they were. Who
/// is changed meanwhile is asked again.
pub async fn delete_matching(
    store: &Store,
    kind: Kind,
    filter: &FilterExpression,
) -> Result<usize, RecordsError> {
    let mut deleted = 0;
    let mut plans = 0;
    'plan: loop {
        plans += 1;
        let since = store.snapshot().sequence;
        let ids = matching(store, kind, filter).await?;
        for ids in ids.chunks(REMOVED_AT_ONCE) {
            let unchanged = |id: &Id| Precondition::Unchanged {
                kind,
                id: id.clone(),
                since,
            };
            // An event never changes.
            let conditions = match kind {
                Kind::Events => Vec::new(),
                _ => ids.iter().map(unchanged).collect(),
            };
            let entries = ids.iter().map(|id| removal(kind, id.clone())).collect();
            match store.append_if(conditions, entries).await {
                Ok(appended) => deleted += count(&appended),
                Err(StoreError::Changed { .. }) if plans < MOST_PLANS => continue 'plan,
                Err(error) => return Err(error.into()),
            }
        }
        return Ok(deleted);
    }
}

/// Deletes records by id, and returns how many there were.
pub async fn delete(store: &Store, kind: Kind, ids: Vec<Id>) -> Result<usize, RecordsError> {
    let entries = ids.into_iter().map(|id| removal(kind, id)).collect();
    Ok(count(&store.append(entries).await?))
}

fn count(appended: &[Appended]) -> usize {
    let new = |one: &&Appended| matches!(one, Appended::New(_));
    appended.iter().filter(new).count()
}
