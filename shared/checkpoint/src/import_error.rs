use std::path::PathBuf;

use splitsim_durable::PathError;
use splitsim_feature::Task;
use splitsim_model::ModelError;

use crate::error::{CheckpointError, list};

/// The reason why checkpoints do not make a package.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A checkpoint cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The package that was made cannot be opened.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// No such template, or not a valid one.
    #[error("template '{name}': {reason}")]
    Template {
        /// A name or a file.
        name: String,
        /// The fault.
        reason: String,
    },
    /// The file has none of a backbone's keys.
    #[error("{path}: not a DINOv2 backbone: neither cls_token nor embeddings.cls_token among {}", list(.found))]
    NotABackbone {
        /// The checkpoint.
        path: PathBuf,
        /// Its keys.
        found: Vec<String>,
    },
    /// The tensors are of another architecture than the template.
    #[error("{path}: {}, where template {template} has {}{}", named(.differences, |d| &d.actual),
        named(.differences, |d| &d.expected), hint(.looks_like))]
    Architecture {
        /// The checkpoint.
        path: PathBuf,
        /// The template's name.
        template: String,
        /// Every dimension that differs.
        differences: Vec<Difference>,
        /// The shipped template that the tensors fit.
        looks_like: Option<String>,
    },
    /// Tensors that the model needs are not in the file.
    #[error("{path}: the {what} lacks {}", .names.join(", "))]
    Missing {
        /// The checkpoint.
        path: PathBuf,
        /// A backbone or a head.
        what: String,
        /// Every missing key, under the package's names.
        names: Vec<String>,
    },
    /// A tensor has another shape than the architecture asks for.
    #[error("{path}: tensor '{name}' has shape {actual:?}, the architecture asks for {expected:?}")]
    Shape {
        /// The checkpoint.
        path: PathBuf,
        /// The key under the package's names.
        name: String,
        /// The shape found.
        actual: Vec<usize>,
        /// The shape expected.
        expected: Vec<usize>,
    },
    /// An element type that packages do not have.
    #[error("{path}: tensor '{name}' is of {actual}; save it as float32, float16 or bfloat16")]
    ElementType {
        /// The checkpoint.
        path: PathBuf,
        /// The key under the package's names.
        name: String,
        /// The element types found.
        actual: String,
    },
    /// A head's weight that is no matrix.
    #[error(
        "{path}: tensor '{name}' has shape {actual:?}, a linear layer or 1x1 convolution was expected"
    )]
    NotLinear {
        /// The checkpoint.
        path: PathBuf,
        /// The key.
        name: String,
        /// The shape found.
        actual: Vec<usize>,
    },
    /// A head for features of another width.
    #[error(
        "{path}: this {task} head takes {actual} channels; a backbone of {dim} channels gives {expected}"
    )]
    HeadInput {
        /// The checkpoint.
        path: PathBuf,
        /// The head's task.
        task: Task,
        /// Channels that it takes.
        actual: usize,
        /// The numbers of channels that the backbone gives, in words.
        expected: String,
        /// The backbone's channels.
        dim: usize,
    },
    /// A head with an unexpected number of outputs.
    #[error("{path}: this {task} head has {actual} {unit}, {expected:?} expected{remedy}")]
    HeadOutput {
        /// The checkpoint.
        path: PathBuf,
        /// The head's task.
        task: Task,
        /// Outputs found.
        actual: usize,
        /// Classes or bins.
        unit: &'static str,
        /// The numbers that released heads have.
        expected: Vec<usize>,
        /// A hint at how to accept it all the same; empty if there is none.
        remedy: String,
    },
    /// A weight file's header cannot be written.
    #[error("{path}: {reason}")]
    Header {
        /// The file.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// A file of the package cannot be written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl From<PathError> for ImportError {
    fn from(error: PathError) -> Self {
        let PathError { path, source, .. } = error;
        Self::Io { path, source }
    }
}

/// A dimension in which a checkpoint differs from its template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its name in a manifest.
    pub dimension: &'static str,
    /// The checkpoint's.
    pub actual: String,
    /// The template's.
    pub expected: String,
}

fn named(differences: &[Difference], value: impl Fn(&Difference) -> &String) -> String {
    differences
        .iter()
        .map(|difference| format!("{} {}", difference.dimension, value(difference)))
        .collect::<Vec<_>>()
        .join(", ")
}

fn hint(looks_like: &Option<String>) -> String {
    looks_like.as_ref().map_or_else(String::new, |template| {
        format!("; it is one for --template {template}")
    })
}
