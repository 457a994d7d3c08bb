//! The manifest of a trained package.

use std::collections::BTreeMap;

use splitsim_model::{
    ClsPreprocess, ClsTask, DptPreprocess, DptTask, Normalisation, RangeTable, ResizeFilter,
    SegPreprocess, SegTask, TaskCommon, ValueRange,
};
use splitsim_scenes::{CLASSES, MASK_CLASSES};

use super::TrainConfig;
use super::batch::{MEAN, STD};
use super::dataset::SIDE;

/// Wide enough for any feature; calibration replaces it.
fn uncalibrated(taps: &[usize]) -> RangeTable {
    let range = ValueRange::new(-1000.0, 1000.0);
    RangeTable(taps.iter().filter_map(|_| range).collect())
}

fn common(taps: Vec<usize>) -> TaskCommon {
    TaskCommon {
        ranges: uncalibrated(&taps),
        taps,
        ladders: BTreeMap::new(),
        tables: BTreeMap::new(),
    }
}

/// ImageNet's statistics on 0–255 samples.
fn byte_normalisation() -> Normalisation {
    Normalisation {
        mean: MEAN.map(|mean| mean * 255.0),
        std: STD.map(|std| std * 255.0),
    }
}

pub(super) fn cls_task(config: &TrainConfig) -> ClsTask {
    ClsTask {
        common: common(vec![config.architecture.depth]),
        classes: CLASSES,
        preprocess: ClsPreprocess {
            resize: SIDE,
            crop: SIDE,
            filter: ResizeFilter::Bilinear,
            normalisation: Normalisation {
                mean: MEAN,
                std: STD,
            },
        },
    }
}

pub(super) fn seg_task(config: &TrainConfig) -> SegTask {
    SegTask {
        common: common(vec![config.architecture.depth]),
        classes: MASK_CLASSES,
        preprocess: SegPreprocess {
            long_side: 4 * SIDE,
            short_side: SIDE,
            window: SIDE,
            stride: SIDE * 2 / 3,
            normalisation: byte_normalisation(),
        },
    }
}

pub(super) fn dpt_task(config: &TrainConfig) -> DptTask {
    DptTask {
        common: common(config.taps()),
        bins: config.depth_bins,
        min_depth_m: config.depth_range_m[0],
        max_depth_m: config.depth_range_m[1],
        preprocess: DptPreprocess {
            resize: None,
            flip: true,
            normalisation: byte_normalisation(),
        },
    }
}
