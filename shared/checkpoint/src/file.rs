use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use splitsim_text::{Opened, Text, is_lfs_pointer};

use crate::error::CheckpointError;
use crate::index::{self, Index};
use crate::tensor::{Layout, StoredTensor, element_bytes, gather};
use crate::{archive, prefix, tensor_file};

/// Bytes that are read at a time.
const CHUNK: usize = 1 << 20;
/// The first bytes of a zip archive.
const ZIP: &[u8] = b"PK\x03\x04";
/// The first bytes of a pickle of protocol 2 that is no archive: torch's older format.
const PICKLE: &[u8] = &[0x80, 0x02];
/// First bytes that are looked at, enough for any of the formats.
const BEGINNING: u64 = 64;
/// First bytes that a message shows.
const SHOWN: usize = 16;

/// Named tensors of a file, or of several with an index, whose bytes are read when they are needed.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    files: Vec<Part>,
    format: Format,
    tensors: BTreeMap<String, StoredTensor>,
}

/// One of a checkpoint's files.
#[derive(Debug)]
struct Part {
    path: PathBuf,
    file: File,
    bytes: u64,
}

/// The storage format of a checkpoint.
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
    /// In nested pickled dictionaries, a tensor's name consists of the keys that lead to it, joined by full
    /// stops; keys that lead to all tensors, and a `module.` before a tensor's own key, are left out. An index
    /// (`model.safetensors.index.json`) stands for the files that it names, which lie beside it.
    ///
    /// # Errors
    /// When a file cannot be read, is damaged, or is a pickle with anything but tensors and plain
    /// values in it.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let Opened { file, bytes } = splitsim_text::open(path, u64::MAX)?;
        let beginning = beginning(&file).map_err(|source| CheckpointError::Io {
            path: path.to_owned(),
            source,
        })?;
        let part = Part {
            path: path.to_owned(),
            file,
            bytes,
        };
        if beginning.starts_with(ZIP) {
            let tensors = archive::read(&part.file, bytes);
            let tensors = tensors.map_err(|trouble| trouble.at(path))?;
            return Ok(Self::of(part, Format::Pth, tensors));
        }
        let path = path.to_owned();
        if is_lfs_pointer(&beginning) {
            return Err(CheckpointError::LfsPointer { path });
        }
        if beginning.starts_with(PICKLE) {
            return Err(CheckpointError::LegacyFormat { path });
        }
        if beginning.get(8) == Some(&b'{') {
            let tensors = tensor_file::read(&part.file, bytes)
                .map_err(|reason| CheckpointError::Safetensors { path, reason })?;
            return Ok(Self::of(part, Format::Safetensors, tensors));
        }
        if path.extension().is_some_and(|ending| ending == "json") {
            return Self::of_index(&path);
        }
        let beginning = beginning[..beginning.len().min(SHOWN)].to_vec();
        Err(CheckpointError::UnknownFormat { path, beginning })
    }

    fn of(part: Part, format: Format, tensors: BTreeMap<String, StoredTensor>) -> Self {
        Self {
            path: part.path.clone(),
            files: vec![part],
            format,
            tensors,
        }
    }

    /// The files that an index names, each with the tensors that it should have.
    fn of_index(path: &Path) -> Result<Self, CheckpointError> {
        let text = Text::read(path, index::MAX_BYTES)?;
        let damaged = |reason| CheckpointError::Index {
            path: path.to_owned(),
            reason,
        };
        let Index(listed) = Index::parse(path, text.as_str()).map_err(damaged)?;
        let mut whole: Option<Self> = None;
        for (file, names) in listed {
            // One that is an index again would lead on and on.
            if file.extension().is_some_and(|ending| ending == "json") {
                return Err(damaged(format!("{} is no file of tensors", file.display())));
            }
            let mut part = Self::open(&file)?;
            part.keep(&names)
                .map_err(|name| damaged(format!("{} has no tensor '{name}'", file.display())))?;
            match &mut whole {
                None => whole = Some(part),
                Some(whole) => whole.append(part).map_err(|name| {
                    damaged(format!(
                        "two of its files have '{name}', with and without 'module.'"
                    ))
                })?,
            }
        }
        let whole = whole.ok_or_else(|| damaged("it names no file".to_owned()))?;
        Ok(Self {
            path: path.to_owned(),
            ..whole
        })
    }

    /// Keeps the tensors that an index lists for this file: it may hold others, which the index has elsewhere.
    /// The error is the name of one that it lacks.
    fn keep<'a>(&mut self, names: &'a [String]) -> Result<(), &'a str> {
        let mut kept = BTreeMap::new();
        for name in names {
            let bare = name.strip_prefix("module.").unwrap_or(name);
            let (bare, tensor) = self.tensors.remove_entry(bare).ok_or(name.as_str())?;
            kept.insert(bare, tensor);
        }
        self.tensors = kept;
        Ok(())
    }

    /// Adds the tensors of another file. The error is the name of one that exists already.
    fn append(&mut self, part: Self) -> Result<(), String> {
        let before = self.files.len();
        self.files.extend(part.files);
        for (name, mut tensor) in part.tensors {
            tensor.file += before;
            if self.tensors.insert(name.clone(), tensor).is_some() {
                return Err(name);
            }
        }
        Ok(())
    }

    /// The prefix with the highest `score` in front of the wanted model's names, of which `anchor` must exist
    /// under it. `None` when the anchor does not exist under any prefix. A warning names another model with the
    /// same score.
    ///
    /// # Errors
    /// When several have that score, and their names do not tell which is meant.
    pub fn best_prefix<S: Ord>(
        &self,
        anchor: &str,
        score: impl Fn(&str) -> S,
    ) -> Result<Option<&str>, CheckpointError> {
        self.prefix_among(anchor, |prefix| Some(score(prefix)))
    }

    /// As [`Self::best_prefix`], limited to the prefixes that have a score.
    pub(crate) fn prefix_among<S: Ord>(
        &self,
        anchor: &str,
        score: impl Fn(&str) -> Option<S>,
    ) -> Result<Option<&str>, CheckpointError> {
        let best = prefix::best(&self.tensors, anchor, score);
        let best = best.map_err(|ambiguous| ambiguous.at(&self.path))?;
        Ok(best.map(|best| {
            best.tell(&self.path);
            best.prefix
        }))
    }

    /// The file, or the index of several.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole file's length, or that of all files.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.files.iter().map(|part| part.bytes).sum()
    }

    /// The storage format.
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
        let part = self.files.get(tensor.file).ok_or_else(no_such)?;
        let copied = match &tensor.layout {
            Layout::Contiguous => part.stream(tensor.offset, tensor.byte_count(), out),
            Layout::Strided { strides, span } => {
                let width = element_bytes(tensor.dtype);
                let mut bytes = Vec::new();
                let read = part.stream(tensor.offset, (span * width) as u64, &mut bytes);
                read.and_then(|()| out.write_all(&gather(&bytes, &tensor.shape, strides, width)))
            }
        };
        copied.map_err(|source| part.io(source))
    }

    /// The SHA-256 of the whole file in hexadecimal, as `sha256sum` prints it. Several files are hashed one
    /// after the other, in the order of their names. `progress` is called with the number of further bytes
    /// read.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn sha256(&self, progress: &mut dyn FnMut(u64)) -> Result<String, CheckpointError> {
        let mut hasher = Hashing {
            hasher: Sha256::new(),
            progress,
        };
        for part in &self.files {
            part.stream(0, part.bytes, &mut hasher)
                .map_err(|source| part.io(source))?;
        }
        let digest = hasher.hasher.finalize();
        Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Reads the first bytes, then goes back to the start of the file.
fn beginning(mut file: &File) -> std::io::Result<Vec<u8>> {
    let mut beginning = Vec::new();
    file.take(BEGINNING).read_to_end(&mut beginning)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(beginning)
}

impl Part {
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
