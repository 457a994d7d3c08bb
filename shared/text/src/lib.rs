//! Files as users and their tools leave them.
//!
//! - [`open`] and [`read`]: a regular file of at most so many bytes; pipes, devices, sockets and folders
//!   are refused by name and kind, and never waited for;
//! - [`Text`]: the text of such a file, in UTF-8 or UTF-16, with or without byte order mark, with the
//!   line ends of any system;
//! - [`Line`]: a numbered line of a list or table, with its words or cells;
//! - [`is_apple_double`]: the `._name` files that macOS leaves beside others; [`is_lfs_pointer`]: what
//!   a clone without Git LFS leaves in place of large files.
//!
//! ```
//! use splitsim_text::Text;
//!
//! let list = Text::decode(b"\xef\xbb\xbf# pictures\r\n\r\na b.jpg\t3 \r\n")?;
//! let entries: Vec<_> = list.entries().map(|line| (line.number, line.text)).collect();
//! assert_eq!(entries, [(3, "a b.jpg\t3")]);
//! # Ok::<(), splitsim_text::TextError>(())
//! ```

mod apple_double;
mod encoding;
mod error;
mod lfs;
mod line;
mod regular;
mod text;

pub use apple_double::is_apple_double;
pub use error::{FileError, FileKind, TextError};
pub use lfs::is_lfs_pointer;
pub use line::Line;
pub use regular::{Opened, open, read};
pub use text::Text;
