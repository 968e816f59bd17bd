//! The formats that are known, each one declaration. To add one, write a
//! [`Format`] with the columns that it is known by and what its columns mean,
//! and a row of the test.

mod customers;
mod events;
mod objects;
mod orders;
mod products;
mod talk;
mod vocabulary;

use serde_json::{Map, Value};
use shop::{Kind, Timestamp};

use super::dates::DateOrder;
use super::intake::{Intake, Stopped};
use super::money::Prices;
use super::row::{Mapping, key_of};

pub(super) use objects::{
    SHOPIFY_CUSTOMERS, SHOPIFY_ORDERS, SHOPIFY_PRODUCTS, WOOCOMMERCE_CUSTOMERS, WOOCOMMERCE_ORDERS,
    WOOCOMMERCE_PRODUCTS,
};
pub(super) use vocabulary::{Guess, guesses};

/// Fields, and the columns that may give each: the first that says something.
pub(super) type Columns = &'static [(&'static str, &'static [&'static str])];

/// A format of another program.
pub(super) struct Format {
    /// Its name in reports.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// A file is of this format that has one column of each of these groups.
    pub(super) known_by: &'static [&'static [&'static str]],
    pub(super) reading: Reading,
}

/// How the rows of a format become records.
pub(super) enum Reading {
    /// Columns that mean fields.
    Columns(Table),
    /// Objects with objects in them, read by a function of their own.
    Objects {
        /// Lists that stand beside the rows and explain them.
        beside: &'static [&'static str],
        take: TakeObject,
    },
}

/// Takes one object.
pub(super) type TakeObject =
    fn(&Map<String, Value>, &Context<'_>, &mut Intake<'_>) -> Result<(), Stopped>;

/// What an object is read with.
pub(super) struct Context<'a> {
    pub(super) line: u64,
    pub(super) now: Timestamp,
    pub(super) prices: Prices,
    /// The objects of the lists beside the rows.
    pub(super) beside: &'a [Value],
}

/// What the columns of a format mean, and how its rows belong together.
#[derive(Clone, Copy)]
pub(super) struct Table {
    pub(super) columns: Columns,
    pub(super) rows: Rows,
    /// The order of dates, where the program always writes one.
    pub(super) dates: Option<DateOrder>,
    /// Where local times are, by the program's own word (`UTC` alone).
    pub(super) utc: bool,
}

/// How the rows of a table belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// Each is a record.
    Single,
    /// Those with the same value of this field are one record, or the
    /// variants of one product; without a value a row belongs to the one
    /// before it.
    By(&'static str),
    /// Rows name another row that they inherit from, or are named by it.
    Family,
}

impl Table {
    const fn of(columns: Columns) -> Self {
        Self {
            columns,
            rows: Rows::Single,
            dates: None,
            utc: false,
        }
    }

    const fn by(self, field: &'static str) -> Self {
        Self {
            rows: Rows::By(field),
            ..self
        }
    }

    const fn family(self) -> Self {
        Self {
            rows: Rows::Family,
            ..self
        }
    }

    const fn month_first(self) -> Self {
        Self {
            dates: Some(DateOrder::MonthFirst),
            ..self
        }
    }

    const fn utc(self) -> Self {
        Self { utc: true, ..self }
    }

    pub(super) fn mapping(&self) -> Mapping {
        Mapping::of(self.columns)
    }
}

impl Format {
    const fn table(
        name: &'static str,
        kind: Kind,
        known_by: &'static [&'static [&'static str]],
        table: Table,
    ) -> Self {
        Self {
            name,
            kind,
            known_by,
            reading: Reading::Columns(table),
        }
    }

    const fn objects(
        name: &'static str,
        kind: Kind,
        known_by: &'static [&'static [&'static str]],
        take: TakeObject,
    ) -> Self {
        Self {
            name,
            kind,
            known_by,
            reading: Reading::Objects { beside: &[], take },
        }
    }

    /// Whether these are columns of the format.
    fn knows(&self, keys: &[String]) -> bool {
        let has = |column: &str| {
            let key = key_of(column);
            keys.contains(&key)
        };
        self.known_by
            .iter()
            .all(|group| group.iter().any(|column| has(column)))
    }
}

/// All formats; of several that know a file the one that asks for most columns
/// is meant.
fn all() -> impl Iterator<Item = &'static Format> {
    [
        products::FORMATS,
        orders::FORMATS,
        customers::FORMATS,
        talk::FORMATS,
        events::FORMATS,
        objects::FORMATS,
    ]
    .into_iter()
    .flatten()
}

/// The format of this name.
pub(super) fn named(name: &str) -> Option<&'static Format> {
    all().find(|format| format.name == name)
}

/// The format of a file with these columns.
pub(super) fn find(columns: &[String], kind: Option<Kind>) -> Option<&'static Format> {
    let keys: Vec<String> = columns.iter().map(|column| key_of(column)).collect();
    all()
        .filter(|format| kind.is_none_or(|kind| format.kind == kind))
        .filter(|format| format.knows(&keys))
        .max_by_key(|format| format.known_by.len())
}
