//! One codec's calls of ffmpeg.

use std::time::Duration;

use splitsim_feature::units::Bytes;

use crate::confine::ResourceLimits;
use crate::ffmpeg::{Encoder, Ffmpeg};
use crate::process::Job;
use crate::{CodecError, CodecId, CodecOptions, Operation};

/// Room for parameter sets, of which there are fewer than 200 bytes, and for telling a picture that is
/// too large from one that is right.
const HEADER_ALLOWANCE_BYTES: usize = 1 << 16;

/// An ffmpeg for a codec, each call a process of its own.
#[derive(Debug)]
pub(crate) struct FfmpegCalls {
    ffmpeg: Ffmpeg,
    codec: CodecId,
    time_limit: Duration,
    decoder_memory: Option<Bytes>,
}

impl FfmpegCalls {
    pub(crate) fn find(
        options: &CodecOptions,
        codec: CodecId,
        encoder: Encoder,
    ) -> Result<Self, CodecError> {
        Ok(Self {
            ffmpeg: Ffmpeg::find(options.ffmpeg.as_deref(), encoder)?,
            codec,
            time_limit: options.time_limit,
            decoder_memory: options.decoder_memory,
        })
    }

    /// Raw samples to a bitstream.
    pub(crate) fn encode(
        &self,
        arguments: &[String],
        samples: &[u8],
    ) -> Result<Vec<u8>, CodecError> {
        // Incompressible samples may grow, but never to twice their size.
        let limit = 2 * samples.len() + HEADER_ALLOWANCE_BYTES;
        let own = ResourceLimits::default();
        self.run((Operation::Encode, own), arguments, samples, limit)
    }

    /// A bitstream to raw samples, of which about as many bytes as expected are accepted.
    pub(crate) fn decode(
        &self,
        arguments: &[String],
        payload: &[u8],
        expected: usize,
    ) -> Result<Vec<u8>, CodecError> {
        let limit = expected + HEADER_ALLOWANCE_BYTES;
        let limits = ResourceLimits::for_decoding(expected as u64).or_memory(self.decoder_memory);
        self.run((Operation::Decode, limits), arguments, payload, limit)
    }

    fn run(
        &self,
        (operation, limits): (Operation, ResourceLimits),
        arguments: &[String],
        input: &[u8],
        output_limit_bytes: usize,
    ) -> Result<Vec<u8>, CodecError> {
        let job = Job {
            program: self.ffmpeg.path(),
            arguments,
            input,
            time_limit: self.time_limit,
            output_limit_bytes,
        };
        job.run_within(limits)
            .map_err(|source| CodecError::Process {
                codec: self.codec,
                operation,
                source,
            })
    }
}
