//! A row of whatever container, and its fields by what they mean.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization;

/// What a container holds: named values and the line on which they begin.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) line: u64,
    /// Cells without content are left out of tables.
    pub(super) cells: Map<String, Value>,
}

impl Row {
    /// The row as JSON, for whoever has to mend it; secrets are left out.
    pub(super) fn shown(&self) -> Vec<u8> {
        let open = self.cells.iter().filter(|(name, _)| !is_secret(name));
        let open: Map<_, _> = open
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        Value::Object(open).to_string().into_bytes()
    }
}

/// Columns that are never kept, whoever exports them.
pub(super) fn is_secret(column: &str) -> bool {
    const SECRETS: [&str; 8] = [
        "password",
        "passwd",
        "rptoken",
        "token",
        "secret",
        "cvv",
        "cardnumber",
        "hash",
    ];
    let key = key_of(column);
    SECRETS.iter().any(|secret| key.contains(secret))
        // Square calls the id of a variation its token.
        && key != "token"
}

/// A name by its letters and digits alone: `Variant Price`, `variant_price`
/// and `variantPrice` are the same, so are `Catégories` and `categories`, and
/// `g:id` is `id`.
pub(super) fn key_of(name: &str) -> String {
    let name = name.trim().trim_start_matches('\u{feff}');
    let name = name.strip_prefix("g:").unwrap_or(name);
    name.nfkd()
        .filter(|c| c.is_alphanumeric() || *c == '@')
        .flat_map(char::to_lowercase)
        .collect()
}

/// The field of columns that say nothing.
pub(super) const LEFT_OUT: &str = "-";
/// The word for columns that are kept under their own names.
pub(super) const PROPERTIES: &str = "properties";

/// Where a column goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) field: &'static str,
    /// Of several columns for a field the one of the lowest rank counts.
    rank: u16,
    /// `Option2 Name` is the second of its field.
    number: u16,
}

/// Which columns mean which fields: declared by a format, guessed, or given by
/// whoever imports.
#[derive(Debug, Clone, Default)]
pub(super) struct Mapping {
    /// `*` ends a name that may go on.
    prefixes: Vec<(String, &'static str, u16)>,
    /// `#` stands for a number.
    numbered: FxHashMap<(String, String), Vec<(&'static str, u16)>>,
    by_key: FxHashMap<String, Vec<(&'static str, u16)>>,
    /// Columns by the name that they have in the file; those without a field are
    /// kept as they are.
    exact: FxHashMap<String, Option<&'static str>>,
    seen: FxHashMap<String, Arc<[Target]>>,
}

impl Mapping {
    /// The mapping of a declaration: a column may give several fields.
    pub(super) fn of(fields: &[(&'static str, &[&str])]) -> Self {
        let mut mapping = Self::default();
        for (field, columns) in fields {
            for (rank, column) in (0..).zip(*columns) {
                mapping.put(field, column, rank);
            }
        }
        mapping
    }

    /// The same where a column gives the first of its fields alone.
    pub(super) fn of_one_field_each(fields: &[(&'static str, &[&str])]) -> Self {
        let mut mapping = Self::of(fields);
        for fields in mapping.by_key.values_mut() {
            fields.truncate(1);
        }
        mapping
    }

    fn put(&mut self, field: &'static str, column: &str, rank: u16) {
        if let Some(prefix) = column.strip_suffix('*') {
            self.prefixes.push((key_of(prefix), field, rank));
            return;
        }
        let fields = match column.split_once('#') {
            Some((before, after)) => {
                let key = (key_of(before), key_of(after));
                self.numbered.entry(key).or_default()
            }
            None => self.by_key.entry(key_of(column)).or_default(),
        };
        if !fields.iter().any(|(other, _)| *other == field) {
            fields.push((field, rank));
        }
    }

    /// Lets a column be what nothing else is.
    pub(super) fn also(&mut self, field: &'static str, column: &str) {
        self.put(field, column, u16::MAX);
    }

    /// Lets a column be what somebody says that it is, and nothing else be that.
    pub(super) fn say(&mut self, field: &'static str, column: &str) {
        self.seen.clear();
        let named = Some(field).filter(|field| *field != PROPERTIES);
        self.exact.insert(column.trim().to_owned(), named);
        // Any number of columns may be left out or kept.
        if [LEFT_OUT, PROPERTIES].contains(&field) {
            return;
        }
        let fields = self.by_key.values_mut().chain(self.numbered.values_mut());
        for fields in fields {
            fields.retain(|(other, _)| *other != field);
        }
        self.prefixes.retain(|(_, other, _)| *other != field);
    }

    /// What a column means.
    pub(super) fn targets(&mut self, column: &str) -> Arc<[Target]> {
        if let Some(known) = self.seen.get(column) {
            return known.clone();
        }
        let targets: Arc<[Target]> = self.look_up(column).into();
        // A file of objects may have any number of keys.
        if self.seen.len() < 10_000 {
            self.seen.insert(column.to_owned(), targets.clone());
        }
        targets
    }

    fn look_up(&self, column: &str) -> Vec<Target> {
        if let Some(field) = self.exact.get(column.trim()) {
            let target = |field| Target {
                field,
                rank: 0,
                number: 0,
            };
            return field.map(target).into_iter().collect();
        }
        let targets = |fields: &[(&'static str, u16)], number| -> Vec<Target> {
            let targets = fields.iter();
            targets
                .map(|(field, rank)| Target {
                    field,
                    rank: *rank,
                    number,
                })
                .collect()
        };
        let key = key_of(column);
        if let Some(fields) = self.by_key.get(&key).filter(|fields| !fields.is_empty()) {
            return targets(fields, 0);
        }
        let begins = |(prefix, ..): &&(String, _, _)| key.starts_with(prefix.as_str());
        if let Some((_, field, rank)) = self.prefixes.iter().find(begins) {
            return targets(&[(*field, *rank)], 0);
        }
        let Some((numbered, number)) = numbered(&key).filter(|_| !self.numbered.is_empty()) else {
            return Vec::new();
        };
        let fields = self.numbered.get(&numbered);
        fields
            .map(|fields| targets(fields, number))
            .unwrap_or_default()
    }

    /// The fields that columns of the file have, with the first column of each.
    pub(super) fn used(&mut self, columns: &[String]) -> Vec<(&'static str, String)> {
        let mut used: Vec<(&'static str, u16, String)> = Vec::new();
        let each = columns.iter().flat_map(|column| {
            let targets = self.targets(column);
            (0..targets.len())
                .map(move |place| (column, targets[place]))
                .collect::<Vec<_>>()
        });
        for (column, target) in each {
            match used.iter_mut().find(|(field, ..)| *field == target.field) {
                None => used.push((target.field, target.rank, column.clone())),
                Some(known) if target.rank < known.1 => {
                    *known = (target.field, target.rank, column.clone());
                }
                Some(_) => {}
            }
        }
        used.into_iter()
            .map(|(field, _, column)| (field, column))
            .collect()
    }

    /// The fields of a row.
    pub(super) fn fields<'r>(&mut self, row: &'r Row) -> Fields<'r> {
        let mut fields = Fields::default();
        for (column, value) in &row.cells {
            if is_blank(value) {
                continue;
            }
            let targets = self.targets(column);
            for target in targets.iter() {
                fields.known.push(Field {
                    target: *target,
                    column,
                    value,
                });
            }
            if targets.is_empty() && !is_secret(column) {
                fields.rest.push((column, value));
            }
        }
        fields
            .known
            .sort_by_key(|field| (field.target.rank, field.target.number));
        fields
    }
}

/// `option2name` is `option` and `name`, of the number 2.
fn numbered(key: &str) -> Option<((String, String), u16)> {
    let start = key.find(|c: char| c.is_ascii_digit())?;
    let rest = key[start..].trim_start_matches(|c: char| c.is_ascii_digit());
    let number = key[start..key.len() - rest.len()].parse().ok()?;
    Some(((key[..start].to_owned(), rest.to_owned()), number))
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

/// A value, and what it means.
#[derive(Debug, Clone, Copy)]
struct Field<'r> {
    target: Target,
    column: &'r str,
    value: &'r Value,
}

/// The fields of a row that say something.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields<'r> {
    known: Vec<Field<'r>>,
    /// Columns that mean nothing here.
    pub(super) rest: Vec<(&'r str, &'r Value)>,
}

impl<'r> Fields<'r> {
    /// The value of a field: of several columns the first that says something.
    pub(super) fn value(&self, field: &str) -> Option<&'r Value> {
        self.all(field).next()
    }

    /// The values of a field, in the order of its declaration.
    pub(super) fn all<'s>(&'s self, field: &'s str) -> impl Iterator<Item = &'r Value> + 's {
        let known = self
            .known
            .iter()
            .filter(move |known| known.target.field == field);
        known.map(|known| known.value)
    }

    /// The values of a field with the names of their columns.
    pub(super) fn named<'s>(
        &'s self,
        field: &'s str,
    ) -> impl Iterator<Item = (&'r str, &'r Value)> + 's {
        let known = self
            .known
            .iter()
            .filter(move |known| known.target.field == field);
        known.map(|known| (known.column, known.value))
    }

    /// The value of a numbered field.
    pub(super) fn numbered(&self, field: &str, number: u16) -> Option<&'r Value> {
        let is_it =
            |known: &&Field<'_>| known.target.field == field && known.target.number == number;
        self.known.iter().find(is_it).map(|known| known.value)
    }

    /// The numbers that a field has.
    pub(super) fn numbers(&self, field: &str) -> Vec<u16> {
        let known = self
            .known
            .iter()
            .filter(|known| known.target.field == field);
        known.map(|known| known.target.number).collect()
    }

    /// The value as text: without white space around it, a number in digits.
    pub(super) fn text(&self, field: &str) -> Option<String> {
        self.value(field).and_then(text_of)
    }

    /// Whether the field says anything.
    pub(super) fn has(&self, field: &str) -> bool {
        self.value(field).is_some()
    }

    /// The name of the column that gives the field; the field's own without one.
    pub(super) fn column<'s>(&'s self, field: &'s str) -> &'s str {
        self.named(field).next().map_or(field, |(column, _)| column)
    }

    /// What a nested export says, by field and number.
    pub(super) fn said(pairs: &'r [(&'static str, u16, Value)]) -> Self {
        let known = pairs.iter().filter(|(.., value)| !is_blank(value));
        let known = known.map(|(field, number, value)| Field {
            target: Target {
                field,
                rank: 0,
                number: *number,
            },
            column: field,
            value,
        });
        Self {
            known: known.collect(),
            rest: Vec::new(),
        }
    }
}

/// A value as text; a spreadsheet's 1003.0 is 1003.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 => {
                format!("{float:.0}")
            }
            _ => number.to_string(),
        }),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}
