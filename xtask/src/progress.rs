//! The display of a byte count in progress: a bar on a terminal, nothing elsewhere.

use indicatif::{BinaryBytes, ProgressBar, ProgressStyle};

/// A bar over `total_bytes`. Where stderr is no terminal indicatif draws nothing, and the plain
/// lines that setup prints before and after each step are all there is.
pub(crate) fn bytes_bar(label: &str, total_bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(TEMPLATE)
        .expect("the template is a constant that the unit test parses")
        .progress_chars("=> ");
    ProgressBar::new(total_bytes)
        .with_style(style)
        .with_message(label.to_owned())
}

/// A size as people read it, such as `502.18 MiB`.
pub(crate) fn size(bytes: u64) -> impl std::fmt::Display {
    BinaryBytes(bytes)
}

const TEMPLATE: &str =
    "  {msg:<12} [{bar:30}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_valid() {
        assert_eq!(bytes_bar("checking", 7).length(), Some(7));
    }
}
