//! The text form of a policy's settings: `HEAD[,NAME=VALUE]…`, the settings in any order.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::{Fallback, MaxAttempts, PolicyError, Rung};

/// The settings of one policy that have not been taken yet.
pub(crate) struct Settings<'a> {
    given: BTreeMap<&'a str, &'a str>,
}

impl<'a> Settings<'a> {
    /// Splits a text into its head and its settings, all of which must be among `known`.
    pub(crate) fn split(
        kind: &'static str,
        text: &'a str,
        known: &'static [&'static str],
    ) -> Result<(&'a str, Self), PolicyError> {
        let mut parts = text.split(',').map(str::trim);
        let head = parts.next().unwrap_or_default();
        let mut given = BTreeMap::new();
        for part in parts {
            let setting = part.split_once('=');
            let setting = setting.map(|(name, value)| (current(name.trim()), value.trim()));
            match setting.filter(|(name, _)| known.contains(name)) {
                Some((name, value)) if given.insert(name, value).is_none() => {}
                Some((name, _)) => return Err(PolicyError::RepeatedSetting(name.to_owned())),
                None => {
                    let setting = part.to_owned();
                    return Err(PolicyError::UnknownSetting {
                        setting,
                        kind,
                        known,
                    });
                }
            }
        }
        Ok((head, Self { given }))
    }

    /// Takes a setting; `None` when it is not given.
    pub(crate) fn take<T>(
        &mut self,
        name: &'static str,
        expected: impl fmt::Display,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, PolicyError> {
        let Some(value) = self.given.remove(name) else {
            return Ok(None);
        };
        let wrong = || PolicyError::SettingValue {
            name,
            value: value.to_owned(),
            expected: expected.to_string(),
        };
        parse(value).map(Some).ok_or_else(wrong)
    }

    /// Takes a whole number of a range.
    pub(crate) fn number(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u8>,
    ) -> Result<Option<u8>, PolicyError> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let inside = |text: &str| u8::from_str(text).ok().filter(|n| range.contains(n));
        self.take(name, expected, inside)
    }

    /// Takes `start`, an index; the cheapest rung when it is not given.
    pub(crate) fn start(&mut self) -> Result<Rung, PolicyError> {
        let start = self.number("start", 0..=u8::MAX)?;
        Ok(start.map_or(Rung(0), Rung))
    }

    /// Takes `max-attempts`, or its default.
    pub(crate) fn max_attempts(&mut self) -> Result<MaxAttempts, PolicyError> {
        let max = self.number("max-attempts", 1..=MaxAttempts::LIMIT)?;
        max.map_or_else(|| Ok(MaxAttempts::default()), MaxAttempts::new)
    }

    /// Takes `fallback`, or its default.
    pub(crate) fn fallback(&mut self) -> Result<Fallback, PolicyError> {
        let fallback = self.take("fallback", "best, richest or drop", |text| {
            text.parse().ok()
        })?;
        Ok(fallback.unwrap_or_default())
    }
}

/// The name of a setting, which is that of the key in a scenario; earlier names stay understood.
fn current(name: &str) -> &str {
    match name {
        "max" => "max-attempts",
        "by" => "deadline",
        name => name,
    }
}

/// `,fallback=NAME`, unless it is the default.
pub(crate) fn write_fallback(f: &mut fmt::Formatter<'_>, fallback: Fallback) -> fmt::Result {
    match fallback {
        Fallback::Best => Ok(()),
        Fallback::Richest | Fallback::Drop => write!(f, ",fallback={fallback}"),
    }
}
