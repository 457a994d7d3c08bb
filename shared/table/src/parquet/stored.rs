use parquet::basic::{ConvertedType, LogicalType, Type as Physical};
use parquet::schema::types::ColumnDescriptor;

use super::unreadable;
use crate::TableError;

/// The type in which a column's cells are stored in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    Text,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Float32,
    Float64,
    Bool,
    /// No type: every cell is missing.
    Nothing,
}

impl Stored {
    pub(super) fn of(descriptor: &ColumnDescriptor) -> Result<Self, TableError> {
        let found = match descriptor.logical_type_ref() {
            Some(logical) => Self::of_logical(logical, descriptor.physical_type()),
            None => Self::of_converted(descriptor.converted_type(), descriptor.physical_type()),
        };
        found.ok_or_else(|| {
            let stored = match descriptor.logical_type_ref() {
                Some(logical) => format!("{logical:?}"),
                None => descriptor.physical_type().to_string(),
            };
            unreadable(format!(
                "column '{}' is stored as {stored}; write it as text, integers, floats or booleans, or leave \
                 it out",
                descriptor.name()
            ))
        })
    }

    fn of_logical(logical: &LogicalType, physical: Physical) -> Option<Self> {
        match (logical, physical) {
            (LogicalType::String | LogicalType::Enum | LogicalType::Json, Physical::BYTE_ARRAY) => {
                Some(Self::Text)
            }
            (LogicalType::Integer(int), Physical::INT32 | Physical::INT64) => {
                Self::of_integer(int.is_signed, physical)
            }
            (LogicalType::Unknown, Physical::INT32) => Some(Self::Nothing),
            _ => None,
        }
    }

    /// Older files say what a column is by its converted type.
    fn of_converted(converted: ConvertedType, physical: Physical) -> Option<Self> {
        use ConvertedType as C;
        match (converted, physical) {
            (C::NONE | C::UTF8 | C::ENUM | C::JSON, Physical::BYTE_ARRAY) => Some(Self::Text),
            (
                C::NONE | C::INT_8 | C::INT_16 | C::INT_32 | C::INT_64,
                Physical::INT32 | Physical::INT64,
            ) => Self::of_integer(true, physical),
            (
                C::UINT_8 | C::UINT_16 | C::UINT_32 | C::UINT_64,
                Physical::INT32 | Physical::INT64,
            ) => Self::of_integer(false, physical),
            (C::NONE, Physical::FLOAT) => Some(Self::Float32),
            (C::NONE, Physical::DOUBLE) => Some(Self::Float64),
            (C::NONE, Physical::BOOLEAN) => Some(Self::Bool),
            _ => None,
        }
    }

    const fn of_integer(signed: bool, physical: Physical) -> Option<Self> {
        match (signed, physical) {
            (true, Physical::INT32) => Some(Self::Int32),
            (false, Physical::INT32) => Some(Self::Uint32),
            (true, Physical::INT64) => Some(Self::Int64),
            (false, Physical::INT64) => Some(Self::Uint64),
            _ => None,
        }
    }
}
