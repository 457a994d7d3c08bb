use crate::{Cell, Kind};

/// A named column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    name: String,
    values: Values,
}

/// The cells of a column, `None` where a value is missing.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Texts.
    Text(Vec<Option<String>>),
    /// Integers.
    Int(Vec<Option<i64>>),
    /// Floats; NaN and infinities are values, not missing ones.
    Float(Vec<Option<f64>>),
    /// Booleans.
    Bool(Vec<Option<bool>>),
}

impl Column {
    /// A column of `values`.
    pub fn new(name: impl Into<String>, values: Values) -> Self {
        let name = name.into();
        Self { name, values }
    }

    /// A column of texts without a missing one.
    pub fn text<T: Into<String>>(
        name: impl Into<String>,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        let values = values.into_iter().map(|text| Some(text.into())).collect();
        Self::new(name, Values::Text(values))
    }

    /// A column of integers.
    pub fn int(
        name: impl Into<String>,
        values: impl IntoIterator<Item = impl Into<Option<i64>>>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        Self::new(name, Values::Int(values))
    }

    /// A column of floats.
    pub fn float(
        name: impl Into<String>,
        values: impl IntoIterator<Item = impl Into<Option<f64>>>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        Self::new(name, Values::Float(values))
    }

    /// A column of booleans.
    pub fn bool(
        name: impl Into<String>,
        values: impl IntoIterator<Item = impl Into<Option<bool>>>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        Self::new(name, Values::Bool(values))
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of its cells.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.values.kind()
    }

    /// The cells.
    #[must_use]
    pub const fn values(&self) -> &Values {
        &self.values
    }

    /// The cell of a row, `None` beyond the last.
    #[must_use]
    pub fn cell(&self, row: usize) -> Option<Cell<'_>> {
        self.values.cell(row)
    }

    /// The column as one of `kind`, if that changes no value; else as it is.
    pub(crate) fn conform(self, kind: Kind) -> Self {
        let values = self.values.as_kind(kind).unwrap_or(self.values);
        Self { values, ..self }
    }

    pub(crate) const fn values_mut(&mut self) -> &mut Values {
        &mut self.values
    }
}

impl Values {
    /// No cells.
    #[must_use]
    pub const fn empty(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(Vec::new()),
            Kind::Int => Self::Int(Vec::new()),
            Kind::Float => Self::Float(Vec::new()),
            Kind::Bool => Self::Bool(Vec::new()),
        }
    }

    /// The type of the cells.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Int(_) => Kind::Int,
            Self::Float(_) => Kind::Float,
            Self::Bool(_) => Kind::Bool,
        }
    }

    /// The number of cells.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Text(cells) => cells.len(),
            Self::Int(cells) => cells.len(),
            Self::Float(cells) => cells.len(),
            Self::Bool(cells) => cells.len(),
        }
    }

    /// Returns `true` if there are no cells.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The cell of a row, `None` beyond the last.
    #[must_use]
    pub fn cell(&self, row: usize) -> Option<Cell<'_>> {
        fn of<'a, T>(
            cells: &'a [Option<T>],
            row: usize,
            to: fn(&'a T) -> Cell<'a>,
        ) -> Option<Cell<'a>> {
            cells
                .get(row)
                .map(|cell| cell.as_ref().map_or(Cell::Missing, to))
        }
        match self {
            Self::Text(cells) => of(cells, row, |text| Cell::Text(text)),
            Self::Int(cells) => of(cells, row, |&value| Cell::Int(value)),
            Self::Float(cells) => of(cells, row, |&value| Cell::Float(value)),
            Self::Bool(cells) => of(cells, row, |&value| Cell::Bool(value)),
        }
    }

    /// The same cells as another type; `None` if a value would change.
    fn as_kind(&self, kind: Kind) -> Option<Self> {
        match (self, kind) {
            (Self::Int(cells), Kind::Float) => all(cells, float_of).map(Self::Float),
            (Self::Float(cells), Kind::Int) => all(cells, int_of).map(Self::Int),
            _ if self.is_missing() => Some(Self::missing(kind, self.len())),
            _ => None,
        }
    }

    fn is_missing(&self) -> bool {
        match self {
            Self::Text(cells) => cells.iter().all(Option::is_none),
            Self::Int(cells) => cells.iter().all(Option::is_none),
            Self::Float(cells) => cells.iter().all(Option::is_none),
            Self::Bool(cells) => cells.iter().all(Option::is_none),
        }
    }

    fn missing(kind: Kind, rows: usize) -> Self {
        match kind {
            Kind::Text => Self::Text(vec![None; rows]),
            Kind::Int => Self::Int(vec![None; rows]),
            Kind::Float => Self::Float(vec![None; rows]),
            Kind::Bool => Self::Bool(vec![None; rows]),
        }
    }

    /// Appends the cells of `other`; gives them back when they are of another kind.
    pub(crate) fn append(&mut self, other: Self) -> Result<(), Self> {
        match (self, other) {
            (Self::Text(cells), Self::Text(more)) => cells.extend(more),
            (Self::Int(cells), Self::Int(more)) => cells.extend(more),
            (Self::Float(cells), Self::Float(more)) => cells.extend(more),
            (Self::Bool(cells), Self::Bool(more)) => cells.extend(more),
            (_, other) => return Err(other),
        }
        Ok(())
    }

    /// The cells of some rows, in that order; rows beyond the last are left out.
    pub(crate) fn take(&self, rows: &[usize]) -> Self {
        fn of<T: Clone>(cells: &[Option<T>], rows: &[usize]) -> Vec<Option<T>> {
            rows.iter()
                .filter_map(|&row| cells.get(row).cloned())
                .collect()
        }
        match self {
            Self::Text(cells) => Self::Text(of(cells, rows)),
            Self::Int(cells) => Self::Int(of(cells, rows)),
            Self::Float(cells) => Self::Float(of(cells, rows)),
            Self::Bool(cells) => Self::Bool(of(cells, rows)),
        }
    }
}

/// Every cell converted; `None` where one cannot be.
fn all<A: Copy, B>(cells: &[Option<A>], to: impl Fn(A) -> Option<B>) -> Option<Vec<Option<B>>> {
    let each = cells.iter().map(|cell| match cell {
        Some(value) => to(*value).map(Some),
        None => Some(None),
    });
    each.collect()
}

/// The largest magnitude up to which every integer is a float: 2⁵³.
const EXACT: u64 = 1 << 53;

fn float_of(value: i64) -> Option<f64> {
    (value.unsigned_abs() <= EXACT).then_some(value as f64)
}

fn int_of(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() <= EXACT as f64).then_some(value as i64)
}
