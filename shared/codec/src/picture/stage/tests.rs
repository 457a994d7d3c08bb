use splitsim_feature::Task;
use splitsim_model::RangeTable;

use super::*;
use crate::container::SymbolDigest;
use crate::{Level, Truncation};

fn range(min: f32, max: f32) -> ValueRange {
    ValueRange::new(min, max).unwrap()
}

fn tables(task: Task, codebook: Option<Codebook>) -> Tables {
    let layers = if task == Task::Dpt { 4 } else { 1 };
    Tables {
        model: "test".to_owned(),
        task,
        layers,
        ranges: RangeTable(vec![range(-512.0, 511.0); layers]),
        codebook,
    }
}

fn stage(task: Task, range_mode: RangeMode) -> PictureStage {
    let options = CodecOptions {
        range_mode,
        ..CodecOptions::default()
    };
    PictureStage::new(tables(task, None), &options).unwrap()
}

fn four_centres() -> Codebook {
    Codebook::new(&[vec![-10.0, -1.0, 0.0, 4.0]]).unwrap()
}

fn with_codebook(codebook: &Codebook, assignment: Assignment) -> PictureStage {
    let options = CodecOptions {
        transform: Transform::Codebook(assignment),
        ..CodecOptions::default()
    };
    PictureStage::new(tables(Task::Cls, Some(codebook.clone())), &options).unwrap()
}

fn cls(values: &[f32]) -> Feature {
    let shape = FeatureShape::new(1, 1, 1, values.len()).unwrap();
    Feature::new(shape, values.to_vec()).unwrap()
}

fn back(stage: &PictureStage, picture: &FeaturePicture, shape: FeatureShape) -> Feature {
    let FeaturePicture {
        symbols,
        depth,
        ranges,
        ..
    } = picture;
    stage
        .inverse(symbols.view(), ranges, *depth, shape)
        .unwrap()
}

#[test]
fn the_published_mode_is_the_published_script() {
    let options = CodecOptions {
        range_mode: RangeMode::Published,
        rounding: Rounding::Floor,
        ..CodecOptions::default()
    };
    let stage = PictureStage::new(tables(Task::Cls, None), &options).unwrap();
    let feature = cls(&[-542.31, -1.0, 0.0, 1.25, 94.15]);
    let picture = stage.forward(&feature).unwrap();
    // numpy: ((x + 542.31) * 1023 / (94.15 + 542.31)).astype(np.uint16).
    assert_eq!(picture.symbols, ndarray::array![[0, 870, 871, 873, 1023]]);
    assert_eq!(
        (picture.ranges.clone(), picture.clamped_points),
        (Ranges::Published, 0)
    );
    let restored = back(&stage, &picture, feature.shape());
    assert!(
        (restored.values()[2] - -0.416_88).abs() < 1e-4,
        "{restored:?}"
    );
}

#[test]
fn a_feature_beyond_the_published_range_is_clamped_and_counted() {
    let stage = stage(Task::Cls, RangeMode::Published);
    let picture = stage.forward(&cls(&[-600.0, 0.0, 100.0])).unwrap();
    assert_eq!(picture.clamped_points, 2);
    assert_eq!(
        (picture.symbols[[0, 0]], picture.symbols[[0, 2]]),
        (0, 1023)
    );
}

#[test]
fn truncation_travels_along_and_clamps() {
    let mode = RangeMode::Truncate(Truncation::new(vec![range(-5.0, 5.0)]).unwrap());
    let feature = cls(&[-7.0, 0.0, 5.0]);
    let truncating = stage(Task::Cls, mode);
    let picture = truncating.forward(&feature).unwrap();
    assert_eq!(picture.ranges, Ranges::Inline(vec![range(-5.0, 5.0)]));
    assert_eq!(picture.clamped_points, 1);
    // A decoder that was opened otherwise understands it.
    let restored = back(
        &stage(Task::Cls, RangeMode::Package),
        &picture,
        feature.shape(),
    );
    assert_eq!(restored.values()[0], -5.0);
}

#[test]
fn truncation_of_other_layers_is_refused_when_opened() {
    let two = Truncation::new(vec![range(-1.0, 1.0); 2]).unwrap();
    let options = CodecOptions {
        range_mode: RangeMode::Truncate(two),
        ..CodecOptions::default()
    };
    assert!(matches!(
        PictureStage::new(tables(Task::Dpt, None), &options),
        Err(CodecError::Layers {
            expected: 2,
            actual: 4
        })
    ));
}

#[test]
fn a_codebook_assigns_counts_and_looks_up() {
    let codebook = four_centres();
    let feature = cls(&[-11.0, -5.4, 2.1, 4.0]);
    let nearest = with_codebook(&codebook, Assignment::Nearest);
    let picture = nearest.forward(&feature).unwrap();
    assert_eq!(picture.symbols, ndarray::array![[0, 1, 3, 3]]);
    assert_eq!((picture.depth.bits(), picture.clamped_points), (2, 1));
    assert_eq!(picture.ranges, Ranges::Codebook(codebook.digest().short()));
    let left = with_codebook(&codebook, Assignment::Left);
    let picture = left.forward(&feature).unwrap();
    assert_eq!(picture.symbols, ndarray::array![[0, 0, 2, 3]]);
    let restored = back(&nearest, &picture, feature.shape());
    assert_eq!(restored.values(), [-10.0, -10.0, 0.0, 4.0]);
}

#[test]
fn layers_have_centres_of_their_own() {
    let lists: Vec<Vec<f32>> = (0..4u8).map(|l| vec![0.0, f32::from(l) + 1.0]).collect();
    let codebook = Codebook::new(&lists).unwrap();
    let options = CodecOptions {
        transform: Transform::Codebook(Assignment::Nearest),
        ..CodecOptions::default()
    };
    let stage = PictureStage::new(tables(Task::Dpt, Some(codebook)), &options).unwrap();
    let shape = FeatureShape::new(2, 4, 1, 1).unwrap();
    let feature = Feature::new(shape, vec![1.0, 2.0, 3.0, 4.0, 0.0, 2.0, 0.0, 4.0]).unwrap();
    let picture = stage.forward(&feature).unwrap();
    assert_eq!(picture.symbols, ndarray::array![[1, 1, 1, 1], [0, 1, 0, 1]]);
    assert_eq!(back(&stage, &picture, shape), feature);
}

#[test]
fn a_codebook_that_is_not_there_is_named() {
    let options = CodecOptions {
        transform: Transform::Codebook(Assignment::Nearest),
        ..CodecOptions::default()
    };
    let message = PictureStage::new(tables(Task::Cls, None), &options).unwrap_err();
    assert!(
        message
            .to_string()
            .contains("'test' has no codebook for cls")
    );
    let codebook = four_centres();
    let coded = with_codebook(&codebook, Assignment::Nearest)
        .forward(&cls(&[1.0]))
        .unwrap();
    let header = header(coded.ranges, coded.depth);
    let other = Codebook::new(&[vec![0.0, 1.0, 2.0, 3.0]]).unwrap();
    for (decoder, known) in [
        (stage(Task::Cls, RangeMode::Package), None),
        (
            with_codebook(&other, Assignment::Left),
            Some(other.digest().short()),
        ),
    ] {
        let error = decoder.check(&header, CodecId::Hevc).unwrap_err();
        assert!(
            matches!(error, CodecError::UnknownCodebook { known: k, actual } if k == known
                && actual == codebook.digest().short()),
            "{error}"
        );
    }
}

fn header(ranges: Ranges, depth: BitDepth) -> Header {
    Header {
        codec: CodecId::Hevc,
        task: Task::Cls,
        level: Level(0),
        shape: FeatureShape::new(1, 1, 1, 1).unwrap(),
        depth,
        ranges,
        symbols: SymbolDigest([0; 8]),
    }
}

#[test]
fn symbols_that_no_centre_has_are_refused() {
    let codebook = four_centres();
    let stage = with_codebook(&codebook, Assignment::Nearest);
    let ranges = Ranges::Codebook(codebook.digest().short());
    let shape = FeatureShape::new(1, 1, 1, 2).unwrap();
    let symbols = ndarray::array![[3, 4]];
    assert!(matches!(
        stage.inverse(symbols.view(), &ranges, codebook.depth(), shape),
        Err(CodecError::NoSuchCentre {
            symbol: 4,
            centres: 4
        })
    ));
    let error = stage.check(&header(ranges, BitDepth::EIGHT), CodecId::Hevc);
    assert!(matches!(error, Err(CodecError::CodebookDepth { .. })));
}

#[test]
fn what_decoders_need_is_digested() {
    let digest = |codebook| tables(Task::Cls, codebook).digest();
    let plain = digest(None);
    assert_ne!(plain, digest(Some(four_centres())));
    let other = Codebook::new(&[vec![-10.0, -1.0, 0.0, 4.5]]).unwrap();
    assert_ne!(digest(Some(four_centres())), digest(Some(other)));
}

/// A model that nobody calibrated codes by ranges that travel along, and decodes; only its own are refused.
#[test]
fn without_calibrated_ranges_others_still_serve() {
    let uncalibrated = || Tables {
        ranges: RangeTable::default(),
        ..tables(Task::Cls, None)
    };
    let with = |range_mode| {
        let options = CodecOptions {
            range_mode,
            ..CodecOptions::default()
        };
        PictureStage::new(uncalibrated(), &options)
    };
    let refused = with(RangeMode::Package).unwrap_err().to_string();
    assert!(refused.contains("splitsim model calibrate") && refused.contains("range 'feature'"));
    let shape = FeatureShape::new(1, 1, 3, 4).unwrap();
    let values: Vec<f32> = (0..12u8).map(|value| f32::from(value) - 5.0).collect();
    let feature = Feature::new(shape, values).unwrap();
    let decoder = PictureStage::new(uncalibrated(), &CodecOptions::default().decoding()).unwrap();
    for mode in ["feature", "truncate:-5..6"] {
        let stage = with(mode.parse().unwrap()).unwrap();
        let picture = stage.forward(&feature).unwrap();
        let back = decoder.inverse(
            picture.symbols.view(),
            &picture.ranges,
            picture.depth,
            shape,
        );
        let back = back.unwrap();
        // Steps of 11/1023: at most half a step off.
        let errors = feature.values().iter().zip(back.values());
        assert!(
            errors
                .map(|(x, y)| (x - y).abs())
                .all(|error| error < 0.0055),
            "{mode}"
        );
    }
}
