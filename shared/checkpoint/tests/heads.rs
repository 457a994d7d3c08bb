//! Heads in their released layouts, and those that do not fit.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::path::PathBuf;

use splitsim_checkpoint::synthetic::{self, Shapes, Wrapping, write_pth};
use splitsim_checkpoint::{Checkpoint, Choices, Import, Sources};
use splitsim_feature::Task;
use splitsim_model::TaskSpec;
use support::{backbone, golden, import, refusal, template_of, with_head};

/// A released head in a file; channels are those of the golden backbone unless said.
fn head(dir: &tempfile::TempDir, task: Task, dim: usize, layers: usize, outputs: usize) -> PathBuf {
    let (shapes, wrapping) = synthetic::head(task, dim, layers, outputs);
    write(dir, &shapes, wrapping)
}

fn write(dir: &tempfile::TempDir, shapes: &Shapes, wrapping: Wrapping) -> PathBuf {
    let path = dir.path().join("head.pth");
    write_pth(&path, shapes, wrapping, 7).unwrap();
    path
}

const DIM: usize = 48;

fn pick(task: Task) -> fn(&mut Sources) -> &mut Option<Checkpoint> {
    match task {
        Task::Cls => |sources| &mut sources.cls_head,
        Task::Seg => |sources| &mut sources.seg_head,
        Task::Dpt => |sources| &mut sources.dpt_head,
    }
}

/// A head that fits: its package's taps, outputs and tensor names.
fn check_fit(task: Task, layers: usize, outputs: usize, taps: &[usize], names: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let sources = with_head(&head(&dir, task, DIM, layers, outputs), pick(task));
    let package = import(&template_of("mlp"), &sources, &dir.path().join("package")).package;
    let spec = package.task(task).unwrap();
    assert_eq!(spec.common().taps, taps);
    let classes = match spec {
        TaskSpec::Cls(cls) => cls.classes,
        TaskSpec::Seg(seg) => seg.classes,
        TaskSpec::Dpt(dpt) => dpt.bins,
    };
    assert_eq!(classes, outputs);
    let written = Checkpoint::open(&package.head_path(task).unwrap()).unwrap();
    let found: Vec<&str> = written.tensors().keys().map(String::as_str).collect();
    assert_eq!(found, names);
    assert!(
        written
            .tensors()
            .values()
            .all(|tensor| tensor.shape().len() < 3)
    );
}

#[test]
fn classifiers_of_one_and_of_four_layers() {
    let names = ["linear.bias", "linear.weight", "norm.bias", "norm.weight"];
    check_fit(Task::Cls, 1, 1000, &[4], &names);
    check_fit(Task::Cls, 4, 1000, &[1, 2, 3, 4], &names);
}

#[test]
fn linear_segmentation_of_voc_and_ade20k() {
    let names = [
        "bn.bias",
        "bn.running_mean",
        "bn.running_var",
        "bn.weight",
        "conv_seg.bias",
        "conv_seg.weight",
        "norm.bias",
        "norm.weight",
    ];
    check_fit(Task::Seg, 1, 21, &[4], &names);
    check_fit(Task::Seg, 1, 150, &[4], &names);
}

#[test]
fn linear_depth_of_one_and_of_four_layers() {
    let names = ["conv_depth.bias", "conv_depth.weight"];
    check_fit(Task::Dpt, 1, 256, &[4], &names);
    check_fit(Task::Dpt, 4, 256, &[1, 2, 3, 4], &names);
}

/// The bytes of the head in a package that a file makes.
fn imported_head(task: Task, path: &std::path::Path) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let sources = with_head(path, pick(task));
    let package = import(&template_of("mlp"), &sources, dir.path()).package;
    std::fs::read(package.head_path(task).unwrap()).unwrap()
}

#[test]
fn wrappers_before_a_head_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    for (task, outputs) in [(Task::Cls, 1000), (Task::Seg, 21), (Task::Dpt, 256)] {
        let expected = imported_head(task, &head(&dir, task, DIM, 1, outputs));
        for prefix in ["module.", "_orig_mod.", "module._orig_mod.", "model."] {
            for wrapping in [Wrapping::Bare, Wrapping::Mmcv, Wrapping::Training] {
                let (mut shapes, _) = synthetic::head(task, DIM, 1, outputs);
                for (name, _) in &mut shapes {
                    *name = format!("{prefix}{name}");
                }
                let wrapped = imported_head(task, &write(&dir, &shapes, wrapping));
                assert_eq!(wrapped, expected, "{task}, {prefix}, {wrapping:?}");
            }
        }
    }
}

#[test]
fn of_several_classifiers_none_is_chosen() {
    let dir = tempfile::tempdir().unwrap();
    let (shapes, _) = synthetic::head(Task::Cls, DIM, 1, 1000);
    let of = |rate: &str| {
        let name = |(name, shape): &(String, Vec<usize>)| {
            let name = format!("classifiers_dict.lr_{rate}.linear.{name}");
            (name, shape.clone())
        };
        shapes.iter().map(name).collect::<Shapes>()
    };
    let both = [of("0_1"), of("0_2")].concat();
    check_refusal(
        Task::Cls,
        write(&dir, &both, Wrapping::Bare),
        "there are weights under 'classifiers_dict.lr_0_1.linear' and as many under \
         'classifiers_dict.lr_0_2.linear'",
    );
}

#[test]
fn heads_bring_the_backbones_norm_bit_by_bit() {
    let dir = tempfile::tempdir().unwrap();
    let sources = with_head(&head(&dir, Task::Seg, DIM, 1, 21), pick(Task::Seg));
    let package = import(&template_of("mlp"), &sources, &dir.path().join("package")).package;
    let bytes = |checkpoint: &Checkpoint, name| {
        let mut bytes = Vec::new();
        checkpoint.copy(name, &mut bytes).unwrap();
        bytes
    };
    let backbone = Checkpoint::open(&package.backbone_path()).unwrap();
    let head = Checkpoint::open(&package.head_path(Task::Seg).unwrap()).unwrap();
    for name in ["norm.weight", "norm.bias"] {
        assert_eq!(bytes(&head, name), bytes(&backbone, name));
    }
    let [released] = [sources.seg_head.as_ref().unwrap()];
    let weight = bytes(released, "decode_head.conv_seg.weight");
    assert_eq!(bytes(&head, "conv_seg.weight"), weight);
}

fn check_refusal(task: Task, path: PathBuf, expected: &str) {
    let error = refusal(&template_of("mlp"), &with_head(&path, pick(task)));
    assert!(error.contains(expected), "{error}");
}

#[test]
fn heads_of_another_backbone_say_which_width() {
    let dir = tempfile::tempdir().unwrap();
    let file = |task, dim, layers, outputs| head(&dir, task, dim, layers, outputs);
    check_refusal(
        Task::Cls,
        file(Task::Cls, 384, 1, 1000),
        "cls head takes 768 channels; a backbone of 48 channels gives 96 (1 layer) or 240 (4 layers)",
    );
    check_refusal(
        Task::Seg,
        file(Task::Seg, 384, 1, 21),
        "seg head takes 384 channels; a backbone of 48 channels gives 48 to a linear head",
    );
    check_refusal(
        Task::Seg,
        file(Task::Seg, DIM, 4, 21),
        "multi-scale heads, which take 192, are not supported",
    );
    check_refusal(
        Task::Dpt,
        file(Task::Dpt, 384, 4, 256),
        "dpt head takes 3072 channels; a backbone of 48 channels gives 96 (1 layer) or 384 (4 layers)",
    );
}

#[test]
fn heads_of_other_classes_are_refused_unless_meant() {
    let dir = tempfile::tempdir().unwrap();
    let file = |task, outputs| head(&dir, task, DIM, 1, outputs);
    check_refusal(
        Task::Cls,
        file(Task::Cls, 365),
        "cls head has 365 classes, [1000] expected; if that is meant, say --cls-classes 365",
    );
    check_refusal(
        Task::Dpt,
        file(Task::Dpt, 64),
        "dpt head has 64 bins, [256] expected",
    );
    let path = file(Task::Seg, 19);
    check_refusal(
        Task::Seg,
        path.clone(),
        "seg head has 19 classes, [21, 150] expected",
    );
    let plan = |classes| {
        let choices = Choices {
            seg_classes: Some(classes),
            ..Choices::default()
        };
        let sources = with_head(&path, pick(Task::Seg));
        let plan = Import::plan(&template_of("mlp"), &sources, &choices);
        plan.map(|plan| plan.manifest().tasks.seg.as_ref().unwrap().classes)
            .map_err(|error| error.to_string())
    };
    assert_eq!(plan(19).unwrap(), 19);
    assert!(
        plan(20)
            .unwrap_err()
            .ends_with("seg head has 19 classes, [20] expected")
    );
}

#[test]
fn files_that_are_no_such_head_say_what_they_lack() {
    let dir = tempfile::tempdir().unwrap();
    check_refusal(
        Task::Dpt,
        head(&dir, Task::Seg, DIM, 1, 21),
        "the dpt head lacks decode_head.conv_depth.weight; it has decode_head.bn.bias",
    );
    check_refusal(
        Task::Cls,
        golden("mlp.pth"),
        "the cls head lacks weight; it has blocks.0",
    );
    let (mut shapes, wrapping) = synthetic::head(Task::Seg, DIM, 1, 21);
    shapes.retain(|(name, _)| name != "decode_head.bn.running_var");
    check_refusal(
        Task::Seg,
        write(&dir, &shapes, wrapping),
        "the seg head lacks decode_head.bn.running_var",
    );
    let error = support::refused(
        &template_of("mlp"),
        &backbone(&head(&dir, Task::Cls, DIM, 1, 9)),
    );
    let error = error.to_string();
    assert!(
        error.contains("not a DINOv2 backbone") && error.ends_with("bias, weight"),
        "{error}"
    );
}

#[test]
fn a_backbone_that_lacks_tensors_names_every_one() {
    let dir = tempfile::tempdir().unwrap();
    let template = template_of("mlp");
    let mut shapes = synthetic::backbone(&template.architecture);
    shapes.retain(|(name, _)| name != "blocks.2.ls1.gamma" && name != "norm.bias");
    let error = refusal(&template, &backbone(&write(&dir, &shapes, Wrapping::Bare)));
    assert!(
        error.ends_with("the backbone lacks blocks.2.ls1.gamma, norm.bias"),
        "{error}"
    );
    let mut shapes = synthetic::backbone(&template.architecture);
    for (name, shape) in &mut shapes {
        if name == "blocks.1.attn.proj.weight" {
            *shape = vec![48, 24];
        }
    }
    let error = refusal(&template, &backbone(&write(&dir, &shapes, Wrapping::Bare)));
    assert!(
        error.ends_with(
            "'blocks.1.attn.proj.weight' has shape [48, 24], the architecture asks for [48, 48]"
        ),
        "{error}"
    );
}
