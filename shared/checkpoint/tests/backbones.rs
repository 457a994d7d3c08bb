//! The same weights in other files make the same package.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use splitsim_checkpoint::{Checkpoint, Choices, Dtype, Format, Import, Template};
use splitsim_feature::Task;
use splitsim_model::PositionInterpolation;
use support::{backbone, golden, import, meta_weights, template_of};

fn bytes(checkpoint: &Checkpoint, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    checkpoint.copy(name, &mut bytes).unwrap();
    bytes
}

#[test]
fn torchs_archive_holds_the_golden_tensors() {
    let pth = Checkpoint::open(&golden("mlp.pth")).unwrap();
    let reference = Checkpoint::open(&meta_weights("mlp")).unwrap();
    assert_eq!(
        (pth.format(), reference.format()),
        (Format::Pth, Format::Safetensors)
    );
    assert_eq!(pth.tensors().len(), 63);
    for (name, tensor) in reference.tensors() {
        assert_eq!(pth.tensors()[name].shape(), tensor.shape(), "{name}");
        assert_eq!(pth.tensors()[name].dtype(), Dtype::F32);
        assert_eq!(bytes(&pth, name), bytes(&reference, name), "{name}");
    }
}

#[test]
fn a_package_does_not_depend_on_the_file_that_its_weights_came_in() {
    let dir = tempfile::tempdir().unwrap();
    for case in ["mlp", "swiglu", "registers"] {
        let template = template_of(case);
        let reference = Checkpoint::open(&meta_weights(case)).unwrap();
        let mut files = vec![
            meta_weights(case),
            golden(&format!("{case}.hf.safetensors")),
        ];
        if case == "mlp" {
            files.push(golden("mlp.pth"));
        }
        let mut digests = Vec::new();
        for (index, file) in files.iter().enumerate() {
            let out = dir.path().join(format!("{case}{index}"));
            let package = import(&template, &backbone(file), &out).package;
            digests.push(package.digest());
            let weights = Checkpoint::open(&package.backbone_path()).unwrap();
            // All but the mask token, which only pre-training uses.
            assert_eq!(weights.tensors().len() + 1, reference.tensors().len());
            for name in weights.tensors().keys() {
                assert_eq!(
                    bytes(&weights, name),
                    bytes(&reference, name),
                    "{case} {name}"
                );
            }
        }
        assert!(
            digests.windows(2).all(|pair| pair[0] == pair[1]),
            "{case}: {digests:?}"
        );
    }
}

#[test]
fn another_interpolation_is_another_package() {
    let dir = tempfile::tempdir().unwrap();
    let template = template_of("mlp");
    let sources = backbone(&golden("mlp.hf.safetensors"));
    let ours = import(&template, &sources, &dir.path().join("a")).package;
    let choices = Choices {
        position_interpolation: Some(PositionInterpolation::Size),
        ..Choices::default()
    };
    let plan = Import::plan(&template, &sources, &choices).unwrap();
    let theirs = plan
        .write(&dir.path().join("b"), &mut |_| ())
        .unwrap()
        .package;
    assert_ne!(ours.digest(), theirs.digest());
    let mode = theirs.manifest().architecture.position_interpolation;
    assert_eq!(mode, PositionInterpolation::Size);
}

#[test]
fn the_record_names_every_file_and_what_was_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let imported = import(
        &template_of("mlp"),
        &backbone(&golden("mlp.hf.safetensors")),
        dir.path(),
    );
    let [source] = imported.sources.as_slice() else {
        panic!("one file was given")
    };
    // sha256sum mlp.hf.safetensors
    assert_eq!(
        source.sha256,
        "516cf13b146006ff205aeed125fa1a6a4a8511b5bc6c09298c7d9f2e175bee57"
    );
    assert_eq!(source.naming, Some("hugging-face"));
    assert_eq!(source.unused, ["embeddings.mask_token"]);
    let record = std::fs::read_to_string(dir.path().join("import.json")).unwrap();
    assert!(record.contains(&source.sha256) && record.contains("\"template\": \"golden\""));
}

#[test]
fn without_heads_a_package_gives_features_only() {
    let dir = tempfile::tempdir().unwrap();
    let imported = import(
        &template_of("mlp"),
        &backbone(&golden("mlp.pth")),
        dir.path(),
    );
    let package = imported.package;
    assert_eq!(package.manifest().without_head, Task::ALL);
    assert_eq!(package.task(Task::Dpt).unwrap().common().taps, [1, 2, 3, 4]);
    let error = package.head_path(Task::Seg).unwrap_err().to_string();
    assert!(
        error.contains("no seg head") && error.contains("--seg-head"),
        "{error}"
    );
}

#[test]
fn a_backbone_of_another_size_is_told_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("small.pth");
    let small = Template::find("dinov2-vits14").unwrap();
    let shapes = splitsim_checkpoint::synthetic::backbone(&small.architecture);
    let bare = splitsim_checkpoint::synthetic::Wrapping::Bare;
    splitsim_checkpoint::synthetic::write_pth(&path, &shapes, bare, 1).unwrap();
    let base = Template::find("dinov2-vitb14-reg").unwrap();
    let error = support::refusal(&base, &backbone(&path));
    assert!(
        error.ends_with(
            "small.pth: embed-dim 384, feed-forward width 1536, registers 0, where template \
             dinov2-vitb14-reg has embed-dim 768, feed-forward width 3072, registers 4; it is one \
             for --template dinov2-vits14"
        ),
        "{error}"
    );
}
