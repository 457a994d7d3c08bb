//! The axes of a sweep: swept values, as numbers if they are quantities.

use splitsim_report::Axis as Drawn;
use splitsim_table::Column;

use crate::scenario::{Dimension, Quantity, REPEAT};

/// A swept key with its value at each point.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    pub(super) key: String,
    /// As the scenario has them.
    pub(super) texts: Vec<String>,
    scale: Scale,
}

#[derive(Debug, Clone, PartialEq)]
enum Scale {
    /// The points' values in the dimension's unit.
    Numbers(Dimension, Vec<f64>),
    /// Every value once, in the order of the points.
    Names(Vec<String>),
}

impl Axis {
    /// An axis of numbers if all values are of one dimension, else of names.
    pub(super) fn new(key: &str, texts: Vec<String>) -> Self {
        let read: Option<Vec<Quantity>> = texts.iter().map(|text| Quantity::of(text)).collect();
        let dimension = read.as_ref().and_then(|all| Some(all.first()?.dimension));
        let scale = match (read, dimension) {
            (Some(all), Some(dimension)) if all.iter().all(|one| one.dimension == dimension) => {
                Scale::Numbers(dimension, all.iter().map(|one| one.value).collect())
            }
            _ => Scale::Names(each_once(&texts)),
        };
        Self {
            key: key.to_owned(),
            texts,
            scale,
        }
    }

    /// `true` if points differ in it.
    pub(super) fn varies(&self) -> bool {
        self.texts.windows(2).any(|pair| pair[0] != pair[1])
    }

    pub(super) fn is_repeat(&self) -> bool {
        self.key == REPEAT
    }

    pub(super) const fn is_numeric(&self) -> bool {
        matches!(self.scale, Scale::Numbers(..))
    }

    /// Every value once, in the order of the points.
    pub(super) fn values(&self) -> Vec<String> {
        each_once(&self.texts)
    }

    /// Returns the position of a point in figures: a number in the unit for readers, or a name's index.
    pub(super) fn position(&self, point: usize) -> Option<f64> {
        match &self.scale {
            Scale::Numbers(dimension, values) => Some(values.get(point)? * dimension.readable().1),
            Scale::Names(names) => {
                let text = self.texts.get(point)?;
                Some(names.iter().position(|name| name == text)? as f64)
            }
        }
    }

    /// The horizontal axis of a figure.
    pub(super) fn drawn(&self) -> Drawn {
        /// From this ratio on a logarithmic axis shows more.
        const WIDE: f64 = 30.0;
        match &self.scale {
            Scale::Numbers(dimension, values) => {
                let drawn = Drawn::new(&self.key, dimension.readable().0);
                let low = values.iter().copied().fold(f64::INFINITY, f64::min);
                let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let wide = low > 0.0 && high / low >= WIDE;
                if wide { drawn.log() } else { drawn }
            }
            Scale::Names(names) => {
                Drawn::new(&self.key, "").names(names.iter().map(String::as_str))
            }
        }
    }

    /// A column with the value of the point of every row; of numbers the name ends in the unit.
    pub(super) fn column(&self, points: &[usize]) -> Column {
        match &self.scale {
            Scale::Numbers(dimension, values) => {
                let name = format!("{}{}", self.key, dimension.suffix());
                let whole = values
                    .iter()
                    .all(|value| value.fract() == 0.0 && value.abs() < 1e15);
                let values = points.iter().map(|&point| values[point]);
                match *dimension == Dimension::Plain && whole {
                    true => Column::int(name, values.map(|value| value as i64)),
                    false => Column::float(name, values),
                }
            }
            Scale::Names(_) => Column::text(
                &self.key,
                points.iter().map(|&point| self.texts[point].clone()),
            ),
        }
    }
}

fn each_once(texts: &[String]) -> Vec<String> {
    let mut once: Vec<String> = Vec::new();
    for text in texts {
        if !once.contains(text) {
            once.push(text.clone());
        }
    }
    once
}

#[cfg(test)]
mod tests {
    use splitsim_table::Kind;

    use super::*;

    fn axis(texts: &[&str]) -> Axis {
        Axis::new("a.key", texts.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn values_of_one_dimension_are_numbers_in_one_unit() {
        let rates = axis(&["500 kbit/s", "2 Mbit/s"]);
        assert_eq!(
            (rates.position(0), rates.position(1)),
            (Some(0.5), Some(2.0))
        );
        let column = rates.column(&[1, 0, 1]);
        assert_eq!((column.name(), column.kind()), ("a.key_bps", Kind::Float));
        assert_eq!(column.values(), Column::float("", [2e6, 5e5, 2e6]).values());
        let seeds = axis(&["4", "5"]).column(&[0, 1]);
        assert_eq!((seeds.name(), seeds.kind()), ("a.key", Kind::Int));
        assert_eq!(axis(&["0.9", "1"]).column(&[0]).kind(), Kind::Float);
    }

    #[test]
    fn words_and_mixed_values_are_names_in_their_order() {
        for texts in [
            ["vvc", "hevc"],
            ["12 kB", "100 packets"],
            ["4 packets", "unlimited"],
        ] {
            let axis = axis(&texts);
            assert!(!axis.is_numeric());
            assert_eq!((axis.position(0), axis.position(1)), (Some(0.0), Some(1.0)));
            let column = axis.column(&[1]);
            assert_eq!(column.values(), Column::text("", [texts[1]]).values());
        }
    }
}
