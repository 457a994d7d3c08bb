//! The laboratory commands, through the program itself: results, messages and exit codes.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use ndarray::Array4;
use splitsim_feature::npy;
use support::{Workplace, halve};

trait WriteNpy {
    /// Writes an array as .npy.
    fn npy(&self, name: &str, values: &Array4<f32>);
}

impl WriteNpy for Workplace {
    fn npy(&self, name: &str, values: &Array4<f32>) {
        ndarray_npy::write_npy(self.path(name), values).unwrap();
    }
}

#[test]
fn wrong_usage_is_refused_with_2() {
    let place = Workplace::new();
    place.splitsim("").failed(2, &["Usage"]);
    place
        .splitsim("scenes render --count 0 --seed 1 --out s")
        .failed(2, &["--count"]);
    place
        .splitsim("scenes render --count 1 --seed 1 --out s --size 4")
        .failed(2, &["4x4", "16..=4096"]);
    place
        .splitsim("scenes render --count 1 --seed 1 --out s --contact-sheet s")
        .failed(2, &["--contact-sheet s: expected a name in .png"]);
    place
        .splitsim("features extract --model model --task cls --out f")
        .failed(2, &["--images", "--source", "--tensor"]);
    place
        .splitsim("cfqa score --original a --distorted b --metric ssim")
        .failed(2, &["unknown metric 'ssim'"]);
    place
        .splitsim("model info model --log [[")
        .failed(2, &["log filter '[['"]);
}

#[test]
fn a_missing_model_is_named_with_the_places_looked_in() {
    let place = Workplace::new();
    place
        .splitsim("model info nowhere")
        .failed(2, &["no model package 'nowhere'", "models/nowhere"]);
}

#[test]
fn a_model_says_what_it_is() {
    let place = Workplace::new();
    let json = place.splitsim("model info model --json").json();
    assert_eq!(json["manifest"]["name"], "random");
    assert_eq!(json["scene_feature_shapes"]["dpt"], "2x4x257x48");
    let text = place.splitsim("model info model").ok();
    assert!(text.contains("hevc ladder [40.0, 22.0, 4.0]"), "{text}");
    let manifest = place.path("model/model.toml");
    let misspelt = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, misspelt.replace("bins = ", "bin = ")).unwrap();
    place.splitsim("model info model").failed(
        2,
        &["model/model.toml: unknown key 'tasks.dpt.bin', did you mean 'bins'?"],
    );
}

#[test]
fn missing_and_damaged_weights_are_refused_by_file() {
    let place = Workplace::new();
    let extract = "features extract --model model --task cls --source scenes:4:1 --out f";
    let weights = place.path("model/backbone.safetensors");
    halve(&weights);
    place.splitsim(extract).failed(
        2,
        &["backbone.safetensors", "not a readable safetensors file"],
    );
    std::fs::remove_file(&weights).unwrap();
    place
        .splitsim(extract)
        .failed(2, &["backbone.safetensors", "No such file"]);
    assert!(
        !place.path("f").exists(),
        "nothing is written before a refusal"
    );
}

#[test]
fn scenes_go_through_features_to_heads() {
    let place = Workplace::new();
    let rendered =
        place.splitsim("scenes render --count 2 --seed 4 --out s --contact-sheet s.png --json");
    assert_eq!(rendered.json()["count"], 2);
    let sheet = image::image_dimensions(place.path("s.png")).unwrap();
    assert_eq!(sheet, (224, 448), "two scenes in one column");

    for (task, shape, truth, unit) in [
        ("cls", [1, 1, 257, 48], "s/000001.json", "rank"),
        ("seg", [1, 1, 257, 48], "s/000001.mask.png", "percent"),
        ("dpt", [2, 4, 257, 48], "s/000001.depth.png", "metres"),
    ] {
        let line = format!(
            "features extract --model model --task {task} --images s/000001.png --out f-{task}"
        );
        place.splitsim(&line).ok();
        let feature = npy::read(&place.path(&format!("f-{task}/000001.npy"))).unwrap();
        assert_eq!(feature.shape().dims(), shape);
        let line = format!(
            "heads run --model model --task {task} --feature f-{task}/000001.npy --truth {truth} --json"
        );
        let json = place.splitsim(&line).json();
        assert_eq!(json["performance"]["unit"], unit);
        assert!(json["performance"]["value"].as_f64().unwrap() >= 0.0);
    }
}

#[test]
fn a_rendered_scene_and_its_written_picture_have_one_feature() {
    let place = Workplace::new();
    place
        .splitsim("scenes render --count 1 --seed 4 --out s")
        .ok();
    place
        .splitsim("features extract --model model --task cls --source scenes:4:1 --out a")
        .ok();
    place
        .splitsim("features extract --model model --task cls --images s/000000.png --out b")
        .ok();
    let read = |path| npy::read(&place.path(path)).unwrap();
    assert_eq!(read("a/scene-4-000000.npy"), read("b/000000.npy"));
}

#[test]
fn a_picture_that_is_none_does_not_keep_the_others_from_being_extracted() {
    let place = Workplace::new();
    place
        .splitsim("scenes render --count 1 --seed 4 --out s --size 64")
        .ok();
    std::fs::write(place.path("notes.png"), "no pixels").unwrap();
    place
        .splitsim(
            "features extract --model model --task cls --images notes.png s/000000.png --out f",
        )
        .failed(1, &["notes.png: not a readable image"]);
    assert!(place.path("f/000000.npy").exists());
    place
        .splitsim("features extract --model model --task cls --images missing.png --out f")
        .failed(2, &["missing.png"]);
}

#[test]
fn a_folder_of_scenes_is_its_pictures_and_other_formats_are_told() {
    let place = Workplace::new();
    place
        .splitsim("scenes render --count 2 --seed 4 --out s --size 64")
        .ok();
    std::fs::write(place.path("s/scan.webp"), "RIFF\0\0\0\0WEBPVP8 ").unwrap();
    let extracted = place.splitsim("features extract --model model --task cls --images s --out f");
    let told = "1 picture is left out: scan.webp (WebP); convert to PNG or JPEG";
    assert!(extracted.stderr.contains(told), "{}", extracted.stderr);
    extracted.ok();
    let features = std::fs::read_dir(place.path("f")).unwrap();
    let mut names: Vec<_> = features.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["000000.npy", "000001.npy"]);

    std::fs::create_dir(place.path("other")).unwrap();
    splitsim_durable::rename(&place.path("s/scan.webp"), &place.path("other/scan.webp")).unwrap();
    place
        .splitsim("features extract --model model --task cls --source folder:other --out g")
        .failed(
            2,
            &["other: no .png, .jpg or .jpeg file", "scan.webp (WebP)"],
        );
}

#[test]
fn pictures_are_extracted_together_as_they_are_one_by_one() {
    let place = Workplace::new();
    place
        .splitsim("scenes render --count 3 --seed 4 --out s")
        .ok();
    std::fs::write(place.path("s/0.png"), "no pixels").unwrap();
    let extract = "features extract --model model --task cls --images s";
    place
        .splitsim(&format!("{extract} --out alone"))
        .failed(1, &["0.png: not a readable image"]);
    place
        .splitsim(&format!("{extract} --out together --batch 8 --threads 1"))
        .failed(1, &["0.png: not a readable image"]);
    for name in ["000000", "000001", "000002"] {
        let read = |folder| npy::read(&place.path(&format!("{folder}/{name}.npy"))).unwrap();
        let (alone, together) = (read("alone"), read("together"));
        assert_eq!(alone.shape(), together.shape());
        let pairs = alone.values().iter().zip(together.values());
        let furthest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let largest = alone
            .values()
            .iter()
            .fold(0.0f32, |most, v| most.max(v.abs()));
        assert!(
            furthest <= 1e-5 * largest,
            "{name}: {furthest} of {largest}"
        );
    }
}

#[test]
fn a_normalised_input_is_extracted_as_it_is() {
    let place = Workplace::new();
    let extract = "features extract --model model --task cls --tensor x.npy --out f";
    place.npy(
        "x.npy",
        &Array4::from_shape_fn((2, 3, 28, 42), |(n, c, y, x)| {
            (n + c) as f32 - (y * x) as f32 / 600.0
        }),
    );
    place.splitsim(extract).ok();
    let feature = npy::read(&place.path("f/x.npy")).unwrap();
    assert_eq!(feature.shape().dims(), [2, 1, 7, 48]);
    place.npy("x.npy", &Array4::zeros((1, 1, 28, 28)));
    place.splitsim(extract).failed(
        2,
        &["x.npy: shape [1, 1, 28, 28], expected [views, 3, height, width]"],
    );
}

#[test]
fn what_is_no_feature_is_refused_by_file() {
    let place = Workplace::new();
    let heads = "heads run --model model --task cls --feature f.npy";
    let path = place.path("f.npy");
    place.splitsim(heads).failed(2, &["f.npy: No such file"]);
    std::fs::write(&path, "text").unwrap();
    place
        .splitsim(heads)
        .failed(2, &["f.npy: not a readable .npy file"]);
    ndarray_npy::write_npy(&path, &ndarray::Array2::<f32>::zeros((257, 48))).unwrap();
    place
        .splitsim(heads)
        .failed(2, &["f.npy: rank 2, expected rank 4"]);
    ndarray_npy::write_npy(&path, &Array4::<f64>::zeros((1, 1, 257, 48))).unwrap();
    place
        .splitsim(heads)
        .failed(2, &["f.npy: element type", "<f8"]);
    place.npy("f.npy", &Array4::from_elem((1, 1, 257, 48), f32::NAN));
    place.splitsim(heads).failed(2, &["f.npy", "not finite"]);
    place.npy("f.npy", &Array4::zeros((1, 1, 257, 48)));
    halve(&path);
    place.splitsim(heads).failed(2, &["f.npy", "truncated"]);
    place.npy("f.npy", &Array4::zeros((1, 1, 50, 48)));
    place.splitsim(heads).failed(
        2,
        &[
            "a feature of 1x1x50x48, but that of a 224x224 picture for cls is 1x1x257x48",
            "--image-size",
        ],
    );
}

#[test]
fn truth_of_another_kind_is_refused() {
    let place = Workplace::new();
    place.npy("f.npy", &Array4::zeros((1, 1, 257, 48)));
    let heads = "heads run --model model --task cls --feature f.npy --truth";
    place
        .splitsim(&format!("{heads} cube"))
        .failed(2, &["--truth cube: neither a class number nor a file"]);
    place
        .splitsim(&format!("{heads} 999"))
        .failed(1, &["label 999 has no logit"]);

    let mask = image::GrayImage::from_pixel(224, 224, image::Luma([200]));
    mask.save(place.path("m.png")).unwrap();
    place
        .splitsim("heads run --model model --task seg --feature f.npy --truth m.png")
        .failed(
            1,
            &[
                "--truth m.png",
                "the mask's class 200 (50176 pixels) is none of",
            ],
        );
    image::RgbImage::new(224, 224)
        .save(place.path("rgb.png"))
        .unwrap();
    place
        .splitsim("heads run --model model --task seg --feature f.npy --truth rgb.png")
        .failed(
            2,
            &["rgb.png: not a readable image: Rgb of 8 bits; a mask is"],
        );

    place.npy("d.npy", &Array4::zeros((2, 4, 257, 48)));
    let metres = image::ImageBuffer::from_pixel(224, 224, image::Luma([2u16]));
    metres.save(place.path("d.png")).unwrap();
    let heads = "heads run --model model --task dpt --feature d.npy --truth d.png";
    place.splitsim(heads).failed(
        2,
        &["d.png: not a readable image: as millimetres, half of the depths are below"],
    );
    place.splitsim(&format!("{heads} --depth-scale 1")).ok();
}

#[test]
fn a_round_trip_says_what_it_cost_and_the_bitstream_decodes_to_the_same() {
    let place = Workplace::new();
    place
        .splitsim("features extract --model model --task seg --source scenes:4:1 --out f")
        .ok();
    let trip = |level: &str| {
        let line = format!(
            "codec roundtrip --codec hevc --level {level} --in f/scene-4-000000.npy --out r.npy \
             --bitstream b.splf --model model --task seg --json --force"
        );
        place.splitsim(&line).json()
    };
    let (cheapest, richest) = (trip("cheapest"), trip("2"));
    assert_eq!(cheapest["label"], "qp 40");
    assert_eq!(richest["label"], "qp 4");
    for smaller in ["bytes", "payload_bytes", "bpfp"] {
        assert!(
            cheapest[smaller].as_f64() < richest[smaller].as_f64(),
            "{smaller}"
        );
    }
    assert!(cheapest["mse"].as_f64() > richest["mse"].as_f64());
    let bytes = std::fs::metadata(place.path("b.splf")).unwrap().len();
    assert_eq!(richest["bytes"], bytes);
    assert_eq!(
        richest["payload_bytes"],
        bytes - 46,
        "a container with the package's ranges"
    );

    let decoded = place
        .splitsim("codec decode --in b.splf --out d.npy --model model --json")
        .json();
    assert_eq!(decoded["task"], "seg");
    let read = |name: &str| npy::read(&place.path(name)).unwrap();
    assert_eq!(read("d.npy"), read("r.npy"));

    let scored = place
        .splitsim("cfqa score --original f/scene-4-000000.npy --distorted r.npy --json")
        .json();
    let (mse, reported) = (
        scored["scores"]["mse"].as_f64().unwrap(),
        richest["mse"].as_f64().unwrap(),
    );
    assert_eq!(mse, reported);
}

#[test]
fn what_cannot_be_coded_is_refused() {
    let place = Workplace::new();
    place.npy("f.npy", &Array4::zeros((1, 1, 257, 48)));
    let trip = |further: &str| {
        let line =
            format!("codec roundtrip --in f.npy --out r.npy --model model --task cls {further}");
        place.splitsim(&line)
    };
    trip("--codec hevc --level 3").failed(2, &["no level 3: the ladder has 3 levels (0 to 2)"]);
    trip("--codec hevc --level best").failed(2, &["'best' is no rung"]);
    trip("--codec av1 --level 0").failed(2, &["unknown codec 'av1', expected hevc"]);
    trip("--codec hevc --level 0 --range wide")
        .failed(2, &["expected package, feature, published"]);
    std::fs::write(place.path("b.splf"), "SPLF, but no more").unwrap();
    place
        .splitsim("codec decode --in b.splf --out d.npy --model model")
        .failed(2, &["b.splf: no bitstream"]);
}

#[test]
fn scores_that_are_undefined_are_told_and_remembered_by_the_exit_code() {
    let place = Workplace::new();
    place.npy("a.npy", &Array4::from_elem((1, 1, 4, 3), 1.0));
    let ran = place.splitsim("cfqa score --original a.npy --distorted a.npy --json");
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json["scores"]["mse"], 0.0);
    assert!(json["scores"]["cka"].is_null());
    ran.failed(1, &["cka is undefined"]);
    place.npy("b.npy", &Array4::zeros((1, 1, 3, 3)));
    place
        .splitsim("cfqa score --original a.npy --distorted b.npy")
        .failed(2, &["1x1x3x3", "1x1x4x3"]);
}

#[test]
fn a_model_is_evaluated_on_scenes() {
    let place = Workplace::new();
    let json = place
        .splitsim("model eval --model model --source scenes:4:2 --task dpt --task cls --json")
        .json();
    let tasks = json["tasks"].as_object().unwrap();
    assert_eq!(tasks.keys().collect::<Vec<_>>(), ["dpt", "cls"]);
    assert!(json["tasks"]["dpt"]["rmse"].as_f64().unwrap() > 0.0);
    place
        .splitsim("model eval --model model --source .")
        .failed(2, &["no .png"]);
}

#[test]
fn a_training_leaves_a_package_and_a_log() {
    let place = Workplace::new();
    let config = splitsim_vision::train::TrainConfig::miniature();
    std::fs::write(place.path("train.toml"), toml::to_string(&config).unwrap()).unwrap();
    let train = "model train-default --config train.toml --work w --out trained";
    let json = place.splitsim(&format!("{train} --json")).json();
    assert_eq!(json["steps"], config.total_steps());
    assert_eq!(json["held_out"]["scenes"], config.held_out.count);
    let log = std::fs::read_to_string(place.path("w/training.jsonl")).unwrap();
    let last: serde_json::Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!(last["event"], "held-out");
    assert!(last["elapsed_s"].as_f64().unwrap() > 0.0);
    place.splitsim("model info trained").ok();
    place
        .splitsim(train)
        .failed(2, &["trained/model.toml exists", "--force"]);
    std::fs::write(place.path("train.toml"), "seeds = 1").unwrap();
    place
        .splitsim(&format!("{train} --force"))
        .failed(2, &["train.toml", "seeds"]);
}

#[test]
fn edges_are_added_to_an_authority_that_stays() {
    let place = Workplace::new();
    let first = "certs --out c --edge cam-1 --edge cam-2 --valid-for 90d --json";
    let json = place.splitsim(first).json();
    assert_eq!(json["edges"]["cam-2"], "c/edges/cam-2");
    let files = ["ca/cert.pem", "cloud/cert.pem", "edges/cam-1/cert.pem"];
    let read = |file: &str| std::fs::read(place.path("c").join(file)).unwrap();
    let before = files.map(read);
    place.splitsim("certs --out c --edge cam-3").ok();
    assert_eq!(files.map(read), before);
    let listed = String::from_utf8(read("cloud/edges")).unwrap();
    assert!(listed.ends_with("\ncam-1\ncam-2\ncam-3\n"), "{listed}");
    for (wrong, says) in [
        ("--edge ../x", "character"),
        ("--valid-for 0s", "of no use"),
        ("--valid-for 900y", "100 years"),
    ] {
        place
            .splitsim(&format!("certs --out c {wrong}"))
            .failed(2, &[says]);
    }
}

#[test]
fn certificates_are_not_replaced_unasked() {
    let place = Workplace::new();
    let json = place
        .splitsim("certs --out c --name cloud.example.org --json")
        .json();
    assert_eq!(json["cloud"], "c/cloud");
    for file in ["ca/key.pem", "cloud/cert.pem", "edge/ca.pem"] {
        assert!(place.path("c").join(file).exists(), "{file}");
    }
    let read = |file: &str| std::fs::read(place.path("c").join(file)).unwrap();
    let files = ["ca/cert.pem", "cloud/cert.pem", "edge/cert.pem"];
    let before = files.map(read);
    place.splitsim("certs --out c").ok();
    assert_eq!(files.map(read), before);
    place.splitsim("certs --out c --force").ok();
    assert_eq!(read("ca/cert.pem"), before[0]);
    assert_ne!(read("edge/cert.pem"), before[2]);
    place
        .splitsim_with("certs --out d --name", &["no name"])
        .failed(2, &["'no name' is neither"]);
}
