//! Lists that the recommendation model makes, as cards.

use std::collections::BTreeSet;
use std::sync::Arc;

use serve::recommend::RecommendRequest;
use shop::Id;

use super::cards::Card;
use super::visitor::Visitor;
use crate::app::App;
use crate::http::recommendations::recommend;

pub use serve::recommend::Scenario;

/// The products of a list for this visitor; nothing where there is no list,
/// which is no reason not to show the rest of the page.
pub async fn cards(
    app: &Arc<App>,
    visitor: &Visitor,
    scenario: Scenario,
    product: Option<Id>,
    limit: usize,
) -> Vec<Card> {
    let start_group = product
        .as_ref()
        .and_then(|id| app.snapshot().catalogue.by_id(id)?.group_id.clone());
    let request = RecommendRequest {
        scenario,
        customer: visitor.customer.clone(),
        session: Some(visitor.session.clone()),
        product,
        limit,
        ..RecommendRequest::default()
    };
    let Ok(decision) = recommend(app, request).await else {
        return Vec::new();
    };
    let snapshot = app.snapshot();
    // Variants of one thing are one card.
    let mut groups: BTreeSet<Id> = start_group.into_iter().collect();
    decision
        .content
        .items
        .iter()
        .zip(1..)
        .filter_map(|(item, position)| {
            let product = snapshot.catalogue.by_id(&item.id)?.clone();
            if let Some(group) = &product.group_id
                && !groups.insert(group.clone())
            {
                return None;
            }
            Some(Card {
                product,
                title_html: None,
                reason: item
                    .reasons
                    .first()
                    .map(|reason| reason.text(visitor.text())),
                decision_id: Some(decision.decision_id.clone()),
                position,
                query: None,
            })
        })
        .collect()
}
