//! Texts as the tokens that an encoder of meaning knows: the same terms that
//! words are looked up by, each with how much it counts.

use super::collection::{Collection, Document, TermId};
use super::query::{Origin, Query};

/// A hashed term with how much it counts.
pub type Token = (u64, f32);

const IN_TITLE: f32 = 2.0;
const IN_CATEGORY: f32 = 1.0;
const IN_BRAND: f32 = 0.5;

/// The hash that a stem or gram is known by (FNV-1a), words and grams apart.
pub fn token(text: &str, gram: bool) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ u64::from(gram);
    text.bytes().fold(start, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The hash of one term of a collection.
pub fn term_token(collection: &Collection, term: TermId) -> u64 {
    let gram = collection.entry(term).is_some_and(|entry| entry.gram);
    token(collection.text(term), gram)
}

/// How much a term of a document counts by where it stands.
pub fn term_weight(document: &Document, term: TermId) -> f32 {
    let held = |terms: &[TermId], weight: f32| match terms.binary_search(&term) {
        Ok(_) => weight,
        Err(_) => 0.0,
    };
    1.0 + held(&document.title_terms, IN_TITLE)
        + held(&document.category_terms, IN_CATEGORY)
        + held(&document.brand_terms, IN_BRAND)
}

/// A product's terms.
pub fn document_tokens(collection: &Collection, document: &Document) -> Vec<Token> {
    let terms = document.counts.iter();
    terms
        .map(|(term, _)| (term_token(collection, *term), term_weight(document, *term)))
        .collect()
}

/// A product as a text for a published encoder, the most telling first.
pub fn passage(product: &shop::Product) -> String {
    let mut text = product.title.clone();
    let brand = product
        .brand
        .iter()
        .filter(|brand| !product.title.contains(brand.as_str()));
    for part in brand.chain(&product.category).chain(&product.description) {
        text.push_str(". ");
        text.push_str(part);
    }
    text
}

/// A query's words as what they most surely stand for. A word that the
/// catalogue does not have stands for itself as well: customers may have
/// taught the encoder what they mean by it.
pub fn query_tokens(collection: &Collection, query: &Query) -> Vec<Token> {
    let mut tokens = Vec::new();
    for word in &query.words {
        let Some(best) = word.alternatives.first() else {
            tokens.push((token(&word.stem, false), 1.0));
            continue;
        };
        if best.origin != Origin::Exact {
            tokens.push((token(&word.stem, false), 1.0));
        }
        let same = word
            .alternatives
            .iter()
            .filter(|other| other.origin == best.origin && other.weight == best.weight);
        for alternative in same.take(3) {
            let terms = alternative.terms.iter();
            tokens.extend(terms.map(|term| (term_token(collection, *term), best.weight)));
        }
    }
    tokens
}
