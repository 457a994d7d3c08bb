use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A codec, as the command line, the manifest's ladders and the container name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CodecId {
    /// HEVC intra, 10 bit 4:0:0, coded by x265.
    Hevc,
}

impl CodecId {
    /// Every codec.
    pub const ALL: [Self; 1] = [Self::Hevc];

    /// The codec's short name, which is also its key in a manifest's `ladders`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hevc => "hevc",
        }
    }

    /// The codec's number in a container. Numbers are never reused.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Hevc => 1,
        }
    }

    /// The codec of a container's number, if there is one.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.number() == number)
    }
}

impl fmt::Display for CodecId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A codec name that is none of [`CodecId::ALL`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown codec '{0}', expected {known}", known = CodecId::ALL.map(CodecId::name).join(", "))]
pub struct UnknownCodec(String);

impl FromStr for CodecId {
    type Err = UnknownCodec;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|codec| codec.name() == name)
            .ok_or_else(|| UnknownCodec(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codec_is_found_by_its_name_and_number() {
        assert_eq!("hevc".parse::<CodecId>().unwrap(), CodecId::Hevc);
        assert_eq!(CodecId::from_number(1), Some(CodecId::Hevc));
        assert_eq!(CodecId::from_number(0), None);
        assert_eq!(
            "h265".parse::<CodecId>().unwrap_err().to_string(),
            "unknown codec 'h265', expected hevc"
        );
    }
}
