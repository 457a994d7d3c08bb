use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::TableError;

/// Permissions of a new file, before the process' mask.
const MODE: u32 = 0o666;

/// Writes a file whole or not at all: to a temporary one beside it, synchronised, then renamed.
///
/// After a crash at any moment `path` holds either what it held before or all of `bytes`.
///
/// # Errors
/// When the file cannot be written; what `path` held is then unchanged.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), TableError> {
    replace(path, bytes).map_err(|source| TableError::Io {
        path: path.to_owned(),
        source,
    })
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let permissions = std::fs::Permissions::from_mode(MODE);
    let mut file = tempfile::Builder::new()
        .prefix(".splitsim-")
        .permissions(permissions)
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // The rename itself lasts once the folder is synchronised.
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_the_whole_file_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        write_file(&path, b"a long first version").unwrap();
        write_file(&path, b"short").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"short");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = write_file(Path::new("/nowhere/a"), b"").unwrap_err();
        assert!(error.to_string().starts_with("/nowhere/a: "), "{error}");
    }
}
