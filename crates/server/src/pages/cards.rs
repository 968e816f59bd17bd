//! Products as cards, in grids and rows.

use std::sync::Arc;

use maud::{Markup, PreEscaped, html};
use shop::{Id, Money, Product};

use super::tile::tile;
use super::visitor::encode;
use locale::Locale;

/// A product as a list shows it.
pub struct Card {
    /// The product.
    pub product: Arc<Product>,
    /// The title as safe HTML with what was found marked.
    pub title_html: Option<String>,
    /// Why it is here, in the visitor's language.
    pub reason: Option<String>,
    /// The decision that put it here.
    pub decision_id: Option<Id>,
    /// Its place in that decision, from 1.
    pub position: usize,
    /// What was searched for.
    pub query: Option<String>,
}

/// The items of a list, without the list around them.
pub fn items(text: &Locale, cards: &[Card]) -> Markup {
    html! {
        @for card in cards {
            li { (item(text, card)) }
        }
    }
}

fn item(text: &Locale, card: &Card) -> Markup {
    let product = &card.product;
    html! {
        article class="card"
            data-product=(product.id)
            data-title=(product.title)
            data-amount=[product.price.map(|price| price.amount)]
            data-currency=[product.price.map(|price| price.currency)]
            data-decision=[card.decision_id.as_ref()]
            data-position=[(card.position > 0).then_some(card.position)]
            data-query=[card.query.as_deref()] {
            div class="tile" { (tile(product)) }
            div class="card-body" {
                a class="card-title" href=(link(card)) lang=[product.language.as_deref()] {
                    @match &card.title_html {
                        Some(marked) => (PreEscaped(marked)),
                        None => (product.title),
                    }
                }
                (price(text, product.price, product.list_price))
                (stars(text, product))
                @if let Some(reason) = &card.reason { span class="reason" title=(reason) { (reason) } }
                div class="card-actions" {
                    @if product.group_id.is_some() {
                        a class="button" href=(link(card)) { (text.choose_variant) }
                    } @else if product.availability.can_be_ordered() {
                        button type="button" data-event="add_to_cart" data-said=(text.added) { (text.add_to_cart) }
                    } @else {
                        span class="badge warm" { (text.out_of_stock) }
                    }
                    button type="button" class="icon quiet" data-event="hide" data-said=(text.hidden)
                           title=(text.hide) aria-label=(format!("{}: {}", text.hide, product.title)) { "✕" }
                }
            }
        }
    }
}

fn link(card: &Card) -> String {
    let mut link = format!("/products/{}", encode(card.product.id.as_str()));
    if let Some(decision) = &card.decision_id {
        link.push_str(&format!(
            "?decision={}&position={}",
            encode(decision.as_str()),
            card.position
        ));
        if let Some(query) = &card.query {
            link.push_str(&format!("&q={}", encode(query)));
        }
    }
    link
}

/// The price, with the one before a reduction.
pub fn price(text: &Locale, price: Option<Money>, before: Option<Money>) -> Markup {
    html! {
        @if let Some(price) = price {
            span class="price" {
                (text.money(price))
                @if let Some(before) = before.filter(|before| before.amount > price.amount) {
                    s { (text.money(before)) }
                }
            }
        }
    }
}

/// The mean rating.
pub fn stars(text: &Locale, product: &Product) -> Markup {
    html! {
        @if let Some(rating) = product.rating {
            @let rating = text.decimal(rating.into(), 1);
            span class="stars" title=(format!("{rating} / 5")) {
                span aria-hidden="true" { "★ " }
                (rating)
                @if let Some(count) = product.rating_count { span class="soft" { " (" (text.integer(count as i64)) ")" } }
            }
        }
    }
}
