//! Which fields the products have, so that a field that none has is refused
//! and not answered with nothing.

use corpus::search::distance;
use rustc_hash::{FxHashMap, FxHashSet};
use shop::{Filter, GEO_FIELDS, NEAR, OWN_FIELDS, Product, each_field};
use store::Snapshot;

use super::facet::is_fixed;
use super::index::Index;
use super::query::SearchRequest;
use super::sort::Sort;
use crate::ServeError;

/// How many fields an error names.
const MOST_NAMED: usize = 3;
/// The names of orders and facets that are no fields.
const ORDERS: [&str; 5] = ["relevance", "price_asc", "price_desc", "newest", "rating"];
const MANY_FACETS: [&str; 2] = ["*", "attributes"];

/// The fields beside a product's own, in small letters, with how many
/// products have them as an attribute and as another property.
#[derive(Debug, Clone, Default)]
pub(super) struct FieldTable(FxHashMap<Box<str>, (u32, u32)>);

impl FieldTable {
    pub(super) fn build(products: &[&Product]) -> Self {
        let mut table = FxHashMap::default();
        let mut small = String::new();
        for product in products {
            each_field(product, &mut |path, is_property| {
                lower(path, &mut small);
                // Nothing is allocated for a field that is there already.
                let counts = match table.get_mut(small.as_str()) {
                    Some(counts) => counts,
                    None => table.entry(Box::from(small.as_str())).or_default(),
                };
                let (attribute, property): &mut (u32, u32) = counts;
                *(if is_property { property } else { attribute }) += 1;
            });
        }
        Self(table)
    }

    fn counts(&self, path: &str) -> Option<(u32, u32)> {
        self.0.get(path).copied()
    }
}

fn lower(path: &str, small: &mut String) {
    small.clear();
    if path.is_ascii() {
        small.push_str(path);
        small.make_ascii_lowercase();
    } else {
        small.push_str(&path.to_lowercase());
    }
}

/// A path as a request writes it, in small letters.
struct Path {
    /// Whether it has to stand under `properties`; what is not found among the
    /// attributes is looked for there as well.
    is_property: bool,
    rest: String,
}

impl Path {
    fn new(written: &str) -> Self {
        let small = written.to_lowercase();
        let (is_property, rest) = match small.split_once('.') {
            Some(("attributes", rest)) => (false, rest.to_owned()),
            Some(("properties", rest)) => (true, rest.to_owned()),
            _ => (false, small),
        };
        Self { is_property, rest }
    }

    fn is_in(&self, table: &FieldTable) -> bool {
        let counts = table.counts(&self.rest);
        counts.is_some_and(|(_, properties)| !self.is_property || properties > 0)
    }
}

fn is_own(name: &str) -> bool {
    OWN_FIELDS.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// Refuses a request that names a field which no product has.
pub(super) fn check(
    index: &Index,
    snapshot: &Snapshot,
    request: &SearchRequest,
) -> Result<(), ServeError> {
    check_filter(index, snapshot, &request.filter)?;
    if index.is_empty() {
        return Ok(());
    }
    for facet in &request.facets {
        if !MANY_FACETS.contains(&facet.as_str()) && !is_known(index, snapshot, facet) {
            return Err(unknown(index, "facets", "", facet, &[]));
        }
    }
    match &request.sort {
        Sort::Field { path, .. } if !is_known(index, snapshot, path) => {
            Err(unknown(index, "sort", "", path, &ORDERS))
        }
        Sort::Near { .. } if !is_known(index, snapshot, NEAR) => Err(nowhere("sort", "")),
        _ => Ok(()),
    }
}

/// Refuses a filter that names a field which no product has. An empty
/// catalogue refuses nothing.
pub fn check_filter(index: &Index, snapshot: &Snapshot, filter: &Filter) -> Result<(), ServeError> {
    if index.is_empty() {
        return Ok(());
    }
    for field in filter.named_fields() {
        if !is_known(index, snapshot, &field.path) {
            let place = match field.character {
                Some(character) => format!("at character {character}: "),
                None => String::new(),
            };
            if field.path.eq_ignore_ascii_case(NEAR) {
                return Err(nowhere("filter", &place));
            }
            return Err(unknown(index, "filter", &place, &field.path, &[]));
        }
    }
    Ok(())
}

/// Whether any product has, or may have, this field.
fn is_known(index: &Index, snapshot: &Snapshot, written: &str) -> bool {
    if is_own(written) {
        return true;
    }
    if written.eq_ignore_ascii_case(NEAR) {
        let mut fields = GEO_FIELDS.into_iter();
        return fields.any(|field| is_known(index, snapshot, field));
    }
    let path = Path::new(written);
    if index.fields().into_iter().any(|table| path.is_in(table)) {
        return true;
    }
    // A product that is not indexed yet may be the first that has it.
    let mut products = snapshot.catalogue.iter();
    snapshot.catalogue.revision != index.revision()
        && products.any(|(_, product)| path.is_in(&FieldTable::build(&[&**product])))
}

/// Whether the values of a field may stand elsewhere than where the facets
/// are counted: deeper in an attribute, under `properties`, in a field of the
/// product's own.
pub(super) fn is_counted_by_looking(index: &Index, facet: &str) -> bool {
    let path = Path::new(facet);
    if is_fixed(&path.rest) || MANY_FACETS.contains(&facet) {
        return false;
    }
    let counts = index.fields().into_iter();
    let counts = counts.filter_map(|table| table.counts(&path.rest));
    is_own(facet) || path.rest.contains('.') || counts.into_iter().any(|(_, other)| other > 0)
}

fn unknown(
    index: &Index,
    param: &'static str,
    place: &str,
    written: &str,
    further: &[&str],
) -> ServeError {
    let near = nearest(index, written, further);
    let remedy = match near.is_empty() {
        true => format!("products have {}", usual(index).join(", ")),
        false => format!("the nearest that there are: {}", near.join(", ")),
    };
    ServeError::Unknown {
        param,
        reason: format!(
            "{place}no product has a field {}; {remedy}",
            shortened(written)
        ),
    }
}

/// What is said where no product has a place.
fn nowhere(param: &'static str, place: &str) -> ServeError {
    ServeError::Unknown {
        param,
        reason: format!(
            "{place}no product says where it is: give products one of the fields {}, as \
             {{\"lat\": 48.137, \"lng\": 11.575}}",
            GEO_FIELDS.join(", ")
        ),
    }
}

fn shortened(written: &str) -> String {
    const SHOWN: usize = 80;
    match written.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}…", &written[..end]),
        None => format!("{written:?}"),
    }
}

/// Every field as it may be written, with how many products have it.
fn all(index: &Index) -> Vec<(String, u32)> {
    let mut all: FxHashMap<String, u32> = FxHashMap::default();
    for table in index.fields() {
        for (path, (attributes, properties)) in &table.0 {
            if *attributes > 0 {
                *all.entry(path.to_string()).or_default() += attributes;
            } else {
                *all.entry(format!("properties.{path}")).or_default() += properties;
            }
        }
    }
    let mut all: Vec<(String, u32)> = all.into_iter().collect();
    all.sort_unstable_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    all
}

/// The fields whose names are the most like this: by edits, or where one
/// holds the other.
fn nearest(index: &Index, written: &str, further: &[&str]) -> Vec<String> {
    const LONGEST: usize = 64;
    let rest = Path::new(written).rest;
    let typed: Vec<char> = rest.chars().take(LONGEST).collect();
    let allowed = (typed.len() / 3).clamp(1, 3);
    let own = OWN_FIELDS.iter().chain(further);
    let own = own.map(|name| ((*name).to_owned(), u32::MAX));
    let mut near: Vec<(usize, String)> = Vec::new();
    let mut seen = FxHashSet::default();
    for (name, _) in own.chain(all(index)) {
        let bare = name.strip_prefix("properties.").unwrap_or(&name);
        let letters: Vec<char> = bare.chars().take(LONGEST).collect();
        let holds =
            typed.len() >= 3 && bare.contains(&rest) || letters.len() >= 3 && rest.contains(bare);
        let edits = distance(&typed, &letters, allowed);
        let edits = edits.or_else(|| holds.then_some(allowed + 1));
        if let Some(edits) = edits.filter(|_| seen.insert(name.clone())) {
            near.push((edits, name));
        }
    }
    // Of equally near ones what more products have stands first.
    near.sort_by_key(|(edits, _)| *edits);
    near.truncate(MOST_NAMED);
    near.into_iter().map(|(_, name)| name).collect()
}

/// What a filter mostly speaks of here.
fn usual(index: &Index) -> Vec<String> {
    const MOST: usize = 5;
    let own = ["category", "brand", "price"].map(str::to_owned);
    let further = all(index).into_iter().take(MOST);
    own.into_iter()
        .chain(further.map(|(name, _)| name))
        .collect()
}
