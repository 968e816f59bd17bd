//! The same numbers as other shop systems, where they share our rules: a
//! share of one amount, rounded once, and an inclusive minimum.
#![allow(clippy::unwrap_used)]

use serde_json::Value;
use shop::{Coupon, Currency, Discount, Id, Money};

#[path = "../../test_data.rs"]
mod test_data;

fn cases() -> Vec<Value> {
    let Some(text) = test_data::shared_text("golden/promotions_ruby_python/cases.json") else {
        return Vec::new();
    };
    let file: Value = serde_json::from_str(&text).unwrap();
    file["cases"].as_array().unwrap().clone()
}

fn coupon(discount: Discount, minimum: Option<Money>) -> Coupon {
    Coupon {
        code: Id::new("A").unwrap(),
        discount,
        limit: None,
        limit_per_customer: None,
        minimum,
        starts_at: None,
        expires_at: None,
    }
}

/// Hundredths of a percent, of a text such as `33.33`.
fn basis_points(percent: &str) -> u32 {
    let money = Money::from_decimal(percent, Currency::USD).unwrap();
    u32::try_from(money.amount).unwrap()
}

#[test]
fn percentages_agree() {
    let cases = cases();
    let mut checked = 0;
    for case in cases.iter().filter(|case| case["kind"] == "percent") {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let currency: Currency = case["input"]["currency"]
            .as_str()
            .unwrap_or("USD")
            .parse()
            .unwrap();
        // An amount with cents in a currency that has none is not ours.
        let Ok(order) = Money::from_decimal(&text(&case["input"]["line_total"]), currency) else {
            continue;
        };
        let Ok(expected) = Money::from_decimal(&text(&case["expect"]["amount"]), currency) else {
            continue;
        };
        let percent = Discount::Percent {
            basis_points: basis_points(&text(&case["params"]["percent"])),
            at_most: None,
        };
        let found = growth::discount(&coupon(percent, None), order).unwrap();
        assert_eq!(found, expected, "{case}");
        checked += 1;
    }
    assert!(cases.is_empty() || checked >= 4, "only {checked} cases fit");
}

#[test]
fn a_minimum_is_inclusive() {
    for case in cases() {
        if case["kind"] != "voucher_conditions" || !case["params"]["min_quantity"].is_null() {
            continue;
        }
        let money = |amount: i64| Money::new(amount, Currency::USD);
        let minimum = case["params"]["min_spent"].as_i64().map(money);
        let order = money(case["input"]["total"].as_i64().unwrap());
        let off = Discount::Amount { off: money(1) };
        let applicable = growth::discount(&coupon(off, minimum), order).is_ok();
        assert_eq!(
            Some(applicable),
            case["expect"]["applicable"].as_bool(),
            "{case}"
        );
    }
}
