use std::fmt;
use std::path::Path;

use crate::CodecId;
use crate::qp::QpScale;

use super::ReferenceOptions;

/// One of the two reference implementations.
pub trait Software: fmt::Debug + Send + Sync + Sized + 'static {
    /// The codec that it makes.
    const ID: CodecId;
    /// Its name, for messages.
    const NAME: &'static str;
    /// The environment variable that names its directory.
    const VARIABLE: &'static str;
    /// The file names of the encoder, as its build scripts have called it.
    const ENCODERS: &'static [&'static str];
    /// The file names of the decoder.
    const DECODERS: &'static [&'static str];
    /// The benchmark's configuration file.
    const CONFIGURATION: &'static str;
    /// The text before the version in the first line that the encoder prints.
    const BANNER: &'static str;
    /// The oldest version that knows the options and the configuration file.
    const OLDEST: Version;
    /// Its QPs.
    const QPS: QpScale;

    /// The directory that options name for it.
    fn directory(options: &ReferenceOptions) -> Option<&Path>;
}

/// HM, the reference software of HEVC.
#[derive(Debug)]
pub enum HmSoftware {}

impl Software for HmSoftware {
    const ID: CodecId = CodecId::Hm;
    const NAME: &'static str = "HM";
    const VARIABLE: &'static str = "SPLITSIM_HM_DIR";
    const ENCODERS: &'static [&'static str] = &["TAppEncoderStatic", "TAppEncoder"];
    const DECODERS: &'static [&'static str] = &["TAppDecoderStatic", "TAppDecoder"];
    const CONFIGURATION: &'static str = "encoder_intra_main_rext.cfg";
    const BANNER: &'static str = "HM software: Encoder Version";
    const OLDEST: Version = Version(16, 0);
    const QPS: QpScale = QpScale { min: 0, max: 51 };

    fn directory(options: &ReferenceOptions) -> Option<&Path> {
        options.hm_dir.as_deref()
    }
}

/// VTM, the reference software of VVC.
#[derive(Debug)]
pub enum VtmSoftware {}

impl Software for VtmSoftware {
    const ID: CodecId = CodecId::Vtm;
    const NAME: &'static str = "VTM";
    const VARIABLE: &'static str = "SPLITSIM_VTM_DIR";
    const ENCODERS: &'static [&'static str] = &["EncoderAppStatic", "EncoderApp"];
    const DECODERS: &'static [&'static str] = &["DecoderAppStatic", "DecoderApp"];
    const CONFIGURATION: &'static str = "encoder_intra_vtm.cfg";
    const BANNER: &'static str = "VVCSoftware: VTM Encoder Version";
    const OLDEST: Version = Version(11, 0);
    const QPS: QpScale = QpScale { min: 0, max: 63 };

    fn directory(options: &ReferenceOptions) -> Option<&Path> {
        options.vtm_dir.as_deref()
    }
}

/// A major and a minor version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32);

impl Version {
    /// The version after `banner` in a program's output, such as `23.11` or `[17.0]`.
    #[must_use]
    pub(super) fn after(banner: &str, output: &str) -> Option<Self> {
        let (_, rest) = output.split_once(banner)?;
        let text = rest.trim_start().trim_start_matches('[');
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (major, minor) = text[..end.unwrap_or(text.len())].split_once('.')?;
        let minor = minor.split('.').next()?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(major, minor) = self;
        write!(f, "{major}.{minor}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_the_programs_print() {
        let hm =
            "\nHM software: Encoder Version [17.0] (including RExt)[Linux][GCC 12.2.0][64 bit] ";
        let vtm =
            "\nVVCSoftware: VTM Encoder Version 23.11 [Linux][GCC 12.2.0][64 bit] [SIMD=AVX2]";
        assert_eq!(Version::after(HmSoftware::BANNER, hm), Some(Version(17, 0)));
        assert_eq!(
            Version::after(VtmSoftware::BANNER, vtm),
            Some(Version(23, 11))
        );
        assert_eq!(Version::after(HmSoftware::BANNER, vtm), None);
        assert!(Version(9, 30) < Version(16, 0));
    }
}
