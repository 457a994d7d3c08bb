use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::SourceError;

/// What a user names as a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceSpec {
    /// `scenes:SEED:COUNT`: rendered scenes `0..COUNT` of a seed, with ground truth.
    Scenes {
        /// The scenes' seed.
        seed: u64,
        /// How many.
        count: usize,
    },
    /// A picture, or a folder of pictures in the order of their names; without ground truth.
    Path(PathBuf),
}

const SCENES: &str = "scenes:";
/// The most scenes one source may have.
const MAX_SCENES: usize = 10_000_000;

impl FromStr for SourceSpec {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |reason: &str| SourceError::Spec {
            text: text.to_owned(),
            reason: reason.to_owned(),
        };
        let Some(numbers) = text.strip_prefix(SCENES) else {
            return match text {
                "" => Err(invalid("it is empty")),
                path => Ok(Self::Path(PathBuf::from(path))),
            };
        };
        let (seed, count) = numbers
            .split_once(':')
            .ok_or_else(|| invalid("scenes need a seed and a count"))?;
        let seed = seed
            .parse()
            .map_err(|_| invalid("the seed is no whole number"))?;
        let count = count
            .parse()
            .map_err(|_| invalid("the count is no whole number"))?;
        if !(1..=MAX_SCENES).contains(&count) {
            return Err(invalid("the count must be between 1 and 10,000,000"));
        }
        Ok(Self::Scenes { seed, count })
    }
}

impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scenes { seed, count } => write!(f, "{SCENES}{seed}:{count}"),
            Self::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_reads_back_from_its_text() {
        for text in ["scenes:7:24", "pictures/room.png"] {
            assert_eq!(text.parse::<SourceSpec>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn half_a_spec_is_refused_with_what_is_missing() {
        for (text, reason) in [
            ("scenes:7", "a seed and a count"),
            ("scenes:x:24", "seed is no whole number"),
            ("scenes:7:0", "between 1 and"),
            ("", "empty"),
        ] {
            let message = text.parse::<SourceSpec>().unwrap_err().to_string();
            assert!(message.contains(reason), "{message}");
        }
    }
}
