//! The checked size of a picture.

use serde::Serialize;

use crate::SceneError;

const MIN_SIDE: u32 = 16;
const MAX_SIDE: u32 = 4096;

/// Width and height in pixels, each within `16..=4096`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct ImageSize {
    width: u32,
    height: u32,
}

impl ImageSize {
    /// Checks a width and a height in pixels.
    ///
    /// # Errors
    ///
    /// [`SceneError::ImageSize`] if a side is outside `16..=4096`.
    pub fn new(width: u32, height: u32) -> Result<Self, SceneError> {
        let accepted = MIN_SIDE..=MAX_SIDE;
        if accepted.contains(&width) && accepted.contains(&height) {
            Ok(Self { width, height })
        } else {
            Err(SceneError::ImageSize {
                width,
                height,
                min: MIN_SIDE,
                max: MAX_SIDE,
            })
        }
    }

    /// A square of `side` pixels.
    ///
    /// # Errors
    ///
    /// [`SceneError::ImageSize`] if `side` is outside `16..=4096`.
    pub fn square(side: u32) -> Result<Self, SceneError> {
        Self::new(side, side)
    }

    /// The size at which compositions are judged.
    pub(crate) const PROBE: Self = Self {
        width: 56,
        height: 56,
    };

    /// Width in pixels.
    #[must_use]
    pub const fn width(self) -> u32 {
        self.width
    }

    /// Height in pixels.
    #[must_use]
    pub const fn height(self) -> u32 {
        self.height
    }

    /// Number of pixels.
    #[must_use]
    pub const fn pixels(self) -> usize {
        self.width as usize * self.height as usize
    }

    /// The shorter side in pixels.
    pub(crate) fn shorter(self) -> u32 {
        self.width.min(self.height)
    }

    /// The longer side in pixels.
    pub(crate) fn longer(self) -> u32 {
        self.width.max(self.height)
    }
}
