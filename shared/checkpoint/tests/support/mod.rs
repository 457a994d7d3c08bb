//! Golden checkpoints and templates for them.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::path::{Path, PathBuf};

use splitsim_checkpoint::{Checkpoint, Choices, Import, ImportError, Imported, Sources, Template};

/// A golden file of this crate.
pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

/// The golden weights under Meta's names, which the vision crate's tests own.
pub(crate) fn meta_weights(case: &str) -> PathBuf {
    let vision = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vision/tests/golden/dinov2");
    vision.join(format!("{case}.weights.safetensors"))
}

/// The template of a golden model: 48 channels, 4 blocks, 3 heads.
pub(crate) fn template(feed_forward: &str, registers: usize) -> Template {
    let mode = if registers == 0 {
        "scale-offset"
    } else {
        "antialias"
    };
    Template::parse(&format!(
        "name = 'golden'
        description = 'random weights'
        architecture = {{ embed-dim = 48, depth = 4, heads = 3, patch = 14, feed-forward = \
         '{feed_forward}', registers = {registers}, position-grid = 37, position-interpolation = \
         '{mode}' }}
        dpt.taps = [1, 2, 3, 4]
        downloads.backbone = []"
    ))
    .unwrap()
}

/// The template of one of the three golden models.
pub(crate) fn template_of(case: &str) -> Template {
    match case {
        "swiglu" => template("swiglu", 0),
        "registers" => template("mlp", 4),
        _ => template("mlp", 0),
    }
}

/// A backbone and no heads.
pub(crate) fn backbone(path: &Path) -> Sources {
    Sources {
        backbone: Checkpoint::open(path).unwrap(),
        cls_head: None,
        seg_head: None,
        dpt_head: None,
    }
}

/// The golden backbone `mlp` with one head in `pick`'s place.
pub(crate) fn with_head(
    path: &Path,
    pick: impl FnOnce(&mut Sources) -> &mut Option<Checkpoint>,
) -> Sources {
    let mut sources = backbone(&golden("mlp.pth"));
    *pick(&mut sources) = Some(Checkpoint::open(path).unwrap());
    sources
}

/// Imports into `dir`.
pub(crate) fn import(template: &Template, sources: &Sources, dir: &Path) -> Imported {
    let plan = Import::plan(template, sources, &Choices::default()).unwrap();
    let work = plan.work_bytes();
    let mut done = 0;
    let imported = plan.write(dir, &mut |bytes| done += bytes).unwrap();
    assert_eq!(done, work, "progress reaches its end");
    imported
}

/// The text of the error with which sources are refused.
pub(crate) fn refusal(template: &Template, sources: &Sources) -> String {
    refused(template, sources).to_string()
}

/// The error itself.
pub(crate) fn refused(template: &Template, sources: &Sources) -> ImportError {
    Import::plan(template, sources, &Choices::default()).unwrap_err()
}
