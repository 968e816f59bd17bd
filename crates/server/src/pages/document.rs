//! A document of the shop, for whoever follows the source of an answer.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use maud::html;
use shop::Id;

use super::layout;
use super::product::missing;
use super::visitor::Visitor;
use crate::app::App;

/// `GET /documents/{id}`.
pub async fn page(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Response {
    let snapshot = app.snapshot();
    let document = Id::new(&id)
        .ok()
        .and_then(|id| snapshot.documents.get(&id).cloned());
    let Some(document) = document else {
        return missing(&app, visitor);
    };
    let title = document.title.as_deref().unwrap_or(document.id.as_str());
    let main = html! {
        main id="main" {
            article class="document" lang=[document.language.as_deref()] {
                h1 { (title) }
                div class="words" { (document.text) }
            }
        }
    };
    let page = layout::storefront(&app, &visitor, title, "", main);
    visitor.respond(page)
}
