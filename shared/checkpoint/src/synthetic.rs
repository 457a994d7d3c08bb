//! Checkpoints with random weights, as `torch.save` writes them: for tests and benches.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use splitsim_feature::Task;
use splitsim_model::Architecture;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::backbone_tensors;

/// Half the width of the interval that random weights lie in.
const AMPLITUDE: f32 = 0.035;
/// Values that are made at a time.
const CHUNK: usize = 1 << 16;

/// The outermost dictionary of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrapping {
    /// The state dict itself, as the released backbones and classifiers.
    Bare,
    /// `{"meta": …, "state_dict": …}`, as mmcv saves.
    Mmcv,
    /// `{"epoch": …, "loss": …, "best_acc1": …, "ema_decay": …, "state_dict": …}`, the three figures being
    /// tensors, as training scripts save.
    Training,
}

/// A tensor with its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its name.
    pub name: String,
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// `FloatStorage`, `HalfStorage` and the like.
    pub storage: &'static str,
    /// Its elements in row-major order, little-endian.
    pub bytes: Vec<u8>,
}

/// The names and shapes of a state dict.
pub type Shapes = Vec<(String, Vec<usize>)>;

/// A released backbone of an architecture.
#[must_use]
pub fn backbone(architecture: &Architecture) -> Shapes {
    let mask_token = ("mask_token".to_owned(), vec![1, architecture.embed_dim]);
    let tensors = backbone_tensors(architecture).into_iter();
    tensors.chain([mask_token]).collect()
}

/// A released head on so many layers of `dim` channels, and how it is wrapped.
#[must_use]
pub fn head(task: Task, dim: usize, layers: usize, outputs: usize) -> (Shapes, Wrapping) {
    let named = |tensors: &[(&str, &[usize])]| {
        let tensors = tensors.iter();
        tensors
            .map(|&(name, shape)| (name.to_owned(), shape.to_vec()))
            .collect()
    };
    match task {
        Task::Cls => {
            let shapes: &[(&str, &[usize])] = &[
                ("weight", &[outputs, (1 + layers) * dim]),
                ("bias", &[outputs]),
            ];
            (named(shapes), Wrapping::Bare)
        }
        Task::Seg => {
            let shapes: &[(&str, &[usize])] = &[
                (
                    "decode_head.conv_seg.weight",
                    &[outputs, dim * layers, 1, 1],
                ),
                ("decode_head.conv_seg.bias", &[outputs]),
                ("decode_head.bn.weight", &[dim * layers]),
                ("decode_head.bn.bias", &[dim * layers]),
                ("decode_head.bn.running_mean", &[dim * layers]),
                ("decode_head.bn.running_var", &[dim * layers]),
            ];
            (named(shapes), Wrapping::Mmcv)
        }
        Task::Dpt => {
            let shapes: &[(&str, &[usize])] = &[
                (
                    "decode_head.conv_depth.weight",
                    &[outputs, 2 * dim * layers, 1, 1],
                ),
                ("decode_head.conv_depth.bias", &[outputs]),
            ];
            (named(shapes), Wrapping::Mmcv)
        }
    }
}

/// Writes a `.pth` file with random `f32` weights that descend from `seed`.
///
/// # Errors
/// When the file cannot be written.
pub fn write_pth(path: &Path, shapes: &Shapes, wrapping: Wrapping, seed: u64) -> io::Result<()> {
    let names: Vec<_> = shapes
        .iter()
        .enumerate()
        .map(|(key, (name, shape))| (name.as_str(), pickled_tensor(key, shape)))
        .collect();
    let mut archive = Archive::begin(path, &pickled(&names, wrapping))?;
    for (key, (name, shape)) in shapes.iter().enumerate() {
        let seed = seed.wrapping_mul(1_000_003).wrapping_add(key as u64);
        let out = archive.storage(key)?;
        write_values(out, name, shape.iter().product(), seed)?;
    }
    archive.end(shapes.len(), wrapping)
}

/// Writes a `.pth` file of these tensors.
///
/// # Errors
/// When the file cannot be written.
pub fn write_tensors(path: &Path, tensors: &[Written], wrapping: Wrapping) -> io::Result<()> {
    let names: Vec<_> = tensors
        .iter()
        .enumerate()
        .map(|(key, tensor)| {
            let pickled = pickled_of(tensor.storage, key, &tensor.shape);
            (tensor.name.as_str(), pickled)
        })
        .collect();
    let mut archive = Archive::begin(path, &pickled(&names, wrapping))?;
    for (key, tensor) in tensors.iter().enumerate() {
        archive.storage(key)?.write_all(&tensor.bytes)?;
    }
    archive.end(tensors.len(), wrapping)
}

/// An archive of `torch.save` that is being written.
struct Archive(Zip);

type Zip = ZipWriter<BufWriter<File>>;

impl Archive {
    #[expect(
        clippy::disallowed_methods,
        reason = "a file of a test or a bench, which need not last"
    )]
    fn begin(path: &Path, pickle: &[u8]) -> io::Result<Self> {
        let mut archive = Self(ZipWriter::new(BufWriter::new(File::create(path)?)));
        archive.entry("data.pkl")?.write_all(pickle)?;
        archive.entry("byteorder")?.write_all(b"little")?;
        Ok(archive)
    }

    fn entry(&mut self, name: &str) -> io::Result<&mut Zip> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .with_alignment(64);
        self.0.start_file(format!("archive/{name}"), options)?;
        Ok(&mut self.0)
    }

    fn storage(&mut self, key: usize) -> io::Result<&mut Zip> {
        self.entry(&format!("data/{key}"))
    }

    /// Writes what lies beside a state dict of so many tensors, and the end.
    fn end(mut self, tensors: usize, wrapping: Wrapping) -> io::Result<()> {
        if wrapping == Wrapping::Training {
            for key in tensors..tensors + FIGURES.len() {
                self.storage(key)?.write_all(&0.5f32.to_le_bytes())?;
            }
        }
        self.entry("version")?.write_all(b"3\n")?;
        let file = self.0.finish()?.into_inner();
        file.map_err(io::IntoInnerError::into_error)?;
        Ok(())
    }
}

/// Tensors of one element that training scripts save beside the state dict.
const FIGURES: [&str; 3] = ["loss", "best_acc1", "ema_decay"];

/// Gains and variances are one and shifts are zero, so that activations stay of order one.
fn write_values(out: &mut impl Write, name: &str, count: usize, seed: u64) -> io::Result<()> {
    let constant = if name.ends_with("gamma") {
        Some(0.1)
    } else if name.ends_with("running_var") || name.contains("norm") && name.ends_with("weight") {
        Some(1.0f32)
    } else if name.ends_with("bias") || name.ends_with("running_mean") {
        Some(0.0)
    } else {
        None
    };
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut bytes = Vec::with_capacity(4 * CHUNK);
    let mut left = count;
    while left > 0 {
        let now = left.min(CHUNK);
        bytes.clear();
        for _ in 0..now {
            let value = constant.unwrap_or_else(|| {
                let unit = (rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0;
                AMPLITUDE * unit
            });
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        out.write_all(&bytes)?;
        left -= now;
    }
    Ok(())
}

/// A state dict's pickle, protocol 2; each name comes with its tensor, pickled.
#[must_use]
pub fn pickled(tensors: &[(&str, Vec<u8>)], wrapping: Wrapping) -> Vec<u8> {
    let mut out = vec![0x80, 2];
    match wrapping {
        Wrapping::Bare => state_dict(&mut out, tensors),
        Wrapping::Mmcv => {
            out.extend(b"}(");
            text(&mut out, "meta");
            meta(&mut out);
            text(&mut out, "state_dict");
            state_dict(&mut out, tensors);
            out.extend(b"u");
        }
        Wrapping::Training => {
            out.extend(b"}(");
            text(&mut out, "epoch");
            integer(&mut out, 12);
            for (figure, key) in FIGURES.iter().zip(tensors.len()..) {
                text(&mut out, figure);
                out.extend(pickled_tensor(key, &[]));
            }
            text(&mut out, "state_dict");
            state_dict(&mut out, tensors);
            out.extend(b"u");
        }
    }
    out.push(b'.');
    out
}

/// The pickle of a contiguous `f32` tensor that is the whole storage `data/KEY`.
#[must_use]
pub fn pickled_tensor(key: usize, shape: &[usize]) -> Vec<u8> {
    pickled_of(FLOAT, key, shape)
}

/// The storage of `f32`.
const FLOAT: &str = "FloatStorage";

fn pickled_of(storage: &str, key: usize, shape: &[usize]) -> Vec<u8> {
    let mut stride = shape.iter().product::<usize>();
    let strides: Vec<usize> = shape
        .iter()
        .map(|&extent| {
            stride /= extent.max(1);
            stride
        })
        .collect();
    view(storage, key, shape.iter().product(), shape, &strides)
}

/// The pickle of an `f32` view of the storage `data/KEY` of `count` elements.
#[must_use]
pub fn pickled_view(key: usize, count: usize, shape: &[usize], strides: &[usize]) -> Vec<u8> {
    view(FLOAT, key, count, shape, strides)
}

fn view(storage: &str, key: usize, count: usize, shape: &[usize], strides: &[usize]) -> Vec<u8> {
    let mut out = b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec();
    text(&mut out, "storage");
    out.extend(format!("ctorch\n{storage}\n").as_bytes());
    text(&mut out, &key.to_string());
    text(&mut out, "cpu");
    integer(&mut out, count);
    out.extend(b"tQK\x00");
    for extents in [shape, strides] {
        out.push(b'(');
        extents.iter().for_each(|&extent| integer(&mut out, extent));
        out.push(b't');
    }
    out.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    out
}

/// The `meta` entry that mmcv saves beside a state dict: texts, numbers, nested lists.
fn meta(out: &mut Vec<u8>) {
    out.extend(b"}(");
    text(out, "env_info");
    text(out, "sys.platform: linux\nPyTorch: 1.10.1");
    text(out, "iter");
    integer(out, 40000);
    text(out, "time");
    out.push(b'G');
    out.extend(1.5f64.to_be_bytes());
    text(out, "CLASSES");
    out.push(b'(');
    text(out, "background");
    text(out, "aeroplane");
    out.push(b't');
    text(out, "PALETTE");
    out.extend(b"](](K\x00K\x00K\x00e](K\x80K\x00K\x00ee");
    text(out, "hook_msgs");
    out.extend(b"N");
    out.push(b'u');
}

/// An ordered dictionary with the `_metadata` attribute of a module's state dict.
fn state_dict(out: &mut Vec<u8>, tensors: &[(&str, Vec<u8>)]) {
    out.extend(b"ccollections\nOrderedDict\n)R(");
    for (name, tensor) in tensors {
        text(out, name);
        out.extend(tensor);
    }
    out.extend(b"u}");
    text(out, "_metadata");
    out.extend(b"ccollections\nOrderedDict\n)Rsb");
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

fn integer(out: &mut Vec<u8>, value: usize) {
    match i32::try_from(value) {
        Ok(value) => {
            out.push(b'J');
            out.extend(value.to_le_bytes());
        }
        Err(_) => {
            out.extend([0x8a, 8]);
            out.extend((value as i64).to_le_bytes());
        }
    }
}
