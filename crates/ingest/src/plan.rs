//! What a part of a file is, and how its rows become records.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};
use shop::{Kind, Record};
use tempfile::TempPath;

use super::dates::{self, Clock, Said};
use super::formats::{self, Format, Reading, Rows, Table, TakeObject};
use super::intake::Intake;
use super::money::{self, Prices};
use super::read::Halt;
use super::row::{Mapping, Row};
use super::source::{Item, Source};
use super::{Batch, ImportOptions, IngestError, Need, run};

/// Rows that are looked at to find what they are.
const SAMPLE_ROWS: usize = 300;

/// A table of a file, a sheet, a file of an archive.
pub(super) struct Part {
    pub(super) path: PathBuf,
    /// Holds what was unpacked.
    pub(super) _unpacked: Option<Arc<TempPath>>,
    /// What it is called.
    pub(super) name: String,
    pub(super) source: Source,
    pub(super) plan: Plan,
}

/// How rows become records.
#[derive(Clone)]
pub(super) enum Way {
    /// They are objects with the fields of our own format.
    Records(Kind),
    /// Their columns mean fields.
    Table(Table, Mapping),
    Objects {
        beside: &'static [&'static str],
        take: TakeObject,
    },
}

/// What was found out about a part.
#[derive(Clone)]
pub(super) struct Plan {
    /// The name of the format.
    pub(super) format: &'static str,
    pub(super) kind: Kind,
    pub(super) way: Way,
    /// Which column gives a field.
    pub(super) mapping: BTreeMap<String, String>,
    pub(super) needs: BTreeSet<Need>,
    pub(super) prices: Prices,
    pub(super) clock: Clock,
}

/// The beginning of a part.
struct Sample {
    columns: Vec<String>,
    rows: Vec<Row>,
    /// Why there is no more.
    broken: Option<String>,
}

/// What is to be done with a part; nothing where its rows are of no known kind.
pub(super) fn plan(
    path: &Path,
    name: &str,
    source: &Source,
    options: &ImportOptions,
) -> Result<Option<Plan>, IngestError> {
    let sample = sample(path, name, source);
    if let Some(reason) = &sample.broken
        && sample.rows.is_empty()
        && source.is_binary()
    {
        let what = format!("{}, which cannot be read: {reason}", source.name());
        return Err(IngestError::format(path, what));
    }
    let Some((format, kind, mut way)) = recognise(path, name, source, &sample, options)? else {
        return match sample.broken {
            Some(reason) => Err(IngestError::read(path, std::io::Error::other(reason))),
            None => Ok(None),
        };
    };
    let mut needs = BTreeSet::new();
    let mut mapping = BTreeMap::new();
    let mut clock = Clock {
        order: options.date_order,
        zone: options.time_zone.clone(),
    };
    let mut prices = Prices {
        currency: options.currency,
        separators: None,
    };
    if let Way::Table(table, columns) = &mut way {
        let used = columns.used(&sample.columns);
        if format == GUESSED && !is_sure(kind, &used, options) {
            needs.insert(Need::Mapping);
        }
        clock.order = clock.order.or(table.dates);
        judge_values(
            columns,
            &sample,
            kind,
            *table,
            &mut clock,
            &mut prices,
            &mut needs,
        );
        let shown = used.into_iter().filter(|(field, _)| *field != "-");
        mapping = shown
            .map(|(field, column)| (field.to_owned(), column))
            .collect();
    }
    let mut plan = Plan {
        format,
        kind,
        way,
        mapping,
        needs,
        prices,
        clock,
    };
    if names_no_currency(path, name, source, &plan, options) {
        plan.needs.insert(Need::Currency);
    }
    Ok(Some(plan))
}

/// The name of a mapping that was guessed.
const GUESSED: &str = "columns";

/// Reads the beginning; what breaks there breaks again in earnest.
fn sample(path: &Path, name: &str, source: &Source) -> Sample {
    let mut sample = Sample {
        columns: Vec::new(),
        rows: Vec::new(),
        broken: None,
    };
    let read = source.read(path, name, &Arc::default(), &mut |item| {
        match item {
            Item::Columns(columns) => sample.columns = columns,
            Item::Row(row) => {
                if source.is_nested() || *source == Source::Feed {
                    for name in row.cells.keys() {
                        if !sample.columns.contains(name) {
                            sample.columns.push(name.clone());
                        }
                    }
                }
                sample.rows.push(row);
            }
            Item::Bad(_) => {}
        }
        match sample.rows.len() < SAMPLE_ROWS {
            true => Ok(()),
            false => Err(Halt::Stopped),
        }
    });
    if let Err(Halt::Cut { error, .. }) = read {
        sample.broken = Some(error.to_string());
    }
    sample
}

type Recognised = (&'static str, Kind, Way);

fn recognise(
    path: &Path,
    name: &str,
    source: &Source,
    sample: &Sample,
    options: &ImportOptions,
) -> Result<Option<Recognised>, IngestError> {
    if matches!(source, Source::Document(_)) {
        let kind = Kind::Documents;
        return Ok(Some((source.name(), kind, Way::Records(kind))));
    }
    let found = formats::find(&sample.columns, options.as_kind);
    let found = found.map(|format| (format.name, format.kind, way_of(format)));
    let found = match found {
        None if source.is_nested() && options.map.is_empty() => {
            own_records(name, source, sample, options)
        }
        found => found,
    };
    let mut found = match found {
        None => guess(sample, source.is_nested(), options),
        found => found,
    };
    if let Some((_, kind, Way::Table(_, mapping))) = &mut found {
        say(path, sample, *kind, mapping, options)?;
    }
    // A header may be all there is, and a kind may be said.
    Ok(found.or_else(|| {
        let kind = options
            .as_kind
            .or_else(|| source.is_nested().then(|| kind_in_name(name)).flatten())?;
        Some((source.name(), kind, Way::Records(kind)))
    }))
}

fn way_of(format: &'static Format) -> Way {
    match &format.reading {
        Reading::Columns(table) => Way::Table(*table, table.mapping()),
        Reading::Objects { beside, take } => Way::Objects {
            beside,
            take: *take,
        },
    }
}

/// Objects with our own fields. Where they leave a doubt between texts, the
/// file's name decides.
fn own_records(
    name: &str,
    source: &Source,
    sample: &Sample,
    options: &ImportOptions,
) -> Option<Recognised> {
    let mut votes: BTreeMap<Kind, usize> = BTreeMap::new();
    for kind in sample
        .rows
        .iter()
        .filter_map(|row| Kind::of_fields(&row.cells))
    {
        *votes.entry(kind).or_default() += 1;
    }
    let most = votes
        .iter()
        .rev()
        .max_by_key(|(_, votes)| **votes)
        .map(|(kind, _)| *kind);
    let kind = match (options.as_kind, most, kind_in_name(name)) {
        (Some(kind), _, _) if has_own_fields(kind, sample) => kind,
        (Some(_), _, _) => return None,
        (None, Some(Kind::Documents), Some(Kind::Reviews)) => Kind::Reviews,
        (None, Some(Kind::Reviews), Some(Kind::Documents)) => Kind::Documents,
        (None, Some(kind), _) => kind,
        (None, None, _) => return None,
    };
    Some((source.name(), kind, Way::Records(kind)))
}

fn has_own_fields(kind: Kind, sample: &Sample) -> bool {
    let fields: &[&str] = match kind {
        Kind::Products => &["id", "title"],
        Kind::Customers => &["id"],
        Kind::Orders => &["id", "lines"],
        Kind::Events => &["type", "time"],
        Kind::Reviews | Kind::Documents => &["id", "text"],
        Kind::Conversations => &["id", "messages"],
        Kind::Judgements => &["query", "grade"],
        Kind::Labelled => &["text"],
    };
    let has = |row: &&Row| {
        let deletes = row.cells.get("deleted") == Some(&Value::Bool(true));
        deletes || fields.iter().all(|field| row.cells.contains_key(*field))
    };
    sample.rows.iter().filter(has).count() * 2 > sample.rows.len()
}

/// `reviews.jsonl.gz`, `manuals.documents.jsonl`.
fn kind_in_name(name: &str) -> Option<Kind> {
    let name = name.rsplit('/').next()?.to_ascii_lowercase();
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .find_map(Kind::from_name)
}

/// What columns of no known program may mean.
fn guess(sample: &Sample, nested: bool, options: &ImportOptions) -> Option<Recognised> {
    let object: Map<String, Value> = sample
        .columns
        .iter()
        .map(|name| (name.trim().to_lowercase(), Value::Null))
        .collect();
    let own = options.as_kind.or_else(|| Kind::of_fields(&object));
    if let Some(kind @ (Kind::Judgements | Kind::Labelled)) = own {
        let table = Table {
            columns: &[],
            rows: Rows::Single,
            dates: None,
            utc: false,
        };
        return Some(("table", kind, Way::Table(table, Mapping::default())));
    }
    let said = |guess: &formats::Guess| {
        let fields = guess.table.columns;
        options
            .map
            .iter()
            .all(|(field, _)| fields.iter().any(|(other, _)| other == field))
    };
    let fits = |guess: &&formats::Guess| {
        let mut mapping = guess.mapping();
        let mut used = mapping.used(&sample.columns);
        used.extend(options.map.iter().filter_map(|(field, column)| {
            let (field, _) = guess
                .table
                .columns
                .iter()
                .find(|(other, _)| other == field)?;
            Some((*field, column.clone()))
        }));
        let has = |field: &str| used.iter().any(|(other, _)| *other == field);
        guess
            .needs
            .iter()
            .all(|group| group.iter().any(|field| has(field)))
    };
    let is_kind = |guess: &formats::Guess| options.as_kind.is_none_or(|kind| guess.kind == kind);
    let guesses = formats::guesses()
        .iter()
        .filter(|guess| said(guess) && is_kind(guess));
    let guess = match options.as_kind {
        // Objects that fit nothing are taken at the word of whoever imports.
        Some(_) if nested && options.map.is_empty() => guesses.clone().find(fits),
        Some(kind) => formats::guesses().iter().find(|guess| guess.kind == kind),
        None => guesses.clone().find(fits),
    }?;
    let mut mapping = guess.mapping();
    if options.as_kind.is_some() {
        mapping.also("id", "id");
    }
    Some((GUESSED, guess.kind, Way::Table(guess.table, mapping)))
}

/// Applies what whoever imports says of the columns.
fn say(
    path: &Path,
    sample: &Sample,
    kind: Kind,
    mapping: &mut Mapping,
    options: &ImportOptions,
) -> Result<(), IngestError> {
    for (field, column) in &options.map {
        let guess = formats::guesses().iter().find(|guess| guess.kind == kind);
        let fields: Vec<&'static str> = guess
            .map(|guess| {
                guess
                    .table
                    .columns
                    .iter()
                    .map(|(field, _)| *field)
                    .collect()
            })
            .unwrap_or_default();
        let Some(known) = fields.iter().find(|known| *known == field) else {
            let fields = fields.join(", ");
            let what = format!(
                "read as {}, which have no field {field:?}: they have {fields}",
                kind.name()
            );
            return Err(IngestError::format(path, what));
        };
        if !sample
            .columns
            .iter()
            .any(|other| other.trim() == column.trim())
        {
            let columns = sample.columns.join(", ");
            let what = format!("a table without a column {column:?}: its columns are {columns}");
            return Err(IngestError::format(path, what));
        }
        mapping.say(known, column);
    }
    Ok(())
}

/// Whether a guess needs no word of anybody: goods without a number of their
/// own are asked about.
fn is_sure(kind: Kind, used: &[(&'static str, String)], options: &ImportOptions) -> bool {
    options.as_kind.is_some()
        || !options.map.is_empty()
        || kind != Kind::Products
        || used.iter().any(|(field, _)| *field == "id")
}

/// Reads off the values what the file's numbers and dates look like.
fn judge_values(
    mapping: &mut Mapping,
    sample: &Sample,
    kind: Kind,
    table: Table,
    clock: &mut Clock,
    prices: &mut Prices,
    needs: &mut BTreeSet<Need>,
) {
    const PRICES: [&str; 6] = [
        "price",
        "sale_price",
        "list_price",
        "total",
        "line_total",
        "surcharge",
    ];
    const TIMES: [&str; 3] = ["time", "created_at", "updated_at"];
    let (mut amounts, mut times) = (Vec::new(), Vec::new());
    for row in &sample.rows {
        for (column, value) in &row.cells {
            for target in mapping.targets(column).iter() {
                if PRICES.contains(&target.field) {
                    amounts.push(value);
                } else if TIMES.contains(&target.field) {
                    times.push((target.field, value));
                }
            }
        }
    }
    prices.separators = money::separators_of(amounts.into_iter());
    if clock.order.is_none() {
        match dates::order_of(times.iter().map(|(_, value)| *value)) {
            Some(Some(order)) => clock.order = Some(order),
            Some(None) => {
                needs.insert(Need::DateOrder);
            }
            None => {}
        }
    }
    let matters = matches!(kind, Kind::Orders | Kind::Events | Kind::Conversations);
    let is_local = |(field, value): &(&str, &Value)| {
        *field == "time" && dates::said(value) == Some(Said::Local)
    };
    if matters && clock.zone.is_none() && !table.utc && times.iter().any(is_local) {
        needs.insert(Need::TimeZone);
    }
}

/// Whether prices lack a currency, and none has one: the sample is read as the
/// file will be.
fn names_no_currency(
    path: &Path,
    name: &str,
    source: &Source,
    plan: &Plan,
    options: &ImportOptions,
) -> bool {
    if !matches!(plan.kind, Kind::Products | Kind::Orders) || options.currency.is_some() {
        return false;
    }
    let (mut without, mut with) = (0, 0);
    let mut sink = |batch: Batch| {
        let lacks = |rejected: &&super::Rejected| rejected.reason.starts_with(money::NO_CURRENCY);
        without += batch.rejected.iter().filter(lacks).count();
        with += batch
            .records
            .iter()
            .filter(|record| has_price(record))
            .count();
        std::ops::ControlFlow::Continue(())
    };
    let mut intake = Intake::new(&mut sink, Arc::default());
    let _ = run::run(
        path,
        name,
        source,
        plan,
        options.now,
        Some(SAMPLE_ROWS),
        &mut intake,
    );
    let _ = intake.flush();
    drop(intake);
    without > 0 && with == 0
}

fn has_price(record: &Record) -> bool {
    match record {
        Record::Product(product) => product.price.is_some(),
        Record::Order(order) => {
            order.total.is_some() || order.lines.iter().any(|line| line.price.is_some())
        }
        _ => false,
    }
}
