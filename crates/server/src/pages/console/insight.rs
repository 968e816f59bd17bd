use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use corpus::insight::Polarity;
use maud::{Markup, html};
use serve::insight::{Direction, Feelings, InsightRequest, Insights};

use crate::app::App;
use crate::http::extract::Parameters;
use crate::http::insights::insights;
use crate::pages::chart::{Share, bars, stacked_columns};
use crate::pages::layout;
use crate::pages::visitor::Visitor;
use locale::Locale;

/// Colours of the polarities: apart from each other also in grey.
const POSITIVE: &str = "#2f9e77";
const NEUTRAL: &str = "#d9d5c7";
const NEGATIVE: &str = "#b23a3a";

/// Themes in the chart and below it.
const SHOWN_THEMES: usize = 12;

/// Quotes under each theme.
const SHOWN_QUOTES: usize = 3;

/// `GET /console/insight`.
pub async fn page(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    parameters: Parameters,
) -> Response {
    let text = visitor.text();
    let request = InsightRequest {
        category: parameters.text("category").map(str::to_owned),
        language: parameters.text("language").map(str::to_owned),
        ..InsightRequest::default()
    };
    let content = match insights(&app, request).await {
        Ok(found) => content(text, &found.content),
        Err(error) => html! { p class="empty" { (error.message) } },
    };
    let page = layout::console(&visitor, "/console/insight", text.insight, content);
    visitor.respond(page)
}

fn content(text: &Locale, found: &Insights) -> Markup {
    let weeks: Vec<_> = found
        .by_week
        .iter()
        .map(|week| (week.week.clone(), shares(&week.feelings)))
        .collect();
    let themes: Vec<_> = found
        .themes
        .iter()
        .take(SHOWN_THEMES)
        .map(|theme| (theme.name.clone(), shares(&theme.feelings)))
        .collect();
    html! {
        p class="legend" {
            strong { (text.reviews_counted(found.reviews)) }
            (key(POSITIVE, text.positive, found.feelings.positive.to_string()))
            (key(NEUTRAL, text.neutral, found.feelings.neutral.to_string()))
            (key(NEGATIVE, text.negative, found.feelings.negative.to_string()))
        }
        (alerts(text, found))
        div class="panes" {
            section class="pane" {
                h2 { (text.polarity_by_week) }
                (stacked_columns(text.polarity_by_week, &weeks))
            }
            section class="pane" {
                h2 { (text.themes) }
                (bars(text.themes, &themes))
            }
        }
        h2 { (text.quotes) }
        div class="panes" { (quotes(text, found)) }
    }
}

fn key(colour: &str, name: &str, count: String) -> Markup {
    html! {
        span {
            svg viewBox="0 0 8 8" aria-hidden="true" { rect width="8" height="8" rx="2" fill=(colour) {} }
            (name) " " (count)
        }
    }
}

fn shares(feelings: &Feelings) -> Vec<Share> {
    [
        (feelings.positive, POSITIVE),
        (feelings.neutral, NEUTRAL),
        (feelings.negative, NEGATIVE),
    ]
    .into_iter()
    .map(|(count, colour)| Share {
        value: f64::from(count),
        colour,
    })
    .collect()
}

fn quotes(text: &Locale, found: &Insights) -> Markup {
    html! {
        @for theme in found.themes.iter().take(SHOWN_THEMES) {
            article class="pane" {
                h3 lang=(theme.language) {
                    (theme.name) " "
                    span class="soft small" { (text.mentions(theme.count)) } " "
                    @match theme.trend.direction {
                        Direction::Rising => span class="badge warm" { "↗ " (format!("×{}", text.decimal(theme.trend.ratio, 1))) },
                        Direction::Falling => span class="badge" { "↘ " (format!("×{}", text.decimal(theme.trend.ratio, 1))) },
                        Direction::Steady | Direction::Unknown => {},
                    }
                }
                @for quote in theme.quotes.iter().take(SHOWN_QUOTES) {
                    blockquote lang=(theme.language) { (quote.text) }
                }
            }
        }
    }
}

/// What is complained about clearly more than before.
fn alerts(text: &Locale, found: &Insights) -> Markup {
    html! {
        @if !found.alerts.is_empty() {
            section {
                h2 { (text.alerts) }
                div class="panes" {
                    @for theme in &found.alerts {
                        article class="pane" {
                            h3 lang=(theme.language) {
                                (theme.name) " "
                                span class="badge bad" { "↗ " (format!("×{}", text.decimal(theme.complaints.ratio, 1))) }
                            }
                            @for quote in theme.quotes.iter().filter(|quote| quote.polarity == Polarity::Negative).take(SHOWN_QUOTES) {
                                blockquote lang=(theme.language) { (quote.text) }
                            }
                        }
                    }
                }
            }
        }
    }
}
