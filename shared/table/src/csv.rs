use std::borrow::Cow;
use std::path::Path;

use crate::{Cell, Table, TableError};

/// Writes a table as CSV, see [`Table::to_csv`].
///
/// # Errors
/// When the file cannot be written; it is then what it was.
pub fn write_csv(path: &Path, table: &Table) -> Result<(), TableError> {
    Ok(splitsim_durable::replace(path, table.to_csv())?)
}

impl Table {
    /// The table as CSV (RFC 4180 with plain line feeds): a line of names, then a line per row.
    ///
    /// Floats are the shortest text that reads back as the same number. A missing value is an empty
    /// field, an empty text `""`. Spreadsheets take a text that begins with `=`, `+`, `-`, `@`, a tab or a
    /// line break for a formula; such texts and column names get an apostrophe in front, which makes them
    /// plain text there. Numbers and booleans stay as they are. Parquet files have every text unchanged.
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
    let text = inert(text);
    if text.is_empty() || text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\"")).into()
    } else {
        text
    }
}

/// First characters of what spreadsheets evaluate (OWASP, "CSV Injection"), their full-width forms
/// included.
const FORMULA_STARTS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// The text, with an apostrophe in front where a spreadsheet would evaluate it.
fn inert(text: &str) -> Cow<'_, str> {
    match text.starts_with(FORMULA_STARTS) {
        true => format!("'{text}").into(),
        false => text.into(),
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

    #[test]
    fn texts_that_spreadsheets_would_evaluate_are_made_inert() {
        let formulas = [
            (
                "=HYPERLINK(\"http://a.example\")",
                "\"'=HYPERLINK(\"\"http://a.example\"\")\"",
            ),
            ("+1", "'+1"),
            ("-1+1", "'-1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("\n=1", "\"'\n=1\""),
            ("＝1", "'＝1"),
            ("a=1", "a=1"),
            ("'=1", "'=1"),
        ];
        for (text, field) in formulas {
            let table = Table::new(vec![
                Column::text("=name", [text]),
                Column::float("x", [-0.5]),
                Column::int("n", [-3]),
            ]);
            let expected = format!("'=name,x,n\n{field},-0.5,-3\n");
            assert_eq!(table.unwrap().to_csv(), expected, "{text}");
        }
    }
}
