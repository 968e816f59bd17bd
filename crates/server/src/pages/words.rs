//! Reasons and polarities in the visitor's words.

use corpus::insight::Polarity;
use corpus::search::Field;
use maud::{Markup, html};
use serve::search::Reason;
use shop::{Id, Service};

use crate::app::InsightPart;
use locale::Locale;

/// Why a search shows a product.
pub fn of_reason(text: &Locale, reason: &Reason) -> String {
    match reason {
        Reason::Words { field, words } => {
            format!("{}: {}", of_field(text, *field), words.join(", "))
        }
        Reason::ExactTitle => text.reason_title.to_owned(),
        Reason::Popular { .. } => text.reason_popular.to_owned(),
        Reason::Chosen { .. } => text.reason_chosen.to_owned(),
        Reason::Taste { .. } => text.reason_taste.to_owned(),
        Reason::Unavailable => text.out_of_stock.to_owned(),
        Reason::Rule { rule } => format!("{}: {rule}", text.rule),
    }
}

fn of_field(text: &Locale, field: Field) -> &'static str {
    match field {
        Field::Title => text.field_title,
        Field::Brand => text.field_brand,
        Field::Category => text.field_category,
        Field::Tags => text.field_tags,
        Field::Attributes => text.field_attributes,
        Field::Description => text.field_description,
    }
}

/// The name of a service.
pub fn of_service(text: &Locale, service: Service) -> &'static str {
    match service {
        Service::Support => text.service_support,
        Service::Search => text.service_search,
        Service::Recommend => text.service_recommend,
        Service::Insight => text.service_insight,
    }
}

/// The same for the storefront, where only what tells something is said.
pub fn telling(text: &Locale, reason: &Reason) -> Option<String> {
    match reason {
        Reason::Chosen { .. } | Reason::Taste { .. } => Some(of_reason(text, reason)),
        Reason::Words { .. }
        | Reason::ExactTitle
        | Reason::Popular { .. }
        | Reason::Unavailable
        | Reason::Rule { .. } => None,
    }
}

/// How a review feels, if the model has read it.
pub fn polarity_of(part: &InsightPart, review: &Id) -> Option<Polarity> {
    part.scores.get(review).map(|scored| scored.polarity)
}

/// A polarity as a badge.
pub fn polarity_badge(text: &Locale, polarity: Option<Polarity>) -> Markup {
    let (class, word) = match polarity {
        Some(Polarity::Positive) => ("badge good", text.positive),
        Some(Polarity::Neutral) => ("badge", text.neutral),
        Some(Polarity::Negative) => ("badge bad", text.negative),
        None => return html! {},
    };
    html! { span class=(class) { (word) } }
}
