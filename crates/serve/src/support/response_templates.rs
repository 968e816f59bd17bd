use locale::Locale;
use shop::Availability;

use super::tools::{Refused, Tool};

/// What support says by itself: everything else is quoted or read from a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ResponseTemplate {
    Disclosure,
    Greeting,
    Welcome,
    Declined,
    OfferTitles,
    SeeAlso,
    OfferPerson,
    HandedOver,
    SignIn,
    OrderNotFound,
    NoOrders,
    OriginalLanguage,
    SayMore,
    Found,
    Nearest,
    Added,
    PleaseConfirm,
    WhichItem,
    WhichOption,
    WhichAddress,
    WholeOrder,
    Refused(Refused),
}

/// A sentence with gaps that only facts of a record may fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FactTemplate {
    OrderStatus,
    OrderPlaced,
    OrderItems,
    OrderTotal,
    OrderTracking,
    ProductPrice,
    ProductAvailability,
    ProductBrand,
    ProductRating,
    ProductAttribute,
    /// A write that waits for the customer's confirmation.
    Proposed(Tool),
    /// How many kinds or products a query found.
    Counted,
    /// A product that a query over the catalogue found.
    Listed,
}

impl ResponseTemplate {
    /// The words in the language with this tag, in English where we lack it.
    pub fn text(self, language: &str) -> &'static str {
        let locale = Locale::or_english(language);
        match self {
            Self::Disclosure => locale.say_disclosure,
            Self::Greeting => locale.say_greeting,
            Self::Welcome => locale.say_welcome,
            Self::Declined => locale.say_declined,
            Self::OfferTitles => locale.say_offer_titles,
            Self::SeeAlso => locale.say_see_also,
            Self::OfferPerson => locale.say_offer_person,
            Self::HandedOver => locale.say_handed_over,
            Self::SignIn => locale.say_sign_in_for_orders,
            Self::OrderNotFound => locale.say_order_not_found,
            Self::NoOrders => locale.say_no_orders,
            Self::OriginalLanguage => locale.say_original_language,
            Self::SayMore => locale.say_more,
            Self::Found => locale.say_found,
            Self::Nearest => locale.say_nearest,
            Self::Added => locale.say_added_to_cart,
            Self::PleaseConfirm => locale.say_please_confirm,
            Self::WhichItem => locale.say_which_item,
            Self::WhichOption => locale.say_which_option,
            Self::WhichAddress => locale.say_which_address,
            Self::WholeOrder => locale.say_whole_order,
            Self::Refused(reason) => refused(reason, locale),
        }
    }
}

/// Why something is not done, in a sentence.
fn refused(reason: Refused, locale: &Locale) -> &'static str {
    match reason {
        Refused::SignIn => locale.refused_sign_in,
        Refused::NotYours => locale.refused_not_yours,
        Refused::Arguments => locale.refused_arguments,
        Refused::Policy => locale.refused_policy,
        Refused::State => locale.refused_state,
        Refused::Payment => locale.refused_payment,
        Refused::NothingToChange => locale.refused_nothing_to_change,
        Refused::NeedsPerson => locale.refused_needs_person,
        Refused::NotConfirmed => locale.refused_not_confirmed,
        Refused::AlreadyDone => locale.refused_already_done,
        Refused::Records => locale.refused_records,
    }
}

/// What a tool would do to an order or an account.
fn proposed(tool: Tool, target: &str, locale: &Locale) -> String {
    match tool {
        Tool::CancelOrder => locale.propose_cancel_order(target),
        Tool::ReturnItems => locale.propose_return_items(target),
        Tool::ExchangeItems => locale.propose_exchange_items(target),
        Tool::ChangeOrderItems => locale.propose_change_order_items(target),
        Tool::ChangeOrderAddress => locale.propose_change_order_address(target),
        Tool::ChangeOrderPayment => locale.propose_change_order_payment(target),
        Tool::ChangeCustomerAddress => locale.propose_change_customer_address(target),
        Tool::RedeemCoupon => locale.propose_redeem_coupon(target),
        Tool::SpendPoints => locale.propose_spend_points(target),
        // Tools that only read are never proposed.
        Tool::FindCustomer
        | Tool::CustomerDetails
        | Tool::OrderDetails
        | Tool::ProductDetails
        | Tool::ItemDetails
        | Tool::ListProductTypes
        | Tool::Search
        | Tool::Recommend
        | Tool::Points
        | Tool::Calculate
        | Tool::HandOver => locale.sentence(target),
    }
}

impl FactTemplate {
    /// The sentence with its gaps filled, in the order of the fact's parts.
    pub fn fill(self, language: &str, values: &[String]) -> String {
        let locale = Locale::or_english(language);
        let value = |place: usize| values.get(place).map_or("", String::as_str);
        let (first, second) = (value(0), value(1));
        // The functions take their variables in the order of the alphabet.
        match self {
            Self::OrderStatus => locale.fact_order_status(first, second),
            Self::OrderPlaced => locale.fact_order_placed(first),
            Self::OrderItems => locale.fact_order_items(first),
            Self::OrderTotal => locale.fact_order_total(first),
            Self::OrderTracking => locale.fact_order_tracking(first),
            Self::ProductPrice => locale.fact_price(second, first),
            Self::ProductAvailability => locale.fact_availability(second, first),
            Self::ProductBrand => locale.fact_brand(second, first),
            Self::ProductRating => locale.fact_rating(first, second),
            Self::ProductAttribute => locale.fact_attribute(second, first),
            Self::Proposed(tool) => proposed(tool, first, locale),
            Self::Counted => locale.sentence(first),
            Self::Listed => locale.fact_listed(value(2), second, first),
        }
    }
}

/// How availability is said.
pub fn availability(availability: Availability, locale: &Locale) -> &'static str {
    match availability {
        Availability::InStock => locale.availability_in_stock,
        Availability::LimitedStock => locale.availability_limited_stock,
        Availability::Backorder => locale.availability_backorder,
        Availability::Preorder => locale.availability_preorder,
        Availability::OutOfStock => locale.availability_out_of_stock,
        Availability::Discontinued => locale.availability_discontinued,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_in_every_language() {
        let values = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        let listed = values(&["{ $price } Kettle {1}", "$5.00", "in stock"]);
        for (language, template, values, expected) in [
            (
                "en",
                FactTemplate::Listed,
                &listed,
                "{ $price } Kettle {1}: $5.00, in stock.",
            ),
            (
                "de",
                FactTemplate::ProductPrice,
                &values(&["Kessel", "49,90 €"]),
                "Kessel kostet 49,90 €.",
            ),
            (
                "es",
                FactTemplate::OrderStatus,
                &values(&["1001", "shipped"]),
                "El estado del pedido 1001 es: shipped.",
            ),
            (
                "zh",
                FactTemplate::ProductRating,
                &values(&["壶", "4.5"]),
                "壶的平均评分是4.5（满分5分）。",
            ),
            (
                "tlh",
                FactTemplate::ProductBrand,
                &values(&["Kettle", "Acme"]),
                "The brand of Kettle is Acme.",
            ),
            (
                "de",
                FactTemplate::Proposed(Tool::CancelOrder),
                &values(&["7"]),
                "Bestellung 7 stornieren.",
            ),
        ] {
            assert_eq!(template.fill(language, values), expected);
        }
    }
}
