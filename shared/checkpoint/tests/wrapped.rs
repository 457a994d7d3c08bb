//! Backbones as training, compilation, sharding and timm leave them: all make the same package.

#![expect(clippy::unwrap_used, reason = "a test helper may panic")]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use splitsim_checkpoint::synthetic::{Wrapping, Written, write_tensors};
use splitsim_checkpoint::{Checkpoint, Choices, Import, Naming};
use support::{backbone, import, meta_weights, refusal, template_of};

/// Tensors by name: shape and `f32` in little endian.
type Tensors = BTreeMap<String, (Vec<usize>, Vec<u8>)>;

fn golden(case: &str) -> Tensors {
    let bytes = std::fs::read(meta_weights(case)).unwrap();
    let read = SafeTensors::deserialize(&bytes).unwrap();
    let tensors = read.tensors().into_iter();
    tensors
        .map(|(name, view)| (name, (view.shape().to_vec(), view.data().to_vec())))
        .collect()
}

fn write(path: &Path, tensors: &Tensors) {
    let views = tensors.iter().map(|(name, (shape, bytes))| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap();
        (name.as_str(), view)
    });
    let bytes = safetensors::serialize(views, None).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn renamed(tensors: &Tensors, name: impl Fn(&str) -> String) -> Tensors {
    let tensors = tensors.iter();
    tensors
        .map(|(key, tensor)| (name(key), tensor.clone()))
        .collect()
}

/// The digest of the package that a file makes.
fn digest(case: &str, path: &Path) -> String {
    let dir = tempfile::tempdir().unwrap();
    let imported = import(&template_of(case), &backbone(path), dir.path());
    imported.package.digest().to_string()
}

/// Writes tensors and gives the package's digest.
fn digest_of(tensors: &Tensors) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    write(&path, tensors);
    digest("mlp", &path)
}

#[test]
fn prefixes_of_any_depth_are_left_out() {
    let whole = golden("mlp");
    let expected = digest("mlp", &meta_weights("mlp"));
    for prefix in [
        "_orig_mod.",
        "module._orig_mod.",
        "model.backbone.",
        "student.backbone.",
        "encoder.",
    ] {
        let mut wrapped = renamed(&whole, |name| format!("{prefix}{name}"));
        wrapped.insert("loss".to_owned(), (vec![], vec![0; 4]));
        assert_eq!(digest_of(&wrapped), expected, "{prefix}");
    }
}

#[test]
fn of_two_backbones_the_one_of_the_wanted_shapes_is_taken() {
    let whole = golden("mlp");
    let mut both = renamed(&whole, |name| format!("student.{name}"));
    for (name, (shape, bytes)) in &whole {
        // A teacher of twice the width in the last extent.
        let mut wide = shape.clone();
        if let Some(last) = wide.last_mut() {
            *last *= 2;
        }
        both.insert(
            format!("teacher.{name}"),
            (wide, [bytes.clone(), bytes.clone()].concat()),
        );
    }
    assert_eq!(digest_of(&both), digest("mlp", &meta_weights("mlp")));
}

/// Two networks of different values, under these prefixes.
fn two_networks(one: &str, other: &str) -> Tensors {
    let whole = golden("mlp");
    let mut both = renamed(&whole, |name| format!("{one}{name}"));
    for (name, (shape, bytes)) in whole {
        let halved: Vec<u8> = bytes
            .chunks_exact(4)
            .map(|four| f32::from_le_bytes(four.try_into().unwrap()) / 2.0)
            .flat_map(f32::to_le_bytes)
            .collect();
        both.insert(format!("{other}{name}"), (shape, halved));
    }
    both
}

#[test]
fn an_average_does_not_take_the_place_of_the_weights_as_trained() {
    let expected = digest("mlp", &meta_weights("mlp"));
    for (trained, average) in [
        ("model.", "ema."),
        ("model.", "model_ema."),
        ("state_dict.", "state_dict_ema."),
    ] {
        assert_eq!(digest_of(&two_networks(trained, average)), expected);
    }
}

#[test]
fn two_networks_that_nothing_tells_apart_are_refused_by_their_names() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    write(&path, &two_networks("online.", "target."));
    let error = refusal(&template_of("mlp"), &backbone(&path));
    let expected = "there are weights under 'online' and as many under 'target'; save those alone";
    assert!(error.contains(expected), "{error}");
}

/// Writes a file as `torch.save` does.
fn write_bin(path: &Path, tensors: &Tensors) {
    let written = tensors.iter().map(|(name, (shape, bytes))| Written {
        name: name.clone(),
        shape: shape.clone(),
        storage: "FloatStorage",
        bytes: bytes.clone(),
    });
    let written: Vec<Written> = written.collect();
    write_tensors(path, &written, Wrapping::Bare).unwrap();
}

/// The index of two files with this ending, each written by `write`.
fn shards(dir: &Path, ending: &str, write: fn(&Path, &Tensors)) -> PathBuf {
    let whole = golden("mlp");
    let mut files = [Tensors::new(), Tensors::new()];
    let mut map = serde_json::Map::new();
    for (index, (name, tensor)) in whole.into_iter().enumerate() {
        let shard = index % 2;
        map.insert(name.clone(), format!("model-{shard}.{ending}").into());
        files[shard].insert(name, tensor);
    }
    for (shard, tensors) in files.iter().enumerate() {
        write(&dir.join(format!("model-{shard}.{ending}")), tensors);
    }
    let index = dir.join(format!("model.{ending}.index.json"));
    let text = serde_json::json!({ "metadata": {}, "weight_map": map }).to_string();
    std::fs::write(&index, text).unwrap();
    index
}

#[test]
fn files_with_an_index_are_one_checkpoint() {
    type Write = fn(&Path, &Tensors);
    let writers: [(&str, Write); 2] = [("safetensors", write), ("bin", write_bin)];
    for (ending, write) in writers {
        let dir = tempfile::tempdir().unwrap();
        let index = shards(dir.path(), ending, write);
        assert_eq!(digest("mlp", &index), digest("mlp", &meta_weights("mlp")));
        let refused = || Checkpoint::open(&index).unwrap_err().to_string();
        let last = dir.path().join(format!("model-1.{ending}"));
        let bytes = std::fs::read(&last).unwrap();
        for length in [bytes.len() - 1, bytes.len() / 2, 7, 0] {
            std::fs::write(&last, &bytes[..length]).unwrap();
            let error = refused();
            assert!(error.contains(&format!("model-1.{ending}")), "{error}");
        }
        // A whole file, of other tensors than the index says.
        std::fs::copy(dir.path().join(format!("model-0.{ending}")), &last).unwrap();
        let error = refused();
        assert!(
            error.contains(&format!("model-1.{ending} has no tensor '")),
            "{error}"
        );
        std::fs::remove_file(&last).unwrap();
        let error = refused();
        assert!(error.contains(&format!("model-1.{ending}")), "{error}");
    }
}

/// As of `vit_giant_patch14_dinov2`, whose two gated layers have the names of ungated ones.
#[test]
fn a_gated_network_of_timm_is_imported() {
    let timm = renamed(&golden("swiglu"), |name| {
        let name = name.replace(".mlp.w12.", ".mlp.fc1.");
        name.replace(".mlp.w3.", ".mlp.fc2.")
    });
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("timm.safetensors");
    write(&path, &timm);
    assert_eq!(
        digest("swiglu", &path),
        digest("swiglu", &meta_weights("swiglu"))
    );
}

/// A file may hold tensors that the index has elsewhere.
#[test]
fn the_index_says_which_file_a_tensor_is_of() {
    let dir = tempfile::tempdir().unwrap();
    let floats = |value: f32| (vec![1], value.to_le_bytes().to_vec());
    let put = |name: &str, tensors: &[(&str, f32)]| {
        let tensors = tensors
            .iter()
            .map(|&(name, value)| (name.to_owned(), floats(value)));
        write(&dir.path().join(name), &tensors.collect());
    };
    put("a.safetensors", &[("w", 1.0)]);
    put("b.safetensors", &[("w", 2.0), ("b", 3.0)]);
    let index = dir.path().join("index.json");
    let opened = |map: &str| {
        std::fs::write(&index, format!(r#"{{"weight_map": {{{map}}}}}"#)).unwrap();
        Checkpoint::open(&index)
    };
    let checkpoint = opened(r#""w": "a.safetensors", "b": "b.safetensors""#).unwrap();
    let mut bytes = Vec::new();
    checkpoint.copy("w", &mut bytes).unwrap();
    assert_eq!(bytes, 1f32.to_le_bytes());
    let twice = opened(r#""w": "a.safetensors", "module.w": "b.safetensors""#).unwrap_err();
    let message = twice.to_string();
    assert!(message.contains("two of its files have 'w'"), "{message}");
}

#[test]
fn a_name_with_and_without_module_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("twice.safetensors");
    let tensor = (vec![1], 1f32.to_le_bytes().to_vec());
    let names = ["w", "module.w"].map(str::to_owned);
    write(
        &path,
        &names
            .into_iter()
            .map(|name| (name, tensor.clone()))
            .collect(),
    );
    let error = Checkpoint::open(&path).unwrap_err();
    assert!(error.to_string().contains("two tensors 'w'"), "{error}");
}

#[test]
fn registers_of_timm_are_imported_with_the_class_position_added() {
    let meta = golden("registers");
    let floats = |bytes: &[u8]| -> Vec<f32> {
        let chunks = bytes.chunks_exact(4);
        chunks
            .map(|four| f32::from_le_bytes(four.try_into().unwrap()))
            .collect()
    };
    let bytes = |floats: &[f32]| {
        floats
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect()
    };
    // As `_convert_dinov2` of timm makes them.
    let (shape, positions) = &meta["pos_embed"];
    let dim = shape[2];
    let positions = floats(positions);
    let class: Vec<f32> = floats(&meta["cls_token"].1)
        .iter()
        .zip(&positions[..dim])
        .map(|(token, position)| token + position)
        .collect();
    let mut timm = meta.clone();
    let registers = timm.remove("register_tokens").unwrap();
    timm.insert("reg_token".to_owned(), registers);
    timm.remove("mask_token");
    timm.insert("cls_token".to_owned(), (vec![1, 1, dim], bytes(&class)));
    let patches = (vec![1, shape[1] - 1, dim], bytes(&positions[dim..]));
    timm.insert("pos_embed".to_owned(), patches);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("timm.safetensors");
    write(&path, &timm);
    let sources = backbone(&path);
    let imported = import(
        &template_of("registers"),
        &sources,
        &dir.path().join("model"),
    );
    assert_eq!(imported.sources[0].naming, Some(Naming::Timm.name()));
    let written = std::fs::read(imported.package.backbone_path()).unwrap();
    let written = SafeTensors::deserialize(&written).unwrap();
    let tensor = |name: &str| floats(written.tensor(name).unwrap().data());
    assert_eq!(tensor("cls_token"), class);
    assert_eq!(tensor("pos_embed")[..dim], vec![0.0; dim]);
    assert_eq!(tensor("pos_embed")[dim..], positions[dim..]);
    assert!(Import::plan(&template_of("registers"), &sources, &Choices::default()).is_ok());
}
