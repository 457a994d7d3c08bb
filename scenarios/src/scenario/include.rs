//! `include = [FILE…]`: tables that a scenario stands on.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::ScenarioError;

/// Files that may include one another, the outermost counted.
const DEEPEST: usize = 8;
const KEY: &str = "include";

/// A scenario file's text as a table, what it includes merged under it.
///
/// An included file is looked for beside the one that names it. Of several the later wins, and the
/// file itself wins over all: tables are merged key by key, everything else is replaced whole.
pub(super) fn load(path: &Path) -> Result<Table, ScenarioError> {
    load_below(path, &[])
}

fn load_below(path: &Path, above: &[PathBuf]) -> Result<Table, ScenarioError> {
    let read = |source| ScenarioError::Read {
        path: path.to_owned(),
        source,
    };
    let place = path.canonicalize().map_err(read)?;
    let refuse = |reason: String| ScenarioError::value(KEY, reason).in_file(path);
    if above.contains(&place) {
        return Err(refuse("the file includes itself".to_owned()));
    }
    if above.len() == DEEPEST {
        return Err(refuse(format!("more than {DEEPEST} files deep")));
    }
    let text = std::fs::read_to_string(path).map_err(read)?;
    let own: Table =
        toml::from_str(&text).map_err(|error| ScenarioError::syntax(error).in_file(path))?;
    let mut above = above.to_vec();
    above.push(place);
    let mut merged = Table::new();
    for name in names(&own).map_err(refuse)? {
        let beside = path.parent().unwrap_or(Path::new("")).join(name);
        let included = load_below(&beside, &above).map_err(|error| error.in_file(path))?;
        merge(&mut merged, included);
    }
    merge(&mut merged, own);
    merged.remove(KEY);
    Ok(merged)
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
