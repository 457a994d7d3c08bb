//! Packages that come with the program, and copies of packages.

use std::ffi::OsStr;
use std::path::Path;
use std::{fs, io};

use splitsim_durable::{Replacement, place};
use splitsim_text::{Opened, Text};

use crate::{ModelError, Package};

/// Lists the shipped packages of the folder that it is in, a name a line; `#` begins a comment.
const LIST: &str = "SHIPPED";
/// The largest list that is read.
const MAX_LIST_BYTES: u64 = 1 << 20;

impl Package {
    /// Returns `true` if the package comes with the program: the file `SHIPPED` next to it lists
    /// the name of its folder.
    #[must_use]
    pub fn is_shipped(&self) -> bool {
        let Ok(root) = self.root().canonicalize() else {
            return false;
        };
        let list = root.parent().map(|models| models.join(LIST));
        let list = list.and_then(|list| Text::read(&list, MAX_LIST_BYTES).ok());
        let name = root.file_name().and_then(OsStr::to_str);
        list.iter()
            .flat_map(Text::entries)
            .any(|line| Some(line.text.trim()) == name)
    }

    /// `true` if the path is the package's folder or lies in it, through links, whether or not anything is there.
    #[must_use]
    pub fn contains(&self, path: &Path) -> bool {
        place(path).starts_with(place(self.root()))
    }

    /// Copies the package to the folder `out`, whose name becomes the package's.
    ///
    /// # Errors
    /// When the folder is the package itself or lies in it, a file cannot be copied, or the folder's name is no name.
    pub fn copy_to(&self, out: &Path) -> Result<Self, ModelError> {
        if self.contains(out) {
            return Err(ModelError::CopyWithin {
                root: self.root().to_owned(),
                out: out.to_owned(),
            });
        }
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
            false => copy_file(&from, &to)?,
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<(), ModelError> {
    let Opened { mut file, .. } = splitsim_text::open(from, u64::MAX)?;
    let mut copy = Replacement::begin(to)?;
    io::copy(&mut file, &mut copy).map_err(|source| ModelError::Io {
        path: to.to_owned(),
        source,
    })?;
    Ok(copy.commit()?)
}
