//! Running the programs on files in a directory that is removed afterwards.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, Instant};

use ndarray::{Array2, ArrayView2};
use splitsim_feature::units::Bytes;
use splitsim_model::Digest;
use tempfile::TempDir;

use super::Software;
use super::cache::Cache;
use super::install::{Installation, ReferenceError};
use super::slots::Slots;
use crate::confine::ResourceLimits;
use crate::picture_codec::{CodedPicture, PictureCoder};
use crate::process::Job;
use crate::qp::{Qp, QpScale};
use crate::quantise::BitDepth;
use crate::samples::{CodedSize, Grid, check_level, raw, sample_bytes};
use crate::{CodecError, CodecId, CodecOptions, Operation};

/// The programs of one reference software.
#[derive(Debug)]
pub struct Reference<S> {
    installation: Installation<S>,
    cache: Option<Cache>,
    slots: Slots,
    time_limit: Duration,
    decoder_memory: Option<Bytes>,
}

/// The sizes to pad to. `ConformanceWindowMode=1` pads to whole coding units of 8 samples itself, so only the
/// least side is left.
const GRID: Grid = Grid {
    least: 16,
    multiple: 1,
};
/// The most bytes that the programs may print; they print a few kilobytes a picture.
const LOG_LIMIT_BYTES: usize = 1 << 20;

impl<S: Software> PictureCoder for Reference<S> {
    const ID: CodecId = S::ID;
    const QPS: QpScale = S::QPS;
    const DEPTHS: &'static [BitDepth] = &[BitDepth::EIGHT, BitDepth::TEN, BitDepth::TWELVE];
    const SETTINGS: &'static str = S::CONFIGURATION;

    fn find(options: &CodecOptions) -> Result<Self, CodecError> {
        let decoder_memory = options.decoder_memory;
        let options = &options.reference;
        let cache = options
            .cache
            .as_deref()
            .map(|directory| Cache::open(directory).map_err(ReferenceError::io(directory)));
        let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Ok(Self {
            installation: Installation::find(options)?,
            cache: cache.transpose()?,
            slots: Slots::new(options.parallel.unwrap_or_else(cores)),
            time_limit: options.time_limit,
            decoder_memory,
        })
    }

    fn check(extent: (usize, usize)) -> Result<(), CodecError> {
        check_level(Self::ID, extent)
    }

    fn encode(
        &self,
        symbols: ArrayView2<'_, u16>,
        depth: BitDepth,
        qp: Qp,
    ) -> Result<CodedPicture, CodecError> {
        let size = CodedSize::new(symbols.dim(), GRID);
        let samples = raw(size.pad(symbols).view(), depth);
        let options = encoder_options(size, depth, qp);
        let key = self.key(&options, &samples);
        if let Some(kept) = self.cache.as_ref().and_then(|cache| cache.get(key)) {
            return Ok(kept);
        }
        let picture = self.run_encoder(&options, &samples)?;
        if let Some(cache) = &self.cache {
            let io = ReferenceError::io(cache.directory());
            cache.put(key, &picture).map_err(io)?;
        }
        Ok(picture)
    }

    fn decode(
        &self,
        payload: &[u8],
        extent: (usize, usize),
        depth: BitDepth,
    ) -> Result<Array2<u16>, CodecError> {
        let size = CodedSize::new(extent, GRID);
        let folder = Folder::new::<S>()?;
        let (input, output) = (folder.file("in.bin"), folder.file("out.yuv"));
        write(&input, payload)?;
        let arguments = [
            "-b".to_owned(),
            input,
            "-o".to_owned(),
            output.clone(),
            format!("--OutputBitDepth={depth}"),
        ];
        let expected = size.samples() * sample_bytes(depth);
        let limits = ResourceLimits {
            // A longer one is found out, and does not fill the disk.
            file_bytes: Some((expected + HEADER_ALLOWANCE_BYTES) as u64),
            ..ResourceLimits::for_decoding(expected as u64).or_memory(self.decoder_memory)
        };
        let decoding = (Operation::Decode, limits);
        self.run(decoding, &self.installation.decoder, &arguments)?;
        // The size is looked at before the file is read into memory.
        let actual = length(&output)?;
        let samples = if actual == expected {
            read(&output, expected)?
        } else {
            vec![]
        };
        size.crop(&samples, depth).ok_or(CodecError::DecodedSize {
            codec: Self::ID,
            expected,
            actual,
        })
    }
}

impl<S: Software> Reference<S> {
    /// The digest of all that a coded picture depends on.
    fn key(&self, options: &[String], samples: &[u8]) -> Digest {
        let (options, samples) = (options.join(" "), Digest::of(samples));
        let parts = [
            self.installation.digest.bytes().as_slice(),
            options.as_bytes(),
            samples.bytes(),
        ];
        Digest::of(&parts.concat())
    }

    fn run_encoder(&self, options: &[String], samples: &[u8]) -> Result<CodedPicture, CodecError> {
        let _slot = self.slots.take();
        let start = Instant::now();
        let folder = Folder::new::<S>()?;
        let (input, payload) = (folder.file("in.yuv"), folder.file("out.bin"));
        write(&input, samples)?;
        let files = [
            ("-c", self.installation.configuration.display().to_string()),
            ("-i", input),
            ("-b", payload.clone()),
            // Their configuration files name a file in the working directory otherwise.
            ("-o", folder.file("rec.yuv")),
        ];
        let files = files
            .into_iter()
            .flat_map(|(key, file)| [key.to_owned(), file]);
        let arguments: Vec<String> = files.chain(options.iter().cloned()).collect();
        let encoding = (Operation::Encode, ResourceLimits::default());
        self.run(encoding, &self.installation.encoder, &arguments)?;
        let limit = 2 * samples.len() + HEADER_ALLOWANCE_BYTES;
        let actual = length(&payload)?;
        if actual == 0 || actual > limit {
            return Err(CodecError::EncodedSize {
                codec: S::ID,
                limit,
                actual,
            });
        }
        Ok(CodedPicture {
            payload: read(&payload, limit)?,
            took: start.elapsed(),
        })
    }

    fn run(
        &self,
        (operation, limits): (Operation, ResourceLimits),
        program: &Path,
        arguments: &[String],
    ) -> Result<(), CodecError> {
        let job = Job {
            program,
            arguments,
            input: &[],
            time_limit: self.time_limit,
            output_limit_bytes: LOG_LIMIT_BYTES,
        };
        let ended = job
            .run_to_log_within(limits)
            .and_then(|log| log.require_success(&job));
        ended.map_err(|source| CodecError::Process {
            codec: S::ID,
            operation,
            source,
        })
    }
}

/// The published options, but those that name files.
fn encoder_options(size: CodedSize, depth: BitDepth, qp: Qp) -> Vec<String> {
    let (width, height) = (size.coded_columns, size.coded_rows);
    let options = format!(
        "-wdt {width} -hgt {height} -f 1 -fr 1 -q {qp} --ConformanceWindowMode=1 \
         --InputBitDepth={depth} --InternalBitDepth={depth} --OutputBitDepth={depth} \
         --InputChromaFormat=400"
    );
    options.split(' ').map(str::to_owned).collect()
}

/// Incompressible samples may grow, but never to twice their size and parameter sets.
const HEADER_ALLOWANCE_BYTES: usize = 1 << 16;

/// A directory of one process, which is removed with its files when this is dropped.
struct Folder(TempDir);

impl Folder {
    fn new<S: Software>() -> Result<Self, ReferenceError> {
        let made = tempfile::Builder::new()
            .prefix(&format!("splitsim-{}-", S::ID))
            .tempdir();
        made.map(Self)
            .map_err(ReferenceError::io(&std::env::temp_dir()))
    }

    fn file(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "in a folder of this process, which is removed with it: nothing need last"
)]
fn write(path: &str, bytes: &[u8]) -> Result<(), ReferenceError> {
    std::fs::write(path, bytes).map_err(ReferenceError::io(Path::new(path)))
}

fn read(path: &str, limit_bytes: usize) -> Result<Vec<u8>, ReferenceError> {
    Ok(splitsim_text::read(Path::new(path), limit_bytes as u64)?)
}

/// The length of a file that a program should have written; 0 when it did not.
fn length(path: &str) -> Result<usize, ReferenceError> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(usize::try_from(metadata.len()).unwrap_or(usize::MAX)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(ReferenceError::io(Path::new(path))(error)),
    }
}
