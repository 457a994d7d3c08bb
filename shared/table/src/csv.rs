use std::borrow::Cow;
use std::path::Path;

use crate::{Cell, Table, TableError, write_file};

/// Writes a table as CSV, see [`Table::to_csv`].
///
/// # Errors
/// When the file cannot be written; it is then what it was.
pub fn write_csv(path: &Path, table: &Table) -> Result<(), TableError> {
    write_file(path, table.to_csv().as_bytes())
}

impl Table {
    /// The table as CSV (RFC 4180 with plain line feeds): a line of names, then a line per row.
    ///
    /// Floats are the shortest text that reads back as the same number. A missing value is an empty
    /// field, an empty text `""`.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let names = self.columns().iter().map(|column| quoted(column.name()));
        let mut csv = line(names);
        for row in 0..self.rows() {
            let cells = self.columns().iter().filter_map(|column| column.cell(row));
            csv += &line(cells.map(field));
        }
        csv
    }
}

fn line<'a>(fields: impl Iterator<Item = Cow<'a, str>>) -> String {
    let mut line = String::new();
    for (index, field) in fields.enumerate() {
        if index > 0 {
            line.push(',');
        }
        line += &field;
    }
    line.push('\n');
    line
}

fn field(cell: Cell<'_>) -> Cow<'_, str> {
    match cell {
        Cell::Text(text) => quoted(text),
        other => other.to_string().into(),
    }
}

fn quoted(text: &str) -> Cow<'_, str> {
    if text.is_empty() || text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\"")).into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Column, Table, Values};

    #[test]
    fn quotes_what_needs_it_and_tells_missing_from_empty() {
        let names = ["a,b", "say \"hi\"", "two\nlines", ""].map(|text| Some(text.to_owned()));
        let mut names = names.to_vec();
        names.push(None);
        let table = Table::new(vec![
            Column::new("name", Values::Text(names)),
            Column::int("n", [1, 2, 3, 4, 5]),
            Column::float("x", [0.1, 1e-9, f64::INFINITY, -0.0, 2.0]),
            Column::bool("b", [Some(true), None, None, None, Some(false)]),
        ]);
        let expected = "name,n,x,b\n\"a,b\",1,0.1,true\n\"say \"\"hi\"\"\",2,0.000000001,\n\
                        \"two\nlines\",3,inf,\n\"\",4,-0,\n,5,2,false\n";
        assert_eq!(table.unwrap().to_csv(), expected);
    }
}
