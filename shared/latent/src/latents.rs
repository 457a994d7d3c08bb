use std::fmt;

use crate::Planes;

/// The rounded latents of one picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latents {
    /// `z − median`, `[N, height/4, width/4]` of the latent's extent.
    pub hyper: Planes<i32>,
    /// `y`, `[M, height, width]`.
    pub latent: Planes<i32>,
}

/// Rows and columns of the latent `y`: a sixteenth of the padded picture's, multiples of 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LatentExtent {
    height: usize,
    width: usize,
}

impl LatentExtent {
    /// Picture samples per sample of `y`, on each side.
    pub const LATENT_STRIDE: usize = 16;
    /// Samples of `y` per sample of `z`, on each side.
    pub const HYPER_STRIDE: usize = 4;
    /// Picture samples per sample of `z`: a padded picture's sides are multiples of it.
    pub const PICTURE_MULTIPLE: usize = Self::LATENT_STRIDE * Self::HYPER_STRIDE;

    /// The extent of the latents of a picture after padding each side to a multiple of
    /// [`Self::PICTURE_MULTIPLE`].
    #[must_use]
    pub const fn of_picture(rows: usize, columns: usize) -> Self {
        Self {
            height: rows.div_ceil(Self::PICTURE_MULTIPLE) * Self::HYPER_STRIDE,
            width: columns.div_ceil(Self::PICTURE_MULTIPLE) * Self::HYPER_STRIDE,
        }
    }

    /// Rows of `y`.
    #[must_use]
    pub const fn height(self) -> usize {
        self.height
    }

    /// Columns of `y`.
    #[must_use]
    pub const fn width(self) -> usize {
        self.width
    }

    /// Rows and columns of the padded picture.
    #[must_use]
    pub const fn picture(self) -> (usize, usize) {
        (
            self.height * Self::LATENT_STRIDE,
            self.width * Self::LATENT_STRIDE,
        )
    }

    /// Rows and columns of `z`.
    #[must_use]
    pub const fn hyper(self) -> (usize, usize) {
        (
            self.height / Self::HYPER_STRIDE,
            self.width / Self::HYPER_STRIDE,
        )
    }
}

impl fmt::Display for LatentExtent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.height, self.width)
    }
}

impl Latents {
    /// The first eight bytes of the BLAKE3 digest of `z` and then `y`, each symbol as `i32`
    /// little-endian.
    #[must_use]
    pub fn digest(&self) -> [u8; 8] {
        let mut hasher = blake3::Hasher::new();
        for symbols in [self.hyper.values(), self.latent.values()] {
            let bytes: Vec<u8> = symbols.iter().flat_map(|s| s.to_le_bytes()).collect();
            hasher.update(&bytes);
        }
        let digest = hasher.finalize();
        std::array::from_fn(|index| digest.as_bytes()[index])
    }
}
