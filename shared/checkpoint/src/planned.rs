//! The planned contents of a package's weight files.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use splitsim_durable::Replacement;

use crate::import_error::ImportError;
use crate::{Checkpoint, StoredTensor};

/// A planned tensor: the named tensors of one checkpoint, one below the other.
#[derive(Debug)]
pub(crate) struct PlannedTensor<'a> {
    pub(crate) name: String,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) source: &'a Checkpoint,
    pub(crate) keys: Vec<String>,
    /// The number of zero elements that precede them.
    zeros: usize,
}

/// A planned `.safetensors` file.
#[derive(Debug)]
pub(crate) struct PlannedFile<'a> {
    /// The path within the package.
    pub(crate) path: PathBuf,
    pub(crate) tensors: Vec<PlannedTensor<'a>>,
}

impl<'a> PlannedTensor<'a> {
    /// Takes the tensors `keys` of `source` as one of `shape`, to which their bytes must add up.
    ///
    /// # Errors
    /// When there is none, or packages do not have their element type.
    pub(crate) fn new(
        name: &str,
        source: &'a Checkpoint,
        keys: &[String],
        shape: Vec<usize>,
    ) -> Result<Self, ImportError> {
        let parts = keys.iter().filter_map(|key| source.tensors().get(key));
        let dtypes: Vec<Dtype> = parts.map(StoredTensor::dtype).collect();
        let dtype = *dtypes.first().unwrap_or(&Dtype::F32);
        let supported = matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16);
        if !supported || dtypes.iter().any(|&other| other != dtype) {
            return Err(ImportError::ElementType {
                path: source.path().to_owned(),
                name: name.to_owned(),
                actual: format!("{dtypes:?}"),
            });
        }
        Ok(Self {
            name: name.to_owned(),
            dtype,
            shape,
            source,
            keys: keys.to_vec(),
            zeros: 0,
        })
    }

    /// The same tensor with this many zero elements before its own.
    pub(crate) fn after_zeros(self, zeros: usize) -> Self {
        Self { zeros, ..self }
    }

    fn zero_bytes(&self) -> usize {
        self.zeros * self.dtype.bitsize() / 8
    }
}

impl PlannedFile<'_> {
    /// Bytes of all tensors.
    pub(crate) fn data_bytes(&self) -> u64 {
        let bytes = self.tensors.iter().map(|tensor| {
            let stored = tensor
                .keys
                .iter()
                .filter_map(|key| tensor.source.tensors().get(key));
            tensor.zero_bytes() as u64 + stored.map(StoredTensor::byte_count).sum::<u64>()
        });
        bytes.sum()
    }

    /// Writes the file into the package `root`; it appears whole or not at all. The same tensors
    /// make the same bytes.
    pub(crate) fn write(
        mut self,
        root: &Path,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), ImportError> {
        let path = root.join(&self.path);
        let io = |source| ImportError::Io {
            path: path.clone(),
            source,
        };
        // The order that the safetensors crate writes: by alignment, then by name.
        self.tensors
            .sort_by(|a, b| b.dtype.cmp(&a.dtype).then_with(|| a.name.cmp(&b.name)));
        let header = self.header().map_err(|reason| ImportError::Header {
            path: path.clone(),
            reason,
        })?;
        let file = Replacement::begin(&path)?;
        let mut out = Counting {
            out: BufWriter::new(file),
            progress,
        };
        let head = (header.len() as u64).to_le_bytes();
        out.out
            .write_all(&head)
            .and_then(|()| out.out.write_all(&header))
            .map_err(io)?;
        for tensor in &self.tensors {
            out.write_all(&vec![0; tensor.zero_bytes()]).map_err(io)?;
            for key in &tensor.keys {
                tensor.source.copy(key, &mut out)?;
            }
        }
        let file = out
            .out
            .into_inner()
            .map_err(|error| io(error.into_error()))?;
        Ok(file.commit()?)
    }

    /// The header in JSON, padded to a multiple of eight bytes.
    fn header(&self) -> Result<Vec<u8>, String> {
        let mut end = 0;
        let infos = self.tensors.iter().map(|tensor| {
            let start = end;
            end += tensor.shape.iter().product::<usize>() * tensor.dtype.bitsize() / 8;
            let info = TensorInfo {
                dtype: tensor.dtype,
                shape: tensor.shape.clone(),
                data_offsets: (start, end),
            };
            (tensor.name.clone(), info)
        });
        let infos = infos.collect();
        let metadata = Metadata::new(None, infos).map_err(|error| error.to_string())?;
        let mut header = serde_json::to_vec(&metadata).map_err(|error| error.to_string())?;
        header.resize(header.len().next_multiple_of(8), b' ');
        Ok(header)
    }
}

struct Counting<'a, W> {
    out: W,
    progress: &'a mut dyn FnMut(u64),
}

impl<W: Write> Write for Counting<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes)?;
        (self.progress)(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}
