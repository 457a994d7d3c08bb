//! Refuses numbers that SQLite would change on the way in: NaN becomes NULL, `u64` wraps.

use splitsim_feature::units::Bytes;

use crate::ResultsError;

/// The longest stage that is taken for a measurement: one year.
pub(crate) const MAX_STAGE_MS: f64 = 365.0 * 24.0 * 3600.0 * 1000.0;

pub(crate) fn integer(field: &'static str, value: u64) -> Result<i64, ResultsError> {
    i64::try_from(value).map_err(|_| ResultsError::Value {
        field,
        value: value.to_string(),
        expected: "at most 2^63 - 1",
    })
}

pub(crate) fn positive(field: &'static str, value: u64) -> Result<i64, ResultsError> {
    match value {
        0 => Err(ResultsError::Value {
            field,
            value: value.to_string(),
            expected: "at least 1",
        }),
        _ => integer(field, value),
    }
}

pub(crate) fn bytes(field: &'static str, count: Bytes) -> Result<i64, ResultsError> {
    integer(field, count.0)
}

pub(crate) fn finite(field: &'static str, value: f64) -> Result<f64, ResultsError> {
    if value.is_finite() {
        return Ok(value);
    }
    Err(ResultsError::Value {
        field,
        value: value.to_string(),
        expected: "a finite number",
    })
}

pub(crate) fn duration_ms(field: &'static str, value: f64) -> Result<f64, ResultsError> {
    if (0.0..=MAX_STAGE_MS).contains(&value) {
        return Ok(value);
    }
    Err(ResultsError::Value {
        field,
        value: value.to_string(),
        expected: "milliseconds between 0 and one year",
    })
}

/// Applies a check to a value that may be missing.
pub(crate) fn optional<T, U>(
    check: impl FnOnce(&'static str, T) -> Result<U, ResultsError>,
    field: &'static str,
    value: Option<T>,
) -> Result<Option<U>, ResultsError> {
    value.map(|value| check(field, value)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_sqlite_would_change_are_refused() {
        assert!(integer("frame", i64::MAX as u64).is_ok());
        assert!(integer("frame", i64::MAX as u64 + 1).is_err());
        assert!(positive("feature_points", 0).is_err());
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(finite("score", value).is_err(), "{value}");
            assert!(duration_ms("head_ms", value).is_err(), "{value}");
        }
        assert!(duration_ms("head_ms", -0.001).is_err());
        assert_eq!(duration_ms("head_ms", 0.0).unwrap(), 0.0);
    }

    #[test]
    fn the_message_names_field_value_and_expectation() {
        let error = finite("score", f64::NAN).unwrap_err();
        assert_eq!(error.to_string(), "score is NaN, expected a finite number");
    }
}
