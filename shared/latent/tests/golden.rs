//! Against CompressAI: likelihoods, scales, estimated bits and coded bytes.

use safetensors::{Dtype, SafeTensors};
use splitsim_latent::gaussian::{self, GaussianTables};
use splitsim_latent::{
    FRACTION_BITS, Factorised, HyperSynthesis, LatentExtent, LatentModel, Latents, LayerWeights,
    Planes,
};

const N: usize = 8;
const M: usize = 12;
const EXTENT: [usize; 2] = [8, 12];
/// CompressAI's estimate for the picture.
const ESTIMATED_BITS: f64 = 20_749.566;

struct Golden(Vec<u8>);

impl Golden {
    fn read() -> Self {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/golden/entropy.safetensors"
        );
        Self(std::fs::read(path).expect("the vectors lie beside the test"))
    }

    fn f32s(&self, name: &str) -> Vec<f32> {
        let file = SafeTensors::deserialize(&self.0).expect("a safetensors file");
        let view = file.tensor(name).expect("a tensor of the vectors");
        assert_eq!(view.dtype(), Dtype::F32);
        view.data()
            .chunks_exact(4)
            .map(|c| f32::from_le_bytes([c[0], c[1], c[2], c[3]]))
            .collect()
    }

    fn factorised(&self) -> Factorised {
        let set = |name: &str, layers: usize| -> Vec<Vec<f32>> {
            (0..layers)
                .map(|i| self.f32s(&format!("entropy_bottleneck.{name}.{i}")))
                .collect()
        };
        Factorised::new(
            N,
            &set("matrices", 5),
            &set("biases", 5),
            &set("factors", 4),
        )
        .expect("a finite prior")
    }

    /// The second of each channel's three quantiles.
    fn medians(&self) -> Vec<f32> {
        self.f32s("entropy_bottleneck.quantiles")
            .chunks_exact(3)
            .map(|q| q[1])
            .collect()
    }

    fn hyper_synthesis(&self) -> HyperSynthesis {
        let layer = |index: usize, sizes| {
            let part = |part: &str| self.f32s(&format!("h_s.{}.{part}", 2 * index));
            LayerWeights::quantise(index, sizes, &part("weight"), &part("bias"))
                .expect("finite weights")
        };
        HyperSynthesis::new([layer(0, [N, N]), layer(1, [N, N]), layer(2, [N, M])])
            .expect("layers that fit")
    }

    fn model(&self) -> LatentModel {
        let factorised = self.factorised();
        let medians = self.medians();
        let table = |(channel, &median): (usize, &f32)| {
            factorised
                .table(channel, f64::from(median))
                .expect("a finite prior")
        };
        let tables = medians.iter().enumerate().map(table).collect();
        let medians = medians
            .iter()
            .map(|&median| LatentModel::fixed_median(median))
            .collect();
        LatentModel::new(tables, medians, self.hyper_synthesis()).expect("parts that fit")
    }

    fn latents(&self) -> Latents {
        let medians = self.medians();
        let z = self.f32s("z_hat");
        let symbol = |(index, z): (usize, &f32)| (z - medians[index / 6]).round() as i32;
        let z = z.iter().enumerate().map(symbol).collect();
        let y = self.f32s("y_hat").iter().map(|&y| y as i32).collect();
        Latents {
            hyper: Planes::new(N, EXTENT[0] / 4, EXTENT[1] / 4, z).expect("as many values"),
            latent: Planes::new(M, EXTENT[0], EXTENT[1], y).expect("as many values"),
        }
    }
}

fn relative_error(actual: &[f64], expected: &[f32]) -> f64 {
    let pairs = actual
        .iter()
        .zip(expected)
        .map(|(&a, &e)| (a, f64::from(e)));
    let (error, norm) = pairs.fold((0.0, 0.0), |(error, norm), (a, e)| {
        (error + (a - e) * (a - e), norm + e * e)
    });
    (error / norm).sqrt()
}

#[test]
fn the_scale_table_is_compressai_s() {
    let expected = Golden::read().f32s("gaussian_conditional.scale_table");
    assert!(relative_error(&gaussian::scales(), &expected) < 1e-6);
    assert_eq!(expected.len(), gaussian::LEVELS);
}

#[test]
fn likelihoods_are_compressai_s() {
    let golden = Golden::read();
    let factorised = golden.factorised();
    let z = golden.f32s("z_hat");
    let likelihood = |(i, &z): (usize, &f32)| factorised.likelihood(i / 6, z.into());
    let of_z: Vec<f64> = z.iter().enumerate().map(likelihood).collect();
    assert!(relative_error(&of_z, &golden.f32s("z_likelihoods")) < 1e-5);
    let y = golden.f32s("y_hat");
    let scales = golden.f32s("scales");
    let likelihood = |(&y, &scale): (&f32, &f32)| gaussian::likelihood(y.into(), scale.into());
    let of_y: Vec<f64> = y.iter().zip(&scales).map(likelihood).collect();
    assert!(relative_error(&of_y, &golden.f32s("y_likelihoods")) < 1e-5);
    let bits: f64 = of_z.iter().chain(&of_y).map(|p| -p.log2()).sum();
    assert!((bits / ESTIMATED_BITS - 1.0).abs() < 1e-3, "{bits} bits");
}

#[test]
fn integer_scales_are_the_network_s() {
    let golden = Golden::read();
    let latents = golden.latents();
    let z_hat = golden
        .f32s("z_hat")
        .iter()
        .map(|&z| LatentModel::fixed_median(z))
        .collect();
    let z_hat = Planes::new(N, 2, 3, z_hat).unwrap();
    let unit = f64::from(1 << FRACTION_BITS);
    let fixed = golden.hyper_synthesis().scales(&z_hat).unwrap();
    let expected = golden.f32s("scales");
    for (&fixed, &expected) in fixed.values().iter().zip(&expected) {
        // Rounding 16-bit weights and 14 fractional bits through three layers.
        let error = f64::from(fixed) / unit - f64::from(expected);
        assert!(error.abs() < 1e-3, "{fixed} for {expected}");
    }
    let levels = golden.model().levels(&latents.hyper).unwrap();
    let exact = expected
        .iter()
        .map(|&scale| LatentModel::fixed_median(scale).unsigned_abs());
    let differing = levels
        .values()
        .iter()
        .zip(exact)
        .filter(|&(&level, scale)| usize::from(level) != GaussianTables::embedded().level(scale))
        .count();
    assert!(
        differing * 100 <= levels.values().len(),
        "{differing} levels differ"
    );
}

#[test]
fn coded_bytes_stay_below_the_estimate_and_decode() {
    let golden = Golden::read();
    let (model, latents) = (golden.model(), golden.latents());
    let bytes = model.encode(&latents).unwrap();
    let limit = ESTIMATED_BITS / 8.0 * 1.02 + 64.0;
    assert!(
        (bytes.len() as f64) < limit,
        "{} bytes, at most {limit}",
        bytes.len()
    );
    let extent = LatentExtent::of_picture(128, 192);
    assert_eq!(model.decode(&bytes, extent), Ok(latents));
}

#[test]
fn a_stored_model_is_the_same() {
    let model = Golden::read().model();
    let tensors = model.to_tensors();
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        let view = safetensors::tensor::TensorView::new(*dtype, shape.clone(), bytes).unwrap();
        (name.clone(), view)
    });
    let bytes = safetensors::serialize(views, None).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(LatentModel::from_tensors(&file), Ok(model));
}
