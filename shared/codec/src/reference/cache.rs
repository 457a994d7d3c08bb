//! Coded pictures on disk, by the digest of all that they depend on.
//!
//! One file a picture: eight bytes with the microseconds that coding took, little-endian, the payload,
//! and the BLAKE3 digest of both. A file that is damaged counts as not there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use splitsim_model::Digest;

use crate::picture_codec::CodedPicture;

#[derive(Debug)]
pub(super) struct Cache {
    directory: PathBuf,
}

impl Cache {
    const TIME_BYTES: usize = 8;
    const DIGEST_BYTES: usize = 32;
    /// A larger file holds no coded picture.
    const MAX_FILE_BYTES: u64 = 1 << 30;

    pub(super) fn open(directory: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
        })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn get(&self, key: Digest) -> Option<CodedPicture> {
        let bytes = splitsim_text::read(&self.path(key), Self::MAX_FILE_BYTES).ok()?;
        let (content, digest) = bytes.split_last_chunk::<{ Self::DIGEST_BYTES }>()?;
        if Digest::of(content).bytes() != digest {
            return None;
        }
        let (micros, payload) = content.split_first_chunk::<{ Self::TIME_BYTES }>()?;
        Some(CodedPicture {
            payload: payload.to_vec(),
            took: Duration::from_micros(u64::from_le_bytes(*micros)),
        })
    }

    /// Keeps a picture. Readers see the whole file or none.
    pub(super) fn put(&self, key: Digest, picture: &CodedPicture) -> std::io::Result<()> {
        let micros = u64::try_from(picture.took.as_micros()).unwrap_or(u64::MAX);
        let mut content = [&micros.to_le_bytes(), picture.payload.as_slice()].concat();
        content.extend_from_slice(Digest::of(&content).bytes());
        Ok(splitsim_durable::replace(&self.path(key), content)?)
    }

    fn path(&self, key: Digest) -> PathBuf {
        self.directory.join(format!("{key}.coded"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_until_it_is_damaged() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::open(&root.path().join("new")).unwrap();
        let (key, other) = (Digest::of(b"key"), Digest::of(b"other"));
        let picture = CodedPicture {
            payload: b"payload".to_vec(),
            took: Duration::from_micros(1_234_567),
        };
        assert_eq!(cache.get(key), None);
        cache.put(key, &picture).unwrap();
        assert_eq!(cache.get(key), Some(picture));
        assert_eq!(cache.get(other), None);
        let mut bytes = std::fs::read(cache.path(key)).unwrap();
        bytes[9] ^= 1;
        std::fs::write(cache.path(key), &bytes).unwrap();
        assert_eq!(cache.get(key), None);
        std::fs::write(cache.path(key), b"short").unwrap();
        assert_eq!(cache.get(key), None);
    }
}
