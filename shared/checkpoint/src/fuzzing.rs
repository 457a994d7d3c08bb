//! The bodies of the fuzz targets, so that a test can replay what they once found.
//!
//! Each function panics when a promise is broken, and only then, and returns whether the input was accepted.

use std::path::Path;

use crate::{Checkpoint, Template};

/// Any file is refused or is a checkpoint whose tensors lie in it, each with all its bytes.
///
/// # Panics
/// When that is not so.
pub fn checkpoint(path: &Path) -> bool {
    let Ok(checkpoint) = Checkpoint::open(path) else {
        return false;
    };
    for (name, tensor) in checkpoint.tensors().iter().take(MOST_COPIED) {
        assert!(tensor.byte_count() <= checkpoint.file_bytes(), "{name}");
        let mut bytes = Vec::new();
        let copied = checkpoint.copy(name, &mut bytes);
        copied.expect("a tensor that was found is in the file");
        assert_eq!(bytes.len() as u64, tensor.byte_count(), "{name}");
    }
    if let Some(anchor) = checkpoint.tensors().keys().next()
        && let Ok(prefix) = checkpoint.best_prefix(anchor, |_| 0)
    {
        let prefix = prefix.expect("before the tensor itself stands nothing");
        let name = format!("{prefix}{anchor}");
        assert!(checkpoint.tensors().contains_key(&name), "{name}");
    }
    true
}

/// More tensors may share one storage, which would be copied for each.
const MOST_COPIED: usize = 64;

/// Any bytes are refused or become a template, which is read again from what it is written as.
///
/// # Panics
/// When that is not so.
pub fn template(input: &[u8]) -> bool {
    let read = |text: &str| Template::parse(text).ok();
    let template = std::str::from_utf8(input).ok().and_then(read);
    if let Some(template) = &template {
        let text = toml::to_string(template).expect("what was read as TOML is written as TOML");
        assert_eq!(read(&text).as_ref(), Some(template), "{text}");
    }
    template.is_some()
}
