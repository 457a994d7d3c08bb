//! Packages that come with the program, and copies of packages.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::Path;

use splitsim_durable::Replacement;

use crate::{ModelError, Package};

/// Lists the shipped packages of the folder that it is in, a name a line; `#` begins a comment.
const LIST: &str = "SHIPPED";

impl Package {
    /// Whether the package comes with the program: the file `SHIPPED` beside it has its folder's name.
    #[must_use]
    pub fn is_shipped(&self) -> bool {
        let Ok(root) = self.root().canonicalize() else {
            return false;
        };
        let list = root.parent().map(|models| models.join(LIST));
        let list = list.and_then(|list| fs::read_to_string(list).ok());
        let names = list.iter().flat_map(|list| list.lines()).map(str::trim);
        let name = root.file_name().and_then(OsStr::to_str);
        names
            .filter(|line| !line.starts_with('#'))
            .any(|listed| Some(listed) == name)
    }

    /// Copies the package to the folder `out`, whose name becomes the package's.
    ///
    /// # Errors
    /// When a file cannot be copied, or the folder's name is no name.
    pub fn copy_to(&self, out: &Path) -> Result<Self, ModelError> {
        copy_folder(self.root(), out)?;
        let mut manifest = self.manifest().clone();
        if let Some(name) = out.file_name().and_then(OsStr::to_str) {
            name.clone_into(&mut manifest.name);
        }
        manifest.write(out)?;
        Self::open(out)
    }
}

/// Copies all but the manifest, which comes last, and hidden files.
fn copy_folder(from: &Path, to: &Path) -> Result<(), ModelError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ModelError::Io { path, source }
    };
    fs::create_dir_all(to).map_err(failed(to))?;
    for entry in fs::read_dir(from).map_err(failed(from))? {
        let name = entry.map_err(failed(from))?.file_name();
        let is_hidden = name.as_encoded_bytes().starts_with(b".");
        if is_hidden || name == Package::MANIFEST {
            continue;
        }
        let (from, to) = (from.join(&name), to.join(&name));
        match from.is_dir() {
            true => copy_folder(&from, &to)?,
            false => copy_file(&from, &to).map_err(failed(&to))?,
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut reader = BufReader::new(File::open(from)?);
    let mut copy = Replacement::begin(to)?;
    io::copy(&mut reader, &mut copy)?;
    Ok(copy.commit()?)
}
