//! The files of `bench search`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context as _, bail};
use shop::{Id, Judgement, Kind, Product, Record, Timestamp};

use ingest::{ImportOptions, read_file};

/// A query with the grades of what was judged for it.
#[derive(Clone)]
pub(super) struct Judged {
    pub query: String,
    pub grades: BTreeMap<Id, f64>,
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from_seconds(since.map_or(0, |since| since.as_secs() as i64))
}

/// Every record of one kind in a file; a bad row is an error here, as a
/// measurement on half a file would mislead.
pub(crate) fn read(file: &Path, kind: Kind) -> anyhow::Result<Vec<Record>> {
    let options = ImportOptions {
        as_kind: Some(kind),
        now: now(),
        ..ImportOptions::default()
    };
    let mut records = Vec::new();
    let mut rejected = None;
    read_file(file, &options, &mut |batch| {
        records.extend(batch.records);
        rejected = batch.rejected.into_iter().next();
        match rejected {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    })
    .with_context(|| file.display().to_string())?;
    match rejected {
        Some(row) => bail!(
            "{}, line {}: {}: {}",
            file.display(),
            row.line,
            row.field,
            row.reason
        ),
        None => Ok(records),
    }
}

pub(super) fn read_products(file: &Path) -> anyhow::Result<Vec<Product>> {
    let products: Vec<Product> = read(file, Kind::Products)?
        .into_iter()
        .filter_map(|record| match record {
            Record::Product(product) => Some(product),
            _ => None,
        })
        .collect();
    if products.is_empty() {
        bail!("{}: no products in it", file.display());
    }
    Ok(products)
}

pub(super) fn read_judgements(file: &Path) -> anyhow::Result<Vec<Judgement>> {
    let records = read(file, Kind::Judgements)?.into_iter();
    Ok(records
        .filter_map(|record| match record {
            Record::Judgement(judgement) => Some(judgement),
            _ => None,
        })
        .collect())
}

/// The queries that have an answer, and how many have none.
pub(super) fn read_judged(file: &Path) -> anyhow::Result<(Vec<Judged>, usize)> {
    let mut by_query: BTreeMap<String, BTreeMap<Id, f64>> = BTreeMap::new();
    for judgement in read_judgements(file)? {
        let grades = by_query.entry(judgement.query).or_default();
        grades.insert(judgement.product_id, f64::from(judgement.grade));
    }
    let queries = by_query.len();
    let judged: Vec<Judged> = by_query
        .into_iter()
        .map(|(query, grades)| Judged { query, grades })
        .filter(|judged| judged.grades.values().any(|grade| *grade > 0.0))
        .collect();
    let unanswerable = queries - judged.len();
    Ok((judged, unanswerable))
}
