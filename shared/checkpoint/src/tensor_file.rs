//! The headers of `.safetensors` files, read without their tensors.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

use safetensors::tensor::Metadata;

use crate::tensor::{Layout, StoredTensor};

/// The format's own limit on a header.
const MAX_HEADER_BYTES: u64 = 100_000_000;
/// The header's length stands before it, little endian.
const LENGTH_BYTES: u64 = 8;

/// Every tensor under its name; the error is the reason.
pub(crate) fn read(
    mut file: &File,
    file_bytes: u64,
) -> Result<BTreeMap<String, StoredTensor>, String> {
    let mut length = [0; LENGTH_BYTES as usize];
    file.read_exact(&mut length)
        .map_err(|_| format!("{file_bytes} bytes, too short for a header"))?;
    let length = u64::from_le_bytes(length);
    let room = file_bytes.saturating_sub(LENGTH_BYTES);
    if length > room.min(MAX_HEADER_BYTES) {
        return Err(format!(
            "a header of {length} bytes in a file of {file_bytes}"
        ));
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header)
        .map_err(|error| error.to_string())?;
    let header: Metadata =
        serde_json::from_slice(&header).map_err(|error| format!("its header: {error}"))?;
    let data_start = LENGTH_BYTES + length;
    let expected = data_start.saturating_add(header.data_len() as u64);
    if expected != file_bytes {
        return Err(format!("{file_bytes} bytes, its header says {expected}"));
    }
    let mut tensors = BTreeMap::new();
    for (name, info) in header.tensors() {
        let stored = StoredTensor {
            file: 0,
            dtype: info.dtype,
            shape: info.shape.clone(),
            offset: data_start + info.data_offsets.0 as u64,
            layout: Layout::Contiguous,
        };
        let name = name.strip_prefix("module.").unwrap_or(&name);
        if tensors.insert(name.to_owned(), stored).is_some() {
            return Err(format!("two tensors '{name}', one of them after 'module.'"));
        }
    }
    Ok(tensors)
}
