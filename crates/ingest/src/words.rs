//! Words that programs of many languages write into a cell.

/// Yes or no.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text.trim().to_lowercase().as_str() {
        "1" | "true" | "yes" | "y" | "t" | "on" | "x" | "wahr" | "ja" | "oui" | "vrai" | "si"
        | "sí" | "sì" | "vero" | "verdadero" | "sim" | "tak" | "是" | "はい" | "да"
        | "subscribed" => Some(true),
        "0" | "false" | "no" | "n" | "f" | "off" | "falsch" | "nein" | "non" | "faux" | "falso"
        | "nao" | "não" | "nee" | "nej" | "nie" | "否" | "いいえ" | "нет" | "unsubscribed" => {
            Some(false)
        }
        _ => None,
    }
}

/// Whether customers are to see it: `-1` is WooCommerce's draft, `2`
/// Magento's disabled, `none` PrestaShop's visibility.
pub(super) fn is_shown(text: &str) -> bool {
    let word = text.trim().to_lowercase();
    let hidden = [
        "-1",
        "2",
        "hidden",
        "none",
        "draft",
        "archived",
        "inactive",
        "unpublished",
        "unlisted",
        "disabled",
        "private",
        "deleted",
        "spam",
        "rejected",
        "not visible individually",
        "not published",
        "trash",
        "removed",
        "masqué",
        "brouillon",
        "entwurf",
        "versteckt",
        "verborgen",
        "oculto",
        "borrador",
        "nascosto",
        "bozza",
        "非公開",
    ];
    flag(&word) != Some(false) && !hidden.contains(&word.as_str())
}

/// Our word for whether a product can be had.
pub(super) fn availability(text: &str) -> Option<&'static str> {
    let word = text.trim().to_lowercase().replace([' ', '-'], "_");
    // https://schema.org/InStock
    let word = word.rsplit('/').next().unwrap_or_default();
    Some(match word {
        "in_stock"
        | "instock"
        | "available"
        | "available_for_order"
        | "auf_lager"
        | "lieferbar"
        | "en_stock"
        | "disponible"
        | "disponibile"
        | "有货"
        | "在庫あり"
        | "onlineonly"
        | "instoreonly" => "in_stock",
        "limited_stock" | "limited_availability" | "limitedavailability" => "limited_stock",
        "out_of_stock" | "outofstock" | "sold_out" | "soldout" | "unavailable" | "ausverkauft"
        | "nicht_lieferbar" | "rupture" | "en_rupture" | "agotado" | "esaurito" | "缺货"
        | "在庫なし" | "売り切れ" => "out_of_stock",
        "preorder" | "pre_order" | "presale" => "preorder",
        "backorder" | "back_order" | "onbackorder" | "on_backorder" => "backorder",
        "discontinued" => "discontinued",
        _ => match flag(word) {
            Some(true) => "in_stock",
            Some(false) => "out_of_stock",
            None => return None,
        },
    })
}

/// Who speaks; nothing where the word is a name.
pub(super) fn role(text: &str) -> Option<&'static str> {
    let word = text.trim().to_lowercase().replace([' ', '-', '_'], "");
    Some(match word.as_str() {
        "customer" | "user" | "client" | "visitor" | "enduser" | "contact" | "requester"
        | "lead" | "buyer" | "guest" | "incoming" | "inbound" | "kunde" | "kundin" | "cliente"
        | "klant" | "顾客" | "客户" | "お客様" | "клиент" => "customer",
        "agent" | "admin" | "operator" | "support" | "staff" | "team" | "teammate"
        | "assistant" | "bot" | "seller" | "shop" | "store" | "employee" | "outgoing"
        | "outbound" | "system" | "mitarbeiter" | "agente" | "medewerker" | "客服" | "店舗"
        | "оператор" => "agent",
        "tool" | "function" => "tool",
        _ => return None,
    })
}

/// Whether a conversation is over and well: its state's word.
pub(super) fn is_resolved(text: &str) -> Option<bool> {
    match text.trim().to_lowercase().as_str() {
        "solved" | "closed" | "resolved" | "done" | "gelöst" | "geschlossen" => Some(true),
        "open" | "new" | "pending" | "hold" | "snoozed" | "offen" => Some(false),
        other => flag(other),
    }
}

/// The type of our events for another program's name of it.
pub(super) fn event(name: &str) -> Option<&'static str> {
    let word: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
    Some(match word.to_lowercase().as_str() {
        "search" | "searched" | "viewsearchresults" | "productssearched" | "sitesearch"
        | "submittedsearch" | "searchedsite" | "query" => "search",
        "impression"
        | "viewitemlist"
        | "productlistviewed"
        | "productlistfiltered"
        | "impressions" => "impression",
        "click" | "selectitem" | "productclicked" | "itemclick" | "clickthrough"
        | "resultclick" | "productclick" => "click",
        "view" | "viewitem" | "productviewed" | "viewedproduct" | "detail" | "pageview"
        | "detailpageview" | "productview" | "itemview" | "viewproduct" => "view",
        "addtocart" | "cart" | "productadded" | "addedtocart" | "addcart" | "addtobasket" => {
            "add_to_cart"
        }
        "removefromcart" | "productremoved" | "removedfromcart" => "remove_from_cart",
        "purchase" | "transaction" | "buy" | "order" | "ordercompleted" | "orderedproduct"
        | "inapppurchase" | "ecommercepurchase" | "purchased" | "ecommerceorder" | "checkout" => {
            "purchase"
        }
        "refund" | "orderrefunded" | "refunded" => "refund",
        "wishlist" | "addtowishlist" | "productaddedtowishlist" | "favorite" | "like" => "wishlist",
        "hide" | "dismiss" => "hide",
        "rating" | "productreviewed" | "rate" => "rating",
        "redeem" => "redeem",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_many_programs() {
        for (text, shown) in [
            ("1", true),
            ("TRUE", true),
            ("Active", true),
            ("visible", true),
            ("Catalog, Search", true),
            ("0", false),
            ("-1", false),
            ("false", false),
            ("No", false),
            ("Draft", false),
            ("none", false),
            ("pending", true),
        ] {
            assert_eq!(is_shown(text), shown, "{text}");
        }
        for (text, expected) in [
            ("in stock", Some("in_stock")),
            ("https://schema.org/OutOfStock", Some("out_of_stock")),
            ("1", Some("in_stock")),
            ("backorder", Some("backorder")),
            ("maybe", None),
        ] {
            assert_eq!(availability(text), expected, "{text}");
        }
        assert_eq!(event("Added to Cart"), Some("add_to_cart"));
        assert_eq!(event("Opened Email"), None);
        assert_eq!(role("end-user"), Some("customer"));
        assert_eq!(role("Anna"), None);
    }
}
