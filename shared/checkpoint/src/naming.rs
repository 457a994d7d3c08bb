//! From the names of a released checkpoint to those of a package, which are Meta's.

use std::collections::BTreeMap;

/// Whose names the keys of a checkpoint are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// facebookresearch/dinov2: `blocks.0.attn.qkv.weight`.
    Meta,
    /// transformers' `Dinov2Model` and `Dinov2WithRegistersModel`:
    /// `encoder.layer.0.attention.attention.query.weight`.
    HuggingFace,
}

impl Naming {
    /// A short name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::HuggingFace => "hugging-face",
        }
    }
}

/// What precedes a backbone's keys in checkpoints of whole models and of training.
const PREFIXES: [&str; 7] = [
    "",
    "backbone.",
    "teacher.backbone.",
    "model.",
    "encoder.",
    "dinov2.",
    "dinov2_with_registers.",
];

/// The keys of a backbone, by the names that a package gives them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) naming: Naming,
    /// The keys whose tensors, one below the other, are the tensor of that name.
    pub(crate) tensors: BTreeMap<String, Vec<String>>,
    /// Keys that are no part of a backbone.
    pub(crate) unused: Vec<String>,
}

/// Recognises a backbone's keys; `None` when there is no class token.
pub(crate) fn recognise<'a>(keys: impl Iterator<Item = &'a String> + Clone) -> Option<Named> {
    let has = |key: String| keys.clone().any(|other| *other == key);
    let (naming, prefix) = PREFIXES.iter().find_map(|prefix| {
        if has(format!("{prefix}cls_token")) {
            Some((Naming::Meta, *prefix))
        } else if has(format!("{prefix}embeddings.cls_token")) {
            Some((Naming::HuggingFace, *prefix))
        } else {
            None
        }
    })?;
    let mut parts: BTreeMap<String, BTreeMap<usize, String>> = BTreeMap::new();
    let mut unused = Vec::new();
    for key in keys {
        let translated = key.strip_prefix(prefix).and_then(|key| match naming {
            Naming::Meta => meta(key),
            Naming::HuggingFace => hugging_face(key),
        });
        match translated {
            Some((name, part)) => {
                parts.entry(name).or_default().insert(part, key.clone());
            }
            None => unused.push(key.clone()),
        }
    }
    let tensors = parts
        .into_iter()
        .map(|(name, parts)| (name, parts.into_values().collect()));
    Some(Named {
        naming,
        tensors: tensors.collect(),
        unused,
    })
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

/// The name and, of the three tensors that attention's `qkv` is made of, which one.
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
        let keys: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
        let named = recognise(keys.iter()).unwrap();
        assert_eq!(named.naming, naming);
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
