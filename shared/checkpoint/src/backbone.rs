//! A backbone's tensors: the names and shapes that it needs, and the architecture that follows from them.

use std::collections::BTreeMap;

use splitsim_model::{Architecture, FeedForward};

use crate::Checkpoint;
use crate::import_error::{Difference, ImportError};
use crate::naming::{Named, Naming, Wanted, recognise};
use crate::planned::PlannedTensor;
use crate::template::Template;

/// The position embedding, `[1, 1 + patches, dim]`.
const POSITIONS: &str = "pos_embed";

/// A checkpoint that holds the backbone of a template.
#[derive(Debug)]
pub(crate) struct BackboneSource<'a> {
    checkpoint: &'a Checkpoint,
    named: Named,
}

/// The names and shapes of a backbone's tensors.
#[must_use]
pub fn backbone_tensors(architecture: &Architecture) -> BTreeMap<String, Vec<usize>> {
    let (dim, patch) = (architecture.embed_dim, architecture.patch);
    let hidden = architecture.hidden_dim();
    let grid_tokens = architecture.position_grid * architecture.position_grid;
    let mut tensors = BTreeMap::from([
        ("cls_token".to_owned(), vec![1, 1, dim]),
        ("pos_embed".to_owned(), vec![1, 1 + grid_tokens, dim]),
        (
            "patch_embed.proj.weight".to_owned(),
            vec![dim, 3, patch, patch],
        ),
        ("patch_embed.proj.bias".to_owned(), vec![dim]),
        ("norm.weight".to_owned(), vec![dim]),
        ("norm.bias".to_owned(), vec![dim]),
    ]);
    if architecture.registers > 0 {
        let shape = vec![1, architecture.registers, dim];
        tensors.insert("register_tokens".to_owned(), shape);
    }
    let feed_forward = match architecture.feed_forward {
        FeedForward::Mlp => [("mlp.fc1", hidden, dim), ("mlp.fc2", dim, hidden)],
        FeedForward::SwiGlu => [("mlp.w12", 2 * hidden, dim), ("mlp.w3", dim, hidden)],
    };
    let attention = [("attn.qkv", 3 * dim, dim), ("attn.proj", dim, dim)];
    for block in 0..architecture.depth {
        let mut insert = |name: &str, shape| {
            tensors.insert(format!("blocks.{block}.{name}"), shape);
        };
        for name in ["norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"] {
            insert(name, vec![dim]);
        }
        for name in ["ls1.gamma", "ls2.gamma"] {
            insert(name, vec![dim]);
        }
        for (name, outputs, inputs) in attention.into_iter().chain(feed_forward) {
            insert(&format!("{name}.weight"), vec![outputs, inputs]);
            insert(&format!("{name}.bias"), vec![outputs]);
        }
    }
    tensors
}

impl<'a> BackboneSource<'a> {
    /// Recognises a backbone and checks that it is the template's.
    pub(crate) fn new(
        checkpoint: &'a Checkpoint,
        template: &Template,
    ) -> Result<Self, ImportError> {
        let path = || checkpoint.path().to_owned();
        let wanted = Wanted {
            shapes: backbone_tensors(&template.architecture),
            gated: template.architecture.feed_forward == FeedForward::SwiGlu,
        };
        let named = recognise(checkpoint, &wanted)?;
        let named = named.ok_or_else(|| ImportError::NotABackbone {
            path: path(),
            found: checkpoint.tensors().keys().cloned().collect(),
        })?;
        let source = Self { checkpoint, named };
        let found = source.dimensions();
        let differences = differences(&found, &dimensions(&template.architecture));
        if !differences.is_empty() {
            let fits = |other: &&Template| {
                self::differences(&found, &dimensions(&other.architecture)).is_empty()
            };
            let shipped = Template::shipped();
            return Err(ImportError::Architecture {
                path: path(),
                template: template.name.clone(),
                differences,
                looks_like: shipped.iter().find(fits).map(|other| other.name.clone()),
            });
        }
        source.check_tensors(&template.architecture)?;
        Ok(source)
    }

    pub(crate) const fn naming(&self) -> Naming {
        self.named.naming
    }

    /// Keys that the package leaves out: those that do not belong to a backbone, and the mask token, which only
    /// pre-training uses.
    pub(crate) fn unused(&self) -> Vec<String> {
        let mask_token = self.named.tensors.get("mask_token");
        let unused = mask_token.into_iter().flatten().chain(&self.named.unused);
        unused.cloned().collect()
    }

    /// Every tensor of the backbone.
    pub(crate) fn plan(
        &self,
        architecture: &Architecture,
    ) -> Result<Vec<PlannedTensor<'a>>, ImportError> {
        let tensors = backbone_tensors(architecture).into_iter();
        tensors
            .map(|(name, shape)| self.tensor(&name, shape))
            .collect()
    }

    /// The final norm, which belongs to the heads.
    pub(crate) fn norm(
        &self,
        architecture: &Architecture,
    ) -> Result<Vec<PlannedTensor<'a>>, ImportError> {
        ["norm.weight", "norm.bias"]
            .into_iter()
            .map(|name| self.tensor(name, vec![architecture.embed_dim]))
            .collect()
    }

    fn tensor(&self, name: &str, shape: Vec<usize>) -> Result<PlannedTensor<'a>, ImportError> {
        let keys = self.named.tensors.get(name).map_or(&[][..], Vec::as_slice);
        let dim = shape.last().copied().unwrap_or(0);
        let planned = PlannedTensor::new(name, self.checkpoint, keys, shape)?;
        Ok(match name == POSITIONS && self.lacks_class_position() {
            true => planned.after_zeros(dim),
            false => planned,
        })
    }

    /// `true` if the position embedding lacks the class token's position because that is already added to the
    /// class token, as timm does with registers. A zero in its place leaves the sum unchanged.
    fn lacks_class_position(&self) -> bool {
        self.named.naming == Naming::Timm && self.named.tensors.contains_key("register_tokens")
    }

    /// The shape that a tensor has in the package; `None` if its parts do not fit.
    fn shape(&self, name: &str) -> Option<Vec<usize>> {
        let mut shape = self.stored_shape(name)?;
        if name == POSITIONS && self.lacks_class_position() {
            let tokens = shape.get_mut(1)?;
            *tokens = tokens.checked_add(1)?;
        }
        Some(shape)
    }

    /// The shape of a tensor whose parts lie one below the other; `None` if they do not fit.
    fn stored_shape(&self, name: &str) -> Option<Vec<usize>> {
        let keys = self.named.tensors.get(name)?;
        let mut shapes = keys
            .iter()
            .filter_map(|key| self.checkpoint.tensors().get(key))
            .map(|tensor| tensor.shape().to_vec());
        let first = shapes.next()?;
        shapes.try_fold(first, |mut sum, shape| {
            let (rows, rest) = shape.split_first()?;
            (sum.get(1..)? == rest).then_some(())?;
            let sum_rows = sum.first_mut()?;
            *sum_rows = sum_rows.checked_add(*rows)?;
            Some(sum)
        })
    }

    /// The architecture as far as the tensors show it, under the names of a manifest.
    ///
    /// The number of attention heads leaves no trace in them.
    fn dimensions(&self) -> Dimensions {
        let extent = |name: &str, axis: usize| {
            let shape = self.shape(name)?;
            shape.get(axis).map(ToString::to_string)
        };
        let names = self.named.tensors.keys();
        let blocks = names.filter_map(|name| name.strip_prefix("blocks.")?.split('.').next());
        let last_block = blocks.filter_map(|index| index.parse::<usize>().ok()).max();
        let swiglu = self.named.tensors.contains_key("blocks.0.mlp.w12.weight");
        let grid_tokens = self
            .shape("pos_embed")
            .and_then(|shape| shape.get(1)?.checked_sub(1));
        let hidden = match swiglu {
            true => self
                .shape("blocks.0.mlp.w12.bias")
                .map(|shape| shape.first().map_or(0, |&rows| rows / 2)),
            false => self
                .shape("blocks.0.mlp.fc1.bias")
                .map(|shape| shape.first().map_or(0, |&rows| rows)),
        };
        Dimensions([
            ("embed-dim", extent("cls_token", 2)),
            (
                "depth",
                last_block.map(|index| index.saturating_add(1).to_string()),
            ),
            ("patch", extent("patch_embed.proj.weight", 3)),
            ("feed-forward", Some(feed_forward_name(swiglu))),
            (
                "feed-forward width",
                hidden.map(|hidden| hidden.to_string()),
            ),
            (
                "registers",
                Some(extent("register_tokens", 1).unwrap_or_else(|| "0".to_owned())),
            ),
            ("position-grid", grid_tokens.map(side)),
        ])
    }

    fn check_tensors(&self, architecture: &Architecture) -> Result<(), ImportError> {
        let expected = backbone_tensors(architecture);
        let missing: Vec<String> = expected
            .keys()
            .filter(|name| !self.named.tensors.contains_key(*name))
            .cloned()
            .collect();
        let path = || self.checkpoint.path().to_owned();
        if !missing.is_empty() {
            return Err(ImportError::Missing {
                path: path(),
                what: "backbone".to_owned(),
                names: missing,
            });
        }
        for (name, expected) in expected {
            let actual = self.shape(&name).unwrap_or_default();
            if actual != expected {
                return Err(ImportError::Shape {
                    path: path(),
                    name,
                    actual,
                    expected,
                });
            }
        }
        Ok(())
    }
}

/// The dimensions that follow from tensors, in words; `None` for those that do not.
struct Dimensions([(&'static str, Option<String>); 7]);

fn dimensions(architecture: &Architecture) -> Dimensions {
    let swiglu = architecture.feed_forward == FeedForward::SwiGlu;
    Dimensions([
        ("embed-dim", Some(architecture.embed_dim.to_string())),
        ("depth", Some(architecture.depth.to_string())),
        ("patch", Some(architecture.patch.to_string())),
        ("feed-forward", Some(feed_forward_name(swiglu))),
        (
            "feed-forward width",
            Some(architecture.hidden_dim().to_string()),
        ),
        ("registers", Some(architecture.registers.to_string())),
        (
            "position-grid",
            Some(architecture.position_grid.to_string()),
        ),
    ])
}

fn differences(found: &Dimensions, expected: &Dimensions) -> Vec<Difference> {
    let pairs = found.0.iter().zip(&expected.0);
    let different = pairs.filter(|((_, found), (_, expected))| found != expected);
    let words = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    different
        .map(|((dimension, found), (_, expected))| Difference {
            dimension,
            actual: words(found),
            expected: words(expected),
        })
        .collect()
}

fn feed_forward_name(swiglu: bool) -> String {
    if swiglu { "swiglu" } else { "mlp" }.to_owned()
}

/// The side of a square grid of so many tokens.
fn side(tokens: usize) -> String {
    let side = tokens.isqrt();
    match side * side == tokens {
        true => side.to_string(),
        false => format!("of {tokens} tokens, not square"),
    }
}
