/// An error that explains why bytes are not an `f32` array of NumPy's format.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NpyError {
    /// The first bytes are others.
    #[error("it does not begin as a .npy file")]
    Magic,
    /// A version of the format that NumPy does not know either.
    #[error("format version {major}.{minor}, expected 1.0, 2.0 or 3.0")]
    Version {
        /// The first number.
        major: u8,
        /// The second.
        minor: u8,
    },
    /// A header that is longer than NumPy reads.
    #[error("a header of {bytes} bytes, at most {limit} are read")]
    HeaderLength {
        /// Its length.
        bytes: u32,
        /// NumPy's limit.
        limit: u32,
    },
    /// The header is not in the encoding of its version.
    #[error("its header is no text")]
    HeaderText,
    /// The header is no Python literal.
    #[error("byte {at} of its header: expected {expected}")]
    Literal {
        /// The byte of the header, from 0.
        at: usize,
        /// The missing part.
        expected: &'static str,
    },
    /// A literal, but no description of an array.
    #[error("its header: expected {expected}")]
    Header {
        /// The missing part.
        expected: &'static str,
    },
    /// The elements are of another type than `f32`.
    #[error("element type {descriptor}, expected f32 ('<f4')")]
    ElementType {
        /// NumPy's type descriptor.
        descriptor: String,
    },
    /// More elements than are read.
    #[error("shape {shape:?} has too many elements")]
    TooLarge {
        /// The declared shape.
        shape: Vec<usize>,
    },
    /// The file has another length than its header declares.
    #[error("{}: its header declares {expected} bytes, it has {actual}", length(*.expected, *.actual))]
    Length {
        /// Bytes of header and array.
        expected: u64,
        /// Bytes of the file.
        actual: u64,
    },
    /// The file ends within its header, or cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

const fn length(expected: u64, actual: u64) -> &'static str {
    match actual < expected {
        true => "truncated",
        false => "too long",
    }
}
