//! The zip archives of `torch.save`: `NAME/data.pkl` and one `NAME/data/KEY` per storage.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

use zip::{CompressionMethod, ZipArchive};

use crate::error::CheckpointError;
use crate::pickle::{Pickle, PickleError, Storage, TensorRef};
use crate::state;
use crate::tensor::{StoredTensor, element_bytes, layout};

/// The longest pickle that is read; that of ViT-g's checkpoint has 60 kB.
const MAX_PICKLE_BYTES: u64 = 1 << 26;
/// The number of keys, and of characters of each key, that a message shows of a dictionary without tensors.
const FOUND_KEYS: usize = 8;
const FOUND_KEY_CHARS: usize = 40;

/// The reason why an archive could not be read, without the file's path, which the caller adds.
pub(crate) enum Trouble {
    Archive(String),
    Pickle(PickleError),
    Tensor { name: String, reason: String },
    NoTensors { found: Vec<String> },
}

impl Trouble {
    pub(crate) fn at(self, path: &std::path::Path) -> CheckpointError {
        let path = path.to_owned();
        match self {
            Self::Archive(reason) => CheckpointError::Archive { path, reason },
            Self::Pickle(source) => CheckpointError::Pickle { path, source },
            Self::Tensor { name, reason } => CheckpointError::Tensor { path, name, reason },
            Self::NoTensors { found } => CheckpointError::NoTensors { path, found },
        }
    }
}

/// The places of the archive's uncompressed files, `(first byte, bytes)`.
struct Files {
    places: BTreeMap<String, (u64, u64)>,
    /// The folder in front of `data.pkl`, such as `archive/`.
    folder: String,
}

/// Every tensor under its name, see [`state::tensors`].
pub(crate) fn read(
    file: &File,
    file_bytes: u64,
) -> Result<BTreeMap<String, StoredTensor>, Trouble> {
    let damaged = |error: zip::result::ZipError| Trouble::Archive(error.to_string());
    let mut archive = ZipArchive::new(file).map_err(damaged)?;
    let (files, pickle_index) = files(&mut archive, file_bytes)?;
    check_byte_order(&mut archive, &files.folder)?;
    let pickle = {
        let mut bytes = Vec::new();
        let entry = archive.by_index(pickle_index).map_err(damaged)?;
        let read = entry.take(MAX_PICKLE_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(|error| Trouble::Archive(error.to_string()))?;
        if bytes.len() as u64 > MAX_PICKLE_BYTES {
            let reason = format!("its data.pkl has more than {MAX_PICKLE_BYTES} bytes");
            return Err(Trouble::Archive(reason));
        }
        Pickle::parse(&bytes).map_err(Trouble::Pickle)?
    };
    let mut tensors = BTreeMap::new();
    for state::Named { name, tensor } in state::tensors(&pickle) {
        let stored = files.place(tensor).map_err(|reason| Trouble::Tensor {
            name: name.clone(),
            reason,
        })?;
        if tensors.insert(name.clone(), stored).is_some() {
            return Err(Trouble::Tensor {
                name,
                reason: "there are two of that name".to_owned(),
            });
        }
    }
    match tensors.is_empty() {
        true => Err(no_tensors(&pickle)),
        false => Ok(tensors),
    }
}

fn files(archive: &mut ZipArchive<&File>, file_bytes: u64) -> Result<(Files, usize), Trouble> {
    let damaged = |error: zip::result::ZipError| Trouble::Archive(error.to_string());
    let mut places = BTreeMap::new();
    let mut pickles = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(damaged)?;
        let name = entry.name().map_err(damaged)?.into_owned();
        if let Some(folder) = name.strip_suffix("data.pkl") {
            pickles.push((folder.to_owned(), index));
        }
        let stored = entry.compression() == CompressionMethod::Stored && !entry.encrypted();
        if let (true, Some(start)) = (stored, entry.data_start()) {
            if start
                .checked_add(entry.size())
                .is_none_or(|end| end > file_bytes)
            {
                let reason = format!("truncated: its file {name} goes beyond its end");
                return Err(Trouble::Archive(reason));
            }
            if places.insert(name.clone(), (start, entry.size())).is_some() {
                return Err(Trouble::Archive(format!("it has two files {name}")));
            }
        }
    }
    match pickles.as_slice() {
        [(folder, index)] => {
            let (folder, index) = (folder.clone(), *index);
            Ok((Files { places, folder }, index))
        }
        [] => Err(Trouble::Archive("it has no data.pkl".to_owned())),
        _ => Err(Trouble::Archive("it has more than one data.pkl".to_owned())),
    }
}

/// Checks the byte order. Archives of torch before 2.1 do not name it; they are little-endian.
fn check_byte_order(archive: &mut ZipArchive<&File>, folder: &str) -> Result<(), Trouble> {
    let Ok(entry) = archive.by_name(&format!("{folder}byteorder")) else {
        return Ok(());
    };
    let mut order = String::new();
    let read = entry.take(16).read_to_string(&mut order);
    match read {
        Ok(_) if order.trim() == "little" => Ok(()),
        _ => Err(Trouble::Archive(format!(
            "its byte order is '{order}', only little-endian files are read"
        ))),
    }
}

fn no_tensors(pickle: &Pickle) -> Trouble {
    let found = pickle.entries(pickle.root()).take(FOUND_KEYS);
    Trouble::NoTensors {
        found: found
            .map(|(key, _)| key.chars().take(FOUND_KEY_CHARS).collect())
            .collect(),
    }
}

impl Files {
    /// Finds a tensor's bytes and checks that they lie within the file.
    fn place(&self, tensor: &TensorRef) -> Result<StoredTensor, String> {
        let too_large = |_| "its extents exceed this machine's".to_owned();
        let to_usize = |extents: &[u64]| {
            let extents = extents.iter().map(|&extent| usize::try_from(extent));
            extents.collect::<Result<Vec<_>, _>>().map_err(too_large)
        };
        let (shape, strides) = (to_usize(&tensor.shape)?, to_usize(&tensor.strides)?);
        let layout = layout(&shape, &strides).ok_or_else(|| {
            format!("strides {strides:?} of shape {shape:?} repeat or skip elements; save it with .contiguous()")
        })?;
        let Storage { dtype, key, count } = &tensor.storage;
        let name = format!("{}data/{key}", self.folder);
        let &(start, bytes) = self
            .places
            .get(&name)
            .ok_or_else(|| format!("the archive has no uncompressed file {name}"))?;
        let width = element_bytes(*dtype) as u64;
        if count.checked_mul(width).is_none_or(|needed| needed > bytes) {
            return Err(format!(
                "{name} has {bytes} bytes, {count} elements of {dtype:?} were expected"
            ));
        }
        let elements = shape.iter().product::<usize>() as u64;
        let end = tensor.offset.checked_add(elements);
        if end.is_none_or(|end| end > *count) {
            let offset = tensor.offset;
            return Err(format!(
                "{elements} elements from {offset} exceed its storage's {count}"
            ));
        }
        Ok(StoredTensor {
            file: 0,
            dtype: *dtype,
            shape,
            offset: start + tensor.offset * width,
            layout,
        })
    }
}
