use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shop::{Availability, Product, field_values};

/// The most values of one facet that an answer lists.
const MAX_VALUES: usize = 50;
/// Longer attribute values are texts, not choices.
const MAX_VALUE_BYTES: usize = 80;
/// Into how many ranges prices are cut.
const PRICE_RANGES: usize = 4;

/// How many of the found products have a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FacetCount {
    /// The value as a filter takes it; for prices the range as text.
    pub value: String,
    /// How many.
    pub count: u64,
    /// For prices: at least this many minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    /// For prices: at most this many minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
}

/// The values of each product, numbered, so that counting is adding.
#[derive(Debug, Default)]
pub(super) struct FacetTable {
    /// Facet and value by number.
    values: Vec<(String, String)>,
    of_document: Vec<Vec<u32>>,
    prices: Vec<Option<i64>>,
}

impl FacetTable {
    pub(super) fn build(products: &[&Product]) -> Self {
        let mut table = Self::default();
        let mut numbers: FxHashMap<(String, String), u32> = FxHashMap::default();
        for product in products {
            let mut own: Vec<u32> = values_of(product)
                .into_iter()
                .map(|pair| {
                    let next = table.values.len() as u32;
                    let number = *numbers.entry(pair.clone()).or_insert(next);
                    if number == next {
                        table.values.push(pair);
                    }
                    number
                })
                .collect();
            own.sort_unstable();
            own.dedup();
            table.of_document.push(own);
            table.prices.push(product.price.map(|price| price.amount));
        }
        table
    }
}

/// Facets counted over some products.
pub(super) struct FacetCounts {
    asked: Vec<String>,
    values: BTreeMap<String, FxHashMap<String, u64>>,
    prices: Vec<i64>,
}

impl FacetCounts {
    /// Nothing counted yet. Asked for may be `category`, `brand`,
    /// `availability`, `price`, an attribute's name, `attributes` for all of
    /// them, `*` for everything.
    pub(super) fn new(asked: &[String]) -> Self {
        Self {
            asked: asked.to_vec(),
            values: BTreeMap::new(),
            prices: Vec::new(),
        }
    }

    fn wants(&self, facet: &str) -> bool {
        self.asked.iter().any(|asked| {
            let name = asked.strip_prefix("attributes.").unwrap_or(asked);
            name == "*"
                || name.eq_ignore_ascii_case(facet)
                || (name == "attributes" && !is_fixed(facet))
        })
    }

    /// Counts rows of a table.
    pub(super) fn add(&mut self, table: &FacetTable, rows: impl Iterator<Item = usize> + Clone) {
        let mut counts = vec![0_u64; table.values.len()];
        for row in rows.clone() {
            for value in table.of_document.get(row).into_iter().flatten() {
                counts[*value as usize] += 1;
            }
        }
        for ((facet, value), count) in table.values.iter().zip(counts) {
            if count > 0 && self.wants(facet) {
                let values = self.values.entry(facet.clone()).or_default();
                *values.entry(value.clone()).or_default() += count;
            }
        }
        if self.wants("price") {
            let prices = rows.filter_map(|row| table.prices.get(row).copied().flatten());
            self.prices.extend(prices);
        }
    }

    /// The facets with their most frequent values.
    pub(super) fn finish(self) -> BTreeMap<String, Vec<FacetCount>> {
        let with_prices = self.wants("price");
        let mut facets: BTreeMap<String, Vec<FacetCount>> = BTreeMap::new();
        for (facet, values) in self.values {
            facets.insert(facet, most_frequent(values));
        }
        if with_prices {
            facets.insert("price".to_owned(), price_ranges(self.prices));
        }
        facets
    }
}

/// Counts facets that no table is kept for: each product is asked.
pub(super) fn count_by_looking<'a>(
    products: impl Iterator<Item = &'a Product>,
    facets: Vec<String>,
) -> BTreeMap<String, Vec<FacetCount>> {
    let mut counts: Vec<FxHashMap<String, u64>> = vec![FxHashMap::default(); facets.len()];
    if !facets.is_empty() {
        for product in products {
            for (facet, counts) in facets.iter().zip(&mut counts) {
                let values = field_values(product, facet);
                let mut values: Vec<String> = values.iter().map(shown).collect();
                values.sort_unstable();
                values.dedup();
                values.retain(|value| !value.is_empty() && value.len() <= MAX_VALUE_BYTES);
                for value in values {
                    *counts.entry(value).or_default() += 1;
                }
            }
        }
    }
    let lists = counts.into_iter().map(most_frequent);
    let lists = facets.into_iter().zip(lists);
    lists.filter(|(_, list)| !list.is_empty()).collect()
}

fn most_frequent(values: FxHashMap<String, u64>) -> Vec<FacetCount> {
    let list = values.into_iter().map(|(value, count)| FacetCount {
        value,
        count,
        min: None,
        max: None,
    });
    let mut list: Vec<FacetCount> = list.collect();
    list.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    list.truncate(MAX_VALUES);
    list
}

/// Facets that the table has in columns of their own.
pub(super) fn is_fixed(facet: &str) -> bool {
    ["category", "brand", "availability", "price"].contains(&facet)
}

fn values_of(product: &Product) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut push = |facet: &str, value: &str| {
        if !value.is_empty() && value.len() <= MAX_VALUE_BYTES {
            pairs.push((facet.to_owned(), value.to_owned()));
        }
    };
    for part in &product.category {
        push("category", part);
    }
    push("brand", product.brand.as_deref().unwrap_or_default());
    push("availability", availability_name(product.availability));
    for (name, value) in &product.attributes {
        // A shop's own attribute must not count as a field of ours.
        if is_fixed(&name.to_lowercase()) {
            continue;
        }
        match value {
            Value::Array(values) => values.iter().for_each(|value| push(name, &shown(value))),
            Value::Object(_) | Value::Null => {}
            other => push(name, &shown(other)),
        }
    }
    pairs
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn availability_name(availability: Availability) -> &'static str {
    match availability {
        Availability::InStock => "in_stock",
        Availability::LimitedStock => "limited_stock",
        Availability::Backorder => "backorder",
        Availability::Preorder => "preorder",
        Availability::OutOfStock => "out_of_stock",
        Availability::Discontinued => "discontinued",
    }
}

/// Ranges with about equally many products, cut at round numbers.
fn price_ranges(mut prices: Vec<i64>) -> Vec<FacetCount> {
    prices.sort_unstable();
    if prices.is_empty() {
        return Vec::new();
    }
    let mut cuts: Vec<i64> = (1..PRICE_RANGES)
        .map(|part| rounded(prices[part * prices.len() / PRICE_RANGES]))
        .collect();
    cuts.dedup();
    let mut ranges = Vec::new();
    let mut from: Option<i64> = None;
    for to in cuts.iter().copied().map(Some).chain([None]) {
        let first = from.map_or(0, |from| prices.partition_point(|price| *price < from));
        let last = to.map_or(prices.len(), |to| {
            prices.partition_point(|price| *price < to)
        });
        if last > first {
            let max = to.map(|to| to - 1);
            let bound = |bound: Option<i64>| bound.map(|b| b.to_string()).unwrap_or_default();
            ranges.push(FacetCount {
                value: format!("{}..{}", bound(from), bound(max)),
                count: (last - first) as u64,
                min: from,
                max,
            });
        }
        from = to;
    }
    ranges
}

/// The nearest number with one digit (or two, ending in 5) and zeros.
fn rounded(amount: i64) -> i64 {
    let mut unit = 1;
    while amount / unit >= 20 {
        unit *= 10;
    }
    let unit = (unit / 2).max(1);
    (amount + unit / 2) / unit * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_price_is_in_exactly_one_range() {
        for prices in [vec![100], vec![5; 9], (1..400).map(|n| n * 37).collect()] {
            let ranges = price_ranges(prices.clone());
            let count: u64 = ranges.iter().map(|range| range.count).sum();
            assert_eq!(count, prices.len() as u64);
            for range in ranges {
                let inside = prices.iter().filter(|price| {
                    range.min.is_none_or(|min| **price >= min)
                        && range.max.is_none_or(|max| **price <= max)
                });
                assert_eq!(inside.count() as u64, range.count);
            }
        }
    }
}
