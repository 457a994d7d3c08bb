//! Any file is a model, which stores as the same model, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use splitsim_latent::LatentModel;

fuzz_target!(|input: &[u8]| {
    let Ok(file) = SafeTensors::deserialize(input) else { return };
    let Ok(model) = LatentModel::from_tensors(&file) else { return };
    let tensors = model.to_tensors();
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        let view = TensorView::new(*dtype, shape.clone(), bytes).expect("a stored tensor is valid");
        (name.clone(), view)
    });
    let stored = safetensors::serialize(views, None).expect("a stored model is a file");
    let file = SafeTensors::deserialize(&stored).expect("a stored model is a file");
    assert_eq!(LatentModel::from_tensors(&file), Ok(model));
});
