//! What a part of a file is, and how its rows become records.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use shop::{Kind, Record};
use tempfile::TempPath;

use super::dates::{self, Clock, Said};
use super::formats::{Table, TakeObject};
use super::intake::Intake;
use super::money::{self, Prices};
use super::read::Halt;
use super::recognise::{is_sure, recognise};
use super::row::{LEFT_OUT, Mapping, Row, is_secret, text_of};
use super::saved::SavedMapping;
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
    /// The mapping that was saved for such files, by its name.
    pub(super) saved: Option<String>,
    /// Which column gives a field.
    pub(super) mapping: BTreeMap<String, String>,
    /// The columns of a table.
    pub(super) columns: Vec<Column>,
    pub(super) needs: BTreeSet<Need>,
    pub(super) prices: Prices,
    pub(super) clock: Clock,
}

/// The beginning of a part.
pub(super) struct Sample {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Row>,
    /// Why there is no more.
    broken: Option<String>,
}

/// A column of a table, as people are shown it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it means; nothing where it is kept as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<&'static str>,
    /// The first of its values.
    pub examples: Vec<String>,
}

/// Values of a column that are shown.
const EXAMPLES: usize = 3;
/// Letters of a value that are shown.
const EXAMPLE_LETTERS: usize = 80;

impl Sample {
    /// The columns with what they mean.
    fn shown(&self, mapping: &mut Mapping) -> Vec<Column> {
        let shown = self.columns.iter().map(|name| Column {
            field: mapping.targets(name).first().map(|target| target.field),
            examples: self.examples(name),
            name: name.clone(),
        });
        shown.collect()
    }

    fn examples(&self, column: &str) -> Vec<String> {
        let mut examples: Vec<String> = Vec::new();
        if is_secret(column) {
            return examples;
        }
        let values = self.rows.iter().filter_map(|row| row.cells.get(column));
        for text in values.filter_map(text_of) {
            let text: String = text.chars().take(EXAMPLE_LETTERS).collect();
            if examples.len() < EXAMPLES && !examples.contains(&text) {
                examples.push(text);
            }
        }
        examples
    }
}

/// What was found out about a part: how it is read, or its columns where its
/// rows are of no known kind.
pub(super) enum Planned {
    Read(Box<Plan>),
    Unknown(Vec<Column>),
}

/// What is to be done with a part.
pub(super) fn plan(
    path: &Path,
    name: &str,
    source: &Source,
    options: &ImportOptions,
) -> Result<Planned, IngestError> {
    let sample = sample(path, name, source);
    if let Some(reason) = &sample.broken
        && sample.rows.is_empty()
        && source.is_binary()
    {
        let what = format!("{}, which cannot be read: {reason}", source.name());
        return Err(IngestError::format(path, what));
    }
    let saved = SavedMapping::fitting(options, &sample.columns);
    let told = saved.map(|saved| saved.applied(options));
    let options = told.as_ref().unwrap_or(options);
    let Some((format, kind, mut way)) = recognise(path, name, source, &sample, options)? else {
        return match sample.broken {
            Some(reason) => Err(IngestError::read(path, std::io::Error::other(reason))),
            None => Ok(Planned::Unknown(sample.shown(&mut Mapping::default()))),
        };
    };
    let mut needs = BTreeSet::new();
    let mut mapping = BTreeMap::new();
    let mut shown = Vec::new();
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
        shown = sample.shown(columns);
        let used = used.into_iter().filter(|(field, _)| *field != LEFT_OUT);
        mapping = used
            .map(|(field, column)| (field.to_owned(), column))
            .collect();
    }
    let mut plan = Plan {
        format,
        kind,
        way,
        saved: saved.map(|saved| saved.name.clone()),
        mapping,
        columns: shown,
        needs,
        prices,
        clock,
    };
    if names_no_currency(path, name, source, &plan, options) {
        plan.needs.insert(Need::Currency);
    }
    Ok(Planned::Read(Box::new(plan)))
}

/// The name of a mapping that was guessed.
pub(super) const GUESSED: &str = "columns";

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
