//! The pictures and folders of a folder, and the pictures that are left out.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::format::{Format, Named, named};
use crate::{SourceError, decode};

/// A folder's pictures and folders, and what was left out, each in the order of the names.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    pub(crate) pictures: Vec<PathBuf>,
    pub(crate) folders: Vec<PathBuf>,
    pub(crate) left_out: LeftOut,
}

/// Files of a folder that are pictures but are not read, each with its format.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    files: Vec<(PathBuf, &'static str)>,
}

/// Ends of the names under which `splitsim scenes render` leaves what is true of a picture.
const TRUTHS: [&str; 2] = [".mask.png", ".depth.png"];

impl Folder {
    /// Lists a folder. Hidden files, AppleDouble's among them, and the masks and depth maps of pictures beside
    /// them are no pictures.
    pub(crate) fn list(dir: &Path) -> Result<Self, SourceError> {
        let mut folder = Self::default();
        let entries = entries(dir)?;
        let pictures: HashSet<Vec<u8>> = entries
            .iter()
            .filter_map(|it| name_of_picture(it))
            .collect();
        for path in entries {
            if is_hidden(&path) || is_truth(&path, &pictures) {
                continue;
            }
            if path.is_dir() {
                folder.folders.push(path);
                continue;
            }
            match named(&path) {
                Named::Picture => folder.pictures.push(path),
                Named::Other | Named::Nothing => folder.left_out.note(path),
            }
        }
        Ok(folder)
    }

    /// Lists a folder and the folders in it.
    pub(crate) fn list_with_folders(dir: &Path) -> Result<Self, SourceError> {
        let mut all = Self::list(dir)?;
        for inner in std::mem::take(&mut all.folders) {
            let inner = Self::list(&inner)?;
            all.pictures.extend(inner.pictures);
            all.left_out.files.extend(inner.left_out.files);
        }
        Ok(all)
    }

    /// The folder itself, unless it has no picture.
    pub(crate) fn or_empty(self, dir: &Path) -> Result<Self, SourceError> {
        match self.pictures.is_empty() {
            true => Err(SourceError::EmptyFolder {
                path: dir.to_owned(),
                left_out: self.left_out,
                folders: self.folders.len(),
            }),
            false => Ok(self),
        }
    }
}

impl LeftOut {
    /// Files named in messages.
    const SHOWN: usize = 5;

    /// The number of files.
    #[must_use]
    pub fn count(&self) -> usize {
        self.files.len()
    }

    /// Their paths.
    pub fn paths(&self) -> impl ExactSizeIterator<Item = &Path> {
        self.files.iter().map(|(path, _)| path.as_path())
    }

    /// The format of the file of a name, with or without its ending.
    pub(crate) fn format_of(&self, name: &str) -> Option<&'static str> {
        let is_meant = |path: &Path| {
            [path.file_name(), path.file_stem()]
                .into_iter()
                .flatten()
                .any(|own| own == name)
        };
        let mut files = self.files.iter();
        files
            .find(|(path, _)| is_meant(path))
            .map(|(_, format)| *format)
    }

    /// Notes a file that is a picture by its name or its content.
    fn note(&mut self, path: PathBuf) {
        // What cannot be looked into is told of where its name is a picture's.
        let format = decode::format(&path).ok().flatten();
        let format = match (named(&path), format) {
            (_, Some(format @ (Format::Png | Format::Jpeg))) => match format {
                Format::Png => "PNG, but not by its name",
                _ => "JPEG, but not by its name",
            },
            (_, Some(format)) if format.is_picture() => format.name(),
            (Named::Other, _) => "not read",
            _ => return,
        };
        self.files.push((path, format));
    }
}

/// The number of files, the first few with their formats, and the remedy.
impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count() {
            1 => f.write_str("1 picture is left out: ")?,
            count => write!(f, "{count} pictures are left out: ")?,
        }
        for (index, (path, format)) in self.files.iter().take(Self::SHOWN).enumerate() {
            let name = path
                .file_name()
                .unwrap_or(path.as_os_str())
                .to_string_lossy();
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{} ({format})", name.escape_debug())?;
        }
        if let more @ 1.. = self.count().saturating_sub(Self::SHOWN) {
            write!(f, " and {more} more")?;
        }
        f.write_str("; convert to PNG or JPEG, and name by format, those that are wanted")
    }
}

/// The paths in a folder, in the order of their names.
fn entries(dir: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let io = |source| SourceError::Io {
        path: dir.to_owned(),
        source,
    };
    let mut paths = std::fs::read_dir(dir)
        .map_err(io)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(io)?;
    paths.sort();
    Ok(paths)
}

fn is_hidden(path: &Path) -> bool {
    name_bytes(path).starts_with(b".")
}

/// Returns `true` if a file is the mask or depth map of one of the pictures, which
/// [`name_of_picture`] names.
fn is_truth(path: &Path, pictures: &HashSet<Vec<u8>>) -> bool {
    let name = name_bytes(path).to_ascii_lowercase();
    TRUTHS
        .iter()
        .filter_map(|ending| name.strip_suffix(ending.as_bytes()))
        .any(|name| pictures.contains(name))
}

/// The name without ending, in lower case, of what is a picture by its name.
fn name_of_picture(path: &Path) -> Option<Vec<u8>> {
    let is_picture = named(path) != Named::Nothing;
    let stem = path.file_stem().filter(|_| is_picture)?;
    Some(stem.as_encoded_bytes().to_ascii_lowercase())
}

fn name_bytes(path: &Path) -> &[u8] {
    path.file_name().unwrap_or_default().as_encoded_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<'a>(paths: impl Iterator<Item = &'a Path>) -> Vec<String> {
        let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        paths.map(name).collect()
    }

    #[test]
    fn a_folder_as_cameras_and_systems_leave_it() {
        let dir = tempfile::tempdir().unwrap();
        let jpeg: &[u8] = b"\xff\xd8\xff\xe0";
        for (name, bytes) in [
            ("b.JPG", jpeg),
            ("a.jpe", jpeg),
            ("c.jfif", jpeg),
            ("d.webp", b"RIFF\0\0\0\0WEBP"),
            ("e.TIF", b"II*\0"),
            ("f.bmp", b"BM"),
            ("g.heic", b""),
            ("h", jpeg),
            ("i.jpg_original", jpeg),
            ("._b.JPG", b"\0\x05\x16\x07"),
            (".hidden.png", b""),
            ("Thumbs.db", b"\xd0\xcf\x11\xe0"),
            ("labels.txt", b"a 1"),
            ("k.json", b"{}"),
            ("000001.png", b"\x89PNG\r\n\x1a\n"),
            ("000001.mask.png", b"\x89PNG\r\n\x1a\n"),
            ("000001.depth.png", b"\x89PNG\r\n\x1a\n"),
            // Masks of nothing that is here: photos that are called so.
            ("000002.mask.png", b"\x89PNG\r\n\x1a\n"),
            ("B.Depth.PNG", b"\x89PNG\r\n\x1a\n"),
            ("venetian.mask.png", b"\x89PNG\r\n\x1a\n"),
        ] {
            std::fs::write(dir.path().join(name), bytes).unwrap();
        }
        std::fs::create_dir(dir.path().join("inner.png")).unwrap();
        let folder = Folder::list(dir.path()).unwrap();
        let pictures = names(folder.pictures.iter().map(PathBuf::as_path));
        let expected = [
            "000001.png",
            "000002.mask.png",
            "a.jpe",
            "b.JPG",
            "c.jfif",
            "venetian.mask.png",
        ];
        assert_eq!(pictures, expected);
        assert_eq!(
            names(folder.folders.iter().map(PathBuf::as_path)),
            ["inner.png"]
        );
        let left_out = ["d.webp", "e.TIF", "f.bmp", "g.heic", "h", "i.jpg_original"];
        assert_eq!(names(folder.left_out.paths()), left_out);
        assert_eq!(
            folder.left_out.to_string(),
            "6 pictures are left out: d.webp (WebP), e.TIF (TIFF), f.bmp (BMP), g.heic (not read), h \
             (JPEG, but not by its name) and 1 more; convert to PNG or JPEG, and name by format, those \
             that are wanted"
        );
    }

    #[test]
    fn a_folder_of_other_pictures_alone_is_refused_with_their_names() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a\x1b[2J.webp"), "RIFF\0\0\0\0WEBP").unwrap();
        std::fs::create_dir(dir.path().join("inner")).unwrap();
        let refused = Folder::list(dir.path()).unwrap().or_empty(dir.path());
        let message = refused.unwrap_err().to_string();
        let expected = r"1 picture is left out: a\u{1b}[2J.webp (WebP); convert to PNG or JPEG";
        assert!(message.contains(expected), "{message}");
        assert!(
            message.contains("1 folder in it is not looked into"),
            "{message}"
        );
    }

    #[test]
    fn links_in_circles_end() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(dir.path(), dir.path().join("again")).unwrap();
        std::os::unix::fs::symlink("loop.jpg", dir.path().join("loop.jpg")).unwrap();
        let folder = Folder::list_with_folders(dir.path()).unwrap();
        assert_eq!(folder.pictures.len(), 2);
    }
}
