//! One metric per file: what it is, and how it is computed.

pub(crate) mod cka;
pub(crate) mod cka_cfqa2025;
pub(crate) mod cosine;
pub(crate) mod cosine_class;
pub(crate) mod cosine_min;
pub(crate) mod cosine_p05;
pub(crate) mod cosine_patch_mean;
pub(crate) mod gram_distance;
pub(crate) mod mse;
pub(crate) mod snr;
