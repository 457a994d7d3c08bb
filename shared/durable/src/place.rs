use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The place that a path leads to, through links, whether or not anything is there yet.
///
/// Two paths lead to one place exactly if their places are equal, and one lies below another exactly if its place
/// starts with the other's. A path that cannot be followed, through a link to nowhere or a folder that may not be read,
/// stays as it is from there on.
#[must_use]
pub fn place(path: &Path) -> PathBuf {
    let mut there = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut missing: Vec<OsString> = Vec::new();
    loop {
        if let Ok(found) = there.canonicalize() {
            let parts = missing.into_iter().rev();
            return parts.fold(found, |place, part| match part == ".." {
                true => place.parent().unwrap_or(&place).to_owned(),
                false => place.join(part),
            });
        }
        match (there.components().next_back(), there.parent()) {
            (Some(last), Some(parent)) => {
                missing.push(last.as_os_str().to_owned());
                there = parent.to_owned();
            }
            _ => return path.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_spellings_lead_to_one_place() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("folder");
        std::fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink(&folder, dir.path().join("link")).unwrap();
        let real = place(&folder);
        for spelling in [
            "folder",
            "link",
            "folder/.",
            "folder/../folder",
            "new/../folder",
        ] {
            assert_eq!(place(&dir.path().join(spelling)), real, "{spelling}");
        }
        for below in ["folder/a/b", "link/a/b", "link/./x/../a/b"] {
            assert_eq!(place(&dir.path().join(below)), real.join("a/b"), "{below}");
        }
        assert!(!place(&dir.path().join("folder2")).starts_with(&real));
    }
}
