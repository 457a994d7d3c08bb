use std::fmt;

use ndarray::ArrayView2;

use super::eight_at;

/// The first eight bytes of the BLAKE3 digest of what a payload decodes to, in integers.
///
/// Picture codecs: the picture's symbols, `u16` little-endian, row by row, without padding. Learned
/// codecs: their entropy-coded symbols, see [`of_integers`](Self::of_integers).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SymbolDigest(pub [u8; 8]);

impl SymbolDigest {
    /// The digest of a picture.
    #[must_use]
    pub fn of(symbols: ArrayView2<'_, u16>) -> Self {
        let bytes: Vec<u8> = symbols.iter().flat_map(|s| s.to_le_bytes()).collect();
        Self::of_bytes(&bytes)
    }

    /// The digest of integers in the order given, each four bytes, little-endian.
    #[must_use]
    pub fn of_integers(symbols: impl IntoIterator<Item = i32>) -> Self {
        let bytes: Vec<u8> = symbols.into_iter().flat_map(i32::to_le_bytes).collect();
        Self::of_bytes(&bytes)
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        Self(eight_at(blake3::hash(bytes).as_bytes(), 0))
    }
}

impl fmt::Display for SymbolDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SymbolDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SymbolDigest({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_of_little_endian_integers() {
        let picture = ndarray::array![[1u16, 2], [3, 0x0405]];
        let integers = [0x0002_0001, 0x0405_0003];
        assert_eq!(
            SymbolDigest::of(picture.view()),
            SymbolDigest::of_integers(integers)
        );
        // BLAKE3's own test vector for no input.
        let empty = SymbolDigest::of_integers([]).to_string();
        assert_eq!(empty, "af1349b9f5f9a1a6");
    }
}
