use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use parquet::column::reader::{get_column_reader, get_typed_column_reader};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type,
};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::chunk::ExpandedBytes;
use super::pages::CheckedPages;
use super::stored::Stored;
use super::{parquet_error, unreadable};
use crate::{Column, Table, TableError, Values};

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 8192;

/// Reads a table from the bytes of a Parquet file.
///
/// Integers of any width become [`Kind::Int`](crate::Kind::Int), floats [`Kind::Float`](crate::Kind::Float). A
/// column without a type, as tools write one of nulls only, becomes one of missing texts.
///
/// # Errors
/// When the bytes are damaged; hold nested columns or such of times, decimals or raw bytes; are compressed
/// otherwise than by snappy, zstd or gzip; or exceed [`Table::MAX_CELLS`], [`Table::MAX_TEXT_BYTES`] or
/// [`Table::MAX_EXPANDED_BYTES`].
pub fn from_parquet(bytes: impl Into<Bytes>) -> Result<Table, TableError> {
    let bytes: Bytes = bytes.into();
    // The decoder still asserts some of what damaged files break; nothing outlives such a panic but
    // the error made of it.
    catch_unwind(AssertUnwindSafe(|| read(bytes)))
        .unwrap_or_else(|_| Err(unreadable("damaged so that its decoder gave up")))
}

fn read(bytes: Bytes) -> Result<Table, TableError> {
    let file = SerializedFileReader::new(bytes.clone()).map_err(parquet_error)?;
    ExpandedBytes::default().check(&bytes, file.metadata())?;
    let rows = group_rows(&file)?;
    let descriptors = file.metadata().file_metadata().schema_descr().columns();
    let total: u64 = rows.iter().map(|&rows| rows as u64).sum();
    let cells = total.saturating_mul(descriptors.len() as u64);
    at_most("cells", cells, Table::MAX_CELLS)?;
    let mut text_bytes = 0;
    let columns: Result<Vec<Column>, TableError> = (0..descriptors.len())
        .map(|index| {
            let values = read_column(&file, index, &rows, &mut text_bytes)?;
            Ok(Column::new(descriptors[index].name(), values))
        })
        .collect();
    Table::new(columns?)
}

fn at_most(what: &'static str, actual: u64, max: u64) -> Result<(), TableError> {
    if actual <= max {
        Ok(())
    } else {
        Err(TableError::TooLarge { what, actual, max })
    }
}

/// Rows of each row group.
fn group_rows(file: &SerializedFileReader<Bytes>) -> Result<Vec<usize>, TableError> {
    let mut total = 0u64;
    let groups = file.metadata().row_groups().iter();
    groups
        .map(|group| {
            let rows = group.num_rows();
            let rows = u64::try_from(rows).map_err(|_| unreadable(format!("{rows} rows")))?;
            total = total.saturating_add(rows);
            at_most("rows", total, Table::MAX_CELLS)?;
            Ok(rows as usize)
        })
        .collect()
}

fn read_column(
    file: &SerializedFileReader<Bytes>,
    index: usize,
    rows: &[usize],
    text_bytes: &mut u64,
) -> Result<Values, TableError> {
    let descriptor = file.metadata().file_metadata().schema_descr().column(index);
    let chunks = Chunks {
        file,
        index,
        rows,
        optional: optional(&descriptor)?,
    };
    let int = |value: i64| Ok(value);
    Ok(match Stored::of(&descriptor)? {
        Stored::Text => {
            Values::Text(chunks.read::<ByteArrayType, _>(|bytes| text(bytes, text_bytes))?)
        }
        Stored::Int64 => Values::Int(chunks.read::<Int64Type, _>(|&value| int(value))?),
        Stored::Int32 => Values::Int(chunks.read::<Int32Type, _>(|&value| int(value.into()))?),
        Stored::Uint32 => {
            let wide = |&value: &i32| int(value.cast_unsigned().into());
            Values::Int(chunks.read::<Int32Type, _>(wide)?)
        }
        Stored::Uint64 => Values::Int(chunks.read::<Int64Type, _>(|&value| not_negative(value))?),
        Stored::Float64 => Values::Float(chunks.read::<DoubleType, _>(|&value| Ok(value))?),
        Stored::Float32 => Values::Float(chunks.read::<FloatType, _>(|&value| Ok(value.into()))?),
        Stored::Bool => Values::Bool(chunks.read::<BoolType, _>(|&value| Ok(value))?),
        Stored::Nothing => Values::Text(
            chunks.read::<Int32Type, _>(|_| Err(unreadable("a column of nulls holds a value")))?,
        ),
    })
}

/// A `UINT_64` that an `i64` holds.
fn not_negative(value: i64) -> Result<i64, TableError> {
    match value {
        0.. => Ok(value),
        _ => Err(unreadable(format!(
            "{} is beyond 64-bit signed integers",
            value.cast_unsigned()
        ))),
    }
}

fn text(bytes: &ByteArray, total: &mut u64) -> Result<String, TableError> {
    *total += bytes.len() as u64;
    at_most("bytes of text", *total, Table::MAX_TEXT_BYTES)?;
    bytes.as_utf8().map(str::to_owned).map_err(parquet_error)
}

/// Returns `true` if cells of the column may be missing.
fn optional(descriptor: &ColumnDescriptor) -> Result<bool, TableError> {
    let levels = (descriptor.max_rep_level(), descriptor.max_def_level());
    match levels {
        (0, 0) => Ok(false),
        (0, 1) if descriptor.path().parts().len() == 1 => Ok(true),
        _ => Err(unreadable(format!(
            "column '{}' is nested",
            descriptor.path()
        ))),
    }
}

/// The chunks of one column, one per row group.
struct Chunks<'a> {
    file: &'a SerializedFileReader<Bytes>,
    index: usize,
    rows: &'a [usize],
    optional: bool,
}

impl Chunks<'_> {
    fn read<P: DataType, T>(
        &self,
        mut to: impl FnMut(&P::T) -> Result<T, TableError>,
    ) -> Result<Vec<Option<T>>, TableError> {
        let mut cells = Vec::new();
        for (group, &rows) in self.rows.iter().enumerate() {
            self.read_chunk::<P, T>(group, rows, &mut to, &mut cells)?;
        }
        Ok(cells)
    }

    fn read_chunk<P: DataType, T>(
        &self,
        group: usize,
        rows: usize,
        to: &mut impl FnMut(&P::T) -> Result<T, TableError>,
        cells: &mut Vec<Option<T>>,
    ) -> Result<(), TableError> {
        let group = self.file.get_row_group(group).map_err(parquet_error)?;
        let descriptor = group.metadata().schema_descr().column(self.index);
        let pages = group
            .get_column_page_reader(self.index)
            .map_err(parquet_error)?;
        let pages = CheckedPages::new(pages, descriptor.physical_type(), rows);
        let reader = get_column_reader(descriptor, Box::new(pages));
        let mut reader = get_typed_column_reader::<P>(reader);
        let mut left = rows;
        while left > 0 {
            let (mut values, mut levels) = (Vec::new(), Vec::new());
            let wanted = self.optional.then_some(&mut levels);
            let (read, ..) = reader
                .read_records(left.min(BATCH_ROWS), wanted, None, &mut values)
                .map_err(parquet_error)?;
            if read == 0 || read > left {
                return Err(unreadable(format!(
                    "{left} of {rows} rows of a column are missing"
                )));
            }
            if !self.optional {
                levels = vec![1; read];
            }
            spread(&levels, &values, to, cells)?;
            left -= read;
        }
        Ok(())
    }
}

/// Puts values where the levels say there are some.
fn spread<V, T>(
    levels: &[i16],
    values: &[V],
    to: &mut impl FnMut(&V) -> Result<T, TableError>,
    cells: &mut Vec<Option<T>>,
) -> Result<(), TableError> {
    let mut values = values.iter();
    for &level in levels {
        cells.push(match level {
            0 => None,
            _ => {
                let value = values.next();
                Some(to(
                    value.ok_or_else(|| unreadable("fewer values than cells"))?
                )?)
            }
        });
    }
    Ok(())
}
