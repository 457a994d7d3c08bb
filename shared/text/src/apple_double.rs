use std::path::Path;

/// Returns `true` if a file is an AppleDouble side file of macOS. `._name` holds the attributes of
/// `name` on disks that cannot store them; its content is not of the kind that its name suggests.
#[must_use]
pub fn is_apple_double(path: &Path) -> bool {
    let name = path.file_name().map(std::ffi::OsStr::as_encoded_bytes);
    name.is_some_and(|name| name.starts_with(b"._"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_the_name_alone() {
        for (path, expected) in [
            ("a/._room.jpg", true),
            ("._room.jpg", true),
            ("._a/room.jpg", false),
            (".room.jpg", false),
            ("a._b", false),
            ("/", false),
        ] {
            assert_eq!(is_apple_double(Path::new(path)), expected, "{path}");
        }
    }
}
