//! Texts for people.
//!
//! - [`printable`], [`printable_lines`], [`printable_json`], [`is_unprintable`]: text of foreign origin (file names, what a
//!   peer says, what a file says of itself) without the characters that drive a terminal;
//! - [`nearest`], [`closest`], [`did_you_mean`]: the known name that was probably meant.
//!
//! Any crate may depend on this one; it depends on none of the workspace.

mod nearest;
mod printable;

pub use nearest::{closest, did_you_mean, nearest};
pub use printable::{Printable, is_unprintable, printable, printable_json, printable_lines};
