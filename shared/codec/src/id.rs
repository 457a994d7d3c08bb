use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::hevc::X265;
use crate::picture_codec::PictureCoder;
use crate::qp::QpScale;
use crate::reference::{HmSoftware, Software, VtmSoftware};
use crate::vvc::Vvenc;

/// A codec, as the command line, the manifest's ladders and the container name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CodecId {
    /// HEVC intra, 4:0:0, coded by x265.
    Hevc,
    /// VVC intra, 10 bit 4:2:0 with constant chroma, coded by vvenc.
    Vvc,
    /// HEVC intra, 4:0:0, coded by the reference software HM, as the CFQA benchmark does.
    Hm,
    /// VVC intra, 4:0:0, coded by the reference software VTM, as the CFQA benchmark does.
    Vtm,
    /// A learned scale hyperprior, trained on the features of all tasks.
    Hyperprior,
    /// A learned scale hyperprior, trained on the features of one task.
    HyperpriorTask,
}

impl CodecId {
    /// Every codec.
    pub const ALL: [Self; 6] = [
        Self::Hevc,
        Self::Vvc,
        Self::Hm,
        Self::Vtm,
        Self::Hyperprior,
        Self::HyperpriorTask,
    ];

    /// The codec's short name, which is also its key in a manifest's `ladders`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hevc => "hevc",
            Self::Vvc => "vvc",
            Self::Hm => "hm",
            Self::Vtm => "vtm",
            Self::Hyperprior => "hyperprior",
            Self::HyperpriorTask => "hyperprior-task",
        }
    }

    /// The codec's number in a container. Numbers are never reused.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Hevc => 1,
            Self::Vvc => 2,
            Self::Hm => 3,
            Self::Vtm => 4,
            Self::Hyperprior => 5,
            Self::HyperpriorTask => 6,
        }
    }

    /// The codec of a container's number, if there is one.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.number() == number)
    }

    /// The QPs of the codec; `None` where levels are not QPs.
    #[must_use]
    pub const fn qps(self) -> Option<QpScale> {
        match self {
            Self::Hevc => Some(X265::QPS),
            Self::Vvc => Some(Vvenc::QPS),
            Self::Hm => Some(HmSoftware::QPS),
            Self::Vtm => Some(VtmSoftware::QPS),
            Self::Hyperprior | Self::HyperpriorTask => None,
        }
    }

    /// `true` if the codec is a trained network, which needs libtorch.
    #[must_use]
    pub const fn is_learned(self) -> bool {
        match self {
            Self::Hevc | Self::Vvc | Self::Hm | Self::Vtm => false,
            Self::Hyperprior | Self::HyperpriorTask => true,
        }
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
        // Written out: a number that changes makes stored containers unreadable.
        let known = [
            ("hevc", 1),
            ("vvc", 2),
            ("hm", 3),
            ("vtm", 4),
            ("hyperprior", 5),
            ("hyperprior-task", 6),
        ];
        assert_eq!(
            CodecId::ALL.map(|codec| (codec.name(), codec.number())),
            known
        );
        for codec in CodecId::ALL {
            assert_eq!(codec.name().parse::<CodecId>().unwrap(), codec);
            assert_eq!(CodecId::from_number(codec.number()), Some(codec));
        }
        assert_eq!(CodecId::from_number(0), None);
        assert_eq!(
            "h265".parse::<CodecId>().unwrap_err().to_string(),
            "unknown codec 'h265', expected hevc, vvc, hm, vtm, hyperprior, hyperprior-task"
        );
    }
}
