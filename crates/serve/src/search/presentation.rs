//! What of a product is shown, and why it is there.

use corpus::search::analysis::Analyser;
use corpus::search::constraints::QueryConstraint;
use corpus::search::features::place;
use corpus::search::{Document, Features, Field, Query, QueryWord, Ranker, TermId};
use shop::{GeoPoint, Product};
use store::Snapshot;

use super::highlight::{self, Matches};
use super::index::Index;
use super::query::{Hit, Interpretation, InterpretedWord, Reading, Reason, SearchRequest};
use super::rank::{Behaviour, Candidate, Scoring};
use super::rules::AppliedRules;

/// A feature that adds less than this is no reason worth telling.
const TELLING: f32 = 0.02;
/// How much of a field is looked through for words to mark, in bytes.
const LOOKED_THROUGH: usize = 4_000;

/// What hits are shown for.
pub(super) struct Shown<'a> {
    pub index: &'a Index,
    pub snapshot: &'a Snapshot,
    pub query: &'a Query,
    pub ranker: &'a Ranker,
    /// What scores are made of, where that is asked for.
    pub explain: Option<&'a Scoring<'a>>,
    pub rules: &'a AppliedRules,
    /// From where distances are told.
    pub from: Option<GeoPoint>,
}

impl Shown<'_> {
    /// A candidate as it is shown; `None` where its product is gone.
    pub(super) fn hit(&self, candidate: &Candidate) -> Option<Hit> {
        let place = self.index.place(candidate.document)?;
        let product = self.snapshot.catalogue.get(place)?;
        let mut hit = Hit {
            id: product.id.clone(),
            score: candidate.score,
            distance_m: self.from.and_then(|place| place.distance_to_m(product)),
            highlight: Default::default(),
            reasons: Vec::new(),
            explanation: self.explain.map(|scoring| scoring.parts(candidate)),
            product: product.clone(),
        };
        let analyser = Analyser::new(product.language.as_deref());
        for field in Field::ALL {
            let (text, matches) = self.look_through(field, product, candidate, &analyser);
            if let Some(html) = highlight::highlight(&text, &matches, field) {
                hit.highlight.insert(field, html);
            }
            let words = matches.words(self.query);
            if !words.is_empty() {
                let words = words.into_iter().map(str::to_owned).collect();
                hit.reasons.push(Reason::Words { field, words });
            }
        }
        if let Some(rule) = self.rules.pins(&product.id) {
            hit.reasons.push(Reason::Rule { rule: rule.clone() });
        }
        if let Some(features) = &candidate.features {
            hit.reasons.extend(further_reasons(self.ranker, features));
        }
        Some(hit)
    }

    /// A field's text with the query's words in it. Where the index knows that
    /// none is there, nobody looks.
    fn look_through(
        &self,
        field: Field,
        product: &Product,
        candidate: &Candidate,
        analyser: &Analyser,
    ) -> (String, Matches) {
        let text = field.texts(product).join(match field {
            Field::Category => " › ",
            Field::Title | Field::Brand | Field::Description => " ",
            Field::Tags | Field::Attributes => "\n",
        });
        let terms = self.index.terms(candidate.document);
        let may_be_there = terms.is_some_and(|terms| may_hold(self.query, terms, field));
        if !may_be_there {
            return (text, Matches::default());
        }
        let mut end = text.len().min(LOOKED_THROUGH);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let matches = highlight::find(self.index.collection(), self.query, &text[..end], analyser);
        (text, matches)
    }
}

/// Whether a field may have any of the query's words.
fn may_hold(query: &Query, document: &Document, field: Field) -> bool {
    let held = |term: &TermId| match field {
        Field::Title => document.title_terms.binary_search(term).is_ok(),
        Field::Brand => document.brand_terms.binary_search(term).is_ok(),
        Field::Category => document.category_terms.binary_search(term).is_ok(),
        Field::Tags | Field::Attributes | Field::Description => document.count(*term) > 0,
    };
    let mut alternatives = query.words.iter().flat_map(|word| &word.alternatives);
    alternatives.any(|alternative| alternative.terms.iter().all(held))
}

/// What beside its words brought a product where it is.
fn further_reasons(ranker: &Ranker, features: &Features) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let boost = |feature: usize| {
        ranker.weights.get(feature).copied().unwrap_or_default() * features[feature]
    };
    if features[place::EXACT_TITLE] > 0.0 {
        reasons.push(Reason::ExactTitle);
    }
    if boost(place::CLICKS) > TELLING {
        reasons.push(Reason::Chosen {
            share: features[place::CLICKS],
            boost: boost(place::CLICKS),
        });
    }
    if boost(place::TASTE) > TELLING {
        reasons.push(Reason::Taste {
            boost: boost(place::TASTE),
        });
    }
    if features[place::POPULARITY] >= 0.5 && boost(place::POPULARITY) > TELLING {
        reasons.push(Reason::Popular {
            boost: boost(place::POPULARITY),
        });
    }
    if features[place::CAN_BE_ORDERED] == 0.0 {
        reasons.push(Reason::Unavailable);
    }
    reasons
}

/// What an interpretation speaks of.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub total: usize,
    /// Nothing of it has all of what was asked for.
    pub nearest: bool,
}

pub(super) fn interpretation(
    query: &Query,
    constraints: Vec<QueryConstraint>,
    behaviour: &Behaviour,
    request: &SearchRequest,
    found: Found,
) -> Interpretation {
    let words = query.words.iter().map(|word| InterpretedWord {
        word: word.text.clone(),
        readings: readings(word),
    });
    let note = if found.nearest {
        Some("No product has all of this; the nearest are shown.")
    } else if found.total > 0 {
        None
    } else if !request.q.trim().is_empty() && query.words.is_empty() {
        Some("There is no word to search for in this.")
    } else if query.is_unknown() && !request.q.trim().is_empty() {
        Some("No product has any of these words.")
    } else if !request.filter.is_empty() {
        Some("Products were found, but none passes the filter.")
    } else {
        Some("Nothing was found.")
    };
    Interpretation {
        words: words.collect(),
        constraints,
        language: behaviour.language().map(str::to_owned),
        nearest: found.nearest,
        note: note.map(str::to_owned),
    }
}

/// What a word stands for; two stems of one word are one reading.
fn readings(word: &QueryWord) -> Vec<Reading> {
    let mut readings: Vec<Reading> = Vec::new();
    for alternative in &word.alternatives {
        let reading = Reading {
            text: alternative.text.clone(),
            origin: alternative.origin,
        };
        if !readings.contains(&reading) {
            readings.push(reading);
        }
    }
    readings
}
