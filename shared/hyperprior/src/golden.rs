//! Against CompressAI's own networks and estimate.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::Array2;
use safetensors::{Dtype, SafeTensors};
use splitsim_latent::LatentExtent;
use tch::{Kind, Tensor};

use crate::layers::Sequence;
use crate::{HyperpriorLevel, Parameters, Precision, Widths, entropy, level_bytes};

const ESTIMATED_BITS: f64 = 20_749.566;

fn read(file: &str) -> BTreeMap<String, Tensor> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(file);
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = |(name, view): (String, safetensors::tensor::TensorView<'_>)| {
        let kind = match view.dtype() {
            Dtype::F32 => Kind::Float,
            Dtype::I32 => Kind::Int,
            other => panic!("{name} is {other:?}"),
        };
        let shape: Vec<i64> = view.shape().iter().map(|&side| side as i64).collect();
        (name, Tensor::from_data_size(view.data(), &shape, kind))
    };
    file.tensors().into_iter().map(tensor).collect()
}

pub(crate) fn parameters() -> Parameters {
    Parameters::from_state_dict("golden", read("hyperprior.weights.safetensors")).unwrap()
}

#[track_caller]
fn check(actual: &Tensor, expected: &Tensor) {
    assert_eq!(actual.size(), expected.size());
    let error = (actual - expected).norm() / expected.norm();
    let error = error.double_value(&[]);
    assert!(error <= 1e-5, "relative error {error}");
}

#[test]
fn every_tensor_is_compressai_s() {
    let _no_grad = tch::no_grad_guard();
    let (parameters, io) = (parameters(), read("hyperprior.io.safetensors"));
    assert_eq!(parameters.widths(), Widths { n: 8, m: 12 });
    let y = Sequence::analysis(&parameters)
        .unwrap()
        .forward(&io["x"])
        .unwrap();
    check(&y, &io["y"]);
    let hyper_analysis = Sequence::hyper_analysis(&parameters).unwrap();
    check(&hyper_analysis.forward(&y.abs()).unwrap(), &io["z"]);
    let hyper_synthesis = Sequence::hyper_synthesis(&parameters).unwrap();
    let scales = hyper_synthesis.forward(&io["z_hat"]).unwrap();
    check(&scales, &io["scales"]);
    let synthesis = Sequence::synthesis(&parameters).unwrap();
    check(&synthesis.forward(&io["y_hat"]).unwrap(), &io["x_hat"]);
    let of_z = entropy::factorised(&parameters, &io["z_hat"]).unwrap();
    check(&of_z, &io["z_likelihoods"]);
    let of_y = entropy::gaussian(&io["y_hat"], &scales).unwrap();
    check(&of_y, &io["y_likelihoods"]);
    let bits = entropy::bits(&of_z).unwrap() + entropy::bits(&of_y).unwrap();
    let bits = bits.double_value(&[]);
    assert!((bits / ESTIMATED_BITS - 1.0).abs() < 1e-3, "{bits} bits");
}

/// The golden picture is not of 8-bit symbols, so its latents come from the golden tensors here.
#[test]
fn the_golden_picture_s_bitstream_gives_compressai_s_reconstruction() {
    let io = read("hyperprior.io.safetensors");
    let level = HyperpriorLevel::of_parameters(&parameters()).unwrap();
    let planes = |name: &str, offset: Option<&Tensor>| {
        let tensor = match offset {
            Some(offset) => (&io[name] - offset).round(),
            None => io[name].shallow_clone(),
        };
        let (_, channels, height, width) = tensor.size4().unwrap();
        let values = Vec::<i32>::try_from(tensor.to_kind(Kind::Int).flatten(0, -1)).unwrap();
        let sides = [channels, height, width].map(|side| side as usize);
        splitsim_latent::Planes::new(sides[0], sides[1], sides[2], values).unwrap()
    };
    let medians = read("hyperprior.weights.safetensors")
        .remove("entropy_bottleneck.quantiles")
        .unwrap()
        .narrow(2, 1, 1)
        .reshape([1, 8, 1, 1]);
    let latents = splitsim_latent::Latents {
        hyper: planes("z_hat", Some(&medians)),
        latent: planes("y_hat", None),
    };
    let payload = level.latent().encode(&latents).unwrap();
    let limit = ESTIMATED_BITS / 8.0 * 1.02 + 64.0;
    assert!(
        (payload.len() as f64) < limit,
        "{} bytes of {limit}",
        payload.len()
    );
    let decoded = level
        .latent()
        .decode(&payload, LatentExtent::of_picture(128, 192))
        .unwrap();
    assert_eq!(decoded, latents);
    let symbols = level.synthesise(&decoded, (128, 192), 8).unwrap();
    let expected = Vec::<f32>::try_from(io["x_hat_decompressed"].flatten(0, -1)).unwrap();
    for (&symbol, &value) in symbols.iter().zip(&expected) {
        let exact = (value * 256.0).clamp(0.0, 255.0);
        assert!(
            (f32::from(symbol) - exact).abs() <= 0.501,
            "{symbol} for {exact}"
        );
    }
}

#[test]
fn a_stored_level_codes_as_the_parameters_do() {
    let picture = Array2::from_shape_fn((70, 130), |(row, column)| {
        ((row * 37 + column * 11) % 256) as u16
    });
    let level = HyperpriorLevel::of_parameters(&parameters()).unwrap();
    let bytes = level_bytes(&parameters(), Precision::Full).unwrap();
    let stored = HyperpriorLevel::parse(&bytes, "test").unwrap();
    let latents = level.analyse(picture.view(), 8).unwrap();
    assert_eq!(stored.analyse(picture.view(), 8).unwrap(), latents);
    assert_eq!(
        stored.synthesise(&latents, (70, 130), 8).unwrap(),
        level.synthesise(&latents, (70, 130), 8).unwrap()
    );
    let half = level_bytes(&parameters(), Precision::Half).unwrap();
    assert!(half.len() < bytes.len());
    HyperpriorLevel::parse(&half, "test").unwrap();
}
