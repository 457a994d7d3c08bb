/// The version of the programs, with the commit that they were built from where that is known: from a
/// clone, or from an archive that git made of one.
pub const VERSION: &str = env!("SPLITSIM_VERSION");

#[cfg(test)]
mod tests {
    use super::*;

    fn git(arguments: &[&str]) -> Option<String> {
        let mut command = std::process::Command::new("git");
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        let output = command.args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    }

    #[test]
    fn the_version_is_the_package_s_and_names_the_commit_where_there_is_one() {
        let rest = VERSION.strip_prefix(env!("CARGO_PKG_VERSION")).unwrap();
        let commit = rest
            .strip_prefix(" (")
            .and_then(|rest| rest.strip_suffix(')'));
        let is_clone = git(&["ls-files", "--error-unmatch", "Cargo.toml"]).is_some();
        let archived = include_str!("../commit.txt").trim();
        match commit {
            Some(commit) if is_clone => {
                let known = git(&["cat-file", "-t", commit]);
                assert_eq!(known.as_deref(), Some("commit"), "{VERSION}");
            }
            Some(commit) => assert!(archived.starts_with(commit), "{VERSION}"),
            None => {
                assert_eq!(rest, "");
                let is_archive = archived.bytes().all(|byte| byte.is_ascii_hexdigit());
                assert!(!is_clone && !is_archive, "{VERSION} has lost its commit");
            }
        }
    }
}
