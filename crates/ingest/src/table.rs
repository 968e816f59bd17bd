//! The header of a table, and the rows of a sheet.

use serde_json::{Map, Value};

use super::read::Halt;
use super::row::{Row, text_of};
use super::source::{Each, Item};

/// The most columns of a sheet that are looked at.
const MOST_COLUMNS: u32 = 4_096;

/// Names by column: no name twice, and none for columns that have none.
pub(super) struct Header {
    names: Vec<Option<String>>,
}

impl Header {
    pub(super) fn new(written: Vec<String>) -> Self {
        let mut names: Vec<Option<String>> = Vec::with_capacity(written.len());
        for name in written {
            let name = name.trim().trim_start_matches('\u{feff}').trim().to_owned();
            let again = |name: &String| names.iter().flatten().any(|other| other == name);
            let name = match name {
                name if name.is_empty() => None,
                name if again(&name) => {
                    let mut numbered = (2..).map(|number| format!("{name} ({number})"));
                    numbered.find(|name| !again(name))
                }
                name => Some(name),
            };
            names.push(name);
        }
        Self { names }
    }

    /// The names of the columns that have one.
    pub(super) fn columns(&self) -> Vec<String> {
        self.names.iter().flatten().cloned().collect()
    }

    /// How many columns there are, named or not.
    pub(super) fn width(&self) -> usize {
        self.names.len()
    }

    /// The cells that have a name and say something.
    pub(super) fn cells(&self, values: impl Iterator<Item = (usize, Value)>) -> Map<String, Value> {
        let mut cells = Map::new();
        for (column, value) in values {
            let blank =
                value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty());
            if let Some(Some(name)) = self.names.get(column)
                && !blank
            {
                cells.insert(name.clone(), value);
            }
        }
        cells
    }

    /// Whether a row is the header once more, as where two files were joined.
    pub(super) fn is_repeated_in(&self, cells: &Map<String, Value>) -> bool {
        cells.len() > 1
            && cells
                .iter()
                .all(|(name, value)| value.as_str().is_some_and(|text| text.trim() == name))
    }
}

/// Rows as they are put together of cells.
pub(super) struct Rows<'a> {
    row: u32,
    values: Vec<(u32, Value)>,
    header: Option<Header>,
    each: Each<'a>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(each: Each<'a>) -> Self {
        Self {
            row: 0,
            values: Vec::new(),
            header: None,
            each,
        }
    }

    /// Takes a cell; rows come in their order.
    pub(super) fn cell(&mut self, row: u32, column: u32, value: Value) -> Result<(), Halt> {
        if row != self.row {
            self.end()?;
            self.row = row;
        }
        if !value.is_null() && column < MOST_COLUMNS {
            self.values.push((column, value));
        }
        Ok(())
    }

    /// Ends a row.
    pub(super) fn end(&mut self) -> Result<(), Halt> {
        let values = std::mem::take(&mut self.values);
        let line = u64::from(self.row) + 1;
        let Some(header) = &self.header else {
            if values.is_empty() {
                return Ok(());
            }
            let width = values
                .iter()
                .map(|(column, _)| column + 1)
                .max()
                .unwrap_or(0);
            let mut names = vec![String::new(); width as usize];
            for (column, value) in values {
                names[column as usize] = text_of(&value).unwrap_or_default();
            }
            let header = Header::new(names);
            (self.each)(Item::Columns(header.columns()))?;
            self.header = Some(header);
            return Ok(());
        };
        let cells = header.cells(
            values
                .into_iter()
                .map(|(column, value)| (column as usize, value)),
        );
        if cells.is_empty() {
            return Ok(());
        }
        (self.each)(Item::Row(Row { line, cells }))
    }
}
