//! The provenance of a result: software, its libraries, the machine.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use splitsim_codec::ffmpeg::{Encoder, Ffmpeg};
use splitsim_codec::process::Job;
use splitsim_model::{Digest, Package};
use splitsim_text::Text;

/// Versions and the machine. The first four decide whether results may be resumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Provenance {
    pub(super) splitsim: String,
    pub(super) model_digest: String,
    pub(super) libtorch: String,
    pub(super) ffmpeg: String,
    /// The start of the run, RFC 3339.
    pub(super) begun_at: String,
    pub(super) host: Host,
}

/// The machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Host {
    pub(super) system: String,
    pub(super) kernel: String,
    pub(super) architecture: String,
    pub(super) processor: String,
    pub(super) cores: usize,
    pub(super) memory: String,
}

/// The most that is read of what the system says of itself.
const MAX_SYSTEM_BYTES: u64 = 1 << 24;
const UNKNOWN: &str = "unknown";

impl Provenance {
    pub(crate) fn gather(package: &Package) -> Result<Self> {
        Ok(Self {
            ffmpeg: ffmpeg()?,
            ..Self::of_replay(package)
        })
    }

    /// The provenance of policies replayed over recordings: nothing is coded, so ffmpeg need not be installed.
    pub(crate) fn of_replay(package: &Package) -> Self {
        Self {
            splitsim: build(),
            model_digest: package.digest().to_string(),
            libtorch: libtorch().unwrap_or_else(|| UNKNOWN.to_owned()),
            ffmpeg: "not used".to_owned(),
            begun_at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            host: Host::gather(),
        }
    }

    /// Reads the provenance of the results in a folder; `None` if it has no results.
    pub(crate) fn of_folder(folder: &Path) -> Result<Option<Self>> {
        #[derive(Deserialize)]
        struct Tail {
            provenance: Provenance,
        }
        let path = folder.join(super::folder::RESOLVED);
        let Some(text) = Text::read_if_there(&path, super::folder::MAX_BYTES)? else {
            return Ok(None);
        };
        Ok(Some(toml::from_str::<Tail>(text.as_str())?.provenance))
    }

    /// The software and the model, in a line.
    pub(crate) fn software(&self) -> String {
        let Self {
            splitsim,
            model_digest,
            libtorch,
            ffmpeg,
            ..
        } = self;
        format!("splitsim {splitsim}, model {model_digest}, libtorch {libtorch}, ffmpeg {ffmpeg}")
    }

    /// Lists, in words, the differences that make results of the two incomparable.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let pairs = [
            ("splitsim", &self.splitsim, &other.splitsim),
            ("model digest", &self.model_digest, &other.model_digest),
            ("libtorch", &self.libtorch, &other.libtorch),
            ("ffmpeg", &self.ffmpeg, &other.ffmpeg),
        ];
        pairs
            .into_iter()
            .filter(|(_, own, other)| own != other)
            .map(|(what, own, other)| format!("{what} (there '{other}', now '{own}')"))
            .collect()
    }
}

/// The version, and a digest of this very program: a version alone would not tell builds apart.
fn build() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let program = std::env::current_exe().ok();
    match program.and_then(|program| Digest::of_file(&program).ok()) {
        Some(digest) => format!("{version} build {}", &digest.to_string()[..12]),
        None => version.to_owned(),
    }
}

impl Host {
    fn gather() -> Self {
        let or_unknown = |value: Option<String>| value.unwrap_or_else(|| UNKNOWN.to_owned());
        let read = |path: &str| text_of(Path::new(path)).unwrap_or_default();
        let kernel = read("/proc/sys/kernel/osrelease").trim().to_owned();
        Self {
            system: or_unknown(field(&read("/etc/os-release"), "PRETTY_NAME=")),
            kernel: or_unknown(Some(kernel).filter(|kernel| !kernel.is_empty())),
            architecture: std::env::consts::ARCH.to_owned(),
            processor: or_unknown(field(&read("/proc/cpuinfo"), "model name\t:")),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory: or_unknown(field(&read("/proc/meminfo"), "MemTotal:")),
        }
    }
}

/// The text of a file of the system.
fn text_of(path: &Path) -> Option<String> {
    Some(Text::read(path, MAX_SYSTEM_BYTES).ok()?.into())
}

/// Returns the rest of the first line that starts with `key`, without blanks and quotes.
fn field(text: &str, key: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix(key))?;
    Some(value.trim().trim_matches('"').to_owned())
}

/// The version of the libtorch that this process has loaded: of the file beside its `lib` folder.
fn libtorch() -> Option<String> {
    let maps = text_of(Path::new("/proc/self/maps"))?;
    let library = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5))
        .find(|path| path.ends_with("/libtorch_cpu.so"))?;
    version_beside(&PathBuf::from(library))
}

/// libtorch has `build-version`, PyTorch's wheel `version.py`.
fn version_beside(library: &Path) -> Option<String> {
    let root = library.parent()?.parent()?;
    let plain = text_of(&root.join("build-version"));
    let plain = plain.map(|version| version.trim().to_owned());
    plain.or_else(|| {
        let python = text_of(&root.join("version.py"))?;
        let version = field(&python, "__version__ =")?;
        Some(version.trim_matches('\'').to_owned())
    })
}

/// The first line of `ffmpeg -version`, of the ffmpeg that the HEVC codec uses.
fn ffmpeg() -> Result<String> {
    let encoder = Encoder {
        name: "libx265",
        pixel_format: "gray10le",
    };
    let ffmpeg = Ffmpeg::find(None, encoder)?;
    let job = Job {
        program: ffmpeg.path(),
        arguments: &["-version".to_owned()],
        input: &[],
        time_limit: Duration::from_secs(30),
        output_limit_bytes: 1 << 20,
    };
    let said = job.run()?;
    let said = String::from_utf8_lossy(&said);
    let line = said.lines().next().unwrap_or(UNKNOWN);
    let version = line.split(" Copyright").next().unwrap_or(line);
    Ok(version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_ends_with_its_line() {
        let text = "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 13\"\n";
        let expected = Some("Debian GNU/Linux 13".to_owned());
        assert_eq!(field(text, "PRETTY_NAME="), expected);
        assert_eq!(field(text, "MemTotal:"), None);
    }

    #[test]
    fn a_version_lies_beside_the_library() {
        let root = tempfile::tempdir().unwrap();
        let library = root.path().join("lib/libtorch_cpu.so");
        assert_eq!(version_beside(&library), None);
        std::fs::write(root.path().join("version.py"), "__version__ = '2.13.0'\n").unwrap();
        assert_eq!(version_beside(&library), Some("2.13.0".to_owned()));
        std::fs::write(root.path().join("build-version"), "2.13.1\n").unwrap();
        assert_eq!(version_beside(&library), Some("2.13.1".to_owned()));
    }
}
