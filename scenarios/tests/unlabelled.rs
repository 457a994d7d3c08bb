//! A model that nobody calibrated and pictures that nobody labelled: from photos to coded features.

#![expect(clippy::unwrap_used, reason = "a test ends where its setup fails")]

mod support;

use std::path::Path;

use serde_json::Value;
use support::Workplace;

/// `photos`: plain PNG pictures, as a camera leaves them.
fn photos(lab: &Workplace, count: usize) {
    lab.splitsim(&format!(
        "scenes render --seed 5 --count {count} --out scenes"
    ))
    .ok();
    std::fs::create_dir(lab.path("photos")).unwrap();
    for index in 0..count {
        let name = format!("{index:06}.png");
        std::fs::copy(
            lab.path("scenes").join(&name),
            lab.path("photos").join(&name),
        )
        .unwrap();
    }
}

/// `mine`: an imported backbone of random weights without a head, of a template with nothing but what it must
/// say.
fn import_backbone(lab: &Workplace) {
    let template = "name = 'mine'
        description = 'random weights'
        [architecture]
        embed-dim = 48
        depth = 4
        heads = 3
        patch = 14
        feed-forward = 'mlp'
        registers = 0
        position-grid = 37
        position-interpolation = 'scale-offset'";
    std::fs::write(lab.path("mine.toml"), template).unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/vision/tests/golden/dinov2/mlp.weights.safetensors");
    let line = format!(
        "model import --template mine.toml --backbone {} --out mine",
        golden.display()
    );
    let told = lab.splitsim(&line).ok();
    assert!(told.contains("no labels needed"), "{told}");
}

#[test]
fn an_imported_backbone_codes_photos_before_and_after_calibration() {
    let lab = Workplace::new();
    photos(&lab, 2);
    import_backbone(&lab);
    for task in ["cls", "dpt"] {
        lab.splitsim(&format!(
            "features extract --model mine --task {task} --images photos --out f-{task}"
        ))
        .ok();
        let roundtrip = format!(
            "codec roundtrip --codec hevc --level richest --model mine --task {task} \
             --in f-{task}/000000.npy --out r.npy --bitstream r.splf --force"
        );
        let refused = lab.splitsim(&roundtrip);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(
            refused.stderr.contains("splitsim model calibrate"),
            "{}",
            refused.stderr
        );
        assert!(
            refused.stderr.contains("range 'feature'"),
            "{}",
            refused.stderr
        );
        for range in ["feature", "truncate:-20..20"] {
            lab.splitsim(&format!("{roundtrip} --range {range}")).ok();
            lab.splitsim("codec decode --in r.splf --out d.npy --model mine --force")
                .ok();
            let score = "cfqa score --original r.npy --distorted d.npy --metric mse --json";
            let score = lab.splitsim(score).json();
            assert_eq!(score["scores"]["mse"], 0.0, "{score}");
        }
    }

    let found = lab
        .splitsim("model calibrate --model mine --source folder:photos --json")
        .json();
    let tasks = found.as_array().unwrap();
    assert_eq!(tasks.len(), 3);
    for task in tasks {
        assert_eq!(
            (&task["criterion"], &task["pictures"]),
            (&"cosine".into(), &2.into())
        );
        assert_eq!(task["threshold"], Value::Null);
        check_ladder(task, 0.02, 0.2);
    }
    let clamped = lab
        .splitsim(
            "codec roundtrip --codec hevc --level cheapest --model mine --task dpt \
             --in f-dpt/000001.npy --out r.npy --json --force",
        )
        .json();
    // The ranges are the extremes of these very features.
    assert_eq!(clamped["clamped_points"], 0, "{clamped}");
    let bench = "codec bench --codec hevc --ladder 40,20 --model mine --task cls \
                 --source folder:photos --json";
    let bench = lab.splitsim(bench).json();
    let task = &bench["tasks"][0];
    assert_eq!(task["judged_by"], "cosine");
    let levels = task["curves"][0]["levels"].as_array().unwrap();
    let performance = |level: usize| levels[level]["performance"].as_f64().unwrap();
    assert!(
        performance(0) < performance(1) && performance(1) < 1.0,
        "{task}"
    );
}

/// Cheapest first; the ends lose what the criterion says, or the QPs end before.
fn check_ladder(task: &Value, richest: f64, cheapest: f64) {
    let rungs = task["ladder"].as_array().unwrap();
    let of = |rung: usize, key: &str| rungs[rung][key].as_f64().unwrap();
    assert_eq!(rungs.len(), 10);
    assert!(
        (1..10).all(|rung| of(rung, "qp") < of(rung - 1, "qp")),
        "{task}"
    );
    assert!(
        of(9, "loss") < richest || task["note"].is_string(),
        "{task}"
    );
    assert!(
        of(0, "loss") >= cheapest || of(0, "qp") == 51.0 || of(9, "qp") == 0.0,
        "{task}"
    );
}

/// With heads, the original's own answers are the yardstick, for every task.
#[test]
fn heads_agree_with_themselves_where_nobody_labelled() {
    let lab = Workplace::new();
    photos(&lab, 2);
    let found = lab
        .splitsim("model calibrate --model model --source folder:photos --json")
        .json();
    let tasks = found.as_array().unwrap();
    let originals = [("cls", 100.0), ("seg", 100.0), ("dpt", 0.0)];
    assert_eq!(tasks.len(), 3);
    for (task, (name, original)) in tasks.iter().zip(originals) {
        assert_eq!(
            (&task["task"], &task["criterion"]),
            (&name.into(), &"agreement".into())
        );
        assert_eq!(task["original_performance"], original, "{task}");
        assert!(task["threshold"]["cosine"].is_f64(), "{task}");
        check_ladder(task, 0.02, 0.6);
    }
    let record = std::fs::read_to_string(lab.path("model/calibration.json")).unwrap();
    assert!(record.contains("--source folder:photos"), "{record}");
    let refused = lab.splitsim("model calibrate --model model --source folder:photos --by truth");
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("no ground truth for cls"),
        "{}",
        refused.stderr
    );
    let bench = "codec bench --codec hevc --model model --task seg --source folder:photos --json";
    let bench = lab.splitsim(bench).json();
    assert_eq!(bench["tasks"][0]["judged_by"], "agreement");
    assert_eq!(bench["tasks"][0]["original_performance"], 100.0);
}
