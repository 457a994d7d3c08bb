//! Options whose values are the names of a type: the list in the help, the check and the nearest name come
//! from the type.

use std::ffi::OsStr;
use std::fmt;
use std::str::FromStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command};
use splitsim_display::did_you_mean;

/// A parser of a closed set of values, made by [`of`].
#[derive(Clone)]
pub struct Names<T: 'static> {
    all: &'static [T],
    name: fn(T) -> &'static str,
}

/// A parser of a closed set of values: their names are listed in the help, and what is wrong with a name is
/// said in the words of the type, with the nearest name.
pub const fn of<T>(all: &'static [T], name: fn(T) -> &'static str) -> Names<T> {
    Names { all, name }
}

impl<T: Copy> Names<T> {
    fn names(&self) -> impl Iterator<Item = &'static str> + use<'_, T> {
        self.all.iter().map(|&value| (self.name)(value))
    }
}

impl<T> TypedValueParser for Names<T>
where
    T: Copy + FromStr + Send + Sync + 'static,
    T::Err: fmt::Display,
{
    type Value = T;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        let known: Vec<&str> = self.names().collect();
        let parser = move |text: &str| parse(text, &known);
        parser.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.names().map(PossibleValue::new)))
    }
}

/// An error about a text that begins with a name, such as `threshold:cosine>=0.95`, with the
/// nearest name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}{nearest}")]
pub struct Misnamed {
    error: String,
    nearest: String,
}

/// Parses a text that begins with one of `known`; the error for an unknown name suggests the
/// nearest.
///
/// # Errors
/// When the text is not valid.
pub fn parse<T>(text: &str, known: &[&str]) -> Result<T, Misnamed>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    text.parse().map_err(|error: T::Err| {
        let end = text.find(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'));
        let name = &text[..end.unwrap_or(text.len())];
        let nearest = match known.contains(&name) {
            true => String::new(),
            false => did_you_mean(name, known.iter().copied()),
        };
        Misnamed {
            error: error.to_string(),
            nearest,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Colour {
        Amber,
        Blue,
    }

    impl Colour {
        const ALL: [Self; 2] = [Self::Amber, Self::Blue];

        const fn name(self) -> &'static str {
            match self {
                Self::Amber => "amber",
                Self::Blue => "blue",
            }
        }
    }

    impl FromStr for Colour {
        type Err = String;

        fn from_str(name: &str) -> Result<Self, String> {
            let named = Self::ALL.into_iter().find(|colour| colour.name() == name);
            named.ok_or_else(|| format!("unknown colour '{name}', expected amber or blue"))
        }
    }

    #[test]
    fn names_are_listed_checked_and_suggested() {
        let command = || {
            let colour = Arg::new("colour").long("colour");
            Command::new("test").arg(colour.value_parser(of(&Colour::ALL, Colour::name)))
        };
        let parsed = command().try_get_matches_from(["test", "--colour", "blue"]);
        assert_eq!(parsed.unwrap().get_one("colour"), Some(&Colour::Blue));
        let help = command().render_help().to_string();
        assert!(help.contains("[possible values: amber, blue]"), "{help}");
        let error = command().try_get_matches_from(["test", "--colour", "blu"]);
        let error = error.unwrap_err().to_string();
        let expected = "unknown colour 'blu', expected amber or blue, did you mean 'blue'?";
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn a_name_before_settings_is_suggested() {
        let known = ["threshold", "bisect"];
        let nearest = |text: &str| parse::<u8>(text, &known).unwrap_err().nearest;
        assert_eq!(nearest("treshold:mse<=1"), ", did you mean 'threshold'?");
        assert_eq!(nearest("threshold:mse"), "");
        assert_eq!(nearest("gate"), "");
        assert_eq!(parse::<u8>("7", &known), Ok(7));
    }
}
