//! Where every format's rows arrive: checked for repetition within the file,
//! counted, and sent on in batches.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustc_hash::{FxHashMap, FxHashSet};
use shop::{Id, Kind, Record, RecordError};

use super::Rejected;

/// Records of a batch: large enough that one write to the disk serves many.
const BATCH: usize = 2_000;
/// Rejected rows that a summary keeps; all of them go through the batches.
const SHOWN: usize = 20;
/// Ids that are remembered for finding repetition (16 bytes each, and the
/// table's slack).
const MOST_IDS: usize = 8_000_000;

/// What one step of reading found.
#[derive(Debug, Default)]
pub struct Batch {
    /// Good rows, in their order.
    pub records: Vec<Record>,
    /// Records that are to be deleted.
    pub removed: Vec<(Kind, Id)>,
    /// Bad rows.
    pub rejected: Vec<Rejected>,
    /// How many bytes of the file have been read so far.
    pub position: u64,
}

/// The receiver wants no more.
#[derive(Debug)]
pub(super) struct Stopped;

/// Takes rows from a format's reader.
pub(super) struct Intake<'a> {
    sink: &'a mut dyn FnMut(Batch) -> ControlFlow<()>,
    batch: Batch,
    position: Arc<AtomicU64>,
    seen: FxHashMap<u64, Seen>,
    events: FxHashSet<u64>,
    /// What came in, for the summary.
    pub(super) counts: Counts,
}

/// The first row with an id.
struct Seen {
    line: u32,
    content: u32,
}

/// In the place of a content: the record is to be deleted.
const REMOVED: u32 = 0;

/// What is known of a row's id.
enum Seeing {
    New,
    /// A row said the same before.
    Repeated,
    /// A row said something else before: what is wrong.
    Other(String),
}

/// How many rows of what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) kinds: BTreeMap<Kind, u64>,
    pub(super) repeated: u64,
    pub(super) rejected: u64,
    pub(super) shown: Vec<Rejected>,
    /// Rows of other programs that say nothing here, by their name.
    pub(super) ignored: BTreeMap<String, u64>,
}

impl Counts {
    /// How many rows there were.
    pub(super) fn taken(&self) -> u64 {
        self.kinds.values().sum::<u64>() + self.rejected + self.repeated
    }
}

impl<'a> Intake<'a> {
    /// `position` is where in the file the reading is.
    pub(super) fn new(
        sink: &'a mut dyn FnMut(Batch) -> ControlFlow<()>,
        position: Arc<AtomicU64>,
    ) -> Self {
        Self {
            sink,
            batch: Batch::default(),
            position,
            seen: FxHashMap::default(),
            events: FxHashSet::default(),
            counts: Counts::default(),
        }
    }

    /// Where in the file the reading is.
    pub(super) fn position(&self) -> Arc<AtomicU64> {
        self.position.clone()
    }

    /// Takes a good row, unless an earlier row of the file has its id.
    pub(super) fn accept(&mut self, record: Record, line: u64, row: &[u8]) -> Result<(), Stopped> {
        if record.id().is_none() && record.kind() == Kind::Events && !self.is_first(&record) {
            self.counts.repeated += 1;
            return Ok(());
        }
        if let Some(id) = record.id() {
            match self.see(record.kind(), id, content(&record) as u32, line) {
                Seeing::New => {}
                Seeing::Repeated => return Ok(()),
                Seeing::Other(reason) => {
                    return self.reject(Rejected::new(line, "id", reason, row));
                }
            }
        }
        *self.counts.kinds.entry(record.kind()).or_default() += 1;
        self.batch.records.push(record);
        self.flush_when(BATCH)
    }

    /// Takes a row that says that a record is to be deleted, unless an earlier
    /// row of the file has its id.
    pub(super) fn remove(
        &mut self,
        kind: Kind,
        id: Id,
        line: u64,
        row: &[u8],
    ) -> Result<(), Stopped> {
        match self.see(kind, &id, REMOVED, line) {
            Seeing::New => {}
            Seeing::Repeated => return Ok(()),
            Seeing::Other(reason) => return self.reject(Rejected::new(line, "id", reason, row)),
        }
        self.batch.removed.push((kind, id));
        self.flush_when(BATCH)
    }

    /// Whether no earlier row says the same to the last letter: an event without
    /// an id is what it says.
    fn is_first(&mut self, record: &Record) -> bool {
        self.events.len() >= MOST_IDS || self.events.insert(content(record))
    }

    /// Whether an earlier row of the file has this id.
    fn see(&mut self, kind: Kind, id: &Id, content: u32, line: u64) -> Seeing {
        if self.seen.len() >= MOST_IDS {
            return Seeing::New;
        }
        let mut hasher = DefaultHasher::new();
        (kind, id.as_str()).hash(&mut hasher);
        let key = hasher.finish();
        if let Some(first) = self.seen.get(&key) {
            if first.content == content {
                self.counts.repeated += 1;
                return Seeing::Repeated;
            }
            return Seeing::Other(format!(
                "the id {id} stands on line {} with other content: an id has one row in a file",
                first.line
            ));
        }
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        self.seen.insert(key, Seen { line, content });
        Seeing::New
    }

    /// Takes a bad row.
    pub(super) fn reject(&mut self, rejected: Rejected) -> Result<(), Stopped> {
        self.counts.rejected += 1;
        if self.counts.shown.len() < SHOWN {
            self.counts.shown.push(rejected.clone());
        }
        self.batch.rejected.push(rejected);
        self.flush_when(BATCH)
    }

    /// Takes what a reader made of a row.
    pub(super) fn take(
        &mut self,
        parsed: Result<Record, RecordError>,
        line: u64,
        row: &[u8],
    ) -> Result<(), Stopped> {
        match parsed {
            Ok(record) => self.accept(record, line, row),
            Err(error) => self.reject(Rejected::new(line, &error.field, error.reason, row)),
        }
    }

    /// Counts a row that is right and says nothing here.
    pub(super) fn ignore(&mut self, name: &str) {
        let name: String = name.chars().take(60).collect();
        // A name with a number in it must not make the table endless.
        if self.counts.ignored.len() < 100 || self.counts.ignored.contains_key(&name) {
            *self.counts.ignored.entry(name).or_default() += 1;
        } else {
            *self.counts.ignored.entry("other".to_owned()).or_default() += 1;
        }
    }

    /// Sends on what is left.
    pub(super) fn flush(&mut self) -> Result<(), Stopped> {
        self.flush_when(1)
    }

    fn flush_when(&mut self, rows: usize) -> Result<(), Stopped> {
        let batch = &self.batch;
        if batch.records.len() + batch.removed.len() + batch.rejected.len() < rows {
            return Ok(());
        }
        let mut batch = std::mem::take(&mut self.batch);
        batch.position = self.position.load(Ordering::Relaxed);
        self.batch.records.reserve(rows.min(BATCH));
        match (self.sink)(batch) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Stopped),
        }
    }
}

/// A hash of all that a record says, whatever the order of its fields was.
fn content(record: &Record) -> u64 {
    let mut writer = HashWriter(DefaultHasher::new());
    let written = match record {
        Record::Product(record) => serde_json::to_writer(&mut writer, record),
        Record::Customer(record) => serde_json::to_writer(&mut writer, record),
        Record::Order(record) => serde_json::to_writer(&mut writer, record),
        Record::Event(record) => serde_json::to_writer(&mut writer, record),
        Record::Review(record) => serde_json::to_writer(&mut writer, record),
        Record::Conversation(record) => serde_json::to_writer(&mut writer, record),
        Record::Document(record) => serde_json::to_writer(&mut writer, record),
        Record::Judgement(record) => serde_json::to_writer(&mut writer, record),
        Record::Labelled(record) => serde_json::to_writer(&mut writer, record),
    };
    debug_assert!(written.is_ok());
    writer.0.finish()
}

struct HashWriter(DefaultHasher);

impl io::Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
