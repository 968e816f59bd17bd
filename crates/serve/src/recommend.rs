//! Recommendation: what one person may like next, what goes with a product or
//! a cart, what is in demand.
//!
//! Each scenario is a few tiers of scores over the whole catalogue, the best
//! tier first. One function, [`choose`](rules::choose), makes every list out of
//! them, and it alone decides what may be shown: so no scenario can break a
//! filter, show what is out of stock or bring back what was bought or hidden.
//!
//! A list that must not depend on the person (`personalise: false`, or consent
//! withdrawn) is made without looking at anything that the person did.

mod controls;
mod history;
mod model;
mod person;
mod reasons;
mod rules;
mod scenarios;
mod similarity;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shop::{Filter, Id, ModelVersion, Service};
use store::ProductIndex;

use crate::{Context, Decision, ServeError, Stages};

pub use controls::{Boost, Controls};
pub use model::Model;
pub use reasons::{Reason, ReasonCode};

use person::Person;
use rules::{Rules, choose};
use scenarios::Step;

/// The longest list that can be asked for.
pub const MAX_LIMIT: usize = 200;

/// What a list is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scenario {
    /// What the customer may like next.
    #[default]
    ForYou,
    /// What is like a product.
    Similar,
    /// What is bought with a product.
    BoughtTogether,
    /// What is in demand these days.
    Trending,
    /// What fits this visit, whoever it is.
    Session,
    /// What goes with the cart.
    Cart,
    /// What the customer buys again and again, and is due.
    Replenish,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::ForYou,
        Self::Similar,
        Self::BoughtTogether,
        Self::Trending,
        Self::Session,
        Self::Cart,
        Self::Replenish,
    ];

    /// The name in requests.
    pub fn name(self) -> &'static str {
        match self {
            Self::ForYou => "for_you",
            Self::Similar => "similar",
            Self::BoughtTogether => "bought_together",
            Self::Trending => "trending",
            Self::Session => "session",
            Self::Cart => "cart",
            Self::Replenish => "replenish",
        }
    }

    /// The scenario with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|scenario| scenario.name() == name)
    }
}

/// Asks for a list of products.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend(
    "if" = {"properties": {"scenario": {"enum": ["similar", "bought_together"]}}, "required": ["scenario"]},
    "then" = {"properties": {"product": {"not": {"type": "null"}}}, "required": ["product"]},
))]
pub struct RecommendRequest {
    /// What the list is for.
    pub scenario: Scenario,
    /// For whom, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<Id>,
    /// In which visit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Id>,
    /// The product that `similar` and `bought_together` are about; for `cart`
    /// one more that counts as lying in it; for the others what a person of
    /// whom nothing is known looks at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<Id>,
    /// At most this many, 1 to [`MAX_LIMIT`].
    #[schemars(range(min = 1, max = MAX_LIMIT))]
    pub limit: usize,
    /// What may be shown, as an object or as a text of conditions.
    #[serde(deserialize_with = "Filter::from_text_or_object")]
    #[schemars(schema_with = "Filter::text_or_object_schema")]
    pub filter: Filter,
    /// Whether the list may depend on the person.
    pub personalise: bool,
    /// The language of the reasons, as a language tag; English where it is none of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Whether to tell the score's parts.
    pub explain: bool,
    /// The shop's own say: `pins`, `hides`, `boosts`, `brand_cap`,
    /// `diversity`, `exploration`.
    #[serde(flatten)]
    pub controls: Controls,
}

impl Default for RecommendRequest {
    fn default() -> Self {
        Self {
            scenario: Scenario::ForYou,
            customer: None,
            session: None,
            product: None,
            limit: 10,
            filter: Filter::default(),
            personalise: true,
            language: None,
            explain: false,
            controls: Controls::default(),
        }
    }
}

/// A list of products.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recommendations {
    /// Best first.
    pub items: Vec<RecommendedItem>,
}

/// A product in its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecommendedItem {
    /// The product.
    pub id: Id,
    /// Falls from place to place; comparable within one list only.
    pub score: f32,
    /// Why it is here, what counts most first; at least one.
    pub reasons: Vec<Reason>,
    /// Whether the lot put it here, to learn what it is worth.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub explored: bool,
    /// What the reasons were drawn from, where the request asks to explain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
}

/// How a product got its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    /// Which source of the scenario it came from.
    pub tier: String,
    /// Its score there.
    pub tier_score: f32,
    /// Its score by what the whole shop does.
    pub popularity: f32,
}

/// Makes the list that `request` asks for. Without a model the answers rest on
/// what the snapshot alone tells: popularity, trends and the catalogue.
pub fn recommend(
    context: &Context<'_>,
    model: Option<&Model>,
    request: &RecommendRequest,
) -> Result<Decision<Recommendations>, ServeError> {
    if !(1..=MAX_LIMIT).contains(&request.limit) {
        return Err(ServeError::InvalidRequest {
            param: "limit",
            reason: format!("{} is not between 1 and {MAX_LIMIT}", request.limit),
        });
    }
    request.controls.check()?;
    let product = wanted_product(context, request)?;
    let mut stages = Stages::default();
    let person = stages.run("history", || Person::of(context.snapshot, request));
    let view = model.map(|model| model.view(&context.snapshot.catalogue));
    let shop = scenarios::Shop {
        snapshot: context.snapshot,
        now: context.now,
        view: view.as_ref(),
    };
    if model.is_none() {
        stages.skip("model");
    }
    let rules = Rules {
        shop: &shop,
        request,
        product,
        person: &person,
    };
    let steps = Step::of(request.scenario);
    let choice = stages.run("candidates", || choose(&rules, steps, context.seed));
    let items = stages.run("reasons", || reasons::explain(&rules, choice.items));
    let models = match (model, context.snapshot.serving.get(&Service::Recommend)) {
        (Some(_), version) => vec![ModelVersion {
            service: Service::Recommend,
            version: version.cloned().unwrap_or_default(),
        }],
        (None, _) => Vec::new(),
    };
    Ok(Decision {
        decision_id: context.decision_id.clone(),
        content: Recommendations { items },
        models,
        stages: stages.into_vec(),
        propensity: choice.propensity,
    })
}

/// The place of the product that the request is about.
fn wanted_product(
    context: &Context<'_>,
    request: &RecommendRequest,
) -> Result<Option<ProductIndex>, ServeError> {
    let about_one = matches!(
        request.scenario,
        Scenario::Similar | Scenario::BoughtTogether
    );
    let Some(id) = &request.product else {
        return match about_one {
            false => Ok(None),
            true => Err(ServeError::InvalidRequest {
                param: "product",
                reason: format!(
                    "{} is about a product: name its id",
                    request.scenario.name()
                ),
            }),
        };
    };
    let catalogue = &context.snapshot.catalogue;
    match catalogue
        .index_of(id)
        .filter(|place| catalogue.get(*place).is_some())
    {
        Some(place) => Ok(Some(place)),
        None => Err(ServeError::UnknownProduct(id.clone())),
    }
}
