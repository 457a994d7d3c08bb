//! Weights that are missing, cut short or of another model: errors that name the file.

use splitsim_feature::Task;
use splitsim_model::Package;
use splitsim_vision::train::{TrainConfig, random_package};
use splitsim_vision::{Compute, Engine, EngineOptions, Parts};

fn load(package: &Package) -> Result<Engine, String> {
    let options = EngineOptions {
        parts: Parts::All,
        compute: Compute::F32,
        threads: None,
    };
    Engine::load(package, &Task::ALL, options).map_err(|error| error.to_string())
}

fn package() -> (tempfile::TempDir, Package) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let package = random_package(&TrainConfig::miniature(), dir.path()).expect("a package");
    (dir, package)
}

#[test]
fn missing_weights_are_named() {
    let (_dir, package) = package();
    std::fs::remove_file(package.head_path(Task::Seg).unwrap()).unwrap();
    let error = load(&package).unwrap_err();
    assert!(
        error.contains("seg.safetensors") && error.contains("No such file"),
        "{error}"
    );
}

#[test]
fn truncated_weights_are_named() {
    let (_dir, package) = package();
    let path = package.backbone_path();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let error = load(&package).unwrap_err();
    assert!(
        error.contains("backbone.safetensors: not a readable safetensors"),
        "{error}"
    );
}

#[test]
fn weights_of_another_head_are_named() {
    let (_dir, package) = package();
    let path = |task| package.head_path(task).unwrap();
    std::fs::copy(path(Task::Cls), path(Task::Dpt)).unwrap();
    let error = load(&package).unwrap_err();
    assert!(error.contains("no tensor 'conv_depth.weight'"), "{error}");
}

#[test]
fn a_corrupt_header_is_named() {
    let (_dir, package) = package();
    let path = package.backbone_path();
    let whole = std::fs::read(&path).unwrap();
    let refused = |change: &dyn Fn(&mut Vec<u8>), expected: &str| {
        let mut bytes = whole.clone();
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        let error = load(&package).unwrap_err();
        assert!(
            error.contains("backbone.safetensors: not a readable safetensors")
                && error.contains(expected),
            "{error}"
        );
    };
    refused(
        &|bytes| bytes[..8].fill(0xff),
        "a header of 18446744073709551615 bytes",
    );
    refused(&|bytes| bytes[9] = b'!', "its header: ");
    refused(&|bytes| bytes.extend([0; 4]), "its header says");
    refused(
        &|bytes| bytes.truncate(5),
        "5 bytes, too short for a header",
    );
    let renamed = |bytes: &mut Vec<u8>| {
        let at = bytes
            .windows(3)
            .position(|window| window == b"F16")
            .unwrap();
        bytes[at..at + 3].copy_from_slice(b"I16");
    };
    refused(&renamed, "element type I16, expected F32, F16, BF16 or I64");
}

#[test]
fn weights_that_are_no_file_are_named() {
    let (_dir, package) = package();
    let path = package.backbone_path();
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/null", &path).unwrap();
    let error = load(&package).unwrap_err();
    let expected = "backbone.safetensors: a device, expected a regular file";
    assert!(error.contains(expected), "{error}");
    let error = Package::open(package.root()).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_manifest_is_read_as_editors_leave_it() {
    let (_dir, package) = package();
    let path = package.root().join(Package::MANIFEST);
    let text = std::fs::read_to_string(&path).unwrap();
    let crlf = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let utf16 = crlf.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [crlf.clone().into_bytes(), utf16] {
        std::fs::write(&path, bytes).unwrap();
        let read = Package::open(package.root()).unwrap();
        assert_eq!(read.manifest(), package.manifest());
        assert_eq!(read.digest(), package.digest());
    }
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/null", &path).unwrap();
    let error = Package::open(package.root()).unwrap_err().to_string();
    assert!(
        error.ends_with("model.toml: a device, expected a regular file"),
        "{error}"
    );
}
