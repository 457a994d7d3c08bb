//! HM and VTM, the codecs of the CFQA benchmark, by the reference software's own programs.
//!
//! The picture goes to the encoder as a raw 4:0:0 file with exactly the options that the benchmark
//! publishes, and the bitstream file is the payload:
//!
//! `-c CFG -i IN -b BIN -o REC -wdt W -hgt H -f 1 -fr 1 -q QP --ConformanceWindowMode=1
//! --InputBitDepth=B --InternalBitDepth=B --OutputBitDepth=B --InputChromaFormat=400`
//!
//! with `encoder_intra_main_rext.cfg` for HM and `encoder_intra_vtm.cfg` for VTM; the decoder gets
//! `-b BIN -o OUT --OutputBitDepth=B`. `ConformanceWindowMode=1` pads to whole coding units and
//! signals the crop; pictures of less than 16 samples on a side are padded by repeating their edges.
//!
//! The programs are not part of this project. They are looked for in a directory that the options or
//! [`SPLITSIM_HM_DIR` and `SPLITSIM_VTM_DIR`](Software::VARIABLE) name: a checkout that has been built.
//! They are slow, up to minutes a picture, so encoded pictures can be [kept](ReferenceOptions::cache)
//! and only some processes run [at once](ReferenceOptions::parallel).

mod cache;
mod install;
mod run;
mod slots;
mod software;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

pub use install::ReferenceError;
pub use run::Reference;
pub use software::{HmSoftware, Software, Version, VtmSoftware};

use crate::picture_codec::PictureCodec;

/// The HM codec of one model and task.
pub type Hm = PictureCodec<Reference<HmSoftware>>;
/// The VTM codec of one model and task.
pub type Vtm = PictureCodec<Reference<VtmSoftware>>;

/// The settings of the reference software.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceOptions {
    /// HM's directory. Default: the value of `SPLITSIM_HM_DIR`.
    pub hm_dir: Option<PathBuf>,
    /// VTM's directory. Default: the value of `SPLITSIM_VTM_DIR`.
    pub vtm_dir: Option<PathBuf>,
    /// A directory that keeps encoded pictures by the digest of all that they depend on. It only
    /// grows, and may be emptied at any time. Default: none, nothing is kept.
    pub cache: Option<PathBuf>,
    /// The most processes of one codec that run at once; others wait. Each takes a core and up to a gigabyte.
    /// Default: the number of cores.
    pub parallel: Option<NonZeroUsize>,
    /// The longest run of one process, which is killed after that. Default 30 minutes: VTM at QP 2 takes 96 s
    /// for a 257×1536 picture, and the benchmark's largest has fifty times its samples.
    pub time_limit: Duration,
}

impl Default for ReferenceOptions {
    fn default() -> Self {
        Self {
            hm_dir: None,
            vtm_dir: None,
            cache: None,
            parallel: None,
            time_limit: Duration::from_secs(30 * 60),
        }
    }
}
