use super::*;
use crate::{Currency, Id, Money};

fn shoe() -> Product {
    let mut shoe = Product::new(Id::new("1").unwrap(), "Shoe".into());
    shoe.category = vec!["Clothes".into(), "Shoes".into()];
    shoe.price = Some(Money::new(4_999, Currency::USD));
    shoe.attributes.insert("colour".into(), "Red".into());
    shoe.attributes.insert("size".into(), 42.5.into());
    let sole = serde_json::json!({"material": ["Rubber", "Leather"]});
    shoe.attributes.insert("sole".into(), sole);
    let place = serde_json::json!({"lat": 48.137, "lng": 11.575});
    shoe.properties.insert("location".into(), place);
    shoe
}

#[test]
fn conditions() {
    for (text, accepts) in [
        ("", true),
        ("category = shoes", true),
        ("category = \"Shoes\" AND price <= 4999", true),
        ("price < 4999", false),
        ("price > 4998 AND price < 5000", true),
        ("in_stock = true", true),
        ("in_stock = false", false),
        ("colour = red", true),
        ("attributes.colour IN [blue, red]", true),
        ("colour = blue", false),
        ("brand = acme", false),
        (r#"{"category": "Shoes", "price": {"max": 5000}}"#, true),
        ("brand = acme OR category = shoes", true),
        ("NOT (brand = acme OR category = shoes)", false),
        ("category = shoes AND category = clothes", true),
        ("category = shoes AND category = hats", false),
        ("category != hats AND NOT brand EXISTS", true),
        ("brand NOT EXISTS and price 4000 TO 4999", true),
        ("price = 4999", true),
        ("price IN [1, 2]", false),
        ("size >= 42 AND size < 43.5", true),
        ("attributes.size > 43", false),
        ("sole.material = rubber", true),
        ("sole.material NOT IN [rubber, cork]", false),
        ("attributes.sole.height EXISTS", false),
        ("\"colour\" = 'red'", true),
        ("colour = \"r\\\"ed\"", false),
        ("colour IN []", false),
        (r#"{"where": "brand = acme OR price < 5000"}"#, true),
        ("_geoRadius(48.1, 11.5, 10000)", true),
        ("_georadius( 48.1 , 11.5,1000 ) AND category = shoes", false),
        ("NOT _geoRadius(-33.9, 151.2, 1e6)", true),
        (r#"{"brand": "acme", "where": "price < 5000"}"#, false),
    ] {
        assert_eq!(
            text.parse::<Filter>().unwrap().accepts(&shoe()),
            accepts,
            "{text}"
        );
    }
    for text in [
        "price <= cheap",
        "shoes",
        "= 3",
        "brand < x",
        "{\"colour\": 1}",
    ] {
        assert!(text.parse::<Filter>().is_err(), "{text}");
    }
}

#[test]
fn an_error_says_where_and_what_was_expected() {
    for (text, part) in [
        ("price <", "at character 8: expected a value, found the end"),
        ("shoes", "at character 6: expected =, !=, <"),
        ("(brand = a", "at character 11: expected AND, OR or \")\""),
        (
            "brand = a) AND",
            "at character 10: expected AND, OR or the end",
        ),
        ("brand IN a", "at character 10: expected a list"),
        ("brand = \"a", "at character 9: the text that begins here"),
        ("AND brand = a", "at character 5: expected =, !="),
        ("品牌 = ", "at character 5: expected a value"),
        ("price >= cheap", "not a whole number"),
        ("in_stock = maybe", "true or false"),
        (
            "_geoRadius(48.1, 11.5)",
            "at character 22: expected a latitude",
        ),
        (
            "_geoRadius(98.1, 11.5, 5)",
            "at character 25: expected a latitude of -90",
        ),
        (
            "_geoRadius(48.1, x, 5)",
            "at character 18: expected a latitude",
        ),
    ] {
        let error = text.parse::<Filter>().unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
    let deep = format!("{}brand = a", "(".repeat(10_000));
    assert!(deep.parse::<Filter>().is_err());
    let many = vec!["a = b"; 300].join(" OR ");
    assert!(many.parse::<Filter>().is_err());
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[a-z<>=!()\\[\\]\"', 0-9品]{0,40}|((price|NOT|AND|OR|IN|\\(|\\)|<|=|[a-z]|\\[|,|TO|EXISTS) ){0,12}") {
        if let Ok(filter) = text.parse::<Filter>() {
            let accepts = filter.accepts(&shoe());
            let json = serde_json::to_string(&filter).unwrap();
            let back: Filter = serde_json::from_str(&json).unwrap();
            proptest::prop_assert_eq!(&filter, &back, "{}", json);
            proptest::prop_assert_eq!(accepts, back.accepts(&shoe()));
        }
    }
}
