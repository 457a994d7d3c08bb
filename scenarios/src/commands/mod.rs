//! The commands of `splitsim`, one module each.
//!
//! Each command has a preparation, whose errors are refusals, and an execution, whose errors are failures.

pub(crate) mod certs;
pub(crate) mod cfqa;
pub(crate) mod codec;
pub(crate) mod export;
pub(crate) mod features;
pub(crate) mod heads;
mod image_size;
pub(crate) mod ladder;
pub(crate) mod link;
pub(crate) mod list;
pub(crate) mod model;
pub(crate) mod policies;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod scenes;
mod settings;
mod training_log;
mod truth_file;
pub(crate) mod validate;
