//! The requirements on this machine.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::problem::Problem;

/// The wheels' platform tag is `manylinux_2_28_x86_64`.
const GLIBC_NEEDED: (u32, u32) = (2, 28);

/// Refuses a machine on which the prebuilt files cannot run.
///
/// # Errors
/// [`Problem::Platform`].
pub(crate) fn check_platform() -> Result<()> {
    let (arch, os) = (std::env::consts::ARCH, std::env::consts::OS);
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let glibc = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let glibc = glibc.unwrap_or_default();
    let fits = parse_glibc(&glibc).is_some_and(|version| version >= GLIBC_NEEDED);
    if arch == "x86_64" && os == "linux" && fits {
        return Ok(());
    }
    let libc = if glibc.is_empty() { "no glibc" } else { &glibc };
    let found = format!("{arch} {os} with {libc}");
    Err(Problem::Platform { found }.into())
}

/// `glibc 2.36` as `(2, 36)`.
fn parse_glibc(said: &str) -> Option<(u32, u32)> {
    let (major, minor) = said.strip_prefix("glibc ")?.split_once('.')?;
    let minor = minor.split('.').next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// The compiler of libtorch's C++ bindings, chosen as the `cc` crate chooses it.
///
/// # Errors
/// [`Problem::NoCompiler`].
pub(crate) fn check_compiler() -> Result<()> {
    let program = std::env::var("CXX").unwrap_or_else(|_| "c++".into());
    // CXX may hold a wrapper and its compiler, such as `ccache c++`.
    let mut words = program.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or("c++"));
    let output = command.args(words).arg("--version").output();
    if output.is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    Err(Problem::NoCompiler { program }.into())
}

/// Checks that the file system of `folder` has `needed_bytes` free.
///
/// # Errors
/// [`Problem::NoRoom`].
pub(crate) fn check_room(folder: &Path, needed_bytes: u64) -> Result<()> {
    let stat = rustix::fs::statvfs(folder)
        .with_context(|| format!("cannot see how full {} is", folder.display()))?;
    let free_bytes = stat.f_bavail.saturating_mul(stat.f_frsize);
    if free_bytes < needed_bytes {
        return Err(Problem::NoRoom {
            folder: folder.into(),
            needed_bytes,
            free_bytes,
        }
        .into());
    }
    Ok(())
}

/// Asks the dynamic loader whether it finds everything that `library` needs.
///
/// # Errors
/// [`Problem::MissingLibraries`].
pub(crate) fn check_libraries(library: &Path) -> Result<()> {
    // Only what stands beside it and the system's own may help, as later when it is used.
    let output = Command::new("ldd")
        .arg(library)
        .env_remove("LD_LIBRARY_PATH")
        .output()
        .context("cannot run ldd")?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let missing = missing_libraries(&said);
    if missing.is_empty() {
        return Ok(());
    }
    Err(Problem::MissingLibraries {
        library: library.display().to_string(),
        missing: missing.join(", "),
    }
    .into())
}

/// Returns the lines of `ldd` about a missing library (`libgomp.so.1 => not found`) or a missing version of one
/// (`.../libc.so.6: version `GLIBC_2.34' not found (required by ...)`).
fn missing_libraries(ldd: &str) -> Vec<&str> {
    let lines = ldd.lines().map(str::trim);
    let lines = lines.filter(|line| line.contains("not found"));
    lines
        .map(|line| line.strip_suffix(" => not found").unwrap_or(line))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glibc_versions_compare_as_numbers() {
        assert_eq!(parse_glibc("glibc 2.36"), Some((2, 36)));
        assert_eq!(parse_glibc("glibc 2.9.1"), Some((2, 9)));
        assert!(parse_glibc("glibc 2.9") < Some(GLIBC_NEEDED));
        assert_eq!(parse_glibc("musl 1.2"), None);
    }

    #[test]
    fn missing_libraries_and_versions_are_named() {
        let ldd = "\tlibc10.so => /x/libc10.so (0x00007f66)\n\
                   \tlibgomp.so.1 => not found\n\
                   /lib/libc.so.6: version `GLIBC_2.99' not found (required by ./a.so)\n";
        assert_eq!(
            missing_libraries(ldd),
            [
                "libgomp.so.1",
                "/lib/libc.so.6: version `GLIBC_2.99' not found (required by ./a.so)"
            ]
        );
        assert!(missing_libraries("\tlibc.so.6 => /lib/libc.so.6 (0x0)\n").is_empty());
    }

    #[test]
    fn too_little_room_is_found_before_work_starts() {
        let dir = tempfile::tempdir().unwrap();
        check_room(dir.path(), 1).unwrap();
        let error = check_room(dir.path(), u64::MAX).unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(Problem::NoRoom { .. })));
    }
}
