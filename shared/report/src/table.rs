//! Tables that readers can sort.

/// A table with a caption, in the order of its rows until a reader sorts it.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    pub(crate) caption: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// The heading of a column, with its unit, description and alignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub(crate) name: String,
    pub(crate) unit: String,
    pub(crate) about: String,
    pub(crate) numeric: bool,
}

/// A value as it is shown, perhaps with a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    text: String,
    target: Option<String>,
}

impl Table {
    /// Rows that a page shows at most; more would make it slow. What is left out is said, and
    /// belongs into a [`Download`](crate::Download).
    pub const MAX_ROWS: usize = 5000;

    /// From this many rows on, the table scrolls in itself and can be filtered.
    pub(crate) const LONG: usize = 16;

    /// A table without rows yet.
    #[must_use]
    pub fn new(caption: impl Into<String>, columns: impl IntoIterator<Item = Column>) -> Self {
        Self {
            caption: caption.into(),
            columns: columns.into_iter().collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row: one cell per column; cells that are missing stay empty, others are left out.
    #[must_use]
    pub fn row(mut self, cells: impl IntoIterator<Item = Cell>) -> Self {
        self.push(cells);
        self
    }

    /// Adds a row in place.
    pub fn push(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let mut row: Vec<Cell> = cells.into_iter().collect();
        row.resize_with(self.columns.len(), Cell::missing);
        self.rows.push(row);
    }

    pub(crate) fn shown(&self) -> &[Vec<Cell>] {
        &self.rows[..self.rows.len().min(Self::MAX_ROWS)]
    }

    pub(crate) fn left_out(&self) -> usize {
        self.rows.len() - self.shown().len()
    }

    pub(crate) fn is_long(&self) -> bool {
        self.rows.len() >= Self::LONG
    }
}

impl Column {
    /// A column of words, sorted by the alphabet.
    #[must_use]
    pub fn text(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            unit: String::new(),
            about: String::new(),
            numeric: false,
        }
    }

    /// A column of numbers in `unit`, which may be empty.
    #[must_use]
    pub fn number(name: impl Into<String>, unit: impl Into<String>) -> Self {
        Self {
            unit: unit.into(),
            numeric: true,
            ..Self::text(name)
        }
    }

    /// Explains the column where a reader points at it.
    #[must_use]
    pub fn about(mut self, about: impl Into<String>) -> Self {
        self.about = about.into();
        self
    }
}

impl Cell {
    /// Words.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            target: None,
        }
    }

    /// Words that lead to a file, whose path is relative to the page or absolute.
    #[must_use]
    pub fn link(text: impl Into<String>, path: &str) -> Self {
        Self {
            target: Some(encoded(path)),
            ..Self::text(text)
        }
    }

    /// A number with this many decimals; a value that is not finite is shown as unknown.
    #[must_use]
    pub fn number(value: f64, decimals: usize) -> Self {
        if !value.is_finite() {
            return Self::missing();
        }
        // No "-0.00".
        let text = format!("{value:.decimals$}");
        let zero = text
            .trim_start_matches('-')
            .trim_matches(['0', '.'])
            .is_empty();
        Self::text(if zero { text.replace('-', "") } else { text })
    }

    /// A number that may be unknown.
    #[must_use]
    pub fn known(value: Option<f64>, decimals: usize) -> Self {
        value.map_or_else(Self::missing, |value| Self::number(value, decimals))
    }

    /// A number of something.
    #[must_use]
    pub fn count(count: impl Into<u64>) -> Self {
        Self::text(count.into().to_string())
    }

    /// A cell for an unknown value.
    #[must_use]
    pub fn missing() -> Self {
        Self::text("–")
    }

    pub(crate) fn shown(&self) -> &str {
        &self.text
    }

    pub(crate) fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }
}

/// A path in an address (RFC 3986, 2.3): never a scheme, a query or a fragment.
fn encoded(path: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    path.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_show_as_they_are() {
        assert_eq!(Cell::number(-0.001, 2).shown(), "0.00");
        assert_eq!(Cell::number(-0.01, 2).shown(), "-0.01");
        assert_eq!(Cell::number(100.0, 0).shown(), "100");
        assert_eq!(Cell::number(f64::NAN, 2), Cell::missing());
        assert_eq!(Cell::known(None, 2).shown(), "–");
    }

    #[test]
    fn links_lead_to_files_and_nowhere_else() {
        let link = Cell::link("a", "points/rate_2-Mbit-s/ü report.html");
        assert_eq!(
            link.target(),
            Some("points/rate_2-Mbit-s/%C3%BC%20report.html")
        );
        assert_eq!(
            Cell::link("a", "javascript:alert(1)").target(),
            Some("javascript%3Aalert%281%29")
        );
    }

    #[test]
    fn every_row_is_as_wide_as_the_table() {
        let table = Table::new("t", [Column::text("a"), Column::number("b", "ms")])
            .row([Cell::text("x")])
            .row([Cell::text("x"), Cell::count(3_u64), Cell::text("too much")]);
        assert_eq!(table.rows[0], [Cell::text("x"), Cell::missing()]);
        assert_eq!(table.rows[1].len(), 2);
    }
}
