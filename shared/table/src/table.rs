use std::collections::BTreeSet;

use crate::{Column, Kind, TableError, Values};

/// Columns of one length, each with a name of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    columns: Vec<Column>,
}

impl Table {
    /// The most cells that are read from a file: a gigabyte and a half of texts, half of it of numbers.
    pub const MAX_CELLS: u64 = 1 << 26;
    /// The most bytes that the pages of a file may have uncompressed.
    pub const MAX_EXPANDED_BYTES: u64 = 3 << 29;
    /// The most bytes of text that are read from a file.
    pub const MAX_TEXT_BYTES: u64 = 1 << 30;

    /// A table of `columns`.
    ///
    /// # Errors
    /// When there is none, they differ in length, or a name is empty or used twice.
    pub fn new(columns: Vec<Column>) -> Result<Self, TableError> {
        let expected = columns.first().ok_or(TableError::NoColumns)?.values().len();
        let mut names = BTreeSet::new();
        for column in &columns {
            let actual = column.values().len();
            if actual != expected {
                let column = column.name().to_owned();
                return Err(TableError::Length {
                    column,
                    expected,
                    actual,
                });
            }
            if column.name().is_empty() || !names.insert(column.name()) {
                let name = column.name().to_owned();
                return Err(TableError::Name { name });
            }
        }
        Ok(Self { columns })
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.columns
            .first()
            .map_or(0, |column| column.values().len())
    }

    /// The columns, in order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The column of a name.
    ///
    /// # Errors
    /// When there is none.
    pub fn column(&self, name: &str) -> Result<&Column, TableError> {
        self.columns
            .iter()
            .find(|column| column.name() == name)
            .ok_or_else(|| TableError::NoColumn {
                column: name.to_owned(),
                known: self.names(),
            })
    }

    /// A column of texts.
    ///
    /// # Errors
    /// When there is none of that name, or it holds something else.
    pub fn texts(&self, name: &str) -> Result<&[Option<String>], TableError> {
        match self.column(name)?.values() {
            Values::Text(cells) => Ok(cells),
            other => Err(wrong_kind(name, Kind::Text, other)),
        }
    }

    /// A column of integers.
    ///
    /// # Errors
    /// When there is none of that name, or it holds something else.
    pub fn ints(&self, name: &str) -> Result<&[Option<i64>], TableError> {
        match self.column(name)?.values() {
            Values::Int(cells) => Ok(cells),
            other => Err(wrong_kind(name, Kind::Int, other)),
        }
    }

    /// A column of floats.
    ///
    /// # Errors
    /// When there is none of that name, or it holds something else.
    pub fn floats(&self, name: &str) -> Result<&[Option<f64>], TableError> {
        match self.column(name)?.values() {
            Values::Float(cells) => Ok(cells),
            other => Err(wrong_kind(name, Kind::Float, other)),
        }
    }

    /// A column of booleans.
    ///
    /// # Errors
    /// When there is none of that name, or it holds something else.
    pub fn bools(&self, name: &str) -> Result<&[Option<bool>], TableError> {
        match self.column(name)?.values() {
            Values::Bool(cells) => Ok(cells),
            other => Err(wrong_kind(name, Kind::Bool, other)),
        }
    }

    /// Appends the rows of a table of the same columns.
    ///
    /// # Errors
    /// When names, kinds or order of the columns differ; nothing is appended then.
    pub fn append(&mut self, other: Self) -> Result<(), TableError> {
        let schema = |table: &Self| -> Vec<(String, Kind)> {
            let columns = table.columns.iter();
            columns.map(|c| (c.name().to_owned(), c.kind())).collect()
        };
        if schema(self) != schema(&other) {
            return Err(TableError::OtherColumns {
                expected: self.names(),
                actual: other.names(),
            });
        }
        for (column, more) in self.columns.iter_mut().zip(other.columns) {
            let appended = column.values_mut().append(more.values().clone());
            debug_assert!(appended.is_ok(), "the kinds were just compared");
        }
        Ok(())
    }

    /// Some of the rows, in the order given; rows beyond the last are left out.
    #[must_use]
    pub fn take(&self, rows: &[usize]) -> Self {
        let taken = |column: &Column| Column::new(column.name(), column.values().take(rows));
        let columns = self.columns.iter().map(taken).collect();
        Self { columns }
    }

    /// Converts columns to the types that `kind` asks for by name, if that changes no value: whole
    /// floats may become integers, integers of up to 53 bits may become floats, and a column
    /// without values may become any type. Other columns stay as they are, so that callers can
    /// refuse them by name.
    #[must_use]
    pub fn conform(self, kind: impl Fn(&str) -> Option<Kind>) -> Self {
        let conformed = |column: Column| match kind(column.name()) {
            Some(kind) => column.conform(kind),
            None => column,
        };
        let columns = self.columns.into_iter().map(conformed).collect();
        Self { columns }
    }

    fn names(&self) -> String {
        let named = |column: &Column| format!("{} ({})", column.name(), column.kind());
        let names: Vec<String> = self.columns.iter().map(named).collect();
        names.join(", ")
    }
}

fn wrong_kind(column: &str, expected: Kind, values: &Values) -> TableError {
    TableError::Kind {
        column: column.to_owned(),
        expected,
        actual: values.kind(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let columns = vec![Column::text("a", ["x", "y"]), Column::int("n", [1, 2])];
        Table::new(columns).unwrap()
    }

    #[test]
    fn refuses_what_is_no_table() {
        let check = |columns, expected: &str| {
            assert_eq!(Table::new(columns).unwrap_err().to_string(), expected);
        };
        check(vec![], "a table has no columns");
        let twice = || Column::int("n", [1]);
        check(
            vec![twice(), twice()],
            "column name 'n' is empty or used twice",
        );
        check(
            vec![twice(), Column::int("m", [1, 2])],
            "column 'm' has 2 rows, the first column 1",
        );
    }

    #[test]
    fn a_wrong_column_is_told_what_there_is() {
        let error = table().floats("x").unwrap_err().to_string();
        assert_eq!(error, "no column 'x', there are a (text), n (int)");
        let error = table().floats("n").unwrap_err().to_string();
        assert_eq!(error, "column 'n' holds int, expected float");
    }

    #[test]
    fn columns_change_their_kind_where_no_value_changes() {
        let columns = vec![
            Column::float("whole", [Some(3.0), None, Some(-0.0)]),
            Column::float("half", [0.5, 1.0, 2.0]),
            Column::int("small", [Some(-7), None, Some(1 << 53)]),
            Column::int("large", [(1 << 53) + 1, 0, 0]),
            Column::new("nothing", Values::Text(vec![None; 3])),
            Column::text("words", ["a", "b", "c"]),
        ];
        let table = Table::new(columns).unwrap();
        let kind = |name: &str| match name {
            "whole" | "half" | "nothing" => Some(Kind::Int),
            _ => Some(Kind::Float),
        };
        let table = table.conform(kind);
        assert_eq!(table.ints("whole").unwrap(), [Some(3), None, Some(0)]);
        assert_eq!(table.ints("nothing").unwrap(), [None; 3]);
        let small = [Some(-7.0), None, Some(9_007_199_254_740_992.0)];
        assert_eq!(table.floats("small").unwrap(), small);
        for (name, kind) in [
            ("half", Kind::Float),
            ("large", Kind::Int),
            ("words", Kind::Text),
        ] {
            assert_eq!(table.column(name).unwrap().kind(), kind, "{name}");
        }
    }

    #[test]
    fn rows_are_appended_and_taken() {
        let mut both = table();
        both.append(table()).unwrap();
        let taken = both.take(&[3, 0]);
        assert_eq!(
            taken.texts("a").unwrap(),
            [Some("y".to_owned()), Some("x".to_owned())]
        );
        assert_eq!(taken.ints("n").unwrap(), [Some(2), Some(1)]);
        let other = Table::new(vec![Column::int("n", [1])]).unwrap();
        assert!(matches!(
            both.append(other),
            Err(TableError::OtherColumns { .. })
        ));
        assert_eq!(both.rows(), 4);
    }
}
