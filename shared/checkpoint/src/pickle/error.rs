/// The reason why a pickle is not a checkpoint. Positions count bytes from the pickle's beginning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PickleError {
    /// An opcode that saving tensors does not need.
    #[error(
        "refused opcode {name} (0x{byte:02x}) at byte {at} of the pickle: tensors need no such thing"
    )]
    Opcode {
        /// The opcode's name in Python's `pickletools`.
        name: &'static str,
        /// The opcode.
        byte: u8,
        /// The position of the opcode.
        at: usize,
    },
    /// A name that saving tensors does not need; it was not looked up.
    #[error(
        "refused global '{module}.{name}' at byte {at} of the pickle: only tensors and plain values \
         are read; save the state dict alone"
    )]
    Global {
        /// The Python module.
        module: String,
        /// The name in it.
        name: String,
        /// The position of the opcode that names it.
        at: usize,
    },
    /// The bytes end before the pickle does.
    #[error("the pickle ends at byte {at} in the middle of something")]
    Truncated {
        /// The length of the pickle.
        at: usize,
    },
    /// The opcodes do not fit together.
    #[error("byte {at} of the pickle: {reason}")]
    Malformed {
        /// The position of the opcode at fault.
        at: usize,
        /// The fault.
        reason: &'static str,
    },
    /// More steps than any checkpoint takes.
    #[error("a pickle of more than {limit} opcodes is no checkpoint")]
    TooLong {
        /// The most that are read.
        limit: usize,
    },
}
