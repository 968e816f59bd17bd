//! Products: a row, or the rows of one product and its variants.

use serde_json::{Map, Value, json};
use shop::{Money, RecordError};

use super::{Made, Outcome, Setting, derived, id_of, list, number, put, put_id, rest};
use crate::html::to_text;
use crate::row::{Fields, text_of};
use crate::words;

/// Makes products of the rows of one product: each a variant, a picture or
/// the parent of the others.
pub(super) fn group(rows: &[Fields<'_>], setting: &Setting) -> Vec<Made> {
    let Some(first) = rows.first() else {
        return Vec::new();
    };
    let variants: Vec<usize> = (0..rows.len())
        .filter(|place| is_variant(&rows[*place]))
        .collect();
    let parent_alone =
        rows.len() > 1 && variants.iter().any(|place| *place > 0) && is_parent(first, rows);
    let key = first.text("group").filter(|_| setting.grouped);
    let mut made = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        if row
            .text("row_kind")
            .is_some_and(|kind| !is_known_kind(&kind))
        {
            made.push((place, Outcome::Ignored("rows that are no products")));
        } else if (place == 0 && !parent_alone) || (place > 0 && variants.contains(&place)) {
            let several = variants
                .iter()
                .filter(|variant| **variant > 0 || !parent_alone)
                .count()
                > 1
                || parent_alone;
            let family = key.as_deref().map(|key| Family { key, several, rows });
            let parent = (place > 0).then_some(first);
            made.push((place, product(row, parent, family.as_ref(), setting).into()));
        }
    }
    made
}

/// Whether a row below the first is more than one more picture.
fn is_variant(row: &Fields<'_>) -> bool {
    ["id", "sku", "price", "option_value", "surcharge"]
        .iter()
        .any(|field| row.has(field))
}

/// Whether the first row only speaks for those below it.
fn is_parent(first: &Fields<'_>, rows: &[Fields<'_>]) -> bool {
    let kind = first.text("row_kind").map(|kind| kind.to_lowercase());
    match kind.as_deref() {
        Some("product") => rows[1..].iter().any(|row| {
            row.text("row_kind")
                .is_some_and(|kind| is_child_kind(&kind))
        }),
        _ => !first.has("sku") && !first.has("price") && !first.has("option_value"),
    }
}

/// The words of a column that says what a row is.
pub(crate) fn is_child_kind(kind: &str) -> bool {
    matches!(
        kind.trim().to_lowercase().as_str(),
        "variant" | "variation" | "sku"
    )
}

fn is_known_kind(kind: &str) -> bool {
    is_child_kind(kind) || kind.trim().eq_ignore_ascii_case("product")
}

/// What the variants of a product share.
pub(crate) struct Family<'a> {
    /// The handle or number of the product.
    pub(crate) key: &'a str,
    /// Whether there is more than one to choose from.
    pub(crate) several: bool,
    /// All rows of it.
    pub(crate) rows: &'a [Fields<'a>],
}

/// A row, and the one that speaks where it is silent.
struct Pair<'a> {
    own: &'a Fields<'a>,
    parent: Option<&'a Fields<'a>>,
}

impl<'a> Pair<'a> {
    fn value(&self, field: &str) -> Option<&'a Value> {
        let parent = || self.parent.and_then(|parent| parent.value(field));
        self.own.value(field).or_else(parent)
    }

    fn text(&self, field: &str) -> Option<String> {
        self.value(field).and_then(text_of)
    }
}

/// Makes a product of a row.
pub(crate) fn product(
    own: &Fields<'_>,
    parent: Option<&Fields<'_>>,
    family: Option<&Family<'_>>,
    setting: &Setting,
) -> Result<Map<String, Value>, RecordError> {
    let pair = Pair { own, parent };
    let mut row = Map::new();
    let attributes = attributes(&pair);
    let title = title(&pair)
        .map(|title| to_text(&title))
        .unwrap_or_default();
    if title.trim().is_empty() {
        return Err(RecordError::new(
            "title",
            "missing or empty, and it is required",
        ));
    }
    put_id(
        &mut row,
        "id",
        Some(&id(&pair, family, &attributes, &title, setting)?),
    );
    put(&mut row, "title", Some(title));
    put(&mut row, "description", description(&pair));
    for field in ["brand", "url", "seller", "language"] {
        put(&mut row, field, pair.text(field));
    }
    put(&mut row, "category", category(&pair));
    put(
        &mut row,
        "tags",
        pair.value("tags")
            .map(|tags| json!(list(tags, &[',', ';']))),
    );
    put(&mut row, "images", Some(json!(images(&pair, family))));
    if let Some(value) = own.value("updated_at") {
        put(
            &mut row,
            "updated_at",
            Some(json!(setting.clock.read(value, own.column("updated_at"))?)),
        );
    }
    for field in ["rating", "rating_count"] {
        put(
            &mut row,
            field,
            pair.value(field)
                .and_then(number)
                .map(|number| match field {
                    "rating" => json!(number),
                    _ => json!(number as u64),
                }),
        );
    }
    put_prices(&mut row, &pair, setting)?;
    put(&mut row, "availability", availability(&pair, setting)?);
    let group = match family {
        Some(family) if family.several => Some(family.key.to_owned()),
        Some(_) => None,
        None => pair.text("group"),
    };
    put_id(&mut row, "group_id", group.as_deref());
    put(&mut row, "attributes", Some(Value::Object(attributes)));
    let properties = properties(&pair, family, group.is_some());
    put(&mut row, "properties", Some(Value::Object(properties)));
    Ok(row)
}

/// The title of a variant that has none, or nothing but its choice, is its
/// product's.
fn title(pair: &Pair<'_>) -> Option<String> {
    let own = pair.own.text("title");
    match (own, pair.parent) {
        (Some(own), Some(parent)) if own.starts_with('[') => parent.text("title").or(Some(own)),
        (own, _) => own.or_else(|| pair.text("title")),
    }
}

fn description(pair: &Pair<'_>) -> Option<String> {
    let plain = pair.text("description").map(|text| to_text(&text));
    let escaped = || {
        let text = pair.text("description_escaped")?;
        Some(to_text(&text.replace("\\n", "\n")))
    };
    plain.or_else(escaped)
}

fn id(
    pair: &Pair<'_>,
    family: Option<&Family<'_>>,
    attributes: &Map<String, Value>,
    title: &str,
    setting: &Setting,
) -> Result<String, RecordError> {
    let written = pair.own.text("id").or_else(|| pair.own.text("sku"));
    if let Some(written) = written.map(|text| id_of(&text)).filter(|id| !id.is_empty()) {
        return Ok(written);
    }
    if setting.known.contains("id") && family.is_none() {
        return Err(RecordError::new(
            "id",
            "missing or empty, and it is required",
        ));
    }
    let choices: Vec<String> = attributes.values().filter_map(text_of).collect();
    Ok(match family {
        Some(family) if family.several && !choices.is_empty() => {
            format!("{}/{}", family.key, choices.join("/"))
        }
        Some(family) => family.key.to_owned(),
        None => {
            let choices = choices.join("\u{1f}");
            derived("product", &[title, &choices])
        }
    })
}

/// The deepest path of several.
fn category(pair: &Pair<'_>) -> Option<Value> {
    if let Some(value) = pair.value("category") {
        let text = match value {
            Value::Array(_) => return Some(json!(list(value, &[]))),
            _ => text_of(value)?,
        };
        // Google's numbers of categories say nothing here.
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let first = text.split(',').next().unwrap_or_default();
        let path = if first.contains('>') { first } else { &text };
        let separator: &[char] = if path.contains('>') { &['>'] } else { &['/'] };
        return Some(json!(list(&json!(path), separator)));
    }
    let paths = list(pair.value("categories")?, &[',', ';', '|']);
    let parts = |path: &String| list(&json!(path), &['>', '/']);
    let longest = paths.iter().rev().max_by_key(|path| parts(path).len())?;
    Some(json!(parts(longest)))
}

fn images(pair: &Pair<'_>, family: Option<&Family<'_>>) -> Vec<String> {
    let of = |fields: &Fields<'_>| -> Vec<String> {
        let values = fields.all("images");
        values
            .flat_map(|value| list(value, &[',', ';', '|', ' ']))
            .collect()
    };
    let mut images = list(pair.own.value("image").unwrap_or(&Value::Null), &[]);
    let mut shared: Vec<(f64, String)> = Vec::new();
    let single = [pair.own];
    let rows: Vec<&Fields<'_>> = match family {
        Some(family) if !family.rows.is_empty() => family.rows.iter().collect(),
        _ => single.into_iter().chain(pair.parent).collect(),
    };
    for row in rows {
        let place = row
            .value("image_position")
            .and_then(number)
            .unwrap_or(f64::MAX);
        shared.extend(of(row).into_iter().map(|image| (place, image)));
    }
    shared.sort_by(|(left, _), (right, _)| left.total_cmp(right));
    for (_, image) in shared {
        if !images.contains(&image) {
            images.push(image);
        }
    }
    images
}

/// What a variant is chosen by.
fn attributes(pair: &Pair<'_>) -> Map<String, Value> {
    let mut attributes = Map::new();
    for number in pair.own.numbers("option_value") {
        let Some(value) = pair.own.numbered("option_value", number).and_then(text_of) else {
            continue;
        };
        let inherited = || {
            pair.parent
                .and_then(|parent| parent.numbered("option_name", number))
        };
        let name = pair.own.numbered("option_name", number).or_else(inherited);
        let name = name.and_then(text_of).map(|name| option_label(pair, name));
        if value != "Default Title" {
            attributes.insert(
                name.unwrap_or_else(|| format!("Option {number}")),
                json!(value),
            );
        }
    }
    // `[RT]Size=Small` in the place of a title
    let title = pair
        .own
        .text("title")
        .filter(|title| title.starts_with('['));
    for (name, value) in title.iter().flat_map(|title| pairs(title)) {
        let name = name.rsplit(']').next().unwrap_or_default().to_owned();
        attributes.insert(name, json!(value));
    }
    for (column, value) in pair.own.named("attribute") {
        attributes.insert(column.trim_start_matches("g:").to_owned(), value.clone());
    }
    match pair.own.value("attributes") {
        Some(Value::Object(object)) => attributes.extend(object.clone()),
        Some(Value::String(text)) => {
            attributes.extend(
                pairs(text)
                    .into_iter()
                    .map(|(name, value)| (name, json!(value))),
            );
        }
        _ => {}
    }
    for value in attributes.values_mut() {
        if let Value::String(text) = value {
            *text = text.trim_start_matches('\'').to_owned();
        }
    }
    attributes
}

/// `Key0` is called what its parent says.
fn option_label(pair: &Pair<'_>, name: String) -> String {
    let lists = |field| pair.text(field).map(|text| list(&json!(text), &['|']));
    let (Some(keys), Some(labels)) = (lists("option_keys"), lists("option_labels")) else {
        return name;
    };
    let place = keys.iter().position(|key| *key == name);
    place
        .and_then(|place| labels.get(place).cloned())
        .unwrap_or(name)
}

/// `color=Green,season=Summer|Winter`
fn pairs(text: &str) -> Vec<(String, String)> {
    let parts = text.split(',').filter_map(|part| part.split_once('='));
    let parts = parts.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
    parts
        .filter(|(name, value)| !name.is_empty() && !value.is_empty())
        .collect()
}

/// What it costs now, and what it cost before.
fn put_prices(
    row: &mut Map<String, Value>,
    pair: &Pair<'_>,
    setting: &Setting,
) -> Result<(), RecordError> {
    let currency = pair.text("currency");
    let speaks = pair.own.has("price") || pair.own.has("sale_price");
    let fields = match pair.parent {
        Some(parent) if !speaks => parent,
        _ => pair.own,
    };
    let read = |fields: &Fields<'_>, field: &str| {
        let value = fields.value(field);
        let read = value.map(|value| {
            setting
                .prices
                .price(value, currency.as_deref(), fields.column(field))
        });
        read.transpose()
    };
    let mut price = read(fields, "price")?;
    if let Some(surcharge) = read(pair.own, "surcharge")? {
        price = price
            .map(|price| price.plus(surcharge))
            .transpose()
            .map_err(|error| RecordError::new("surcharge", error))?;
    }
    let on_sale = fields.text("on_sale").and_then(|text| words::flag(&text)) != Some(false);
    let sale = read(fields, "sale_price")?.filter(|sale| on_sale && sale.amount > 0);
    let sale = sale.or_else(|| discounted(price?, fields));
    let mut before = read(fields, "list_price")?;
    if let Some(sale) = sale.filter(|sale| price.is_none_or(|price| sale.amount < price.amount)) {
        before = price.or(before);
        price = Some(sale);
    }
    put(row, "price", price.map(|price| json!(price)));
    let before = before.filter(|before| price.is_some_and(|price| before.amount > price.amount));
    put(row, "list_price", before.map(|before| json!(before)));
    Ok(())
}

/// A price less its discount, in percent or in money.
fn discounted(price: Money, fields: &Fields<'_>) -> Option<Money> {
    let discount = fields
        .value("discount")
        .and_then(number)
        .filter(|discount| *discount > 0.0)?;
    let amount = match fields.text("discount_mode").as_deref() {
        Some("PERCENT") => {
            (price.amount as f64 * (1.0 - discount.min(100.0) / 100.0)).round() as i64
        }
        Some("AMOUNT") => price.amount - crate::money::minor_units(discount, price.currency).amount,
        _ => return None,
    };
    Some(Money::new(amount.max(0), price.currency))
}

/// Whether it can be had: by the shop's word, else by its stock.
fn availability(pair: &Pair<'_>, setting: &Setting) -> Result<Option<&'static str>, RecordError> {
    let own = |field: &str| pair.own.value(field);
    let stock = own("stock");
    let count = stock.and_then(number);
    let sells_on = own("sell_without_stock")
        .and_then(text_of)
        .is_some_and(|text| {
            matches!(text.to_lowercase().as_str(), "continue" | "notify")
                || words::flag(&text) == Some(true)
        });
    let word = match pair
        .value("availability")
        .filter(|_| own("availability").is_some() || stock.is_none())
    {
        None => None,
        Some(value) => {
            let text = text_of(value).unwrap_or_default();
            let Some(word) = words::availability(&text) else {
                let reason = format!(
                    "{text:?} is none of in_stock, limited_stock, out_of_stock, preorder, backorder"
                );
                return Err(RecordError::new(pair.own.column("availability"), reason));
            };
            Some(word)
        }
    };
    Ok(match (word, count) {
        (Some("in_stock"), Some(count)) if count <= 0.0 && sells_on => Some("backorder"),
        (Some(word), _) => Some(word),
        (None, Some(count)) if count > 0.0 => Some("in_stock"),
        (None, Some(_)) if sells_on => Some("backorder"),
        (None, Some(_)) if !is_tracked(pair, setting) => Some("in_stock"),
        (None, Some(_)) => Some("out_of_stock"),
        (None, None) => stock
            .and_then(text_of)
            .and_then(|text| words::availability(&text)),
    })
}

/// Whether the shop counts its pieces.
fn is_tracked(pair: &Pair<'_>, setting: &Setting) -> bool {
    if !setting.known.contains("tracked") {
        return true;
    }
    match pair.text("tracked").map(|text| text.to_lowercase()) {
        None => false,
        Some(word) => word != "none" && words::flag(&word) != Some(false),
    }
}

fn properties(pair: &Pair<'_>, family: Option<&Family<'_>>, grouped: bool) -> Map<String, Value> {
    let mut properties = pair.parent.map(rest).unwrap_or_default();
    properties.extend(rest(pair.own));
    let is_handle = pair.value("group").is_some() && is_handle(pair);
    if let Some(family) = family.filter(|_| is_handle) {
        properties
            .entry("handle")
            .or_insert_with(|| json!(family.key));
    }
    if let Some(hidden) = is_hidden(pair, grouped) {
        properties.insert("hidden".to_owned(), json!(hidden));
    }
    properties
}

/// Whether products are known by what stands in their addresses.
fn is_handle(pair: &Pair<'_>) -> bool {
    let rows = [Some(pair.own), pair.parent];
    let mut columns = rows
        .into_iter()
        .flatten()
        .map(|row| row.column("group").to_lowercase());
    columns.any(|column| column.contains("handle"))
}

/// Whether the shop keeps the product from its customers; nothing where it does
/// not say.
fn is_hidden(pair: &Pair<'_>, grouped: bool) -> Option<bool> {
    ["shown", "withdrawn", "shown_alone"]
        .iter()
        .find(|field| pair.value(field).is_some())?;
    let says = |field: &str, hidden: fn(&str) -> bool| {
        let rows = pair.parent.into_iter().chain([pair.own]);
        rows.flat_map(|row| row.all(field).filter_map(text_of).collect::<Vec<_>>())
            .any(|text| hidden(&text))
    };
    let hidden = says("shown", |text| !words::is_shown(text))
        || says("withdrawn", |text| words::flag(text) == Some(true))
        // A variant that is not shown alone is chosen on its product's page.
        || (!grouped && says("shown_alone", |text| !words::is_shown(text)));
    Some(hidden)
}
