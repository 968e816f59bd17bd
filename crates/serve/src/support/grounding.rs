//! What may be said, and the check that nothing else is.

use locale::Locale;
use serde_json::Value;
use shop::{Id, Order, Product};
use store::Snapshot;

use super::agent::figures;
use super::catalogue::{Selection, counted};
use super::response_templates::{FactTemplate, ResponseTemplate, availability};
use super::{Citation, Knowledge};

/// A value of a record, named rather than copied: whoever says it reads it
/// from the record, and so does the check.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Reference {
    OrderNumber(Id),
    OrderStatus(Id),
    OrderPlaced(Id),
    OrderItems(Id),
    OrderTotal(Id),
    OrderTracking(Id),
    CustomerAccount(Id),
    /// How many products a query over the catalogue finds.
    CatalogueCount(Selection),
    ProductTitle(Id),
    ProductPrice(Id),
    ProductAvailability(Id),
    ProductBrand(Id),
    ProductRating(Id),
    ProductAttribute(Id, String),
}

impl Reference {
    /// As `order:1001`.
    pub fn source(&self) -> String {
        match self {
            Self::OrderNumber(id)
            | Self::OrderStatus(id)
            | Self::OrderPlaced(id)
            | Self::OrderItems(id)
            | Self::OrderTotal(id)
            | Self::OrderTracking(id) => format!("order:{id}"),
            Self::CustomerAccount(id) => format!("customer:{id}"),
            Self::CatalogueCount(_) => "catalogue".to_owned(),
            Self::ProductTitle(id)
            | Self::ProductPrice(id)
            | Self::ProductAvailability(id)
            | Self::ProductBrand(id)
            | Self::ProductRating(id)
            | Self::ProductAttribute(id, _) => format!("product:{id}"),
        }
    }

    /// The value as the record has it now; `None` when it has none.
    pub fn value(&self, snapshot: &Snapshot, language: &str) -> Option<String> {
        match self {
            Self::OrderNumber(id)
            | Self::OrderStatus(id)
            | Self::OrderPlaced(id)
            | Self::OrderItems(id)
            | Self::OrderTotal(id)
            | Self::OrderTracking(id) => {
                let locale = Locale::or_english(language);
                self.order_value(snapshot, snapshot.orders.get(id)?, locale)
            }
            Self::CatalogueCount(selection) => Some(counted(selection, snapshot, language)),
            Self::CustomerAccount(id) => snapshot.customers.get(id).map(|one| one.id.to_string()),
            Self::ProductTitle(id)
            | Self::ProductPrice(id)
            | Self::ProductAvailability(id)
            | Self::ProductBrand(id)
            | Self::ProductRating(id)
            | Self::ProductAttribute(id, _) => {
                self.product_value(snapshot.catalogue.by_id(id)?, Locale::or_english(language))
            }
        }
    }

    fn order_value(&self, snapshot: &Snapshot, order: &Order, locale: &Locale) -> Option<String> {
        match self {
            Self::OrderNumber(_) => Some(order.id.to_string()),
            Self::OrderStatus(_) => order.status.clone(),
            Self::OrderPlaced(_) => Some(locale.date(order.time)),
            Self::OrderTotal(_) => order.total.map(|total| locale.money(total)),
            Self::OrderTracking(_) => order.tracking.as_ref().and_then(plain),
            Self::OrderItems(_) => {
                let items: Vec<String> = order
                    .lines
                    .iter()
                    .map(|line| {
                        let product = snapshot.catalogue.kept_by_id(&line.product_id);
                        let name = product.map_or(line.product_id.as_str(), |p| &p.title);
                        format!("{} × {name}", line.quantity)
                    })
                    .collect();
                (!items.is_empty()).then(|| items.join("; "))
            }
            _ => None,
        }
    }

    fn product_value(&self, product: &Product, locale: &Locale) -> Option<String> {
        match self {
            Self::ProductTitle(_) => Some(product.title.clone()),
            Self::ProductPrice(_) => product.price.map(|price| locale.money(price)),
            Self::ProductAvailability(_) => {
                Some(availability(product.availability, locale).to_owned())
            }
            Self::ProductBrand(_) => product.brand.clone(),
            Self::ProductRating(_) => product
                .rating
                .map(|rating| locale.decimal(rating.into(), 1)),
            Self::ProductAttribute(_, name) => {
                let value = plain(product.attributes.get(name)?)?;
                Some(format!("{name}: {value}"))
            }
            _ => None,
        }
    }
}

/// A JSON value as a person would write it.
fn plain(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text.trim().to_owned(),
        Value::Array(list) => {
            let parts: Vec<String> = list.iter().filter_map(plain).collect();
            parts.join(", ")
        }
        Value::Object(fields) => {
            let parts: Vec<String> = fields
                .iter()
                .filter_map(|(name, value)| Some(format!("{name}: {}", plain(value)?)))
                .collect();
            parts.join(", ")
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    };
    (!text.is_empty()).then_some(text)
}

/// What stands behind something said.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Evidence {
    Template(ResponseTemplate),
    Facts(FactTemplate, Vec<Reference>),
    Quote(Citation),
    /// The title of a source, offered as a link.
    Title(Citation),
    /// A sentence that a language model wrote and these texts entail.
    Entailed {
        citations: Vec<Citation>,
        texts: Vec<String>,
    },
    /// A question back to the customer, with what its figures may come from.
    Question(Vec<String>),
    /// The customer's points, which the ledger told.
    Points(i64),
}

/// Something said and what stands behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// The words.
    pub text: String,
    /// What stands behind them.
    pub evidence: Evidence,
}

impl Statement {
    /// A fixed phrase.
    pub fn template(phrase: ResponseTemplate, language: &str) -> Self {
        Self {
            text: phrase.text(language).to_owned(),
            evidence: Evidence::Template(phrase),
        }
    }

    /// A sentence of facts; `None` when the record lacks one of them.
    pub fn facts(
        phrase: FactTemplate,
        references: Vec<Reference>,
        snapshot: &Snapshot,
        language: &str,
    ) -> Option<Self> {
        Some(Self {
            text: fill(phrase, &references, snapshot, language)?,
            evidence: Evidence::Facts(phrase, references),
        })
    }

    /// The points of whoever is signed in.
    pub fn points(points: i64, language: &str) -> Self {
        let locale = Locale::or_english(language);
        Self {
            text: locale.fact_points(locale.integer(points)),
            evidence: Evidence::Points(points),
        }
    }

    /// The citations that go with it, where it is not a phrase.
    pub fn citations(&self) -> Vec<Citation> {
        let of_record = |source: String| Citation::of_record(source, &self.text);
        match &self.evidence {
            Evidence::Template(_) | Evidence::Question(_) => Vec::new(),
            Evidence::Quote(citation) | Evidence::Title(citation) => vec![citation.clone()],
            Evidence::Entailed { citations, .. } => citations.clone(),
            Evidence::Points(_) => vec![of_record("points".to_owned())],
            Evidence::Facts(_, references) => {
                let first = references.first();
                first
                    .map(|one| of_record(one.source()))
                    .into_iter()
                    .collect()
            }
        }
    }
}

fn fill(
    phrase: FactTemplate,
    references: &[Reference],
    snapshot: &Snapshot,
    language: &str,
) -> Option<String> {
    let values: Option<Vec<String>> = references
        .iter()
        .map(|reference| reference.value(snapshot, language))
        .collect();
    Some(phrase.fill(language, &values?))
}

/// Whether something said is exactly what its support says: a phrase of the
/// table, facts as the records have them now, words that stand in the cited
/// source at the cited place, or its title. What a model wrote was judged when
/// it was heard; here its figures are held against its evidence once more.
pub fn is_supported(
    said: &Statement,
    knowledge: &Knowledge,
    snapshot: &Snapshot,
    language: &str,
) -> bool {
    match &said.evidence {
        Evidence::Template(phrase) => said.text == phrase.text(language),
        Evidence::Facts(phrase, references) => {
            fill(*phrase, references, snapshot, language).is_some_and(|text| text == said.text)
        }
        Evidence::Quote(citation) => {
            let text = knowledge.source_text(&citation.source, snapshot);
            let cited = text.is_some_and(|text| {
                let length = citation.end.saturating_sub(citation.start);
                let place: String = text.chars().skip(citation.start).take(length).collect();
                place == citation.quote
            });
            cited && said.text == citation.quote
        }
        Evidence::Title(citation) => {
            let title = knowledge.source_title(&citation.source, snapshot);
            title == Some(said.text.as_str())
        }
        Evidence::Entailed { texts, .. } | Evidence::Question(texts) => {
            figures::are_held(&said.text, texts.iter().map(String::as_str))
        }
        Evidence::Points(points) => said.text == Statement::points(*points, language).text,
    }
}
