use std::collections::BTreeMap;
use std::sync::Arc;

use corpus::search::constraints::QueryConstraint;
use corpus::search::{Field, Origin};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use shop::{Filter, Id, Product};

use super::facet::FacetCount;
use super::sort::Sort;
use crate::ServeError;

/// The most hits of one answer.
pub const MAX_LIMIT: usize = 250;
/// The longest query, in characters; what is longer is no query.
pub const MAX_QUERY: usize = 500;
/// How far an answer may begin into the list.
pub const MAX_OFFSET: usize = 100_000;
const DEFAULT_LIMIT: usize = 20;

/// What somebody searches for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SearchRequest {
    /// The words; empty to browse what is popular.
    #[schemars(length(max = MAX_QUERY))]
    pub q: String,
    /// How many hits.
    #[schemars(range(min = 1, max = MAX_LIMIT))]
    pub limit: usize,
    /// How many hits to pass over; a cursor says that itself.
    #[schemars(range(max = MAX_OFFSET))]
    pub offset: usize,
    /// Which products may be shown: an object, or a text as
    /// [`Filter`]'s `FromStr` reads it.
    #[serde(deserialize_with = "Filter::from_text_or_object")]
    #[schemars(schema_with = "Filter::text_or_object_schema")]
    pub filter: Filter,
    /// In which order.
    pub sort: Sort,
    /// What to count: `category`, `brand`, `availability`, `price`, the name
    /// of an attribute, another field as a filter names it, `attributes` for
    /// all of these, or `*`. A list, or a text with commas.
    #[serde(deserialize_with = "list")]
    #[schemars(with = "Option<TextOrList>")]
    pub facets: Vec<String>,
    /// Whether a facet that the filter speaks of is counted as if it did not:
    /// what another choice would give.
    pub disjunctive: bool,
    /// The language of the words, as `en` or `zh`; products in it come first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Who searches, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<Id>,
    /// In which visit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Id>,
    /// How much meaning counts beside words, 0 to 1; one half, or absent, is
    /// what training chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub semantic_ratio: Option<f32>,
    /// Whether each hit says what its score is made of.
    pub explain: bool,
    /// Where the last page ended: its `next_cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Of which products only the best is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distinct: Option<Distinct>,
    /// Whether the shop's rules are applied.
    pub rules: bool,
}

/// What makes products one to the searcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Distinct {
    /// Variants share their `group_id`.
    GroupId,
}

impl Default for SearchRequest {
    fn default() -> Self {
        Self {
            q: String::new(),
            limit: DEFAULT_LIMIT,
            offset: 0,
            filter: Filter::default(),
            sort: Sort::default(),
            facets: Vec::new(),
            disjunctive: true,
            language: None,
            customer: None,
            session: None,
            semantic_ratio: None,
            explain: false,
            cursor: None,
            distinct: None,
            rules: true,
        }
    }
}

impl SearchRequest {
    /// A request for `q` and nothing else.
    pub fn new(q: &str) -> Self {
        Self {
            q: q.to_owned(),
            ..Self::default()
        }
    }

    pub(super) fn check(&self) -> Result<(), ServeError> {
        let invalid = |param, reason: String| Err(ServeError::InvalidRequest { param, reason });
        if !(1..=MAX_LIMIT).contains(&self.limit) {
            let reason = format!("{} is not between 1 and {MAX_LIMIT}", self.limit);
            return invalid("limit", reason);
        }
        if self.offset > MAX_OFFSET {
            return invalid(
                "offset",
                format!(
                    "{} is more than {MAX_OFFSET}: narrow the search",
                    self.offset
                ),
            );
        }
        match self.semantic_ratio {
            Some(ratio) if !(0.0..=1.0).contains(&ratio) => {
                invalid("semantic_ratio", format!("{ratio} is not between 0 and 1"))
            }
            _ => Ok(()),
        }
    }
}

/// A list, or a text with commas between its parts.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
enum TextOrList {
    Text(String),
    List(Vec<String>),
}

fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match Option::<TextOrList>::deserialize(deserializer)? {
        None => Vec::new(),
        Some(TextOrList::List(list)) => list,
        Some(TextOrList::Text(text)) => text
            .split(',')
            .map(|part| part.trim().to_owned())
            .filter(|part| !part.is_empty())
            .collect(),
    })
}

/// What was found.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct SearchResults {
    /// The hits of this page.
    pub hits: Vec<Hit>,
    /// The facets asked for, over all that was found.
    pub facets: BTreeMap<String, Vec<FacetCount>>,
    /// How many products were found; with `distinct`, how many groups of them.
    pub total: usize,
    /// Asks for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// What was probably meant, where a word was mistyped; the hits are for it.
    pub corrected: Option<String>,
    /// What others searched for who chose what is found here; none of it was
    /// asked by few people only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<String>,
    /// How the query was read.
    pub interpreted: Interpretation,
    /// Where a rule sends the searcher instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect: Option<String>,
    /// What rules say above the hits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub banners: Vec<String>,
    /// The rules that were applied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Id>,
}

/// One product found.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Hit {
    /// The product's id.
    pub id: Id,
    /// What it is ranked by; comparable within one answer only.
    pub score: f32,
    /// The product.
    pub product: Arc<Product>,
    /// How far away it is, where that is the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distance_m: Option<f64>,
    /// Fields as HTML, the words found in `<mark>`, all else escaped.
    #[schemars(with = "BTreeMap<String, String>")]
    pub highlight: BTreeMap<Field, String>,
    /// Why it is here.
    pub reasons: Vec<Reason>,
    /// What each feature adds to the score, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<BTreeMap<&'static str, f32>>,
}

/// Why a product is in the list, or where it is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[schemars(rename = "SearchReason")]
pub enum Reason {
    /// Words of the query are in this field.
    Words {
        /// The field.
        #[schemars(with = "String")]
        field: Field,
        /// The words, as they were typed.
        words: Vec<String>,
    },
    /// The title is the query.
    ExactTitle,
    /// Many customers are interested in it.
    Popular {
        /// What it adds to the score.
        boost: f32,
    },
    /// Customers chose it after this query.
    Chosen {
        /// Its share of what was chosen.
        share: f32,
        /// What it adds to the score.
        boost: f32,
    },
    /// It is like what this customer looked at lately.
    Taste {
        /// What it adds to the score.
        boost: f32,
    },
    /// It cannot be ordered now, and ranks lower for it.
    Unavailable,
    /// A rule of the shop's put it here.
    Rule {
        /// The rule.
        rule: Id,
    },
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Words { field, words } => {
                let field = format!("{field:?}").to_lowercase();
                write!(f, "{} in {field}", words.join(", "))
            }
            Self::ExactTitle => f.write_str("the title is the query"),
            Self::Popular { boost } => write!(f, "popular ({boost:+.2})"),
            Self::Chosen { share, boost } => {
                write!(
                    f,
                    "{:.0} % chose it after this query ({boost:+.2})",
                    share * 100.0
                )
            }
            Self::Taste { boost } => write!(f, "like what was looked at lately ({boost:+.2})"),
            Self::Unavailable => f.write_str("cannot be ordered now"),
            Self::Rule { rule } => write!(f, "the rule {rule}"),
        }
    }
}

/// How a query was read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Interpretation {
    /// Its words.
    pub words: Vec<InterpretedWord>,
    /// What it says beside them: a price, what must not be, a brand, … They
    /// bring products forward or send them back and hide none.
    #[serde(default, alias = "wishes", skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<serde_json::Value>")]
    pub constraints: Vec<QueryConstraint>,
    /// The language that its words were read in.
    pub language: Option<String>,
    /// Whether no product has all of what was asked for, so that the hits are
    /// only the nearest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nearest: bool,
    /// A sentence for the customer where nothing was found or understood, or
    /// only what is near.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// How a word was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InterpretedWord {
    /// The word.
    pub word: String,
    /// What it was looked up as; empty when no product has anything like it.
    #[serde(rename = "as")]
    pub readings: Vec<Reading>,
}

/// Something that a word was looked up as.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reading {
    /// The words of the catalogue.
    pub text: String,
    /// How that came about.
    #[schemars(with = "serde_json::Value")]
    pub origin: Origin,
}
