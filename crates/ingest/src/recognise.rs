//! What the rows of a part are: a format of [`formats`], our own records, or
//! a guess by the names of the columns.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};
use shop::Kind;

use super::formats::{self, Format, Reading, Rows, Table};
use super::plan::{GUESSED, Sample, Way};
use super::row::{LEFT_OUT, Mapping, PROPERTIES, Row};
use super::source::Source;
use super::{ImportOptions, IngestError};

/// The format, the kind and the way.
pub(super) type Recognised = (&'static str, Kind, Way);

/// What the rows are, and how they become records; nothing where that cannot be
/// told.
pub(super) fn recognise(
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
        let has = |field: &String| fields.iter().any(|(other, _)| other == field);
        let any = |field: &String| [LEFT_OUT, PROPERTIES].contains(&field.as_str());
        options
            .map
            .iter()
            .all(|(field, _)| has(field) || any(field))
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
    let fields = fields_of(kind);
    for (field, column) in &options.map {
        let known = fields
            .iter()
            .chain(&[LEFT_OUT, PROPERTIES])
            .find(|known| *known == field);
        let Some(known) = known else {
            let fields = fields.join(", ");
            let what = format!(
                "read as {}, which have no field {field:?}: they have {fields} ({LEFT_OUT} leaves a \
                 column out, {PROPERTIES} keeps it as it is)",
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

/// The fields that a table of this kind may have.
pub fn fields_of(kind: Kind) -> Vec<&'static str> {
    let guess = formats::guesses().iter().find(|guess| guess.kind == kind);
    let columns = guess.map_or(&[][..], |guess| guess.table.columns);
    let fields = columns.iter().map(|(field, _)| *field);
    fields.filter(|field| *field != LEFT_OUT).collect()
}

/// Whether a guess needs no word of anybody: goods without a number of their
/// own are asked about.
pub(super) fn is_sure(
    kind: Kind,
    used: &[(&'static str, String)],
    options: &ImportOptions,
) -> bool {
    options.as_kind.is_some()
        || !options.map.is_empty()
        || kind != Kind::Products
        || used.iter().any(|(field, _)| *field == "id")
}
