//! Sheets of Excel files, cell by cell: a sheet of a million empty cells is as
//! small as what stands in it. Formulas are what they last came to; macros are
//! not looked at.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use calamine::{DataRef, Reader, Xlsx, open_workbook};
use serde_json::{Value, json};

use super::archive;
use super::read::Halt;
use super::source::Each;
use super::table::Rows;

/// The names of the sheets.
pub(super) fn sheets(path: &Path) -> Result<Vec<String>, String> {
    archive::check_size(path)?;
    guarded(|| {
        let book: Xlsx<BufReader<File>> =
            open_workbook(path).map_err(|error: calamine::XlsxError| error.to_string())?;
        Ok(book.sheet_names())
    })
}

/// What a crate of others panics at is a file that cannot be read.
pub(super) fn guarded<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err("damaged beyond reading".to_owned()))
}

/// Reads a sheet.
pub(super) fn read(path: &Path, sheet: &str, each: Each<'_>) -> Result<(), Halt> {
    let broken = |error: String| Halt::cut(0, 0, std::io::Error::other(error));
    archive::check_size(path).map_err(broken)?;
    let mut halt = None;
    let outcome = guarded(|| {
        let mut book: Xlsx<BufReader<File>> =
            open_workbook(path).map_err(|error: calamine::XlsxError| error.to_string())?;
        let mut cells = book
            .worksheet_cells_reader(sheet)
            .map_err(|error| error.to_string())?;
        let mut rows = Rows::new(each);
        while let Some(cell) = cells.next_cell().map_err(|error| error.to_string())? {
            let (row, column) = cell.get_position();
            if let Err(stopped) = rows.cell(row, column, value(cell.get_value())) {
                halt = Some(stopped);
                return Ok(());
            }
        }
        halt = rows.end().err();
        Ok(())
    });
    match (halt, outcome) {
        (Some(halt), _) => Err(halt),
        (None, outcome) => outcome.map_err(broken),
    }
}

fn value(data: &DataRef<'_>) -> Value {
    match data {
        DataRef::Empty | DataRef::Error(_) => Value::Null,
        DataRef::Int(number) => json!(number),
        DataRef::Float(number) => json!(number),
        DataRef::String(text) => json!(text),
        DataRef::SharedString(text) => json!(text),
        DataRef::Bool(flag) => json!(flag),
        DataRef::DateTime(time) if time.is_datetime() => {
            let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
            match (hour, minute, second) {
                (0, 0, 0) => json!(format!("{year:04}-{month:02}-{day:02}")),
                _ => json!(format!(
                    "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
                )),
            }
        }
        DataRef::DateTime(time) => json!(time.as_f64()),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => json!(text),
    }
}
