//! The errors of this crate's public functions.

use std::path::PathBuf;

use splitsim_durable::PathError;

/// An invalid request or a failed write.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SceneError {
    /// A side of the picture is outside what the renderer accepts.
    #[error("image size {width}x{height} is outside {min}..={max} pixels a side")]
    ImageSize {
        /// Requested width in pixels.
        width: u32,
        /// Requested height in pixels.
        height: u32,
        /// Smallest accepted side in pixels.
        min: u32,
        /// Largest accepted side in pixels.
        max: u32,
    },
    /// A plane of a [`RenderedScene`](crate::RenderedScene) does not have one entry per pixel.
    #[error("the {plane} plane holds {found} values where the size asks for {expected}")]
    PlaneLength {
        /// The name of the plane.
        plane: &'static str,
        /// Values it holds.
        found: usize,
        /// Values it must hold.
        expected: usize,
    },
    /// A picture could not be encoded or written.
    #[error("cannot write the picture {}", path.display())]
    Image {
        /// The file being written.
        path: PathBuf,
        /// The encoder's reason.
        source: png::EncodingError,
    },
    /// The scene's description could not be encoded.
    #[error("cannot encode the description {}", path.display())]
    Description {
        /// The file being written.
        path: PathBuf,
        /// The encoder's reason.
        source: serde_json::Error,
    },
    /// A file or directory could not be written.
    #[error("cannot write {}", path.display())]
    Io {
        /// The file or directory being written.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl From<PathError> for SceneError {
    fn from(error: PathError) -> Self {
        let PathError { path, source, .. } = error;
        Self::Io { path, source }
    }
}
