use serde::{Deserialize, Serialize};
use shop::{Document, EventKind, Id, Judgement, Labelled, Product, Role, Timestamp};

use crate::{DataCard, Split, TimeSplit};

/// Where a text of the corpus comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum TextSource {
    Document,
    Product,
    Review,
    Conversation,
}

/// A text for the language model of the shop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextExample {
    /// What kind of record it was.
    pub source: TextSource,
    /// That record's id.
    pub id: Id,
    /// ISO 639-1, where it could be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Redacted, and unlike every other text of its source.
    pub text: String,
    /// Who wrote it, where a customer did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Id>,
    /// What it may be used for.
    pub split: Split,
}

/// A talk between a customer and the shop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dialogue {
    /// The conversation's id.
    pub id: Id,
    /// ISO 639-1, where it could be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// What the customer wanted, by the shop's own names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// Who said what, oldest first; redacted.
    pub turns: Vec<(Role, String)>,
    /// Who asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Id>,
    /// Whether they got what they wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<bool>,
    /// What it may be used for.
    pub split: Split,
}

/// What a customer wrote about a product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReviewExample {
    /// The review's id.
    pub id: Id,
    /// Headline and text, redacted.
    pub text: String,
    /// ISO 639-1, where it could be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// 1 (bad) to 5 (good).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<f32>,
    /// About what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<Id>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// Who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Id>,
    /// What it may be used for.
    pub split: Split,
}

/// What one customer, or one visit of somebody unknown, showed liking for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InteractionSequence {
    /// The customer; the session when `anonymous`.
    pub customer: Id,
    /// Whether `customer` is the id of a session that no customer is known for.
    #[serde(default)]
    pub anonymous: bool,
    /// Product, what was done, when: in the order of time, the same product
    /// never twice in a row (its strongest deed stands), positive interest only.
    pub items: Vec<(Id, EventKind, Timestamp)>,
    /// The split of the customer's texts. Sequences are split by time
    /// instead: see [`Corpus::time_split`].
    pub split: Split,
}

/// What customers chose after a query, summed over all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueryClick {
    /// Lower case, trimmed, redacted.
    pub query: String,
    /// What they chose.
    pub product: Id,
    /// Summed [`EventKind::interest`]; above 0.
    pub weight: f32,
    /// How many events that is.
    pub count: u32,
    /// The last of them.
    pub time: Timestamp,
    /// Who did it, sorted; the list that erasure looks into.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub customers: Vec<Id>,
    /// By query, so that no query is in two splits.
    pub split: Split,
}

/// Everything that training may look at.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Corpus {
    /// Texts for the language model.
    pub texts: Vec<TextExample>,
    /// Talks, turn by turn.
    pub dialogues: Vec<Dialogue>,
    /// Reviews with their ratings.
    pub reviews: Vec<ReviewExample>,
    /// What each customer liked.
    pub sequences: Vec<InteractionSequence>,
    /// Where the sequences are cut.
    pub time_split: TimeSplit,
    /// The catalogue as the shop publishes it.
    pub products: Vec<Product>,
    /// Texts with their classes, redacted.
    pub labelled: Vec<Labelled>,
    /// What was chosen after a query.
    pub query_clicks: Vec<QueryClick>,
    /// What people judged about query and product.
    pub judgements: Vec<Judgement>,
    /// What support may say, redacted.
    pub documents: Vec<Document>,
    /// What is in here, and what was left out.
    pub card: DataCard,
}
