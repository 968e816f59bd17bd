//! Which fields a filter names, and which fields a product has.

use serde_json::{Map, Value};

use crate::Product;

/// The fields that every product may have.
pub const OWN_FIELDS: [&str; 21] = [
    "id",
    "title",
    "description",
    "brand",
    "category",
    "language",
    "seller",
    "url",
    "images",
    "group_id",
    "tags",
    "price",
    "list_price",
    "currency",
    "rating",
    "rating_count",
    "in_stock",
    "availability",
    "updated_at",
    "attributes",
    "properties",
];

/// Whether this is a field that every product may have.
pub(super) fn is_own(name: &str) -> bool {
    OWN_FIELDS.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// A field that a filter names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedField {
    /// As it was written.
    pub path: String,
    /// At which character of the filter's text, from 1.
    pub character: Option<usize>,
}

/// The fields of a filter's text, in their order. They say what was written,
/// not what is meant: two filters that mean the same are equal whatever
/// these are.
#[derive(Debug, Clone, Default)]
pub struct NamedFields(pub Vec<NamedField>);

impl PartialEq for NamedFields {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Calls `visit` with the path of each field that `product` has beside its
/// own: what stands under `attributes` (`false`) and under `properties`
/// (`true`), at any depth, without that word before it.
pub fn each_field(product: &Product, visit: &mut impl FnMut(&str, bool)) {
    let mut path = String::new();
    each_key(&product.attributes, &mut path, &mut |path| {
        visit(path, false)
    });
    each_key(&product.properties, &mut path, &mut |path| {
        visit(path, true)
    });
}

fn each_key(object: &Map<String, Value>, path: &mut String, visit: &mut impl FnMut(&str)) {
    let length = path.len();
    for (key, value) in object {
        path.push_str(key);
        visit(path);
        path.push('.');
        each_inside(value, path, visit);
        path.truncate(length);
    }
}

/// The objects of a list are looked into, its lists as well.
fn each_inside(value: &Value, path: &mut String, visit: &mut impl FnMut(&str)) {
    match value {
        Value::Object(object) => each_key(object, path, visit),
        Value::Array(list) => list.iter().for_each(|one| each_inside(one, path, visit)),
        _ => {}
    }
}
