//! Page headers, as far as sizes go.
//!
//! A header is a struct in Thrift's compact protocol (parquet-format, `PageHeader`): field 2 is the page's
//! size uncompressed, field 3 its size in the file, both `i32`. The other fields are skipped.

/// The sizes that a page's header declares, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageSizes {
    /// Size of the header itself.
    pub(super) header: usize,
    /// Size of the page as stored in the file.
    pub(super) stored: usize,
    /// Size of the page uncompressed.
    pub(super) expanded: usize,
}

impl PageSizes {
    /// Reads the header that `bytes` begin with; `None` where there is none.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader { bytes, at: 0 };
        let (mut stored, mut expanded, mut field) = (None, None, 0i64);
        while let Some(kind) = reader.field(&mut field)? {
            match (field, kind) {
                (2, INT32) => expanded = usize::try_from(reader.integer()?).ok(),
                (3, INT32) => stored = usize::try_from(reader.integer()?).ok(),
                _ => reader.skip(kind, MAX_DEPTH)?,
            }
        }
        Some(Self {
            header: reader.at,
            stored: stored?,
            expanded: expanded?,
        })
    }
}

const INT32: u8 = 5;
/// Structs within structs; a header of today has two.
const MAX_DEPTH: usize = 8;

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn pass(&mut self, bytes: usize) -> Option<()> {
        self.at = self.at.checked_add(bytes)?;
        (self.at <= self.bytes.len()).then_some(())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A signed integer, of any width.
    fn integer(&mut self) -> Option<i64> {
        let zigzag = self.varint()?;
        Some((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
    }

    /// The type of the struct's next field, whose number goes to `field`; `Some(None)` at its end.
    fn field(&mut self, field: &mut i64) -> Option<Option<u8>> {
        let byte = self.byte()?;
        let (delta, kind) = (byte >> 4, byte & 0x0f);
        if kind == 0 {
            return Some(None);
        }
        *field = match delta {
            0 => self.integer()?,
            delta => field.checked_add(i64::from(delta))?,
        };
        Some(Some(kind))
    }

    /// Passes over a value of a type.
    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        let inside = || depth.checked_sub(1);
        match kind {
            // A boolean is told by its type.
            1 | 2 => Some(()),
            3 => self.pass(1),
            4..=6 => self.varint().map(drop),
            7 => self.pass(8),
            8 => {
                let bytes = self.varint()?;
                self.pass(usize::try_from(bytes).ok()?)
            }
            9 | 10 => self.skip_list(inside()?),
            12 => self.skip_struct(inside()?),
            // Maps (11) are in no page header.
            _ => None,
        }
    }

    fn skip_list(&mut self, depth: usize) -> Option<()> {
        let byte = self.byte()?;
        let count = match byte >> 4 {
            15 => self.varint()?,
            count => count.into(),
        };
        for _ in 0..count {
            match byte & 0x0f {
                1 | 2 => self.pass(1)?,
                kind => self.skip(kind, depth)?,
            }
        }
        Some(())
    }

    fn skip_struct(&mut self, depth: usize) -> Option<()> {
        let mut field = 0;
        while let Some(kind) = self.field(&mut field)? {
            self.skip(kind, depth)?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Type 0, sizes 300 and 200, then a data page's header (field 5) with two integers and a boolean.
    const HEADER: [u8; 17] = [
        0x15, 0x00, 0x15, 0xd8, 0x04, 0x15, 0x90, 0x03, 0x2c, 0x15, 0x0c, 0x15, 0x00, 0x11, 0x00,
        0x00, 0xff,
    ];

    #[test]
    fn sizes_are_read_and_the_rest_is_passed_over() {
        let expected = PageSizes {
            header: 16,
            stored: 200,
            expanded: 300,
        };
        assert_eq!(PageSizes::read(&HEADER), Some(expected));
    }

    #[test]
    fn what_is_cut_or_negative_is_no_header() {
        for length in 0..16 {
            assert_eq!(PageSizes::read(&HEADER[..length]), None, "{length}");
        }
        let mut negative = HEADER;
        negative[3] = 0xd7;
        assert_eq!(PageSizes::read(&negative), None);
        assert_eq!(PageSizes::read(&[0x1c; 64]), None);
    }
}
