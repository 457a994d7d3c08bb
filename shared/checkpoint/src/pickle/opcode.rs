//! The opcodes of Python's pickle format (CPython `Lib/pickletools.py`).

macro_rules! opcodes {
    ($($name:ident = $byte:literal),* $(,)?) => {
        $(pub(super) const $name: u8 = $byte;)*

        /// The name of an opcode, those that are refused included.
        pub(super) const fn name(byte: u8) -> &'static str {
            match byte {
                $($byte => stringify!($name),)*
                other => refused(other),
            }
        }
    };
}

// What `torch.save` of dictionaries of tensors and plain metadata writes, protocols 2 to 5.
opcodes! {
    MARK = b'(',
    STOP = b'.',
    BININT = b'J',
    BININT1 = b'K',
    BININT2 = b'M',
    BINFLOAT = b'G',
    NONE = b'N',
    BINPERSID = b'Q',
    REDUCE = b'R',
    BINUNICODE = b'X',
    EMPTY_LIST = b']',
    APPEND = b'a',
    BUILD = b'b',
    GLOBAL = b'c',
    APPENDS = b'e',
    BINGET = b'h',
    LONG_BINGET = b'j',
    BINPUT = b'q',
    LONG_BINPUT = b'r',
    SETITEM = b's',
    TUPLE = b't',
    SETITEMS = b'u',
    EMPTY_DICT = b'}',
    EMPTY_TUPLE = b')',
    PROTO = 0x80,
    TUPLE1 = 0x85,
    TUPLE2 = 0x86,
    TUPLE3 = 0x87,
    NEWTRUE = 0x88,
    NEWFALSE = 0x89,
    LONG1 = 0x8a,
    SHORT_BINUNICODE = 0x8c,
    STACK_GLOBAL = 0x93,
    MEMOIZE = 0x94,
    FRAME = 0x95,
}

const fn refused(byte: u8) -> &'static str {
    match byte {
        b'0' => "POP",
        b'1' => "POP_MARK",
        b'2' => "DUP",
        b'B' => "BINBYTES",
        b'C' => "SHORT_BINBYTES",
        b'F' => "FLOAT",
        b'I' => "INT",
        b'L' => "LONG",
        b'P' => "PERSID",
        b'S' => "STRING",
        b'T' => "BINSTRING",
        b'U' => "SHORT_BINSTRING",
        b'V' => "UNICODE",
        b'd' => "DICT",
        b'g' => "GET",
        b'i' => "INST",
        b'l' => "LIST",
        b'o' => "OBJ",
        b'p' => "PUT",
        0x81 => "NEWOBJ",
        0x82..=0x84 => "EXT",
        0x8b => "LONG4",
        0x8d => "BINUNICODE8",
        0x8e => "BINBYTES8",
        0x8f => "EMPTY_SET",
        0x90 => "ADDITEMS",
        0x91 => "FROZENSET",
        0x92 => "NEWOBJ_EX",
        0x96 => "BYTEARRAY8",
        0x97 => "NEXT_BUFFER",
        0x98 => "READONLY_BUFFER",
        _ => "unknown",
    }
}
