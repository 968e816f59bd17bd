//! The snapshot written down, so that a start replays only what came after it.
//!
//! A checkpoint is derived like all that is not the log: one that is missing,
//! damaged, of another program or of another log is passed over, and the log
//! is replayed from its beginning. The file is a line that names the format and
//! then frames: the section (one byte), the length and the CRC-32 of what
//! follows (four bytes each, least first), and the content, a chunk of the
//! entries of one part of the snapshot. Records are JSON, which they are made
//! for; what is numerous is `postcard`. The last frame says how many there are.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use shop::{
    Conversation, Customer, DecisionRecord, Document, EventKind, Id, Judgement, Labelled, Order,
    Product, Review, SearchRule, Service, Synonyms, Timestamp,
};

use crate::catalogue::ProductIndex;
use crate::history::{History, Interaction};
use crate::prepared::digest;
use crate::snapshot::{Counts, Outcomes, Snapshot};

/// The file in the data folder.
pub(crate) const FILE: &str = "checkpoint";

const FORMAT: &[u8] = b"shopkeeper checkpoint 1\n";

/// Entries of one frame.
const CHUNK: usize = 1_024;

/// No frame of ours is longer; a longer one is damaged.
const MOST_BYTES: usize = 1 << 30;

/// What the snapshot is made by. A program in which any of this differs may
/// derive something else from the same log, and replays it.
const DERIVATION: [&str; 9] = [
    include_str!("snapshot.rs"),
    include_str!("catalogue.rs"),
    include_str!("history.rs"),
    include_str!("recent_map.rs"),
    include_str!("trends.rs"),
    include_str!("query_log.rs"),
    include_str!("checkpoint.rs"),
    include_str!("prepared.rs"),
    include_str!("../../shop/src/event.rs"),
];

/// Names the program's way of deriving a snapshot.
fn derivation() -> String {
    digest(DERIVATION.concat().as_bytes())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Head,
    Products,
    Customers,
    Orders,
    OrdersOf,
    CustomerHistories,
    SessionHistories(usize),
    Reviews,
    ReviewsOf,
    Conversations,
    Documents,
    Popularity,
    Trends,
    QueryClicks(usize),
    Queries(usize),
    Decisions(usize),
    Thumbs(usize),
    Judgements,
    Labelled,
    End,
}

impl Section {
    const ALL: [Self; 25] = [
        Self::Head,
        Self::Products,
        Self::Customers,
        Self::Orders,
        Self::OrdersOf,
        Self::CustomerHistories,
        Self::SessionHistories(0),
        Self::SessionHistories(1),
        Self::Reviews,
        Self::ReviewsOf,
        Self::Conversations,
        Self::Documents,
        Self::Popularity,
        Self::Trends,
        Self::QueryClicks(0),
        Self::QueryClicks(1),
        Self::Queries(0),
        Self::Queries(1),
        Self::Decisions(0),
        Self::Decisions(1),
        Self::Thumbs(0),
        Self::Thumbs(1),
        Self::Judgements,
        Self::Labelled,
        Self::End,
    ];

    fn code(self) -> u8 {
        let place = Self::ALL.iter().position(|one| *one == self);
        place
            .and_then(|place| u8::try_from(place).ok())
            .unwrap_or(u8::MAX)
    }
}

/// What there is one of.
#[derive(Serialize, Deserialize)]
struct Head {
    derivation: String,
    sequence: u64,
    log_id: String,
    catalogue_revision: u64,
    documents_revision: u64,
    trends_latest: Option<Timestamp>,
    queries_revision: u64,
    rules: Vec<SearchRule>,
    synonyms: Vec<Synonyms>,
    outcomes: Vec<(Service, String, Outcomes)>,
    serving: BTreeMap<Service, String>,
    promoted: BTreeMap<Service, Vec<String>>,
    trained: Vec<(Service, String, serde_json::Value)>,
    counts: Counts,
}

/// A history with its owner's id, in numbers.
type HistoryParts = (
    String,
    Vec<(ProductIndex, EventKind, i64)>,
    Vec<ProductIndex>,
    Vec<ProductIndex>,
    Vec<String>,
);

/// A query with how it fared: searches, choices, interest, hashes of askers.
pub(crate) type QueryParts = (String, u32, u32, f32, Vec<u64>);

/// A chunk, read.
enum Part {
    Head(Box<Head>),
    Products(Vec<(usize, Id, Option<Product>)>),
    Customers(Vec<Customer>),
    Orders(Vec<Order>),
    OrdersOf(Vec<(Id, Vec<Id>)>),
    CustomerHistories(Vec<(Id, History)>),
    SessionHistories(usize, Vec<(Id, History)>),
    Reviews(Vec<Review>),
    ReviewsOf(Vec<(Id, Vec<Id>)>),
    Conversations(Vec<Conversation>),
    Documents(Vec<Document>),
    Popularity(Vec<(ProductIndex, f32)>),
    Trends(Vec<(ProductIndex, f64, i64)>),
    QueryClicks(usize, Vec<(String, Vec<(ProductIndex, f32)>)>),
    Queries(usize, Vec<QueryParts>),
    Decisions(usize, Vec<DecisionRecord>),
    Thumbs(usize, Vec<(Id, i64)>),
    Judgements(Vec<(usize, Judgement)>),
    Labelled(Vec<(usize, Labelled)>),
    End(u64),
}

/// Writes frames to a file beside the checkpoint, which they then replace.
struct Frames {
    file: BufWriter<File>,
    count: u64,
}

impl Frames {
    fn push(&mut self, section: Section, content: &[u8]) -> std::io::Result<()> {
        let length = u32::try_from(content.len()).map_err(std::io::Error::other)?;
        self.file.write_all(&[section.code()])?;
        self.file.write_all(&length.to_le_bytes())?;
        self.file
            .write_all(&crc32fast::hash(content).to_le_bytes())?;
        self.file.write_all(content)?;
        self.count += 1;
        Ok(())
    }

    /// In chunks, as JSON.
    fn records<T: Serialize>(
        &mut self,
        section: Section,
        items: impl Iterator<Item = T>,
    ) -> std::io::Result<()> {
        self.chunks(section, items, |chunk| {
            serde_json::to_vec(chunk).map_err(std::io::Error::other)
        })
    }

    /// In chunks, as `postcard`.
    fn numbers<T: Serialize>(
        &mut self,
        section: Section,
        items: impl Iterator<Item = T>,
    ) -> std::io::Result<()> {
        self.chunks(section, items, |chunk| {
            postcard::to_stdvec(chunk).map_err(std::io::Error::other)
        })
    }

    fn chunks<T>(
        &mut self,
        section: Section,
        mut items: impl Iterator<Item = T>,
        encode: impl Fn(&Vec<T>) -> std::io::Result<Vec<u8>>,
    ) -> std::io::Result<()> {
        loop {
            let chunk: Vec<T> = items.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                return Ok(());
            }
            self.push(section, &encode(&chunk)?)?;
        }
    }
}

/// Writes `snapshot` down, whose last log entry has the id `log_id`. The
/// checkpoint before it stands until this one is whole and on the disk.
pub(crate) fn write(folder: &Path, snapshot: &Snapshot, log_id: &str) -> std::io::Result<()> {
    let unfinished = folder.join(format!("{FILE}.part"));
    let written = write_to(&unfinished, snapshot, log_id)
        .and_then(|()| std::fs::rename(&unfinished, folder.join(FILE)))
        .and_then(|()| File::open(folder)?.sync_all());
    if written.is_err() {
        // What cannot be deleted is overwritten by the next one.
        let _ = std::fs::remove_file(&unfinished);
    }
    written
}

fn write_to(path: &Path, snapshot: &Snapshot, log_id: &str) -> std::io::Result<()> {
    let file = crate::permissions::create(path)?;
    let mut frames = Frames {
        file: BufWriter::with_capacity(1 << 20, file),
        count: 0,
    };
    frames.file.write_all(FORMAT)?;
    let head = serde_json::to_vec(&head(snapshot, log_id)).map_err(std::io::Error::other)?;
    frames.push(Section::Head, &head)?;
    write_records(&mut frames, snapshot)?;
    write_numbers(&mut frames, snapshot)?;
    let end = serde_json::to_vec(&frames.count).map_err(std::io::Error::other)?;
    frames.push(Section::End, &end)?;
    let file = frames
        .file
        .into_inner()
        .map_err(|error| error.into_error())?;
    file.sync_all()
}

fn head(snapshot: &Snapshot, log_id: &str) -> Head {
    let outcomes = snapshot.outcomes.iter();
    Head {
        derivation: derivation(),
        sequence: snapshot.sequence,
        log_id: log_id.to_owned(),
        catalogue_revision: snapshot.catalogue.revision,
        documents_revision: snapshot.documents_revision,
        trends_latest: snapshot.trends.latest(),
        queries_revision: snapshot.query_log.revision,
        rules: snapshot
            .rules
            .values()
            .map(|rule| (**rule).clone())
            .collect(),
        synonyms: snapshot
            .synonyms
            .values()
            .map(|one| (**one).clone())
            .collect(),
        outcomes: outcomes
            .map(|((service, version), outcomes)| (*service, version.clone(), *outcomes))
            .collect(),
        serving: snapshot.serving.clone(),
        promoted: snapshot.promoted.clone(),
        trained: (*snapshot.trained).clone(),
        counts: snapshot.counts.clone(),
    }
}

fn write_records(frames: &mut Frames, snapshot: &Snapshot) -> std::io::Result<()> {
    frames.records(Section::Products, snapshot.catalogue.parts())?;
    frames.records(Section::Customers, snapshot.customers.values())?;
    frames.records(Section::Orders, snapshot.orders.values())?;
    frames.records(Section::OrdersOf, snapshot.orders_of.iter())?;
    frames.records(Section::Reviews, snapshot.reviews.values())?;
    frames.records(Section::ReviewsOf, snapshot.reviews_of.iter())?;
    frames.records(Section::Conversations, snapshot.conversations.values())?;
    frames.records(Section::Documents, snapshot.documents.values())?;
    for (at, generation) in snapshot.decisions.generations().into_iter().enumerate() {
        frames.records(Section::Decisions(at), generation.values())?;
    }
    for (at, generation) in snapshot.thumbs.generations().into_iter().enumerate() {
        frames.records(Section::Thumbs(at), generation.iter())?;
    }
    frames.records(Section::Judgements, snapshot.judgements.iter().enumerate())?;
    frames.records(Section::Labelled, snapshot.labelled.iter().enumerate())
}

fn write_numbers(frames: &mut Frames, snapshot: &Snapshot) -> std::io::Result<()> {
    let histories = &snapshot.histories;
    let of = |(id, history): (&Id, &Arc<History>)| history_parts(id, history);
    frames.numbers(
        Section::CustomerHistories,
        histories.customers.iter().map(of),
    )?;
    for (at, generation) in histories.sessions.generations().into_iter().enumerate() {
        frames.numbers(Section::SessionHistories(at), generation.iter().map(of))?;
    }
    frames.numbers(Section::Popularity, snapshot.popularity.iter())?;
    frames.numbers(Section::Trends, snapshot.trends.parts())?;
    for (at, generation) in snapshot.query_clicks.generations().into_iter().enumerate() {
        let clicks = generation.iter();
        let clicks = clicks.map(|(query, clicks)| (query, clicks.iter().collect::<Vec<_>>()));
        frames.numbers(Section::QueryClicks(at), clicks)?;
    }
    for at in 0..2 {
        frames.numbers(Section::Queries(at), snapshot.query_log.parts(at))?;
    }
    Ok(())
}

fn history_parts(id: &Id, history: &History) -> HistoryParts {
    let interactions = history.interactions.iter();
    (
        id.to_string(),
        interactions
            .map(|one| (one.product, one.kind, one.time.as_micros()))
            .collect(),
        history.bought.iter().copied().collect(),
        history.hidden.iter().copied().collect(),
        history.queries.clone(),
    )
}

fn history(parts: HistoryParts) -> Result<(Id, History), String> {
    let (id, interactions, bought, hidden, queries) = parts;
    let interactions = interactions.into_iter();
    let history = History {
        interactions: interactions
            .map(|(product, kind, time)| Interaction {
                product,
                kind,
                time: Timestamp::from_micros(time),
            })
            .collect(),
        bought: bought.into_iter().collect(),
        hidden: hidden.into_iter().collect(),
        queries,
    };
    let id = Id::new(&id).map_err(|error| error.to_string())?;
    Ok((id, history))
}

/// A snapshot that was written down, with the id of its last log entry; `None`
/// when there is none that this program could have written.
pub(crate) fn read(folder: &Path) -> Option<(Snapshot, String)> {
    let file = File::open(folder.join(FILE)).ok()?;
    read_from(BufReader::with_capacity(1 << 20, file)).ok()
}

fn read_from(mut file: impl Read + Send) -> Result<(Snapshot, String), String> {
    let mut format = [0; FORMAT.len()];
    file.read_exact(&mut format)
        .map_err(|error| error.to_string())?;
    if format != FORMAT {
        return Err("another format".to_owned());
    }
    // A checkpoint of another program is known by its first frame.
    let (section, content) = next_frame(&mut file)?;
    let Part::Head(head) = decode(section, &content)? else {
        return Err("no head".to_owned());
    };
    if head.derivation != derivation() {
        return Err("of another program".to_owned());
    }
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let (send_frames, frames) = mpsc::sync_channel::<(Section, Vec<u8>)>(2 * workers);
    let frames = Mutex::new(frames);
    let (send_parts, parts) = mpsc::sync_channel(2 * workers);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (frames, send_parts) = (&frames, send_parts.clone());
            scope.spawn(move || {
                loop {
                    let next = frames.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok((section, content)) = next else { break };
                    if send_parts.send(decode(section, &content)).is_err() {
                        break;
                    }
                }
            });
        }
        let reading = scope.spawn(move || {
            loop {
                let (section, content) = next_frame(&mut file)?;
                let is_end = section == Section::End;
                let sent = send_frames.send((section, content));
                if is_end || sent.is_err() {
                    return Ok(());
                }
            }
        });
        drop(send_parts);
        let built = build(*head, parts);
        let read: Result<(), String> = reading.join().map_err(|_| "reading panicked".to_owned())?;
        read.and(built)
    })
}

fn next_frame(file: &mut impl Read) -> Result<(Section, Vec<u8>), String> {
    let explain = |error: std::io::Error| error.to_string();
    let mut head = [0; 9];
    file.read_exact(&mut head).map_err(explain)?;
    let section = Section::ALL.get(usize::from(head[0])).copied();
    let section = section.ok_or("an unknown section")?;
    let number =
        |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let (length, sum) = (number(1) as usize, number(5));
    if length > MOST_BYTES {
        return Err("a frame is too long".to_owned());
    }
    let mut content = vec![0; length];
    file.read_exact(&mut content).map_err(explain)?;
    if crc32fast::hash(&content) != sum {
        return Err("a frame is damaged".to_owned());
    }
    Ok((section, content))
}

fn json<T: DeserializeOwned>(content: &[u8]) -> Result<T, String> {
    serde_json::from_slice(content).map_err(|error| error.to_string())
}

fn numbers<'a, T: Deserialize<'a>>(content: &'a [u8]) -> Result<T, String> {
    postcard::from_bytes(content).map_err(|error| error.to_string())
}

fn histories(content: &[u8]) -> Result<Vec<(Id, History)>, String> {
    let parts: Vec<HistoryParts> = numbers(content)?;
    parts.into_iter().map(history).collect()
}

fn decode(section: Section, content: &[u8]) -> Result<Part, String> {
    Ok(match section {
        Section::Head => Part::Head(Box::new(json(content)?)),
        Section::Products => Part::Products(json(content)?),
        Section::Customers => Part::Customers(json(content)?),
        Section::Orders => Part::Orders(json(content)?),
        Section::OrdersOf => Part::OrdersOf(json(content)?),
        Section::CustomerHistories => Part::CustomerHistories(histories(content)?),
        Section::SessionHistories(at) => Part::SessionHistories(at, histories(content)?),
        Section::Reviews => Part::Reviews(json(content)?),
        Section::ReviewsOf => Part::ReviewsOf(json(content)?),
        Section::Conversations => Part::Conversations(json(content)?),
        Section::Documents => Part::Documents(json(content)?),
        Section::Popularity => Part::Popularity(numbers(content)?),
        Section::Trends => Part::Trends(numbers(content)?),
        Section::QueryClicks(at) => Part::QueryClicks(at, numbers(content)?),
        Section::Queries(at) => Part::Queries(at, numbers(content)?),
        Section::Decisions(at) => Part::Decisions(at, json(content)?),
        Section::Thumbs(at) => Part::Thumbs(at, json(content)?),
        Section::Judgements => Part::Judgements(json(content)?),
        Section::Labelled => Part::Labelled(json(content)?),
        Section::End => Part::End(json(content)?),
    })
}

/// Puts the parts together, in whatever order they come.
fn build(
    head: Head,
    parts: mpsc::Receiver<Result<Part, String>>,
) -> Result<(Snapshot, String), String> {
    let mut snapshot = Snapshot::default();
    let mut products = Vec::new();
    let mut documents = BTreeMap::new();
    let (mut judgements, mut labelled) = (Vec::new(), Vec::new());
    // The head was read before.
    let (mut count, mut expected) = (1, None);
    for part in parts {
        count += 1;
        match part? {
            Part::Head(_) => return Err("two heads".to_owned()),
            Part::Products(chunk) => products.extend(chunk),
            Part::Documents(chunk) => {
                documents.extend(chunk.into_iter().map(|one| (one.id.clone(), Arc::new(one))));
            }
            Part::Judgements(chunk) => judgements.extend(chunk),
            Part::Labelled(chunk) => labelled.extend(chunk),
            Part::End(frames) => expected = Some(frames + 1),
            part => put(&mut snapshot, part),
        }
    }
    if expected != Some(count) {
        return Err("frames are missing".to_owned());
    }
    products.sort_unstable_by_key(|(at, ..)| *at);
    Arc::make_mut(&mut snapshot.catalogue).restore(products, head.catalogue_revision);
    judgements.sort_unstable_by_key(|(at, _)| *at);
    labelled.sort_unstable_by_key(|(at, _)| *at);
    for (_, one) in judgements {
        snapshot.judgements.push_back_mut(Arc::new(one));
    }
    for (_, one) in labelled {
        snapshot.labelled.push_back_mut(Arc::new(one));
    }
    let outcomes = head.outcomes.into_iter();
    let rules = head.rules.into_iter();
    let synonyms = head.synonyms.into_iter();
    snapshot.sequence = head.sequence;
    snapshot.documents = Arc::new(documents);
    snapshot.documents_revision = head.documents_revision;
    snapshot.trends.set_latest(head.trends_latest);
    snapshot.query_log.revision = head.queries_revision;
    snapshot.rules = Arc::new(rules.map(|one| (one.id.clone(), Arc::new(one))).collect());
    snapshot.synonyms = Arc::new(
        synonyms
            .map(|one| (one.id.clone(), Arc::new(one)))
            .collect(),
    );
    snapshot.outcomes = outcomes
        .map(|(service, version, outcomes)| ((service, version), outcomes))
        .collect();
    snapshot.serving = head.serving;
    snapshot.promoted = head.promoted;
    snapshot.trained = Arc::new(head.trained);
    snapshot.counts = head.counts;
    Ok((snapshot, head.log_id))
}

fn put(snapshot: &mut Snapshot, part: Part) {
    match part {
        Part::Customers(chunk) => {
            for one in chunk {
                snapshot.customers.insert_mut(one.id.clone(), Arc::new(one));
            }
        }
        Part::Orders(chunk) => {
            for one in chunk {
                snapshot.orders.insert_mut(one.id.clone(), Arc::new(one));
            }
        }
        Part::OrdersOf(chunk) => {
            for (id, ids) in chunk {
                snapshot.orders_of.insert_mut(id, Arc::new(ids));
            }
        }
        Part::CustomerHistories(chunk) => {
            for (id, history) in chunk {
                snapshot
                    .histories
                    .customers
                    .insert_mut(id, Arc::new(history));
            }
        }
        Part::SessionHistories(at, chunk) => {
            for (id, history) in chunk {
                snapshot
                    .histories
                    .sessions
                    .restore(at, id, Arc::new(history));
            }
        }
        Part::Reviews(chunk) => {
            for one in chunk {
                snapshot.reviews.insert_mut(one.id.clone(), Arc::new(one));
            }
        }
        Part::ReviewsOf(chunk) => {
            for (id, ids) in chunk {
                snapshot.reviews_of.insert_mut(id, Arc::new(ids));
            }
        }
        Part::Conversations(chunk) => {
            for one in chunk {
                snapshot
                    .conversations
                    .insert_mut(one.id.clone(), Arc::new(one));
            }
        }
        Part::Popularity(chunk) => {
            for (product, interest) in chunk {
                snapshot.popularity.insert_mut(product, interest);
            }
        }
        Part::Trends(chunk) => chunk
            .into_iter()
            .for_each(|(product, interest, at)| snapshot.trends.restore(product, interest, at)),
        Part::QueryClicks(at, chunk) => {
            for (query, clicks) in chunk {
                let clicks = Arc::new(clicks.into_iter().collect());
                snapshot.query_clicks.restore(at, query, clicks);
            }
        }
        Part::Queries(at, chunk) => chunk
            .into_iter()
            .for_each(|query| snapshot.query_log.restore(at, query)),
        Part::Decisions(at, chunk) => {
            for one in chunk {
                snapshot
                    .decisions
                    .restore(at, one.id.clone(), Arc::new(one));
            }
        }
        Part::Thumbs(at, chunk) => {
            for (id, sum) in chunk {
                snapshot.thumbs.restore(at, id, sum);
            }
        }
        // Taken where their order matters.
        Part::Head(_)
        | Part::Products(_)
        | Part::Documents(_)
        | Part::Judgements(_)
        | Part::Labelled(_)
        | Part::End(_) => {}
    }
}
