//! Products that were shown in this conversation, and what is done with one
//! of them: put into the cart, the cheapest of them, another colour of one.

use serde_json::json;
use shop::{Id, Product};

use super::ToolRun;
use super::cues::{self, Cue};
use super::grounding::Statement;
use super::pipeline::{CandidateResponse, Turn};
use super::response_templates::ResponseTemplate;

/// The tool of the customer's page that puts a product into the cart.
const ADD_TO_CART: &str = "add_to_cart";

impl Turn<'_> {
    /// The products that were shown last, in their order.
    pub(super) fn shown(&self) -> Vec<Id> {
        let decisions = self.request.decisions.iter().rev();
        let mut shown = decisions.filter_map(|id| {
            let explanation = &self.snapshot.decisions.get(id)?.explanation;
            let citations = explanation["citations"].as_array()?.iter();
            let mut products: Vec<Id> = Vec::new();
            for citation in citations {
                let id = citation["source"]
                    .as_str()
                    .and_then(|one| one.strip_prefix("product:"));
                let id = id.and_then(|id| Id::new(id).ok());
                products.extend(id.filter(|id| !products.contains(id)));
            }
            (!products.is_empty()).then_some(products)
        });
        shown.next().unwrap_or_default()
    }

    /// Puts what the message means into the cart of the customer's page, where
    /// it tells which; else shows what it may mean.
    pub(super) fn put_into_cart(&mut self) -> CandidateResponse {
        let Some(id) = self.meant_of_shown() else {
            return self.browse();
        };
        let can_be_ordered = |product: &Product| product.availability.can_be_ordered();
        let product = self.snapshot.catalogue.by_id(&id);
        let is_ordered = product.is_some_and(|product| can_be_ordered(product));
        let mut draft = CandidateResponse {
            statements: self.told(&id).into_iter().collect(),
            confidence: 1.0,
            route: "cart",
            ..CandidateResponse::default()
        };
        if is_ordered {
            let added = Statement::template(ResponseTemplate::Added, &self.language);
            draft.statements.insert(0, added);
            draft.actions.push(ToolRun {
                tool: ADD_TO_CART.to_owned(),
                arguments: json!({"product": id, "quantity": 1}),
                result: json!({"added": true}),
            });
        }
        draft
    }

    /// The one of the products shown that the message means: by its place, its
    /// name, its colour or its price; the only one there is.
    fn meant_of_shown(&self) -> Option<Id> {
        let shown = self.shown();
        let lower = self.message.to_lowercase();
        if Cue::Last.is_in(&lower) {
            return shown.into_iter().next_back();
        }
        if let Some(place) = cues::ordinal(&lower) {
            return shown.into_iter().nth(place);
        }
        if let Some(id) = self.extreme_of(&shown, &lower) {
            return Some(id);
        }
        if let [only] = shown.as_slice() {
            return Some(only.clone());
        }
        let words = corpus::words(&lower);
        let telling = |id: &&Id| {
            let product = self.snapshot.catalogue.by_id(id);
            product.map_or(0, |product| {
                let title = corpus::words(&product.title);
                words.iter().filter(|word| title.contains(word)).count()
            })
        };
        let most = shown
            .iter()
            .map(|id| telling(&id))
            .max()
            .filter(|most| *most > 0)?;
        let mut best = shown.iter().filter(|id| telling(id) == most);
        let first = best.next()?;
        best.next().is_none().then(|| first.clone())
    }

    /// The cheapest or dearest of the products shown, where that is asked.
    pub(super) fn extreme_of(&self, shown: &[Id], lower: &str) -> Option<Id> {
        let (cheap, dear) = (Cue::Cheapest.is_in(lower), Cue::Dearest.is_in(lower));
        if cheap == dear {
            return None;
        }
        let priced = shown.iter().filter_map(|id| {
            let price = self.snapshot.catalogue.by_id(id)?.price?;
            Some((price.amount, id))
        });
        let best = if cheap { priced.min() } else { priced.max() };
        best.map(|(_, id)| id.clone())
    }

    /// "Do you have it in black?": the options of that colour of what was shown.
    pub(super) fn coloured(&self, shown: &[Id]) -> Vec<Id> {
        let lower = self.message.to_lowercase();
        let colours = cues::colours(&corpus::words(&lower), &lower);
        if colours.is_empty() {
            return Vec::new();
        }
        let groups: Vec<&Id> = (shown.iter())
            .filter_map(|id| self.snapshot.catalogue.by_id(id)?.group_id.as_ref())
            .collect();
        let all = self.snapshot.catalogue.iter().map(|(_, product)| product);
        let of_groups = all.filter(|product| {
            product
                .group_id
                .as_ref()
                .is_some_and(|group| groups.contains(&group))
                && super::wishes::has_colour(product, &colours)
                && product.availability.can_be_ordered()
        });
        of_groups.map(|product| product.id.clone()).collect()
    }
}
