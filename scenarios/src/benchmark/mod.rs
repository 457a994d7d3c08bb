//! Benchmark sets: compressed features with their scores and true distortions, a row each.
//!
//! - [`Builder`]: makes one from pictures, and resumes an interrupted build;
//! - [`Identity`]: everything that rows depend on, which merged sets must share;
//! - [`SetFolder`]: a set on disk: `rows.parquet`, `manifest.json`, `parts/`;
//! - [`merge`]: the set of all shards.

mod builder;
mod codecs;
mod folder;
mod identity;
mod keep;
mod merge;
mod part;
mod rows;
mod scoring;

pub(crate) use builder::{Builder, Built};
pub(crate) use codecs::Codecs;
pub(crate) use folder::{Manifest, ROWS, SetFolder, content_digest, read_rows, read_set};
pub(crate) use identity::{BankIdentity, Identity, Shard};
pub(crate) use keep::Keep;
pub(crate) use merge::merge;
pub(crate) use scoring::Scoring;
