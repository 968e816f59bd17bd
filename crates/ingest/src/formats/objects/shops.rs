//! What shops say of their goods: pages in schema.org's words, and what the
//! formats of shop programs share.

use serde_json::{Map, Value, json};
use shop::{Kind, RecordError, Timestamp};

use super::super::Context;
use super::{at, objects, text};
use crate::assemble::products::{Family, product};
use crate::assemble::{Outcome, Setting, assemble};
use crate::dates::Clock;
use crate::intake::{Intake, Stopped};
use crate::row::{Fields, text_of};

/// A field, its number where it has one, and what it says.
pub(super) type Said = (&'static str, u16, Value);

pub(super) fn setting(context: &Context<'_>) -> Setting {
    Setting {
        prices: context.prices,
        clock: Clock::default(),
        known: Default::default(),
        grouped: false,
    }
}

/// Takes what was made of a row, with what the program itself calls it.
pub(super) fn take_named(
    kind: Kind,
    made: Result<Map<String, Value>, RecordError>,
    names: &[(&str, Value)],
    row: &Map<String, Value>,
    context: &Context<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let made = made.map(|mut made| {
        let properties = made.entry("properties").or_insert_with(|| json!({}));
        let said = names.iter().filter(|(_, value)| !value.is_null());
        if let Value::Object(properties) = properties {
            properties.extend(said.map(|(name, value)| ((*name).to_owned(), value.clone())));
        }
        made
    });
    context.take(kind, made, row, intake)
}

/// Takes an order whose lines these are.
pub(super) fn take_order(
    lines: &[Vec<Said>],
    names: &[(&str, Value)],
    row: &Map<String, Value>,
    context: &Context<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    if lines.is_empty() {
        let none = Err(RecordError::new("line_items", "empty: an order has lines"));
        return context.take(Kind::Orders, none, row, intake);
    }
    let lines: Vec<Fields<'_>> = lines.iter().map(|said| Fields::said(said)).collect();
    for (_, outcome) in assemble(Kind::Orders, &lines, &setting(context)) {
        let made = match outcome {
            Outcome::Record(order) => Ok(order),
            Outcome::Rejected(error) => Err(error),
            Outcome::Ignored(_) => continue,
        };
        take_named(Kind::Orders, made, names, row, context, intake)?;
    }
    Ok(())
}

/// Takes a customer of whom this is said.
pub(super) fn take_customer(
    said: &[Said],
    names: &[(&str, Value)],
    row: &Map<String, Value>,
    context: &Context<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    for (_, outcome) in assemble(Kind::Customers, &[Fields::said(said)], &setting(context)) {
        let made = match outcome {
            Outcome::Record(customer) => Ok(customer),
            Outcome::Rejected(error) => Err(error),
            Outcome::Ignored(_) => continue,
        };
        take_named(Kind::Customers, made, names, row, context, intake)?;
    }
    Ok(())
}

/// When a program last changed a thing; nothing where it does not say.
pub(super) fn moment(value: &Value) -> Value {
    let time: Option<Timestamp> = Clock::default().read(value, "updated_at").ok();
    time.map_or(Value::Null, |time| json!(time))
}

/// The first text of these that says something.
pub(super) fn first_text(row: &Map<String, Value>, paths: &[&[&str]]) -> Value {
    let mut texts = paths.iter().map(|path| text(row, path));
    texts.find_map(|text| text).map_or(Value::Null, Value::from)
}

/// These texts in one, without those that say nothing.
pub(super) fn joined(texts: &[Option<String>], between: &str) -> Value {
    let said: Vec<&str> = texts.iter().flatten().map(String::as_str).collect();
    match said.is_empty() {
        true => Value::Null,
        false => json!(said.join(between)),
    }
}

/// An object of schema.org's vocabulary: a product, or a group of variants.
pub(super) fn schema_org(
    row: &Map<String, Value>,
    context: &Context<'_>,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let of_type = |row: &Map<String, Value>| {
        let value = at(row, &["@type"]);
        let first = value
            .as_array()
            .and_then(|list| list.first())
            .unwrap_or(value);
        let name = text_of(first).unwrap_or_default();
        name.rsplit(['/', ':'])
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    match of_type(row).as_str() {
        "Product" | "IndividualProduct" | "SomeProducts" | "ProductModel" => {
            let made = thing(row, None, None, context);
            context.take(Kind::Products, made, row, intake)
        }
        "ProductGroup" => {
            let group = text(row, &["productGroupID"]).or_else(|| text(row, &["@id"]));
            let group = group.or_else(|| text(row, &["name"])).unwrap_or_default();
            for variant in objects(row, &["hasVariant"]) {
                let made = thing(variant, Some(row), Some(&group), context);
                context.take(Kind::Products, made, variant, intake)?;
            }
            Ok(())
        }
        other => {
            intake.ignore(other);
            Ok(())
        }
    }
}

fn thing(
    row: &Map<String, Value>,
    parent: Option<&Map<String, Value>>,
    group: Option<&str>,
    context: &Context<'_>,
) -> Result<Map<String, Value>, RecordError> {
    let said = thing_says(row);
    let shared = parent.map(thing_says).unwrap_or_default();
    let family = group.map(|key| Family {
        key,
        several: true,
        rows: &[],
    });
    let parent = Fields::said(&shared);
    product(
        &Fields::said(&said),
        Some(&parent),
        family.as_ref(),
        &setting(context),
    )
}

fn thing_says(row: &Map<String, Value>) -> Vec<Said> {
    let named = |key: &str| {
        let value = at(row, &[key]);
        value.get("name").unwrap_or(value).clone()
    };
    let first = |keys: &[&str]| {
        let mut values = keys.iter().map(|key| at(row, &[key]));
        values
            .find(|value| text_of(value).is_some())
            .cloned()
            .unwrap_or_default()
    };
    let offer = |keys: &[&str]| {
        let mut values = keys.iter().map(|key| at(row, &["offers", key]));
        values
            .find(|value| !value.is_null())
            .cloned()
            .unwrap_or_default()
    };
    let image = match at(row, &["image"]) {
        Value::Object(image) => at(image, &["url"]).clone(),
        image => image.clone(),
    };
    let mut said: Vec<Said> = vec![
        (
            "sku",
            0,
            first(&["sku", "productID", "mpn", "gtin13", "gtin", "@id", "url"]),
        ),
        ("title", 0, first(&["name"])),
        ("description", 0, first(&["description"])),
        ("brand", 0, named("brand")),
        ("category", 0, first(&["category"])),
        ("url", 0, first(&["url"])),
        ("images", 0, image),
        ("price", 0, offer(&["price", "lowPrice"])),
        ("currency", 0, offer(&["priceCurrency"])),
        ("availability", 0, offer(&["availability"])),
        (
            "rating",
            0,
            at(row, &["aggregateRating", "ratingValue"]).clone(),
        ),
        (
            "rating_count",
            0,
            at(row, &["aggregateRating", "reviewCount"]).clone(),
        ),
    ];
    for (number, name) in (1..).zip(["color", "size", "material", "pattern"]) {
        if let Some(value) = text(row, &[name]) {
            said.push(("option_name", number, json!(name)));
            said.push(("option_value", number, json!(value)));
        }
    }
    said
}
