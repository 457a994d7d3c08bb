use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use splitsim_codec::ffmpeg::{Encoder, Ffmpeg as Found};

/// A script in ffmpeg's place, which notes every coding and then becomes the real ffmpeg.
#[derive(Debug)]
pub struct Ffmpeg {
    script: PathBuf,
    calls: PathBuf,
}

impl Ffmpeg {
    /// A script that does `before` first. There `$n` counts codings from 1, and `$ffmpeg` is the real
    /// one. Being asked for its abilities is no coding.
    #[must_use]
    pub fn before_coding(directory: &Path, before: &str) -> Self {
        let encoder = Encoder {
            name: "libx265",
            pixel_format: "gray10le",
        };
        let real = Found::find(None, encoder).unwrap();
        let (script, calls) = (directory.join("ffmpeg"), directory.join("ffmpeg-calls"));
        let text = format!(
            "#!/bin/sh\n\
             ffmpeg='{}'\n\
             case \"$*\" in *encoder=libx265*) exec \"$ffmpeg\" \"$@\" ;; esac\n\
             echo $$ >>'{}'\n\
             n=$(wc -l <'{}')\n\
             {before}\n\
             exec \"$ffmpeg\" \"$@\"\n",
            real.path().display(),
            calls.display(),
            calls.display(),
        );
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
        Self { script, calls }
    }

    /// Returns the path of the script, for `SPLITSIM_FFMPEG`.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.script.clone()
    }

    /// The process ids of all codings so far.
    #[must_use]
    pub fn codings(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.calls).unwrap_or_default();
        // A line without its end is still being written.
        text.split_inclusive('\n')
            .filter_map(|line| line.strip_suffix('\n'))
            .map(str::to_owned)
            .collect()
    }

    /// `true` if the process with this id has ended, including a zombie that its parent has not reaped.
    #[must_use]
    pub fn has_ended(process: &str) -> bool {
        let stat = fs::read_to_string(format!("/proc/{process}/stat"));
        stat.map_or(true, |stat| stat.contains(") Z "))
    }
}
