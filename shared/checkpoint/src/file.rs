use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::CheckpointError;
use crate::tensor::{Layout, StoredTensor, element_bytes, gather};
use crate::{archive, tensor_file};

/// Bytes that are read at a time.
const CHUNK: usize = 1 << 20;
/// The first bytes of a zip archive.
const ZIP: &[u8] = b"PK\x03\x04";
/// The first bytes of a pickle of protocol 2 that is no archive: torch's older format.
const PICKLE: &[u8] = &[0x80, 0x02];

/// A file of named tensors whose bytes are read when they are needed.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    file: File,
    file_bytes: u64,
    format: Format,
    tensors: BTreeMap<String, StoredTensor>,
}

/// How a checkpoint is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The zip archive of `torch.save`.
    Pth,
    /// A header in JSON, then the tensors.
    Safetensors,
}

impl Format {
    /// The file name ending that is usual.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pth => "pth",
            Self::Safetensors => "safetensors",
        }
    }
}

impl Checkpoint {
    /// Opens a checkpoint, whatever its name ends in, and finds its tensors without reading them.
    ///
    /// Of a pickled dictionary these are its own, or those of its `state_dict`, `model` or
    /// `teacher`; a leading `module.` of keys is dropped.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or is a pickle with anything but tensors and plain
    /// values in it.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let io = |source| CheckpointError::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = File::open(path).map_err(io)?;
        let file_bytes = file.metadata().map_err(io)?.len();
        let mut beginning = Vec::new();
        (&file).take(16).read_to_end(&mut beginning).map_err(io)?;
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        let (format, tensors) = if beginning.starts_with(ZIP) {
            (
                Format::Pth,
                archive::read(&file).map_err(|trouble| trouble.at(path))?,
            )
        } else if beginning.starts_with(PICKLE) {
            let path = path.to_owned();
            return Err(CheckpointError::LegacyFormat { path });
        } else if beginning.get(8) == Some(&b'{') {
            let tensors = tensor_file::read(&mut file, file_bytes);
            let tensors = tensors.map_err(|reason| CheckpointError::Safetensors {
                path: path.to_owned(),
                reason,
            })?;
            (Format::Safetensors, tensors)
        } else {
            let path = path.to_owned();
            return Err(CheckpointError::UnknownFormat { path, beginning });
        };
        Ok(Self {
            path: path.to_owned(),
            file,
            file_bytes,
            format,
            tensors,
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole file's length.
    #[must_use]
    pub const fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// How it is stored.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The tensors by name.
    #[must_use]
    pub const fn tensors(&self) -> &BTreeMap<String, StoredTensor> {
        &self.tensors
    }

    /// Writes a tensor's elements in row-major order, little-endian, to `out`.
    ///
    /// # Errors
    /// When the file has no such tensor, or reading or writing fails.
    pub fn copy(&self, name: &str, out: &mut dyn Write) -> Result<(), CheckpointError> {
        let no_such = || CheckpointError::Tensor {
            path: self.path.clone(),
            name: name.to_owned(),
            reason: "there is none of that name".to_owned(),
        };
        let tensor = self.tensors.get(name).ok_or_else(no_such)?;
        let copied = match &tensor.layout {
            Layout::Contiguous => self.stream(tensor.offset, tensor.byte_count(), out),
            Layout::Strided { strides, span } => {
                let width = element_bytes(tensor.dtype);
                let mut bytes = Vec::new();
                let read = self.stream(tensor.offset, (span * width) as u64, &mut bytes);
                read.and_then(|()| out.write_all(&gather(&bytes, &tensor.shape, strides, width)))
            }
        };
        copied.map_err(|source| self.io(source))
    }

    /// The SHA-256 of the whole file in hexadecimal, as `sha256sum` prints it; `progress` hears how
    /// many more bytes were read.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn sha256(&self, progress: &mut dyn FnMut(u64)) -> Result<String, CheckpointError> {
        let mut hasher = Hashing {
            hasher: Sha256::new(),
            progress,
        };
        self.stream(0, self.file_bytes, &mut hasher)
            .map_err(|source| self.io(source))?;
        let digest = hasher.hasher.finalize();
        Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn io(&self, source: std::io::Error) -> CheckpointError {
        CheckpointError::Io {
            path: self.path.clone(),
            source,
        }
    }

    fn stream(&self, offset: u64, bytes: u64, out: &mut dyn Write) -> std::io::Result<()> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(offset))?;
        let mut left = bytes;
        let mut chunk = vec![0; CHUNK.min(usize::try_from(bytes).unwrap_or(CHUNK))];
        while left > 0 {
            let now = chunk.len().min(usize::try_from(left).unwrap_or(CHUNK));
            file.read_exact(&mut chunk[..now])?;
            out.write_all(&chunk[..now])?;
            left -= now as u64;
        }
        Ok(())
    }
}

struct Hashing<'a> {
    hasher: Sha256,
    progress: &'a mut dyn FnMut(u64),
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.hasher.update(bytes);
        (self.progress)(bytes.len() as u64);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
