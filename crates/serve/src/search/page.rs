//! Pages of what was found. A cursor remembers what it has shown, so that
//! nothing comes twice and nothing is passed over while products and their
//! order change between two pages.

use rustc_hash::FxHashSet;
use shop::Product;
use store::Snapshot;

use super::cursor::{Cursor, hash};
use super::index::Index;
use super::query::{Distinct, SearchRequest};
use super::rank::Candidate;
/// How many candidates have to be in order for a request to be answered.
pub(super) fn needed(request: &SearchRequest) -> usize {
    if request.distinct.is_some() {
        return usize::MAX;
    }
    // One letter of a cursor is less than one product that it has shown.
    let shown = request.cursor.as_ref().map_or(0, String::len);
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
    mut cursor: Cursor,
    candidates: &[Candidate],
) -> Page {
    let key = |one: &Candidate| {
        let product = product(index, snapshot, one)?;
        let group = product.group_id.as_ref();
        let group = group.filter(|_| request.distinct == Some(Distinct::GroupId));
        Some(hash(group.unwrap_or(&product.id).as_str()))
    };
    let nothing_shown = cursor.shown.is_empty();
    let unseen = candidates
        .iter()
        .filter(|one| nothing_shown || !key(one).is_some_and(|key| cursor.has_shown(key)));
    // A cursor says itself where its page begins.
    let passed = match request.cursor {
        Some(_) => 0,
        None => request.offset,
    };
    let mut unseen = unseen.skip(passed);
    let page: Vec<Candidate> = unseen.by_ref().take(request.limit).cloned().collect();
    let more = unseen.next().is_some() && !page.is_empty();
    // What an offset passed over counts as shown.
    let passed = candidates.iter().take(passed);
    cursor.note(passed.chain(&page).filter_map(key));
    Page {
        candidates: page,
        next: more.then(|| cursor.written()).flatten(),
    }
}

fn product<'a>(index: &Index, snapshot: &'a Snapshot, one: &Candidate) -> Option<&'a Product> {
    let place = index.place(one.document)?;
    snapshot.catalogue.get(place).map(|product| &**product)
}
