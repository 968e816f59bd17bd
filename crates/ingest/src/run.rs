//! The rows of a part become records, each or together with those that belong
//! to it.

use std::path::Path;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Map, Value};
use shop::{Id, Kind, Record, Timestamp};

use super::assemble::products::{Family, is_child_kind, product};
use super::assemble::{Outcome, Setting, assemble, hash_of};
use super::formats::{Context, Rows};
use super::intake::{Intake, Stopped};
use super::money::Prices;
use super::plan::{Plan, Way};
use super::read::Halt;
use super::row::{Fields, Mapping, Row, text_of};
use super::source::{Item, Source};
use super::{Rejected, words};

/// Rows that belong together at most.
const MOST_ROWS: usize = 4_096;
/// Rows whose family is remembered.
const MOST_PARENTS: usize = 1_000_000;
/// Objects beside the rows that explain them.
const MOST_BESIDE: usize = 1_000_000;
/// Shops write orders and customers of days to come: a delivery, a test.
const AHEAD_SECONDS: i64 = 366 * 86_400;

/// Reads a part, or the first rows of it.
pub(super) fn run(
    path: &Path,
    name: &str,
    source: &Source,
    plan: &Plan,
    now: Timestamp,
    limit: Option<usize>,
    intake: &mut Intake<'_>,
) -> Result<(), Halt> {
    let position = intake.position();
    let mut part = Reader {
        path,
        name,
        source,
        plan,
        now,
        left: limit.unwrap_or(usize::MAX),
    };
    match &plan.way {
        Way::Records(kind) => {
            let kind = *kind;
            part.rows(&position, intake, |row, intake| {
                take_record(kind, row, &plan.prices, now, intake)
            })
        }
        Way::Objects { beside, take } => {
            let beside = part.beside(beside);
            let (prices, take) = (plan.prices, *take);
            part.rows(&position, intake, |row, intake| {
                let context = Context {
                    line: row.line,
                    now,
                    prices,
                    beside: &beside,
                };
                take(&row.cells, &context, intake)
            })
        }
        Way::Table(table, mapping) => {
            let mut mapping = mapping.clone();
            let setting = part.setting(&mut mapping, matches!(table.rows, Rows::By(_)));
            match table.rows {
                Rows::Single => part.rows(&position, intake, |row, intake| {
                    take_group(plan.kind, &[row], &mut mapping, &setting, now, intake)
                }),
                Rows::By(field) => {
                    Groups::new(&mut part, field, mapping, setting).read(&position, intake)
                }
                Rows::Family => families(&mut part, mapping, &setting, &position, intake),
            }
        }
    }
}

struct Reader<'a> {
    path: &'a Path,
    name: &'a str,
    source: &'a Source,
    plan: &'a Plan,
    now: Timestamp,
    left: usize,
}

type Position = Arc<std::sync::atomic::AtomicU64>;

impl Reader<'_> {
    /// Hands the rows to `take`, and what is no row to the intake.
    fn rows(
        &mut self,
        position: &Position,
        intake: &mut Intake<'_>,
        mut take: impl FnMut(Row, &mut Intake<'_>) -> Result<(), Stopped>,
    ) -> Result<(), Halt> {
        let mut left = self.left;
        let mut enough = false;
        let read = self
            .source
            .read(self.path, self.name, position, &mut |item| {
                if left == 0 {
                    enough = true;
                    return Err(Halt::Stopped);
                }
                match item {
                    Item::Columns(_) => {}
                    Item::Bad(rejected) => intake.reject(rejected)?,
                    Item::Row(row) => {
                        left -= 1;
                        take(row, intake)?;
                    }
                }
                Ok(())
            });
        match read {
            Err(Halt::Stopped) if enough => Ok(()),
            read => read,
        }
    }

    /// Looks at all rows before they are read.
    fn look(&self, mut at: impl FnMut(&Row)) {
        let mut left = self.left;
        let _ = self
            .source
            .read(self.path, self.name, &Position::default(), &mut |item| {
                if left == 0 {
                    return Err(Halt::Stopped);
                }
                if let Item::Row(row) = item {
                    left -= 1;
                    at(&row);
                }
                Ok(())
            });
    }

    /// What all rows are read with.
    fn setting(&self, mapping: &mut Mapping, grouped: bool) -> Setting {
        let mut known = FxHashSet::default();
        let _ = self
            .source
            .read(self.path, self.name, &Position::default(), &mut |item| {
                let columns = match item {
                    Item::Columns(columns) => columns,
                    Item::Row(row) => row.cells.keys().cloned().collect(),
                    Item::Bad(_) => return Ok(()),
                };
                known.extend(mapping.used(&columns).into_iter().map(|(field, _)| field));
                Err(Halt::Stopped)
            });
        Setting {
            prices: self.plan.prices,
            clock: self.plan.clock.clone(),
            known,
            grouped,
        }
    }

    /// The objects of the lists beside the rows.
    fn beside(&self, names: &[&str]) -> Vec<Value> {
        let mut beside = Vec::new();
        let Source::JsonList(path) = self.source else {
            return beside;
        };
        for name in names {
            let mut list = path[..path.len().saturating_sub(1)].to_vec();
            list.push((*name).to_owned());
            let _ = Source::JsonList(list).read(
                self.path,
                self.name,
                &Position::default(),
                &mut |item| {
                    if let Item::Row(row) = item {
                        beside.push(Value::Object(row.cells));
                    }
                    match beside.len() < MOST_BESIDE {
                        true => Ok(()),
                        false => Err(Halt::Stopped),
                    }
                },
            );
        }
        beside
    }
}

/// Takes a record in our own format, or the word that the one with its id is
/// to be deleted.
fn take_record(
    kind: Kind,
    mut row: Row,
    prices: &Prices,
    now: Timestamp,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let line = row.line;
    if row.cells.remove("deleted") != Some(Value::Bool(true)) {
        let shown = row.cells.clone();
        let made = with_money(kind, row.cells, prices)
            .and_then(|cells| Record::from_json(kind, cells, now));
        let shown = match &made {
            Ok(_) => Vec::new(),
            Err(_) => Row { line, cells: shown }.shown(),
        };
        return intake.take(made, line, &shown);
    }
    let shown = row.shown();
    if matches!(kind, Kind::Judgements | Kind::Labelled) {
        let reason = format!("{} have no id to be deleted by", kind.name());
        return intake.reject(Rejected::new(line, "deleted", reason, &shown));
    }
    let id = row.cells.get("id").cloned().unwrap_or_default();
    match serde_json::from_value::<Id>(id) {
        Ok(id) => intake.remove(kind, id, line, &shown),
        Err(error) => intake.reject(Rejected::new(line, "id", error, &shown)),
    }
}

/// Our own fields with prices as other programs write them.
fn with_money(
    kind: Kind,
    mut cells: Map<String, Value>,
    prices: &Prices,
) -> Result<Map<String, Value>, shop::RecordError> {
    let fields: &[&str] = match kind {
        Kind::Products => &["price", "list_price"],
        Kind::Orders => &["total"],
        _ => return Ok(cells),
    };
    let currency = cells.get("currency").and_then(text_of);
    for field in fields {
        if let Some(value) = cells.get_mut(*field)
            && (value.is_string() || value.is_number())
        {
            *value = serde_json::json!(prices.price(value, currency.as_deref(), field)?);
        }
    }
    if let Some(Value::String(word)) = cells.get_mut("availability")
        && let Some(known) = words::availability(word)
    {
        *word = known.to_owned();
    }
    Ok(cells)
}

/// Takes the rows that are one record, or the variants of one product.
fn take_group(
    kind: Kind,
    rows: &[Row],
    mapping: &mut Mapping,
    setting: &Setting,
    now: Timestamp,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let fields: Vec<Fields<'_>> = rows.iter().map(|row| mapping.fields(row)).collect();
    for (place, outcome) in assemble(kind, &fields, setting) {
        take(kind, outcome, &rows[place], now, intake)?;
    }
    Ok(())
}

fn take(
    kind: Kind,
    outcome: Outcome,
    row: &Row,
    now: Timestamp,
    intake: &mut Intake<'_>,
) -> Result<(), Stopped> {
    let until = match kind {
        Kind::Events => now,
        _ => now.plus_seconds(AHEAD_SECONDS),
    };
    let made = match outcome {
        Outcome::Record(made) => Record::from_json(kind, made, until),
        Outcome::Rejected(error) => Err(error),
        Outcome::Ignored(why) => {
            intake.ignore(why);
            return Ok(());
        }
    };
    let shown = match &made {
        Ok(_) => Vec::new(),
        Err(_) => row.shown(),
    };
    intake.take(made, row.line, &shown)
}

/// Rows that are one record with others, wherever in the file those stand.
struct Groups<'a, 'p> {
    part: &'a mut Reader<'p>,
    keys: Keys,
    setting: Setting,
    /// The place of the last row of each group.
    last: FxHashMap<u64, u32>,
    open: FxHashMap<u64, Vec<Row>>,
}

/// Tells to which group a row belongs.
struct Keys {
    field: &'static str,
    mapping: Mapping,
    before: u64,
    place: u32,
}

impl Keys {
    fn new(field: &'static str, mapping: Mapping) -> Self {
        Self {
            field,
            mapping,
            before: 0,
            place: 0,
        }
    }

    /// The key of the next row.
    fn key(&mut self, row: &Row) -> u64 {
        self.place = self.place.saturating_add(1);
        let fields = self.mapping.fields(row);
        let is_child = fields
            .text("row_kind")
            .is_some_and(|kind| is_child_kind(&kind));
        let is_parent = fields
            .text("row_kind")
            .is_some_and(|kind| kind.eq_ignore_ascii_case("product"));
        let key = match fields.text(self.field) {
            _ if fields.has("row_kind") && !is_child && !is_parent => self.before,
            // The number of a variant below its product is its own.
            Some(key) if !is_child || self.field_is_shared(&fields) => hash_of(&key),
            None if self.field == "group" && !fields.has("title") => self.before,
            Some(_) => self.before,
            None => hash_of(&format!("row {}", self.place)),
        };
        self.before = key;
        key
    }

    /// Whether parent and child have the same handle, as in Wix.
    fn field_is_shared(&self, fields: &Fields<'_>) -> bool {
        fields.column(self.field).to_lowercase().contains("handle")
    }
}

impl<'a, 'p> Groups<'a, 'p> {
    fn new(
        part: &'a mut Reader<'p>,
        field: &'static str,
        mapping: Mapping,
        setting: Setting,
    ) -> Self {
        let mut keys = Keys::new(field, mapping.clone());
        let mut last = FxHashMap::default();
        part.look(|row| {
            let key = keys.key(row);
            last.insert(key, keys.place);
        });
        Self {
            part,
            keys: Keys::new(field, mapping),
            setting,
            last,
            open: FxHashMap::default(),
        }
    }

    fn read(mut self, position: &Position, intake: &mut Intake<'_>) -> Result<(), Halt> {
        let (kind, now) = (self.part.plan.kind, self.part.now);
        let (keys, open, last, setting) =
            (&mut self.keys, &mut self.open, &self.last, &self.setting);
        let read = self.part.rows(position, intake, |row, intake| {
            let key = keys.key(&row);
            let rows = open.entry(key).or_default();
            if rows.iter().any(|other| other.cells == row.cells) {
                intake.counts.repeated += 1;
            } else if rows.len() >= MOST_ROWS {
                let reason = format!("more than {MOST_ROWS} rows belong together");
                intake.reject(Rejected::new(row.line, "row", reason, &row.shown()))?;
            } else {
                rows.push(row);
            }
            if last.get(&key) != Some(&keys.place) {
                return Ok(());
            }
            let rows = open.remove(&key).unwrap_or_default();
            take_group(kind, &rows, &mut keys.mapping, setting, now, intake)
        });
        // A file that is cut short leaves some open: they are what there is.
        let mut left: Vec<Vec<Row>> = self.open.drain().map(|(_, rows)| rows).collect();
        left.sort_by_key(|rows| rows.first().map_or(0, |row| row.line));
        if !matches!(read, Err(Halt::Stopped)) {
            for rows in left {
                take_group(
                    kind,
                    &rows,
                    &mut self.keys.mapping,
                    &self.setting,
                    now,
                    intake,
                )?;
            }
        }
        read
    }
}

/// Rows that others inherit from, by their names.
#[derive(Default)]
struct Parents {
    rows: Vec<(String, Row)>,
    by_name: FxHashMap<String, usize>,
    /// Parents by the child that they name.
    by_child: FxHashMap<String, usize>,
}

impl Parents {
    fn of(part: &Reader<'_>, mapping: &mut Mapping) -> Self {
        let mut parents = Self::default();
        part.look(|row| {
            let fields = mapping.fields(row);
            let Some(id) = fields.text("id").filter(|_| is_parent(&fields)) else {
                return;
            };
            if parents.rows.len() >= MOST_PARENTS {
                return;
            }
            let place = parents.rows.len();
            // WooCommerce names a parent without SKU by its number.
            for number in fields.all("id").filter_map(text_of) {
                parents.by_name.insert(format!("id:{number}"), place);
            }
            for child in fields
                .text("children")
                .iter()
                .flat_map(|text| children(text))
            {
                parents.by_child.insert(child, place);
            }
            parents.by_name.insert(id.clone(), place);
            parents.rows.push((id, row.clone()));
        });
        parents
    }

    fn parent(&self, fields: &Fields<'_>) -> Option<&(String, Row)> {
        let named = fields
            .text("parent")
            .and_then(|name| self.by_name.get(&name));
        let place = named.or_else(|| self.by_child.get(&fields.text("id")?));
        place.and_then(|place| self.rows.get(*place))
    }
}

/// Whether a row only speaks for others.
fn is_parent(fields: &Fields<'_>) -> bool {
    let kind = fields.text("row_kind").unwrap_or_default().to_lowercase();
    let parent = kind
        .split(',')
        .any(|word| matches!(word.trim(), "variable" | "configurable"));
    parent && !is_translation(fields)
}

/// Whether a row only says the same in another language.
fn is_translation(fields: &Fields<'_>) -> bool {
    let view = fields
        .text("translation")
        .unwrap_or_default()
        .to_lowercase();
    !matches!(view.as_str(), "" | "default" | "admin" | "all")
}

/// `sku=A,color=Red|sku=B,color=Blue`
fn children(text: &str) -> Vec<String> {
    let pairs = text.split('|').flat_map(|variant| variant.split(','));
    pairs
        .filter_map(|pair| Some(pair.trim().strip_prefix("sku=")?.to_owned()))
        .collect()
}

fn families(
    part: &mut Reader<'_>,
    mut mapping: Mapping,
    setting: &Setting,
    position: &Position,
    intake: &mut Intake<'_>,
) -> Result<(), Halt> {
    let parents = Parents::of(part, &mut mapping);
    let (kind, now) = (part.plan.kind, part.now);
    let mut inherited = mapping.clone();
    part.rows(position, intake, |row, intake| {
        let fields = mapping.fields(&row);
        if is_parent(&fields) {
            intake.ignore("parents of variants");
            return Ok(());
        }
        if is_translation(&fields) {
            intake.ignore("translations");
            return Ok(());
        }
        let parent = parents.parent(&fields);
        let unknown = fields.text("parent").filter(|_| {
            fields
                .text("row_kind")
                .is_some_and(|kind| is_child_kind(&kind))
        });
        let key = parent.map(|(id, _)| id.clone()).or(unknown);
        let family = key.as_deref().map(|key| Family {
            key,
            several: true,
            rows: &[],
        });
        let parent = parent.map(|(_, row)| inherited.fields(row));
        let made = product(&fields, parent.as_ref(), family.as_ref(), setting);
        take(kind, made.into(), &row, now, intake)
    })
}
