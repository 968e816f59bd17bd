//! One object of another program's interface, read by the format that reads a
//! file of such objects: what comes live is stored as what is imported.

use serde_json::{Map, Value};
use shop::{Kind, Record};

use super::formats::{self, Context, Reading};
use super::json_rows::collect;
use super::money::Prices;
use super::{ImportOptions, Rejected};

/// What a program's interface speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ObjectFormat {
    ShopifyProduct,
    ShopifyOrder,
    ShopifyCustomer,
    WooCommerceProduct,
    WooCommerceOrder,
    WooCommerceCustomer,
}

impl ObjectFormat {
    /// The format of a file of such objects.
    fn name(self) -> &'static str {
        match self {
            Self::ShopifyProduct => formats::SHOPIFY_PRODUCTS,
            Self::ShopifyOrder => formats::SHOPIFY_ORDERS,
            Self::ShopifyCustomer => formats::SHOPIFY_CUSTOMERS,
            Self::WooCommerceProduct => formats::WOOCOMMERCE_PRODUCTS,
            Self::WooCommerceOrder => formats::WOOCOMMERCE_ORDERS,
            Self::WooCommerceCustomer => formats::WOOCOMMERCE_CUSTOMERS,
        }
    }

    /// What its records are.
    pub fn kind(self) -> Kind {
        match self {
            Self::ShopifyProduct | Self::WooCommerceProduct => Kind::Products,
            Self::ShopifyOrder | Self::WooCommerceOrder => Kind::Orders,
            Self::ShopifyCustomer | Self::WooCommerceCustomer => Kind::Customers,
        }
    }
}

/// What one object says: its records, and what of it is refused. Of the options
/// the time and the currency count.
pub fn records_of(
    format: ObjectFormat,
    object: &Map<String, Value>,
    options: &ImportOptions,
) -> (Vec<Record>, Vec<Rejected>) {
    let known = formats::named(format.name());
    collect(|intake| {
        let Some(Reading::Objects { take, .. }) = known.map(|format| &format.reading) else {
            return;
        };
        let context = Context {
            line: 1,
            now: options.now,
            prices: Prices {
                currency: options.currency,
                separators: None,
            },
            beside: &[],
        };
        // It listens to the end.
        let _ = take(object, &context, intake);
    })
}
