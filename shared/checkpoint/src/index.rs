//! Checkpoints in several files: `model.safetensors.index.json` and the like.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

/// The longest index that is read; that of a model of 70 G parameters has 60 kB.
pub(crate) const MAX_BYTES: u64 = 1 << 24;
/// The most files of a checkpoint.
const MAX_FILES: usize = 1024;

#[derive(Deserialize)]
struct Written {
    weight_map: BTreeMap<String, String>,
}

/// The files of a checkpoint and the tensors that each holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Index(pub(crate) BTreeMap<PathBuf, Vec<String>>);

impl Index {
    /// Reads an index; its files lie beside it. The error is the reason.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, String> {
        let written: Written = serde_json::from_str(text)
            .map_err(|error| format!("not an index of files with a weight_map: {error}"))?;
        let mut files: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
        for (tensor, file) in written.weight_map {
            files.entry(beside(path, &file)?).or_default().push(tensor);
        }
        match files.len() {
            0 => Err("its weight_map is empty".to_owned()),
            1..=MAX_FILES => Ok(Self(files)),
            count => Err(format!("{count} files, at most {MAX_FILES} are read")),
        }
    }
}

/// A file beside the index; elsewhere there is none.
fn beside(index: &Path, name: &str) -> Result<PathBuf, String> {
    let mut parts = Path::new(name).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(only)), None) => Ok(index.with_file_name(only)),
        _ => Err(format!("its file '{name}' does not lie beside it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Index, String> {
        Index::parse(Path::new("m/model.index.json"), text)
    }

    #[test]
    fn files_lie_beside_the_index() {
        let index =
            parse(r#"{"metadata": {}, "weight_map": {"a": "1.bin", "b": "2.bin", "c": "1.bin"}}"#);
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let expected = BTreeMap::from([
            (PathBuf::from("m/1.bin"), names(&["a", "c"])),
            (PathBuf::from("m/2.bin"), names(&["b"])),
        ]);
        assert_eq!(index, Ok(Index(expected)));
    }

    #[test]
    fn other_texts_and_places_are_refused() {
        for (text, expected) in [
            ("{}", "missing field `weight_map`"),
            (r#"{"weight_map": {}}"#, "is empty"),
            (
                r#"{"weight_map": {"a": "../1.bin"}}"#,
                "'../1.bin' does not lie beside it",
            ),
            (
                r#"{"weight_map": {"a": "/etc/passwd"}}"#,
                "does not lie beside",
            ),
            (r#"{"weight_map": {"a": ""}}"#, "'' does not lie beside"),
        ] {
            let reason = parse(text).unwrap_err();
            assert!(reason.contains(expected), "{reason}");
        }
    }
}
