//! A `.safetensors` file mapped into memory.

use std::io::Read;
use std::path::Path;

use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use splitsim_text::Opened;
use tch::{Device, Kind, Tensor};

use crate::VisionError;

/// Bytes before the header: its length, little endian.
const LENGTH_BYTES: u64 = 8;
/// No checkpoint has a longer header; the format's own limit.
const LONGEST_HEADER: u64 = 100_000_000;
/// Lengths and offsets are libtorch's, which have a sign.
const LARGEST: u64 = i64::MAX as u64;

/// The tensors of a file, mapped: nothing is read until it is used, and `f32` tensors are used in
/// place. The file must not be changed meanwhile; packages replace files whole.
pub(crate) struct WeightFile {
    header: Metadata,
    /// The file's bytes, `[length]`.
    bytes: Tensor,
    /// Offset of the tensors' data in the file, in bytes.
    data_start: i64,
}

impl WeightFile {
    pub(crate) fn open(path: &Path) -> Result<Self, VisionError> {
        let io = |source| VisionError::Io {
            path: path.to_owned(),
            source,
        };
        let damaged = |reason: String| VisionError::WeightFile {
            path: path.to_owned(),
            reason,
        };
        let Opened {
            mut file,
            bytes: length,
        } = splitsim_text::open(path, LARGEST)?;
        let mut header_length = [0u8; LENGTH_BYTES as usize];
        file.read_exact(&mut header_length)
            .map_err(|_| damaged(format!("{length} bytes, too short for a header")))?;
        let header_length = u64::from_le_bytes(header_length);
        if header_length > LONGEST_HEADER.min(length.saturating_sub(LENGTH_BYTES)) {
            let reason = format!("a header of {header_length} bytes in a file of {length}");
            return Err(damaged(reason));
        }
        let mut header = vec![0u8; header_length as usize];
        file.read_exact(&mut header).map_err(io)?;
        let header: Metadata = serde_json::from_slice(&header)
            .map_err(|error| damaged(format!("its header: {error}")))?;
        let data_start = LENGTH_BYTES + header_length;
        let data = header.data_len() as u64;
        if length.checked_sub(data_start) != Some(data) {
            let reason = format!("{length} bytes, its header says {data} behind {data_start}");
            return Err(damaged(reason));
        }
        let name = path
            .to_str()
            .ok_or_else(|| damaged("its path is not UTF-8".to_owned()))?;
        let bytes = Tensor::f_from_file(name, false, length as i64, (Kind::Uint8, Device::Cpu))?;
        Ok(Self {
            header,
            bytes,
            data_start: data_start as i64,
        })
    }

    /// Every tensor under its name; 16-bit floats become `f32`.
    pub(crate) fn tensors(
        &self,
    ) -> impl Iterator<Item = Result<(String, Tensor), (String, String)>> {
        self.header.offset_keys().into_iter().map(|name| {
            let tensor = self
                .header
                .info(&name)
                .ok_or_else(|| "not in the header".to_owned())
                .and_then(|info| self.tensor(info));
            match tensor {
                Ok(tensor) => Ok((name, tensor)),
                Err(reason) => Err((name, reason)),
            }
        })
    }

    fn tensor(&self, info: &TensorInfo) -> Result<Tensor, String> {
        let kind = match info.dtype {
            Dtype::F32 => Kind::Float,
            Dtype::F16 => Kind::Half,
            Dtype::BF16 => Kind::BFloat16,
            Dtype::I64 => Kind::Int64,
            other => {
                return Err(format!(
                    "element type {other:?}, expected F32, F16, BF16 or I64"
                ));
            }
        };
        let shape: Vec<i64> = info.shape.iter().map(|&extent| extent as i64).collect();
        self.view(info.data_offsets, &shape, kind)
            .map_err(|error| error.to_string())
    }

    fn view(
        &self,
        (start, end): (usize, usize),
        shape: &[i64],
        kind: Kind,
    ) -> Result<Tensor, tch::TchError> {
        let offset = self.data_start + start as i64;
        let bytes = self.bytes.f_narrow(0, offset, (end - start) as i64)?;
        let aligned = offset % kind.elt_size_in_bytes() as i64 == 0;
        // Writers align tensors; another's file may not, and is copied.
        let bytes = if aligned {
            bytes
        } else {
            bytes.f_detach_copy()?
        };
        let tensor = bytes.f_view_dtype(kind)?.f_reshape(shape)?;
        match kind {
            Kind::Half | Kind::BFloat16 => tensor.f_to_kind(Kind::Float),
            _ => Ok(tensor),
        }
    }
}
