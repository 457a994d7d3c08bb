//! `include = [FILE…]`: tables that a scenario stands on.

use std::path::{Path, PathBuf};

use splitsim_text::Text;
use toml::{Table, Value};

use super::ScenarioError;

/// Files that may include one another, the outermost counted.
const DEEPEST: usize = 8;
/// Files of one scenario, those counted again that are included again.
const MOST_FILES: usize = 64;
/// Bytes of one file; the largest shipped one has 2 kB.
const MOST_BYTES: u64 = 1 << 20;
pub(super) const KEY: &str = "include";
/// Keys whose values are files, which are looked for beside the file that names them.
const FILE_KEYS: [&str; 2] = ["link.up.trace", "link.down.trace"];

/// A scenario file's text as a table, its includes merged under it.
///
/// An included file, and a trace, is looked for beside the file that names it. Of several included files
/// the later wins, and the file itself wins over all: tables are merged key by key, everything else is
/// replaced whole.
pub(super) fn load(path: &Path) -> Result<Table, ScenarioError> {
    let mut files = 0;
    load_below(path, &[], &mut files)
}

/// A scenario file's text.
pub(super) fn text(path: &Path) -> Result<String, ScenarioError> {
    Ok(Text::read(path, MOST_BYTES)?.into())
}

fn load_below(path: &Path, above: &[PathBuf], files: &mut usize) -> Result<Table, ScenarioError> {
    let text = text(path)?;
    let place = path.canonicalize().map_err(|source| ScenarioError::Read {
        path: path.to_owned(),
        source,
    })?;
    let refuse = |reason: String| ScenarioError::value(KEY, reason).in_file(path);
    if above.contains(&place) {
        return Err(refuse("the file includes itself".to_owned()));
    }
    if above.len() == DEEPEST {
        return Err(refuse(format!("more than {DEEPEST} files deep")));
    }
    *files += 1;
    if *files > MOST_FILES {
        return Err(refuse(format!("more than {MOST_FILES} files in all")));
    }
    let mut own: Table =
        toml::from_str(&text).map_err(|error| ScenarioError::syntax(error).in_file(path))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    anchor(&mut own, folder);
    let mut above = above.to_vec();
    above.push(place);
    let mut merged = Table::new();
    for name in names(&own).map_err(refuse)? {
        let included = load_below(&folder.join(name), &above, files);
        merge(&mut merged, included.map_err(|error| error.in_file(path))?);
    }
    merge(&mut merged, own);
    merged.remove(KEY);
    Ok(merged)
}

/// Makes paths whole that count from `folder`, in the scenario and in its sweep.
fn anchor(table: &mut Table, folder: &Path) {
    anchor_below("", table, folder);
    if let Some(Value::Table(sweep)) = table.get_mut("sweep") {
        anchor_below("", sweep, folder);
    }
}

fn anchor_below(place: &str, table: &mut Table, folder: &Path) {
    for (key, value) in table.iter_mut() {
        let key = format!("{place}{key}");
        if FILE_KEYS.contains(&key.as_str()) {
            anchor_value(value, folder);
        } else if let Value::Table(inner) = value
            && FILE_KEYS.iter().any(|file| file.starts_with(&key))
        {
            anchor_below(&format!("{key}."), inner, folder);
        }
    }
}

fn anchor_value(value: &mut Value, folder: &Path) {
    match value {
        Value::String(name) => {
            let path = std::path::absolute(folder.join(&*name));
            if let Some(path) = path.ok().as_deref().and_then(Path::to_str) {
                *name = path.to_owned();
            }
        }
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| anchor_value(value, folder)),
        _ => {}
    }
}

fn names(table: &Table) -> Result<Vec<&str>, String> {
    let wrong = || "expected a list of files".to_owned();
    let Some(value) = table.get(KEY) else {
        return Ok(Vec::new());
    };
    let files = value.as_array().ok_or_else(wrong)?;
    let files = files.iter().map(|file| file.as_str().ok_or_else(wrong));
    files.collect()
}

fn merge(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => merge(under, over),
            (_, value) => drop(under.insert(key, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        dir
    }

    #[test]
    fn a_file_wins_over_what_it_includes_and_tables_are_merged() {
        let dir = folder(&[
            (
                "a.toml",
                "seed = 1\ntasks = ['cls', 'seg']\n[transport]\ncongestion = 'bbr'\nkeep-alive = '1s'",
            ),
            (
                "b.toml",
                "include = ['a.toml']\nseed = 2\n[transport]\nkeep-alive = '2s'",
            ),
            ("c.toml", "include = ['a.toml', 'b.toml']\ntasks = ['dpt']"),
        ]);
        let merged = load(&dir.path().join("c.toml")).unwrap();
        let expected =
            "seed = 2\ntasks = ['dpt']\n[transport]\ncongestion = 'bbr'\nkeep-alive = '2s'";
        assert_eq!(merged, expected.parse().unwrap());
    }

    #[test]
    fn traces_are_looked_for_beside_the_file_that_names_them() {
        let dir = folder(&[
            (
                "a.toml",
                "link.up.trace = 'up.csv'\nlink.down.trace = '/down.csv'\nmodel = 'm'",
            ),
            (
                "b.toml",
                "include = ['a.toml']\n[sweep]\n'link.up.trace' = ['x.csv', 'y.csv']",
            ),
        ]);
        let merged = load(&dir.path().join("b.toml")).unwrap();
        let beside = |name: &str| Value::String(dir.path().join(name).display().to_string());
        assert_eq!(merged["link"]["up"]["trace"], beside("up.csv"));
        assert_eq!(merged["link"]["down"]["trace"].as_str(), Some("/down.csv"));
        assert_eq!(merged["model"].as_str(), Some("m"));
        let swept = Value::Array(vec![beside("x.csv"), beside("y.csv")]);
        assert_eq!(merged["sweep"]["link.up.trace"], swept);
    }

    #[test]
    fn texts_of_other_tools_are_read_and_large_ones_refused() {
        let dir = folder(&[("bom.toml", "\u{feff}seed = 3\r\n")]);
        let utf16: Vec<u8> = "\u{feff}seed = 3\r\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        std::fs::write(dir.path().join("utf16.toml"), utf16).unwrap();
        for name in ["bom.toml", "utf16.toml"] {
            let loaded = load(&dir.path().join(name)).unwrap();
            assert_eq!(loaded["seed"].as_integer(), Some(3), "{name}");
        }
        let key = format!("{} = 1", "k".repeat(5 << 20));
        std::fs::write(dir.path().join("large.toml"), key).unwrap();
        let message = load(&dir.path().join("large.toml"))
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("larger than the 1048576 bytes"),
            "{message}"
        );
    }

    #[test]
    fn files_that_include_many_others_are_bounded() {
        let names: Vec<String> = (0..40).map(|index| format!("'b{index}.toml'")).collect();
        let dir = folder(&[("a.toml", &format!("include = [{}]", names.join(", ")))]);
        for index in 0..40 {
            let text = format!("include = [{}]", vec!["'c.toml'"; 40].join(", "));
            std::fs::write(dir.path().join(format!("b{index}.toml")), text).unwrap();
        }
        std::fs::write(dir.path().join("c.toml"), "seed = 1").unwrap();
        let message = load(&dir.path().join("a.toml")).unwrap_err().to_string();
        assert!(message.contains("more than 64 files in all"), "{message}");
    }

    #[test]
    fn circles_and_missing_files_are_named() {
        let dir = folder(&[
            ("a.toml", "include = ['b.toml']"),
            ("b.toml", "include = ['a.toml']"),
            ("lost.toml", "include = ['gone.toml']"),
            ("wrong.toml", "include = 'a.toml'"),
        ]);
        let check = |file: &str, parts: &[&str]| {
            let message = load(&dir.path().join(file)).unwrap_err().to_string();
            for part in parts {
                assert!(message.contains(part), "no '{part}' in: {message}");
            }
        };
        check("a.toml", &["b.toml", "a.toml", "includes itself"]);
        check("lost.toml", &["lost.toml", "gone.toml", "No such file"]);
        check("wrong.toml", &["include", "list of files"]);
    }
}
