//! Conversions of single fields, shared by all messages.

use std::time::Duration;

use splitsim_feature::Task;

use crate::message::InvalidMessage;
use crate::names::{Id, Name};
use crate::{Digest, wire};

pub(crate) fn required<T>(field: &'static str, value: Option<T>) -> Result<T, InvalidMessage> {
    value.ok_or(InvalidMessage::Missing { field })
}

pub(crate) fn name(field: &'static str, text: String) -> Result<Name, InvalidMessage> {
    Name::new(text).map_err(|source| InvalidMessage::Name { field, source })
}

pub(crate) fn id(field: &'static str, text: String) -> Result<Id, InvalidMessage> {
    Id::new(text).map_err(|source| InvalidMessage::Name { field, source })
}

pub(crate) fn count(
    field: &'static str,
    actual: usize,
    (min, max): (usize, usize),
) -> Result<(), InvalidMessage> {
    if (min..=max).contains(&actual) {
        return Ok(());
    }
    Err(InvalidMessage::Count {
        field,
        actual,
        min,
        max,
    })
}

pub(crate) fn expect(
    holds: bool,
    field: &'static str,
    actual: impl ToString,
    expected: impl ToString,
) -> Result<(), InvalidMessage> {
    if holds {
        return Ok(());
    }
    Err(InvalidMessage::Unexpected {
        field,
        actual: actual.to_string(),
        expected: expected.to_string(),
    })
}

pub(crate) fn finite(field: &'static str, value: f64) -> Result<f64, InvalidMessage> {
    if value.is_finite() {
        return Ok(value);
    }
    Err(InvalidMessage::NotFinite {
        field,
        actual: value.to_string(),
    })
}

pub(crate) fn digest(field: &'static str, bytes: &[u8]) -> Result<Digest, InvalidMessage> {
    <[u8; Digest::BYTES]>::try_from(bytes)
        .map(Digest::new)
        .map_err(|_| InvalidMessage::Unexpected {
            field,
            actual: format!("{} bytes long", bytes.len()),
            expected: format!("{} bytes", Digest::BYTES),
        })
}

/// A digest that may be left out, as by a peer of an earlier release.
pub(crate) fn optional_digest(
    field: &'static str,
    bytes: &[u8],
) -> Result<Option<Digest>, InvalidMessage> {
    match bytes {
        [] => Ok(None),
        bytes => digest(field, bytes).map(Some),
    }
}

pub(crate) fn optional_digest_to_wire(digest: Option<Digest>) -> Vec<u8> {
    digest.map_or_else(Vec::new, |digest| digest.bytes().to_vec())
}

/// A name that may be left out.
pub(crate) fn optional_name(
    field: &'static str,
    text: String,
) -> Result<Option<Name>, InvalidMessage> {
    match text.is_empty() {
        true => Ok(None),
        false => name(field, text).map(Some),
    }
}

pub(crate) fn task(field: &'static str, value: i32) -> Result<Task, InvalidMessage> {
    match wire::Task::try_from(value) {
        Ok(wire::Task::Cls) => Ok(Task::Cls),
        Ok(wire::Task::Seg) => Ok(Task::Seg),
        Ok(wire::Task::Dpt) => Ok(Task::Dpt),
        Ok(wire::Task::Unspecified) | Err(_) => Err(InvalidMessage::UnknownValue {
            field,
            actual: value,
        }),
    }
}

pub(crate) const fn task_to_wire(task: Task) -> i32 {
    let wire = match task {
        Task::Cls => wire::Task::Cls,
        Task::Seg => wire::Task::Seg,
        Task::Dpt => wire::Task::Dpt,
    };
    wire as i32
}

/// Whole microseconds; a span of more than 584 000 years is written as that many.
pub(crate) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
