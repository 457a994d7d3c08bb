/// The first line of every pointer (Git LFS specification, version 1).
const START: &[u8] = b"version https://git-lfs.github.com/spec/v1";

/// Returns `true` if a file begins like a Git LFS pointer, which a clone without LFS leaves in
/// place of a large file.
#[must_use]
pub fn is_lfs_pointer(beginning: &[u8]) -> bool {
    beginning.starts_with(START)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_the_line_of_the_specification() {
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n";
        assert!(is_lfs_pointer(pointer));
        assert!(!is_lfs_pointer(b"version 1\n"));
        assert!(!is_lfs_pointer(b""));
    }
}
