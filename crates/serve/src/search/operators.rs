//! What the operators of a query exclude: a word after a minus or "not", a phrase
//! in quotes. They are filters, whatever relevance says.

use corpus::search::analysis::{Unit, units};
use corpus::search::constraints::QueryConstraint;
use corpus::search::features::has_all_words;
use corpus::search::{Document, Field, Query};
use shop::Product;
use store::Snapshot;

use super::index::{DocumentNumber, Index};

/// A word or a phrase, ready to be looked for.
struct Literal {
    query: Query,
    /// Its words between spaces, where they have to stand side by side.
    phrase: Option<String>,
}

/// The operators of one query.
pub(super) struct Operators {
    excluded: Vec<Literal>,
    required: Vec<Literal>,
}

impl Operators {
    pub(super) fn new(index: &Index, constraints: &[QueryConstraint]) -> Self {
        let literal = |text: &str, quoted: bool| Literal {
            query: Query::literal(index.collection(), text, None),
            phrase: quoted.then(|| spaced(text)),
        };
        let excluded = constraints.iter().filter_map(|one| match one {
            QueryConstraint::Exclude { text, quoted } => Some(literal(text, *quoted)),
            _ => None,
        });
        let required = constraints.iter().filter_map(|one| match one {
            QueryConstraint::Phrase { text } => Some(literal(text, true)),
            _ => None,
        });
        Self {
            excluded: excluded.collect(),
            required: required.collect(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.excluded.is_empty() && self.required.is_empty()
    }

    /// Whether a document may be shown.
    pub(super) fn allow(
        &self,
        index: &Index,
        snapshot: &Snapshot,
        document: DocumentNumber,
    ) -> bool {
        let place = index.place(document);
        let product = place.and_then(|place| snapshot.catalogue.get(place));
        let (Some(terms), Some(product)) = (index.terms(document), product) else {
            return false;
        };
        let has = |literal: &Literal| literal.is_in(terms, product);
        !self.excluded.iter().any(has) && self.required.iter().all(has)
    }
}

impl Literal {
    fn is_in(&self, terms: &Document, product: &Product) -> bool {
        // A word that no product has is in none.
        let words = &self.query.words;
        let known = words.iter().all(|one| !one.alternatives.is_empty());
        if !known || !has_all_words(&self.query, terms) {
            return false;
        }
        self.phrase.as_ref().is_none_or(|phrase| {
            let mut texts = Field::ALL.into_iter().flat_map(|one| one.texts(product));
            texts.any(|text| spaced(&text).contains(phrase.as_str()))
        })
    }
}

/// The words of a text in their order, each between two spaces; of scripts
/// without spaces each character.
fn spaced(text: &str) -> String {
    let mut result = " ".to_owned();
    let mut add = |word: &str| {
        result.push_str(word);
        result.push(' ');
    };
    for unit in units(text) {
        match unit {
            Unit::Word(piece) => add(&piece.text),
            Unit::Compound { joined, parts } if parts.is_empty() => add(&joined.text),
            Unit::Compound { parts, .. } => parts.iter().for_each(|part| add(&part.text)),
            Unit::Measure { joined, .. } => add(&joined.text),
            Unit::Run { characters, .. } => characters.iter().for_each(|one| add(&one.text)),
        }
    }
    result
}
