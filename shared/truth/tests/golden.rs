//! Performance against reference implementations; provenance in `golden/README.md`.

use std::num::NonZeroU8;

use ndarray::Array2;
use serde::Deserialize;
use splitsim_truth::{
    Confusion, DepthCrop, DepthErrors, DepthMap, Logits, Mask, SegPrediction, depth_rmse,
    rank_of_label,
};

#[derive(Deserialize)]
struct Golden {
    miou: Miou,
    depth: Depth,
    rank: Vec<RankCase>,
}

#[derive(Deserialize)]
struct Miou {
    gt: Vec<Vec<u8>>,
    pred: Vec<Vec<u8>>,
    classes: NonZeroU8,
    ignore: u8,
    iou: Vec<Option<f64>>,
    miou: f64,
}

#[derive(Deserialize)]
struct Depth {
    gt: Vec<Vec<f32>>,
    pred: Vec<Vec<f32>>,
    rmse: f64,
}

#[derive(Deserialize)]
struct RankCase {
    logits: Vec<f32>,
    label: u32,
    rank: u32,
}

const MIOU_TOLERANCE: f64 = 1e-9;

/// The depths, given in double precision, are read as `f32`.
const RMSE_TOLERANCE: f64 = 1e-6;

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/performance.json")).expect("the file is committed")
}

fn array<T: Clone>(rows: &[Vec<T>]) -> Array2<T> {
    let size = (rows.len(), rows[0].len());
    Array2::from_shape_vec(size, rows.concat()).expect("rows are of one length")
}

#[test]
fn ranks_with_and_without_ties() {
    for case in golden().rank {
        let logits = Logits::new(case.logits).unwrap();
        assert_eq!(rank_of_label(&logits, case.label).unwrap().get(), case.rank);
    }
}

#[test]
fn iou_per_class_and_their_mean() {
    let golden = golden().miou;
    assert_eq!(golden.ignore, Mask::IGNORE);
    let truth = Mask::new(array(&golden.gt)).unwrap();
    let predicted = Mask::new(array(&golden.pred)).unwrap();
    let prediction = SegPrediction::new(predicted, golden.classes).unwrap();
    let pixels = Confusion::of(&truth, &prediction).unwrap();
    for (actual, expected) in pixels.iou().zip(&golden.iou) {
        let difference = actual.unwrap() - expected.unwrap();
        assert!(difference.abs() < MIOU_TOLERANCE);
    }
    let mean = pixels.mean_iou().unwrap().percent();
    assert!((mean - 100.0 * golden.miou).abs() < MIOU_TOLERANCE);
}

#[test]
fn depth_rmse_over_valid_pixels() {
    let golden = golden().depth;
    let map = |rows: &[Vec<f32>]| DepthMap::new(array(rows)).unwrap();
    let rmse = depth_rmse(&map(&golden.gt), &map(&golden.pred), DepthCrop::Full).unwrap();
    assert!(
        (rmse.metres() - golden.rmse).abs() < RMSE_TOLERANCE,
        "{rmse:?}"
    );
}

#[derive(Deserialize)]
struct Errors {
    gt: Vec<Vec<f32>>,
    pred: Vec<Vec<f32>>,
    errors: DepthErrors,
}

#[test]
fn the_nine_depth_errors() {
    let golden: Errors = serde_json::from_str(include_str!("golden/depth-errors.json")).unwrap();
    let map = |rows: &[Vec<f32>]| DepthMap::new(array(rows)).unwrap();
    let (truth, predicted) = (map(&golden.gt), map(&golden.pred));
    let ours = DepthErrors::of(&truth, &predicted, DepthCrop::Full).unwrap();
    let figures = ours.values().into_iter().zip(golden.errors.values());
    for (name, (ours, numpy)) in DepthErrors::NAMES.into_iter().zip(figures) {
        assert!((ours - numpy).abs() < 1e-12, "{name}: {ours}, {numpy}");
    }
}
