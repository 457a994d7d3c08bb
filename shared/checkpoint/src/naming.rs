//! From the names of a released checkpoint to those of a package, which are Meta's.

use std::collections::BTreeMap;

use crate::prefix::{self, Ambiguous, Best};
use crate::{Checkpoint, CheckpointError, StoredTensor};

/// The naming scheme of a checkpoint's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// facebookresearch/dinov2: `blocks.0.attn.qkv.weight`.
    Meta,
    /// transformers' `Dinov2Model` and `Dinov2WithRegistersModel`:
    /// `encoder.layer.0.attention.attention.query.weight`.
    HuggingFace,
    /// timm's `vit_*_patch14_reg4_dinov2` and `vit_giant_patch14_dinov2`, where they differ from Meta's:
    /// `reg_token`, and `mlp.fc1` and `mlp.fc2` of a gated network (`timm/models/vision_transformer.py`,
    /// `_convert_dinov2`). With registers, the class token's position is added to the class token
    /// already, and `pos_embed` has those of the patches only.
    Timm,
}

impl Naming {
    const ALL: [Self; 3] = [Self::Meta, Self::HuggingFace, Self::Timm];

    /// A short name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::HuggingFace => "hugging-face",
            Self::Timm => "timm",
        }
    }

    /// The class token, which every backbone has.
    const fn class_token(self) -> &'static str {
        match self {
            Self::Meta | Self::Timm => "cls_token",
            Self::HuggingFace => "embeddings.cls_token",
        }
    }

    /// The name that a package gives a key, and the number of the part that the key holds of that tensor.
    fn translate(self, key: &str, gated: bool) -> Option<(String, usize)> {
        match self {
            Self::Meta => meta(key),
            Self::HuggingFace => hugging_face(key),
            Self::Timm => timm(key, gated),
        }
    }

    /// The number of stored tensors that make up one tensor of a package.
    fn parts(name: &str, naming: Self) -> usize {
        match naming {
            Self::HuggingFace if name.contains(".attn.qkv.") => 3,
            Self::Meta | Self::HuggingFace | Self::Timm => 1,
        }
    }
}

/// The keys of a backbone, by the names that a package gives them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) naming: Naming,
    /// The keys whose tensors, one below the other, are the tensor of that name.
    pub(crate) tensors: BTreeMap<String, Vec<String>>,
    /// Keys that do not belong to a backbone.
    pub(crate) unused: Vec<String>,
}

/// The names and shapes that a backbone should have.
pub(crate) struct Wanted {
    pub(crate) shapes: BTreeMap<String, Vec<usize>>,
    /// `true` if its feed-forward network is gated.
    pub(crate) gated: bool,
}

/// Recognises a backbone's keys; `None` when there is no class token.
///
/// If there are several backbones under several prefixes, the one with most of the wanted tensors is taken:
/// compared by shapes first, then by names. A warning names another one that has as many.
///
/// # Errors
/// When several have as many, and their names do not tell which is meant.
pub(crate) fn recognise(
    checkpoint: &Checkpoint,
    wanted: &Wanted,
) -> Result<Option<Named>, CheckpointError> {
    let chosen = choose(checkpoint.tensors(), wanted);
    let chosen = chosen.map_err(|ambiguous| ambiguous.at(checkpoint.path()))?;
    Ok(chosen.map(|(naming, best)| {
        best.tell(checkpoint.path());
        named(checkpoint.tensors(), naming, best.prefix, wanted.gated)
    }))
}

/// The number of wanted tensors under a naming, the naming, and their place.
type Candidate<'a> = ((usize, usize), Naming, Result<Best<'a>, Ambiguous<'a>>);

/// The naming with most of the wanted tensors, and their place.
fn choose<'a>(
    stored: &'a BTreeMap<String, StoredTensor>,
    wanted: &Wanted,
) -> Result<Option<(Naming, Best<'a>)>, Ambiguous<'a>> {
    let matches = |naming, prefix: &str| matches(stored, naming, prefix, wanted);
    let mut chosen: Option<Candidate<'a>> = None;
    for naming in Naming::ALL {
        let score = |prefix: &str| Some(matches(naming, prefix));
        let best = prefix::best(stored, naming.class_token(), score);
        let Some(best) = best.transpose() else {
            continue;
        };
        let prefix = match &best {
            Ok(best) => best.prefix,
            Err(ambiguous) => ambiguous.first(),
        };
        let score = matches(naming, prefix);
        // The first of several that fit alike: timm's names are mostly Meta's.
        if chosen.as_ref().is_none_or(|(best, ..)| score > *best) {
            chosen = Some((score, naming, best));
        }
    }
    chosen
        .map(|(_, naming, best)| best.map(|best| (naming, best)))
        .transpose()
}

/// Wanted tensors under a prefix: those of the right shape, and those of the right name.
fn matches(
    stored: &BTreeMap<String, StoredTensor>,
    naming: Naming,
    prefix: &str,
    wanted: &Wanted,
) -> (usize, usize) {
    let mut count = (0, 0);
    for (key, tensor) in stored {
        let own = key.strip_prefix(prefix);
        let translated = own.and_then(|key| naming.translate(key, wanted.gated));
        let Some((name, _)) = translated else {
            continue;
        };
        let Some(shape) = wanted.shapes.get(&name) else {
            continue;
        };
        count.1 += 1;
        let parts = Naming::parts(&name, naming);
        let actual = tensor.shape();
        let rows = actual.first().and_then(|&rows| rows.checked_mul(parts));
        if rows.as_ref() == shape.first() && actual.get(1..) == shape.get(1..) {
            count.0 += 1;
        }
    }
    count
}

fn named(
    stored: &BTreeMap<String, StoredTensor>,
    naming: Naming,
    prefix: &str,
    gated: bool,
) -> Named {
    let mut parts: BTreeMap<String, BTreeMap<usize, String>> = BTreeMap::new();
    let mut unused = Vec::new();
    for key in stored.keys() {
        let own = key.strip_prefix(prefix);
        match own.and_then(|key| naming.translate(key, gated)) {
            Some((name, part)) => {
                parts.entry(name).or_default().insert(part, key.clone());
            }
            None => unused.push(key.clone()),
        }
    }
    let tensors = parts
        .into_iter()
        .map(|(name, parts)| (name, parts.into_values().collect()));
    Named {
        naming,
        tensors: tensors.collect(),
        unused,
    }
}

/// timm's keys; those of a gated network have the names of one that is not gated.
fn timm(key: &str, gated: bool) -> Option<(String, usize)> {
    let key = match key {
        "register_tokens" => return None,
        "reg_token" => "register_tokens",
        key => key,
    };
    let (name, part) = meta(key)?;
    let name = match gated {
        true => name
            .replace(".mlp.fc1.", ".mlp.w12.")
            .replace(".mlp.fc2.", ".mlp.w3."),
        false => name,
    };
    Some((name, part))
}

/// Names outside the blocks.
const OUTSIDE: [&str; 8] = [
    "cls_token",
    "mask_token",
    "register_tokens",
    "pos_embed",
    "patch_embed.proj.weight",
    "patch_embed.proj.bias",
    "norm.weight",
    "norm.bias",
];

/// Training with fully sharded blocks groups them: `blocks.CHUNK.INDEX.…`, counted through.
fn meta(key: &str) -> Option<(String, usize)> {
    if OUTSIDE.contains(&key) {
        return Some((key.to_owned(), 0));
    }
    let (index, rest) = block(key.strip_prefix("blocks.")?)?;
    let (index, rest) = block(rest).unwrap_or((index, rest));
    Some((format!("blocks.{index}.{rest}"), 0))
}

fn block(key: &str) -> Option<(usize, &str)> {
    let (index, rest) = key.split_once('.')?;
    Some((index.parse().ok()?, rest))
}

/// The name and, for the three tensors that attention's `qkv` is made of, the number of the part.
fn hugging_face(key: &str) -> Option<(String, usize)> {
    let outside = match key {
        "embeddings.cls_token" => "cls_token",
        "embeddings.mask_token" => "mask_token",
        "embeddings.register_tokens" => "register_tokens",
        "embeddings.position_embeddings" => "pos_embed",
        "embeddings.patch_embeddings.projection.weight" => "patch_embed.proj.weight",
        "embeddings.patch_embeddings.projection.bias" => "patch_embed.proj.bias",
        "layernorm.weight" => "norm.weight",
        "layernorm.bias" => "norm.bias",
        _ => "",
    };
    if !outside.is_empty() {
        return Some((outside.to_owned(), 0));
    }
    let (index, rest) = block(key.strip_prefix("encoder.layer.")?)?;
    let (module, parameter) = rest.rsplit_once('.')?;
    let (module, part) = match module {
        "norm1" | "norm2" | "mlp.fc1" | "mlp.fc2" => (module, 0),
        "mlp.weights_in" => ("mlp.w12", 0),
        "mlp.weights_out" => ("mlp.w3", 0),
        "attention.attention.query" => ("attn.qkv", 0),
        "attention.attention.key" => ("attn.qkv", 1),
        "attention.attention.value" => ("attn.qkv", 2),
        "attention.output.dense" => ("attn.proj", 0),
        "layer_scale1" => ("ls1", 0),
        "layer_scale2" => ("ls2", 0),
        _ => return None,
    };
    let parameter = match parameter {
        "lambda1" => "gamma",
        other => other,
    };
    Some((format!("blocks.{index}.{module}.{parameter}"), part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(keys: &[&str], naming: Naming, expected: &[(&str, &[&str])], unused: &[&str]) {
        let stored = |key: &&str| {
            let tensor = StoredTensor {
                file: 0,
                dtype: safetensors::Dtype::F32,
                shape: vec![1],
                offset: 0,
                layout: crate::tensor::Layout::Contiguous,
            };
            ((*key).to_owned(), tensor)
        };
        let wanted = Wanted {
            shapes: expected
                .iter()
                .map(|(name, _)| ((*name).to_owned(), vec![1]))
                .collect(),
            gated: false,
        };
        let stored = keys.iter().map(stored).collect();
        let (found, best) = choose(&stored, &wanted).unwrap().unwrap();
        assert_eq!(found, naming);
        let named = named(&stored, naming, best.prefix, wanted.gated);
        let tensors: Vec<(&str, Vec<&str>)> = named
            .tensors
            .iter()
            .map(|(name, keys)| (name.as_str(), keys.iter().map(String::as_str).collect()))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|&(name, keys)| (name, keys.to_vec()))
            .collect();
        assert_eq!(tensors, expected);
        assert_eq!(named.unused, unused);
    }

    #[test]
    fn three_projections_of_hugging_face_are_one_of_meta_in_this_order() {
        check(
            &[
                "dinov2.embeddings.cls_token",
                "dinov2.encoder.layer.3.attention.attention.key.bias",
                "dinov2.encoder.layer.3.attention.attention.query.bias",
                "dinov2.encoder.layer.3.attention.attention.value.bias",
                "dinov2.encoder.layer.3.layer_scale2.lambda1",
                "classifier.weight",
            ],
            Naming::HuggingFace,
            &[
                (
                    "blocks.3.attn.qkv.bias",
                    &[
                        "dinov2.encoder.layer.3.attention.attention.query.bias",
                        "dinov2.encoder.layer.3.attention.attention.key.bias",
                        "dinov2.encoder.layer.3.attention.attention.value.bias",
                    ],
                ),
                (
                    "blocks.3.ls2.gamma",
                    &["dinov2.encoder.layer.3.layer_scale2.lambda1"],
                ),
                ("cls_token", &["dinov2.embeddings.cls_token"]),
            ],
            &["classifier.weight"],
        );
    }

    #[test]
    fn wrappers_of_training_and_of_compilation_are_passed() {
        for prefix in [
            "_orig_mod.",
            "module._orig_mod.",
            "model.backbone.",
            "student.",
            "a.b.c.d.",
        ] {
            let (token, norm) = (format!("{prefix}cls_token"), format!("{prefix}norm.bias"));
            check(
                &[&token, &norm, "loss"],
                Naming::Meta,
                &[("cls_token", &[&token]), ("norm.bias", &[&norm])],
                &["loss"],
            );
        }
    }

    #[test]
    fn registers_of_timm_are_those_of_meta() {
        check(
            &["cls_token", "reg_token", "blocks.0.mlp.fc1.bias"],
            Naming::Timm,
            &[
                ("blocks.0.mlp.fc1.bias", &["blocks.0.mlp.fc1.bias"]),
                ("cls_token", &["cls_token"]),
                ("register_tokens", &["reg_token"]),
            ],
            &[],
        );
    }

    #[test]
    fn chunked_blocks_of_a_training_are_counted_through() {
        check(
            &[
                "backbone.cls_token",
                "backbone.blocks.1.7.norm1.weight",
                "dino_head.mlp.0.weight",
            ],
            Naming::Meta,
            &[
                (
                    "blocks.7.norm1.weight",
                    &["backbone.blocks.1.7.norm1.weight"],
                ),
                ("cls_token", &["backbone.cls_token"]),
            ],
            &["dino_head.mlp.0.weight"],
        );
    }
}
