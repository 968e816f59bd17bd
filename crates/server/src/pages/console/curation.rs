use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::json;
use serve::search::{SearchRequest, ZeroResultQuery, zero_result_queries};
use shop::{Filter, Id, QueryMatch, SearchRule, Service, Synonyms};

use crate::app::App;
use crate::http::answer::look;
use crate::http::curation::{SearchAnswer, side_by_side};
use crate::http::extract::Parameters;
use crate::pages::layout;
use crate::pages::visitor::{Visitor, encode};
use locale::Locale;

/// How many hits stand side by side.
const COMPARED: usize = 8;
/// How many queries that lead nowhere are listed.
const GAPS: usize = 20;

/// `GET /console/rules`: what the shop's people say about searches, what that
/// changes, and which searches need it.
pub async fn page(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    parameters: Parameters,
) -> Response {
    let text = visitor.text();
    let query = parameters.text("q").unwrap_or_default().to_owned();
    let request = SearchRequest {
        limit: COMPARED,
        ..SearchRequest::new(&query)
    };
    let compared = match query.is_empty() {
        true => None,
        false => Some(side_by_side(&app, request, None).await),
    };
    let troubled = look(&app, Service::Search, |context| {
        Ok(zero_result_queries(context.snapshot, GAPS))
    })
    .await;
    let snapshot = app.snapshot();
    let content = html! {
        form class="inline-form" method="get" role="search" {
            label class="visually-hidden" for="q" { (text.search) }
            input id="q" type="search" name="q" value=(query) placeholder=(text.search_placeholder);
            button class="primary" { (text.try_it) }
        }
        @match &compared {
            Some(Ok((before, after))) => (comparison(text, before, after)),
            Some(Err(error)) => p class="empty" { (error.message) },
            None => {}
        }
        div class="panes" {
            section class="pane scroll" {
                h2 { (text.curation) }
                (rules(text, snapshot.rules.values().map(|rule| &**rule)))
            }
            section class="pane" { h2 { (text.write_rule) } (rule_form(text, &query)) }
        }
        div class="panes" {
            section class="pane scroll" {
                h2 { (text.gaps) }
                (gap_table(text, &troubled.unwrap_or_default()))
            }
            section class="pane" {
                h2 { (text.synonyms) }
                (synonym_list(text, snapshot.synonyms.values().map(|one| &**one)))
            }
        }
    };
    let page = layout::console(&visitor, "/console/rules", text.curation, content);
    visitor.respond(page)
}

fn comparison(text: &Locale, before: &SearchAnswer, after: &SearchAnswer) -> Markup {
    html! {
        div class="panes" {
            (side(text.without_rules, before, &[]))
            (side(text.with_rules, after, &before.content.hits.iter().map(|hit| &hit.id).collect::<Vec<_>>()))
        }
    }
}

/// One of the two lists; `before` says where each hit would be without rules.
fn side(title: &str, answer: &SearchAnswer, before: &[&Id]) -> Markup {
    let results = &answer.content;
    html! {
        section class="pane" {
            h2 { (title) }
            @if let Some(address) = &results.redirect { p { "→ " code { (address) } } }
            @for banner in &results.banners { p class="badge" { (banner) } }
            ol class="compared" {
                @for (place, hit) in results.hits.iter().enumerate() {
                    @let moved = !before.is_empty() && before.get(place) != Some(&&hit.id);
                    li {
                        a href=(format!("/products/{}", encode(hit.id.as_str()))) {
                            @if moved { strong { (hit.product.title) } } @else { (hit.product.title) }
                        }
                        " " code class="soft small" { (hit.id) }
                    }
                }
            }
            @if results.hits.is_empty() { p class="soft" { (results.interpreted.note.as_deref().unwrap_or("–")) } }
        }
    }
}

fn rules<'a>(text: &Locale, rules: impl Iterator<Item = &'a SearchRule>) -> Markup {
    let rules: Vec<&SearchRule> = rules.collect();
    html! {
        @if rules.is_empty() { p class="soft" { (text.nothing_yet) } }
        @else {
            table {
                thead { tr { th { (text.rule) } th { (text.when) } th { (text.then) } th {} } }
                tbody { @for rule in rules { (rule_row(text, rule)) } }
            }
        }
    }
}

fn rule_row(text: &Locale, rule: &SearchRule) -> Markup {
    let mut other = rule.clone();
    other.enabled = !rule.enabled;
    let name = if rule.name.is_empty() {
        rule.id.as_str()
    } else {
        &rule.name
    };
    html! {
        tr class=[(!rule.enabled).then_some("soft")] {
            td { (name) }
            td { (condition(text, rule)) }
            td { @for line in effects(text, rule) { div { (line) } } }
            td {
                button data-post="/v1/rules" data-body=(json!(other)) {
                    (if rule.enabled { text.turn_off } else { text.turn_on })
                }
                " "
                button class="quiet" data-delete=(format!("/v1/rules/{}", encode(rule.id.as_str()))) { (text.remove) }
            }
        }
    }
}

fn condition(text: &Locale, rule: &SearchRule) -> Markup {
    let when = &rule.when;
    let how = match when.matches {
        QueryMatch::Is => text.rule_is,
        QueryMatch::Contains => text.rule_contains,
        QueryMatch::Begins => text.rule_begins,
    };
    html! {
        @match &when.query {
            Some(query) => { (how) " “" (query) "”" }
            None => (text.any_query),
        }
        @if let Some(category) = &when.category { div { (text.category) ": " (category) } }
        @if !when.segment.is_everyone() { div class="small" { code { (json!(when.segment)) } } }
        @if let Some(from) = when.from { div class="soft small" { (text.from_time) " " (from) } }
        @if let Some(until) = when.until { div class="soft small" { (text.until_time) " " (until) } }
    }
}

fn effects(text: &Locale, rule: &SearchRule) -> Vec<String> {
    let then = &rule.then;
    let written = |filter: &Filter| json!(filter_parts(filter)).to_string();
    let mut lines = Vec::new();
    for pin in &then.pin {
        lines.push(format!("{} {}: {}", text.pin, pin.position, pin.product_id));
    }
    if !then.hide.is_empty() {
        let ids: Vec<&str> = then.hide.iter().map(Id::as_str).collect();
        lines.push(format!("{}: {}", text.hide, ids.join(", ")));
    }
    for boost in &then.boost {
        lines.push(format!("{:+} {}", boost.by, written(&boost.filter)));
    }
    if !then.filter.is_empty() {
        lines.push(format!("{} {}", text.only_filter, written(&then.filter)));
    }
    lines.extend(then.redirect.iter().map(|address| format!("→ {address}")));
    lines.extend(
        then.banner
            .iter()
            .map(|banner| format!("{}: {banner}", text.banner)),
    );
    lines
}

/// The parts of a filter that say something.
fn filter_parts(filter: &Filter) -> serde_json::Value {
    let mut parts = json!(filter);
    if let Some(object) = parts.as_object_mut() {
        object.retain(|_, value| match value {
            serde_json::Value::Null => false,
            serde_json::Value::Array(list) => !list.is_empty(),
            serde_json::Value::Object(map) => !map.is_empty(),
            _ => true,
        });
    }
    parts
}

fn rule_form(text: &Locale, query: &str) -> Markup {
    let field = |name: &str, label: &str, kind: &str| {
        html! { p { label for=(format!("rule-{name}")) { (label) } br; input id=(format!("rule-{name}")) name=(name) type=(kind) maxlength="500"; } }
    };
    html! {
        form id="rule-form" {
            p {
                label for="rule-query" { (text.when) ": " (text.search) } br;
                select name="matches" aria-label=(text.when) {
                    option value="is" { (text.rule_is) }
                    option value="contains" { (text.rule_contains) }
                    option value="begins" { (text.rule_begins) }
                }
                " "
                input id="rule-query" name="query" value=(query) placeholder=(text.any_query) maxlength="200";
            }
            (field("category", text.category, "text"))
            div class="inline-form" {
                (field("from", text.from_time, "datetime-local"))
                (field("until", text.until_time, "datetime-local"))
            }
            div class="inline-form" {
                (field("pin", text.pin_product, "text"))
                p { label for="rule-position" { (text.pin) } br; input id="rule-position" name="position" type="number" min="1" max="100" value="1"; }
            }
            (field("hide", text.hide_products, "text"))
            (field("boost", text.boost_filter, "text"))
            (field("filter", text.only_filter, "text"))
            (field("redirect", text.redirect, "text"))
            (field("banner", text.banner, "text"))
            button class="primary" { (text.keep_rule) }
        }
    }
}

fn gap_table(text: &Locale, gaps: &[ZeroResultQuery]) -> Markup {
    html! {
        @if gaps.is_empty() { p class="soft" { (text.nothing_yet) } }
        @else {
            table {
                thead { tr { th { (text.search) } th class="number" { "×" } th {} th { (text.may_mean) } th {} } }
                tbody { @for gap in gaps { (gap_row(text, gap)) } }
            }
        }
    }
}

fn gap_row(text: &Locale, gap: &ZeroResultQuery) -> Markup {
    html! {
        tr {
            td { a href=(format!("/console/search?q={}", encode(&gap.query))) { (gap.query) } }
            td class="number" { (gap.searches) }
            td class="soft small" { (if gap.nothing_found { text.nothing_was_found } else { text.nothing_was_chosen }) }
            td {
                @for proposal in &gap.proposals {
                    div {
                        (proposal.means) " " span class="soft small" { "× " (proposal.people) } " "
                        button data-post="/v1/synonyms" data-body=(json!({"from": gap.query, "words": [proposal.means]})) { (text.accept) }
                    }
                }
            }
            td { a href=(format!("/console/rules?q={}", encode(&gap.query))) { (text.write_rule) } }
        }
    }
}

fn synonym_list<'a>(text: &Locale, all: impl Iterator<Item = &'a Synonyms>) -> Markup {
    html! {
        ul class="plain" {
            @for one in all {
                li {
                    @match &one.from {
                        Some(from) => { (from) " → " (one.words.join(", ")) }
                        None => (one.words.join(" = ")),
                    }
                    " "
                    button class="quiet" data-delete=(format!("/v1/synonyms/{}", encode(one.id.as_str()))) { (text.remove) }
                }
            }
        }
        form id="synonym-form" class="inline-form" {
            label class="visually-hidden" for="synonym-words" { (text.synonyms_hint) }
            input id="synonym-words" name="words" required maxlength="500" placeholder=(text.synonyms_hint);
            button { (text.accept) }
        }
    }
}
