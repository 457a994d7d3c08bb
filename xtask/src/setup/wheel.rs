//! Choosing members of a wheel and extracting them.

use std::fs::{self, File, Permissions};
use std::io::{self, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use thiserror::Error;
use zip::ZipArchive;
use zip::result::ZipError;

use super::pins::Keep;

/// Extracts the members in `kept` from the wheel at `path` into `folder`.
///
/// # Errors
/// If the archive is not as expected, or the file system fails.
pub(crate) fn extract(path: &Path, kept: &[Keep], folder: &Path, bar: &ProgressBar) -> Result<()> {
    let mut archive = ZipArchive::new(BufReader::new(File::open(path)?))?;
    let names = archive.file_names().map(|name| Ok(name?.into_owned()));
    let names = names.collect::<Result<Vec<_>, ZipError>>()?;
    for chosen in select(&names, kept)? {
        let member = archive.by_name(chosen.member)?;
        let to = folder.join(&chosen.to);
        write_member(bar.wrap_read(member), &to, chosen.executable)
            .with_context(|| format!("cannot write {}", to.display()))?;
    }
    Ok(())
}

fn write_member(mut from: impl io::Read, to: &Path, executable: bool) -> io::Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut file = File::create(to)?;
    io::copy(&mut from, &mut file)?;
    if executable {
        file.set_permissions(Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// One member to extract.
#[derive(Debug, PartialEq, Eq)]
struct Chosen<'a> {
    member: &'a str,
    to: PathBuf,
    executable: bool,
}

/// The reason why the members of a wheel cannot be selected.
#[derive(Debug, Error, PartialEq, Eq)]
enum SelectError {
    #[error("the wheel has no {0}")]
    Absent(&'static str),
    #[error("the wheel has {0} members that start with {1}, expected one")]
    Ambiguous(usize, &'static str),
    #[error("the wheel's member {0} would be written outside of the folder")]
    Escapes(String),
}

/// The members that `kept` names. Folders' own entries, which end in `/`, are never among them.
fn select<'a>(names: &'a [String], kept: &[Keep]) -> Result<Vec<Chosen<'a>>, SelectError> {
    let files = || {
        let names = names.iter().map(String::as_str);
        names.filter(|name| !name.ends_with('/'))
    };
    let mut chosen = Vec::new();
    for keep in kept {
        match *keep {
            Keep::File { member, to } => {
                let member = files().find(|name| *name == member);
                let member = member.ok_or(SelectError::Absent(to))?;
                chosen.push(Chosen::plain(member, to.into()));
            }
            Keep::Folder { folder, to } => {
                let before = chosen.len();
                for member in files() {
                    if let Some(rest) = member.strip_prefix(folder) {
                        chosen.push(Chosen::plain(member, below(to, rest)?));
                    }
                }
                if chosen.len() == before {
                    return Err(SelectError::Absent(folder));
                }
            }
            Keep::Program { prefix, to } => {
                let found: Vec<_> = files().filter(|name| name.starts_with(prefix)).collect();
                let [member] = found[..] else {
                    return Err(SelectError::Ambiguous(found.len(), prefix));
                };
                chosen.push(Chosen {
                    executable: true,
                    ..Chosen::plain(member, to.into())
                });
            }
        }
    }
    Ok(chosen)
}

impl<'a> Chosen<'a> {
    fn plain(member: &'a str, to: PathBuf) -> Self {
        Self {
            member,
            to,
            executable: false,
        }
    }
}

/// `to/rest`, unless `rest` leads elsewhere.
fn below(to: &str, rest: &str) -> Result<PathBuf, SelectError> {
    let is_name = |part: Component<'_>| matches!(part, Component::Normal(_));
    if !Path::new(rest).components().all(is_name) {
        return Err(SelectError::Escapes(rest.into()));
    }
    Ok(Path::new(to).join(rest))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    const LIBRARY: Keep = Keep::File {
        member: "torch/lib/libc10.so",
        to: "lib/libc10.so",
    };
    const HEADERS: Keep = Keep::Folder {
        folder: "torch/include/",
        to: "include",
    };
    const PROGRAM: Keep = Keep::Program {
        prefix: "bin/ffmpeg-linux-",
        to: "ffmpeg",
    };

    /// `expected` as `member > to`, or the error's message.
    fn check(names: &[&str], kept: Keep, expected: Result<&[&str], &str>) {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let found = select(&names, &[kept]).map_err(|error| error.to_string());
        let found = found.map(|chosen| {
            let shown = chosen.iter();
            let shown = shown.map(|one| format!("{} > {}", one.member, one.to.display()));
            shown.collect::<Vec<_>>()
        });
        let expected = expected.map_err(str::to_owned);
        assert_eq!(
            found,
            expected.map(|all| all.iter().map(ToString::to_string).collect())
        );
    }

    #[test]
    fn a_file_is_chosen_by_its_whole_name() {
        check(
            &["torch/lib/libc10.so.old", "torch/lib/libc10.so"],
            LIBRARY,
            Ok(&["torch/lib/libc10.so > lib/libc10.so"]),
        );
        check(
            &["torch/lib/libc10_cuda.so"],
            LIBRARY,
            Err("the wheel has no lib/libc10.so"),
        );
    }

    #[test]
    fn a_folder_is_chosen_without_its_own_entries() {
        check(
            &[
                "torch/include/",
                "torch/include/c10/",
                "torch/include/c10/a.h",
                "torch/included.h",
            ],
            HEADERS,
            Ok(&["torch/include/c10/a.h > include/c10/a.h"]),
        );
        check(
            &["torch/include/"],
            HEADERS,
            Err("the wheel has no torch/include/"),
        );
    }

    #[test]
    fn a_member_that_leads_out_of_the_folder_is_refused() {
        for name in ["torch/include/../../a", "torch/include//etc/a"] {
            assert!(matches!(
                select(&[name.to_owned()], &[HEADERS]),
                Err(SelectError::Escapes(_))
            ));
        }
    }

    #[test]
    fn the_program_is_the_only_one_of_its_kind() {
        check(
            &["bin/README.md", "bin/ffmpeg-linux-v9.0"],
            PROGRAM,
            Ok(&["bin/ffmpeg-linux-v9.0 > ffmpeg"]),
        );
        check(
            &["bin/ffmpeg-linux-v8", "bin/ffmpeg-linux-v9"],
            PROGRAM,
            Err("the wheel has 2 members that start with bin/ffmpeg-linux-, expected one"),
        );
    }

    #[test]
    fn a_wheel_is_extracted_with_its_program_executable() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.whl");
        let mut writer = ZipWriter::new(File::create(&path).unwrap());
        for (name, contents) in [
            ("torch/include/a.h", "header"),
            ("bin/ffmpeg-linux-v9", "elf"),
        ] {
            let options = SimpleFileOptions::default();
            writer.start_file(name, options).unwrap();
            writer.write_all(contents.as_bytes()).unwrap();
        }
        writer.finish().unwrap();

        let to = dir.path().join("out");
        extract(&path, &[HEADERS, PROGRAM], &to, &ProgressBar::hidden()).unwrap();
        assert_eq!(
            fs::read_to_string(to.join("include/a.h")).unwrap(),
            "header"
        );
        let mode = |name: &str| fs::metadata(to.join(name)).unwrap().permissions().mode();
        assert_eq!(mode("ffmpeg") & 0o111, 0o111);
        assert_eq!(mode("include/a.h") & 0o111, 0);
    }
}
