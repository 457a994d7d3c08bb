//! The processes of a comparison.

use std::path::Path;
use std::process::{Command, Stdio};

use splitsim_beside::Peer;

use crate::files::Files;
use crate::{Dtype, Outcome};

/// This program's worker on the package.
pub(crate) fn ours(files: &Files, dtype: Dtype) -> Outcome<Peer> {
    own("worker", files, dtype)
}

/// This program as the peer that measures the parts of a pass.
pub(crate) fn measure(files: &Files, dtype: Dtype) -> Outcome<Peer> {
    own("measure", files, dtype)
}

fn own(role: &str, files: &Files, dtype: Dtype) -> Outcome<Peer> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(role).arg(files.package()).arg(dtype.name());
    Ok(Peer::start(command)?)
}

/// PyTorch on the checkpoint.
pub(crate) fn pytorch(files: &Files, dtype: Dtype, python: &str) -> Outcome<Peer> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/forward/pytorch.py");
    let mut command = Peer::script(python, &script);
    command
        .arg(files.checkpoint())
        .arg(files.architecture.heads.to_string())
        .arg(dtype.name());
    Ok(Peer::start(command)?)
}

/// The torch of a Python, if it has one.
pub(crate) fn torch_version(python: &str) -> Option<String> {
    let output = Command::new(python)
        .args(["-c", "import torch; print(torch.__version__)"])
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| version.trim().to_owned())
}
