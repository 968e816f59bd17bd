//! Fields that products have are known, the others are refused by name.

use super::*;

fn shop() -> Shop {
    let mut products = english();
    products[0]
        .attributes
        .insert("weight".into(), json!({"net": 1.2, "parts": [{"lid": 3}]}));
    products[2]
        .properties
        .insert("Material".into(), json!("Steel"));
    products[5].properties.insert("empty".into(), json!(null));
    products[6].properties.insert("a.b".into(), json!(["x", 7]));
    products[7].attributes.insert("Länge".into(), json!(2));
    products[8].tags = vec!["home".into(), "office".into()];
    products[9].tags = vec!["office".into()];
    Shop::new(products)
}

fn refusal(shop: &Shop, request: &SearchRequest) -> Option<(&'static str, String)> {
    match search(&shop.context(), &shop.index, None, request) {
        Ok(_) => None,
        Err(ServeError::Unknown { param, reason }) => Some((param, reason)),
        Err(other) => panic!("{other}"),
    }
}

fn filtered(filter: &str) -> SearchRequest {
    SearchRequest {
        filter: filter.parse().unwrap(),
        ..SearchRequest::default()
    }
}

#[test]
fn a_field_that_no_product_has_is_named_with_its_place_and_its_neighbours() {
    let shop = shop();
    for (filter, parts) in [
        ("colr = \"red\"", ["at character 1:", "\"colr\"", "colour"]),
        (
            "brand = a AND colr = red",
            ["at character 15:", "\"colr\"", "colour"],
        ),
        (
            "NOT (brand = a OR colr EXISTS)",
            ["at character 19:", "\"colr\"", "colour"],
        ),
        ("colr NOT EXISTS", ["at character 1:", "\"colr\"", "colour"]),
        ("colr != red", ["at character 1:", "\"colr\"", "colour"]),
        (
            "colr NOT IN [red]",
            ["at character 1:", "\"colr\"", "colour"],
        ),
        (
            "weight.nett > 1",
            ["at character 1:", "\"weight.nett\"", "weight.net"],
        ),
        (
            "attributes.materiel = x",
            ["at character 1:", "materiel", "properties.material"],
        ),
        (
            "properties.colour = x",
            ["at character 1:", "properties.colour", "colour"],
        ),
        ("pric < 3", ["at character 1:", "\"pric\"", "price"]),
        (
            "width 10 TO 20",
            ["at character 1:", "\"width\"", "products have category"],
        ),
        (
            "品牌 = 小米",
            ["at character 1:", "\"品牌\"", "products have category"],
        ),
    ] {
        let (param, reason) = refusal(&shop, &filtered(filter)).expect(filter);
        assert_eq!(param, "filter");
        for part in parts {
            assert!(reason.contains(part), "{filter}: {reason}");
        }
    }
    let request: SearchRequest = serde_json::from_value(json!({
        "filter": {"attributes": {"colr": ["red"]}},
    }))
    .unwrap();
    assert!(
        refusal(&shop, &request)
            .unwrap()
            .1
            .contains("\"attributes.colr\"")
    );
    let endless = "x".repeat(10_000);
    let (_, reason) = refusal(&shop, &filtered(&format!("{endless} = 1"))).unwrap();
    assert!(reason.len() < 1_000, "{reason}");
}

#[test]
fn an_unknown_order_or_facet_is_refused_too() {
    let shop = shop();
    let sorted = |sort: &str| SearchRequest {
        sort: sort.parse().unwrap(),
        ..SearchRequest::default()
    };
    for (sort, near) in [
        ("colr:asc", "colour"),
        ("-pric", "price"),
        ("newst", "newest"),
    ] {
        let (param, reason) = refusal(&shop, &sorted(sort)).expect(sort);
        assert_eq!(param, "sort");
        assert!(reason.contains(near), "{reason}");
    }
    let faceted = |facet: &str| SearchRequest {
        facets: vec![facet.to_owned()],
        ..SearchRequest::default()
    };
    let (param, reason) = refusal(&shop, &faceted("colr")).unwrap();
    assert_eq!(param, "facets");
    assert!(reason.contains("colour"), "{reason}");
    for known in [
        "*",
        "attributes",
        "colour",
        "attributes.colour",
        "tags",
        "weight.net",
    ] {
        assert_eq!(refusal(&shop, &faceted(known)), None, "{known}");
    }
}

#[test]
fn a_field_that_any_product_has_is_known() {
    let shop = shop();
    for filter in [
        "colour = black",
        "COLOUR = Black",
        "attributes.Colour EXISTS",
        "weight EXISTS",
        "weight.net > 1",
        "weight.parts.lid = 3",
        "material = steel",
        "attributes.material = steel",
        "properties.material NOT EXISTS",
        "properties.empty EXISTS",
        "a.b = 7",
        "properties.a.b IN [x]",
        "länge >= 1",
        "seller = x OR tags = y OR images EXISTS OR id = 1",
        "list_price < 5 OR rating > 4 OR updated_at > 2026",
        "properties EXISTS OR attributes EXISTS",
    ] {
        assert_eq!(refusal(&shop, &filtered(filter)), None, "{filter}");
    }
    let found = |filter: &str| ids(&shop.search(&filtered(filter)));
    assert_eq!(found("material = steel"), ["stand"]);
    assert_eq!(found("weight.parts.lid = 3"), ["laptop"]);
    assert_eq!(found("properties EXISTS").len(), 3);
}

#[test]
fn an_empty_catalogue_refuses_no_field_and_a_new_product_brings_its_own() {
    let mut shop = Shop::new(Vec::new());
    assert_eq!(refusal(&shop, &filtered("colr = red")), None);
    shop.append(english().into_iter().map(Record::Product).collect());
    shop.refresh();
    assert!(refusal(&shop, &filtered("zing = 1")).is_some());
    let mut lamp = product("lamp", "Lamp", &["Lamps"], 5);
    lamp.properties.insert("zing".into(), json!(1));
    shop.append(vec![Record::Product(lamp)]);
    // Known before it is indexed, and after.
    assert_eq!(refusal(&shop, &filtered("zing = 1")), None);
    shop.refresh();
    assert_eq!(ids(&shop.search(&filtered("zing = 1"))), ["lamp"]);
}

#[test]
fn any_field_sorts_and_what_lacks_it_comes_last() {
    let mut products = english();
    products.truncate(5);
    products[0].attributes.insert("depth".into(), json!(10));
    products[1].attributes.insert("depth".into(), json!("9.5"));
    products[2]
        .properties
        .insert("depth".into(), json!([2, 30]));
    products[3].attributes.insert("depth".into(), json!("deep"));
    let shop = Shop::new(products);
    for (sort, order) in [
        ("depth", ["stand", "bag", "laptop", "mouse", "keyboard"]),
        (
            "depth:desc",
            ["laptop", "bag", "stand", "mouse", "keyboard"],
        ),
        ("title:asc", ["laptop", "stand", "bag", "keyboard", "mouse"]),
        ("-id", ["stand", "mouse", "laptop", "keyboard", "bag"]),
    ] {
        let request = SearchRequest {
            sort: sort.parse().unwrap(),
            ..SearchRequest::default()
        };
        assert_eq!(ids(&shop.search(&request)), order, "{sort}");
        let written = serde_json::to_value(&request).unwrap();
        assert_eq!(
            serde_json::from_value::<SearchRequest>(written).unwrap(),
            request
        );
    }
}

#[test]
fn facets_of_other_fields_are_counted() {
    let shop = shop();
    let request = |filter: &str| SearchRequest {
        facets: ["tags", "material", "weight.parts.lid", "properties.a.b"]
            .map(str::to_owned)
            .to_vec(),
        ..filtered(filter)
    };
    let all = shop.search(&request("")).facets;
    let counts = |facet: &str| -> Vec<(&str, u64)> {
        let values = all[facet].iter();
        values.map(|one| (one.value.as_str(), one.count)).collect()
    };
    assert_eq!(counts("tags"), [("office", 2), ("home", 1)]);
    assert_eq!(counts("material"), [("Steel", 1)]);
    assert_eq!(counts("weight.parts.lid"), [("3", 1)]);
    assert_eq!(counts("properties.a.b"), [("7", 1), ("x", 1)]);
    // A chosen one says what another choice would give.
    let chosen = shop.search(&request("tags = home"));
    assert_eq!((chosen.total, chosen.facets["tags"][0].count), (1, 2));
}

#[test]
fn places_filter_and_sort() {
    let mut products = english();
    products.truncate(4);
    for (at, place) in [
        json!({"lat": 48.2, "lng": 11.6}),
        json!({"lat": 52.5, "lng": 13.4}),
        json!("48.137, 11.575"),
    ]
    .into_iter()
    .enumerate()
    {
        products[at].properties.insert("location".into(), place);
    }
    let shop = Shop::new(products);
    let mut request = SearchRequest {
        sort: "_geoPoint(48.137, 11.575):asc".parse().unwrap(),
        ..SearchRequest::default()
    };
    let results = shop.search(&request);
    // What says nothing of its place comes last.
    assert_eq!(ids(&results), ["stand", "laptop", "bag", "mouse"]);
    assert_eq!(results.hits[0].distance_m, Some(0.0));
    assert!((results.hits[1].distance_m.unwrap() - 7_247.0).abs() < 10.0);
    assert_eq!(results.hits[3].distance_m, None);
    request.sort = "_geopoint( 48.137 , 11.575 ):desc".parse().unwrap();
    assert_eq!(
        ids(&shop.search(&request)),
        ["bag", "laptop", "stand", "mouse"]
    );
    let written = serde_json::to_value(&request).unwrap();
    assert_eq!(
        serde_json::from_value::<SearchRequest>(written).unwrap(),
        request
    );
    let near = filtered("_geoRadius(48.137, 11.575, 10000) AND price >= 0");
    let mut found = ids(&shop.search(&near));
    found.sort();
    assert_eq!(found, ["laptop", "stand"]);
    for wrong in [
        "_geoPoint(91, 0)",
        "_geoPoint(1)",
        "_geoPoint(1, 2",
        "_geoPoint(a, b):desc",
    ] {
        assert!(wrong.parse::<Sort>().is_err(), "{wrong}");
    }
    // Where no product has a place, that is said.
    let nowhere = Shop::new(english());
    for request in [near, request] {
        assert!(refusal(&nowhere, &request).unwrap().1.contains("location"));
    }
}
