use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};

use super::parquet_error;
use crate::{Column, Kind, Table, TableError, Values};

/// Rows of one row group: what a reader holds of a column at a time.
const ROWS_PER_GROUP: usize = 1 << 17;

/// The bytes of a table's Parquet file.
///
/// # Errors
/// When the table cannot be expressed, as with a text of more than 2 GiB.
pub fn to_parquet(table: &Table) -> Result<Vec<u8>, TableError> {
    write(table).map_err(parquet_error)
}

fn write(table: &Table) -> Result<Vec<u8>, ParquetError> {
    let properties = WriterProperties::builder()
        .set_created_by("splitsim".to_owned())
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .build();
    let schema = schema(table)?;
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?;
    for first in (0..table.rows()).step_by(ROWS_PER_GROUP) {
        let rows = first..table.rows().min(first + ROWS_PER_GROUP);
        let mut group = writer.next_row_group()?;
        for column in table.columns() {
            let Some(mut chunk) = group.next_column()? else {
                return Err(ParquetError::General(
                    "fewer columns than fields".to_owned(),
                ));
            };
            write_cells(&mut chunk, column.values(), rows.clone())?;
            chunk.close()?;
        }
        group.close()?;
    }
    writer.into_inner()
}

fn schema(table: &Table) -> Result<TypePtr, ParquetError> {
    let fields: Result<Vec<TypePtr>, ParquetError> = table.columns().iter().map(field).collect();
    Type::group_type_builder("table")
        .with_fields(fields?)
        .build()
        .map(Arc::new)
}

fn field(column: &Column) -> Result<TypePtr, ParquetError> {
    let (physical, logical) = match column.kind() {
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Int => (Physical::INT64, None),
        Kind::Float => (Physical::DOUBLE, None),
        Kind::Bool => (Physical::BOOLEAN, None),
    };
    Type::primitive_type_builder(column.name(), physical)
        .with_logical_type(logical)
        .with_repetition(Repetition::OPTIONAL)
        .build()
        .map(Arc::new)
}

fn write_cells(
    chunk: &mut SerializedColumnWriter<'_>,
    values: &Values,
    rows: std::ops::Range<usize>,
) -> Result<(), ParquetError> {
    match values {
        Values::Text(cells) => write_typed::<ByteArrayType, _>(chunk, &cells[rows], |text| {
            ByteArray::from(text.as_str())
        }),
        Values::Int(cells) => write_typed::<Int64Type, _>(chunk, &cells[rows], |&value| value),
        Values::Float(cells) => write_typed::<DoubleType, _>(chunk, &cells[rows], |&value| value),
        Values::Bool(cells) => write_typed::<BoolType, _>(chunk, &cells[rows], |&value| value),
    }
}

/// Definition levels say which cells have a value; the values stand without gaps.
fn write_typed<P: DataType, T>(
    chunk: &mut SerializedColumnWriter<'_>,
    cells: &[Option<T>],
    to: impl Fn(&T) -> P::T,
) -> Result<(), ParquetError> {
    let levels: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
    let values: Vec<P::T> = cells.iter().flatten().map(to).collect();
    chunk
        .typed::<P>()
        .write_batch(&values, Some(&levels), None)?;
    Ok(())
}
