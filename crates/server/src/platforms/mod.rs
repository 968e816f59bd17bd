//! Shop platforms: what Shopify and WooCommerce tell by webhooks
//! (`http/hooks.rs`) and what a back-fill asks them for (`backfill.rs`). Both
//! hand over objects of the platform's interface; `ingest` makes the records
//! that an exported file of the same shop would give, and `standing.rs` stores
//! them unless the shop knows something newer. `pages.rs` takes a site's pages.

pub mod backfill;
mod client;
mod delivery;
mod known;
pub mod pages;
mod removed;
mod rest_form;
mod robots;
mod shopify;
mod site;
mod sitemap;
mod source;
mod standing;
mod woocommerce;

use std::path::Path;

use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

pub use delivery::Delivery;
pub use known::Known;
pub use removed::Removed;
pub use source::Source;
pub use standing::{Became, Outcome, remove, remove_records, store};
pub use woocommerce::{is_incomplete, whole_product};

/// A program that runs a shop elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Platform {
    Shopify,
    WooCommerce,
}

impl Platform {
    /// As it stands in sources, files and paths.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shopify => "shopify",
            Self::WooCommerce => "woocommerce",
        }
    }

    /// The property with the number that the platform gave to a product, an
    /// order or a customer.
    pub fn number_property(self) -> &'static str {
        match self {
            Self::Shopify => "shopify_id",
            Self::WooCommerce => "woocommerce_id",
        }
    }

    /// The property with the number of a variant.
    fn variant_property(self) -> &'static str {
        match self {
            Self::Shopify => "shopify_variant_id",
            Self::WooCommerce => "woocommerce_variation_id",
        }
    }
}

/// Deliveries that are remembered, so that a repeated one does nothing.
const DELIVERIES: u64 = 20_000;

/// What the webhooks of one platform share.
pub struct Hooks {
    /// Deliveries are taken one after another: of two, the one that is newer
    /// by the platform's clock stays. What was removed is known here.
    pub turn: Mutex<Removed>,
    /// The ids of the deliveries that were taken.
    pub taken: Cache<String, ()>,
}

impl Hooks {
    /// Of a data folder.
    pub fn open(folder: &Path, platform: Platform) -> Self {
        Self {
            turn: Mutex::new(Removed::open(folder, platform)),
            taken: Cache::new(DELIVERIES),
        }
    }
}
