//! The bodies of the fuzz targets, so that a test can replay what they once found.
//!
//! Each function panics when a promise is broken, and only then, and returns whether the input was accepted.

use std::sync::LazyLock;

use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

use crate::{LatentExtent, LatentModel};

static MINIATURE: LazyLock<LatentModel> =
    LazyLock::new(|| LatentModel::miniature().expect("its parts fit each other"));

/// Any payload is an error or latents, which code to a payload of the same latents.
///
/// The first two bytes are the picture's sides in units of 16 samples, modulo 1024: of a larger picture's
/// latents there is only more.
///
/// # Panics
/// When decoded latents do not code to a payload of themselves.
pub fn payload(input: &[u8]) -> bool {
    let [rows, columns, payload @ ..] = input else {
        return false;
    };
    let side = |byte: &u8| 16 * (1 + usize::from(*byte % 64));
    let extent = LatentExtent::of_picture(side(rows), side(columns));
    let Ok(latents) = MINIATURE.decode(payload, extent) else {
        return false;
    };
    let again = MINIATURE.encode(&latents);
    let again = again.expect("decoded symbols can be coded");
    assert_eq!(MINIATURE.decode(&again, extent), Ok(latents));
    true
}

/// Any file is an error or a model, which stores as the same model.
///
/// # Panics
/// When a model stores as another, or as none.
pub fn model(input: &[u8]) -> bool {
    let Ok(file) = SafeTensors::deserialize(input) else {
        return false;
    };
    let Ok(model) = LatentModel::from_tensors(&file) else {
        return false;
    };
    let tensors = model.to_tensors();
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        let view = TensorView::new(*dtype, shape.clone(), bytes);
        (name.clone(), view.expect("a stored tensor is valid"))
    });
    let stored = safetensors::serialize(views, None).expect("a stored model is a file");
    let file = SafeTensors::deserialize(&stored).expect("a stored model is a file");
    assert_eq!(LatentModel::from_tensors(&file), Ok(model));
    true
}
