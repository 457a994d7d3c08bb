/// The version of the programs, with the commit that they were built from where that is known: from a
/// clone, or from an archive that git made of one.
pub const VERSION: &str = env!("SPLITSIM_VERSION");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_package_s_and_may_name_a_commit() {
        let rest = VERSION.strip_prefix(env!("CARGO_PKG_VERSION")).unwrap();
        let commit = rest
            .strip_prefix(" (")
            .and_then(|rest| rest.strip_suffix(')'));
        let is_commit = |text: &str| text.len() >= 7 && text.bytes().all(|b| b.is_ascii_hexdigit());
        assert!(
            rest.is_empty() || commit.is_some_and(is_commit),
            "{VERSION}"
        );
    }
}
