use std::path::PathBuf;

use splitsim_durable::PathError;
use splitsim_feature::{FeatureError, FeatureShape, Task};
use splitsim_model::ModelError;

/// An error that explains why a model could not be loaded, run or trained.
#[derive(Debug, thiserror::Error)]
pub enum VisionError {
    /// libtorch refused an operation.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// The model package cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A tensor is no valid feature.
    #[error(transparent)]
    Feature(#[from] FeatureError),
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] splitsim_text::FileError),
    /// A file cannot be read on, or not be written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A weight file is damaged, or none.
    #[error("{path}: not a readable safetensors file: {reason}")]
    WeightFile {
        /// The file.
        path: PathBuf,
        /// The fault.
        reason: String,
    },
    /// A weight that the architecture needs is missing.
    #[error("{origin}: no tensor '{name}'")]
    MissingWeight {
        /// The origin of the weights.
        origin: String,
        /// The tensor's key.
        name: String,
    },
    /// A weight has another shape than the architecture asks for.
    #[error("{origin}: tensor '{name}' has shape {actual:?}, the manifest asks for {expected:?}")]
    WeightShape {
        /// The origin of the weights.
        origin: String,
        /// The tensor's key.
        name: String,
        /// The shape found.
        actual: Vec<i64>,
        /// The shape expected.
        expected: Vec<i64>,
    },
    /// Weights that nothing uses: another architecture than the manifest says.
    #[error("{origin}: tensors that the manifest's architecture does not use: {}", .names.join(", "))]
    UnusedWeights {
        /// The origin of the weights.
        origin: String,
        /// The tensors' keys.
        names: Vec<String>,
    },
    /// The input is no image that the task can take.
    #[error("input for {task}: {reason}")]
    Input {
        /// The task.
        task: Task,
        /// The fault.
        reason: String,
    },
    /// A feature has another shape than the head takes.
    #[error("a {task} head for this image takes a feature of {expected}, this one is {actual}")]
    HeadInput {
        /// The task.
        task: Task,
        /// The shape that the image and the manifest ask for.
        expected: String,
        /// The feature's shape.
        actual: FeatureShape,
    },
    /// The engine was loaded without what is asked of it.
    #[error("this engine was loaded without {what}")]
    NotLoaded {
        /// A backbone or a head.
        what: String,
    },
    /// The model broke down over the request; others are served.
    #[error("the model broke down over this request; the panic's message is in the log")]
    BrokeDown,
    /// The thread that owns the model has ended.
    #[error("the model thread has ended")]
    EngineGone,
    /// The head's output is no valid prediction.
    #[error("head output: {0}")]
    HeadOutput(String),
    /// The head's output is no valid prediction, by the measure of the truth crate.
    #[error("head output: {0}")]
    Prediction(#[from] splitsim_truth::TruthError),
    /// A training configuration or checkpoint cannot be used.
    #[error("training: {0}")]
    Training(String),
}

impl From<PathError> for VisionError {
    fn from(error: PathError) -> Self {
        let PathError { path, source, .. } = error;
        Self::Io { path, source }
    }
}
