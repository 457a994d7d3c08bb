//! SHA-256 of files, compared with the one committed in [`super::pins`].

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::problem::Problem;
use crate::progress::bytes_bar;

/// Refuses a file whose digest is not `expected`, 64 lower-case hexadecimal digits.
///
/// # Errors
/// [`Problem::Checksum`], or the reason why the file cannot be read.
pub(crate) fn verify(path: &Path, expected: &str) -> Result<()> {
    let found = sha256(path).with_context(|| format!("cannot read {}", path.display()))?;
    if found != expected {
        return Err(Problem::Checksum {
            path: path.into(),
            expected: expected.into(),
            found,
        }
        .into());
    }
    Ok(())
}

fn sha256(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    let bar = bytes_bar("checking", file.metadata()?.len());
    let mut file = bar.wrap_read(file);
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut chunk)? {
            0 => break,
            filled => hasher.update(&chunk[..filled]),
        }
    }
    bar.finish_and_clear();
    let digest = hasher.finalize();
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

const CHUNK_BYTES: usize = 1 << 18;

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-4's one-block example, "abc".
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn the_right_file_is_accepted_and_a_wrong_one_refused_with_both_digests() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.whl");
        std::fs::write(&path, "abc").unwrap();
        verify(&path, ABC).unwrap();

        std::fs::write(&path, "abd").unwrap();
        let error = verify(&path, ABC).unwrap_err();
        let Some(Problem::Checksum {
            expected, found, ..
        }) = error.downcast_ref()
        else {
            panic!("expected a checksum problem, got {error:#}")
        };
        assert_eq!(expected, ABC);
        assert_ne!(found, ABC);
        assert!(error.to_string().contains(found.as_str()));
    }
}
