//! Reference vectors: see `tests/golden/README.md` for where they come from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use splitsim_feature::Feature;
use splitsim_model::{
    Architecture, ClsPreprocess, ClsTask, DptPreprocess, DptTask, FeedForward, FrameSize,
    Normalisation, PositionInterpolation, RangeTable, ResizeFilter, SegPreprocess, SegTask,
    TaskCommon, TaskSpec,
};
use splitsim_source::{ImageExtent, Picture};
use splitsim_truth::HeadOutput;
use tch::{Device, Kind, Tensor};

use crate::backbone::Backbone;
use crate::geometry::{SegGeometry, Size};
use crate::heads::{Head, SegHead, to_layers, to_vec};
use crate::{VisionError, Weights, preprocess};

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

fn read(name: &str) -> Weights {
    Weights::read(&path(name), Device::Cpu).unwrap()
}

fn json(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path(name)).unwrap()).unwrap()
}

fn size(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

fn extent(width: usize, height: usize) -> Size {
    ImageExtent::new(width, height).unwrap().into()
}

/// ‖a − b‖ / ‖b‖ ≤ 1e-5.
fn assert_close(what: &str, ours: &Tensor, reference: &Tensor) {
    assert_eq!(ours.size(), reference.size(), "{what}");
    let error = f64::try_from((ours - reference).norm() / reference.norm()).unwrap();
    assert!(error <= 1e-5, "{what}: relative error {error:e}");
}

fn architecture(cfg: &Value) -> Architecture {
    let swiglu = cfg["ffn_layer"].as_str() == Some("swiglufused");
    let antialias = cfg["interpolate_antialias"].as_bool() == Some(true);
    Architecture {
        embed_dim: size(&cfg["embed_dim"]),
        depth: size(&cfg["depth"]),
        heads: size(&cfg["num_heads"]),
        patch: 14,
        feed_forward: if swiglu {
            FeedForward::SwiGlu
        } else {
            FeedForward::Mlp
        },
        registers: cfg.get("num_register_tokens").map_or(0, size),
        position_grid: 37,
        position_interpolation: if antialias {
            PositionInterpolation::Antialias
        } else {
            PositionInterpolation::ScaleOffset
        },
    }
}

#[test]
fn backbone_gives_the_reference_features() {
    for case in json("dinov2/cases.json").as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let architecture = architecture(&case["cfg"]);
        let weights = read(&format!("dinov2/{name}.weights.safetensors"));
        let backbone = Backbone::new(&architecture, weights).unwrap();
        let mut io = read(&format!("dinov2/{name}.io.safetensors"));
        let (height, width) = (size(&case["input"][0]), size(&case["input"][1]));
        let input = io
            .take("input", &[1, 3, height as i64, width as i64])
            .unwrap();
        let taps: Vec<usize> = (1..=architecture.depth).collect();
        let outputs = backbone.taps(&input, &taps, Kind::Float).unwrap();
        for (index, ours) in outputs.iter().enumerate() {
            let reference = io.take(&format!("block{index}"), &ours.size()).unwrap();
            assert_close(&format!("{name} block {index}"), ours, &reference);
        }
        let last = outputs.last().unwrap();
        assert_close(name, last, &io.take("x_prenorm", &last.size()).unwrap());
        let normed = backbone.norm(last).unwrap();
        let cls = io
            .take("x_norm_clstoken", &[1, architecture.embed_dim as i64])
            .unwrap();
        assert_close(&format!("{name} class token"), &normed.select(1, 0), &cls);
        let prefix = architecture.prefix_tokens() as i64;
        let patches = normed.narrow(1, prefix, normed.size()[1] - prefix);
        let reference = io.take("x_norm_patchtokens", &patches.size()).unwrap();
        assert_close(&format!("{name} patch tokens"), &patches, &reference);
    }
}

#[test]
fn bf16_features_point_where_the_reference_features_do() {
    for case in json("dinov2/cases.json").as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let architecture = architecture(&case["cfg"]);
        let weights = read(&format!("dinov2/{name}.weights.safetensors"));
        let mut backbone = Backbone::new(&architecture, weights).unwrap();
        backbone.prepare(Kind::BFloat16).unwrap();
        let mut io = read(&format!("dinov2/{name}.io.safetensors"));
        let (height, width) = (size(&case["input"][0]), size(&case["input"][1]));
        let input = io
            .take("input", &[1, 3, height as i64, width as i64])
            .unwrap();
        let outputs = backbone
            .taps(&input, &[architecture.depth], Kind::BFloat16)
            .unwrap();
        let reference = io.take("x_prenorm", &outputs[0].size()).unwrap();
        let cosine = Tensor::cosine_similarity(&outputs[0], &reference, -1, 1e-8);
        let (worst, mean) = (cosine.min(), cosine.mean(Kind::Float));
        let (worst, mean) = (f64::try_from(worst).unwrap(), f64::try_from(mean).unwrap());
        assert!(
            mean >= 0.999 && worst >= 0.99,
            "{name}: {mean}, worst {worst}"
        );
    }
}

#[test]
fn weights_of_another_architecture_are_refused_by_name() {
    let cases = json("dinov2/cases.json");
    let mut deeper = architecture(&cases[0]["cfg"]);
    deeper.depth += 1;
    let error = Backbone::new(&deeper, read("dinov2/mlp.weights.safetensors")).unwrap_err();
    assert!(
        error.to_string().contains("blocks.4.norm1.weight"),
        "{error}"
    );
    let mut shallower = architecture(&cases[0]["cfg"]);
    shallower.depth -= 1;
    let error = Backbone::new(&shallower, read("dinov2/mlp.weights.safetensors")).unwrap_err();
    assert!(
        error.to_string().contains("does not use: blocks.3"),
        "{error}"
    );
}

/// A head's golden file as head weights under our names, and the rest of its tensors.
fn head_case(task: &str, renames: &[(&str, &str)]) -> (Weights, BTreeMap<String, Tensor>) {
    let file = path(&format!("heads/{task}.safetensors"));
    let mut rest: BTreeMap<String, Tensor> = Tensor::read_safetensors(file)
        .unwrap()
        .into_iter()
        .collect();
    let weights = renames.iter().map(|(golden, ours)| {
        let tensor = rest.remove(*golden).unwrap();
        ((*ours).to_owned(), tensor)
    });
    let weights = Weights::new(task, weights.collect());
    (weights, rest)
}

fn feature(tensor: &Tensor) -> Feature {
    let shape = [0, 1, 2, 3].map(|axis| tensor.size()[axis] as usize);
    Feature::new(shape.try_into().unwrap(), to_vec(tensor).unwrap()).unwrap()
}

/// The heads' golden model: 48 channels, patches of 14.
fn head_architecture() -> Architecture {
    architecture(&json("dinov2/cases.json")[0]["cfg"])
}

fn common(taps: Vec<usize>) -> TaskCommon {
    TaskCommon {
        taps,
        ranges: RangeTable(vec![]),
        ladders: BTreeMap::new(),
        tables: BTreeMap::new(),
    }
}

const PLAIN: Normalisation = Normalisation {
    mean: [0.0; 3],
    std: [1.0; 3],
};

#[test]
fn cls_head_gives_the_reference_logits() {
    let names = [
        ("norm_weight", "norm.weight"),
        ("norm_bias", "norm.bias"),
        ("linear_weight", "linear.weight"),
        ("linear_bias", "linear.bias"),
    ];
    let (weights, golden) = head_case("cls", &names);
    let preprocess = ClsPreprocess {
        resize: 56,
        crop: 56,
        filter: ResizeFilter::Bilinear,
        normalisation: PLAIN,
    };
    let task = ClsTask {
        common: common(vec![4]),
        classes: 13,
        preprocess,
    };
    let spec = TaskSpec::Cls(&task);
    let head = Head::new(&head_architecture(), spec, weights).unwrap();
    let size = extent(56, 56);
    let output = head
        .run(spec, 14, &feature(&golden["feature"]), size, Device::Cpu)
        .unwrap();
    let HeadOutput::Cls(logits) = output else {
        panic!("a cls head gives logits")
    };
    let logits = Tensor::from_slice(logits.values()).reshape([1, 13]);
    assert_close("logits", &logits, &golden["logits"]);
}

#[test]
fn seg_head_gives_the_reference_logits_and_mask() {
    let names = [
        ("norm_weight", "norm.weight"),
        ("norm_bias", "norm.bias"),
        ("bn_weight", "bn.weight"),
        ("bn_bias", "bn.bias"),
        ("bn_mean", "bn.running_mean"),
        ("bn_var", "bn.running_var"),
        ("conv_weight", "conv_seg.weight"),
        ("conv_bias", "conv_seg.bias"),
    ];
    let (mut weights, golden) = head_case("seg", &names);
    let case = &json("heads/heads.json")["seg"];
    let preprocess = SegPreprocess {
        long_side: size(&case["image"][1]),
        short_side: size(&case["image"][0]),
        window: size(&case["crop"]),
        stride: size(&case["stride"]),
        normalisation: PLAIN,
    };
    let classes = size(&case["classes"]);
    let head = SegHead::new(&head_architecture(), classes, &mut weights).unwrap();
    weights.finish().unwrap();
    let original = extent(size(&case["original"][1]), size(&case["original"][0]));
    // The vectors' picture shrinks and rounds to another size than the fitting rule would give: its
    // resized extent and windows are taken as they were recorded.
    let windows = case["windows"].as_array().unwrap();
    let geometry = SegGeometry {
        resized: extent(size(&case["image"][1]), size(&case["image"][0])),
        window: extent(preprocess.window, preprocess.window),
        origins: windows
            .iter()
            .map(|at| (size(&at[0]), size(&at[1])))
            .collect(),
        original,
    };
    let layers = to_layers(&feature(&golden["feature"]), Device::Cpu).unwrap();
    let logits = head.stitch(&layers[0], &geometry, 14).unwrap();
    assert_close("logits", &logits, &golden["logits"]);
    let same = logits
        .argmax(1, false)
        .eq_tensor(&golden["mask"])
        .to_kind(Kind::Float);
    let share = f64::try_from(same.mean(Kind::Float)).unwrap();
    assert!(share >= 0.9999, "{share} of the mask agrees");
    let task = SegTask {
        common: common(vec![4]),
        classes,
        preprocess,
    };
    assert_eq!(
        SegGeometry::new(geometry.resized, &task.preprocess).origins,
        geometry.origins
    );
}

#[test]
fn dpt_head_gives_the_reference_depth() {
    let names = [
        ("conv_weight", "conv_depth.weight"),
        ("conv_bias", "conv_depth.bias"),
    ];
    let (weights, golden) = head_case("dpt", &names);
    let case = &json("heads/heads.json")["dpt"];
    let task = DptTask {
        common: common(vec![1, 2, 3, 4]),
        bins: size(&case["bins"]),
        min_depth_m: 0.001,
        max_depth_m: 10.0,
        preprocess: DptPreprocess {
            resize: None,
            flip: true,
            normalisation: PLAIN,
        },
    };
    let spec = TaskSpec::Dpt(&task);
    let head = Head::new(&head_architecture(), spec, weights).unwrap();
    let size = extent(size(&case["image"][1]), size(&case["image"][0]));
    let output = head
        .run(spec, 14, &feature(&golden["feature"]), size, Device::Cpu)
        .unwrap();
    let HeadOutput::Dpt(depth) = output else {
        panic!("a dpt head gives depth")
    };
    let values: Vec<f32> = depth.view().iter().copied().collect();
    let depth = Tensor::from_slice(&values).reshape(golden["depth"].size());
    assert_close("depth", &depth, &golden["depth"]);
}

/// ImageNet's statistics on 0–1 samples (cls) and on 0–255 samples (seg, dpt).
const UNIT: Normalisation = Normalisation {
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
};
const BYTE: Normalisation = Normalisation {
    mean: [123.675, 116.28, 103.53],
    std: [58.395, 57.12, 57.375],
};
/// The same grey level everywhere: only the normalisation's rounding may differ.
const SAME_LEVEL: f64 = 1e-5;

fn max_difference(ours: &Tensor, reference: &Tensor) -> f64 {
    assert_eq!(ours.size(), reference.size());
    f64::try_from((ours - reference).abs().max()).unwrap()
}

#[test]
fn cls_preprocessing_equals_torchvision() {
    let picture = Picture::read(&path("preprocess/image.png")).unwrap();
    let mut golden = read("preprocess/preprocess.safetensors");
    for (filter, name) in [
        (ResizeFilter::Bilinear, "cls_bilinear"),
        (ResizeFilter::Bicubic, "cls_bicubic"),
    ] {
        let preprocess = ClsPreprocess {
            resize: 256,
            crop: 224,
            filter,
            normalisation: UNIT,
        };
        let task = ClsTask {
            common: common(vec![4]),
            classes: 13,
            preprocess,
        };
        let ours = preprocess::views(&picture, TaskSpec::Cls(&task), &head_architecture()).unwrap();
        let reference = golden.take(name, &[1, 3, 224, 224]).unwrap();
        let worst = max_difference(&ours, &reference);
        assert!(worst <= SAME_LEVEL, "{name}: worst difference {worst}");
    }
}

#[test]
fn seg_preprocessing_gives_opencvs_very_samples() {
    let picture = Picture::read(&path("preprocess/image.png")).unwrap();
    let mut golden = read("preprocess/preprocess.safetensors");
    let preprocess = SegPreprocess {
        long_side: 2048,
        short_side: 512,
        window: 512,
        stride: 341,
        normalisation: BYTE,
    };
    let task = SegTask {
        common: common(vec![4]),
        classes: 21,
        preprocess,
    };
    let windows = preprocess::views(&picture, TaskSpec::Seg(&task), &head_architecture()).unwrap();
    assert_eq!(windows.size(), [2, 3, 518, 518]);
    let unpadded = windows.narrow(2, 3, 512).narrow(3, 3, 512);
    let padding = f64::try_from(windows.abs().sum(Kind::Double) - unpadded.abs().sum(Kind::Double));
    assert_eq!(padding.unwrap(), 0.0, "the padding is zero");
    let rows = golden.take("seg_window0_rows", &[1, 3, 4, 512]).unwrap();
    let ours = unpadded.narrow(0, 0, 1).narrow(2, 0, 4);
    assert!(max_difference(&ours, &rows) <= SAME_LEVEL);
    let stats = golden.take("seg_window_stats", &[2, 2]).unwrap();
    for window in 0..2 {
        assert_same_statistics(&unpadded.get(window), &stats.get(window));
    }
}

#[test]
fn dpt_preprocessing_gives_opencvs_very_samples() {
    let picture = Picture::read(&path("preprocess/image.png")).unwrap();
    let mut golden = read("preprocess/preprocess.safetensors");
    let task = DptTask {
        common: common(vec![4]),
        bins: 4,
        min_depth_m: 0.001,
        max_depth_m: 10.0,
        preprocess: DptPreprocess {
            resize: Some(FrameSize {
                height: 480,
                width: 640,
            }),
            flip: true,
            normalisation: BYTE,
        },
    };
    let views = preprocess::views(&picture, TaskSpec::Dpt(&task), &head_architecture()).unwrap();
    assert_eq!(views.size(), [2, 3, 490, 644]);
    let unpadded = views.narrow(2, 5, 480).narrow(3, 2, 640);
    let ours = unpadded.narrow(0, 0, 1);
    let flipped_back = unpadded.narrow(0, 1, 1).flip([3]);
    assert_eq!(max_difference(&flipped_back, &ours), 0.0);
    let rows = golden.take("dpt_rows", &[1, 3, 4, 640]).unwrap();
    assert!(max_difference(&ours.narrow(2, 0, 4), &rows) <= SAME_LEVEL);
    let stats = golden.take("dpt_stats", &[2]).unwrap();
    assert_same_statistics(&ours, &stats);
}

/// Mean and standard deviation, which were given in single precision.
fn assert_same_statistics(ours: &Tensor, reference: &Tensor) {
    let ours = ours.to_kind(Kind::Double);
    let mean = f64::try_from(ours.mean(Kind::Double)).unwrap();
    let std = f64::try_from(ours.std(false)).unwrap();
    for (ours, index) in [(mean, 0), (std, 1)] {
        let reference = reference.double_value(&[index]);
        assert!((ours - reference).abs() <= 1e-5, "{ours}, {reference}");
    }
}

#[test]
fn an_enlarged_portrait_is_cropped_to_pillows_very_samples() {
    let read =
        |name: &str| Picture::read(&path(&format!("preprocess/portrait/{name}.png"))).unwrap();
    let picture = read("image");
    for (filter, name) in [
        (ResizeFilter::Bilinear, "bilinear"),
        (ResizeFilter::Bicubic, "bicubic"),
    ] {
        let task = ClsTask {
            common: common(vec![4]),
            classes: 13,
            preprocess: ClsPreprocess {
                resize: 70,
                crop: 56,
                filter,
                normalisation: PLAIN,
            },
        };
        let ours = preprocess::views(&picture, TaskSpec::Cls(&task), &head_architecture()).unwrap();
        let levels = (ours * 255.0)
            .round()
            .to_kind(Kind::Uint8)
            .permute([0, 2, 3, 1]);
        let samples = Vec::<u8>::try_from(levels.contiguous().view(-1)).unwrap();
        assert_eq!(samples, read(name).samples(), "{name}");
    }
}

#[test]
fn pictures_that_no_feature_is_made_of_are_refused_first() {
    let task = DptTask {
        common: common(vec![1, 2, 3, 4]),
        bins: 4,
        min_depth_m: 0.001,
        max_depth_m: 10.0,
        preprocess: DptPreprocess {
            resize: None,
            flip: true,
            normalisation: BYTE,
        },
    };
    let giant = Architecture {
        embed_dim: 1536,
        ..head_architecture()
    };
    let views = |width: usize, height: usize| {
        let extent = ImageExtent::new(width, height).unwrap();
        let picture = Picture::from_rgb(extent, vec![0; 3 * width * height]).unwrap();
        preprocess::views(&picture, TaskSpec::Dpt(&task), &giant).map(|input| input.size())
    };
    assert_eq!(views(14, 15).unwrap(), [2, 3, 28, 14]);
    let message = views(300, 13).unwrap_err().to_string();
    assert_eq!(
        message,
        "input for dpt: 300x13 is smaller than a patch of 14x14"
    );
    let huge = views(1_700, 1_700);
    assert!(matches!(huge, Err(VisionError::Feature(_))), "{huge:?}");
}
