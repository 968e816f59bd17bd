//! Pages of what was found. A cursor remembers what it has shown, so that
//! nothing comes twice and nothing is passed over while products and their
//! order change between two pages.

use rustc_hash::FxHashSet;
use shop::Product;
use store::Snapshot;

use super::index::Index;
use super::query::{Distinct, SearchRequest};
use super::rank::Candidate;
use crate::ServeError;

/// How much a cursor remembers; nobody reads further, programs narrow the
/// search.
const MOST_SHOWN: usize = 1_000;
/// Hexadecimal digits of each part of a cursor.
const DIGITS: usize = 10;
const BITS: u64 = (1 << (4 * DIGITS)) - 1;

/// What a cursor says.
#[derive(Debug, Default, PartialEq)]
struct Cursor {
    /// What was asked for.
    request: u64,
    /// What was shown, in its order.
    shown: Vec<u64>,
}

impl Cursor {
    fn read(text: &str, request: u64) -> Result<Self, ServeError> {
        let invalid = |reason: &str| ServeError::InvalidRequest {
            param: "cursor",
            reason: reason.to_owned(),
        };
        let whole = text.is_ascii()
            && text.len() >= DIGITS
            && text.len().is_multiple_of(DIGITS)
            && text.len() <= (MOST_SHOWN + 1) * DIGITS;
        let parts = (0..text.len() / DIGITS).map(|at| {
            let part = text.get(at * DIGITS..(at + 1) * DIGITS)?;
            u64::from_str_radix(part, 16).ok()
        });
        let mut parts: Vec<u64> = parts
            .collect::<Option<_>>()
            .filter(|_| whole)
            .ok_or_else(|| invalid("not a cursor that a search has answered with"))?;
        if parts.remove(0) != request {
            return Err(invalid(
                "it belongs to another search: send the same words, filter and order with it",
            ));
        }
        Ok(Self {
            request,
            shown: parts,
        })
    }

    fn written(&self) -> String {
        let parts = std::iter::once(&self.request).chain(&self.shown);
        parts.map(|part| format!("{part:0DIGITS$x}")).collect()
    }
}

fn hash(text: &str) -> u64 {
    corpus::search::meaning::token(text, false) & BITS
}

/// What a cursor holds on to: the same words, filter and order.
fn request_hash(request: &SearchRequest) -> u64 {
    let filter = serde_json::to_string(&request.filter).unwrap_or_default();
    hash(&format!(
        "{}\n{filter}\n{:?}\n{:?}",
        request.q, request.sort, request.distinct
    ))
}

/// How many candidates have to be in order for a request to be answered.
pub(super) fn needed(request: &SearchRequest) -> usize {
    if request.distinct.is_some() {
        return usize::MAX;
    }
    let shown = if request.cursor.is_some() {
        MOST_SHOWN
    } else {
        0
    };
    request.offset + request.limit + shown + 1
}

/// A page of candidates, with the cursor to the next one.
pub(super) struct Page {
    pub candidates: Vec<Candidate>,
    pub next: Option<String>,
}

/// Leaves the best of each group, where that is asked for.
pub(super) fn keep_distinct(
    index: &Index,
    snapshot: &Snapshot,
    distinct: Option<Distinct>,
    candidates: &mut Vec<Candidate>,
) {
    let Some(Distinct::GroupId) = distinct else {
        return;
    };
    let mut seen = FxHashSet::default();
    candidates.retain(|one| {
        let product = product(index, snapshot, one);
        let group = product.and_then(|product| product.group_id.as_ref());
        group.is_none_or(|group| seen.insert(group))
    });
}

/// The page that is asked for, of candidates in their order.
pub(super) fn page(
    index: &Index,
    snapshot: &Snapshot,
    request: &SearchRequest,
    candidates: &[Candidate],
) -> Result<Page, ServeError> {
    let own = request_hash(request);
    let mut cursor = match &request.cursor {
        Some(text) => Cursor::read(text, own)?,
        None => Cursor {
            request: own,
            shown: Vec::new(),
        },
    };
    let key = |one: &Candidate| {
        let product = product(index, snapshot, one)?;
        let group = product.group_id.as_ref();
        let group = group.filter(|_| request.distinct == Some(Distinct::GroupId));
        Some(hash(group.unwrap_or(&product.id).as_str()))
    };
    let shown: FxHashSet<u64> = cursor.shown.iter().copied().collect();
    let unseen = candidates
        .iter()
        .filter(|one| shown.is_empty() || !key(one).is_some_and(|key| shown.contains(&key)));
    let mut unseen = unseen.skip(request.offset);
    let page: Vec<Candidate> = unseen.by_ref().take(request.limit).cloned().collect();
    let more = unseen.next().is_some() && !page.is_empty();
    // What an offset passed over counts as shown.
    let passed = match request.cursor {
        Some(_) => 0,
        None => request.offset,
    };
    let passed = candidates.iter().take(passed);
    cursor.shown.extend(passed.filter_map(key));
    cursor.shown.extend(page.iter().filter_map(key));
    let next = (more && cursor.shown.len() <= MOST_SHOWN).then(|| cursor.written());
    Ok(Page {
        candidates: page,
        next,
    })
}

fn product<'a>(index: &Index, snapshot: &'a Snapshot, one: &Candidate) -> Option<&'a Product> {
    let place = index.place(one.document)?;
    snapshot.catalogue.get(place).map(|product| &**product)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let cursor = Cursor {
            request: hash("red shoes"),
            shown: vec![hash("a"), hash("b"), 0, BITS],
        };
        let text = cursor.written();
        assert_eq!(Cursor::read(&text, cursor.request).unwrap(), cursor);
        assert!(Cursor::read(&text, 1).is_err());
        for broken in ["", "x", &text[1..], "+123456789", "品牌品牌"] {
            assert!(Cursor::read(broken, cursor.request).is_err(), "{broken}");
        }
        let long = text.repeat(MOST_SHOWN);
        assert!(Cursor::read(&long, cursor.request).is_err());
    }
}
