use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use parquet::basic::Type as Physical;
use parquet::column::reader::{get_column_reader, get_typed_column_reader};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::pages::CheckedPages;
use super::{parquet_error, unreadable};
use crate::{Column, Kind, Table, TableError, Values};

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 8192;

/// Reads a table from the bytes of a Parquet file.
///
/// # Errors
/// When the bytes are damaged, hold nested or other columns than [`to_parquet`](crate::to_parquet)
/// makes, are compressed, or exceed [`Table::MAX_CELLS`] or [`Table::MAX_TEXT_BYTES`].
pub fn from_parquet(bytes: impl Into<Bytes>) -> Result<Table, TableError> {
    let bytes = bytes.into();
    // The decoder still asserts some of what damaged files break; nothing outlives such a panic but
    // the error made of it.
    catch_unwind(AssertUnwindSafe(|| read(bytes)))
        .unwrap_or_else(|_| Err(unreadable("damaged so that its decoder gave up")))
}

fn read(bytes: Bytes) -> Result<Table, TableError> {
    let file = SerializedFileReader::new(bytes).map_err(parquet_error)?;
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
    Ok(match kind(&descriptor)? {
        Kind::Text => {
            Values::Text(chunks.read::<ByteArrayType, _>(|bytes| text(bytes, text_bytes))?)
        }
        Kind::Int => Values::Int(chunks.read::<Int64Type, _>(|value| Ok(*value))?),
        Kind::Float => Values::Float(chunks.read::<DoubleType, _>(|value| Ok(*value))?),
        Kind::Bool => Values::Bool(chunks.read::<BoolType, _>(|value| Ok(*value))?),
    })
}

fn text(bytes: &ByteArray, total: &mut u64) -> Result<String, TableError> {
    *total += bytes.len() as u64;
    at_most("bytes of text", *total, Table::MAX_TEXT_BYTES)?;
    bytes.as_utf8().map(str::to_owned).map_err(parquet_error)
}

/// Whether cells may be missing.
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

fn kind(descriptor: &ColumnDescriptor) -> Result<Kind, TableError> {
    match descriptor.physical_type() {
        Physical::BYTE_ARRAY => Ok(Kind::Text),
        Physical::INT64 => Ok(Kind::Int),
        Physical::DOUBLE => Ok(Kind::Float),
        Physical::BOOLEAN => Ok(Kind::Bool),
        other @ (Physical::INT32
        | Physical::INT96
        | Physical::FLOAT
        | Physical::FIXED_LEN_BYTE_ARRAY) => {
            let name = descriptor.name();
            let expected = "expected UTF-8 BYTE_ARRAY, INT64, DOUBLE or BOOLEAN";
            Err(unreadable(format!(
                "column '{name}' is {other}, {expected}"
            )))
        }
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
