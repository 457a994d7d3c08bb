//! The time of each part of a forward pass, measured in isolation at the shapes of the pass.

use std::time::Instant;

use splitsim_model::{Architecture, FeedForward};
use tch::{Device, Kind, TchError, Tensor};

/// Class token and 16×16 patches.
const TOKENS: i64 = 257;
/// Weights of one kind are spread over as many bytes, so that they come from memory as in a model.
const SPREAD_BYTES: usize = 256 << 20;
/// Measurements of each part; the fastest counts.
const TIMES: usize = 5;
/// Side of the product that gives the machine's rate.
const RATE_SIDE: i64 = 2048;

/// Floating point operations of all matrix products of a pass of [`TOKENS`] tokens, attention's
/// included.
pub(crate) fn product_flops(architecture: &Architecture) -> f64 {
    let (dim, hidden) = (
        architecture.embed_dim as f64,
        architecture.hidden_dim() as f64,
    );
    let tokens = TOKENS as f64;
    let up = match architecture.feed_forward {
        FeedForward::Mlp => hidden,
        FeedForward::SwiGlu => 2.0 * hidden,
    };
    let weights = dim * (3.0 * dim + dim + up + hidden);
    let attention = 2.0 * tokens * dim;
    let patch = (3 * architecture.patch * architecture.patch) as f64 * dim;
    2.0 * tokens * (architecture.depth as f64 * (weights + attention) + patch)
}

/// The rate of a 2048³ product, GFLOP/s; the fastest of a few.
pub(crate) fn product_gflops(kind: Kind) -> Result<f64, TchError> {
    let square = random(&[RATE_SIDE, RATE_SIDE], kind)?;
    let seconds = fastest(1, |_| square.f_matmul(&square))?;
    Ok(2.0 * (RATE_SIDE as f64).powi(3) / seconds / 1e9)
}

/// Names and seconds of a pass's parts.
pub(crate) fn parts(
    architecture: &Architecture,
    kind: Kind,
) -> Result<Vec<(&'static str, f64)>, TchError> {
    let (dim, hidden) = (
        architecture.embed_dim as i64,
        architecture.hidden_dim() as i64,
    );
    let (depth, heads) = (architecture.depth, architecture.heads as i64);
    let gated = architecture.feed_forward == FeedForward::SwiGlu;
    let up = if gated { 2 * hidden } else { hidden };
    let product = |inputs, outputs| product_seconds(depth, [inputs, outputs], kind);
    let mut parts = vec![
        ("product qkv", product(dim, 3 * dim)?),
        ("product proj", product(dim, dim)?),
        ("product up", product(dim, up)?),
        ("product down", product(hidden, dim)?),
    ];
    let [query, key, value] = [(); 3].map(|()| random(&[1, heads, TOKENS, dim / heads], kind));
    let (query, key, value) = (query?, key?, value?);
    let attention = |_| {
        let (mask, scale) = (None::<&Tensor>, None);
        Tensor::f_scaled_dot_product_attention(&query, &key, &value, mask, 0.0, false, scale, false)
    };
    parts.push(("attention", fastest(depth, attention)?));
    let (tokens, gain) = (
        random(&[1, TOKENS, dim], Kind::Float)?,
        random(&[dim], Kind::Float)?,
    );
    let norm = |_| tokens.f_layer_norm([dim], Some(&gain), Some(&gain), 1e-6, false);
    parts.push(("layer norm", fastest(2 * depth, norm)?));
    let expanded = random(&[1, TOKENS, up], kind)?;
    let activation = |_| match gated {
        true => {
            let halves = expanded.f_chunk(2, -1)?;
            halves[0].f_silu()?.f_mul(&halves[1])
        }
        false => expanded.f_gelu("none"),
    };
    parts.push(("activation", fastest(depth, activation)?));
    let residual = |_| tokens.f_addcmul(&tokens, &gain);
    parts.push(("residual", fastest(2 * depth, residual)?));
    if kind != Kind::Float {
        let narrow = tokens.f_to_kind(kind)?;
        let casts = |_| {
            let _ = tokens.f_to_kind(kind)?;
            narrow.f_to_kind(Kind::Float)
        };
        parts.push(("casts", fastest(2 * depth, casts)?));
    }
    Ok(parts)
}

fn product_seconds(count: usize, [inputs, outputs]: [i64; 2], kind: Kind) -> Result<f64, TchError> {
    let bytes = (inputs * outputs) as usize * kind.elt_size_in_bytes();
    let copies = SPREAD_BYTES.div_ceil(bytes).min(count);
    let weights = (0..copies)
        .map(|_| random(&[outputs, inputs], kind))
        .collect::<Result<Vec<_>, _>>()?;
    let (input, bias) = (
        random(&[1, TOKENS, inputs], kind)?,
        random(&[outputs], kind)?,
    );
    fastest(count, |index| {
        input.f_linear(&weights[index % copies], Some(&bias))
    })
}

/// Seconds of `count` calls in a row, the fastest of [`TIMES`].
fn fastest(
    count: usize,
    operation: impl Fn(usize) -> Result<Tensor, TchError>,
) -> Result<f64, TchError> {
    let _no_grad = tch::no_grad_guard();
    let mut best = f64::INFINITY;
    for _ in 0..TIMES {
        let start = Instant::now();
        for index in 0..count {
            let _ = operation(index)?;
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}

fn random(shape: &[i64], kind: Kind) -> Result<Tensor, TchError> {
    Tensor::f_randn(shape, (Kind::Float, Device::Cpu))?.f_to_kind(kind)
}
