//! The interface of zip 0.6, as far as `tch` and `torch-sys` are compiled against it, over zip 9.
//!
//! `tch` reads `.npz` files with zip 0.6, and `torch-sys` can unpack a downloaded libtorch with it. This workspace
//! does neither, yet zip 0.6 brings zstd and bzip2 (C libraries that cargo would build twice, once for the build
//! script), AES and their kin. Cargo puts this crate in its place (`[patch.crates-io]` in the workspace's
//! `Cargo.toml`), so that one zip library is built and `.npz` files still work. An archive member that is neither
//! stored nor deflated is an error.

use std::io::{self, Read, Seek, Write};
use std::path::PathBuf;

pub mod result {
    //! Errors.

    pub use zip9::result::{ZipError, ZipResult};
}

pub mod write {
    //! Options for writing.

    pub use zip9::write::SimpleFileOptions as FileOptions;
}

pub use zip9::CompressionMethod;

use crate::result::ZipResult;
use crate::write::FileOptions;

/// An archive to read.
#[derive(Debug)]
pub struct ZipArchive<R>(zip9::ZipArchive<R>);

impl<R: Read + Seek> ZipArchive<R> {
    /// Reads the archive's list of members.
    ///
    /// # Errors
    /// When the file is not a zip archive or cannot be read.
    pub fn new(reader: R) -> ZipResult<Self> {
        zip9::ZipArchive::new(reader).map(Self)
    }

    /// The number of members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns `true` if the archive has no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Opens a member by its place in the list.
    ///
    /// # Errors
    /// When there is no such member, its name is not text, or its compression is not supported.
    pub fn by_index(&mut self, index: usize) -> ZipResult<read::ZipFile<'_, R>> {
        let member = self.0.by_index(index)?;
        let name = member.name()?.into_owned();
        let mangled_name = member.mangled_name()?;
        Ok(read::ZipFile {
            member,
            name,
            mangled_name,
        })
    }
}

pub mod read {
    //! Members under way.

    use super::{PathBuf, Read, io};

    /// A member to read.
    pub struct ZipFile<'a, R: Read> {
        pub(crate) member: zip9::read::ZipFile<'a, R>,
        pub(crate) name: String,
        pub(crate) mangled_name: PathBuf,
    }

    impl<R: Read> ZipFile<'_, R> {
        /// The name in the archive.
        #[must_use]
        pub fn name(&self) -> &str {
            &self.name
        }

        /// The name as a path without parts such as `..`.
        #[must_use]
        pub fn mangled_name(&self) -> PathBuf {
            self.mangled_name.clone()
        }

        /// The size when unpacked, in bytes.
        #[must_use]
        pub fn size(&self) -> u64 {
            self.member.size()
        }
    }

    impl<R: Read> Read for ZipFile<'_, R> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.member.read(buffer)
        }
    }

    impl<R: Read> std::fmt::Debug for ZipFile<'_, R> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_tuple("ZipFile").field(&self.name).finish()
        }
    }
}

/// An archive to write. It is complete once the writer is dropped.
pub struct ZipWriter<W: Write + Seek>(zip9::ZipWriter<W>);

impl<W: Write + Seek> ZipWriter<W> {
    /// Begins an archive.
    #[must_use]
    pub fn new(writer: W) -> Self {
        Self(zip9::ZipWriter::new(writer))
    }

    /// Begins a member, whose contents are written next.
    ///
    /// # Errors
    /// When the name is taken or too long, or the archive cannot be written.
    pub fn start_file(&mut self, name: impl Into<String>, options: FileOptions) -> ZipResult<()> {
        self.0.start_file(name.into(), options)
    }
}

impl<W: Write + Seek> Write for ZipWriter<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write + Seek> std::fmt::Debug for ZipWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ZipWriter")
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::process::Command;

    use super::*;

    /// Python's `zipfile` is the judge of what is written, and writes what is read.
    fn python(program: &str, path: &std::path::Path) -> String {
        let output = Command::new("python3")
            .args(["-c", program])
            .arg(path)
            .output();
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn python_reads_what_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.npz");
        let mut writer = ZipWriter::new(File::create(&path).unwrap());
        let options = FileOptions::default().compression_method(CompressionMethod::Stored);
        for name in ["a.npy", "b.npy"] {
            writer.start_file(name, options).unwrap();
            writer.write_all(name.as_bytes()).unwrap();
        }
        drop(writer);
        let program = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; \
                       print([(i.filename, z.read(i), i.compress_type) for i in z.infolist()])";
        let expected = "[('a.npy', b'a.npy', 0), ('b.npy', b'b.npy', 0)]\n";
        assert_eq!(python(program, &path), expected);
    }

    #[test]
    fn what_python_writes_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.npz");
        let program = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED); \
                       z.writestr('../up.npy', b'x' * 1000)";
        python(program, &path);
        let mut archive = ZipArchive::new(File::open(&path).unwrap()).unwrap();
        assert_eq!((archive.len(), archive.is_empty()), (1, false));
        let mut member = archive.by_index(0).unwrap();
        assert_eq!((member.name(), member.size()), ("../up.npy", 1000));
        assert_eq!(member.mangled_name(), PathBuf::from("up.npy"));
        let mut contents = String::new();
        member.read_to_string(&mut contents).unwrap();
        assert_eq!(contents, "x".repeat(1000));
    }
}
