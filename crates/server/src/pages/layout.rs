//! The frame that the pages share.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::json;
use shop::Id;

use super::visitor::Visitor;
use crate::app::App;
use locale::Locale;

/// The shop's mark: a paper bag.
pub const MARK: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M6 10h20l-1.6 17a2 2 0 0 1-2 1.8H9.6a2 2 0 0 1-2-1.8z" fill="#0f6b4f"/><path d="M11 13V9a5 5 0 0 1 10 0v4" fill="none" stroke="#1d2421" stroke-width="2.2" stroke-linecap="round"/><circle cx="13" cy="18" r="1.5" fill="#fff"/><circle cx="19" cy="18" r="1.5" fill="#fff"/><path d="M12.5 22.4q3.5 2.6 7 0" fill="none" stroke="#fff" stroke-width="1.8" stroke-linecap="round"/></svg>"##;

const BUBBLE: &str = r#"<svg class="glyph" viewBox="0 0 24 24" aria-hidden="true"><path d="M4 5h16v11H11l-4 4v-4H4z"/></svg>"#;

/// How many customers the switcher offers.
const OFFERED_CUSTOMERS: usize = 30;

fn head(visitor: &Visitor, title: &str, script: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            title { (title) }
            meta name="session" content=(visitor.session);
            @if let Some(customer) = &visitor.customer {
                meta name="customer" content=(customer);
            }
            link rel="icon" href="/favicon.ico" type="image/svg+xml";
            link rel="stylesheet" href="/assets/shop.css";
            script type="module" src=(script) {}
        }
    }
}

/// The texts that the scripts show: those of the language's file whose names
/// begin with `script-`.
fn script_texts(text: &Locale) -> Markup {
    let texts: serde_json::Map<_, _> = text
        .script_texts()
        .map(|(name, text)| (name.to_owned(), text.into()))
        .collect();
    let texts = json!(texts).to_string().replace('<', "\\u003c");
    html! {
        script type="application/json" id="texts" { (PreEscaped(texts)) }
    }
}

/// The languages to choose from; works without scripts.
fn language_switch(visitor: &Visitor) -> Markup {
    html! {
        details class="languages" {
            summary aria-label=(visitor.text().choose_language) { (visitor.text().language_name) }
            ul {
                @for other in Locale::all() {
                    li {
                        a hreflang=(other.tag()) lang=(other.tag())
                          aria-current=[(other == visitor.language).then_some("true")]
                          href=(format!("{}lang={}", visitor.place, other.tag())) { (other.language_name) }
                    }
                }
            }
        }
    }
}

fn mark() -> Markup {
    PreEscaped(MARK.to_owned())
}

/// A page of the storefront. `main` brings its own `main` element.
pub fn storefront(app: &App, visitor: &Visitor, title: &str, query: &str, main: Markup) -> Markup {
    let text = visitor.text();
    html! {
        (DOCTYPE)
        html lang=(visitor.language.tag()) {
            (head(visitor, title, "/assets/shop.js"))
            body {
                a class="skip" href="#main" { (text.skip) }
                header class="bar" {
                    div class="bar-inner" {
                        a class="brand" href="/" { (mark()) (text.shop_name) }
                        (search_box(text, query))
                        div class="bar-tools" {
                            @if visitor.may_play { (switcher(app, visitor)) }
                            (language_switch(visitor))
                            button type="button" id="cart-open" {
                                (text.cart) " "
                                span id="cart-count" class="count-badge" hidden {}
                            }
                        }
                    }
                }
                (main)
                footer {
                    a href="/console" { (text.console) } " · " a href="/docs" { (text.documentation) }
                }
                (cart(text, visitor.customer.as_ref()))
                (chat(text))
                div id="toast" class="toast" role="status" hidden {}
                (script_texts(text))
            }
        }
    }
}

fn search_box(text: &Locale, query: &str) -> Markup {
    html! {
        form class="search" role="search" action="/" method="get" {
            label class="visually-hidden" for="q" { (text.search) }
            input id="q" type="search" name="q" value=(query) placeholder=(text.search_placeholder)
                  autocomplete="off" role="combobox" aria-expanded="false" aria-controls="suggestions"
                  aria-autocomplete="list" maxlength="200";
            button class="primary" { (text.search) }
            ul id="suggestions" class="suggestions" role="listbox" aria-label=(text.search) hidden {}
        }
    }
}

/// Lets a visitor of a demonstration play one of the customers.
fn switcher(app: &App, visitor: &Visitor) -> Markup {
    let text = visitor.text();
    let customers = liveliest(app);
    let current = visitor.customer.as_ref();
    html! {
        form action="/customer" method="post" {
            input type="hidden" name="back" value=(visitor.place);
            label class="visually-hidden" for="customer" { (text.customer) }
            select id="customer" name="customer" data-submit {
                option value="" { (text.anonymous) }
                @if let Some(current) = current.filter(|id| !customers.iter().any(|(known, _)| known == *id)) {
                    option value=(current) selected { (current) }
                }
                @for (id, name) in &customers {
                    option value=(id) selected[current == Some(id)] { (name) }
                }
            }
            noscript { button { (text.choose) } }
        }
    }
}

/// The customers with the most to go on, with their names.
fn liveliest(app: &App) -> Vec<(Id, String)> {
    let snapshot = app.snapshot();
    let mut customers: Vec<_> = snapshot
        .customers
        .values()
        .map(|customer| {
            let length = snapshot
                .history(Some(&customer.id), None)
                .map_or(0, |history| history.interactions.len());
            (std::cmp::Reverse(length), customer.clone())
        })
        .collect();
    customers.sort_by(|left, right| (left.0, &left.1.id).cmp(&(right.0, &right.1.id)));
    customers
        .into_iter()
        .take(OFFERED_CUSTOMERS)
        .map(|(_, customer)| {
            let name = customer.name.as_deref().unwrap_or(customer.id.as_str());
            (customer.id.clone(), name.to_owned())
        })
        .collect()
}

fn cart(text: &Locale, customer: Option<&Id>) -> Markup {
    html! {
        dialog id="cart" aria-labelledby="cart-title" {
            div class="panel-head" {
                h2 id="cart-title" { (text.cart) }
                button type="button" class="quiet" id="cart-close" aria-label=(text.close) { "✕" }
            }
            div class="cart-body" {
                ul id="cart-lines" class="cart-lines" {}
                form id="coupon" class="inline-form" {
                    label for="code" { (text.coupon) }
                    input id="code" name="code" required autocomplete="off" maxlength="60";
                    button { (text.apply) }
                    span id="coupon-said" class="small" role="status" {}
                }
                @if customer.is_some() {
                    p class="soft" { (text.points) ": " strong id="points" { "…" } }
                }
                div class="sum" { span { (text.discount) } span id="cart-discount" {} }
                div class="sum" { span { (text.total) } span id="cart-sum" {} }
                button type="button" id="checkout" class="primary" { (text.checkout) }
                p id="cart-done" class="done" role="status" hidden {}
            }
        }
    }
}

fn chat(text: &Locale) -> Markup {
    html! {
        button type="button" id="chat-open" class="primary chat-open" aria-expanded="false" aria-controls="chat" {
            (PreEscaped(BUBBLE)) (text.chat)
        }
        section id="chat" class="panel" aria-labelledby="chat-title" hidden {
            div class="panel-head" {
                h2 id="chat-title" { (text.chat) }
                button type="button" class="quiet" id="chat-person" { (text.ask_person) }
                button type="button" class="quiet" id="chat-close" aria-label=(text.close) { "✕" }
            }
            div id="chat-log" class="log" role="log" aria-live="polite" {
                div class="turn agent" { (text.chat_hello) }
                div class="starters" {
                    @for starter in [text.starter_return, text.starter_delivery, text.starter_order] {
                        button type="button" { (starter) }
                    }
                }
            }
            form class="ask" {
                label class="visually-hidden" for="message" { (text.chat_placeholder) }
                input id="message" name="message" placeholder=(text.chat_placeholder) autocomplete="off" maxlength="2000";
                button class="primary" { (text.send) }
            }
        }
    }
}

/// A page of the console.
pub fn console(visitor: &Visitor, current: &str, title: &str, content: Markup) -> Markup {
    let text = visitor.text();
    let pages = [
        ("/console", text.overview),
        ("/console/import", text.import),
        ("/console/search", text.search),
        ("/console/rules", text.curation),
        ("/console/inbox", text.inbox),
        ("/console/conversations", text.conversations),
        ("/console/insight", text.insight),
        ("/console/models", text.models),
        ("/console/offers", text.offers),
        ("/console/decisions", text.decisions),
    ];
    html! {
        (DOCTYPE)
        html lang=(visitor.language.tag()) {
            (head(visitor, &format!("{title} · {}", text.console), "/assets/console.js"))
            body {
                a class="skip" href="#main" { (text.skip) }
                header class="bar" {
                    div class="bar-inner" {
                        a class="brand" href="/console" { (mark()) (text.console) }
                        nav aria-label=(text.console) {
                            @for (path, name) in pages {
                                a href=(path) aria-current=[(path == current).then_some("page")] { (name) }
                            }
                        }
                        span class="spread" {}
                        div class="bar-tools" {
                            a class="button quiet" href="/" { (text.storefront) }
                            (language_switch(visitor))
                            @if visitor.is_signed_in {
                                form method="post" action="/console/sign-out" {
                                    button class="quiet" { (text.sign_out) }
                                }
                            }
                        }
                    }
                }
                main id="main" {
                    @for alarm in &visitor.alarms { p class="alarm" role="alert" { (alarm) } }
                    h1 { (title) }
                    (content)
                }
                div id="toast" class="toast" role="status" hidden {}
                (script_texts(text))
            }
        }
    }
}
