//! Sizes that a file's pages declare, checked before any of them is expanded.

use std::io::Read;

use flate2::read::MultiGzDecoder;
use parquet::basic::Compression;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

use super::header::PageSizes;
use super::unreadable;
use crate::{Table, TableError};

/// Bytes of a file's pages so far, uncompressed.
#[derive(Debug, Default)]
pub(super) struct ExpandedBytes(u64);

/// Bytes that a page may have uncompressed: what a decoder allocates at once.
const MAX_PAGE_BYTES: usize = 1 << 29;
/// Snappy's longest copy makes 64 bytes of 3.
const SNAPPY_MOST: usize = 22;
/// Bytes of a page that need no reason.
const SMALL: usize = 1 << 16;

impl ExpandedBytes {
    /// Checks every page of a file.
    ///
    /// # Errors
    /// When a page is compressed in an unknown way, is larger than a decoder should allocate, or all
    /// together exceed [`Table::MAX_EXPANDED_BYTES`].
    pub(super) fn check(
        &mut self,
        bytes: &[u8],
        metadata: &ParquetMetaData,
    ) -> Result<(), TableError> {
        let groups = metadata.row_groups().iter();
        groups
            .flat_map(|group| group.columns())
            .try_for_each(|chunk| self.check_chunk(bytes, chunk))
    }

    fn check_chunk(&mut self, bytes: &[u8], chunk: &ColumnChunkMetaData) -> Result<(), TableError> {
        check_codec(chunk)?;
        let mut left =
            stored(bytes, chunk).ok_or_else(|| unreadable("a column lies outside of the file"))?;
        while !left.is_empty() {
            let sizes = PageSizes::read(left)
                .filter(|sizes| sizes.stored <= left.len() - sizes.header)
                .ok_or_else(|| unreadable("a page has no header"))?;
            let (page, rest) = left[sizes.header..].split_at(sizes.stored);
            check_page(chunk.compression(), page, sizes.expanded)?;
            self.0 = self.0.saturating_add(sizes.expanded as u64);
            if self.0 > Table::MAX_EXPANDED_BYTES {
                return Err(TableError::TooLarge {
                    what: "bytes of pages, uncompressed",
                    actual: self.0,
                    max: Table::MAX_EXPANDED_BYTES,
                });
            }
            left = rest;
        }
        Ok(())
    }
}

/// The bytes of a column chunk, dictionary first.
fn stored<'a>(bytes: &'a [u8], chunk: &ColumnChunkMetaData) -> Option<&'a [u8]> {
    let start = chunk
        .dictionary_page_offset()
        .unwrap_or_else(|| chunk.data_page_offset());
    let start = usize::try_from(start).ok()?;
    let length = usize::try_from(chunk.compressed_size()).ok()?;
    bytes.get(start..start.checked_add(length)?)
}

fn check_codec(chunk: &ColumnChunkMetaData) -> Result<(), TableError> {
    match chunk.compression() {
        Compression::UNCOMPRESSED
        | Compression::SNAPPY
        | Compression::GZIP(_)
        | Compression::ZSTD(_) => Ok(()),
        other => Err(unreadable(format!(
            "column '{}' is compressed with {other}; write it with snappy, zstd or gzip",
            chunk.column_path().string()
        ))),
    }
}

/// A page that may not be expanded to more than it declares, nor declare more than it can hold.
fn check_page(codec: Compression, page: &[u8], expanded: usize) -> Result<(), TableError> {
    let most = match codec {
        Compression::SNAPPY => page.len().saturating_mul(SNAPPY_MOST).max(SMALL),
        _ => MAX_PAGE_BYTES,
    };
    if expanded > most.min(MAX_PAGE_BYTES) {
        return Err(unreadable(format!(
            "a page of {} bytes declares {expanded} uncompressed",
            page.len()
        )));
    }
    match codec {
        Compression::GZIP(_) => check_gzip(page, expanded),
        _ => Ok(()),
    }
}

/// The library expands gzip to its end, whatever the page declares.
///
/// In pages of version 2 levels stand before the compressed values, so every place that looks like a
/// beginning is tried. Compressed data looks so once in 16 MiB.
fn check_gzip(page: &[u8], expanded: usize) -> Result<(), TableError> {
    let places = page.windows(GZIP_START.len()).enumerate();
    let starts: Vec<usize> = places
        .filter_map(|(start, bytes)| (bytes == GZIP_START).then_some(start))
        .take(MOST_STARTS + 1)
        .collect();
    let longest = expanded as u64 + 1;
    let exceeds = |&start: &usize| {
        let mut decoder = MultiGzDecoder::new(&page[start..]).take(longest);
        // What does not expand is for the library to refuse.
        std::io::copy(&mut decoder, &mut std::io::sink()).is_ok_and(|found| found >= longest)
    };
    match starts.len() > MOST_STARTS || starts.iter().any(exceeds) {
        false => Ok(()),
        true => Err(unreadable(format!(
            "a page of gzip is larger than the {expanded} bytes that it declares"
        ))),
    }
}

/// Magic number and method of gzip (RFC 1952, 2.3.1).
const GZIP_START: [u8; 3] = [0x1f, 0x8b, 0x08];
const MOST_STARTS: usize = 8;
