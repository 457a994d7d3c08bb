//! Files that survive a kill, a full disk and a second process.
//!
//! - [`replace`], [`Replacement`]: a file is replaced whole or not at all;
//! - [`Journal`]: JSON lines that are only appended to, where a torn last line is cut off;
//! - [`Lock`]: a folder has one writer at a time;
//! - [`file_names`], [`encode_name`], [`decode_name`], [`picture_stem`]: names of things as names of files;
//! - [`create`], [`open`]: other files, without following links;
//! - [`PathError`]: the file, the operation and the reason.
//!
//! Nothing here follows a symbolic link at the end of a path: whoever plants one in a folder that
//! another user names must not choose which file is overwritten.
//!
//! ```
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("summary.json");
//! splitsim_durable::replace(&path, b"{}\n")?;
//! assert_eq!(std::fs::read(&path)?, b"{}\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod journal;
mod lock;
mod name;
mod open;
mod place;
mod replace;
mod stale;

pub use error::PathError;
pub use journal::{Journal, JournalError};
pub use lock::{Lock, LockError};
pub use name::{PICTURE_ENDINGS, decode_name, encode_name, file_names, picture_stem};
pub use open::{create, open};
pub use place::place;
pub use replace::{Replacement, is_stream, rename, replace};
pub use stale::remove_stale;
