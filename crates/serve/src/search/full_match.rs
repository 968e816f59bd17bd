//! Whether any product has all of what was asked for. Where none has, the
//! nearest are shown, and that is said.

use corpus::search::features::{has_all_words, place};
use corpus::search::{Document, Query, QueryWord};
use shop::Filter;
use store::Snapshot;

use super::index::Index;
use super::rank::Candidate;
use crate::ServeError;

/// A reading that is less sure than this says a word only in part: one half of
/// a word taken apart, another word that may have been meant.
const LEAST_SURE: f32 = 0.5;
/// How many of the best hits are looked at before all products are.
const LOOKED_AT: usize = 10;

/// Whether a product that the filter lets pass has every word in a sure
/// reading. What customers chose after this very query has all that they
/// meant, whatever its words.
pub(super) fn is_full_match(
    index: &Index,
    snapshot: &Snapshot,
    filter: &Filter,
    query: &Query,
    candidates: &[Candidate],
) -> Result<bool, ServeError> {
    let chosen = |one: &Candidate| {
        let features = one.features.as_ref();
        features.is_some_and(|features| features[place::CLICKS] > 0.0)
    };
    let mut sure = query.clone();
    for word in &mut sure.words {
        word.alternatives.retain(|one| one.weight >= LEAST_SURE);
    }
    if candidates.iter().take(LOOKED_AT).any(chosen) {
        return Ok(true);
    }
    if sure.words.iter().any(|word| word.alternatives.is_empty()) {
        return Ok(false);
    }
    // A guess is as good as what stands beside it.
    let known = |word: &QueryWord| !word.is_a_guess();
    if !sure.words.iter().any(known) {
        return Ok(false);
    }
    let has_all = |document: &Document| has_all_words(&sure, document);
    let best = candidates.iter().take(LOOKED_AT);
    if best
        .filter_map(|one| index.terms(one.document))
        .any(has_all)
    {
        return Ok(true);
    }
    let all = index.with_all_words(&sure)?;
    Ok(all.into_iter().any(|(document, _)| {
        let product = index.place(document);
        let product = product.and_then(|place| snapshot.catalogue.get(place));
        product.is_some_and(|product| filter.accepts(product))
    }))
}
