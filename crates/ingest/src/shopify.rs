//! Shopify's product table: a product is a run of rows with one `Handle`,
//! the first with its texts, each with a variant, a picture or both.

use std::io::BufRead;

use rustc_hash::FxHashSet;
use serde_json::{Map, Value, json};
use shop::{Currency, Kind, Record, RecordError};

use super::csv_rows::{Fields, Row, Table};
use super::html::to_text;
use super::intake::{Intake, Stopped};
use super::money::price;
use super::read::Halt;
use super::{ImportOptions, Rejected};

/// Shopify allows 2,048 variants, and pictures come on top.
const MOST_ROWS: usize = 4_096;

pub(super) fn read(
    stream: impl BufRead,
    delimiter: u8,
    options: &ImportOptions,
    intake: &mut Intake<'_>,
) -> Result<(), Halt> {
    let mut table = Table::open(stream, delimiter)?;
    let mut reader = Reader {
        columns: Columns::of(&table),
        currency: options.currency(),
        options,
        codes: FxHashSet::default(),
    };
    let mut group: Vec<Fields> = Vec::new();
    loop {
        let row = match table.next() {
            Ok(row) => row,
            Err(halt) => {
                reader.finish(&mut group, intake)?;
                return Err(halt);
            }
        };
        match row {
            None => return Ok(reader.finish(&mut group, intake)?),
            Some(Row::Broken(rejected)) => intake.reject(rejected)?,
            Some(Row::Fields(row)) => {
                let handle = reader.columns.value(&row, "handle");
                let same = group
                    .first()
                    .is_some_and(|first| reader.columns.value(first, "handle") == handle);
                if handle.is_empty() {
                    let reason = "missing, and it says which product the row belongs to";
                    intake.reject(Rejected::new(
                        row.line,
                        "Handle",
                        reason,
                        row.raw.as_bytes(),
                    ))?;
                    continue;
                }
                if !same || group.len() >= MOST_ROWS {
                    reader.finish(&mut group, intake)?;
                }
                group.push(row);
            }
        }
    }
}

/// Where each column stands.
struct Columns(Vec<String>);

impl Columns {
    fn of<R: BufRead>(table: &Table<R>) -> Self {
        Self(table.columns().to_vec())
    }

    /// The row's field in this column; empty where there is none.
    fn value<'r>(&self, row: &'r Fields, column: &str) -> &'r str {
        self.0
            .iter()
            .position(|name| name == column)
            .and_then(|place| row.values.get(place))
            .map_or("", |value| value.trim())
    }
}

struct Reader<'o> {
    columns: Columns,
    currency: Currency,
    options: &'o ImportOptions,
    /// Stock-keeping units that name a variant already.
    codes: FxHashSet<String>,
}

impl Reader<'_> {
    /// Makes products of the rows of one handle.
    fn finish(&mut self, group: &mut Vec<Fields>, intake: &mut Intake<'_>) -> Result<(), Stopped> {
        let rows = std::mem::take(group);
        let Some(first) = rows.first() else {
            return Ok(());
        };
        let variants: Vec<&Fields> = rows
            .iter()
            .enumerate()
            .filter(|(place, row)| *place == 0 || self.is_variant(row))
            .map(|(_, row)| row)
            .collect();
        let shared = self.shared(first, &rows);
        let options = self.option_names(first);
        for variant in &variants {
            let made = self.product(&shared, &options, first, variant, variants.len() > 1);
            intake.take(made, variant.line, variant.raw.as_bytes())?;
        }
        Ok(())
    }

    fn is_variant(&self, row: &Fields) -> bool {
        ["option1_value", "variant_price", "variant_sku"]
            .iter()
            .any(|column| !self.columns.value(row, column).is_empty())
    }

    /// What all variants of a product share.
    fn shared(&self, first: &Fields, rows: &[Fields]) -> Map<String, Value> {
        let value = |column: &str| self.columns.value(first, column);
        let mut shared = Map::new();
        shared.insert("title".to_owned(), json!(value("title")));
        shared.insert("description".to_owned(), json!(to_text(value("body_html"))));
        shared.insert("brand".to_owned(), json!(value("vendor")));
        let kind = match value("type") {
            "" => value("custom_product_type"),
            kind => kind,
        };
        let category = match value("product_category") {
            "" => value("standard_product_type"),
            category => category,
        };
        shared.insert(
            "category".to_owned(),
            json!(if category.is_empty() { kind } else { category }),
        );
        let tags = value("tags").split(',').map(str::trim);
        let tags: Vec<&str> = tags.filter(|tag| !tag.is_empty()).collect();
        shared.insert("tags".to_owned(), json!(tags));
        let mut images: Vec<(u32, &str)> = rows
            .iter()
            .map(|row| {
                let place = self.columns.value(row, "image_position").parse();
                (
                    place.unwrap_or(u32::MAX),
                    self.columns.value(row, "image_src"),
                )
            })
            .filter(|(_, address)| !address.is_empty())
            .collect();
        images.sort_by_key(|(place, _)| *place);
        images.dedup();
        let images: Vec<&str> = images.into_iter().map(|(_, address)| address).collect();
        shared.insert("images".to_owned(), json!(images));
        let mut properties = Map::new();
        properties.insert("handle".to_owned(), json!(value("handle")));
        for (column, name) in [
            ("seo_title", "seo_title"),
            ("seo_description", "seo_description"),
            ("gift_card", "gift_card"),
            ("status", "status"),
            ("published", "published"),
        ] {
            if !value(column).is_empty() {
                properties.insert(name.to_owned(), json!(value(column)));
            }
        }
        if !category.is_empty() && !kind.is_empty() {
            properties.insert("type".to_owned(), json!(kind));
        }
        shared.insert("properties".to_owned(), Value::Object(properties));
        shared
    }

    /// `Colour`, `Size`: only the first row of a product names them.
    fn option_names(&self, first: &Fields) -> Vec<(String, String)> {
        (1..=3)
            .map(|number| {
                let name = self.columns.value(first, &format!("option{number}_name"));
                (name.to_owned(), format!("option{number}_value"))
            })
            .filter(|(name, _)| !name.is_empty())
            .collect()
    }

    fn product(
        &mut self,
        shared: &Map<String, Value>,
        options: &[(String, String)],
        first: &Fields,
        variant: &Fields,
        several: bool,
    ) -> Result<Record, RecordError> {
        let handle = self.columns.value(first, "handle").to_owned();
        let mut row = shared.clone();
        let mut attributes = Map::new();
        let mut choice = Vec::new();
        for (name, column) in options {
            let value = self.columns.value(variant, column);
            if !value.is_empty() && value != "Default Title" {
                attributes.insert(name.clone(), json!(value));
                choice.push(value.to_owned());
            }
        }
        let code = self
            .columns
            .value(variant, "variant_sku")
            .trim_start_matches('\'');
        let id = if !code.is_empty() && self.codes.insert(code.to_owned()) {
            code.to_owned()
        } else if several {
            format!("{handle}/{}", choice.join("/"))
        } else {
            handle.clone()
        };
        let barcode = self.columns.value(variant, "variant_barcode");
        if !barcode.is_empty() {
            attributes.insert(
                "barcode".to_owned(),
                json!(barcode.trim_start_matches('\'')),
            );
        }
        row.insert("id".to_owned(), json!(id));
        if several {
            row.insert("group_id".to_owned(), json!(handle));
        }
        row.insert("attributes".to_owned(), Value::Object(attributes));
        row.insert(
            "availability".to_owned(),
            json!(self.availability(first, variant)),
        );
        self.prices(variant, &mut row)?;
        let picture = self.columns.value(variant, "variant_image");
        if !picture.is_empty()
            && let Some(Value::Array(images)) = row.get_mut("images")
        {
            images.retain(|image| image != picture);
            images.insert(0, json!(picture));
        }
        Record::from_json(Kind::Products, row, self.options.now)
    }

    fn prices(&self, variant: &Fields, row: &mut Map<String, Value>) -> Result<(), RecordError> {
        let read = |column: &str, shown: &str| {
            let text = self.columns.value(variant, column);
            (!text.is_empty())
                .then(|| price(text, self.currency, "", shown))
                .transpose()
        };
        let now = read("variant_price", "Variant Price")?;
        let before = read("variant_compare_at_price", "Variant Compare At Price")?;
        row.insert("price".to_owned(), json!(now));
        if let (Some(now), Some(before)) = (now, before)
            && before.amount > now.amount
        {
            row.insert("list_price".to_owned(), json!(before));
        }
        Ok(())
    }

    fn availability(&self, first: &Fields, variant: &Fields) -> &'static str {
        let status = self.columns.value(first, "status").to_ascii_lowercase();
        let published = self.columns.value(first, "published").to_ascii_lowercase();
        if matches!(status.as_str(), "draft" | "archived") || published == "false" {
            return "discontinued";
        }
        let tracked = !self
            .columns
            .value(variant, "variant_inventory_tracker")
            .is_empty();
        let quantity: Option<i64> = self
            .columns
            .value(variant, "variant_inventory_qty")
            .parse()
            .ok();
        let sold_anyway = self.columns.value(variant, "variant_inventory_policy") == "continue";
        match quantity {
            Some(quantity) if tracked && quantity <= 0 && sold_anyway => "backorder",
            Some(quantity) if tracked && quantity <= 0 => "out_of_stock",
            Some(quantity) if tracked && quantity <= 3 => "limited_stock",
            _ => "in_stock",
        }
    }
}
