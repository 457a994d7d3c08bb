//! Scenes rendered once and kept in a file of fixed-size records.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use splitsim_scenes::{ImageSize, Quality, RenderedScene, SceneId, render_scene};

use super::SceneSet;
use crate::VisionError;

/// Side of the stored pictures, pixels.
pub const SIDE: usize = 224;
/// Side of the stored ground-truth planes: every second pixel of every second row.
pub const TRUTH_SIDE: usize = SIDE / 2;

const RGB_BYTES: usize = SIDE * SIDE * 3;
const PLANE: usize = TRUTH_SIDE * TRUTH_SIDE;
/// Picture, shape mask, material mask, main-object mask, depth in millimetres, class.
const RECORD_BYTES: usize = RGB_BYTES + 3 * PLANE + 2 * PLANE + 2;
/// Scenes rendered between two writes.
const CHUNK: usize = 128;

/// One stored scene.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    bytes: Vec<u8>,
}

impl Sample {
    /// RGB, row by row.
    #[must_use]
    pub fn rgb(&self) -> &[u8] {
        &self.bytes[..RGB_BYTES]
    }

    /// Shape category per truth pixel.
    #[must_use]
    pub fn mask(&self) -> &[u8] {
        self.plane(0)
    }

    /// Material category per truth pixel.
    #[must_use]
    pub fn material(&self) -> &[u8] {
        self.plane(1)
    }

    /// Non-zero where the main object is seen.
    #[must_use]
    pub fn main(&self) -> &[u8] {
        self.plane(2)
    }

    /// Depth of a truth pixel, metres.
    #[must_use]
    pub fn depth_m(&self, index: usize) -> f32 {
        let at = RGB_BYTES + 3 * PLANE + 2 * index;
        f32::from(u16::from_le_bytes([self.bytes[at], self.bytes[at + 1]])) / 1000.0
    }

    /// Class of the main object.
    #[must_use]
    pub fn class(&self) -> u16 {
        u16::from_le_bytes([self.bytes[RECORD_BYTES - 2], self.bytes[RECORD_BYTES - 1]])
    }

    fn plane(&self, index: usize) -> &[u8] {
        let start = RGB_BYTES + index * PLANE;
        &self.bytes[start..start + PLANE]
    }

    fn of(scene: &RenderedScene) -> Self {
        let at = |index: usize| (2 * (index / TRUTH_SIDE)) * SIDE + 2 * (index % TRUTH_SIDE);
        let mut bytes = Vec::with_capacity(RECORD_BYTES);
        bytes.extend_from_slice(&scene.rgb);
        for plane in [&scene.mask, &scene.material, &scene.main] {
            bytes.extend((0..PLANE).map(|index| plane[at(index)]));
        }
        for index in 0..PLANE {
            let millimetres = (scene.depth_m[at(index)] * 1000.0).round() as u16;
            bytes.extend_from_slice(&millimetres.to_le_bytes());
        }
        bytes.extend_from_slice(&scene.class.to_le_bytes());
        Self { bytes }
    }
}

/// A file of rendered scenes.
#[derive(Debug)]
pub struct SceneFile {
    path: PathBuf,
    file: File,
    count: usize,
}

impl SceneFile {
    /// Opens the file of a set in `dir`, rendering the scenes that it lacks. `progress` gets the
    /// number of scenes done and the total.
    ///
    /// An interrupted run resumes where it stopped.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn prepare(
        dir: &Path,
        set: SceneSet,
        quality: Quality,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<Self, VisionError> {
        let name = format!("scenes-{}-{:?}.bin", set.seed, quality).to_lowercase();
        let path = dir.join(name);
        let io = |source| VisionError::Io {
            path: path.clone(),
            source,
        };
        let size = ImageSize::square(SIDE as u32)
            .map_err(|error| VisionError::Training(error.to_string()))?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = splitsim_durable::open(&mut options, &path)?;
        let mut done = file.metadata().map_err(io)?.len() as usize / RECORD_BYTES;
        file.set_len((done * RECORD_BYTES) as u64).map_err(io)?;
        std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).map_err(io)?;
        while done < set.count {
            let end = (done + CHUNK).min(set.count);
            let records: Vec<Sample> = (done..end)
                .into_par_iter()
                .map(|index| SceneId {
                    seed: set.seed,
                    index: index as u64,
                })
                .map(|id| Sample::of(&render_scene(id, size, quality)))
                .collect();
            for record in &records {
                file.write_all(&record.bytes).map_err(io)?;
            }
            done = end;
            progress(done, set.count);
        }
        Ok(Self {
            path,
            file,
            count: set.count,
        })
    }

    /// Scenes in the set.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Returns `true` if the set has no scenes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Reads one scene.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&self, index: usize) -> Result<Sample, VisionError> {
        let mut bytes = vec![0u8; RECORD_BYTES];
        self.file
            .read_exact_at(&mut bytes, (index * RECORD_BYTES) as u64)
            .map_err(|source| VisionError::Io {
                path: self.path.clone(),
                source,
            })?;
        Ok(Sample { bytes })
    }
}
