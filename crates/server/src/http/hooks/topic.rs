//! What the topics of platforms ask for.

use ingest::ObjectFormat;
use shop::Kind;

/// What a topic asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    /// The body is the object as it is now.
    Changed(ObjectFormat),
    /// The same, of what was thrown away before.
    Restored(ObjectFormat),
    Removed(Kind),
    /// A customer's personal data has to go.
    Redact,
    /// A customer asks what is kept of them.
    DataRequest,
    /// The shop has removed the app.
    ShopRedact,
    Other,
}

impl Topic {
    pub(super) fn of_shopify(topic: &str) -> Self {
        match topic {
            "products/create" | "products/update" => Self::Changed(ObjectFormat::ShopifyProduct),
            "orders/create"
            | "orders/updated"
            | "orders/paid"
            | "orders/cancelled"
            | "orders/fulfilled"
            | "orders/partially_fulfilled" => Self::Changed(ObjectFormat::ShopifyOrder),
            "customers/create" | "customers/update" | "customers/enable" | "customers/disable" => {
                Self::Changed(ObjectFormat::ShopifyCustomer)
            }
            "products/delete" => Self::Removed(Kind::Products),
            "orders/delete" => Self::Removed(Kind::Orders),
            "customers/delete" => Self::Removed(Kind::Customers),
            "customers/redact" => Self::Redact,
            "customers/data_request" => Self::DataRequest,
            "shop/redact" => Self::ShopRedact,
            _ => Self::Other,
        }
    }

    pub(super) fn of_woocommerce(topic: &str) -> Self {
        let Some((what, happened)) = topic.split_once('.') else {
            return Self::Other;
        };
        let format = match what {
            "product" => ObjectFormat::WooCommerceProduct,
            "order" => ObjectFormat::WooCommerceOrder,
            "customer" => ObjectFormat::WooCommerceCustomer,
            _ => return Self::Other,
        };
        match happened {
            "created" | "updated" => Self::Changed(format),
            "restored" => Self::Restored(format),
            "deleted" => Self::Removed(format.kind()),
            _ => Self::Other,
        }
    }
}
