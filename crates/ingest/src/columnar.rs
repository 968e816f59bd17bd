//! Parquet and Arrow files: batches of columns become rows.

use std::fs::File;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{DataType, TimeUnit};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value, json};
use shop::Timestamp;

use super::read::Halt;
use super::row::Row;
use super::source::{Each, Item};
use super::workbook::guarded;

const BATCH_ROWS: usize = 1_024;
/// How deep a value may lie in others.
const DEEPEST: usize = 16;

pub(super) fn read_parquet(path: &Path, each: Each<'_>) -> Result<(), Halt> {
    batches(each, || {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| error.to_string())?;
        let reader = builder
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(reader.map(|batch| batch.map_err(|error| error.to_string())))
    })
}

pub(super) fn read_arrow(path: &Path, each: Each<'_>) -> Result<(), Halt> {
    let open = || File::open(path).map_err(|error| error.to_string());
    let mut magic = [0; 6];
    let is_file = open().is_ok_and(|mut file| {
        std::io::Read::read_exact(&mut file, &mut magic).is_ok() && &magic == b"ARROW1"
    });
    type Batches = Box<dyn Iterator<Item = Result<RecordBatch, String>>>;
    batches(each, || {
        let text = |error: arrow_schema::ArrowError| error.to_string();
        let batches: Batches = if is_file {
            let reader = FileReader::try_new_buffered(open()?, None).map_err(text)?;
            Box::new(reader.map(move |batch| batch.map_err(text)))
        } else {
            let reader = StreamReader::try_new_buffered(open()?, None).map_err(text)?;
            Box::new(reader.map(move |batch| batch.map_err(text)))
        };
        Ok(batches)
    })
}

fn batches<I: Iterator<Item = Result<RecordBatch, String>>>(
    each: Each<'_>,
    open: impl FnOnce() -> Result<I, String>,
) -> Result<(), Halt> {
    let broken = |line: u64, error: String| Halt::cut(line, 0, std::io::Error::other(error));
    let mut batches = guarded(open).map_err(|error| broken(0, error))?;
    let mut line = 0;
    loop {
        let batch =
            guarded(|| batches.next().transpose()).map_err(|error| broken(line + 1, error))?;
        let Some(batch) = batch else {
            return Ok(());
        };
        if line == 0 {
            let fields = batch.schema_ref().fields().iter();
            each(Item::Columns(
                fields.map(|field| field.name().clone()).collect(),
            ))?;
        }
        for place in 0..batch.num_rows() {
            line += 1;
            each(Item::Row(Row {
                line,
                cells: row(&batch, place),
            }))?;
        }
    }
}

fn row(batch: &RecordBatch, place: usize) -> Map<String, Value> {
    let schema = batch.schema_ref();
    let cells = schema.fields().iter().zip(batch.columns());
    let cells = cells.map(|(field, column)| (field.name().clone(), value(column, place, 0)));
    cells.filter(|(_, value)| !value.is_null()).collect()
}

fn value(column: &dyn Array, place: usize, depth: usize) -> Value {
    if column.is_null(place) || depth > DEEPEST {
        return Value::Null;
    }
    let list = |values: &dyn Array| -> Value {
        (0..values.len())
            .map(|place| value(values, place, depth + 1))
            .collect()
    };
    match column.data_type() {
        DataType::Boolean => json!(column.as_boolean().value(place)),
        DataType::Int8 => json!(column.as_primitive::<Int8Type>().value(place)),
        DataType::Int16 => json!(column.as_primitive::<Int16Type>().value(place)),
        DataType::Int32 => json!(column.as_primitive::<Int32Type>().value(place)),
        DataType::Int64 => json!(column.as_primitive::<Int64Type>().value(place)),
        DataType::UInt8 => json!(column.as_primitive::<UInt8Type>().value(place)),
        DataType::UInt16 => json!(column.as_primitive::<UInt16Type>().value(place)),
        DataType::UInt32 => json!(column.as_primitive::<UInt32Type>().value(place)),
        DataType::UInt64 => json!(column.as_primitive::<UInt64Type>().value(place)),
        DataType::Float32 => json!(column.as_primitive::<Float32Type>().value(place)),
        DataType::Float64 => json!(column.as_primitive::<Float64Type>().value(place)),
        DataType::Decimal128(..) => json!(
            column
                .as_primitive::<Decimal128Type>()
                .value_as_string(place)
        ),
        DataType::Utf8 => json!(column.as_string::<i32>().value(place)),
        DataType::LargeUtf8 => json!(column.as_string::<i64>().value(place)),
        DataType::Utf8View => json!(column.as_string_view().value(place)),
        DataType::Date32 => time(
            i64::from(column.as_primitive::<Date32Type>().value(place)),
            86_400_000_000,
        ),
        DataType::Date64 => time(column.as_primitive::<Date64Type>().value(place), 1_000),
        DataType::Timestamp(unit, _) => match unit {
            TimeUnit::Second => time(
                column.as_primitive::<TimestampSecondType>().value(place),
                1_000_000,
            ),
            TimeUnit::Millisecond => time(
                column
                    .as_primitive::<TimestampMillisecondType>()
                    .value(place),
                1_000,
            ),
            TimeUnit::Microsecond => time(
                column
                    .as_primitive::<TimestampMicrosecondType>()
                    .value(place),
                1,
            ),
            TimeUnit::Nanosecond => time(
                column
                    .as_primitive::<TimestampNanosecondType>()
                    .value(place)
                    / 1_000,
                1,
            ),
        },
        DataType::List(_) => list(&column.as_list::<i32>().value(place)),
        DataType::LargeList(_) => list(&column.as_list::<i64>().value(place)),
        DataType::FixedSizeList(..) => list(&column.as_fixed_size_list().value(place)),
        DataType::Struct(fields) => {
            let columns = column.as_struct().columns();
            let cells = fields.iter().zip(columns);
            cells
                .map(|(field, column)| (field.name().clone(), value(column, place, depth + 1)))
                .filter(|(_, value)| !value.is_null())
                .collect::<Map<_, _>>()
                .into()
        }
        DataType::Map(..) => {
            let entries = column.as_map().value(place);
            let (keys, values) = (entries.column(0), entries.column(1));
            let pairs = (0..entries.len()).filter_map(|place| {
                let key = super::row::text_of(&value(keys, place, depth + 1))?;
                Some((key, value(values, place, depth + 1)))
            });
            pairs.collect::<Map<_, _>>().into()
        }
        DataType::Dictionary(..) => {
            let dictionary = column.as_any_dictionary();
            let key = dictionary.normalized_keys().get(place).copied();
            key.map_or(Value::Null, |key| {
                value(dictionary.values(), key, depth + 1)
            })
        }
        // Bytes and durations say nothing here.
        _ => Value::Null,
    }
}

fn time(number: i64, micros: i64) -> Value {
    json!(Timestamp::from_micros(number.saturating_mul(micros)))
}
