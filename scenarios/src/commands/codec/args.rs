//! Options that several codec commands share.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use splitsim_cli::bounds;
use splitsim_codec::quantise::{BitDepth, Rounding};
use splitsim_codec::reference::ReferenceOptions;
use splitsim_codec::{CodecOptions, RangeMode, Transform};

/// The options of the transform from features to symbols.
#[derive(Debug, Clone, Args)]
pub(in crate::commands) struct StageArgs {
    /// Transform from values to symbols: linear, codebook (nearest centre), or codebook-left (as published)
    #[arg(long, value_name = "HOW", default_value_t)]
    transform: Transform,
    /// Value ranges of linear: package (calibrated), feature (its own extremes, sent along), published
    /// (the benchmark's for ViT-g), or truncate:LO..HI
    #[arg(long, value_name = "MODE", default_value_t)]
    range: RangeMode,
    /// Bits of a linear sample: 8, 10 or 12
    #[arg(long, value_name = "BITS", value_parser = depth, default_value = "10")]
    bits: BitDepth,
    /// Rounding of linear samples: nearest, or floor (as published)
    #[arg(long, value_enum, default_value_t = RoundingArg::Nearest)]
    rounding: RoundingArg,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoundingArg {
    Nearest,
    Floor,
}

/// The options of the codecs' programs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Programs")]
pub(in crate::commands) struct SoftwareArgs {
    /// Build folder of HM, with its cfg folder
    #[arg(long, value_name = "DIR", env = "SPLITSIM_HM_DIR")]
    hm_dir: Option<PathBuf>,
    /// Build folder of VTM, with its cfg folder
    #[arg(long, value_name = "DIR", env = "SPLITSIM_VTM_DIR")]
    vtm_dir: Option<PathBuf>,
    /// Keep what HM and VTM encoded here, to be used again
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Processes of HM or VTM at once [default: all cores]
    #[arg(long, value_name = "N", value_parser = bounds::JOBS.parser::<NonZeroUsize>())]
    parallel: Option<NonZeroUsize>,
    /// Time limit of one process [default: 1m, for HM and VTM 30m]
    #[arg(
        long,
        alias = "time-limit",
        value_name = "TIME",
        value_parser = bounds::CODEC_TIME.parser()
    )]
    codec_time_limit: Option<Duration>,
}

impl Default for StageArgs {
    fn default() -> Self {
        Self {
            transform: Transform::default(),
            range: RangeMode::default(),
            bits: BitDepth::TEN,
            rounding: RoundingArg::Nearest,
        }
    }
}

impl StageArgs {
    /// The codec options that these and the programs' make.
    pub(in crate::commands) fn options(&self, software: &SoftwareArgs) -> CodecOptions {
        let default = CodecOptions::default();
        CodecOptions {
            transform: self.transform,
            range_mode: self.range.clone(),
            depth: self.bits,
            rounding: match self.rounding {
                RoundingArg::Nearest => Rounding::Nearest,
                RoundingArg::Floor => Rounding::Floor,
            },
            time_limit: software.codec_time_limit.unwrap_or(default.time_limit),
            reference: ReferenceOptions {
                hm_dir: software.hm_dir.clone(),
                vtm_dir: software.vtm_dir.clone(),
                cache: software.cache.clone(),
                parallel: software.parallel,
                time_limit: software
                    .codec_time_limit
                    .unwrap_or(default.reference.time_limit),
            },
            ..default
        }
    }

    /// Describes the transform and its settings, for readers of results.
    pub(in crate::commands) fn describe(&self) -> String {
        let Self {
            transform,
            range,
            bits,
            rounding,
        } = self;
        match transform {
            Transform::Linear => {
                format!("linear, range {range}, {bits} bits, rounding {rounding:?}")
            }
            Transform::Codebook(_) => transform.to_string(),
        }
    }
}

fn depth(text: &str) -> Result<BitDepth, String> {
    match text {
        "8" => Ok(BitDepth::EIGHT),
        "10" => Ok(BitDepth::TEN),
        "12" => Ok(BitDepth::TWELVE),
        _ => Err("expected 8, 10 or 12".to_owned()),
    }
}
