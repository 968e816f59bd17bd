//! What the shop's own people decide about search: rules for single queries
//! and words that mean the same.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Filter, Id, Timestamp};

/// The most things that one rule may name of a kind.
const MOST_NAMED: usize = 100;
/// The longest text of a rule, in characters.
const LONGEST: usize = 500;
/// The longest word or phrase of synonyms, in characters.
const LONGEST_WORDS: usize = 100;
/// Text that is not blank.
const NOT_BLANK: &str = r"[^\s]";
/// A path of the shop's, or an `https` address.
const ADDRESS: &str = r"^(https://[^\s\\\x00-\x1f\x7f-\x9f]*|/([^/\s\\\x00-\x1f\x7f-\x9f][^\s\\\x00-\x1f\x7f-\x9f]*)?)$";
/// One to five words.
const FEW_WORDS: &str = r"^\s*[^\s]+(\s+[^\s]+){0,4}\s*$";

/// Why a rule or a list of synonyms cannot stand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct CurationError {
    /// What is wrong.
    pub field: &'static str,
    /// Why, and what to write instead.
    pub reason: String,
}

fn wrong<T>(field: &'static str, reason: impl Into<String>) -> Result<T, CurationError> {
    let reason = reason.into();
    Err(CurationError { field, reason })
}

/// A merchandising rule: when this is searched for, then do that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchRule {
    /// Its id; the same id replaces the rule.
    pub id: Id,
    /// What people call it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = LONGEST))]
    pub name: String,
    /// Whether it is applied.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Rules with a higher number come first: their pins win.
    #[serde(default)]
    pub priority: i32,
    /// For which searches.
    #[serde(default)]
    pub when: RuleCondition,
    /// What is done.
    pub then: RuleEffect,
}

fn yes() -> bool {
    true
}

/// For which searches a rule is: all that is said must hold.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RuleCondition {
    /// What is searched for; absent for everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = LONGEST), regex(pattern = NOT_BLANK))]
    pub query: Option<String>,
    /// How the query has to be like that.
    pub matches: QueryMatch,
    /// The category that the search is narrowed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Who searches.
    #[serde(skip_serializing_if = "Segment::is_everyone")]
    pub segment: Segment,
    /// From this moment on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// How a query has to be like that of a rule; case and accents do not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QueryMatch {
    /// The very same words.
    #[default]
    Is,
    /// These words side by side somewhere in it.
    Contains,
    /// These words first.
    Begins,
}

/// Who searches: all that is said must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Segment {
    /// The language asked for, or the customer's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The customer's country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Whether the customer is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_in: Option<bool>,
    /// Whether the customer has bought something before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_bought: Option<bool>,
}

impl Segment {
    /// Whether nothing is said.
    pub fn is_everyone(&self) -> bool {
        *self == Self::default()
    }
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend(
    "anyOf" = [
        {"required": ["pin"], "properties": {"pin": {"minItems": 1}}},
        {"required": ["hide"], "properties": {"hide": {"minItems": 1}}},
        {"required": ["boost"], "properties": {"boost": {"minItems": 1}}},
        {"required": ["filter"], "properties": {"filter": {"anyOf": [
            {"type": "string", "pattern": "[^\\s]"},
            {"type": "object", "minProperties": 1},
        ]}}},
        {"required": ["redirect"], "properties": {"redirect": {"type": "string"}}},
        {"required": ["banner"], "properties": {"banner": {"type": "string"}}},
    ],
    "examples" = [{"banner": "Free delivery this week"}],
))]
pub struct RuleEffect {
    /// Products that stand at given places, whatever their score.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MOST_NAMED))]
    pub pin: Vec<Pin>,
    /// Products that are not shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MOST_NAMED))]
    pub hide: Vec<Id>,
    /// Products that come forward, or go back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MOST_NAMED))]
    pub boost: Vec<RuleBoost>,
    /// What every hit must be.
    #[serde(
        skip_serializing_if = "Filter::is_empty",
        deserialize_with = "Filter::from_text_or_object"
    )]
    #[schemars(schema_with = "Filter::text_or_object_schema")]
    pub filter: Filter,
    /// Where the shop sends the searcher instead: a path of the shop's, or an
    /// `https` address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = LONGEST), regex(pattern = ADDRESS))]
    pub redirect: Option<String>,
    /// A text above the hits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = LONGEST))]
    pub banner: Option<String>,
}

/// A product at a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The product.
    pub product_id: Id,
    /// 1 for the first.
    #[schemars(range(min = 1, max = MOST_NAMED))]
    pub position: usize,
}

/// Products that come forward or go back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleBoost {
    /// Which.
    #[serde(deserialize_with = "Filter::from_text_or_object")]
    #[schemars(schema_with = "Filter::text_or_object_schema")]
    pub filter: Filter,
    /// What is added to their score: 1 is as much as the best match of words
    /// brings; below 0 they go back.
    #[schemars(range(min = -100.0, max = 100.0))]
    pub by: f32,
}

impl SearchRule {
    /// Whether it can stand.
    pub fn check(&self) -> Result<(), CurationError> {
        let RuleEffect {
            pin,
            hide,
            boost,
            filter,
            redirect,
            banner,
        } = &self.then;
        let idle = pin.is_empty() && hide.is_empty() && boost.is_empty() && filter.is_empty();
        if idle && redirect.is_none() && banner.is_none() {
            return wrong(
                "then",
                "it does nothing: give pin, hide, boost, filter, redirect or banner",
            );
        }
        if pin.len().max(hide.len()).max(boost.len()) > MOST_NAMED {
            return wrong("then", format!("more than {MOST_NAMED} of one kind"));
        }
        if pin
            .iter()
            .any(|pin| !(1..=MOST_NAMED).contains(&pin.position))
        {
            return wrong("then.pin", format!("positions are 1 to {MOST_NAMED}"));
        }
        if boost.iter().any(|one| !(-100.0..=100.0).contains(&one.by)) {
            return wrong("then.boost", "by is between -100 and 100");
        }
        let ours = |address: &String| {
            let path = address.starts_with('/') && !address.starts_with("//");
            let plain =
                !address.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\');
            plain && (path || address.starts_with("https://"))
        };
        if redirect.as_ref().is_some_and(|address| !ours(address)) {
            return wrong(
                "then.redirect",
                "write a path that begins with / or an address that begins with https://",
            );
        }
        let texts = [
            Some(&self.name),
            redirect.as_ref(),
            banner.as_ref(),
            self.when.query.as_ref(),
        ];
        if texts
            .into_iter()
            .flatten()
            .any(|text| text.chars().count() > LONGEST)
        {
            return wrong(
                "rule",
                format!("a text is longer than {LONGEST} characters"),
            );
        }
        let empty = |text: &String| text.trim().is_empty();
        if self.when.query.as_ref().is_some_and(empty) {
            return wrong("when.query", "it is empty: leave it out for every search");
        }
        match (self.when.from, self.when.until) {
            (Some(from), Some(until)) if from >= until => {
                wrong("when.until", "it is not after when.from")
            }
            _ => Ok(()),
        }
    }
}

/// Words that mean the same to search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "if" = {"properties": {"from": {"type": "string"}}, "required": ["from"]},
    "else" = {"properties": {"words": {"minItems": 2}}},
    "examples" = [{"words": ["sofa", "couch"]}],
))]
pub struct Synonyms {
    /// Its id; the same id replaces it.
    pub id: Id,
    /// Words or short phrases, each of 1 to 5 words.
    #[schemars(length(min = 1, max = MOST_NAMED), inner(length(max = LONGEST_WORDS), regex(pattern = FEW_WORDS)))]
    pub words: Vec<String>,
    /// Where given, only who says this means `words` as well, not the other
    /// way round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = LONGEST_WORDS), regex(pattern = FEW_WORDS))]
    pub from: Option<String>,
}

impl Synonyms {
    /// Whether they can stand.
    pub fn check(&self) -> Result<(), CurationError> {
        let needed = if self.from.is_some() { 1 } else { 2 };
        if !(needed..=MOST_NAMED).contains(&self.words.len()) {
            return wrong("words", format!("give {needed} to {MOST_NAMED}"));
        }
        let bad = |text: &String| {
            text.trim().is_empty()
                || text.chars().count() > LONGEST_WORDS
                || text.split_whitespace().count() > 5
        };
        if self.words.iter().chain(&self.from).any(bad) {
            return wrong("words", "each is 1 to 5 words in at most 100 characters");
        }
        Ok(())
    }
}

/// A decision of the shop's people, as the log keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "curation", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Curation {
    /// The rule stands from now on.
    Rule {
        rule: Box<SearchRule>,
        at: Timestamp,
    },
    /// The rule with this id is gone.
    RuleRemoved { id: Id, at: Timestamp },
    /// These words mean the same from now on.
    Synonyms { synonyms: Synonyms, at: Timestamp },
    /// The synonyms with this id are gone.
    SynonymsRemoved { id: Id, at: Timestamp },
}

impl Curation {
    /// When it was decided.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Rule { at, .. }
            | Self::RuleRemoved { at, .. }
            | Self::Synonyms { at, .. }
            | Self::SynonymsRemoved { at, .. } => *at,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rule_says_what_is_wrong_with_it() {
        for (rule, field) in [
            (json!({"id": "r", "then": {"hide": ["a"]}}), None),
            (json!({"id": "r", "then": {"redirect": "/sale"}}), None),
            (
                json!({"id": "r", "then": {"redirect": "https://a.example/x"}}),
                None,
            ),
            (json!({"id": "r", "then": {}}), Some("then")),
            (
                json!({"id": "r", "then": {"redirect": "javascript:alert(1)"}}),
                Some("then.redirect"),
            ),
            (
                json!({"id": "r", "then": {"redirect": "//evil.example"}}),
                Some("then.redirect"),
            ),
            (
                json!({"id": "r", "then": {"redirect": "/\\evil.example"}}),
                Some("then.redirect"),
            ),
            (
                json!({"id": "r", "then": {"pin": [{"product_id": "a", "position": 0}]}}),
                Some("then.pin"),
            ),
            (
                json!({"id": "r", "when": {"query": " "}, "then": {"banner": "x"}}),
                Some("when.query"),
            ),
            (
                json!({"id": "r", "when": {"from": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "then": {"banner": "x"}}),
                Some("when.until"),
            ),
        ] {
            let rule: SearchRule = serde_json::from_value(rule).unwrap();
            let found = rule.check().err().map(|error| error.field);
            assert_eq!(found, field, "{rule:?}");
            let again = serde_json::to_string(&rule).unwrap();
            assert_eq!(serde_json::from_str::<SearchRule>(&again).unwrap(), rule);
        }
        assert!(serde_json::from_value::<SearchRule>(json!({"id": "r", "than": {}})).is_err());
    }
}
