//! Released task heads: their layouts, and how they must fit a backbone.

use std::cmp::Reverse;

use splitsim_feature::Task;
use splitsim_model::Architecture;

use crate::import_error::ImportError;
use crate::planned::PlannedTensor;
use crate::template::{ClsTemplate, DptTemplate, SegTemplate};
use crate::{Checkpoint, StoredTensor};

/// A head that fits.
#[derive(Debug)]
pub(crate) struct HeadPlan<'a> {
    pub(crate) checkpoint: &'a Checkpoint,
    pub(crate) tensors: Vec<PlannedTensor<'a>>,
    /// The blocks that the head was trained on, counted from 1.
    pub(crate) taps: Vec<usize>,
    /// Classes or bins.
    pub(crate) outputs: usize,
    /// Keys that the package leaves out.
    pub(crate) unused: Vec<String>,
}

/// Prefixes of a head's keys in files of mmsegmentation and the depth toolbox.
const DECODE_HEAD: [&str; 2] = ["decode_head.", ""];
/// Prefixes of a classifier's only layer in checkpoints: bare, as released; in a model of Hugging Face; in an
/// evaluation of DINOv2.
const CLASSIFIER: [&str; 4] = ["", "classifier.", "linear_head.", "linear."];

/// A linear classifier of 1 layer, on the last block's normed class token and mean patch token, or
/// of 4, on the last four blocks' normed class tokens and the last one's mean patch token
/// (`dinov2/hub/classifiers.py`).
pub(crate) fn cls<'a>(
    checkpoint: &'a Checkpoint,
    architecture: &Architecture,
    template: &ClsTemplate,
    classes: Option<usize>,
) -> Result<HeadPlan<'a>, ImportError> {
    let (dim, depth) = (architecture.embed_dim, architecture.depth);
    let fits = |inputs| inputs == 2 * dim || inputs == 5 * dim;
    let head = HeadFile::find(checkpoint, Task::Cls, &CLASSIFIER, "weight", fits)?;
    let (outputs, inputs) = head.matrix("weight")?;
    let layers = match inputs {
        inputs if inputs == 2 * dim => 1,
        inputs if inputs == 5 * dim && depth >= 4 => 4,
        actual => {
            let expected = format!("{} (1 layer) or {} (4 layers)", 2 * dim, 5 * dim);
            return Err(head.input_error(actual, expected, dim));
        }
    };
    head.check_outputs(
        outputs,
        "classes",
        &template.classes,
        classes,
        "--cls-classes",
    )?;
    Ok(HeadPlan {
        checkpoint,
        tensors: vec![
            head.take("weight", "linear.weight", vec![outputs, inputs])?,
            head.take("bias", "linear.bias", vec![outputs])?,
        ],
        taps: (depth + 1 - layers..=depth).collect(),
        outputs,
        unused: head.unused(&["weight", "bias"]),
    })
}

/// Batch norm and 1×1 convolution on the last block (`BNHead` of DINOv2's segmentation).
pub(crate) fn seg<'a>(
    checkpoint: &'a Checkpoint,
    architecture: &Architecture,
    template: &SegTemplate,
    classes: Option<usize>,
) -> Result<HeadPlan<'a>, ImportError> {
    let dim = architecture.embed_dim;
    let fits = |inputs| inputs == dim;
    let head = HeadFile::find(checkpoint, Task::Seg, &DECODE_HEAD, "conv_seg.weight", fits)?;
    let (outputs, inputs) = head.matrix("conv_seg.weight")?;
    if inputs != dim {
        let expected = format!(
            "{dim} to a linear head; multi-scale heads, which take {}, are not supported",
            4 * dim
        );
        return Err(head.input_error(inputs, expected, dim));
    }
    head.check_outputs(
        outputs,
        "classes",
        &template.classes,
        classes,
        "--seg-classes",
    )?;
    let mut tensors = vec![
        head.take("conv_seg.weight", "conv_seg.weight", vec![outputs, dim])?,
        head.take("conv_seg.bias", "conv_seg.bias", vec![outputs])?,
    ];
    let batch_norm = ["bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"];
    for name in batch_norm {
        tensors.push(head.take(name, name, vec![dim])?);
    }
    let used: Vec<&str> = batch_norm
        .into_iter()
        .chain(["conv_seg.weight", "conv_seg.bias"])
        .collect();
    Ok(HeadPlan {
        checkpoint,
        tensors,
        taps: vec![architecture.depth],
        outputs,
        unused: head.unused(&used),
    })
}

/// 1×1 convolution to depth bins on the raw patch and class tokens of the last block (linear) or of
/// four (linear-4; `dinov2/hub/depthers.py`).
pub(crate) fn dpt<'a>(
    checkpoint: &'a Checkpoint,
    architecture: &Architecture,
    template: &DptTemplate,
) -> Result<HeadPlan<'a>, ImportError> {
    let dim = architecture.embed_dim;
    let four = 2 * dim * template.taps.len();
    let fits = |inputs| inputs == four || inputs == 2 * dim;
    let head = HeadFile::find(
        checkpoint,
        Task::Dpt,
        &DECODE_HEAD,
        "conv_depth.weight",
        fits,
    )?;
    let (outputs, inputs) = head.matrix("conv_depth.weight")?;
    let taps = match inputs {
        inputs if inputs == four => template.taps.clone(),
        inputs if inputs == 2 * dim => vec![architecture.depth],
        actual => {
            let expected = format!(
                "{} (1 layer) or {four} ({} layers)",
                2 * dim,
                template.taps.len()
            );
            return Err(head.input_error(actual, expected, dim));
        }
    };
    head.check_outputs(outputs, "bins", &[template.bins], None, "")?;
    Ok(HeadPlan {
        checkpoint,
        tensors: vec![
            head.take(
                "conv_depth.weight",
                "conv_depth.weight",
                vec![outputs, inputs],
            )?,
            head.take("conv_depth.bias", "conv_depth.bias", vec![outputs])?,
        ],
        taps,
        outputs,
        unused: head.unused(&["conv_depth.weight", "conv_depth.bias"]),
    })
}

/// Prefixes that training and compilation put before a whole model's keys.
const WRAPPERS: [&str; 5] = ["_orig_mod", "module", "state_dict", "model", "head"];

/// `true` if a prefix is `ending` with wrappers before it. Only wrappers may precede a bare head, because every
/// layer of another model has a `weight`.
fn is_head(prefix: &str, ending: &str) -> bool {
    let Some(before) = prefix.strip_suffix(ending) else {
        return false;
    };
    let mut parts = before.split_terminator('.');
    match ending {
        "" => parts.all(|part| WRAPPERS.contains(&part)),
        _ => before.is_empty() || before.ends_with('.'),
    }
}

/// A checkpoint in which a head's keys begin with `prefix`.
struct HeadFile<'a> {
    checkpoint: &'a Checkpoint,
    task: Task,
    prefix: String,
}

impl<'a> HeadFile<'a> {
    /// Finds the prefix under which `key` exists: one of `endings`, in order of preference, with any wrappers
    /// before it, and with a matrix of fitting inputs if there is one.
    fn find(
        checkpoint: &'a Checkpoint,
        task: Task,
        endings: &[&'static str],
        key: &str,
        fits: impl Fn(usize) -> bool,
    ) -> Result<Self, ImportError> {
        let tensors = checkpoint.tensors();
        let ending = |prefix: &str| endings.iter().position(|ending| is_head(prefix, ending));
        let best = checkpoint.prefix_among(key, |prefix| {
            let ending = ending(prefix)?;
            let stored = tensors.get(&format!("{prefix}{key}"));
            let inputs = stored.and_then(|stored| stored.shape().get(1));
            Some((inputs.is_some_and(|&inputs| fits(inputs)), Reverse(ending)))
        })?;
        best.map(|prefix| Self {
            checkpoint,
            task,
            prefix: prefix.to_owned(),
        })
        .ok_or_else(|| {
            let prefix = endings.first().copied().unwrap_or_default();
            let found: Vec<String> = tensors.keys().cloned().collect();
            let found = crate::error::list(&found);
            ImportError::Missing {
                path: checkpoint.path().to_owned(),
                what: format!("{task} head"),
                names: vec![format!("{prefix}{key}; it has {found}")],
            }
        })
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn stored(&self, name: &str) -> Result<&'a StoredTensor, ImportError> {
        let key = self.key(name);
        let stored = self.checkpoint.tensors().get(&key);
        stored.ok_or_else(|| ImportError::Missing {
            path: self.checkpoint.path().to_owned(),
            what: format!("{} head", self.task),
            names: vec![key],
        })
    }

    /// Outputs and inputs of a linear layer or a 1×1 convolution.
    fn matrix(&self, name: &str) -> Result<(usize, usize), ImportError> {
        match *self.stored(name)?.shape() {
            [outputs, inputs] | [outputs, inputs, 1, 1] if outputs > 0 => Ok((outputs, inputs)),
            ref actual => Err(ImportError::NotLinear {
                path: self.checkpoint.path().to_owned(),
                name: self.key(name),
                actual: actual.to_vec(),
            }),
        }
    }

    /// The tensor `from`, called `to` in the package, of `shape` but for extents of 1.
    fn take(
        &self,
        from: &str,
        to: &str,
        shape: Vec<usize>,
    ) -> Result<PlannedTensor<'a>, ImportError> {
        let actual = self.stored(from)?.shape();
        let same = actual
            .iter()
            .filter(|&&extent| extent != 1)
            .eq(shape.iter().filter(|&&extent| extent != 1));
        if !same {
            return Err(ImportError::Shape {
                path: self.checkpoint.path().to_owned(),
                name: self.key(from),
                actual: actual.to_vec(),
                expected: shape,
            });
        }
        PlannedTensor::new(to, self.checkpoint, &[self.key(from)], shape)
    }

    fn input_error(&self, actual: usize, expected: String, dim: usize) -> ImportError {
        ImportError::HeadInput {
            path: self.checkpoint.path().to_owned(),
            task: self.task,
            actual,
            expected,
            dim,
        }
    }

    /// `stated` is the number of outputs that the user gave.
    fn check_outputs(
        &self,
        actual: usize,
        unit: &'static str,
        known: &[usize],
        stated: Option<usize>,
        option: &str,
    ) -> Result<(), ImportError> {
        let known = stated.map_or_else(|| known.to_vec(), |stated| vec![stated]);
        if known.contains(&actual) {
            return Ok(());
        }
        let remedy = match (stated, option) {
            (None, option) if !option.is_empty() => {
                format!("; if that is meant, say {option} {actual}")
            }
            _ => String::new(),
        };
        Err(ImportError::HeadOutput {
            path: self.checkpoint.path().to_owned(),
            task: self.task,
            actual,
            unit,
            expected: known,
            remedy,
        })
    }

    fn unused(&self, used: &[&str]) -> Vec<String> {
        let used: Vec<String> = used.iter().map(|name| self.key(name)).collect();
        let keys = self.checkpoint.tensors().keys();
        keys.filter(|key| !used.contains(key)).cloned().collect()
    }
}
