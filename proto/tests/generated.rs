//! The committed code must be what the definitions in `proto/` generate.
//!
//! `UPDATE_GENERATED=1 cargo test -p splitsim-proto --test generated` writes it anew. The compiler is
//! protox, so nobody needs `protoc`.

use std::path::Path;

const FILE: &str = "splitsim.v1.rs";

#[test]
fn generated_code_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let definitions = root.join("proto");
    let descriptors = protox::compile([definitions.join("splitsim.proto")], [definitions]).unwrap();
    let out = tempfile::tempdir().unwrap();
    prost_build::Config::new()
        .out_dir(out.path())
        .compile_fds(descriptors)
        .unwrap();
    let regenerated = std::fs::read_to_string(out.path().join(FILE)).unwrap();

    let committed = root.join("src/generated").join(FILE);
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&committed, &regenerated).unwrap();
    }
    let current = std::fs::read_to_string(&committed).unwrap();
    assert!(
        current == regenerated,
        "{} is stale: run with UPDATE_GENERATED=1",
        committed.display()
    );
}
