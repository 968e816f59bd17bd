//! What the shop says about a list beyond the models: which products come
//! first, which never come, which count more, how many of a brand, how much
//! unlike each other, how much is tried out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shop::{Filter, Id, Product};

use crate::ServeError;

/// The most entries that a list of pins, hides or boosts may have.
const MAX_ENTRIES: usize = 1_000;

/// A wish of the shop that some products count more, or less.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Boost {
    /// Which products.
    #[serde(default, deserialize_with = "Filter::from_text_or_object")]
    #[schemars(schema_with = "Filter::text_or_object_schema")]
    pub filter: Filter,
    /// Added to their score, in deviations of the scores of all products:
    /// 1 lifts a middling product among the best sixth; negative demotes.
    #[schemars(range(min = -1_000_000, max = 1_000_000))]
    pub by: f32,
}

/// The shop's own say in a list.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Controls {
    /// Products that come first, in this order, as far as they may be shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_ENTRIES))]
    pub pins: Vec<Id>,
    /// Products that do not come.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_ENTRIES))]
    pub hides: Vec<Id>,
    /// Products that count more or less.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_ENTRIES))]
    pub boosts: Vec<Boost>,
    /// At most so many products of one brand; pins count too, but stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub brand_cap: Option<usize>,
    /// What being unlike the rest of the list counts beside the score, 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    pub diversity: f32,
    /// How often the last place of the list is drawn by lot, 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    pub exploration: f32,
}

impl Controls {
    /// Refuses shares that are none and lists without end.
    pub(super) fn check(&self) -> Result<(), ServeError> {
        let refuse = |param, reason: String| Err(ServeError::InvalidRequest { param, reason });
        for (param, share) in [
            ("diversity", self.diversity),
            ("exploration", self.exploration),
        ] {
            if !(0.0..=1.0).contains(&share) {
                return refuse(param, format!("{share} is not between 0 and 1"));
            }
        }
        for (param, count) in [
            ("pins", self.pins.len()),
            ("hides", self.hides.len()),
            ("boosts", self.boosts.len()),
        ] {
            if count > MAX_ENTRIES {
                return refuse(param, format!("{count} entries; at most {MAX_ENTRIES}"));
            }
        }
        if self.brand_cap == Some(0) {
            return refuse("brand_cap", "0 would show nothing; use hides".to_owned());
        }
        match self.boosts.iter().find(|boost| !boost.by.is_finite()) {
            Some(boost) => refuse("boosts", format!("{} is not a number", boost.by)),
            None => Ok(()),
        }
    }

    /// What is added to the score of a product.
    pub(super) fn boost(&self, product: &Product) -> f32 {
        let meant = self
            .boosts
            .iter()
            .filter(|boost| boost.filter.accepts(product));
        meant.map(|boost| boost.by).sum()
    }
}
