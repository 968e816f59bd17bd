//! What may answer a search: found by its words, by its meaning or because
//! somebody chose it, and what has too little of what was asked for left out.

use corpus::search::term_coverage::{FULL_COVERAGE, term_weights};

use super::super::dense_retrieval;
use super::super::index::DocumentNumber;
use super::super::inverted_index::Match;
use super::super::rank::Candidate;
use super::super::sort::Sort;
use super::{Ordering, Search};
use crate::ServeError;

/// How many products are found by meaning alone.
const NEAR: usize = 100;
/// Products further from a query than this are not found by meaning alone.
const LEAST_COSINE: f32 = 0.3;

/// What is here without any word.
fn unmatched(document: DocumentNumber) -> Match {
    Match {
        document,
        score: 0.0,
        coverage: 0,
    }
}

impl Search<'_> {
    fn candidate(&self, found: Match) -> Candidate {
        Candidate {
            document: found.document,
            order: self.index.order(found.document),
            lexical: found.score,
            coverage: found.coverage,
            beyond_terms: false,
            meaning: 0.0,
            score: found.score,
            features: None,
            granted: 0.0,
            boosted: 0.0,
        }
    }

    /// What has any of the words, and what customers chose after this query.
    /// For an order that relevance has no part in: what has all of the words,
    /// as the cheapest product with one of them is rarely what was meant.
    /// Candidates are in the order of document numbers.
    pub(super) fn by_words(&mut self) -> Result<Vec<Candidate>, ServeError> {
        let index = self.index;
        if self.browsing() {
            let all = index.all();
            return Ok(all.map(|one| self.candidate(unmatched(one))).collect());
        }
        if self.request.sort != Sort::Relevance
            && let Some(all) = self.with_all_words()?
        {
            let all = all.into_iter().map(|(document, score)| Match {
                document,
                score,
                coverage: FULL_COVERAGE,
            });
            return Ok(all.map(|one| self.candidate(one)).collect());
        }
        if self.cursor.shown.is_empty() {
            self.cursor.threshold.term_weights = term_weights(&self.query);
        }
        let any = index.with_any_word(&self.query, &self.cursor.threshold.term_weights)?;
        let any = any.into_iter();
        let mut found: Vec<Candidate> = any.map(|one| self.candidate(one)).collect();
        let chosen = self.behaviour.chosen();
        self.add(&mut found, chosen.filter_map(|place| index.document(place)));
        let pinned = self.rules.pinned(index, self.snapshot);
        self.add(&mut found, pinned.into_iter().map(|(_, document)| document));
        Ok(found)
    }

    /// What has all the words that any product has; `None` where that is
    /// nothing that may be shown. What the first page looked for is looked for
    /// to the last, whatever words products have got since.
    fn with_all_words(&mut self) -> Result<Option<Vec<(DocumentNumber, f32)>>, ServeError> {
        let begins = self.cursor.shown.is_empty();
        let bit = |place: usize| 1_u64.checked_shl(place as u32).unwrap_or_default();
        let words = self.query.words.iter().enumerate();
        if begins {
            let known = words.filter(|(_, word)| !word.alternatives.is_empty());
            self.cursor.required = known
                .map(|(place, _)| bit(place))
                .fold(0, |all, one| all | one);
            let all = self.index.with_all_words(&self.query)?;
            if all.iter().any(|(document, _)| self.allows(*document)) {
                return Ok(Some(all));
            }
            self.cursor.required = 0;
        }
        if self.cursor.required == 0 {
            return Ok(None);
        }
        let mut query = self.query.clone();
        for (place, word) in query.words.iter_mut().enumerate() {
            if self.cursor.required & bit(place) == 0 {
                word.alternatives.clear();
            }
        }
        self.index.with_all_words(&query).map(Some)
    }

    /// Adds documents that are here whatever words they have.
    fn add(
        &self,
        candidates: &mut Vec<Candidate>,
        documents: impl Iterator<Item = DocumentNumber>,
    ) {
        let known = candidates.len();
        for document in documents {
            match candidates[..known].binary_search_by_key(&document, |one| one.document) {
                Ok(at) => candidates[at].beyond_terms = true,
                Err(_) => candidates.push(Candidate {
                    beyond_terms: true,
                    ..self.candidate(unmatched(document))
                }),
            }
        }
        if candidates.len() > known {
            // Two sorted runs: sorting merges them.
            candidates.sort_by_key(|one| one.document);
            candidates.dedup_by_key(|one| one.document);
        }
    }

    /// Leaves out what has too little of what was asked for: a share of the
    /// most that anything has which the filter lets pass, so that where
    /// nothing has all of it the nearest stay.
    pub(super) fn cut_off(&mut self, candidates: &mut Vec<Candidate>) {
        if self.ordering != Ordering::Full || self.browsing() {
            return;
        }
        if self.cursor.shown.is_empty() {
            let filtered = !self.request.filter.is_empty();
            let mut most = 0;
            for one in candidates.iter() {
                // The filter is asked only where it matters.
                if one.coverage > most && (!filtered || self.allows(one.document)) {
                    most = one.coverage;
                }
            }
            self.cursor.threshold.minimum = (most as f32 * self.ranker.minimum_should_match) as u64;
        }
        let least = self.cursor.threshold.minimum;
        candidates.retain(|one| one.beyond_terms || one.coverage >= least);
    }

    /// Whether this search looks at the vectors of the products.
    pub(super) fn looks_at_meaning(&self) -> bool {
        self.index.has_meaning()
            && self.ordering != Ordering::Lexical
            && self.request.sort == Sort::Relevance
            && !self.query.words.is_empty()
            && self.request.semantic_ratio != Some(0.0)
    }

    /// Says of each candidate how near it is in meaning, and adds what is
    /// nearest of all.
    pub(super) fn add_near(&mut self, candidates: &mut Vec<Candidate>) {
        let index = self.index;
        let Some(vector) = index.vector(&self.query, &self.parsed.words) else {
            return;
        };
        let cosines = index.cosines(&vector);
        let count = NEAR.max(self.request.offset + self.request.limit);
        let near = dense_retrieval::nearest(&cosines, LEAST_COSINE, count);
        self.add(candidates, near.into_iter());
        for one in candidates {
            let cosine = cosines.get(one.document as usize);
            one.meaning = cosine.copied().unwrap_or_default();
        }
        self.vector = Some(vector);
    }
}
