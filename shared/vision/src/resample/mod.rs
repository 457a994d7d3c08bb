//! Resampling of 8-bit samples as the two libraries of the benchmarks' scripts do it, to the last bit:
//! torchvision resizes through Pillow, mmcv through OpenCV.
//!
//! Their fixed-point arithmetic decides which grey level a sample is rounded to. Rust's libraries for
//! this trade that exactness for speed and differ in one sample out of seven, so the few lines that
//! each takes are here.

pub(crate) mod opencv;
pub(crate) mod pillow;
