//! Settings that people write, as TOML.

use std::path::Path;

use anyhow::{Context, Result};
use splitsim_text::Text;

/// The largest file of settings that is read.
const MAX_BYTES: u64 = 1 << 20;

/// Reads settings, as editors leave them; `parse` knows their form.
///
/// # Errors
/// When the file cannot be read, or is not of this form.
pub(super) fn read_settings<T, E>(
    path: &Path,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T>
where
    Result<T, E>: Context<T, E>,
{
    let text = Text::read(path, MAX_BYTES)?;
    parse(text.as_str()).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_editors_leave_them() {
        let read = |path: &Path| read_settings(path, str::parse::<toml::Table>);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("train.toml");
        let text = "\u{feff}# mine\r\nsteps = 3\r\n";
        let utf16 = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [text.as_bytes().to_vec(), utf16] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(read(&path).unwrap()["steps"].as_integer(), Some(3));
        }
        let message = read(Path::new("/dev/null")).unwrap_err().to_string();
        assert_eq!(message, "/dev/null: a device, expected a regular file");
    }
}
