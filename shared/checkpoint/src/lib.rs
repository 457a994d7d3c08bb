//! Released checkpoints become model packages.
//!
//! - [`Checkpoint`]: named tensors of a `.pth` or `.safetensors` file, found without reading them. The
//!   pickle in a `.pth` is read by a machine that knows tensors and plain values and refuses the
//!   rest by name; no code of it is ever run.
//! - [`Template`]: what is known of a released model beside its weights; the eight DINOv2 models are
//!   built in.
//! - [`Import`]: from checkpoints and a template to a package, every tensor found and checked before
//!   anything is written.
//!
//! Knows no libtorch.

mod archive;
mod backbone;
mod error;
mod file;
#[doc(hidden)]
pub mod fuzzing;
mod heads;
mod import;
mod import_error;
mod index;
mod naming;
mod pickle;
mod planned;
mod prefix;
mod state;
#[cfg(feature = "__synthetic")]
pub mod synthetic;
mod tasks;
mod template;
mod tensor;
mod tensor_file;

pub use backbone::backbone_tensors;
pub use error::CheckpointError;
pub use file::{Checkpoint, Format};
pub use import::{Choices, Import, Imported, SourceFile, Sources};
pub use import_error::{Difference, ImportError};
pub use naming::Naming;
pub use pickle::PickleError;
pub use safetensors::Dtype;
pub use template::{ClsTemplate, Downloads, DptTemplate, SegTemplate, Template};
pub use tensor::StoredTensor;
