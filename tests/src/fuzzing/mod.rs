//! The fuzz targets: every reader of external input.
//!
//! [`fuzz_targets!`](crate::fuzz_targets) is the one list of them. `tests/fuzz` has a program for each, and
//! `tests/fuzz/regressions/TARGET` the inputs that a fuzzer starts from and that the test `fuzz_regressions` replays.
//! A check panics when the reader violates an invariant, and returns `true` if it accepted the input.
//!
//! The checks themselves are in the modules `fuzzing` of the crates that they test. [`files`] writes inputs
//! into files for readers that open paths.

pub mod files;

/// The function that a fuzzer calls.
pub type Check = fn(&[u8]) -> bool;

/// Hands every target to the macro `$with`: its name and its [`Check`](crate::fuzzing::Check).
#[macro_export]
macro_rules! fuzz_targets {
    ($with:ident) => {
        $with! {
            // Between edge and cloud.
            message: splitsim_proto::fuzzing::message,
            exchange: splitsim_proto::fuzzing::exchange,
            container: splitsim_codec::fuzzing::container,
            picture: splitsim_codec::fuzzing::picture,
            payload: splitsim_latent::fuzzing::payload,
            pem: splitsim_transport::fuzzing::pem,
            // What an edge and a cloud leave on their disks.
            spool: splitsim_edge::fuzzing::spool,
            journal: $crate::fuzzing::files::journal,
            decisions: $crate::fuzzing::files::decisions,
            results: $crate::fuzzing::files::results,
            recording: splitsim_replay::fuzzing::recording,
            // Models and their tables.
            checkpoint: $crate::fuzzing::files::checkpoint,
            sharded: $crate::fuzzing::files::sharded,
            weights: $crate::fuzzing::files::weights,
            level: splitsim_hyperprior::fuzzing::level,
            model: splitsim_latent::fuzzing::model,
            codebook: splitsim_codec::fuzzing::codebook,
            manifest: splitsim_model::fuzzing::manifest,
            thresholds: splitsim_model::fuzzing::thresholds,
            template: splitsim_checkpoint::fuzzing::template,
            model_training: splitsim_vision::fuzzing::training,
            codec_training: splitsim_hyperprior::fuzzing::training,
            // Pictures, data sets and features.
            image: splitsim_source::fuzzing::image,
            truth: splitsim_source::fuzzing::truth,
            list: $crate::fuzzing::files::list,
            source: splitsim_source::fuzzing::spec,
            references: $crate::fuzzing::files::references,
            npy: splitsim_feature::fuzzing::npy,
            // Experiments and tables.
            scenario: $crate::fuzzing::files::scenario,
            trace: splitsim_link::fuzzing::trace,
            parquet: splitsim_table::fuzzing::parquet,
            published: splitsim_lab::fuzzing::published,
        }
    };
}

macro_rules! reexport {
    ($($target:ident: $check:path,)*) => {
        /// Every target's check under the target's name.
        pub mod target {
            $(pub use $check as $target;)*
        }
    };
}

fuzz_targets!(reexport);
