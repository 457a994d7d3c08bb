use std::path::PathBuf;

use splitsim_durable::PathError;
use splitsim_feature::Task;

/// An error that explains why a directory is not a usable model package.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No package of that name or path.
    #[error(
        "no model package '{name}': looked for model.toml in {}{}",
        list(.looked_in),
        splitsim_display::did_you_mean(.name, .known.iter().map(String::as_str))
    )]
    NotFound {
        /// The name or path asked for.
        name: String,
        /// The packages that there are beside where it was looked for.
        known: Vec<String>,
        /// The directories tried, in order.
        looked_in: Vec<PathBuf>,
    },
    /// There is a template, of which no package has been made.
    #[error(
        "model '{name}' has no weights yet, {folder} holds its template only: download them and run \
         'splitsim model import --template {template} --backbone FILE' (docs/models.md)"
    )]
    TemplateOnly {
        /// The name or path asked for.
        name: String,
        /// The template's directory.
        folder: PathBuf,
        /// The template's name.
        template: String,
    },
    /// A file of the package cannot be read.
    #[error(transparent)]
    File(#[from] splitsim_text::FileError),
    /// A file of the package cannot be copied or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The copy of a package would lie in the package.
    #[error("{out} is the package {root} itself or lies in it: name another folder for the copy")]
    CopyWithin {
        /// The package's folder.
        root: PathBuf,
        /// The folder of the copy.
        out: PathBuf,
    },
    /// The manifest is not valid TOML of the expected form.
    #[error("{path}: {reason}")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// The fault, with its line.
        reason: String,
    },
    /// A key of the manifest that means nothing.
    #[error("{path}: unknown key '{key}', did you mean '{nearest}'?")]
    UnknownKey {
        /// The manifest.
        path: PathBuf,
        /// The key, with the tables that it is in.
        key: String,
        /// The known key of that table that is most like it.
        nearest: String,
    },
    /// The manifest contradicts itself.
    #[error("{path}: {reason}")]
    Inconsistent {
        /// The manifest.
        path: PathBuf,
        /// The contradiction, by the names of the keys.
        reason: String,
    },
    /// The package has no head for the task.
    #[error("model '{model}' has no task {task}; it has {}", list_tasks(.available))]
    NoTask {
        /// The package's name.
        model: String,
        /// The task asked for.
        task: Task,
        /// The tasks it has.
        available: Vec<Task>,
    },
    /// The package gives the task's features, but has no head for them.
    #[error(
        "model '{model}' has no {task} head, only {task} features; import it with --{task}-head"
    )]
    NoHead {
        /// The package's name.
        model: String,
        /// The task asked for.
        task: Task,
    },
    /// The package was not calibrated to such a threshold.
    #[error(
        "model '{model}' has no threshold for {wanted}, it has {}; find one with 'splitsim cfqa calibrate'",
        if .known.is_empty() { "none".to_owned() } else { .known.join("; ") }
    )]
    NoThreshold {
        /// The package's name.
        model: String,
        /// The threshold asked for.
        wanted: String,
        /// The limits and shares that there are for the codec, task and metric.
        known: Vec<String>,
    },
    /// A threshold was calibrated on another version of the package.
    #[error(
        "model '{model}' has changed since its thresholds were calibrated (was {calibrated}, is {actual}); calibrate again with 'splitsim cfqa calibrate'"
    )]
    StaleThreshold {
        /// The package's name.
        model: String,
        /// Digest that the threshold is for.
        calibrated: String,
        /// The package's digest.
        actual: String,
    },
}

impl From<PathError> for ModelError {
    fn from(error: PathError) -> Self {
        let PathError { path, source, .. } = error;
        Self::Io { path, source }
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|path| path.display().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

fn list_tasks(tasks: &[Task]) -> String {
    tasks
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}
