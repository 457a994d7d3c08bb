//! The path that was probably meant.

use std::path::{Component, Path, PathBuf};

use clap::Command;
use splitsim_display::{nearest, printable};

/// A remark on an error that names a path which was typed and is not there: the nearest one that is.
/// `words` are those of the command line, the program's name apart.
pub(crate) fn remark(error: &str, words: &[String], command: &Command) -> Option<String> {
    let mut command = command;
    let mut words = words.iter();
    // Words that are commands are no paths.
    let first = words
        .by_ref()
        .find(|word| match command.find_subcommand(word) {
            Some(subcommand) => {
                command = subcommand;
                false
            }
            None => true,
        });
    first.into_iter().chain(words).find_map(|word| {
        // An option's own name is no path, though an error may name it.
        let path = match word.starts_with('-') {
            true => word.split_once('=')?.1,
            false => word.as_str(),
        };
        let meant = says_is_missing(error, path)
            .then(|| meant(Path::new(path)))
            .flatten()?;
        Some(format!(", did you mean '{}'?", printable(meant.display())))
    })
}

/// The words of errors about a path where nothing is.
const MISSING: [&str; 7] = [
    "no such",
    "No such",
    "not exist",
    "not found",
    "is missing",
    "cannot find",
    "there is no",
];

/// `true` if an error says that nothing is at `path`, which it names as a word of its own.
fn says_is_missing(error: &str, path: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || "/._-".contains(c);
    let is_word = error.match_indices(path).any(|(start, _)| {
        let (before, after) = (&error[..start], &error[start + path.len()..]);
        // A full stop may end the sentence, and a longer path may lie below this one.
        !before.ends_with(is_part) && (after.starts_with('/') || !after.starts_with(is_part))
    });
    !path.is_empty() && is_word && MISSING.iter().any(|words| error.contains(words))
}

/// Entries of a folder that are looked at.
const LOOKED_AT: usize = 10_000;

/// The existing path that is most like a missing one.
fn meant(path: &Path) -> Option<PathBuf> {
    if path.as_os_str().is_empty() || path.symlink_metadata().is_ok() {
        return None;
    }
    let mut found = PathBuf::new();
    for component in path.components() {
        let next = found.join(component);
        if next.symlink_metadata().is_ok() {
            found = next;
            continue;
        }
        let Component::Normal(name) = component else {
            return None;
        };
        let folder = match found.as_os_str().is_empty() {
            true => Path::new("."),
            false => &found,
        };
        let entries = folder.read_dir().ok()?.flatten().take(LOOKED_AT);
        let names: Vec<String> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        found.push(nearest(name.to_str()?, names.iter().map(String::as_str))?);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_path_is_looked_for_part_by_part() {
        let dir = std::env::temp_dir().join(format!("splitsim-paths-{}", std::process::id()));
        fs::create_dir_all(dir.join("scenarios")).unwrap();
        fs::write(dir.join("scenarios/demo.toml"), "").unwrap();
        let demo = dir.join("scenarios/demo.toml");
        for slip in [
            "scenarios/dmeo.toml",
            "scenario/demo.toml",
            "Scenarios/demo.tml",
        ] {
            assert_eq!(meant(&dir.join(slip)).as_ref(), Some(&demo), "{slip}");
        }
        for foreign in [
            "scenarios/demo.toml",
            "out/report.html",
            "scenarios/other.toml",
        ] {
            assert_eq!(meant(&dir.join(foreign)), None, "{foreign}");
        }
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn only_what_the_error_names_is_remarked_on() {
        let dir = std::env::temp_dir().join(format!("splitsim-remark-{}", std::process::id()));
        fs::create_dir_all(dir.join("photos")).unwrap();
        let slip = dir.join("photo").display().to_string();
        let command = Command::new("test").subcommand(Command::new("run"));
        let words = ["run".to_owned(), format!("--source={slip}")];
        let about = |error: &str| remark(error, &words, &command);
        let expected = format!(", did you mean '{}'?", dir.join("photos").display());
        assert_eq!(about(&format!("{slip}: no such file")), Some(expected));
        assert_eq!(about("the disk is full"), None);
        assert_eq!(about(&format!("{slip}: the disk is full")), None);
        assert_eq!(about(&format!("in{slip}s: no such file")), None);
        let option = [format!("--{slip}")];
        let error = format!("choose another --{slip}");
        assert_eq!(remark(&error, &option, &command), None);
        fs::remove_dir_all(dir).unwrap();
    }
}
